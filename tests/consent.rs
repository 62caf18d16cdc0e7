//! Who may be addressed, over whole nights: the cases of customers.md section 4, and what nothing lifts.

mod common;

use common::{Project, Run};

/// Everybody is asked for by e-mail and by post; nothing is free by itself but letters.
const LETTERS: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-05-31
    country = "DE"
    keep_runs = 20
    [privacy]
    suppression_key = "suppression-key-1"
    [quality]
    suppression_max_age_hours = 0
    [consent]
    legitimate_interest = ["post:DE"]
    [[segment]]
    name = "all"
    where = "customer_id IS NOT NULL"
    [[campaign]]
    name = "mail"
    segment = ["all"]
    channel = ["email"]
    product_line = "insurance"
    repeat_days = 1
    columns = ["customer_id"]
    [[campaign]]
    name = "letter"
    segment = ["all"]
    channel = ["post"]
    product_line = "insurance"
    repeat_days = 1
    columns = ["customer_id"]
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm*.csv"
    [[source]]
    name = "consents"
    kind = "consents"
    path = "consents*.csv"
    required = false
    [[source]]
    name = "suppressions"
    kind = "suppressions"
    path = "suppressions*.csv"
    required = false
    [[source]]
    name = "talks"
    kind = "interactions"
    path = "talks*.csv"
    required = false
"#;

/// Contacts with a whole address and an e-mail address each.
fn crm(people: &[(&str, &str)]) -> String {
    let row = |(id, email): &(&str, &str)| format!("{id},{email},Weg 1,10115,Berlin\n");
    format!("customer_id,email,street,postal_code,city\n{}", people.iter().map(row).collect::<String>())
}

fn consents(rows: &[&str]) -> String {
    format!(
        "customer_id,contact_point,channel,status,collected_at,evidence_id,legal_basis,product_scope\n{}\n",
        rows.join("\n")
    )
}

fn suppressions(rows: &[&str]) -> String {
    format!("customer_id,contact_point,kind,channel,since,scope\n{}\n", rows.join("\n"))
}

/// What became of a customer in the campaigns by e-mail and by post.
fn told(run: &Run, id: &str) -> [String; 2] {
    ["mail", "letter"].map(|campaign| {
        let table = run.table("tables/candidates").only("campaign", campaign);
        table.row("customer_id", id).text("reason").to_owned()
    })
}

const IN: &str = "in_segment";

#[test]
fn a_who_shares_an_address_shares_its_opt_out_and_gets_letters() {
    for row in ["P,,opt_out,email,2026-03-01,", ",both@example.com,opt_out,email,2026-03-01,"] {
        let project = Project::new(LETTERS);
        project.put(
            "crm.csv",
            crm(&[("P", "both@example.com"), ("Q", "both@example.com"), ("R", "r@example.com")]),
        );
        project.put(
            "consents.csv",
            consents(&[
                "P,,email,granted,2026-01-01,,,",
                "Q,,email,granted,2026-01-01,,,",
                "R,,email,granted,2026-01-01,,,",
            ]),
        );
        assert_eq!(told(&project.publish_in("before", &[]), "Q"), [IN, IN]);
        project.put("suppressions.csv", suppressions(&[row]));
        let run = project.publish(&[]);
        for id in ["P", "Q"] {
            assert_eq!(told(&run, id), ["suppressed:opt_out", IN], "{row}");
        }
        assert_eq!(told(&run, "R"), [IN, IN]);
    }
}

#[test]
fn b_c_an_import_lifts_nothing_and_an_opt_in_with_evidence_does() {
    let project = Project::new(&LETTERS.replace("[consent]", "[consent]\n trust_undated = true"));
    project.put("crm.csv", "customer_id,email,consent_email,updated_at\nP,p@example.com,,2026-01-01\n");
    project
        .put("talks.csv", "customer_id,occurred_at,kind,channel\nP,2026-03-01 10:00:00,unsubscribe,email\n");
    assert_eq!(told(&project.publish(&[]), "P")[0], "suppressed:opt_out");
    project
        .put("crm-2.csv", "customer_id,email,consent_email,updated_at\nP,p@example.com,granted,2026-05-01\n");
    assert_eq!(told(&project.publish(&[]), "P")[0], "suppressed:opt_out", "(b)");
    // Neither does taking the contact away and making it again.
    project.put("crm-3.csv", "customer_id,email,deleted,updated_at\nP,p@example.com,true,2026-05-02\n");
    project.publish(&[]);
    project
        .put("crm-4.csv", "customer_id,email,consent_email,updated_at\nP,p@example.com,granted,2026-05-03\n");
    assert_eq!(told(&project.publish(&[]), "P")[0], "suppressed:opt_out");
    project.put("consents.csv", consents(&["P,,email,granted,2026-04-01,,,"]));
    assert_eq!(told(&project.publish(&[]), "P")[0], "suppressed:opt_out", "no evidence");
    project.put("consents-2.csv", consents(&["P,,email,granted,2026-04-01,form-17,,"]));
    assert_eq!(told(&project.publish(&[]), "P")[0], IN, "(c)");
}

