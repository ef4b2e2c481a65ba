//! Columns made along the rows of each key, in file order: cells before and behind, changes,
//! running totals, ranks, exponentially weighted and expanding functions, sessions.
//!
//! The semantics are those of pandas' `groupby` (checked against 3.1):
//!
//! - `lag`, `lead`, `cummax` and `cummin` keep the column's type. Rows count whether they hold a
//!   value or not; where there is no such row, the cell is null.
//! - `diff` of integers and decimals is exact; of dates it is in days, of timestamps in ticks of the
//!   column. `pct_change` fills nothing in before; from 0 it is infinite.
//! - `cumsum`, `cumprod`, `cummax` and `cummin` pass over nulls and are null there. Sums of integers
//!   and decimals are exact, those of floats as if rounded once.
//! - What does not fit its type becomes null and is counted, or ends the run where it is strict; a
//!   later sum that fits again is right.
//! - `rank` counts from 1; nulls have none. `ewm` and `expanding` take infinities for missing, and a
//!   row whose own value is missing still gets a result.
//! - Of sessions and half-lives of time: a row with a null time gets null ([`Skipped`] counts them),
//!   and under [`Order::Trust`] a late row counts as if it came at the latest time of its key.
//!
//! NaN is missing, but for `lag` and `lead`, which only move cells. What grows with the rows (ranks,
//! cells behind, quantiles so far) goes to temporary files where memory has no room for it; what
//! grows with the keys only ends the run there, as all state per key does. Invariant: a result depends on
//! the rows of its key, and on nothing else: not on chunks, shards or threads.
//!
//! [`Skipped`]: crate::steps::rolling::Skipped

mod change;
mod clock;
mod count;
mod entry;
mod ewm;
mod expanding;
mod float;
mod halves;
mod history;
mod in_order;
mod lead;
pub mod naive;
mod per_key;
mod piles;
mod rank;
mod replay;
mod running;
mod shift;
mod spread;
#[cfg(test)]
mod tests;
mod texts;
mod totals;
mod types;

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;

pub use types::output_type;

use crate::base::{Batch, DataType, ErrorKind, Flaws, Order, Result, Running, Schema, Series};
use crate::spill::Runs;
use crate::steps::rolling::Time;
use crate::steps::{
    Effect, Fitted, KeyUse, KeyedState, KeyedStep, Prepared, ShardColumns, ShardOutput, Step, land,
};

/// One column made along the rows of each key.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSpec {
    /// What is made.
    pub series: Series,
    /// Slot of the result; its type is [`output_type`].
    pub output: usize,
}

/// How a step runs, beside what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conduct {
    /// What becomes of rows that are not in time order.
    pub order: Order,
    /// Whether a result that does not fit its type ends the run.
    pub strict: bool,
}

/// A step that adds columns made of the same column, from the same memory of it.
#[derive(Debug, Clone)]
pub struct Along {
    plan: Arc<Plan>,
    /// What the shards have learnt, of a step that is fitted first.
    fitted: Option<Vec<Arc<dyn Any + Send + Sync>>>,
    in_memory: bool,
}

/// What every shard's state is made from.
#[derive(Debug, Clone)]
struct Plan {
    specs: Vec<SeriesSpec>,
    /// Slot of the column, and its type; of steps that take none, any.
    slot: usize,
    input: DataType,
    time: Option<Time>,
    conduct: Conduct,
    label: String,
    /// Slots of the results, and their types.
    outputs: Vec<(usize, DataType)>,
}

impl Along {
    /// Plans the columns `specs`, of which any two share their memory, over the column in slot
    /// `column`; `time` is the slot of the time column, where there is one.
    ///
    /// # Errors
    /// Says so where a column cannot be made as asked.
    pub fn new(
        specs: Vec<SeriesSpec>,
        column: Option<usize>,
        time: Option<usize>,
        conduct: Conduct,
        schema: &Schema,
        label: impl Into<String>,
    ) -> Result<Self, String> {
        let input = column.map(|slot| &schema.columns[slot]);
        let timed = specs.iter().any(|spec| spec.series.is_timed());
        let time = match time.filter(|_| timed) {
            Some(slot) => Some(types::time(&schema.columns[slot], slot)?),
            None if timed => {
                return Err("the time of each row must be known; pass --time COL".to_owned());
            }
            None => None,
        };
        let outputs = specs.iter().map(|spec| {
            let data_type = output_type(&spec.series, input)?;
            Ok((spec.output, data_type))
        });
        Ok(Self {
            plan: Arc::new(Plan {
                outputs: outputs.collect::<Result<_, String>>()?,
                specs,
                slot: column.unwrap_or_default(),
                input: input.map_or(DataType::Int64, |column| column.data_type.clone()),
                time,
                conduct,
                label: label.into(),
            }),
            fitted: None,
            in_memory: true,
        })
    }

    /// For more rows than memory holds what it must of, as far as that is known.
    #[must_use]
    pub fn outgrown(self, is_outgrown: bool) -> Self {
        Self {
            in_memory: !is_outgrown,
            ..self
        }
    }

