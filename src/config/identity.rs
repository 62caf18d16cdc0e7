//! `[identity]`: which numbers are one person.

/// What links two numbers, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// The export names the other number.
    SameAs,
    /// Loyalty card.
    Card,
    /// E-mail address.
    Email,
    /// Telephone number and family name.
    Phone,
    /// No key, but a match probability; no link of `identity.keys`.
    Similar,
}

impl Link {
    /// Its name in config and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameAs => "same_as",
            Self::Card => "card",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Similar => "similar",
        }
    }

    /// The key of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::SameAs, Self::Card, Self::Email, Self::Phone].into_iter().find(|link| link.name() == name)
    }
}

/// Which row a field is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivorship {
    /// The newest.
    Recency,
    /// That of the source that stands first in the config.
    Priority,
}

/// `[identity]`.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Whether persons are matched.
    pub matches: bool,
    /// What links.
    pub links: Vec<Link>,
    /// A key of more numbers links nobody.
    pub max_shared: usize,
    /// A cluster of more numbers is not made.
    pub max_cluster: usize,
    /// Values that stand for "none", as written.
    pub placeholders: Vec<String>,
    /// Which row a field is taken from.
    pub survivorship: Survivorship,
    /// Links people without shared keys; `None`: not done.
    pub similar: Option<Similar>,
}

/// Match probabilities from which people without shared keys are linked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similar {
    /// They are one customer.
    pub merge: f64,
    /// They are told for review; what was one customer the night before stays one.
    pub review: f64,
}
