//! Imputation: what becomes of the nulls of a column.
//!
//! An [`Impute`] step fills the nulls of one column, or removes their rows, and touches nothing
//! else: every cell that was not null, every other column and every array's exact type stay as they
//! were. Statistics (mean, median, mode) are fitted over the whole column in passes whose result
//! depends on neither order nor chunking, or per key; forward fill, backward fill and linear
//! interpolation follow each key in file order and never look ahead. A column, or a key, without a
//! value fills nothing. NaN is a value, not a null: it is neither filled nor counted in a
//! statistic, but it is carried forward and backward like any other value.

#[macro_use]
mod dispatch;

mod backward;
mod column;
mod constant;
mod fill;
mod forward;
mod keyed;
mod keyed_median;
mod keyed_mode;
mod linear;
mod mean;
mod median;
mod mode;
pub mod naive;
mod patch;
mod table;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::Arc;

pub use constant::parse_value;
pub(in crate::steps) use table::{CellTable, FixedTable, TextTable};

use crate::base::{Column, DataType, Error, Method, Result, Statistic, Value};
use crate::steps::fit::{cells, counts, float_sum, interner, ranks, ratio};
use crate::steps::{Fit, Fitted, KeyedState, KeyedStep, Prepared, Step};
use backward::{BackwardFill, BackwardFit};
use column::ColumnContext;
use fill::{ConstantFill, DropRows};
use forward::{ForwardFill, TextForwardFill};
use keyed::{KeyedFill, LookupFill, shard_table};
use keyed_median::KeyedMedianFit;
use keyed_mode::{KeyedModeFit, KeyedTextModeFit};
use linear::{LinearFill, LinearFit};
use mean::{KeyedMeanFit, MeanFit};
use median::MedianFit;
use mode::{ModeFit, TextModeFit};

/// How nulls are filled: a [`Method`] whose constant was read as the column's type.
#[derive(Debug, Clone, PartialEq)]
enum Fill {
    Statistic { statistic: Statistic, by_key: bool },
    Const(Value),
    Forward,
    Backward,
    Linear,
    Drop,
}

/// A step that fills the nulls of one column, or removes their rows.
#[derive(Debug, Clone)]
pub struct Impute {
    fill: Fill,
    label: String,
    context: ColumnContext,
}

impl Impute {
    /// Fills the nulls of `column`, which stands in `slot`, by `method`. `key_given` says whether
    /// the user named a key; a fit, or one shard of it, holds at most `fit_bytes_max` bytes.
    ///
    /// # Errors
    /// A usage error when the method makes no sense on the column's type, the constant is none of
    /// it, or a statistic per key is asked for without a key.
    pub fn new(
        column: &Column,
        slot: usize,
        method: &Method,
        key_given: bool,
        fit_bytes_max: usize,
    ) -> Result<Self> {
        let label = format!("impute {}={method}", column.name);
        let usage = |message: String| Error::usage(format!("--{label}"), message);
        if let Some(message) = refusal(method, &column.data_type) {
            return Err(usage(message));
        }
        let fill = match *method {
            Method::Statistic {
                statistic,
                by_key: true,
            } if !key_given => {
                let name = statistic.name();
                return Err(usage(format!(
                    "there is no key; pass --key COLS, or write `{name}` for the whole column"
                )));
            }
            Method::Statistic { statistic, by_key } => Fill::Statistic { statistic, by_key },
            Method::Const(ref text) => Fill::Const(parse_value(text, column).map_err(usage)?),
            Method::ForwardFill => Fill::Forward,
            Method::BackwardFill => Fill::Backward,
            Method::Linear => Fill::Linear,
            Method::Drop => Fill::Drop,
        };
        let context = ColumnContext {
            slot,
            data_type: column.data_type.clone(),
            term: format!("the state of {label}").into(),
            bytes_max: fit_bytes_max,
        };
        Ok(Self {
            fill,
            label,
            context,
        })
    }

    /// The first pass.
    fn fit(&self) -> Prepared {
        match self.fill {
            Fill::Statistic { statistic, by_key: false } => {
                Prepared::Fit(self.column_fit(statistic))
            }
            Fill::Statistic { statistic, by_key: true } => Prepared::FitKeyed(
                self.keyed(move |context, _| keyed_statistic_fit(context, statistic)),
            ),
            Fill::Backward => Prepared::FitKeyed(self.keyed(|context, _| {
                with_column_kind!(context.data_type,
                    T => Box::new(BackwardFit::<FixedTable<T>>::new(context)),
                    text => Box::new(BackwardFit::<TextTable>::new(context))
                )
            })),
            Fill::Linear => Prepared::FitKeyed(self.keyed(|context, _| {
                with_measure!(context.data_type, T => Box::new(LinearFit::<T>::new(context)))
            })),
            Fill::Forward => Prepared::Keyed(self.keyed(|context, _| {
                with_column_kind!(context.data_type,
                    T => Box::new(ForwardFill::<T>::new(context.slot)),
                    text => Box::new(TextForwardFill::new(context.slot))
                )
            })),
            Fill::Const(ref value) => self.constant(Some(value.clone())),
            Fill::Drop => Prepared::Local(Arc::new(DropRows { slot: self.context.slot })),
        }
    }

