//! The ceiling on retention spend: what lists have spent on a customer in its budget year, and whom campaigns refuse for it
//! (customers.md 8.1, R-1 to R-3; 7.5).

mod common;

use std::fmt::Write as _;

use common::{Project, Run, sample_transactions};

const HEAD: &str = r#"
[project]
name = "ceiling"
currency = "EUR"
keep_runs = 40

[consent]
unchecked_channels = ["email"]

[quality]
suppression_max_age_hours = 0

[clv]
model = "none"

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

[[segment]]
name = "everybody"
where = "n_orders > 0"
"#;

const SALES: &str = "\
order_id,customer_id,ordered_at,amount
1,A,2023-12-01,450.00
2,B,2023-12-02,420.00
3,C,2023-12-03,50.00
";

/// A joined in spring; of B and C only the first purchase is known.
const CONTACTS: &str = "\
customer_id,email,joined_on
A,a@example.com,2022-03-15
B,b@example.com,
C,c@example.com,
";

fn campaign(name: &str, keys: &str) -> String {
    format!("\n[[campaign]]\nname = \"{name}\"\nsegment = [\"everybody\"]\nchannel = [\"email\"]\n{keys}\n")
}

/// Keys of a campaign that has a list on one day only.
fn on(day: &str, keys: &str) -> String {
    format!("starts_on = \"{day}\"\nends_on = \"{day}\"\nrepeat_days = 1\n{keys}")
}

fn project(config: &str) -> Project {
    let project = Project::new(&format!("{HEAD}{config}"));
    project.put("sales.csv", SALES);
    project.put("contacts.csv", CONTACTS);
    project
}

fn retention(keys: &str) -> String {
    format!("\n[retention]\n{keys}\n")
}

/// Verdicts of a campaign's candidates by customer; none when it is not due.
fn verdicts(run: &Run, campaign: &str) -> Vec<String> {
    let table = run.table("tables/candidates").only("campaign", campaign);
    let rows = table.select(&["customer_id", "verdict", "reason", "rule", "blocking"]);
    let text = |row: &Vec<Option<&str>>| {
        let cells: Vec<&str> = row.iter().map(|cell| cell.unwrap_or("-")).collect();
        if cells[1] == "accepted" { format!("{} accepted", cells[0]) } else { cells.join("|") }
    };
    rows.iter().map(text).collect()
}

/// Ceiling, spent, left and basis of a customer.
fn budget(run: &Run, customer: &str) -> [String; 4] {
    let table = run.table("tables/customers");
    let row = table.row("customer_id", customer);
    ["retention_ceiling", "retention_spent", "retention_left", "ceiling_basis"]
        .map(|name| row.get(name).unwrap_or("-").to_owned())
}

fn exceeded(id: &str, spent: &str, cost: &str) -> String {
    format!("{id}|refused|ceiling_exceeded|acquisition_cost = 80.00|spent {spent} + {cost} > 80.00")
}

const ALL: [&str; 3] = ["A accepted", "B accepted", "C accepted"];

/// 80.00 may be spent: 46.20 were, a voucher of 25.00 is granted, one of 10.00 is refused until the budget year turns.
fn example(budget_year: &str) -> Project {
    let vouchers = "goal = \"retention\"\nrepeat_days = 1\nstarts_on = \"2024-01-12\"\noffer_cost = 10";
    project(
        &[
            retention(&format!("acquisition_cost = 80\nbudget_year = \"{budget_year}\"")),
            campaign("letters", &on("2024-01-10", "cost_per_contact = 46.20")),
            campaign("voucher_25", &on("2024-01-11", "cost_per_contact = 0.00\noffer_cost = 25.00")),
            campaign("voucher_10", vouchers),
        ]
        .concat(),
    )
}

