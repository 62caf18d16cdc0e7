//! The programmes of the config as the tier engine takes them: versions of rules, numbers of tiers, tiers by hand.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::floors;
use crate::config::{Basis, Loyalty, LoyaltyManual, ProgrammeKind};
use crate::contract::column as c;
use crate::error::{Code, Error, Place, Result};
use crate::kernel::calendar::{day_label, parse_day};
use crate::kernel::csv::{Dialect, Field, Reader};
use crate::kernel::loyalty::{Manual, Programme, Role, Rules, Tier};
use crate::store::files;

/// One programme.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Entries of the config that make it, in the order of `programme.versions`.
    pub versions: Vec<Loyalty>,
    /// Its rules.
    pub programme: Programme,
    /// Names of tiers by number: those of the newest rules ascending, then those of older ones.
    pub tiers: Vec<String>,
    /// How many of them the newest rules have.
    pub n_current: usize,
    /// Mini programmes that lift in it, in the order of the config.
    pub minis: Vec<Loyalty>,
    /// Tiers by hand, by customer.
    pub manual: BTreeMap<String, Vec<Manual>>,
    /// Tiers that were published and are kept, by customer.
    floors: BTreeMap<String, Vec<Manual>>,
    /// What of both holds on which days, by customer.
    in_force: BTreeMap<String, Vec<Manual>>,
}

impl Plan {
    /// The entry with the newest rules.
    #[must_use]
    pub fn newest(&self) -> Option<&Loyalty> {
        self.versions.last()
    }

    /// Months after which points expire, 0: never; `None` where no points are earned.
    #[must_use]
    pub fn points(&self) -> Option<i32> {
        let newest = self.newest().filter(|newest| newest.basis == Basis::PointsEarned)?;
        Some(newest.points_expiry_months)
    }

    /// Decimals of its amounts.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        self.newest().map_or(0, |newest| newest.exponent)
    }

    /// An amount in units of the basis.
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is shown")]
    #[must_use]
    pub fn amount(&self, scaled: i64) -> f64 {
        scaled as f64 / 10_f64.powi(i32::try_from(self.exponent()).unwrap_or(0))
    }

    /// The scaled amount of one that was shown; exact below 2^53.
    #[expect(clippy::cast_possible_truncation, reason = "it was made from an integer")]
    #[must_use]
    pub fn scaled(&self, amount: f64) -> i64 {
        (amount * 10_f64.powi(i32::try_from(self.exponent()).unwrap_or(0))).round() as i64
    }

    /// Name of a tier.
    #[must_use]
    pub fn tier(&self, id: u8) -> Option<&str> {
        self.tiers.get(usize::from(id)).map(String::as_str)
    }

    /// Number of a tier.
    #[must_use]
    pub fn tier_id(&self, name: &str) -> Option<u8> {
        self.tiers.iter().position(|tier| tier == name).and_then(|id| u8::try_from(id).ok())
    }

    /// Tiers of a customer that no rule gave, by day.
    #[must_use]
    pub fn manual_of(&self, customer: &str) -> &[Manual] {
        if self.in_force.is_empty() {
            return &[];
        }
        self.in_force.get(customer).map_or(&[], Vec::as_slice)
    }

    /// A number that ascends with the threshold of a tier.
    #[must_use]
    pub fn rank(&self, id: u8) -> i64 {
        let name = self.tier(id);
        let of = |entry: &Loyalty| entry.tiers.iter().find(|tier| Some(tier.name.as_str()) == name).cloned();
        self.versions.iter().rev().find_map(of).map_or(0, |tier| tier.threshold)
    }

    /// Adds a tier that was published and is kept.
    pub(super) fn put_floor(&mut self, customer: String, floor: Manual) {
        let of_customer = self.floors.entry(customer).or_default();
        of_customer.push(floor);
        of_customer.sort_unstable_by_key(|one| (one.since, one.until, one.tier));
        of_customer.dedup();
    }

    /// Works out what holds on which days.
    pub(super) fn settle(&mut self) {
        let ids: BTreeSet<&String> = self.manual.keys().chain(self.floors.keys()).collect();
        let of = |id: &String| {
            let of_both = [&self.manual, &self.floors].into_iter().filter_map(|of| of.get(id));
            let entries: Vec<Manual> = of_both.flatten().copied().collect();
            (id.clone(), floors::in_force(self, &entries))
        };
        let in_force = ids.into_iter().map(of).collect();
        self.in_force = in_force;
    }

    /// Tiers of a customer that were published and are kept, as a text.
    #[must_use]
    pub fn floor_text(&self, customer: &str) -> Option<String> {
        if self.floors.is_empty() {
            return None;
        }
        floors::text(self, self.floors.get(customer)?)
    }

    /// They as a text, by which a change is seen.
    #[must_use]
    pub fn manual_text(&self, customer: &str) -> Option<String> {
        if self.manual.is_empty() {
            return None;
        }
        let text = |manual: &Manual| {
            let role = if manual.role == Role::Fixed { "fixed" } else { "floor" };
            let since = if manual.since == i32::MIN { String::new() } else { day_label(manual.since) };
            format!("{role}:{}:{since}..{}", self.tier(manual.tier).unwrap_or(""), day_label(manual.until))
        };
        let all = self.manual.get(customer).map_or(&[][..], Vec::as_slice);
        (!all.is_empty()).then(|| all.iter().map(text).collect::<Vec<_>>().join(", "))
    }
}

