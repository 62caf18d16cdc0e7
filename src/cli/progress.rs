//! How far a run has come: a bar for the stage at work on a terminal, and a line for each stage that ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::printer::Printer;
use super::text::{bytes, duration, number};
use crate::run::event::{Event, Listener, Stage};

const TICK: Duration = Duration::from_millis(120);

/// Hears of stages; the rest of the events is the printer's.
#[derive(Debug)]
pub(super) struct Progress {
    printer: Arc<Printer>,
    live: Mutex<Live>,
}

/// The stage at work.
#[derive(Debug, Default)]
struct Live {
    bar: Option<ProgressBar>,
    bytes: u64,
}

impl Progress {
    /// Draws where the printer lets it.
    pub(super) fn new(printer: Arc<Printer>) -> Self {
        Self { printer, live: Mutex::default() }
    }

    /// A listener that panicked while it held the bar leaves at worst a wrong bar.
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, stage: Stage, total_bytes: u64) {
        let template = template(total_bytes > 0, self.printer.colour());
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar =
            ProgressBar::new(total_bytes).with_style(style.progress_chars("━╸─")).with_prefix(stage.name());
        let bar = self.printer.bars().add(bar);
        bar.enable_steady_tick(TICK);
        self.clear();
        *self.live() = Live { bar: Some(bar), bytes: 0 };
    }

    fn advance(&self, rows: u64, bytes: u64) {
        let mut live = self.live();
        live.bytes = bytes;
        if let Some(bar) = &live.bar {
            bar.set_position(bytes);
            bar.set_message(number(rows));
        }
    }

    /// Takes the bar away and tells the bytes that the stage had read.
    fn clear(&self) -> u64 {
        let Live { bar, bytes } = std::mem::take(&mut *self.live());
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.printer.bars().remove(&bar);
        }
        bytes
    }
}

impl Listener for Progress {
    fn notice(&self, event: &Event) {
        match event {
            Event::StageStarted { stage, total_bytes } => self.start(*stage, *total_bytes),
            Event::StageProgress { rows, bytes, .. } => self.advance(*rows, *bytes),
            Event::StageFinished { stage, elapsed, rows_in, rows_out } => {
                let bytes = self.clear();
                self.printer.line(&finished(*stage, *rows_in, *rows_out, bytes, *elapsed));
            }
            Event::RunFinished { .. } => {
                self.clear();
            }
            Event::RunStarted { .. } | Event::Warning { .. } | Event::Note { .. } | Event::Faults { .. } => {}
        }
    }
}

const fn template(measured: bool, colour: bool) -> &'static str {
    match (measured, colour) {
        (true, true) => {
            "{prefix:10} {bar:24.green/dim} {msg:>11} rows  {decimal_bytes} of {decimal_total_bytes}  \
             {decimal_bytes_per_sec}  {eta} left"
        }
        (true, false) => {
            "{prefix:10} {bar:24} {msg:>11} rows  {decimal_bytes} of {decimal_total_bytes}  \
             {decimal_bytes_per_sec}  {eta} left"
        }
        (false, true) => "{prefix:10} {spinner:.green} {msg:>11} rows  {elapsed}",
        (false, false) => "{prefix:10} {spinner} {msg:>11} rows  {elapsed}",
    }
}

/// The line of a stage: rows in and out, bytes where any were read, and the time.
fn finished(stage: Stage, rows_in: u64, rows_out: u64, n_bytes: u64, elapsed: Duration) -> String {
    let read = if n_bytes > 0 { bytes(n_bytes) } else { String::new() };
    let (rows_in, rows_out) = (number(rows_in), number(rows_out));
    format!("{:<10} {rows_in:>11} → {rows_out:>11} rows {read:>10} {:>10}", stage.name(), duration(elapsed))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use indicatif::ProgressStyle;

    use super::{finished, template};
    use crate::run::event::Stage;

    #[test]
    fn lines_of_stages_stand_under_each_other() {
        let ingest = finished(Stage::Ingest, 40_112, 39_871, 3_100_000, Duration::from_millis(210));
        let outputs = finished(Stage::Outputs, 3_265, 3_265, 0, Duration::from_millis(1_040));
        assert_eq!(ingest, "ingest          40,112 →      39,871 rows     3.1 MB     0.21 s");
        assert_eq!(outputs, "outputs          3,265 →       3,265 rows                1.04 s");
    }

    #[test]
    fn every_bar_can_be_drawn() {
        for (measured, colour) in [(true, true), (true, false), (false, true), (false, false)] {
            assert!(ProgressStyle::with_template(template(measured, colour)).is_ok());
        }
    }
}
