//! What the shards of a keyed step made of their rows -> columns of the batch.
//!
//! Invariant: a cell lands in the row it was made for; what lands is the same for any number of
//! shards, down to the order of a dictionary.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    new_empty_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::interleave;

use super::{ShardColumns, ShardOutput};
use crate::base::{Batch, DataType, ErrorKind, Result};
use crate::steps::fit::TextColumn;

/// Where each row's cells are: a shard, and a place among its rows.
type Places = Vec<(usize, usize)>;

/// Puts what `shards` made into the slots of `outputs`, which name slots and their types. Shards
/// make text for a categorical column too.
///
/// # Errors
/// When the texts of one batch exceed what an array can hold.
pub(crate) fn land(
    outputs: &[(usize, DataType)],
    batch: &mut Batch,
    shards: Vec<ShardOutput>,
) -> Result<()> {
    let mut dense = Vec::new();
    let mut typed = Vec::new();
    for shard in shards.into_iter().filter(|shard| !shard.rows.is_empty()) {
        match shard.columns {
            ShardColumns::Dense(columns) => dense.push((shard.rows, columns)),
            ShardColumns::Typed(columns) => typed.push((shard.rows, columns)),
            _ => unreachable!("only what has a cell for each row is landed here"),
        }
    }
    if !dense.is_empty() {
        land_dense(outputs, batch, dense);
    } else if !typed.is_empty() {
        return land_typed(outputs, batch, &typed);
    } else {
        for (slot, data_type) in outputs {
            batch.columns[*slot] = Some(new_empty_array(&data_type.to_arrow()));
        }
    }
    Ok(())
}

fn land_dense(
    outputs: &[(usize, DataType)],
    batch: &mut Batch,
    mut shards: Vec<(Vec<u32>, Vec<Vec<f64>>)>,
) {
    for (index, (slot, data_type)) in outputs.iter().enumerate() {
        let values = match shards.as_mut_slice() {
            // All rows in order: nothing to move.
            [(rows, columns)] if rows.len() == batch.rows => std::mem::take(&mut columns[index]),
            shards => {
                let mut values = vec![f64::NAN; batch.rows];
                for (rows, columns) in shards {
                    for (&row, &value) in rows.iter().zip(&columns[index]) {
                        values[row as usize] = value;
                    }
                }
                values
            }
        };
        batch.columns[*slot] = Some(numbers(values, data_type));
    }
}

/// An array of numbers, of whole ones if `data_type` says so; NaN stands for null.
pub(crate) fn numbers(values: Vec<f64>, data_type: &DataType) -> ArrayRef {
    match data_type {
        DataType::Int64 => whole(&values),
        _ => floats(values),
    }
}

/// An array of numbers; NaN stands for null.
pub(crate) fn floats(values: Vec<f64>) -> ArrayRef {
    let nulls = nulls(&values);
    Arc::new(Float64Array::new(values.into(), nulls))
}

fn whole(values: &[f64]) -> ArrayRef {
    let cells = values.iter().map(|&value| value as i64);
    Arc::new(Int64Array::new(cells.collect(), nulls(values)))
}

fn nulls(values: &[f64]) -> Option<NullBuffer> {
    let valid = BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan());
    Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0)
}

fn land_typed(
    outputs: &[(usize, DataType)],
    batch: &mut Batch,
    shards: &[(Vec<u32>, Vec<ArrayRef>)],
) -> Result<()> {
    let mut places: Places = vec![(0, 0); batch.rows];
    for (shard, (rows, _)) in shards.iter().enumerate() {
        for (cell, &row) in rows.iter().enumerate() {
            places[row as usize] = (shard, cell);
        }
    }
    for (index, (slot, data_type)) in outputs.iter().enumerate() {
        let arrays = shards.iter().map(|(_, columns)| &columns[index]);
        let arrays: Vec<&ArrayRef> = arrays.collect();
        let landed = match arrays[..] {
            _ if *data_type == DataType::Categorical => categories(&arrays, &places),
            [whole] => Arc::clone(whole),
            _ => {
                let arrays: Vec<&dyn Array> = arrays.iter().map(|array| &***array).collect();
                interleave(&arrays, &places).map_err(|source| ErrorKind::Encode {
                    action: "land what a step made key by key",
                    source: source.into(),
                })?
            }
        };
        batch.columns[*slot] = Some(landed);
    }
    Ok(())
}

