//! Every key of the config, once: its path, its type, its default, whether it is required or secret, and what it
//! means. The reader, the checks, the JSON Schema and the reference page follow from [`KEYS`] and [`SECTIONS`].

/// Type and range of a key's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `[a-z0-9_-]+`: the name becomes part of file names.
    Name,
    /// Any text.
    Text {
        /// Whether `""` is a value.
        empty: bool,
    },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A whole number in this range, both ends included.
    Integer {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
    },
    /// A share from 0 to 1.
    Share,
    /// `"auto"`, or a number of bytes with its unit, such as `"4GiB"`.
    Memory,
    /// `true` or `false`.
    Bool,
    /// A path.
    Path,
    /// A path or glob, or a list of them.
    Paths,
    /// A list of texts, possibly empty.
    Texts,
    /// A list of one or more of these texts.
    Choices(&'static [&'static str]),
    /// A list of names of `[[segment]]`.
    SegmentNames {
        /// Whether `[]` is a value.
        empty: bool,
    },
    /// A number that is not negative.
    Amount,
    /// Days that count for upgrades.
    UpgradeWindow,
    /// How long a tier is held, or `""`.
    Validity,
    /// A day, or `""` for none.
    Day,
    /// A day, `"yesterday"` or `"latest"`.
    AsOf,
    /// A code of ISO 4217 with a minor unit.
    Currency,
    /// An IANA time zone.
    TimeZone {
        /// Whether `""` is a value.
        empty: bool,
    },
    /// One ASCII character.
    Byte {
        /// Whether `""` is a value and means "none".
        empty: bool,
    },
    /// `"auto"` or a strftime pattern.
    DateFormat,
    /// SQL over the customers table; parsed where the table's columns are known.
    Expression {
        /// Whether `""` is a value.
        empty: bool,
    },
    /// `[low, high]`, scores from 1 to `rfm.bins`.
    ScoreRange,
    /// Ascending numbers, one fewer than `rfm.bins`.
    Cuts,
    /// A list of contract columns of the source's kind.
    ContractColumns,
    /// A table: contract column to header, or to a list of headers.
    ColumnTable,
    /// A table: contract column to constant.
    ConstantTable,
    /// A table of tables: contract column to contract value to values in the export.
    ValueTable,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted path; `[]` follows the name of an array of tables.
    pub path: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// Default as TOML; `None` for required keys and for those that stand for "not given".
    pub default: Option<&'static str>,
    /// Whether it must be given.
    pub required: bool,
    /// Whether its value is never shown.
    pub secret: bool,
    /// What it means, for people who know the trade and not the program.
    pub doc: &'static str,
}

impl Key {
    /// The last part of the path.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The path of the section that holds the key.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }
}

/// One section.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Dotted path; `[]` at the end for an array of tables.
    pub path: &'static str,
    /// What its keys are about.
    pub doc: &'static str,
}

/// Every section, in the order of the reference.
pub const SECTIONS: &[Section] = &[
    section("project", "What the run is for, and where its output goes."),
    section(
        "privacy",
        "Keys for ids that must not be guessed. Give them by the environment, not in the file.",
    ),
    section("source[]", "One export that is delivered again and again."),
    section(
        "quality",
        "Gates: a gate trips when its value is greater than the limit, and nothing is published.",
    ),
    section(
        "identity",
        "Which numbers are one person. Rows that share a strong key become one customer, unless that puts a contradiction \
         into it; `tables/match_review` tells what was refused.",
    ),
    section(
        "consent",
        "Who may be addressed. What is not known means no; these keys say what is enough of a yes.",
    ),
    section(
        "summary",
        "What buying is also counted by. What is switched off is not known of customers, and nights are quicker.",
    ),
    section("rfm", "Scores for recency, frequency and monetary value."),
    section("rfm.cuts", "Fixed cut points in the place of quantiles; bins - 1 of them, ascending."),
    section(
        "rfm.segment[]",
        "Names for ranges of scores. The first match wins; a customer without a match is in `others`. The default \
         has ten; naming one replaces all of them.",
    ),
    section(
        "clv",
        "Lifetime value: how often and for how much each customer will buy. Purchases are counted by day, whatever the \
         time unit.",
    ),
    section(
        "loyalty[]",
        "A programme that gives customers tiers; several stand side by side. Entries of one name with other days in \
         `effective_from` are the rules of one programme from these days on.",
    ),
    section("loyalty[].tier[]", "A tier; the lowest first, with threshold 0."),
    section("loyalty[].manual[]", "A tier given by hand."),
    section(
        "retention",
        "What keeping a customer may cost: never more than winning an equal one. Contacts and offers of campaigns with goal \
         \"retention\", and of those of mini programmes, are held against it.",
    ),
    section(
        "retention.band[]",
        "What winning a customer of a value band costs. Bands ascend; a customer is in the last whose `min_value` it reaches.",
    ),
    section("segment[]", "A named group of customers."),
    section("campaign[]", "A target list that a product team asks for."),
    section("campaign[].send", "When a customer is due."),
    section("contact_policy", "What limits how often customers are addressed."),
    section("output", "How lists are written."),
    section("output.csv", "How CSV files of lists are written."),
];

