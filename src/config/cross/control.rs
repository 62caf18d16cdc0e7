//! Checks of control groups.

use crate::config::check::{Checked, Found};
use crate::config::control::{MINI_SHARES, is_of_mini};
use crate::config::diagnose::Fault;
use crate::config::value::Value;

/// Somebody must be left to contact; of a mini programme neither too many nor too few are held out.
pub(super) fn check(root: &Checked, faults: &mut Vec<Fault>) {
    for campaign in root.array("campaign[]") {
        let Some(Found { value: Value::Number(share), node }) =
            campaign.found.get("campaign[].control_share")
        else {
            continue;
        };
        let (low, high) = MINI_SHARES;
        if is_of_mini(root, campaign) && !(low..=high).contains(share) {
            let what = format!(
                "`{}` is the contact of a mini programme, of which {low:.2} to {high:.2} are held out",
                campaign.address
            );
            faults.push(
                Fault::new(node.spot, what)
                    .label(format!("found {share}"))
                    .help(format!("write control_share = {low:.2}, or take it out, which is the same")),
            );
        } else if *share >= 1.0 {
            let what = format!("`{}` would hold out everybody", campaign.address);
            faults.push(
                Fault::new(node.spot, what)
                    .label(format!("found {share}"))
                    .help("`control_share` lies below 1, such as 0.10"),
            );
        }
    }
}
