//! Lists that went out, once more, without whom newer suppressions are about (customers.md D-4). A list only gets shorter:
//! its records are those that it had, and nobody takes a place. Whoever goes stands in the campaign's exclusions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, RecordBatch, StringArray, UInt32Array};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;

use super::lists::{beside, exclusions};
use crate::config::Config;
use crate::contract::tables::{Candidates, Customers};
use crate::contract::{Checked, Contract, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::consent::{Channel, Class};
use crate::run::context::Context;
use crate::run::manifest::{List, TableEntry};
use crate::stage::campaigns::list::records;
use crate::stage::campaigns::{No, Refusal};
use crate::stage::register::Register;
use crate::stage::register::permissions::{Asked, Permissions};
use crate::store::{files, parquet};

/// Verdict of a list that was shortened, or stayed as it was while others were.
pub const STALE: &str = "stale";
/// What decided about whoever goes.
const RULE: &str = "said after the list was written";

/// Who is asked whether somebody may still be addressed.
#[derive(Debug)]
pub struct Asking<'a> {
    /// What was known when the lists were written.
    pub register: &'a Register,
    /// What was said since.
    pub later: &'a Permissions,
}

/// Lists after that.
#[derive(Debug)]
pub struct Shortened {
    /// Every list of before.
    pub lists: Vec<List>,
    /// Whom the campaigns refused, for the manifest.
    pub entries: Vec<TableEntry>,
    /// How many went.
    pub n_gone: u64,
}

/// Who went, by row of `tables/candidates`.
type Gone = BTreeMap<usize, No>;

/// What the parent says of candidates.
struct Before {
    candidates: RecordBatch,
    customers: RecordBatch,
}

/// Writes every list of the parent anew, or links it where nobody goes.
///
/// # Errors
/// `Io`; `Internal` where a table of the parent is not what it should be.
pub fn shorten(
    context: &Context,
    lists: &[List],
    tables: &[TableEntry],
    asking: &Asking<'_>,
) -> Result<Shortened> {
    let before = Before {
        candidates: context.read_parent(Candidates::TABLE)?,
        customers: context.read_parent_columns(Customers::TABLE, Some(&[c::CUSTOMER_ID, c::LAST_DAY]))?,
    };
    let names: BTreeSet<&str> =
        lists.iter().filter(|list| list.path.is_some()).map(|list| list.campaign.as_str()).collect();
    let mut shortened = Shortened { lists: lists.to_vec(), entries: Vec::new(), n_gone: 0 };
    for name in names {
        let path = exclusions(name);
        let refused = tables.iter().find(|entry| entry.path == path);
        let refused = refused.map(|entry| read_exclusions(context, entry)).transpose()?;
        let listed = before.listed(name, refused.as_ref())?;
        let mut gone = before.gone(&context.config, asking, name, &listed)?;
        for list in shortened.lists.iter_mut().filter(|list| list.campaign == name) {
            before.shorten(context, list, &listed, &mut gone)?;
        }
        let own = tables.iter().find(|entry| entry.path == path);
        shortened.n_gone += gone.len() as u64;
        shortened.entries.extend(before.exclude(context, &path, own, refused.as_ref(), &gone)?);
    }
    // Of a campaign without a list there is nothing to ask.
    for entry in tables.iter().filter(|entry| is_exclusions(entry)) {
        if !shortened.entries.iter().any(|own| own.path == entry.path) {
            carry(context, &entry.path)?;
            shortened.entries.push(entry.clone());
        }
    }
    Ok(shortened)
}

/// Whether a file of a run tells whom a campaign refused.
#[must_use]
pub fn is_exclusions(entry: &TableEntry) -> bool {
    let name = entry.path.strip_prefix("campaigns-internal/").and_then(|path| path.split_once('/'));
    name.is_some_and(|(campaign, _)| entry.path == exclusions(campaign))
}

fn read_exclusions(context: &Context, entry: &TableEntry) -> Result<RecordBatch> {
    parquet::read(&parent(context)?.join(&entry.path), Candidates::TABLE, &context.units, None)
}

fn parent(context: &Context) -> Result<&std::path::Path> {
    context.parent().ok_or_else(|| Error::internal("lists without a run that wrote them"))
}

