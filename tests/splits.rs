//! The same rows in other files, in another order, on other threads: the same bytes in `tables/`.

mod common;

use common::{
    Project, assert_same_files, lines_of, sample_contacts, sample_transactions, shipped_config, shuffle,
};

/// All transaction lines of the sample, faulty ones too, with the header that they share.
fn sample_lines() -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut header, mut all) = (Vec::new(), Vec::new());
    for bytes in sample_transactions().values() {
        let (first, lines) = lines_of(bytes);
        assert!(header.is_empty() || header == first);
        header = first;
        all.extend(lines);
    }
    (header, all)
}

/// A project with these lines in so many files, dealt one by one.
fn dealt(header: &[u8], lines: &[Vec<u8>], n_files: usize) -> Project {
    let project = Project::sample();
    let mut files = vec![header.to_vec(); n_files];
    for (index, line) in lines.iter().enumerate() {
        files[index % n_files].extend_from_slice(line);
    }
    for (index, file) in files.iter().enumerate() {
        project.put(&format!("transactions/part-{index}.csv"), file);
    }
    project
}

#[test]
fn files_and_order_of_rows_leave_no_trace_in_tables() {
    let (header, lines) = sample_lines();
    let whole = dealt(&header, &lines, 1);
    let reference = whole.publish(&[]);
    let expected = reference.table_hashes(&[]);
    assert!(expected.len() >= 8, "{expected:?}");
    assert_eq!(reference.account("orders")["quarantined"], 12);
    for (n_files, seed) in [(7, None), (1, Some(1)), (7, Some(2)), (3, Some(3))] {
        let mut lines = lines.clone();
        if let Some(seed) = seed {
            shuffle(&mut lines, seed);
        }
        let project = dealt(&header, &lines, n_files);
        let run = project.publish(&[]);
        let what = format!("{n_files} files, seed {seed:?}");
        assert_eq!(run.account("orders"), reference.account("orders"), "{what}");
        assert_same_files(&run.table_hashes(&[]), &expected, &what);
        // The lists hold the same customers in the same order.
        for (a, b) in run.hashes(&[]).iter().zip(&reference.hashes(&[])) {
            assert!(!a.0.starts_with("campaigns/") || a == b, "{what}: {} differs", a.0);
        }
    }
}

/// A newer row of a person is told by `updated_at`, wherever it lies and whenever it arrives.
#[test]
fn files_order_and_nights_of_contacts_leave_no_trace_in_tables() {
    let config = shipped_config("quickstart", "").replace("contacts/crm.csv", "contacts/*.csv");
    let dealt = |lines: &[Vec<u8>], header: &[u8], n_files: usize, nightly: bool| {
        let project = Project::new(&config);
        project.put("transactions/all.csv", &sample_transactions()["2026-09.csv"]);
        for file in 0..n_files {
            let own = lines.iter().skip(file).step_by(n_files).flatten().copied();
            // Later nights come with smaller paths, so that neither decides.
            let path = format!("contacts/{}.csv", n_files - file);
            project.put(&path, header.iter().copied().chain(own).collect::<Vec<u8>>());
            if nightly {
                project.publish(&[]);
            }
        }
        let run = if nightly { project.lake("lake").current() } else { project.publish(&[]) };
        (project, run)
    };
    let (header, mut lines) = lines_of(&sample_contacts());
    let (_project, expected) = dealt(&lines, &header, 1, false);
    assert_eq!(expected.account("crm")["superseded"], 70);
    for (n_files, nightly, seed) in [(1, false, 5), (3, false, 6), (4, true, 7)] {
        shuffle(&mut lines, seed);
        let (_project, run) = dealt(&lines, &header, n_files, nightly);
        let what = format!("{n_files} files, seed {seed}");
        assert_eq!(run.account("crm")["ledger_after"], expected.account("crm")["ledger_after"], "{what}");
        let but: &[&str] = if nightly { &["candidates", "quality"] } else { &[] };
        assert_same_files(&run.table_hashes(but), &expected.table_hashes(but), &what);
        for name in ["register/customers", "register/contact_points", "register/identities"] {
            let rows = |run: &common::Run| run.table(name).multiset(&["source_key"]);
            assert!(rows(&run) == rows(&expected), "{what}: {name} differs");
        }
    }
}

#[test]
fn another_amount_does_leave_a_trace() {
    let (header, mut lines) = sample_lines();
    let reference = dealt(&header, &lines, 1).publish(&[]).table_hashes(&[]);
    let text = String::from_utf8(lines[0].clone()).unwrap();
    assert!(text.contains(",S,"), "the first line is a sale");
    let fields: Vec<&str> = text.split(',').collect();
    let dearer = text.replacen(&format!(",S,{},", fields[4]), ",S,91.00,", 1);
    assert_ne!(dearer, text);
    lines[0] = dearer.into_bytes();
    let other = dealt(&header, &lines, 1).publish(&[]).table_hashes(&[]);
    assert_ne!(reference["tables/customers.parquet"], other["tables/customers.parquet"]);
}

#[test]
fn threads_leave_no_trace_in_any_file() {
    // Several copies with ids of their own, so that one file is read in several chunks.
    let (header, lines) = sample_lines();
    let project = Project::sample();
    let mut large = header;
    for copy in 0..4_u8 {
        for line in &lines {
            if copy > 0 {
                large.push(b'A' + copy);
            }
            large.extend_from_slice(line);
        }
    }
    assert!(large.len() > 3 * (4 << 20), "three chunks and a part");
    project.put("transactions/all.csv", &large);
    let but = ["manifest.json", "events.jsonl"];
    let one = project.publish_in("one", &["--threads", "1"]).hashes(&but);
    for threads in ["2", "3"] {
        let several = project.publish_in(threads, &["--threads", threads]).hashes(&but);
        assert_same_files(&one, &several, "threads");
    }
    assert!(one.len() > 80, "{}", one.len());
}
