//! `clienting generate`.

use super::args::{Common, Format, GenerateArguments};
use super::printer::Printer;
use super::text::{Align, bytes, number, seconds, table};
use crate::error::Result;
use crate::generate::large::Trade;
use crate::pipeline::generate::{self, Form, Generated, Options, Scope};

/// Writes synthetic exports.
///
/// # Errors
/// `CommandLine` for numbers out of range and for files that exist; `Io`.
pub(super) fn generate(common: &Common, arguments: &GenerateArguments, printer: &Printer) -> Result<()> {
    let options = Options {
        trade: Trade {
            seed: arguments.seed,
            n_customers: arguments.customers,
            orders_per_customer: arguments.orders_per_customer,
            lines_per_order: arguments.lines_per_order,
            first_day: arguments.from,
            n_months: arguments.months,
        },
        directory: arguments.out.clone(),
        form: match arguments.format {
            Format::Csv => Form::Csv,
            Format::Parquet => Form::Parquet,
        },
        scope: if arguments.one_more_day {
            Scope::NextDay
        } else {
            Scope::Period {
                single_file: arguments.single_file,
                contacts: !arguments.no_contacts,
                interactions: !arguments.no_interactions,
            }
        },
        n_threads: common.threads.unwrap_or(0),
    };
    let generated = generate::generate(&options)?;
    printer.result(&generated, |generated| text(generated, printer))
}

fn text(generated: &Generated, printer: &Printer) -> String {
    let rows: Vec<Vec<String>> = generated
        .exports
        .iter()
        .map(|export| {
            let files = number(export.n_files);
            vec![export.kind.to_owned(), files, number(export.n_rows), bytes(export.n_bytes)]
        })
        .collect();
    let columns =
        [("export", Align::Left), ("files", Align::Right), ("rows", Align::Right), ("size", Align::Right)];
    let truth = &generated.truth;
    let orders =
        format!("r = {}, alpha = {:.3} days, a = {}, b = {}", truth.r, truth.alpha, truth.a, truth.b);
    let spend = format!("p = {}, q = {}", truth.p, truth.q);
    table(&columns, &rows)
        + &format!(
            "\n{} rows in {}: {} rows a second\ninto {}\norders: MBG/NBD with {orders}\nspend: gamma-gamma with {spend}\n",
            number(generated.n_rows),
            seconds(generated.seconds),
            number(generated.rows_per_second),
            printer.near(&generated.directory),
        )
}
