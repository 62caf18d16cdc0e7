//! RFM scores with fixed cuts against the published worked example of the R package rfm: 4,906 orders of 995 customers.

mod common;

use std::collections::BTreeMap;

use common::{Project, Table, root};

/// The package's cut points, and its documented ten segments in their order.
const RULES: &str = r"
[rfm]
bins = 5
[rfm.cuts]
r = [115, 181, 297.4, 482]
f = [4, 5, 6, 8]
m = [255.8, 382, 506.4, 666]
";
const SEGMENTS: [(&str, [[u8; 2]; 3], usize); 10] = [
    ("champions", [[5, 5], [5, 5], [5, 5]], 35),
    ("potential_loyalist", [[3, 5], [3, 5], [2, 5]], 342),
    ("loyal_customers", [[2, 4], [2, 4], [2, 4]], 170),
    ("promising", [[3, 4], [1, 3], [3, 5]], 9),
    ("new_customers", [[4, 5], [1, 3], [1, 5]], 104),
    ("cant_lose_them", [[1, 2], [3, 4], [4, 5]], 47),
    ("at_risk", [[1, 2], [2, 5], [4, 5]], 28),
    ("need_attention", [[1, 3], [3, 5], [3, 5]], 10),
    ("about_to_sleep", [[2, 3], [1, 3], [1, 4]], 102),
    ("lost", [[1, 1], [1, 5], [1, 5]], 148),
];

fn scored() -> (Project, Table) {
    let orders = root().join("tests/data/rfm_orders.csv").display().to_string();
    let project = format!("[project]\nname = \"rfm\"\ncurrency = \"USD\"\nas_of = 2006-12-31\n{RULES}");
    let source = format!("[[source]]\nname = \"orders\"\nkind = \"transactions\"\npath = {orders:?}\n");
    let columns = "[source.columns]\noccurred_at = \"order_date\"\namount = \"revenue\"\n";
    let rules = SEGMENTS.iter().map(|(name, [r, f, m], _)| {
        format!("[[rfm.segment]]\nname = \"{name}\"\nr = {r:?}\nf = {f:?}\nm = {m:?}\n")
    });
    let project = Project::new(&format!("{project}{source}{columns}{}", rules.collect::<String>()));
    let customers = project.publish(&[]).table("tables/customers");
    (project, customers)
}

fn counts<'a>(texts: &[&'a str]) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for text in texts {
        *counts.entry(*text).or_default() += 1;
    }
    counts
}

#[test]
fn every_score_has_its_published_count() {
    let (project, customers) = scored();
    assert_eq!(customers.rows.len(), 995);
    for (column, expected) in [
        ("rfm_r", [197, 200, 199, 199, 200]),
        ("rfm_f", [268, 187, 176, 244, 120]),
        ("rfm_m", [200, 200, 198, 202, 195]),
    ] {
        let found: Vec<usize> = counts(&customers.texts(column)).into_values().collect();
        assert_eq!(found, expected, "{column}");
    }
    // The tables of bins and cells tell the same.
    let run = project.lake("lake").current();
    let cuts = run.table("tables/rfm_cuts").only("measure", "r");
    assert_eq!(cuts.integers("n_customers"), [197, 200, 199, 199, 200]);
    assert_eq!(cuts.texts("bin"), ["1", "2", "3", "4", "5"]);
    let grid = run.table("tables/rfm_grid");
    assert_eq!(grid.integers("n_customers").iter().sum::<i128>(), 995);
    let total: i128 = customers.integers("net_revenue").iter().sum();
    assert_eq!(grid.integers("net_revenue").iter().sum::<i128>(), total);
}

#[test]
fn five_customers_have_their_published_scores() {
    let (_project, customers) = scored();
    let columns = ["recency_days", "n_orders", "net_revenue", "rfm_score"];
    for (id, expected) in [
        ("R0001", ["205", "6", "472.00", "343"]),
        ("R0002", ["140", "3", "340.00", "412"]),
        ("R0003", ["194", "4", "405.00", "323"]),
        ("R0004", ["98", "7", "596.00", "544"]),
        ("R0005", ["132", "5", "448.00", "433"]),
    ] {
        assert_eq!(customers.only("customer_id", id).select(&columns), [expected.map(Some).to_vec()], "{id}");
    }
}

#[test]
fn the_ten_segments_have_their_published_counts() {
    let (_project, customers) = scored();
    let found = counts(&customers.texts("rfm_segment"));
    for (name, _, expected) in SEGMENTS {
        assert_eq!(found.get(name), Some(&expected), "{name}");
    }
    let named: usize = SEGMENTS.iter().map(|(_, _, n)| n).sum();
    assert_eq!(found.get("others").copied().unwrap_or(0), 995 - named);
}
