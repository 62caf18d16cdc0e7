//! Which files there are, which of them are known, and what each will do to the state.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{BooleanArray, RecordBatch, TimestampMillisecondArray, UInt32Array, UInt64Array};
use serde_json::json;

use crate::config::{DateFormat, Redelivery, Source};
use crate::contract::tables::Files;
use crate::contract::{Contract, Units, column as c, read};
use crate::error::{Code, Error, Result, Warning};
use crate::run::context::{Clock, Context};
use crate::store::{export, files};

/// Rises when the same config would parse the same bytes into other values.
const PARSER_VERSION: u32 = 1;

/// A row of `register/files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord {
    /// Dense number, in order of arrival.
    pub file_id: u32,
    /// Source.
    pub source: String,
    /// Absolute path.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// Modification time, UTC milliseconds.
    pub modified_ms: i64,
    /// SHA-256.
    pub hash: String,
    /// How it was parsed.
    pub fingerprint: String,
    /// Run that read it; empty until that run has its name.
    pub arrived_run: String,
    /// Number of that run.
    pub arrival: u32,
    /// Whether its rows count.
    pub active: bool,
    /// Records read.
    pub n_read: u64,
    /// Records quarantined.
    pub n_quarantined: u64,
    /// Column names.
    pub header: Vec<String>,
}

/// What a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Read for the first time.
    New,
    /// Not read again.
    Known,
    /// Read in place of what its name delivered before.
    Replaced,
    /// Still arriving.
    Waiting,
    /// Equal content under another name: not read.
    Duplicate,
}

impl State {
    /// Its name in manifest and plan.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Known => "known",
            Self::Replaced => "replaced",
            Self::Waiting => "waiting",
            Self::Duplicate => "duplicate",
        }
    }

    /// Whether the night reads it.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Self::New | Self::Replaced)
    }
}

/// One file that a source matches.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What lies on disk.
    pub found: export::Found,
    /// What it does.
    pub state: State,
    /// Why, in words.
    pub why: String,
    /// SHA-256; `None` while it is waiting, and for a file that is hashed while it is read.
    pub hash: Option<String>,
    /// The known file that it is, or that it replaces.
    pub known: Option<u32>,
}

/// All files of one source.
#[derive(Clone, Debug)]
pub struct SourcePlan {
    /// Place of the source in the config.
    pub source: usize,
    /// How its files are parsed.
    pub fingerprint: String,
    /// Its files, by path.
    pub deliveries: Vec<Delivery>,
    /// The source is parsed differently now: what it delivered is read again.
    pub reparsed: bool,
    /// The source is parsed differently now, and the caller lets what it delivered stay as it was parsed: why.
    pub kept_as_parsed: Option<String>,
}

/// SHA-256 of everything that changes a parsed value.
#[must_use]
pub fn fingerprint(source: &Source, project_zone: &str, units: &Units) -> String {
    let date_format = match &source.date_format {
        DateFormat::Auto => "auto",
        DateFormat::Pattern(pattern) => pattern,
    };
    let zone = if source.timezone.is_empty() { project_zone } else { &source.timezone };
    let parsed_by = json!({
        "parser": PARSER_VERSION,
        "kind": format!("{:?}", source.kind),
        "delimiter": source.delimiter,
        "quote": source.quote,
        "header": source.header,
        "names": source.names,
        "trim": source.trim,
        "encoding": format!("{:?}", source.encoding),
        "null_values": source.null_values,
        "decimal_separator": source.decimal_separator.to_string(),
        "date_format": date_format,
        "id_space": source.id_space,
        "key": source.key,
        "zones": [zone, project_zone],
        "columns": source.columns,
        "defaults": source.defaults,
        "map": source.map,
        "currency": [units.currency, units.exponent.to_string()],
    });
    files::hash_bytes(parsed_by.to_string().as_bytes())
}