fn carry(context: &Context, path: &str) -> Result<()> {
    files::carry(parent(context)?, &context.work, path).map(drop)
}

impl Before {
    /// Rows of those whom a campaign listed, best first as they stand in the lists. Whoever was taken out of the lists
    /// since stands in the exclusions.
    fn listed(&self, campaign: &str, refused: Option<&RecordBatch>) -> Result<Vec<usize>> {
        let refused = refused.map(|batch| read::texts(batch, c::CUSTOMER_ID)).transpose()?;
        let refused: BTreeSet<&str> = refused.into_iter().flatten().flatten().collect();
        let (campaigns, ids) = (self.texts(c::CAMPAIGN)?, self.texts(c::CUSTOMER_ID)?);
        let (verdicts, values) = (self.texts(c::VERDICT)?, read::floats(&self.candidates, c::VALUE)?);
        let is_listed = |row: &usize| {
            campaigns.value(*row) == campaign
                && verdicts.value(*row) == "accepted"
                && !refused.contains(ids.value(*row))
        };
        let mut rows: Vec<usize> = (0..self.candidates.num_rows()).filter(is_listed).collect();
        rows.sort_by(|a, b| {
            let by_value = match (read::at(values, *a), read::at(values, *b)) {
                (Some(a), Some(b)) => b.total_cmp(&a),
                (a, b) => a.is_none().cmp(&b.is_none()),
            };
            by_value.then_with(|| ids.value(*a).cmp(ids.value(*b)))
        });
        Ok(rows)
    }

    fn texts(&self, name: &str) -> Result<&StringArray> {
        read::texts(&self.candidates, name)
    }

    /// Asks everybody who is listed. A campaign that the config does not have any more counts as marketing of any line.
    fn gone(&self, config: &Config, asking: &Asking<'_>, name: &str, listed: &[usize]) -> Result<Gone> {
        let campaign = config.campaigns.iter().find(|campaign| campaign.name == name);
        let (class, line) = campaign.map_or((Class::Marketing, ""), |one| (one.class, &one.product_line));
        let (ids, channels) = (self.texts(c::CUSTOMER_ID)?, self.texts(c::CHANNEL)?);
        let customers = read::texts(&self.customers, c::CUSTOMER_ID)?;
        let last_days = read::days(&self.customers, c::LAST_DAY)?;
        let rows: BTreeMap<&str, usize> = listed.iter().map(|row| (ids.value(*row), *row)).collect();
        let mut last_day: BTreeMap<&str, i32> = BTreeMap::new();
        for row in 0..self.customers.num_rows() {
            let id = customers.value(row);
            if let Some(day) = read::at(last_days, row).filter(|_| rows.contains_key(id)) {
                last_day.insert(id, day);
            }
        }
        let no = |(id, row): (&str, usize)| {
            let channel = read::text_at(channels, row).and_then(Channel::of)?;
            let asked = Asked { channel, class, line, last_day: last_day.get(id).copied() };
            Some((row, No::said_later(asking.register, asking.later, id, &asked)?))
        };
        Ok(rows.into_iter().filter_map(no).collect())
    }

    /// Takes those who go out of a list. Where its records are not those whom it should have, nobody can be told from
    /// another: all of them go.
    fn shorten(&self, context: &Context, list: &mut List, listed: &[usize], gone: &mut Gone) -> Result<()> {
        let Some(path) = list.path.clone() else { return Ok(()) };
        let segments = self.texts(c::SEGMENT)?;
        let rows: Vec<usize> =
            listed.iter().copied().filter(|row| segments.value(*row) == list.segment).collect();
        let text = files::read_text(&parent(context)?.join(&path))?;
        let (head, own) = match records(&text).split_first() {
            Some((head, own)) => (*head, own.to_vec()),
            None => ("", Vec::new()),
        };
        if own.len() != rows.len() {
            for row in &rows {
                gone.entry(*row).or_insert_with(|| No {
                    why: Refusal::Held,
                    blocking: "the list has other records than it had candidates".to_owned(),
                    reasons: Refusal::Held.name().into_owned(),
                });
            }
        }
        let fits = own.len() == rows.len();
        let mut kept = head.to_owned();
        let staying = rows.iter().zip(own).filter(|(row, _)| fits && !gone.contains_key(row));
        let staying: Vec<&str> = staying.map(|(_, record)| record).collect();
        staying.iter().for_each(|record| kept.push_str(record));
        list.rows = staying.len() as u64;
        for no in rows.iter().filter_map(|row| gone.get(row)) {
            *list.refused.entry(no.why.name().into_owned()).or_insert(0) += 1;
        }
        STALE.clone_into(&mut list.verdict);
        if kept == text {
            carry(context, &path)?;
        } else {
            list.hash = Some(files::write(&context.work, &path, kept.as_bytes())?.hash);
        }
        tell_beside(context, list, &path)
    }

