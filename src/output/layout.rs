//! A column's type and a sample of its cells -> how its pages encode them.
//!
//! Each column of each row group is laid out by itself. The choice is made from a fixed number of
//! cells at places that depend on the number of rows alone, so it costs little and the same rows
//! always get the same layout.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, Decimal128Type, Float64Type, Int32Type,
    Int64Type, TimeUnit as ArrowTimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use foldhash::fast::FixedState;
use parquet::basic::Encoding;
use std::hash::BuildHasher;

use crate::base::Compression;
use crate::base::DataType;

/// How the cells of one column in one row group are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Each distinct cell once, and a bit-packed index for each row.
    Dictionary,
    /// Each cell by itself, as [`direct_encoding`] says.
    Direct,
}

/// Decimals of more digits do not fit 64 bits.
const DECIMAL64_PRECISION_MAX: u8 = 18;

/// From this level on, Zstandard users want small files rather than fast ones.
const ZSTD_LEVEL_SMALL: i32 = 3;

/// The encoding of cells outside a dictionary.
///
/// Floats under a fast Zstandard level have their bytes split into streams: on columns of two
/// decimals or of rolling means that is two to three times faster than compressing them as they
/// are, for files half as large again; noise comes out smaller too.
pub(super) fn direct_encoding(data_type: &DataType, compression: Compression) -> Encoding {
    match *data_type {
        DataType::Int64 | DataType::Date | DataType::Timestamp { .. } => {
            Encoding::DELTA_BINARY_PACKED
        }
        DataType::Decimal { precision, .. } if precision <= DECIMAL64_PRECISION_MAX => {
            Encoding::DELTA_BINARY_PACKED
        }
        DataType::Float64 => match compression {
            Compression::Zstd(level) if level < ZSTD_LEVEL_SMALL => Encoding::BYTE_STREAM_SPLIT,
            _ => Encoding::PLAIN,
        },
        DataType::Utf8 | DataType::Categorical => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        DataType::Boolean | DataType::Decimal { .. } => Encoding::PLAIN,
    }
}

/// Cells looked at to tell how many distinct ones there are.
const CELLS_MAX: usize = 4096;
/// Runs of neighbours looked at to tell how far apart they are.
const RUNS_MAX: usize = 32;
const RUN_ROWS: usize = 64;

/// What a column's cells look like.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Rows of the row group.
    rows: usize,
    /// Rows looked at, null or not.
    rows_seen: usize,
    /// A word for each non-null cell seen: equal cells have equal words.
    words: Vec<u64>,
    /// Bytes of the text cells seen.
    text_bytes: usize,
    /// Width of a delta-packed cell, in bits, averaged over the runs.
    delta_bits: f64,
}

impl Sample {
    /// Looks at the cells of consecutive pieces of a column of `data_type`.
    pub(super) fn take(data_type: &DataType, pieces: &[ArrayRef]) -> Self {
        let rows = pieces.iter().map(|piece| piece.len()).sum();
        let mut sample = Self {
            rows,
            ..Self::default()
        };
        if is_always_direct(data_type) || rows == 0 {
            return sample;
        }
        let picks = picks(rows);
        sample.rows_seen = picks.len();
        let mut picks = picks.as_slice();
        let mut first = 0;
        for piece in pieces {
            let end = first + piece.len();
            let count = picks.partition_point(|&row| row < end);
            sample.add(piece.as_ref(), picks[..count].iter().map(|row| row - first));
            picks = &picks[count..];
            first = end;
        }
        if is_delta_packed(data_type) {
            sample.delta_bits = delta_bits(rows, pieces);
        }
        sample
    }

    fn add(&mut self, piece: &dyn Array, rows: impl Iterator<Item = usize>) {
        let rows = rows.filter(|&row| piece.is_valid(row));
        match piece.data_type() {
            ArrowType::Float64 => {
                let cells = piece.as_primitive::<Float64Type>().values();
                self.words.extend(rows.map(|row| cells[row].to_bits()));
            }
            ArrowType::Utf8 => {
                let cells = piece.as_string::<i32>();
                self.add_text(rows.map(|row| cells.value(row)));
            }
            ArrowType::Dictionary(..) => {
                let cells = piece.as_dictionary::<Int32Type>();
                let (keys, values) = (cells.keys().values(), cells.values().as_string::<i32>());
                self.add_text(rows.map(|row| values.value(keys[row] as usize)));
            }
            _ => {
                let rows: Vec<usize> = rows.collect();
                self.words
                    .extend(integers(piece, &rows).map(|cell| cell as u64));
            }
        }
    }

