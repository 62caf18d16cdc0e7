//! People without shared keys over whole nights: a made-up register of which it is known who is who.

#![expect(clippy::unwrap_used, reason = "in a test a failure to write is a failure")]

mod common;
#[path = "common/people.rs"]
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use common::{Project, Run, assert_same_files};
use people::Row;

const SYSTEMS: [&str; 3] = ["crm", "web", "store"];

const CONFIG: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-01-31
    keep_runs = 20
    [quality]
    unmatched_customers_warn = 1.0
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm.csv"
    id_space = "crm"
    [[source]]
    name = "web"
    kind = "contacts"
    path = "web.csv"
    id_space = "web"
    one_number_per_person = true
    [[source]]
    name = "store"
    kind = "contacts"
    path = "store.csv"
    id_space = "store"
    [[source]]
    name = "till"
    kind = "transactions"
    path = "till.csv"
    id_space = "crm"
"#;

const SIMILAR: &[&str] = &["--set", "identity.similar=true"];

/// The rows of a system; numbers are places in the register.
fn export(rows: &[(usize, &Row)], system: &str) -> String {
    let mut text =
        String::from("customer_id,first_name,last_name,birth_date,postal_code,street,city,updated_at\n");
    for (number, row) in rows.iter().filter(|(_, row)| SYSTEMS[usize::from(row.system)] == system) {
        let (first, last, birth) = (&row.first_name, &row.last_name, row.birth_date());
        let (code, street) = (&row.postal_code, &row.street);
        writeln!(text, "{number},{first},{last},{birth},{code},{street},,2025-01-01").unwrap();
    }
    text
}

fn project(rows: &[(usize, &Row)]) -> Project {
    let project = Project::new(CONFIG);
    for system in SYSTEMS {
        project.put(&format!("{system}.csv"), export(rows, system));
    }
    project.put("till.csv", "customer_id,occurred_at,amount,transaction_id\n0,2026-01-05,10.00,t1\n");
    project
}

fn numbered(rows: &[Row]) -> Vec<(usize, &Row)> {
    rows.iter().enumerate().collect()
}

/// Customer by place in the register.
fn customers(run: &Run) -> BTreeMap<usize, String> {
    let table = run.table("register/identities");
    let row = |row: &Vec<Option<&str>>| Some((row[0]?.parse().ok()?, row[1]?.to_owned()));
    table.select(&["source_id", "customer_id"]).iter().filter_map(row).collect()
}

/// Pairs of places of one customer.
fn linked(run: &Run) -> BTreeSet<(usize, usize)> {
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, customer) in customers(run) {
        members.entry(customer).or_default().push(place);
    }
    let pairs = |places: &Vec<usize>| -> Vec<(usize, usize)> {
        let after = |(at, a): (usize, &usize)| -> Vec<(usize, usize)> {
            places.iter().skip(at + 1).map(|b| (*a, *b)).collect()
        };
        places.iter().enumerate().flat_map(after).collect()
    };
    members.values().flat_map(pairs).collect()
}

