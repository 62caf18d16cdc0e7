//! Whether somebody may be addressed (customers.md 4.2): every rule that speaks against it, in the order of precedence,
//! and the legal basis where none does.
//!
//! The caller gathers what concerns one person and one contact point; nothing is looked up here, and "now" is a moment
//! that is given. Whatever is not known speaks against addressing.

mod basis;

pub use self::basis::{Basis, Granted, Statement, Status};

/// How somebody is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// E-mail.
    Email,
    /// Text message.
    Sms,
    /// A person calls.
    Phone,
    /// A machine calls.
    PhoneAuto,
    /// Letter.
    Post,
    /// Push notification.
    Push,
    /// Audience of an advertising platform.
    Ads,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 7] =
        [Self::Email, Self::Sms, Self::Phone, Self::PhoneAuto, Self::Post, Self::Push, Self::Ads];

    /// Its name in config, exports and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Phone => "phone",
            Self::PhoneAuto => "phone_auto",
            Self::Post => "post",
            Self::Push => "push",
            Self::Ads => "ads",
        }
    }

    /// The channel of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// Whether what is forbidden for this channel is forbidden for another: who wants no calls wants none from a machine.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self == other || (self == Self::Phone && other == Self::PhoneAuto)
    }

    /// Whether a legitimate interest can be a basis (S-1).
    #[must_use]
    pub const fn takes_legitimate_interest(self) -> bool {
        matches!(self, Self::Phone | Self::Post)
    }

    /// Whether a soft opt-in can be a basis (S-2): electronic mail.
    #[must_use]
    pub const fn takes_soft_opt_in(self) -> bool {
        matches!(self, Self::Email | Self::Sms)
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Sells something.
    Marketing,
    /// Helps with what was bought.
    Service,
    /// Belongs to a transaction.
    Transactional,
    /// Required by law.
    Legal,
}

/// The rules of 4.2 in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// 1: was erased.
    Erased,
    /// 2: deceased, legal block, fraud, minor.
    PersonBlock,
    /// 3: objection to direct marketing.
    Objection,
    /// 4: register of those who want no calls or letters.
    DoNotCall,
    /// 5: complained of unwanted mail.
    SpamComplaint,
    /// 6: left the channel.
    OptOut,
    /// 7: the contact point does not work.
    Unreachable,
    /// 8: wants nothing of a product line.
    Topic,
    /// 9: open complaint or bad answer.
    CarePause,
    /// 10: the relation is under review.
    RelationEnd,
    /// 11: there is no legal basis.
    NoBasis,
}

impl Rule {
    /// Whether the rule holds for a class of messages (S-8).
    #[must_use]
    pub const fn holds_for(self, class: Class) -> bool {
        matches!(class, Class::Marketing)
            || !matches!(self, Self::Topic | Self::CarePause | Self::RelationEnd)
    }

    /// Whether a newer explicit opt-in, with evidence and for the same channel, lifts it (S-5).
    const fn is_lifted_by_opt_in(self) -> bool {
        matches!(
            self,
            Self::Erased
                | Self::Objection
                | Self::DoNotCall
                | Self::SpamComplaint
                | Self::OptOut
                | Self::Topic
        )
    }
}

/// Something that forbids.
#[derive(Clone, Copy, Debug)]
pub struct Restriction<'a> {
    /// The rule that it falls under.
    pub rule: Rule,
    /// Its name in tables.
    pub kind: &'static str,
    /// The channel that it covers; `None`: all. An objection and what blocks a person cover all whatever stands here.
    pub channel: Option<Channel>,
    /// The line that a topic opt-out covers; `None`: all.
    pub line: Option<&'a str>,
    /// Since when, milliseconds; `None`: not dated, so nothing is newer.
    pub since_ms: Option<i64>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// How.
    pub channel: Channel,
    /// What.
    pub class: Class,
    /// The product line that it sells; empty: not said.
    pub line: &'a str,
    /// Lines that count as similar to it (S-2).
    pub similar: &'a [&'a str],
    /// The moment that the decision is for, milliseconds; what is dated later allows nothing.
    pub at_ms: i64,
    /// Whether a legitimate interest is configured for this channel and the person's country.
    pub legitimate_interest: bool,
    /// The last contact of either side before `at_ms`, milliseconds, if any is known.
    pub last_contact_ms: Option<i64>,
    /// Months for which a grant without an end lasts after the last contact (S-7); `None`: until withdrawn.
    pub lifetime_months: Option<i32>,
}

