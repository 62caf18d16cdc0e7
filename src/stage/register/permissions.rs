//! Who must not be addressed, and who said yes: suppressions and consents as delivered, at one day.
//!
//! First form, which errs on the side of silence; the whole order of precedence of customers.md 4.2 is not here.
//! - A suppression holds from when it is known until its end; one that is dated later than the day of the run holds too.
//! - Restrictions find their person by customer number, card, mailbox (N-3) or the end of a telephone number; whoever
//!   shares a contact point shares them. A grant counts only for exactly the person and the contact point that it names.
//! - Between records of consent the later wins, at one time the one that forbids (S-3). What is not dated can only
//!   restrict, and is older than nothing.

use std::collections::{BTreeSet, HashMap};

use super::whom::{Numbering, Whom, digits, end_of, key};
use super::{Contact, Register};
use crate::config::Channel;
use crate::contract::{column as c, exports};
use crate::kernel::calendar::day_label;
use crate::kernel::text::email_match_key;
use crate::stage::ingest::contacts::ContactRow;
use crate::stage::ingest::moment_ms;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// The one purpose for which a grant lets somebody be addressed; none named means it too.
const PURPOSE: &str = "marketing";

/// What stands against addressing somebody through a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    /// Kind of the suppression, or the status of the consent.
    pub kind: &'static str,
    /// Since when and by which source, in words, without a value of a personal column.
    pub what: String,
}

/// What consents say of a person and a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Yes, and nothing later says no.
    Granted,
    /// No.
    Refused(Against),
}

/// Names of a channel as config and exports spell it.
#[must_use]
pub const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "email",
        Channel::Sms => "sms",
        Channel::Phone => "phone",
        Channel::PhoneAuto => "phone_auto",
        Channel::Post => "post",
        Channel::Push => "push",
        Channel::Ads => "ads",
    }
}

/// How a customer stands to being addressed through a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Free,
    /// A suppression does.
    Suppressed(Against),
    /// There is no usable contact point.
    NoContactPoint,
    /// Consent is needed and not there, or was refused: what is known of it.
    NoConsent(String),
}

impl Register {
    /// How a customer stands to a channel and a campaign that sells a product line (empty: it does not say). What the
    /// contact row says of consent counts unless consents of their own forbid; these let somebody be addressed only where
    /// the contact row says nothing.
    #[must_use]
    pub fn standing(
        &self,
        id: &str,
        contact: Option<&Contact>,
        channel: Channel,
        product_line: &str,
    ) -> Standing {
        let name = channel_name(channel);
        if let Some(against) = self.permissions.suppressed(id, contact, name, product_line) {
            return Standing::Suppressed(against);
        }
        let Some(contact) = contact.filter(|contact| contact.has_point(channel)) else {
            return Standing::NoContactPoint;
        };
        let said = self.permissions.consent(id, contact, (channel, name), product_line);
        if let Said::Refused(against) = said {
            return Standing::NoConsent(against.what);
        }
        let own = contact.consent(name).unwrap_or(exports::UNKNOWN);
        let is_free = match own {
            exports::GRANTED => true,
            exports::UNKNOWN => said == Said::Granted || !self.consent_channels.contains(name),
            // As exported before there were consents of their own: a channel that nobody asks consent for is free.
            _ => !self.consent_channels.contains(name),
        };
        if is_free { Standing::Free } else { Standing::NoConsent(format!("consent_{name} = {own}")) }
    }
}

/// Everything that was said, found by whom it is about.
#[derive(Debug, Default)]
pub struct Permissions {
    suppressions: Vec<Suppression>,
    consents: Vec<Consent>,
    suppressions_of: HashMap<String, Vec<usize>>,
    consents_of: HashMap<String, Vec<usize>>,
    /// Records that name nobody: no customer number, and no address that can be read.
    pub n_nameless: u64,
}

#[derive(Debug)]
struct Suppression {
    /// Place in [`exports::SUPPRESSION`], the order in which refusals name them.
    rank: usize,
    channel: Option<String>,
    product_line: Option<String>,
    since_ms: Option<i64>,
    source: String,
}

#[derive(Debug)]
struct Consent {
    whom: Whom,
    channel: String,
    status: String,
    collected_ms: Option<i64>,
    product_scope: Option<String>,
    /// Whether it can grant at the day of the run: dated, begun, not ended, and for marketing.
    can_grant: bool,
    source: String,
}