    fn add_text<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        let hasher = FixedState::default();
        for cell in cells {
            self.text_bytes += cell.len();
            self.words.push(hasher.hash_one(cell.as_bytes()));
        }
    }

    /// The layout that is expected to take fewer bytes, with some weight on speed.
    pub(super) fn layout(&self, data_type: &DataType, dictionary_bytes_max: usize) -> Layout {
        let seen = self.words.len();
        if seen == 0 {
            return Layout::Direct;
        }
        let cells = self.rows as f64 * seen as f64 / self.rows_seen as f64;
        let distinct = distinct_estimate(&self.words, cells);
        let cell_bytes = match data_type {
            DataType::Utf8 | DataType::Categorical => 4.0 + self.text_bytes as f64 / seen as f64,
            DataType::Date => 4.0,
            _ => 8.0,
        };
        let dictionary_bytes = distinct * cell_bytes;
        let dictionary_bits = distinct.log2().ceil() + dictionary_bytes * 8.0 / cells;
        let direct_bits = if is_delta_packed(data_type) {
            0.9 * self.delta_bits
        } else {
            // What a codec makes of repetitive cells, or else the time it would take to do so.
            0.4 * 8.0 * cell_bytes
        };
        if dictionary_bits < direct_bits && dictionary_bytes <= dictionary_bytes_max as f64 {
            Layout::Dictionary
        } else {
            Layout::Direct
        }
    }
}

/// Whether cells are so small, or so wide and rare, that no dictionary is made of them.
fn is_always_direct(data_type: &DataType) -> bool {
    match *data_type {
        DataType::Boolean => true,
        DataType::Decimal { precision, .. } => precision > DECIMAL64_PRECISION_MAX,
        _ => false,
    }
}

fn is_delta_packed(data_type: &DataType) -> bool {
    direct_encoding(data_type, Compression::None) == Encoding::DELTA_BINARY_PACKED
}

