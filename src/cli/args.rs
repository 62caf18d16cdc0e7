//! The command line: verbs, their options, and what the help says of them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::error::{EXITS, Exit};
use crate::kernel::calendar;
use crate::run::context::Accept;

/// Exit codes, as the help shows them.
fn exit_codes() -> String {
    let line = |exit: &Exit| {
        let text = format!("  {:>3}  {:<55}  {}", exit.code, exit.meaning, exit.next);
        format!("\n{}", text.trim_end())
    };
    EXITS.iter().fold("Exit codes:".to_owned(), |text, exit| text + &line(exit))
}

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "clienting",
    version,
    about = "From a company's exports to what it knows about every customer, and to the lists of whom to contact",
    after_help = exit_codes(),
    arg_required_else_help = true
)]
pub(super) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(super) verb: Verb,
    /// Options of every verb.
    #[command(flatten)]
    pub(super) common: Common,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Do the whole night and publish it
    ///
    /// Reads the config and the exports that are new or changed; writes one run into the lake. `current` moves to it
    /// only when every gate has passed. Time grows with the rows that arrived, the number of customers and, slowly, the
    /// months of history; memory with the customers, and with the rows that arrived only where their source has a `key`.
    Run(RunArguments),
    /// Check the config and the headers of all exports
    ///
    /// Reads the config and the header of every export, no rows: takes a moment, whatever their size. Shows which
    /// header became which column, and what is new in a header. With --data it types every row too, as a night would,
    /// and ends with 4 where a gate on faults would stop that night. Writes nothing.
    Check(CheckArguments),
    /// Show what `run` would read and skip, and why
    ///
    /// Reads the config, the names, sizes and times of the exports, and the content of those that are not known by
    /// them. Writes nothing.
    Plan(PlanArguments),
    /// Read quarantined records again, after a fix of the config or the program
    ///
    /// Takes their bytes from the quarantine, so the files may be gone, and looks at no file. Records that are right now
    /// become rows of their file and line; those that still have a fault stay, and stop nothing. Publishes a run as
    /// `run` does. Where a key that changes parsing was mended, the next `run` reads the source's files again, whole, if
    /// they are there; with `--accept fingerprint:SOURCE=REASON`, here or there, all else stays as it was parsed. What was
    /// read in a wrong `encoding` cannot be mended so: its files must be read again.
    Replay(ReplayArguments),
    /// List, show or publish the runs of a lake
    ///
    /// With --lake no config is needed, so that a bad night can be taken back while the config is broken.
    Runs(RunsArguments),
    /// Tell everything that is known of one customer
    ///
    /// Reads the published run: numbers and what linked them, contact points, consents and suppressions, history, results,
    /// and the reason of every decision; with --json all rows, else the last 20 of each table. Shows personal data. Costs
    /// about the time to read the keys of the ledger.
    Explain(ExplainArguments),
    /// Erase customers from every retained run
    ///
    /// Takes them out of register, history, lists and quarantine; rows of the books stay under a pseudonym. A keyed hash of
    /// every number and contact point stays, so that whoever comes back by an import is not addressed. Needs
    /// `privacy.suppression_key`. Exports themselves are not touched. Costs about the time to read all kept runs once.
    Forget(ForgetArguments),
    /// Print the JSON Schema of the config
    ///
    /// For editors: completion, hover texts and checks in clienting.toml. Reads and writes nothing.
    Schema,
    /// Print the completions of a shell
    ///
    /// Reads and writes nothing; where the text belongs is the shell's matter, for bash:
    /// clienting completions bash > ~/.local/share/bash-completion/completions/clienting
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write synthetic exports of any size, from a seed
    ///
    /// Transactions by month, contacts, interactions by month. Customers buy, spend and leave as the value models
    /// assume, with parameters that are printed. Writes millions of rows a second; memory grows with the customers, by
    /// some 50 MB a million, and not with their orders. The same options give the same bytes. No file that exists is
    /// touched.
    Generate(GenerateArguments),
    /// Write a commented config and sample exports into a folder
    ///
    /// Writes `clienting.toml` and `sample_data/` into it, a few megabytes, in a second. No file that exists is touched.
    Init {
        /// The folder; made if it does not exist
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// Options of `run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Let a gate pass once; the reason goes into the manifest. Repeatable
    #[arg(long = "accept", value_name = "GATE[:SOURCE]=REASON", value_parser = accept)]
    pub(super) accepts: Vec<Accept>,
    /// Exit with 5 when inputs, config and day are those of the published run
    #[arg(long)]
    pub(super) skip_unchanged: bool,
    #[command(flatten)]
    pub(super) plan: PlanArguments,
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// Let a gate pass once; the reason goes into the manifest. Repeatable
    #[arg(long = "accept", value_name = "GATE[:SOURCE]=REASON", value_parser = accept)]
    pub(super) accepts: Vec<Accept>,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// A customer id, or a number as `numbering:number`
    #[arg(value_name = "CUSTOMER")]
    pub(super) customer: String,
}

