//! Predicates over the customers table → members with reasons, and how they moved since an earlier day.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::DataType;

use super::expression::{Expression, Site, Wanted};
use crate::config::{Config, Segment};
use crate::contract::tables::{Customers, Segments as SegmentsTable};
use crate::contract::{Contract, column as c, read};
use crate::error::Result;
use crate::kernel::calendar::day_label;
use crate::kernel::number::format_minor;
use crate::kernel::search::first_from;
use crate::run::context::Context;
use crate::store::parquet;

/// Checked predicates, in config order.
#[derive(Debug)]
pub struct Predicates {
    rules: Vec<(Segment, Expression)>,
}

impl Predicates {
    /// Whether there is no segment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Columns of the customers table that they name, some of them several times.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flat_map(|(_, expression)| expression.columns.iter().map(String::as_str))
    }
}

/// Checks every predicate; all before any work.
///
/// # Errors
/// `Expression`.
pub fn check(config: &Config) -> Result<Predicates> {
    let mut rules = Vec::with_capacity(config.segments.len());
    for segment in &config.segments {
        let owner = format!("segment {}", segment.name);
        let site = Site { owner: &owner, place: &segment.place };
        let expression = Expression::check(&segment.predicate, Customers::TABLE, Wanted::Predicate, site)?;
        rules.push((segment.clone(), expression));
    }
    Ok(Predicates { rules })
}

/// One membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Row of the customers table.
    pub row: usize,
    /// First `as_of` of an unbroken row of published runs that had it.
    pub since: i32,
    /// The values that the predicate saw.
    pub reason: String,
}

/// One move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Customer.
    pub customer_id: String,
    /// Segment.
    pub segment: String,
    /// Entered, else left.
    pub entered: bool,
    /// What changed.
    pub reason: String,
}

/// All memberships of a run.
#[derive(Debug)]
pub struct Membership {
    /// Members by row, for each segment in config order.
    pub segments: Vec<(String, Vec<Member>)>,
    /// Moves; `None` when no run of an earlier day was published.
    pub moves: Option<Vec<Move>>,
}

impl Membership {
    /// Members of a segment; empty for an unknown one.
    #[must_use]
    pub fn members(&self, name: &str) -> &[Member] {
        self.segments.iter().find(|(segment, _)| segment == name).map_or(&[], |(_, members)| members)
    }
}

/// What an earlier run published.
#[derive(Debug)]
pub struct Earlier {
    /// The columns of its customers that the predicates name; without rows where there are none.
    customers: RecordBatch,
    /// Segment and customer → since.
    members: HashMap<String, BTreeMap<String, i32>>,
    /// Rules of that run by segment, as far as its manifest tells them.
    rules: BTreeMap<String, String>,
}

impl Earlier {
    /// Reads of a published run what the predicates look at, and its segments.
    ///
    /// # Errors
    /// `Io`.
    pub fn read(
        context: &Context,
        run: &std::path::Path,
        rules: BTreeMap<String, String>,
        predicates: &Predicates,
    ) -> Result<Self> {
        let units = &context.units;
        let customers = if predicates.is_empty() {
            Customers::TABLE.empty(units)
        } else {
            let columns: BTreeSet<&str> = predicates.columns().chain([c::CUSTOMER_ID]).collect();
            let columns: Vec<&str> = columns.into_iter().collect();
            parquet::read(&run.join(Customers::TABLE.file()), Customers::TABLE, units, Some(&columns))?
        };
        let segments =
            parquet::read(&run.join(SegmentsTable::TABLE.file()), SegmentsTable::TABLE, units, None)?;
        let names = read::texts(&segments, c::SEGMENT)?;
        let (ids, since) = (read::texts(&segments, c::CUSTOMER_ID)?, read::days(&segments, c::SINCE)?);
        let mut members: HashMap<String, BTreeMap<String, i32>> = HashMap::new();
        for row in 0..segments.num_rows() {
            let of_segment = members.entry(names.value(row).to_owned()).or_default();
            of_segment.insert(ids.value(row).to_owned(), since.value(row));
        }
        Ok(Self { customers, members, rules })
    }

