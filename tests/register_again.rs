//! A night that matches only what it touches gives the tables of one that matches everybody again, byte for byte.

#![expect(clippy::unwrap_used, reason = "in a test a failure to read is a failure")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use common::{Project, Run, assert_same_files};

const CONFIG: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    country = "DE"
    as_of = 2026-02-01
    keep_runs = 30
    [privacy]
    suppression_key = "suppression-key-1"
    [consent]
    trust_undated = false
    legitimate_interest = ["post"]
    [identity]
    max_shared = 3
    max_cluster = 4
    placeholders = ["nobody@example.com"]
    [quality]
    unmatched_customers_warn = 1.0
    unmatched_customers_stop = 1.0
    suppression_max_age_hours = 0
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm*.csv"
    id_space = "crm"
    [[source]]
    name = "web"
    kind = "contacts"
    path = "web*.csv"
    id_space = "web"
    one_number_per_person = true
    required = false
    [[source]]
    name = "news"
    kind = "contacts"
    path = "news*.csv"
    required = false
    [[source]]
    name = "till"
    kind = "transactions"
    path = "till*.csv"
    id_space = "card"
    required = false
    [[source]]
    name = "orders"
    kind = "transactions"
    path = "orders*.csv"
    id_space = "web"
    [[source]]
    name = "stops"
    kind = "suppressions"
    path = "stops*.csv"
    id_space = "crm"
    required = false
    [[source]]
    name = "yes"
    kind = "consents"
    path = "yes*.csv"
    id_space = "web"
    required = false
    [[segment]]
    name = "all"
    where = "true"
    [[campaign]]
    name = "letter"
    segment = ["all"]
    channel = ["email", "post"]
    offer = "voucher"
    repeat_days = 2
    max_contacts = 40
    columns = ["customer_id", "email", "street", "country"]
    [[loyalty]]
    name = "club"
    [[loyalty.tier]]
    name = "basic"
    threshold = 0
    [[loyalty.tier]]
    name = "gold"
    threshold = 15
"#;

const HEADER: &str = "customer_id,email,phone,first_name,last_name,birth_date,city,card_id,consent_email,deleted,\
    updated_at,street,postal_code,country,household_id,employee,consent_post,consent_at,x_shoe,joined_on,closed_at\n";

/// Numbers that depend on the seed only (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A contact row of a person: mostly its own keys, now and then those of a neighbour or of many.
fn row(draw: &mut Draw, prefix: &str, person: u64, night: u64, deletes: bool) -> String {
    let near = |draw: &mut Draw| if draw.one_in(4) { (person + draw.below(3)) % 200 } else { person };
    let email = match draw.below(12) {
        0 => String::new(),
        1 => format!("family{}@example.com", person / 6),
        2 => "nobody@example.com".to_owned(),
        3 => format!("no mail {person}"),
        _ => format!("P.{}@{}", near(draw), if draw.one_in(2) { "gmail.com" } else { "example.com" }),
    };
    let phone = match draw.below(6) {
        0 | 1 => String::new(),
        2 => format!("0171 {}", 1_000_000 + person / 5),
        3 => "123".to_owned(),
        _ => format!("0171 {}", 2_000_000 + near(draw)),
    };
    let card = if draw.one_in(3) { format!("K{}", near(draw)) } else { String::new() };
    let born = if draw.one_in(2) { String::new() } else { format!("1980-01-{:02}", 1 + near(draw) % 9) };
    let name = if draw.one_in(8) { "Elk".to_owned() } else { format!("Name{}", near(draw)) };
    let consent = ["", "granted", "denied"][usize::try_from(draw.below(3)).unwrap_or(0)];
    let deleted = if deletes && draw.one_in(5) { "true" } else { "" };
    let day = 1 + night + draw.below(2);
    let more = facts(draw, person);
    let joined = match person % 7 {
        0 => String::new(),
        1 => "1972-05-05".to_owned(),
        _ => format!("2025-{:02}-10", 1 + person % 12),
    };
    let closed = if (person + night).is_multiple_of(9) { "2026-01-20 09:00:00" } else { "" };
    format!(
        "{prefix}{person},{email},{phone},Ann,{name},{born},York,{card},{consent},{deleted},2026-01-{day:02},\
         {more},{joined},{closed}\n"
    )
}

