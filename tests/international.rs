//! International domains of e-mail addresses (customers.md N-4): however they are written they are one mailbox, for lists,
//! suppressions, matching and ids.

mod common;

use common::{Outcome, Project};

const CONFIG: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-05-31
    [privacy]
    suppression_key = "suppression-key-1"
    [quality]
    suppression_max_age_hours = 0
    [consent]
    unchecked_channels = ["email"]
    [[segment]]
    name = "all"
    where = "customer_id IS NOT NULL"
    [[campaign]]
    name = "mail"
    segment = ["all"]
    channel = ["email"]
    repeat_days = 1
    columns = ["email"]
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm*.csv"
    [[source]]
    name = "suppressions"
    kind = "suppressions"
    path = "suppressions*.csv"
    required = false
"#;

#[test]
fn lists_have_the_form_of_mail_tools_and_a_no_to_either_form_reaches_both() {
    let project = Project::new(CONFIG);
    project.put(
        "crm.csv",
        "customer_id,email\nP,user@MÜNCHEN.example\nQ,user@xn--mnchen-3ya.example\nR,jörg@café.example\nS,s@xn--a.example\nT,t@ü\u{FF20}b.example\n",
    );
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(
        format!("{}{}", outcome.stdout, outcome.stderr).contains("4 e-mail addresses have an international")
    );
    let run = project.lake("lake").current();
    let points = run.table("register/contact_points");
    assert_eq!(
        points.column("canonical"),
        [
            Some("user@xn--mnchen-3ya.example"),
            Some("user@xn--mnchen-3ya.example"),
            Some("jörg@xn--caf-dma.example"),
            Some("s@xn--a.example"),
            None
        ]
    );
    assert_eq!(points.row("customer_id", "T").text("reason"), "not_one_at");
    assert!(run.text("campaigns/mail/all.csv").contains("\"user@xn--mnchen-3ya.example\""));
    for row in ["user@münchen.example", "USER@XN--MNCHEN-3YA.EXAMPLE"] {
        project.put("suppressions.csv", format!("contact_point,kind,since\n{row},objection,2026-05-01\n"));
        let run = project.publish_in(if row.starts_with('U') { "a" } else { "b" }, &[]);
        let refused = run.table("tables/candidates").only("reason", "suppressed:objection");
        assert_eq!(refused.texts("customer_id"), ["P", "Q"], "{row}");
    }
}

#[test]
fn both_forms_are_one_person_and_one_id_and_stay_erased() {
    let project = Project::new(&CONFIG.replacen("[privacy]", "[identity]\n match = \"on\"\n [privacy]", 1));
    project.put("crm.csv", "customer_id,email\nP,user@münchen.example\nQ,user@xn--mnchen-3ya.example\n");
    assert_eq!(project.publish(&[]).table("tables/customers").texts("customer_id"), ["P"]);

    let project = Project::new(CONFIG);
    project.put("crm.csv", "customer_id,email\n,user@münchen.example\n");
    let first = project.publish_in("a", &[]).table("tables/customers").texts("customer_id").concat();
    project.put("crm.csv", "customer_id,email\n,user@xn--mnchen-3ya.example\n");
    let run = project.publish_in("b", &[]);
    assert_eq!(run.table("tables/customers").texts("customer_id"), [first.as_str()]);
    let forgotten = Outcome::of(project.command("forget", "b", &[]).arg(&first));
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
    project.put("crm-2.csv", "customer_id,email\nZ,user@münchen.example\n");
    let run = project.publish_in("b", &[]);
    assert_eq!(run.table("tables/candidates").row("customer_id", "Z").text("reason"), "tombstone");
}
