//! What a source's files and rows must pass.

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

/// What the files and rows of a source must pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceRules {
    /// What a second row of a key does.
    pub on_duplicate: OnDuplicate,
    /// SQL predicate over contract columns; rows for which it is not true are dropped. Empty = none.
    pub predicate: String,
    /// Where the predicate stands: `file:line:column`.
    pub predicate_place: String,
    /// Whether the source gives a person one number only.
    pub one_number_per_person: bool,
    /// Days above which the newest file is too old; 0 = not checked.
    pub max_age_days: u64,
}
