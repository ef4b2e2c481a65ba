//! The types of what is made, and the reasons why something cannot be made of a column.

use crate::base::{Column, DataType, Running, Series};
use crate::steps::rolling::Time;

/// The type of what `series` makes of the column `input`, where it takes one.
///
/// # Errors
/// Says so where it cannot be made of such a column.
pub fn output_type(series: &Series, input: Option<&Column>) -> Result<DataType, String> {
    let Some(input) = input else {
        return match series.takes_column() {
            true => Err(format!("{} needs a column", series.name())),
            false => Ok(DataType::Int64),
        };
    };
    let numbers = || of_numbers(series, input);
    Ok(match series {
        Series::Lag(_) | Series::Lead(_) | Series::Running(Running::Max | Running::Min) => {
            input.data_type.clone()
        }
        Series::Diff(_) => match input.data_type {
            DataType::Int64 | DataType::Date | DataType::Timestamp { .. } => DataType::Int64,
            DataType::Decimal { precision, scale } => DataType::Decimal {
                precision: (precision + 1).min(38),
                scale,
            },
            DataType::Float64 => DataType::Float64,
            _ => return Err(refusal(series, input, "numbers, dates and times")),
        },
        Series::Running(Running::Sum) => match numbers()? {
            DataType::Decimal { scale, .. } => DataType::Decimal {
                precision: 38,
                scale: *scale,
            },
            other => other.clone(),
        },
        Series::Running(Running::Product) => match numbers()? {
            DataType::Int64 => DataType::Int64,
            _ => DataType::Float64,
        },
        Series::Rank(_) if input.data_type.is_text() => {
            return Err(refusal(series, input, "numbers, dates and times"));
        }
        Series::Rank(_) => DataType::Float64,
        Series::Expanding(expanding) => {
            numbers()?;
            crate::steps::rolling::RollingSpec::output_type(expanding.function)
        }
        Series::PercentChange(_) | Series::Ewm(_) => {
            numbers()?;
            DataType::Float64
        }
        Series::Count | Series::Session(_) => {
            return Err(format!("{} is made of no column", series.name()));
        }
    })
}

/// The column's type, if it holds numbers.
fn of_numbers<'a>(series: &Series, input: &'a Column) -> Result<&'a DataType, String> {
    match input.data_type.is_numeric() {
        true => Ok(&input.data_type),
        false => Err(refusal(series, input, "numbers")),
    }
}

fn refusal(series: &Series, input: &Column, wanted: &str) -> String {
    format!(
        "`{0}` is {1}, and {2} is made of {wanted} only; if it holds numbers, pass --dtype \
         {0}=float64",
        input.name,
        input.data_type,
        series.name()
    )
}

/// The time column in `slot`.
pub(super) fn time(column: &Column, slot: usize) -> Result<Time, String> {
    match column.data_type {
        DataType::Timestamp { .. } | DataType::Date => Ok(Time {
            slot,
            data_type: column.data_type.clone(),
        }),
        _ => Err(format!(
            "--time `{0}` is {1}, not a timestamp or date; if it holds times, pass --dtype \
             {0}=timestamp",
            column.name, column.data_type
        )),
    }
}