/// The programmes of a config; files of tiers by hand are read, and `successors` tells who bears an id of before.
///
/// # Errors
/// `InputMissing`, `InputUnreadable` for a file of tiers by hand.
pub(super) fn plans(config: &[Loyalty], successors: &HashMap<&str, &str>) -> Result<Vec<Plan>> {
    let mut by_name: Vec<(&str, Vec<&Loyalty>)> = Vec::new();
    for one in config.iter().filter(|one| !one.tiers.is_empty()) {
        match by_name.iter_mut().find(|(name, _)| *name == one.name) {
            Some((_, entries)) => entries.push(one),
            None => by_name.push((&one.name, vec![one])),
        }
    }
    by_name.into_iter().map(|(name, entries)| plan(name, entries, config, successors)).collect()
}

fn plan(
    name: &str,
    mut entries: Vec<&Loyalty>,
    config: &[Loyalty],
    successors: &HashMap<&str, &str>,
) -> Result<Plan> {
    entries.sort_by_key(|entry| entry.effective_from);
    let mut tiers: Vec<String> = Vec::new();
    for tier in entries.iter().rev().flat_map(|entry| &entry.tiers) {
        if !tiers.contains(&tier.name) {
            tiers.push(tier.name.clone());
        }
    }
    let id = |name: &str| tiers.iter().position(|tier| tier == name).and_then(|id| u8::try_from(id).ok());
    let rules = |entry: &&Loyalty| Rules {
        from: entry.effective_from.unwrap_or(i32::MIN),
        tiers: entry
            .tiers
            .iter()
            .map(|tier| Tier {
                id: id(&tier.name).unwrap_or(u8::MAX),
                threshold: tier.threshold,
                renewal_threshold: tier.renewal_threshold,
            })
            .collect(),
        window: entry.window,
        validity: entry.validity,
        min_duration_months: entry.min_duration_months,
        count_upgrade_day: entry.count_upgrade_day,
        grace_days: entry.grace_days,
        downgrade: entry.downgrade,
        jump: entry.jump,
        reversal_days: entry.reversal_days,
    };
    let mut manual: BTreeMap<String, Vec<Manual>> = BTreeMap::new();
    for entry in &entries {
        let of_file = match &entry.manual_file {
            Some(path) => read_manual(path, entry)?,
            None => Vec::new(),
        };
        for one in entry.manual.iter().chain(&of_file) {
            let Some(tier) = id(&one.tier) else { continue };
            let since = one.since.unwrap_or(i32::MIN);
            let named = one.customer_id.as_str();
            let of_customer =
                manual.entry(successors.get(named).copied().unwrap_or(named).to_owned()).or_default();
            of_customer.push(Manual { since, until: one.until, tier, role: one.role });
        }
    }
    manual.values_mut().for_each(|all| all.sort_by_key(|one| (one.since, one.until)));
    let is_own = |one: &&Loyalty| one.kind == ProgrammeKind::Mini && one.name == name;
    let minis = config
        .iter()
        .filter(|one| is_own(one) || (one.kind == ProgrammeKind::Mini && one.base == name))
        .cloned()
        .collect();
    Ok(Plan {
        name: name.to_owned(),
        programme: Programme { versions: entries.iter().map(rules).collect() },
        n_current: entries.last().map_or(0, |entry| entry.tiers.len()),
        versions: entries.into_iter().cloned().collect(),
        tiers,
        minis,
        manual,
        floors: BTreeMap::new(),
        in_force: BTreeMap::new(),
    })
}

