//! Text -> categorical. In come UTF-8 fields, out goes a dictionary array whose values stand in
//! order of first appearance. Invariant: decoding the dictionary gives what a utf8 column holds.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array};
use arrow::datatypes::Int32Type;
use bumpalo::Bump;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::column::{ColumnBuilder, ColumnCounts, Misfits, null_buffer, primitive, shared};
use super::field::{Field, FieldColumn};
use super::text::{Strings, TextCells};

/// Gives each distinct text a key, from 0 in order of first appearance.
#[derive(Default)]
struct Interner {
    values: Strings,
    /// Hash and key of each value.
    table: HashTable<(u64, i32)>,
    state: RandomState,
    last: i32,
}

impl Interner {
    fn clear(&mut self) {
        self.values = Strings::default();
        self.table.clear();
        self.last = 0;
    }

    /// The key of a text.
    #[inline]
    fn key(&mut self, field: Field<'_>) -> i32 {
        let text = field.text();
        let values = &mut self.values;
        if values.len() > 0 && values.get(self.last as usize) == text {
            return self.last;
        }
        let hash = self.state.hash_one(text);
        let same = |&(other, key): &(u64, i32)| other == hash && values.get(key as usize) == text;
        self.last = match self.table.find(hash, same) {
            Some(&(_, key)) => key,
            None => {
                let key = values.len() as i32;
                values.push(field);
                self.table
                    .insert_unique(hash, (hash, key), |&(hash, _)| hash);
                key
            }
        };
        self.last
    }
}

/// The builder of a categorical column.
pub(super) struct Categorical {
    cells: TextCells,
    interner: Interner,
    keys: Vec<i32>,
    null_rows: Vec<u32>,
}

impl Categorical {
    pub(super) fn new(cells: TextCells) -> Self {
        Self {
            cells,
            interner: Interner::default(),
            keys: Vec::new(),
            null_rows: Vec::new(),
        }
    }
}

impl ColumnBuilder for Categorical {
    fn begin(&mut self, rows: usize) {
        self.interner.clear();
        self.keys = Vec::with_capacity(rows);
        self.null_rows.clear();
        self.cells.null_lookalikes = 0;
    }

    fn push(&mut self, fields: FieldColumn<'_>, scratch: &Bump, _: &mut Misfits) {
        self.keys.reserve(fields.rows());
        for (_, field) in fields.iter() {
            let key = match self.cells.cell(field, scratch) {
                Some(cell) => self.interner.key(cell),
                None => {
                    self.null_rows.push(self.keys.len() as u32);
                    0
                }
            };
            self.keys.push(key);
        }
    }

    fn finish(&mut self) -> (ArrayRef, ColumnCounts) {
        let counts = ColumnCounts {
            nulls: self.null_rows.len() as u64,
            nulled: 0,
            null_lookalikes: self.cells.null_lookalikes,
        };
        let keys = std::mem::take(&mut self.keys);
        let nulls = null_buffer(keys.len(), &self.null_rows);
        let keys: Int32Array = primitive::<Int32Type>(keys, nulls);
        let values = std::mem::take(&mut self.interner.values);
        let array = DictionaryArray::new(keys, Arc::new(values.into_checked_array(None)));
        (shared(array), counts)
    }

    fn memory_bytes(&self) -> usize {
        self.interner.values.memory_bytes()
            + self.interner.table.allocation_size()
            + self.keys.capacity() * size_of::<i32>()
            + self.null_rows.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, StringArray};
    use proptest::prelude::*;

    use super::super::null::NullTokens;
    use super::super::tests::bounds_of;
    use super::super::text::Utf8;
    use super::*;

    fn decode(builder: &mut dyn ColumnBuilder, raw: &[&str]) -> (ArrayRef, ColumnCounts) {
        let (bytes, bounds) = bounds_of(raw);
        let scratch = Bump::new();
        builder.begin(raw.len());
        for block in bounds.chunks(8) {
            let fields = FieldColumn::new(&bytes, block, 1, 0);
            builder.push(fields, &scratch, &mut Misfits::default());
        }
        builder.finish()
    }

    fn cells() -> TextCells {
        TextCells::new(0, Some(b'"'), &NullTokens::default())
    }

    #[test]
    fn keys_in_order_of_first_appearance() {
        let mut builder = Categorical::new(cells());
        for _ in 0..2 {
            let (array, counts) = decode(&mut builder, &["b", "a", "", "\"b\"", "\"\"", "a"]);
            let array = array
                .as_any()
                .downcast_ref::<DictionaryArray<Int32Type>>()
                .unwrap();
            let keys = [Some(0), Some(1), None, Some(0), Some(2), Some(1)];
            assert_eq!(array.keys(), &Int32Array::from_iter(keys));
            let values = array
                .values()
                .as_any()
                .downcast_ref::<StringArray>()
                .unwrap();
            assert_eq!(values, &StringArray::from(vec!["b", "a", ""]));
            assert_eq!((counts.nulls, counts.null_lookalikes), (1, 1));
        }
        let (array, counts) = decode(&mut builder, &["", ""]);
        assert_eq!((array.null_count(), counts.nulls), (2, 2));
    }

    proptest! {
        #[test]
        fn decodes_to_what_utf8_holds(raw in prop::collection::vec("[abc]{0,2}|\"x?\"|[^\\p{C}\"]{40,60}", 0..60)) {
            let raw: Vec<&str> = raw.iter().map(String::as_str).collect();
            let (dictionary, counts) = decode(&mut Categorical::new(cells()), &raw);
            let (text, expected) = decode(&mut Utf8::new(cells()), &raw);
            prop_assert_eq!(counts, expected);
            let dictionary = dictionary.as_any().downcast_ref::<DictionaryArray<Int32Type>>().unwrap();
            let decoded = dictionary.downcast_dict::<StringArray>().unwrap();
            let text = text.as_any().downcast_ref::<StringArray>().unwrap();
            prop_assert!(decoded.into_iter().eq(text.iter()));
        }
    }
}
