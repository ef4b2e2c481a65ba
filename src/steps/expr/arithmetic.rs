//! Numbers: two sides of one type in, sums, products and quotients out.
//! Keeps: a whole number or decimal that does not fit its type, and any division by zero, is null;
//! the caller counts them. Floats overflow to infinity.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};

use super::cells::{Cells, checked};
use super::node::Arithmetic;
use super::types::Type;

/// Works on two sides of `data_type`; decimals of `+`, `-` and `%` have its scale.
pub(super) fn calculate(
    operator: Arithmetic,
    left: &Cells,
    right: &Cells,
    data_type: &Type,
) -> ArrayRef {
    match *data_type {
        Type::Float64 => Arc::new(floats(operator, left, right)),
        Type::Decimal { precision, scale } => {
            let sums = decimals(operator, left, right, precision);
            let sums = sums.with_precision_and_scale(precision, scale);
            Arc::new(sums.expect("the planner makes decimals that there are"))
        }
        _ => Arc::new(integers(operator, left, right)),
    }
}

fn integers(operator: Arithmetic, l: &Cells, r: &Cells) -> PrimitiveArray<Int64Type> {
    match operator {
        Arithmetic::Add => checked(l, r, i64::overflowing_add),
        Arithmetic::Subtract => checked(l, r, i64::overflowing_sub),
        Arithmetic::Multiply => checked(l, r, i64::overflowing_mul),
        Arithmetic::Divide | Arithmetic::IntegerDivide => checked(l, r, |l: i64, r: i64| {
            let quotient = l.checked_div(r);
            (quotient.unwrap_or(0), quotient.is_none())
        }),
        Arithmetic::Remainder => checked(l, r, |l: i64, r: i64| match r {
            0 => (0, true),
            _ => (l.wrapping_rem(r), false),
        }),
    }
}

fn floats(operator: Arithmetic, l: &Cells, r: &Cells) -> PrimitiveArray<Float64Type> {
    match operator {
        Arithmetic::Add => checked(l, r, |l: f64, r: f64| (l + r, false)),
        Arithmetic::Subtract => checked(l, r, |l: f64, r: f64| (l - r, false)),
        Arithmetic::Multiply => checked(l, r, |l: f64, r: f64| (l * r, false)),
        // As in DuckDB, `//` cuts nothing off floats.
        Arithmetic::Divide | Arithmetic::IntegerDivide => {
            checked(l, r, |l: f64, r: f64| (l / r, r == 0.0))
        }
        Arithmetic::Remainder => checked(l, r, |l: f64, r: f64| (l % r, r == 0.0)),
    }
}

fn decimals(
    operator: Arithmetic,
    l: &Cells,
    r: &Cells,
    precision: u8,
) -> PrimitiveArray<Decimal128Type> {
    let limit = 10_i128.pow(precision.into());
    let fits = |(value, overflows): (i128, bool)| {
        let is_wrong = overflows || value >= limit || value <= -limit;
        (value, is_wrong)
    };
    match operator {
        Arithmetic::Add => checked(l, r, |l: i128, r| fits(l.overflowing_add(r))),
        Arithmetic::Subtract => checked(l, r, |l: i128, r| fits(l.overflowing_sub(r))),
        Arithmetic::Multiply => checked(l, r, |l: i128, r| fits(l.overflowing_mul(r))),
        Arithmetic::Divide | Arithmetic::IntegerDivide => {
            unreachable!("decimals are divided as floats")
        }
        Arithmetic::Remainder => checked(l, r, |l: i128, r: i128| match r {
            0 => (0, true),
            _ => (l.wrapping_rem(r), false),
        }),
    }
}

/// The numbers with the other sign.
pub(super) fn negate(array: &ArrayRef) -> ArrayRef {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return Arc::new(floats.unary::<_, Float64Type>(|value| -value));
    }
    if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        return Arc::new(unary_checked(integers, i64::checked_neg));
    }
    let decimals = array.as_primitive::<Decimal128Type>();
    let negated = decimals.unary::<_, Decimal128Type>(i128::wrapping_neg);
    Arc::new(negated.with_data_type(array.data_type().clone()))
}

/// The sizes of numbers.
pub(super) fn absolute(array: &ArrayRef) -> ArrayRef {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return Arc::new(floats.unary::<_, Float64Type>(f64::abs));
    }
    if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        return Arc::new(unary_checked(integers, i64::checked_abs));
    }
    let decimals = array.as_primitive::<Decimal128Type>();
    let sizes = decimals.unary::<_, Decimal128Type>(i128::wrapping_abs);
    Arc::new(sizes.with_data_type(array.data_type().clone()))
}

/// `f` of each number, null where there is none.
pub(super) fn unary_checked(
    array: &PrimitiveArray<Int64Type>,
    f: impl Fn(i64) -> Option<i64>,
) -> PrimitiveArray<Int64Type> {
    array.unary_opt(f)
}

/// -1, 0 or 1.
pub(super) fn sign(array: &ArrayRef) -> ArrayRef {
    if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        return Arc::new(integers.unary::<_, Int64Type>(i64::signum));
    }
    let sign = |value: f64| i64::from(value > 0.0) - i64::from(value < 0.0);
    let floats = array.as_primitive::<Float64Type>();
    Arc::new(floats.unary::<_, Int64Type>(sign))
}

/// `value` rounded to `digits` behind the point, halves away from zero.
pub(super) fn round_float(value: f64, digits: i64) -> f64 {
    let digits = i32::try_from(digits.clamp(-400, 400)).expect("a small number");
    if digits < 0 {
        let unit = 10_f64.powi(-digits);
        let rounded = (value / unit).round() * unit;
        return if rounded.is_finite() { rounded } else { 0.0 };
    }
    let unit = 10_f64.powi(digits);
    let rounded = (value * unit).round() / unit;
    if rounded.is_finite() { rounded } else { value }
}

/// `value` rounded to `digits` behind the point, which are before it if there are fewer than none.
pub(super) fn round_integer(value: i64, digits: i64) -> Option<i64> {
    if digits >= 0 {
        return Some(value);
    }
    let Some(unit) = u32::try_from(-digits.max(-40))
        .ok()
        .and_then(|d| 10_i128.checked_pow(d))
    else {
        return Some(0);
    };
    let half = if value < 0 { -unit / 2 } else { unit / 2 };
    i64::try_from((i128::from(value) + half) / unit * unit).ok()
}