    fn row_of(&self, id: &str) -> Option<usize> {
        row_of(read::texts(&self.customers, c::CUSTOMER_ID).ok()?, id)
    }
}

/// The row of an id in a column that is sorted by it.
fn row_of(ids: &StringArray, id: &str) -> Option<usize> {
    let row = first_from(ids.len(), |row| ids.value(row) < id);
    (row < ids.len() && ids.value(row) == id).then_some(row)
}

/// Finds the members among all customers, of whom [`Predicates::columns`] are given.
///
/// # Errors
/// `Internal`.
pub fn run(
    predicates: &Predicates,
    customers: &RecordBatch,
    earlier: Option<&Earlier>,
    as_of: i32,
) -> Result<Membership> {
    let ids = read::texts(customers, c::CUSTOMER_ID)?;
    let mut masks = Vec::with_capacity(predicates.rules.len());
    for (_, expression) in &predicates.rules {
        masks.push(expression.mask(customers)?);
    }
    let won_by = exclusive(predicates, &mut masks);
    let mut segments = Vec::with_capacity(masks.len());
    let mut moves = Vec::new();
    for ((segment, expression), mask) in predicates.rules.iter().zip(&masks) {
        let shown = Shown::new(customers, &expression.columns)?;
        let before = earlier.and_then(|earlier| earlier.members.get(&segment.name));
        let mut members = Vec::new();
        for row in mask.iter().enumerate().filter_map(|(row, is_member)| is_member.then_some(row)) {
            let since = before.and_then(|before| before.get(ids.value(row))).copied().unwrap_or(as_of);
            members.push(Member { row, since, reason: shown.values(row) });
        }
        if let Some(earlier) = earlier {
            let mover = Mover { segment, expression, earlier, shown: &shown, ids, mask, won_by: &won_by };
            mover.moves(before, &mut moves)?;
        }
        segments.push((segment.name.clone(), members));
    }
    if let Some(earlier) = earlier {
        dropped(predicates, earlier, &mut moves);
    }
    moves.sort_unstable_by(|a: &Move, b: &Move| {
        (&a.customer_id, &a.segment).cmp(&(&b.customer_id, &b.segment))
    });
    Ok(Membership { segments, moves: earlier.map(|_| moves) })
}

/// Keeps a customer in just one segment of each group: the lowest priority number, then config order. Gives, for each
/// group and row, the segment that won.
fn exclusive(predicates: &Predicates, masks: &mut [Vec<bool>]) -> HashMap<(String, usize), String> {
    let mut order: Vec<usize> = (0..predicates.rules.len()).collect();
    order.sort_by_key(|&index| predicates.rules.get(index).map(|(segment, _)| segment.priority));
    let mut won_by: HashMap<(String, usize), String> = HashMap::new();
    for index in order {
        let (Some((segment, _)), Some(mask)) = (predicates.rules.get(index), masks.get_mut(index)) else {
            continue;
        };
        if segment.group.is_empty() {
            continue;
        }
        for (row, is_member) in mask.iter_mut().enumerate().filter(|(_, is_member)| **is_member) {
            match won_by.entry((segment.group.clone(), row)) {
                std::collections::hash_map::Entry::Occupied(_) => *is_member = false,
                std::collections::hash_map::Entry::Vacant(slot) => {
                    slot.insert(segment.name.clone());
                }
            }
        }
    }
    won_by
}

/// Who entered and left one segment, and why.
struct Mover<'a> {
    segment: &'a Segment,
    expression: &'a Expression,
    earlier: &'a Earlier,
    shown: &'a Shown<'a>,
    ids: &'a StringArray,
    mask: &'a [bool],
    won_by: &'a HashMap<(String, usize), String>,
}

