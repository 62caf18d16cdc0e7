//! Records with faults: this run's and those of earlier runs whose files still count.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use arrow_select::filter::filter_record_batch;

use super::deliveries::FileRecord;
use super::faults::{Fault, Reason};
use super::ledger::RowPlace;
use super::mapping;
use crate::config::Source;
use crate::contract::exports::ATTRIBUTE;
use crate::contract::tables::Quarantine;
use crate::contract::{Contract, column as c, read};
use crate::error::{Error, Result};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::{files, parquet};

/// Open faults of one source.
#[derive(Debug, Default)]
pub struct Open {
    /// Faults of earlier runs whose files still count.
    earlier: Vec<RecordBatch>,
    /// Faults of this run, with their file.
    fresh: Vec<(FileRecord, Vec<Fault>)>,
    /// Whether the earlier file can be linked as it is.
    unchanged: bool,
}

fn file_of(source: &str) -> String {
    format!("{}/{source}.parquet", Quarantine::TABLE.name)
}

/// Gathers what is open after a night.
///
/// # Errors
/// `Io`.
pub(super) fn open(
    context: &Context,
    sources: &[String],
    files: &[FileRecord],
    files_gone: &BTreeSet<u32>,
    faults: &BTreeMap<u32, Vec<Fault>>,
    replayed: &HashSet<RowPlace>,
) -> Result<BTreeMap<String, Open>> {
    let mut open: BTreeMap<String, Open> = BTreeMap::new();
    for source in sources {
        let mut entry = Open { unchanged: true, ..Open::default() };
        if let Some(batch) = earlier(context, source)? {
            let ids = read::u32s(&batch, c::FILE_ID)?;
            let lines = read::u64s(&batch, c::LINE)?;
            let stays =
                |(id, line): (&u32, &u64)| !files_gone.contains(id) && !replayed.contains(&(*id, *line));
            let mask: BooleanArray =
                ids.values().iter().zip(lines.values()).map(|place| Some(stays(place))).collect();
            entry.unchanged = mask.true_count() == batch.num_rows();
            let batch = filter_record_batch(&batch, &mask)
                .map_err(|cause| Error::internal("cannot filter the quarantine").caused_by(cause))?;
            entry.earlier.push(batch);
        }
        for file in files.iter().filter(|file| file.source == *source) {
            if let Some(faults) = faults.get(&file.file_id).filter(|faults| !faults.is_empty()) {
                entry.fresh.push((file.clone(), faults.clone()));
                entry.unchanged = false;
            }
        }
        if !entry.earlier.is_empty() || !entry.fresh.is_empty() {
            open.insert(source.clone(), entry);
        }
    }
    Ok(open)
}

/// An open record, as it was kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Its file.
    pub(super) file_id: u32,
    /// 1-based physical line where it starts.
    pub(super) line: u64,
    /// 1-based number in its file.
    pub(super) record: u64,
    /// Its bytes, without line end.
    pub(super) raw: Vec<u8>,
    /// What was wrong with it.
    pub(super) faults: Vec<Fault>,
}

/// The open records of a source in the parent run, by file and line.
///
/// # Errors
/// `Io`; `Internal` when the table does not hold what it must.
pub(super) fn records(context: &Context, source: &Source) -> Result<Vec<Kept>> {
    let Some(batch) = earlier(context, &source.name)? else { return Ok(Vec::new()) };
    let (ids, lines) = (read::u32s(&batch, c::FILE_ID)?, read::u64s(&batch, c::LINE)?);
    let (numbers, reasons) = (read::u64s(&batch, c::RECORD)?, read::texts(&batch, c::REASON)?);
    let (columns, values) = (read::texts(&batch, c::COLUMN)?, read::texts(&batch, c::VALUE)?);
    let raws = read::array(&batch, c::RAW)?
        .as_binary_opt::<i32>()
        .ok_or_else(|| Error::internal("the quarantine has another type"))?;
    let column = |name: &str| {
        let own = mapping::contract(source.kind).iter().map(|column| column.name);
        own.chain([ATTRIBUTE]).find(|column| *column == name)
    };
    let mut records: BTreeMap<RowPlace, Kept> = BTreeMap::new();
    for row in 0..batch.num_rows() {
        let (file_id, line, record) = (ids.value(row), lines.value(row), numbers.value(row));
        let raw = raws.value(row).to_vec();
        let reason = Reason::named(reasons.value(row))
            .ok_or_else(|| Error::internal("the quarantine has an unknown reason"))?;
        let fault = Fault {
            line,
            record,
            column: read::text_at(columns, row).and_then(column),
            reason,
            value: read::text_at(values, row).map(str::to_owned),
            raw: raw.clone(),
        };
        let kept = records.entry((file_id, line));
        kept.or_insert_with(|| Kept { file_id, line, record, raw, faults: Vec::new() }).faults.push(fault);
    }
    Ok(records.into_values().collect())
}

fn earlier(context: &Context, source: &str) -> Result<Option<RecordBatch>> {
    let path = context.parent().map(|parent| parent.join(file_of(source)));
    match path.as_deref().filter(|path| files::exists(path)) {
        Some(path) => parquet::read(path as &Path, Quarantine::TABLE, &context.units, None).map(Some),
        None => Ok(None),
    }
}

/// Writes the quarantine of every source; nothing where nothing is open.
///
/// # Errors
/// `Io`.
pub(super) fn write(
    context: &Context,
    open: &BTreeMap<String, Open>,
    run_id: &str,
    parent_tables: &[TableEntry],
) -> Result<Vec<TableEntry>> {
    let mut entries = Vec::new();
    for (source, open) in open {
        let path = file_of(source);
        let known = parent_tables.iter().find(|entry| entry.path == path);
        if let (true, Some(entry), Some(parent)) = (open.unchanged, known, context.parent()) {
            files::carry(parent, &context.work, &path)?;
            entries.push(entry.clone());
            continue;
        }
        let mut batches = open.earlier.clone();
        batches.push(fresh(context, &open.fresh, run_id)?);
        entries.push(context.write(Quarantine::TABLE, &path, &batches)?);
    }
    Ok(entries)
}

fn fresh(context: &Context, fresh: &[(FileRecord, Vec<Fault>)], run_id: &str) -> Result<RecordBatch> {
    let (mut file, mut column, mut reason) =
        (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let (mut value, mut run, mut raw) = (StringBuilder::new(), StringBuilder::new(), BinaryBuilder::new());
    let (mut lines, mut records, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (record, fault) in fresh.iter().flat_map(|(record, faults)| faults.iter().map(move |f| (record, f))) {
        file.append_value(&record.path);
        lines.push(fault.line);
        records.push(fault.record);
        column.append_option(fault.column);
        reason.append_value(fault.reason.name());
        value.append_option(fault.value.as_deref());
        raw.append_value(&fault.raw);
        run.append_value(run_id);
        ids.push(record.file_id);
    }
    Quarantine::TABLE.batch(
        &context.units,
        vec![
            Arc::new(file.finish()),
            Arc::new(UInt64Array::from(lines)),
            Arc::new(UInt64Array::from(records)),
            Arc::new(column.finish()),
            Arc::new(reason.finish()),
            Arc::new(value.finish()),
            Arc::new(raw.finish()),
            Arc::new(run.finish()),
            Arc::new(UInt32Array::from(ids)),
        ],
    )
}
