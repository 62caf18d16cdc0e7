//! Reading the new files of a source: opened one after another, parsed side by side, handed to the night in order.

use super::Night;
use super::deliveries::{FileRecord, SourcePlan};
use super::headers::Seen;
use super::mapping::Mapping;
use super::parsing::{Common, Parsed};
use super::reader::{Chunk, FileReader};
use super::side_by_side::{Step, Taker, read_files};
use crate::config::Source;
use crate::error::Result;
use crate::store::export;

/// A file that is being read.
struct OpenFile {
    record: FileRecord,
    mapping: Mapping,
}

/// Hands the parts of a source's files to the night.
struct Reader<'n, 'a> {
    night: &'n mut Night<'a>,
    source: &'n Source,
}

impl Taker<OpenFile, Parsed> for Reader<'_, '_> {
    fn complete(&mut self, parts: Vec<&mut Parsed>) -> Result<()> {
        self.night.assign(self.source, parts.into_iter().map(|part| &mut part.rows).collect())
    }

    fn take(&mut self, file: &OpenFile, step: Step<Parsed>) -> Result<()> {
        self.night.context.go_on()?;
        match step {
            Step::Start => self.night.files.push(file.record.clone()),
            Step::Part(part, n_bytes) => {
                self.night.take(self.source, file.record.file_id, part, n_bytes)?;
            }
            Step::End(ending) => {
                let context = self.night.context;
                let Some(record) = self.night.files.last_mut() else { return Ok(()) };
                if let Some(met) = &ending.met {
                    let warnings = met.judge(self.source, &file.mapping, record.path.as_ref())?;
                    warnings.into_iter().for_each(|warning| context.warn(warning));
                    record.header = met.header();
                }
                if record.hash.is_empty() {
                    record.hash = ending.hash.map_or_else(|| export::hash(record.path.as_ref()), Ok)?;
                }
            }
        }
        Ok(())
    }
}

impl Night<'_> {
    /// Reads the new files of one source.
    pub(super) fn read(&mut self, plan: &SourcePlan) -> Result<()> {
        let context = self.context;
        let Some(source) = context.config.sources.get(plan.source) else { return Ok(()) };
        let filter = self.filters.of(plan.source);
        let common = Common::of(context, source, filter)?;
        let parse =
            |file: &OpenFile, chunk: &Chunk| common.parser(&file.mapping, file.record.file_id).parse(chunk);
        let mut seen = Seen::of(self.files.iter().filter(|file| file.source == source.name));
        let arrival = u32::try_from(context.arrival).unwrap_or(u32::MAX);
        let next = self.files.last().map_or(0, |file| file.file_id + 1);
        let mut deliveries = (next..).zip(plan.deliveries.iter().filter(|delivery| delivery.state.is_read()));
        let open = || {
            let Some((file_id, delivery)) = deliveries.next() else { return Ok(None) };
            context.go_on()?;
            let (reader, head) = FileReader::open(source, &delivery.found.path)?;
            if let Some(filter) = filter {
                filter.bind(source, &head.mapping, &delivery.found.path)?;
            }
            if let Some(note) = seen.take(source, &head, &delivery.found.path) {
                context.note(note);
            }
            let record = FileRecord {
                file_id,
                source: source.name.clone(),
                path: delivery.found.path.to_string_lossy().into_owned(),
                bytes: delivery.found.bytes,
                modified_ms: delivery.found.modified_ms,
                hash: delivery.hash.clone().unwrap_or_default(),
                fingerprint: plan.fingerprint.clone(),
                arrived_run: String::new(),
                arrival,
                active: true,
                n_read: 0,
                n_quarantined: 0,
                header: head.header,
            };
            Ok(Some((reader, OpenFile { record, mapping: head.mapping })))
        };
        let limit = context.config.project.memory_limit;
        read_files(limit, open, parse, &mut Reader { night: self, source })
    }

    fn take(&mut self, source: &Source, file_id: u32, parsed: Parsed, n_bytes: usize) -> Result<()> {
        let account = self.accounting.entry(source.name.clone()).or_default();
        let tally = parsed.tally;
        account.read += tally.n_records;
        account.quarantined += tally.n_quarantined;
        account.deletions += tally.n_keyless_deletions;
        account.filtered += tally.n_filtered;
        self.enter(source, file_id, parsed.rows)?;
        self.keep_raws(file_id, tally.raws);
        self.count(file_id, tally.n_records, tally.n_quarantined, tally.faults, n_bytes);
        Ok(())
    }
}
