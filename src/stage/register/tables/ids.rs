//! What became of ids, links for a look, and what the next night begins with. Where a night matched only some customers,
//! what is told of all others is taken over.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, RecordBatch};

use super::super::contacts::Contacts;
use super::super::marks::{Bits, customer_columns};
use super::super::matching::{Became, Mapped, Matching, Reviewed, Unaffected, weights_text};
use super::{Identity, in_pieces, texts};
use crate::config::Link;
use crate::contract::tables::{CustomerMarks, IdMap, IdPast, Identities, MatchReview, RowMatches};
use crate::contract::{Checked, Contract, column as c, read};
use crate::error::Result;
use crate::kernel::identity::Veto;
use crate::run::context::Context;
use crate::run::manifest::TableEntry;

/// Numbers of customers that this night did not match, as the parent tells them.
pub(super) struct Known {
    rows: RecordBatch,
    /// Rows of `rows` by customer.
    untouched: Vec<Range<usize>>,
}

impl Known {
    pub(super) fn read(context: &Context, before: &Unaffected) -> Result<Self> {
        let names = [c::CUSTOMER_ID, c::ID_SPACE, c::SOURCE_ID, c::LINKED_BY];
        let rows = context.read_parent_columns(Identities::TABLE, Some(&names))?;
        for name in names {
            read::texts(&rows, name)?;
        }
        let mut end = 0;
        let own = before.marks.n_numbers.iter().map(|n| {
            let from = end;
            end += *n as usize;
            from..end
        });
        let own = own.zip(&before.is_matched).filter(|(_, matched)| !**matched).map(|(own, _)| own);
        let n_rows = rows.num_rows();
        Ok(Self { untouched: own.filter(|own| own.end <= n_rows).collect(), rows })
    }

    pub(super) fn identities(&self) -> impl Iterator<Item = Identity<'_>> {
        let texts = |name: &str| read::texts(&self.rows, name).ok();
        let columns =
            texts(c::CUSTOMER_ID).zip(texts(c::ID_SPACE)).zip(texts(c::SOURCE_ID).zip(texts(c::LINKED_BY)));
        columns.into_iter().flat_map(|((customers, spaces), (numbers, links))| {
            self.untouched.iter().cloned().flatten().map(move |row| Identity {
                customer_id: customers.value(row),
                id_space: spaces.value(row),
                source_id: numbers.value(row),
                is_contact: true,
                key: None,
                first_day: None,
                linked_by: links.value(row),
            })
        })
    }
}

/// Writes the tables. `n_numbers`: by customer, its rows of `register/identities`.
pub(super) fn write(
    context: &Context,
    matching: &Matching,
    contacts: &Contacts,
    n_numbers: &[u32],
) -> Result<Vec<TableEntry>> {
    let id_map = whole_id_map(matching);
    let id_map_entry = in_pieces::<IdMap>(context, id_map.len(), |rows| {
        id_map_columns(id_map.get(rows).unwrap_or_default())
    })?;
    drop(id_map);
    let is_past = |one: &&Mapped| one.kind.is_gone() || one.kind == Became::SplitFrom;
    let past: Vec<Told<'_>> = matching.id_map.iter().filter(is_past).map(Told::of).collect();
    let past_entry =
        in_pieces::<IdPast>(context, past.len(), |rows| id_map_columns(past.get(rows).unwrap_or_default()))?;
    let review = Checked::<MatchReview>::from_columns(&context.units, review_columns(context, matching)?)?;
    let review_entry = context.write(
        MatchReview::TABLE,
        &MatchReview::TABLE.file(),
        std::slice::from_ref(review.batch()),
    )?;
    let bits = bits(matching, contacts);
    let customers_entry = in_pieces::<CustomerMarks>(context, matching.n_customers(), |places| {
        let of = || places.clone().filter_map(|place| u32::try_from(place).ok());
        let ids = of().map(|place| matching.id(place).unwrap_or_default());
        let since = of().map(|place| matching.since(place));
        let part = |all: &[u32]| all.get(places.clone()).unwrap_or_default().to_vec();
        customer_columns(ids, since, &part(n_numbers), &part(&bits))
    })?;
    let marks = &matching.row_marks;
    let rows_entry = in_pieces::<RowMatches>(context, marks.customers.len(), |rows| marks.columns(rows))?;
    Ok(vec![id_map_entry, past_entry, review_entry, customers_entry, rows_entry])
}

/// What is kept of customers, by their places.
fn bits(matching: &Matching, contacts: &Contacts) -> Vec<u32> {
    let mut bits = vec![0; matching.n_customers()];
    // Customers of contact rows stand in the order of all.
    let mut place = 0;
    for (contact, id) in contacts.keys().enumerate() {
        while matching.id(place).is_some_and(|own| own < id) {
            place += 1;
        }
        let known = matching.bits(place).or_else(|| contacts.at(contact).map(|(_, one)| Bits::of(&one)));
        if let (Some(slot), Some(known)) = (bits.get_mut(place as usize), known) {
            *slot = known.0;
        }
    }
    bits
}