/// Whether what is forbidden for a channel covers another: who wants no calls wants none from a machine.
fn covers(forbidden: &str, channel: &str) -> bool {
    forbidden == channel || (forbidden == "phone" && channel == "phone_auto")
}

impl Permissions {
    /// Reads what is in force at a day.
    #[must_use]
    pub(super) fn new(
        consents: &[ContactRow],
        suppressions: &[ContactRow],
        numbering: &Numbering<'_>,
        as_of: i32,
    ) -> Self {
        let (begin_ms, end_ms) = (i64::from(as_of) * DAY_MS, (i64::from(as_of) + 1) * DAY_MS);
        let mut permissions = Self::default();
        for row in suppressions {
            let moment = |name: &str| row.person.get(name).map(String::as_str).and_then(moment_ms);
            let kind = row.person.get(c::KIND).map_or("", String::as_str);
            let rank = exports::SUPPRESSION.iter().position(|known| *known == kind);
            let (Some(rank), true) = (rank, moment(c::UNTIL).is_none_or(|until| until > begin_ms)) else {
                continue;
            };
            let keys = Whom::of(row, numbering).keys();
            permissions.n_nameless += u64::from(keys.is_empty());
            for key in keys {
                permissions.suppressions_of.entry(key).or_default().push(permissions.suppressions.len());
            }
            permissions.suppressions.push(Suppression {
                rank,
                channel: row.person.get(c::CHANNEL).cloned(),
                product_line: row.person.get(c::PRODUCT_LINE).cloned(),
                since_ms: moment(c::SINCE),
                source: row.source.clone(),
            });
        }
        for row in consents {
            let cell = |name: &str| row.person.get(name).cloned();
            let moment = |name: &str| row.person.get(name).map(String::as_str).and_then(moment_ms);
            let collected_ms = moment(c::COLLECTED_AT);
            let is_marketing = cell(c::PURPOSE).is_none_or(|purpose| purpose.eq_ignore_ascii_case(PURPOSE));
            let whom = Whom::of(row, numbering);
            let keys = whom.keys();
            permissions.n_nameless += u64::from(keys.is_empty());
            for key in keys {
                permissions.consents_of.entry(key).or_default().push(permissions.consents.len());
            }
            permissions.consents.push(Consent {
                whom,
                channel: cell(c::CHANNEL).unwrap_or_default(),
                status: cell(c::STATUS).unwrap_or_default(),
                collected_ms,
                product_scope: cell(c::PRODUCT_SCOPE),
                can_grant: is_marketing
                    && collected_ms.is_some_and(|collected| collected < end_ms)
                    && moment(c::VALID_UNTIL).is_none_or(|until| until >= end_ms),
                source: row.source.clone(),
            });
        }
        permissions
    }

    /// The suppression that keeps a customer from being addressed, the weightiest if there are several. One of a topic
    /// covers what sells its line, and what does not say what it sells.
    #[must_use]
    pub fn suppressed(
        &self,
        id: &str,
        contact: Option<&Contact>,
        channel: &str,
        product_line: &str,
    ) -> Option<Against> {
        let is_topic =
            |one: &Suppression| exports::SUPPRESSION.get(one.rank) == Some(&exports::TOPIC_OPT_OUT);
        let found =
            found(&self.suppressions_of, id, contact).filter_map(|place| self.suppressions.get(place));
        let against = found.filter(|one| {
            let of_channel = one.channel.as_deref().is_none_or(|own| covers(own, channel));
            let other_line = one.product_line.as_deref().is_some_and(|own| own != product_line);
            of_channel && !(is_topic(one) && other_line && !product_line.is_empty())
        });
        // By meaning only, so that it does not depend on the order of delivery which of several is named.
        let first = against.min_by_key(|one| (one.rank, one.since_ms, one.source.as_str()))?;
        let kind = exports::SUPPRESSION.get(first.rank).copied()?;
        Some(Against { kind, what: what(kind, first.since_ms, &first.source) })
    }

