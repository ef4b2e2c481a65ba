//! A range of row indices in, CSV text and its counts out. Invariant: the text of a row is a
//! function of the job and the row's index, so blocks of any size, written in any order, make up
//! the same bytes.

use std::ops::Range;

use crate::Error;
use crate::amounts::Amounts;
use crate::buffer::{Buffer, Word, put_byte};
use crate::customers::CustomerIds;
use crate::fate::{Fate, Fates};
use crate::faults::{self, Fault, Faults, Mark, MissingAs};
use crate::format::{write_day_first, write_decimal, write_integer, write_timestamp};
use crate::job::Job;
use crate::random::{Rng, scale, scale_skewed};
use crate::shape::Cells;
use crate::truth::{ColumnTruth, Truth};

/// The smallest transaction id: wide enough for nine thousand million rows of equal width.
const ID_FIRST: i64 = 1_000_000_000;

const MINUTE: i64 = 60;
const LATE_SECONDS_MAX: u32 = 6 * 3600;
const YEAR_2090: i64 = 3_786_912_000;
const NINE_YEARS_SECONDS: u32 = 9 * 365 * 86_400;

/// The marks of one row: column index and mark.
type Marks = Vec<(usize, Mark)>;

/// Writes rows of a job.
pub(crate) struct Rows {
    header: Vec<u8>,
    columns: Vec<(Cells, Faults)>,
    time_column: usize,
    missing_as: MissingAs,
    fates: Fates,
    customers: CustomerIds,
    amounts: Amounts,
    line_end: Word,
    row_bytes_max: usize,
    /// What has been counted before the first row: nothing.
    truth: Truth,
}