#[test]
fn d_a_merge_unites_restrictions_and_a_split_leaves_them_on_both() {
    let config = LETTERS.replacen("path = \"crm*.csv\"", "path = \"crm*.csv\"\n id_space = \"crm\"", 1)
        + "[[source]]\n name = \"web\"\n kind = \"contacts\"\n path = \"web*.csv\"\n id_space = \"web\"\n";
    let config = config.replace("name = \"suppressions\"", "name = \"suppressions\"\n id_space = \"crm\"");
    let config = config.replace("name = \"consents\"", "name = \"consents\"\n id_space = \"web\"");
    let project = Project::new(&config);
    let people = |id: &str, email: &str, same_as: &str, at: &str| {
        format!(
            "customer_id,email,street,postal_code,city,same_as,updated_at\n{id},{email},Weg 1,10115,Berlin,{same_as},{at}\n"
        )
    };
    project.put("crm.csv", people("A", "a@example.com", "", "2026-01-01"));
    project.put("web.csv", people("B", "b@example.com", "", "2026-01-01"));
    project.put("consents.csv", consents(&["B,,email,granted,2026-04-01,,,"]));
    project.put("suppressions.csv", suppressions(&["A,,objection,,2026-03-01,"]));
    let run = project.publish(&[]);
    assert_eq!(told(&run, "crm:A"), ["suppressed:objection", "suppressed:objection"]);
    assert_eq!(told(&run, "web:B"), [IN, IN]);
    project.put("web-2.csv", people("B", "b@example.com", "crm:A", "2026-05-01"));
    let run = project.publish(&[]);
    assert_eq!(run.table("tables/customers").texts("customer_id"), ["crm:A"]);
    assert_eq!(told(&run, "crm:A"), ["suppressed:objection", "suppressed:objection"], "(d)");
    project.put("web-3.csv", people("B", "b@example.com", "", "2026-05-02"));
    let run = project.publish(&[]);
    assert_eq!(run.table("tables/customers").texts("customer_id"), ["crm:A", "web:B"]);
    for id in ["crm:A", "web:B"] {
        assert_eq!(told(&run, id), ["suppressed:objection", "suppressed:objection"], "split: {id}");
    }
    assert_eq!(told(&project.publish(&[]), "web:B")[0], "suppressed:objection", "for good");
}

#[test]
fn f_a_soft_opt_in_sells_its_own_line_and_a_letter_needs_none() {
    let project = Project::new(&format!(
        "{LETTERS}[[source]]\n name = \"lines\"\n kind = \"products\"\n path = \"lines*.csv\"\n required = false\n"
    ));
    project.put("crm.csv", crm(&[("P", "p@example.com")]));
    project.put("consents.csv", consents(&["P,,email,granted,2026-01-01,,soft_opt_in,shoes"]));
    assert_eq!(told(&project.publish(&[]), "P"), ["basis_product_scope", IN]);
    project.put("lines.csv", "product_id,product_line,similar_to\n1,insurance,shoes\n");
    assert_eq!(told(&project.publish(&[]), "P"), [IN, IN], "the lines are similar");
}

#[test]
fn g_a_changed_address_is_no_bounced_one() {
    for bounce in [",old@example.com,bounce,email,2026-03-01,", "P,,bounce,email,2026-03-01,"] {
        let project = Project::new(LETTERS);
        let row = |email: &str, at: &str| format!("customer_id,email,updated_at\nP,{email},{at}\n");
        project.put("crm.csv", row("old@example.com", "2026-01-01"));
        project.put("consents.csv", consents(&["P,,email,granted,2026-01-01,,,"]));
        project.put("suppressions.csv", suppressions(&[bounce]));
        assert_eq!(told(&project.publish(&[]), "P")[0], "suppressed:bounce", "{bounce}");
        project.put("crm-2.csv", row("new@example.com", "2026-04-01"));
        assert_eq!(told(&project.publish(&[]), "P")[0], IN, "{bounce}");
    }
}

