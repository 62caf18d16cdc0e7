//! The other tables.

use std::borrow::Cow;

use arrow_array::{Array, RecordBatch};

use super::column::{Make, days, floats, ints, texts, u8s};
use crate::contract::tables::{
    Candidates, Cohorts, Quality, RfmCuts, RfmGrid, SegmentMoves, SegmentSummary, Segments,
};
use crate::contract::{Checked, Contract, column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::calendar::month_start;
use crate::kernel::consent::Channel;
use crate::run::context::Context;
use crate::run::manifest::Gate;
use crate::stage::campaigns::{Candidate, Considered, Verdict};
use crate::stage::features::Features;
use crate::stage::models::rfm::Scored;
use crate::stage::register::Register;
use crate::stage::segments::{Member, Membership};

/// `tables/segments`.
///
/// # Errors
/// `ContractBroken`.
pub fn segments(
    context: &Context,
    membership: &Membership,
    customers: &RecordBatch,
) -> Result<Checked<Segments>> {
    let ids = read::texts(customers, c::CUSTOMER_ID)?;
    let mut by_name: Vec<_> = membership.segments.iter().collect();
    by_name.sort_unstable_by_key(|(name, _)| name);
    let rows = || by_name.iter().flat_map(|(name, members)| members.iter().map(move |member| (name, member)));
    Checked::from_columns(
        &context.units,
        vec![
            texts(rows().map(|(name, _)| Some(name))),
            texts(rows().map(|(_, member)| Some(ids.value(member.row)))),
            days(rows().map(|(_, member)| Some(member.since))),
            texts(rows().map(|(_, member)| Some(&member.reason))),
        ],
    )
}

/// Columns of the customers table that [`segment_summary`] looks at.
pub const SUMMARISED: [&str; 4] = [c::NET_REVENUE, c::MARGIN, c::CLV, c::CAN_EMAIL];

/// `tables/segment_summary`.
///
/// # Errors
/// `ContractBroken`, `SumOutOfRange`.
pub fn segment_summary(
    context: &Context,
    membership: &Membership,
    customers: &RecordBatch,
    register: &Register,
) -> Result<Checked<SegmentSummary>> {
    if membership.segments.is_empty() {
        return Checked::verify(&context.units, SegmentSummary::TABLE.empty(&context.units));
    }
    let make = Make { units: &context.units };
    let (net, margin) = (read::decimals(customers, c::NET_REVENUE)?, read::decimals(customers, c::MARGIN)?);
    let clv = read::decimals(customers, c::CLV)?;
    let can_email = read::bools(customers, c::CAN_EMAIL)?;
    let mut by_name: Vec<_> = membership.segments.iter().collect();
    by_name.sort_unstable_by_key(|(name, _)| name);
    let count = |n: usize| Some(i64::try_from(n).unwrap_or(i64::MAX));
    let moved = |name: &str, entered: bool| {
        let moves = membership.moves.as_ref()?;
        count(moves.iter().filter(|one| one.segment == name && one.entered == entered).count())
    };
    let minor = |sum: i128| {
        i64::try_from(sum)
            .map_err(|_| Error::new(Code::SumOutOfRange, "a segment's sum does not fit 64 bits"))
    };
    let (mut nets, mut margins, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (_, members) in &by_name {
        let sum = members.iter().map(|member| net.value(member.row)).sum();
        nets.push(Some(minor(sum)?));
        let known = members.iter().all(|member| margin.is_valid(member.row));
        let sum = members.iter().filter_map(|member| read::at(margin, member.row)).sum();
        margins.push(if known { Some(minor(sum)?) } else { None });
        let mut known = members.iter().filter_map(|member| read::at(clv, member.row)).peekable();
        values.push(if known.peek().is_some() { Some(minor(known.sum())?) } else { None });
    }
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = |n: usize| Some(if n == 0 { 0.0 } else { n as f64 / customers.num_rows() as f64 });
    let email = |members: &Vec<Member>| {
        register.has_contacts.then(|| {
            members
                .iter()
                .filter(|member| can_email.is_valid(member.row) && can_email.value(member.row))
                .count()
        })
    };
    Checked::from_columns(
        &context.units,
        vec![
            texts(by_name.iter().map(|(name, _)| Some(name))),
            ints(by_name.iter().map(|(_, members)| count(members.len()))),
            floats(by_name.iter().map(|(_, members)| share(members.len()))),
            make.money(nets.into_iter()),
            make.money(margins.into_iter()),
            make.money(values.into_iter()),
            ints(by_name.iter().map(|(_, members)| email(members).and_then(count))),
            ints(by_name.iter().map(|(name, _)| moved(name, true))),
            ints(by_name.iter().map(|(name, _)| moved(name, false))),
        ],
    )
}

/// `tables/segment_moves`.
///
/// # Errors
/// `ContractBroken`.
pub fn segment_moves(context: &Context, membership: &Membership) -> Result<Checked<SegmentMoves>> {
    let moves = membership.moves.as_deref().unwrap_or_default();
    Checked::from_columns(
        &context.units,
        vec![
            texts(moves.iter().map(|one| Some(&one.customer_id))),
            texts(moves.iter().map(|one| Some(&one.segment))),
            texts(moves.iter().map(|one| Some(if one.entered { "entered" } else { "left" }))),
            texts(moves.iter().map(|one| Some(&one.reason))),
        ],
    )
}

/// `tables/rfm_grid`.
///
/// # Errors
/// `ContractBroken`.
pub fn rfm_grid(context: &Context, scored: &Scored) -> Result<Checked<RfmGrid>> {
    let make = Make { units: &context.units };
    let cells = || scored.grid.iter();
    Checked::from_columns(
        &context.units,
        vec![
            u8s(cells().map(|((r, ..), _)| Some(*r))),
            u8s(cells().map(|((_, f, _), _)| Some(*f))),
            u8s(cells().map(|((.., m), _)| Some(*m))),
            ints(cells().map(|(_, cell)| Some(cell.n_customers))),
            make.money(cells().map(|(_, cell)| Some(cell.net_revenue))),
        ],
    )
}

/// `tables/rfm_cuts`.
///
/// # Errors
/// `ContractBroken`.
pub fn rfm_cuts(context: &Context, scored: &Scored) -> Result<Checked<RfmCuts>> {
    let bins = || scored.bins.iter();
    Checked::from_columns(
        &context.units,
        vec![
            texts(bins().map(|bin| Some(bin.measure))),
            u8s(bins().map(|bin| Some(bin.bin))),
            floats(bins().map(|bin| bin.range.map(|(low, _)| low))),
            floats(bins().map(|bin| bin.range.map(|(_, high)| high))),
            ints(bins().map(|bin| Some(bin.n_customers))),
        ],
    )
}

/// `tables/cohorts`.
///
/// # Errors
/// `ContractBroken`.
pub fn cohorts(context: &Context, features: &Features) -> Result<Checked<Cohorts>> {
    let make = Make { units: &context.units };
    let cells = || features.cohorts.iter();
    Checked::from_columns(
        &context.units,
        vec![
            days(cells().map(|((cohort, _), _)| Some(month_start(*cohort)))),
            ints(cells().map(|((_, age), _)| Some(i64::from(*age)))),
            ints(cells().map(|((cohort, _), _)| features.cohort_sizes.get(cohort).copied())),
            ints(cells().map(|(_, cell)| Some(cell.n_active))),
            make.money(cells().map(|(_, cell)| Some(cell.net_revenue))),
        ],
    )
}

/// `tables/candidates`.
///
/// # Errors
/// `ContractBroken`.
pub fn candidates(
    context: &Context,
    considered: &[Considered],
    customers: &RecordBatch,
    as_of: i32,
) -> Result<Checked<Candidates>> {
    let ids = read::texts(customers, c::CUSTOMER_ID)?;
    let mut rows: Vec<(&Considered, &Candidate)> = considered
        .iter()
        .flat_map(|one| one.candidates.iter().map(move |candidate| (one, candidate)))
        .collect();
    rows.sort_unstable_by(|a, b| {
        (&a.0.campaign.name, ids.value(a.1.row)).cmp(&(&b.0.campaign.name, ids.value(b.1.row)))
    });
    let channel = |candidate: &Candidate| match &candidate.verdict {
        Verdict::Accepted(channel) | Verdict::Control { channel, .. } => Some(*channel),
        Verdict::Refused { channel, .. } => *channel,
    };
    let reason = |candidate: &Candidate| match &candidate.verdict {
        Verdict::Accepted(_) => Cow::Borrowed("in_segment"),
        Verdict::Control { .. } => Cow::Borrowed(c::CONTROL),
        Verdict::Refused { why, .. } => why.name(),
    };
    let rule = |candidate: &Candidate| match &candidate.verdict {
        Verdict::Accepted(_) => None,
        Verdict::Control { rule, .. } | Verdict::Refused { rule, .. } => Some(rule.clone()),
    };
    let blocking = |candidate: &Candidate| match &candidate.verdict {
        Verdict::Accepted(_) => None,
        Verdict::Control { drawn, .. } => Some(drawn.clone()),
        Verdict::Refused { blocking, .. } => blocking.clone(),
    };
    let all = || rows.iter();
    Checked::from_columns(
        &context.units,
        vec![
            texts(all().map(|(one, _)| Some(&one.campaign.name))),
            texts(all().map(|(_, candidate)| Some(ids.value(candidate.row)))),
            texts(all().map(|(one, candidate)| one.campaign.segments.get(candidate.segment))),
            texts(all().map(|(_, candidate)| channel(candidate).map(Channel::name))),
            days(all().map(|(_, candidate)| candidate.verdict.won().map(|_| as_of))),
            ints(all().map(|(one, _)| Some(one.campaign.priority))),
            floats(all().map(|(_, candidate)| candidate.value)),
            texts(all().map(|(_, candidate)| Some(candidate.verdict.name()))),
            texts(all().map(|(_, candidate)| Some(reason(candidate)))),
            texts(all().map(|(_, candidate)| rule(candidate))),
            texts(all().map(|(_, candidate)| blocking(candidate))),
            texts(all().map(|(_, candidate)| candidate.reasons.as_ref())),
        ],
    )
}

/// `tables/quality`.
///
/// # Errors
/// `ContractBroken`.
pub fn quality(context: &Context, gates: &[Gate]) -> Result<Checked<Quality>> {
    let mut gates: Vec<&Gate> = gates.iter().collect();
    // Nulls stand last, as everywhere.
    gates.sort_by(|a, b| {
        a.name.cmp(&b.name).then(a.source.is_none().cmp(&b.source.is_none())).then(a.source.cmp(&b.source))
    });
    Checked::from_columns(
        &context.units,
        vec![
            texts(gates.iter().map(|gate| Some(&gate.name))),
            texts(gates.iter().map(|gate| gate.source.as_ref())),
            floats(gates.iter().map(|gate| gate.value)),
            floats(gates.iter().map(|gate| gate.warn)),
            floats(gates.iter().map(|gate| gate.stop)),
            texts(gates.iter().map(|gate| Some(&gate.verdict))),
        ],
    )
}
