//! Customers of the contact exports by id: made and held, or, where a night matched only some, made of their rows when
//! somebody asks.

use std::borrow::Cow;
use std::ops::Range;

use arrow_array::{Array as _, BooleanArray, Date32Array, StringArray};
use rayon::prelude::*;

use super::contact::Contact;
use super::making::Maker;
use super::matching::Whence;
use crate::contract::tables::RegisterCustomers;
use crate::contract::{Contract, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{BIRTH_YEARS, parse_day_in};
use crate::kernel::search::first_from;
use crate::kernel::texts::Texts;
use crate::run::context::Context;

/// Customers by id, ascending.
#[derive(Debug)]
pub struct Contacts(Kind);

#[derive(Debug)]
enum Kind {
    /// All are held, in the order of their ids.
    Held(Texts, Vec<Contact>),
    /// Those that this night matched are held.
    Again(Box<Again>),
}

/// Customers of a night that matched only some of them.
#[derive(Debug)]
pub(super) struct Again {
    pub ids: Texts,
    /// By place in `ids`: the row in `register/customers` of the parent, or the place in `matched`.
    pub from: Vec<Whence>,
    /// Those that this night matched.
    pub matched: Vec<Contact>,
    /// What the parent tells of all others.
    pub facts: Facts,
    pub maker: Maker,
}

/// What tables tell of customers besides how they are reached, as `register/customers` of the parent has it.
#[derive(Debug)]
pub(super) struct Facts {
    households: StringArray,
    countries: StringArray,
    employees: BooleanArray,
}

/// What tables tell of a customer besides how it is reached; `None`: the exports do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who<'a> {
    /// Household.
    pub household: Option<&'a str>,
    /// Country as exported.
    pub country: Option<&'a str>,
    /// Whether on the staff.
    pub is_employee: Option<bool>,
}

/// Days on which a customer joined and its account was closed, since 1970-01-01; `None`: the exports do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stay {
    /// Joined the programme.
    pub joined: Option<i32>,
    /// Account closed.
    pub closed: Option<i32>,
}

/// Days of joining and closing, as `register/customers` of the parent has them.
struct Stays {
    joined: Date32Array,
    closed: Date32Array,
}

impl Facts {
    /// Those of the parent, of which so many rows are expected.
    pub(super) fn read(context: &Context, n_rows: usize) -> Result<Self> {
        let column = |name: &str| context.read_parent_columns(RegisterCustomers::TABLE, Some(&[name]));
        let (households, (countries, employees)) = rayon::join(
            || column(c::HOUSEHOLD_ID),
            || rayon::join(|| column(c::COUNTRY), || column(c::EMPLOYEE)),
        );
        let facts = Self {
            households: read::texts(&households?, c::HOUSEHOLD_ID)?.clone(),
            countries: read::texts(&countries?, c::COUNTRY)?.clone(),
            employees: read::bools(&employees?, c::EMPLOYEE)?.clone(),
        };
        if [facts.households.len(), facts.countries.len(), facts.employees.len()] != [n_rows; 3] {
            return Err(Error::internal("tables of the parent's register tell of different customers"));
        }
        Ok(facts)
    }

    fn at(&self, row: usize) -> Option<Who<'_>> {
        (row < self.employees.len()).then(|| Who {
            household: read::text_at(&self.households, row),
            country: read::text_at(&self.countries, row),
            is_employee: self.employees.is_valid(row).then(|| self.employees.value(row)),
        })
    }
}

impl Stays {
    /// Those of the parent, of which so many rows are expected.
    fn read(context: &Context, n_rows: usize) -> Result<Self> {
        let names = [c::JOINED_ON, c::CLOSED_AT];
        let batch = context.read_parent_columns(RegisterCustomers::TABLE, Some(&names))?;
        if batch.num_rows() != n_rows {
            return Err(Error::internal("tables of the parent's register tell of different customers"));
        }
        let column = |name: &str| read::days(&batch, name).cloned();
        Ok(Self { joined: column(c::JOINED_ON)?, closed: column(c::CLOSED_AT)? })
    }

    fn at(&self, row: usize) -> Stay {
        Stay { joined: read::at(&self.joined, row), closed: read::at(&self.closed, row) }
    }
}

