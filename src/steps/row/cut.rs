//! Numbers in, the labels of the bins they fall into out, as `pandas.cut` has it.
//! Keeps: a number outside all bins, NaN and null have no label; the dictionary of every batch is
//! that of all labels in the order of their bins.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType as ArrowType, Decimal128Type, Float64Type, Int64Type};

use crate::base::{Batch, DataType, Result};
use crate::steps::{Effect, Fitted, LocalStep, Prepared, Step};

/// Neighbouring bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// Where they begin and end, ascending; there is one more than bins.
    pub edges: Vec<f64>,
    /// What they are called; unique.
    pub labels: Vec<String>,
    /// Whether a bin holds its upper edge, rather than its lower one.
    pub right: bool,
    /// Whether the outermost edge that would be left out belongs to its bin.
    pub include_lowest: bool,
}

impl Bins {
    /// The index of the bin that `value` is in.
    fn find(&self, value: f64) -> Option<usize> {
        let last = self.edges.len() - 1;
        // Bins are few: counting the edges below takes no branch.
        let below = self.edges.iter().map(|edge| match self.right {
            true => usize::from(*edge < value),
            false => usize::from(*edge <= value),
        });
        match below.sum::<usize>() {
            _ if value.is_nan() => None,
            0 => (self.right && self.include_lowest && value == self.edges[0]).then_some(0),
            count if count <= last => Some(count - 1),
            _ => {
                let is_top = !self.right && self.include_lowest && value == self.edges[last];
                is_top.then(|| last - 1)
            }
        }
    }
}

/// A step that makes a column of labels.
#[derive(Debug, Clone)]
pub struct Cut {
    label: String,
    input: usize,
    output: usize,
    bins: Arc<Bins>,
}

impl Cut {
    /// Labels the numbers in the slot `input`, of `data_type`, in the slot `output`.
    ///
    /// # Errors
    /// Says so if they are no numbers.
    pub fn new(
        label: String,
        (input, data_type): (usize, &DataType),
        output: usize,
        bins: Bins,
    ) -> std::result::Result<Self, String> {
        if !data_type.is_numeric() {
            return Err(format!("only numbers have bins; the column is {data_type}"));
        }
        Ok(Self {
            label,
            input,
            output,
            bins: Arc::new(bins),
        })
    }
}

impl Step for Cut {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.input]
    }

    fn writes(&self) -> Vec<usize> {
        vec![self.output]
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        let bins = Arc::clone(&self.bins);
        let labels = Labels::new(self.input, self.output, bins);
        Ok(Prepared::Local(Arc::new(labels)))
    }
}

/// Labels the numbers of batches.
pub(in crate::steps) struct Labels {
    input: usize,
    output: usize,
    bins: Arc<Bins>,
    labels: ArrayRef,
}

impl Labels {
    /// Labels the numbers in the slot `input` in the slot `output`.
    pub(in crate::steps) fn new(input: usize, output: usize, bins: Arc<Bins>) -> Self {
        Self {
            input,
            output,
            labels: Arc::new(StringArray::from_iter_values(&bins.labels)),
            bins,
        }
    }
}

impl LocalStep for Labels {
    fn apply(&self, batch: &mut Batch) -> Result<Effect> {
        let array = batch.column(self.input);
        let nulls = array.nulls();
        let codes = match array.data_type() {
            ArrowType::Int64 => {
                let values = array.as_primitive::<Int64Type>().values().iter();
                self.codes(values.map(|value| *value as f64), nulls)
            }
            ArrowType::Float64 => {
                let values = array.as_primitive::<Float64Type>().values().iter();
                self.codes(values.copied(), nulls)
            }
            _ => {
                let decimals = array.as_primitive::<Decimal128Type>();
                let unit = 10_f64.powi(decimals.scale().into());
                self.codes(
                    decimals.values().iter().map(|value| *value as f64 / unit),
                    nulls,
                )
            }
        };
        let labels = DictionaryArray::new(codes, Arc::clone(&self.labels));
        batch.columns[self.output] = Some(Arc::new(labels));
        Ok(Effect::default())
    }
}

impl Labels {
    fn codes(
        &self,
        values: impl ExactSizeIterator<Item = f64>,
        nulls: Option<&NullBuffer>,
    ) -> Int32Array {
        if self.bins.edges.len() < 2 {
            return Int32Array::new_null(values.len());
        }
        let found: Vec<Option<usize>> = values.map(|value| self.bins.find(value)).collect();
        let inside = NullBuffer::from_iter(found.iter().map(Option::is_some));
        let nulls = NullBuffer::union(nulls, Some(&inside));
        let codes = found.iter().map(|bin| bin.unwrap_or(0) as i32);
        Int32Array::new(
            codes.collect::<Vec<_>>().into(),
            nulls.filter(|n| n.null_count() > 0),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(right: bool, include_lowest: bool) -> Bins {
        Bins {
            edges: vec![0.0, 10.0, f64::INFINITY],
            labels: vec!["low".to_owned(), "high".to_owned()],
            right,
            include_lowest,
        }
    }

    #[test]
    fn edges_belong_to_one_bin() {
        for (value, right, lowest, left, left_lowest) in [
            (-1.0, None, None, None, None),
            (0.0, None, Some(0), Some(0), Some(0)),
            (0.1, Some(0), Some(0), Some(0), Some(0)),
            (10.0, Some(0), Some(0), Some(1), Some(1)),
            (1e300, Some(1), Some(1), Some(1), Some(1)),
            (f64::INFINITY, Some(1), Some(1), None, Some(1)),
            (f64::NAN, None, None, None, None),
        ] {
            assert_eq!(bins(true, false).find(value), right, "{value}");
            assert_eq!(bins(true, true).find(value), lowest, "{value}");
            assert_eq!(bins(false, false).find(value), left, "{value}");
            assert_eq!(bins(false, true).find(value), left_lowest, "{value}");
        }
    }
}
