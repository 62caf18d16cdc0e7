//! Contact rows and identities → one register of every customer. Where persons are matched, `matching` tells which numbers
//! are one customer, and `survivorship` makes one of their rows; else a number is a customer, and its newest row counts.
//! `permissions` tells who must not be addressed.

pub mod permissions;
pub mod tables;
mod contact;
mod contacts;
mod making;
mod marks;
mod matching;
mod rows;
mod survivorship;
pub mod tombstones;
mod voice;
mod whom;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use rayon::prelude::*;
use serde_json::json;
use sha2::Sha256;

pub use self::contact::Contact;
pub use self::contacts::{Contacts, Stay, Who};
use self::marks::Bits;
pub use self::matching::MERGED_INTO;
use self::matching::{Became, Matching, RowsOfCustomers};
use self::permissions::{Permissions, Policy};
use self::rows::{History, Winners};
use self::survivorship::{Order, survive};
use self::tombstones::Tombstones;
use self::whom::{Labels, Numbering};
use super::ingest::Keys;
use super::ingest::contacts::{ContactRow, IDENTITIES, Shapes};
use super::ingest::deliveries::FileRecord;
use super::ingest::kinds::{KeptRows, rows_of, take_rows};
use super::ingest::newest::Newest;
use crate::config::SourceKind;
use crate::contract::tables::Tombstones as TombstonesTable;
use crate::contract::{Contract, column as c};
use crate::error::{Code, Error, Result, Warning};
use crate::kernel::text::{email_canonical, email_in_letters};
use crate::kernel::texts::Texts;
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::files;

/// Bytes of an HMAC that a `c_` id shows.
const ID_BYTES: usize = 8;

/// Every customer that an export names.
#[derive(Debug)]
pub struct Register {
    /// Customers of the contact exports, by id.
    pub contacts: Contacts,
    /// Customer id of each key.
    pub customer_of_key: Texts,
    /// Whether there is a contacts source at all.
    pub has_contacts: bool,
    /// Channels through which nobody is addressed without consent, because some source tells it.
    pub consent_channels: BTreeSet<String>,
    /// Suppressions and consents as delivered.
    pub permissions: Permissions,
    /// Which numbers are one person, where persons are matched.
    matching: Option<Matching>,
}

impl Register {
    /// What was said later than the exports of the night, to be asked besides.
    #[must_use]
    pub fn later(&self, context: &Context, newest: &Newest, keys: &Keys, as_of: i32) -> Permissions {
        let labels = Labels { spaces: context.config.id_spaces() };
        let numbering = Numbering { labels, matching: self.matching.as_ref(), keys };
        let config = &context.config;
        let policy = Policy::new(&config.consent, &config.project.country, &[], as_of);
        Permissions::new(&newest.consents, &newest.suppressions, &numbering, &self.contacts, policy)
    }

    /// What the register was made with, for the manifest: the model of match probabilities, and how many numbers were matched
    /// where not all were.
    pub fn models(&self) -> impl Iterator<Item = serde_json::Value> {
        let similar = self.matching.iter().filter_map(|matching| matching.similar.as_ref());
        let only_some = self.matching.iter().filter(|matching| matching.before.is_some()).map(|matching| {
            json!({
                "name": "matching",
                "n_numbers_matched": matching.nodes.len(),
                (c::N_CUSTOMERS): matching.n_customers(),
            })
        });
        similar.map(|similar| similar.entry.clone()).chain(only_some)
    }

    /// Who bears the history of an id of before; the id itself where nothing became of it.
    #[must_use]
    pub fn successors(&self) -> HashMap<&str, &str> {
        let all = self.matching.iter().flat_map(|matching| &matching.id_map);
        all.filter(|one| one.kind == Became::MergedInto)
            .filter_map(|one| Some((one.old.as_deref()?, one.new.as_deref()?)))
            .collect()
    }
}