/// The rows to look at: all, or one at a scrambled place in each of `CELLS_MAX` equal strides, so
/// that a period in the data does not show as a constant.
fn picks(rows: usize) -> Vec<usize> {
    if rows <= CELLS_MAX {
        return (0..rows).collect();
    }
    let stride = rows / CELLS_MAX;
    let scramble = |i: usize| (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    (0..CELLS_MAX)
        .map(|i| i * stride + scramble(i) as usize % stride)
        .collect()
}

/// How many distinct cells a column of `cells` has, by the share of repeats among those seen, as
/// if all were equally likely: solves `seen = d (1 - exp(-n / d))` for d, which errs towards few.
fn distinct_estimate(words: &[u64], cells: f64) -> f64 {
    let n = words.len() as f64;
    let mut counts: HashMap<u64, (), FixedState> = HashMap::default();
    counts.extend(words.iter().map(|&word| (word, ())));
    let seen = counts.len() as f64;
    if n >= cells || seen * 20.0 < n {
        return seen;
    }
    if seen >= n {
        return cells;
    }
    let (mut low, mut high) = (seen, cells.max(seen));
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        let expected = middle * -(-n / middle).exp_m1();
        if expected < seen {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The width of a cell under delta packing, in bits, averaged over runs of neighbours.
fn delta_bits(rows: usize, pieces: &[ArrayRef]) -> f64 {
    let runs = rows.div_ceil(RUN_ROWS).min(RUNS_MAX);
    let mut bits = 0;
    for run in 0..runs {
        let start = (rows - RUN_ROWS.min(rows)) / runs.max(1) * run;
        bits += run_bits(&neighbours(pieces, start));
    }
    f64::from(bits) / runs.max(1) as f64
}

/// Up to `RUN_ROWS` non-null cells from row `start` on, within one piece.
fn neighbours(pieces: &[ArrayRef], mut start: usize) -> Vec<i64> {
    let mut cells = Vec::with_capacity(RUN_ROWS);
    let mut wanted = RUN_ROWS;
    for piece in pieces {
        if start >= piece.len() {
            start -= piece.len();
            continue;
        }
        let end = piece.len().min(start + wanted);
        let rows: Vec<usize> = (start..end).filter(|&row| piece.is_valid(row)).collect();
        cells.extend(integers(piece.as_ref(), &rows));
        wanted -= end - start;
        start = 0;
        if wanted == 0 {
            break;
        }
    }
    cells
}

fn run_bits(cells: &[i64]) -> u32 {
    let deltas = cells.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let (mut least, mut most) = (i64::MAX, i64::MIN);
    for delta in deltas {
        least = least.min(delta);
        most = most.max(delta);
    }
    if least > most {
        return 0;
    }
    64 - (most.wrapping_sub(least) as u64).leading_zeros()
}

/// The cells in `rows` as integers; wide decimals lose their upper half.
fn integers(piece: &dyn Array, rows: &[usize]) -> std::vec::IntoIter<i64> {
    fn native<T: ArrowPrimitiveType>(
        piece: &dyn Array,
        rows: &[usize],
        word: impl Fn(T::Native) -> i64,
    ) -> Vec<i64> {
        let cells = piece.as_primitive::<T>().values();
        rows.iter().map(|&row| word(cells[row])).collect()
    }
    let cells = match piece.data_type() {
        ArrowType::Int64 => native::<Int64Type>(piece, rows, |cell| cell),
        ArrowType::Date32 => native::<Date32Type>(piece, rows, i64::from),
        ArrowType::Timestamp(ArrowTimeUnit::Microsecond, _) => {
            native::<TimestampMicrosecondType>(piece, rows, |cell| cell)
        }
        ArrowType::Timestamp(ArrowTimeUnit::Nanosecond, _) => {
            native::<TimestampNanosecondType>(piece, rows, |cell| cell)
        }
        ArrowType::Decimal128(..) => native::<Decimal128Type>(piece, rows, |cell| cell as i64),
        // Of another type than the column: the writer will say so.
        _ => Vec::new(),
    };
    cells.into_iter()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray};

    use super::*;

    const ROWS: usize = 50_000;

    /// A reproducible row of numbers that look random.
    fn noise(row: usize) -> u64 {
        FixedState::default().hash_one(row)
    }

    fn layout(data_type: &DataType, array: impl Array + 'static) -> Layout {
        let pieces: [ArrayRef; 1] = [Arc::new(array)];
        Sample::take(data_type, &pieces).layout(data_type, 1 << 20)
    }

    fn integers_by(cell: impl Fn(usize) -> i64) -> Layout {
        let cells = (0..ROWS).map(cell);
        layout(&DataType::Int64, Int64Array::from_iter_values(cells))
    }

    #[test]
    fn integers_take_a_dictionary_only_where_it_is_narrower_than_their_deltas() {
        assert_eq!(integers_by(|row| row as i64), Layout::Direct);
        assert_eq!(integers_by(|row| (row / 100) as i64), Layout::Direct);
        assert_eq!(integers_by(|row| noise(row) as i64), Layout::Direct);
        assert_eq!(integers_by(|_| 7), Layout::Direct);
        let spread = [0, 1, 1_000_000_000];
        let few = integers_by(|row| spread[noise(row) as usize % 3]);
        assert_eq!(few, Layout::Dictionary);
    }

    #[test]
    fn floats_and_text_take_a_dictionary_only_where_cells_repeat() {
        let floats = |cell: &dyn Fn(usize) -> f64| {
            let cells = (0..ROWS).map(cell);
            layout(&DataType::Float64, Float64Array::from_iter_values(cells))
        };
        assert_eq!(
            floats(&|row| (noise(row) % 900) as f64 / 100.0),
            Layout::Dictionary
        );
        assert_eq!(floats(&|row| noise(row) as f64), Layout::Direct);
        let text = |cell: &dyn Fn(usize) -> String| {
            let cells = (0..ROWS).map(cell);
            layout(&DataType::Utf8, StringArray::from_iter_values(cells))
        };
        assert_eq!(
            text(&|row| format!("region {}", noise(row) % 9)),
            Layout::Dictionary
        );
        assert_eq!(text(&|row| format!("{:x}", noise(row))), Layout::Direct);
    }

    #[test]
    fn nothing_to_look_at_is_direct() {
        assert_eq!(
            layout(&DataType::Int64, Int64Array::new_null(10)),
            Layout::Direct
        );
        assert_eq!(
            layout(&DataType::Int64, Int64Array::new_null(0)),
            Layout::Direct
        );
        let flags = BooleanArray::from(vec![true; 9]);
        assert_eq!(layout(&DataType::Boolean, flags), Layout::Direct);
    }

    #[test]
    fn samples_do_not_depend_on_pieces() {
        let cells = (0..ROWS).map(|row| (row % 7 != 0).then(|| noise(row) as i64 % 5_000));
        let whole: ArrayRef = Arc::new(Int64Array::from_iter(cells));
        let cuts = [0, 1, 63, 64, 5_000, 49_999, ROWS];
        let pieces: Vec<ArrayRef> = cuts
            .windows(2)
            .map(|cut| whole.slice(cut[0], cut[1] - cut[0]))
            .collect();
        let one = Sample::take(&DataType::Int64, &[whole]);
        let many = Sample::take(&DataType::Int64, &pieces);
        assert_eq!(one.words, many.words);
        assert_eq!(one.delta_bits.to_bits(), many.delta_bits.to_bits());
        assert!(one.words.len() < CELLS_MAX && one.delta_bits > 10.0);
    }

    #[test]
    fn the_estimate_is_near_the_number_of_distinct_cells() {
        for distinct in [1, 50, 1_000, 10_000] {
            let words: Vec<u64> = (0..CELLS_MAX).map(|row| noise(row) % distinct).collect();
            let estimate = distinct_estimate(&words, 1e6);
            let ratio = estimate / distinct as f64;
            assert!((0.8..1.25).contains(&ratio), "{distinct}: {estimate}");
        }
    }

    #[test]
    fn extreme_deltas_do_not_overflow() {
        assert_eq!(run_bits(&[i64::MIN, i64::MAX, i64::MIN]), 2);
        assert_eq!(run_bits(&[5]), 0);
        assert_eq!(run_bits(&[0, 10, 20]), 0);
        assert_eq!(run_bits(&[0, 10, 11, 30]), 5);
    }
}
