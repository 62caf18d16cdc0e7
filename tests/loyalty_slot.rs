//! A combined programme contacts a customer once: campaigns of the base programme and of its mini programme share a slot.

mod common;

use common::{Project, Run};

const CONFIG: &str = r#"
[project]
name = "slots"
currency = "EUR"

[consent]
unchecked_channels = ["email", "sms"]

[[source]]
name = "pos"
kind = "transactions"
path = "sales.csv"
[source.columns]
transaction_id = "order_id"
customer_id = "customer_id"
occurred_at = "ordered_at"
amount = "amount"

[[source]]
name = "crm"
kind = "contacts"
path = "contacts.csv"
[source.columns]
customer_id = "customer_id"
email = "email"
phone = "phone"

[quality]
suppression_max_age_hours = 0

[[loyalty]]
name = "club"
SLOT_DAYS

[[loyalty.tier]]
name = "basic"
threshold = 0

[[loyalty.tier]]
name = "silver"
threshold = 500

[[loyalty]]
name = "lift"
kind = "mini"
mini_gap = 1.0
mini_share = 1.0
mini_reach_below = 1.0

[[segment]]
name = "members"
where = "tier is not null"

[[segment]]
name = "near"
where = "to_next <= 100"

[[campaign]]
name = "news"
segment = ["members"]
channel = ["email"]
loyalty = "club"
repeat_days = 1

[[campaign]]
name = "bonus"
segment = ["near"]
channel = ["CHANNEL"]
loyalty = "lift"
priority = 1
repeat_days = 30
max_contacts = MOST

[[campaign]]
name = "recall"
segment = ["members"]
channel = ["email"]
class = "service"
repeat_days = 1
"#;

/// A and B miss less than 100 for silver, C more.
const SALES: &str = "\
order_id,customer_id,ordered_at,amount
1,A,2025-12-01,450.00
2,B,2025-12-02,420.00
3,C,2025-12-03,50.00
";

/// B has no telephone.
const CONTACTS: &str = "\
customer_id,email,phone
A,a@example.com,+4930901820
B,b@example.com,
C,c@example.com,+4930901821
";

fn project(slot_days: &str, channel: &str, most: u32) -> Project {
    let config =
        CONFIG.replace("SLOT_DAYS", slot_days).replace("CHANNEL", channel).replace("MOST", &most.to_string());
    let project = Project::new(&config);
    project.put("sales.csv", SALES);
    project.put("contacts.csv", CONTACTS);
    project
}

/// Verdicts of a campaign's candidates, by customer.
fn verdicts(run: &Run, campaign: &str) -> Vec<String> {
    let table = run.table("tables/candidates").only("campaign", campaign);
    let mut verdicts: Vec<String> = ["A", "B", "C"]
        .into_iter()
        .filter(|id| table.texts("customer_id").contains(id))
        .map(|id| {
            let row = table.row("customer_id", id);
            let cells = ["verdict", "reason", "rule", "blocking"].map(|name| row.get(name).unwrap_or("-"));
            let is_accepted = cells.first() == Some(&"accepted");
            if is_accepted { format!("{id} accepted") } else { format!("{id} {}", cells.join("|")) }
        })
        .collect();
    verdicts.sort();
    verdicts
}

#[test]
fn the_first_by_priority_has_the_customer_for_the_days_of_the_slot() {
    let project = project("slot_days = 5", "email", 0);
    let night = |day: &str| project.publish(&["--as-of", day]);
    let taken =
        |id: &str| format!("{id} refused|loyalty_slot|slot_days = 5 of club|listed by bonus on 2026-01-10");
    let first = night("2026-01-10");
    assert_eq!(verdicts(&first, "bonus"), ["A accepted", "B accepted"]);
    assert_eq!(verdicts(&first, "news"), [taken("A"), taken("B"), "C accepted".to_owned()]);
    let all = ["A accepted", "B accepted", "C accepted"];
    assert_eq!(verdicts(&first, "recall"), all, "a campaign of no programme");
    // The same day again gives the same lists.
    let again = night("2026-01-10");
    assert_eq!(again.hashes(&["manifest.", "events.jsonl"]), first.hashes(&["manifest.", "events.jsonl"]));
    // A campaign's own lists are no matter of the slot.
    let later = night("2026-01-14");
    assert_eq!(verdicts(&later, "news"), [taken("A"), taken("B"), "C accepted".to_owned()]);
    assert_eq!(verdicts(&night("2026-01-15"), "news"), all);
    // The mini programme's bonus comes later than the news, which have the slot now.
    let bonus = verdicts(&night("2026-02-12"), "bonus");
    assert_eq!(bonus, ["A accepted", "B accepted"]);
}

#[test]
fn whoever_is_not_listed_takes_no_slot() {
    let by_text = project("", "sms", 0);
    let without_telephone = by_text.publish(&["--as-of", "2026-01-10"]);
    let verdict = verdicts(&without_telephone, "bonus");
    assert!(verdict[1].starts_with("B refused|no_contact_point|"), "{verdict:?}");
    assert_eq!(verdict[0], "A accepted");
    let news = verdicts(&without_telephone, "news");
    assert!(news[0].starts_with("A refused|loyalty_slot|slot_days = 7 of club|"), "{news:?}");
    assert_eq!(news[1..], ["B accepted", "C accepted"]);

    let with_one = project("", "email", 1);
    let one_only = with_one.publish(&["--as-of", "2026-01-10"]);
    let verdict = verdicts(&one_only, "bonus");
    assert_eq!(verdict[0], "A accepted");
    assert!(verdict[1].starts_with("B refused|capacity|"), "{verdict:?}");
    assert_eq!(verdicts(&one_only, "news")[1..], ["B accepted", "C accepted"]);
}

#[test]
fn an_unknown_programme_has_a_place_and_a_mend() {
    let project =
        Project::new(&CONFIG.replace("SLOT_DAYS", "").replace("loyalty = \"lift\"", "loyalty = \"lfit\""));
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("there is no loyalty programme \"lfit\""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("did you mean \"lift\"?"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("clienting.toml:"), "{}", outcome.stderr);
}
