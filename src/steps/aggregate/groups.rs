//! The keys of groups, as bytes that sort as their cells do, and back.
//! Keeps: nulls sort last; -0 is 0 and all NaN are one, as where rows are grouped; the bytes of one
//! key are never the beginning of another's.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType as ArrowType, Float64Type};
use arrow::row::{RowConverter, RowParser, SortField};

use super::cells::cast;
use crate::base::{Batch, DataType, ErrorKind, Result};

/// Turns the cells of some columns into bytes and back.
pub(super) struct KeyCoder {
    slots: Vec<usize>,
    /// `None` without columns: all rows are one group, whose key has no bytes.
    converter: Option<(RowConverter, RowParser)>,
}

/// The type that the cells of a key have in between; texts are plain.
fn plain(data_type: &DataType) -> ArrowType {
    match data_type {
        DataType::Categorical => ArrowType::Utf8,
        other => other.to_arrow(),
    }
}

pub(super) fn refused(source: arrow::error::ArrowError) -> ErrorKind {
    ErrorKind::Encode {
        action: "sort the groups of a table",
        source: source.into(),
    }
}

impl KeyCoder {
    /// For the columns in `slots`, of these types.
    pub(super) fn new(columns: &[(usize, DataType)]) -> Result<Self> {
        let options = SortOptions {
            descending: false,
            nulls_first: false,
        };
        let fields = columns.iter();
        let fields = fields.map(|(_, it)| SortField::new_with_options(plain(it), options));
        let converter = match columns {
            [] => None,
            _ => {
                let converter = RowConverter::new(fields.collect()).map_err(refused)?;
                let parser = converter.parser();
                Some((converter, parser))
            }
        };
        Ok(Self {
            slots: columns.iter().map(|(slot, _)| *slot).collect(),
            converter,
        })
    }

    /// The keys of these rows of `batch`, each to be visited once, in order.
    pub(super) fn encode(
        &self,
        batch: &Batch,
        rows: &[u32],
        mut visit: impl FnMut(&[u8]),
    ) -> Result<()> {
        let Some((converter, _)) = &self.converter else {
            rows.iter().for_each(|_| visit(&[]));
            return Ok(());
        };
        let rows = UInt32Array::from(rows.to_vec());
        let columns = self.slots.iter().map(|&slot| {
            let cells = take(batch.column(slot), &rows, None).map_err(refused)?;
            match cells.data_type() {
                ArrowType::Dictionary(..) => cast(&cells, &ArrowType::Utf8),
                ArrowType::Float64 => Ok(united(&cells)),
                _ => Ok(cells),
            }
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let rows = converter.convert_columns(&columns).map_err(refused)?;
        rows.iter().for_each(|row| visit(row.data()));
        Ok(())
    }

    /// The keys of cells that were decoded, one for each of so many rows.
    pub(super) fn keys(&self, columns: &[ArrayRef], rows: usize) -> Result<GroupKeys> {
        let mut keys = GroupKeys::default();
        match &self.converter {
            None => (0..rows).for_each(|_| keys.push(&[])),
            Some((converter, _)) => {
                let rows = converter.convert_columns(columns).map_err(refused)?;
                rows.iter().for_each(|row| keys.push(row.data()));
            }
        }
        Ok(keys)
    }

    /// The cells of keys, column by column.
    pub(super) fn decode<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> Result<Vec<ArrayRef>> {
        match &self.converter {
            None => Ok(Vec::new()),
            Some((converter, parser)) => {
                let rows: Vec<_> = keys.map(|key| parser.parse(key)).collect();
                Ok(converter.convert_rows(rows).map_err(refused)?)
            }
        }
    }
}

/// Floats, of which equal ones have equal bits.
fn united(cells: &ArrayRef) -> ArrayRef {
    let floats = cells.as_primitive::<Float64Type>();
    let united = floats.unary::<_, Float64Type>(|cell| match cell.is_nan() {
        true => f64::NAN,
        false => cell + 0.0,
    });
    Arc::new(united)
}

/// The keys of groups by id, each kept once.
#[derive(Default)]
pub(super) struct GroupKeys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl GroupKeys {
    pub(super) fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn key(&self, group: u32) -> &[u8] {
        let group = group as usize;
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[group]]
    }

    /// All groups, keys ascending.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut groups: Vec<u32> = (0..self.len() as u32).collect();
        groups.sort_unstable_by(|one, other| self.key(*one).cmp(self.key(*other)));
        groups
    }

    pub(super) fn memory_bytes(&self) -> usize {
        // Sorting takes an id and a rank for each.
        let sorting = 2 * size_of::<u32>();
        self.bytes.capacity() + self.ends.capacity() * (size_of::<usize>() + sorting)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Float64Array};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn keys_sort_as_cells_do_and_come_back() {
        let texts = [Some("b"), None, Some("a"), Some("b"), Some("")];
        let texts: DictionaryArray<Int32Type> = texts.into_iter().collect();
        let floats = [Some(1.0), Some(-0.0), Some(f64::NAN), Some(-5.0), None];
        let batch = Batch {
            seq: 0,
            source: 0,
            rows: 5,
            records: None,
            columns: vec![
                Some(Arc::new(texts)),
                Some(Arc::new(Float64Array::from(floats.to_vec()))),
            ],
        };
        let columns = [(0, DataType::Categorical), (1, DataType::Float64)];
        let coder = KeyCoder::new(&columns).unwrap();
        let mut keys = GroupKeys::default();
        coder
            .encode(&batch, &[0, 1, 2, 3, 4], |key| keys.push(key))
            .unwrap();
        let sorted = keys.sorted();
        assert_eq!(sorted, [4, 2, 3, 0, 1]);
        let cells = coder
            .decode(sorted.iter().map(|group| keys.key(*group)))
            .unwrap();
        let texts = cells[0].as_string::<i32>();
        let texts: Vec<_> = texts.iter().collect();
        assert_eq!(texts, [Some(""), Some("a"), Some("b"), Some("b"), None]);
        let floats = cells[1].as_primitive::<Float64Type>();
        assert!(floats.is_null(0) && floats.value(1).is_nan());
        assert!(floats.value(4) == 0.0 && floats.value(4).is_sign_positive());

        let none = KeyCoder::new(&[]).unwrap();
        let mut count = 0;
        none.encode(&batch, &[0, 1], |key| count += 1 + key.len())
            .unwrap();
        assert_eq!(count, 2);
        assert!(none.decode([&[][..]].into_iter()).unwrap().is_empty());
    }
}
