//! Lifetime value through whole nights: the published fits, what is said where nothing can be told, and equal bytes.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests; a skipped test says so")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use common::{Project, Run, assert_same_files, root, shipped_config};
use serde_json::Value;

fn cdnow(arguments: &[&str]) -> (Project, Run) {
    let samples = format!("{}/", root().join("sample_data").display());
    let project = Project::new(&shipped_config("cdnow", &samples));
    let run = project.publish(arguments);
    (project, run)
}

/// The entry of a model in the manifest, of all customers.
fn model(run: &Run, name: &str) -> Value {
    let manifest = run.manifest();
    let models = manifest["models"].as_array().unwrap();
    let of_all = |entry: &&Value| entry["name"] == name && entry["scope"]["value"].is_null();
    let mut found = models.iter().filter(of_all);
    let entry = found.next().unwrap().clone();
    assert!(found.next().is_none(), "{name} stands there twice");
    entry
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected}");
}

fn warnings(run: &Run) -> Vec<String> {
    let manifest = run.manifest();
    let all = manifest["warnings"].as_array().unwrap().iter();
    all.map(|warning| warning["code"].as_str().unwrap().to_owned()).collect()
}

const COLUMNS: [&str; 8] = [
    "p_alive",
    "expected_purchases",
    "expected_value",
    "clv",
    "clv_low",
    "clv_high",
    "clv_infinite",
    "next_purchase_day",
];

// ── the published fits ─────────────────────────────────────────────────────────────────────────────

/// analytics.md, section 1: holdout means by x = 0 to 6, and 7 or more.
#[test]
fn section_1_holdout_means_by_count() {
    const N: [f64; 8] = [1411.0, 439.0, 214.0, 100.0, 62.0, 38.0, 29.0, 64.0];
    const ACTUAL: [f64; 8] =
        [0.236_711_6, 0.697_038_7, 1.392_523, 1.56, 2.532_258, 2.947_368, 3.862_069, 6.359_375];
    const BG_NBD: [f64; 8] =
        [0.225_089_3, 0.523_136_4, 1.044_126, 1.520_256, 2.163_824, 2.653_789, 3.503_957, 6.157_036];
    const PARETO_NBD: [f64; 8] = [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403];
    let (_project, run) = cdnow(&[]);
    let table = run.table("tables/clv_holdout");
    for (model, expected, tolerance) in [("bg_nbd", BG_NBD, 1e-3), ("pareto_nbd", PARETO_NBD, 2e-3)] {
        let rows = table.only("model", model);
        let mut found = [[0.0; 3]; 8];
        let counts = rows.numbers("n_customers");
        let means = rows.numbers("actual_mean").into_iter().zip(rows.numbers("expected_mean"));
        for ((x, n), (actual, mean)) in rows.integers("x").into_iter().zip(counts).zip(means) {
            let row = &mut found[usize::try_from(x).unwrap().min(7)];
            *row = [row[0] + n, row[1] + n * actual, row[2] + n * mean];
        }
        for (x, [n, actual, mean]) in found.into_iter().enumerate() {
            near(n, N[x], 0.0, "customers");
            near(actual / n, ACTUAL[x], 1e-6, &format!("{model}, actual, x = {x}"));
            near(mean / n, expected[x], tolerance, &format!("{model}, expected, x = {x}"));
        }
    }
}

