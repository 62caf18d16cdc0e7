//! Every table that a run keeps or publishes.

use super::column as c;
use super::{Column, ColumnType, Contract, Table};

macro_rules! table {
    (
        $(#[$meta:meta])*
        $marker:ident = $name:literal v $version:literal $(sorted [$($sort:expr),*])? $(unique $unique:literal)?,
        $doc:literal
        { $($column:path : $kind:ident $($null:ident)?, $text:literal;)* }
    ) => {
        $(#[$meta])*
        #[doc = $doc]
        #[derive(Debug)]
        pub enum $marker {}
        impl Contract for $marker {
            const TABLE: &'static Table = &Table {
                name: $name,
                version: $version,
                columns: &[$(Column {
                    name: $column,
                    kind: ColumnType::$kind,
                    nullable: table!(@null $($null)?),
                    doc: $text,
                }),*],
                sorted_by: &[$($($sort),*)?],
                unique: table!(@unique $($unique)?),
                doc: $doc,
            };
        }
    };
    (@null null) => { true };
    (@null) => { false };
    (@unique $unique:literal) => { $unique };
    (@unique) => { false };
}

table! { Transactions = "ledger/transactions" v 1,
    "One accepted row of a transactions export, in delivery order."
    {
        c::SOURCE_KEY: UInt32 null, "dense key of the customer's identity; null: anonymous sale";
        c::CUSTOMER_ID: Text null, "as exported; null: anonymous sale";
        c::TRANSACTION_ID: Text null, "order or receipt; null: every row is an order of its own";
        c::ORIGINAL_TRANSACTION_ID: Text null, "on refunds: the order that is taken back";
        c::OCCURRED_AT: TimestampMs, "local time of the project's zone";
        c::DAY: Date, "business day in the project's zone";
        c::KIND: Text, "sale or refund";
        c::AMOUNT: Money, "paid; at most 0 on refunds";
        c::COST: Money null, "cost of the goods; at most 0 on refunds";
        c::DISCOUNT: Money null, "information only";
        c::QUANTITY: Quantity null, "pieces; at most 0 on refunds";
        c::PRODUCT_ID: Text null, "product";
        c::PRODUCT_LINE: Text null, "product line";
        c::UNIT_ID: Text null, "store, branch, team";
        c::CHANNEL: Text null, "channel of the sale, as exported";
        c::SOURCE: Text, "name of the source";
        c::FILE_ID: UInt32, "register/files";
        c::LINE: UInt64, "1-based physical line where the record starts";
        c::VERSION: Text null, "version among rows of one key";
    }
}
table! { Superseded = "ledger/superseded" v 1,
    "One transaction row that lost to another version of its key; kept so that taking back a file brings it back."
    {
        c::SOURCE_KEY: UInt32 null, "";
        c::CUSTOMER_ID: Text null, "";
        c::TRANSACTION_ID: Text null, "";
        c::ORIGINAL_TRANSACTION_ID: Text null, "";
        c::OCCURRED_AT: TimestampMs, "";
        c::DAY: Date, "";
        c::KIND: Text, "";
        c::AMOUNT: Money, "";
        c::COST: Money null, "";
        c::DISCOUNT: Money null, "";
        c::QUANTITY: Quantity null, "";
        c::PRODUCT_ID: Text null, "";
        c::PRODUCT_LINE: Text null, "";
        c::UNIT_ID: Text null, "";
        c::CHANNEL: Text null, "";
        c::SOURCE: Text, "";
        c::FILE_ID: UInt32, "";
        c::LINE: UInt64, "";
        c::VERSION: Text null, "";
        c::SUPERSEDED_BY: Text, "file_id:line of the row that won";
    }
}
table! { Interactions = "ledger/interactions" v 1,
    "One accepted row of an interactions export, in delivery order."
    {
        c::SOURCE_KEY: UInt32 null, "dense key of the customer number; null: known by another identity";
        c::ID_SPACE: Text, "numbering of source_id: the source's, else card, email or phone";
        c::SOURCE_ID: Text, "customer number, card, canonical e-mail address, or telephone number as exported";
        c::OCCURRED_AT: TimestampMs, "local time of the project's zone";
        c::DAY: Date, "business day in the project's zone";
        c::KIND: Text, "what happened";
        c::CHANNEL: Text null, "through which channel";
        c::CAMPAIGN: Text null, "campaign that it belongs to";
        c::PRODUCT_LINE: Text null, "line that it is about";
        c::UNIT_ID: Text null, "store, branch, team";
        c::SCORE: Float null, "answer to a survey, within its scale";
        c::SCALE: Text null, "nps, csat5, ces7 or share_of_wallet";
        c::TEXT: Text null, "what was said or written";
        c::CLOSED_AT: TimestampMs null, "when a complaint was settled";
        c::COST: Money null, "cost of the contact";
        c::SOURCE: Text, "name of the source";
        c::FILE_ID: UInt32, "register/files";
        c::LINE: UInt64, "1-based physical line where the record starts";
        c::VERSION: Text null, "version among rows of one key";
    }
}
table! { SupersededInteractions = "ledger/superseded_interactions" v 1,
    "One interaction that lost to another version of its key; kept so that taking back a file brings it back."
    {
        c::SOURCE_KEY: UInt32 null, "";
        c::ID_SPACE: Text, "";
        c::SOURCE_ID: Text, "";
        c::OCCURRED_AT: TimestampMs, "";
        c::DAY: Date, "";
        c::KIND: Text, "";
        c::CHANNEL: Text null, "";
        c::CAMPAIGN: Text null, "";
        c::PRODUCT_LINE: Text null, "";
        c::UNIT_ID: Text null, "";
        c::SCORE: Float null, "";
        c::SCALE: Text null, "";
        c::TEXT: Text null, "";
        c::CLOSED_AT: TimestampMs null, "";
        c::COST: Money null, "";
        c::SOURCE: Text, "";
        c::FILE_ID: UInt32, "";
        c::LINE: UInt64, "";
        c::VERSION: Text null, "";
        c::SUPERSEDED_BY: Text, "file_id:line of the row that won";
    }
}
table! { CustomerMonth = "summary/customer_month" v 2 sorted [c::SOURCE_KEY] unique true,
    "One key and month; adds up over months and keys, active days by OR."
    {
        c::SOURCE_KEY: UInt32, "dense key of the identity";
        c::ACTIVE_DAYS: UInt32, "bit d-1 set: a sale on day d of the month";
        c::N_ORDERS: Int, "sum over days of distinct (source, transaction_id) with a sale row";
        c::N_ROWS: Int, "ledger rows";
        c::REVENUE: Money, "sum of sales";
        c::REFUNDS: Money, "sum of refunds, at most 0";
        c::COST: Money, "sum of known costs";
        c::N_COST_MISSING: Int, "sale rows without cost";
        c::QUANTITY: Quantity, "sum of known quantities";
        c::FIRST_DAY: Date null, "first purchase day of the month; null: none";
        c::LAST_DAY: Date null, "last purchase day of the month";
        c::FIRST_DAY_NET: Money null, "net revenue of the first purchase day";
        c::N_REFUND_ROWS: Int, "refund rows";
    }
}
table! { CustomerMonthBy = "summary/customer_month_by" v 2
    sorted [c::SOURCE_KEY, c::DIMENSION, c::VALUE] unique true,
    "One key, month, dimension and value; orders are those that contain the value and are never summed over values."
    {
        c::SOURCE_KEY: UInt32, "dense key of the identity";
        c::DIMENSION: Text, "line, unit or channel";
        c::VALUE: Text, "its value";
        c::ACTIVE_DAYS: UInt32, "";
        c::N_ORDERS: Int, "";
        c::N_ROWS: Int, "";
        c::REVENUE: Money, "";
        c::REFUNDS: Money, "";
        c::COST: Money, "";
        c::N_COST_MISSING: Int, "";
        c::QUANTITY: Quantity, "";
        c::FIRST_DAY: Date null, "";
        c::LAST_DAY: Date null, "";
        c::FIRST_DAY_NET: Money null, "";
        c::N_REFUND_ROWS: Int, "";
    }
}
table! { CustomerDay = "summary/customer_day" v 1 sorted [c::SOURCE_KEY, c::DAY, c::PRODUCT_LINE] unique true,
    "One key and day; written only where a configured stage replays days."
    {
        c::SOURCE_KEY: UInt32, "dense key of the identity";
        c::DAY: Date, "business day";
        c::PRODUCT_LINE: Text null, "a line that a programme leaves out; null: all else of the day";
        c::N_ORDERS: Int, "distinct (source, transaction_id) with a sale row";
        c::REVENUE: Money, "sum of sales";
        c::REFUNDS: Money, "sum of refunds, at most 0";
        c::COST: Money null, "sum of costs; null if any of the sales lacks it";
        c::N_VISITS: Int, "visits, where a programme counts them; else 0";
    }
}
table! { CustomerBase = "summary/customer_base" v 2 sorted [c::SOURCE_KEY] unique true,
    "Sums of one key over all months before the one that the file names, so that a night reads the months after only."
    {
        c::SOURCE_KEY: UInt32, "register/keys";
        c::N_ORDERS: Int, "orders";
        c::N_ACTIVE_DAYS: Int, "purchase days";
        c::N_ROWS: Int, "ledger rows";
        c::N_COST_MISSING: Int, "sale rows without cost";
        c::REVENUE: Money, "sum of sales";
        c::REFUNDS: Money, "sum of refunds, at most 0";
        c::COST: Money, "sum of known costs";
        c::FIRST_DAY: Date null, "first purchase day; null: none";
        c::LAST_DAY: Date null, "last purchase day";
        c::FIRST_DAY_NET: Money null, "net revenue of the first purchase day";
        c::N_REFUND_ROWS: Int, "refund rows";
    }
}
table! { CustomerBaseBy = "summary/customer_base_by" v 1 sorted [c::SOURCE_KEY, c::DIMENSION, c::VALUE] unique true,
    "The same of one value of one dimension."
    {
        c::SOURCE_KEY: UInt32, "register/keys";
        c::DIMENSION: Text, "channel, line or unit";
        c::VALUE: Text, "value";
        c::NET_REVENUE: Money, "revenue + refunds";
        c::N_ORDERS: Int, "orders that contain it";
    }
}
table! { CohortBase = "summary/cohort_base" v 1 sorted [c::COHORT_MONTH, c::AGE_MONTHS] unique true,
    "One cohort of first purchase month at one age, as far as the months before the one that the file names."
    {
        c::COHORT_MONTH: Date, "first day of the month of the first purchase";
        c::AGE_MONTHS: Int, "months since";
        c::N_ACTIVE: Int, "customers with a purchase day in that month";
        c::NET_REVENUE: Money, "net revenue in that month";
    }
}
table! { DayBase = "summary/day_base" v 1 sorted [c::DAY] unique true,
    "One day with a purchase, before the month that the file names."
    {
        c::DAY: Date, "purchase day";
        c::N_ACTIVE: Int, "customers who bought on it";
    }
}
table! { CustomerNets = "summary/customer_nets" v 1 sorted [c::SOURCE_KEY] unique true,
    "Net revenue of one key in the windows that end on the day that the file names, of days before the month that it names, \
     so that a night adds and takes away the days by which its windows differ."
    {
        c::SOURCE_KEY: UInt32, "register/keys";
        c::NET_REVENUE_365: Money, "of the 365 days up to the day";
        c::NET_REVENUE_182: Money, "of the 182 days up to the day";
        c::NET_REVENUE_182_BEFORE: Money, "of the 182 days before those";
    }
}
table! { CustomerStanding = "summary/customer_standing" v 1 sorted [c::SOURCE_KEY] unique true,
    "Where one key stood at the end of the day that the file names, before days that lifetime value holds out."
    {
        c::SOURCE_KEY: UInt32, "register/keys";
        c::N_ACTIVE_DAYS: Int, "purchase days so far";
        c::LAST_DAY: Date null, "the last of them; null: none";
        c::NET_REVENUE: Money, "net revenue so far";
    }
}
table! { Keys = "register/keys" v 1 sorted [c::SOURCE_KEY] unique true,
    "One identity of a customer in a source's numbering."
    {
        c::SOURCE_KEY: UInt32, "dense, in order of arrival";
        c::ID_SPACE: Text, "numbering";
        c::SOURCE_ID: Text, "id in it";
    }
}
table! { Files = "register/files" v 1 sorted [c::FILE_ID] unique true,
    "One delivered file."
    {
        c::FILE_ID: UInt32, "dense, in order of arrival";
        c::SOURCE: Text, "name of the source";
        c::PATH: Text, "absolute path";
        c::BYTES: UInt64, "size as delivered";
        c::MODIFIED: TimestampMs, "modification time, UTC";
        c::HASH: Text, "SHA-256 of the content as delivered";
        c::FINGERPRINT: Text, "SHA-256 of how it was parsed";
        c::ARRIVED_RUN: Text, "run that read it";
        c::ARRIVAL: UInt32, "number of that run among all of the lake, rising";
        c::ACTIVE: Bool, "false: another delivery took its place";
        c::N_READ: UInt64, "records read";
        c::N_QUARANTINED: UInt64, "records quarantined";
        c::HEADER: Text, "its column names, one per line";
    }
}
table! { RowKeys = "register/row_keys" v 1,
    "One version of a keyed row of a ledger."
    {
        c::HASH: Hash128, "xxh3-128 of source and key cells";
        c::MONTH: Text null, "month of the ledger where the row lies or would lie; null: a deletion";
        c::FILE_ID: UInt32, "register/files";
        c::LINE: UInt64, "line in it";
        c::VERSION: Text null, "version";
        c::DELETED: Bool, "takes the row with this key away";
    }
}
table! { ContactRows = "register/contact_rows" v 2,
    "One accepted row of a contacts export."
    {
        c::SOURCE: Text, "name of the source";
        c::FILE_ID: UInt32, "register/files";
        c::LINE: UInt64, "1-based physical line";
        c::ROW_KEY: Text null, "key cells, for versions; null: always new";
        c::VERSION: Text null, "version: as mapped, else updated_at";
        c::CONTENT: Hash128, "xxh3-128 of the row as typed";
        c::DELETED: Bool, "takes the row with this key away";
        c::ID_SPACE: Text, "numbering of source_id";
        c::SOURCE_ID: Text null, "the source's own customer number";
        c::EMAIL: Text null, "as exported";
        c::PHONE: Text null, "as exported";
        c::PHONE_E164: Text null, "its form of E.164; null: no number of the country, or no country is known";
        c::CARD_ID: Text null, "as exported";
        c::FIRST_NAME: Text null, "as exported";
        c::LAST_NAME: Text null, "as exported";
        c::BIRTH_DATE: Date null, "day of birth";
        c::GENDER: Text null, "as exported";
        c::LANGUAGE: Text null, "as exported";
        c::COUNTRY: Text null, "as exported";
        c::POSTAL_CODE: Text null, "as exported";
        c::CITY: Text null, "as exported";
        c::STREET: Text null, "as exported";
        c::HOUSEHOLD_ID: Text null, "as exported";
        c::COMPANY: Text null, "as exported";
        c::CREATED_AT: TimestampMs null, "local time";
        c::UPDATED_AT: TimestampMs null, "local time";
        c::JOINED_ON: Date null, "day";
        c::PARTNER: Bool null, "as exported";
        c::EMPLOYEE: Bool null, "as exported";
        c::CONTRACT_UNTIL: Date null, "day";
        c::CLOSED_AT: TimestampMs null, "local time";
        c::CONSENT_EMAIL: Text null, "granted, denied, withdrawn or unknown";
        c::CONSENT_SMS: Text null, "the same";
        c::CONSENT_PHONE: Text null, "the same";
        c::CONSENT_PHONE_AUTO: Text null, "the same";
        c::CONSENT_POST: Text null, "the same";
        c::CONSENT_PUSH: Text null, "the same";
        c::CONSENT_ADS: Text null, "the same";
        c::CONSENT_AT: TimestampMs null, "local time of the consents";
        c::LEGAL_BASIS: Text null, "as exported";
        c::ACQUISITION_CAMPAIGN: Text null, "as exported";
        c::REFERRED_BY: Text null, "as exported";
        c::SAME_AS: Text null, "as exported";
        c::ATTRIBUTES: Text, "x_ columns, a JSON object of text";
        c::SUPERSEDED_BY: Text null, "file_id:line of the row that won; null: latest";
        c::ABSENT_SINCE: Date null, "as_of of the first run that met a full list without it; null: present";
    }
}
table! { ConsentRows = "register/consent_rows" v 1,
    "One record of a consents export, as delivered; nothing takes it away, and equal records are kept once."
    {
        c::SOURCE: Text, "name of the source";
        c::FILE_ID: UInt32, "register/files: the first that delivered it; 4294967295: a night that was not published read it";
        c::LINE: UInt64, "1-based physical line";
        c::CONTENT: Hash128, "xxh3-128 of all its cells";
        c::ID_SPACE: Text, "numbering of source_id";
        c::SOURCE_ID: Text null, "the source's own customer number";
        c::EMAIL: Text null, "as exported";
        c::PHONE: Text null, "as exported";
        c::CARD_ID: Text null, "as exported";
        c::CONTACT_POINT: Text null, "address or number that was agreed to, as exported";
        c::CHANNEL: Text, "email, sms, phone, phone_auto, post, push or ads";
        c::STATUS: Text, "granted, denied, withdrawn or unknown";
        c::COLLECTED_AT: TimestampMs null, "local time; null: it can only restrict";
        c::PURPOSE: Text null, "what for";
        c::LEGAL_BASIS: Text null, "legal basis";
        c::PRODUCT_SCOPE: Text null, "lines that it covers";
        c::EVIDENCE_ID: Text null, "where the proof is kept";
        c::VALID_UNTIL: TimestampMs null, "local time of its end; null: open";
        c::WORDING_VERSION: Text null, "version of the text that was agreed to";
    }
}
table! { SuppressionRows = "register/suppression_rows" v 1,
    "One suppression as delivered, by a suppressions export or by an interaction that says so; nothing takes it away, and \
     equal ones are kept once."
    {
        c::SOURCE: Text, "name of the source";
        c::FILE_ID: UInt32, "register/files: the first that delivered it; 4294967295: a night that was not published read it";
        c::LINE: UInt64, "1-based physical line";
        c::CONTENT: Hash128, "xxh3-128 of all its cells";
        c::ID_SPACE: Text, "numbering of source_id";
        c::SOURCE_ID: Text null, "the source's own customer number";
        c::EMAIL: Text null, "as exported";
        c::PHONE: Text null, "as exported";
        c::CARD_ID: Text null, "as exported";
        c::CONTACT_POINT: Text null, "address or number that must not be used, as exported";
        c::KIND: Text, "why";
        c::SCOPE: Text null, "person, contact point or household, as exported";
        c::CHANNEL: Text null, "the channel that it covers; null: all";
        c::PRODUCT_LINE: Text null, "the line that a topic opt-out covers; null: all";
        c::SINCE: TimestampMs null, "local time from when on; null: always";
        c::UNTIL: TimestampMs null, "local time of its end; null: none";
        c::REASON: Text null, "in words, as exported";
    }
}
table! { Products = "register/products" v 1,
    "One accepted row of a products export."
    {
        c::PRODUCT_ID: Text null, "product; null only on a deletion";
        c::PRODUCT_LINE: Text null, "product line; null only on a deletion";
        c::NAME: Text null, "what it is called";
        c::UNIT_COST: Money null, "cost of one piece";
        c::SIMILAR_TO: Text null, "lines that count as similar, as exported";
        c::SOURCE: Text, "name of the source";
        c::FILE_ID: UInt32, "register/files";
        c::LINE: UInt64, "1-based physical line";
        c::ROW_KEY: Text null, "key cells, for versions; null: always new";
        c::VERSION: Text null, "version among rows of one key";
        c::CONTENT: Hash128, "xxh3-128 of the row as typed";
        c::DELETED: Bool, "takes the row with this key away";
        c::SUPERSEDED_BY: Text null, "file_id:line of the row that won; null: latest";
        c::ABSENT_SINCE: Date null, "as_of of the first run that met a full list without it";
    }
}
table! { BusinessUnits = "register/units" v 1,
    "One accepted row of a units export: a shop, branch or team in a month."
    {
        c::UNIT_ID: Text null, "shop, branch or team; null only on a deletion";
        c::PERIOD: Date null, "first day of the month; null only on a deletion";
        c::EMPLOYEE_SATISFACTION: Float null, "mean answer of the staff, as exported";
        c::SERVICE_QUALITY_INTERNAL: Float null, "as exported";
        c::EMPLOYEE_RETENTION: Float null, "as exported";
        c::SERVICE_QUALITY_EXTERNAL: Float null, "as exported";
        c::N_EMPLOYEES: Int null, "how many answered";
        c::SOURCE: Text, "name of the source";
        c::FILE_ID: UInt32, "register/files";
        c::LINE: UInt64, "1-based physical line";
        c::ROW_KEY: Text null, "key cells, for versions; null: always new";
        c::VERSION: Text null, "version among rows of one key";
        c::CONTENT: Hash128, "xxh3-128 of the row as typed";
        c::DELETED: Bool, "takes the row with this key away";
        c::SUPERSEDED_BY: Text null, "file_id:line of the row that won; null: latest";
        c::ABSENT_SINCE: Date null, "reserved";
    }
}
table! { RegisterCustomers = "register/customers" v 1 sorted [c::CUSTOMER_ID] unique true,
    "One customer that a contact export names."
    {
        c::CUSTOMER_ID: Text, "persistent id";
        c::FIRST_NAME: Text null, "first name";
        c::LAST_NAME: Text null, "last name";
        c::STREET: Text null, "street and number";
        c::POSTAL_CODE: Text null, "postal code";
        c::CITY: Text null, "city";
        c::COUNTRY: Text null, "as exported";
        c::BIRTH_DATE: Date null, "day of birth";
        c::LANGUAGE: Text null, "as exported";
        c::HOUSEHOLD_ID: Text null, "as exported";
        c::COMPANY: Text null, "company";
        c::PARTNER: Bool null, "helps to develop the offer";
        c::EMPLOYEE: Bool null, "on the staff";
        c::CREATED_AT: TimestampMs null, "made in the source";
        c::JOINED_ON: Date null, "joined the programme";
        c::CONTRACT_UNTIL: Date null, "end of the contract";
        c::CLOSED_AT: Date null, "account closed";
        c::ATTRIBUTES: Text, "x_ columns, a JSON object of text";
        c::CONSENTS: Text, "status by channel, a JSON object";
        c::SOURCE: Text, "source of the row";
        c::ORIGINS: Text null, "source and version of each field, a JSON object; null: all are of one row";
    }
}
table! { IdMap = "register/id_map" v 1,
    "What became of a customer's id, by id: ids of today first told as kept or new, then what happened on this day or \
     before and still holds. Where persons are matched only."
    {
        c::OLD_ID: Text null, "id of before; null: there was none";
        c::NEW_ID: Text null, "id of today; null: nothing is left of it";
        c::KIND: Text, "kept, merged_into, split_from, new or retired";
        c::SINCE: Date null, "as_of of the run that made the new id";
        c::CHANGED_ON: Date, "as_of of the run in which this happened; of kept ids that of the run";
    }
}
table! { RowMatches = "register/row_matches" v 1,
    "One row for each of register/contact_rows, in its order: what the next night tells from whom it has to match again. \
     An erasure takes the table away; without it everybody is matched again."
    {
        c::CUSTOMER_ROW: UInt32 null, "row of register/customer_marks; null: the contact row does not count";
        c::NUMBER_HASH: UInt32, "of numbering and number; 0 where the row does not count";
        c::CARD_HASH: UInt32, "of the card; 0: none";
        c::EMAIL_HASH: UInt32, "of the mailbox; 0: none";
        c::PHONE_HASH: UInt32, "of the telephone number in the form of E.164; 0: none";
    }
}
table! { CustomerMarks = "register/customer_marks" v 1 sorted [c::CUSTOMER_ID] unique true,
    "One customer as the next night begins with it. Where persons are matched only."
    {
        c::CUSTOMER_ID: Text, "persistent id";
        c::SINCE: Date null, "as_of of the run that made the id";
        c::N_NUMBERS: UInt32, "rows of register/identities";
        c::MARK_BITS: UInt32, "bits: 1 has contact rows; 2, 4 mailbox, number of too many; 8 number refused; 256 a contact point was another; 512 the mailbox has an international domain; between: why the mailbox is refused";
    }
}
table! { IdPast = "register/id_past" v 1,
    "What the next night carries on of the map of ids: those that are not borne today, and splits."
    {
        c::OLD_ID: Text null, "id of before";
        c::NEW_ID: Text null, "id of today; null: nothing is left of it";
        c::KIND: Text, "merged_into, split_from or retired";
        c::SINCE: Date null, "as_of of the run that made the new id";
        c::CHANGED_ON: Date, "as_of of the run in which this happened";
    }
}
table! { Identities = "register/identities" v 1 sorted [c::CUSTOMER_ID, c::ID_SPACE, c::SOURCE_ID] unique true,
    "One identity of one customer."
    {
        c::CUSTOMER_ID: Text, "persistent id";
        c::ID_SPACE: Text, "numbering";
        c::SOURCE_ID: Text, "id in it";
        c::SOURCE_KEY: UInt32 null, "dense key; null: no transaction of it yet";
        c::SINCE: Date null, "first purchase day; null: none";
        c::LINKED_BY: Text, "how it came to this customer";
    }
}
table! { ContactPoints = "register/contact_points" v 1 sorted [c::CUSTOMER_ID, c::KIND],
    "One address of one customer, usable or not."
    {
        c::CUSTOMER_ID: Text, "persistent id";
        c::KIND: Text, "email, phone or post";
        c::CANONICAL: Text null, "usable form, an international domain as A-label; null: refused";
        c::RAW: Text, "as exported";
        c::MATCH_KEY: Text null, "for identity only";
        c::SOURCE: Text, "source of the row";
        c::REASON: Text null, "why it is refused";
    }
}
table! { Tombstones = "register/tombstones" v 1 sorted [c::KIND, c::HASH] unique true,
    "One contact point or number of somebody who was erased, as a keyed hash that tells nobody what it was."
    {
        c::KIND: Text, "email, match_key, phone, phone_end, card_id or number";
        c::HASH: Text, "HMAC-SHA256 under privacy.suppression_key";
        c::KEY_ID: Text, "fingerprint of the key";
        c::ERASED_ON: Date, "day of the erasure";
    }
}
table! { Listings = "register/listings" v 2 sorted [c::CAMPAIGN, c::CUSTOMER_ID, c::AS_OF] unique true,
    "One customer in one written list."
    {
        c::CAMPAIGN: Text, "campaign";
        c::CUSTOMER_ID: Text, "customer";
        c::AS_OF: Date, "day of the list";
        c::CHANNEL: Text, "channel";
        c::SEND_ON: Date, "first day to send";
        c::CONTACT_COST: Money, "what the contact cost: campaign.cost_per_contact";
        c::OFFER_COST: Money, "what its offer or bonus costs at worst, since exports do not tell what was redeemed";
        c::IS_RETENTION: Bool, "whether both are held against the customer's retention ceiling";
    }
}
table! { GhostContacts = "register/ghost_contacts" v 1 sorted [c::CAMPAIGN, c::CUSTOMER_ID, c::AS_OF] unique true,
    "One customer of a control group who would have stood in a list: no contact, but it takes slot and repeat_days as one \
     would. Where control groups are drawn only."
    {
        c::CAMPAIGN: Text, "campaign";
        c::CUSTOMER_ID: Text, "customer";
        c::AS_OF: Date, "day of the list";
        c::CHANNEL: Text, "channel that it would have been";
    }
}
table! { Quarantine = "quarantine" v 1,
    "One fault of one record that is still open."
    {
        c::FILE: Text, "path of the file";
        c::LINE: UInt64, "1-based physical line where the record starts";
        c::RECORD: UInt64, "1-based number of the record in its file, header not counted";
        c::COLUMN: Text null, "contract column";
        c::REASON: Text, "kind of the fault";
        c::VALUE: Text null, "the cell; masked for personal columns";
        c::RAW: Binary, "the record as read";
        c::RUN_ID: Text, "arrival number of the run that met it";
        c::FILE_ID: UInt32, "register/files";
    }
}
table! { Customers = "tables/customers" v 4 sorted [c::CUSTOMER_ID] unique true,
    "One customer: everyone in the register and everyone with a ledger row up to `as_of`."
    {
        c::CUSTOMER_ID: Text, "persistent id";
        c::HOUSEHOLD_ID: Text null, "household, as exported";
        c::COUNTRY: Text null, "as exported";
        c::IS_EMPLOYEE: Bool null, "on the staff";
        c::FIRST_DAY: Date null, "first purchase day";
        c::LAST_DAY: Date null, "last purchase day";
        c::N_ORDERS: Int, "orders";
        c::N_ACTIVE_DAYS: Int, "purchase days";
        c::REVENUE: Money, "sum of sales";
        c::REFUNDS: Money, "sum of refunds, at most 0";
        c::NET_REVENUE: Money, "revenue + refunds";
        c::COST: Money null, "null if any sale lacks it";
        c::MARGIN: Money null, "net revenue - cost";
        c::RECENCY_DAYS: Int null, "as_of - last_day";
        c::TENURE_DAYS: Int null, "as_of - first_day";
        c::N_LINES_OWNED: Int null, "product lines with a sale; null: not counted (`summary.lines`)";
        c::MAIN_LINE: Text null, "line of the largest net revenue, ties by name";
        c::MAIN_UNIT: Text null, "unit of the largest net revenue, ties by name";
        c::MAIN_CHANNEL: Text null, "channel of the largest net revenue, ties by name";
        c::NET_REVENUE_365: Money, "net revenue of the last 365 days";
        c::TREND: Float null, "net revenue of the last 182 days over the 182 before, - 1; null unless the latter is > 0";
        c::RFM_R: UInt8 null, "recency score, 1 = worst";
        c::RFM_F: UInt8 null, "frequency score";
        c::RFM_M: UInt8 null, "monetary score";
        c::RFM_SCORE: Text null, "the three together";
        c::RFM_SEGMENT: Text null, "named cell";
        c::CLV_X: Int null, "repeat purchase days";
        c::CLV_T_X: Float null, "last - first purchase day, in units of clv.unit_days";
        c::CLV_T: Float null, "as_of - first purchase day, in the same units";
        c::P_ALIVE: Share null, "probability of still being a customer";
        c::EXPECTED_PURCHASES: Float null, "purchase days expected in the next clv.horizon_days";
        c::EXPECTED_VALUE: Money null, "net revenue expected of one purchase day";
        c::CLV: Money null, "value expected in the next clv.horizon_days, discounted; see tables/clv_totals for what it is made of; null also without cost of a sale where value is margin";
        c::CLV_LOW: Money null, "lower end of the interval of what the horizon will bring";
        c::CLV_HIGH: Money null, "upper end";
        c::CLV_INFINITE: Money null, "the same value without a horizon; null also without a discount rate";
        c::NEXT_PURCHASE_DAY: Date null, "day by which the next purchase has come with probability one half; null: not within the horizon";
        c::TIER: Text null, "tier in the base programme; null: no member, or gone";
        c::TIER_SINCE: Date null, "first day of its period";
        c::TIER_CHECK: Date null, "day on which it is checked; null: never";
        c::TIER_METRIC: Float null, "earned so far for keeping it, in units of the programme's basis; without a check: in the upgrade window";
        c::TO_STAY: Float null, "still missing for keeping it; null: never checked";
        c::TO_NEXT: Float null, "still missing for the next tier; null: at the top";
        c::PROJECTED_TIER: Text null, "tier after check and grace if nothing more is earned; null: never checked";
        c::MINI_CANDIDATE: Bool null, "to be lifted by a mini programme; null: there is none";
        c::RETENTION_CEILING: Money null, "most that retention may cost in the customer's budget year; null: no acquisition cost is known, and nobody is refused for it";
        c::RETENTION_SPENT: Money null, "spent of it at worst in lists of other days; null: no acquisition cost is known of anybody";
        c::RETENTION_LEFT: Money null, "what is left, at least 0; null: there is no ceiling";
        c::CEILING_BASIS: Text null, "cac_only: what winning an equal customer costs, without an estimate of what retention brings; null: there is no ceiling";
        c::CAN_EMAIL: Bool null, "may be addressed so with marketing of no line; null: no contacts source";
        c::CAN_SMS: Bool null, "the same";
        c::CAN_PHONE: Bool null, "the same, by a person who calls";
        c::CAN_POST: Bool null, "the same";
        c::CAN_ADS: Bool null, "the same";
        c::BLOCKED_REASON: Text null, "where no channel is open, the weightiest reason; null: one is, or no contacts source";
        c::SEGMENTS: TextList, "segments in config order";
    }
}
table! { Segments = "tables/segments" v 1 sorted [c::SEGMENT, c::CUSTOMER_ID] unique true,
    "One membership."
    {
        c::SEGMENT: Text, "segment";
        c::CUSTOMER_ID: Text, "customer";
        c::SINCE: Date, "as_of of the first published run in an unbroken row that had it";
        c::REASON: Text, "the values that the predicate saw";
    }
}
table! { SegmentSummary = "tables/segment_summary" v 2 sorted [c::SEGMENT] unique true,
    "One segment."
    {
        c::SEGMENT: Text, "segment";
        c::N_CUSTOMERS: Int, "members";
        c::SHARE: Share, "of all customers";
        c::NET_REVENUE: Money, "sum over members";
        c::MARGIN: Money null, "sum over members; null if one's is";
        c::CLV: Money null, "sum over the members who have one; null: none has";
        c::N_REACHABLE_EMAIL: Int null, "members with a usable e-mail, where mapped with consent, and neither suppressed nor absent; null: no contacts source";
        c::N_ENTERED: Int null, "entered since the newest published run of an earlier as_of; null: no such run";
        c::N_LEFT: Int null, "left since then";
    }
}
table! { SegmentMoves = "tables/segment_moves" v 1 sorted [c::CUSTOMER_ID, c::SEGMENT] unique true,
    "One move since the newest published run of an earlier `as_of`."
    {
        c::CUSTOMER_ID: Text, "customer";
        c::SEGMENT: Text, "segment";
        c::MOVE: Text, "entered or left";
        c::REASON: Text, "the values that changed";
    }
}
table! { RfmGrid = "tables/rfm_grid" v 1 sorted [c::RFM_R, c::RFM_F, c::RFM_M] unique true,
    "One occupied cell."
    {
        c::RFM_R: UInt8, "recency score";
        c::RFM_F: UInt8, "frequency score";
        c::RFM_M: UInt8, "monetary score";
        c::N_CUSTOMERS: Int, "customers in it";
        c::NET_REVENUE: Money, "their net revenue";
    }
}
table! { RfmCuts = "tables/rfm_cuts" v 1 sorted [c::MEASURE, c::BIN] unique true,
    "One bin of one measure."
    {
        c::MEASURE: Text, "r in days, f in orders or days, m in major units";
        c::BIN: UInt8, "score";
        c::LOW: Float null, "least value met in it; null: empty";
        c::HIGH: Float null, "greatest value met in it";
        c::N_CUSTOMERS: Int, "customers in it";
    }
}
table! { ClvHoldout = "tables/clv_holdout" v 1 sorted [c::MODEL, c::X] unique true,
    "One model, fitted on what was before the held-out days, and the customers who had so many repeat purchases by then."
    {
        c::MODEL: Text, "bg_nbd, mbg_nbd or pareto_nbd";
        c::X: Int, "repeat purchase days before the held-out days";
        c::N_CUSTOMERS: Int, "customers";
        c::ACTUAL_MEAN: Float, "mean purchase days in the held-out days";
        c::EXPECTED_MEAN: Float, "what the model expected";
    }
}
table! { ClvTracking = "tables/clv_tracking" v 1 sorted [c::MODEL, c::WEEK] unique true,
    "One model, fitted on what was before the held-out days, and one week; the model knows of each customer the first day only."
    {
        c::MODEL: Text, "bg_nbd, mbg_nbd, pareto_nbd or nbd";
        c::WEEK: Int, "1 = the seven days from the first purchase day of all";
        c::LAST_DAY: Date, "last day of the week";
        c::ACTUAL: Int, "repeat purchase days in the week";
        c::EXPECTED: Float, "what the model expects";
        c::CUMULATIVE_ACTUAL: Int, "repeat purchase days since the first week";
        c::CUMULATIVE_EXPECTED: Float, "what the model expects";
    }
}
table! { ClvTotals = "tables/clv_totals" v 1 sorted [c::SCOPE, c::SCOPE_VALUE] unique true,
    "Customers together. Their value is that of purchases in the next `horizon_days`: each at the end of its step, one of twelve, counts `(1 + discount_rate)^(-days/365)`."
    {
        c::SCOPE: Text, "all, segment, or the column of clv.segment_by";
        c::SCOPE_VALUE: Text null, "segment, or value of that column; null: all";
        c::N_CUSTOMERS: Int, "customers with a purchase";
        c::N_VALUED: Int, "of them those with a value";
        c::EXPECTED_PURCHASES: Float, "purchase days expected";
        c::CLV: Money null, "sum of values; null: nobody has one";
        c::CLV_LOW: Money null, "lower end of the interval of what they will bring; null also where amounts vary too widely";
        c::CLV_HIGH: Money null, "upper end";
        c::MODEL: Text, "model of timing";
        c::WORTH: Text, "margin or net_revenue";
        c::HORIZON_DAYS: Int, "clv.horizon_days";
        c::STEP_DAYS: Float, "a twelfth of it";
        c::DISCOUNT_RATE: Float, "clv.discount_rate";
        c::INTERVAL: Share, "clv.interval";
    }
}
table! { Cohorts = "tables/cohorts" v 1 sorted [c::COHORT_MONTH, c::AGE_MONTHS] unique true,
    "One cohort of first purchase month at one age; unobserved cells are absent."
    {
        c::COHORT_MONTH: Date, "first day of the month of the first purchase";
        c::AGE_MONTHS: Int, "months since";
        c::N_CUSTOMERS: Int, "customers of the cohort";
        c::N_ACTIVE: Int, "of them with a purchase day in that month";
        c::NET_REVENUE: Money, "net revenue in that month";
    }
}
table! { Candidates = "tables/candidates" v 1 sorted [c::CAMPAIGN, c::CUSTOMER_ID] unique true,
    "One customer considered for one campaign."
    {
        c::CAMPAIGN: Text, "campaign";
        c::CUSTOMER_ID: Text, "customer";
        c::SEGMENT: Text, "first of the campaign's segments that has the customer";
        c::CHANNEL: Text null, "channel chosen; null: none possible";
        c::SEND_ON: Date null, "first day to send, of control the day that it would have been; null: refused";
        c::PRIORITY: Int, "of the campaign, 1 = first";
        c::VALUE: Float null, "expected gain by the campaign's expression";
        c::VERDICT: Text, "accepted, control (held out to be compared with) or refused";
        c::REASON: Text, "why";
        c::RULE: Text null, "the rule of the config that decided";
        c::BLOCKING: Text null, "what filled it";
        c::REASONS: Text null, "everything that speaks against each channel, the weightiest first";
    }
}
table! { Assignments = "tables/assignments" v 1
    sorted [c::EXPERIMENT, c::UNIT_ID, c::CUSTOMER_ID] unique true,
    "One customer who was to be contacted or held out, in the arm of the first time, for good. Where control groups are \
     drawn only."
    {
        c::EXPERIMENT: Text, "campaign";
        c::UNIT_ID: Text, "what was drawn for: the customer, the least id of those who share a contact point, or the household";
        c::CUSTOMER_ID: Text, "customer, by its id of that day";
        c::UNIT_KIND: Text, "customer or household";
        c::ARM: Text, "treated or control";
        c::ASSIGNED_ON: Date, "as_of of the first time";
        c::CONTROL_SHARE: Share, "share that was held out when the unit was drawn";
        c::PROGRAMME: Text null, "programme whose tier is to be reached; null: not a campaign of a mini programme";
        c::TARGET_TIER: Text null, "tier into which it is to be lifted; null: none above, or no such campaign";
        c::WINDOW_ENDS_ON: Date null, "last day on which it counts: that of the tier's check, of grace where that is over, 365 days later where there is none; null: no target";
    }
}
table! { Measurements = "tables/measurements" v 1 sorted [c::CAMPAIGN, c::METRIC] unique true,
    "What a campaign of a mini programme did, treated less control: all units by the arm they were assigned, whatever \
     became of them. Where control groups are drawn only."
    {
        c::CAMPAIGN: Text, "campaign";
        c::METRIC: Text, "tier_reached: share of units with a customer who rose to the tier or above within the window and was not put back; margin: mean of a unit over its windows";
        c::N_TREATED: Int, "units treated";
        c::N_CONTROL: Int, "units held out";
        c::TREATED: Float null, "share, or mean in major units; null: no such unit";
        c::CONTROL: Float null, "the same of control";
        c::DIFFERENCE: Float null, "treated less control";
        c::LOW: Float null, "interval of 95 %: Newcombe's for shares, Welch's for means; null: see reason";
        c::HIGH: Float null, "its upper end";
        c::P_VALUE: Share null, "two-sided: pooled z for shares, Welch for means; null as low, or nothing varies";
        c::INCREMENTAL_MARGIN: Money null, "of margin: difference times units treated; null as low, or costs are not known";
        c::COST: Money null, "of margin: contact_cost of the listings of treated customers within their windows, and the greatest offer_cost of each who reached the tier so far; null: nothing tells what was offered";
        c::ROI: Float null, "of margin: (incremental_margin - cost) / cost; null where either is, or the cost is 0";
        c::VERDICT: Text, "provisional (a window is open), invalid (arms differ from their shares, p < 0.001), effect (0 lies outside the interval) or no_effect_shown";
        c::REASON: Text null, "why something is null";
        c::VALUE_BASIS: Text null, "of margin: margin, or net_revenue where more than 1 % of sales lack their cost; a day on which one does counts 0 as margin";
        c::SAMPLE_RATIO_P: Share null, "chi-square of the numbers of units against their shares; null: nobody was to be held out";
        c::WINDOW_ENDS_ON: Date, "end of the last window";
    }
}
table! { TierState = "tables/tier_state" v 1 sorted [c::PROGRAMME, c::CUSTOMER_ID] unique true,
    "One member of one loyalty programme, present or gone; amounts in units of the programme's basis."
    {
        c::PROGRAMME: Text, "programme";
        c::CUSTOMER_ID: Text, "customer";
        c::TIER: Text null, "tier; null: gone";
        c::TIER_SINCE: Date, "first day of the period; of those who are gone: the day";
        c::TIER_CHECK: Date null, "check date; null: never";
        c::GRACE_UNTIL: Date null, "day on which the tier is lost unless it is earned before; null: not in grace";
        c::TIER_METRIC: Float, "earned in the period, as far as it counts for keeping the tier; without a check: in the upgrade window";
        c::WINDOW_METRIC: Float, "earned in the upgrade window";
        c::TO_STAY: Float null, "still missing for keeping the tier; null: never checked";
        c::TO_NEXT: Float null, "still missing for the next tier; null: at the top";
        c::NEXT_TIER: Text null, "the next tier";
        c::PROJECTED_TIER: Text null, "tier after check and grace if nothing more is earned";
        c::REASON: Text, "the last event";
        c::ENROLLED_ON: Date, "day of enrolment";
        c::LEFT_ON: Date null, "day from which the customer is gone";
        c::MANUAL: Text null, "tiers given by hand: role:tier:first..last";
        c::PUBLISHED_FLOOR: Text null, "tiers that were published before customers became one or one was parted, and are kept: tier:first..last";
        c::POINTS: Float null, "points earned and not expired; null: the basis is not points";
        c::POINTS_EXPIRE_ON: Date null, "day on which the next of them expire";
        c::POINTS_EXPIRING: Float null, "how many do so";
        c::REACH_P: Share null, "probability to reach the next tier without help by the check, within a year where there is none";
        c::EXPECTED_MARGIN: Money null, "margin expected of the next year, as far as candidates are chosen by it";
        c::VALUE_BASIS: Text, "what expected_margin is";
        c::MINI_PROGRAMME: Text null, "mini programme that lifts the customer";
        c::MINI_CANDIDATE: Bool null, "to be lifted; null: no mini programme";
        c::MINI_COST: Money null, "what the bonus costs at most; null: no candidate, or not known";
        c::N_IDENTITIES: Int, "keys that the customer's purchases came under";
        c::NEXT_CHANGE: Date null, "first day on which the row can change without a new fact; null: none";
    }
}
table! { TierEvents = "tables/tier_events" v 1
    sorted [c::PROGRAMME, c::CUSTOMER_ID, c::DAY, c::SEQ] unique true,
    "One event of one member's tier."
    {
        c::PROGRAMME: Text, "programme";
        c::CUSTOMER_ID: Text, "customer";
        c::DAY: Date, "day";
        c::SEQ: Int, "number of the event among the member's, from 1";
        c::EVENT: Text, "enrolled, upgrade, reversal, renewal, grace, downgrade, manual, merged, rules or left";
        c::FROM_TIER: Text null, "tier before; null: no member";
        c::TO_TIER: Text null, "tier after; null: gone";
        c::METRIC: Float, "what decided, in units of the basis: of the upgrade window for upgrades, reversals and tiers given by hand or rules, else of the period";
        c::TIER_SINCE: Date, "first day of the period after the event";
        c::TIER_CHECK: Date null, "its check date";
    }
}
table! { TierTransitions = "tables/tier_transitions" v 1
    sorted [c::PROGRAMME, c::PERIOD, c::FROM_DAY, c::FROM_TIER, c::TO_TIER] unique true,
    "One cell of a transition matrix between the ends of two days: of months, and of years that end with the last whole month."
    {
        c::PROGRAMME: Text, "programme";
        c::FROM_DAY: Date, "first day of the comparison";
        c::TO_DAY: Date, "last day";
        c::FROM_TIER: Text, "tier at the first; new: no member yet";
        c::TO_TIER: Text, "tier at the last; left: gone";
        c::N_CUSTOMERS: Int, "customers";
        c::PROBABILITY: Share null, "of those who were in from_tier; null: nobody was";
        c::LOW: Share null, "Wilson's interval of 95 %";
        c::HIGH: Share null, "its upper end";
        c::MARGIN_12M: Money, "what these customers brought in the 12 months up to to_day";
        c::MARGIN_PROBABILITY: Float null, "its share in the row; null unless the row's is above 0";
        c::MONTHLY_POWER_12: Share null, "of years: what the 12 monthly matrices of the year, pooled, would give in its place";
        c::PERIOD: Text, "month or year";
        c::VALUE_BASIS: Text, "margin or net_revenue, whichever margin_12m is";
    }
}
table! { TierForecast = "tables/tier_forecast" v 1 sorted [c::PROGRAMME, c::DAY, c::TIER] unique true,
    "One tier on one day to come."
    {
        c::PROGRAMME: Text, "programme";
        c::DAY: Date, "as_of and 1 to 12 months";
        c::TIER: Text, "tier";
        c::N_EXPECTED: Float, "members expected";
        c::LOW: Float, "of 1,000 resampled histories 95 % lie from here";
        c::HIGH: Float, "to here";
    }
}
table! { TierValue = "tables/tier_value" v 1 sorted [c::PROGRAMME, c::TIER] unique true,
    "What a member of a tier is worth, by the Markov chain of tiers."
    {
        c::PROGRAMME: Text, "programme";
        c::TIER: Text, "tier";
        c::N_CUSTOMERS: Int, "members";
        c::MARGIN_12M: Money null, "expected of a member in a year; null: nobody was seen in the tier";
        c::VALUE: Money null, "discounted, over loyalty.value_years and the year that begins";
        c::VALUE_LOW: Money null, "of 1,000 resampled histories 95 % lie from here";
        c::VALUE_HIGH: Money null, "to here";
        c::VALUE_INFINITE: Money null, "discounted, without end";
        c::VALUE_INFINITE_LOW: Money null, "of 1,000 resampled histories 95 % lie from here";
        c::VALUE_INFINITE_HIGH: Money null, "to here";
        c::YEARS_EXPECTED: Float null, "expected years as a member, the present one among them; null: without end";
        c::ENDING_EFFECT: Money null, "what all members together would be worth more (less: below 0) if whoever is in the tier, or comes into it, were given up";
        c::PERIOD: Text, "year or month: the periods that were counted";
        c::VALUE_BASIS: Text, "margin or net_revenue";
    }
}
table! { MatchReview = "tables/match_review" v 2
    sorted [c::ID_SPACE, c::SOURCE_ID, c::OTHER_ID_SPACE, c::OTHER_SOURCE_ID, c::LINKED_BY] unique true,
    "A link between two numbers that was not made, for somebody to look at. Where persons are matched only."
    {
        c::ID_SPACE: Text, "numbering of the first";
        c::SOURCE_ID: Text, "first number";
        c::OTHER_ID_SPACE: Text, "numbering of the second";
        c::OTHER_SOURCE_ID: Text, "second number";
        c::LINKED_BY: Text, "what they share: same_as, card, email or phone; similar: a match probability";
        c::REASON: Text, "birth_dates or numbers that contradict, too_large, or between_thresholds";
        c::MATCH_PROBABILITY: Float null, "probability that they are one person; null: not linked by it";
        c::MATCH_WEIGHT: Float null, "binary logarithm of its odds, the sum of field_weights";
        c::FIELD_WEIGHTS: Text null, "match weight by field, of the prior, and of what households share: a JSON object";
    }
}
table! { Quality = "tables/quality" v 1 sorted [c::GATE, c::SOURCE] unique true,
    "One gate."
    {
        c::GATE: Text, "name of the gate";
        c::SOURCE: Text null, "source; null: the whole run";
        c::VALUE: Float null, "measured; null: not checked";
        c::WARN: Float null, "warns above; null: never";
        c::STOP: Float null, "stops above; null: never";
        c::VERDICT: Text, "passed, warned, held, stopped, accepted or not_checked";
    }
}

/// Every table, kept ones first.
pub const ALL: &[&Table] = &[
    Transactions::TABLE,
    Superseded::TABLE,
    Interactions::TABLE,
    SupersededInteractions::TABLE,
    CustomerMonth::TABLE,
    CustomerMonthBy::TABLE,
    CustomerDay::TABLE,
    CustomerBase::TABLE,
    CustomerBaseBy::TABLE,
    CohortBase::TABLE,
    DayBase::TABLE,
    CustomerNets::TABLE,
    CustomerStanding::TABLE,
    Keys::TABLE,
    Files::TABLE,
    RowKeys::TABLE,
    ContactRows::TABLE,
    ConsentRows::TABLE,
    SuppressionRows::TABLE,
    Products::TABLE,
    BusinessUnits::TABLE,
    RegisterCustomers::TABLE,
    IdMap::TABLE,
    IdPast::TABLE,
    CustomerMarks::TABLE,
    RowMatches::TABLE,
    Identities::TABLE,
    ContactPoints::TABLE,
    Tombstones::TABLE,
    Listings::TABLE,
    GhostContacts::TABLE,
    Quarantine::TABLE,
    Customers::TABLE,
    Segments::TABLE,
    SegmentSummary::TABLE,
    SegmentMoves::TABLE,
    RfmGrid::TABLE,
    RfmCuts::TABLE,
    ClvHoldout::TABLE,
    ClvTracking::TABLE,
    ClvTotals::TABLE,
    Cohorts::TABLE,
    TierState::TABLE,
    TierEvents::TABLE,
    TierTransitions::TABLE,
    TierForecast::TABLE,
    TierValue::TABLE,
    Candidates::TABLE,
    Assignments::TABLE,
    Measurements::TABLE,
    MatchReview::TABLE,
    Quality::TABLE,
];
