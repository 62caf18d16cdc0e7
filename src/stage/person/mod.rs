//! Everything that a lake holds of one person: who that is, and which rows of a table speak of them.

pub mod lists;
pub mod rewriting;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, BooleanArray, RecordBatch};

use super::ingest::contacts;
use super::register::MERGED_INTO;
use crate::contract::tables::{self, ContactRows};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::Result;
use crate::kernel::text::{email_canonical, email_match_key};

/// One person by everything that names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Customer ids.
    pub ids: BTreeSet<String>,
    /// Numbers with their numberings.
    pub numbers: BTreeSet<(String, String)>,
    /// Dense keys of them.
    pub keys: BTreeSet<u32>,
    /// The number that a key stands for.
    pub number_of_key: BTreeMap<u32, (String, String)>,
    /// E-mail addresses as exported.
    pub emails: BTreeSet<String>,
    /// Telephone numbers as exported.
    pub phones: BTreeSet<String>,
    /// Loyalty cards.
    pub cards: BTreeSet<String>,
    /// Contact points of theirs that others have as well: what names only those is about the others too.
    pub shared: BTreeSet<String>,
}

/// Digits by which two ways to write a telephone number are taken for one.
const PHONE_DIGITS: usize = 9;

fn mailbox(raw: &str) -> Option<String> {
    email_canonical(raw).ok().map(|email| email_match_key(&email))
}

fn number_end(raw: &str) -> Option<String> {
    let digits: String = raw.chars().filter(char::is_ascii_digit).collect();
    let from = digits.len().saturating_sub(PHONE_DIGITS);
    digits.get(from..).filter(|end| end.len() == PHONE_DIGITS).map(str::to_owned)
}

impl Person {
    /// Finds a customer in a run: by customer id, or by a number of any numbering, plain or as `numbering:number`.
    /// Nobody has nothing.
    ///
    /// # Errors
    /// `Internal` when the batch is not `register/identities`.
    pub fn find(identities: &RecordBatch, asked: &str) -> Result<Self> {
        let mut person = Self::default();
        let (ids, spaces) = (read::texts(identities, c::CUSTOMER_ID)?, read::texts(identities, c::ID_SPACE)?);
        let numbers = read::texts(identities, c::SOURCE_ID)?;
        let keys = read::u32s(identities, c::SOURCE_KEY)?;
        let all = || 0..identities.num_rows();
        let by_id = all().any(|row| ids.value(row) == asked);
        let is_named = |row: usize| {
            let number = numbers.value(row);
            number == asked || asked.split_once(':') == Some((spaces.value(row), number))
        };
        let named = all().filter(|row| if by_id { ids.value(*row) == asked } else { is_named(*row) });
        person.ids = named.map(|row| ids.value(row).to_owned()).collect();
        for row in all().filter(|row| person.ids.contains(ids.value(*row))) {
            person.numbers.insert((spaces.value(row).to_owned(), numbers.value(row).to_owned()));
            if let Some(key) = read::at(keys, row) {
                let number = (spaces.value(row).to_owned(), numbers.value(row).to_owned());
                person.keys.insert(key);
                person.number_of_key.insert(key, number);
            }
        }
        Ok(person)
    }

    /// Adds the ids that became one of theirs, as `register/id_map` tells: what was kept under them is theirs. An id that is
    /// somebody's today is not.
    ///
    /// # Errors
    /// `Internal` when a batch is not of its table.
    pub fn add_former(&mut self, id_map: &RecordBatch, identities: &RecordBatch) -> Result<()> {
        let (before, today) = (read::texts(id_map, c::OLD_ID)?, read::texts(id_map, c::NEW_ID)?);
        let kinds = read::texts(id_map, c::KIND)?;
        let borne: BTreeSet<&str> = read::texts(identities, c::CUSTOMER_ID)?.iter().flatten().collect();
        loop {
            let n_known = self.ids.len();
            for row in (0..id_map.num_rows()).filter(|row| kinds.value(*row) == MERGED_INTO) {
                let (Some(before), Some(today)) = (read::text_at(before, row), read::text_at(today, row))
                else {
                    continue;
                };
                if self.ids.contains(today) && !borne.contains(before) {
                    self.ids.insert(before.to_owned());
                }
            }
            if self.ids.len() == n_known {
                return Ok(());
            }
        }
    }

