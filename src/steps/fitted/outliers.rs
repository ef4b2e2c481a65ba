//! Numbers that lie too far out -> the limit they lie beyond, or null.
//!
//! Keeps: every number within the limits, null and NaN. Numbers held at a limit are floats, since
//! limits are; where outliers become null the column keeps its type.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Float64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::nullif;

use super::Site;
use crate::base::{Batch, Beyond, DataType, ErrorKind, Outliers, Result};
use crate::steps::fit::{Summary, SummaryFit, numbers};
use crate::steps::{Effect, Fitted, LocalStep, Prepared, Step};

/// A step that holds the outliers of a column.
#[derive(Debug, Clone)]
pub struct ClipOutliers {
    site: Site,
    output: usize,
    outliers: Outliers,
    beyond: Beyond,
}

impl ClipOutliers {
    /// Puts the numbers of `site` into the slot `output`, without those that are `outliers`.
    ///
    /// # Errors
    /// Says so if they are no numbers.
    pub fn new(
        site: Site,
        output: usize,
        outliers: Outliers,
        beyond: Beyond,
    ) -> std::result::Result<Self, String> {
        site.wants_numbers()?;
        Ok(Self {
            site,
            output,
            outliers,
            beyond,
        })
    }

    /// The type of what is made of a column of `data_type`.
    pub fn output_type(data_type: &DataType, beyond: Beyond) -> DataType {
        match beyond {
            Beyond::Limit => DataType::Float64,
            Beyond::Null => data_type.clone(),
        }
    }

    fn summary(&self) -> Summary {
        match self.outliers {
            Outliers::Iqr(_) => Summary::Quantiles(vec![0.25, 0.75]),
            Outliers::ZScore(_) => Summary::Moments,
            Outliers::Quantiles(low, high) => Summary::Quantiles(vec![low, high]),
        }
    }

    /// The lowest and the highest number that is no outlier.
    fn limits(&self, learnt: &[f64]) -> [f64; 2] {
        match (self.outliers, learnt) {
            (Outliers::Iqr(times), &[low, high]) => {
                let reach = times * (high - low);
                [low - reach, high + reach]
            }
            (Outliers::ZScore(times), &[mean, deviation]) => {
                let reach = times * deviation;
                [mean - reach, mean + reach]
            }
            (Outliers::Quantiles(..), &[low, high]) => [low, high],
            _ => [f64::NEG_INFINITY, f64::INFINITY],
        }
    }
}

impl Step for ClipOutliers {
    fn label(&self) -> String {
        self.site.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.site.input]
    }

    fn writes(&self) -> Vec<usize> {
        vec![self.output]
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        let Some(Fitted::Numbers { values, .. }) = fitted else {
            let fit = SummaryFit::new(self.site.fit_column(), &self.summary());
            return Ok(Prepared::Fit(Box::new(fit)));
        };
        let [lowest, highest] = self.limits(values);
        Ok(Prepared::Local(Arc::new(Hold {
            input: self.site.input,
            output: self.output,
            lowest,
            highest,
            beyond: self.beyond,
        })))
    }
}

struct Hold {
    input: usize,
    output: usize,
    lowest: f64,
    highest: f64,
    beyond: Beyond,
}

impl LocalStep for Hold {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let array = batch.column(self.input);
        let cells = numbers(array);
        let (lowest, highest) = (self.lowest, self.highest);
        let is_out = |row: usize| cells[row] < lowest || cells[row] > highest;
        let out = BooleanBuffer::collect_bool(cells.len(), is_out);
        let out = match array.nulls() {
            None => out,
            Some(nulls) => &out & nulls.inner(),
        };
        let outliers = out.count_set_bits() as u64;
        batch.columns[self.output] = Some(match self.beyond {
            Beyond::Limit => {
                // Not `clamp`, which wants limits in order and would end on NaN.
                let held = cells.iter().map(|&cell| match cell {
                    low if low < lowest => lowest,
                    high if high > highest => highest,
                    cell => cell,
                });
                let held: Vec<f64> = held.collect();
                Arc::new(Float64Array::new(held.into(), array.nulls().cloned()))
            }
            Beyond::Null => {
                let nulled = nullif(array, &BooleanArray::new(out, None));
                nulled.map_err(|source| ErrorKind::Encode {
                    action: "null outliers",
                    source: source.into(),
                })?
            }
        });
        Ok(Effect {
            outliers,
            ..Effect::default()
        })
    }
}
