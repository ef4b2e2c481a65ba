//! Function calls: the cells of the arguments in, those of the result out.
//! Keeps: a function whose only rows are a dictionary works on its texts, each once; a null
//! argument makes a null, but for the few functions that skip nulls.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_null, nullif, take};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};

use super::arithmetic;
use super::cells::{Cells, Side, checked, either_null, map_pairs, plain, refused};
use super::compare::compare;
use super::hash::hash;
use super::node::{Comparison, Function};
use super::text;
use super::time;
use super::types::Type;
use crate::base::Result;

/// Arguments and their types.
pub(super) struct Call<'a> {
    pub(super) function: &'a Function,
    pub(super) arguments: Vec<Cells>,
    pub(super) types: Vec<&'a Type>,
    /// The type of the result.
    pub(super) to: &'a Type,
}

impl Call<'_> {
    /// The result over `rows` rows.
    pub(super) fn cells(self, rows: usize) -> Result<Cells> {
        let skips_nulls = matches!(
            self.function,
            Function::Concat
                | Function::Least
                | Function::Greatest
                | Function::Hash
                | Function::Clip
        );
        if !skips_nulls && self.arguments.iter().any(Cells::is_null) {
            return Ok(Cells::One(new_null_array(&self.to.arrow(), 1)));
        }
        if self.arguments.iter().all(Cells::is_one) {
            return Ok(Cells::One(self.array(1)?));
        }
        if !skips_nulls && let Some(index) = self.only_dictionary(rows) {
            return self.over_dictionary(index);
        }
        Ok(Cells::Rows(self.array(rows)?))
    }

    /// The argument that is a dictionary with fewer texts than rows, if all others are constants.
    fn only_dictionary(&self, rows: usize) -> Option<usize> {
        let mut many = self
            .arguments
            .iter()
            .enumerate()
            .filter(|(_, cells)| !cells.is_one());
        let (index, cells) = many.next()?;
        let dictionary = cells.array().as_dictionary_opt::<Int32Type>()?;
        (many.next().is_none() && dictionary.values().len() < rows).then_some(index)
    }

    fn over_dictionary(mut self, index: usize) -> Result<Cells> {
        let array = Arc::clone(self.arguments[index].array());
        let dictionary = array.as_dictionary::<Int32Type>();
        let texts = Arc::clone(dictionary.values());
        let rows = texts.len();
        self.arguments[index] = Cells::Rows(texts);
        let results = self.array(rows)?;
        let spread = take(&results, dictionary.keys(), None).map_err(refused)?;
        Ok(Cells::Rows(spread))
    }

    fn array(self, rows: usize) -> Result<ArrayRef> {
        let Self {
            function,
            arguments,
            types,
            to,
        } = self;
        let first = arguments.first().map(Cells::array);
        let float = |f: &dyn Fn(f64) -> f64| -> Result<ArrayRef> {
            let array = arguments[0].array().as_primitive::<Float64Type>();
            Ok(Arc::new(array.unary::<_, Float64Type>(f)))
        };
        match function {
            Function::Concat => text::concat(&arguments, rows),
            Function::Least => extreme(&arguments, types[0], Comparison::Less, rows),
            Function::Greatest => extreme(&arguments, types[0], Comparison::Greater, rows),
            Function::Clip => clip(&arguments, types[0], rows),
            Function::Hash => {
                let typed: Vec<(Cells, &Type)> = arguments.into_iter().zip(types).collect();
                Ok(hash(&typed, rows))
            }
            Function::Abs => Ok(arithmetic::absolute(first.expect("abs takes one"))),
            Function::Sign => Ok(arithmetic::sign(first.expect("sign takes one"))),
            Function::Round => Ok(round(&arguments, to)),
            Function::Floor => float(&f64::floor),
            Function::Ceil => float(&f64::ceil),
            Function::Exp => float(&f64::exp),
            Function::Ln => Ok(positive(&arguments[0], f64::ln)),
            Function::Log10 => Ok(positive(&arguments[0], f64::log10)),
            Function::Log2 => Ok(positive(&arguments[0], f64::log2)),
            Function::Sqrt => {
                let floats = arguments[0].array().as_primitive::<Float64Type>();
                Ok(Arc::new(floats.unary_opt::<_, Float64Type>(|value| {
                    (value >= 0.0 || value.is_nan()).then(|| value.sqrt())
                })))
            }
            Function::Power => {
                let [base, exponent] = &arguments[..] else {
                    unreachable!("power takes two");
                };
                let power = |base: f64, exponent| (base.powf(exponent), false);
                Ok(Arc::new(checked::<Float64Type>(base, exponent, power)))
            }
            Function::Part(part) => Ok(time::part(*part, arguments[0].array(), types[0])),
            Function::Truncate(part) => {
                Ok(time::truncate(*part, arguments[0].array(), types[0], to))
            }
            Function::Difference(part) => Ok(difference(*part, &arguments, types[0])),
            _ => text::call(function, &arguments, rows, all_nulls(&arguments)),
        }
    }
}

