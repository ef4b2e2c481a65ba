//! Comparisons: two sides of one type in, TRUE, FALSE or null out.
//! Keeps: of floats, NaN equals NaN and is greater than all others, and the two zeros are equal,
//! as in DuckDB; so sorting, grouping and comparing agree.

use std::array;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::datatypes::Float64Type;

use super::cells::{Cells, Side, either_null, refused};
use super::node::Comparison;
use super::types::Type;
use crate::base::Result;

/// Compares cell by cell.
pub(super) fn compare(
    comparison: Comparison,
    left: &Cells,
    right: &Cells,
    data_type: &Type,
) -> Result<BooleanArray> {
    if *data_type == Type::Float64 {
        let (l, r) = (
            Side::of::<Float64Type>(left),
            Side::of::<Float64Type>(right),
        );
        return Ok(BooleanArray::new(
            compare_floats(comparison, l, r),
            either_null(left, right),
        ));
    }
    by_kernel(comparison, left, right)
}

fn by_kernel(comparison: Comparison, left: &Cells, right: &Cells) -> Result<BooleanArray> {
    let result = match comparison {
        Comparison::Equal => cmp::eq(left, right),
        Comparison::NotEqual => cmp::neq(left, right),
        Comparison::Less => cmp::lt(left, right),
        Comparison::LessOrEqual => cmp::lt_eq(left, right),
        Comparison::Greater => cmp::gt(left, right),
        Comparison::GreaterOrEqual => cmp::gt_eq(left, right),
    };
    result.map_err(refused)
}

/// Arrow's kernels go by the total order, in which zeros differ and NaNs do. The processor knows
/// equal zeros; what it says of NaN, which it holds to be unlike everything, is put right here.
fn compare_floats(
    comparison: Comparison,
    left: Side<'_, f64>,
    right: Side<'_, f64>,
) -> BooleanBuffer {
    let equal = |l: f64, r: f64| (l == r) | (l.is_nan() & r.is_nan());
    let less = |l: f64, r: f64| (l < r) | (r.is_nan() & !l.is_nan());
    match comparison {
        Comparison::Equal => test(left, right, equal),
        Comparison::NotEqual => test(left, right, |l, r| !equal(l, r)),
        Comparison::Less => test(left, right, less),
        Comparison::LessOrEqual => test(left, right, |l, r| !less(r, l)),
        Comparison::Greater => test(left, right, |l, r| less(r, l)),
        Comparison::GreaterOrEqual => test(left, right, |l, r| !less(l, r)),
    }
}

/// `ask` of each pair, as many as the longer side has.
fn test(
    left: Side<'_, f64>,
    right: Side<'_, f64>,
    ask: impl Fn(f64, f64) -> bool,
) -> BooleanBuffer {
    match (left, right) {
        (Side::Rows(left), Side::Rows(right)) => {
            let (lefts, left_rest) = left.as_chunks::<8>();
            let (rights, right_rest) = right.as_chunks::<8>();
            let whole = lefts.iter().zip(rights);
            let whole = whole.map(|(l, r)| bits(array::from_fn(|lane| ask(l[lane], r[lane]))));
            let rest = left_rest.iter().zip(right_rest);
            pack(left.len(), whole, rest.map(|(&l, &r)| ask(l, r)))
        }
        (Side::Rows(left), Side::One(right)) => test_one(left, |left| ask(left, right)),
        (Side::One(left), Side::Rows(right)) => test_one(right, |right| ask(left, right)),
        (Side::One(left), Side::One(right)) => BooleanBuffer::from_iter([ask(left, right)]),
    }
}

fn test_one(values: &[f64], ask: impl Fn(f64) -> bool) -> BooleanBuffer {
    let (chunks, rest) = values.as_chunks::<8>();
    let whole = chunks.iter();
    let whole = whole.map(|chunk| bits(array::from_fn(|lane| ask(chunk[lane]))));
    pack(values.len(), whole, rest.iter().map(|&value| ask(value)))
}

