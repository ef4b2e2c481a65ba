//! Cells so many rows before, and what changed since: a shard's rows in, an array per result out.
//!
//! Results over the same column share one memory of it. Invariant: a row looks at rows of its key
//! before it, and is remembered itself once it has been looked at.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanBufferBuilder, StringBuilder};
use arrow::buffer::NullBuffer;

use super::change::{Change, difference, percent_change};
use super::history::{History, Past, Previous};
use super::texts::{TextArena, TextRef};
use super::{Plan, typed};
use crate::base::{Batch, Result, Series};
use crate::steps::fit::TextColumn;
use crate::steps::fit::cells::Cell;
use crate::steps::{KeyedState, ShardColumns};

/// The empty state of a shard.
pub(super) fn state(plan: Arc<Plan>) -> Box<dyn KeyedState> {
    with_column_kind!(plan.input.clone(),
        T => match longest(&plan) {
            1 => Box::new(Shift::new(plan, Previous::<T>::new())),
            length => Box::new(Shift::new(plan, History::<T>::new(length))),
        },
        text => match longest(&plan) {
            1 => Box::new(TextShift::new(plan, Previous::new())),
            length => Box::new(TextShift::new(plan, History::new(length))),
        }
    )
}

/// How far back a result looks.
fn periods(series: &Series) -> u32 {
    match *series {
        Series::Lag(rows) | Series::Diff(rows) | Series::PercentChange(rows) => rows,
        _ => unreachable!("only what looks back is planned here"),
    }
}

fn longest(plan: &Plan) -> u32 {
    let specs = plan.specs.iter().map(|spec| periods(&spec.series));
    specs.max().expect("a step makes a column")
}

/// How far back any result looks, each once.
fn distinct(plan: &Plan) -> Vec<u32> {
    let mut all: Vec<u32> = { plan.specs.iter() }
        .map(|spec| periods(&spec.series))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Of a fixed-width column.
struct Shift<T, P> {
    plan: Arc<Plan>,
    periods: Vec<u32>,
    past: P,
    cells: std::marker::PhantomData<T>,
}

impl<T, P> Shift<T, P> {
    fn new(plan: Arc<Plan>, past: P) -> Self {
        Self {
            periods: distinct(&plan),
            plan,
            past,
            cells: std::marker::PhantomData,
        }
    }
}

/// Cells to come.
struct Cells<T> {
    cells: Vec<T>,
    valid: BooleanBufferBuilder,
}

impl<T: Cell> Cells<T> {
    fn with_capacity(rows: usize) -> Self {
        Self {
            cells: Vec::with_capacity(rows),
            valid: BooleanBufferBuilder::new(rows),
        }
    }

    #[inline(always)]
    fn push(&mut self, cell: Option<T>) {
        self.valid.append(cell.is_some());
        self.cells.push(cell.unwrap_or_default());
    }

    /// An array of the type of `like`.
    fn finish(mut self, like: &ArrayRef) -> ArrayRef {
        let nulls = NullBuffer::new(self.valid.finish());
        let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
        T::build(self.cells, nulls, like.data_type())
    }
}

impl<T: Cell, P: Past<T>> KeyedState for Shift<T, P> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let cells = T::read(array);
        let nulls = array.nulls();
        self.past.cover(keys);
        let periods = self.periods.iter();
        let mut before: Vec<_> = periods.map(|_| Cells::with_capacity(rows.len())).collect();
        for (at, (&row, &key)) in rows.iter().zip(keys).enumerate() {
            self.past.fetch_ahead(keys, at);
            for (before, &back) in before.iter_mut().zip(&self.periods) {
                before.push(self.past.get(key, back));
            }
            let is_value = nulls.is_none_or(|nulls| nulls.is_valid(row as usize));
            self.past.push(key, is_value.then(|| cells[row as usize]));
        }
        let before: Vec<_> = { before.into_iter() }
            .map(|cells| cells.finish(array))
            .collect();
        let mut columns = Vec::with_capacity(self.plan.specs.len());
        let mut overflows = Vec::new();
        for (spec, (_, data_type)) in self.plan.specs.iter().zip(&self.plan.outputs) {
            let wanted = periods_of(&self.periods, &spec.series);
            let change = Change {
                now: array,
                rows,
                before: &before[wanted],
            };
            columns.push(match spec.series {
                Series::Lag(_) => Arc::clone(&before[wanted]),
                Series::Diff(_) => difference(&change, data_type, &mut overflows),
                _ => percent_change(&change),
            });
        }
        if let Some(&first) = overflows.iter().min() {
            self.plan.check_overflow(rows[first as usize])?;
        }
        Ok(typed(columns, &overflows, rows.len()))
    }

    fn memory_bytes(&self) -> usize {
        self.past.memory_bytes()
    }
}

/// Where among `all` the periods of `series` stand.
fn periods_of(all: &[u32], series: &Series) -> usize {
    let wanted = periods(series);
    let found = all.iter().position(|&known| known == wanted);
    found.expect("all periods are listed")
}

/// Of a text column.
struct TextShift<P> {
    plan: Arc<Plan>,
    periods: Vec<u32>,
    past: P,
    arena: TextArena,
}

impl<P> TextShift<P> {
    fn new(plan: Arc<Plan>, past: P) -> Self {
        Self {
            periods: distinct(&plan),
            plan,
            past,
            arena: TextArena::default(),
        }
    }
}

impl<P: Past<TextRef>> KeyedState for TextShift<P> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let column = TextColumn::of(array);
        let nulls = array.nulls();
        self.past.cover(keys);
        let mut before: Vec<_> = self.periods.iter().map(|_| StringBuilder::new()).collect();
        for (at, (&row, &key)) in rows.iter().zip(keys).enumerate() {
            self.past.fetch_ahead(keys, at);
            for (before, &back) in before.iter_mut().zip(&self.periods) {
                let text = self.past.get(key, back);
                before.append_option(text.map(|text| self.arena.get(text)));
            }
            let is_value = nulls.is_none_or(|nulls| nulls.is_valid(row as usize));
            let text = is_value.then(|| self.arena.add(column.get(row as usize)));
            if let Some(forgotten) = self.past.push(key, text) {
                self.arena.forget(forgotten);
            }
        }
        let before = before
            .iter_mut()
            .map(|texts| Arc::new(texts.finish()) as ArrayRef);
        let before: Vec<_> = before.collect();
        let specs = self.plan.specs.iter();
        let columns =
            specs.map(|spec| Arc::clone(&before[periods_of(&self.periods, &spec.series)]));
        if self.arena.is_wasteful() {
            let past = &mut self.past;
            self.arena
                .compact(|keep| past.for_each(&mut |text| keep(text)));
        }
        Ok(ShardColumns::Typed(columns.collect()))
    }

    fn memory_bytes(&self) -> usize {
        self.past.memory_bytes() + self.arena.memory_bytes()
    }
}
