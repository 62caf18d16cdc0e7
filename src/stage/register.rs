//! Contact rows and identities → one register of every customer. First form: whole rows by the source's own customer
//! number; matching of persons across numberings is not done here. `permissions` tells who must not be addressed.

pub mod permissions;
pub mod tables;
mod whom;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use self::permissions::Permissions;
use self::whom::Numbering;
use super::ingest::Keys;
use super::ingest::contacts::{ContactRow, IDENTITIES};
use super::ingest::deliveries::FileRecord;
use super::ingest::kinds::{KeptRows, rows_of};
use crate::config::{Channel, SourceKind};
use crate::contract::{column as c, exports};
use crate::error::{Code, Error, Result, Warning};
use crate::kernel::text::email_canonical;
use crate::kernel::versions::compare_texts;
use crate::run::context::Context;
use crate::store::files;

/// Bytes of an HMAC that a `c_` id shows.
const ID_BYTES: usize = 8;
/// Digits below which a text is no telephone number.
const MIN_PHONE_DIGITS: usize = 7;

/// One customer of the contact exports.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The row that counts.
    pub row: ContactRow,
    /// Usable e-mail address.
    pub email: Option<String>,
    /// Telephone number as exported, if it can be one.
    pub phone: Option<String>,
    /// Whether street, postal code and city are there.
    pub has_address: bool,
}

/// Every customer that an export names.
#[derive(Debug)]
pub struct Register {
    /// Customers of the contact exports, by id.
    pub contacts: BTreeMap<String, Contact>,
    /// Customer id of each key.
    pub customer_of_key: Vec<String>,
    /// Whether there is a contacts source at all.
    pub has_contacts: bool,
    /// Channels through which nobody is addressed without consent, because some source tells it.
    pub consent_channels: BTreeSet<String>,
    /// Suppressions and consents as delivered.
    pub permissions: Permissions,
}

impl Contact {
    /// Whether the customer can be addressed so, consent apart.
    #[must_use]
    pub const fn has_point(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.email.is_some(),
            Channel::Sms | Channel::Phone | Channel::PhoneAuto => self.phone.is_some(),
            Channel::Post => self.has_address,
            Channel::Ads => self.email.is_some() || self.phone.is_some(),
            Channel::Push => false,
        }
    }

    /// Status of the channel's consent as exported.
    #[must_use]
    pub fn consent(&self, channel: &str) -> Option<&str> {
        self.row.consents.get(channel).map(String::as_str)
    }

    /// A column of the row, canonical text.
    #[must_use]
    pub fn value(&self, column: &str) -> Option<&str> {
        self.row.person.get(column).or_else(|| self.row.attributes.get(column)).map(String::as_str)
    }
}

/// Builds the register.
///
/// # Errors
/// `KeyMissing` when a contact has no customer id and `privacy.suppression_key` is empty.
pub fn run(
    context: &Context,
    kept: &[KeptRows],
    keys: &Keys,
    files: &[FileRecord],
    mut consent_channels: BTreeSet<String>,
    as_of: i32,
) -> Result<Register> {
    let rows = rows_of(kept, SourceKind::Contacts);
    let arrivals: HashMap<u32, (u32, &str)> =
        files.iter().map(|file| (file.file_id, (file.arrival, file.path.as_str()))).collect();
    let numbering = Numbering { spaces: context.config.id_spaces() };
    let id_of = |space: &str, id: &str| numbering.id(space, id);
    let order: HashMap<&str, usize> = context
        .config
        .sources
        .iter()
        .enumerate()
        .map(|(rank, source)| (source.name.as_str(), rank))
        .collect();
    let mut by_customer: BTreeMap<String, Vec<&ContactRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.superseded_by.is_none() && !row.deleted) {
        let id = match &row.source_id {
            Some(id) => id_of(&row.id_space, id),
            None => anonymous_id(context, row)?,
        };
        by_customer.entry(id).or_default().push(row);
    }
    // What a whole list lacks counts last. The newest version counts; among equals the source that stands first in the config, then the last to arrive.
    let place = |row: &ContactRow| {
        let of_config = order.get(row.source.as_str()).copied().unwrap_or(usize::MAX);
        (std::cmp::Reverse(of_config), arrivals.get(&row.file_id).copied(), row.line)
    };
    let newest = |a: &&&ContactRow, b: &&&ContactRow| {
        let present = a.absent_since.is_none().cmp(&b.absent_since.is_none());
        let version = || compare_texts(a.version.as_deref(), b.version.as_deref());
        present.then_with(version).then_with(|| place(a).cmp(&place(b)))
    };
    let mut winners: BTreeMap<String, ContactRow> = BTreeMap::new();
    for (id, rows) in by_customer {
        if let Some(winner) = rows.iter().max_by(newest) {
            let mut counts = (*winner).clone();
            rows.iter().filter(|row| !is_older(row, winner)).for_each(|row| restrict(&mut counts, row));
            winners.insert(id, counts);
        }
    }
    let mut refused: BTreeMap<&'static str, u64> = BTreeMap::new();
    let contacts = winners.into_iter().map(|(id, row)| (id, contact(&row, &mut refused))).collect();
    if !refused.is_empty() {
        let reasons: Vec<String> = refused.iter().map(|(reason, n)| format!("{n} × {reason}")).collect();
        let what = format!("e-mail addresses are not used, their customers stay: {}", reasons.join(", "));
        let n = refused.values().sum();
        context.warn(Warning::new("email_refused", what).times(n).hint("register/contact_points names them"));
    }
    let permissions = permissions(context, kept, &numbering, as_of);
    let has_consents = context.config.sources.iter().any(|source| source.kind == SourceKind::Consents);
    consent_channels.extend(permissions.channels(has_consents));
    Ok(Register {
        contacts,
        customer_of_key: keys.identities().map(|(space, id)| id_of(space, id)).collect(),
        has_contacts: context.config.sources.iter().any(|s| s.kind == SourceKind::Contacts),
        consent_channels,
        permissions,
    })
}