    /// Whether what its states hold grows with the rows, and not only with the keys.
    fn holds_rows(&self) -> bool {
        self.plan.specs.iter().any(|spec| match &spec.series {
            Series::Lead(_) => true,
            Series::Expanding(expanding) => expanding::holds_values(expanding.function),
            _ => false,
        })
    }

    /// Whether its rows are replayed key by key.
    fn is_replayed(&self) -> bool {
        !self.in_memory && self.holds_rows()
    }

    /// An empty state over keys that come one after the other; what that cannot hold goes beside
    /// `rows`.
    fn state_beside(&self, rows: &Runs) -> Result<Box<dyn KeyedState>> {
        Ok(match self.plan.specs[0].series {
            Series::Expanding(_) => {
                Box::new(expanding::State::spilling(Arc::clone(&self.plan), rows)?)
            }
            _ => self.state(0),
        })
    }

    fn takes_column(&self) -> bool {
        let mut specs = self.plan.specs.iter();
        specs.any(|spec| spec.series.takes_column())
    }
}

impl Step for Along {
    fn label(&self) -> String {
        self.plan.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        let column = self.takes_column().then_some(self.plan.slot);
        let time = self.plan.time.as_ref().map(|time| time.slot);
        let mut slots: Vec<_> = column.into_iter().chain(time).collect();
        slots.dedup();
        slots
    }

    fn writes(&self) -> Vec<usize> {
        self.plan.specs.iter().map(|spec| spec.output).collect()
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        let is_fitted = matches!(self.plan.specs[0].series, Series::Lead(_) | Series::Rank(_));
        Ok(match fitted {
            Some(Fitted::Shards(shards)) => Prepared::Keyed(Arc::new(Self {
                fitted: Some(shards.clone()),
                ..self.clone()
            })),
            _ if self.is_replayed() => {
                Prepared::FitKeyed(Arc::new(replay::Replay::new(&self.plan)))
            }
            _ if is_fitted => Prepared::FitKeyed(Arc::new(self.clone())),
            _ => Prepared::Keyed(Arc::new(self.clone())),
        })
    }
}

impl KeyedStep for Along {
    fn state(&self, shard: usize) -> Box<dyn KeyedState> {
        let plan = Arc::clone(&self.plan);
        let fitted = self
            .fitted
            .as_ref()
            .map(|shards| Arc::clone(&shards[shard]));
        if let Some(fitted) = fitted.as_ref().filter(|_| self.is_replayed()) {
            return replay::state(&plan, Arc::clone(fitted));
        }
        match plan.specs[0].series {
            Series::Lag(_) | Series::Diff(_) | Series::PercentChange(_) => shift::state(plan),
            Series::Lead(periods) => lead::state(plan, periods, fitted),
            Series::Running(running) => match (running, &plan.input) {
                (Running::Sum, DataType::Float64)
                | (Running::Product, DataType::Float64 | DataType::Decimal { .. }) => {
                    float::state(plan, running)
                }
                _ => running::state(plan, running),
            },
            Series::Count => Box::new(count::Rows::new()),
            Series::Rank(rank) => rank::state(plan, rank, fitted),
            Series::Ewm(_) => ewm::state(plan),
            Series::Expanding(_) => Box::new(expanding::State::new(plan)),
            Series::Session(gap) => Box::new(count::Sessions::new(&plan, gap)),
        }
    }

    fn key_use(&self) -> KeyUse {
        match self.plan.specs[0].series {
            Series::Rank(_) if self.fitted.is_none() => KeyUse::Spilt,
            Series::Rank(_) => KeyUse::Unused,
            _ if self.is_replayed() => KeyUse::Unused,
            _ if self.holds_rows() => KeyUse::Bounded,
            _ => KeyUse::Held,
        }
    }

    fn assemble(&self, batch: &mut Batch, mut shards: Vec<ShardOutput>) -> Result<Effect> {
        let mut flaws = Flaws::default();
        for shard in &mut shards {
            if let ShardColumns::Typed(columns) = &mut shard.columns
                && columns.len() > self.plan.outputs.len()
            {
                let overflows = columns.pop().expect("it is longer than the outputs");
                let overflows = overflows.as_primitive::<Int64Type>().values().iter();
                flaws.overflows += overflows.sum::<i64>() as u64;
            }
        }
        land(&self.plan.outputs, batch, shards)?;
        Ok(Effect {
            flaws,
            ..Effect::default()
        })
    }
}

impl Plan {
    /// What does not fit its type, in the shard's row `row`, ends the run where that is asked for.
    fn check_overflow(&self, row: u32) -> Result<()> {
        if !self.conduct.strict {
            return Ok(());
        }
        Err(ErrorKind::Row {
            row: row as usize,
            position: None,
            message: format!(
                "{}: a result does not fit its type; nothing was published (--strict)",
                self.label
            ),
        }
        .into())
    }
}

/// The arrays of a shard and, behind them where there are any, how many cells of each of its `rows`
/// rows overflowed.
fn typed(mut columns: Vec<ArrayRef>, overflows: &[u32], rows: usize) -> ShardColumns {
    if !overflows.is_empty() {
        let mut counts = vec![0_i64; rows];
        overflows.iter().for_each(|&row| counts[row as usize] += 1);
        columns.push(Arc::new(Int64Array::from(counts)));
    }
    ShardColumns::Typed(columns)
}