#[test]
fn s_1_what_is_not_known_means_no() {
    let project = Project::new(LETTERS);
    project.put("crm.csv", crm(&[("P", "p@example.com")]));
    assert_eq!(told(&project.publish(&[]), "P"), ["no_consent", IN]);
    let abroad = project.publish_in("abroad", &["--set", "project.country=US"]);
    assert_eq!(told(&abroad, "P"), ["no_consent", "no_consent"]);
    let row = abroad.table("tables/candidates").only("campaign", "mail");
    assert_eq!(row.row("customer_id", "P").text("reasons"), "email: no_consent");
}

#[test]
fn s_7_a_consent_lives_as_long_as_there_is_contact() {
    let project = Project::new(LETTERS);
    project.put("crm.csv", crm(&[("P", "p@example.com"), ("Q", "q@example.com"), ("R", "r@example.com")]));
    project.put(
        "consents.csv",
        consents(&[
            "P,,email,granted,2024-05-30,,,",
            "Q,,email,granted,2020-01-01,,,",
            "R,,email,granted,2024-07-01,,,",
        ]),
    );
    project.put("talks.csv", "customer_id,occurred_at,kind,channel\nQ,2025-03-01 10:00:00,click,email\n");
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let run = project.lake("lake").current();
    assert_eq!((told(&run, "P")[0].as_str(), told(&run, "Q")[0].as_str()), ("consent_expired", IN));
    assert_eq!(told(&run, "R")[0], IN);
    assert!(outcome.stderr.contains("end within 60 days"), "{}", outcome.stderr);
    let warnings = run.manifest()["warnings"].clone();
    let lapse =
        warnings.as_array().unwrap().iter().find(|warning| warning["code"] == "consents_lapse").unwrap();
    assert_eq!(lapse["count"], 1, "R's ends on the first of July");
}

#[test]
fn care_comes_before_marketing() {
    let project = Project::new(LETTERS);
    project.put(
        "crm.csv",
        crm(&[
            ("P", "p@example.com"),
            ("Q", "q@example.com"),
            ("R", "r@example.com"),
            ("S", "s@example.com"),
        ]),
    );
    project.put(
        "talks.csv",
        "customer_id,email,occurred_at,kind,scale,score,closed_at\n\
         P,,2026-01-05 10:00:00,complaint,,,\nQ,,2026-05-05 10:00:00,complaint,,,2026-05-20 10:00:00\n\
         R,,2026-05-20 10:00:00,survey,nps,6,\nS,,2026-04-01 10:00:00,survey,csat5,1,\n",
    );
    let run = project.publish(&[]);
    let by_post = |id: &str| told(&run, id)[1].clone();
    assert_eq!(
        [by_post("P"), by_post("Q"), by_post("R"), by_post("S")],
        ["care_pause", IN, "care_pause", IN]
    );
    let off = project.publish_in("off", &["--set", "consent.care_days=0"]);
    assert_eq!(told(&off, "P")[1], IN);
    // Service is no marketing.
    project.put(
        "clienting.toml",
        LETTERS.replace("name = \"letter\"", "name = \"letter\"\n class = \"service\""),
    );
    let service = project.publish_in("service", &[]);
    assert_eq!(told(&service, "P"), ["care_pause", IN]);
}

/// Rule 10: a review of the relation stops promotions, and only these, until a person decides.
#[test]
fn a_relation_under_review_gets_no_promotions_until_it_is_decided() {
    let project = Project::new(&LETTERS.replace(
        "name = \"letter\"\n    segment = [\"all\"]",
        "name = \"letter\"\n    class = \"service\"\n    segment = [\"all\"]",
    ));
    let people = ["P", "Q", "R", "S"].map(|id| (id, format!("{id}@example.com")));
    project.put("crm.csv", crm(&people.each_ref().map(|(id, email)| (*id, email.as_str()))));
    let yes = people.each_ref().map(|(id, _)| format!("{id},,email,granted,2026-01-01,e,,"));
    project.put("consents.csv", consents(&yes.each_ref().map(String::as_str)));
    let reviews = |name: &str, rows: &[&str]| {
        project.put(name, format!("customer_id,kind,channel,since,until,reason\n{}\n", rows.join("\n")));
    };
    // A yes that is newer, with evidence, decides nothing; neither does the channel that the record names narrow it.
    reviews(
        "suppressions1.csv",
        &[
            "P,relation_end,,2025-12-01,,",
            "Q,relation_end,post,2025-12-01,,",
            "R,relation_end,,2025-12-01,2026-06-02,",
        ],
    );
    let run = project.publish(&[]);
    for id in ["P", "Q", "R"] {
        assert_eq!(told(&run, id), ["suppressed:relation_end", IN], "{id}");
    }
    assert_eq!(told(&run, "S"), [IN, IN]);
    // P is kept; what is said of Q was decided before the review that still runs.
    reviews(
        "suppressions2.csv",
        &["P,relation_end,,2026-05-01,2026-06-01,kept", "Q,relation_end,,2025-11-01,2025-11-20,kept"],
    );
    let run = project.publish(&["--as-of", "2026-06-01"]);
    assert_eq!(told(&run, "P"), [IN, IN], "decided");
    assert_eq!(told(&run, "Q"), ["suppressed:relation_end", IN], "decided before");
    assert_eq!(told(&run, "R"), ["suppressed:relation_end", IN]);
    // Its time is over; and P is under review again.
    reviews("suppressions3.csv", &["P,relation_end,,2026-06-02,,"]);
    let run = project.publish(&["--as-of", "2026-06-03"]);
    assert_eq!(told(&run, "R"), [IN, IN], "over by its own end");
    assert_eq!(told(&run, "P"), ["suppressed:relation_end", IN], "again");
}

