//! The export of the customer register: most buyers, people who never bought, sign-ups to the newsletter.

use super::draw::{Draw, Purpose};
use super::ledger::customer_text;
use super::person::Person;
use super::{Export, Retailer, calendar, csv};

const HEADER: [&str; 15] = [
    "customer_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "birth_date",
    "language",
    "country",
    "postal_code",
    "city",
    "street",
    "newsletter",
    "sms_ok",
    "staff",
    "updated_at",
];

/// One number in so many has more than one row, and every fifth of those has three.
const REVISED_EVERY: u32 = 50;

/// `contacts/crm.csv`. Numbers above those of the buyers are people who never bought.
pub(super) fn export(retailer: &Retailer) -> Export {
    let n_customers = retailer.n_customers;
    let mut bytes = Vec::new();
    csv::push_row(&mut bytes, &HEADER);
    for number in 1..=n_customers + n_customers / 12 {
        let mut draw = Draw::new(retailer.seed, Purpose::Person, u64::from(number));
        // Some buyers are missing: their cards were never typed in.
        if draw.chance(920) || number > n_customers {
            push_customer(&mut bytes, retailer, number, &mut draw);
        }
    }
    for number in 1..=n_customers / 200 {
        push_sign_up(&mut bytes, retailer, number);
    }
    Export { path: "contacts/crm.csv".to_owned(), bytes }
}

/// What a row has besides the person.
struct Standing {
    newsletter: &'static str,
    sms_ok: &'static str,
    is_staff: bool,
}

/// The row of a customer, or two or three rows of different age, the newest not always last.
fn push_customer(out: &mut Vec<u8>, retailer: &Retailer, number: u32, draw: &mut Draw) {
    let person = Person::new(number, draw);
    let standing = Standing {
        newsletter: ["yes", "no", ""][draw.weighted(&[500, 320, 180])],
        sms_ok: ["yes", "no", ""][draw.weighted(&[260, 440, 300])],
        is_staff: draw.chance(6),
    };
    let mut rows =
        vec![fields(retailer, &customer_text(number), &person, &standing, update_day(retailer, draw), draw)];
    let n_earlier = match (number % REVISED_EVERY, number / REVISED_EVERY % 5) {
        (11, 0) => 2,
        (11, _) => 1,
        _ => 0,
    };
    let mut earlier = person;
    let mut day = retailer.first_day;
    for _ in 0..n_earlier {
        if draw.chance(500) {
            earlier.change_email(number, draw);
        } else {
            earlier.move_house(draw);
        }
        // Updates of the export itself lie within the months of trade: these are older by construction.
        day -= draw.between(20, 200);
        rows.push(fields(retailer, &customer_text(number), &earlier, &standing, day, draw));
    }
    if draw.chance(700) {
        rows.reverse();
    }
    for row in rows {
        csv::push_row(out, &row);
    }
}

/// Someone who left no more than an e-mail and perhaps a first name.
fn push_sign_up(out: &mut Vec<u8>, retailer: &Retailer, number: u32) {
    let mut draw = Draw::new(retailer.seed, Purpose::SignUp, u64::from(number));
    let mut person = Person::new(number, &mut draw);
    person.email = format!("reader{number}@example.org");
    person.phone.clear();
    person.last_name.clear();
    person.birth_date.clear();
    person.postal_code.clear();
    person.city = "";
    person.street.clear();
    let standing = Standing { newsletter: "yes", sms_ok: "", is_staff: false };
    csv::push_row(out, &fields(retailer, "", &person, &standing, update_day(retailer, &mut draw), &mut draw));
}

fn update_day(retailer: &Retailer, draw: &mut Draw) -> i32 {
    draw.between(retailer.first_day, retailer.end_day() - 1)
}

fn fields(
    retailer: &Retailer,
    customer_id: &str,
    person: &Person,
    standing: &Standing,
    day: i32,
    draw: &mut Draw,
) -> [String; HEADER.len()] {
    debug_assert!(day < retailer.end_day());
    let second = u32::try_from(draw.between(7 * 3_600, 22 * 3_600)).unwrap_or(0);
    [
        customer_id.to_owned(),
        person.email.clone(),
        person.phone.clone(),
        person.first_name.clone(),
        person.last_name.clone(),
        person.birth_date.clone(),
        person.language.to_owned(),
        person.country.to_owned(),
        person.postal_code.clone(),
        person.city.to_owned(),
        person.street.clone(),
        standing.newsletter.to_owned(),
        standing.sms_ok.to_owned(),
        standing.is_staff.to_string(),
        calendar::time_text(day, second),
    ]
}
