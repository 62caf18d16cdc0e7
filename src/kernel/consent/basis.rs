//! The legal basis on which somebody is addressed (rule 11; S-1 to S-3, S-7).

use super::{Channel, Class, Question};
use crate::kernel::calendar::add_months;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What was said of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Yes.
    Granted,
    /// Nothing that is known.
    Unknown,
    /// A yes was taken back.
    Withdrawn,
    /// No.
    Denied,
}

/// A legal basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// The person agreed.
    Consent,
    /// Details came from a sale, and refusal was offered then and since.
    SoftOptIn,
    /// Ours outweighs theirs.
    LegitimateInterest,
    /// What was bought asks for it.
    Contract,
}

/// One record of consent that concerns the person.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// Channel.
    pub channel: Channel,
    /// What was said.
    pub status: Status,
    /// On which basis; `None`: none is named, which for a grant means consent.
    pub basis: Option<Basis>,
    /// Whether it is about marketing; one for another purpose allows none.
    pub is_for_marketing: bool,
    /// Lines that a grant is limited to, parted by `,`, `;` or `|`; `None`: all.
    pub scope: Option<&'a str>,
    /// When it was said, milliseconds; `None`: not dated, so it can only restrict. [`i64::MIN`] is older than everything.
    pub collected_ms: Option<i64>,
    /// When it ends, milliseconds.
    pub valid_until_ms: Option<i64>,
    /// Whether a proof is named.
    pub has_evidence: bool,
    /// Whether it names exactly this person and this contact point; else it can only restrict.
    pub is_exact: bool,
}

/// A basis that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Which.
    pub basis: Basis,
    /// When it ends, milliseconds; `None`: it does not.
    pub until_ms: Option<i64>,
}

impl Statement<'_> {
    /// An opt-in that lifts what forbids (4.2): consent, dated, proven, by exactly this person.
    pub(super) fn is_explicit_opt_in(&self) -> bool {
        self.status == Status::Granted
            && self.basis.is_none_or(|basis| basis == Basis::Consent)
            && self.is_for_marketing
            && self.has_evidence
            && self.is_exact
    }

    /// Whether its scope names a line.
    pub(super) fn covers_by_name(&self, line: &str) -> bool {
        self.scope.is_none_or(|scope| lines(scope).any(|own| own == line))
    }
}

fn lines(scope: &str) -> impl Iterator<Item = &str> {
    scope.split([',', ';', '|']).map(str::trim).filter(|line| !line.is_empty())
}

/// The basis of a message; else what it lacks, and the statement that decided.
///
/// Between statements the latest counts, at one time the one that forbids (S-3). What forbids without a date is older
/// than nothing; a grant without one is nothing.
pub(super) fn basis(
    question: &Question<'_>,
    statements: &[Statement<'_>],
) -> Result<Granted, (&'static str, Option<usize>)> {
    if question.class != Class::Marketing {
        return Ok(Granted { basis: Basis::Contract, until_ms: None });
    }
    let numbered = || statements.iter().enumerate();
    let refusal = numbered()
        .filter(|(_, one)| {
            matches!(one.status, Status::Denied | Status::Withdrawn) && one.channel.covers(question.channel)
        })
        .max_by_key(|(_, one)| (one.collected_ms.is_none(), one.collected_ms, one.status));
    let unsaid = numbered()
        .filter(|(_, one)| one.status == Status::Unknown && one.channel == question.channel)
        .filter_map(|(_, one)| one.collected_ms)
        .max();
    let is_newer = |one: &Statement<'_>| {
        let after =
            |other: Option<i64>| other.is_none_or(|other| one.collected_ms.is_some_and(|own| own > other));
        refusal.is_none_or(|(_, no)| no.collected_ms.is_some() && after(no.collected_ms)) && after(unsaid)
    };
    let mut lacks: Option<(Option<i64>, &'static str, usize)> = None;
    let mut best: Option<(Option<i64>, Granted)> = None;
    for (place, one) in numbered().filter(|(_, one)| {
        one.status == Status::Granted
            && one.channel == question.channel
            && one.is_exact
            && one.is_for_marketing
    }) {
        if !is_newer(one) {
            continue;
        }
        match holds(one, question) {
            Ok(granted) => best = best.max_by_collected((one.collected_ms, granted)),
            Err(kind) if lacks.is_none_or(|so_far| (so_far.0, so_far.2) < (one.collected_ms, place)) => {
                lacks = Some((one.collected_ms, kind, place));
            }
            Err(_) => {}
        }
    }
    if let Some((_, granted)) = best {
        return Ok(granted);
    }
    if let Some((place, no)) = refusal {
        let kind = if no.status == Status::Denied { "denied" } else { "withdrawn" };
        return Err((kind, Some(place)));
    }
    if question.legitimate_interest && question.channel.takes_legitimate_interest() {
        return Ok(Granted { basis: Basis::LegitimateInterest, until_ms: None });
    }
    match lacks {
        Some((_, kind, place)) => Err((kind, Some(place))),
        None => Err(("no_consent", None)),
    }
}

/// Keeps the grant that was collected last; of equal ones the weightier basis, then the longer.
trait Latest {
    fn max_by_collected(self, other: (Option<i64>, Granted)) -> Self;
}

impl Latest for Option<(Option<i64>, Granted)> {
    fn max_by_collected(self, other: (Option<i64>, Granted)) -> Self {
        let rank = |(at, granted): &(Option<i64>, Granted)| {
            (*at, std::cmp::Reverse(granted.basis), granted.until_ms.is_none(), granted.until_ms)
        };
        match self {
            Some(own) if rank(&own) >= rank(&other) => Some(own),
            _ => Some(other),
        }
    }
}

/// Whether a grant holds for the question; else what it lacks.
fn holds(one: &Statement<'_>, question: &Question<'_>) -> Result<Granted, &'static str> {
    match one.collected_ms {
        None => return Err("undated"),
        Some(collected) if collected >= question.at_ms => return Err("not_yet"),
        _ => {}
    }
    let last = one.collected_ms.max(question.last_contact_ms);
    let lapses = last.zip(question.lifetime_months).and_then(|(last, months)| {
        let day = i32::try_from(last.div_euclid(DAY_MS)).ok()?;
        Some(i64::from(add_months(day, months)) * DAY_MS)
    });
    let until_ms = one.valid_until_ms.or(lapses);
    if until_ms.is_some_and(|until| until < question.at_ms) {
        return Err("consent_expired");
    }
    let basis = one.basis.unwrap_or(Basis::Consent);
    let by_name = !question.line.is_empty() && one.covers_by_name(question.line);
    let is_covered = match basis {
        Basis::Consent => one.scope.is_none() || by_name,
        Basis::SoftOptIn => {
            let is_similar =
                one.scope.is_some_and(|scope| lines(scope).any(|own| question.similar.contains(&own)));
            question.channel.takes_soft_opt_in() && one.scope.is_some() && (by_name || is_similar)
        }
        Basis::LegitimateInterest => {
            question.channel.takes_legitimate_interest() && question.legitimate_interest
        }
        Basis::Contract => false,
    };
    match (is_covered, basis) {
        (true, _) => Ok(Granted { basis, until_ms }),
        (false, Basis::Consent | Basis::SoftOptIn) => Err("basis_product_scope"),
        (false, Basis::LegitimateInterest | Basis::Contract) => Err("no_basis"),
    }
}
