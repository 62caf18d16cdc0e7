//! `clienting run`.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::args::{Common, RunArguments};
use super::printer::Printer;
use super::progress::Progress;
use crate::config;
use crate::error::{Code, Error, Result};
use crate::pipeline::{self, Options, Reading};
use crate::run::event::Listeners;

/// Does the night; the run itself tells how it ended.
///
/// # Errors
/// Those from before the run begins: the config, the signals.
pub(super) fn run(common: &Common, arguments: &RunArguments, printer: &Arc<Printer>) -> Result<u8> {
    let options = Options {
        accepts: arguments.accepts.clone(),
        look_back: false,
        skip_unchanged: arguments.skip_unchanged,
        reading: Reading::Files { rehash: arguments.plan.rehash },
    };
    night(common, options, printer)
}

/// Does a night with these options; whether it may look back is seen from the day.
///
/// # Errors
/// As [`run`].
pub(super) fn night(common: &Common, options: Options, printer: &Arc<Printer>) -> Result<u8> {
    let (config, warnings) = super::load(common)?;
    let interrupted = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        listen(signal, &interrupted)?;
    }
    let mut listeners = Listeners::default();
    if !printer.json() {
        // It stands before the printer, so that no bar is left when the summary is printed.
        listeners.add(Box::new(Progress::new(Arc::clone(printer))));
    }
    listeners.add(Box::new(Arc::clone(printer)));
    let look_back = common.as_of.is_some() && matches!(config.project.as_of, config::AsOf::Day(_));
    let options = Options { look_back, ..options };
    Ok(pipeline::run(config, warnings, &options, interrupted, listeners))
}

/// Has the signal's number stored: the run asks for it between units of work and ends with a manifest.
fn listen(signal: i32, interrupted: &Arc<AtomicUsize>) -> Result<()> {
    let failed =
        |source: std::io::Error| Error::new(Code::Io, "cannot listen for interrupts").caused_by(source);
    let number = usize::try_from(signal).unwrap_or(usize::MAX);
    flag::register_usize(signal, Arc::clone(interrupted), number).map(|_| ()).map_err(failed)
}
