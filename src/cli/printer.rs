//! The one place that prints: data to stdout, everything else to stderr.

use std::collections::BTreeSet;
use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use serde_json::json;

use super::args::Common;
use super::summary;
use super::text::{clean, counted, near, number};
use crate::error::{Code, Error, Result, Warning};
use crate::run::event::{Event, Listener, Summary};

const RED: &str = "1;31";
const GREEN: &str = "1;32";
const YELLOW: &str = "1;33";

/// How much is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Volume {
    /// Errors.
    Quiet,
    /// What matters.
    Normal,
    /// All there is.
    Verbose,
}

/// Knows how much is wanted, in which form, and where colour may go.
#[derive(Debug)]
pub(super) struct Printer {
    volume: Volume,
    json: bool,
    colour_out: bool,
    colour_err: bool,
    /// Bars on stderr; hidden where none are wanted. Whoever prints has them step aside.
    bars: MultiProgress,
    working_directory: PathBuf,
    /// Code and text of the warnings that were printed.
    warned: Mutex<BTreeSet<(&'static str, String)>>,
}

impl Printer {
    /// A printer for the options and for the terminal that is or is not there.
    pub(super) fn new(common: &Common) -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let smart = io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colour_err = smart && !is_set("NO_COLOR");
        let bars = smart && !common.no_progress && !common.quiet && !common.json;
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self {
            volume: match (common.quiet, common.verbose) {
                (true, _) => Volume::Quiet,
                (_, true) => Volume::Verbose,
                _ => Volume::Normal,
            },
            json: common.json,
            colour_out: colour_err && io::stdout().is_terminal(),
            colour_err,
            bars: MultiProgress::with_draw_target(target),
            working_directory: env::current_dir().unwrap_or_default(),
            warned: Mutex::default(),
        }
    }

    /// Whether more is wanted.
    pub(super) fn verbose(&self) -> bool {
        self.volume == Volume::Verbose
    }

    fn quiet(&self) -> bool {
        self.volume == Volume::Quiet
    }

    /// Whether JSON is wanted.
    pub(super) const fn json(&self) -> bool {
        self.json
    }

    /// Whether colour may go to stderr.
    pub(super) const fn colour(&self) -> bool {
        self.colour_err
    }

    /// Where bars are drawn.
    pub(super) const fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A path as short as it can be for whoever stands in the working directory.
    pub(super) fn near(&self, path: &str) -> String {
        near(path, &self.working_directory)
    }