/// A dictionary of the texts in the order of their first row.
fn categories(arrays: &[&ArrayRef], places: &Places) -> ArrayRef {
    let columns: Vec<TextColumn<'_>> = arrays.iter().map(|array| TextColumn::of(array)).collect();
    let mut ids: HashMap<&str, i32> = HashMap::new();
    let mut texts: Vec<&str> = Vec::new();
    let mut previous = ("", None);
    let codes = places.iter().map(|&(shard, cell)| {
        if arrays[shard].is_null(cell) {
            return None;
        }
        let text = columns[shard].get(cell);
        if previous.1.is_none() || previous.0 != text {
            let id = *ids.entry(text).or_insert_with(|| {
                texts.push(text);
                texts.len() as i32 - 1
            });
            previous = (text, Some(id));
        }
        previous.1
    });
    let codes: Int32Array = codes.collect();
    Arc::new(DictionaryArray::new(
        codes,
        Arc::new(StringArray::from_iter_values(texts)),
    ))
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;

    use super::*;

    fn batch(rows: usize, columns: usize) -> Batch {
        Batch {
            seq: 0,
            source: 0,
            rows,
            records: None,
            columns: vec![None; columns],
        }
    }

    fn typed(rows: Vec<u32>, array: ArrayRef) -> ShardOutput {
        let columns = ShardColumns::Typed(vec![array]);
        ShardOutput { rows, columns }
    }

    #[test]
    fn typed_cells_land_in_their_rows() {
        let numbers = |cells: Vec<Option<i64>>| Arc::new(Int64Array::from(cells)) as ArrayRef;
        let mut batch = batch(4, 1);
        let shards = vec![
            typed(vec![1, 2], numbers(vec![Some(10), None])),
            typed(vec![], numbers(vec![])),
            typed(vec![0, 3], numbers(vec![Some(7), Some(8)])),
        ];
        land(&[(0, DataType::Int64)], &mut batch, shards).unwrap();
        let expected = numbers(vec![Some(7), Some(10), None, Some(8)]);
        assert_eq!(batch.column(0), &expected);
    }

    #[test]
    fn a_dictionary_does_not_depend_on_the_shards() {
        let texts = |cells: Vec<Option<&str>>| Arc::new(StringArray::from(cells)) as ArrayRef;
        let one = vec![typed(
            vec![0, 1, 2, 3],
            texts(vec![Some("b"), Some("a"), None, Some("b")]),
        )];
        let two = vec![
            typed(vec![1, 2], texts(vec![Some("a"), None])),
            typed(vec![0, 3], texts(vec![Some("b"), Some("b")])),
        ];
        let landed = [one, two].map(|shards| {
            let mut batch = batch(4, 1);
            land(&[(0, DataType::Categorical)], &mut batch, shards).unwrap();
            Arc::clone(batch.column(0))
        });
        assert_eq!(landed[0].to_data(), landed[1].to_data());
        let dictionary = landed[0].as_dictionary::<Int32Type>();
        assert_eq!(dictionary.values(), &texts(vec![Some("b"), Some("a")]));
        assert_eq!(
            dictionary.keys().iter().collect::<Vec<_>>(),
            [Some(0), Some(1), None, Some(0)]
        );
    }

    #[test]
    fn no_rows_make_empty_columns() {
        let mut batch = batch(0, 2);
        let outputs = [(0, DataType::Utf8), (1, DataType::Int64)];
        land(&outputs, &mut batch, Vec::new()).unwrap();
        assert_eq!((batch.column(0).len(), batch.column(1).len()), (0, 0));
    }
}
