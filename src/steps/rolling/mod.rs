//! Rolling windows per key: for each row a function over the rows of its key up to it.
//!
//! The semantics are those of pandas (checked against 3.1):
//!
//! - Null, NaN and ±∞ are missing; only `count` counts infinities. A row whose own value is
//!   missing still gets the value of its window.
//! - A row window counts rows, missing ones included. A time window of `w` at time `t` is
//!   `(t − w, t]`. A row sees itself and the rows of its key before it in file order; of rows with
//!   equal times the later ones are not seen.
//! - With fewer than `min_samples` values the result is null. It defaults to the window's size for
//!   row windows and to 1 for time windows. For `count` it counts rows, whatever their value.
//! - `sum` of no values is 0 (with a `min_samples` of 0), any other function of them null. `std`
//!   and `var` divide by n − 1 and are null below two values; quantiles interpolate linearly.
//!
//! Where pandas has no answer: a row with a null time enters no time window and gets null from
//! each ([`Skipped`] counts them). Under [`Order::Trust`] a late row counts as if it came at the
//! latest time of its key so far. Integers and decimals are taken as the nearest double. Sums are
//! exact to the last digits whatever has passed through the window; a variance beyond the range of
//! doubles is infinite, and so is its root.
//!
//! Invariant: a result depends on the rows of its key up to this one, and on nothing else: not on
//! chunks, shards or threads.

mod aggregate;
mod blocks;
mod columns;
mod exact;
mod extreme;
mod fold;
mod group;
mod moments;
pub mod naive;
mod quantile;
mod queue;
mod rings;
mod slab;
mod sliding;
mod sorted;
mod state;
mod sum;
mod window;

use std::sync::Arc;

pub(in crate::steps) use aggregate::two_sum;
pub(in crate::steps) use columns::{gather_numbers, gather_times};
pub(in crate::steps) use exact::ExactSum;
pub(in crate::steps) use group::Late;
pub use state::Skipped;
pub(in crate::steps) use state::out_of_order;
pub(in crate::steps) use sum::exact_mean;

use super::{Effect, Fitted, KeyedState, KeyedStep, Prepared, ShardOutput, Step, land};
use crate::base::{Batch, DataType, Error, Function, Order, Result, Schema, TimeUnit, Window};

/// One rolled column.
#[derive(Debug, Clone, PartialEq)]
pub struct RollingSpec {
    /// Slot of the column to roll over: int64, float64 or decimal.
    pub column: usize,
    /// What to compute.
    pub function: Function,
    /// Over which rows.
    pub window: Window,
    /// Fewer samples give null; the default is the window's size for row windows, 1 for time
    /// windows.
    pub min_samples: Option<u32>,
    /// Slot of the result; its type is [`RollingSpec::output_type`].
    pub output: usize,
}

impl RollingSpec {
    /// The type of the results of `function`: int64 for `count`, float64 for all others.
    pub fn output_type(function: Function) -> DataType {
        match function {
            Function::Count => DataType::Int64,
            _ => DataType::Float64,
        }
    }

    /// `min_samples` or its default.
    fn min_samples(&self) -> u32 {
        self.min_samples.unwrap_or(match self.window {
            Window::Rows(rows) => rows,
            Window::Time(_) => 1,
        })
    }
}

/// A step that adds rolled columns, all by the same key. Columns over the same input share memory.
#[derive(Debug, Clone)]
pub struct Rolling {
    plan: Arc<Plan>,
}

/// What every shard's state is made from.
#[derive(Debug)]
struct Plan {
    specs: Vec<RollingSpec>,
    time: Option<Time>,
    order: Order,
    label: String,
}

/// The time column.
#[derive(Debug, Clone)]
pub(in crate::steps) struct Time {
    pub(in crate::steps) slot: usize,
    pub(in crate::steps) data_type: DataType,
}

impl Time {
    /// Length of one tick of the column, in nanoseconds.
    pub(in crate::steps) fn tick_nanoseconds(&self) -> u64 {
        match self.data_type {
            DataType::Timestamp { unit, .. } => match unit {
                TimeUnit::Microsecond => 1_000,
                TimeUnit::Nanosecond => 1,
            },
            _ => 86_400_000_000_000,
        }
    }
}

impl Rolling {
    /// Plans the columns `specs`; `time` is the slot of the time column, where there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when a column cannot be rolled over as asked.
    pub fn new(
        specs: Vec<RollingSpec>,
        time: Option<usize>,
        order: Order,
        schema: &Schema,
        label: impl Into<String>,
    ) -> Result<Self> {
        for spec in &specs {
            check(spec, time, schema)?;
        }
        let timed = specs
            .iter()
            .any(|spec| matches!(spec.window, Window::Time(_)));
        let time = time.filter(|_| timed).map(|slot| Time {
            slot,
            data_type: schema.columns[slot].data_type.clone(),
        });
        Ok(Self {
            plan: Arc::new(Plan {
                specs,
                time,
                order,
                label: label.into(),
            }),
        })
    }
}

