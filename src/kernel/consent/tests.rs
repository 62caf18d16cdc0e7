use super::*;

const DAY: i64 = 86_400_000;

/// Days from the first of January 1970.
#[expect(clippy::unnecessary_wraps, reason = "moments are optional wherever it is used")]
const fn on(day: i64) -> Option<i64> {
    Some(day * DAY)
}

fn ask(channel: Channel) -> Question<'static> {
    Question {
        channel,
        class: Class::Marketing,
        line: "home",
        similar: &[],
        at_ms: 200 * DAY,
        legitimate_interest: false,
        last_contact_ms: None,
        lifetime_months: None,
    }
}

fn no(rule: Rule, kind: &'static str, since_ms: Option<i64>) -> Restriction<'static> {
    Restriction { rule, kind, channel: None, line: None, since_ms }
}

fn said(channel: Channel, status: Status, collected_ms: Option<i64>) -> Statement<'static> {
    Statement {
        channel,
        status,
        basis: None,
        is_for_marketing: true,
        scope: None,
        collected_ms,
        valid_until_ms: None,
        has_evidence: false,
        is_exact: true,
    }
}

fn yes(channel: Channel, day: i64) -> Statement<'static> {
    said(channel, Status::Granted, on(day))
}

fn proven(channel: Channel, day: i64) -> Statement<'static> {
    Statement { has_evidence: true, ..yes(channel, day) }
}

