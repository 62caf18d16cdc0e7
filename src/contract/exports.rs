//! The contract columns of every kind of export: what a column is called, how its cells are read, and whether its
//! values may be shown.

/// How the cells of a contract column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportType {
    /// Text as it stands, composed and trimmed.
    Text,
    /// A key: text that keeps its leading zeros and is never a number.
    Id,
    /// A day with an optional time of day.
    Moment,
    /// A day.
    Date,
    /// An amount with at most the decimals of the project's currency.
    Money,
    /// A number with at most six decimals.
    Decimal6,
    /// A number of any sign that is no money; decimals past the sixth are rounded away.
    Number,
    /// A whole number that is not negative.
    Count,
    /// A month: `YYYY-MM`, or any day of it; kept as its first day.
    Month,
    /// `true` or `false`, or what `[source.map.<column>]` names.
    Bool,
    /// One of these values, or what `[source.map.<column>]` names.
    Enum(&'static [&'static str]),
    /// What orders the versions of one row: a whole number or a moment.
    Version,
}

/// One contract column of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportColumn {
    /// Its name in the config, in messages and in the tables.
    pub name: &'static str,
    /// How its cells are read.
    pub kind: ExportType,
    /// Whether messages and quarantine must not show its values.
    pub personal: bool,
    /// What it means.
    pub doc: &'static str,
}

/// Price of one piece; with the quantity it stands in for the amount. No table has it.
pub const UNIT_PRICE: &str = "unit_price";
/// Currency of a row. No table has it.
pub const CURRENCY: &str = "currency";

/// What stands for any attribute in messages.
pub const ATTRIBUTE: &str = "x_";

/// What the consent columns begin with; the channel follows.
pub const CONSENT_PREFIX: &str = "consent_";

/// The one status under which a customer is addressed.
pub const GRANTED: &str = "granted";
/// The customer said no.
pub const DENIED: &str = "denied";
/// The customer took a yes back.
pub const WITHDRAWN: &str = "withdrawn";
/// The customer said nothing that is known.
pub const UNKNOWN: &str = "unknown";

/// How a customer can be addressed.
pub const CHANNELS: &[&str] = &["email", "sms", "phone", "phone_auto", "post", "push", "ads"];

/// Why somebody must not be addressed, in the order in which a refusal names them (customers.md 4.2).
pub const SUPPRESSION: &[&str] = &[
    "deceased",
    "legal_block",
    "fraud",
    "minor",
    "objection",
    "do_not_call",
    SPAM_COMPLAINT,
    OPT_OUT,
    BOUNCE,
    "gone_away",
    TOPIC_OPT_OUT,
    RELATION_END,
];

/// A channel is not wanted any more.
pub const OPT_OUT: &str = "opt_out";
/// An address does not receive; also a kind of interaction.
pub const BOUNCE: &str = "bounce";
/// A message was reported as unwanted; also a kind of interaction.
pub const SPAM_COMPLAINT: &str = "spam_complaint";
/// Whether to keep the relation is under review by a person: no promotions until the decision.
pub const RELATION_END: &str = "relation_end";
/// A product line is not wanted any more.
pub const TOPIC_OPT_OUT: &str = "topic_opt_out";
/// The kind of interaction that says [`OPT_OUT`].
pub const UNSUBSCRIBE: &str = "unsubscribe";

/// What happened between us and somebody.
pub const INTERACTION: &[&str] = &[
    "sent",
    "delivered",
    "open",
    "click",
    "visit",
    "reply",
    "call",
    UNSUBSCRIBE,
    BOUNCE,
    SPAM_COMPLAINT,
    "complaint",
    "wish",
    "opinion",
    "survey",
    "referral",
    "redemption",
];

/// What the answer to a survey is measured by, with the least and the greatest answer.
pub const SCALES: &[(&str, f64, f64)] =
    &[("nps", 0.0, 10.0), ("csat5", 1.0, 5.0), ("ces7", 1.0, 7.0), ("share_of_wallet", 0.0, 1.0)];

/// Names of [`SCALES`].
const SCALE: &[&str] = &["nps", "csat5", "ces7", "share_of_wallet"];

