//! Suppressions and consents as delivered, and the index by which they are found.

use std::collections::HashMap;

use super::super::matching::{Became, Matching};
use super::super::whom::{Numbering, Whom, digits, end_of, key};
use super::super::{Contact, Contacts};
use super::{DAY_MS, Permissions, Policy, Via};
use crate::contract::{column as c, exports};
use crate::kernel::consent::{Basis, Channel, Restriction, Rule, Statement, Status};
use crate::kernel::text::email_match_key;
use crate::stage::ingest::contacts::{ContactRow, Part};
use crate::stage::ingest::moment_ms;

/// The one purpose for which a grant lets somebody be addressed; none named means it too.
const PURPOSE: &str = "marketing";
/// The scope of a suppression that covers everybody of a household.
const HOUSEHOLD: &str = "household";

/// One suppression.
#[derive(Debug)]
pub(super) struct Suppression {
    pub kind: &'static str,
    pub rule: Rule,
    channel: Option<Channel>,
    product_line: Option<String>,
    pub since_ms: Option<i64>,
    pub source: String,
    /// Whether it is over: of a review, its decision.
    pub is_over: bool,
    /// Whether it names a contact point.
    names_point: bool,
}

/// One record of a consents export.
#[derive(Debug)]
pub(super) struct Consent {
    whom: Whom,
    pub channel: Channel,
    pub status: Status,
    pub status_name: &'static str,
    pub collected_ms: Option<i64>,
    basis: Option<Basis>,
    product_scope: Option<String>,
    valid_until_ms: Option<i64>,
    has_evidence: bool,
    is_for_marketing: bool,
    pub source: String,
}

/// What a contact row says of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Said {
    /// Channel.
    pub channel: Channel,
    /// What is said.
    pub status: Status,
    /// The same by name.
    pub status_name: &'static str,
    /// When it was collected, as the row tells.
    pub collected_ms: Option<i64>,
    /// On which basis.
    pub basis: Option<Basis>,
    /// Whether mailbox and number of the row are those that count.
    pub of_points: (bool, bool),
}

/// The rule of a kind of suppression.
fn rule_of(kind: &str) -> Rule {
    match kind {
        "deceased" | "legal_block" | "fraud" | "minor" => Rule::PersonBlock,
        "objection" => Rule::Objection,
        "do_not_call" => Rule::DoNotCall,
        exports::SPAM_COMPLAINT => Rule::SpamComplaint,
        exports::BOUNCE | "gone_away" => Rule::Unreachable,
        exports::TOPIC_OPT_OUT => Rule::Topic,
        exports::RELATION_END => Rule::RelationEnd,
        _ => Rule::OptOut,
    }
}

/// Whether a review of the relation is decided: by a record as new or newer that is over, and that leads to the person on
/// the same way, or names it.
pub(super) fn is_decided(review: (&Suppression, Via), found: &[(&Suppression, Via)]) -> bool {
    let (record, way) = review;
    record.is_over
        || found.iter().any(|(other, via)| {
            let newer = record.since_ms.zip(other.since_ms).is_some_and(|(since, decided)| decided >= since);
            other.rule == record.rule && other.is_over && newer && (*via == way || *via == Via::Person)
        })
}

/// What a status of an export means.
fn parse_status(text: &str) -> (Status, &'static str) {
    match text {
        exports::GRANTED => (Status::Granted, exports::GRANTED),
        exports::DENIED => (Status::Denied, exports::DENIED),
        exports::WITHDRAWN => (Status::Withdrawn, exports::WITHDRAWN),
        _ => (Status::Unknown, exports::UNKNOWN),
    }
}

/// The legal basis of a text, however its words are parted; one that is not known allows no marketing.
fn parse_basis(text: Option<&str>) -> Option<Basis> {
    let text = text?.to_lowercase().replace([' ', '-'], "_");
    Some(match text.as_str() {
        "consent" | "opt_in" => Basis::Consent,
        "soft_opt_in" => Basis::SoftOptIn,
        "legitimate_interest" => Basis::LegitimateInterest,
        _ => Basis::Contract,
    })
}

