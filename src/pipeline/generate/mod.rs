//! Synthetic exports: moves the customers of [`large`] through the months, window by window, and writes what they do.
//!
//! Ranges of customers and of rows are cut by number only, so the bytes do not depend on the threads. A window holds
//! as many days as bring about a quarter of a million purchases, or a quarter as many as there are customers.

mod columns;
mod output;

use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use self::output::Output;
use crate::error::{Code, Error, Result};
use crate::generate::large::{
    self, Contact, ContactSheet, Interaction, InteractionSheet, Month, Process, Purchase, Sheet, Shopper,
    Trade, TransactionSheet,
};
use crate::kernel::calendar;
use crate::store::files;

/// Customers of a range that one task moves on.
const RANGE: usize = 1 << 14;
/// Purchases of a window, at least.
const WINDOW: f64 = 262_144.0;
/// The day after the period has at most one in so many of its rows.
const NEXT_DAY_SHARE: u64 = 1_000;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Options {
    /// The retailer.
    pub trade: Trade,
    /// Where to.
    pub directory: PathBuf,
    /// How files are written.
    pub form: Form,
    /// Which exports.
    pub scope: Scope,
    /// Threads; 0 = all cores.
    pub n_threads: usize,
}

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With a header, quoted only where a text needs it.
    Csv,
    /// Typed, zstd.
    Parquet,
}

/// Which exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All months.
    Period {
        /// All transactions in one file rather than one a month.
        single_file: bool,
        /// Contacts too.
        contacts: bool,
        /// Interactions too.
        interactions: bool,
    },
    /// Only the transactions of the day after the last month.
    NextDay,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct Generated {
    /// Where.
    pub directory: String,
    /// By kind.
    pub exports: Vec<GeneratedExport>,
    /// Rows of all kinds.
    pub n_rows: u64,
    /// Bytes of all kinds.
    pub n_bytes: u64,
    /// Wall time.
    pub seconds: f64,
    /// Rows of all kinds in a second.
    pub rows_per_second: u64,
    /// What a model should find.
    pub truth: GeneratedTruth,
}

/// The files of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct GeneratedExport {
    /// Kind of source.
    pub kind: &'static str,
    /// Files.
    pub n_files: u64,
    /// Rows, headers not counted.
    pub n_rows: u64,
    /// Bytes.
    pub n_bytes: u64,
}

/// Parameters of the models that the exports are drawn from: MBG/NBD with days as the unit, and gamma-gamma.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the parameters' names in the literature")]
pub struct GeneratedTruth {
    pub r: f64,
    pub alpha: f64,
    pub a: f64,
    pub b: f64,
    pub p: f64,
    pub q: f64,
}

/// Writes synthetic exports into a folder.
///
/// # Errors
/// `CommandLine` for numbers out of range and for files that exist, before anything is written; `Io`.
pub fn generate(options: &Options) -> Result<Generated> {
    let started = Instant::now();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.n_threads)
        .build()
        .map_err(|cause| Error::new(Code::Io, "cannot start the threads").caused_by(cause))?;
    let process = Process::new(options.trade)?;
    let exports = pool.install(|| {
        let mut work = Work::new(process, options)?;
        match options.scope {
            Scope::Period { single_file, contacts, interactions } => {
                work.period(single_file, interactions)?;
                if contacts {
                    work.contacts()?;
                }
            }
            Scope::NextDay => work.next_day()?,
        }
        Ok(work.exports)
    })?;
    let large::Truth { r, alpha, a, b, p, q } = process.truth();
    let seconds = started.elapsed().as_secs_f64();
    let n_rows = exports.iter().map(|export| export.n_rows).sum();
    Ok(Generated {
        directory: options.directory.display().to_string(),
        n_rows,
        n_bytes: exports.iter().map(|export| export.n_bytes).sum(),
        seconds,
        rows_per_second: per_second(n_rows, seconds),
        exports,
        truth: GeneratedTruth { r, alpha, a, b, p, q },
    })
}

