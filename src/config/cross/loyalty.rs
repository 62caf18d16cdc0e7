//! Checks of loyalty programmes: names and days of their rules, tiers, what goes together.

use super::super::check::{Checked, Found};
use super::super::diagnose::{Fault, listed, near, quoted};
use super::super::loyalty_rules as rules;
use super::super::tree::Spot;
use super::super::value::Value;
use crate::config::Basis;

/// Runs every one of them.
pub(super) fn check(root: &Checked, faults: &mut Vec<Fault>) {
    let programmes = root.array("loyalty[]");
    let exponent = match root.found.get("project.currency").map(|found| &found.value) {
        Some(Value::Currency(currency)) => currency.exponent,
        _ => return,
    };
    versions(programmes, faults);
    for one in programmes {
        minis(one, programmes, faults);
        validities(one, faults);
        amounts(one, exponent, faults);
        tiers(one, exponent, faults);
        manual(one, faults);
    }
    campaigns(root, programmes, faults);
}

/// A campaign may be the contact of a programme that there is.
fn campaigns(root: &Checked, programmes: &[Checked], faults: &mut Vec<Fault>) {
    let names: Vec<&str> = programmes.iter().map(|one| one.text("loyalty[].name")).collect();
    for campaign in root.array("campaign[]") {
        let named = campaign.text("campaign[].loyalty");
        let Some(found) = campaign.found.get("campaign[].loyalty") else { continue };
        if named.is_empty() || names.contains(&named) {
            continue;
        }
        let fault = Fault::new(found.node.spot, format!("there is no loyalty programme {}", quoted(named)));
        faults.push(match near(named, names.iter().copied()) {
            Some(known) => fault.help(format!("did you mean \"{known}\"?")),
            None if names.is_empty() => fault.help("add a [[loyalty]] of this name, or take `loyalty` out"),
            None => fault.help(format!("programmes of this config: {}", listed(names.iter().copied()))),
        });
    }
}

fn spot_of(section: &Checked, path: &str) -> Spot {
    section.found.get(path).map_or(section.spot, |found| found.node.spot)
}

fn day_of(section: &Checked, path: &str) -> Option<i32> {
    match section.found.get(path).map(|found| &found.value) {
        Some(Value::Day(day)) => *day,
        _ => None,
    }
}

/// Entries of one name are the rules of one programme from different days on.
fn versions(programmes: &[Checked], faults: &mut Vec<Fault>) {
    for (place, one) in programmes.iter().enumerate() {
        let name = one.text("loyalty[].name");
        let from = day_of(one, "loyalty[].effective_from");
        let before = programmes.iter().take(place).filter(|other| other.text("loyalty[].name") == name);
        for other in before.filter(|_| !name.is_empty()) {
            if day_of(other, "loyalty[].effective_from") == from {
                faults.push(
                    Fault::new(
                        spot_of(one, "loyalty[].name"),
                        format!("two loyalty programmes have the name {}", quoted(name)),
                    )
                    .label("again here")
                    .also(spot_of(other, "loyalty[].name"), "first here")
                    .help("give it another name, or a day in `effective_from` if these are its rules from then on"),
                );
                break;
            }
            if other.text("loyalty[].kind") != one.text("loyalty[].kind") {
                faults.push(
                    Fault::new(
                        spot_of(one, "loyalty[].kind"),
                        format!("programme {} changes its kind", quoted(name)),
                    )
                    .help("a mini programme has a name of its own"),
                );
                break;
            }
        }
    }
}

