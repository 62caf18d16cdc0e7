//! `[[loyalty]]` with its tiers.

use super::{Resolver, integer, text, texts, truth, value_of};
use crate::config::check::Checked;
use crate::config::value::Value;
use crate::config::{Basis, Loyalty, LoyaltyManual, LoyaltyTier, ProgrammeKind, loyalty_rules as rules};
use crate::kernel::loyalty::{Downgrade, Jump, Role, Validity, Window};

/// Every programme, in the order of the file; a mini programme without tiers takes those of its base.
pub(super) fn loyalty(resolver: &Resolver<'_>, root: &Checked, exponent: u32) -> Vec<Loyalty> {
    let mut programmes: Vec<Loyalty> =
        root.array("loyalty[]").iter().map(|one| programme(resolver, one, exponent)).collect();
    let first = programmes.iter().find(|one| one.kind == ProgrammeKind::Base).map(|one| one.name.clone());
    for one in &mut programmes {
        let has_tiers = !one.tiers.is_empty();
        if has_tiers || one.kind == ProgrammeKind::Base {
            one.base.clear();
        } else if one.base.is_empty() {
            one.base = first.clone().unwrap_or_default();
        }
    }
    programmes
}

fn day(section: &Checked, path: &str) -> Option<i32> {
    match value_of(section, path) {
        Some(Value::Day(day)) => day,
        _ => None,
    }
}

fn number(section: &Checked, path: &str) -> f64 {
    match value_of(section, path) {
        Some(Value::Number(number)) => number,
        _ => 0.0,
    }
}

/// An amount in units of ten to the power of minus `exponent`; checked before.
fn amount(section: &Checked, path: &str, exponent: u32) -> Option<i64> {
    match value_of(section, path) {
        Some(Value::Number(number)) => rules::scaled(number, exponent),
        _ => None,
    }
}

fn programme(resolver: &Resolver<'_>, one: &Checked, currency_exponent: u32) -> Loyalty {
    let basis = rules::basis(&text(one, "loyalty[].basis"));
    let per_unit = number(one, "loyalty[].points_per_unit");
    let exponent = rules::exponent(basis, per_unit, currency_exponent);
    let points = match basis {
        Basis::PointsEarned => rules::scaled(per_unit, exponent - currency_exponent).unwrap_or(1),
        _ => 1,
    };
    let tier = |tier: &Checked| {
        let threshold = amount(tier, "loyalty[].tier[].threshold", exponent).unwrap_or(0);
        let renewal = amount(tier, "loyalty[].tier[].renewal_threshold", exponent);
        LoyaltyTier {
            name: text(tier, "loyalty[].tier[].name"),
            threshold,
            renewal_threshold: renewal.unwrap_or(threshold),
        }
    };
    let manual_file = text(one, "loyalty[].manual_file");
    let spot = one.found.get("loyalty[].manual_file").map(|found| found.node.spot);
    let bonus = amount(one, "loyalty[].mini_bonus", currency_exponent).unwrap_or(0);
    Loyalty {
        name: text(one, "loyalty[].name"),
        kind: match text(one, "loyalty[].kind").as_str() {
            "mini" => ProgrammeKind::Mini,
            _ => ProgrammeKind::Base,
        },
        base: text(one, "loyalty[].base"),
        slot_days: integer(one, "loyalty[].slot_days"),
        basis,
        exponent,
        points,
        points_expiry_months: integer(one, "loyalty[].points_expiry_months"),
        effective_from: day(one, "loyalty[].effective_from"),
        tiers: one.array("loyalty[].tier[]").iter().map(tier).collect(),
        window: rules::window(&text(one, "loyalty[].upgrade_window")).unwrap_or(Window::Lifetime),
        validity: rules::validity(&text(one, "loyalty[].validity"))
            .unwrap_or_else(|| Validity::Months(integer(one, "loyalty[].validity_months"))),
        min_duration_months: integer(one, "loyalty[].min_duration_months"),
        count_upgrade_day: truth(one, "loyalty[].count_upgrade_day"),
        grace_days: integer(one, "loyalty[].grace_days"),
        downgrade: match text(one, "loyalty[].downgrade").as_str() {
            "eligible" => Downgrade::Eligible,
            "lowest" => Downgrade::Lowest,
            _ => Downgrade::OneDown,
        },
        jump: if text(one, "loyalty[].upgrade_jump") == "one" { Jump::One } else { Jump::Multi },
        reversal_days: integer(one, "loyalty[].reversal_days"),
        excluded_lines: texts(one, "loyalty[].excluded_lines"),
        manual: one.array("loyalty[].manual[]").iter().map(manual).collect(),
        manual_file: (!manual_file.is_empty()).then(|| resolver.path(&manual_file, spot)),
        mini_gap: number(one, "loyalty[].mini_gap"),
        mini_share: number(one, "loyalty[].mini_share"),
        mini_reach_below: number(one, "loyalty[].mini_reach_below"),
        mini_bonus: (bonus > 0).then_some(bonus),
        value_years: integer(one, "loyalty[].value_years"),
        discount_rate: number(one, "loyalty[].discount_rate"),
    }
}

fn manual(one: &Checked) -> LoyaltyManual {
    LoyaltyManual {
        customer_id: text(one, "loyalty[].manual[].customer_id"),
        tier: text(one, "loyalty[].manual[].tier"),
        since: day(one, "loyalty[].manual[].since"),
        until: day(one, "loyalty[].manual[].until").unwrap_or(i32::MAX - 1),
        role: if text(one, "loyalty[].manual[].role") == "fixed" { Role::Fixed } else { Role::Floor },
    }
}
