//! The distinct values of each group and how often each was seen, for exact numbers of them, modes,
//! and quantiles of rounded values.
//! Keeps: values are compared whole, never by hash alone; -0 is 0.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, StringArray};
use foldhash::fast::FixedState;

use super::accumulator::{Accumulator, Beyond, PerValue, Visit};
use super::cells::{Cells, Form, Rows, decimals_of, words_of};
use super::chosen::Number;
use super::counts::Counts;
use super::picks::Picks;
use super::texts::Texts;
use super::wire::{
    Taker, bytes_decimal, decimal_bytes, float_word, integer_word, word_float, word_integer,
};
use crate::base::{DataType, Measure, Probe, ProbeEntry, Result};

/// Values between asking for an entry and looking at it.
const AHEAD_VALUES: usize = 16;

/// Bits of a float that rounded values lack: 6 of the 52 behind the point are left, so that a value
/// is at most 1/128 of its size away from the middle of those that are rounded alike.
const ROUNDED_BITS: u32 = 46;

/// How often a value was seen, as far as anyone asks.
pub(super) trait Times: Copy + Send + Sync + 'static {
    /// Once.
    const ONCE: Self;

    /// As often as both.
    fn and(self, other: Self) -> Self;

    /// How often; 1 where nobody asks.
    fn number(self) -> u64;
}

impl Times for u64 {
    const ONCE: Self = 1;

    fn and(self, other: Self) -> Self {
        self + other
    }

    fn number(self) -> u64 {
        self
    }
}

/// Seen, however often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen;

impl Times for Seen {
    const ONCE: Self = Self;

    fn and(self, _: Self) -> Self {
        self
    }

    fn number(self) -> u64 {
        1
    }
}

/// The values of each group, each once.
pub(super) struct Distinct<T> {
    data_type: DataType,
    counts: Counts,
    table: Probe<Entry<T>>,
    /// The last values, whose entries have been asked for.
    ahead: [Entry<T>; AHEAD_VALUES],
    next_ahead: usize,
    /// What words stand for that are no numbers.
    texts: Texts,
    is_rounded: bool,
    wants_mode: bool,
    /// Once settled: the number of values of each group, and the most frequent one.
    numbers: Vec<u64>,
    modes: Vec<Option<(u64, Box<[u8]>)>>,
    picks: Picks,
}

/// Without padding, since there are many.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(4))]
struct Entry<T> {
    word: u64,
    times: T,
    group: u32,
}

impl<T: Times> Entry<T> {
    fn hash(self) -> u64 {
        hash(self.group, self.word)
    }
}

impl<T: Times> ProbeEntry for Entry<T> {
    /// No group has the last id.
    const VACANT: Self = Self {
        word: 0,
        times: T::ONCE,
        group: u32::MAX,
    };

    fn is_vacant(self) -> bool {
        self.group == u32::MAX
    }
}

fn hash(group: u32, word: u64) -> u64 {
    FixedState::with_seed(u64::from(group)).hash_one(word)
}

impl<T: Times> Distinct<T> {
    /// For `measures` over a column of `data_type`.
    pub(super) fn new(data_type: &DataType, measures: &[Measure]) -> Self {
        let picks = Picks::new(measures);
        Self {
            data_type: data_type.clone(),
            counts: Counts::default(),
            table: Probe::default(),
            ahead: [Entry::VACANT; AHEAD_VALUES],
            next_ahead: 0,
            texts: Texts::default(),
            is_rounded: !picks.is_empty(),
            wants_mode: measures.contains(&Measure::Mode),
            numbers: Vec::new(),
            modes: Vec::new(),
            picks,
        }
    }

    #[inline(always)]
    fn add(&mut self, group: u32, word: u64) {
        self.counts.add(group);
        let value = Entry {
            word,
            times: T::ONCE,
            group,
        };
        self.table.fetch(value.hash());
        let due = std::mem::replace(&mut self.ahead[self.next_ahead], value);
        self.next_ahead = (self.next_ahead + 1) % AHEAD_VALUES;
        self.count(due);
    }

