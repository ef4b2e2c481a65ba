//! A column's type and a sample of its cells -> how its pages encode them.
//!
//! Each column of each row group is laid out by itself. The choice is made from a fixed number of
//! cells at places that depend on the number of cells or rows alone, so it costs little and the
//! same rows always get the same layout.

use std::collections::HashMap;
use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef};
use foldhash::fast::FixedState;
use parquet::basic::Encoding;

use super::cells::TextPiece;
use super::dictionary::DictionaryLimits;
use crate::base::{Compression, DataType};

/// How the cells of one column in one row group are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Each distinct cell once, and a bit-packed index for each row; unless the distinct cells
    /// turn out to be beyond the limits.
    Dictionary(DictionaryLimits),
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
/// are, for files half as large again; noise comes out smaller too. Categories are plain, since readers
/// that make a dictionary of them, as pyarrow does, read no other encoding of texts into one.
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
        DataType::Utf8 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        DataType::Categorical | DataType::Boolean | DataType::Decimal { .. } => Encoding::PLAIN,
    }
}

/// Cells looked at to tell how many distinct ones there are.
const CELLS_MAX: usize = 4096;
/// Runs of neighbours looked at to tell how far apart they are.
const RUNS_MAX: usize = 32;
const RUN_CELLS: usize = 64;
/// Differences that are multiples of this repeat often enough for a codec to see it.
const STEP_MIN: u64 = 16;

/// What is left of a byte of a dictionary once compressed: its numbers ascend.
const NUMBERS_SHARE: f64 = 0.3;
/// What is left of a byte of text once compressed.
const TEXT_SHARE: f64 = 0.25;
/// What is left of a byte of repetitive cells, or else the time it takes to make it so.
const PLAIN_SHARE: f64 = 0.4;

/// A dictionary of more of the cells is hardly smaller than the cells.
const DISTINCT_SHARE_MAX: f64 = 0.4;

/// What a column's cells look like.
#[derive(Debug)]
pub(super) struct Sample {
    /// Cells of the row group that are not null.
    cells: usize,
    words: Vec<i64>,
    /// Bytes that a cell takes in a dictionary.
    cell_bytes: f64,
    /// Bits that a cell takes outside a dictionary, and a byte's share within one.
    direct_bits: f64,
    dictionary_share: f64,
}

impl Sample {
    /// Looks at numbers that are differences of their neighbours, or plain, outside a dictionary.
    pub(super) fn of_numbers(cells: &[i64], width: usize, deltas: Option<&Deltas>) -> Self {
        let direct_bits = deltas.map_or(PLAIN_SHARE * 8.0 * width as f64, Deltas::cell_bits);
        Self {
            cells: cells.len(),
            words: picks(cells.len()).map(|at| cells[at]).collect(),
            cell_bytes: width as f64,
            direct_bits,
            dictionary_share: NUMBERS_SHARE,
        }
    }

    /// Looks at the texts of consecutive pieces.
    pub(super) fn of_texts(pieces: &[ArrayRef]) -> Self {
        let hasher = FixedState::default();
        let rows = pieces.iter().map(|piece| piece.len()).sum();
        let nulls: usize = pieces.iter().map(|piece| piece.null_count()).sum();
        let mut picks = picks(rows).peekable();
        let mut words = Vec::new();
        let mut text_bytes = 0;
        let mut first = 0;
        for piece in pieces {
            let texts = TextPiece::new(piece);
            let end = first + piece.len();
            while let Some(row) = picks.next_if(|&row| row < end) {
                if piece.is_valid(row - first) {
                    let text = texts.text(row - first);
                    text_bytes += text.len();
                    words.push(hasher.hash_one(text) as i64);
                }
            }
            first = end;
        }
        let cell_bytes = 4.0 + text_bytes as f64 / words.len().max(1) as f64;
        Self {
            cells: rows - nulls,
            words,
            cell_bytes,
            direct_bits: TEXT_SHARE * 8.0 * cell_bytes,
            dictionary_share: TEXT_SHARE,
        }
    }

    /// The layout that is expected to take fewer bytes, with some weight on speed.
    pub(super) fn layout(&self, dictionary_bytes_max: usize) -> Layout {
        if self.words.is_empty() {
            return Layout::Direct;
        }
        let expected = distinct_estimate(&self.words, self.cells as f64);
        let cells_max = self.worthwhile_max();
        if expected > cells_max || expected * self.cell_bytes > dictionary_bytes_max as f64 {
            return Layout::Direct;
        }
        Layout::Dictionary(DictionaryLimits {
            expected: expected as usize,
            cells_max: cells_max as usize,
            bytes_max: dictionary_bytes_max,
        })
    }

    /// A word for each cell seen; equal cells have equal words, and a number is its own.
    pub(super) fn words(&self) -> &[i64] {
        &self.words
    }

