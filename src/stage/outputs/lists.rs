//! Lists with their manifests, and what each campaign refused.

use std::collections::BTreeMap;

use arrow_array::{BooleanArray, RecordBatch};
use serde_json::json;

use super::tables::candidates;
use crate::contract::tables::Candidates;
use crate::contract::{Contract, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::day_label;
use crate::run::context::Context;
use crate::run::manifest::{List, TableEntry};
use crate::stage::campaigns::{Considered, Verdict, list};
use crate::stage::register::Register;
use crate::store::files;

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
            // Those held out stand there too: in no file that goes to whoever contacts (customers.md H-6).
            let mask: BooleanArray =
                verdicts.iter().map(|verdict| Some(verdict != Some("accepted"))).collect();
            let refused = arrow_select::filter::filter_record_batch(of_campaign.batch(), &mask)
                .map_err(|cause| Error::internal("cannot filter candidates").caused_by(cause))?;
            let path = exclusions(&one.campaign.name);
            entries.push(context.write(Candidates::TABLE, &path, &[refused])?);
        }
    }
    Ok((lists, entries))
}

/// File of whom a campaign refused.
pub(super) fn exclusions(campaign: &str) -> String {
    format!("campaigns-internal/{campaign}/exclusions.parquet")
}

/// The manifest beside a list.
pub(super) fn beside(list: &str) -> String {
    format!("{}.manifest.json", list.strip_suffix(".csv").unwrap_or(list))
}

fn write_list(context: &Context, one: &Considered, place: usize, sheet: &list::List<'_>) -> Result<List> {
    let (mut rows, mut n_held_out, mut refused) = (Vec::new(), 0, BTreeMap::new());
    for candidate in one.candidates.iter().filter(|candidate| candidate.segment == place) {
        match &candidate.verdict {
            Verdict::Accepted(channel) => rows.push((candidate, *channel)),
            Verdict::Control { .. } => n_held_out += 1,
            Verdict::Refused { why, .. } => *refused.entry(why.name().into_owned()).or_insert(0) += 1,
        }
    }
    let mut entry = List {
        campaign: one.campaign.name.clone(),
        segment: sheet.segment.to_owned(),
        path: None,
        rows: rows.len() as u64,
        control: one.drawn.as_ref().map(|_| n_held_out),
        refused,
        hash: None,
        verdict: "not_due".to_owned(),
        notes: Vec::new(),
    };
    if let Some(why) = &one.not_due {
        entry.notes.push(why.clone());
        return Ok(entry);
    }
    if let Some(why) = &one.held {
        "held".clone_into(&mut entry.verdict);
        entry.notes.push(why.clone());
        return Ok(entry);
    }
    let unchecked = rows.iter().any(|(_, channel)| sheet.register.is_unchecked(*channel));
    if unchecked {
        entry.notes.push("consent_not_checked".to_owned());
    }
    let path = format!("campaigns/{}/{}.csv", one.campaign.name, sheet.segment);
    let written = files::write(&context.work, &path, &sheet.csv(&rows, &context.config.output)?)?;
    entry.verdict = "written".to_owned();
    entry.hash = Some(written.hash.clone());
    let told = json!({
        "campaign": entry.campaign,
        "segment": entry.segment,
        "as_of": day_label(sheet.as_of),
        "rows": entry.rows,
        "control": entry.control,
        "columns": one.campaign.columns,
        "refused": entry.refused,
        "notes": entry.notes,
        "sha256": written.hash,
    });
    let text = serde_json::to_string_pretty(&told)
        .map_err(|cause| Error::internal("a list's manifest does not serialise").caused_by(cause))?;
    files::write(&context.work, &beside(&path), format!("{text}\n").as_bytes())?;
    entry.path = Some(path);
    Ok(entry)
}
