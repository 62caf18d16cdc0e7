//! Who may be addressed at one day, on which basis, and everything that speaks against it: what was delivered, gathered for
//! one person and one contact point, and decided by [`crate::kernel::consent`].
//!
//! Restrictions find their person by customer number, card, mailbox (N-3) or the end of a telephone number; whoever shares
//! a contact point shares them. A grant counts only for exactly the person and the contact point that it names.

mod policy;
mod records;

use std::collections::{BTreeSet, HashMap};

use super::tombstones::Tombstones;
use super::voice::Voice;
use super::whom::{digits, end_of, key};
use super::{Contact, Register};
use crate::contract::column as c;
use crate::kernel::calendar::day_label;
use crate::kernel::consent::{Channel, Class, Granted, Question, Restriction, Rule, Statement, decide};
use crate::kernel::text::email_match_key;

pub use self::policy::Policy;
pub(super) use self::records::Said;
use self::records::{Consent, Suppression, is_decided};

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// What is asked of a customer.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// How.
    pub channel: Channel,
    /// What.
    pub class: Class,
    /// The product line that it sells; empty: not said.
    pub line: &'a str,
    /// The customer's last purchase day, days since 1970-01-01.
    pub last_day: Option<i32>,
}

/// What speaks against addressing somebody through a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    /// The rule of customers.md 4.2.
    pub rule: Rule,
    /// Kind of the suppression, or what the basis lacks.
    pub kind: &'static str,
    /// Since when and by which source, in words, without a value of a personal column.
    pub what: String,
}

/// How a customer stands to being addressed through a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Everything that speaks against it, weightiest first.
    pub against: Vec<Against>,
    /// Whether there is a usable contact point.
    pub has_point: bool,
    /// The basis on which it is allowed; `None` also where nobody asks for one.
    pub granted: Option<Granted>,
}

impl Standing {
    /// Whether the customer may be addressed.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        self.has_point && self.against.is_empty()
    }
}

/// Everything that was said, found by whom it is about.
#[derive(Debug, Default)]
pub struct Permissions {
    suppressions: Vec<Suppression>,
    consents: Vec<Consent>,
    suppressions_of: HashMap<String, Vec<usize>>,
    consents_of: HashMap<String, Vec<usize>>,
    /// By contact point, suppressions of a customer who has it: they reach whoever shares it, for its channels.
    shared_of: HashMap<String, Vec<usize>>,
    /// Parts of a customer that was split, and the day of the split: what was said before holds for both.
    split: HashMap<String, Vec<(String, i32)>>,
    /// What keeps customers in care: what it is, and since when.
    care: HashMap<String, (String, i64)>,
    /// Who was erased.
    tombstones: Tombstones,
    /// Last contact of either side, by customer.
    last_contact: HashMap<String, i32>,
    /// How decisions are made.
    policy: Policy,
    /// Records that name nobody: no customer number, and no address that can be read.
    pub n_nameless: u64,
}

impl Register {
    /// How a customer stands to being addressed.
    #[must_use]
    pub fn standing(&self, id: &str, contact: Option<&Contact>, asked: &Asked<'_>) -> Standing {
        self.standing_with(&[], id, contact, asked)
    }

    /// The same, after what was said later besides.
    #[must_use]
    pub fn standing_with(
        &self,
        later: &[&Permissions],
        id: &str,
        contact: Option<&Contact>,
        asked: &Asked<'_>,
    ) -> Standing {
        let subject = Subject { tells: true, ..self.subject(later, id, contact) };
        self.decided(later, &subject, asked)
    }

    /// How a customer stands to being addressed through channels, for marketing of no line; without words.
    #[must_use]
    pub fn standings<const N: usize>(
        &self,
        id: &str,
        contact: Option<&Contact>,
        channels: [Channel; N],
        last_day: Option<i32>,
    ) -> [Standing; N] {
        let subject = self.subject(&[], id, contact);
        let class = Class::Marketing;
        channels.map(|channel| self.decided(&[], &subject, &Asked { channel, class, line: "", last_day }))
    }

