//! What a source's rows must pass once they are typed.

/// What a second row of a key does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The greatest by version and arrival counts.
    #[default]
    Replace,
    /// The first to arrive counts, whatever its version.
    KeepFirst,
    /// The first to arrive counts, and every other is a fault.
    Reject,
}

impl OnDuplicate {
    /// Its name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::KeepFirst => "keep_first",
            Self::Reject => "reject",
        }
    }
}

/// What happens to the rows of a source once they are typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowRules {
    /// What a second row of a key does.
    pub on_duplicate: OnDuplicate,
    /// SQL predicate over contract columns; rows for which it is not true are dropped. Empty = none.
    pub predicate: String,
    /// Where the predicate stands: `file:line:column`.
    pub predicate_place: String,
}
