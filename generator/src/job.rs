//! What to generate, and how large it is. Invariant: [`Job::check`] passes before a row is written,
//! so the rest of the crate never looks at an option twice.

use clap::ValueEnum;

use crate::Error;
use crate::buffer::Buffer;
use crate::customers::Customers;
use crate::faults::{MissingAs, Rates};
use crate::rows::Rows;
use crate::shape::Shape;

/// Everything that decides the bytes, and the number of threads, which does not.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which columns.
    pub shape: Shape,
    /// How much.
    pub extent: Extent,
    /// Another seed, another table.
    pub seed: u64,
    /// Number of files the rows are spread over evenly, 1 to [`Job::FILES_MAX`].
    pub files: u64,
    /// Threads that generate, 1 to [`Job::THREADS_MAX`]. The bytes do not depend on it.
    pub threads: usize,
    /// How often what goes wrong.
    pub rates: Rates,
    /// How many rows behind the row that it repeats a duplicate comes at most, 1 to
    /// [`Job::DUPLICATES_WITHIN_MAX`]. Beyond 1 its time is late, which the truth counts.
    pub duplicates_within: u64,
    /// What stands in missing cells.
    pub missing_as: MissingAs,
    /// Whether the timestamp column is spared from all faults.
    pub clean_time: bool,
    /// Who buys.
    pub customers: Customers,
    /// Days from 2024-01-01 that the rows are spread over, 1 to [`Job::DAYS_MAX`].
    pub days: u32,
    /// Whether each file begins with the names of the columns.
    pub header: bool,
    /// How records end.
    pub line_ending: LineEnding,
    /// Rows generated at a time, at least 1. The bytes do not depend on it.
    pub block_rows: u64,
}

/// How large the output is to be, over all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Exactly this many data rows, at most [`Job::ROWS_MAX`].
    Rows(u64),
    /// As many rows as fit into about this many bytes.
    Bytes(u64),
}

/// How records end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LineEnding {
    /// Line feed
    Lf,
    /// Carriage return and line feed; line breaks inside quotes stay line feeds
    Crlf,
}

impl LineEnding {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
        }
    }
}

/// A block is about this many cells, which is a quarter of a megabyte to two.
const BLOCK_CELLS: u64 = 1 << 15;

/// How much is generated to learn the average length of a row.
const SAMPLE_BYTES: u64 = 16 << 20;

impl Job {
    /// The most days rows are spread over, so that no date is as late as those that cannot be.
    pub const DAYS_MAX: u32 = 24_000;

    /// The furthest that a row and its duplicate are apart.
    pub const DUPLICATES_WITHIN_MAX: u64 = 1_000_000_000;

    /// The most files: their index has four digits.
    pub const FILES_MAX: u64 = 10_000;

    /// The most rows that can be asked for.
    pub const ROWS_MAX: u64 = 1_000_000_000_000;

    /// The most threads.
    pub const THREADS_MAX: usize = 1024;

    /// A job with the usual settings of `shape`.
    pub fn new(shape: Shape, extent: Extent) -> Self {
        Self {
            shape,
            extent,
            seed: 1,
            files: 1,
            threads: 1,
            rates: shape.rates(),
            duplicates_within: 1,
            missing_as: MissingAs::Tokens,
            clean_time: false,
            customers: shape.customers(),
            days: 366,
            header: true,
            line_ending: LineEnding::Lf,
            block_rows: (BLOCK_CELLS / shape.columns().len() as u64).max(1),
        }
    }

    /// The rates that apply to columns that do (or do not) hold the time.
    pub(crate) fn rates_of(&self, is_time: bool) -> Rates {
        if is_time && self.clean_time {
            Rates::CLEAN
        } else {
            self.rates
        }
    }

    /// A usage error if an option is out of its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let rates = &self.rates;
        let shares = [
            ("--missing", rates.missing),
            ("--type-faults", rates.type_faults),
            ("--duplicates", rates.duplicates),
            ("--invalid", rates.invalid),
            ("--late", rates.late),
            ("--hot-share", self.customers.hot_share),
        ];
        for (option, share) in shares {
            require(
                (0.0..=1.0).contains(&share),
                option,
                "0 to 1, or 0% to 100%",
            )?;
        }
        let within = 1..=Self::DUPLICATES_WITHIN_MAX;
        let reach = within.contains(&self.duplicates_within);
        require(reach, "--duplicates-within", "1 to 1000M")?;
        let Customers { count, zipf, .. } = self.customers;
        let count_in_range = (1..=Customers::COUNT_MAX).contains(&count);
        require(count_in_range, "--customers", "1 to 1000M")?;
        require((0.0..=20.0).contains(&zipf), "--zipf", "0 to 20")?;
        require(
            (1..=Self::DAYS_MAX).contains(&self.days),
            "--days",
            "1 to 24000",
        )?;
        let files_in_range = (1..=Self::FILES_MAX).contains(&self.files);
        require(files_in_range, "--files", "1 to 10000")?;
        if let Extent::Rows(rows) = self.extent {
            require(rows <= Self::ROWS_MAX, "--rows", "at most 1000G")?;
        }
        let threads_in_range = (1..=Self::THREADS_MAX).contains(&self.threads);
        require(threads_in_range, "--threads", "1 to 1024")?;
        require(self.block_rows > 0, "block_rows", "at least 1")
    }

    /// The number of data rows. For [`Extent::Bytes`] the first rows are generated to see how long
    /// they are: the result is exact where they suffice, and otherwise goes by their average.
    pub(crate) fn rows(&self) -> Result<u64, Error> {
        let bytes = match self.extent {
            Extent::Rows(rows) => return Ok(rows),
            Extent::Bytes(bytes) => bytes,
        };
        // How many rows share the days makes no row longer: all dates are equally wide.
        let rows = Rows::new(self, u64::MAX)?;
        let headers = self.files.saturating_mul(rows.header().len() as u64);
        let available = bytes.saturating_sub(headers);
        let mut sample = rows.truth();
        let mut out = Buffer::default();
        while sample.bytes < SAMPLE_BYTES {
            out.clear();
            rows.write(sample.rows..sample.rows + 1, &mut out, &mut sample);
            if sample.bytes > available {
                return Ok(sample.rows - 1);
            }
        }
        let scaled = u128::from(available) * u128::from(sample.rows) / u128::from(sample.bytes);
        Ok(u64::try_from(scaled).expect("a row is longer than a byte"))
    }
}

fn require(holds: bool, option: &str, range: &str) -> Result<(), Error> {
    if holds {
        return Ok(());
    }
    Err(Error::Usage(format!("{option} must be {range}")))
}