    /// Adds the contact points that contact rows tell, of all versions, and those of `register/contact_points` where an id
    /// is made of one.
    ///
    /// # Errors
    /// `Internal` when a batch is not of its table.
    pub fn add_points(&mut self, contact_rows: &RecordBatch, points: &RecordBatch) -> Result<()> {
        let rows = contacts::from_batch(contact_rows)?;
        let anonymous = self.ids.iter().any(|id| id.starts_with("c_"));
        let mut others = Vec::new();
        for row in &rows {
            let own = row.source_id().is_some_and(|id| self.has_number(row.id_space(), id));
            if own {
                let cell = |name: &str| row.get(name).map(str::to_owned);
                self.emails.extend(cell(c::EMAIL));
                self.phones.extend(cell(c::PHONE));
                self.cards.extend(cell(c::CARD_ID));
            } else if row.source_id().is_some() && row.superseded_by.is_none() {
                others.push(row);
            }
        }
        if anonymous {
            let (ids, kinds) = (read::texts(points, c::CUSTOMER_ID)?, read::texts(points, c::KIND)?);
            let raws = read::texts(points, c::RAW)?;
            for row in (0..points.num_rows()).filter(|row| self.ids.contains(ids.value(*row))) {
                match kinds.value(row) {
                    c::EMAIL => drop(self.emails.insert(raws.value(row).to_owned())),
                    c::PHONE => drop(self.phones.insert(raws.value(row).to_owned())),
                    _ => {}
                }
            }
        }
        for row in others {
            for name in [c::EMAIL, c::PHONE, c::CARD_ID] {
                let shared = row.get(name).filter(|text| self.has_point(text) || self.cards.contains(*text));
                self.shared.extend(shared.into_iter().flat_map(forms));
            }
        }
        Ok(())
    }

    fn has_number(&self, space: &str, id: &str) -> bool {
        self.numbers.iter().any(|(own_space, own_id)| own_space == space && own_id == id)
    }

    /// Whether a text is an e-mail address or a telephone number of theirs, however it is written.
    #[must_use]
    pub fn has_point(&self, text: &str) -> bool {
        if text.contains('@') {
            let asked = mailbox(text);
            return self.emails.contains(text)
                || (asked.is_some() && self.emails.iter().any(|own| mailbox(own) == asked));
        }
        let asked = number_end(text);
        self.phones.contains(text)
            || (asked.is_some() && self.phones.iter().any(|own| number_end(own) == asked))
    }

    /// The same of one that nobody else has.
    fn has_own_point(&self, text: &str) -> bool {
        self.has_point(text) && !forms(text).iter().any(|form| self.shared.contains(form))
    }

    /// Takes over what is known of the same person elsewhere.
    pub fn join(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.numbers.extend(other.numbers);
        self.keys.extend(other.keys);
        self.number_of_key.extend(other.number_of_key);
        self.emails.extend(other.emails);
        self.phones.extend(other.phones);
        self.cards.extend(other.cards);
        self.shared.extend(other.shared);
    }

