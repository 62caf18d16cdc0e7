//! `[quality]`.

use super::{integer, share};
use crate::config::Quality;
use crate::config::check::Checked;

/// Limits of gates.
pub(super) fn quality(root: &Checked) -> Quality {
    Quality {
        max_quarantined_share: share(root, "quality.max_quarantined_share"),
        max_quarantined_rows: integer(root, "quality.max_quarantined_rows"),
        max_key_conflicts: share(root, "quality.max_key_conflicts"),
        max_removed_share: share(root, "quality.max_removed_share"),
        row_count_tolerance: share(root, "quality.row_count_tolerance"),
        row_count_stop: share(root, "quality.row_count_stop"),
        unmatched_customers_warn: share(root, "quality.unmatched_customers_warn"),
        unmatched_customers_stop: share(root, "quality.unmatched_customers_stop"),
        suppression_max_age_hours: integer(root, "quality.suppression_max_age_hours"),
    }
}
