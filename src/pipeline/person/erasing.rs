//! Writing the files of runs anew without one person.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, RecordBatch, StringArray};

use super::{table, table_of};
use crate::contract::tables::{
    ContactPoints, ContactRows, CustomerMarks, IdPast, Identities, Keys, RowMatches, Tombstones,
};
use crate::contract::{Contract, Table, Units, column as c, read};
use crate::error::Result;
use crate::run::manifest::{Manifest, TableEntry};
use crate::stage::person::rewriting::{self, Pseudonyms};
use crate::stage::person::{Person, lists};
use crate::store::rewrite::put_over;
use crate::store::{files, parquet};

/// Tables that the next night makes anew where they are missing: hashes of what is erased stand in them, by places that an
/// erasure moves.
const DERIVED: [&Table; 3] = [RowMatches::TABLE, CustomerMarks::TABLE, IdPast::TABLE];

/// Tables that tell who somebody is: written last.
const IDENTITY: [&Table; 4] = [ContactPoints::TABLE, ContactRows::TABLE, Keys::TABLE, Identities::TABLE];

/// A file that was written anew: where it lies, and what the manifest says of it.
struct Anew {
    path: PathBuf,
    rows: u64,
    hash: String,
}

/// Takes one person out of runs; files that runs share are written once.
pub(super) struct Eraser<'a> {
    /// Where new files are made.
    work: PathBuf,
    units: &'a Units,
    person: &'a Person,
    pseudonyms: &'a Pseudonyms,
    /// By the hash of a file, what became of it; `None`: it does not name the person.
    known: HashMap<String, Option<Anew>>,
    /// Files written anew.
    pub n_files: u64,
}

impl<'a> Eraser<'a> {
    pub(super) fn new(
        work: PathBuf,
        units: &'a Units,
        person: &'a Person,
        pseudonyms: &'a Pseudonyms,
    ) -> Self {
        Self { work, units, person, pseudonyms, known: HashMap::new(), n_files: 0 }
    }

    /// A folder for one new file, so that files of one name do not meet.
    fn folder(&mut self) -> PathBuf {
        self.n_files += 1;
        self.work.join(self.n_files.to_string())
    }

    /// Adds tombstones to those of a run.
    pub(super) fn bury(
        &mut self,
        run: &Path,
        manifest: &mut Manifest,
        hashes: &BTreeSet<(String, String)>,
        key_id: &str,
        today: i32,
    ) -> Result<()> {
        let before = table(run, Tombstones::TABLE, self.units)?;
        let (kinds, texts) = (read::texts(&before, c::KIND)?, read::texts(&before, c::HASH)?);
        let (keys, days) = (read::texts(&before, c::KEY_ID)?, read::days(&before, c::ERASED_ON)?);
        let known = (0..before.num_rows()).map(|row| {
            let mark = (kinds.value(row).to_owned(), texts.value(row).to_owned());
            (mark, (keys.value(row).to_owned(), days.value(row)))
        });
        let new = hashes.iter().map(|mark| (mark.clone(), (key_id.to_owned(), today)));
        let all: BTreeMap<(String, String), (String, i32)> = known.chain(new).collect();
        let text = |texts: Vec<&String>| Arc::new(StringArray::from_iter_values(texts)) as ArrayRef;
        let columns = vec![
            text(all.keys().map(|(kind, _)| kind).collect()),
            text(all.keys().map(|(_, hash)| hash).collect()),
            text(all.values().map(|(key, _)| key).collect()),
            Arc::new(Date32Array::from_iter_values(all.values().map(|(_, day)| *day))),
        ];
        let batch = Tombstones::TABLE.batch(self.units, columns)?;
        let inside = Tombstones::TABLE.file();
        let folder = self.folder();
        let written =
            parquet::write(&folder, &inside, Tombstones::TABLE, self.units, std::slice::from_ref(&batch))?;
        put_over(&folder.join(&inside), &run.join(&inside))?;
        let entry = TableEntry::new(Tombstones::TABLE, &inside, batch.num_rows() as u64, written.hash);
        match manifest.tables.iter_mut().find(|entry| entry.name == Tombstones::TABLE.name) {
            Some(old) => *old = entry,
            None => {
                manifest.tables.push(entry);
                manifest.tables.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            }
        }
        Ok(())
    }