/// analytics.md, sections 1 and 3: cumulative tracking of weeks 20 to 25.
#[test]
fn sections_1_and_3_tracking() {
    const ACTUAL: [i128; 6] = [1359, 1414, 1484, 1517, 1573, 1672];
    const BG_NBD: [f64; 6] = [1312.458, 1387.346, 1460.392, 1531.713, 1601.418, 1669.6];
    const PARETO_NBD: [f64; 6] = [1308.912, 1385.334, 1459.985, 1532.970, 1604.386, 1674.321];
    let (_project, run) = cdnow(&[]);
    let table = run.table("tables/clv_tracking");
    for (model, expected, tolerance) in [("bg_nbd", BG_NBD, 0.05), ("pareto_nbd", PARETO_NBD, 0.1)] {
        let rows = table.only("model", model);
        assert_eq!(rows.integers("week"), (1..=78).collect::<Vec<i128>>());
        assert_eq!(rows.integers("cumulative_actual")[19..25], ACTUAL);
        let cumulative = rows.numbers("cumulative_expected");
        let weekly = rows.numbers("expected");
        for week in 20..=25 {
            near(cumulative[week - 1], expected[week - 20], tolerance, &format!("{model}, week {week}"));
            near(cumulative[week - 2] + weekly[week - 1], cumulative[week - 1], 1e-9, "weeks add up");
        }
        assert_eq!(rows.row("week", "39").text("last_day"), "1997-09-30");
    }
}