/// A retailer on the way through its months.
struct Work<'a> {
    process: Process,
    options: &'a Options,
    shoppers: Vec<Shopper>,
    exports: Vec<GeneratedExport>,
}

impl<'a> Work<'a> {
    fn new(process: Process, options: &'a Options) -> Result<Self> {
        let paths = paths(options);
        if let Some(path) = paths.iter().find(|path| files::exists(path)) {
            return Err(files::exists_already(path));
        }
        let shoppers = (1..=options.trade.n_customers).into_par_iter().map(|number| process.shopper(number));
        Ok(Self { process, options, shoppers: shoppers.collect(), exports: Vec::new() })
    }

    /// Transactions of all months, and interactions on the way: they ask who has bought by then.
    fn period(&mut self, single_file: bool, interactions: bool) -> Result<()> {
        let trade = &self.options.trade;
        let sheet = TransactionSheet { process: self.process };
        let create = |month: u32| {
            let path = path(self.options, TRANSACTIONS, &file_of(trade, month, single_file));
            Output::create(&path, sheet.table(), self.options.form)
        };
        let mut output = None;
        for month in 0..trade.n_months {
            if interactions {
                self.interactions(&InteractionSheet::new(*trade, Month::new(trade, month)))?;
            }
            let mut open = output.take().map_or_else(|| create(month), Ok)?;
            for before in windows(trade, month) {
                open.write(&sheet, &self.purchases(before))?;
            }
            if single_file && month + 1 < trade.n_months {
                output = Some(open);
            } else {
                self.finish(TRANSACTIONS, open)?;
            }
        }
        Ok(())
    }

    fn interactions(&mut self, sheet: &InteractionSheet) -> Result<()> {
        let path = path(self.options, INTERACTIONS, &sheet.label());
        let process = &self.process;
        let mut happened = gather(&mut self.shoppers, |part, first, found| {
            process.interactions(part, first, sheet.month(), |interaction| found.push(interaction));
        });
        happened.par_sort_unstable_by_key(Interaction::order);
        let mut output = Output::create(&path, sheet.table(), self.options.form)?;
        output.write(sheet, &happened)?;
        self.finish(INTERACTIONS, output)
    }

    fn contacts(&mut self) -> Result<()> {
        let sheet = ContactSheet { process: self.process };
        let path = path(self.options, CONTACTS, CONTACTS);
        let mut output = Output::create(&path, sheet.table(), self.options.form)?;
        for (index, part) in self.shoppers.chunks(16 * RANGE).enumerate() {
            let contacts: Vec<Contact> = (first_number(index, 16 * RANGE)..)
                .zip(part)
                .map(|(number, shopper)| Contact::of(number, shopper))
                .collect();
            output.write(&sheet, &contacts)?;
        }
        self.finish(CONTACTS, output)
    }

    /// The first rows of the day after the period, as many as a thousandth of the period's.
    fn next_day(&mut self) -> Result<()> {
        let trade = &self.options.trade;
        let sheet = TransactionSheet { process: self.process };
        let process = &self.process;
        let n_before: u64 = self
            .shoppers
            .par_chunks_mut(RANGE)
            .enumerate()
            .map(|(index, part)| {
                let mut n = 0;
                process.purchases(part, first_number(index, RANGE), trade.end_day(), |_| n += 1);
                n
            })
            .sum();
        let mut purchases = self.purchases(trade.end_day() + 1);
        purchases.truncate(usize::try_from(n_before.div_ceil(NEXT_DAY_SHARE)).unwrap_or(usize::MAX));
        let path = path(self.options, TRANSACTIONS, &calendar::day_label(trade.end_day()));
        let mut output = Output::create(&path, sheet.table(), self.options.form)?;
        output.write(&sheet, &purchases)?;
        self.finish(TRANSACTIONS, output)
    }