/// What a person said about being addressed.
pub const CONSENT: &[&str] = &["granted", "denied", "withdrawn", "unknown"];

/// One kind of export.
#[derive(Debug)]
pub struct Export {
    /// Its name in the config.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [ExportColumn],
    /// Columns that something must fill, the header or a constant.
    pub required: &'static [&'static str],
    /// Of them, those whose cells must not be empty.
    pub never_empty: &'static [&'static str],
    /// Columns of which something must fill one, in the header and in every record; none: whoever it is about does not
    /// matter.
    pub identities: &'static [&'static str],
}

const PERSON: &[&str] = &["customer_id", "email", "phone", "card_id"];
const PERSON_OR_POINT: &[&str] = &["customer_id", "email", "phone", "card_id", "contact_point"];

/// Every kind of export.
pub const ALL: &[Export; 7] = &[
    Export {
        name: "transactions",
        columns: TRANSACTIONS,
        // The amount has a rule of its own: quantity and price of one stand in for it.
        required: &["customer_id", "occurred_at"],
        never_empty: &["occurred_at"],
        identities: &[],
    },
    Export { name: "contacts", columns: CONTACTS, required: &[], never_empty: &[], identities: PERSON },
    Export {
        name: "consents",
        columns: CONSENTS,
        required: &["channel", "status", "collected_at"],
        // What is not dated can still restrict (customers.md S-3).
        never_empty: &["channel", "status"],
        identities: PERSON_OR_POINT,
    },
    Export {
        name: "suppressions",
        columns: SUPPRESSIONS,
        required: &["kind", "since"],
        // What is not dated holds from ever: to put it aside would be to address somebody who must not be.
        never_empty: &["kind"],
        identities: PERSON_OR_POINT,
    },
    Export {
        name: "interactions",
        columns: INTERACTIONS,
        required: &["occurred_at", "kind"],
        never_empty: &["occurred_at", "kind"],
        identities: PERSON,
    },
    Export {
        name: "products",
        columns: PRODUCTS,
        required: &["product_id", "product_line"],
        never_empty: &["product_id", "product_line"],
        identities: &[],
    },
    Export {
        name: "units",
        columns: UNITS,
        required: &["unit_id", "period"],
        never_empty: &["unit_id", "period"],
        identities: &[],
    },
];

/// The kind of export of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Export> {
    ALL.iter().find(|export| export.name == name)
}

/// Columns of a `transactions` export.
pub const TRANSACTIONS: &[ExportColumn] = &[
    secret("customer_id", ExportType::Id, "Who bought; empty for an anonymous sale."),
    open("occurred_at", ExportType::Moment, "When it was bought or returned."),
    open("amount", ExportType::Money, "What was paid, tax and discounts settled; negative for a refund."),
    open("quantity", ExportType::Decimal6, "How many; negative for a refund."),
    open("unit_price", ExportType::Decimal6, "Price of one; with the quantity it stands in for the amount."),
    open("transaction_id", ExportType::Id, "The order, receipt or invoice that the row belongs to."),
    open("kind", ExportType::Enum(&["sale", "refund"]), "Sale or refund; without it the sign decides."),
    open("original_transaction_id", ExportType::Id, "The order that a refund takes back."),
    open("cost", ExportType::Money, "What the sold goods cost us."),
    open("product_id", ExportType::Id, "The product."),
    open("product_line", ExportType::Text, "The line that the product belongs to."),
    open("unit_id", ExportType::Id, "The shop, branch or team that sold it."),
    open("channel", ExportType::Text, "The sales channel, such as store or web."),
    open("discount", ExportType::Money, "Discount that the amount already allows for; information only."),
    open("currency", ExportType::Text, "Currency of the row; another than the project's is a fault."),
    open("deleted", ExportType::Bool, "Takes the row with this key away."),
    open("version", ExportType::Version, "Orders rows of one key; the greatest wins."),
];