/// One thing that speaks against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// Its name in tables: kind of the restriction, or what the basis lacks.
    pub kind: &'static str,
    /// Place of the restriction in the list, or of the statement for [`Rule::NoBasis`]; `None`: nothing was said.
    pub place: Option<usize>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What speaks against, weightiest first; empty: allowed.
    pub reasons: Vec<Reason>,
    /// The basis on which it is allowed, and until when.
    pub granted: Option<Granted>,
}

impl Decision {
    /// Whether nothing speaks against it.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Decides (4.2, S-1 to S-3, S-5, S-7, S-8). All rules are asked, so that every reason is told; those of one rule come by
/// date, the undated first, then by name. `restrictions` and `statements` may stand in any order.
#[must_use]
pub fn decide(
    question: &Question<'_>,
    restrictions: &[Restriction<'_>],
    statements: &[Statement<'_>],
) -> Decision {
    let is_in_force = |restriction: &&Restriction<'_>| {
        concerns(restriction, question)
            && !statements.iter().any(|statement| lifts(restriction, statement, question))
    };
    let mut order: Vec<(Rule, Option<i64>, &'static str, usize)> = restrictions
        .iter()
        .enumerate()
        .filter(|(_, restriction)| is_in_force(restriction))
        .map(|(place, restriction)| (restriction.rule, restriction.since_ms, restriction.kind, place))
        .collect();
    order.sort_unstable();
    let told = |(rule, _, kind, place)| Reason { rule, kind, place: Some(place) };
    let mut reasons: Vec<Reason> = order.into_iter().map(told).collect();
    let granted = match basis::basis(question, statements) {
        Ok(granted) => Some(granted),
        Err((kind, place)) => {
            reasons.push(Reason { rule: Rule::NoBasis, kind, place });
            None
        }
    };
    let granted = granted.filter(|_| reasons.is_empty());
    Decision { reasons, granted }
}

/// Whether a restriction is about what is asked. One that is dated later than the question holds as well: it is known.
fn concerns(restriction: &Restriction<'_>, question: &Question<'_>) -> bool {
    let of_all = matches!(restriction.rule, Rule::Erased | Rule::PersonBlock | Rule::Objection);
    let of_channel = of_all || restriction.channel.is_none_or(|channel| channel.covers(question.channel));
    let other_line = restriction.rule == Rule::Topic
        && !question.line.is_empty()
        && restriction.line.is_some_and(|line| line != question.line);
    restriction.rule.holds_for(question.class) && of_channel && !other_line
}

/// Whether a statement lifts a restriction: an explicit opt-in with evidence, newer than it, by the same person for the
/// same channel and, for a topic, covering its line.
fn lifts(restriction: &Restriction<'_>, statement: &Statement<'_>, question: &Question<'_>) -> bool {
    let newer = match (restriction.since_ms, statement.collected_ms) {
        (Some(since), Some(collected)) => collected > since && collected < question.at_ms,
        _ => false,
    };
    let of_topic = restriction.rule != Rule::Topic
        || question.line.is_empty()
        || statement.covers_by_name(question.line);
    restriction.rule.is_lifted_by_opt_in()
        && newer
        && of_topic
        && statement.is_explicit_opt_in()
        && statement.channel == question.channel
}

#[cfg(test)]
mod tests;
