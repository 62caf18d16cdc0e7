//! Turns the outcome of the command line into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(clienting::cli::main())
}
