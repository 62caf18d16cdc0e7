//! Tables of a run → files, verified on the way; lists with their manifests.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{Decimal128Builder, ListBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, UInt8Array,
};
use arrow_schema::{DataType, Field};
use serde_json::json;

use super::campaigns::{Candidate, Considered, Verdict, channel_name, list};
use super::features::Features;
use super::models::rfm::{Scored, Scores};
use super::register::Register;
use super::segments::Membership;
use crate::config::Channel;
use crate::contract::tables::{
    Candidates, Cohorts, Customers, Quality, RfmCuts, RfmGrid, SegmentMoves, SegmentSummary, Segments,
};
use crate::contract::{Checked, ColumnType, Contract, Units, column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::calendar::month_start;
use crate::run::context::Context;
use crate::run::manifest::{Gate, List, TableEntry};
use crate::store::files;

/// Column builders that know the units.
struct Make<'a> {
    units: &'a Units,
}

impl Make<'_> {
    fn money(&self, values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        let mut builder = Decimal128Builder::new().with_data_type(ColumnType::Money.arrow(self.units));
        values.for_each(|value| builder.append_option(value.map(i128::from)));
        Arc::new(builder.finish())
    }
}

fn texts<S: AsRef<str>>(values: impl Iterator<Item = Option<S>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

fn ints(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

fn days(values: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.collect::<Date32Array>())
}

fn u8s(values: impl Iterator<Item = Option<u8>>) -> ArrayRef {
    Arc::new(values.collect::<UInt8Array>())
}

/// The customers table; `segments` are the names for each row, none yet before the segments stage.
///
/// # Errors
/// `SumOutOfRange`, `ContractBroken`.
pub fn customers(
    context: &Context,
    features: &Features,
    scored: &Scored,
    register: &Register,
    segments: &[Vec<&str>],
) -> Result<Checked<Customers>> {
    let make = Make { units: &context.units };
    let contact = |column: &'static str| {
        features
            .customer_id
            .iter()
            .map(move |id| register.contacts.get(id).and_then(|contact| contact.value(column)))
    };
    let total = || features.total.iter();
    let unit_days = f64::from(context.config.clv.unit_days);
    let days_to = |day: fn((i32, i32)) -> i32| {
        total().map(move |sums| sums.days.map(|days| i64::from(features.as_of - day(days))))
    };
    let in_units = |days: Option<i64>| {
        #[expect(clippy::cast_precision_loss, reason = "days are small")]
        let value = days.map(|days| days as f64 / unit_days);
        value
    };
    let mut net = Vec::with_capacity(features.total.len());
    let mut margin = Vec::with_capacity(features.total.len());
    for sums in total() {
        net.push(sums.net()?);
        margin.push(sums.margin()?);
    }
    let mut net_year = Vec::with_capacity(features.year.len());
    for sums in &features.year {
        net_year.push(Some(sums.net()?));
    }
    let main = |place: usize| {
        texts(features.mains.iter().map(move |mains| mains.values.get(place).and_then(Option::as_ref)))
    };
    let scores =
        |of: fn(&Scores) -> Option<u8>| u8s(scored.scores.iter().map(move |s| s.as_ref().and_then(of)));
    let score_texts = |of: fn(&Scores) -> Option<&String>| {
        texts(scored.scores.iter().map(move |s| s.as_ref().and_then(of)))
    };
    const CHANNEL: usize = 0;
    const LINE: usize = 1;
    const UNIT: usize = 2;
    let employee: BooleanArray = contact(c::EMPLOYEE).map(|text| text.map(|text| text == "true")).collect();
    Checked::from_columns(
        &context.units,
        vec![
            texts(features.customer_id.iter().map(Some)),
            texts(contact(c::HOUSEHOLD_ID)),
            texts(contact(c::COUNTRY)),
            Arc::new(employee),
            days(total().map(|sums| sums.days.map(|(first, _)| first))),
            days(total().map(|sums| sums.days.map(|(_, last)| last))),
            ints(total().map(|sums| Some(sums.n_orders))),
            ints(total().map(|sums| Some(sums.n_active_days))),
            make.money(total().map(|sums| Some(sums.revenue))),
            make.money(total().map(|sums| Some(sums.refunds))),
            make.money(net.iter().copied().map(Some)),
            make.money(total().map(|sums| (sums.n_cost_missing == 0).then_some(sums.cost))),
            make.money(margin.into_iter()),
            ints(days_to(|(_, last)| last)),
            ints(days_to(|(first, _)| first)),
            ints(features.mains.iter().map(|mains| Some(mains.n_lines_owned))),
            main(LINE),
            main(UNIT),
            main(CHANNEL),
            make.money(net_year.into_iter()),
            floats(trends(features)?.into_iter()),
            scores(|scores| Some(scores.r)),
            scores(|scores| Some(scores.f)),
            scores(|scores| scores.m),
            score_texts(|scores| scores.text.as_ref()),
            score_texts(|scores| scores.segment.as_ref()),
            ints(total().map(|sums| (sums.n_active_days > 0).then(|| sums.n_active_days - 1))),
            floats(total().map(|sums| in_units(sums.days.map(|(first, last)| i64::from(last - first))))),
            floats(days_to(|(first, _)| first).map(in_units)),
            text_lists(segments, features.customer_id.len()),
        ],
    )
}