/// Builds the register; `tables` are those of the run so far. The contact rows are taken out of what was kept.
///
/// # Errors
/// `KeyMissing` when a contact has no customer id and `privacy.suppression_key` is empty; `Io`.
pub fn run(
    context: &Context,
    kept: &mut [KeptRows],
    keys: &Keys,
    files: &[FileRecord],
    mut consent_channels: BTreeSet<String>,
    tables: &[TableEntry],
    as_of: i32,
) -> Result<Register> {
    let rows = take_rows(kept, SourceKind::Contacts);
    let (matching, contacts) = people(context, rows, keys, files, as_of)?;
    let labels = Labels { spaces: context.config.id_spaces() };
    let numbering = Numbering { labels, matching: matching.as_ref(), keys };
    let mut permissions = permissions(context, kept, &numbering, &contacts, as_of);
    let key = &context.config.privacy.suppression_key;
    permissions.bury(Tombstones::read(&context.read_parent(TombstonesTable::TABLE)?, key)?);
    let has_consents = context.config.sources.iter().any(|source| source.kind == SourceKind::Consents);
    consent_channels.extend(permissions.channels(has_consents));
    let customer_of_key = customers(keys, &numbering);
    if !contacts.is_empty() {
        let who = voice::Who { customer_of_key: &customer_of_key, contacts: &contacts };
        permissions.hear(voice::read(context, tables, &who, context.config.consent.care_days, as_of)?);
    }
    Ok(Register {
        contacts,
        customer_of_key,
        has_contacts: context.config.sources.iter().any(|s| s.kind == SourceKind::Contacts),
        consent_channels,
        permissions,
        matching,
    })
}

/// Who is who among contact rows, and everybody of them. Where the parent tells enough, only who was touched is matched
/// and made.
fn people(
    context: &Context,
    rows: Vec<ContactRow>,
    keys: &Keys,
    files: &[FileRecord],
    as_of: i32,
) -> Result<(Option<Matching>, Contacts)> {
    let labels = Labels { spaces: context.config.id_spaces() };
    let order = Order { sources: ranks(context), rule: context.config.identity.survivorship };
    let rows = Arc::new(rows);
    if context.config.identity.matches
        && let Some(matching) = matching::again(context, &rows, keys, &labels, &order, as_of)?
        && let Some(before) = &matching.before
    {
        let (contacts, bits) = making::again(context, rows, (&matching, before), order)?;
        warn_of_points(context, bits.into_iter());
        return Ok((Some(matching), contacts));
    }
    let counts = (0_u32..).zip(&*rows).filter(|(_, row)| row.superseded_by.is_none() && !row.deleted);
    let mut current: Vec<Current<'_>> =
        counts.map(|(place, row)| Current { row, place, made: None }).collect();
    current.par_iter_mut().try_for_each(|current| current.identify(context))?;
    let makers = |order| Makers {
        country: &context.config.project.country,
        order,
        newest: Winners::new(context, files),
        history: History::of(&rows),
        rows: &rows,
        shapes: Shapes::default(),
    };
    let (matching, contacts) = if context.config.identity.matches {
        let (matching, of_customers) =
            matching::run(context, (&current, rows.len()), keys, &labels, &order, as_of)?;
        drop(current);
        let contacts = makers(Some(order)).matched(&of_customers, &matching);
        (Some(matching), contacts)
    } else {
        let numbering = Numbering { labels, matching: None, keys };
        (None, makers(None).by_number(&current, &numbering))
    };
    warn_of_points(context, contacts.held().map(|(_, contact)| Bits::of(contact)));
    Ok((matching, contacts))
}

/// A row that counts.
struct Current<'a> {
    row: &'a ContactRow,
    /// Its place in the table.
    place: u32,
    /// The id that is made of its contact point, where it has no number.
    made: Option<Box<str>>,
}