/// Columns of a `contacts` export. Attributes `x_<name>` come on top, see [`is_attribute`].
pub const CONTACTS: &[ExportColumn] = &[
    secret("customer_id", ExportType::Id, "The customer's number in its id space."),
    secret("email", ExportType::Text, "E-mail address."),
    secret("phone", ExportType::Text, "Telephone number."),
    secret("card_id", ExportType::Id, "Number of a loyalty card."),
    secret("first_name", ExportType::Text, "Given name."),
    secret("last_name", ExportType::Text, "Family name."),
    secret("birth_date", ExportType::Date, "Day of birth."),
    open("gender", ExportType::Text, "Gender as the customer gave it."),
    open("language", ExportType::Text, "Language to write in."),
    open("country", ExportType::Text, "Country of the address."),
    secret("postal_code", ExportType::Text, "Postal code of the address."),
    secret("city", ExportType::Text, "Town of the address."),
    secret("street", ExportType::Text, "Street and number of the address."),
    secret("household_id", ExportType::Id, "The household that the person belongs to."),
    secret("company", ExportType::Text, "The firm, for business customers."),
    open("created_at", ExportType::Moment, "When the contact was recorded first."),
    open("updated_at", ExportType::Moment, "When it was changed last; the version where none is mapped."),
    open("joined_on", ExportType::Date, "Day on which the customer joined."),
    open("partner", ExportType::Bool, "Whether the customer is a partner."),
    open("employee", ExportType::Bool, "Whether the customer works for us."),
    open("contract_until", ExportType::Date, "Last day of a running contract."),
    open("closed_at", ExportType::Moment, "When the relationship was closed."),
    open("consent_email", ExportType::Enum(CONSENT), "Consent to e-mail."),
    open("consent_sms", ExportType::Enum(CONSENT), "Consent to text messages."),
    open("consent_phone", ExportType::Enum(CONSENT), "Consent to calls by a person."),
    open("consent_phone_auto", ExportType::Enum(CONSENT), "Consent to calls by a machine."),
    open("consent_post", ExportType::Enum(CONSENT), "Consent to letters."),
    open("consent_push", ExportType::Enum(CONSENT), "Consent to push notifications."),
    open("consent_ads", ExportType::Enum(CONSENT), "Consent to audiences on advertising platforms."),
    open("consent_at", ExportType::Moment, "When the consents of the row were collected."),
    open("legal_basis", ExportType::Text, "Legal basis on which the customer is addressed."),
    open("acquisition_campaign", ExportType::Text, "Campaign that won the customer."),
    secret("referred_by", ExportType::Id, "The customer who recommended us."),
    secret(
        "same_as",
        ExportType::Id,
        "The same person's number in another numbering, as `numbering:number`; several are parted by `;`.",
    ),
    open("deleted", ExportType::Bool, "Takes the contact with this key away."),
    open("version", ExportType::Version, "Orders rows of one key; the greatest wins."),
];

/// Columns of a `consents` export.
pub const CONSENTS: &[ExportColumn] = &[
    secret("customer_id", ExportType::Id, "The customer's number in its id space."),
    secret("email", ExportType::Text, "E-mail address."),
    secret("phone", ExportType::Text, "Telephone number."),
    secret("card_id", ExportType::Id, "Number of a loyalty card."),
    secret("contact_point", ExportType::Text, "The address or number that was agreed to."),
    open("channel", ExportType::Enum(CHANNELS), "How the person may, or may not, be addressed."),
    open("status", ExportType::Enum(CONSENT), "What the person said."),
    open("collected_at", ExportType::Moment, "When it was said; empty: the record can only restrict."),
    open(
        "purpose",
        ExportType::Text,
        "What for; a grant for anything but `marketing` lets nobody be addressed.",
    ),
    open("legal_basis", ExportType::Text, "Legal basis on which the customer is addressed."),
    open("product_scope", ExportType::Text, "The product lines that it covers."),
    open("evidence_id", ExportType::Id, "Where the proof is kept."),
    open("valid_until", ExportType::Moment, "When it ends."),
    open("wording_version", ExportType::Text, "Version of the text that was agreed to."),
];

