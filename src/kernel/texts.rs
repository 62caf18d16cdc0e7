//! Many short texts in one piece of memory: a text costs its bytes and a word, where one of its own costs some forty bytes
//! more.

use std::ops::Range;

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

    /// The texts of some numbers; none of those past the last.
    #[must_use]
    pub fn iter_of(&self, numbers: Range<usize>) -> impl ExactSizeIterator<Item = &str> + Clone {
        let end = numbers.end.min(self.len());
        (numbers.start.min(end)..end).map(|number| self.get(number).unwrap_or_default())
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

    proptest! {
        #[test]
        fn texts_come_back_by_number(texts in vec(".{0,4}", 0..20), from in 0_usize..25, n in 0_usize..25) {
            let all: Texts = texts.iter().map(String::as_str).collect();
            prop_assert_eq!((all.len(), all.is_empty()), (texts.len(), texts.is_empty()));
            for number in 0..texts.len() + 2 {
                prop_assert_eq!(all.get(number), texts.get(number).map(String::as_str));
            }
            let some: Vec<&str> = texts.iter().skip(from).take(n).map(String::as_str).collect();
            prop_assert_eq!(all.iter_of(from..from + n).collect::<Vec<&str>>(), some);
        }
    }
}