    /// Which rows of a table speak of the person.
    ///
    /// # Errors
    /// `Internal` when the batch is not of the table.
    pub fn mask(&self, table: &Table, batch: &RecordBatch) -> Result<BooleanArray> {
        let n = batch.num_rows();
        let has = |name: &str| table.column(name).is_some();
        let mut mask = vec![false; n];
        let mut any = |is: &dyn Fn(usize) -> bool| {
            for (row, flag) in mask.iter_mut().enumerate() {
                *flag |= is(row);
            }
        };
        if table.name == tables::Quarantine::TABLE.name {
            let raws = read::array(batch, c::RAW)?;
            if let Some(raws) = raws.as_binary_opt::<i32>() {
                any(&|row| raws.is_valid(row) && self.stands_in(raws.value(row)));
            }
            return Ok(mask.into_iter().map(Some).collect());
        }
        if has(c::SOURCE_KEY) {
            let keys = read::u32s(batch, c::SOURCE_KEY)?;
            any(&|row| read::at(keys, row).is_some_and(|key| self.keys.contains(&key)));
        } else if has(c::CUSTOMER_ID) {
            let ids = read::texts(batch, c::CUSTOMER_ID)?;
            any(&|row| read::text_at(ids, row).is_some_and(|id| self.ids.contains(id)));
        }
        for name in [c::OLD_ID, c::NEW_ID].into_iter().filter(|name| has(name)) {
            let ids = read::texts(batch, name)?;
            any(&|row| read::text_at(ids, row).is_some_and(|id| self.ids.contains(id)));
        }
        for (space, id) in [(c::ID_SPACE, c::SOURCE_ID), (c::OTHER_ID_SPACE, c::OTHER_SOURCE_ID)] {
            if !has(space) || !has(id) {
                continue;
            }
            let (spaces, ids) = (read::texts(batch, space)?, read::texts(batch, id)?);
            any(&|row| {
                let (Some(space), Some(id)) = (read::text_at(spaces, row), read::text_at(ids, row)) else {
                    return false;
                };
                let by_point = match space {
                    c::EMAIL | c::PHONE => self.has_own_point(id),
                    "card" => self.cards.contains(id) && !self.shared.contains(id),
                    _ => false,
                };
                by_point || self.has_number(space, id)
            });
        }
        for name in [c::EMAIL, c::PHONE, c::CONTACT_POINT].into_iter().filter(|name| has(name)) {
            let points = read::texts(batch, name)?;
            any(&|row| read::text_at(points, row).is_some_and(|point| self.has_own_point(point)));
        }
        if has(c::CARD_ID) {
            let cards = read::texts(batch, c::CARD_ID)?;
            let is_own = |card: &str| self.cards.contains(card) && !self.shared.contains(card);
            any(&|row| read::text_at(cards, row).is_some_and(is_own));
        }
        if table.name == ContactRows::TABLE.name {
            let rows = contacts::from_batch(batch)?;
            any(&|row| {
                let Some(row) = rows.get(row).filter(|row| row.source_id().is_none()) else { return false };
                let point = |name: &str| row.get(name).is_some_and(|text| self.has_own_point(text));
                point(c::EMAIL) || point(c::PHONE)
            });
        }
        Ok(mask.into_iter().map(Some).collect())
    }

    /// Whether a number, contact point or card of theirs stands in a text as a word of its own.
    #[must_use]
    pub fn stands_in(&self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text).to_lowercase();
        self.words().iter().any(|word| has_word(&text, word))
    }

    /// What names the person, in lower case.
    #[must_use]
    pub fn words(&self) -> BTreeSet<String> {
        let numbers = self.numbers.iter().map(|(_, id)| id.to_lowercase());
        let points =
            self.emails.iter().chain(&self.phones).chain(&self.cards).map(|text| text.to_lowercase());
        numbers
            .chain(self.ids.iter().map(|id| id.to_lowercase()))
            .chain(points)
            .filter(|word| !word.is_empty())
            .collect()
    }
}

/// Whether a word stands in a text, not as a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(from, found)| {
        let before = text.get(..from).and_then(|text| text.chars().next_back());
        let after = text.get(from + found.len()..).and_then(|text| text.chars().next());
        !is_part(before) && !is_part(after)
    })
}

/// The forms under which a contact point is kept among those that others have.
fn forms(text: &str) -> Vec<String> {
    let form = if text.contains('@') { mailbox(text) } else { number_end(text) };
    form.into_iter().chain([text.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_no_part_of_another() {
        assert!(has_word("1,ann@example.com,x", "ann@example.com") && has_word("a;12;b", "12"));
        assert!(!has_word("joann@example.com", "ann@example.com") && !has_word("a;112;b", "12"));
        let person = Person { phones: ["0171 1234567".to_owned()].into(), ..Person::default() };
        assert!(person.has_point("+49 171 123-45-67") && !person.has_point("+49 171 123-45-68"));
    }
}
