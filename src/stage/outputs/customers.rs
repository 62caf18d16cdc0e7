//! `tables/customers`: one row a customer.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field};
use arrow_select::concat::concat;
use rayon::prelude::*;

use super::bought::Bought;
use super::clv;
use super::column::{Make, Nulls, end_to_end, floats, ints, texts, u8s};
use super::loyalty::{customer_columns, shown};
use super::reach::Reach;
use crate::contract::tables::Customers;
use crate::contract::{ColumnType, Contract, column as c};
use crate::error::{Error, Result};
use crate::kernel::retention::{Budget, CAC_ONLY};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::run::pieces;
use crate::stage::features::{Features, Mains};
use crate::stage::models::clv::Valued;
use crate::stage::models::loyalty::Outcome;
use crate::stage::models::retention::Ceilings;
use crate::stage::models::rfm::{ByScores, Cell, Scored};
use crate::stage::register::Register;
use crate::stage::segments::Membership;
use crate::stage::summarise;

/// What the models found.
#[derive(Debug)]
pub struct Modelled<'a> {
    /// Scores.
    pub scored: &'a Scored,
    /// Lifetime values.
    pub valued: &'a Valued,
    /// Tiers.
    pub tiers: &'a [Outcome],
    /// What retention may cost; `None`: no acquisition cost is known.
    pub ceilings: Option<&'a Ceilings>,
}

/// The customers table, which is never held whole: whoever looks at all rows is given the columns that it names, and all
/// columns are made where the table is written, some rows at a time.
#[derive(Debug)]
pub struct CustomersTable<'a> {
    context: &'a Context,
    features: &'a Features,
    modelled: Modelled<'a>,
    register: &'a Register,
    cells: ByScores<'a>,
    reach: Reach,
    nulls: Nulls,
}

