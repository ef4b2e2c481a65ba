//! Strings end to end: in come fields that the scanner has found to be UTF-8, out goes an array of
//! them, or a dictionary. Invariant: the bytes of every string are those that were pushed.
//!
//! This file may use `unsafe`: the bytes were validated a block at a time, and doing so again would
//! cost as much as everything else here, as would clearing room before it is written.
#![allow(unsafe_code)]

use std::sync::Arc;

use arrow::array::{DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;

use super::field::{Field, GROUP_ROWS, Group};

/// Fields up to this long are copied as one block of this size, without a call.
const SHORT_BYTES: usize = 32;

/// Appends strings end to end.
#[derive(Debug)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// 0, then the end of each string.
    ends: Vec<i32>,
}

impl Strings {
    pub(super) fn with_capacity(strings: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(strings + 1);
        ends.push(0);
        Self {
            bytes: Vec::with_capacity(bytes),
            ends,
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.truncate(1);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// Length of all strings together, in bytes.
    pub(super) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.ends[index] as usize..self.ends[index + 1] as usize]
    }

    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as i32);
    }

    /// Appends what `write` appends to the bytes, if `keep` wants it, else the empty string.
    pub(super) fn push_written(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>),
        keep: impl FnOnce(&[u8]) -> bool,
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        if !keep(&self.bytes[start..]) {
            self.bytes.truncate(start);
        }
        self.ends.push(self.bytes.len() as i32);
    }

    /// Appends the fields of a group.
    #[inline]
    pub(super) fn push_group(&mut self, group: &Group<'_>) {
        let start = self.bytes.len();
        let bytes: usize = group.iter().map(Field::len).sum();
        self.bytes.reserve(bytes + SHORT_BYTES);
        let room = self.bytes.spare_capacity_mut();
        let mut ends = [0; GROUP_ROWS];
        let mut used = 0;
        for (field, end) in group.iter().zip(&mut ends) {
            match field.window::<SHORT_BYTES>() {
                Some(window) if field.len() <= SHORT_BYTES => {
                    room[used..used + SHORT_BYTES].write_copy_of_slice(window);
                }
                _ => {
                    room[used..used + field.len()].write_copy_of_slice(field.text());
                }
            }
            used += field.len();
            *end = (start + used) as i32;
        }
        // SAFETY: every field wrote at least its own bytes, and the next began behind them.
        unsafe { self.bytes.set_len(start + used) };
        self.ends.extend_from_slice(&ends[..group.rows()]);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<i32>()
    }

    /// All strings as an array, after a look at every byte.
    ///
    /// # Panics
    /// If a string is not UTF-8, or all are 2 GiB or more together, which no chunk is.
    fn into_checked_array(self, nulls: Option<NullBuffer>) -> StringArray {
        let (ends, bytes) = self.into_buffers();
        StringArray::new(OffsetBuffer::new(ends), bytes, nulls)
    }

    fn into_buffers(self) -> (ScalarBuffer<i32>, Buffer) {
        assert!(
            i32::try_from(self.bytes.len()).is_ok(),
            "a chunk is smaller than 2 GiB"
        );
        (self.ends.into(), Buffer::from_vec(self.bytes))
    }

    /// All strings as an array.
    ///
    /// # Safety
    /// Every string must be UTF-8, and `nulls` must speak of as many cells as there are strings.
    ///
    /// # Panics
    /// If the strings are 2 GiB or more together, which no chunk is.
    pub(super) unsafe fn into_array(self, nulls: Option<NullBuffer>) -> StringArray {
        if cfg!(debug_assertions) {
            return self.into_checked_array(nulls);
        }
        let (ends, bytes) = self.into_buffers();
        // SAFETY: the ends start with 0, only ever rise, fit i32 as the last one does, and lie
        // within the bytes; the rest is this function's contract.
        unsafe { StringArray::new_unchecked(OffsetBuffer::new_unchecked(ends), bytes, nulls) }
    }

    /// The strings that `keys` name, as a dictionary.
    ///
    /// # Safety
    /// Every key must be the index of a string, unless it is null.
    pub(super) unsafe fn into_dictionary(self, keys: Int32Array) -> DictionaryArray<Int32Type> {
        let values = Arc::new(self.into_checked_array(None));
        if cfg!(debug_assertions) {
            return DictionaryArray::new(keys, values);
        }
        // SAFETY: this function's contract.
        unsafe { DictionaryArray::new_unchecked(keys, values) }
    }
}

impl Default for Strings {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}
