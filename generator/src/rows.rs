//! A range of row indices in, CSV text and its counts out. Invariant: the text of a row is a
//! function of the job and the row's index, so blocks of any size, written in any order, make up
//! the same bytes.

use std::ops::Range;

use crate::Error;
use crate::customers::CustomerIds;
use crate::faults::{self, Fault, Faults, Mark};
use crate::format::{write_day_first, write_decimal, write_integer, write_timestamp};
use crate::job::Job;
use crate::random::{Chance, Rng};
use crate::shape::Cells;
use crate::truth::{ColumnTruth, Truth};

/// The smallest transaction id: wide enough for nine thousand million rows of equal width.
const ID_FIRST: i64 = 1_000_000_000;

/// Every so many rows stands one that is no duplicate, so that looking for the origin of a
/// duplicate is bounded at any rate.
const ORIGIN_DISTANCE_MAX: u64 = 1024;

/// How many rows back a late row looks for a row in order; it is not late if there is none.
const LOOKBACK_ROWS_MAX: u64 = 256;

const MINUTE: i64 = 60;
const LATE_SECONDS_MAX: u32 = 6 * 3600;
const YEAR_2024: i64 = 1_704_067_200;
const YEAR_2090: i64 = 3_786_912_000;
const NINE_YEARS_SECONDS: u32 = 9 * 365 * 86_400;

/// The marks of one row: column index and mark.
type Marks = Vec<(usize, Mark)>;

/// Writes rows of a job.
pub(crate) struct Rows {
    seed: u64,
    header: Vec<u8>,
    columns: Vec<(Cells, Faults)>,
    time_faults: Faults,
    duplicates: Chance,
    customers: CustomerIds,
    clock: Clock,
    line_end: &'static [u8],
    /// What has been counted before the first row: nothing.
    truth: Truth,
}

/// What is drawn first for every row, so that other rows can ask for it too.
struct Fate {
    is_duplicate: bool,
    time_fault: Option<Fault>,
    /// The row's time in order, in seconds since 1970-01-01.
    seconds: i64,
}

impl Rows {
    /// The rows of `job`, which spreads `rows` of them over its days.
    pub(crate) fn new(job: &Job, rows: u64) -> Result<Self, Error> {
        let line_end = job.line_ending.bytes();
        let columns = job.shape.columns();
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let mut header = Vec::new();
        if job.header {
            header.extend_from_slice(names.join(",").as_bytes());
            header.extend_from_slice(line_end);
        }
        let truth = Truth {
            shape: job.shape.name(),
            seed: job.seed,
            files: job.files,
            bytes: 0,
            rows: 0,
            duplicates: 0,
            columns: names.iter().map(|name| ColumnTruth::new(name)).collect(),
        };
        let mut time_faults = None;
        let mut planned = Vec::with_capacity(columns.len());
        for column in columns {
            let is_time = matches!(column.cells, Cells::Time);
            let rates = job.rates_of(is_time);
            let faults = Faults::new(&rates, &column)?;
            if is_time {
                time_faults = Some(faults);
            }
            planned.push((column.cells, faults));
        }
        Ok(Self {
            seed: job.seed,
            header,
            columns: planned,
            time_faults: time_faults.expect("every shape has a timestamp"),
            duplicates: Chance::new(job.rates.duplicates),
            customers: CustomerIds::new(job.customers),
            clock: Clock::new(job.days, rows),
            line_end,
            truth,
        })
    }

    /// The line that opens each file; empty where there is to be none.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// Zero counts of this job's columns.
    pub(crate) fn truth(&self) -> Truth {
        self.truth.clone()
    }

    /// Appends the text of `range` to `out` and its counts to `truth`.
    pub(crate) fn write(&self, range: Range<u64>, out: &mut Vec<u8>, truth: &mut Truth) {
        let bytes_before = out.len();
        let mut marks = Marks::new();
        for row in range {
            let (origin, fate, rng) = self.origin(row);
            marks.clear();
            self.write_row(origin, &fate, rng, out, &mut marks);
            truth.add_row(&marks, origin != row);
        }
        truth.bytes += (out.len() - bytes_before) as u64;
    }

    /// The row whose text stands in `row`: itself, or the one before it that it repeats.
    fn origin(&self, row: u64) -> (u64, Fate, Rng) {
        let mut origin = row;
        loop {
            let (fate, rng) = self.fate(origin);
            if !fate.is_duplicate {
                return (origin, fate, rng);
            }
            origin -= 1;
        }
    }

    fn fate(&self, row: u64) -> (Fate, Rng) {
        let mut rng = Rng::for_row(self.seed, row);
        let bits = rng.bits();
        let fate = Fate {
            is_duplicate: self.duplicates.hits(bits as u32)
                && !row.is_multiple_of(ORIGIN_DISTANCE_MAX),
            time_fault: self.time_faults.pick((bits >> 32) as u32),
            seconds: self.clock.seconds(row, rng.dice()),
        };
        (fate, rng)
    }

    /// The time of the last row before `row` that shows its time in order. All rows up to there
    /// are dated no later, which is what makes an earlier date a late one.
    fn seconds_before(&self, row: u64) -> Option<i64> {
        let earlier = row.saturating_sub(LOOKBACK_ROWS_MAX)..row;
        let mut fates = earlier.rev().map(|row| self.fate(row).0);
        let in_order = fates.find(|fate| !fate.is_duplicate && fate.time_fault.is_none());
        in_order.map(|fate| fate.seconds)
    }