fn kinds(
    question: &Question<'_>,
    against: &[Restriction<'_>],
    spoken: &[Statement<'_>],
) -> Vec<&'static str> {
    let decision = decide(question, against, spoken);
    assert_eq!(decision.is_allowed(), decision.granted.is_some());
    decision.reasons.iter().map(|reason| reason.kind).collect()
}

use Channel::{Ads, Email, Phone, PhoneAuto, Post, Push, Sms};

/// Every rule of 4.2: what lifts it, which channels it reaches, and whether S-8 lets service messages past.
#[test]
fn every_rule_holds_where_and_until_the_table_says() {
    // Rule, kind, lifted by a newer proven opt-in, holds for service messages.
    let table = [
        (Rule::Erased, "tombstone", true, true),
        (Rule::PersonBlock, "deceased", false, true),
        (Rule::Objection, "objection", true, true),
        (Rule::DoNotCall, "do_not_call", true, true),
        (Rule::SpamComplaint, "spam_complaint", true, true),
        (Rule::OptOut, "opt_out", true, true),
        (Rule::Unreachable, "bounce", false, true),
        (Rule::Topic, "topic_opt_out", true, false),
        (Rule::CarePause, "care_pause", false, false),
        (Rule::RelationEnd, "relation_end", false, false),
    ];
    for (rule, kind, is_lifted, holds_for_service) in table {
        let against = [no(rule, kind, on(100))];
        assert_eq!(kinds(&ask(Email), &against, &[yes(Email, 10)]), [kind], "{rule:?} beats an older yes");
        assert_eq!(kinds(&ask(Email), &against, &[yes(Email, 150)]), [kind], "{rule:?}: no evidence");
        let expected: &[&str] = if is_lifted { &[] } else { &[kind] };
        assert_eq!(kinds(&ask(Email), &against, &[proven(Email, 150)]), expected, "{rule:?}");
        assert_eq!(kinds(&ask(Email), &against, &[proven(Email, 100)]), [kind], "{rule:?}: not newer");
        assert_eq!(kinds(&ask(Email), &against, &[yes(Email, 10), proven(Sms, 150)]), [kind], "{rule:?}");
        let undated = [no(rule, kind, None)];
        assert_eq!(kinds(&ask(Email), &undated, &[proven(Email, 150)]), [kind], "{rule:?}: nothing is newer");
        let service = Question { class: Class::Service, ..ask(Email) };
        let expected: &[&str] = if holds_for_service { &[kind] } else { &[] };
        assert_eq!(kinds(&service, &against, &[]), expected, "{rule:?}, S-8");
        // Of one channel: what blocks the person or is an objection covers all, the rest only its own.
        let of_sms = [Restriction { channel: Some(Sms), ..against[0] }];
        let covers_all = matches!(rule, Rule::Erased | Rule::PersonBlock | Rule::Objection);
        let expected: &[&str] = if covers_all { &[kind] } else { &[] };
        assert_eq!(kinds(&ask(Email), &of_sms, &[yes(Email, 10)]), expected, "{rule:?}");
    }
}

#[test]
fn the_weightiest_reason_is_first_and_all_are_told() {
    let against = [
        no(Rule::OptOut, "opt_out", on(1)),
        no(Rule::CarePause, "care_pause", on(2)),
        no(Rule::PersonBlock, "minor", on(9)),
        no(Rule::PersonBlock, "fraud", None),
    ];
    assert_eq!(kinds(&ask(Email), &against, &[]), ["fraud", "minor", "opt_out", "care_pause", "no_consent"]);
    let places: Vec<Option<usize>> =
        decide(&ask(Email), &against, &[]).reasons.iter().map(|reason| reason.place).collect();
    assert_eq!(places, [Some(3), Some(2), Some(0), Some(1), None]);
}

#[test]
fn s_1_unknown_is_no_except_by_a_configured_interest() {
    for channel in Channel::ALL {
        assert_eq!(kinds(&ask(channel), &[], &[]), ["no_consent"], "{channel:?}");
        let interested = Question { legitimate_interest: true, ..ask(channel) };
        let free = matches!(channel, Phone | Post);
        assert_eq!(kinds(&interested, &[], &[]).is_empty(), free, "{channel:?}");
        let denied = [said(channel, Status::Denied, None)];
        assert_eq!(kinds(&interested, &[], &denied), ["denied"], "{channel:?}");
    }
    assert_eq!(kinds(&ask(PhoneAuto), &[], &[yes(Phone, 1)]), ["no_consent"], "consent is per channel");
    let no_calls = [yes(PhoneAuto, 5), said(Phone, Status::Withdrawn, on(6))];
    assert_eq!(kinds(&ask(PhoneAuto), &[], &no_calls), ["withdrawn"], "no calls: none from a machine");
    assert_eq!(kinds(&ask(Push), &[], &[yes(Push, 1)]), [""; 0]);
    assert_eq!(kinds(&ask(Ads), &[], &[yes(Ads, 1)]), [""; 0]);
}

#[test]
fn s_2_a_soft_opt_in_is_for_its_own_and_similar_lines() {
    let soft = |scope| Statement { basis: Some(Basis::SoftOptIn), scope, ..yes(Email, 1) };
    let shoes = [soft(Some("shoes"))];
    let sells = |line| Question { line, ..ask(Email) };
    assert_eq!(kinds(&sells("shoes"), &[], &shoes), [""; 0]);
    // Case (f): details from a sale of shoes, insurance offered.
    assert_eq!(kinds(&sells("insurance"), &[], &shoes), ["basis_product_scope"]);
    let by_post = Question { legitimate_interest: true, line: "insurance", ..ask(Post) };
    let decision = decide(&by_post, &[], &shoes);
    assert_eq!(decision.granted, Some(Granted { basis: Basis::LegitimateInterest, until_ms: None }));
    let similar = Question { similar: &["shoes"], ..sells("socks") };
    assert_eq!(kinds(&similar, &[], &shoes), [""; 0]);
    assert_eq!(kinds(&sells(""), &[], &shoes), ["basis_product_scope"], "what is not said is not similar");
    assert_eq!(kinds(&sells("shoes"), &[], &[soft(None)]), ["basis_product_scope"], "of which sale?");
    let ads = Statement { channel: Ads, ..shoes[0] };
    assert_eq!(kinds(&Question { line: "shoes", ..ask(Ads) }, &[], &[ads]), ["basis_product_scope"]);
    // Consent of its own for the other line.
    let both = [shoes[0], Statement { scope: Some("insurance; travel"), ..yes(Email, 2) }];
    assert_eq!(kinds(&sells("insurance"), &[], &both), [""; 0]);
    assert_eq!(kinds(&sells("home"), &[], &both), ["basis_product_scope"]);
    let contract = [Statement { basis: Some(Basis::Contract), ..yes(Email, 1) }];
    assert_eq!(kinds(&ask(Email), &[], &contract), ["no_basis"]);
}

#[test]
fn s_3_the_later_counts_and_at_one_time_the_no() {
    let cases: [(&[Statement<'_>], &[&str]); 10] = [
        (&[yes(Email, 1), said(Email, Status::Withdrawn, on(2))], &["withdrawn"]),
        (&[said(Email, Status::Withdrawn, on(1)), yes(Email, 2)], &[]),
        (&[yes(Email, 1), said(Email, Status::Denied, on(1))], &["denied"]),
        (&[yes(Email, 5), said(Email, Status::Denied, None)], &["denied"]),
        (&[said(Email, Status::Granted, None)], &["undated"]),
        (&[yes(Email, 1), said(Email, Status::Unknown, on(2))], &["no_consent"]),
        (&[yes(Email, 3), said(Email, Status::Unknown, on(2))], &[]),
        (&[yes(Email, 200)], &["not_yet"]),
        (&[Statement { is_for_marketing: false, ..yes(Email, 1) }], &["no_consent"]),
        (&[Statement { is_exact: false, ..yes(Email, 1) }], &["no_consent"]),
    ];
    for (spoken, expected) in cases {
        assert_eq!(kinds(&ask(Email), &[], spoken), expected, "{spoken:?}");
        let reversed: Vec<Statement<'_>> = spoken.iter().rev().copied().collect();
        assert_eq!(kinds(&ask(Email), &[], &reversed), expected, "in any order: {spoken:?}");
    }
    let oldest = said(Email, Status::Granted, Some(i64::MIN));
    assert_eq!(kinds(&ask(Email), &[], &[oldest]), [""; 0]);
    assert_eq!(kinds(&ask(Email), &[], &[oldest, said(Email, Status::Denied, on(1))]), ["denied"]);
}

#[test]
fn s_7_a_grant_lapses_after_the_last_contact() {
    let two_years = Question { lifetime_months: Some(24), at_ms: 1000 * DAY, ..ask(Email) };
    assert_eq!(kinds(&two_years, &[], &[yes(Email, 100)]), ["consent_expired"]);
    let decision = decide(&two_years, &[], &[yes(Email, 300)]);
    // The 28th of October 1970 and two years: 1972 is a leap year.
    assert_eq!(decision.granted.unwrap().until_ms, on(1031));
    let in_touch = Question { last_contact_ms: on(900), ..two_years };
    assert_eq!(kinds(&in_touch, &[], &[yes(Email, 100)]), [""; 0]);
    let ended = Statement { valid_until_ms: on(999), ..yes(Email, 990) };
    assert_eq!(kinds(&in_touch, &[], &[ended]), ["consent_expired"]);
    let open = Statement { valid_until_ms: on(2000), ..yes(Email, 100) };
    assert_eq!(kinds(&two_years, &[], &[open]), [""; 0], "an end of its own counts");
}

/// Cases (a) to (g) of section 4 as far as they are decisions; those of people who share, merge or come back are tested over
/// whole nights.
#[test]
fn cases_of_section_4() {
    // (b) Unsubscribed on the first of March; an import says "subscribed" without a date.
    let left = [Restriction { channel: Some(Email), ..no(Rule::OptOut, "opt_out", on(59)) }];
    let import = said(Email, Status::Granted, None);
    for import in [import, said(Email, Status::Granted, Some(i64::MIN))] {
        assert_eq!(kinds(&ask(Email), &left, &[import])[0], "opt_out");
    }
    // (c) The same, with an opt-in and its evidence on the first of April.
    assert_eq!(kinds(&ask(Email), &left, &[import, proven(Email, 90)]), [""; 0]);
    // (d) Of two merged, one had objected; the other's grant came later by an import.
    let objected = [no(Rule::Objection, "objection", on(10))];
    assert_eq!(kinds(&ask(Email), &objected, &[yes(Email, 20)]), ["objection"]);
    // (e) Erased and imported again.
    let erased = [no(Rule::Erased, "tombstone", on(10))];
    assert_eq!(kinds(&ask(Email), &erased, &[yes(Email, 20)]), ["tombstone"]);
    assert_eq!(kinds(&ask(Email), &erased, &[proven(Email, 20)]), [""; 0]);
}

#[test]
fn a_topic_is_its_line_and_what_does_not_say_what_it_sells() {
    let topic = [Restriction { line: Some("garden"), ..no(Rule::Topic, "topic_opt_out", on(10)) }];
    let spoken = [yes(Email, 1)];
    assert_eq!(kinds(&ask(Email), &topic, &spoken), [""; 0]);
    for line in ["garden", ""] {
        assert_eq!(kinds(&Question { line, ..ask(Email) }, &topic, &spoken), ["topic_opt_out"], "{line}");
    }
    let other = [Statement { scope: Some("home"), ..proven(Email, 20) }, spoken[0]];
    assert_eq!(kinds(&Question { line: "garden", ..ask(Email) }, &topic, &other), ["topic_opt_out"]);
}
