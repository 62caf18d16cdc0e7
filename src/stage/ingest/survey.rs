//! Typing every row of a source without keeping any: what a night would say of its exports.

use std::collections::{BTreeMap, BTreeSet};

use super::faults::{Fault, Groups};
use super::filter::Filter;
use super::gates;
use super::parsing::{Common, Parsed, Rows};
use super::reader::FileReader;
use crate::config::{Source, SourceKind};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::run::context::Context;
use crate::run::manifest::{Accounting, Gate};
use crate::store::export;

/// What typing the rows of a source found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Records; accepted are those that are right, whichever of a key would count.
    pub account: Accounting,
    /// Faults by reason and column.
    pub faults: Groups,
    /// First and last day of the rows of a transactions source.
    pub days: Option<(i32, i32)>,
    /// Paths of files that were not read because another has equal content.
    pub copies: Vec<String>,
    /// The gates on faults.
    pub gates: Vec<Gate>,
}

/// What one chunk tells.
struct Part {
    n_records: u64,
    n_accepted: u64,
    n_quarantined: u64,
    n_filtered: u64,
    n_deletions: u64,
    faults: Vec<Fault>,
    days: Option<(i32, i32)>,
}

/// Types every row of every file of a source.
///
/// # Errors
/// `InputUnreadable`, `HeaderBroken`.
pub fn survey(
    context: &Context,
    source: &Source,
    filter: Option<&Filter>,
    found: &[export::Found],
) -> Result<Survey> {
    let common = Common::of(context, source, filter)?;
    let account = Accounting { source: source.name.clone(), ..Accounting::default() };
    let mut survey = Survey { account, ..Survey::default() };
    let mut sizes: BTreeMap<u64, u32> = BTreeMap::new();
    found.iter().for_each(|file| *sizes.entry(file.bytes).or_default() += 1);
    let mut hashes = BTreeSet::new();
    for file in found {
        context.go_on()?;
        let shares_size = sizes.get(&file.bytes).is_some_and(|n| *n > 1);
        if shares_size && !hashes.insert(export::hash(&file.path)?) {
            survey.copies.push(file.path.display().to_string());
            continue;
        }
        let (reader, head) = FileReader::open(source, &file.path)?;
        let reader = reader.within(context.config.project.memory_limit);
        if let Some(filter) = filter {
            filter.bind(source, &head.mapping, &file.path)?;
        }
        let path = file.path.to_string_lossy().into_owned();
        let parser = common.parser(&head.mapping, 0);
        let ending = reader.for_each(
            |chunk| Part::of(source, parser.parse(chunk)?),
            |part, _| {
                context.go_on()?;
                survey.take(&part, &path);
                Ok(())
            },
        )?;
        if let Some(met) = ending.met {
            let warnings = met.judge(source, &head.mapping, &file.path)?;
            warnings.into_iter().for_each(|warning| context.warn(warning));
        }
    }
    survey.gates = gates::of_faults(context, &survey.account);
    Ok(survey)
}

impl Survey {
    fn take(&mut self, part: &Part, path: &str) {
        let account = &mut self.account;
        account.read += part.n_records;
        account.accepted += part.n_accepted;
        account.quarantined += part.n_quarantined;
        account.filtered += part.n_filtered;
        account.deletions += part.n_deletions;
        part.faults.iter().for_each(|fault| self.faults.add(fault, path));
        self.days = match (self.days, part.days) {
            (Some((first, last)), Some((from, to))) => Some((first.min(from), last.max(to))),
            (days, None) | (None, days) => days,
        };
    }
}

impl Part {
    fn of(source: &Source, parsed: Parsed) -> Result<Self> {
        let (n_rows, n_deleted, days) = match &parsed.rows {
            Rows::Ledger { batch, keys, .. } => {
                let days = read::days(batch, c::DAY)?.values();
                let is_deletion = |row: usize| keys.get(row).is_some_and(|key| key.deleted);
                let rows =
                    || days.iter().enumerate().filter(|(row, _)| !is_deletion(*row)).map(|(_, day)| *day);
                let span = rows().min().zip(rows().max());
                let span = span.filter(|_| source.kind == SourceKind::Transactions);
                (days.len(), days.len() - rows().count(), span)
            }
            Rows::Small(rows) => (rows.len(), rows.iter().filter(|row| row.deleted).count(), None),
        };
        let tally = parsed.tally;
        Ok(Self {
            n_records: tally.n_records,
            n_accepted: (n_rows - n_deleted) as u64,
            n_quarantined: tally.n_quarantined,
            n_filtered: tally.n_filtered,
            n_deletions: tally.n_keyless_deletions + n_deleted as u64,
            days,
            faults: tally.faults,
        })
    }
}
