//! `campaign.control_share`: how much of a campaign is held out.

use super::check::Checked;
use super::value::Value;

/// Shares that a campaign of a mini programme may hold out (customers.md 7.5).
pub(super) const MINI_SHARES: (f64, f64) = (0.10, 0.20);

/// Whether a campaign is the contact of a mini programme.
pub(super) fn is_of_mini(root: &Checked, campaign: &Checked) -> bool {
    let named = campaign.text("campaign[].loyalty");
    let is_mini = |one: &Checked| one.text("loyalty[].kind") == "mini";
    root.array("loyalty[]").iter().any(|one| one.text("loyalty[].name") == named && is_mini(one))
}

/// The share in force.
pub(super) fn share(root: &Checked, campaign: &Checked) -> f64 {
    match campaign.found.get("campaign[].control_share").map(|found| &found.value) {
        Some(Value::Number(share)) => *share,
        _ if is_of_mini(root, campaign) => MINI_SHARES.0,
        _ => 0.0,
    }
}