/// Whether `spec` can be computed.
fn check(spec: &RollingSpec, time: Option<usize>, schema: &Schema) -> Result<()> {
    let column = &schema.columns[spec.column];
    let (function, window) = (spec.function, spec.window);
    let option = || format!("--rolling {}:{function}:{window}", column.name);
    if !column.data_type.is_numeric() {
        let message = format!(
            "`{}` is {}, and windows roll over numbers only; if it holds numbers, pass --dtype {}=float64",
            column.name, column.data_type, column.name
        );
        return Err(Error::usage(option(), message));
    }
    match window {
        Window::Rows(rows) if !(1..=Window::ROWS_MAX).contains(&rows) => {
            let message = format!("a row window takes 1 to {} rows", Window::ROWS_MAX);
            Err(Error::usage(option(), message))
        }
        Window::Rows(rows) if spec.min_samples() > rows => {
            let message = format!(
                "--min-samples {} can never be reached in a window of {rows} rows; pass {rows} or less",
                spec.min_samples()
            );
            Err(Error::usage(option(), message))
        }
        Window::Rows(_) => Ok(()),
        Window::Time(length) if length < 1 => {
            Err(Error::usage(option(), "a time window takes 1ns or more"))
        }
        Window::Time(_) => {
            let Some(slot) = time else {
                let message = "a time window needs to know the time of each row: pass --time COL";
                return Err(Error::usage(option(), message));
            };
            let time = &schema.columns[slot];
            match time.data_type {
                DataType::Timestamp { .. } | DataType::Date => Ok(()),
                _ => {
                    let message = format!(
                        "`{0}` is {1}, not a timestamp or date; if it holds times, pass --dtype {0}=timestamp",
                        time.name, time.data_type
                    );
                    Err(Error::usage(format!("--time {}", time.name), message))
                }
            }
        }
    }
}

impl Step for Rolling {
    fn label(&self) -> String {
        self.plan.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        let columns = self.plan.specs.iter().map(|spec| spec.column);
        let time = self.plan.time.iter().map(|time| time.slot);
        let mut slots: Vec<_> = columns.chain(time).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn writes(&self) -> Vec<usize> {
        self.plan.specs.iter().map(|spec| spec.output).collect()
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Keyed(Arc::new(self.clone())))
    }
}

impl KeyedStep for Rolling {
    fn state(&self, _: usize) -> Box<dyn KeyedState> {
        Box::new(state::ShardState::new(&self.plan))
    }

    fn assemble(&self, batch: &mut Batch, outputs: Vec<ShardOutput>) -> Result<Effect> {
        let specs = self.plan.specs.iter();
        let columns = specs.map(|spec| (spec.output, RollingSpec::output_type(spec.function)));
        land(&columns.collect::<Vec<_>>(), batch, outputs)?;
        Ok(Effect::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Column, Origin};

    fn plan(
        column: usize,
        window: Window,
        time: Option<usize>,
        min: Option<u32>,
    ) -> Result<Rolling> {
        let column_of = |(name, data_type): (&str, DataType)| Column {
            name: name.into(),
            data_type,
            format: None,
            origin: Origin::Inferred,
        };
        let columns = [
            ("amount", DataType::Int64),
            ("name", DataType::Utf8),
            ("day", DataType::Date),
        ];
        let schema = Schema {
            columns: columns.into_iter().map(column_of).collect(),
        };
        let spec = RollingSpec {
            column,
            function: Function::Mean,
            window,
            min_samples: min,
            output: 3,
        };
        Rolling::new(vec![spec], time, Order::Error, &schema, "rolling")
    }

    #[test]
    fn what_cannot_be_rolled_is_refused_with_advice() {
        const DAY: Window = Window::Time(86_400_000_000_000);
        for (result, text) in [
            (
                plan(1, Window::Rows(7), None, None),
                "--rolling name:mean:7: `name` is utf8",
            ),
            (
                plan(0, DAY, None, None),
                "--rolling amount:mean:1d: a time window needs",
            ),
            (
                plan(0, DAY, Some(1), None),
                "--time name: `name` is utf8, not a timestamp",
            ),
            (
                plan(0, Window::Rows(2), None, Some(3)),
                "--min-samples 3 can never",
            ),
            (
                plan(0, Window::Rows(0), None, None),
                "takes 1 to 1000000 rows",
            ),
            (plan(0, Window::Time(0), Some(2), None), "takes 1ns or more"),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn a_step_reads_the_time_only_where_it_needs_it() {
        let rows = plan(0, Window::Rows(2), Some(2), Some(2)).unwrap();
        assert_eq!((rows.reads(), rows.writes()), (vec![0], vec![3]));
        let times = plan(0, Window::Time(5), Some(2), Some(9)).unwrap();
        assert_eq!(times.reads(), [0, 2]);
        assert_eq!(times.label(), "rolling");
    }
}
