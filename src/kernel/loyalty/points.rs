//! Points that are earned and not expired. They expire at the end of a day, after the tiers of the day were evaluated,
//! and expiry takes no status: tiers rest on what was earned.

use super::Fact;
use crate::kernel::calendar::add_months;

/// Points on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// Earned and neither returned nor expired.
    pub valid: i64,
    /// Day on which the next of them expire, and how many do; `None`: none ever.
    pub next: Option<(i32, i64)>,
}

/// Points at the end of `as_of`, of facts from `enrolled` on. What is returned is taken from the points earned last, as
/// most returns follow their purchase soon; what was earned on a day expires `months` later, 0: never.
#[must_use]
pub fn points(facts: &[Fact], enrolled: i32, as_of: i32, months: i32) -> Points {
    let expiry = |day: i32| if months == 0 { i32::MAX } else { add_months(day, months) };
    let mut lots: Vec<(i32, i64)> = Vec::new();
    for fact in facts.iter().filter(|fact| (enrolled..=as_of).contains(&fact.day)) {
        if fact.earned > 0 {
            lots.push((expiry(fact.day), fact.earned));
        }
        let mut returned = fact.returned.saturating_neg();
        for (_, lot) in lots.iter_mut().rev().filter(|(expires, _)| *expires > fact.day) {
            let taken = returned.min(*lot);
            *lot -= taken;
            returned -= taken;
        }
    }
    lots.retain(|(expires, lot)| *expires > as_of && *lot > 0);
    let next = lots.first().map(|(expires, _)| *expires).filter(|_| months > 0);
    let sum = |lots: &mut dyn Iterator<Item = &(i32, i64)>| {
        lots.fold(0_i64, |sum, (_, lot)| sum.saturating_add(*lot))
    };
    Points {
        valid: sum(&mut lots.iter()),
        next: next.map(|day| (day, sum(&mut lots.iter().filter(|(expires, _)| *expires == day)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_expire_by_the_day_and_returns_take_the_last() {
        let fact = |day, earned, returned| Fact { day, earned, returned };
        let facts = [fact(0, 100, 0), fact(31, 50, 0), fact(40, 0, -70), fact(45, 30, 0)];
        // Days since 1 January 1970: what was earned on it expires on 1 February, day 31.
        let at = |as_of| points(&facts, 0, as_of, 1);
        assert_eq!(at(0), Points { valid: 100, next: Some((31, 100)) });
        assert_eq!(at(30), Points { valid: 100, next: Some((31, 100)) });
        assert_eq!(at(31), Points { valid: 50, next: Some((59, 50)) });
        // More was returned than is left: nobody owes points.
        assert_eq!(at(40), Points::default());
        assert_eq!(at(45), Points { valid: 30, next: Some((73, 30)) });
        assert_eq!(points(&facts, 0, 45, 0), Points { valid: 110, next: None });
        assert_eq!(points(&facts, 41, 45, 0), Points { valid: 30, next: None });
    }
}