/// Columns of a `suppressions` export.
pub const SUPPRESSIONS: &[ExportColumn] = &[
    open("kind", ExportType::Enum(SUPPRESSION), "Why the person must not be addressed."),
    secret("customer_id", ExportType::Id, "The customer's number in its id space."),
    secret("email", ExportType::Text, "E-mail address."),
    secret("phone", ExportType::Text, "Telephone number."),
    secret("card_id", ExportType::Id, "Number of a loyalty card."),
    secret("contact_point", ExportType::Text, "The address or number that must not be used."),
    open("since", ExportType::Moment, "From when on; empty: always."),
    open("scope", ExportType::Text, "What it covers: the person, the contact point, the household."),
    open("channel", ExportType::Enum(CHANNELS), "The channel that it covers; empty: all."),
    open("product_line", ExportType::Text, "The line that a topic opt-out covers; empty: all."),
    open(
        "until",
        ExportType::Moment,
        "When it ends; empty: never. Of `relation_end` also when the review was decided, which ends it in earlier records.",
    ),
    open("reason", ExportType::Text, "Why, in words."),
];

/// Columns of an `interactions` export.
pub const INTERACTIONS: &[ExportColumn] = &[
    secret("customer_id", ExportType::Id, "The customer's number in its id space."),
    secret("email", ExportType::Text, "E-mail address."),
    secret("phone", ExportType::Text, "Telephone number."),
    secret("card_id", ExportType::Id, "Number of a loyalty card."),
    open("occurred_at", ExportType::Moment, "When it happened."),
    open("kind", ExportType::Enum(INTERACTION), "What happened."),
    open("channel", ExportType::Enum(CHANNELS), "Through which channel."),
    open("campaign", ExportType::Text, "The campaign that it belongs to."),
    open("product_line", ExportType::Text, "The line that it is about."),
    open("unit_id", ExportType::Id, "The shop, branch or team."),
    open("score", ExportType::Number, "Answer to a survey, within its scale."),
    open("scale", ExportType::Enum(SCALE), "What the answer is measured by."),
    secret("text", ExportType::Text, "What was said or written."),
    open("closed_at", ExportType::Moment, "When a complaint was settled."),
    open("cost", ExportType::Money, "What the contact cost us."),
    secret("contact_point", ExportType::Text, "The address or number that was used."),
    open("deleted", ExportType::Bool, "Takes the row with this key away."),
    open("version", ExportType::Version, "Orders rows of one key; the greatest wins."),
];

/// Columns of a `products` export.
pub const PRODUCTS: &[ExportColumn] = &[
    open("product_id", ExportType::Id, "The product."),
    open("product_line", ExportType::Text, "The line that it belongs to."),
    open("name", ExportType::Text, "What it is called."),
    open("unit_cost", ExportType::Money, "What one piece costs us."),
    open("similar_to", ExportType::Text, "The product lines that count as similar."),
    open("deleted", ExportType::Bool, "Takes the row with this key away."),
    open("version", ExportType::Version, "Orders rows of one key; the greatest wins."),
];

/// Columns of a `units` export.
pub const UNITS: &[ExportColumn] = &[
    open("unit_id", ExportType::Id, "The shop, branch or team."),
    open("period", ExportType::Month, "The month that the row speaks of."),
    open("employee_satisfaction", ExportType::Number, "Mean answer of the staff."),
    open("service_quality_internal", ExportType::Number, "Quality of what the staff is given to work with."),
    open("employee_retention", ExportType::Number, "Share of the staff that stayed."),
    open("service_quality_external", ExportType::Number, "Quality as customers see it."),
    open("n_employees", ExportType::Count, "How many answered."),
    open("deleted", ExportType::Bool, "Takes the row with this key away."),
    open("version", ExportType::Version, "Orders rows of one key; the greatest wins."),
];

/// Whether a name is that of a free attribute of a contact: `x_` and at least one of `a-z`, `0-9` and `_`.
///
/// Attributes are text and are read only where `[source.columns]` names them.
#[must_use]
pub fn is_attribute(name: &str) -> bool {
    name.strip_prefix("x_").is_some_and(|rest| {
        !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

/// A column whose values may be shown.
const fn open(name: &'static str, kind: ExportType, doc: &'static str) -> ExportColumn {
    ExportColumn { name, kind, personal: false, doc }
}

/// A column whose values say who somebody is.
const fn secret(name: &'static str, kind: ExportType, doc: &'static str) -> ExportColumn {
    ExportColumn { name, kind, personal: true, doc }
}
