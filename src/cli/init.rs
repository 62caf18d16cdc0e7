//! `clienting init`.

use std::path::Path;

use serde::Serialize;

use super::args::Common;
use super::printer::Printer;
use super::text::counted;
use crate::error::{Code, Error, Result};
use crate::generate;
use crate::store::files;

/// The config of the first night, which lies beside the sample exports in the repository.
const QUICKSTART: &str = include_str!("../../configs/quickstart.toml");
/// Folder of the exports, as in the repository.
const EXPORTS: &str = "sample_data";

/// How the repository's own command names the config; in its own folder it needs no name.
const IN_REPOSITORY: &str = " --config configs/quickstart.toml";

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    directory: String,
    config: String,
    exports: Vec<String>,
}

/// Writes a commented config and sample exports.
///
/// # Errors
/// `CommandLine` when the folder has a config or sample exports already; `Io`.
pub(super) fn init(directory: &Path, common: &Common, printer: &Printer) -> Result<()> {
    for name in [super::CONFIG, EXPORTS] {
        let path = directory.join(name);
        if files::exists(&path) {
            return Err(Error::new(Code::CommandLine, "it is there already, and no file is replaced")
                .at(path)
                .hint("name another folder"));
        }
    }
    let mut exports = Vec::new();
    for export in generate::exports(&generate::SAMPLE) {
        let path = format!("{EXPORTS}/{}", export.path);
        files::write(directory, &path, &export.bytes)?;
        exports.push(path);
    }
    // Last, so that a folder with a config has all of it.
    files::write(directory, super::CONFIG, quickstart().as_bytes())?;
    let written =
        Written { directory: directory.display().to_string(), config: super::CONFIG.to_owned(), exports };
    printer.result(&written, |written| text(written, common))
}

/// The config as it stands beside its exports and its lake instead of in a folder next to them.
fn quickstart() -> String {
    let text = QUICKSTART.replace("\"../sample_data/", "\"sample_data/").replace(IN_REPOSITORY, "");
    text.lines().map(|line| own_lake(line) + "\n").collect()
}

/// Keeps the comment behind the value.
fn own_lake(line: &str) -> String {
    let is_lake = line.split_once('=').is_some_and(|(key, _)| key.trim() == "lake");
    match line.split('"').collect::<Vec<_>>().as_slice() {
        [before, _, after @ ..] if is_lake => format!("{before}\"lake\"{}", after.join("\"")),
        _ => line.to_owned(),
    }
}

fn text(written: &Written, common: &Common) -> String {
    let Written { directory, config, exports } = written;
    let quoted = if directory.contains(' ') { format!("'{directory}'") } else { directory.clone() };
    let step = if directory == "." { String::new() } else { format!("cd {quoted} && ") };
    let files: Vec<&str> = exports.iter().filter(|_| common.verbose).map(String::as_str).collect();
    let files = files.iter().flat_map(|path| ["  ", path, "\n"]).collect::<String>();
    format!(
        "wrote {config} and {} into {directory}\n{files}\nnext: {step}clienting run\n",
        counted(exports.len(), "sample export", "sample exports"),
    )
}

#[cfg(test)]
mod tests {
    use super::{own_lake, quickstart};

    #[test]
    fn the_config_stays_inside_its_folder() {
        let values = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split('#').next().unwrap_or_default().to_owned()).collect()
        };
        let config = quickstart();
        assert!(config.contains("\"sample_data/") && !config.contains("configs/"));
        assert!(values(&config).iter().all(|line| !line.contains("../")), "{config}");
    }

    #[test]
    fn the_lake_keeps_its_comment() {
        assert_eq!(own_lake("lake = \"../lake\"   # \"here\""), "lake = \"lake\"   # \"here\"");
        assert_eq!(own_lake("# lake = \"../lake\""), "# lake = \"../lake\"");
        assert_eq!(own_lake("name = \"lake\""), "name = \"lake\"");
    }
}
