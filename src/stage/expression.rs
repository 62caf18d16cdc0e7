//! SQL expressions of the config over columns of the customers table or of an export: parsed and type-checked before any work,
//! evaluated on frames made from just the columns that they name.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, UInt8Type};
use arrow_array::{Array, RecordBatch};
use polars::prelude::{DataFrame, DataType, Expr, IntoColumn, IntoLazy, NamedFrom, Series, col};

use arrow_schema::{Field, Schema};

use crate::contract::{ColumnType, Table, Units};
use crate::error::{Code, Error, Result};

/// What an expression must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// True, false or null for each customer.
    Predicate,
    /// A number for each customer.
    Number,
}

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Expression {
    expr: Expr,
    /// Columns that it names, in their order in what it speaks of.
    pub columns: Vec<String>,
    text: String,
}

const RESULT: &str = "result";
const ROW: &str = "row number";

/// Where an expression stands and what it is, for messages.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// `segment NAME` or `campaign NAME`.
    pub owner: &'a str,
    /// `file:line:column`.
    pub place: &'a str,
}

/// What an expression speaks of.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// What has the columns, for messages.
    pub name: &'a str,
    /// What its rows are called.
    pub rows: &'static str,
    /// Names and types of its columns.
    pub columns: Vec<(&'a str, ColumnType)>,
}

impl Scope<'_> {
    fn of(table: &'static Table) -> Self {
        let columns = table.columns.iter().map(|column| (column.name, column.kind)).collect();
        Self { name: table.name, rows: "customers", columns }
    }

    /// Columns that expressions may name.
    fn usable(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        self.columns.iter().copied().filter(|(_, kind)| *kind != ColumnType::TextList)
    }

    fn empty(&self) -> RecordBatch {
        let units = Units { currency: String::new(), exponent: 2 };
        let field = |(name, kind): (&str, ColumnType)| Field::new(name, kind.arrow(&units), true);
        RecordBatch::new_empty(Arc::new(Schema::new(self.usable().map(field).collect::<Vec<Field>>())))
    }
}

impl Expression {
    /// Parses an expression and checks it against a table's columns.
    ///
    /// # Errors
    /// `Expression`: text that is no expression, an unknown column (with the near miss), a wrong type, an expression
    /// over all customers at once.
    pub fn check(text: &str, table: &'static Table, wanted: Wanted, site: Site<'_>) -> Result<Self> {
        Self::check_in(text, &Scope::of(table), wanted, site)
    }

    /// Parses an expression and checks it against named columns.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_in(text: &str, scope: &Scope<'_>, wanted: Wanted, site: Site<'_>) -> Result<Self> {
        let fault = |what: String| Error {
            place: place_of(site.place),
            ..Error::new(Code::Expression, format!("{}: {what}", site.owner))
        };
        let expr = polars::sql::sql_expr(text)
            .map_err(|cause| fault(format!("not an SQL expression: {}", first_line(&cause.to_string()))))?;
        let named: BTreeSet<String> =
            expr.clone().meta().root_names().into_iter().map(|name| name.to_string()).collect();
        for name in &named {
            if scope.usable().all(|(column, _)| column != name) {
                return Err(unknown(name, scope, fault));
            }
        }
        if (&expr).into_iter().any(looks_beyond_the_row) {
            return Err(fault(format!("{text} speaks of all {} at once, not of each", scope.rows))
                .hint("use columns and constants only, no SUM, AVG, COUNT, OVER, ROW_NUMBER"));
        }
        let expr = expr.map_expr(null_where_divided_by_zero);
        let columns = scope
            .usable()
            .filter(|(name, _)| named.contains(*name))
            .map(|(name, _)| name.to_owned())
            .collect();
        let checked = Self { expr, columns, text: text.to_owned() };
        let result = checked.run(&scope.empty()).map_err(|error| {
            fault(format!("{} does not type-check: {}", text, error.what))
                .hint("dates are written DATE '2026-10-31'; money is in major units")
        })?;
        if !result.is_empty() {
            return Err(fault(format!("{text} speaks of all {} at once, not of each", scope.rows))
                .hint("use columns and constants only, no SUM, AVG, COUNT"));
        }
        let fits = match wanted {
            Wanted::Predicate => result.dtype() == &DataType::Boolean,
            Wanted::Number => result.dtype().is_primitive_numeric(),
        };
        if !fits {
            let due = if wanted == Wanted::Predicate { "true or false" } else { "a number" };
            return Err(fault(format!("{text} gives {}, not {due}", result.dtype())));
        }
        Ok(checked)
    }

    /// Evaluates a predicate: true where it is true, false where it is false or null.
    ///
    /// # Errors
    /// `Internal`, since what was checked does not fail.
    pub fn mask(&self, batch: &RecordBatch) -> Result<Vec<bool>> {
        let result = self.run(batch)?;
        let values = result
            .bool()
            .map_err(|cause| Error::internal("a predicate gave no truth values").caused_by(cause))?;
        self.same_length(values.len(), batch)?;
        Ok(values.iter().map(|value| value.unwrap_or(false)).collect())
    }

    /// Evaluates a number: `None` for null, NaN and infinities.
    ///
    /// # Errors
    /// `Internal`, since what was checked does not fail.
    pub fn numbers(&self, batch: &RecordBatch) -> Result<Vec<Option<f64>>> {
        let failed = |cause| Error::internal("a value gave no numbers").caused_by(cause);
        let result = self.run(batch)?.cast(&DataType::Float64).map_err(failed)?;
        let values = result.f64().map_err(failed)?;
        self.same_length(values.len(), batch)?;
        Ok(values.iter().map(|value| value.filter(|value| value.is_finite())).collect())
    }

    fn same_length(&self, n: usize, batch: &RecordBatch) -> Result<()> {
        if n == batch.num_rows() {
            return Ok(());
        }
        Err(Error::internal(format!("{} gave {n} values for {} rows", self.text, batch.num_rows())))
    }

    fn run(&self, batch: &RecordBatch) -> Result<Series> {
        let failed = |cause: polars::error::PolarsError| {
            Error::new(Code::Expression, first_line(&cause.to_string()).to_owned())
        };
        let mut columns = Vec::with_capacity(self.columns.len() + 1);
        for name in &self.columns {
            columns.push(series(batch, name)?.into_column());
        }
        let mut chosen = vec![self.expr.clone().alias(RESULT)];
        if columns.is_empty() {
            // A constant still gives a value for each customer; beside a column of rows it is spread over them.
            let rows = u32::try_from(batch.num_rows()).map_err(|_| Error::internal("over 2^32 customers"))?;
            columns.push(Series::new(ROW.into(), (0..rows).collect::<Vec<u32>>()).into_column());
            chosen.push(col(ROW));
        }
        let frame = DataFrame::new(batch.num_rows(), columns).map_err(failed)?;
        let result = frame.lazy().select(chosen).collect().map_err(failed)?;
        let column = result.column(RESULT).map_err(failed)?;
        Ok(column.as_materialized_series().clone())
    }
}