    /// Whom the campaign refused, with those who went.
    fn exclude(
        &self,
        context: &Context,
        path: &str,
        own: Option<&TableEntry>,
        refused: Option<&RecordBatch>,
        gone: &Gone,
    ) -> Result<Option<TableEntry>> {
        if gone.is_empty() {
            own.map(|entry| carry(context, &entry.path)).transpose()?;
            return Ok(own.cloned());
        }
        let failed = |cause| Error::internal("cannot join those whom a campaign refused").caused_by(cause);
        let went = self.went(context, gone)?;
        let before = refused.cloned().unwrap_or_else(|| Candidates::TABLE.empty(&context.units));
        let all = concat_batches(&went.schema(), [&before, &went]).map_err(failed)?;
        let ids = read::texts(&all, c::CUSTOMER_ID)?;
        let mut order: Vec<u32> = (0_u32..).take(all.num_rows()).collect();
        order.sort_by_key(|row| ids.value(*row as usize));
        let all = take_record_batch(&all, &UInt32Array::from(order)).map_err(failed)?;
        let all = Checked::<Candidates>::verify(&context.units, all)?;
        context.write(Candidates::TABLE, path, std::slice::from_ref(all.batch())).map(Some)
    }

    /// The candidates who went, refused.
    fn went(&self, context: &Context, gone: &Gone) -> Result<RecordBatch> {
        let mask: BooleanArray =
            (0..self.candidates.num_rows()).map(|row| Some(gone.contains_key(&row))).collect();
        let rows = filter_record_batch(&self.candidates, &mask)
            .map_err(|cause| Error::internal("cannot filter candidates").caused_by(cause))?;
        let texts = |text: &dyn Fn(&No) -> String| -> ArrayRef {
            Arc::new(gone.values().map(|no| Some(text(no))).collect::<StringArray>())
        };
        let column = |name: &str, array: &ArrayRef| match name {
            c::SEND_ON => Arc::new(Date32Array::new_null(rows.num_rows())),
            c::VERDICT => texts(&|_| "refused".to_owned()),
            c::REASON => texts(&|no| no.why.name().into_owned()),
            c::RULE => texts(&|_| RULE.to_owned()),
            c::BLOCKING => texts(&|no| no.blocking.clone()),
            c::REASONS => texts(&|no| no.reasons.clone()),
            _ => Arc::clone(array),
        };
        let columns = Candidates::TABLE.columns.iter().zip(rows.columns());
        let columns = columns.map(|(of_table, array)| column(of_table.name, array)).collect();
        Candidates::TABLE.batch(&context.units, columns)
    }
}

/// Writes the manifest beside a list anew.
fn tell_beside(context: &Context, list: &List, path: &str) -> Result<()> {
    let failed = |cause| Error::internal("the manifest of a list is none").caused_by(cause);
    let path = beside(path);
    let text = files::read_text(&parent(context)?.join(&path))?;
    let mut told: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).map_err(failed)?;
    let mut notes = list.notes.clone();
    notes.push(STALE.to_owned());
    told.insert("rows".to_owned(), list.rows.into());
    told.insert("refused".to_owned(), serde_json::json!(list.refused));
    told.insert("notes".to_owned(), notes.into());
    told.insert("sha256".to_owned(), serde_json::json!(list.hash));
    let text = serde_json::to_string_pretty(&told).map_err(failed)?;
    files::write(&context.work, &path, format!("{text}\n").as_bytes()).map(drop)
}