impl Rows {
    /// The rows of `job`, which spreads `rows` of them over its days.
    pub(crate) fn new(job: &Job, rows: u64) -> Result<Self, Error> {
        let line_end = job.line_ending.text();
        let columns = job.shape.columns();
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let mut header = Vec::new();
        if job.header {
            header.extend_from_slice((names.join(",") + line_end).as_bytes());
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
        let cells_bytes_max = columns.iter().map(|column| column.cells.bytes_max());
        let row_bytes_max = cells_bytes_max.sum::<usize>() + Word::BYTES_MAX;
        let mut time = None;
        let mut planned = Vec::with_capacity(columns.len());
        for column in columns {
            let is_time = matches!(column.cells, Cells::Time);
            let rates = job.rates_of(is_time);
            let faults = Faults::new(&rates, &column)?;
            if is_time {
                time = Some((planned.len(), faults));
            }
            planned.push((column.cells, faults));
        }
        let (time_column, time_faults) = time.expect("every shape has a timestamp");
        Ok(Self {
            header,
            columns: planned,
            time_column,
            missing_as: job.missing_as,
            fates: Fates::new(job, time_faults, rows),
            customers: CustomerIds::new(job.customers),
            amounts: Amounts::new(),
            line_end: Word::new(line_end),
            row_bytes_max,
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
    pub(crate) fn write(&self, range: Range<u64>, out: &mut Buffer, truth: &mut Truth) {
        let mut marks = Marks::new();
        for row in range {
            let (origin, fate, rng) = self.fates.origin(row);
            marks.clear();
            let room = out.room(self.row_bytes_max);
            let bytes = self.write_row(origin, &fate, rng, room, &mut marks);
            out.advance(bytes);
            let is_in_order = fate.time_fault.is_none();
            if origin != row && is_in_order && fate.seconds < self.fates.seconds_before(row) {
                marks.push((self.time_column, Mark::Late));
            }
            truth.add_row(bytes as u64, &marks, origin != row);
        }
    }

    /// Stores one row at the start of `out`; returns its length.
    fn write_row(
        &self,
        row: u64,
        fate: &Fate,
        mut rng: Rng,
        out: &mut [u8],
        marks: &mut Marks,
    ) -> usize {
        let mut at = 0;
        for (index, (cells, faults)) in self.columns.iter().enumerate() {
            if index > 0 {
                at = put_byte(out, at, b',');
            }
            let bits = rng.bits();
            let dice = (bits >> 32) as u32;
            let fault = match cells {
                Cells::Time => fate.time_fault,
                _ => faults.pick(bits as u32),
            };
            if let Some(fault) = fault {
                let (end, mark) = match cells {
                    Cells::Time => self.write_wrong_time(fault, row, fate, &mut rng, out, at),
                    _ => self.write_wrong(fault, cells, dice, &mut rng, out, at),
                };
                at = end;
                marks.push((index, mark));
                continue;
            }
            at = match cells {
                Cells::Id => write_integer(out, at, ID_FIRST + row as i64),
                Cells::Customer => write_integer(out, at, self.customers.draw(&mut rng) as i64),
                Cells::Time => write_timestamp(out, at, fate.seconds),
                Cells::Choice(words) => {
                    words[scale_skewed(dice, words.len() as u32) as usize].put(out, at)
                }
                Cells::Integer { min, count } => {
                    write_integer(out, at, min + i64::from(scale_skewed(dice, *count)))
                }
                Cells::Amount => write_decimal(out, at, self.amounts.pick(dice), 2, b'.'),
                Cells::Decimal {
                    min,
                    count,
                    decimals,
                } => {
                    let units = min + i64::from(scale(dice, *count));
                    write_decimal(out, at, units, *decimals, b'.')
                }
                Cells::Prose(prose) => {
                    prose.write(&mut rng, out, at, |mark| marks.push((index, mark)))
                }
            };
        }
        self.line_end.put(out, at)
    }

    /// Stores a faulty timestamp at `at`; returns where the next text goes and what was stored.
    #[cold]
    fn write_wrong_time(
        &self,
        fault: Fault,
        row: u64,
        fate: &Fate,
        rng: &mut Rng,
        out: &mut [u8],
        at: usize,
    ) -> (usize, Mark) {
        match fault {
            Fault::Missing => self.missing_as.write(rng, out, at),
            Fault::Type if rng.below(2) == 0 => faults::write_word(rng, out, at),
            Fault::Type => {
                let end = write_day_first(out, at, fate.seconds);
                (end, Mark::OtherDateFormat)
            }
            Fault::Invalid => {
                let seconds = YEAR_2090 + i64::from(rng.below(NINE_YEARS_SECONDS));
                (write_timestamp(out, at, seconds), Mark::Future)
            }
            Fault::Late => {
                let before = self.fates.seconds_before(row);
                let lateness = MINUTE + i64::from(rng.below(LATE_SECONDS_MAX));
                (write_timestamp(out, at, before - lateness), Mark::Late)
            }
        }
    }

    /// Stores a faulty cell of any other column, whose right value `dice` picks.
    #[cold]
    fn write_wrong(
        &self,
        fault: Fault,
        cells: &Cells,
        dice: u32,
        rng: &mut Rng,
        out: &mut [u8],
        at: usize,
    ) -> (usize, Mark) {
        if fault == Fault::Missing {
            return self.missing_as.write(rng, out, at);
        }
        if fault == Fault::Type && rng.below(2) == 0 {
            return faults::write_word(rng, out, at);
        }
        let (units, decimals) = match cells {
            Cells::Integer { min, count } => {
                let value = min + i64::from(scale_skewed(dice, *count));
                return (
                    write_decimal(out, at, value * 10, 1, b'.'),
                    Mark::FloatInInteger,
                );
            }
            Cells::Amount => (self.amounts.pick(dice), 2),
            Cells::Decimal {
                min,
                count,
                decimals,
            } => (min + i64::from(scale(dice, *count)), *decimals),
            _ => unreachable!("cells that are not numbers are right or missing"),
        };
        if fault == Fault::Invalid {
            return (
                write_decimal(out, at, -units, decimals, b'.'),
                Mark::Negative,
            );
        }
        let begin = put_byte(out, at, b'"');
        let end = write_decimal(out, begin, units, decimals, b',');
        (put_byte(out, end, b'"'), Mark::DecimalComma)
    }
}