#[test]
fn the_example_of_the_rules_over_several_nights() {
    let project = example("calendar");
    let night = |day: &str| project.publish(&["--as-of", day]);
    let first = night("2024-01-10");
    assert_eq!(budget(&first, "A"), ["80.00", "0.00", "80.00", "cac_only"], "before today's lists");
    assert_eq!(verdicts(&first, "letters"), ALL);
    let second = night("2024-01-11");
    assert_eq!(budget(&second, "A"), ["80.00", "46.20", "33.80", "cac_only"]);
    assert_eq!(verdicts(&second, "voucher_25"), ALL);
    let third = night("2024-01-12");
    assert_eq!(budget(&third, "B"), ["80.00", "71.20", "8.80", "cac_only"]);
    assert_eq!(verdicts(&third, "voucher_10"), ["A", "B", "C"].map(|id| exceeded(id, "71.20", "10.00")));
    assert_eq!(
        third.manifest()["lists"].as_array().unwrap().last().unwrap()["refused"]["ceiling_exceeded"],
        3
    );
    // Whoever is refused is not listed, and spends nothing.
    let listed = third.table("register/listings").only("customer_id", "A");
    let columns = ["campaign", "as_of", "contact_cost", "offer_cost", "is_retention"];
    assert_eq!(
        listed.select(&columns),
        [
            ["letters", "2024-01-10", "46.20", "0.00", "true"].map(Some).to_vec(),
            ["voucher_25", "2024-01-11", "0.00", "25.00", "true"].map(Some).to_vec(),
        ]
    );
    let last = night("2024-12-31");
    assert_eq!(verdicts(&last, "voucher_10")[0], exceeded("A", "71.20", "10.00"));
    // A new year has a new budget.
    let turned = night("2025-01-01");
    assert_eq!(budget(&turned, "A"), ["80.00", "0.00", "80.00", "cac_only"]);
    assert_eq!(verdicts(&turned, "voucher_10"), ALL);
    assert_eq!(budget(&night("2025-01-02"), "A"), ["80.00", "10.00", "70.00", "cac_only"]);
}

#[test]
fn a_year_can_begin_on_the_day_of_joining_else_of_the_first_purchase() {
    let project = example("anniversary");
    let night = |day: &str| project.publish(&["--as-of", day]);
    for day in ["2024-01-10", "2024-01-11", "2024-03-14"] {
        night(day);
    }
    let turned = night("2024-03-15");
    let old_year = |id: &str| exceeded(id, "71.20", "10.00");
    assert_eq!(verdicts(&turned, "voucher_10"), ["A accepted".to_owned(), old_year("B"), old_year("C")]);
    assert_eq!(budget(&turned, "A")[1], "0.00");
    // B bought first on 2 December, C on the third; A has got 10.00 since March, and the calendar changes nothing.
    let winter = night("2024-12-02");
    assert_eq!(
        verdicts(&winter, "voucher_10"),
        ["A accepted".to_owned(), "B accepted".to_owned(), old_year("C")]
    );
    assert_eq!(budget(&winter, "A")[1], "10.00");
    assert_eq!(budget(&night("2025-01-01"), "A")[1], "20.00");
}

/// Who is one customer has been given what both were given.
#[test]
fn customers_who_become_one_have_spent_together() {
    let contacts = |id_space: &str| {
        format!(
            "\n[[source]]\nname = \"{id_space}\"\nkind = \"contacts\"\npath = \"{id_space}*.csv\"\nid_space = \"{id_space}\"\n"
        )
    };
    let till =
        "[[source]]\nname = \"till\"\nkind = \"transactions\"\npath = \"till.csv\"\nid_space = \"shop\"\n";
    let head = HEAD
        .split("[[source]]")
        .next()
        .unwrap()
        .replace("[quality]", "[quality]\nunmatched_customers_warn = 1.0");
    let config = [
        head,
        contacts("shop"),
        contacts("web"),
        till.to_owned(),
        "\n[[segment]]\nname = \"everybody\"\nwhere = \"customer_id is not null\"\n".to_owned(),
        retention("acquisition_cost = 80"),
        campaign("voucher", "repeat_days = 1\noffer_cost = 30"),
    ]
    .concat();
    let project = Project::new(&config);
    let header = "customer_id,email,same_as,updated_at\n";
    project.put("till.csv", "customer_id,occurred_at,amount,transaction_id\n1,2023-12-01,100.00,t1\n");
    project.put("shop.csv", format!("{header}1,one@example.com,,2024-01-01\n"));
    project.put("web.csv", format!("{header}a,a@example.com,,2024-01-01\n"));
    let first = project.publish(&["--as-of", "2024-02-01"]);
    assert_eq!(first.table("register/listings").rows.len(), 2);
    project.put("web2.csv", format!("{header}a,a@example.com,shop:1,2024-02-01\n"));
    let joined = project.publish(&["--as-of", "2024-02-02"]);
    let ids = joined
        .table("tables/customers")
        .texts("customer_id")
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(budget(&joined, &ids[0]), ["80.00", "60.00", "20.00", "cac_only"]);
    assert_eq!(verdicts(&joined, "voucher"), [exceeded(&ids[0], "60.00", "30.00")]);
}