/// Columns that are made together, up to the first of the next group.
struct Group {
    first: &'static str,
    /// Whether anything is known of anybody; else all are null.
    is_known: fn(&CustomersTable<'_>) -> bool,
    make: fn(&CustomersTable<'_>, Range<usize>) -> Result<Vec<ArrayRef>>,
}

/// All columns but the last, which tells the segments: those are found by looking at the others.
const GROUPS: [Group; 9] = [
    Group { first: c::CUSTOMER_ID, is_known: |_| true, make: |table, places| Ok(table.ids(places)) },
    Group {
        first: c::HOUSEHOLD_ID,
        is_known: |table| !table.register.contacts.is_empty(),
        make: |table, places| Ok(table.who(places)),
    },
    Group { first: c::FIRST_DAY, is_known: |_| true, make: |table, places| table.buying(places) },
    Group { first: c::RFM_R, is_known: |_| true, make: |table, places| Ok(table.rfm(places)) },
    Group { first: c::CLV_X, is_known: |_| true, make: |table, places| Ok(table.lifetime(places)) },
    Group {
        first: c::P_ALIVE,
        is_known: |table| table.modelled.valued.lifetimes.is_some(),
        make: |table, places| table.values(places),
    },
    Group {
        first: c::TIER,
        is_known: |table| shown(table.modelled.tiers).is_some(),
        make: |table, places| Ok(table.tiers(places)),
    },
    Group {
        first: c::RETENTION_CEILING,
        is_known: |table| table.modelled.ceilings.is_some(),
        make: |table, places| Ok(table.retention(places)),
    },
    Group {
        first: c::CAN_EMAIL,
        is_known: |table| table.reach.is_known(),
        make: |table, places| Ok(table.reach(places)),
    },
];

impl Group {
    /// Its columns in the table.
    fn places(&self) -> Range<usize> {
        let columns = Customers::TABLE.columns;
        let first = columns.iter().position(|column| column.name == self.first).unwrap_or_default();
        let ends = |name: &str| name == c::SEGMENTS || GROUPS.iter().any(|group| group.first == name);
        let n = columns.iter().skip(first + 1).take_while(|column| !ends(column.name)).count();
        first..first + 1 + n
    }

    /// Makes its columns of some customers.
    fn columns(&self, table: &CustomersTable<'_>, places: Range<usize>) -> Result<Vec<ArrayRef>> {
        if (self.is_known)(table) {
            return (self.make)(table, places);
        }
        let all = Customers::TABLE.columns.get(self.places()).unwrap_or_default();
        Ok(all.iter().map(|column| table.nulls.of(column.kind, places.len())).collect())
    }
}

impl<'a> CustomersTable<'a> {
    /// The table of what was found.
    #[must_use]
    pub fn new(
        context: &'a Context,
        features: &'a Features,
        modelled: Modelled<'a>,
        register: &'a Register,
    ) -> Self {
        let cells = modelled.scored.by_scores();
        let reach = Reach::of(features, register);
        let nulls = Nulls::new(&context.units, features.customer_id.len().min(pieces::PIECE_ROWS));
        Self { context, features, modelled, register, cells, reach, nulls }
    }

    /// Number of customers.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.features.customer_id.len()
    }

    /// The columns of these names, and the ids, of all rows; in the table's order. No rows where no column is named: nobody
    /// looks at any.
    ///
    /// # Errors
    /// `SumOutOfRange`; `Internal` for columns over 2 GiB of text.
    pub fn columns(&self, names: &BTreeSet<&str>) -> Result<RecordBatch> {
        let schema = Customers::TABLE.schema(&self.context.units);
        let is_wanted = |name: &str| name == c::CUSTOMER_ID || names.contains(name);
        let n_rows = if names.is_empty() { 0 } else { self.n_rows() };
        let (mut wanted, mut columns) = (Vec::new(), Vec::new());
        for group in GROUPS {
            let own = group.places();
            let first = own.start;
            let known = own.clone().zip(Customers::TABLE.columns.get(own).unwrap_or_default());
            let of_group: Vec<usize> =
                known.filter(|(_, one)| is_wanted(one.name)).map(|(at, _)| at - first).collect();
            if of_group.is_empty() {
                continue;
            }
            let pick = |places: Range<usize>| -> Result<Vec<ArrayRef>> {
                let made = group.columns(self, places)?;
                Ok(of_group.iter().filter_map(|at| made.get(*at)).cloned().collect())
            };
            let none = std::iter::once(0..0);
            let places: Vec<Range<usize>> = none.chain(pieces::places(n_rows)).collect();
            let made: Vec<Result<Vec<ArrayRef>>> = places.into_par_iter().map(pick).collect();
            let made: Vec<Vec<ArrayRef>> = made.into_iter().collect::<Result<_>>()?;
            for (at, column) in of_group.iter().enumerate() {
                let parts: Vec<_> =
                    made.iter().filter_map(|piece| piece.get(at)).map(AsRef::as_ref).collect();
                columns.push(concat(&parts).map_err(unfit)?);
                wanted.push(first + column);
            }
        }
        let schema = schema.project(&wanted).map_err(unfit)?;
        RecordBatch::try_new(Arc::new(schema), columns).map_err(unfit)
    }

    /// Writes the table with the names of each row's segments.
    ///
    /// # Errors
    /// `SumOutOfRange`, `ContractBroken`, `Io`.
    pub fn write(&self, membership: &Membership) -> Result<TableEntry> {
        pieces::write::<Customers>(self.context, self.n_rows(), |places| {
            let made: Vec<Result<Vec<ArrayRef>>> =
                GROUPS.par_iter().map(|group| group.columns(self, places.clone())).collect();
            let made: Vec<Vec<ArrayRef>> = made.into_iter().collect::<Result<_>>()?;
            let segments = text_lists(&names_by_row(membership, places));
            Ok(made.into_iter().flatten().chain([segments]).collect())
        })
    }

    /// `customer_id`.
    fn ids(&self, places: Range<usize>) -> Vec<ArrayRef> {
        vec![Arc::new(end_to_end(&self.features.customer_id.some(places)))]
    }

    /// `household_id` … `is_employee`.
    fn who(&self, places: Range<usize>) -> Vec<ArrayRef> {
        let contacts = self.register.contacts.who(self.features.customer_id.iter_of(places));
        let who = || contacts.iter();
        vec![
            texts(who().map(|who| who.and_then(|who| who.household))),
            texts(who().map(|who| who.and_then(|who| who.country))),
            Arc::new(who().map(|who| who.and_then(|who| who.is_employee)).collect::<BooleanArray>()),
        ]
    }

    /// `first_day` … `trend`.
    fn buying(&self, places: Range<usize>) -> Result<Vec<ArrayRef>> {
        let features = self.features;
        let make = Make { units: &self.context.units };
        let all = features.total.get(places.clone()).unwrap_or_default();
        let mut bought = Bought::with_capacity(all.len());
        all.iter().try_for_each(|sums| bought.push(sums, features.as_of))?;
        let mut columns = bought.columns(&make);
        let mains = || places.clone().map(|row| features.mains.get(row));
        let main = |dimension: usize| {
            if features.mains.is_empty() {
                return self.nulls.of(ColumnType::Text, places.len());
            }
            let text = |mains: Option<&Mains>| features.values.get(*mains?.values.get(dimension)? as usize);
            texts(mains().map(text))
        };
        let year = features.net_year.get(places.clone()).unwrap_or_default();
        columns.extend([
            if self.context.config.summary.lines {
                ints(mains().map(|mains| Some(mains.map_or(0, |mains| i64::from(mains.n_lines_owned)))))
            } else {
                self.nulls.of(ColumnType::Int, places.len())
            },
            main(summarise::LINE),
            main(summarise::UNIT),
            main(summarise::CHANNEL),
            make.money(year.iter().copied().map(Some)),
            floats(self.trends(places)),
        ]);
        Ok(columns)
    }

    /// Days from a purchase day to `as_of`.
    fn days_since(
        &self,
        places: Range<usize>,
        day: fn((i32, i32)) -> i32,
    ) -> impl Iterator<Item = Option<i64>> {
        let all = self.features.total.get(places).unwrap_or_default();
        all.iter().map(move |sums| sums.days.map(|days| i64::from(self.features.as_of - day(days))))
    }

    /// Net revenue of the last 182 days over that of the 182 before, less 1.
    fn trends(&self, places: Range<usize>) -> impl Iterator<Item = Option<f64>> {
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let trend = |(now, then): (&i64, &i64)| (*then > 0).then(|| *now as f64 / *then as f64 - 1.0);
        let [now, then] = [&self.features.net_half, &self.features.net_half_before]
            .map(|nets| nets.get(places.clone()).unwrap_or_default());
        now.iter().zip(then).map(trend)
    }

    /// `rfm_r` … `rfm_segment`.
    fn rfm(&self, places: Range<usize>) -> Vec<ArrayRef> {
        let all = self.modelled.scored.scores.get(places).unwrap_or_default();
        let cells: Vec<Option<&Cell>> = all.iter().map(|scores| self.cells.cell((*scores)?)).collect();
        vec![
            u8s(all.iter().map(|scores| Some(scores.as_ref()?.r))),
            u8s(all.iter().map(|scores| Some(scores.as_ref()?.f))),
            u8s(all.iter().map(|scores| scores.as_ref()?.m)),
            texts(cells.iter().map(|cell| Some(&cell.as_ref()?.text))),
            texts(cells.iter().map(|cell| Some(&cell.as_ref()?.segment))),
        ]
    }

    /// `clv_x`, `clv_t_x`, `clv_t`: what lifetime models are fitted on.
    fn lifetime(&self, places: Range<usize>) -> Vec<ArrayRef> {
        let unit_days = f64::from(self.context.config.clv.unit_days);
        #[expect(clippy::cast_precision_loss, reason = "days are small")]
        let in_units = |days: Option<i64>| days.map(|days| days as f64 / unit_days);
        let all = self.features.total.get(places.clone()).unwrap_or_default();
        let total = || all.iter();
        vec![
            ints(total().map(|sums| (sums.n_active_days > 0).then(|| i64::from(sums.n_active_days) - 1))),
            floats(total().map(|sums| in_units(sums.days.map(|(first, last)| i64::from(last - first))))),
            floats(self.days_since(places, |(first, _)| first).map(in_units)),
        ]
    }

    /// `p_alive` … `next_purchase_day`.
    fn values(&self, places: Range<usize>) -> Result<Vec<ArrayRef>> {
        let make = Make { units: &self.context.units };
        clv::columns(&make, self.features, self.modelled.valued.lifetimes.as_ref(), places)
    }

    /// `tier` … `mini_candidate`.
    fn tiers(&self, places: Range<usize>) -> Vec<ArrayRef> {
        customer_columns(shown(self.modelled.tiers), places)
    }

    /// `retention_ceiling` … `ceiling_basis`.
    fn retention(&self, places: Range<usize>) -> Vec<ArrayRef> {
        let make = Make { units: &self.context.units };
        let budgets: Vec<Option<Budget>> = match self.modelled.ceilings {
            Some(ceilings) => ceilings.budgets(places).map(Some).collect(),
            None => vec![None; places.len()],
        };
        let all = || budgets.iter();
        vec![
            make.money(all().map(|budget| budget.as_ref()?.ceiling)),
            make.money(all().map(|budget| budget.as_ref().map(|budget| budget.spent))),
            make.money(all().map(|budget| budget.as_ref()?.left())),
            texts(all().map(|budget| budget.as_ref()?.ceiling.map(|_| CAC_ONLY))),
        ]
    }

    /// `can_email` … `blocked_reason`.
    fn reach(&self, places: Range<usize>) -> Vec<ArrayRef> {
        self.reach.columns(places)
    }
}

fn unfit(cause: arrow_schema::ArrowError) -> Error {
    Error::internal("columns of customers do not fit").caused_by(cause)
}

fn text_lists(lists: &[Vec<&str>]) -> ArrayRef {
    let item = Field::new("item", DataType::Utf8, false);
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item);
    for list in lists {
        list.iter().for_each(|text| builder.values().append_value(text));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// Names of the segments of the customers in some rows, in config order.
fn names_by_row(membership: &Membership, places: Range<usize>) -> Vec<Vec<&str>> {
    let mut names: Vec<Vec<&str>> = vec![Vec::new(); places.len()];
    for (segment, members) in &membership.segments {
        let from = members.partition_point(|member| member.row < places.start);
        for member in members.iter().skip(from).take_while(|member| member.row < places.end) {
            names.get_mut(member.row - places.start).into_iter().for_each(|names| names.push(segment));
        }
    }
    names
}