/// Suppressions and consents in force, with a word about those that reach nobody.
fn permissions(context: &Context, kept: &[KeptRows], numbering: &Numbering<'_>, as_of: i32) -> Permissions {
    let (consents, suppressions) =
        (rows_of(kept, SourceKind::Consents), rows_of(kept, SourceKind::Suppressions));
    let permissions = Permissions::new(consents, suppressions, numbering, as_of);
    if permissions.n_nameless > 0 {
        let what = "suppressions or consents have no customer number and no address that can be read: they reach nobody";
        context.warn(Warning::new("nobody_named", what).times(permissions.n_nameless).hint(
            "look at register/suppression_rows and register/consent_rows, and deliver them with an address",
        ));
    }
    let of_customers =
        |row: &&ContactRow| row.source_id.is_some() && !numbering.spaces.contains(row.id_space.as_str());
    let strangers: BTreeSet<&str> =
        consents.iter().chain(suppressions).filter(of_customers).map(|row| row.source.as_str()).collect();
    if !strangers.is_empty() {
        let names: Vec<&str> = strangers.into_iter().collect();
        let what = format!("customer numbers of {} belong to no numbering of customers", names.join(", "));
        context.warn(
            Warning::new("id_space_unknown", what)
                .hint("set `id_space` to that of the transactions or contacts"),
        );
    }
    permissions
}

/// Whether a row is an earlier state of the one that counts: of the same source, and both say so by their versions.
fn is_older(row: &ContactRow, winner: &ContactRow) -> bool {
    row.source == winner.source
        && row.version.is_some()
        && compare_texts(row.version.as_deref(), winner.version.as_deref()).is_lt()
}

/// Takes over what another row of the customer forbids. Where several rows speak and none is the older state of
/// another, consent is given only if no row denies it.
fn restrict(counts: &mut ContactRow, row: &ContactRow) {
    for (channel, status) in &row.consents {
        if matches!(status.as_str(), exports::DENIED | exports::WITHDRAWN) {
            counts.consents.insert(channel.clone(), status.clone());
        }
    }
}

/// `c_` and 16 hexadecimal digits of an HMAC-SHA256 of the first identity of a contact without a customer id.
fn anonymous_id(context: &Context, row: &ContactRow) -> Result<String> {
    let key = &context.config.privacy.suppression_key;
    if key.is_empty() {
        let what = format!("a contact of source {} has no customer id", row.source);
        return Err(Error::new(Code::KeyMissing, what).hint(
            "set privacy.suppression_key, from which its id is made, e.g. by $CLIENTING_SUPPRESSION_KEY",
        ));
    }
    let identity = IDENTITIES.iter().find_map(|name| {
        let raw = row.person.get(*name)?;
        let canonical = if *name == c::EMAIL {
            email_canonical(raw).unwrap_or_else(|_| raw.clone())
        } else {
            raw.clone()
        };
        Some(format!("{name}\u{1f}{canonical}"))
    });
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|cause| Error::internal("HMAC takes keys of any length").caused_by(cause))?;
    mac.update(identity.unwrap_or_default().as_bytes());
    let digest = mac.finalize().into_bytes();
    Ok(format!("c_{}", files::hex(digest.get(..ID_BYTES).unwrap_or_default())))
}

fn contact(row: &ContactRow, refused: &mut BTreeMap<&'static str, u64>) -> Contact {
    let email = row.person.get(c::EMAIL).and_then(|raw| match email_canonical(raw) {
        Ok(canonical) => Some(canonical),
        Err(fault) => {
            *refused.entry(fault.code()).or_default() += 1;
            None
        }
    });
    let has = |name: &str| row.person.contains_key(name);
    Contact {
        email,
        phone: row.person.get(c::PHONE).filter(|raw| can_be_phone(raw)).cloned(),
        has_address: has(c::STREET) && has(c::POSTAL_CODE) && has(c::CITY),
        row: row.clone(),
    }
}

/// Whether a text can be a telephone number at all: digits enough and nothing but what people write between them.
fn can_be_phone(raw: &str) -> bool {
    let digits = raw.chars().filter(char::is_ascii_digit).count();
    let plain = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')' | '.' | '/');
    digits >= MIN_PHONE_DIGITS && raw.chars().all(plain)
}
