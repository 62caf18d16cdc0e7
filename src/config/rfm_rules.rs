//! The rules of `[[rfm.segment]]`: the default ones for other numbers of bins, cells without a rule, hidden rules.

use super::RfmSegment;
use super::check::Checked;
use super::tree::Spot;
use crate::error::Warning;

/// Bins that the default rules are written for.
pub const DEFAULT_BINS: u8 = 5;

/// Whether the rules are those of the default, untouched: then each of their values stands in document 0.
#[must_use]
pub fn are_default(root: &Checked) -> bool {
    let is_default = |spot: Spot| spot.document == 0;
    let rules = root.array("rfm.segment[]");
    // `rfm.segment = []` in a file takes all rules away, which the default does not.
    !rules.is_empty()
        && rules
            .iter()
            .all(|rule| is_default(rule.spot) && rule.found.values().all(|found| is_default(found.node.spot)))
}

/// The rules for five bins as rules for `bins`.
///
/// The border between two scores k and k+1 of five lies at the share k/5; it moves to the border at or below that
/// share, ⌊k·bins/5⌋. A range from low to high becomes ⌊(low−1)·bins/5⌋+1 to ⌊high·bins/5⌋. That map of borders is
/// monotone and keeps 0 and the top, so every new cell lies inside the image of one old cell, and rules that cover
/// all old cells cover all new ones. With fewer than five bins the image of a narrow range can be empty; it is then
/// widened to its lowest score, so that no rule is lost for that alone.
#[must_use]
pub fn scaled(rules: &[RfmSegment], bins: u8) -> Vec<RfmSegment> {
    let border = |score: u8| score * bins / DEFAULT_BINS;
    let range = |(low, high): (u8, u8)| {
        let low = border(low.saturating_sub(1)) + 1;
        (low, border(high).max(low))
    };
    rules
        .iter()
        .map(|rule| RfmSegment {
            name: rule.name.clone(),
            r: range(rule.r),
            f: range(rule.f),
            m: range(rule.m),
        })
        .collect()
}

/// One cell: scores of recency, frequency and monetary value.
type Cell = (u8, u8, u8);

/// What each cell gets from the rules.
struct Coverage {
    /// Per rule, the cells that it wins.
    won: Vec<usize>,
    /// Cells that no rule matches.
    uncovered: Vec<Cell>,
}

fn coverage(rules: &[RfmSegment], bins: u8) -> Coverage {
    let mut found = Coverage { won: vec![0; rules.len()], uncovered: Vec::new() };
    for r in 1..=bins {
        for f in 1..=bins {
            for m in 1..=bins {
                match rules.iter().position(|rule| matches(rule, (r, f, m))) {
                    Some(index) => found.won[index] += 1,
                    None => found.uncovered.push((r, f, m)),
                }
            }
        }
    }
    found
}

fn matches(rule: &RfmSegment, (r, f, m): Cell) -> bool {
    let within = |score: u8, (low, high): (u8, u8)| (low..=high).contains(&score);
    within(r, rule.r) && within(f, rule.f) && within(m, rule.m)
}

/// Warnings about rules of one's own.
#[must_use]
pub fn warnings(rules: &[RfmSegment], bins: u8) -> Vec<Warning> {
    let found = coverage(rules, bins);
    let mut warnings = Vec::new();
    if let Some((r, f, m)) = found.uncovered.first() {
        let n_cells = usize::from(bins).pow(3);
        warnings.push(
            Warning::new(
                "rfm_cells_uncovered",
                format!(
                    "{} of {n_cells} RFM cells match no [[rfm.segment]], such as r={r} f={f} m={m}",
                    found.uncovered.len()
                ),
            )
            .hint("their customers are in \"others\"; a last rule with full ranges would catch them")
            .times(found.uncovered.len() as u64),
        );
    }
    for (index, rule) in rules.iter().enumerate().filter(|(index, _)| found.won[*index] == 0) {
        let cell = (rule.r.1, rule.f.1, rule.m.1);
        let winner = rules.iter().take(index).find(|earlier| matches(earlier, cell));
        let winner = winner.map_or("", |winner| winner.name.as_str());
        warnings.push(
            Warning::new(
                "rfm_rule_hidden",
                format!(
                    "[[rfm.segment]] \"{}\" can match nobody: earlier rules take all its cells, such as r={} f={} \
                     m={} by \"{winner}\"",
                    rule.name, cell.0, cell.1, cell.2
                ),
            )
            .hint("the first match wins: move it up, or take it out"),
        );
    }
    warnings
}

/// The one warning about default rules that were scaled.
#[must_use]
pub fn scaled_warning(rules: &[RfmSegment], bins: u8) -> Warning {
    let found = coverage(rules, bins);
    let hidden: Vec<&str> = rules
        .iter()
        .zip(&found.won)
        .filter(|(_, won)| **won == 0)
        .map(|(rule, _)| rule.name.as_str())
        .collect();
    let empty = if hidden.is_empty() {
        String::new()
    } else {
        format!("; no cell is left for {}", hidden.join(", "))
    };
    Warning::new(
        "rfm_segments_scaled",
        format!("the default RFM segments are made for {DEFAULT_BINS} bins and were scaled to {bins}{empty}"),
    )
    .hint("check the ranges in the manifest, or write [[rfm.segment]] rules of your own")
}

#[cfg(test)]
mod tests {
    use super::{coverage, scaled, warnings};
    use crate::config::RfmSegment;

    fn rule(name: &str, r: (u8, u8), f: (u8, u8), m: (u8, u8)) -> RfmSegment {
        RfmSegment { name: name.to_owned(), r, f, m }
    }

    #[test]
    fn scaling_keeps_a_full_cover() {
        // Single cells in every position are the hardest case: each old cell is a rule of its own.
        let cells: Vec<RfmSegment> = (0..125)
            .map(|cell: u8| {
                let (r, f, m) = (cell / 25 + 1, cell / 5 % 5 + 1, cell % 5 + 1);
                rule(&format!("{r}{f}{m}"), (r, r), (f, f), (m, m))
            })
            .collect();
        for bins in 2..=10 {
            assert!(coverage(&scaled(&cells, bins), bins).uncovered.is_empty(), "{bins} bins");
        }
        assert_eq!(scaled(&cells, 5), cells);
    }

    #[test]
    fn uncovered_cells_and_hidden_rules_are_told() {
        let rules = [
            rule("top", (2, 3), (1, 3), (1, 3)),
            rule("hidden", (3, 3), (2, 2), (1, 3)),
            rule("low", (1, 1), (1, 3), (1, 2)),
        ];
        let told = warnings(&rules, 3);
        assert_eq!(
            told.iter().map(|warning| warning.code).collect::<Vec<_>>(),
            ["rfm_cells_uncovered", "rfm_rule_hidden"]
        );
        assert_eq!(told[0].count, 3);
        assert!(told[0].what.contains("r=1 f=1 m=3"), "{}", told[0].what);
        assert!(
            told[1].what.contains("\"hidden\"") && told[1].what.contains("r=3 f=2 m=3"),
            "{}",
            told[1].what
        );
    }
}