#[test]
fn who_is_probably_one_person_becomes_one_customer_and_doubt_goes_to_review() {
    let rows = people::register(6_000, 11, false);
    let project = project(&numbered(&rows));
    let run = project.publish(SIMILAR);
    let linked = linked(&run);
    let n_true = usize::try_from(people::n_true_pairs(&rows)).unwrap();
    let n_right = linked.iter().filter(|(a, b)| rows[*a].person == rows[*b].person).count();
    assert!(n_right * 1000 >= linked.len() * 980, "precision: {n_right} of {}", linked.len());
    assert!(n_right * 100 >= n_true * 70, "recall: {n_right} of {n_true}");
    for (a, b) in &linked {
        let births = (rows[*a].birth, rows[*b].birth);
        assert!(births.0.is_none() || births.1.is_none() || births.0 == births.1, "{births:?}");
        assert!(rows[*a].system != 1 || rows[*b].system != 1, "the web knows a person by one number");
    }

    let review = run.table("tables/match_review");
    let columns = [
        "source_id",
        "other_source_id",
        "linked_by",
        "reason",
        "match_probability",
        "match_weight",
        "field_weights",
    ];
    let told = review.select(&columns);
    let mut reasons: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in &told {
        let [a, b] = [row[0], row[1]].map(|place| place.unwrap().parse::<usize>().unwrap());
        assert_eq!(row[2], Some("similar"));
        assert!(!linked.contains(&(a.min(b), a.max(b))));
        let [probability, weight] = [row[4], row[5]].map(|number| number.unwrap().parse::<f64>().unwrap());
        let weights: BTreeMap<String, f64> = serde_json::from_str(row[6].unwrap()).unwrap();
        assert_eq!(weights.len(), 7, "{weights:?}");
        assert!((weights.values().sum::<f64>() - weight).abs() < 0.01, "{row:?}");
        assert!((1.0 / (1.0 + (-weight).exp2()) - probability).abs() < 1e-9, "{row:?}");
        assert!(probability >= 0.80, "{row:?}");
        if row[3] == Some("between_thresholds") {
            assert!(probability < 0.99, "{row:?}");
        }
        let counts = reasons.entry(row[3].unwrap()).or_default();
        counts.0 += 1;
        counts.1 += usize::from(rows[a].person == rows[b].person);
    }
    // Between four and five of five such pairs are one person, as their probabilities say.
    let (n_between, n_right) = reasons["between_thresholds"];
    assert!(n_between > 50 && n_right * 100 > n_between * 75, "{reasons:?}");
    assert!(reasons["birth_dates"].0 > 20, "{reasons:?}");

    let manifest = run.manifest();
    let models = manifest["models"].as_array().unwrap();
    let model = models.iter().find(|model| model["name"] == "similar").unwrap();
    assert_eq!(model["converged"], true);
    assert_eq!(model["n_for_review"], told.len());
    let exact = |class: &str, field: &str| model[class][field][0].as_f64().unwrap();
    assert!(exact("m", "last_name") > 0.8 && exact("u", "last_name") < 0.01, "{model}");
    assert!(exact("household", "last_name") > 0.9 && exact("household", "birth_date") < 0.1, "{model}");
    let expected = model["n_matches_expected"].as_f64().unwrap();
    let n_true = f64::from(u32::try_from(n_true).unwrap());
    assert!((expected / n_true - 1.0).abs() < 0.1, "{expected} {n_true}");
}

#[test]
fn order_and_threads_do_not_matter_and_ids_last() {
    let rows = people::register(2_000, 5, false);
    let mut places = numbered(&rows);
    let first = project(&places);
    let one = first.publish_in("one", &[SIMILAR, &["--threads", "1"]].concat());
    let two = first.publish_in("two", &[SIMILAR, &["--threads", "2"]].concat());
    assert_same_files(&one.hashes(&["manifest", "events"]), &two.hashes(&["manifest", "events"]), "threads");
    places.reverse();
    let backward = project(&places);
    let turned = backward.publish(SIMILAR);
    assert_eq!(linked(&turned), linked(&one));
    let before = customers(&one);
    assert_eq!(customers(&turned), before);

    // The night after nothing new came: every id is kept.
    let again = first.publish_in("one", &[SIMILAR, &["--set", "project.as_of=2026-02-01"]].concat());
    assert_eq!(customers(&again), before);
    // What was one customer stays one down to the threshold for review; what was none has to reach the upper one.
    let strict =
        [SIMILAR, &["--set", "identity.similar_merge=0.999999", "--set", "project.as_of=2026-02-02"]]
            .concat();
    let held = first.publish_in("one", &strict);
    assert_eq!(customers(&held), before);
    let fresh = linked(&first.publish_in("fresh", &strict));
    let linked_before = linked(&one);
    assert!(fresh.is_subset(&linked_before) && fresh.len() < linked_before.len(), "{}", fresh.len());
    // Below both thresholds nothing is held: with thresholds out of reach everybody is alone again.
    let none = [
        SIMILAR,
        &["--set", "identity.similar_merge=1.0", "--set", "identity.similar_review=0.999999999999999"],
        &["--set", "project.as_of=2026-02-03"],
    ]
    .concat();
    let parted = linked(&first.publish_in("one", &none));
    assert!(parted.len() < fresh.len(), "{} {}", parted.len(), fresh.len());
}

