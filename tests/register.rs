//! Who is who over whole nights: contact exports of several systems become one register whose ids last.

mod common;

use common::{Project, Run, assert_same_files};

/// Two systems with numbers of their own, and a till that knows customers by card.
const SYSTEMS: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-01-31
    keep_runs = 20
    [privacy]
    suppression_key = "suppression-key-1"
    [quality]
    unmatched_customers_warn = 1.0
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
    name = "till"
    kind = "transactions"
    path = "till*.csv"
    id_space = "card"
    [[source]]
    name = "orders"
    kind = "transactions"
    path = "orders*.csv"
    id_space = "web"
    required = false
"#;

const CRM: &str = "customer_id,first_name,last_name,email,phone,card_id,birth_date,city,street,updated_at\n\
    1,Ann,Lee,ann.lee@gmail.com,+44 20 7183 8750,K1,1980-01-02,York,1 Old Rd,2025-01-01\n\
    2,Bob,Ray,bob@example.com,+44 7400 123456,,1970-05-05,,,2025-01-01\n\
    3,Cid,Fox,,+49 171 1234567,,,,,2025-01-01\n\
    4,Dan,Elk,home@example.com,,,1990-01-01,,,2025-01-01\n";
const WEB: &str = "customer_id,first_name,last_name,email,phone,birth_date,city,same_as,updated_at\n\
    a,Ann,Lee-Ray,annlee+shop@googlemail.com,,,Leeds,,2025-06-01\n\
    b,Cid,Fóx,cid@example.com,0049 171 1234567,,,,2025-06-01\n\
    c,Eve,Elk,home@example.com,,1992-02-02,,,2025-06-01\n\
    d,Bo,,,,,,crm:2,2025-06-01\n";
const TILL: &str = "customer_id,occurred_at,amount,transaction_id\nK1,2026-01-05,10.00,t1\nK1,2026-01-06,5.00,t2\nK9,2026-01-07,1.00,t3\n";
const ORDERS: &str = "customer_id,occurred_at,amount,transaction_id\na,2026-01-05,20.00,o1\na,2026-01-09,-5.00,o1\nd,2026-01-20,7.00,o2\n";

fn systems() -> Project {
    let project = Project::new(SYSTEMS);
    project.put("crm.csv", CRM);
    project.put("web.csv", WEB);
    project.put("till.csv", TILL);
    project.put("orders.csv", ORDERS);
    project
}

/// Customer of each number.
fn customers(run: &Run) -> Vec<String> {
    let table = run.table("register/identities");
    let cell = |cell: Option<&str>| cell.unwrap_or("-").to_owned();
    let mut rows: Vec<String> = table
        .select(&["id_space", "source_id", "customer_id", "linked_by"])
        .iter()
        .map(|row| format!("{}:{} {} {}", cell(row[0]), cell(row[1]), cell(row[2]), cell(row[3])))
        .collect();
    rows.sort();
    rows
}

/// What became of ids: old, new, kind.
fn id_map(run: &Run) -> Vec<String> {
    let table = run.table("register/id_map");
    let cell = |cell: Option<&str>| cell.unwrap_or("-").to_owned();
    let row = |row: &Vec<Option<&str>>| format!("{} {} {}", cell(row[0]), cell(row[1]), cell(row[2]));
    table.select(&["old_id", "new_id", "kind"]).iter().map(row).collect()
}

