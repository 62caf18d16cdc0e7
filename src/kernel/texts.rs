//! Many short texts in one piece of memory: a text costs its bytes and a word, where one of its own costs some forty bytes
//! more.

use std::ops::Range;

use rayon::prelude::*;

/// Texts that are made in one piece.
const PIECE: usize = 1 << 16;
/// Pieces that are put together while as many others are made.
const PIECES_AT_ONCE: usize = 8;

/// Texts by number.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Texts {
    /// None, with room for `n` texts.
    #[must_use]
    pub fn with_capacity(n: usize) -> Self {
        Self { text: String::new(), ends: Vec::with_capacity(n) }
    }

    /// Makes `n` texts by their numbers, side by side.
    #[must_use]
    pub fn side_by_side<S: AsRef<str>>(n: usize, text: impl Fn(usize) -> S + Sync) -> Self {
        let make = |from: &usize| {
            let numbers = *from..n.min(from + PIECE);
            let mut piece = Self::with_capacity(numbers.len());
            numbers.for_each(|number| piece.push(text(number).as_ref()));
            piece
        };
        let mut all = Self::with_capacity(n);
        let mut made: Vec<Self> = Vec::new();
        let pieces: Vec<usize> = (0..n).step_by(PIECE).collect();
        for some in pieces.chunks(PIECES_AT_ONCE).chain([[].as_slice()]) {
            let done = std::mem::take(&mut made);
            let make_all = || some.par_iter().map(make).collect();
            (made, ()) = rayon::join(make_all, || done.iter().for_each(|piece| all.append(piece)));
        }
        all
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// Adds all of others behind its own.
    pub fn append(&mut self, others: &Self) {
        let before = self.text.len();
        self.text.push_str(&others.text);
        self.ends.extend(others.ends.iter().map(|end| before + end));
    }

    /// Number of texts.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a number; `None` past the last.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&str> {
        let from = number.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(from..*self.ends.get(number)?)
    }

    /// Some texts as they stand, end to end; none of those past the last.
    #[must_use]
    pub fn some(&self, numbers: Range<usize>) -> EndToEnd<'_> {
        let end = numbers.end.min(self.len());
        let numbers = numbers.start.min(end)..end;
        let from = numbers.start.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        let ends = self.ends.get(numbers).unwrap_or_default();
        let text = self.text.get(from..ends.last().copied().unwrap_or(from)).unwrap_or_default();
        EndToEnd { text, from, ends }
    }

    /// The texts of some numbers; none of those past the last.
    #[must_use]
    pub fn iter_of(&self, numbers: Range<usize>) -> impl ExactSizeIterator<Item = &str> + Clone {
        let end = numbers.end.min(self.len());
        (numbers.start.min(end)..end).map(|number| self.get(number).unwrap_or_default())
    }
}

/// Texts that stand end to end.
#[derive(Clone, Copy, Debug)]
pub struct EndToEnd<'a> {
    text: &'a str,
    /// Where the first begins, as ends are counted.
    from: usize,
    ends: &'a [usize],
}

impl<'a> EndToEnd<'a> {
    /// All of them as one.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// How many bytes each has.
    #[must_use]
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = usize> {
        let mut before = self.from;
        self.ends.iter().map(move |end| end - std::mem::replace(&mut before, *end))
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let texts = texts.into_iter();
        let mut all = Self::with_capacity(texts.size_hint().0);
        texts.for_each(|text| all.push(text));
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_are_put_together_in_their_order() {
        let n = PIECES_AT_ONCE * PIECE + 3;
        let all = Texts::side_by_side(n, |number| (number * 7).to_string());
        assert_eq!(all.len(), n);
        assert!((0..n).all(|number| all.get(number) == Some((number * 7).to_string().as_str())));
    }

    proptest! {
        #[test]
        fn texts_come_back_by_number(texts in vec(".{0,4}", 0..20), from in 0_usize..25, n in 0_usize..25) {
            let all: Texts = texts.iter().map(String::as_str).collect();
            prop_assert_eq!((all.len(), all.is_empty()), (texts.len(), texts.is_empty()));
            for number in 0..texts.len() + 2 {
                prop_assert_eq!(all.get(number), texts.get(number).map(String::as_str));
            }
            let some: Vec<&str> = texts.iter().skip(from).take(n).map(String::as_str).collect();
            prop_assert_eq!(all.iter_of(from..from + n).collect::<Vec<&str>>(), some.clone());
            let together = all.some(from..from + n);
            prop_assert_eq!(together.text(), some.concat());
            prop_assert!(together.lengths().eq(some.iter().map(|text| text.len())));
            let (mut parts, rest): (Texts, Texts) =
                (texts.iter().take(from).map(String::as_str).collect(), texts.iter().skip(from).map(String::as_str).collect());
            parts.append(&rest);
            prop_assert!(parts.iter_of(0..parts.len()).eq(all.iter_of(0..all.len())));
        }
    }
}
