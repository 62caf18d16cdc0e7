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

/// What a person said about being addressed.
pub const CONSENT: &[&str] = &["granted", "denied", "withdrawn", "unknown"];

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
    open("deleted", ExportType::Bool, "Takes the contact with this key away."),
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
