//! Median and quantiles over one window, for all keys.
//!
//! Each key keeps the values of its window in ascending order: a short window in one sorted array
//! of a shared slab, a long one in a [`SortedBlocks`]. A row's value goes in and the values that
//! left come out, found by binary search. Invariant: the sorted values are exactly the finite
//! values of the window.

use super::slab::{ArrayId, Slab};
use super::sorted::SortedBlocks;
use super::window::{Kernel, Output, View};
use crate::base::Function;

/// Values of the shortest sorted array; each class has twice those of the one before it.
const FIRST_VALUES: usize = 8;
/// Values of the longest one: up to here moving half of them is cheaper than finding a block.
const ARRAY_VALUES_MAX: usize = 512;

/// Computes the quantiles of one window. Functions over the same window share the sorted values.
pub(super) struct Quantiles {
    outputs: Vec<Output>,
    slab: Slab,
    keys: Vec<Key>,
    /// By key; empty until one key's window is long.
    long: Vec<Option<Box<SortedBlocks>>>,
    long_bytes: usize,
}

/// One key's sorted values; `long` holds them where `class` is [`LONG`].
#[derive(Debug, Clone, Copy)]
struct Key {
    array: ArrayId,
    len: u16,
    class: u8,
}

const LONG: u8 = u8::MAX;

impl Quantiles {
    pub(super) fn new(outputs: Vec<Output>) -> Self {
        Self {
            outputs,
            slab: Slab::default(),
            keys: Vec::new(),
            long: Vec::new(),
            long_bytes: 0,
        }
    }

    fn reserve(&mut self, keys: usize) {
        for key in self.keys.len()..keys {
            self.keys.push(Key {
                array: self.slab.allocate(0, FIRST_VALUES, key as u32),
                len: 0,
                class: 0,
            });
        }
    }

    fn insert(&mut self, index: usize, value: f64) {
        let key = self.keys[index];
        if key.class == LONG {
            return self.with_long(index, |long| long.insert(value));
        }
        let len = key.len as usize;
        if len == ARRAY_VALUES_MAX {
            self.lengthen(index);
            return self.with_long(index, |long| long.insert(value));
        }
        if len == FIRST_VALUES << key.class {
            self.grow(index);
        }
        let key = &mut self.keys[index];
        let values = self.slab.array_mut(key.array);
        let place = values[..len].partition_point(|&other| other < value);
        values.copy_within(place..len, place + 1);
        values[place] = value;
        key.len += 1;
    }

    fn remove(&mut self, index: usize, value: f64) {
        let key = &mut self.keys[index];
        if key.class == LONG {
            self.with_long(index, |long| long.remove(value));
            if self.long[index]
                .as_ref()
                .is_some_and(|long| long.len() <= ARRAY_VALUES_MAX / 2)
            {
                self.shorten(index);
            }
            return;
        }
        let len = key.len as usize;
        let values = self.slab.array_mut(key.array);
        let place = values[..len].partition_point(|&other| other < value);
        assert!(
            place < len && values[place] == value,
            "what leaves a window has entered it"
        );
        values.copy_within(place + 1..len, place);
        key.len -= 1;
    }

    fn with_long(&mut self, index: usize, change: impl FnOnce(&mut SortedBlocks)) {
        let long = self.long[index].as_mut().expect("a long key has blocks");
        let before = long.memory_bytes();
        change(long);
        self.long_bytes = self.long_bytes - before + long.memory_bytes();
    }

    fn grow(&mut self, index: usize) {
        let Key { array, class, .. } = self.keys[index];
        let len = FIRST_VALUES << (class + 1);
        let longer = self
            .slab
            .allocate(usize::from(class) + 1, len, index as u32);
        let (from, to) = self.slab.pair_mut(array, longer);
        to[..from.len()].copy_from_slice(from);
        self.free(index);
        self.keys[index].array = longer;
        self.keys[index].class += 1;
    }

    /// Frees the array of a key.
    fn free(&mut self, index: usize) {
        let Key { array, class, .. } = self.keys[index];
        if let Some(moved) = self.slab.free(usize::from(class), array) {
            self.keys[moved as usize].array = array;
        }
    }

    fn lengthen(&mut self, index: usize) {
        if self.long.len() <= index {
            self.long.resize_with(index + 1, || None);
        }
        let key = self.keys[index];
        let values = &self.slab.array(key.array)[..key.len as usize];
        let long = Box::new(SortedBlocks::new(values));
        self.long_bytes += long.memory_bytes();
        self.long[index] = Some(long);
        self.free(index);
        self.keys[index].class = LONG;
    }

    fn shorten(&mut self, index: usize) {
        let long = self.long[index].take().expect("a long key has blocks");
        self.long_bytes -= long.memory_bytes();
        let class = (0_u8..).find(|&class| FIRST_VALUES << class >= long.len());
        let class = class.expect("lengths double");
        let len = FIRST_VALUES << class;
        let array = self.slab.allocate(usize::from(class), len, index as u32);
        let values = self.slab.array_mut(array);
        for (slot, value) in values.iter_mut().zip(long.iter()) {
            *slot = value;
        }
        self.keys[index] = Key {
            array,
            len: long.len() as u16,
            class,
        };
    }
}

impl Kernel for Quantiles {
    fn row(
        &mut self,
        key: u32,
        _: &mut [f64],
        view: &View<'_>,
        cell: usize,
        columns: &mut [Vec<f64>],
    ) {
        let index = key as usize;
        self.reserve(index + 1);
        let left = view.left().into_iter().flatten();
        for &value in left.filter(|value| value.is_finite()) {
            self.remove(index, value);
        }
        let newest = view.newest();
        if newest.is_finite() {
            self.insert(index, newest);
        }
        let key = self.keys[index];
        if key.class == LONG {
            let long = self.long[index].as_ref().expect("a long key has blocks");
            write(
                &self.outputs,
                long.len(),
                |rank| long.get(rank),
                cell,
                columns,
            );
        } else {
            let values = &self.slab.array(key.array)[..key.len as usize];
            write(
                &self.outputs,
                values.len(),
                |rank| values[rank],
                cell,
                columns,
            );
        }
    }

    fn memory_bytes(&self) -> usize {
        self.slab.memory_bytes()
            + self.keys.capacity() * size_of::<Key>()
            + self.long.capacity() * size_of::<Option<Box<SortedBlocks>>>()
            + self.long_bytes
    }
}

/// Writes each quantile of `len` values, of which `at` gives the one of a rank.
fn write(
    outputs: &[Output],
    len: usize,
    at: impl Fn(usize) -> f64,
    cell: usize,
    columns: &mut [Vec<f64>],
) {
    for output in outputs {
        columns[output.column][cell] = if len == 0 || len < output.min_samples as usize {
            f64::NAN
        } else if let Function::Quantile(level) = output.function {
            let place = level * (len - 1) as f64;
            let rank = place as usize;
            let share = place - rank as f64;
            if share > 0.0 {
                between(at(rank), at(rank + 1), share)
            } else {
                at(rank)
            }
        } else if len % 2 == 1 {
            at(len / 2)
        } else {
            middle(at(len / 2 - 1), at(len / 2))
        };
    }
}

/// The value `share` of the way from `low` to `high`.
fn between(low: f64, high: f64, share: f64) -> f64 {
    let distance = high - low;
    if distance.is_finite() {
        low + distance * share
    } else {
        low * (1.0 - share) + high * share
    }
}

/// The mean of two values.
fn middle(low: f64, high: f64) -> f64 {
    let sum = low + high;
    if sum.is_finite() {
        sum / 2.0
    } else {
        low / 2.0 + high / 2.0
    }
}