impl Current<'_> {
    /// Makes an id where the row has no number.
    fn identify(&mut self, context: &Context) -> Result<()> {
        if self.row.source_id().is_none() {
            self.made = Some(anonymous_id(context, self.row)?.into());
        }
        Ok(())
    }

    /// Numbering and number.
    fn identity(&self) -> (&str, &str) {
        let made = self.made.as_deref().map(|id| (c::CONTACT_POINT, id));
        made.unwrap_or_else(|| (self.row.id_space(), self.row.source_id().unwrap_or_default()))
    }
}

/// What customers are made of their rows with.
struct Makers<'a> {
    /// Country of people whose own is not told.
    country: &'a str,
    /// Which row is better, where persons are matched.
    order: Option<Order>,
    /// Which row counts, where they are not.
    newest: Winners<'a>,
    history: History,
    /// All rows.
    rows: &'a [ContactRow],
    shapes: Shapes,
}

impl Makers<'_> {
    /// Customers by number.
    fn by_number(&self, rows: &[Current<'_>], numbering: &Numbering<'_>) -> Contacts {
        fn id<'b>(one: &'b Current<'_>, numbering: &'b Numbering<'_>) -> Cow<'b, str> {
            let (space, id) = one.identity();
            numbering.id(space, id)
        }
        let mut rows: Vec<(String, &ContactRow)> =
            rows.par_iter().map(|one| (id(one, numbering).into_owned(), one.row)).collect();
        rows.par_sort_by(|a, b| a.0.cmp(&b.0));
        let groups: Vec<&[(String, &ContactRow)]> = rows.chunk_by(|a, b| a.0 == b.0).collect();
        let ids = groups.iter().filter_map(|group| group.first()).map(|(id, _)| id.as_str()).collect();
        let contact =
            |group: &[(String, &ContactRow)]| self.contact(group.iter().map(|(_, row)| *row).collect(), None);
        Contacts::ascending(ids, groups.into_par_iter().map(contact))
    }

    /// Customers by their places.
    fn matched(&self, rows: &RowsOfCustomers, matching: &Matching) -> Contacts {
        let ends: Vec<usize> = (1..=rows.len())
            .filter(|end| rows.get(*end).map(|next| next.0) != rows.get(end - 1).map(|last| last.0))
            .collect();
        let lasts = ends.iter().filter_map(|end| rows.get(end.checked_sub(1)?));
        let ids = lasts.map(|(customer, _)| matching.id(*customer).unwrap_or_default()).collect();
        Contacts::ascending(
            ids,
            (0..ends.len()).into_par_iter().map(|at| {
                let from = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or_default();
                let own = rows.get(from..ends.get(at).copied().unwrap_or_default()).unwrap_or_default();
                let rows = own.iter().filter_map(|(_, place)| self.rows.get(*place as usize)).collect();
                self.contact(rows, Some(matching))
            }),
        )
    }

    /// The customer of rows.
    fn contact(&self, mut rows: Vec<&ContactRow>, matching: Option<&Matching>) -> Contact {
        let row = match &self.order {
            Some(order) => {
                rows.sort_by(|a, b| order.best_first(a, b));
                survive(&rows, &self.shapes)
            }
            None => self.newest.row(&mut rows, &self.shapes),
        };
        let mut contact = Contact::new(row.unwrap_or_default(), &rows, self.country);
        contact.set_changed(self.history.changed(&contact, &rows, self.rows));
        if let Some(matching) = matching {
            contact.set_shared(matching.overused.shared(&contact));
        }
        contact
    }
}