/// Whether a part of an expression takes other rows into account. What is gathered from constants, as the list after
/// `IN` is, does not.
fn looks_beyond_the_row(part: &Expr) -> bool {
    let gathers = matches!(
        part,
        Expr::Agg(_)
            | Expr::Over { .. }
            | Expr::Sort { .. }
            | Expr::SortBy { .. }
            | Expr::Gather { .. }
            | Expr::Slice { .. }
            | Expr::Filter { .. }
            | Expr::Explode { .. }
    );
    let of_columns = || part.into_iter().any(|inner| matches!(inner, Expr::Column(_) | Expr::Len));
    matches!(part, Expr::Len) || (gathers && of_columns())
}

/// A division by zero is not known, as in SQL databases that do not stop at it. Floats would give NaN, which compares
/// as greater than everything and would make members of those who never bought.
fn null_where_divided_by_zero(part: Expr) -> Expr {
    use polars::prelude::{NULL, Operator, lit, when};
    match &part {
        Expr::BinaryExpr {
            op: Operator::RustDivide | Operator::TrueDivide | Operator::FloorDivide | Operator::Modulus,
            right,
            ..
        } => {
            let divisor = right.as_ref().clone();
            when(divisor.neq(lit(0))).then(part.clone()).otherwise(lit(NULL))
        }
        _ => part,
    }
}

fn unknown(name: &str, scope: &Scope<'_>, fault: impl Fn(String) -> Error) -> Error {
    const LIKE: f64 = 0.75;
    let near = scope
        .usable()
        .map(|(column, _)| (strsim::jaro_winkler(name, column), column))
        .filter(|(score, _)| *score >= LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let error = fault(format!("{} has no column {name}", scope.name));
    if let Some((_, near)) = near {
        error.hint(format!("did you mean {near}?"))
    } else {
        let names: Vec<&str> = scope.usable().map(|(column, _)| column).collect();
        error.hint(format!("its columns are {}", names.join(", ")))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// `file:line:column` as a place.
fn place_of(text: &str) -> crate::error::Place {
    crate::error::Place { file: (!text.is_empty()).then(|| text.into()), ..crate::error::Place::default() }
}

/// A column as expressions see it: money as the nearest double of major units.
#[expect(clippy::cast_precision_loss, reason = "the nearest double is what expressions are promised")]
fn series(batch: &RecordBatch, name: &str) -> Result<Series> {
    use arrow_schema::DataType as Arrow;
    let array = crate::contract::read::array(batch, name)?;
    let name = name.into();
    let series = match array.data_type() {
        Arrow::Utf8 => Series::new(name, array.as_string::<i32>().iter().collect::<Vec<Option<&str>>>()),
        Arrow::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            let values = array.as_primitive::<Decimal128Type>().iter();
            Series::new(name, values.map(|value| value.map(|value| value as f64 / unit)).collect::<Vec<_>>())
        }
        Arrow::Date32 => Series::new(name, array.as_primitive::<Date32Type>().iter().collect::<Vec<_>>())
            .cast(&DataType::Date)
            .map_err(|cause| Error::internal("days are dates").caused_by(cause))?,
        Arrow::Int64 => Series::new(name, array.as_primitive::<Int64Type>().iter().collect::<Vec<_>>()),
        Arrow::UInt8 => {
            let values = array.as_primitive::<UInt8Type>().iter().map(|value| value.map(i64::from));
            Series::new(name, values.collect::<Vec<_>>())
        }
        Arrow::Float64 => Series::new(name, array.as_primitive::<Float64Type>().iter().collect::<Vec<_>>()),
        Arrow::Boolean => Series::new(name, array.as_boolean().iter().collect::<Vec<Option<bool>>>()),
        other => return Err(Error::internal(format!("columns of type {other} are not for expressions"))),
    };
    Ok(series)
}
