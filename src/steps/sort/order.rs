//! The columns that rows are sorted by -> bytes that have the order of the rows.
//!
//! Invariant: of two rows the one whose bytes are less comes first, and equal bytes are equal keys.
//! Text is ordered by its bytes; −0 equals 0, and NaN is greater than every other number.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType as ArrowType, Float64Type};
use arrow::row::{RowConverter, Rows, SortField};

use crate::base::{Batch, ErrorKind, Result};
use crate::steps::SortOrder;

impl SortOrder {
    /// The keys of the rows of `batch`, as bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if Arrow refuses, which it has no reason to.
    pub fn encode(&self, batch: &Batch) -> Result<Rows> {
        let columns = self.keys.iter().map(|key| plain(batch.column(key.slot)));
        let columns: Vec<ArrayRef> = columns.collect();
        let fields = self.keys.iter().zip(&columns).map(|(key, column)| {
            let options = SortOptions {
                descending: key.descending,
                nulls_first: self.nulls_first,
            };
            SortField::new_with_options(column.data_type().clone(), options)
        });
        let rows = RowConverter::new(fields.collect())
            .and_then(|converter| converter.convert_columns(&columns));
        rows.map_err(|source| {
            let action = "sort rows";
            let source = source.into();
            ErrorKind::Encode { action, source }.into()
        })
    }
}

/// The column with one zero and one NaN.
fn plain(column: &ArrayRef) -> ArrayRef {
    if *column.data_type() != ArrowType::Float64 {
        return Arc::clone(column);
    }
    let plain = |value: f64| match value {
        value if value.is_nan() => f64::NAN,
        // What is not zero stays; of the zeros the positive one is left.
        value => value + 0.0,
    };
    let cells = column.as_primitive::<Float64Type>();
    Arc::new(cells.unary::<_, Float64Type>(plain)) as Arc<Float64Array>
}
