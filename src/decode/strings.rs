//! Strings end to end: in come fields that the scanner has found to be UTF-8, out goes an array of
//! them, or a dictionary. Invariant: the bytes of every string are those that were pushed.
//!
//! This file may use `unsafe`: the bytes were validated a block at a time, and doing so again would
//! cost as much as everything else here, as would clearing room before it is written.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::Arc;

use arrow::array::{DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;

use super::field::{Field, GROUP_ROWS, Group};
use crate::base::masks::{BLOCK_BYTES, Kernel, Masks, Task, low_bits};

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

    /// Appends the fields of a group; of those that `halved` has a bit for, without every other
    /// quote. Quotes stand there in pairs, so of any run every other one goes, wherever it begins.
    pub(super) fn push_halved(
        &mut self,
        kernel: Kernel,
        group: &Group<'_>,
        quote: u8,
        halved: u64,
    ) {
        let start = self.bytes.len();
        let bytes: usize = group.iter().map(Field::len).sum();
        self.bytes.reserve(bytes + BLOCK_BYTES);
        let mut ends = [0; GROUP_ROWS];
        let used = kernel.run(Halve {
            group,
            quote,
            halved,
            room: self.bytes.spare_capacity_mut(),
            ends: &mut ends,
        });
        // SAFETY: the task wrote that many bytes.
        unsafe { self.bytes.set_len(start + used) };
        let ends = ends[..group.rows()].iter();
        self.ends.extend(ends.map(|end| start as i32 + end));
    }

    /// Makes those strings from `first` on empty that `emptied` has a bit for.
    pub(super) fn make_empty(&mut self, first: usize, emptied: u64) {
        let mut start = self.ends[first] as usize;
        let mut kept = start;
        for (row, end) in self.ends[first + 1..].iter_mut().enumerate() {
            let text = start..*end as usize;
            start = text.end;
            if emptied >> row & 1 == 0 {
                self.bytes.copy_within(text.clone(), kept);
                kept += text.len();
            }
            *end = kept as i32;
        }
        self.bytes.truncate(kept);
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

/// Halves the quotes of a group's fields, a block at a time.
struct Halve<'a, 'b> {
    group: &'a Group<'b>,
    quote: u8,
    halved: u64,
    /// A block longer than the fields together.
    room: &'a mut [MaybeUninit<u8>],
    /// Of each field, in the room.
    ends: &'a mut [i32; GROUP_ROWS],
}

impl Task for Halve<'_, '_> {
    /// Bytes written, from the start of the room on.
    type Output = usize;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> usize {
        let (mut padded, mut out) = ([0; BLOCK_BYTES], [0; BLOCK_BYTES]);
        let mut used = 0;
        for (row, (field, end)) in self.group.iter().zip(self.ends).enumerate() {
            let halved = 0_u64.wrapping_sub(self.halved >> row & 1);
            let mut prev_odd = 0;
            for at in (0..field.len()).step_by(BLOCK_BYTES) {
                let block = field.block(at, &mut padded);
                let here = low_bits(field.len() - at);
                let quotes = masks.equal(masks.load(block), self.quote) & here & halved;
                let odd = masks.prefix_xor(quotes) ^ prev_odd;
                prev_odd = (odd.cast_signed() >> 63).cast_unsigned();
                let kept = here & !(quotes & !odd);
                masks.compress(block, kept, &mut out);
                self.room[used..used + BLOCK_BYTES].write_copy_of_slice(&out);
                used += kept.count_ones() as usize;
            }
            *end = used as i32;
        }
        used
    }
}

impl Default for Strings {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use proptest::prelude::*;

    use super::super::field::FieldColumn;
    use super::super::tests::bounds_of;
    use super::*;
    use crate::base::Quoting;
    use crate::csv::unquote;

    proptest! {
        #[test]
        fn quotes_are_halved_as_by_the_plain_twin(
            texts in prop::collection::vec("[ab\"]{0,9}|a{60,66}\"?|[a\"]{50,200}", 1..64),
            quoted: u64,
            emptied: u64,
        ) {
            let is_quoted = |row: usize| quoted >> row & 1 != 0;
            let raw = texts.iter().enumerate().map(|(row, text)| match is_quoted(row) {
                true => text.replace('"', "\"\""),
                false => text.clone(),
            });
            let raw: Vec<String> = raw.collect();
            let raw: Vec<&str> = raw.iter().map(String::as_str).collect();
            let (bytes, bounds) = bounds_of(&raw);
            let fields = FieldColumn::new(&bytes, &bounds, 1, 0);
            let mut group = fields.group();
            fields.fill(0, &mut group);
            let quoting = Quoting::doubled(Some(b'"'));
            for kernel in Kernel::available() {
                let mut strings = Strings::default();
                strings.push(b"before");
                strings.push_halved(kernel, &group, b'"', quoted);
                let scratch = Bump::new();
                for (row, raw) in raw.iter().enumerate() {
                    let whole = format!("\"{raw}\"");
                    let plain = unquote(whole.as_bytes(), quoting, &scratch).text;
                    let plain = if is_quoted(row) { plain } else { raw.as_bytes() };
                    prop_assert_eq!(strings.get(row + 1), plain, "{}", kernel.name());
                }
                strings.make_empty(1, emptied);
                prop_assert_eq!(strings.get(0), b"before");
                for (row, text) in texts.iter().enumerate() {
                    let kept = if emptied >> row & 1 != 0 { "" } else { text };
                    prop_assert_eq!(strings.get(row + 1), kept.as_bytes());
                }
            }
        }
    }
}
