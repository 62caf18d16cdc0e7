//! `clienting schema`.

use super::printer::Printer;
use crate::config::reference;
use crate::error::{Error, Result};

/// Prints the JSON Schema of the config.
///
/// # Errors
/// `Io`.
pub(super) fn schema(printer: &Printer) -> Result<()> {
    let text = serde_json::to_string_pretty(&reference::json_schema())
        .map_err(|cause| Error::internal("the schema does not serialise").caused_by(cause))?;
    printer.data(&(text + "\n"))
}