/// A mini programme lifts in its own tiers, or in those of a base programme.
fn minis(one: &Checked, programmes: &[Checked], faults: &mut Vec<Fault>) {
    let is_mini = |one: &Checked| one.text("loyalty[].kind") == "mini";
    let has_tiers = !one.array("loyalty[].tier[]").is_empty();
    let base = one.text("loyalty[].base");
    if let Some(found) = one.found.get("loyalty[].base").filter(|_| !base.is_empty()) {
        let what = if !is_mini(one) {
            Some("a base programme lifts in no other")
        } else if has_tiers {
            Some("a programme with tiers of its own lifts in these")
        } else {
            None
        };
        if let Some(what) = what {
            faults.push(Fault::new(found.node.spot, what).help("take `base` out"));
            return;
        }
        let names: Vec<&str> = programmes
            .iter()
            .filter(|other| !is_mini(other))
            .map(|other| other.text("loyalty[].name"))
            .collect();
        if !names.contains(&base) {
            let fault = Fault::new(found.node.spot, format!("there is no base programme {}", quoted(base)));
            faults.push(match near(base, names.iter().copied()) {
                Some(known) => fault.help(format!("did you mean \"{known}\"?")),
                None if names.is_empty() => fault.help("add a [[loyalty]] with kind = \"base\""),
                None => fault.help(format!("base programmes of this config: {}", listed(names))),
            });
        }
        return;
    }
    let has_base = programmes.iter().any(|other| !is_mini(other));
    let can_lift_in_another = is_mini(one) && has_base;
    if !has_tiers && !can_lift_in_another {
        let what = format!("`{}` has no tiers", one.address);
        faults.push(
            Fault::new(one.spot, what)
                .help("add [[loyalty.tier]] with `name` and `threshold`; the first has threshold = 0"),
        );
    }
}

fn validities(one: &Checked, faults: &mut Vec<Fault>) {
    if let (Some(text), Some(months)) =
        (one.found.get("loyalty[].validity"), one.found.get("loyalty[].validity_months"))
        && text.value != Value::Text(String::new())
    {
        faults.push(
            Fault::new(months.node.spot, format!("`{}` says twice how long a tier is held", one.address))
                .label("here in months")
                .also(text.node.spot, "and here")
                .help("take one of them out"),
        );
    }
}

fn basis_of(one: &Checked) -> Basis {
    rules::basis(one.text("loyalty[].basis"))
}

fn exponent_of(one: &Checked, currency: u32) -> u32 {
    let per_unit = match one.found.get("loyalty[].points_per_unit").map(|found| &found.value) {
        Some(Value::Number(number)) => *number,
        _ => 1.0,
    };
    rules::exponent(basis_of(one), per_unit, currency)
}

/// Decimals that an amount must not have.
pub(super) fn decimals(found: Option<&Found>, name: &str, exponent: u32, faults: &mut Vec<Fault>) {
    let Some(Found { value: Value::Number(number), node }) = found else { return };
    if rules::scaled(*number, exponent).is_none() {
        let fault = Fault::new(node.spot, format!("`{name}` has more than {exponent} decimals"));
        faults.push(fault.help(if exponent == 0 {
            "days and visits are counted whole".to_owned()
        } else {
            "amounts have at most the decimals of the currency".to_owned()
        }));
    }
}

fn amounts(one: &Checked, exponent: u32, faults: &mut Vec<Fault>) {
    decimals(one.found.get("loyalty[].mini_bonus"), "mini_bonus", exponent, faults);
    if let Some(Found { value: Value::Number(number), node }) = one.found.get("loyalty[].points_per_unit")
        && (*number <= 0.0 || rules::decimals(*number) > 4)
    {
        faults.push(
            Fault::new(node.spot, "`points_per_unit` must be above 0, with at most 4 decimals")
                .help("points for one unit of the currency, such as 1 or 0.5"),
        );
    }
}