    /// Prints data as it is.
    ///
    /// # Errors
    /// `Io`; a reader that has gone away is none.
    pub(super) fn data(&self, text: &str) -> Result<()> {
        let written = self.bars.suspend(|| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        });
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::new(Code::Io, "cannot write to stdout").caused_by(error))
            }
            _ => Ok(()),
        }
    }

    /// Prints a result in the form that is wanted: one line of JSON, or a text for a person.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn result<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json {
            let line = serde_json::to_string(value)
                .map_err(|cause| Error::internal("a result does not serialise").caused_by(cause))?;
            self.data(&(line + "\n"))
        } else {
            self.data(&clean(&text(value)))
        }
    }

    /// Says something beside the data, unless silence is wanted.
    pub(super) fn line(&self, text: &str) {
        if !self.quiet() {
            self.stderr(&clean(text));
        }
    }

    /// Says several warnings.
    pub(super) fn warnings(&self, warnings: &[Warning]) {
        for warning in warnings {
            self.warning(warning);
        }
    }

    /// Says a warning, once however often it comes.
    fn warning(&self, warning: &Warning) {
        let unheard =
            |mut warned: MutexGuard<'_, BTreeSet<_>>| warned.insert((warning.code, warning.what.clone()));
        if self.quiet() || !self.warned.lock().map_or(true, unheard) {
            return;
        }
        let label = paint(&format!("warning[{}]", warning.code), YELLOW, self.colour_err);
        let times =
            if warning.count > 1 { format!(" ({} times)", number(warning.count)) } else { String::new() };
        let help = warning.hint.as_ref().map_or_else(String::new, |hint| format!("\n  help: {hint}"));
        self.stderr(&format!("{label}: {}", clean(&format!("{}{times}{help}", warning.what))));
    }

    /// Says that nothing came of the verb; `run` closes its events in JSON even so.
    pub(super) fn failed(&self, error: &Error, run: bool) {
        let (code, text) = (error.code, error.to_string());
        if !self.json {
            return self.error(&text);
        }
        if run {
            let summary = Summary {
                status: "failed".to_owned(),
                exit_code: code.exit_code(),
                error: Some(text),
                ..Summary::default()
            };
            return self.event(&Event::RunFinished { summary: Box::new(summary) });
        }
        let line = json!({
            "event": "failed", "exit_code": code.exit_code(), "code": code.number(), "error": text,
        });
        self.data(&format!("{line}\n")).ok();
    }

    fn error(&self, text: &str) {
        let text = clean(text);
        let painted = text.rsplit_once("error[").and_then(|(before, after)| {
            let (number, what) = after.split_once(']')?;
            Some(format!("{before}{}{what}", paint(&format!("error[{number}]"), RED, self.colour_err)))
        });
        self.stderr(&painted.unwrap_or(text));
    }

    /// A failure to write to stderr has nowhere to go and must not end a night.
    fn stderr(&self, text: &str) {
        self.bars.suspend(|| writeln!(io::stderr().lock(), "{text}")).ok();
    }

    /// A reader of events that has gone away must not end a night either.
    fn event(&self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            self.data(&(line + "\n")).ok();
        }
    }

    fn finished(&self, summary: &Summary) {
        const NOTHING_TO_DO: u8 = Code::NothingToDo.exit_code();
        let headline = clean(&summary::headline(summary));
        if let Some(error) = summary.error.as_ref().filter(|_| summary.exit_code != NOTHING_TO_DO) {
            self.error(error);
        }
        let colour = match summary.exit_code {
            0 if summary.n_warnings == 0 => GREEN,
            0 | NOTHING_TO_DO => YELLOW,
            _ => RED,
        };
        if !self.quiet() {
            self.stderr("");
            let body = clean(&summary::body(summary, &self.working_directory, self.verbose()));
            self.data(&format!("{}\n{body}", paint(&headline, colour, self.colour_out))).ok();
        } else if !matches!(summary.exit_code, 0 | NOTHING_TO_DO) {
            self.stderr(&paint(&headline, colour, self.colour_err));
        }
    }

    fn say(&self, event: &Event) {
        match event {
            Event::RunStarted { project, lake, as_of, threads } if self.verbose() => {
                let threads = counted(*threads, "thread", "threads");
                self.line(&format!("{project}: as of {as_of}, into {}, on {threads}", self.near(lake)));
            }
            Event::Warning { warning } => self.warning(warning),
            Event::Note { text } => self.line(&format!("note: {text}")),
            Event::Faults { lines } => lines.iter().for_each(|line| self.line(&format!("  {line}"))),
            Event::RunFinished { summary } => self.finished(summary),
            // Stages are the bars' matter.
            Event::RunStarted { .. }
            | Event::StageStarted { .. }
            | Event::StageProgress { .. }
            | Event::StageFinished { .. } => {}
        }
    }
}

impl Listener for Arc<Printer> {
    fn notice(&self, event: &Event) {
        match event {
            Event::StageProgress { .. } => {}
            _ if self.json => self.event(event),
            _ => self.say(event),
        }
    }
}

fn paint(text: &str, colour: &str, wanted: bool) -> String {
    if wanted { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{RED, paint};

    #[test]
    fn colour_comes_only_where_it_is_wanted() {
        assert_eq!(paint("error[E1001]", RED, false), "error[E1001]");
        assert_eq!(paint("error[E1001]", RED, true), "\u{1b}[1;31merror[E1001]\u{1b}[0m");
    }
}
