//! Running sums, products, largest and smallest cells, in the column's own arithmetic: a shard's
//! rows in, an array out.
//!
//! Invariant: nulls and NaN are passed over and are null in the result; a state never loses digits,
//! so a sum beyond its type is right again once it is back.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanBufferBuilder, StringBuilder};
use arrow::buffer::NullBuffer;
use arrow::datatypes::i256;

use super::per_key::PerKey;
use super::texts::{TextArena, TextRef};
use super::{Plan, typed};
use crate::base::{Batch, DataType, Result, Running};
use crate::steps::fit::TextColumn;
use crate::steps::fit::cells::Cell;
use crate::steps::{KeyedState, ShardColumns};

/// What cells come to.
trait Fold: Send {
    /// The cells, and the type of the results.
    type Cell: Cell;
    /// What is held of each key.
    type State: Clone + Default + Send;
    /// Takes in a cell; what the key's cells come to, if that fits its type.
    fn add(state: &mut Self::State, cell: Self::Cell) -> Option<Self::Cell>;
}

/// Sums of integers.
struct IntegerSum;

impl Fold for IntegerSum {
    type Cell = i64;
    /// No number of rows makes it overflow.
    type State = i128;

    #[inline(always)]
    fn add(state: &mut i128, cell: i64) -> Option<i64> {
        *state += i128::from(cell);
        i64::try_from(*state).ok()
    }
}

/// Sums of decimals of the most digits there are.
struct DecimalSum;

impl Fold for DecimalSum {
    type Cell = i128;
    type State = i256;

    #[inline(always)]
    fn add(state: &mut i256, cell: i128) -> Option<i128> {
        const LIMIT: i128 = 10_i128.pow(38);
        *state = state.wrapping_add(i256::from_i128(cell));
        let sum = state.to_i128();
        sum.filter(|&sum| -LIMIT < sum && sum < LIMIT)
    }
}

/// Products of integers.
struct IntegerProduct;

/// A product; `None` once it does not fit, which only a zero mends.
#[derive(Clone)]
struct Product(Option<i64>);

impl Default for Product {
    fn default() -> Self {
        Self(Some(1))
    }
}

impl Fold for IntegerProduct {
    type Cell = i64;
    type State = Product;

    #[inline(always)]
    fn add(Product(state): &mut Product, cell: i64) -> Option<i64> {
        *state = match cell {
            0 => Some(0),
            _ => state.and_then(|product| product.checked_mul(cell)),
        };
        *state
    }
}

/// The largest or, unless `LARGEST`, smallest cells.
struct Extreme<T, const LARGEST: bool>(PhantomData<T>);

impl<T: Cell + PartialOrd, const LARGEST: bool> Fold for Extreme<T, LARGEST> {
    type Cell = T;
    type State = Option<T>;

    #[inline(always)]
    fn add(state: &mut Option<T>, cell: T) -> Option<T> {
        let beats = |best: T| if LARGEST { cell > best } else { cell < best };
        if state.is_none_or(beats) {
            *state = Some(cell);
        }
        *state
    }
}

/// The empty state of a shard.
pub(super) fn state(plan: Arc<Plan>, running: Running) -> Box<dyn KeyedState> {
    match running {
        Running::Sum => match plan.input {
            DataType::Int64 => fixed::<IntegerSum>(plan),
            _ => fixed::<DecimalSum>(plan),
        },
        Running::Product => fixed::<IntegerProduct>(plan),
        Running::Max => extreme::<true>(plan),
        Running::Min => extreme::<false>(plan),
    }
}

fn extreme<const LARGEST: bool>(plan: Arc<Plan>) -> Box<dyn KeyedState> {
    with_column_kind!(plan.input.clone(),
        T => fixed::<Extreme<T, LARGEST>>(plan),
        text => Box::new(TextExtreme::<LARGEST> {
            plan,
            best: PerKey::new(None),
            arena: TextArena::default(),
        })
    )
}

fn fixed<F: Fold + 'static>(plan: Arc<Plan>) -> Box<dyn KeyedState> {
    Box::new(Fixed::<F> {
        plan,
        states: PerKey::new(F::State::default()),
    })
}

/// The state of one shard over a fixed-width column.
struct Fixed<F: Fold> {
    plan: Arc<Plan>,
    states: PerKey<F::State>,
}

