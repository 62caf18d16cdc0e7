//! `[rfm]` and its named ranges.

use super::{integer, text, value_of};
use crate::config::check::Checked;
use crate::config::value::Value;
use crate::config::{Frequency, Monetary, Rfm, RfmMethod, RfmSegment, rfm_rules};
use crate::error::Warning;

/// The scores and their names, with what is to be said about them.
pub(super) fn rfm(root: &Checked) -> (Rfm, Vec<Warning>) {
    let cuts = |path| match value_of(root, path) {
        Some(Value::Numbers(cuts)) => Some(cuts),
        _ => None,
    };
    let range = |rule: &Checked, path| match value_of(rule, path) {
        Some(Value::Range(low, high)) => (low, high),
        _ => (1, 1),
    };
    let mut segments: Vec<RfmSegment> = root
        .array("rfm.segment[]")
        .iter()
        .map(|rule| RfmSegment {
            name: text(rule, "rfm.segment[].name"),
            r: range(rule, "rfm.segment[].r"),
            f: range(rule, "rfm.segment[].f"),
            m: range(rule, "rfm.segment[].m"),
        })
        .collect();
    let bins: u8 = integer(root, "rfm.bins");
    let default_segments = rfm_rules::are_default(root);
    let warnings = if !default_segments {
        rfm_rules::warnings(&segments, bins)
    } else if bins == rfm_rules::DEFAULT_BINS {
        Vec::new()
    } else {
        segments = rfm_rules::scaled(&segments, bins);
        vec![rfm_rules::scaled_warning(&segments, bins)]
    };
    let rfm = Rfm {
        bins,
        window_days: integer(root, "rfm.window_days"),
        frequency: match text(root, "rfm.frequency").as_str() {
            "purchase_days" => Frequency::PurchaseDays,
            _ => Frequency::Orders,
        },
        monetary: match text(root, "rfm.monetary").as_str() {
            "margin" => Monetary::Margin,
            "average_order" => Monetary::AverageOrder,
            _ => Monetary::NetRevenue,
        },
        method: match text(root, "rfm.method").as_str() {
            "nested" => RfmMethod::Nested,
            _ => RfmMethod::Independent,
        },
        cuts_r: cuts("rfm.cuts.r"),
        cuts_f: cuts("rfm.cuts.f"),
        cuts_m: cuts("rfm.cuts.m"),
        segments,
        default_segments,
    };
    (rfm, warnings)
}
