//! What `plan` says of the next night, against what that night then does.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{Outcome, Project};
use serde_json::Value;

const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    [quality]
    max_removed_share = 1.0
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales/*.csv"
"#;

fn sales(days: &[&str]) -> String {
    let row = |day: &&str| format!("a,{day},1.00\n");
    format!("customer_id,occurred_at,amount\n{}", days.iter().map(row).collect::<String>())
}

fn plan(project: &Project, arguments: &[&str]) -> Value {
    let outcome = Outcome::of(&mut project.command("plan", "lake", &[arguments, &["--json"]].concat()));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn months(report: &Value) -> Vec<&str> {
    report["months"].as_array().unwrap().iter().map(|month| month.as_str().unwrap()).collect()
}

#[test]
fn months_that_lose_rows_are_known_before_the_night() {
    let project = Project::new(SHOP);
    let january = sales(&["2026-01-05", "2026-02-06"]);
    project.put("sales/1.csv", &january);
    project.put("sales/2.csv", sales(&["2026-03-05"]));
    project.put("sales/3.csv", sales(&["2026-03-06", "2026-05-01"]));
    let report = plan(&project, &[]);
    let n_bytes = |names: &[&str]| -> u64 {
        names.iter().map(|name| project.path(name).metadata().unwrap().len()).sum()
    };
    assert_eq!((months(&report), &report["new_rows"]), (vec![], &Value::from(true)));
    let all = n_bytes(&["sales/1.csv", "sales/2.csv", "sales/3.csv"]);
    assert_eq!(report["estimate"]["bytes_to_read"], all);
    assert!(report["estimate"]["basis"].as_str().unwrap().starts_with("assumed"), "{report}");
    project.publish(&[]);

    let report = plan(&project, &[]);
    assert_eq!((months(&report), &report["new_rows"]), (vec![], &Value::from(false)));
    assert_eq!(report["estimate"]["bytes_to_read"], 0);
    assert_eq!(report["estimate"]["basis"], "nights that read something: 1");
    assert!(report["estimate"]["bytes_to_write"].as_u64().unwrap() > 0, "tables are written anew");

    project.put("sales/3.csv", sales(&["2026-06-06"]));
    let report = plan(&project, &[]);
    assert_eq!((months(&report), &report["new_rows"]), (vec!["2026-03", "2026-05"], &Value::from(true)));
    assert_eq!(report["estimate"]["bytes_to_read"], n_bytes(&["sales/3.csv"]));
    let text = Outcome::of(&mut project.command("plan", "lake", &[])).stdout;
    assert!(text.contains("counts anew: 2026-03, 2026-05 and months of the new rows\n"), "{text}");
    assert!(text.contains("\nestimate: reads "), "{text}");

    // Parsed differently: all that the source delivered.
    let report = plan(&project, &["--set", "project.threads=1"]);
    assert_eq!(months(&report), ["2026-03", "2026-05"], "threads parse nothing differently");
    project.put("clienting.toml", format!("{SHOP}trim = false\n"));
    assert_eq!(months(&plan(&project, &[])), ["2026-01", "2026-02", "2026-03", "2026-05"]);
}