impl<F: Fold> KeyedState for Fixed<F> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let cells = F::Cell::read(array);
        let nulls = array.nulls();
        self.states.cover(keys);
        let mut results = Vec::with_capacity(rows.len());
        let mut valid = BooleanBufferBuilder::new(rows.len());
        let mut overflows = Vec::new();
        for (at, (&row, &key)) in rows.iter().zip(keys).enumerate() {
            self.states.fetch_ahead(keys, at);
            let cell = cells[row as usize];
            let is_null = nulls.is_some_and(|nulls| nulls.is_null(row as usize));
            let mut result = None;
            if !is_null && cell.key().is_some() {
                result = F::add(&mut self.states[key], cell);
                if result.is_none() {
                    self.plan.check_overflow(row)?;
                    overflows.push(at as u32);
                }
            }
            valid.append(result.is_some());
            results.push(result.unwrap_or_default());
        }
        let nulls = Some(NullBuffer::new(valid.finish())).filter(|nulls| nulls.null_count() > 0);
        let data_type = self.plan.outputs[0].1.to_arrow();
        let column = F::Cell::build(results, nulls, &data_type);
        Ok(typed(vec![column], &overflows, rows.len()))
    }

    fn memory_bytes(&self) -> usize {
        self.states.memory_bytes()
    }
}

/// The state of one shard over a text column; texts are ordered by their bytes.
struct TextExtreme<const LARGEST: bool> {
    plan: Arc<Plan>,
    best: PerKey<Option<TextRef>>,
    arena: TextArena,
}

impl<const LARGEST: bool> KeyedState for TextExtreme<LARGEST> {
    fn advance(&mut self, batch: &Batch, rows: &[u32], keys: &[u32]) -> Result<ShardColumns> {
        let array = batch.column(self.plan.slot);
        let column = TextColumn::of(array);
        let nulls = array.nulls();
        self.best.cover(keys);
        let mut results = StringBuilder::new();
        for (&row, &key) in rows.iter().zip(keys) {
            if nulls.is_some_and(|nulls| nulls.is_null(row as usize)) {
                results.append_null();
                continue;
            }
            let text = column.get(row as usize);
            let best = &mut self.best[key];
            let beats = best.is_none_or(|best| match LARGEST {
                true => text > self.arena.get(best),
                false => text < self.arena.get(best),
            });
            if beats && let Some(beaten) = best.replace(self.arena.add(text)) {
                self.arena.forget(beaten);
            }
            results.append_option(best.map(|best| self.arena.get(best)));
        }
        if self.arena.is_wasteful() {
            let best = &mut self.best;
            self.arena
                .compact(|keep| best.iter_mut().flatten().for_each(keep));
        }
        let results: ArrayRef = Arc::new(results.finish());
        Ok(ShardColumns::Typed(vec![results]))
    }

    fn memory_bytes(&self) -> usize {
        self.best.memory_bytes() + self.arena.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_beyond_their_type_come_back() {
        let mut state = 0;
        assert_eq!(IntegerSum::add(&mut state, i64::MAX), Some(i64::MAX));
        assert_eq!(IntegerSum::add(&mut state, 1), None);
        assert_eq!(IntegerSum::add(&mut state, -2), Some(i64::MAX - 1));
        let most = 10_i128.pow(38) - 1;
        let mut state = i256::ZERO;
        assert_eq!(DecimalSum::add(&mut state, most), Some(most));
        for _ in 0..3 {
            assert_eq!(DecimalSum::add(&mut state, most), None);
        }
        for _ in 0..2 {
            assert_eq!(DecimalSum::add(&mut state, -most), None);
        }
        assert_eq!(DecimalSum::add(&mut state, -most), Some(most));
    }

    #[test]
    fn only_a_zero_mends_a_product() {
        let mut state = Product::default();
        assert_eq!(IntegerProduct::add(&mut state, i64::MIN), Some(i64::MIN));
        assert_eq!(IntegerProduct::add(&mut state, -1), None);
        assert_eq!(IntegerProduct::add(&mut state, 1), None);
        assert_eq!(IntegerProduct::add(&mut state, 0), Some(0));
        assert_eq!(IntegerProduct::add(&mut state, 5), Some(0));
    }
}