    /// A customer, found by keys only where anything could be found.
    fn subject<'a>(&self, later: &[&Permissions], id: &'a str, contact: Option<&'a Contact>) -> Subject<'a> {
        let has_any = self.permissions.has_any() || later.iter().any(|one| one.has_any());
        let keys = if has_any { Keys::of(id, contact) } else { Keys::default() };
        let said = contact.map(Contact::said).unwrap_or_default();
        Subject { id, contact, keys, said, tells: false }
    }

    fn decided(&self, later: &[&Permissions], subject: &Subject<'_>, asked: &Asked<'_>) -> Standing {
        let permissions = &self.permissions;
        let (id, contact) = (subject.id, subject.contact);
        let has_point = contact.is_some_and(|contact| contact.has_point(asked.channel));
        let (mut restrictions, mut told) = permissions.restrictions(subject, asked.channel);
        let (mut statements, mut said) = permissions.statements(subject, asked.channel);
        for one in later {
            let (more, words) = one.restrictions(subject, asked.channel);
            restrictions.extend(more);
            told.extend(words);
            let (more, words) = one.statements(subject, asked.channel);
            statements.extend(more);
            said.extend(words);
        }
        let country = contact.and_then(|contact| contact.value(c::COUNTRY));
        let similar = permissions.policy.similar(asked.line);
        let last = asked.last_day.max(permissions.last_contact.get(id).copied());
        let question = Question {
            channel: asked.channel,
            class: asked.class,
            line: asked.line,
            similar: &similar,
            at_ms: permissions.policy.end_ms,
            legitimate_interest: permissions.policy.has_interest(asked.channel, country),
            last_contact_ms: last.map(|day| i64::from(day) * DAY_MS),
            lifetime_months: permissions.policy.lifetime_months,
        };
        let decision = decide(&question, &restrictions, &statements);
        let words = |rule: Rule, kind: &str, place: Option<usize>| match (rule, place) {
            _ if !subject.tells => String::new(),
            (Rule::NoBasis, None) => format!("nothing is known of consent to {}", asked.channel.name()),
            (Rule::NoBasis, Some(place)) => said.get(place).cloned().unwrap_or_default(),
            (_, place) => place.and_then(|place| told.get(place).cloned()).unwrap_or_else(|| kind.to_owned()),
        };
        let against = decision.reasons.iter().filter(|reason| {
            let is_basis = reason.rule == Rule::NoBasis;
            let is_unasked = reason.kind == "no_consent" && self.is_unchecked(asked.channel);
            !(is_basis && (is_unasked || !has_point))
        });
        let against = against.map(|reason| Against {
            rule: reason.rule,
            kind: reason.kind,
            what: words(reason.rule, reason.kind, reason.place),
        });
        Standing { against: against.collect(), has_point, granted: decision.granted }
    }

    /// Whether a channel is used without asking for consent: no source tells it, and the config lets it be.
    #[must_use]
    pub fn is_unchecked(&self, channel: Channel) -> bool {
        self.permissions.policy.unchecked.contains(&channel)
            && !self.consent_channels.contains(channel.name())
    }

    /// Whether a grant ends soon after the day of the run (S-7).
    #[must_use]
    pub fn ends_soon(&self, granted: Option<Granted>) -> bool {
        let policy = &self.permissions.policy;
        granted.and_then(|granted| granted.until_ms).is_some_and(|until| until < policy.warn_before_ms)
    }
}

/// The way on which a record was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Via {
    /// It names the person.
    Person,
    /// It names the mailbox or number that would be used.
    Point,
    /// It names another mailbox or number of the person.
    OtherPoint,
    /// It is about somebody who shares the mailbox or number.
    Shared,
    /// It was said of a customer that this one was part of, until this day.
    Split(i32),
}