    /// Moves everybody on to the beginning of a day; purchases before it, by time.
    fn purchases(&mut self, before_day: i32) -> Vec<Purchase> {
        let process = &self.process;
        let mut purchases = gather(&mut self.shoppers, |part, first, found| {
            process.purchases(part, first, before_day, |purchase| found.push(purchase));
        });
        purchases.par_sort_unstable_by_key(Purchase::order);
        purchases
    }

    fn finish(&mut self, kind: &'static str, output: Output) -> Result<()> {
        let (n_rows, n_bytes) = output.finish()?;
        match self.exports.iter_mut().find(|export| export.kind == kind) {
            Some(export) => {
                export.n_files += 1;
                export.n_rows += n_rows;
                export.n_bytes += n_bytes;
            }
            None => self.exports.push(GeneratedExport { kind, n_files: 1, n_rows, n_bytes }),
        }
        Ok(())
    }
}

const TRANSACTIONS: &str = "transactions";
const INTERACTIONS: &str = "interactions";
const CONTACTS: &str = "contacts";

/// What happens in every range of shoppers, one after another.
fn gather<T: Send>(
    shoppers: &mut [Shopper],
    happens: impl Fn(&mut [Shopper], u32, &mut Vec<T>) + Sync,
) -> Vec<T> {
    let parts: Vec<Vec<T>> = shoppers
        .par_chunks_mut(RANGE)
        .enumerate()
        .map(|(index, part)| {
            let mut found = Vec::new();
            happens(part, first_number(index, RANGE), &mut found);
            found
        })
        .collect();
    let mut all = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    parts.into_iter().for_each(|part| all.extend(part));
    all
}

/// The number of the first customer of a range; numbers begin at 1.
fn first_number(index: usize, range: usize) -> u32 {
    u32::try_from(index * range + 1).unwrap_or(u32::MAX)
}

/// The days before which windows of a month end.
fn windows(trade: &Trade, month: u32) -> Vec<i32> {
    let (start, end) = (trade.month_start(month), trade.month_start(month + 1));
    let customers = f64::from(trade.n_customers);
    let per_day = customers * trade.orders_per_customer / f64::from(trade.n_days());
    let wanted = WINDOW.max(customers / 4.0) / f64::from(trade.lines_per_order);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is cut to a range that fits"
    )]
    let n_days = (wanted / per_day).clamp(1.0, 31.0) as usize;
    let inner = (start..end).step_by(n_days).skip(1);
    inner.chain([end]).collect()
}

/// The name of the file that a month's transactions stand in.
fn file_of(trade: &Trade, month: u32, single_file: bool) -> String {
    if single_file { TRANSACTIONS.to_owned() } else { trade.month_label(month) }
}

fn path(options: &Options, folder: &str, name: &str) -> PathBuf {
    let extension = match options.form {
        Form::Csv => "csv",
        Form::Parquet => "parquet",
    };
    options.directory.join(folder).join(Path::new(&format!("{name}.{extension}")))
}

/// Every file that will be written.
fn paths(options: &Options) -> Vec<PathBuf> {
    let trade = &options.trade;
    match options.scope {
        Scope::NextDay => vec![path(options, TRANSACTIONS, &calendar::day_label(trade.end_day()))],
        Scope::Period { single_file, contacts, interactions } => {
            let mut paths = Vec::new();
            for month in 0..trade.n_months {
                paths.push(path(options, TRANSACTIONS, &file_of(trade, month, single_file)));
                if interactions {
                    paths.push(path(options, INTERACTIONS, &trade.month_label(month)));
                }
            }
            if contacts {
                paths.push(path(options, CONTACTS, CONTACTS));
            }
            paths
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate to read"
)]
fn per_second(n_rows: u64, seconds: f64) -> u64 {
    (n_rows as f64 / seconds.max(1e-9)) as u64
}
