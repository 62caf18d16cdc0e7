//! Reading quarantined records again, after a fix of the config or of this program, from the bytes that were kept.
//!
//! No file is looked at, so it works when the files are gone. A record that is right now becomes a row of its file and
//! line, as if it had been right at first: among versions it stands where its file arrived. One that still has a fault
//! stays in the quarantine, with the fault that it has now.

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use rayon::prelude::*;

use super::faults::{Fault, Raw};
use super::parsing::{Common, Parser, Rows};
use super::quarantine::{self, Kept};
use super::reader::{self, Chunk, Form};
use super::tally::Tally;
use super::{Night, deliveries};
use crate::config::Source;
use crate::error::{Error, Result};

/// A record as it was kept, as a parser takes it: its text without the line end, or an object of JSON.
fn chunk_of(kept: &Kept, form: &Form) -> Chunk {
    let mut bytes = kept.raw.clone();
    bytes.push(b'\n');
    let chunk = Chunk::text(bytes, kept.line);
    form.prepare(&chunk);
    chunk
}

impl Night<'_> {
    /// Reads the open records of every source of the config again.
    pub(super) fn replay(&mut self) -> Result<()> {
        let context = self.context;
        for (place, source) in context.config.sources.iter().enumerate() {
            let open = quarantine::records(context, source)?;
            let filter = self.filters.of(place);
            let common = Common::of(context, source, filter)?;
            for of_file in open.chunk_by(|a, b| a.file_id == b.file_id) {
                context.go_on()?;
                let Some(file_id) = of_file.first().map(|kept| kept.file_id) else { continue };
                let Some(file) = deliveries::by_id(&self.files, file_id).filter(|file| file.active) else {
                    continue;
                };
                let (mapping, form) = reader::again(source, file.path.as_ref(), &file.header)?;
                if let Some(filter) = filter {
                    filter.bind(source, &mapping, file.path.as_ref())?;
                }
                let parser = common.parser(&mapping, file_id);
                let again = self.records_again(source, file_id, &parser, &form, of_file)?;
                self.close_again(source, file_id, of_file, again);
            }
        }
        if self.replayed.is_empty() {
            context.note("nothing is quarantined: there is nothing to read again".to_owned());
        }
        Ok(())
    }

    /// Parses the open records of a file one by one, and takes the rows of those that are right now.
    fn records_again(
        &mut self,
        source: &Source,
        file_id: u32,
        parser: &Parser<'_>,
        form: &Form,
        open: &[Kept],
    ) -> Result<Again> {
        let parsed =
            open.par_iter().map(|kept| parser.parse(&chunk_of(kept, form))).collect::<Result<Vec<_>>>()?;
        let mut again = Again::default();
        let (mut batches, mut all_keys, mut all_said) = (Vec::new(), Vec::new(), Vec::new());
        for (kept, parsed) in open.iter().zip(parsed) {
            if !again.take(kept, parsed.tally) {
                continue;
            }
            match parsed.rows {
                Rows::Ledger { batch, keys, said } => {
                    batches.push(batch);
                    all_keys.extend(keys);
                    all_said.extend(said);
                }
                small @ Rows::Small(_) => self.enter(source, file_id, small)?,
            }
        }
        let Some(schema) = batches.first().map(RecordBatch::schema) else { return Ok(again) };
        let batch = concat_batches(&schema, &batches)
            .map_err(|cause| Error::internal("rows of one file differ").caused_by(cause))?;
        if batch.num_rows() > 0 {
            let mut rows = Rows::Ledger { batch, keys: all_keys, said: all_said };
            self.assign(source, vec![&mut rows])?;
            self.enter(source, file_id, rows)?;
        }
        Ok(again)
    }

    /// Enters what became of the open records of a file.
    fn close_again(&mut self, source: &Source, file_id: u32, open: &[Kept], again: Again) {
        let n_open = open.len() as u64;
        let account = self.accounting.entry(source.name.clone()).or_default();
        account.read += n_open;
        account.quarantined += again.n_quarantined;
        account.filtered += again.n_filtered;
        account.deletions += again.n_deletions;
        self.replayed.extend(open.iter().map(|kept| (kept.file_id, kept.line)));
        self.raws.extend(again.raws.into_iter().map(|raw| ((file_id, raw.line), raw)));
        self.faults.entry(file_id).or_default().extend(again.faults);
        if let Ok(place) = self.files.binary_search_by_key(&file_id, |file| file.file_id)
            && let Some(file) = self.files.get_mut(place)
        {
            file.n_quarantined = (file.n_quarantined + again.n_quarantined).saturating_sub(n_open);
        }
    }
}

/// What became of the records of a file.
#[derive(Default)]
struct Again {
    n_quarantined: u64,
    n_filtered: u64,
    n_deletions: u64,
    faults: Vec<Fault>,
    raws: Vec<Raw>,
}

impl Again {
    /// Enters one record; whether its row, if it has one, is right.
    fn take(&mut self, kept: &Kept, read: Tally) -> bool {
        // Read without quotes, a record over several lines would be several: it stays what it was.
        if read.n_records != 1 {
            self.n_quarantined += 1;
            self.faults.extend(kept.faults.iter().cloned());
            return false;
        }
        self.n_filtered += read.n_filtered;
        self.n_deletions += read.n_keyless_deletions;
        self.n_quarantined += u64::from(!read.faults.is_empty());
        let is_right = read.faults.is_empty();
        let own = |fault: Fault| Fault { record: kept.record, raw: kept.raw.clone(), ..fault };
        self.faults.extend(read.faults.into_iter().map(own));
        self.raws.extend(read.raws.into_iter().map(|raw| Raw {
            record: kept.record,
            bytes: kept.raw.clone(),
            ..raw
        }));
        is_right
    }
}