/// A customer of whom something is asked.
struct Subject<'a> {
    id: &'a str,
    contact: Option<&'a Contact>,
    keys: Keys,
    /// What its rows say of channels.
    said: Vec<Said>,
    /// Whether what speaks against is told in words.
    tells: bool,
}

/// What a customer is found by: keys of the person, and of its contact points with the channels that they serve.
#[derive(Default)]
struct Keys {
    person: Vec<String>,
    points: Vec<(String, bool, &'static [Channel])>,
}

const MAIL: &[Channel] = &[Channel::Email, Channel::Ads];
const NUMBER: &[Channel] = &[Channel::Sms, Channel::Phone, Channel::PhoneAuto, Channel::Ads];

impl Keys {
    fn of(id: &str, contact: Option<&Contact>) -> Self {
        let mut keys = Self { person: vec![key('c', id)], points: Vec::new() };
        let Some(contact) = contact else { return keys };
        keys.person.extend(contact.value(c::CARD_ID).map(|card| key('k', card)));
        keys.person.extend(contact.value(c::HOUSEHOLD_ID).map(|household| key('h', household)));
        let email = contact.email().map(|email| key('m', &email_match_key(&email)));
        keys.points.extend(email.map(|key| (key, true, MAIL)));
        // Also a number that cannot be used: what is forbidden for it is forbidden for its owner.
        let phone = contact.value(c::PHONE).and_then(digits).map(|phone| key('p', end_of(&phone)));
        keys.points.extend(phone.map(|key| (key, true, NUMBER)));
        for other in contact.also() {
            match other.chars().next() {
                Some('m') => keys.points.push((other, false, MAIL)),
                Some('p') => keys.points.push((other, false, NUMBER)),
                _ => keys.person.push(other),
            }
        }
        keys
    }
}

impl Permissions {
    /// Takes over what interactions tell.
    pub(super) fn hear(&mut self, voice: Voice) {
        self.care = voice.care;
        self.last_contact = voice.last_contact;
    }

    /// Whether anything is found by keys.
    fn has_any(&self) -> bool {
        !(self.suppressions_of.is_empty() && self.consents_of.is_empty() && self.shared_of.is_empty())
    }

    /// Takes over who was erased.
    pub(super) fn bury(&mut self, tombstones: Tombstones) {
        self.tombstones = tombstones;
    }

    /// Restrictions of a person, each once for every way that leads to it, with words.
    fn restrictions(&self, subject: &Subject<'_>, channel: Channel) -> (Vec<Restriction<'_>>, Vec<String>) {
        let Subject { id, contact, keys, tells, .. } = subject;
        let (id, contact) = (*id, *contact);
        let mut found: Vec<(usize, Via)> = Vec::new();
        let at = |index: &HashMap<String, Vec<usize>>, key: &str| index.get(key).cloned().unwrap_or_default();
        for key in &keys.person {
            found.extend(at(&self.suppressions_of, key).into_iter().map(|place| (place, Via::Person)));
        }
        for (key, is_used, channels) in &keys.points {
            let via = if *is_used && channels.contains(&channel) { Via::Point } else { Via::OtherPoint };
            found.extend(at(&self.suppressions_of, key).into_iter().map(|place| (place, via)));
            if channels.contains(&channel) {
                found.extend(at(&self.shared_of, key).into_iter().map(|place| (place, Via::Shared)));
            }
        }
        for (other, day) in self.split.get(id).into_iter().flatten() {
            let of_other = at(&self.suppressions_of, &key('c', other));
            found.extend(of_other.into_iter().map(|place| (place, Via::Split(*day))));
        }
        let mut restrictions = Vec::new();
        let mut words = Vec::new();
        let mut seen = BTreeSet::new();
        let found: Vec<(usize, (&Suppression, Via))> = found
            .into_iter()
            .filter_map(|(place, via)| Some((place, (self.suppressions.get(place)?, via))))
            .collect();
        let records =
            || found.iter().map(|(_, of)| *of).filter(|(record, _)| record.rule == Rule::RelationEnd);
        let reviews: Vec<(&Suppression, Via)> = records().collect();
        for (place, (record, via)) in &found {
            let changed = contact.and_then(|contact| contact.changed_ms(channel));
            let is_review = record.rule == Rule::RelationEnd;
            if is_review && is_decided((record, *via), &reviews) {
                continue;
            }
            if record.reaches(*via, channel, changed) && seen.insert(*place) {
                restrictions.push(record.restriction());
                words.extend(tells.then(|| told(record.kind, record.since_ms, &record.source)));
            }
        }
        if let Some(day) = contact.and_then(|contact| self.tombstones.erased_on(contact)) {
            let (rule, kind, since_ms) = (Rule::Erased, "tombstone", Some(i64::from(day) * DAY_MS));
            restrictions.push(Restriction { rule, kind, channel: None, line: None, since_ms });
            words.extend(tells.then(|| format!("erased on {}", day_label(day))));
        }
        if let Some((what, since_ms)) = self.care.get(id) {
            let kind = "care_pause";
            let (rule, since_ms) = (Rule::CarePause, Some(*since_ms));
            restrictions.push(Restriction { rule, kind, channel: None, line: None, since_ms });
            words.extend(tells.then(|| what.clone()));
        }
        (restrictions, words)
    }

