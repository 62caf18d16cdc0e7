//! Folders of thousands of small files, and little memory: the same nights.

mod common;

use common::{Project, assert_same_files};

const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-03-31
    [quality]
    row_count_tolerance = 0.0
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales/*.csv"
"#;

#[test]
fn thousands_of_files_are_read_known_replaced_and_read_again() {
    const N: u32 = 4000;
    let project = Project::new(&format!("{SHOP}key = [\"transaction_id\"]\n"));
    let file = |i: u32, amount: u32| {
        format!(
            "transaction_id,customer_id,occurred_at,amount\nt{i},c{},2026-0{}-10,{amount}.00\n{}",
            i % 90,
            i % 3 + 1,
            if i.is_multiple_of(100) { "x,y,nonsense,1\n" } else { "" }
        )
    };
    (0..N).for_each(|i| project.put(&format!("sales/{i:05}.csv"), file(i, i % 7)));
    let first = project.publish(&["--set", "quality.max_quarantined_share=1"]);
    let account = first.account("sales");
    assert_eq!((account["read"], account["accepted"], account["quarantined"]), (4040, 4000, 40));
    let second = project.publish(&[]);
    assert!(second.input_states().values().all(|state| state == "known"));
    assert_same_files(&first.table_hashes(&["quality"]), &second.table_hashes(&["quality"]), "known");
    // A tenth comes again with other amounts; then all are parsed differently.
    (0..N).step_by(10).for_each(|i| project.put(&format!("sales/{i:05}.csv"), file(i, 9)));
    let third = project.publish(&["--set", "quality.max_quarantined_share=1"]);
    let replaced = third.input_states().into_values().filter(|state| state == "replaced").count();
    assert_eq!((replaced, third.account("sales")["ledger_after"]), (400, 4000));
    project.put("clienting.toml", format!("{SHOP}key = [\"transaction_id\"]\nnull_values = ['', '-']\n"));
    let fourth = project.publish(&["--set", "quality.max_quarantined_share=1"]);
    assert!(fourth.input_states().values().all(|state| state == "replaced"));
    assert_same_files(&third.table_hashes(&["quality"]), &fourth.table_hashes(&["quality"]), "read again");
}

#[test]
fn little_memory_gives_the_same_bytes() {
    let project = Project::new(SHOP);
    // Several chunks of 4 MiB.
    let row = |i: u32| format!("c{:05},2026-0{}-{:02},{}.25\n", i % 5000, i % 3 + 1, i % 28 + 1, i % 97);
    project.put("sales/1.csv", format!("customer_id,occurred_at,amount\n{}", common::rows(600_000, row)));
    let auto = project.publish_in("auto", &[]);
    let little = project.publish_in("little", &["--set", "project.memory_limit=1MiB"]);
    let much = project.publish_in("much", &["--set", "project.memory_limit=64 GiB", "--threads", "1"]);
    let but = ["manifest.json", "events.jsonl", "register/files"];
    for (run, what) in [(&little, "little"), (&much, "much")] {
        assert_same_files(&auto.hashes(&but), &run.hashes(&but), what);
    }
    for (text, code) in [("4GiB", 0), ("1000MB", 0), ("4", 2), ("12 KiB", 2), ("lots", 2), ("-1GiB", 2)] {
        let setting = format!("project.memory_limit={text}");
        let outcome = common::Outcome::of(&mut project.command("check", "lake", &["--set", &setting]));
        assert_eq!(outcome.code, code, "{text}: {outcome:?}");
    }
}
