//! `hash`: a 64-bit number of one or more cells that never changes between versions, machines or
//! runs.
//! Keeps: FNV-1a (Fowler, Noll, Vo) over a tag and the bytes of each cell, little end first, mixed
//! by the last step of SplitMix64; equal cells of one type have one hash, 0.0 and -0.0 included.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};

use super::cells::{Cells, Side, Texts};
use super::time::ticks;
use super::types::Type;

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The hashes of `rows` rows of `arguments`.
pub(super) fn hash(arguments: &[(Cells, &Type)], rows: usize) -> ArrayRef {
    let mut states = vec![BASIS; rows];
    for (cells, data_type) in arguments {
        add(&mut states, cells, data_type);
    }
    let hashes: Vec<i64> = states
        .into_iter()
        .map(|state| mix(state).cast_signed())
        .collect();
    Arc::new(Int64Array::from(hashes))
}

/// Takes the cells of one argument into the states.
fn add(states: &mut [u64], cells: &Cells, data_type: &Type) {
    let nulls = cells.nulls();
    let is_null = |row: usize| match cells {
        Cells::Rows(_) => nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)),
        Cells::One(_) => nulls.is_some(),
    };
    let mut each = |f: &dyn Fn(usize, u64) -> u64| {
        for (row, state) in states.iter_mut().enumerate() {
            *state = if is_null(row) {
                bytes(*state, &[0])
            } else {
                f(row, bytes(*state, &[1]))
            };
        }
    };
    if cells.is_null() {
        return each(&|_, state| state);
    }
    match data_type {
        Type::Text => {
            let texts = Texts::of(cells);
            // The end of a text is marked by a byte that is in none.
            each(&|row, state| bytes(bytes(state, texts.get(row).as_bytes()), &[0xff]));
        }
        Type::Boolean => {
            let values = cells.array().as_boolean();
            let at = |row: usize| if cells.is_one() { 0 } else { row };
            each(&|row, state| bytes(state, &[u8::from(values.value(at(row)))]));
        }
        Type::Float64 => {
            let side = Side::of::<Float64Type>(cells);
            each(&|row, state| bytes(state, &float_bits(side.at(row)).to_le_bytes()));
        }
        Type::Decimal { .. } => {
            let side = Side::of::<Decimal128Type>(cells);
            each(&|row, state| bytes(state, &side.at(row).to_le_bytes()));
        }
        Type::Int64 => {
            let side = Side::of::<Int64Type>(cells);
            each(&|row, state| bytes(state, &side.at(row).to_le_bytes()));
        }
        Type::Date | Type::Timestamp { .. } => {
            let wide = cells.with(Arc::new(ticks(cells.array())));
            let side = Side::of::<Int64Type>(&wide);
            each(&|row, state| bytes(state, &side.at(row).to_le_bytes()));
        }
        Type::Null | Type::Interval => each(&|_, state| state),
    }
}

fn float_bits(value: f64) -> u64 {
    match value.is_nan() {
        true => f64::NAN.abs().to_bits(),
        false => (value + 0.0).to_bits(),
    }
}

fn bytes(state: u64, bytes: &[u8]) -> u64 {
    let step = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(PRIME);
    bytes.iter().fold(state, step)
}

fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