/// Net revenue of the last 182 days over that of the 182 before, less 1.
fn trends(features: &Features) -> Result<Vec<Option<f64>>> {
    let mut trends = Vec::with_capacity(features.half.len());
    for (half, before) in features.half.iter().zip(&features.half_before) {
        let (now, then) = (half.net()?, before.net()?);
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        trends.push((then > 0).then(|| now as f64 / then as f64 - 1.0));
    }
    Ok(trends)
}

fn text_lists(lists: &[Vec<&str>], n_rows: usize) -> ArrayRef {
    let item = Field::new("item", DataType::Utf8, false);
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item);
    for row in 0..n_rows {
        for text in lists.get(row).into_iter().flatten() {
            builder.values().append_value(text);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// Names of each customer's segments, in config order.
#[must_use]
pub fn names_by_row(membership: &Membership, n_rows: usize) -> Vec<Vec<&str>> {
    let mut names: Vec<Vec<&str>> = vec![Vec::new(); n_rows];
    for (segment, members) in &membership.segments {
        for member in members {
            if let Some(names) = names.get_mut(member.row) {
                names.push(segment);
            }
        }
    }
    names
}

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
    let make = Make { units: &context.units };
    let ids = read::texts(customers, c::CUSTOMER_ID)?;
    let (net, margin) = (read::decimals(customers, c::NET_REVENUE)?, read::decimals(customers, c::MARGIN)?);
    let reachable = |row: usize| {
        let contact = register.contacts.get(ids.value(row));
        let email = channel_name(Channel::Email);
        contact.is_some_and(|contact| {
            contact.has_point(Channel::Email)
                && (!register.consent_channels.contains(email)
                    || contact.consent(email) == Some(crate::contract::exports::GRANTED))
        })
    };
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
    let (mut nets, mut margins) = (Vec::new(), Vec::new());
    for (_, members) in &by_name {
        let sum = members.iter().map(|member| net.value(member.row)).sum();
        nets.push(Some(minor(sum)?));
        let known = members.iter().all(|member| margin.is_valid(member.row));
        let sum = members.iter().filter_map(|member| read::at(margin, member.row)).sum();
        margins.push(if known { Some(minor(sum)?) } else { None });
    }
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = |n: usize| Some(if n == 0 { 0.0 } else { n as f64 / customers.num_rows() as f64 });
    let email = |members: &Vec<super::segments::Member>| {
        register.has_contacts.then(|| members.iter().filter(|member| reachable(member.row)).count())
    };
    Checked::from_columns(
        &context.units,
        vec![
            texts(by_name.iter().map(|(name, _)| Some(name))),
            ints(by_name.iter().map(|(_, members)| count(members.len()))),
            floats(by_name.iter().map(|(_, members)| share(members.len()))),
            make.money(nets.into_iter()),
            make.money(margins.into_iter()),
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
            ints(cells().map(|(_, (n, _))| Some(*n))),
            make.money(cells().map(|(_, (_, net))| Some(*net))),
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
    let refused = |candidate: &Candidate| match &candidate.verdict {
        Verdict::Accepted(_) => None,
        Verdict::Refused { why, rule, blocking, .. } => Some((*why, rule.clone(), blocking.clone())),
    };
    let channel = |candidate: &Candidate| match &candidate.verdict {
        Verdict::Accepted(channel) => Some(*channel),
        Verdict::Refused { channel, .. } => *channel,
    };
    let all = || rows.iter();
    Checked::from_columns(
        &context.units,
        vec![
            texts(all().map(|(one, _)| Some(&one.campaign.name))),
            texts(all().map(|(_, candidate)| Some(ids.value(candidate.row)))),
            texts(all().map(|(one, candidate)| one.campaign.segments.get(candidate.segment))),
            texts(all().map(|(_, candidate)| channel(candidate).map(channel_name))),
            days(all().map(|(_, candidate)| refused(candidate).is_none().then_some(as_of))),
            ints(all().map(|(one, _)| Some(one.campaign.priority))),
            floats(all().map(|(_, candidate)| candidate.value)),
            texts(all().map(|(_, candidate)| {
                Some(if refused(candidate).is_some() { "refused" } else { "accepted" })
            })),
            texts(
                all().map(|(_, candidate)| {
                    Some(refused(candidate).map_or("in_segment", |(why, ..)| why.name()))
                }),
            ),
            texts(all().map(|(_, candidate)| refused(candidate).map(|(_, rule, _)| rule))),
            texts(all().map(|(_, candidate)| refused(candidate).and_then(|(.., blocking)| blocking))),
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

/// Writes a checked table.
///
/// # Errors
/// `Io`.
pub fn write<T: Contract>(context: &Context, table: &Checked<T>) -> Result<TableEntry> {
    context.write(T::TABLE, &T::TABLE.file(), std::slice::from_ref(table.batch()))
}

/// Writes every list with its manifest, and what each campaign refused.
///
/// # Errors
/// `Io`.
pub fn lists(
    context: &Context,
    considered: &[Considered],
    customers: &RecordBatch,
    register: &Register,
    as_of: i32,
) -> Result<(Vec<List>, Vec<TableEntry>)> {
    let (mut lists, mut entries) = (Vec::new(), Vec::new());
    for one in considered {
        for (place, segment) in one.campaign.segments.iter().enumerate() {
            let sheet = list::List { campaign: &one.campaign, segment, as_of, customers, register };
            lists.push(write_list(context, one, place, &sheet)?);
        }
        if one.not_due.is_none() {
            let of_campaign = candidates(context, std::slice::from_ref(one), customers, as_of)?;
            let verdicts = read::texts(of_campaign.batch(), c::VERDICT)?;
            let mask: BooleanArray =
                verdicts.iter().map(|verdict| Some(verdict == Some("refused"))).collect();
            let refused = arrow_select::filter::filter_record_batch(of_campaign.batch(), &mask)
                .map_err(|cause| Error::internal("cannot filter candidates").caused_by(cause))?;
            let path = format!("campaigns-internal/{}/exclusions.parquet", one.campaign.name);
            entries.push(context.write(Candidates::TABLE, &path, &[refused])?);
        }
    }
    Ok((lists, entries))
}

fn write_list(context: &Context, one: &Considered, place: usize, sheet: &list::List<'_>) -> Result<List> {
    let (mut rows, mut refused) = (Vec::new(), BTreeMap::new());
    for candidate in one.candidates.iter().filter(|candidate| candidate.segment == place) {
        match &candidate.verdict {
            Verdict::Accepted(channel) => rows.push((candidate, *channel)),
            Verdict::Refused { why, .. } => *refused.entry(why.name().to_owned()).or_insert(0) += 1,
        }
    }
    let mut entry = List {
        campaign: one.campaign.name.clone(),
        segment: sheet.segment.to_owned(),
        path: None,
        rows: rows.len() as u64,
        control: None,
        refused,
        hash: None,
        verdict: "not_due".to_owned(),
        notes: Vec::new(),
    };
    if let Some(why) = &one.not_due {
        entry.notes.push(why.clone());
        return Ok(entry);
    }
    let unchecked =
        rows.iter().any(|(_, channel)| !sheet.register.consent_channels.contains(channel_name(*channel)));
    if unchecked {
        entry.notes.push("consent_not_checked".to_owned());
    }
    let stem = format!("campaigns/{}/{}", one.campaign.name, sheet.segment);
    let path = format!("{stem}.csv");
    let written = files::write(&context.work, &path, &sheet.csv(&rows, &context.config.output)?)?;
    entry.verdict = "written".to_owned();
    entry.hash = Some(written.hash.clone());
    entry.path = Some(path);
    let beside = json!({
        "campaign": entry.campaign,
        "segment": entry.segment,
        "as_of": crate::kernel::calendar::day_label(sheet.as_of),
        "rows": entry.rows,
        "columns": one.campaign.columns,
        "refused": entry.refused,
        "notes": entry.notes,
        "sha256": written.hash,
    });
    let text = serde_json::to_string_pretty(&beside)
        .map_err(|cause| Error::internal("a list's manifest does not serialise").caused_by(cause))?;
    files::write(&context.work, &format!("{stem}.manifest.json"), format!("{text}\n").as_bytes())?;
    Ok(entry)
}