    /// The largest number of distinct cells of which a dictionary is expected to be smaller.
    fn worthwhile_max(&self) -> f64 {
        let bits = |distinct: f64| {
            let dictionary_bits = 8.0 * self.dictionary_share * self.cell_bytes * distinct;
            distinct.log2().ceil() + dictionary_bits / self.cells as f64
        };
        let (mut low, mut high) = (0.0, DISTINCT_SHARE_MAX * self.cells as f64 + 1.0);
        while high - low > 0.5 {
            let middle = (low + high) / 2.0;
            if bits(middle) < self.direct_bits {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Where to look: at all, or at one in a scrambled place in each of `CELLS_MAX` equal strides, so
/// that a period in the data does not show as a constant.
fn picks(count: usize) -> impl Iterator<Item = usize> {
    let stride = (count / CELLS_MAX).max(1);
    let scramble = |i: usize| (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    (0..count.min(CELLS_MAX)).map(move |i| i * stride + scramble(i) as usize % stride)
}

/// How many distinct cells a column of `cells` has, by the repeats among those seen.
///
/// Were all equally likely, `d` of them would show `d (1 - exp(-n / d))` in a sample of `n`. That is
/// too few where some are much more likely than others; there each doubling of the sample
/// multiplies the distinct ones by about the same factor. How many are seen just twice tells which
/// of the two a column is like.
fn distinct_estimate(words: &[i64], cells: f64) -> f64 {
    let mut counts: HashMap<i64, u32, FixedState> = HashMap::default();
    counts.reserve(words.len());
    // Every other word is half a sample of the whole column.
    for &word in words.iter().step_by(2) {
        *counts.entry(word).or_default() += 1;
    }
    let halfway = counts.len() as f64;
    for &word in words.iter().skip(1).step_by(2) {
        *counts.entry(word).or_default() += 1;
    }
    let (seen, n) = (counts.len() as f64, words.len() as f64);
    if n >= cells || seen * 20.0 < n {
        return seen;
    }
    let growing = (seen * (cells / n).powf((seen / halfway).log2())).min(cells);
    let saturating = saturating_estimate(seen, n, cells);
    let rate = n / saturating;
    let twice_expected = saturating * rate.powi(2) / 2.0 * (-rate).exp();
    let twice = counts.values().filter(|&&count| count == 2).count() as f64;
    let evenness = (twice / twice_expected).min(1.0).powi(2);
    saturating.powf(evenness) * growing.powf(1.0 - evenness)
}

/// The `d` of which `seen = d (1 - exp(-n / d))`, at most `cells`.
fn saturating_estimate(seen: f64, n: f64, cells: f64) -> f64 {
    let (mut low, mut high) = (seen, cells);
    while high - low > 0.5 {
        let middle = (low + high) / 2.0;
        if middle * -(-n / middle).exp_m1() < seen {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// How far apart neighbours are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Deltas {
    /// Width of a difference, averaged over runs of neighbours.
    bits: f64,
    /// The differences of a run are all this far apart, or a multiple of it.
    step: u64,
}

impl Deltas {
    /// Looks at runs of neighbours among `cells`.
    pub(super) fn of(cells: &[i64]) -> Self {
        let runs = cells.len().div_ceil(RUN_CELLS).clamp(1, RUNS_MAX);
        let stride = (cells.len() - RUN_CELLS.min(cells.len())) / runs;
        let (mut bits, mut step) = (0, 0);
        for run in 0..runs {
            let run = &cells[run * stride..];
            let run = &run[..run.len().min(RUN_CELLS)];
            let deltas = run.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
            let Some(least) = deltas.clone().min() else {
                continue;
            };
            let spread = deltas.map(|delta| delta.wrapping_sub(least) as u64);
            let (most, divisor) = spread.fold((0, step), |(most, divisor), delta| {
                (delta.max(most), greatest_divisor(divisor, delta))
            });
            bits += u64::BITS - most.leading_zeros();
            step = divisor;
        }
        let bits = f64::from(bits) / runs as f64;
        Self { bits, step }
    }

    /// Whether a codec finds what repeats among the differences, if they take whole bytes.
    pub(super) fn is_stepped(&self) -> bool {
        self.step >= STEP_MIN
    }

    /// Bits that a cell takes once compressed, with some weight on speed.
    fn cell_bits(&self) -> f64 {
        if self.is_stepped() {
            // What tells the steps apart, and what it takes to say that one is repeated.
            0.9 * (self.bits - (self.step as f64).log2()).max(0.0) + 2.0
        } else {
            0.9 * self.bits
        }
    }
}

fn greatest_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::super::cells::float_key;
    use super::*;

    const ROWS: usize = 50_000;

    /// A reproducible row of numbers that look random.
    fn noise(row: usize) -> u64 {
        FixedState::default().hash_one(row)
    }

    fn is_dictionary(sample: &Sample) -> bool {
        matches!(sample.layout(1 << 20), Layout::Dictionary(_))
    }

    #[test]
    fn integers_take_a_dictionary_only_where_it_is_narrower_than_their_deltas() {
        let integers = |cell: &dyn Fn(usize) -> i64| {
            let cells: Vec<i64> = (0..ROWS).map(cell).collect();
            let deltas = Deltas::of(&cells);
            is_dictionary(&Sample::of_numbers(&cells, 8, Some(&deltas)))
        };
        assert!(!integers(&|row| row as i64));
        assert!(!integers(&|row| (row / 100) as i64));
        assert!(!integers(&|row| noise(row) as i64));
        assert!(!integers(&|_| 7));
        let spread = [0, 1, 1_000_000_000];
        assert!(integers(&|row| spread[noise(row) as usize % 3]));
        let days = |row: usize| (noise(row) % 1_000) as i64 * 86_400_000_000;
        assert!(integers(&days));
        assert!(!integers(
            &|row| row as i64 * 1_000_000 + days(row) / 86_400 % 8
        ));
    }

    #[test]
    fn floats_and_text_take_a_dictionary_only_where_cells_repeat() {
        let floats = |cell: &dyn Fn(usize) -> f64| {
            let cells: Vec<i64> = (0..ROWS).map(|row| float_key(cell(row))).collect();
            is_dictionary(&Sample::of_numbers(&cells, 8, None))
        };
        assert!(floats(&|row| (noise(row) % 900) as f64 / 100.0));
        assert!(!floats(&|row| noise(row) as f64));
        let text = |cell: &dyn Fn(usize) -> String| {
            let cells = StringArray::from_iter_values((0..ROWS).map(cell));
            is_dictionary(&Sample::of_texts(&[Arc::new(cells)]))
        };
        assert!(text(&|row| format!("region {}", noise(row) % 9)));
        assert!(!text(&|row| format!("{:x}", noise(row))));
        // A few that are frequent, and many that are not.
        assert!(!text(&|row| match noise(row) % 3 {
            0 => "paid".to_owned(),
            _ => format!("{:x}", noise(row)),
        }));
    }

    #[test]
    fn nothing_to_look_at_is_direct() {
        let deltas = Deltas::of(&[]);
        assert_eq!(deltas, Deltas { bits: 0.0, step: 0 });
        let sample = Sample::of_numbers(&[], 8, Some(&deltas));
        assert_eq!(sample.layout(1 << 20), Layout::Direct);
        let nothing: ArrayRef = Arc::new(StringArray::new_null(10));
        assert_eq!(Sample::of_texts(&[nothing]).layout(100), Layout::Direct);
    }

    #[test]
    fn samples_of_text_do_not_depend_on_pieces() {
        let cells = (0..ROWS).map(|row| (row % 7 != 0).then(|| (noise(row) % 5_000).to_string()));
        let whole: ArrayRef = Arc::new(StringArray::from_iter(cells));
        let cuts = [0, 1, 63, 64, 5_000, 49_999, ROWS];
        let pieces: Vec<ArrayRef> = cuts
            .windows(2)
            .map(|cut| whole.slice(cut[0], cut[1] - cut[0]))
            .collect();
        let [one, many] = [&[whole][..], &pieces].map(Sample::of_texts);
        assert_eq!(one.words, many.words);
        assert_eq!(one.layout(1 << 20), many.layout(1 << 20));
        assert!(one.words.len() < CELLS_MAX && is_dictionary(&one));
    }

    #[test]
    fn the_estimate_is_near_the_number_of_distinct_cells() {
        let ratio = |distinct: usize, words: Vec<i64>, cells: usize| {
            distinct_estimate(&words, cells as f64) / distinct as f64
        };
        for distinct in [1, 50, 1_000, 10_000, 1_000_000] {
            let words = (0..CELLS_MAX).map(|row| (noise(row) % distinct) as i64);
            let ratio = ratio(distinct as usize, words.collect(), 1 << 20);
            assert!((0.6..1.7).contains(&ratio), "{distinct}: {ratio}");
        }
        // The n-th is n times less likely than the first.
        let zipf = |row: usize| 1e5f64.powf(noise(row) as f64 / u64::MAX as f64) as i64;
        let all: Vec<i64> = (0..1 << 17).map(zipf).collect();
        let words = picks(all.len()).map(|at| all[at]).collect();
        let distinct = all.iter().collect::<std::collections::HashSet<_>>();
        let ratio = ratio(distinct.len(), words, all.len());
        assert!((0.6..1.7).contains(&ratio), "{ratio}");
    }

    #[test]
    fn deltas_are_as_wide_as_their_spread_and_know_their_step() {
        let deltas = |cells: &[i64]| {
            let Deltas { bits, step } = Deltas::of(cells);
            (bits, step)
        };
        assert_eq!(deltas(&[i64::MIN, i64::MAX, i64::MIN]), (2.0, 2));
        assert_eq!(deltas(&[5]), (0.0, 0));
        assert_eq!(deltas(&[0, 10, 20]), (0.0, 0));
        assert_eq!(deltas(&[0, 10, 11, 30]), (5.0, 9));
        assert_eq!(deltas(&[0, 100, 400, 600]), (8.0, 100));
    }
}
