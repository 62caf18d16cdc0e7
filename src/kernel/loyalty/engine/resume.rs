//! Going on from a log: where a member stood is read off its events, so that earlier days need not be gone through again.

use super::{Began, Engine, Period, Upgraded};
use crate::kernel::loyalty::{Downgrade, Event, EventKind, Member, Programme, Room, Standing};

/// Whether [`resume`] can go on from a log: the programme has one set of rules, the log speaks of a member, and no tier was
/// given by hand.
fn can_resume(programme: &Programme, member: &Member<'_>, before: &[Event]) -> bool {
    let is_plain = |kind: EventKind| {
        !matches!(kind, EventKind::Manual | EventKind::Merged | EventKind::Rules | EventKind::Left)
    };
    programme.versions.len() == 1
        && member.manual.is_empty()
        && !before.is_empty()
        && before.iter().all(|event| is_plain(event.kind))
}

/// The first day whose facts can still matter on the days after `until`, up to which `before` is the log of a member; `None`
/// where [`resume`] cannot go on from it.
#[must_use]
pub fn needed_from(programme: &Programme, member: &Member<'_>, before: &[Event], until: i32) -> Option<i32> {
    let (mut room, mut log) = (Room::default(), Vec::new());
    let engine = recovered(programme, member, before, until, &mut room, &mut log)?;
    let mut needed = engine.window_start(until.saturating_add(1)).min(engine.first_counted());
    if let Some(upgraded) = engine.upgraded.filter(|upgraded| upgraded.until > until) {
        needed = needed.min(upgraded.before.start).min(upgraded.on);
    }
    Some(needed.max(engine.enrolled()))
}

/// Evaluates the days after `until` up to `as_of`, which must be later; `before` is the member's log up to `until`. Appends
/// `before` and the new events to `log` and gives the standing as [`super::run`] does. Facts before [`needed_from`] are not
/// looked at. `None` where the log does not tell enough.
#[must_use]
pub fn resume(
    programme: &Programme,
    member: &Member<'_>,
    (before, until): (&[Event], i32),
    as_of: i32,
    room: &mut Room,
    log: &mut Vec<Event>,
) -> Option<Standing> {
    if until >= as_of || !can_resume(programme, member, before) {
        return None;
    }
    log.extend_from_slice(before);
    let mut engine = recovered(programme, member, before, as_of, room, log)?;
    engine.fill();
    engine.go(until.saturating_add(1))
}

/// The engine as it stood after the last event.
fn recovered<'a, 'r>(
    programme: &'a Programme,
    member: &'a Member<'a>,
    before: &[Event],
    as_of: i32,
    room: &'r mut Room,
    log: &'r mut Vec<Event>,
) -> Option<Engine<'a, 'r>> {
    let rules = programme.versions.first()?;
    if !can_resume(programme, member, before) {
        return None;
    }
    let enrolled = member.enrolled.max(rules.from);
    let mut engine = Engine::at_enrolment(programme, member, (0, rules, enrolled), as_of, room, log);
    before.iter().try_for_each(|event| engine.recover(event))?;
    Some(engine)
}

impl Engine<'_, '_> {
    /// Takes over what an event did.
    fn recover(&mut self, event: &Event) -> Option<()> {
        let Event { day, kind, tier_start, check, .. } = *event;
        let tier = self.place_of(event.to?)?;
        let period = |began| Period { tier, start: tier_start, began, anchor: day, n_renewals: 0, check };
        match kind {
            EventKind::Upgrade => {
                let until = day.saturating_add(self.rules.reversal_days);
                self.upgraded = Some(Upgraded { before: self.period, on: day, until });
                self.period = period(Began::Upgrade);
            }
            EventKind::Reversal => self.period = self.upgraded.take()?.before,
            EventKind::Renewal => {
                let (anchor, n_renewals) = self.after_renewal();
                self.period = Period { anchor, n_renewals, ..period(Began::Otherwise) };
            }
            EventKind::Downgrade => {
                self.upgraded = None;
                if self.rules.downgrade == Downgrade::Lowest {
                    self.counts_from = self.counts_from.max(day.saturating_add(1));
                }
                self.period = period(Began::Otherwise);
            }
            EventKind::Enrolled | EventKind::Grace => {}
            EventKind::Manual | EventKind::Merged | EventKind::Rules | EventKind::Left => return None,
        }
        let grace_ends = self.period.check.saturating_add(self.rules.grace_days);
        self.grace_until = (kind == EventKind::Grace).then_some(grace_ends);
        Some(())
    }
}
