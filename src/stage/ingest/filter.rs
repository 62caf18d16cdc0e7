//! `where` of a source: a predicate over the typed columns of its rows. Rows for which it is not true are dropped and
//! counted, before keys are decided.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{Field, Schema};

use super::canonical;
use super::contacts::ContactRow;
use super::mapping::{Mapping, contract};
use super::tally::Tally;
use crate::config::{Config, Source, SourceKind};
use crate::contract::exports::{self, CONSENT_PREFIX, Export, ExportType};
use crate::contract::{ColumnType, Units, column as c};
use crate::error::{Code, Error, Result};
use crate::kernel::calendar::parse_day;
use crate::stage::expression::{Expression, Scope, Site, Wanted};

/// The checked predicate of one source.
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Expression,
}

/// The predicates of all sources, in the order of the config.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    by_source: Vec<Option<Filter>>,
}

impl Filters {
    /// Checks every predicate; all before any work.
    ///
    /// # Errors
    /// `Expression`.
    pub fn check(config: &Config) -> Result<Self> {
        Ok(Self { by_source: config.sources.iter().map(Filter::check).collect::<Result<_>>()? })
    }

    /// The predicate of the source at this place of the config, if it has one.
    #[must_use]
    pub fn of(&self, source: usize) -> Option<&Filter> {
        self.by_source.get(source)?.as_ref()
    }
}

impl Filter {
    fn check(source: &Source) -> Result<Option<Self>> {
        let text = &source.rules.predicate;
        if text.is_empty() {
            return Ok(None);
        }
        let own = contract(source.kind).iter().map(|column| (column.name, type_of(column.kind)));
        let attributes = source.columns.keys().filter(|name| exports::is_attribute(name));
        let scope = Scope {
            name: &format!("source {}", source.name),
            rows: "rows",
            columns: own
                // A row that takes another away is not asked.
                .filter(|(name, _)| *name != c::DELETED)
                .chain(attributes.map(|name| (name.as_str(), ColumnType::Text)))
                .collect(),
        };
        let owner = format!("`where` of source {}", source.name);
        let site = Site { owner: &owner, place: &source.rules.predicate_place };
        Expression::check_in(text, &scope, Wanted::Predicate, site)
            .map(|expression| Some(Self { expression }))
    }

    /// Whether the predicate names a column.
    #[must_use]
    pub fn names(&self, column: &str) -> bool {
        self.expression.columns.iter().any(|name| name == column)
    }

    /// Sees to it that a file fills every column that the predicate names: one that is always null would drop all rows.
    ///
    /// # Errors
    /// `HeaderBroken`.
    pub fn bind(&self, source: &Source, mapping: &Mapping, path: &Path) -> Result<()> {
        let fills = |name: &str| {
            let has = |name: &str| mapping.slot(name).is_some();
            has(name)
                || mapping.attributes.iter().any(|(attribute, _)| attribute == name)
                // The sign tells the kind, and quantity and price the amount, where the export does not.
                || (source.kind == SourceKind::Transactions && [c::KIND, c::AMOUNT].contains(&name))
        };
        let Some(name) = self.expression.columns.iter().find(|name| !fills(name)) else { return Ok(()) };
        let what = format!("`where` of source {} asks for {name}, which nothing fills", source.name);
        Err(Error::new(Code::HeaderBroken, what).at(path).hint(format!(
            "name its header or a constant: [source.columns] or [source.defaults] with {name} = …, or mend `where`"
        )))
    }

    /// Which of the rows stay. `column` gives the values of a column by name, one for each row.
    ///
    /// # Errors
    /// Those of `column`; `Internal`, since what was checked does not fail.
    pub(super) fn mask(&self, n_rows: usize, column: &dyn Fn(&str) -> Result<ArrayRef>) -> Result<Vec<bool>> {
        if n_rows == 0 {
            return Ok(Vec::new());
        }
        let names = &self.expression.columns;
        let arrays = names.iter().map(|name| column(name)).collect::<Result<Vec<ArrayRef>>>()?;
        let field = |(name, array): (&String, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(names.iter().zip(&arrays).map(field).collect::<Vec<Field>>()));
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options)
            .map_err(|cause| Error::internal("columns do not make a frame").caused_by(cause))?;
        self.expression.mask(&batch)
    }
}

/// How a predicate sees a column: money in major units, moments as their day, months as their first.
const fn type_of(kind: ExportType) -> ColumnType {
    match kind {
        ExportType::Text | ExportType::Id | ExportType::Enum(_) | ExportType::Version => ColumnType::Text,
        ExportType::Moment | ExportType::Date | ExportType::Month => ColumnType::Date,
        ExportType::Money => ColumnType::Money,
        ExportType::Decimal6 | ExportType::Number => ColumnType::Float,
        ExportType::Count => ColumnType::Int,
        ExportType::Bool => ColumnType::Bool,
    }
}

impl Filter {
    /// Drops rows of a small kind.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn apply(
        &self,
        rows: &mut Vec<ContactRow>,
        tally: &mut Tally,
        export: &Export,
        units: &Units,
    ) -> Result<()> {
        let mask = self.mask(rows.len(), &|name| {
            let cells = rows.iter().map(|row| cell(row, name));
            let whole = rows.iter().map(|row| cell(row, name).and_then(|text| text.parse::<i64>().ok()));
            let kind = export.columns.iter().find(|column| column.name == name).map(|column| column.kind);
            Ok(match kind.map(type_of) {
                Some(ColumnType::Date) => {
                    Arc::new(cells.map(|cell| cell.and_then(parse_label)).collect::<Date32Array>())
                }
                Some(ColumnType::Bool) => {
                    Arc::new(cells.map(|cell| cell.map(|text| text == "true")).collect::<BooleanArray>())
                }
                Some(ColumnType::Money) => {
                    let minor = whole.map(|minor| minor.map(i128::from)).collect::<Decimal128Array>();
                    Arc::new(minor.with_data_type(ColumnType::Money.arrow(units)))
                }
                Some(ColumnType::Float) => {
                    Arc::new(whole.map(|micro| micro.map(canonical::float)).collect::<Float64Array>())
                }
                Some(ColumnType::Int) => Arc::new(whole.collect::<Int64Array>()),
                _ => Arc::new(cells.collect::<StringArray>()),
            })
        })?;
        let stays: Vec<bool> = mask.iter().zip(&*rows).map(|(stays, row)| *stays || row.deleted).collect();
        tally.n_filtered += stays.iter().filter(|stays| !**stays).count() as u64;
        keep(rows, &stays);
        keep(&mut tally.raws, &stays);
        Ok(())
    }
}

/// Keeps the items that stay; a list that is not kept for each row has none.
pub(super) fn keep<T>(items: &mut Vec<T>, stays: &[bool]) {
    let mut stays = stays.iter();
    items.retain(|_| stays.next().copied().unwrap_or(true));
}

/// A contract column or attribute of a row as canonical text.
fn cell<'r>(row: &'r ContactRow, name: &str) -> Option<&'r str> {
    if name == c::CUSTOMER_ID {
        return row.source_id();
    }
    if name == c::VERSION {
        return row.version();
    }
    let consent = || row.consent(name.strip_prefix(CONSENT_PREFIX)?);
    row.get(name).or_else(|| row.attribute(name)).or_else(consent)
}

/// The day that a canonical day or time begins with.
fn parse_label(text: &str) -> Option<i32> {
    const DAY_BYTES: usize = 10;
    parse_day(text.as_bytes().get(..DAY_BYTES)?)
}