#[test]
fn it_is_off_by_default_and_says_when_there_is_too_little() {
    let rows = people::register(1_000, 3, false);
    let whole = project(&numbered(&rows));
    let off = whole.publish_in("off", &[]);
    assert!(linked(&off).is_empty(), "nobody shares a key");
    assert!(off.table("tables/match_review").texts("reason").is_empty());
    assert!(!off.table("register/identities").texts("linked_by").contains(&"similar"));
    assert!(off.manifest()["models"].as_array().unwrap().iter().all(|model| model["name"] != "similar"));

    let few: Vec<(usize, &Row)> = rows.iter().enumerate().take(60).collect();
    let small = project(&few);
    let run = small.publish(SIMILAR);
    assert!(linked(&run).is_empty());
    let manifest = run.manifest();
    let codes: Vec<&str> = manifest["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|warning| warning["code"].as_str())
        .collect();
    assert!(codes.contains(&"similar_not_estimated"), "{codes:?}");
    let model =
        manifest["models"].as_array().unwrap().iter().find(|model| model["name"] == "similar").unwrap();
    assert!(model["why"].as_str().unwrap().contains("too few"), "{model}");
}

#[test]
fn keys_come_before_probabilities_and_vetoes_hold() {
    let rows = people::register(2_000, 5, false);
    let project = project(&numbered(&rows));
    let by_probability = linked(&project.publish_in("one", SIMILAR));
    // A crm and a web number that are one person, and the web number of somebody else without a day of birth.
    let is_pair = |a: usize, b: usize| rows[a].system == 0 && rows[b].system == 1;
    let both_ways = by_probability.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]);
    let (crm, web) = both_ways.into_iter().find(|(a, b)| is_pair(*a, *b)).unwrap();
    let is_alone = |place: &usize| by_probability.iter().all(|(a, b)| a != place && b != place);
    let other =
        (0..rows.len()).find(|k| rows[*k].system == 1 && rows[*k].birth.is_none() && is_alone(k)).unwrap();

    let text = export(&numbered(&rows), "crm");
    let own = format!("{crm},");
    let lines = text.lines().enumerate().map(|(place, line)| match place {
        0 => format!("{line},same_as\n"),
        _ if line.starts_with(&own) => format!("{line},web:{other}\n"),
        _ => format!("{line},\n"),
    });
    project.put("crm.csv", lines.collect::<String>());
    let run = project.publish_in("two", SIMILAR);
    let customers = customers(&run);
    assert_eq!(customers[&crm], customers[&other]);
    assert_ne!(customers[&crm], customers[&web], "the web knows a person by one number");
    let review = run.table("tables/match_review");
    let review = review.select(&["source_id", "other_source_id", "reason"]);
    let names = [crm.to_string(), web.to_string()];
    let told = review.iter().filter(|row| row[..2] == [Some(&*names[0]), Some(&*names[1])]);
    assert_eq!(told.map(|row| row[2].unwrap()).collect::<Vec<_>>(), ["numbers"]);
}

#[test]
fn thresholds_have_an_order() {
    let project = Project::new(CONFIG);
    for (sets, what) in [
        (&["identity.similar_review=0.995"][..], "must not be above"),
        (&["identity.similar_merge=0.7"], "must not be above"),
        (&["identity.similar_review=0"], "must lie above 0"),
        (&["identity.similar=true", "identity.match=off"], "who are not matched"),
    ] {
        let arguments: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).collect();
        let outcome = project.run(&arguments);
        assert!(outcome.code != 0 && outcome.stderr.contains(what), "{outcome:?}");
    }
}