impl Stay {
    fn of(contact: &Contact) -> Self {
        Self { joined: day(contact, c::JOINED_ON), closed: day(contact, c::CLOSED_AT) }
    }
}

/// A day that the exports tell of a customer.
pub(super) fn day(contact: &Contact, column: &str) -> Option<i32> {
    parse_day_in(contact.value(column)?.get(..10)?.as_bytes(), BIRTH_YEARS)
}

impl<'a> Who<'a> {
    fn of(contact: &'a Contact) -> Self {
        Self {
            household: contact.value(c::HOUSEHOLD_ID),
            country: contact.value(c::COUNTRY),
            is_employee: contact.value(c::EMPLOYEE).map(|text| text == "true"),
        }
    }
}

impl Default for Contacts {
    fn default() -> Self {
        Self(Kind::Held(Texts::default(), Vec::new()))
    }
}

impl Again {
    /// The customer at a place, where this night matched it.
    pub(super) fn matched(&self, place: usize) -> Option<&Contact> {
        match self.from.get(place)? {
            Whence::Matched(own) => self.matched.get(*own as usize),
            Whence::Before(_) => None,
        }
    }
}

impl Contacts {
    /// Of customers by ids that ascend.
    pub(super) fn ascending(ids: Texts, made: impl IndexedParallelIterator<Item = Contact>) -> Self {
        // Of known length, so that they are in memory once.
        let mut all = Vec::new();
        made.collect_into_vec(&mut all);
        Self(Kind::Held(ids, all))
    }

    /// Of customers of which this night matched only some.
    pub(super) fn again(again: Again) -> Self {
        Self(Kind::Again(Box::new(again)))
    }

    /// What tells which of them this night matched; `None`: all of them.
    pub(super) const fn only_some(&self) -> Option<&Again> {
        match &self.0 {
            Kind::Held(..) => None,
            Kind::Again(again) => Some(again),
        }
    }

    /// The customer at a place of the order.
    pub(super) fn at(&self, place: usize) -> Option<(&str, Cow<'_, Contact>)> {
        match &self.0 {
            Kind::Held(ids, all) => ids.get(place).zip(all.get(place).map(Cow::Borrowed)),
            Kind::Again(again) => {
                let made = || Cow::Owned(again.maker.contact(place));
                Some((again.ids.get(place)?, again.matched(place).map_or_else(made, Cow::Borrowed)))
            }
        }
    }

    /// The id at a place of the order.
    #[must_use]
    pub fn id(&self, place: usize) -> Option<&str> {
        match &self.0 {
            Kind::Held(ids, _) => ids.get(place),
            Kind::Again(again) => again.ids.get(place),
        }
    }

    fn place(&self, id: &str) -> Option<usize> {
        let place = self.first_from(id);
        (self.id(place) == Some(id)).then_some(place)
    }