#[test]
fn the_manifest_tells_fits_trials_and_what_they_are_measured_by() {
    let (_project, run) = cdnow(&[]);
    let bg = model(&run, "bg_nbd:holdout");
    near(number(&bg["log_likelihood"]), -9_582.429_207, 1e-5, "log-likelihood");
    for (name, value) in
        [("r", 0.242_594_53), ("alpha", 4.413_602_39), ("a", 0.792_922_05), ("b", 2.425_906_92)]
    {
        near(number(&bg["parameters"][name]) / value, 1.0, 1e-4, name);
        assert!(number(&bg["std_errors"][name]) > 0.0);
    }
    assert_eq!((&bg["converged"], &bg["identified"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(bg["until"], "1997-09-30");
    assert_eq!(
        (&bg["holdout"]["calibration_end"], &bg["holdout"]["days"]),
        (&"1997-09-30".into(), &273.into())
    );
    assert_eq!(bg["holdout"]["n_customers"], 2357);
    let spend = model(&run, "gamma_gamma:holdout");
    near(number(&spend["log_likelihood"]), -4_055.917_695, 1e-4, "spend");
    assert_eq!(spend["n_customers"], 946);
    // The one that is used does best on the held-out days, and beats both plain rules there.
    let trials =
        ["bg_nbd", "mbg_nbd", "pareto_nbd"].map(|name| (name, model(&run, &format!("{name}:holdout"))));
    let likelihood = |entry: &Value| number(&entry["holdout"]["log_likelihood"]);
    let best = trials.iter().max_by(|a, b| likelihood(&a.1).total_cmp(&likelihood(&b.1))).unwrap();
    let used = model(&run, best.0);
    assert_eq!(used["until"], "1998-06-30");
    assert!(used["why"].as_str().unwrap().contains("greatest log-likelihood of the held-out days"));
    for rule in ["last_period_repeats:holdout", "segment_mean:holdout"] {
        let (rule, best) = (&model(&run, rule)["holdout"], &best.1["holdout"]);
        for what in ["purchases", "value"] {
            assert!(number(&best[what]["rmse"]) < number(&rule[what]["rmse"]), "{what} of {rule}");
        }
        assert!(number(&best["gini"]) <= number(&best["best_gini"]));
    }
    // Every entry has every key.
    let manifest = run.manifest();
    let keys = |entry: &Value| entry.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    let models = manifest["models"].as_array().unwrap();
    assert!(models.iter().all(|entry| keys(entry) == keys(&models[0])));
    assert_eq!(model(&run, "clv")["counts"]["valued"], 2357);
}

#[test]
fn customers_segments_and_totals_agree() {
    let (_project, run) = cdnow(&[]);
    let customers = run.table("tables/customers");
    for column in &COLUMNS[..7] {
        assert_eq!(customers.numbers(column).len(), 2357, "{column}");
    }
    assert!(customers.numbers("p_alive").iter().all(|p| (0.0..=1.0).contains(p)));
    for ((low, high), clv) in customers
        .numbers("clv_low")
        .into_iter()
        .zip(customers.numbers("clv_high"))
        .zip(customers.numbers("clv"))
    {
        assert!(0.0 <= low && low <= high && clv >= 0.0, "{low} {clv} {high}");
    }
    assert!(
        customers.texts("next_purchase_day").iter().all(|day| *day > "1998-06-30" && *day <= "1999-06-30")
    );
    let clv: i128 = customers.integers("clv").iter().sum();
    let totals = run.table("tables/clv_totals");
    let all = totals.row("scope", "all");
    // Each customer's value is rounded to a cent, their sum only once.
    let cents = |text: &str| text.replace('.', "").parse::<i128>().unwrap();
    assert!((cents(all.text("clv")) - clv).abs() < 2357, "{clv}");
    assert!(cents(all.text("clv_low")) < clv && clv < cents(all.text("clv_high")));
    near(all.number("expected_purchases"), customers.numbers("expected_purchases").iter().sum(), 1e-6, "sum");
    near(all.number("step_days"), 365.0 / 12.0, 1e-9, "step");
    assert_eq!((all.text("worth"), all.text("n_customers")), ("net_revenue", "2357"));
    let segments = run.table("tables/segment_summary");
    let repeat = segments.row("segment", "repeat_buyers");
    let one_time = segments.row("segment", "one_time_buyers");
    assert_eq!(cents(repeat.text("clv")) + cents(one_time.text("clv")), clv);
    let of = |segment| cents(totals.row("scope_value", segment).text("clv"));
    assert!((of("repeat_buyers") - cents(repeat.text("clv"))).abs() < 1139);
}

#[test]
fn values_are_for_segments_and_campaigns_to_use() {
    let (_project, run) = cdnow(&["--set", "segment.big_spenders.where=clv > 100 AND p_alive > 0.5"]);
    let customers = run.table("tables/customers");
    let big = customers.numbers("clv").into_iter().zip(customers.numbers("p_alive"));
    let n = big.filter(|(clv, p_alive)| *clv > 100.0 && *p_alive > 0.5).count();
    assert!(n > 0);
    assert_eq!(run.table("tables/segments").only("segment", "big_spenders").rows.len(), n);
}

// ── what cannot be told ────────────────────────────────────────────────────────────────────────────

/// analytics.md, section 10: Online Retail, whose dropout cannot be told from slow buying.
#[test]
fn section_10_dropout_is_not_identified() {
    let path = root().join("../shared/data/online_retail/online_retail.csv.gz");
    let Ok(path) = path.canonicalize() else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let config = r#"
        [project]
        name = "online_retail"
        currency = "GBP"
        timezone = "Europe/London"
        as_of = 2011-12-09
        [[source]]
        name = "invoices"
        kind = "transactions"
        path = "PATH"
        where = "customer_id IS NOT NULL AND quantity > 0 AND unit_price > 0"
        [source.columns]
        transaction_id = "InvoiceNo"
        customer_id = "CustomerID"
        occurred_at = "InvoiceDate"
        quantity = "Quantity"
        unit_price = "UnitPrice"
        product_id = "StockCode"
        [clv]
        model = "bg_nbd"
        unit_days = 1
        value = "net_revenue"
    "#;
    let project = Project::new(&config.replace("PATH", &path.display().to_string()));
    let run = project.publish(&[]);
    let fit = model(&run, "bg_nbd");
    assert_eq!(fit["n_customers"], 4338);
    assert_eq!((&fit["identified"], &fit["used"]), (&Value::Bool(false), &"nbd".into()));
    near(number(&fit["log_likelihood"]), -61_823.590_9, 1e-3, "the limit without dropout");
    assert!(warnings(&run).contains(&"clv_dropout_not_identified".to_owned()));
    let customers = run.table("tables/customers");
    assert!(customers.numbers("p_alive").iter().all(|p| p.to_bits() == 1.0_f64.to_bits()));
    assert_eq!(customers.numbers("clv").len(), 4338);
}

const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    [consent]
    unchecked_channels = ["email"]
    [[source]]
    name = "orders"
    kind = "transactions"
    path = "orders/*.csv"
    key = ["transaction_id"]
    [quality]
    row_count_tolerance = 0.0
    max_removed_share = 1.0
    unmatched_customers_warn = 1.0
"#;
const HEADER: &str = "transaction_id,customer_id,occurred_at,amount,cost,channel\n";

/// A number that looks drawn, from a seed.
fn drawn(state: &mut u64, n: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % n
}

/// Orders of one year: customers with rates of their own, some of whom stop; `channel` by number.
fn orders(n_customers: u64, channel: impl Fn(u64) -> &'static str, cost: impl Fn(u64) -> String) -> String {
    let mut text = HEADER.to_owned();
    let mut state = 7;
    let mut line = 0;
    for customer in 0..n_customers {
        let every = 8 + drawn(&mut state, 60) + drawn(&mut state, 40);
        let mut day = drawn(&mut state, 150);
        while day < 365 {
            line += 1;
            let (month, of_month) = (day / 31 + 1, day % 31 % 28 + 1);
            let amount = 5 + drawn(&mut state, 40) + customer % 30;
            writeln!(
                text,
                "T{line},C{customer:04},2025-{month:02}-{of_month:02},{amount}.00,{},{}",
                cost(line),
                channel(customer)
            )
            .unwrap();
            if drawn(&mut state, 5) == 0 {
                break;
            }
            day += 1 + drawn(&mut state, 2 * every);
        }
    }
    text
}

fn all_null(run: &Run, columns: &[&str]) {
    let customers = run.table("tables/customers");
    for column in columns {
        assert!(customers.texts(column).is_empty(), "{column}");
    }
}

#[test]
fn without_enough_to_learn_from_the_night_goes_on_and_says_why() {
    let one = format!("{HEADER}T1,C1,2025-01-05,10.00,4.00,web\n");
    let once_each = format!("{HEADER}T1,C1,2025-01-05,10.00,4.00,web\nT2,C2,2025-05-05,10.00,4.00,web\n");
    let refunds = format!("{HEADER}T1,C1,2025-01-05,-10.00,-4.00,web\n");
    let none = HEADER.to_owned();
    for (orders, why) in [
        (one, "nobody bought on two days"),
        (once_each, "nobody bought on two days"),
        (refunds, "nobody bought on two days"),
        (none, "nobody bought on two days"),
    ] {
        let project = Project::new(SHOP);
        project.put("orders/a.csv", orders);
        let run = project.publish(&[]);
        all_null(&run, &COLUMNS);
        assert_eq!(warnings(&run).iter().filter(|code| *code == "clv_not_fitted").count(), 1);
        let manifest = run.manifest();
        let warning = manifest["warnings"].as_array().unwrap();
        let told = warning.iter().find(|warning| warning["code"] == "clv_not_fitted").unwrap();
        assert!(told["what"].as_str().unwrap().contains(why), "{told}");
        assert!(run.table("tables/clv_totals").rows.is_empty());
        // Nothing is asked for, nothing is said.
        let quiet = project.publish_in("quiet", &["--set", "clv.model=none"]);
        assert!(!warnings(&quiet).iter().any(|code| code.starts_with("clv_")));
        all_null(&quiet, &COLUMNS);
        assert!(quiet.table("tables/clv_tracking").rows.is_empty());
    }
}

#[test]
fn margin_needs_the_cost_of_nearly_all_sales() {
    let project = Project::new(SHOP);
    let web = |_| "web";
    let known = |line: u64| if line == 17 { String::new() } else { "3.00".to_owned() };
    project.put("orders/a.csv", orders(300, web, known));
    let run = project.publish(&[]);
    let entry = model(&run, "clv");
    assert_eq!(entry["parameters"]["value"], "margin");
    assert_eq!(entry["counts"]["without_margin"], 1);
    assert!(!warnings(&run).contains(&"clv_without_margin".to_owned()));
    let customers = run.table("tables/customers");
    let rows = customers.select(&["margin", "clv", "clv_low", "clv_infinite", "p_alive", "expected_value"]);
    let without: Vec<_> = rows.iter().filter(|row| row[0].is_none()).collect();
    assert_eq!(without.len(), 1);
    assert_eq!(without[0][1..4], [None; 3], "what counts in margin is not known");
    assert!(without[0][4].is_some() && without[0][5].is_some());
    assert_eq!(rows.iter().filter(|row| row[1].is_some()).count(), 299);

    // One sale in fifty lacks its cost: net revenue for everybody.
    let missing = |line: u64| if line.is_multiple_of(50) { String::new() } else { "3.00".to_owned() };
    project.put("orders/a.csv", orders(300, web, missing));
    let run = project.publish_in("missing", &[]);
    assert!(warnings(&run).contains(&"clv_without_margin".to_owned()));
    assert_eq!(model(&run, "clv")["parameters"]["value"], "net_revenue");
    assert_eq!(run.table("tables/customers").texts("clv").len(), 300);
    // Refunds are no sales: they do not make the share smaller.
    let refunds = common::rows(2_000, |n| format!("R{n},C0001,2025-12-30,-0.01,0.00,web\n"));
    let missing = |line: u64| if line.is_multiple_of(90) { String::new() } else { "3.00".to_owned() };
    project.put("orders/a.csv", orders(300, web, missing) + &refunds);
    let run = project.publish_in("refunds", &[]);
    assert!(warnings(&run).contains(&"clv_without_margin".to_owned()));
}

#[test]
fn a_margin_rate_is_its_own_and_that_of_one_average_purchase() {
    let project = Project::new(SHOP);
    // Costs are a third of the least amount: margins differ from customer to customer.
    project.put("orders/a.csv", orders(300, |_| "web", |_| "2.00".to_owned()));
    let margin = project.publish(&["--set", "clv.model=bg_nbd"]);
    let net = project.publish_in("net", &["--set", "clv.model=bg_nbd", "--set", "clv.value=net_revenue"]);
    let entry = model(&margin, "clv");
    let (base, purchase) = (
        number(&entry["parameters"]["base_margin_rate"]),
        number(&entry["parameters"]["average_repeat_purchase"]),
    );
    let (margins, nets) = (margin.table("tables/customers"), net.table("tables/customers"));
    let rows = margins.select(&["margin", "net_revenue", "clv"]).into_iter().zip(nets.select(&["clv"]));
    let mut n = 0;
    for (row, other) in rows {
        let value = |cell: Option<&str>| cell.unwrap().parse::<f64>().unwrap();
        let (own, revenue, clv, plain) = (value(row[0]), value(row[1]), value(row[2]), value(other[0]));
        let rate = (own + base * purchase) / (revenue + purchase);
        near(clv, rate * plain, 0.011, "clv");
        n += 1;
    }
    assert_eq!(n, 300);
}

#[test]
fn refund_heavy_customers_get_the_mean_and_are_counted() {
    let project = Project::new(SHOP);
    let mut text = orders(300, |_| "web", |_| "2.00".to_owned());
    // Somebody who gave back more than what was bought after the first day.
    text += "X1,ZZ,2025-02-03,50.00,20.00,web\nX2,ZZ,2025-03-03,10.00,4.00,web\nX3,ZZ,2025-03-09,-30.00,-9.00,web\n";
    project.put("orders/a.csv", text);
    let run = project.publish(&["--set", "clv.value=net_revenue"]);
    assert_eq!(model(&run, "clv")["counts"]["mean_spend_taken"], 1);
    let customers = run.table("tables/customers");
    let spend = model(&run, "gamma_gamma")["parameters"].clone();
    let mean = number(&spend["p"]) * number(&spend["gamma"]) / (number(&spend["q"]) - 1.0);
    near(customers.row("customer_id", "ZZ").number("expected_value"), mean, 0.006, "the population's mean");
}

// ── groups ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn each_value_of_a_column_has_its_own_fit_or_that_of_all() {
    let project = Project::new(SHOP);
    let channel = |customer: u64| match customer {
        0..400 => "store",
        400..780 => "web",
        _ => "stall",
    };
    project.put("orders/a.csv", orders(800, channel, |_| "2.00".to_owned()));
    let by_channel = ["--set", "clv.segment_by=main_channel", "--set", "clv.model=mbg_nbd"];
    let run = project.publish(&by_channel);
    let manifest = run.manifest();
    let models = manifest["models"].as_array().unwrap();
    let of = |value: &str| -> Vec<&Value> {
        models.iter().filter(|entry| entry["scope"]["value"] == value && entry["name"] == "mbg_nbd").collect()
    };
    assert_eq!(of("stall")[0]["n_customers"], 20);
    let why = of("stall")[0]["why"].as_str().unwrap();
    assert!(why.starts_with("the fit of all: fewer than 100 customers or 30 repeat buyers: 20 and"), "{why}");
    let [store, web] = ["store", "web"].map(|value| of(value)[0]);
    assert_eq!((&store["identified"], &store["n_customers"]), (&Value::Bool(true), &400.into()));
    assert_eq!((&web["identified"], &web["n_customers"]), (&Value::Bool(true), &380.into()));
    assert_ne!(store["parameters"]["r"], web["parameters"]["r"]);
    assert!(warnings(&run).contains(&"clv_groups_pooled".to_owned()));
    // The stall has what everybody has in a run without groups, the others do not.
    let plain = project.publish_in("plain", &["--set", "clv.model=mbg_nbd"]);
    let cells = |run: &Run| -> BTreeMap<String, (String, String)> {
        let customers = run.table("tables/customers");
        let rows = customers.select(&["customer_id", "p_alive", "main_channel"]);
        let text = |cell: Option<&str>| cell.unwrap().to_owned();
        rows.iter().map(|row| (text(row[0]), (text(row[1]), text(row[2])))).collect()
    };
    let (grouped, plain_cells) = (cells(&run), cells(&plain));
    let mut n_other = 0;
    for (id, (p_alive, channel)) in &grouped {
        if channel == "stall" {
            assert_eq!(*p_alive, plain_cells[id].0, "{id}");
        } else {
            n_other += usize::from(*p_alive != plain_cells[id].0);
        }
    }
    assert!(n_other > 700, "{n_other}");
    // Totals of the values, and of all.
    let totals = run.table("tables/clv_totals");
    let channels = totals.only("scope", "main_channel");
    assert_eq!(channels.texts("scope_value"), ["stall", "store", "web"]);
    let sum: f64 = channels.numbers("clv").iter().sum();
    near(totals.row("scope", "all").number("clv"), sum, 0.02, "values add up");
}

#[test]
fn a_group_without_repeat_buyers_has_the_fit_of_all() {
    let project = Project::new(SHOP);
    project.put("orders/a.csv", orders(600, |_| "web", |_| "2.00".to_owned()));
    // New customers have bought once: no fit can be made of them alone.
    let run = project.publish(&["--set", "clv.segment_by=rfm_segment"]);
    assert!(warnings(&run).contains(&"clv_groups_pooled".to_owned()));
    assert_eq!(run.table("tables/customers").texts("clv").len(), 600);
}

// ── equal bytes ────────────────────────────────────────────────────────────────────────────────────

#[test]
fn threads_and_the_order_of_rows_do_not_show() {
    let project = Project::new(SHOP);
    let text = orders(500, |customer| if customer % 2 == 0 { "store" } else { "web" }, |_| "2.00".to_owned());
    project.put("orders/a.csv", &text);
    let asked = ["--set", "clv.segment_by=main_channel", "--threads"];
    let hashes = |lake: &str, threads: &str| {
        let run = project.publish_in(lake, &[asked[0], asked[1], asked[2], threads]);
        (run.table_hashes(&[]), run.manifest()["models"].clone())
    };
    let one = hashes("one", "1");
    let two = hashes("two", "2");
    assert_same_files(&one.0, &two.0, "threads");
    assert_eq!(one.1, two.1);
    let (header, mut lines) = common::lines_of(text.as_bytes());
    common::shuffle(&mut lines, 11);
    project.put("orders/a.csv", [header, lines.concat()].concat());
    let shuffled = hashes("shuffled", "2");
    assert_same_files(&one.0, &shuffled.0, "order of rows");
}

// ── campaigns ──────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_list_is_sent_around_the_day_of_the_next_purchase() {
    let config = format!(
        "{SHOP}{}",
        r#"
        [[source]]
        name = "crm"
        kind = "contacts"
        path = "crm.csv"
        [[segment]]
        name = "everybody"
        where = "n_orders > 0"
        [[campaign]]
        name = "in_time"
        segment = ["everybody"]
        channel = ["email"]
        columns = ["customer_id", "send_on"]
        send = { trigger = "expected_next_purchase", offset_days = -5 }
        [[campaign]]
        name = "thanks"
        segment = ["everybody"]
        channel = ["email"]
        send = { trigger = "last_purchase", offset_days = 20, expiry_days = 10 }
        "#
    );
    let project = Project::new(&config);
    project.put("orders/a.csv", orders(300, |_| "web", |_| "2.00".to_owned()));
    let contact = |n: u32| format!("C{n:04},c{n}@example.org\n");
    project.put("crm.csv", format!("customer_id,email\n{}", common::rows(300, contact)));
    let run = project.publish(&[]);
    let as_of = run.manifest()["as_of"].as_str().unwrap().to_owned();
    let days = |text: &str| clienting::kernel::calendar::parse_day(text.as_bytes()).unwrap();
    let customers = run.table("tables/customers");
    let candidates = run.table("tables/candidates");
    let today = days(&as_of);
    // Due today, not yet, unknown, over.
    let mut met = [0; 4];
    for (campaign, offset, expiry) in [("in_time", -5, 7), ("thanks", 20, 10)] {
        let rows = candidates.only("campaign", campaign);
        assert_eq!(rows.rows.len(), 300);
        for row in rows.select(&["customer_id", "send_on", "reason"]) {
            let customer = customers.row("customer_id", row[0].unwrap());
            let trigger = if campaign == "in_time" { "next_purchase_day" } else { "last_day" };
            let late = customer.get(trigger).map(|day| today - days(day) - offset);
            let case = match late {
                None => 2,
                Some(late) if late < 0 => 1,
                Some(late) if late <= expiry => 0,
                Some(_) => 3,
            };
            let wanted =
                if case == 0 { (Some(as_of.as_str()), Some("in_segment")) } else { (None, Some("not_due")) };
            assert_eq!((row[1], row[2]), wanted, "{campaign} {late:?}");
            met[case] += 1;
        }
    }
    assert!(met.iter().all(|n| *n > 0), "{met:?}");
    // List and memory say the same day.
    let listings = run.table("register/listings").only("campaign", "in_time");
    let list = run.text("campaigns/in_time/everybody.csv");
    assert_eq!(list.lines().count() - 1, listings.rows.len());
    for row in listings.select(&["customer_id", "send_on"]) {
        assert!(list.contains(&format!("\"{}\",\"{}\"", row[0].unwrap(), row[1].unwrap())), "{row:?}");
    }
}
