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
        }
    }

    /// The link of a name.
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
}