/// Eight answers as bits, the first the lowest: each is moved to the top byte, to a place of its own.
fn bits(answers: [bool; 8]) -> u8 {
    let bytes = u64::from_le_bytes(answers.map(u8::from));
    (bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// `len` answers: eight at a time, then fewer.
fn pack(
    len: usize,
    whole: impl Iterator<Item = u8>,
    rest: impl Iterator<Item = bool>,
) -> BooleanBuffer {
    let mut bytes = Vec::with_capacity(len.div_ceil(8));
    bytes.extend(whole);
    if bytes.len() * 8 < len {
        let mut last = [false; 8];
        last.iter_mut()
            .zip(rest)
            .for_each(|(place, answer)| *place = answer);
        bytes.push(bits(last));
    }
    BooleanBuffer::new(bytes.into(), 0, len)
}

/// Whether cells differ, null being a value of its own; never null.
pub(super) fn distinct(left: &Cells, right: &Cells, data_type: &Type) -> Result<BooleanArray> {
    let (left, right) = (canonical(left, data_type), canonical(right, data_type));
    cmp::distinct(&left, &right).map_err(refused)
}

/// Floats for kernels that go by their total order: zeros become one zero, and NaNs one NaN.
fn canonical(cells: &Cells, data_type: &Type) -> Cells {
    if *data_type != Type::Float64 {
        return cells.clone();
    }
    let floats = cells.array().as_primitive::<Float64Type>();
    const NEGATIVE_ZERO: u64 = 1 << 63;
    let is_odd = |value: f64| value.is_nan() | (value.to_bits() == NEGATIVE_ZERO);
    let odd = floats
        .values()
        .iter()
        .fold(false, |odd, &value| odd | is_odd(value));
    if !odd {
        return cells.clone();
    }
    let one = |value: f64| match value.is_nan() {
        true => f64::NAN.abs(),
        // Of the two zeros the sum is the positive one.
        false => value + 0.0,
    };
    cells.with(Arc::new(floats.unary::<_, Float64Type>(one)) as ArrayRef)
}

/// TRUE and FALSE only: whether each cell is `value`, or is not.
pub(super) fn is(array: &BooleanArray, value: bool, negated: bool) -> BooleanArray {
    let same = match value {
        true => array.values().clone(),
        false => !array.values(),
    };
    let same: BooleanBuffer = match array.nulls() {
        Some(nulls) => &same & nulls.inner(),
        None => same,
    };
    BooleanArray::new(if negated { !&same } else { same }, None)
}

#[cfg(test)]
mod tests {
    use arrow::array::Float64Array;

    use super::*;

    const ALL: [Comparison; 6] = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ];

    #[test]
    fn floats_compare_as_kernels_do_once_zeros_and_nans_are_one() {
        let odd = [
            f64::NAN,
            -f64::NAN,
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1.5,
            -1.5,
        ];
        let ones = odd.map(|value| Cells::One(Arc::new(Float64Array::from(vec![value]))));
        for rows in [0, 1, 7, 8, 9, 64, 131] {
            let column = |stride: usize| {
                let cell = |row: usize| {
                    (!row.is_multiple_of(11)).then(|| odd[row * stride / 3 % odd.len()])
                };
                Cells::Rows(Arc::new((0..rows).map(cell).collect::<Float64Array>()))
            };
            let columns = [column(3), column(5), column(1)];
            for (left, right) in columns
                .iter()
                .flat_map(|left| columns.iter().chain(&ones).map(move |right| (left, right)))
                .flat_map(|(left, right)| [(left, right), (right, left)])
            {
                for comparison in ALL {
                    let told = compare(comparison, left, right, &Type::Float64).unwrap();
                    let [l, r] = [left, right].map(|side| canonical(side, &Type::Float64));
                    let wanted = by_kernel(comparison, &l, &r).unwrap();
                    assert_eq!(told, wanted, "{comparison:?} of {left:?} and {right:?}");
                }
            }
        }
    }
}
