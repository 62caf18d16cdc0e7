//! `clienting replay`.

use std::sync::Arc;

use super::args::{Common, ReplayArguments};
use super::printer::Printer;
use super::run::night;
use crate::error::Result;
use crate::pipeline::{Options, Reading};

/// Does a night that reads quarantined records again; the run itself tells how it ended.
///
/// # Errors
/// Those from before the run begins: the config, the signals.
pub(super) fn replay(common: &Common, arguments: &ReplayArguments, printer: &Arc<Printer>) -> Result<u8> {
    let options = Options {
        accepts: arguments.accepts.clone(),
        look_back: false,
        skip_unchanged: false,
        reading: Reading::Quarantine,
    };
    night(common, options, printer)
}