    fn write_row(&self, row: u64, fate: &Fate, mut rng: Rng, out: &mut Vec<u8>, marks: &mut Marks) {
        for (index, (cells, faults)) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let mark = match cells {
                Cells::Id => {
                    write_integer(out, ID_FIRST + row as i64);
                    None
                }
                Cells::Customer => {
                    write_integer(out, self.customers.draw(&mut rng) as i64);
                    None
                }
                Cells::Prose(prose) => {
                    prose.write(&mut rng, out, |mark| marks.push((index, mark)));
                    None
                }
                Cells::Time => self.write_time(row, fate, &mut rng, out),
                Cells::Choice(words) => write_choice(words, faults, &mut rng, out),
                Cells::Integer { min, count } => {
                    let value = min + i64::from(rng.skewed_below(*count));
                    write_counted(value, faults, &mut rng, out)
                }
                Cells::Amount => {
                    let amount = (3.6 + 1.4 * rng.normal()).exp();
                    let cents = (amount * 100.0).round().clamp(100.0, 500_000.0) as i64;
                    write_measured(cents, 2, faults, &mut rng, out)
                }
                Cells::Decimal {
                    min,
                    count,
                    decimals,
                } => {
                    let units = min + i64::from(rng.below(*count));
                    write_measured(units, *decimals, faults, &mut rng, out)
                }
            };
            marks.extend(mark.map(|mark| (index, mark)));
        }
        out.extend_from_slice(self.line_end);
    }

    fn write_time(&self, row: u64, fate: &Fate, rng: &mut Rng, out: &mut Vec<u8>) -> Option<Mark> {
        let (seconds, mark) = match fate.time_fault {
            None => (fate.seconds, None),
            Some(Fault::Missing) => return Some(faults::write_missing(rng, out)),
            Some(Fault::Type) if rng.below(2) == 0 => return Some(faults::write_word(rng, out)),
            Some(Fault::Type) => {
                write_day_first(out, fate.seconds);
                return Some(Mark::OtherDateFormat);
            }
            Some(Fault::Invalid) => {
                let seconds = YEAR_2090 + i64::from(rng.below(NINE_YEARS_SECONDS));
                (seconds, Some(Mark::Future))
            }
            Some(Fault::Late) => match self.seconds_before(row) {
                None => (fate.seconds, None),
                Some(before) => {
                    let lateness = MINUTE + i64::from(rng.below(LATE_SECONDS_MAX));
                    (before - lateness, Some(Mark::Late))
                }
            },
        };
        write_timestamp(out, seconds);
        mark
    }
}

fn write_choice(words: &[&str], faults: &Faults, rng: &mut Rng, out: &mut Vec<u8>) -> Option<Mark> {
    if faults.pick(rng.dice()).is_some() {
        return Some(faults::write_missing(rng, out));
    }
    let word = words[rng.skewed_below(words.len() as u32) as usize];
    out.extend_from_slice(word.as_bytes());
    None
}

/// Appends a cell of an integer column.
fn write_counted(value: i64, faults: &Faults, rng: &mut Rng, out: &mut Vec<u8>) -> Option<Mark> {
    match faults.pick(rng.dice()) {
        None => {
            write_integer(out, value);
            None
        }
        Some(Fault::Missing) => Some(faults::write_missing(rng, out)),
        Some(_) if rng.below(2) == 0 => Some(faults::write_word(rng, out)),
        Some(_) => {
            write_decimal(out, value * 10, 1, b'.');
            Some(Mark::FloatInInteger)
        }
    }
}

/// Appends a cell of a decimal column, `units / 10^decimals`.
fn write_measured(
    units: i64,
    decimals: u8,
    faults: &Faults,
    rng: &mut Rng,
    out: &mut Vec<u8>,
) -> Option<Mark> {
    match faults.pick(rng.dice()) {
        None => {
            write_decimal(out, units, decimals, b'.');
            None
        }
        Some(Fault::Missing) => Some(faults::write_missing(rng, out)),
        Some(Fault::Invalid) => {
            write_decimal(out, -units, decimals, b'.');
            Some(Mark::Negative)
        }
        Some(_) if rng.below(2) == 0 => Some(faults::write_word(rng, out)),
        Some(_) => {
            out.push(b'"');
            write_decimal(out, units, decimals, b',');
            out.push(b'"');
            Some(Mark::DecimalComma)
        }
    }
}

/// Row indices to times in order.
struct Clock {
    /// From one row to the next, in units of 2^-32 seconds.
    step: u64,
}

impl Clock {
    /// Spreads `rows` over `days`, at most a minute apart.
    fn new(days: u32, rows: u64) -> Self {
        let span = (u64::from(days) * 86_400) << 32;
        let step_max = (MINUTE as u64) << 32;
        Self {
            step: (span / rows.max(1)).min(step_max),
        }
    }

    /// The row's own stretch of time, and `jitter / 2^32` of it.
    fn seconds(&self, row: u64, jitter: u32) -> i64 {
        let within = (u128::from(self.step) * u128::from(jitter)) >> 32;
        YEAR_2024 + ((row * self.step + within as u64) >> 32) as i64
    }
}
