//! What arrived while the night was at work: whoever said no since the exports were read is not addressed (customers.md
//! S-6). The next night reads the files as any other; nothing is kept here but what `unpublished` takes over.

use super::contacts::ContactRow;
use super::deliveries::{self, FileRecord};
use super::filter::Filters;
use super::parsing::{Common, Rows};
use super::reader::FileReader;
use super::unpublished::NO_FILE;
use crate::config::SourceKind;
use crate::error::Result;
use crate::run::context::Context;

/// Consents and suppressions in files that are new or changed since the night read them.
#[derive(Debug, Default)]
pub struct Newest {
    /// Records of consents exports.
    pub consents: Vec<ContactRow>,
    /// Records of suppressions exports, and those that interactions say.
    pub suppressions: Vec<ContactRow>,
    /// Files that they came in.
    pub n_files: u64,
}

/// Reads what is newer than the night; `files` are those that it knows.
///
/// # Errors
/// `InputUnreadable`, `HeaderBroken`, `Io`.
pub fn since(context: &Context, filters: &Filters, files: &[FileRecord]) -> Result<Newest> {
    let mut newest = Newest::default();
    for plan in deliveries::plan(context, files, false)? {
        let Some(source) = context.config.sources.get(plan.source) else { continue };
        let says = [SourceKind::Consents, SourceKind::Suppressions, SourceKind::Interactions];
        if !says.contains(&source.kind) {
            continue;
        }
        let filter = filters.of(plan.source);
        let common = Common::of(context, source, filter)?;
        for delivery in plan.deliveries.iter().filter(|delivery| delivery.state.is_read()) {
            context.go_on()?;
            let (reader, head) = FileReader::open(source, &delivery.found.path)?;
            if let Some(filter) = filter {
                filter.bind(source, &head.mapping, &delivery.found.path)?;
            }
            let parser = common.parser(&head.mapping, NO_FILE);
            let reader = reader.within(context.config.project.memory_limit);
            reader.for_each(
                |chunk| parser.parse(chunk),
                |parsed, _| {
                    match parsed.rows {
                        Rows::Ledger { said, .. } => newest.suppressions.extend(said),
                        Rows::Small(rows) if source.kind == SourceKind::Consents => {
                            newest.consents.extend(rows);
                        }
                        Rows::Small(rows) => newest.suppressions.extend(rows),
                    }
                    Ok(())
                },
            )?;
            newest.n_files += 1;
        }
    }
    Ok(newest)
}
