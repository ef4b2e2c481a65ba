//! One value per group: the smallest, the largest, the first or the last.
//! Keeps: of equal values the first; what is merged comes later than what is there.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};

use super::accumulator::{Accumulator, Beyond};
use super::cells::{Cells, Rows, decimal_column, decimals_of, words_column, words_of};
use super::wire::{Taker, put_bytes};
use crate::base::{DataType, Measure, Result};

/// Which value of a group is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Min,
    Max,
    First,
    Last,
}

impl Rule {
    /// Whether `new` takes the place of `old`.
    #[inline(always)]
    fn prefers<T: PartialOrd + ?Sized>(self, new: &T, old: &T) -> bool {
        match self {
            Self::Min => new < old,
            Self::Max => new > old,
            Self::First => false,
            Self::Last => true,
        }
    }
}

/// A number of a form that cells have.
pub(super) trait Number: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// Its bytes.
    fn put(self, out: &mut Vec<u8>);
    /// What they stand for.
    fn take(taker: &mut Taker<'_>) -> Self;
    /// Visits the values of rows that have one.
    fn visit(cells: &Cells, rows: Rows<'_>, visit: impl FnMut(u32, Self));
    /// Cells as a column.
    fn column(cells: Vec<Option<Self>>, data_type: &DataType) -> Result<ArrayRef>;
}

impl Number for i64 {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn take(taker: &mut Taker<'_>) -> Self {
        Self::from_le_bytes(taker.array())
    }

    fn visit(cells: &Cells, rows: Rows<'_>, visit: impl FnMut(u32, Self)) {
        let words = words_of(cells);
        rows.visit(words.values(), words.nulls(), visit);
    }

    fn column(cells: Vec<Option<Self>>, data_type: &DataType) -> Result<ArrayRef> {
        words_column(Int64Array::from(cells), data_type)
    }
}

impl Number for f64 {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn take(taker: &mut Taker<'_>) -> Self {
        taker.float()
    }

    fn visit(cells: &Cells, rows: Rows<'_>, mut visit: impl FnMut(u32, Self)) {
        let floats = cells.floats();
        rows.visit(floats.values(), floats.nulls(), |group, cell| {
            if !cell.is_nan() {
                visit(group, cell);
            }
        });
    }

    fn column(cells: Vec<Option<Self>>, _: &DataType) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from(cells)))
    }
}

impl Number for i128 {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn take(taker: &mut Taker<'_>) -> Self {
        Self::from_le_bytes(taker.array())
    }

    fn visit(cells: &Cells, rows: Rows<'_>, visit: impl FnMut(u32, Self)) {
        let decimals = decimals_of(cells);
        rows.visit(decimals.values(), decimals.nulls(), visit);
    }

    fn column(cells: Vec<Option<Self>>, data_type: &DataType) -> Result<ArrayRef> {
        Ok(decimal_column(cells, data_type))
    }
}

/// The chosen number of each group.
pub(super) struct Chosen<T> {
    rule: Rule,
    data_type: DataType,
    values: Vec<T>,
    is_there: Vec<bool>,
}

impl<T: Number> Chosen<T> {
    pub(super) fn new(rule: Rule, data_type: &DataType) -> Self {
        Self {
            rule,
            data_type: data_type.clone(),
            values: Vec::new(),
            is_there: Vec::new(),
        }
    }

    #[inline(always)]
    fn take_in(&mut self, group: u32, new: T) {
        let group = group as usize;
        let (old, is_there) = (&mut self.values[group], &mut self.is_there[group]);
        if !*is_there || self.rule.prefers(&new, old) {
            *old = new;
            *is_there = true;
        }
    }
}

impl<T: Number> Accumulator for Chosen<T> {
    fn grow(&mut self, groups: usize) {
        self.values.resize(groups, T::default());
        self.is_there.resize(groups, false);
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        T::visit(cells, rows, |group, cell| self.take_in(group, cell));
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        let is_there = self.is_there[group as usize];
        out.push(is_there.into());
        if is_there {
            self.values[group as usize].put(out);
        }
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        if taker.array::<1>() == [1] {
            let value = T::take(taker);
            self.take_in(group, value);
        }
    }

    fn finish(&self, _: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        let cell = |&group: &u32| {
            let group = group as usize;
            self.is_there[group].then(|| self.values[group])
        };
        Ok(T::column(
            groups.iter().map(cell).collect(),
            &self.data_type,
        )?)
    }

    fn memory_bytes(&self) -> usize {
        self.values.capacity() * size_of::<T>() + self.is_there.capacity()
    }
}

/// The chosen text of each group.
pub(super) struct ChosenTexts {
    rule: Rule,
    texts: Vec<Option<String>>,
    /// Room that the texts take.
    text_bytes: usize,
}

impl ChosenTexts {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            rule,
            texts: Vec::new(),
            text_bytes: 0,
        }
    }

    fn take_in(&mut self, group: u32, new: &str) {
        let old = &mut self.texts[group as usize];
        match old {
            Some(old) if !self.rule.prefers(new, old) => {}
            Some(old) => {
                let before = old.capacity();
                // Takes the room that is there.
                new.clone_into(old);
                self.text_bytes += old.capacity() - before;
            }
            None => {
                self.text_bytes += new.len();
                *old = Some(new.to_owned());
            }
        }
    }
}

impl Accumulator for ChosenTexts {
    fn grow(&mut self, groups: usize) {
        self.texts.resize(groups, None);
    }

    fn update(&mut self, cells: &Cells, rows: Rows<'_>) {
        cells.visit_texts(rows, |group, text| self.take_in(group, text));
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        let text = &self.texts[group as usize];
        out.push(text.is_some().into());
        if let Some(text) = text {
            put_bytes(out, text.as_bytes());
        }
    }

    fn merge(&mut self, group: u32, taker: &mut Taker<'_>) {
        if taker.array::<1>() == [1] {
            let text = std::str::from_utf8(taker.bytes());
            self.take_in(group, text.expect("it was written as text"));
        }
    }

    fn finish(&self, _: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond> {
        let texts = groups
            .iter()
            .map(|group| self.texts[*group as usize].as_deref());
        Ok(Arc::new(texts.collect::<StringArray>()))
    }

    fn memory_bytes(&self) -> usize {
        self.texts.capacity() * size_of::<Option<String>>() + self.text_bytes
    }
}