    /// What consents say of a customer and a channel.
    #[must_use]
    pub fn consent(&self, id: &str, contact: &Contact, channel: (Channel, &str), product_line: &str) -> Said {
        let (channel, name) = channel;
        let mut granted: Option<i64> = None;
        let mut unsaid: Option<i64> = None;
        let mut refused: Option<(bool, Option<i64>, &Consent)> = None;
        for one in found(&self.consents_of, id, Some(contact)).filter_map(|place| self.consents.get(place)) {
            match one.status.as_str() {
                exports::DENIED | exports::WITHDRAWN if covers(&one.channel, name) => {
                    // What is not dated is older than nothing.
                    let order = (one.collected_ms.is_none(), one.collected_ms, one);
                    let (_, _, so_far) = refused.unwrap_or(order);
                    let rank = |one: &Consent| {
                        (one.collected_ms.is_none(), one.collected_ms, one.status.clone(), one.source.clone())
                    };
                    if rank(one) >= rank(so_far) {
                        refused = Some(order);
                    }
                }
                exports::GRANTED
                    if one.channel == name
                        && one.can_grant
                        && in_scope(one.product_scope.as_deref(), product_line)
                        && one.whom.is_exactly(id, contact, channel) =>
                {
                    granted = granted.max(one.collected_ms);
                }
                exports::UNKNOWN if one.channel == name => unsaid = unsaid.max(one.collected_ms),
                _ => {}
            }
        }
        match refused {
            Some((undated, at, one)) if undated || at >= granted => {
                let kind = if one.status == exports::DENIED { exports::DENIED } else { exports::WITHDRAWN };
                Said::Refused(Against { kind, what: what(kind, at, &one.source) })
            }
            _ if granted.is_some() && granted > unsaid => Said::Granted,
            _ => Said::Nothing,
        }
    }

    /// Channels for which consents are looked for: those that S-1 lets nobody be addressed through without, once there
    /// are consents at all, and those that somebody granted.
    #[must_use]
    pub fn channels(&self, has_consents: bool) -> BTreeSet<String> {
        let strict: &[&str] = if has_consents || !self.consents.is_empty() {
            &["email", "sms", "phone_auto", "push", "ads"]
        } else {
            &[]
        };
        let granted = self.consents.iter().filter(|one| one.status == exports::GRANTED);
        strict.iter().map(|&name| name.to_owned()).chain(granted.map(|one| one.channel.clone())).collect()
    }
}

fn what(kind: &str, since_ms: Option<i64>, source: &str) -> String {
    let day = |ms: i64| i32::try_from(ms.div_euclid(DAY_MS)).map(day_label).unwrap_or_default();
    match since_ms {
        Some(since) => format!("{kind} since {} (source {source})", day(since)),
        None => format!("{kind}, not dated (source {source})"),
    }
}

/// Whether a grant that is limited to some lines covers what a campaign sells.
fn in_scope(scope: Option<&str>, product_line: &str) -> bool {
    scope.is_none_or(|scope| {
        !product_line.is_empty() && scope.split([',', ';', '|']).any(|line| line.trim() == product_line)
    })
}

/// Places of the records about a customer, each once for every way that leads to it.
fn found<'a>(
    index: &'a HashMap<String, Vec<usize>>,
    id: &str,
    contact: Option<&Contact>,
) -> impl Iterator<Item = usize> + 'a {
    let mut keys = vec![key('c', id)];
    if let Some(contact) = contact {
        keys.extend(contact.also.iter().cloned());
        keys.extend(contact.value(c::CARD_ID).map(|card| key('k', card)));
        keys.extend(contact.email.as_ref().map(|email| key('m', &email_match_key(email))));
        // Also a number that cannot be used: what is forbidden for it is forbidden for its owner.
        keys.extend(contact.value(c::PHONE).and_then(digits).map(|phone| key('p', end_of(&phone))));
    }
    let places: Vec<usize> =
        keys.iter().filter_map(|key| index.get(key)).flat_map(|places| places.iter().copied()).collect();
    places.into_iter()
}

#[cfg(test)]
mod tests {
    use super::in_scope;

    #[test]
    fn a_scope_covers_the_lines_that_it_names() {
        assert!(in_scope(None, "") && in_scope(None, "home"));
        assert!(in_scope(Some("home; garden"), "garden"));
        assert!(!in_scope(Some("home"), "garden") && !in_scope(Some("home"), ""));
    }
}