    /// Counts a value for which there was time to fetch its entry.
    #[inline(always)]
    fn count(&mut self, value: Entry<T>) {
        if value.is_vacant() {
            return;
        }
        let hash = value.hash();
        let is_it = |entry: Entry<T>| entry.group == value.group && entry.word == value.word;
        match self.table.find(hash, is_it) {
            Some(place) => {
                let entry = self.table.at(place);
                entry.times = entry.times.and(value.times);
            }
            None => self.put(value, hash),
        }
    }

    #[cold]
    fn put(&mut self, value: Entry<T>, hash: u64) {
        // The lane's share is looked at once the batch is through.
        let made = self.table.make_room(Entry::hash, &mut |_| Ok(()));
        made.expect("it is given all the room it asks for");
        self.table.put(value, hash);
    }

    /// Counts the values that are still ahead.
    fn catch_up(&mut self) {
        for value in std::mem::replace(&mut self.ahead, [Entry::VACANT; AHEAD_VALUES]) {
            self.count(value);
        }
    }

    fn form(&self) -> Form {
        match self.is_rounded {
            true => Form::Floats,
            false => Form::of(&self.data_type),
        }
    }

    fn is_word(&self) -> bool {
        matches!(self.form(), Form::Words | Form::Floats)
    }

    fn add_texts(&mut self, cells: &Cells, rows: Rows<'_>) {
        let Self { texts, .. } = self;
        let mut ids = Vec::with_capacity(rows.rows.len());
        match cells {
            Cells::Decimals(_) => {
                let decimals = decimals_of(cells);
                rows.visit(decimals.values(), decimals.nulls(), |group, cell| {
                    ids.push((group, texts.intern(&decimal_bytes(cell))));
                });
            }
            cells => cells.visit_texts(rows, |group, text| {
                ids.push((group, texts.intern(text.as_bytes())));
            }),
        }
        for (group, id) in ids {
            self.add(group, id.into());
        }
    }

    fn clear(&mut self) {
        self.table = Probe::default();
        self.texts = Texts::default();
    }
}

impl<T: Times> Accumulator for Distinct<T> {
    fn grow(&mut self, groups: usize) {
        self.counts.grow(groups);
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        match self.form() {
            Form::Words => {
                let words = words_of(cells);
                rows.visit(words.values(), words.nulls(), |group, cell| {
                    self.add(group, integer_word(cell));
                });
            }
            Form::Floats => {
                let kept = match self.is_rounded {
                    true => ROUNDED_BITS,
                    false => 0,
                };
                let floats = cells.floats();
                rows.visit(floats.values(), floats.nulls(), |group, cell| {
                    if !cell.is_nan() {
                        self.add(group, float_word(cell) >> kept << kept);
                    }
                });
            }
            Form::Decimals | Form::Texts => self.add_texts(cells, rows),
        }
        self.catch_up();
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        self.counts.write(group, out);
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        self.counts.merge(group, taker);
    }

    fn finish(&self, measure: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        let mode = |group: &u32| {
            let (_, value) = self.modes.get(*group as usize)?.as_ref()?;
            Some(&**value)
        };
        let word = |group: &u32| {
            let bytes = mode(group)?.try_into().expect("a word");
            Some(u64::from_be_bytes(bytes))
        };
        Ok(match measure {
            Measure::Distinct => {
                let number = |group: &u32| self.numbers.get(*group as usize).copied();
                let numbers = groups.iter().map(|it| number(it).unwrap_or_default());
                Arc::new(Int64Array::from_iter_values(numbers.map(u64::cast_signed)))
            }
            Measure::Mode => match self.form() {
                Form::Words => {
                    let cells = groups.iter().map(|group| word(group).map(word_integer));
                    i64::column(cells.collect(), &self.data_type)?
                }
                Form::Floats => {
                    let cells = groups.iter().map(|group| word(group).map(word_float));
                    f64::column(cells.collect(), &self.data_type)?
                }
                Form::Decimals => {
                    let cells = groups.iter().map(|group| mode(group).map(bytes_decimal));
                    i128::column(cells.collect(), &self.data_type)?
                }
                Form::Texts => {
                    let text = |bytes| std::str::from_utf8(bytes).expect("it was a text");
                    let texts = groups.iter().map(|group| mode(group).map(text));
                    Arc::new(texts.collect::<StringArray>())
                }
            },
            measure => {
                let count = |group| self.counts.of(group);
                self.picks.column(measure, groups, count)
            }
        })
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
            + self.table.memory_bytes()
            + self.texts.memory_bytes()
            + self.numbers.capacity() * size_of::<u64>()
            + self.modes.capacity() * size_of::<Option<(u64, Box<[u8]>)>>()
            + self.picks.memory_bytes()
    }