impl Mover<'_> {
    fn moves(&self, before: Option<&BTreeMap<String, i32>>, moves: &mut Vec<Move>) -> Result<()> {
        let empty = BTreeMap::new();
        let before = before.unwrap_or(&empty);
        let shown_before = Shown::new(&self.earlier.customers, &self.expression.columns)?;
        let rule_changed = match self.earlier.rules.get(&self.segment.name) {
            Some(rule) => rule != &self.segment.predicate,
            None => false,
        };
        let is_new = !self.earlier.rules.contains_key(&self.segment.name);
        let mut note = |customer_id: &str, entered: bool, reason: String| {
            let reason = match (is_new, rule_changed) {
                (true, _) => format!("the segment is new; {reason}"),
                (_, true) => format!("the rule changed; {reason}"),
                _ => reason,
            };
            let (customer_id, segment) = (customer_id.to_owned(), self.segment.name.clone());
            moves.push(Move { customer_id, segment, entered, reason });
        };
        let mut now: BTreeSet<&str> = BTreeSet::new();
        for row in (0..self.ids.len()).filter(|&row| self.mask.get(row) == Some(&true)) {
            let id = self.ids.value(row);
            now.insert(id);
            if !before.contains_key(id) {
                let reason = match self.earlier.row_of(id) {
                    Some(row_before) => self.shown.changes(row, &shown_before, row_before),
                    None => format!("new customer: {}", self.shown.values(row)),
                };
                note(id, true, reason);
            }
        }
        for id in before.keys().filter(|id| !now.contains(id.as_str())) {
            let reason = match (row_of(self.ids, id), self.earlier.row_of(id)) {
                (None, _) => "no longer in the register".to_owned(),
                (Some(row), row_before) => match self.won_by.get(&(self.segment.group.clone(), row)) {
                    Some(winner) if *winner != self.segment.name => {
                        format!("stands in {winner}, which comes first in group {}", self.segment.group)
                    }
                    _ => match row_before {
                        Some(row_before) => self.shown.changes(row, &shown_before, row_before),
                        None => self.shown.values(row),
                    },
                },
            };
            note(id, false, reason);
        }
        Ok(())
    }
}

/// Members of segments that the config no longer has.
fn dropped(predicates: &Predicates, earlier: &Earlier, moves: &mut Vec<Move>) {
    let gone: BTreeMap<&String, &BTreeMap<String, i32>> = earlier
        .members
        .iter()
        .filter(|(name, _)| predicates.rules.iter().all(|(segment, _)| segment.name != **name))
        .collect();
    for (name, members) in gone {
        for customer_id in members.keys() {
            moves.push(Move {
                customer_id: customer_id.clone(),
                segment: name.clone(),
                entered: false,
                reason: "the segment is no longer in the config".to_owned(),
            });
        }
    }
}

/// Columns as reasons show them.
struct Shown<'a> {
    columns: Vec<(&'a str, &'a dyn Array)>,
}

impl<'a> Shown<'a> {
    fn new(batch: &'a RecordBatch, names: &'a [String]) -> Result<Self> {
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            columns.push((name.as_str(), read::array(batch, name)?.as_ref()));
        }
        Ok(Self { columns })
    }

    /// `recency_days = 12; main_line = tents`.
    fn values(&self, row: usize) -> String {
        let parts: Vec<String> =
            self.columns.iter().map(|(name, array)| format!("{name} = {}", value(*array, row))).collect();
        parts.join("; ")
    }

    /// `recency_days 178 → 181`; columns that did not change are left out unless none did.
    fn changes(&self, row: usize, before: &Self, row_before: usize) -> String {
        let mut parts = Vec::new();
        for ((name, array), (_, array_before)) in self.columns.iter().zip(&before.columns) {
            let (now, then) = (value(*array, row), value(*array_before, row_before));
            if now != then {
                parts.push(format!("{name} {then} → {now}"));
            }
        }
        if parts.is_empty() { self.values(row) } else { parts.join("; ") }
    }
}

/// A cell as people read it.
fn value(array: &dyn Array, row: usize) -> String {
    use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, UInt8Type};
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Decimal128(_, scale) => {
            let minor = array.as_primitive::<Decimal128Type>().value(row);
            format_minor(i64::try_from(minor).unwrap_or(i64::MAX), u32::try_from(*scale).unwrap_or(0))
        }
        DataType::Date32 => day_label(array.as_primitive::<Date32Type>().value(row)),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::Float64 => format!("{:.4}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        _ => String::new(),
    }
}