impl Suppression {
    fn of(row: &ContactRow, begin_ms: i64) -> Option<Self> {
        let moment = |name: &str| row.get(name).and_then(moment_ms);
        let kind = row.get(c::KIND).unwrap_or_default();
        let kind = exports::SUPPRESSION.iter().find(|known| **known == kind)?;
        let is_over = moment(c::UNTIL).is_some_and(|until| until <= begin_ms);
        let channel = row.get(c::CHANNEL).and_then(Channel::of);
        let rule = rule_of(kind);
        (!is_over || rule == Rule::RelationEnd).then(|| Self {
            kind,
            rule,
            channel: match rule {
                // Who is gone away gets no letters; elsewhere nobody knows.
                Rule::Unreachable if *kind == "gone_away" => channel.or(Some(Channel::Post)),
                // Of the person, whatever the record names.
                Rule::RelationEnd => None,
                _ => channel,
            },
            is_over,
            product_line: row.get(c::PRODUCT_LINE).map(str::to_owned),
            since_ms: moment(c::SINCE),
            source: row.source().to_owned(),
            names_point: [c::EMAIL, c::PHONE, c::CONTACT_POINT].iter().any(|name| row.has(name)),
        })
    }

    pub(super) fn restriction(&self) -> Restriction<'_> {
        Restriction {
            rule: self.rule,
            kind: self.kind,
            channel: self.channel,
            line: self.product_line.as_deref(),
            since_ms: self.since_ms,
        }
    }

    /// Whether it reaches a customer on the way on which it was found. What is about a contact point reaches who would be
    /// addressed there; where it names none, whoever has not changed it since, as far as rows tell (`changed_ms`).
    pub(super) fn reaches(&self, via: Via, channel: Channel, changed_ms: Option<i64>) -> bool {
        let is_of_point = matches!(self.rule, Rule::Unreachable | Rule::DoNotCall);
        let is_changed = || self.since_ms.zip(changed_ms).is_some_and(|(since, changed)| changed > since);
        match via {
            Via::Person if is_of_point => {
                (!self.names_point || channel == Channel::Post)
                    && !(self.rule == Rule::Unreachable && is_changed())
            }
            Via::OtherPoint if is_of_point => false,
            Via::Person | Via::Point | Via::OtherPoint | Via::Shared => true,
            Via::Split(day) => {
                let before = self.since_ms.is_none_or(|since| since < (i64::from(day) + 1) * DAY_MS);
                before && !is_of_point
            }
        }
    }
}

impl Consent {
    fn of(row: &ContactRow, numbering: &Numbering<'_>) -> Option<Self> {
        let cell = |name: &str| row.get(name).map(str::to_owned);
        let moment = |name: &str| row.get(name).and_then(moment_ms);
        let (status, status_name) = parse_status(&cell(c::STATUS).unwrap_or_default());
        Some(Self {
            whom: Whom::of(row, numbering),
            channel: row.get(c::CHANNEL).and_then(Channel::of)?,
            status,
            status_name,
            collected_ms: moment(c::COLLECTED_AT),
            basis: parse_basis(row.get(c::LEGAL_BASIS)),
            product_scope: cell(c::PRODUCT_SCOPE),
            // A day means all of it.
            valid_until_ms: moment(c::VALID_UNTIL),
            has_evidence: row.has(c::EVIDENCE_ID),
            is_for_marketing: cell(c::PURPOSE).is_none_or(|purpose| purpose.eq_ignore_ascii_case(PURPOSE)),
            source: row.source().to_owned(),
        })
    }

    pub(super) fn statement(&self, id: &str, contact: &Contact, channel: Channel) -> Statement<'_> {
        Statement {
            channel: self.channel,
            status: self.status,
            basis: self.basis,
            is_for_marketing: self.is_for_marketing,
            scope: self.product_scope.as_deref(),
            collected_ms: self.collected_ms,
            valid_until_ms: self.valid_until_ms,
            has_evidence: self.has_evidence,
            is_exact: self.whom.is_exactly(id, contact, channel),
        }
    }
}

impl Said {
    /// What the rows of a customer say; `own`: the row that stands for it.
    pub(in super::super) fn of(own: &ContactRow, rows: &[ContactRow]) -> Vec<Self> {
        if let [row] = rows {
            return Self::of_row(row, || (true, true)).collect();
        }
        let mut used = None;
        let mut of_points = |row: &ContactRow| {
            let (mailbox, number) = used.get_or_insert_with(|| points(own));
            let (own_mailbox, own_number) = points(row);
            (own_mailbox == *mailbox, own_number == *number)
        };
        rows.iter().flat_map(|row| Self::of_row(row, || of_points(row)).collect::<Vec<Self>>()).collect()
    }