    /// Statements about a person and a channel, with words.
    fn statements<'a>(
        &'a self,
        subject: &Subject<'_>,
        channel: Channel,
    ) -> (Vec<Statement<'a>>, Vec<String>) {
        let (mut statements, mut words) = (Vec::new(), Vec::new());
        let Subject { id, contact: Some(contact), keys, said, tells } = subject else {
            return (statements, words);
        };
        for said in said.iter().filter(|said| said.channel.covers(channel)) {
            statements.push(said.statement(self.policy.trusts_undated));
            let date = || said.collected_ms.map(|ms| format!(" of {}", day_of(ms))).unwrap_or_default();
            words.extend(
                tells.then(|| format!("consent_{} = {}{}", said.channel.name(), said.status_name, date())),
            );
        }
        if self.consents.is_empty() {
            return (statements, words);
        }
        let points = keys.points.iter().map(|(key, ..)| key);
        let places = keys.person.iter().chain(points).filter_map(|key| self.consents_of.get(key)).flatten();
        let places: BTreeSet<usize> = places.copied().collect();
        for record in places.into_iter().filter_map(|place| self.consents.get(place)) {
            if record.channel.covers(channel) {
                statements.push(record.statement(id, contact, channel));
                words.extend(tells.then(|| told(record.status_name, record.collected_ms, &record.source)));
            }
        }
        (statements, words)
    }

    /// Channels for which consents are looked for: those that S-1 lets nobody be addressed through without, once there
    /// are consents at all, and those that somebody granted.
    #[must_use]
    pub fn channels(&self, has_consents: bool) -> BTreeSet<String> {
        use crate::kernel::consent::Status;
        let is_strict = |channel: &Channel| !channel.takes_legitimate_interest();
        let has_any = has_consents || !self.consents.is_empty();
        let strict = Channel::ALL.into_iter().filter(|channel| has_any && is_strict(channel));
        let granted = self.consents.iter().filter(|one| one.status == Status::Granted).map(|one| one.channel);
        strict.chain(granted).map(|channel| channel.name().to_owned()).collect()
    }
}

fn day_of(ms: i64) -> String {
    i32::try_from(ms.div_euclid(DAY_MS)).map(day_label).unwrap_or_default()
}

fn told(kind: &str, since_ms: Option<i64>, source: &str) -> String {
    match since_ms {
        Some(since) => format!("{kind} since {} (source {source})", day_of(since)),
        None => format!("{kind}, not dated (source {source})"),
    }
}