/// Looks at every source's folder. Reads and hashes only what size and time do not show to be known.
///
/// # Errors
/// `InputMissing` where a required source has no file; `InputUnreadable`; `FilesGone` where a source's parsing changed
/// and one of its files is not there to be read again.
pub fn plan(context: &Context, known: &[FileRecord], rehash: bool) -> Result<Vec<SourcePlan>> {
    let config = &context.config;
    let mut plans = Vec::with_capacity(config.sources.len());
    for (index, source) in config.sources.iter().enumerate() {
        let fingerprint = fingerprint(source, &config.project.timezone, &context.units);
        let found = export::find(&source.paths)?;
        if found.is_empty() {
            missing(context, source)?;
        }
        let own: Vec<&FileRecord> =
            known.iter().filter(|file| file.source == source.name && file.active).collect();
        let reparsed = own.iter().any(|file| file.fingerprint != fingerprint);
        let accepted = context.accepted("fingerprint", Some(&source.name)).filter(|_| reparsed);
        if reparsed && accepted.is_none() {
            gone(source, &own, &found)?;
        }
        let mut sizes: HashMap<u64, u32> = HashMap::new();
        for file in &found {
            *sizes.entry(file.bytes).or_default() += 1;
        }
        let mut deliveries = Vec::with_capacity(found.len());
        for file in found {
            let seen = Seen {
                own: &own,
                fingerprint: &fingerprint,
                keep_as_parsed: accepted.is_some(),
                earlier: &deliveries,
                shares_size: sizes.get(&file.bytes).is_some_and(|n| *n > 1),
            };
            let delivery = classify(source, file, &seen, rehash, context.clock)?;
            deliveries.push(delivery);
        }
        plans.push(SourcePlan {
            source: index,
            fingerprint,
            deliveries,
            reparsed: reparsed && accepted.is_none(),
            kept_as_parsed: accepted.map(str::to_owned),
        });
    }
    Ok(plans)
}

fn missing(context: &Context, source: &Source) -> Result<()> {
    let pattern = source.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
    if source.required {
        return Err(Error::new(Code::InputMissing, format!("no file for source {}", source.name))
            .at(pattern)
            .hint("deliver the export, mend `path`, or set `required = false`"));
    }
    context.note(format!("source {} has no file ({pattern}): skipped", source.name));
    Ok(())
}

/// A changed parsing needs every file of the source again.
fn gone(source: &Source, own: &[&FileRecord], found: &[export::Found]) -> Result<()> {
    let lacks = |file: &&&FileRecord| !found.iter().any(|f| f.path.to_string_lossy() == file.path);
    let Some(file) = own.iter().find(lacks) else { return Ok(()) };
    let what = format!(
        "the config parses source {} differently now, and a file that it delivered is gone, so that its rows \
         cannot be read again",
        source.name
    );
    Err(Error::new(Code::FilesGone, what).at(&file.path).hint(format!(
        "bring the file back, undo the change of the source's keys, or keep its rows as they were parsed with \
         `--accept fingerprint:{}=REASON`",
        source.name
    )))
}

struct Seen<'a> {
    own: &'a [&'a FileRecord],
    fingerprint: &'a str,
    keep_as_parsed: bool,
    earlier: &'a [Delivery],
    /// Whether another file of the source has the same size.
    shares_size: bool,
}

fn classify(
    source: &Source,
    found: export::Found,
    seen: &Seen<'_>,
    rehash: bool,
    clock: Clock,
) -> Result<Delivery> {
    let path = found.path.to_string_lossy().into_owned();
    let parsed_alike = |file: &FileRecord| seen.keep_as_parsed || file.fingerprint == seen.fingerprint;
    let by_name = seen.own.iter().rev().find(|file| file.path == path);
    if let Some(file) = by_name
        && !rehash
        && parsed_alike(file)
        && (file.bytes, file.modified_ms) == (found.bytes, found.modified_ms)
    {
        let (hash, known) = (Some(file.hash.clone()), Some(file.file_id));
        return Ok(Delivery {
            found,
            state: State::Known,
            why: "size and time unchanged".to_owned(),
            hash,
            known,
        });
    }
    if let Some(why) = still_arriving(source, &found, clock) {
        return Ok(Delivery { found, state: State::Waiting, why, hash: None, known: None });
    }
    // Equal content has equal size: a file whose size no other has is hashed while it is read, not before.
    let may_be_known = seen.shares_size || seen.own.iter().any(|file| file.bytes == found.bytes);
    let hash = if may_be_known { Some(export::hash(&found.path)?) } else { None };
    let alike = |file: &&&FileRecord| Some(&file.hash) == hash.as_ref() && parsed_alike(file);
    let earlier = seen
        .earlier
        .iter()
        .find(|delivery| delivery.state != State::Waiting && hash.is_some() && delivery.hash == hash);
    let (state, why, known) = if let Some(file) = by_name.filter(|file| alike(file)) {
        (State::Known, "content unchanged".to_owned(), Some(file.file_id))
    } else if let Some(file) = seen.own.iter().find(alike) {
        (State::Duplicate, format!("equal content is known as {}", file.path), Some(file.file_id))
    } else if let Some(other) = earlier {
        (State::Duplicate, format!("equal content is read from {}", other.found.path.display()), None)
    } else if let Some(file) = by_name {
        match (parsed_alike(file), source.redelivery) {
            (false, _) => {
                (State::Replaced, "the config parses it differently".to_owned(), Some(file.file_id))
            }
            (true, Redelivery::ReplaceFile) => {
                (State::Replaced, "the name came again with other content".to_owned(), Some(file.file_id))
            }
            (true, Redelivery::Add) => (State::New, "the name came again and adds".to_owned(), None),
        }
    } else {
        (State::New, "not seen before".to_owned(), None)
    };
    Ok(Delivery { found, state, why, hash, known })
}