    fn of_row(row: &ContactRow, of_points: impl FnOnce() -> (bool, bool)) -> impl Iterator<Item = Self> + '_ {
        let consents: Vec<(&str, &str)> = row.cells(Part::Consent).collect();
        let speaks = !consents.is_empty();
        let collected_ms = row.get(c::CONSENT_AT).filter(|_| speaks).and_then(moment_ms);
        let basis = parse_basis(row.get(c::LEGAL_BASIS).filter(|_| speaks));
        let of_points = if speaks { of_points() } else { (false, false) };
        consents.into_iter().filter_map(move |(channel, status)| {
            let (status, status_name) = parse_status(status);
            let channel = Channel::of(channel)?;
            Some(Self { channel, status, status_name, collected_ms, basis, of_points })
        })
    }

    /// A row speaks of its own contact points: its yes is for those, its no for the person.
    pub(super) fn statement(&self, trusts_undated: bool) -> Statement<'static> {
        let is_trusted = trusts_undated && self.status == Status::Granted;
        let is_exact = match self.channel {
            Channel::Email => self.of_points.0,
            Channel::Sms | Channel::Phone | Channel::PhoneAuto => self.of_points.1,
            Channel::Post | Channel::Push | Channel::Ads => true,
        };
        Statement {
            channel: self.channel,
            status: self.status,
            basis: self.basis,
            is_for_marketing: true,
            scope: None,
            // A yes that is trusted without a date is older than everything.
            collected_ms: self.collected_ms.or_else(|| is_trusted.then_some(i64::MIN)),
            valid_until_ms: None,
            has_evidence: false,
            is_exact,
        }
    }
}

/// Mailbox and end of the number of a row.
fn points(row: &ContactRow) -> (Option<String>, Option<String>) {
    use crate::kernel::text::email_canonical;
    let email = row.get(c::EMAIL).and_then(|raw| email_canonical(raw).ok());
    let phone = row.get(c::PHONE).and_then(digits);
    (email, phone.map(|phone| end_of(&phone).to_owned()))
}

impl Permissions {
    /// Reads what is in force at a day.
    #[must_use]
    pub(in super::super) fn new(
        consents: &[ContactRow],
        suppressions: &[ContactRow],
        numbering: &Numbering<'_>,
        contacts: &Contacts,
        policy: Policy,
    ) -> Self {
        let mut permissions = Self { policy, ..Self::default() };
        permissions.add_suppressions(suppressions, numbering, contacts);
        for row in consents {
            let Some(consent) = Consent::of(row, numbering) else { continue };
            let keys = consent.whom.keys();
            permissions.n_nameless += u64::from(keys.is_empty());
            for key in keys {
                permissions.consents_of.entry(key).or_default().push(permissions.consents.len());
            }
            permissions.consents.push(consent);
        }
        permissions.split = numbering.matching.map(split).unwrap_or_default();
        permissions
    }

    /// Adds suppressions: what is added can only restrict.
    pub(in super::super) fn add_suppressions(
        &mut self,
        suppressions: &[ContactRow],
        numbering: &Numbering<'_>,
        contacts: &Contacts,
    ) {
        for row in suppressions {
            let Some(suppression) = Suppression::of(row, self.policy.begin_ms) else { continue };
            let whom = Whom::of(row, numbering);
            let mut keys = whom.keys();
            self.n_nameless += u64::from(keys.is_empty());
            let place = self.suppressions.len();
            if row.get(c::SCOPE).is_some_and(|scope| scope == HOUSEHOLD) {
                let contact = whom.customer().and_then(|id| contacts.get(id));
                let household = contact.as_ref().and_then(|contact| contact.value(c::HOUSEHOLD_ID));
                keys.extend(household.map(|household| key('h', household)));
            }
            for key in keys {
                self.suppressions_of.entry(key).or_default().push(place);
            }
            // Leaving a channel is about the contact point: who shares it shares that (4.2, order 5 and 6).
            if matches!(suppression.rule, Rule::OptOut | Rule::SpamComplaint)
                && let Some(contact) = whom.customer().and_then(|id| contacts.get(id))
            {
                let mailbox = contact.email().map(|email| key('m', &email_match_key(&email)));
                let number = contact.value(c::PHONE).and_then(digits).map(|phone| key('p', end_of(&phone)));
                for key in mailbox.into_iter().chain(number) {
                    self.shared_of.entry(key).or_default().push(place);
                }
            }
            self.suppressions.push(suppression);
        }
    }
}

/// Parts of customers that were split, each with the other and the day.
fn split(matching: &Matching) -> HashMap<String, Vec<(String, i32)>> {
    let mut split: HashMap<String, Vec<(String, i32)>> = HashMap::new();
    for one in matching.id_map.iter().filter(|one| one.kind == Became::SplitFrom) {
        if let (Some(old), Some(new)) = (&one.old, &one.new) {
            split.entry(old.to_string()).or_default().push((new.to_string(), one.changed_on));
            split.entry(new.to_string()).or_default().push((old.to_string(), one.changed_on));
        }
    }
    split
}
