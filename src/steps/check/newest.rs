//! The newest time of a column of dates or timestamps.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::max;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType, TimestampNanosecondType};

use crate::base::{Batch, DataType, Result, TimeUnit};
use crate::steps::{CheckStep, Fitted, Prepared, Seen, Step};

/// A check that looks for the newest time.
#[derive(Debug, Clone)]
pub struct Newest {
    label: String,
    slot: usize,
    data_type: DataType,
}

impl Newest {
    /// Looks in `slot`, of `data_type`.
    ///
    /// # Errors
    /// Says so if it holds no times.
    pub fn new(
        label: String,
        slot: usize,
        data_type: &DataType,
    ) -> std::result::Result<Self, String> {
        match data_type {
            DataType::Date | DataType::Timestamp { .. } => Ok(Self {
                label,
                slot,
                data_type: data_type.clone(),
            }),
            _ => Err(format!(
                "needs dates or timestamps; the column is {data_type}"
            )),
        }
    }
}

impl Step for Newest {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.slot]
    }

    fn writes(&self) -> Vec<usize> {
        Vec::new()
    }

    fn prepare(&self, _: Option<&Fitted>) -> Result<Prepared> {
        Ok(Prepared::Check(Arc::new(self.clone())))
    }
}

impl CheckStep for Newest {
    fn look(&self, batch: &Batch) -> Result<Seen> {
        let array = batch.column(self.slot);
        Ok(Seen::Newest(newest(array, &self.data_type)))
    }
}

/// The newest time of `array`, in microseconds since 1970-01-01; a date is its midnight.
fn newest(array: &ArrayRef, data_type: &DataType) -> Option<i64> {
    const DAY_US: i64 = 86_400_000_000;
    match data_type {
        DataType::Date => {
            let days = max(array.as_primitive::<Date32Type>())?;
            Some(i64::from(days) * DAY_US)
        }
        DataType::Timestamp {
            unit: TimeUnit::Microsecond,
            ..
        } => max(array.as_primitive::<TimestampMicrosecondType>()),
        _ => {
            let nanoseconds = max(array.as_primitive::<TimestampNanosecondType>())?;
            Some(nanoseconds.div_euclid(1000))
        }
    }
}