/// The rows in which any argument is null.
fn all_nulls(arguments: &[Cells]) -> Option<NullBuffer> {
    let of_rows = arguments.iter().filter(|cells| !cells.is_one());
    of_rows.fold(None, |nulls, cells| {
        NullBuffer::union(nulls.as_ref(), cells.nulls().as_ref())
    })
}

/// `f` of each number above zero, null for the others.
fn positive(cells: &Cells, f: impl Fn(f64) -> f64) -> ArrayRef {
    let floats = cells.array().as_primitive::<Float64Type>();
    let logarithm = |value: f64| (value > 0.0 || value.is_nan()).then(|| f(value));
    Arc::new(floats.unary_opt::<_, Float64Type>(logarithm))
}

fn round(arguments: &[Cells], to: &Type) -> ArrayRef {
    let zero = Cells::One(Arc::new(Int64Array::from(vec![0])));
    let digits = arguments.get(1).unwrap_or(&zero);
    if *to == Type::Int64 {
        return Arc::new(checked::<Int64Type>(
            &arguments[0],
            digits,
            |value, digits| {
                let rounded = arithmetic::round_integer(value, digits);
                (rounded.unwrap_or(0), rounded.is_none())
            },
        ));
    }
    let values = arguments[0].array().as_primitive::<Float64Type>();
    let digits_side = Side::of::<Int64Type>(digits);
    if digits.is_one() {
        let digits = digits_side.at(0);
        return match digits {
            0 => Arc::new(values.unary::<_, Float64Type>(f64::round)),
            _ => Arc::new(values.unary::<_, Float64Type>(|v| arithmetic::round_float(v, digits))),
        };
    }
    let nulls = either_null(&arguments[0], digits);
    let value = Side::of::<Float64Type>(&arguments[0]);
    let rows = digits.array().len();
    let rounded = (0..rows).map(|row| arithmetic::round_float(value.at(row), digits_side.at(row)));
    Arc::new(Float64Array::new(rounded.collect::<Vec<_>>().into(), nulls))
}

/// The least or greatest of the arguments, nulls skipped.
fn extreme(
    arguments: &[Cells],
    data_type: &Type,
    comparison: Comparison,
    rows: usize,
) -> Result<ArrayRef> {
    let plain = |cells: &Cells| -> Result<Cells> { Ok(cells.with(plain(cells.array())?)) };
    let mut best = plain(&arguments[0])?;
    for other in &arguments[1..] {
        best = Cells::Rows(pick_by(comparison, &plain(other)?, &best, data_type, rows)?);
    }
    best.into_rows(rows)
}

/// `one` where it compares so with `other`, or `other` is null.
fn pick_by(
    comparison: Comparison,
    one: &Cells,
    other: &Cells,
    data_type: &Type,
    rows: usize,
) -> Result<ArrayRef> {
    if one.is_null() {
        return other.clone().into_rows(rows);
    }
    if other.is_null() {
        return one.clone().into_rows(rows);
    }
    let (one, other) = (one.clone().into_rows(rows)?, other.clone().into_rows(rows)?);
    let (one, other) = (Cells::Rows(one), Cells::Rows(other));
    let better = compare(comparison, &one, &other, data_type)?;
    let missing = is_null(other.array()).map_err(refused)?;
    let mask = &super::cells::trues(&better) | missing.values();
    zip(&BooleanArray::new(mask, None), &one, &other).map_err(refused)
}

/// The cells, held between a lower and an upper limit; a limit that is null is none, and NaN stays.
fn clip(arguments: &[Cells], data_type: &Type, rows: usize) -> Result<ArrayRef> {
    let value = plain(&arguments[0].clone().into_rows(rows)?)?;
    let mut clipped = Arc::clone(&value);
    let limits = [Comparison::Less, Comparison::Greater];
    for (limit, comparison) in arguments[1..].iter().zip(limits) {
        if limit.is_null() {
            continue;
        }
        let limit = Cells::Rows(plain(&limit.clone().into_rows(rows)?)?);
        let held = Cells::Rows(Arc::clone(&clipped));
        let outside = compare(comparison, &held, &limit, data_type)?;
        let mut mask = super::cells::trues(&outside);
        if let Some(floats) = value.as_primitive_opt::<Float64Type>() {
            let numbers = BooleanArray::from_unary(floats, |value| !value.is_nan());
            mask = &mask & numbers.values();
        }
        clipped = zip(&BooleanArray::new(mask, None), &limit, &held).map_err(refused)?;
    }
    nullif(&clipped, &is_null(&value).map_err(refused)?).map_err(refused)
}

/// The units that begin between two moments; of weeks, those that pass.
fn difference(part: time::Part, arguments: &[Cells], data_type: &Type) -> ArrayRef {
    let per_day = match data_type {
        Type::Timestamp { unit, .. } => unit.per_second() * 86_400,
        _ => 1,
    };
    let wide = |cells: &Cells| cells.with(Arc::new(time::ticks(cells.array())));
    let (from, to) = (wide(&arguments[0]), wide(&arguments[1]));
    let values = map_pairs(
        Side::of::<Int64Type>(&from),
        Side::of::<Int64Type>(&to),
        |from, to| part.between(from, to, per_day),
    );
    Arc::new(Int64Array::new(values.into(), either_null(&from, &to)))
}
