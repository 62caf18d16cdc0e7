//! `[clv]`: what its keys ask of each other and of other sections.

use crate::config::check::{Checked, Found};
use crate::config::diagnose::{Fault, quoted};
use crate::config::value::Value;

/// Columns of `clv.segment_by` that a switch of `[summary]` counts.
const COUNTED: [(&str, &str); 3] =
    [("main_line", "summary.lines"), ("main_unit", "summary.units"), ("main_channel", "summary.channels")];

pub(super) fn check(root: &Checked, faults: &mut Vec<Fault>) {
    if let Some(Found { value: Value::Number(width), node }) = root.found.get("clv.interval")
        && !(*width > 0.0 && *width < 1.0)
    {
        faults.push(
            Fault::new(node.spot, "`clv.interval` must lie above 0 and below 1")
                .label(format!("found {width}"))
                .help("an interval of 0.80 holds the outcome in eight of ten cases; none holds it in all"),
        );
    }
    let Some(Found { value: Value::Text(column), node }) = root.found.get("clv.segment_by") else { return };
    let Some((_, switch)) = COUNTED.iter().find(|(counted, _)| counted == column) else { return };
    if let Some(Found { value: Value::Bool(false), node: switched }) = root.found.get(switch) {
        faults.push(
            Fault::new(node.spot, format!("`clv.segment_by` names {}, which is not counted", quoted(column)))
                .also(switched.spot, "switched off here")
                .help(format!("set {switch} = true, or name another column")),
        );
    }
}