/// `street` … `x_shoe`: consents that end one day or another, since two years pass without contact.
fn facts(draw: &mut Draw, person: u64) -> String {
    let of = |draw: &mut Draw, texts: &[&'static str]| {
        let place = draw.below(texts.len() as u64);
        texts[usize::try_from(place).unwrap_or(0)]
    };
    let street = of(draw, &["", "1 Old Rd", "2 Old Rd"]);
    let (postal_code, country) = (of(draw, &["", "10115"]), of(draw, &["", "DE", "GB"]));
    let household = if draw.one_in(2) { format!("H{}", person / 4) } else { String::new() };
    let (employee, post) = (of(draw, &["", "true", "false"]), of(draw, &["", "granted", "denied"]));
    let given = if draw.one_in(3) { String::new() } else { format!("2024-02-{:02}", 1 + draw.below(12)) };
    let shoe = of(draw, &["", "41", "42"]);
    format!("{street},{postal_code},{country},{household},{employee},{post},{given},{shoe}")
}

fn contacts(draw: &mut Draw, prefix: &str, n: u64, night: u64) -> String {
    let mut text = HEADER.to_owned();
    for _ in 0..n {
        let person = draw.below(200);
        text += &row(draw, prefix, person, night, night > 0);
    }
    text
}

/// What comes in one night.
fn deliver(project: &Project, draw: &mut Draw, night: u64) {
    let news = |text: String| text.lines().map(|line| line.replacen("web", "", 1) + "\n").collect::<String>();
    if night == 0 {
        project.put("crm0.csv", contacts(draw, "", 150, 0));
        project.put("web0.csv", contacts(draw, "", 110, 0));
        project.put("orders0.csv", "customer_id,occurred_at,amount,transaction_id\n1,2026-01-05,20.00,o1\n");
        return;
    }
    let file = |kind: &str| format!("{kind}{night}.csv");
    match draw.below(3) {
        0 => project.put(&file("crm"), contacts(draw, "", 3, night)),
        1 => project.put(&file("web"), contacts(draw, "", 2, night)),
        _ => {
            project.put(&file("crm"), contacts(draw, "", 1, night));
            project.put(&file("web"), contacts(draw, "", 1, night));
        }
    }
    if draw.one_in(3) {
        // Contacts without a number, known by their address.
        let lines: String = contacts(draw, "", 2, night)
            .lines()
            .map(|line| line.split_once(',').map_or("", |(_, rest)| rest).to_owned() + "\n")
            .filter(|line| line.contains('@') || line.starts_with("email"))
            .collect();
        project.put(&file("news"), news(lines));
    }
    if draw.one_in(2) {
        let mut text = "customer_id,occurred_at,amount,transaction_id\n".to_owned();
        writeln!(text, "K{},2026-01-07,5.00,t{night}", draw.below(200)).ok();
        project.put(&file("till"), text);
    }
    if draw.one_in(2) {
        let mut text = "customer_id,occurred_at,amount,transaction_id\n".to_owned();
        writeln!(text, "{},2026-01-08,7.00,n{night}", draw.below(260)).ok();
        project.put(&file("orders"), text);
    }
    if draw.one_in(2) {
        permissions(project, draw, night);
    }
}

/// Suppressions and consents, some of which end before the last night; of persons, addresses, households.
fn permissions(project: &Project, draw: &mut Draw, night: u64) {
    let mut stops = "customer_id,email,kind,scope,channel,since,until\n".to_owned();
    let mut yes = "customer_id,channel,status,collected_at,evidence_id,valid_until\n".to_owned();
    for _ in 0..6 {
        let (person, until) = (draw.below(200), 3 + draw.below(8));
        let line = match draw.below(5) {
            0 => format!("{person},,opt_out,,email,2026-01-09,"),
            1 => format!("{person},,objection,household,,2026-01-09,2026-02-{until:02}"),
            2 => format!(",P.{person}@example.com,bounce,,email,2026-01-09,"),
            3 => format!("{person},,gone_away,,,2026-01-09,2026-02-{until:02}"),
            _ => format!(",p{person}@gmail.com,spam_complaint,,,2026-01-09,2026-02-{until:02}"),
        };
        writeln!(stops, "{line}").ok();
        let (person, channel) = (draw.below(200), if draw.one_in(2) { "email" } else { "post" });
        writeln!(yes, "{person},{channel},granted,2026-01-10,e{night},2026-02-{until:02}").ok();
    }
    project.put(&format!("stops{night}.csv"), stops);
    project.put(&format!("yes{night}.csv"), yes);
}

