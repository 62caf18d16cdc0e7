//! Records with faults: this run's and those of earlier runs whose files still count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use arrow_select::filter::filter_record_batch;

use super::deliveries::FileRecord;
use super::faults::Fault;
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
) -> Result<BTreeMap<String, Open>> {
    let mut open: BTreeMap<String, Open> = BTreeMap::new();
    for source in sources {
        let mut entry = Open { unchanged: true, ..Open::default() };
        if let Some(batch) = earlier(context, source)? {
            let ids = read::u32s(&batch, c::FILE_ID)?;
            let mask: BooleanArray = ids.values().iter().map(|id| Some(!files_gone.contains(id))).collect();
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