#[test]
fn the_same_day_again_gives_the_same_and_spends_once() {
    let config = [
        retention("acquisition_cost = 80"),
        campaign("first", "priority = 1\nrepeat_days = 1\ncost_per_contact = 0.50\noffer_cost = 30"),
        campaign("second", "repeat_days = 1\noffer_cost = 40"),
    ]
    .concat();
    let project = project(&config);
    let night = |day: &str| project.publish(&["--as-of", day]);
    let first = night("2024-02-01");
    assert_eq!(
        (verdicts(&first, "first"), verdicts(&first, "second")),
        (ALL.map(Into::into).to_vec(), ALL.map(Into::into).to_vec())
    );
    let but = ["manifest.", "events.jsonl"];
    assert_eq!(night("2024-02-01").hashes(&but), first.hashes(&but));
    // A list of the day that no campaign judges again may have been acted on.
    let text = std::fs::read_to_string(project.path("clienting.toml")).unwrap();
    project.put("clienting.toml", text.replace("name = \"first\"", "name = \"another\""));
    let renamed = night("2024-02-01");
    let spent = |spent: &str, cost: &str| ["A", "B", "C"].map(|id| exceeded(id, spent, cost));
    assert_eq!(verdicts(&renamed, "another"), ALL, "30.50 of before and 30.50");
    assert_eq!(verdicts(&renamed, "second"), spent("61.00", "40.00"));
    // All three lists of the day count from the next on.
    assert_eq!(budget(&night("2024-02-02"), "C"), ["80.00", "101.00", "0.00", "cac_only"]);
    assert_eq!(budget(&first, "C")[1], "0.00");
}

#[test]
fn campaigns_of_one_day_spend_by_priority() {
    let config = [
        retention("acquisition_cost = 80"),
        campaign(
            "late",
            "priority = 3\nrepeat_days = 1\noffer_cost = 50\nmax_contacts = 1\nvalue = \"net_revenue\"",
        ),
        campaign(
            "early",
            "priority = 1\nrepeat_days = 1\noffer_cost = 50\nmax_contacts = 1\nvalue = \"net_revenue\"",
        ),
        campaign("news", "goal = \"cross_sell\"\nrepeat_days = 1\ncost_per_contact = 500"),
        campaign("gesture", "priority = 4\nclass = \"service\"\nrepeat_days = 1\noffer_cost = 45"),
        campaign("notice", "priority = 4\nclass = \"legal\"\nrepeat_days = 1\ncost_per_contact = 5"),
    ]
    .concat();
    let project = project(&config);
    let night = project.publish(&["--as-of", "2024-02-01"]);
    let early = verdicts(&night, "early");
    assert_eq!(early[0], "A accepted");
    assert!(early[1].starts_with("B|refused|capacity|"), "{early:?}");
    // Who is refused for the ceiling takes no place of the capacity, who had none has spent nothing.
    let late = verdicts(&night, "late");
    assert_eq!(late[..2], [exceeded("A", "50.00", "50.00"), "B accepted".to_owned()]);
    assert!(late[2].starts_with("C|refused|capacity|"), "{late:?}");
    assert_eq!(verdicts(&night, "news"), ALL, "another goal");
    assert_eq!(verdicts(&night, "gesture"), ALL, "service is refused to nobody");
    assert_eq!(verdicts(&night, "notice"), ALL);
    assert!(!night.text("manifest.json").contains("offer_cost_unknown"));
    let text = std::fs::read_to_string(project.path("clienting.toml")).unwrap();
    project.put("clienting.toml", text.replace("offer_cost = 45", "offer = \"flowers\""));
    let next = project.publish(&["--as-of", "2024-02-02"]);
    let warned = next.manifest()["warnings"].to_string();
    assert!(warned.contains("nothing says what the offers of gesture cost"), "{warned}");
    // Service counts as a gesture; other goals, and what the law asks for, are no retention.
    let spent = ["A", "B", "C"].map(|id| budget(&next, id)[1].clone());
    assert_eq!(spent, ["95.00", "95.00", "45.00"]);
    let listed = next.table("register/listings").only("as_of", "2024-02-01").only("customer_id", "A");
    assert_eq!(
        listed.select(&["campaign", "contact_cost", "is_retention"]),
        [
            ["early", "0.00", "true"].map(Some).to_vec(),
            ["gesture", "0.00", "true"].map(Some).to_vec(),
            ["news", "500.00", "false"].map(Some).to_vec(),
            ["notice", "5.00", "false"].map(Some).to_vec(),
        ]
    );
}

