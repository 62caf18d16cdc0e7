//! The command line: reads arguments, calls one function of the library, prints what it gives back.

mod args;
mod text;
mod summary;
mod printer;
mod progress;
mod run;
mod check;
mod plan;
mod replay;
mod runs;
mod forget;
mod explain;
mod schema;
mod completions;
mod init;
mod generate;

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser as _;

use self::args::{Arguments, Common, Verb};
use self::printer::Printer;
use crate::config::{self, Config, Overrides};
use crate::error::{Code, Error, Result, Warning};
use crate::store::files;

/// Name of the config that is looked for in the working directory.
const CONFIG: &str = "clienting.toml";
/// Variable that names the config where none lies in the working directory.
const CONFIG_VARIABLE: &str = "CLIENTING_CONFIG";

/// Does what the process's arguments ask for and tells the exit code.
#[must_use]
pub fn main() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help for a reader that has gone away needs no complaint.
            error.print().ok();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let printer = Arc::new(Printer::new(&arguments.common));
    obey(&arguments, &printer).unwrap_or_else(|error| {
        printer.failed(&error, matches!(arguments.verb, Verb::Run(_) | Verb::Replay(_)));
        error.code.exit_code()
    })
}

fn obey(Arguments { verb, common }: &Arguments, printer: &Arc<Printer>) -> Result<u8> {
    match verb {
        Verb::Run(options) => return run::run(common, options, printer),
        Verb::Replay(options) => return replay::replay(common, options, printer),
        Verb::Check(options) => check::check(common, options, printer),
        Verb::Plan(options) => plan::plan(common, options, printer),
        Verb::Runs(options) => runs::runs(common, &options.verb, printer),
        Verb::Forget(options) => forget::forget(common, options, printer),
        Verb::Explain(options) => explain::explain(common, options, printer),
        Verb::Schema => schema::schema(printer),
        Verb::Completions { shell } => completions::completions(*shell, printer),
        Verb::Generate(options) => generate::generate(common, options, printer),
        Verb::Init { directory } => init::init(directory, common, printer),
    }
    .map(|()| 0)
}

/// The config that the options name, with what is to be said about it.
fn load(common: &Common) -> Result<(Config, Vec<Warning>)> {
    let working_directory = working_directory()?;
    let file = config_file(common, &working_directory)?;
    let text = files::read_text_if_any(&file).map_err(refuse_what_is_no_text)?.ok_or_else(|| {
        Error::new(Code::ConfigMissing, "the config does not exist").at(&file).hint(INIT_HINT)
    })?;
    let overrides = Overrides {
        set: common.set.clone(),
        lake: common.lake.clone(),
        as_of: common.as_of.clone(),
        threads: common.threads,
        // A variable that is not UTF-8 cannot stand in a config, so leaving it out hides nothing.
        environment: env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        working_directory,
    };
    config::load(&file, &text, &overrides)
}

/// The same for the verbs that only read it: what is to be said is said at once.
fn load_and_warn(common: &Common, printer: &Printer) -> Result<Config> {
    let (config, warnings) = load(common)?;
    printer.warnings(&warnings);
    Ok(config)
}

const INIT_HINT: &str = "`clienting init DIR` writes a commented config with sample exports";

fn working_directory() -> Result<PathBuf> {
    env::current_dir()
        .map_err(|source| Error::new(Code::Io, "cannot tell the working directory").caused_by(source))
}

fn config_file(common: &Common, working_directory: &Path) -> Result<PathBuf> {
    let here = working_directory.join(CONFIG);
    let variable = env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty());
    let file = match (&common.config, variable) {
        (Some(file), _) => working_directory.join(file),
        (None, _) if files::exists(&here) => here,
        (None, Some(file)) => working_directory.join(file),
        (None, None) => {
            let what = "no clienting.toml in the working directory, no --config and no $CLIENTING_CONFIG";
            return Err(Error::new(Code::ConfigMissing, what).at(working_directory).hint(INIT_HINT));
        }
    };
    Ok(by_its_folder(&file))
}

/// The file by the one true path of its folder: exports are known by their paths, which must not depend on the
/// directory that a night is started in. The name itself stays, though it may be a link, since paths in the config
/// are relative to where it is named.
fn by_its_folder(file: &Path) -> PathBuf {
    match (file.parent().map(Path::canonicalize), file.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => file.to_owned(),
    }
}

/// A folder or bytes in place of a config is a wrong config, not an unexpected failure.
fn refuse_what_is_no_text(error: Error) -> Error {
    let kind = error.source.as_ref().and_then(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::InvalidData | io::ErrorKind::IsADirectory) => Error {
            code: Code::ConfigInvalid,
            what: "the config is not a UTF-8 text file".to_owned(),
            ..error
        },
        _ => error,
    }
}
