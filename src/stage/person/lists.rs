//! Target lists without one person.

use super::Person;
use crate::stage::campaigns::list::records;

/// A list without the records that name the person, and how many went; `None` where none does. The header stays.
#[must_use]
pub fn without(text: &str, person: &Person) -> Option<(String, u64)> {
    let mut kept = String::with_capacity(text.len());
    let mut n_gone = 0;
    for (place, record) in records(text).into_iter().enumerate() {
        if place > 0 && person.stands_in(record.as_bytes()) {
            n_gone += 1;
        } else {
            kept.push_str(record);
        }
    }
    (n_gone > 0).then_some((kept, n_gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_the_person_go_whole() {
        let person = Person { ids: ["C2".to_owned()].into(), ..Person::default() };
        let text = "id,street\r\n\"C1\",\"a\nC3\"\r\n\"C2\",\"b\nc\"\r\n\"C22\",\"d\"";
        let (kept, n_gone) = without(text, &person).unwrap();
        assert_eq!((kept.as_str(), n_gone), ("id,street\r\n\"C1\",\"a\nC3\"\r\n\"C22\",\"d\"", 1));
        assert_eq!(without(&kept, &person), None);
    }
}