    /// Takes the person out of the files of a run, either of those that tell who somebody is or of all others; gives the
    /// rows that went or changed.
    pub(super) fn erase(
        &mut self,
        run: &Path,
        manifest: &mut Manifest,
        is_about_identity: bool,
    ) -> Result<u64> {
        let mut n_rows = 0;
        for table in DERIVED {
            let path = run.join(table.file());
            if files::exists(&path) {
                files::remove(&path)?;
            }
            manifest.tables.retain(|entry| entry.name != table.name);
        }
        for entry in &mut manifest.tables {
            let is_identity = IDENTITY.iter().any(|table| table.name == entry.name);
            let Some(table) = table_of(&entry.name).filter(|_| is_identity == is_about_identity) else {
                continue;
            };
            if table.name != Tombstones::TABLE.name {
                n_rows += self.erase_table(run, table, entry)?;
            }
        }
        if is_about_identity {
            return Ok(n_rows);
        }
        for list in &mut manifest.lists {
            let Some(path) = &list.path else { continue };
            let text = files::read_text(&run.join(path))?;
            let Some((kept, n_gone)) = lists::without(&text, self.person) else { continue };
            let folder = self.folder();
            let written = files::write(&folder, path, kept.as_bytes())?;
            put_over(&folder.join(path), &run.join(path))?;
            self.erase_beside(run, path, n_gone, &written.hash)?;
            list.rows = list.rows.saturating_sub(n_gone);
            list.hash = Some(written.hash);
            n_rows += n_gone;
        }
        Ok(n_rows)
    }

    fn erase_table(&mut self, run: &Path, table: &'static Table, entry: &mut TableEntry) -> Result<u64> {
        if !self.known.contains_key(&entry.hash) {
            let batch = parquet::read(&run.join(&entry.path), table, self.units, None)?;
            let rewritten = rewriting::without(table, &batch, self.person, self.pseudonyms)?;
            let anew = match rewritten {
                None => None,
                Some(rewritten) => {
                    Some((self.write(table, &entry.path, &rewritten.batch)?, rewritten.n_rows))
                }
            };
            let n_rows = anew.as_ref().map_or(0, |(_, n_rows)| *n_rows);
            self.known.insert(entry.hash.clone(), anew.map(|(anew, _)| anew));
            return self.put(run, entry).map(|()| n_rows);
        }
        self.put(run, entry).map(|()| 0)
    }

    fn write(&mut self, table: &'static Table, inside: &str, batch: &RecordBatch) -> Result<Anew> {
        let folder = self.folder();
        let written = parquet::write(&folder, inside, table, self.units, std::slice::from_ref(batch))?;
        Ok(Anew { path: folder.join(inside), rows: batch.num_rows() as u64, hash: written.hash })
    }

    /// Puts what a file became in its place.
    fn put(&self, run: &Path, entry: &mut TableEntry) -> Result<()> {
        if let Some(Some(anew)) = self.known.get(&entry.hash) {
            put_over(&anew.path, &run.join(&entry.path))?;
            entry.rows = anew.rows;
            entry.hash.clone_from(&anew.hash);
        }
        Ok(())
    }

    /// The manifest beside a list tells its rows and its hash.
    fn erase_beside(&mut self, run: &Path, list: &str, n_gone: u64, hash: &str) -> Result<()> {
        let Some(stem) = list.strip_suffix(".csv") else { return Ok(()) };
        let path = format!("{stem}.manifest.json");
        let Some(text) = files::read_text_if_any(&run.join(&path))? else { return Ok(()) };
        let Ok(mut beside) = serde_json::from_str::<serde_json::Value>(&text) else { return Ok(()) };
        if let Some(object) = beside.as_object_mut() {
            let rows = object.get("rows").and_then(serde_json::Value::as_u64).unwrap_or(0);
            object.insert("rows".to_owned(), rows.saturating_sub(n_gone).into());
            object.insert("sha256".to_owned(), hash.into());
        }
        let folder = self.folder();
        let text = serde_json::to_string_pretty(&beside).unwrap_or(text);
        files::write(&folder, &path, format!("{text}\n").as_bytes())?;
        put_over(&folder.join(&path), &run.join(&path))
    }
}