    fn per_value(&mut self) -> Option<&mut dyn PerValue> {
        Some(self)
    }
}

impl<T: Times> PerValue for Distinct<T> {
    fn drain(&mut self, ranks: &[u32], visit: &mut Visit<'_>) -> Result<()> {
        let mut entries = std::mem::take(&mut self.table).into_entries();
        let rank = |entry: &Entry<T>| ranks[entry.group as usize];
        if self.is_word() {
            entries.sort_unstable_by_key(|entry| (rank(entry), { entry.word }));
            for Entry { word, times, group } in entries {
                visit(group, &word.to_be_bytes(), times.number())?;
            }
        } else {
            let text = |entry: &Entry<T>| self.texts.bytes(entry.word as u32);
            entries.sort_unstable_by(|one, other| {
                (rank(one), text(one)).cmp(&(rank(other), text(other)))
            });
            for entry in &entries {
                visit(entry.group, text(entry), { entry.times }.number())?;
            }
        }
        self.clear();
        Ok(())
    }

    fn item(&mut self, group: u32, value: &[u8], times: u64) {
        let at = group as usize;
        if self.is_rounded {
            let word = u64::from_be_bytes(value.try_into().expect("a word"));
            let count = self.counts.of(group);
            return self.picks.item(group, middle(word), times, count);
        }
        if at >= self.numbers.len() {
            self.numbers.resize(at + 1, 0);
        }
        self.numbers[at] += 1;
        if !self.wants_mode {
            return;
        }
        if at >= self.modes.len() {
            self.modes.resize(at + 1, None);
        }
        // Values ascend: of several that are as frequent the smallest stays.
        if self.modes[at]
            .as_ref()
            .is_none_or(|(most, _)| times > *most)
        {
            self.modes[at] = Some((times, value.into()));
        }
    }

    fn settle(&mut self) {
        if !self.is_rounded && !self.wants_mode {
            // Numbers of values need no order.
            self.numbers.resize(self.counts.0.len(), 0);
            for entry in self.table.entries() {
                self.numbers[entry.group as usize] += 1;
            }
            self.clear();
            return;
        }
        let ranks: Vec<u32> = (0..self.counts.0.len() as u32).collect();
        let mut items = Self {
            counts: std::mem::take(&mut self.counts),
            ..Self::new(&self.data_type, &[])
        };
        std::mem::swap(&mut items.picks, &mut self.picks);
        (items.is_rounded, items.wants_mode) = (self.is_rounded, self.wants_mode);
        let settled = self.drain(&ranks, &mut |group, value, times| {
            items.item(group, value, times);
            Ok(())
        });
        settled.expect("nothing is read or written here");
        *self = items;
    }
}

/// The middle of the floats that are rounded to the one that `word` stands for.
fn middle(word: u64) -> f64 {
    let value = word_float(word);
    if value.is_nan() {
        // Only negative infinity is below the least float.
        return f64::NEG_INFINITY;
    }
    match value.is_finite() && value != 0.0 {
        true => word_float(word | 1 << (ROUNDED_BITS - 1)),
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rounded_values_are_near(value in prop_oneof![
            -1e300..1e300_f64,
            -1.0..1.0_f64,
            Just(0.0),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
        ]) {
            let near = middle(float_word(value) >> ROUNDED_BITS << ROUNDED_BITS);
            prop_assert!(
                value == near || (value - near).abs() <= value.abs() / 127.0,
                "{value} {near}"
            );
        }
    }
}