#[test]
fn without_a_known_cost_nobody_is_refused() {
    let lavish = campaign("lavish", "repeat_days = 1\noffer_cost = 1000000\ncost_per_contact = 3");
    let project = project(&[retention(""), lavish].concat());
    for day in ["2024-02-01", "2024-02-02"] {
        let night = project.publish(&["--as-of", day]);
        assert_eq!(verdicts(&night, "lavish"), ALL);
        assert_eq!(budget(&night, "A"), ["-", "-", "-", "-"]);
        assert!(!night.text("manifest.json").contains("\"cac_only\""));
    }
    // What was spent meanwhile is known once the cost is.
    let text = std::fs::read_to_string(project.path("clienting.toml")).unwrap();
    project.put("clienting.toml", text.replace("[retention]", "[retention]\nacquisition_cost = 2000006"));
    let night = project.publish(&["--as-of", "2024-02-03"]);
    assert_eq!(budget(&night, "B"), ["2000006.00", "2000006.00", "0.00", "cac_only"]);
    assert!(verdicts(&night, "lavish")[1].contains("spent 2000006.00 + 1000003.00 > 2000006.00"));
}

const CLUB: &str = r#"
[[loyalty]]
name = "club"
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
mini_bonus = BONUS

[[segment]]
name = "lifted"
where = "mini_candidate"

[[campaign]]
name = "bonus"
segment = ["lifted"]
channel = ["email"]
goal = "upgrade"
loyalty = "lift"
repeat_days = 1
cost_per_contact = 1

[[campaign]]
name = "news"
segment = ["everybody"]
channel = ["email"]
goal = "cross_sell"
loyalty = "club"
priority = 3
repeat_days = 1
"#;

/// Whom the mini programme lifts.
fn lifted(run: &Run) -> Vec<String> {
    let state = run.table("tables/tier_state").only("mini_candidate", "true");
    let shown = run.table("tables/customers").only("mini_candidate", "true");
    assert_eq!(state.texts("customer_id"), shown.texts("customer_id"));
    state.texts("customer_id").iter().map(ToString::to_string).collect()
}