#[test]
fn every_reason_is_told_and_the_weightiest_first() {
    let project = Project::new(LETTERS);
    project.put("crm.csv", crm(&[("P", "p@example.com")]));
    project.put(
        "suppressions.csv",
        suppressions(&[
            "P,,opt_out,email,2026-01-01,",
            "P,,fraud,,2026-02-01,",
            ",p@example.com,bounce,email,2026-03-01,",
        ]),
    );
    let run = project.publish(&[]);
    let table = run.table("tables/candidates").only("campaign", "mail");
    let row = table.row("customer_id", "P");
    assert_eq!(row.text("reason"), "suppressed:fraud");
    assert_eq!(
        row.text("reasons"),
        "email: suppressed:fraud, suppressed:opt_out, suppressed:bounce, no_consent"
    );
    assert_eq!(row.text("blocking"), "fraud since 2026-02-01 (source suppressions)");
}

#[test]
fn a_household_is_covered_where_the_suppression_says_so() {
    let project = Project::new(LETTERS);
    project.put(
        "crm.csv",
        "customer_id,household_id,street,postal_code,city\nP,H1,Weg 1,1,B\nQ,H1,Weg 1,1,B\nR,H2,Weg 1,1,B\n",
    );
    project.put("suppressions.csv", suppressions(&["P,,opt_out,post,2026-01-01,household"]));
    let run = project.publish(&[]);
    let by_post = |id: &str| told(&run, id)[1].clone();
    assert_eq!([by_post("P"), by_post("Q"), by_post("R")], ["suppressed:opt_out", "suppressed:opt_out", IN]);
}

#[test]
fn the_customers_table_tells_who_can_be_reached_and_what_is_in_the_way() {
    let project = Project::new(&LETTERS.replace(
        "[[source]]\n    name = \"crm\"",
        "[[segment]]\n    name = \"by_mail\"\n    where = \"can_email\"\n    [[source]]\n    name = \"crm\"",
    ));
    let people = [
        ("P", "p@example.com"),
        ("Q", "q@example.com"),
        ("R", "r@example.com"),
        ("S", "nobody"),
        ("T", "t@example.com"),
    ];
    project.put("crm.csv", crm(&people));
    let granted = |id: &str| {
        format!("{id},{},email,granted,2026-01-01,E1,consent,", id.to_lowercase() + "@example.com")
    };
    let rows: Vec<String> = ["P", "Q", "T"].iter().map(|id| granted(id)).collect();
    project.put("consents.csv", consents(&rows.iter().map(String::as_str).collect::<Vec<_>>()));
    project
        .put("suppressions.csv", suppressions(&["Q,,objection,,2026-03-01,", "T,,gone_away,,2026-03-01,"]));
    let run = project.publish(&[]);
    let customers = run.table("tables/customers");
    let of = |id: &str| {
        let row = customers.row("customer_id", id);
        ["can_email", "can_sms", "can_post", "can_ads", "blocked_reason"]
            .map(|name| row.get(name).unwrap_or("-").to_owned())
    };
    assert_eq!(of("P"), ["true", "false", "true", "false", "-"]);
    assert_eq!(of("Q"), ["false", "false", "false", "false", "suppressed:objection"]);
    assert_eq!(of("R"), ["false", "false", "true", "false", "-"], "letters need no yes");
    assert_eq!(of("S"), ["false", "false", "true", "false", "-"], "the address is none");
    assert_eq!(of("T"), ["true", "false", "false", "false", "-"], "gone away");
    for (id, _) in people {
        let listed = told(&run, id).map(|reason| (reason == IN).to_string());
        assert_eq!([of(id)[0].clone(), of(id)[2].clone()], listed, "{id}: as campaigns decide");
    }
    assert_eq!(run.table("tables/segments").only("segment", "by_mail").texts("customer_id"), ["P", "T"]);
}
