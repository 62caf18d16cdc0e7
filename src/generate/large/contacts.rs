//! Rows of the contact export.

use super::Sheet;
use super::cells::{Cells, CustomerId};
use super::process::{Mail, Process, Shopper};
use super::transactions::column;
use crate::contract::{ColumnType, Table, column as c};
use crate::generate::draw::{Draw, Purpose};
use crate::generate::person::Person;
use crate::kernel::calendar;

/// What a customer is known by, once the period is over.
#[derive(Clone, Copy, Debug)]
pub struct ContactSheet {
    /// Calendar and seed.
    pub process: Process,
}

/// A customer to be written as a contact.
#[derive(Clone, Copy, Debug)]
pub struct Contact {
    number: u32,
    mail: Mail,
}

impl Contact {
    /// The contact of customer `number`.
    #[must_use]
    pub const fn of(number: u32, shopper: &Shopper) -> Self {
        Self { number, mail: shopper.mail }
    }
}

static TABLE: Table = Table {
    name: "synthetic/contacts",
    version: 1,
    columns: &[
        column(c::CUSTOMER_ID, ColumnType::Text, false, "customer"),
        column(c::EMAIL, ColumnType::Text, true, "e-mail address, in a domain kept for examples"),
        column(c::PHONE, ColumnType::Text, true, "telephone number, of a range kept for fiction"),
        column(c::FIRST_NAME, ColumnType::Text, false, "given name"),
        column(c::LAST_NAME, ColumnType::Text, false, "family name"),
        column(c::BIRTH_DATE, ColumnType::Date, true, "day of birth"),
        column(c::LANGUAGE, ColumnType::Text, false, "language"),
        column(c::COUNTRY, ColumnType::Text, false, "country"),
        column(c::POSTAL_CODE, ColumnType::Text, false, "postal code"),
        column(c::CITY, ColumnType::Text, false, "town"),
        column(c::STREET, ColumnType::Text, false, "street and number"),
        column(c::CREATED_AT, ColumnType::TimestampMs, false, "time of the first purchase"),
        column("consent_email", ColumnType::Text, true, "consent to e-mail"),
        column("consent_sms", ColumnType::Text, true, "consent to text messages"),
    ],
    sorted_by: &[c::CUSTOMER_ID],
    unique: true,
    doc: "One customer.",
};

impl Sheet for ContactSheet {
    type Item = Contact;

    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn write<C: Cells>(&self, contact: &Contact, cells: &mut C) {
        let mut draw = Draw::new(self.process.trade.seed, Purpose::LargeContact, u64::from(contact.number));
        let person = Person::new(contact.number, &mut draw);
        let (day, second) = self.process.moment(self.process.first_purchase(contact.number));
        cells.text(CustomerId::new(contact.number).text());
        cells.text(&person.email);
        cells.text(&person.phone);
        cells.text(&person.first_name);
        cells.text(&person.last_name);
        cells.day(calendar::parse_day_in(person.birth_date.as_bytes(), 1900..=2100));
        cells.text(person.language);
        cells.text(person.country);
        cells.text(&person.postal_code);
        cells.text(person.city);
        cells.text(&person.street);
        cells.moment(day, second);
        cells.text(match contact.mail {
            Mail::Granted | Mail::Bounced => "granted",
            Mail::Denied => "denied",
            Mail::Withdrawn => "withdrawn",
            Mail::Unknown => "",
        });
        cells.text(["granted", "denied", ""][draw.weighted(&[260, 440, 300])]);
        cells.end_row();
    }
}