/// Options of `forget`.
#[derive(Debug, Args)]
pub(super) struct ForgetArguments {
    /// Customer ids, or numbers as `numbering:number`
    #[arg(value_name = "CUSTOMER", required = true)]
    pub(super) customers: Vec<String>,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Type every row of every export; which rows of one key count is decided by `run` only
    #[arg(long)]
    pub(super) data: bool,
}

/// Options of `plan`, which `run` has too.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// Hash every export, also those whose path, size and time have not changed; reads all their bytes
    #[arg(long)]
    pub(super) rehash: bool,
}

/// Options of `generate`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct GenerateArguments {
    /// The folder to write into; made if it does not exist
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Customers; each buys at least once
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) customers: u32,
    /// Orders of a customer over all months, on average
    #[arg(long, value_name = "X", default_value_t = 5.0)]
    pub(super) orders_per_customer: f64,
    /// Rows of an order
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) lines_per_order: u32,
    /// Seed of all random numbers
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// The first day of trade
    #[arg(long, value_name = "DATE", default_value = "2024-11-01", value_parser = day)]
    pub(super) from: i32,
    /// Calendar months of trade, that of the first day included
    #[arg(long, value_name = "N", default_value_t = 24)]
    pub(super) months: u32,
    /// How the files are written
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub(super) format: Format,
    /// Write all transactions into one file
    #[arg(long)]
    pub(super) single_file: bool,
    /// Write no contacts
    #[arg(long)]
    pub(super) no_contacts: bool,
    /// Write no interactions
    #[arg(long)]
    pub(super) no_interactions: bool,
    /// Write only the transactions of the day after the last month, a thousandth of the rows at most
    #[arg(long, conflicts_with = "single_file")]
    pub(super) one_more_day: bool,
}

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values with a header
    Csv,
    /// Parquet with typed columns
    Parquet,
}

/// `runs` and what to do with them.
#[derive(Debug, Args)]
pub(super) struct RunsArguments {
    /// What to do with the runs.
    #[command(subcommand)]
    pub(super) verb: RunsVerb,
}

/// What to do with the runs.
#[derive(Debug, Subcommand)]
pub(super) enum RunsVerb {
    /// List every kept run, the oldest first
    List,
    /// Show one run: its stages, records, gates and lists
    Show {
        /// Name of the run, or `current`
        #[arg(default_value = "current")]
        id: String,
    },
    /// Move `current` to a kept run that passed its gates: takes back a bad night
    ///
    /// One rename under the lake's lock. The next run still takes its history from the newest run that was published.
    Publish {
        /// Name of the run
        id: String,
    },
}

/// Options of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Common {
    /// The config [default: clienting.toml here, else what `$CLIENTING_CONFIG` names]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// The lake, instead of `project.lake`
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) lake: Option<PathBuf>,
    /// The day to speak of, instead of `project.as_of`; before the published day: a look back, kept but not published
    #[arg(long, value_name = "DATE", global = true)]
    pub(super) as_of: Option<String>,
    /// Set one key of the config, above file and environment. Repeatable
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    pub(super) set: Vec<String>,
    /// Threads; 0 = all cores. The results do not depend on it
    #[arg(long, value_name = "N", global = true)]
    pub(super) threads: Option<usize>,
    /// Print errors only, and how a run ended that failed
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print more: what was known already, what was refused and why
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
    /// Print JSON on stdout, an object a line; of `run` every event, the last one `run_finished`
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Draw no progress bars; without a terminal there are none anyway
    #[arg(long, global = true)]
    pub(super) no_progress: bool,
}

fn day(text: &str) -> Result<i32, String> {
    calendar::parse_day(text.as_bytes()).ok_or_else(|| "a day is written as 2026-11-20".to_owned())
}

fn accept(text: &str) -> Result<Accept, String> {
    Accept::parse(text)
        .ok_or_else(|| "a gate and a reason are needed: GATE=REASON or GATE:SOURCE=REASON".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Arguments;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn common_options_stand_before_or_after_the_verb() {
        assert!(Arguments::try_parse_from(["clienting", "--json", "run", "--lake", "x"]).is_ok());
        assert!(Arguments::try_parse_from(["clienting", "runs", "list", "--json"]).is_ok());
        assert!(Arguments::try_parse_from(["clienting", "run", "--quiet", "--verbose"]).is_err());
    }

    #[test]
    fn an_accepted_gate_needs_a_reason() {
        let code = |accept: &str| match Arguments::try_parse_from(["clienting", "run", "--accept", accept]) {
            Ok(_) => 0,
            Err(error) => error.exit_code(),
        };
        assert_eq!(code("max_removed_share:pos=moved to a new till"), 0);
        assert_eq!(code("max_removed_share"), 2);
    }
}
