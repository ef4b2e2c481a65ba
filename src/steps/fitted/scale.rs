//! Numbers -> floats of a like scale, as scikit-learn's scalers have it.
//!
//! `standard` takes away the mean and divides by the standard deviation of the population, `min-max`
//! takes the smallest to 0 and the largest to 1, `robust` takes away the median and divides by the
//! distance between the quartiles. A divisor of zero is left out. Null and NaN stay what they are.

use std::sync::Arc;

use arrow::array::{Array, Float64Array};

use super::Site;
use crate::base::{Batch, Result, Scaling};
use crate::steps::fit::{Summary, SummaryFit, numbers};
use crate::steps::{Effect, Fitted, LocalStep, Prepared, Step};

/// A step that scales a column.
#[derive(Debug, Clone)]
pub struct Scale {
    site: Site,
    output: usize,
    scaling: Scaling,
}

impl Scale {
    /// Puts the scaled numbers of `site` into the slot `output`.
    ///
    /// # Errors
    /// Says so if they are no numbers.
    pub fn new(site: Site, output: usize, scaling: Scaling) -> std::result::Result<Self, String> {
        site.wants_numbers()?;
        Ok(Self {
            site,
            output,
            scaling,
        })
    }

    fn summary(&self) -> Summary {
        match self.scaling {
            Scaling::Standard => Summary::Moments,
            Scaling::MinMax => Summary::Extremes,
            Scaling::Robust => Summary::Quantiles(vec![0.25, 0.5, 0.75]),
        }
    }

    /// What is taken away, and what the rest is divided by.
    fn line(&self, learnt: &[f64]) -> [f64; 2] {
        let [middle, width] = match (self.scaling, learnt) {
            (Scaling::Standard, &[mean, deviation]) => [mean, deviation],
            (Scaling::MinMax, &[smallest, largest]) => [smallest, largest - smallest],
            (Scaling::Robust, &[low, median, high]) => [median, high - low],
            _ => [0.0, 1.0],
        };
        [middle, if width == 0.0 { 1.0 } else { width }]
    }
}

impl Step for Scale {
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
        let [middle, width] = self.line(values);
        Ok(Prepared::Local(Arc::new(Line {
            input: self.site.input,
            output: self.output,
            middle,
            width,
        })))
    }
}

struct Line {
    input: usize,
    output: usize,
    middle: f64,
    width: f64,
}

impl LocalStep for Line {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let array = batch.column(self.input);
        let cells = numbers(array);
        let scaled = cells.iter().map(|cell| (cell - self.middle) / self.width);
        let scaled = Float64Array::new(scaled.collect::<Vec<_>>().into(), array.nulls().cloned());
        batch.columns[self.output] = Some(Arc::new(scaled));
        Ok(Effect::default())
    }
}