/// A row of `register/id_map`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Told<'a> {
    old: Option<&'a str>,
    new: Option<&'a str>,
    kind: Became,
    since: Option<i32>,
    changed_on: i32,
}

impl<'a> Told<'a> {
    fn of(one: &'a Mapped) -> Self {
        let Mapped { kind, since, changed_on, .. } = *one;
        Self { old: one.old.as_deref(), new: one.new.as_deref(), kind, since, changed_on }
    }

    /// By what rows stand in order.
    fn order(&self) -> (Option<&'a str>, Self) {
        (self.old.or(self.new), *self)
    }
}

/// The whole table: what happened, and ids that are kept or new.
fn whole_id_map(matching: &Matching) -> Vec<Told<'_>> {
    let mut own = matching.id_map.iter().map(Told::of).peekable();
    let mut all = Vec::with_capacity(own.len() + matching.n_customers());
    for place in (0..matching.n_customers()).filter_map(|place| u32::try_from(place).ok()) {
        let (id, since) = (matching.id(place), matching.since(place));
        let (old, kind) = match matching.became(place) {
            Some(Became::Kept) => (id, Became::Kept),
            Some(Became::New) => (None, Became::New),
            // It stands among what happened.
            _ => continue,
        };
        let told = Told { old, new: id, kind, since, changed_on: matching.as_of };
        while let Some(one) = own.next_if(|one| one.order() < told.order()) {
            all.push(one);
        }
        all.push(told);
    }
    all.extend(own);
    all
}

fn id_map_columns(rows: &[Told<'_>]) -> Vec<ArrayRef> {
    let rows = || rows.iter();
    vec![
        texts(rows().map(|one| one.old)),
        texts(rows().map(|one| one.new)),
        texts(rows().map(|one| Some(one.kind.name()))),
        Arc::new(rows().map(|one| one.since).collect::<Date32Array>()),
        Arc::new(Date32Array::from_iter_values(rows().map(|one| one.changed_on))),
    ]
}

/// A row of `tables/match_review`: two numbers, what links them, why they were not joined.
type ReviewKey<'a> = [&'a str; 6];

fn review_columns(context: &Context, matching: &Matching) -> Result<Vec<ArrayRef>> {
    let key = |nodes: (u32, u32), link: Link, why: Option<Veto>| -> Option<ReviewKey<'_>> {
        let [a, b] = [nodes.0, nodes.1].map(|place| matching.nodes.get(place as usize));
        let (a, b) = (a?, b?);
        let why = match why {
            Some(Veto::BirthDates) => "birth_dates",
            Some(Veto::Numbers) => "numbers",
            Some(Veto::TooLarge) => "too_large",
            None => "between_thresholds",
        };
        Some([matching.space(a), &a.id, matching.space(b), &b.id, link.name(), why])
    };
    let refused =
        matching.refused.iter().filter_map(|one| Some((key(one.nodes, one.link, Some(one.why))?, None)));
    let similar = matching.similar.iter().flat_map(|similar| &similar.reviewed);
    let similar = similar.filter_map(|one| Some((key(one.nodes, Link::Similar, one.why)?, Some(one))));
    let mut rows: Vec<(ReviewKey<'_>, Option<&Reviewed>)> = refused.chain(similar).collect();
    let before = match &matching.before {
        Some(_) => context.read_parent(MatchReview::TABLE)?,
        None => MatchReview::TABLE.empty(&context.units),
    };
    let columns = (0..6)
        .map(|place| before.schema().field(place).name().clone())
        .map(|name| read::texts(&before, &name).cloned())
        .collect::<Result<Vec<_>>>()?;
    // Two numbers that were not joined share a key: both were matched again, or neither.
    let is_touched = |key: &ReviewKey<'_>| {
        let [space, id, other_space, other_id, ..] = *key;
        let is_own = |space: &str, id: &str| {
            let is_gone = |before: &Unaffected| before.gone.contains(&(space.to_owned(), id.to_owned()));
            matching.place(space, id).is_some() || matching.before.as_ref().is_some_and(is_gone)
        };
        is_own(space, id) || is_own(other_space, other_id)
    };
    let known = (0..before.num_rows()).map(|row| {
        let cell = |place: usize| columns.get(place).map_or("", |column| column.value(row));
        std::array::from_fn(cell)
    });
    rows.extend(known.filter(|key| !is_touched(key)).map(|key| (key, None)));
    rows.sort_unstable_by_key(|row| row.0);
    let number = |of: fn(&Reviewed) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.1.map(of)).collect::<Float64Array>())
    };
    let column = |place: usize| texts(rows.iter().map(|row| row.0.get(place)));
    let weights = texts(rows.iter().map(|row| row.1.map(|one| weights_text(&one.weights))));
    let numbers = [number(|one| one.probability), number(|one| one.weight), weights];
    Ok((0..6).map(column).chain(numbers).collect())
}