fn still_arriving(source: &Source, found: &export::Found, clock: Clock) -> Option<String> {
    let age_ms = clock.now_ms - found.modified_ms;
    let settle_ms = i64::try_from(source.settle_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    if age_ms < settle_ms {
        return Some(format!("younger than {} s", source.settle_seconds));
    }
    if !source.done_marker.is_empty() {
        let marker = source.done_marker.replace("{path}", &found.path.to_string_lossy());
        if !files::exists(std::path::Path::new(&marker)) {
            return Some("its done marker is not there".to_owned());
        }
    }
    None
}

/// Warns of files that are not read because their content is known by another name.
pub fn warn_of_duplicates(context: &Context, plans: &[SourcePlan]) {
    for plan in plans {
        let name = context.config.sources.get(plan.source).map_or("", |source| &source.name);
        for delivery in plan.deliveries.iter().filter(|delivery| delivery.state == State::Duplicate) {
            let path = delivery.found.path.display();
            context.warn(
                Warning::new(
                    "equal_content",
                    format!("{path} of source {name} was not read: {}", delivery.why),
                )
                .hint("remove the copy, or narrow `path`"),
            );
        }
    }
}

/// Reads `register/files`.
///
/// # Errors
/// `Internal` when the batch is no such table.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<FileRecord>> {
    let (ids, sources, paths) =
        (read::u32s(batch, c::FILE_ID)?, read::texts(batch, c::SOURCE)?, read::texts(batch, c::PATH)?);
    let (bytes, modified) = (read::u64s(batch, c::BYTES)?, read::timestamps(batch, c::MODIFIED)?);
    let (hashes, prints) = (read::texts(batch, c::HASH)?, read::texts(batch, c::FINGERPRINT)?);
    let runs = read::texts(batch, c::ARRIVED_RUN)?;
    let (arrivals, active) = (read::u32s(batch, c::ARRIVAL)?, read::bools(batch, c::ACTIVE)?);
    let (n_read, n_quarantined) = (read::u64s(batch, c::N_READ)?, read::u64s(batch, c::N_QUARANTINED)?);
    let headers = read::texts(batch, c::HEADER)?;
    Ok((0..batch.num_rows())
        .map(|row| FileRecord {
            file_id: ids.value(row),
            source: sources.value(row).to_owned(),
            path: paths.value(row).to_owned(),
            bytes: bytes.value(row),
            modified_ms: modified.value(row),
            hash: hashes.value(row).to_owned(),
            fingerprint: prints.value(row).to_owned(),
            arrived_run: runs.value(row).to_owned(),
            arrival: arrivals.value(row),
            active: active.value(row),
            n_read: n_read.value(row),
            n_quarantined: n_quarantined.value(row),
            header: headers.value(row).lines().map(str::to_owned).collect(),
        })
        .collect())
}

/// Makes `register/files`.
///
/// # Errors
/// `Internal`.
pub fn to_batch(records: &[FileRecord], units: &Units) -> Result<RecordBatch> {
    let text = |value: &dyn Fn(&FileRecord) -> String| {
        let mut builder = StringBuilder::new();
        records.iter().for_each(|record| builder.append_value(value(record)));
        Arc::new(builder.finish())
    };
    Files::TABLE.batch(
        units,
        vec![
            Arc::new(records.iter().map(|record| record.file_id).collect::<UInt32Array>()),
            text(&|record| record.source.clone()),
            text(&|record| record.path.clone()),
            Arc::new(UInt64Array::from_iter_values(records.iter().map(|record| record.bytes))),
            Arc::new(TimestampMillisecondArray::from_iter_values(
                records.iter().map(|record| record.modified_ms),
            )),
            text(&|record| record.hash.clone()),
            text(&|record| record.fingerprint.clone()),
            text(&|record| record.arrived_run.clone()),
            Arc::new(UInt32Array::from_iter_values(records.iter().map(|record| record.arrival))),
            Arc::new(records.iter().map(|record| Some(record.active)).collect::<BooleanArray>()),
            Arc::new(UInt64Array::from_iter_values(records.iter().map(|record| record.n_read))),
            Arc::new(UInt64Array::from_iter_values(records.iter().map(|record| record.n_quarantined))),
            text(&|record| record.header.join("\n")),
        ],
    )
}
