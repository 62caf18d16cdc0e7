//! A member's facts as running sums, so that the metric of any range of days is two look-ups.

use super::Fact;

/// Room for one member's running sums, which serves again for the next.
#[derive(Debug, Default)]
pub struct Room {
    days: Vec<i32>,
    /// Before each day, and after the last: everything, and what was returned.
    net: Vec<i64>,
    returned: Vec<i64>,
}

impl Room {
    /// Takes the facts from `first` to `last`.
    pub(super) fn fill(&mut self, facts: &[Fact], first: i32, last: i32) {
        self.days.clear();
        self.net.clear();
        self.returned.clear();
        let (mut net, mut returned) = (0_i64, 0_i64);
        self.net.push(net);
        self.returned.push(returned);
        for fact in facts.iter().filter(|fact| (first..=last).contains(&fact.day)) {
            returned = returned.saturating_add(fact.returned);
            net = net.saturating_add(fact.earned).saturating_add(fact.returned);
            self.days.push(fact.day);
            self.net.push(net);
            self.returned.push(returned);
        }
    }

    fn before(&self, day: i32) -> usize {
        self.days.partition_point(|known| *known < day)
    }

    fn up_to(&self, day: i32) -> usize {
        self.days.partition_point(|known| *known <= day)
    }

    fn between(sums: &[i64], from: usize, to: usize) -> i64 {
        let at = |place: usize| sums.get(place).copied().unwrap_or_default();
        if from < to { at(to).saturating_sub(at(from)) } else { 0 }
    }

    /// Metric of the days from `first` to `last`, both included.
    pub(super) fn metric(&self, first: i32, last: i32) -> i64 {
        Self::between(&self.net, self.before(first), self.up_to(last))
    }

    /// What was returned on the days from `first` to `last`, both included; at most 0.
    pub(super) fn returned(&self, first: i32, last: i32) -> i64 {
        Self::between(&self.returned, self.before(first), self.up_to(last))
    }

    /// The first day with facts after a day.
    pub(super) fn next(&self, after: i32) -> Option<i32> {
        self.days.get(self.up_to(after)).copied()
    }

    /// The first day from `first` on whose metric is below 0, so that the sum rises when it leaves a window.
    pub(super) fn next_negative(&self, first: i32) -> Option<i32> {
        let begin = self.before(first);
        let sums = self.net.get(begin..)?;
        let place = sums.windows(2).position(|pair| matches!(pair, [a, b] if b < a))?;
        self.days.get(begin + place).copied()
    }

    /// The first day with facts from `first` on.
    pub(super) fn next_from(&self, first: i32) -> Option<i32> {
        self.days.get(self.before(first)).copied()
    }

    /// Whether any day took something back.
    pub(super) fn has_returns(&self) -> bool {
        self.returned.last().is_some_and(|sum| *sum < 0)
    }
}