fn tiers(one: &Checked, currency: u32, faults: &mut Vec<Fault>) {
    let exponent = exponent_of(one, currency);
    let tiers = one.array("loyalty[].tier[]");
    let threshold = |tier: &Checked| match tier.found.get("loyalty[].tier[].threshold").map(|f| &f.value) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    if let Some(first) = tiers.first()
        && threshold(first).is_some_and(|threshold| threshold > 0.0)
    {
        faults.push(
            Fault::new(
                spot_of(first, "loyalty[].tier[].threshold"),
                "the first tier is the base: everybody has it",
            )
            .help("write threshold = 0, or put a tier with threshold = 0 before it"),
        );
    }
    if let Some(over) = tiers.get(250) {
        faults.push(Fault::new(over.spot, "a programme has at most 250 tiers").help("take some out"));
    }
    for tier in tiers {
        for (path, name) in [
            ("loyalty[].tier[].threshold", "threshold"),
            ("loyalty[].tier[].renewal_threshold", "renewal_threshold"),
        ] {
            decimals(tier.found.get(path), name, exponent, faults);
        }
    }
    for pair in tiers.windows(2) {
        let [lower, higher] = pair else { continue };
        if threshold(lower).zip(threshold(higher)).is_some_and(|(lower, higher)| higher <= lower) {
            faults.push(
                Fault::new(
                    spot_of(higher, "loyalty[].tier[].threshold"),
                    format!("the tiers of `{}` must ascend", one.address),
                )
                .label("not greater than the one before")
                .also(spot_of(lower, "loyalty[].tier[].threshold"), "the one before")
                .help("the lowest tier first"),
            );
        }
    }
    for (place, tier) in tiers.iter().enumerate() {
        let name = tier.text("loyalty[].tier[].name");
        if matches!(name, "new" | "left") {
            let spot = spot_of(tier, "loyalty[].tier[].name");
            faults.push(
                Fault::new(spot, format!("a tier cannot have the name {}", quoted(name)))
                    .help("transition matrices name those so who join and who go"),
            );
        }
        let same = tiers.iter().take(place).find(|other| other.text("loyalty[].tier[].name") == name);
        if let Some(first) = same.filter(|_| !name.is_empty()) {
            let spot = spot_of(tier, "loyalty[].tier[].name");
            faults.push(
                Fault::new(spot, format!("two tiers of `{}` have the name {}", one.address, quoted(name)))
                    .label("again here")
                    .also(spot_of(first, "loyalty[].tier[].name"), "first here")
                    .help("every tier has a name of its own"),
            );
        }
    }
}

fn manual(one: &Checked, faults: &mut Vec<Fault>) {
    let names: Vec<&str> =
        one.array("loyalty[].tier[]").iter().map(|tier| tier.text("loyalty[].tier[].name")).collect();
    let entries = one.array("loyalty[].manual[]");
    for (place, entry) in entries.iter().enumerate() {
        let tier = entry.text("loyalty[].manual[].tier");
        if !tier.is_empty() && !names.is_empty() && !names.contains(&tier) {
            let spot = spot_of(entry, "loyalty[].manual[].tier");
            let fault = Fault::new(spot, format!("`{}` has no tier {}", one.address, quoted(tier)));
            faults.push(match near(tier, names.iter().copied()) {
                Some(known) => fault.help(format!("did you mean \"{known}\"?")),
                None => fault.help(format!("its tiers are {}", listed(names.iter().copied()))),
            });
        }
        let days = |entry: &Checked| {
            let since = day_of(entry, "loyalty[].manual[].since").unwrap_or(i32::MIN);
            (since, day_of(entry, "loyalty[].manual[].until").unwrap_or(i32::MAX))
        };
        let (since, until) = days(entry);
        let until_spot = spot_of(entry, "loyalty[].manual[].until");
        if until == i32::MAX && entry.found.contains_key("loyalty[].manual[].until") {
            faults.push(
                Fault::new(until_spot, "a tier given by hand has a last day").help(
                    "nobody is left out of the rules for ever: name the day after which they count again",
                ),
            );
        } else if since > until {
            faults.push(
                Fault::new(until_spot, "a tier given by hand ends before it begins")
                    .help("`since` and `until` are its first and last day"),
            );
        }
        let customer = entry.text("loyalty[].manual[].customer_id");
        let same = entries.iter().take(place).find(|other| {
            let (first, last) = days(other);
            other.text("loyalty[].manual[].customer_id") == customer && first <= until && since <= last
        });
        if let Some(other) = same.filter(|_| !customer.is_empty()) {
            faults.push(
                Fault::new(entry.spot, "a customer has two tiers by hand on one day")
                    .label("again here")
                    .also(other.spot, "first here")
                    .help("let one end before the other begins"),
            );
        }
    }
}
