//! Erasure (customers.md, section 19): a person goes out of every retained run, and a tombstone stays.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use super::erasing::Eraser;
use super::{find, units};
use crate::config::Config;
use crate::contract::{ERASED, column as c};
use crate::error::{Code, Error, Result};
use crate::kernel::calendar::day_label;
use crate::pipeline::identity::{check_identity, extended, identity};
use crate::pipeline::opening::{Known, clock, history, host, instant};
use crate::run::manifest::{self, Status};
use crate::stage::person::Person;
use crate::stage::person::rewriting::Pseudonyms;
use crate::stage::register::tombstones::{
    keyed_hash, mark_of_card, mark_of_number, marks_of_email, marks_of_phone,
};
use crate::store::files;
use crate::store::lake::{Holder, Lake};

/// What an erasure did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Customers who were erased, as they were asked for.
    pub n_customers: u64,
    /// Runs that were cleaned.
    pub n_runs: u64,
    /// Runs that never passed and were removed whole.
    pub n_removed_runs: u64,
    /// Files that were written anew.
    pub n_files: u64,
    /// Rows that went or got a pseudonym, counted once in each file.
    pub n_rows: u64,
    /// Tombstones that were made.
    pub n_tombstones: u64,
}

/// Hexadecimal digits of a pseudonym.
const PSEUDONYM_DIGITS: usize = 16;

/// Erases customers from every retained run of the lake.
///
/// Tombstones are written first, and what tells who somebody is goes last, so that an erasure that was cut off can be
/// asked for again.
///
/// # Errors
/// `KeyMissing` without `privacy.suppression_key`; `UnknownCustomer` naming the first that no run knows, before anything
/// is changed; `Locked`; `LakeMismatch`; `Io`.
pub fn forget(config: &Config, asked: &[String]) -> Result<Forgotten> {
    let key = &config.privacy.suppression_key;
    keyed_hash(key, "")?;
    let (lake, units) = (Lake::at(&config.project.lake), units(config));
    let now = clock(&config.project.timezone)?;
    let holder = Holder { host: host(), process: std::process::id(), started_at: instant(now.now_ms) };
    let _lock = lake.lock(&holder)?;
    check_identity(&lake, config)?;
    let runs = history(&lake)?;
    let person = persons(&lake, &runs, &units, asked)?;
    let bound = extended(lake.identity()?.as_ref(), identity(config));
    let key_id = bound.key_fingerprints.get("suppression_key").cloned().unwrap_or_default();
    lake.write_identity(&bound)?;

    let mut done = Forgotten { n_customers: asked.len() as u64, ..Forgotten::default() };
    let marks = marks(&person);
    let mut hashes = BTreeSet::new();
    for (kind, text) in &marks {
        hashes.insert(((*kind).to_owned(), keyed_hash(key, text)?));
    }
    done.n_tombstones = hashes.len() as u64;
    let current = lake.current()?;
    let (kept, gone): (Vec<Known>, Vec<Known>) = runs.into_iter().partition(|known| {
        let is_whole =
            matches!(known.manifest.status, Status::Published | Status::LookBack | Status::GateFailed);
        is_whole || Some(&known.id) == current.as_ref()
    });
    // What a run that broke off has written, its manifest need not tell.
    for known in gone {
        lake.remove(&known.id)?;
        done.n_removed_runs += 1;
    }
    let pseudonyms = pseudonyms(&person, config)?;
    let mut eraser = Eraser::new(lake.begin()?, &units, &person, &pseudonyms);
    let mut manifests: BTreeMap<String, (Known, u64)> = BTreeMap::new();
    for known in kept {
        let run = lake.run_directory(&known.id);
        let mut known = known;
        eraser.bury(&run, &mut known.manifest, &hashes, &key_id, now.today)?;
        manifests.insert(known.id.to_string(), (known, 0));
    }
    for is_about_identity in [false, true] {
        for (known, n_rows) in manifests.values_mut() {
            let run = lake.run_directory(&known.id);
            *n_rows += eraser.erase(&run, &mut known.manifest, is_about_identity)?;
        }
    }
    for (known, n_rows) in manifests.values_mut() {
        let run = lake.run_directory(&known.id);
        done.n_runs += 1;
        done.n_rows += *n_rows;
        known.manifest.erasures.push(json!({
            (c::ERASED_ON): day_label(now.today),
            (c::N_CUSTOMERS): done.n_customers,
            (c::N_ROWS): n_rows,
            (c::KEY_ID): key_id,
        }));
        files::replace(&run.join(manifest::FILE), known.manifest.to_json().as_bytes())?;
    }
    done.n_files = eraser.n_files;
    files::remove_directory(&lake.work())?;
    files::sync_all(lake.root())?;
    Ok(done)
}

/// Everything that names the customers, in whichever run.
fn persons(lake: &Lake, runs: &[Known], units: &crate::contract::Units, asked: &[String]) -> Result<Person> {
    let mut whole = Person::default();
    for name in asked {
        let mut person = Person::default();
        for known in runs {
            person.join(find(&lake.run_directory(&known.id), units, name)?);
        }
        if person.ids.is_empty() {
            return Err(Error::new(Code::UnknownCustomer, format!("no run knows the {} customer that was named", ordinal(asked, name)))
                .hint("name a customer id of tables/customers, or a number as `numbering:number`; nothing was changed"));
        }
        whole.join(person);
    }
    // Whoever shares a point with one who is erased as well does not keep it.
    Ok(whole)
}

fn ordinal(asked: &[String], name: &String) -> String {
    let place = asked.iter().position(|one| one == name).unwrap_or(0) + 1;
    format!("{place}.")
}

/// What tombstones are made of.
fn marks(person: &Person) -> Vec<(&'static str, String)> {
    let numbers = person.numbers.iter().map(|(space, id)| mark_of_number(space, id));
    let emails = person.emails.iter().flat_map(|email| marks_of_email(email));
    let phones = person.phones.iter().flat_map(|phone| marks_of_phone(phone));
    let cards = person.cards.iter().map(|card| mark_of_card(card));
    numbers.chain(emails).chain(phones).chain(cards).collect()
}

/// Pseudonyms of the numbers that have rows in the books.
fn pseudonyms(person: &Person, config: &Config) -> Result<Pseudonyms> {
    let mut pseudonyms = Pseudonyms::default();
    let has_several = config.id_spaces().len() > 1;
    for (key, (space, id)) in &person.number_of_key {
        let hash = keyed_hash(&config.privacy.suppression_key, &format!("erased\u{1f}{space}\u{1f}{id}"))?;
        let name = format!("{ERASED}{}", hash.chars().take(PSEUDONYM_DIGITS).collect::<String>());
        let label = if has_several { format!("{space}:{name}") } else { name.clone() };
        pseudonyms.by_key.insert(*key, name);
        pseudonyms.label_by_key.insert(*key, label);
    }
    Ok(pseudonyms)
}
