//! How decisions about addressing are made: what the config allows, at the day of the run.

use std::collections::{BTreeMap, BTreeSet};

use super::DAY_MS;
use crate::config::Consent;
use crate::contract::column as c;
use crate::kernel::consent::Channel;
use crate::stage::ingest::contacts::ContactRow;

/// How decisions are made.
#[derive(Debug, Default)]
pub struct Policy {
    /// First and one past the last millisecond of the day of the run.
    pub(super) begin_ms: i64,
    pub(super) end_ms: i64,
    /// A grant that ends before this moment ends soon.
    pub(super) warn_before_ms: i64,
    pub(super) lifetime_months: Option<i32>,
    pub(super) trusts_undated: bool,
    /// Channels that are used where nobody tells consent for them.
    pub(super) unchecked: BTreeSet<Channel>,
    /// Channels with a legitimate interest, each with the country; `None`: every country.
    interest: BTreeSet<(Channel, Option<String>)>,
    /// The country of those whose own is not told.
    country: String,
    /// Lines that are similar to a line.
    similar: BTreeMap<String, BTreeSet<String>>,
}

impl Policy {
    /// The policy of a config at a day; `products` tell which lines are similar.
    pub(in super::super) fn new(
        consent: &Consent,
        country: &str,
        products: &[ContactRow],
        as_of: i32,
    ) -> Self {
        let begin_ms = i64::from(as_of) * DAY_MS;
        let mut similar: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in products.iter().filter(|row| row.superseded_by.is_none() && !row.deleted) {
            let (Some(line), Some(others)) = (row.get(c::PRODUCT_LINE), row.get(c::SIMILAR_TO)) else {
                continue;
            };
            for other in others.split([',', ';', '|']).map(str::trim).filter(|other| !other.is_empty()) {
                similar.entry(line.to_owned()).or_default().insert(other.to_owned());
                similar.entry(other.to_owned()).or_default().insert(line.to_owned());
            }
        }
        Self {
            begin_ms,
            end_ms: begin_ms + DAY_MS,
            warn_before_ms: begin_ms + i64::from(consent.warn_days) * DAY_MS,
            lifetime_months: Some(consent.lifetime_months).filter(|months| *months > 0),
            trusts_undated: consent.trust_undated,
            unchecked: consent.unchecked_channels.iter().copied().collect(),
            interest: consent.legitimate_interest.iter().cloned().collect(),
            country: country.to_owned(),
            similar,
        }
    }

    /// Whether a channel may be used for a legitimate interest in a person's country.
    pub(super) fn has_interest(&self, channel: Channel, country: Option<&str>) -> bool {
        let country = country.unwrap_or(&self.country);
        let is_own = |place: &String| !country.is_empty() && *place == country.to_uppercase();
        self.interest.iter().any(|(of, place)| *of == channel && place.as_ref().is_none_or(is_own))
    }

    /// Lines that are similar to a line.
    pub(super) fn similar(&self, line: &str) -> Vec<&str> {
        self.similar.get(line).into_iter().flatten().map(String::as_str).collect()
    }
}
