//! Keys of another table -> the dense ids that they have in this one.
//!
//! Invariant: looking up changes nothing, so many threads may do it at a time; an id is that of
//! [`KeyTable::ids`] for an equal key.

use super::super::KeyRows;
use super::super::encode::Keys;
use super::KeyTable;

impl KeyTable {
    /// Stands for a key that was never seen.
    pub const UNSEEN: u32 = u32::MAX;

    /// Replaces `out` by the id of each of the shard's rows, in the order of [`KeyRows::rows`], or
    /// [`Self::UNSEEN`].
    pub fn look_up(&self, keys: &KeyRows, shard: usize, out: &mut Vec<u32>) {
        let rows = keys.rows(shard);
        out.clear();
        out.reserve(rows.len());
        let null_id = self.null_id.unwrap_or(Self::UNSEEN);
        match &keys.keys {
            Keys::One => {
                let id = if self.is_empty() { Self::UNSEEN } else { 0 };
                out.resize(rows.len(), id);
            }
            Keys::Words { words, nulls } => {
                let nulls = nulls.as_ref().filter(|nulls| nulls.null_count() > 0);
                for (index, &row) in rows.iter().enumerate() {
                    self.fetch_ahead(rows, index, &keys.hashes);
                    let row = row as usize;
                    let word = words[row];
                    if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                        out.push(null_id);
                        continue;
                    }
                    let id = self.find(keys.hashes[row], |entry| entry.word() == word);
                    out.push(id.unwrap_or(Self::UNSEEN));
                }
            }
            bytes => {
                for (index, &row) in rows.iter().enumerate() {
                    self.fetch_ahead(rows, index, &keys.hashes);
                    let hash = keys.hashes[row as usize];
                    out.push(match bytes.bytes(row as usize) {
                        None => null_id,
                        Some(key) => self.find_bytes(key, hash).unwrap_or(Self::UNSEEN),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::base::Batch;
    use crate::steps::key::KeySpec;

    fn keys(columns: &[ArrayRef]) -> KeyRows {
        let batch = Batch {
            seq: 0,
            source: 0,
            rows: columns[0].len(),
            records: None,
            columns: columns.iter().cloned().map(Some).collect(),
        };
        KeySpec::new((0..columns.len()).collect(), 1).partition(&batch)
    }

    proptest! {
        #[test]
        fn what_was_seen_is_found_again(
            seen in prop::collection::vec(prop::option::of(0..40_u8), 0..60),
            asked in prop::collection::vec(prop::option::of(0..60_u8), 1..60),
        ) {
            let columns = |cells: &[Option<u8>]| -> [ArrayRef; 2] {
                let floats = cells.iter().map(|cell| cell.map(f64::from));
                let texts = cells.iter().map(|cell| cell.map(|cell| format!("{cell}")));
                [Arc::new(floats.collect::<Float64Array>()), Arc::new(texts.collect::<StringArray>())]
            };
            let (mut ids, mut found) = (Vec::new(), Vec::new());
            for which in [0..1, 1..2, 0..2] {
                let columns = |cells: &[Option<u8>]| keys(&columns(cells)[which.clone()]);
                let mut table = KeyTable::default();
                table.ids(&columns(&seen), 0, &mut ids, &mut |_| Ok(())).unwrap();
                table.look_up(&columns(&asked), 0, &mut found);
                let expected = asked.iter().map(|cell| {
                    let first = seen.iter().position(|known| known == cell);
                    first.map_or(KeyTable::UNSEEN, |first| ids[first])
                });
                prop_assert_eq!(&found, &expected.collect::<Vec<_>>());
            }
        }
    }
}
