//! Texts of a row in one piece of memory, by the places of a shape that rows of one file share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a text of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What makes it the same row; none: always new.
    RowKey,
    /// The version that the source names; none: when it was updated.
    Version,
    /// The canonical form of a contract column beside what was exported (customers.md N-1).
    Canonical,
    /// The source's own customer number.
    SourceId,
    /// A contract column as canonical text, see `canonical`.
    Person,
    /// An `x_` column.
    Attribute,
    /// Status of consent, by channel name.
    Consent,
}

/// Which texts rows can have, ascending; rows of one file share it.
#[derive(Debug)]
pub struct Shape {
    names: Vec<(Part, Box<str>)>,
    /// Places by a hash of the name, each in the first slot from there that was free; [`FREE`] where there is none.
    slots: Vec<u16>,
}

/// A slot without a place.
const FREE: u16 = u16::MAX;

/// A cheap hash of a name: names of columns differ in length or ends.
fn hash(part: Part, name: &str) -> usize {
    let bytes = name.as_bytes();
    let at = |place: usize| bytes.get(place).map_or(0, |byte| usize::from(*byte));
    let last = at(bytes.len().saturating_sub(1));
    part as usize * 5 + bytes.len() * 3 + at(0) * 7 + at(bytes.len() / 2) * 13 + last * 29
}

impl Shape {
    /// The shape of names, given in any order.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = (Part, &'a str)>) -> Self {
        let mut names: Vec<(Part, Box<str>)> =
            names.into_iter().map(|(part, name)| (part, name.into())).collect();
        names.sort_unstable();
        names.dedup();
        let mut slots = vec![FREE; (names.len() * 4).next_power_of_two()];
        for (place, (part, name)) in (0_u16..).zip(&names) {
            let from = hash(*part, name);
            let mut free = (0..slots.len()).map(|step| (from + step) & (slots.len() - 1));
            let slot = free.find(|slot| slots.get(*slot) == Some(&FREE));
            slot.and_then(|slot| slots.get_mut(slot)).into_iter().for_each(|slot| *slot = place);
        }
        Self { names, slots }
    }

    /// Place of a name.
    #[must_use]
    pub fn place(&self, part: Part, name: &str) -> Option<usize> {
        let from = hash(part, name);
        let places = (0..self.slots.len()).map(|step| self.slots.get((from + step) & (self.slots.len() - 1)));
        let mut places =
            places.flatten().take_while(|place| **place != FREE).map(|place| usize::from(*place));
        places.find(|place| self.names.get(*place).is_some_and(|(own, text)| *own == part && **text == *name))
    }

    /// Number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Part, &str)> {
        self.names.iter().map(|(part, name)| (*part, &**name))
    }
}

/// Names as they are kept for a look.
type Names = Vec<(Part, String)>;

/// Shapes that were met, each once.
#[derive(Debug, Default)]
pub struct Shapes {
    known: Mutex<BTreeMap<Names, Arc<Shape>>>,
}

impl Shapes {
    /// The shape of names.
    pub(super) fn of<'a>(&self, names: impl Iterator<Item = (Part, &'a str)>) -> Arc<Shape> {
        let names: Names = names.map(|(part, name)| (part, name.to_owned())).collect();
        let make = |names: &[(Part, String)]| {
            Arc::new(Shape::new(names.iter().map(|(part, name)| (*part, name.as_str()))))
        };
        match self.known.lock() {
            Ok(mut known) => {
                let shape = known.get(&names).cloned().unwrap_or_else(|| make(&names));
                known.entry(names).or_insert_with(|| Arc::clone(&shape));
                shape
            }
            Err(_) => make(&names),
        }
    }
}

/// Bits of a length in one byte: all stay below 128, so that lengths and texts together are one text.
const LENGTH_BITS: usize = 7;
/// Bytes of each length: one where all texts of a row are short, as most are, else as many as any length needs.
const WIDTHS: [usize; 2] = [1, 5];

/// Texts by the places of a shape: bytes of a length, then for each place the length and one, 0 where there is none, then
/// all texts. Lengths stand together, so that a text is found without a look at those before it.
#[derive(Clone, Default)]
pub(super) struct Cells {
    shape: Option<Arc<Shape>>,
    texts: Arc<str>,
}

/// The number of a few bytes, the lowest first.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << LENGTH_BITS | usize::from(*byte))
}

impl Cells {
    /// Texts by the places of a shape.
    pub(super) fn new<S: AsRef<str>>(shape: &Arc<Shape>, texts: &[Option<S>], scratch: &mut String) -> Self {
        let text = |place| texts.get(place).and_then(Option::as_ref).map(AsRef::as_ref);
        let places = || (0..shape.len()).map(text);
        let is_short = |text: &str| text.len() + 1 < 1 << LENGTH_BITS;
        let [short, long] = WIDTHS;
        let width = if places().flatten().all(is_short) { short } else { long };
        scratch.clear();
        let mut push = |byte: usize| scratch.push(char::from(u8::try_from(byte).unwrap_or_default()));
        push(width);
        for length in places().map(|text| text.map_or(0, |text| text.len() + 1)) {
            (0..width).for_each(|at| push(length >> (at * LENGTH_BITS) & ((1 << LENGTH_BITS) - 1)));
        }
        places().flatten().for_each(|text| scratch.push_str(text));
        Self { shape: Some(Arc::clone(shape)), texts: Arc::from(scratch.as_str()) }
    }

    /// The shape; `None`: there is no text.
    pub(super) const fn shape(&self) -> Option<&Arc<Shape>> {
        self.shape.as_ref()
    }

    /// Lengths of all places, the bytes of each of them, and where texts begin.
    fn lengths(&self) -> (&[u8], usize, usize) {
        let width = self.texts.as_bytes().first().map_or(1, |width| usize::from(*width));
        let end = 1 + self.shape.as_deref().map_or(0, Shape::len) * width;
        (self.texts.as_bytes().get(1..end).unwrap_or_default(), width, end)
    }

    /// The text at a place of the shape.
    pub(super) fn at(&self, place: usize) -> Option<&str> {
        let (lengths, width, begin) = self.lengths();
        let own = number(lengths.get(place * width..(place + 1) * width)?).checked_sub(1)?;
        let before = lengths.get(..place * width)?;
        let before: usize = if width == 1 {
            before.iter().map(|length| usize::from(length.saturating_sub(1))).sum()
        } else {
            before.chunks_exact(width).map(|length| number(length).saturating_sub(1)).sum()
        };
        self.texts.get(begin + before..begin + before + own)
    }

    /// The text of a name.
    pub(super) fn get(&self, part: Part, name: &str) -> Option<&str> {
        self.at(self.shape.as_ref()?.place(part, name)?)
    }

    /// By place of the shape, its text; `None`: there is none.
    pub(super) fn by_place(&self) -> impl Iterator<Item = Option<&str>> {
        let (lengths, width, mut at) = self.lengths();
        lengths.chunks_exact(width).map(move |length| {
            let begin = at;
            at += number(length).checked_sub(1)?;
            self.texts.get(begin..at)
        })
    }

    /// The texts that there are, by part and name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Part, &str, &str)> {
        let names = self.shape.as_deref().into_iter().flat_map(Shape::iter);
        names.zip(self.by_place()).filter_map(|((part, name), text)| Some((part, name, text?)))
    }
}

/// Which texts are there counts, not which could be.
impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Cells {}