/// Tells how many contact points are not used, and why.
fn warn_of_points(context: &Context, all: impl Iterator<Item = Bits>) {
    let hint = "register/contact_points names them";
    let (mut emails, mut n_phones): (BTreeMap<&'static str, u64>, u64) = (BTreeMap::new(), 0);
    let mut n_international = 0;
    for contact in all {
        n_international += u64::from(contact.has_international_domain());
        contact.email_refused().into_iter().for_each(|reason| *emails.entry(reason).or_default() += 1);
        n_phones += u64::from(contact.is_phone_refused());
    }
    if n_international > 0 {
        context.note(format!(
            "{n_international} e-mail addresses have an international domain: lists have it as mail tools take it (xn--)"
        ));
    }
    if !emails.is_empty() {
        let reasons: Vec<String> = emails.iter().map(|(reason, n)| format!("{n} × {reason}")).collect();
        let what = format!("e-mail addresses are not used, their customers stay: {}", reasons.join(", "));
        context.warn(Warning::new("email_refused", what).times(emails.values().sum()).hint(hint));
    }
    if n_phones > 0 {
        let what = "telephone numbers are none of their country and are not used, their customers stay";
        context.warn(Warning::new("phone_refused", what).times(n_phones).hint(hint));
    }
}

/// Customer of each key.
fn customers(keys: &Keys, numbering: &Numbering<'_>) -> Texts {
    // Keys are looked up among the nodes, which pays side by side.
    let known = |key: usize| {
        let place = numbering.matching?.before.as_ref()?.customer_of_key(key)?;
        numbering.matching?.id(place).map(Cow::Borrowed)
    };
    Texts::side_by_side(keys.len(), |key| {
        let (space, id) = u32::try_from(key).ok().and_then(|key| keys.identity(key)).unwrap_or_default();
        known(key).unwrap_or_else(|| numbering.id(space, id))
    })
}

/// Place of each source in the config.
fn ranks(context: &Context) -> BTreeMap<String, usize> {
    let sources = context.config.sources.iter().enumerate();
    sources.map(|(rank, source)| (source.name.clone(), rank)).collect()
}

/// Suppressions and consents in force, with a word about those that reach nobody.
fn permissions(
    context: &Context,
    kept: &[KeptRows],
    numbering: &Numbering<'_>,
    contacts: &Contacts,
    as_of: i32,
) -> Permissions {
    let (consents, suppressions) =
        (rows_of(kept, SourceKind::Consents), rows_of(kept, SourceKind::Suppressions));
    let products = rows_of(kept, SourceKind::Products);
    let policy = Policy::new(&context.config.consent, &context.config.project.country, products, as_of);
    let permissions = Permissions::new(consents, suppressions, numbering, contacts, policy);
    if permissions.n_nameless > 0 {
        let what = "suppressions or consents have no customer number and no address that can be read: they reach nobody";
        context.warn(Warning::new("nobody_named", what).times(permissions.n_nameless).hint(
            "look at register/suppression_rows and register/consent_rows, and deliver them with an address",
        ));
    }
    let of_customers =
        |row: &&ContactRow| row.source_id().is_some() && !numbering.labels.spaces.contains(row.id_space());
    let strangers: BTreeSet<&str> =
        consents.iter().chain(suppressions).filter(of_customers).map(ContactRow::source).collect();
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

/// `c_` and 16 hexadecimal digits of an HMAC-SHA256 of the first identity of a contact without a customer id.
fn anonymous_id(context: &Context, row: &ContactRow) -> Result<String> {
    let key = &context.config.privacy.suppression_key;
    if key.is_empty() {
        let what = format!("a contact of source {} has no customer id", row.source());
        return Err(Error::new(Code::KeyMissing, what).hint(
            "set privacy.suppression_key, from which its id is made, e.g. by $CLIENTING_SUPPRESSION_KEY",
        ));
    }
    let identity = IDENTITIES.iter().find_map(|name| {
        let raw = row.get(name)?;
        let canonical = email_canonical(raw).ok().filter(|_| *name == c::EMAIL);
        // Ids last: they are made of the letters of a domain, as they were before these had another canonical form.
        let canonical = canonical.map(|email| email_in_letters(&email).unwrap_or(email));
        let canonical = canonical.unwrap_or_else(|| raw.to_owned());
        Some(format!("{name}\u{1f}{canonical}"))
    });
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|cause| Error::internal("HMAC takes keys of any length").caused_by(cause))?;
    mac.update(identity.unwrap_or_default().as_bytes());
    let digest = mac.finalize().into_bytes();
    Ok(format!("c_{}", files::hex(digest.get(..ID_BYTES).unwrap_or_default())))
}