fn tables(run: &Run) -> BTreeMap<String, String> {
    let mut hashes = run.hashes(&[]);
    hashes.retain(|path, _| path.starts_with("register/") || path.starts_with("tables/"));
    hashes
}

/// Numbers that the night matched; `None`: all of them.
fn n_matched(run: &Run) -> Option<u64> {
    let manifest = run.manifest();
    let all = manifest["models"].as_array().unwrap();
    all.iter().find(|model| model["name"] == "matching").map(|one| one["n_numbers_matched"].as_u64().unwrap())
}

fn forget_marks(project: &Project, lake: &str) {
    project.remove(&format!("{lake}/current/register/row_matches.parquet"));
}

#[test]
fn i_1_what_is_matched_again_is_what_a_whole_night_gives() {
    let (mut n_only_some, mut kinds) = (0, BTreeMap::<String, u64>::new());
    let mut reasons = BTreeMap::<String, u64>::new();
    for seed in 0..5 {
        let project = Project::new(CONFIG);
        let mut draw = Draw(seed);
        for night in 0..9 {
            deliver(&project, &mut draw, night);
            let day = format!("2026-02-{:02}", 1 + night);
            if night > 0 {
                forget_marks(&project, "anew");
            }
            // Rules of permission that change, change who may be addressed, and nobody's identity.
            let trusts = if night < 5 { "trust_undated = false" } else { "trust_undated = true" };
            project.put("clienting.toml", CONFIG.replace("trust_undated = false", trusts));
            let again = project.publish_in("again", &["--as-of", &day]);
            let anew = project.publish_in("anew", &["--as-of", &day]);
            assert_eq!(n_matched(&anew), None);
            n_only_some += u32::from(n_matched(&again).is_some());
            assert_same_files(&tables(&again), &tables(&anew), &format!("seed {seed}, night {night}"));
            for kind in again.table("register/id_map").texts("kind") {
                *kinds.entry(kind.to_owned()).or_default() += 1;
            }
            for reason in again.table("tables/candidates").texts("reason") {
                *reasons.entry(reason.to_owned()).or_default() += 1;
            }
        }
    }
    for reason in
        ["suppressed:opt_out", "suppressed:objection", "suppressed:bounce", "no_consent", "consent_expired"]
    {
        assert!(reasons.contains_key(reason), "{reason}: {reasons:?}");
    }
    assert!(n_only_some >= 30, "{n_only_some} of 40 nights matched only some");
    for kind in ["kept", "merged_into", "new", "split_from"] {
        assert!(kinds.contains_key(kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn a_night_without_news_matches_nobody_and_other_rules_everybody() {
    let project = Project::new(CONFIG);
    deliver(&project, &mut Draw(1), 0);
    let first = project.publish(&[]);
    assert_eq!(n_matched(&first), None);
    let second = project.publish(&["--as-of", "2026-02-02"]);
    assert_eq!(n_matched(&second), Some(0));
    project.put("clienting.toml", CONFIG.replace("max_cluster = 4", "max_cluster = 5"));
    assert_eq!(n_matched(&project.publish(&["--as-of", "2026-02-03"])), None, "another rule");
    assert_eq!(n_matched(&project.publish(&["--as-of", "2026-02-04"])), Some(0));
    project.put("web0.csv", contacts(&mut Draw(7), "", 110, 0));
    let accepted = ["--as-of", "2026-02-05", "--accept", "max_removed_share:web=another list"];
    assert_eq!(n_matched(&project.publish(&accepted)), None, "rows were taken away");
}

#[test]
fn an_erasure_takes_away_what_the_next_night_would_begin_with() {
    let project = Project::new(CONFIG);
    deliver(&project, &mut Draw(1), 0);
    let run = project.publish(&[]);
    let identities = run.table("register/identities");
    let id = identities.texts("customer_id")[0];
    let outcome = common::Outcome::of(&mut project.command("forget", "lake", &[id]));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let left = common::files(&run.directory.join("register"));
    for table in ["row_matches", "customer_marks", "id_past"] {
        assert!(!left.contains(&format!("{table}.parquet")), "{left:?}");
    }
    let next = project.publish(&["--as-of", "2026-02-02"]);
    assert_eq!(n_matched(&next), None);
}