    fn column_fit(&self, statistic: Statistic) -> Box<dyn Fit> {
        let context = self.context.clone();
        match statistic {
            Statistic::Mean => with_measure!(context.data_type,
                T => Box::new(MeanFit::<T>::new(context))),
            Statistic::Median => with_measure!(context.data_type,
                T => Box::new(MedianFit::<T>::new(context))),
            Statistic::Mode => with_column_kind!(context.data_type,
                T => Box::new(ModeFit::<T>::new(context)),
                text => Box::new(TextModeFit::new(context))),
        }
    }

    fn constant(&self, value: Option<Value>) -> Prepared {
        let context = self.context.clone();
        Prepared::Local(Arc::new(ConstantFill { context, value }))
    }

    /// The last pass, with the tables that the keyed fit of each shard left.
    fn fill(&self, tables: Vec<Arc<dyn Any + Send + Sync>>) -> Prepared {
        let step: Arc<dyn KeyedStep> = match self.fill {
            Fill::Backward => self.keyed(move |context, shard| {
                with_column_kind!(context.data_type,
                    T => {
                        let ends = shard_table::<FixedTable<T>>(&tables, shard);
                        Box::new(BackwardFill::new(context.slot, ends))
                    },
                    text => {
                        let ends = shard_table::<TextTable>(&tables, shard);
                        Box::new(BackwardFill::new(context.slot, ends))
                    }
                )
            }),
            Fill::Linear => self.keyed(move |context, shard| {
                with_measure!(context.data_type,
                    T => Box::new(LinearFill::<T>::new(context.slot, &tables, shard)))
            }),
            _ => self.keyed(move |context, shard| {
                let slot = context.slot;
                with_column_kind!(context.data_type,
                    T => {
                        let table = shard_table::<FixedTable<T>>(&tables, shard);
                        Box::new(LookupFill { slot, table })
                    },
                    text => {
                        let table = shard_table::<TextTable>(&tables, shard);
                        Box::new(LookupFill { slot, table })
                    }
                )
            }),
        };
        Prepared::Keyed(step)
    }

    fn keyed<F>(&self, make: F) -> Arc<dyn KeyedStep>
    where
        F: Fn(ColumnContext, usize) -> Box<dyn KeyedState> + Send + Sync + 'static,
    {
        let context = self.context.clone();
        Arc::new(KeyedFill {
            slot: context.slot,
            data_type: context.data_type.clone(),
            make: move |shard| make(context.clone(), shard),
        })
    }
}

fn keyed_statistic_fit(context: ColumnContext, statistic: Statistic) -> Box<dyn KeyedState> {
    match statistic {
        Statistic::Mean => with_measure!(context.data_type,
            T => Box::new(KeyedMeanFit::<T>::new(context))),
        Statistic::Median => with_measure!(context.data_type,
            T => Box::new(KeyedMedianFit::<T>::new(context))),
        Statistic::Mode => with_column_kind!(context.data_type,
            T => Box::new(KeyedModeFit::<T>::new(context)),
            text => Box::new(KeyedTextModeFit::new(context))),
    }
}

/// Why `method` cannot fill a column of `data_type`, if it cannot.
fn refusal(method: &Method, data_type: &DataType) -> Option<String> {
    let is_measured = matches!(
        method,
        Method::Linear
            | Method::Statistic {
                statistic: Statistic::Mean | Statistic::Median,
                ..
            }
    );
    let is_measure = !matches!(
        data_type,
        DataType::Boolean | DataType::Utf8 | DataType::Categorical
    );
    (is_measured && !is_measure).then(|| {
        format!(
            "a column of type {data_type} has no {method}; possible are mode, const:VALUE, ffill, \
             bfill or drop"
        )
    })
}

impl Step for Impute {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.context.slot]
    }

    fn writes(&self) -> Vec<usize> {
        vec![self.context.slot]
    }

    fn drops_rows(&self) -> bool {
        self.fill == Fill::Drop
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        Ok(match fitted {
            None => self.fit(),
            Some(Fitted::Statistic { value, .. }) => self.constant(value.clone()),
            Some(Fitted::Shards(tables)) => self.fill(tables.clone()),
            Some(_) => unreachable!("a fill learns one statistic, or tables by key"),
        })
    }
}
