//! Which files there are, which of them are known, and what each will do to the state.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{BooleanArray, RecordBatch, TimestampMillisecondArray, UInt32Array, UInt64Array};
use serde_json::json;

pub use super::classify::going;
use super::classify::{About, classify};
use crate::config::{DateFormat, Format, OnDuplicate, Project, Source, SourceKind};
use crate::contract::tables::Files;
use crate::contract::{Contract, Units, column as c, read};
use crate::error::{Code, Error, Result, Warning};
use crate::run::context::Context;
use crate::store::{export, files};

/// Rises when the same config would parse the same bytes into other values.
const PARSER_VERSION: u32 = 2;

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

/// The file with that number; files stand in the order of their numbers.
#[must_use]
pub fn by_id(files: &[FileRecord], file_id: u32) -> Option<&FileRecord> {
    files.binary_search_by_key(&file_id, |file| file.file_id).ok().and_then(|place| files.get(place))
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
    /// Whether what its name delivered before goes.
    pub replaces: bool,
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
pub fn fingerprint(source: &Source, project: &Project, units: &Units) -> String {
    let (project_zone, country) = (&project.timezone, project.country.as_str());
    let date_format = match &source.date_format {
        DateFormat::Auto => "auto",
        DateFormat::Pattern(pattern) => pattern,
    };
    let zone = if source.timezone.is_empty() { project_zone } else { &source.timezone };
    let mut parsed_by = json!({
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
    // A rule at its default leaves the print of a source as it was before there was such a rule.
    let mut rule = |name: &str, value: &str, default: &str| {
        if let Some(object) = parsed_by.as_object_mut().filter(|_| value != default) {
            object.insert(name.to_owned(), value.into());
        }
    };
    rule("on_duplicate", source.rules.on_duplicate.name(), OnDuplicate::Replace.name());
    rule("where", &source.rules.predicate, "");
    rule("country", if source.kind == SourceKind::Contacts { country } else { "" }, "");
    // Told only where it is set: what lakes of earlier versions hold was parsed by extension.
    if source.format != Format::Auto
        && let Some(keys) = parsed_by.as_object_mut()
    {
        keys.insert("format".to_owned(), format!("{:?}", source.format).into());
    }
    files::hash_bytes(parsed_by.to_string().as_bytes())
}

/// Looks at every source's folder. Reads and hashes only what size and time do not show to be known.
///
/// # Errors
/// `InputMissing` where a required source has no file; `InputUnreadable`; `FilesGone` where a source's parsing changed
/// and one of its files is not there to be read again.
pub fn plan(context: &Context, known: &[FileRecord], rehash: bool) -> Result<Vec<SourcePlan>> {
    let config = &context.config;
    refuse_renamed(context, known)?;
    let mut plans = Vec::with_capacity(config.sources.len());
    for (index, source) in config.sources.iter().enumerate() {
        let fingerprint = fingerprint(source, &config.project, &context.units);
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
        let about = About {
            source,
            own: &own,
            fingerprint: &fingerprint,
            keep_as_parsed: accepted.is_some(),
            rehash,
            clock: context.clock,
        };
        let deliveries = classify(&about, found)?;
        if reparsed && accepted.is_none() {
            unfinished(source, &own, &deliveries)?;
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

/// The plan of a night that looks at no file: what was delivered stays, and where the config parses a source
/// differently now, the next night reads its files again, unless the caller lets them stay as they were parsed.
#[must_use]
pub fn without_files(context: &Context, known: &[FileRecord]) -> Vec<SourcePlan> {
    let plan = |(index, source): (usize, &Source)| {
        let fingerprint = fingerprint(source, &context.config.project, &context.units);
        let differs =
            |file: &FileRecord| file.active && file.source == source.name && file.fingerprint != fingerprint;
        let accepted = context.accepted("fingerprint", Some(&source.name));
        let accepted = accepted.filter(|_| known.iter().any(differs));
        SourcePlan {
            source: index,
            fingerprint,
            deliveries: Vec::new(),
            reparsed: false,
            kept_as_parsed: accepted.map(str::to_owned),
        }
    };
    context.config.sources.iter().enumerate().map(plan).collect()
}

/// Names of sources whose files count and which the config does not have.
#[must_use]
pub fn left_out<'a>(context: &Context, known: &'a [FileRecord]) -> BTreeSet<&'a str> {
    let named = |name: &str| context.config.sources.iter().any(|source| source.name == name);
    known.iter().filter(|file| file.active && !named(&file.source)).map(|file| file.source.as_str()).collect()
}

/// A source that is only renamed would deliver everything twice: its files count already, under the old name.
fn refuse_renamed(context: &Context, known: &[FileRecord]) -> Result<()> {
    for old in left_out(context, known) {
        let own = known.iter().filter(|file| file.active && file.source == old);
        let files: HashSet<(&str, u64)> = own.map(|file| (file.path.as_str(), file.bytes)).collect();
        for source in &context.config.sources {
            let found = export::find(&source.paths)?;
            let read_before =
                found.iter().find(|found| files.contains(&(&*found.path.to_string_lossy(), found.bytes)));
            if let Some(found) = read_before {
                let what = format!(
                    "source {} reads a file whose rows are in the lake as source {old}, which the config no longer has",
                    source.name
                );
                return Err(Error::new(Code::LakeMismatch, what)
                    .at(&found.path)
                    .hint(format!("name the source {old} again, or name a new folder with project.lake")));
            }
        }
    }
    Ok(())
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

/// A changed parsing needs every file of the source again, whole.
fn unfinished(source: &Source, own: &[&FileRecord], deliveries: &[Delivery]) -> Result<()> {
    let paths: HashSet<&str> = own.iter().map(|file| file.path.as_str()).collect();
    let waits = |delivery: &&Delivery| {
        delivery.state == State::Waiting && paths.contains(&*delivery.found.path.to_string_lossy())
    };
    let Some(delivery) = deliveries.iter().find(waits) else { return Ok(()) };
    let what = format!(
        "the config parses source {} differently now, and a file that it delivered is to be read again but still \
         arriving ({})",
        source.name, delivery.why
    );
    Err(Error::new(Code::FilesGone, what)
        .at(&delivery.found.path)
        .hint("run again when it is finished, or undo the change of the source's keys"))
}

/// A changed parsing needs every file of the source again.
fn gone(source: &Source, own: &[&FileRecord], found: &[export::Found]) -> Result<()> {
    // Of several contents that one name has added, only the last can lie there still.
    let last: HashMap<&str, u32> = own.iter().map(|file| (file.path.as_str(), file.file_id)).collect();
    let there: HashSet<String> = found.iter().map(|file| file.path.to_string_lossy().into_owned()).collect();
    let lacks = |file: &&&FileRecord| {
        last.get(file.path.as_str()) != Some(&file.file_id) || !there.contains(&file.path)
    };
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