/// Whether any programme counts visits.
#[must_use]
pub fn counts_visits(config: &[Loyalty]) -> bool {
    config.iter().any(|one| one.basis == Basis::Visits)
}

/// Rows of a file of tiers by hand.
fn read_manual(path: &Path, entry: &Loyalty) -> Result<Vec<LoyaltyManual>> {
    const COLUMNS: &str = "customer_id, tier, until and, if wanted, since and role";
    let text = files::read_text_if_any(path)?.ok_or_else(|| {
        Error::new(Code::InputMissing, "there is no such file of tiers given by hand")
            .at(path)
            .hint(format!("see `manual_file` of [[loyalty]] {}", entry.name))
    })?;
    let fault = |line: u64, column: &str, what: String| Error {
        place: Place { file: Some(path.to_owned()), line: Some(line), column: Some(column.to_owned()) },
        ..Error::new(Code::InputUnreadable, what).hint(format!("its columns are {COLUMNS}"))
    };
    let dialect = Dialect { delimiter: b',', quote: Some(b'"') };
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::new(text.as_bytes(), dialect, None, 1);
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut scratch = Vec::new();
    let mut cells = |fields: &[Field<'_>]| -> Vec<String> {
        let cell =
            |field: &Field<'_>| String::from_utf8_lossy(field.unescape(b'"', &mut scratch)).trim().to_owned();
        fields.iter().map(cell).collect()
    };
    let mut header: Option<Vec<String>> = None;
    let mut rows: Vec<LoyaltyManual> = Vec::new();
    loop {
        let line = reader.line();
        if reader.next_record(&mut fields).is_none() {
            return Ok(rows);
        }
        let row = cells(&fields);
        let Some(header) = &header else {
            for column in [c::CUSTOMER_ID, "tier", "until"] {
                if !row.iter().any(|name| name == column) {
                    return Err(fault(line, column, "the header has no such column".to_owned()));
                }
            }
            header = Some(row);
            continue;
        };
        let cell = |name: &str| {
            let at = header.iter().position(|column| column == name);
            at.and_then(|at| row.get(at)).map_or("", String::as_str)
        };
        let day = |name: &str| match cell(name) {
            "" => Ok(None),
            text => parse_day(text.as_bytes())
                .map(Some)
                .ok_or_else(|| fault(line, name, "not a day as YYYY-MM-DD".to_owned())),
        };
        let Some(until) = day("until")? else {
            return Err(fault(line, "until", "a tier given by hand has a last day".to_owned()));
        };
        if !entry.tiers.iter().any(|tier| tier.name == cell("tier")) {
            return Err(fault(line, "tier", format!("programme {} has no such tier", entry.name)));
        }
        let role = match cell("role") {
            "" | "floor" => Role::Floor,
            "fixed" => Role::Fixed,
            _ => return Err(fault(line, "role", "neither floor nor fixed".to_owned())),
        };
        rows.push(LoyaltyManual {
            customer_id: cell(c::CUSTOMER_ID).to_owned(),
            tier: cell("tier").to_owned(),
            since: day("since")?,
            until,
            role,
        });
    }
}