#[test]
fn a_bonus_is_offered_only_to_whom_it_may_be_given() {
    let with = |bonus: &str, cost: &str| {
        project(&format!(
            "{}{}",
            CLUB.replace("BONUS", bonus),
            retention(&format!("acquisition_cost = {cost}"))
        ))
    };
    let project = with("50", "80");
    let first = project.publish(&["--as-of", "2024-02-01"]);
    assert_eq!(lifted(&first), ["A", "B", "C"]);
    assert_eq!(verdicts(&first, "bonus"), ALL, "the bonus stands in for offer_cost");
    assert!(verdicts(&first, "news")[0].starts_with("A|refused|loyalty_slot|"));
    // 29.00 are left.
    let second = project.publish(&["--as-of", "2024-02-02"]);
    assert_eq!(budget(&second, "A"), ["80.00", "51.00", "29.00", "cac_only"]);
    assert!(lifted(&second).is_empty());
    assert!(second.table("tables/tier_state").texts("mini_cost").is_empty());
    assert_eq!(lifted(&project.publish(&["--as-of", "2025-01-01"])), ["A", "B", "C"], "a new budget");

    let once = |bonus: &str, cost: &str| {
        let project = with(bonus, cost);
        let run = project.publish(&["--as-of", "2024-02-01"]);
        (project, run)
    };
    let (_dear, dear) = once("50.01", "50");
    assert!(lifted(&dear).is_empty());
    // The bonus alone may be given, but not with the contact.
    let (_exact, exact) = once("50", "50");
    assert_eq!(lifted(&exact), ["A", "B", "C"]);
    assert_eq!(verdicts(&exact, "news"), ALL, "who is refused takes no slot");
    assert!(
        verdicts(&exact, "bonus")[0].ends_with("|spent 0.00 + 51.00 > 50.00"),
        "{:?}",
        verdicts(&exact, "bonus")
    );
    let (_unknown, unknown) = once("50", "0");
    assert_eq!(lifted(&unknown), ["A", "B", "C"], "the ceiling is not known");
}

/// Customers of the sample by their value, against the slow and plain way.
#[test]
fn the_band_of_a_value_sets_the_ceiling() {
    let bands = [(0.0, 5_u32), (40.0, 20), (100.0, 35)];
    let project = Project::sample();
    for (name, bytes) in sample_transactions() {
        project.put(&format!("transactions/{name}"), bytes);
    }
    let mut text = std::fs::read_to_string(project.path("clienting.toml")).unwrap();
    text.push_str("\n[retention]\nacquisition_cost = 11\n");
    for (from, cost) in bands {
        write!(text, "[[retention.band]]\nmin_value = {from}\nacquisition_cost = {cost}\n").unwrap();
    }
    project.put("clienting.toml", text);
    let run = project.publish(&[]);
    let rows = run.table("tables/customers");
    let mut seen = [0; 5];
    for row in rows.select(&["clv", "retention_ceiling"]) {
        let value: Option<f64> = row[0].map(|value| value.parse().unwrap());
        let band = value.and_then(|value| bands.iter().rposition(|(from, _)| value >= *from));
        let ceiling = band.map_or(11, |band| bands[band].1);
        assert_eq!(row[1].unwrap(), format!("{ceiling}.00"), "{row:?}");
        seen[band.unwrap_or(if value.is_some() { 4 } else { 3 })] += 1;
    }
    assert!(seen[..4].iter().all(|n| *n > 0), "every band, and no value: {seen:?}");
    let manifest = run.manifest();
    let model =
        manifest["models"].as_array().unwrap().iter().find(|model| model["name"] == "retention").unwrap();
    assert_eq!(model["n_by_band"], serde_json::json!([seen[3] + seen[4], seen[0], seen[1], seen[2]]));
}

#[test]
fn faults_of_the_config_have_a_place_and_a_mend() {
    let config = [
        retention("acquisition_cost = 0.005\nweights = { influence = 1 }"),
        "[[retention.band]]\nmin_value = 100\nacquisition_cost = 0\n".to_owned(),
        "[[retention.band]]\nmin_value = 100\nacquisition_cost = 20\n".to_owned(),
        campaign("vouchers", "offer_cost = -1\ncost_per_contact = 0.123"),
    ]
    .concat();
    let outcome = project(&config).run(&[]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    for told in [
        "`acquisition_cost` has more than 2 decimals",
        "this version does not know it yet",
        "the acquisition cost of a value band must be above 0",
        "leave out a band whose cost is not known",
        "value bands must ascend by `min_value`",
        "value bands need lifetime value",
        "`cost_per_contact` has more than 2 decimals",
        "`campaign.vouchers.offer_cost` must be",
        "clienting.toml:",
    ] {
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
    }
}