    /// The customer of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Cow<'_, Contact>> {
        self.at(self.place(id)?).map(|(_, contact)| contact)
    }

    /// Places of ids that ascend: looked for once, and then gone through side by side with the ids.
    fn places<'i>(&self, ids: impl Iterator<Item = &'i str>) -> impl Iterator<Item = Option<usize>> {
        let mut place: Option<usize> = None;
        ids.map(move |id| {
            let mut at = place.unwrap_or_else(|| self.first_from(id));
            while self.id(at).is_some_and(|own| own < id) {
                at += 1;
            }
            place = Some(at);
            (self.id(at) == Some(id)).then_some(at)
        })
    }

    /// The customers of ids that ascend.
    pub fn of<'i>(&self, ids: impl Iterator<Item = &'i str>) -> Vec<Option<Cow<'_, Contact>>> {
        self.places(ids).map(|place| self.at(place?).map(|(_, contact)| contact)).collect()
    }

    /// What tables tell of the customers of ids that ascend.
    pub fn who<'i>(&self, ids: impl Iterator<Item = &'i str>) -> Vec<Option<Who<'_>>> {
        let who = |place: usize| match &self.0 {
            Kind::Held(_, all) => all.get(place).map(Who::of),
            Kind::Again(again) => match again.from.get(place)? {
                Whence::Before(row) => again.facts.at(*row as usize),
                Whence::Matched(own) => again.matched.get(*own as usize).map(Who::of),
            },
        };
        self.places(ids).map(|place| place.and_then(who)).collect()
    }

    /// When the customers of ids that ascend joined and left; nothing of those that there are not. Nobody is made for it:
    /// of whom this night did not match, the parent tells.
    ///
    /// # Errors
    /// `Io`; `Internal` where tables of the parent contradict each other.
    pub fn stays<'i>(&self, context: &Context, ids: impl Iterator<Item = &'i str>) -> Result<Vec<Stay>> {
        let places: Vec<Option<usize>> = self.places(ids).collect();
        let stay = |of: &(dyn Fn(usize) -> Option<Stay> + Sync)| {
            places.par_iter().map(|place| place.and_then(of).unwrap_or_default()).collect()
        };
        match &self.0 {
            Kind::Held(_, all) => Ok(stay(&|place| all.get(place).map(Stay::of))),
            Kind::Again(again) => {
                let before = Stays::read(context, again.facts.employees.len())?;
                Ok(stay(&|place| match again.from.get(place)? {
                    Whence::Before(row) => Some(before.at(*row as usize)),
                    Whence::Matched(own) => again.matched.get(*own as usize).map(Stay::of),
                }))
            }
        }
    }

    /// Place of the first id that is not before another.
    fn first_from(&self, id: &str) -> usize {
        first_from(self.len(), |place| self.id(place).is_some_and(|own| own < id))
    }

    /// Whether there is a customer of an id.
    #[must_use]
    pub fn contains_key(&self, id: &str) -> bool {
        self.place(id).is_some()
    }

    /// Those that are held, where all are.
    pub(super) fn held(&self) -> impl Iterator<Item = (&str, &Contact)> {
        let (ids, all) = match &self.0 {
            Kind::Held(ids, all) => (ids.iter_of(0..ids.len()), all.as_slice()),
            Kind::Again(again) => (again.ids.iter_of(0..0), &[][..]),
        };
        ids.zip(all)
    }

    /// Customers with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, Contact>)> {
        (0..self.len()).filter_map(|place| self.at(place))
    }

    /// The customers at places of the order.
    #[must_use]
    pub fn slice(&self, places: Range<usize>) -> Vec<(&str, Cow<'_, Contact>)> {
        places.into_par_iter().filter_map(|place| self.at(place)).collect()
    }

    /// Ids.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.id(place))
    }

    /// Number of customers.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.0 {
            Kind::Held(ids, _) => ids.len(),
            Kind::Again(again) => again.ids.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;
    use crate::stage::ingest::contacts::{ContactRow, Part, Shapes};

    proptest! {
        #[test]
        fn ids_that_ascend_are_found_as_each_is_alone(
            known in btree_set("[a-c]{0,3}", 0..20), asked in btree_set("[a-c]{0,3}", 0..20),
        ) {
            let known: Vec<String> = known.into_iter().collect();
            let contact = |id: &str| {
                let country = [(Part::Person, c::COUNTRY, Some(id))];
                Contact::new(ContactRow::default().with(&country, &Shapes::default()), &[], "")
            };
            let ids = known.iter().map(String::as_str).collect();
            let contacts = Contacts::ascending(ids, known.par_iter().map(|id| contact(id)));
            let asked = || asked.iter().map(String::as_str);
            let country = |contact: Option<Cow<'_, Contact>>| contact?.value(c::COUNTRY).map(str::to_owned);
            let alone: Vec<Option<String>> = asked().map(|id| country(contacts.get(id))).collect();
            let found: Vec<Option<String>> = contacts.of(asked()).into_iter().map(country).collect();
            prop_assert_eq!(&found, &alone);
            let told = contacts.who(asked()).into_iter().map(|who| who?.country.map(str::to_owned));
            prop_assert_eq!(told.collect::<Vec<_>>(), alone);
            let n_known: BTreeSet<&str> = asked().filter(|id| contacts.contains_key(id)).collect();
            prop_assert_eq!(found.iter().flatten().count(), n_known.len());
        }
    }
}
