//! `[clv]`.

use super::{integer, share, text};
use crate::config::check::Checked;
use crate::config::{Clv, ClvModel, ClvValue};

/// What is asked of lifetime value.
pub(super) fn clv(root: &Checked) -> Clv {
    Clv {
        model: match text(root, "clv.model").as_str() {
            "bg_nbd" => ClvModel::BgNbd,
            "mbg_nbd" => ClvModel::MbgNbd,
            "pareto_nbd" => ClvModel::ParetoNbd,
            "none" => ClvModel::None,
            _ => ClvModel::Auto,
        },
        unit_days: integer(root, "clv.unit_days"),
        horizon_days: integer(root, "clv.horizon_days"),
        discount_rate: share(root, "clv.discount_rate"),
        value: match text(root, "clv.value").as_str() {
            "net_revenue" => ClvValue::NetRevenue,
            _ => ClvValue::Margin,
        },
        holdout_days: integer(root, "clv.holdout_days"),
        interval: share(root, "clv.interval"),
        segment_by: text(root, "clv.segment_by"),
    }
}