#[test]
fn a_telephone_number_links_people_of_one_family_name_only() {
    let project =
        Project::new(&SYSTEMS.replace("currency = \"EUR\"", "currency = \"EUR\"\n    country = \"DE\""));
    project.put("till.csv", TILL);
    project.put(
        "crm.csv",
        "customer_id,last_name,phone,country\n1,Lee,0171 1234567,\n2,Ray,0171 2345678,\n3,,0171 3456789,\n4,Fox,0171 4567890,AT\n",
    );
    project.put(
        "web.csv",
        "customer_id,last_name,phone\na,Lee,+49 171 1234567\nb,Elk,+49 171 2345678\nc,,+49 171 3456789\nd,Fox,+49 171 4567890\n",
    );
    let run = project.publish(&[]);
    let of = |number: &str| {
        let own = customers(&run).into_iter().find(|row| row.starts_with(&format!("{number} ")));
        own.unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(of("crm:1"), of("web:a"), "written in two ways, read in the project's country");
    for (crm, web, why) in [
        ("crm:2", "web:b", "people who share a line"),
        ("crm:3", "web:c", "no name tells who"),
        ("crm:4", "web:d", "a number of another country"),
    ] {
        assert_ne!(of(crm), of(web), "{why}");
    }
}

#[test]
fn numbers_of_several_systems_meet_in_one_customer() {
    let project = systems();
    let run = project.publish(&[]);
    assert_eq!(
        customers(&run),
        [
            "card:K1 card:K1 card",
            "card:K9 card:K9 customer_id",
            "crm:1 card:K1 card",
            "crm:2 crm:2 same_as",
            "crm:3 crm:3 phone",
            "crm:4 crm:4 customer_id",
            "web:a card:K1 email",
            "web:b crm:3 phone",
            "web:c web:c customer_id",
            "web:d crm:2 same_as",
        ]
    );
    let table = run.table("tables/customers");
    let ann = table.row("customer_id", "card:K1");
    // The till's fifth of January and the web's are one purchase day; orders and money add up.
    assert_eq!(
        ["n_orders", "n_active_days", "revenue", "refunds", "first_day", "last_day"]
            .map(|name| ann.text(name)),
        ["3", "2", "35.00", "-5.00", "2026-01-05", "2026-01-06"]
    );
    let bob = table.row("customer_id", "crm:2");
    assert_eq!((bob.text("revenue"), bob.text("n_orders")), ("7.00", "1"));
    // People of one mailbox who were born on different days are two, and somebody may look at it.
    let review = run.table("tables/match_review");
    assert_eq!(
        review.select(&["id_space", "source_id", "other_id_space", "other_source_id", "linked_by", "reason"]),
        [["crm", "4", "web", "c", "email", "birth_dates"].map(Some)]
    );
    let register = run.table("register/customers");
    let ann = register.row("customer_id", "card:K1");
    assert_eq!([ann.text("last_name"), ann.text("city")], ["Lee-Ray", "Leeds"], "the newest row");
    assert_eq!(ann.text("birth_date"), "1980-01-02", "what the newest lacks");
    assert!(ann.text("origins").contains(r#""birth_date":["crm","2025-01-01"#), "{}", ann.text("origins"));
    let points = run.table("register/contact_points").only("customer_id", "card:K1");
    let mailboxes = points.only("kind", "email");
    assert_eq!(
        mailboxes.select(&["raw", "source"]),
        [["annlee+shop@googlemail.com", "web"].map(Some), ["ann.lee@gmail.com", "crm"].map(Some)],
        "all points stay, the one that counts first"
    );
}

#[test]
fn priority_takes_fields_from_the_source_that_stands_first() {
    let project = systems();
    let run = project.publish(&["--set", "identity.survivorship=priority"]);
    let register = run.table("register/customers");
    let ann = register.row("customer_id", "card:K1");
    assert_eq!([ann.text("last_name"), ann.text("city")], ["Lee", "York"]);
}

#[test]
fn the_order_of_files_and_threads_do_not_matter() {
    let project = systems();
    let one = project.publish_in("one", &["--threads", "1"]);
    let two = project.publish_in("two", &["--threads", "2"]);
    assert_same_files(&one.hashes(&["manifest", "events"]), &two.hashes(&["manifest", "events"]), "threads");
    let parts = Project::new(SYSTEMS);
    parts.put("till.csv", TILL);
    parts.put("orders.csv", ORDERS);
    for (name, text) in [("crm", CRM), ("web", WEB)] {
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        let rows: Vec<&str> = lines.collect();
        for (place, row) in rows.iter().rev().enumerate() {
            parts.put(&format!("{name}-{place}.csv"), format!("{header}\n{row}\n"));
        }
    }
    let dealt = parts.publish(&[]);
    assert_same_files(&one.table_hashes(&[]), &dealt.table_hashes(&[]), "files and rows in another order");
    assert_eq!(customers(&one), customers(&dealt));
}

#[test]
fn ids_last_from_night_to_night() {
    let project = systems();
    let first = project.publish(&[]);
    let (ids, n) = (customers(&first), id_map(&first).len());
    assert!(
        id_map(&first).iter().all(|row| row.starts_with("- ") && row.ends_with(" new")),
        "{:?}",
        id_map(&first)
    );
    let again = project.publish(&[]);
    assert_eq!(customers(&again), ids);
    assert!(id_map(&again).iter().all(|row| row.ends_with(" kept")), "{:?}", id_map(&again));
    assert_eq!(id_map(&again).len(), n);

    // A smaller number joins: the customer keeps its id. A new one is nobody else's business.
    project.put("crm-2.csv", "customer_id,email,last_name\n0,bob@example.com,Ray\n9,new@example.com,New\n");
    let run = project.publish(&[]);
    let now = customers(&run);
    assert!(
        now.contains(&"crm:0 crm:2 email".to_owned()) && now.contains(&"crm:9 crm:9 customer_id".to_owned()),
        "{now:?}"
    );
    let untouched = |row: &&String| !row.contains("crm:2 ");
    assert!(ids.iter().filter(untouched).all(|row| now.contains(row)), "{now:?}");

    // Two customers turn out to be one: of equals the smaller id is kept, the other is followed.
    let web = |same_as: &str, at: &str| {
        format!(
            "customer_id,email,birth_date,same_as,updated_at\nc,home@example.com,1992-02-02,{same_as},{at}\n"
        )
    };
    project.put("web-2.csv", web("crm:9", "2025-07-01"));
    let run = project.publish(&[]);
    assert!(customers(&run).contains(&"web:c crm:9 same_as".to_owned()), "{:?}", customers(&run));
    assert!(id_map(&run).contains(&"web:c crm:9 merged_into".to_owned()), "{:?}", id_map(&run));
    let kept = project.publish(&[]);
    assert!(id_map(&kept).contains(&"web:c crm:9 merged_into".to_owned()), "it can be looked up for ever");

    // And then they do not: the part that leaves gets its own id back.
    project.put("web-3.csv", web("", "2025-08-01"));
    let run = project.publish(&[]);
    assert!(customers(&run).contains(&"web:c web:c customer_id".to_owned()), "{:?}", customers(&run));
    assert!(id_map(&run).contains(&"crm:9 web:c split_from".to_owned()), "{:?}", id_map(&run));
    assert!(!id_map(&run).iter().any(|row| row.ends_with("merged_into")), "{:?}", id_map(&run));

    // A number that is taken away retires its id, one that comes back has it again.
    let deleted = |deleted: &str, at: &str| {
        format!("customer_id,email,deleted,updated_at\n9,new@example.com,{deleted},{at}\n")
    };
    project.put("crm-3.csv", deleted("true", "2025-09-01"));
    let run = project.publish(&[]);
    assert!(id_map(&run).contains(&"crm:9 - retired".to_owned()), "{:?}", id_map(&run));
    project.put("crm-4.csv", deleted("false", "2025-10-01"));
    let run = project.publish(&[]);
    assert!(id_map(&run).contains(&"- crm:9 new".to_owned()), "{:?}", id_map(&run));
}

#[test]
fn what_too_many_share_or_stands_for_none_links_nobody() {
    let rows = |n: u32, email: &str, phone: &str| -> String {
        common::rows(n, |row| format!("{row}{},{email},{phone},Lee\n", email.len()))
    };
    let config = SYSTEMS.replace(
        "[quality]",
        "[identity]\nplaceholders = [\"Nobody@Mail.example\", \"+44 7400 000000\"]\n[quality]",
    );
    let project = Project::new(&config);
    project.put("till.csv", TILL);
    let header = "customer_id,email,phone,last_name\n";
    project.put(
        "crm.csv",
        [
            header,
            &rows(6, "six@example.com", ""),
            &rows(5, "five5@example.com", ""),
            &rows(2, "nobody@mail.example", "+44 7400 000000"),
        ]
        .concat(),
    );
    let run = project.publish(&[]);
    let n_linked = |link: &str| customers(&run).iter().filter(|row| row.ends_with(link)).count();
    assert_eq!((n_linked(" email"), n_linked(" phone")), (5, 0), "{:?}", customers(&run));
    // More may share where the config says so, but a cluster of more than its limit is not made.
    let run =
        project.publish_in("wide", &["--set", "identity.max_shared=6", "--set", "identity.max_cluster=5"]);
    let review = run.table("tables/match_review");
    assert_eq!(review.rows.len(), 15, "every pair of the six");
    assert!(review.texts("reason").iter().all(|reason| *reason == "too_large"));
    let wide: Vec<String> = customers(&run).into_iter().filter(|row| row.ends_with(" email")).collect();
    assert_eq!(wide.len(), 5);
}

#[test]
fn a_source_with_one_number_a_person_keeps_its_numbers_apart() {
    let project = systems();
    project.put("web-2.csv", "customer_id,email,last_name\ne,bob@example.com,Ray\n");
    let run = project.publish(&[]);
    // web:d is bob by the export's word, so web:e, with bob's address, is not.
    let all = customers(&run);
    assert!(
        all.contains(&"web:d crm:2 same_as".to_owned())
            && all.contains(&"web:e web:e customer_id".to_owned()),
        "{all:?}"
    );
    assert!(run.table("tables/match_review").texts("reason").contains(&"numbers"));
}

#[test]
fn without_matching_a_number_is_a_customer() {
    let project = systems();
    let run = project.publish(&["--set", "identity.match=off"]);
    let all = customers(&run);
    assert!(
        all.iter().all(|row| row.starts_with(&format!("{0} {0} ", row.split(' ').next().unwrap()))),
        "{all:?}"
    );
    assert!(!run.directory.join("register/id_map.parquet").exists());
    // Switched on later, the ids of before are followed.
    let run = project.publish(&[]);
    assert!(id_map(&run).contains(&"web:d crm:2 merged_into".to_owned()), "{:?}", id_map(&run));
}

#[test]
fn within_one_numbering_matching_is_asked_for() {
    let config = SYSTEMS
        .replace("id_space = \"web\"", "")
        .replace("id_space = \"crm\"", "")
        .replace("id_space = \"card\"", "")
        .replace("one_number_per_person = true", "");
    let project = Project::new(&config);
    project.put("crm.csv", CRM);
    project.put("web.csv", WEB.replace("crm:2", "customer:2"));
    project.put("till.csv", TILL);
    let all = customers(&project.publish(&[]));
    assert!(all.contains(&"customer:a a customer_id".to_owned()), "{all:?}");
    let all = customers(&project.publish_in("on", &["--set", "identity.match=on"]));
    assert!(all.contains(&"customer:a 1 email".to_owned()), "{all:?}");
}

#[test]
fn what_was_listed_before_a_merge_is_not_listed_after_it() {
    let more = r#"
        [consent]
        unchecked_channels = ["email"]
        [[segment]]
        name = "all"
        where = "customer_id IS NOT NULL"
        [[campaign]]
        name = "hello"
        segment = ["all"]
        channel = ["email"]
        columns = ["customer_id"]
    "#;
    let project = Project::new(&format!("{SYSTEMS}{more}"));
    project.put("till.csv", TILL);
    project.put("crm.csv", "customer_id,email,last_name\n7,g@example.com,Gnu\n");
    project.put("web.csv", "customer_id,email,last_name,same_as\nx,x@example.com,Gnu,\n");
    let run = project.publish(&["--as-of", "2026-01-30"]);
    let verdict =
        |run: &Run, id: &str| run.table("tables/candidates").row("customer_id", id).text("reason").to_owned();
    assert_eq!(
        (verdict(&run, "crm:7"), verdict(&run, "web:x")),
        ("in_segment".to_owned(), "in_segment".to_owned())
    );
    project.put(
        "web-2.csv",
        "customer_id,email,last_name,same_as\nx,x@example.com,Gnu,crm:7\ny,g@example.com,Gnu,\n",
    );
    let run = project.publish(&["--as-of", "2026-01-31"]);
    assert_eq!(verdict(&run, "crm:7"), "already_listed");
    assert!(id_map(&run).contains(&"web:x crm:7 merged_into".to_owned()), "{:?}", id_map(&run));
}