const LINKS: &[&str] = &["same_as", "card", "email", "phone"];
const CHANNELS: &[&str] = &["email", "sms", "phone", "phone_auto", "post", "push", "ads"];
/// Columns of the customers table that are known before the models and have few values.
const CLV_GROUPS: &[&str] = &[
    "",
    "country",
    "main_line",
    "main_unit",
    "main_channel",
    "rfm_r",
    "rfm_f",
    "rfm_m",
    "rfm_score",
    "rfm_segment",
];
const GOALS: &[&str] =
    &["retention", "cross_sell", "upgrade", "reactivation", "onboarding", "feedback", "exit"];

/// Every key, in the order of the reference.
pub const KEYS: &[Key] = &[
    key("project.name", Kind::Name, "Name of the project; stands in the lake and in every manifest.").required(),
    key("project.lake", Kind::Path, "Folder for all output; one lake per project. `--lake` overrides it.")
        .or(r#""lake""#),
    key("project.currency", Kind::Currency, "Currency of every amount (ISO 4217); fixes its decimals.").required(),
    key("project.timezone", Kind::TimeZone { empty: false }, "Time zone (IANA) in which business days are cut.")
        .or(r#""UTC""#),
    key(
        "project.country",
        Kind::Text { empty: true },
        "Country (ISO 3166, two letters) of people whose own is not told; \"\" = not known.",
    )
    .or(r#""""#),
    key(
        "project.as_of",
        Kind::AsOf,
        "The day that the run speaks of: YYYY-MM-DD, \"yesterday\", or \"latest\" (the last day with a transaction, \
         not after today). `--as-of` overrides it.",
    )
    .or(r#""latest""#),
    key("project.threads", whole(0, 1024), "Threads; 0 = all cores. `--threads` overrides it.").or("0"),
    key(
        "project.memory_limit",
        Kind::Memory,
        "Memory that exports may take while they are read, such as \"4GiB\": bounds the chunks in flight. \"auto\" = two \
         of 4 MiB for each thread. The results do not depend on it.",
    )
    .or(r#""auto""#),
    key("project.keep_runs", whole(1, 100_000), "Runs kept by retention; the published one always is.").or("14"),
    key(
        "privacy.suppression_key",
        Kind::Text { empty: true },
        "Key of the ids that are made from contact points. Needed once a contact without any id is met; a lake is \
         bound to it.",
    )
    .or(r#""${CLIENTING_SUPPRESSION_KEY:-}""#)
    .secret(),
    key("privacy.report_key", Kind::Text { empty: true }, "Key of the pseudonyms in reports.")
        .or(r#""${CLIENTING_REPORT_KEY:-}""#)
        .secret(),
    key("source[].name", Kind::Name, "Unique name; stands in every message about the source.").required(),
    key(
        "source[].kind",
        Kind::Choice(&[
            "transactions",
            "contacts",
            "consents",
            "suppressions",
            "interactions",
            "products",
            "units",
        ]),
        "What the export holds.",
    )
    .required(),
    key("source[].path", Kind::Paths, "Path or glob of the files, or a list of them; .gz and .zst are read through.")
        .required(),
    key(
        "source[].format",
        Kind::Choice(&["auto", "csv", "jsonl", "parquet"]),
        "How the files are written; auto = by extension: .jsonl, .ndjson and .json are JSON Lines, .parquet and .pq \
         Parquet, all else CSV. In JSON Lines and Parquet a header is a path: `customer.id`.",
    )
    .or(r#""auto""#),
    key("source[].delimiter", Kind::Byte { empty: false }, "What parts the fields.").or(r#"",""#),
    key("source[].quote", Kind::Byte { empty: true }, "What encloses a field; \"\" = nothing does.").or("'\"'"),
    key("source[].header", Kind::Bool, "Whether the first record names the columns.").or("true"),
    key("source[].names", Kind::Texts, "Names of the columns where there is no header; [] = c1, c2 and so on.").or("[]"),
    key("source[].trim", Kind::Bool, "Whether outer white space of every field is dropped.").or("true"),
    key(
        "source[].encoding",
        Kind::Choice(&["utf-8", "windows-1252", "iso-8859-15", "utf-16"]),
        "Encoding of the files; a byte-order mark decides by itself.",
    )
    .or(r#""utf-8""#),
    key("source[].null_values", Kind::Texts, "Texts that mean \"no value\".").or(r#"[""]"#),
    key("source[].decimal_separator", Kind::Choice(&[".", ","]), "What parts a number's decimals.").or(r#"".""#),
    key(
        "source[].date_format",
        Kind::DateFormat,
        "How days and times are written: \"auto\" (2026-11-20 or 20261120, optionally with a time and an offset) or \
         a strftime pattern.",
    )
    .or(r#""auto""#),
    key(
        "source[].id_space",
        Kind::Name,
        "Which numbering `customer_id` belongs to; sources of one space share their ids.",
    )
    .or(r#""customer""#),
    key(
        "source[].key",
        Kind::ContractColumns,
        "Contract columns that make a row the same row when it is delivered again; [] = every row is new. Default: \
         [] for transactions, interactions, consents and suppressions (the last two keep every record, whatever the \
         key); for contacts the first that is not empty of customer_id, card_id, email, phone; [\"product_id\"] for \
         products; [\"unit_id\", \"period\"] for units.",
    ),
    key(
        "source[].one_number_per_person",
        Kind::Bool,
        "Whether the source gives a person one number only (contacts): two numbers of it are then never one person.",
    )
    .or("false"),
    key(
        "source[].on_duplicate",
        Kind::Choice(&["replace", "keep_first", "reject"]),
        "What a second row of a key does. replace: the greatest by version and arrival counts; keep_first: the first \
         to arrive counts, whatever its version; reject: as keep_first, and the others are quarantined as \
         `duplicate_key`. A `deleted` row takes away what came before it, whichever it is. The last two need a `key`.",
    )
    .or(r#""replace""#),
    key(
        "source[].delivery",
        Kind::Choice(&["delta", "snapshot"]),
        "Whether files add to those before, or each is the whole list (contacts, products): what the newest lacks is \
         marked absent, and absent contacts are not addressed. Rows that `where` drops are not in the list.",
    )
    .or(r#""delta""#),
    key(
        "source[].redelivery",
        Kind::Choice(&["replace_file", "add"]),
        "What a file does that comes again under its name with other content: take the place of what it delivered, \
         or add to it.",
    )
    .or(r#""replace_file""#),
    key("source[].required", Kind::Bool, "Whether at least one file must be there.").or("true"),
    key(
        "source[].max_age_days",
        whole(0, 36_525),
        "Gate: the newest file may be this many days old, by its modification time; 0 = not checked. A look back is \
         not asked.",
    )
    .or("0"),
    key(
        "source[].settle_seconds",
        whole(0, 604_800),
        "A younger file is still arriving and is left for the next run; 60 suits a drop folder.",
    )
    .or("0"),
    key(
        "source[].done_marker",
        Kind::Text { empty: true },
        "A file is read only once this other file exists; {path} stands for its path. \"\" = none.",
    )
    .or(r#""""#),
    key(
        "source[].timezone",
        Kind::TimeZone { empty: true },
        "Time zone (IANA) of times without an offset; \"\" = the project's.",
    )
    .or(r#""""#),
    key(
        "source[].where",
        Kind::Expression { empty: true },
        "SQL predicate over the contract columns of a row; rows for which it is false or null are dropped before keys \
         are decided, and counted as `filtered`. Money is in major units, times are their day; rows that are \
         `deleted` are not asked. \"\" = none.",
    )
    .or(r#""""#),
    key(
        "source[].columns",
        Kind::ColumnTable,
        "Contract column = header in the export, or a list of headers of which the first present counts. A column \
         that is not named is taken from the header of its own name.",
    )
    .or("{}"),
    key("source[].defaults", Kind::ConstantTable, "Contract column = constant, where the export lacks it.").or("{}"),
    key(
        "source[].map",
        Kind::ValueTable,
        "For columns with a fixed set of values: contract value = the texts that mean it in the export.",
    )
    .or("{}"),
    key("quality.max_quarantined_share", Kind::Share, "Quarantined records, as a share of a source's read ones. Where fewer than 1,000 are read, more than 20 or all of them trip the gate.")
        .or("0.01"),
    key("quality.max_quarantined_rows", whole(0, i64::MAX), "Quarantined records by count; 0 = no limit.").or("0"),
    key(
        "quality.max_key_conflicts",
        Kind::Share,
        "Rows of a file with one key, different content and no version, as a share of its rows.",
    )
    .or("0.01"),
    key(
        "quality.max_removed_share",
        Kind::Share,
        "Rows taken out of the ledger without being delivered again, as a share of a source's rows.",
    )
    .or("0.05"),
    key(
        "quality.row_count_tolerance",
        Kind::Share,
        "Rows of a transactions source dated the day of the run, against the median of the same weekdays of the eight \
         weeks before that have rows (at least 4 of them, median at least 1,000): a deviation above this share warns. \
         A day without rows deviates by 1. 0 = off. A look back is not asked.",
    )
    .or("0.40"),
    key(
        "quality.row_count_stop",
        Kind::Share,
        "The same; stops (gate `row_count`). 0 = off; 0.70 is sensible for a nightly feed.",
    )
    .or("0.0"),
    key("quality.unmatched_customers_warn", Kind::Share, "Buyers in no contact export, as a share; warns.")
        .or("0.02"),
    key("quality.unmatched_customers_stop", Kind::Share, "The same; stops. 1.0 = off.").or("1.0"),
    key(
        "quality.suppression_max_age_hours",
        whole(0, 876_000),
        "Hours from the newest suppression file's modification to the start of the run; above it tables are published \
         and lists are held. 0 = off.",
    )
    .or("24"),
    key(
        "identity.match",
        Kind::Choice(&["auto", "on", "off"]),
        "Whether persons are matched; auto = where there are several numberings, or `similar` is on. Without it a number is \
         a customer.",
    )
    .or(r#""auto""#),
    key(
        "identity.keys",
        Kind::Choices(LINKS),
        "What links numbers: `same_as` (the export says so), `card`, `email`, `phone` (with the family name). The order is \
         fixed: strongest first.",
    )
    .or(r#"["same_as", "card", "email", "phone"]"#),
    key(
        "identity.max_shared",
        whole(1, 1_000_000),
        "A card, e-mail address or telephone number of more numbers than this links nobody, and goes to no advertising \
         platform.",
    )
    .or("5"),
    key(
        "identity.max_cluster",
        whole(2, 1_000_000),
        "A cluster of more numbers than this is not made: they stay apart, and their links are told for review.",
    )
    .or("20"),
    key(
        "identity.placeholders",
        Kind::Texts,
        "Cards, e-mail addresses and telephone numbers that stand for \"none\" and link nobody.",
    )
    .or("[]"),
    key(
        "identity.survivorship",
        Kind::Choice(&["recency", "priority"]),
        "Which row a customer's field is taken from: the newest that has it, or that of the source that stands first. \
         Parts of an address, and of a name, come from one row.",
    )
    .or(r#""recency""#),
    key(
        "identity.similar",
        Kind::Bool,
        "Whether people without shared keys are linked by match probability, from names, day of birth, postal code and \
         street; after all keys, and never against days of birth or `one_number_per_person`.",
    )
    .or("false"),
    key(
        "identity.similar_merge",
        Kind::Share,
        "Match probability from which two numbers without shared keys are one customer; 1 = all such pairs are for review.",
    )
    .or("0.99"),
    key(
        "identity.similar_review",
        Kind::Share,
        "Match probability from which such a pair is told in `tables/match_review`. What was one customer the night before \
         stays one from here on.",
    )
    .or("0.80"),
    key(
        "consent.trust_undated",
        Kind::Bool,
        "Whether a yes of a contact row without `consent_at` counts, as older than everything. Else it allows nothing.",
    )
    .or("false"),
    key(
        "consent.unchecked_channels",
        Kind::Texts,
        "Channels that are used although no source tells consent for them; their lists are marked `consent not checked`.",
    )
    .or("[]"),
    key(
        "consent.legitimate_interest",
        Kind::Texts,
        "Channels (post, phone) that are used without a yes where nobody said no, everywhere or in a country: \
         [\"post\", \"phone:US\"].",
    )
    .or("[]"),
    key(
        "consent.lifetime_months",
        whole(0, 1_200),
        "Months after the last purchase or contact for which a yes without an end lasts; 0 = until it is withdrawn.",
    )
    .or("24"),
    key("consent.warn_days", whole(0, 36_525), "Days before its end from which a yes that is used is warned of.").or("60"),
    key(
        "consent.care_days",
        whole(0, 36_525),
        "Days for which a bad answer (NPS up to 6, CSAT up to 2) keeps marketing away; an open complaint does while it is \
         open. 0 = neither does.",
    )
    .or("30"),
    key("summary.lines", Kind::Bool, "Count by product line: `n_lines_owned`, `main_line`.").or("true"),
    key("summary.units", Kind::Bool, "Count by store or branch: `main_unit`.").or("true"),
    key("summary.channels", Kind::Bool, "Count by sales channel: `main_channel`.").or("true"),
    key("rfm.bins", whole(2, 10), "Scores of each measure run from 1 (worst) to this number.").or("5"),
    key("rfm.window_days", whole(0, 36_525), "Days up to the day of the run that count; 0 = all history.").or("0"),
    key("rfm.frequency", Kind::Choice(&["orders", "purchase_days"]), "What frequency counts.").or(r#""orders""#),
    key(
        "rfm.monetary",
        Kind::Choice(&["net_revenue", "margin", "average_order"]),
        "What monetary value sums: revenue and refunds, that without cost, or net revenue per order.",
    )
    .or(r#""net_revenue""#),
    key(
        "rfm.method",
        Kind::Choice(&["independent", "nested"]),
        "Each measure alone, or frequency inside each recency and value inside each of both.",
    )
    .or(r#""independent""#),
    key("rfm.ties", Kind::Choice(&["together"]), "Equal values always get equal scores.").or(r#""together""#),
    key("rfm.cuts.r", Kind::Cuts, "Cut points in days since the last purchase."),
    key("rfm.cuts.f", Kind::Cuts, "Cut points of the frequency."),
    key("rfm.cuts.m", Kind::Cuts, "Cut points of the monetary value, in major units of the currency."),
    key("rfm.segment[].name", Kind::Text { empty: false }, "Name of the range.").required(),
    key("rfm.segment[].r", Kind::ScoreRange, "Lowest and highest score of recency.").required(),
    key("rfm.segment[].f", Kind::ScoreRange, "Lowest and highest score of frequency.").required(),
    key("rfm.segment[].m", Kind::ScoreRange, "Lowest and highest score of monetary value.").required(),
    key(
        "clv.model",
        Kind::Choice(&["auto", "bg_nbd", "mbg_nbd", "pareto_nbd", "none"]),
        "Model of when customers buy. auto = the one that foretells the held-out days best, by log-likelihood; none = no \
         lifetime value.",
    )
    .or(r#""auto""#),
    key("clv.unit_days", whole(1, 3_660), "Days of one time unit of the models.").or("7"),
    key("clv.horizon_days", whole(1, 36_525), "Days from the day of the run that `clv` looks ahead.").or("365"),
    key(
        "clv.discount_rate",
        Kind::Share,
        "Rate of a year: value of a day `d` days ahead counts (1 + rate)^(-d/365), in twelve steps of horizon_days / 12 \
         days, each at its end.",
    )
    .or("0.10"),
    key(
        "clv.value",
        Kind::Choice(&["margin", "net_revenue"]),
        "What a purchase is worth. margin needs the cost of at least 99 % of all sale rows; with less net revenue is \
         taken for everybody, with a warning.",
    )
    .or(r#""margin""#),
    key(
        "clv.holdout_days",
        whole(0, 36_525),
        "Last days up to the day of the run that models are tried on: they are fitted on what was before, and told apart \
         by what they say of these. 0 = a quarter of the days since the first purchase, at most 182.",
    )
    .or("0"),
    key(
        "clv.interval",
        Kind::Share,
        "Share of cases that the intervals of customers and totals are to hold; above 0 and below 1.",
    )
    .or("0.80"),
    key(
        "clv.segment_by",
        Kind::Choice(CLV_GROUPS),
        "A column of `tables/customers`: each of its values has a fit of its own. A value of too few customers, and one \
         whose dropout cannot be told, has the fit of all. \"\" = one fit for all.",
    )
    .or(r#""""#),
    key("loyalty[].name", Kind::Name, "Name of the programme.").required(),
    key(
        "loyalty[].kind",
        Kind::Choice(&["base", "mini"]),
        "base: members have tiers; mini: a bonus lifts the best of a tier into the next. Both together are a \
         combined programme.",
    )
    .or(r#""base""#),
    key(
        "loyalty[].base",
        Kind::Text { empty: true },
        "The base programme that a mini programme without tiers lifts in; \"\" = the first.",
    )
    .or(r#""""#),
    key(
        "loyalty[].slot_days",
        whole(1, 3_660),
        "Of a base programme: within so many days its campaigns and those of its mini programmes, which say so by \
         `loyalty`, contact a customer once; 1 = once a day.",
    )
    .or("7"),
    key(
        "loyalty[].basis",
        Kind::Choice(&["spend_net", "points_earned", "visits", "purchase_days"]),
        "What is earned, never a balance: net revenue, points for it, days with a purchase or a visit, days with a \
         purchase.",
    )
    .or(r#""spend_net""#),
    key("loyalty[].upgrade_window", Kind::UpgradeWindow, "Days up to today that count for an upgrade.")
        .or(r#""rolling_days:365""#),
    key(
        "loyalty[].validity_months",
        whole(0, 1_200),
        "Months after its start when a tier is checked; 0 = never.",
    )
    .or("12"),
    key(
        "loyalty[].validity",
        Kind::Validity,
        "In the place of `validity_months`: the day when every tier is checked.",
    )
    .or(r#""""#),
    key("loyalty[].min_duration_months", whole(0, 1_200), "Months that a tier is held at least.").or("0"),
    key(
        "loyalty[].count_upgrade_day",
        Kind::Bool,
        "Whether what led to an upgrade also counts for keeping the tier.",
    )
    .or("false"),
    key(
        "loyalty[].effective_from",
        Kind::Day,
        "First day of these rules; earlier days keep the rules of the entry of the same name before; \"\" = always.",
    )
    .or(r#""""#),
    key("loyalty[].points_per_unit", Kind::Amount, "Points for one unit of the currency.").or("1"),
    key(
        "loyalty[].points_expiry_months",
        whole(0, 1_200),
        "Months after which points expire, which costs no status; 0 = never.",
    )
    .or("0"),
    key("loyalty[].grace_days", whole(0, 3_660), "Days after the check in which a tier can still be kept.")
        .or("30"),
    key(
        "loyalty[].downgrade",
        Kind::Choice(&["one_down", "eligible", "lowest"]),
        "Where those fall who do not keep their tier: to the next lower one, to the highest that they still reach, \
         or to the base.",
    )
    .or(r#""one_down""#),
    key("loyalty[].upgrade_jump", Kind::Choice(&["multi", "one"]), "Whether a day may lift by several tiers.")
        .or(r#""multi""#),
    key(
        "loyalty[].reversal_days",
        whole(0, 3_660),
        "Days after an upgrade up to which a return takes it back.",
    )
    .or("30"),
    key(
        "loyalty[].excluded_lines",
        Kind::Texts,
        "Product lines that earn nothing, such as gift cards or delivery.",
    )
    .or("[]"),
    key(
        "loyalty[].manual_file",
        Kind::Text { empty: true },
        "CSV of tiers given by hand, with the columns customer_id, tier, until and, if wanted, since and role.",
    )
    .or(r#""""#),
    key(
        "loyalty[].mini_gap",
        Kind::Share,
        "kind = mini: at most this share of the next threshold is missing …",
    )
    .or("0.20"),
    key("loyalty[].mini_share", Kind::Share, "… and in this top share by expected margin …").or("0.10"),
    key(
        "loyalty[].mini_reach_below",
        Kind::Share,
        "… and the probability to reach it without help is below this.",
    )
    .or("0.80"),
    key(
        "loyalty[].mini_bonus",
        Kind::Amount,
        "What the bonus of one candidate costs at most, in units of the currency; 0 = not known.",
    )
    .or("0"),
    key("loyalty[].value_years", whole(1, 100), "Years of the finite value of a tier.").or("5"),
    key("loyalty[].discount_rate", Kind::Share, "Discount rate a year of the value of a tier.").or("0.10"),
    key("loyalty[].tier[].name", Kind::Text { empty: false }, "Name of the tier.").required(),
    key(
        "loyalty[].tier[].threshold",
        Kind::Amount,
        "From how much on it is reached, inclusive: currency, points, visits or days.",
    )
    .required(),
    key(
        "loyalty[].tier[].renewal_threshold",
        Kind::Amount,
        "From how much on it is kept; not set = the threshold.",
    ),
    key("loyalty[].manual[].customer_id", Kind::Text { empty: false }, "The customer.").required(),
    key("loyalty[].manual[].tier", Kind::Text { empty: false }, "The tier.").required(),
    key("loyalty[].manual[].since", Kind::Day, "First day; \"\" = from the enrolment.").or(r#""""#),
    key("loyalty[].manual[].until", Kind::Day, "Last day; on the next the rules count again.").required(),
    key(
        "loyalty[].manual[].role",
        Kind::Choice(&["floor", "fixed"]),
        "Whether the tier is this one or higher, or exactly this one.",
    )
    .or(r#""floor""#),
    key(
        "retention.acquisition_cost",
        Kind::Amount,
        "What winning a customer costs, in units of the currency: of those below the lowest band, and of those whose value \
         is not known. It is given, since exports do not tell what was spent on acquisition: a year's spend over the \
         customers it won. 0 = not known, and nobody is refused for it.",
    )
    .or("0"),
    key(
        "retention.budget_year",
        Kind::Choice(&["calendar", "anniversary"]),
        "Over which year spend is summed: from 1 January, or from the day of joining, else of the first purchase, as often \
         as it returns.",
    )
    .or(r#""calendar""#),
    key(
        "retention.band[].min_value",
        Kind::Amount,
        "Least value of its customers, inclusive: `clv` of `tables/customers`, which looks ahead clv.horizon_days.",
    )
    .required(),
    key(
        "retention.band[].acquisition_cost",
        Kind::Amount,
        "What winning one of them costs, in units of the currency; above 0.",
    )
    .required(),
    key("segment[].name", Kind::Name, "Unique name; target lists are files of this name.").required(),
    key(
        "segment[].where",
        Kind::Expression { empty: false },
        "SQL predicate over the customers table; a customer for whom it is null is not a member.",
    )
    .required(),
    key("segment[].priority", whole(i64::MIN, i64::MAX), "Inside a group, the lower number wins.").or("10"),
    key("segment[].group", Kind::Text { empty: true }, "Segments of one group are exclusive; \"\" = none.")
        .or(r#""""#),
    key("campaign[].name", Kind::Name, "Unique name; its target lists are written to a folder of this name.")
        .required(),
    key("campaign[].owner", Kind::Text { empty: true }, "The product team that asks for it.").or(r#""""#),
    key(
        "campaign[].segment",
        Kind::SegmentNames { empty: false },
        "Segments that are addressed; a customer stands in the list of the first one it belongs to.",
    )
    .required(),
    key("campaign[].exclude", Kind::SegmentNames { empty: true }, "Members of these segments are refused.")
        .or("[]"),
    key("campaign[].goal", Kind::Choice(GOALS), "What the campaign is for.").or(r#""retention""#),
    key("campaign[].channel", Kind::Choices(CHANNELS), "Channels, in order of preference.").required(),
    key(
        "campaign[].class",
        Kind::Choice(&["marketing", "service", "transactional", "legal"]),
        "What its messages are; only marketing is kept away by topics, complaints and a missing basis.",
    )
    .or(r#""marketing""#),
    key("campaign[].offer", Kind::Text { empty: true }, "Name of the offer.").or(r#""""#),
    key("campaign[].product_line", Kind::Text { empty: true }, "What it sells; consent is checked against it.")
        .or(r#""""#),
    key("campaign[].priority", whole(i64::MIN, i64::MAX), "Order between campaigns; 1 = first.").or("2"),
    key(
        "campaign[].loyalty",
        Kind::Text { empty: true },
        "The loyalty programme whose contact it is, base or mini. Campaigns of a base programme and of its mini programmes \
         share one slot: the first by `priority`, then in the order of the config, has the customer, and the others \
         refuse it for `slot_days`. \"\" = none.",
    )
    .or(r#""""#),
    key(
        "campaign[].cost_per_contact",
        Kind::Amount,
        "What listing one customer costs besides the offer, in units of the currency.",
    )
    .or("0"),
    key(
        "campaign[].offer_cost",
        Kind::Amount,
        "What the offer costs at worst, held against the customer's retention ceiling; not set = `mini_bonus` for a campaign \
         of a mini programme, else 0.",
    ),
    key(
        "campaign[].value",
        Kind::Expression { empty: true },
        "SQL expression over the customers table: the gain expected of one contact. The highest come first; \"\" = \
         all are equal.",
    )
    .or(r#""""#),
    key("campaign[].starts_on", Kind::Day, "First day with a list; \"\" = always.").or(r#""""#),
    key("campaign[].ends_on", Kind::Day, "Last day with a list; \"\" = always.").or(r#""""#),
    key("campaign[].max_contacts", whole(0, i64::MAX), "Most customers of one run; 0 = no limit.").or("0"),
    key(
        "campaign[].repeat_days",
        whole(0, 36_525),
        "For so many days a customer is not listed again; 0 = never again.",
    )
    .or("0"),
    key(
        "campaign[].control_share",
        Kind::Share,
        "Share of those who would be listed that is held out as control group, below 1, drawn by `contact_policy.salt`; not \
         set = 0. Of a campaign of a mini programme: 0.10 to 0.20, not set = 0.10.",
    ),
    key("campaign[].columns", Kind::Texts, "Columns of the list.")
        .or(r#"["customer_id", "first_name", "email", "offer", "send_on"]"#),
    key("campaign[].formats", Kind::Choices(&["csv"]), "Formats of the list.").or(r#"["csv"]"#),
    key(
        "campaign[].send.trigger",
        Kind::Choice(&["none", "tier_check", "first_purchase", "last_purchase", "expected_next_purchase"]),
        "The customer's day that sending is counted from: `tier_check`, `first_day`, `last_day` or `next_purchase_day`; a \
         customer without it is not due.",
    )
    .or(r#""none""#),
    key(
        "campaign[].send.offset_days",
        whole(-3_660, 3_660),
        "Days from that day to the day of sending; negative = before it.",
    )
    .or("0"),
    key(
        "campaign[].send.expiry_days",
        whole(0, 3_660),
        "Days after the day of sending on which a customer can still be listed.",
    )
    .or("7"),
    key("contact_policy.salt", Kind::Text { empty: true }, "Salt of the draws of control groups; \"\" = none is drawn.")
        .or(r#""${CLIENTING_SALT:-}""#)
        .secret(),
    key(
        "output.csv.profile",
        Kind::Choice(&["spreadsheet", "machine"]),
        "Whether cells that a spreadsheet would run as a formula are made safe, or everything stays as it is.",
    )
    .or(r#""spreadsheet""#),
    key("output.csv.delimiter", Kind::Byte { empty: false }, "What parts the fields.").or(r#"",""#),
    key("output.csv.bom", Kind::Bool, "Whether files begin with a byte-order mark, as spreadsheets like it.")
        .or("true"),
];

/// Keys and sections that the contract has for later versions; told apart from misspelled ones.
pub const LATER: &[&str] = &[
    "engine",
    "relationship",
    "profitability",
    "retention.weights",
    "cross_sell",
    "campaign[].send.window",
    "contact_policy.quiet_hours",
    "contact_policy.global_holdout",
    "contact_policy.household",
    "contact_policy.min_group",
    "contact_policy.team_weights",
    "contact_policy.rule",
    "output.parquet_compression",
    "output.report",
    "output.metrics",
];

/// The key of a path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The section of a path.
#[must_use]
pub fn find_section(path: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.path == path)
}

/// Keys that stand directly in a section.
pub fn keys_of(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.section() == section)
}

/// Names of the keys and sections that stand directly in a section; `""` is the file itself.
#[must_use]
pub fn names_in(section: &str) -> Vec<&'static str> {
    let sections = SECTIONS.iter().filter_map(|inner| {
        let (outer, name) = inner.path.rsplit_once('.').unwrap_or(("", inner.path));
        (outer == section).then(|| name.trim_end_matches("[]"))
    });
    keys_of(section).map(Key::name).chain(sections).collect()
}

/// How a section's header is written: `[rfm]`, `[[rfm.segment]]`, `the file` for `""`.
#[must_use]
pub fn header(section: &str) -> String {
    match section.strip_suffix("[]") {
        Some(name) => format!("[[{name}]]"),
        None if section.is_empty() => "the config".to_owned(),
        None => format!("[{}]", section.replace("[]", "")),
    }
}

const fn section(path: &'static str, doc: &'static str) -> Section {
    Section { path, doc }
}

const fn key(path: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { path, kind, default: None, required: false, secret: false, doc }
}

const fn whole(low: i64, high: i64) -> Kind {
    Kind::Integer { low, high }
}

impl Key {
    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}
