//! The command line in, a [`Job`] and where to put it out. Invariant: what is not typed comes from
//! the shape, and what is typed wins over it and over `--clean`.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::thread;

use clap::{ArgGroup, Parser};

use crate::customers::Customers;
use crate::faults::{MissingAs, Rates};
use crate::job::{Extent, Job, LineEnding};
use crate::quantity::{parse_count, parse_share, parse_size};
use crate::shape::Shape;

const CUSTOMERS: &str = "Customers";
const FAULTS: &str = "Faults (shares such as 0.01 or 1%)";

const EXAMPLES: &str = "\
Examples:
  gen --rows 10M --out big.csv                     ten million messy transactions, 0.8 GB
  gen --rows 10M --out big.csv --truth truth.json  the same, and how many faults of each kind
  gen --size 5GiB --files 8 --out in/              in/part-0000.csv to in/part-0007.csv
  gen --size 1GB --clean --missing 5% --out -      to standard output, faultless but for gaps
  gen --rows 1M --shape floats --out floats.csv    another table
  gen --rows 1M --out t.csv --customer-table c.csv a table to join by customer_id

The same options and seed give the same bytes, for any number of threads.";

/// Writes seeded synthetic transactions as CSV, with a known count of every fault.
#[derive(Debug, Parser)]
#[command(name = "gen", version, after_help = EXAMPLES)]
#[command(group = ArgGroup::new("extent").required(true).args(["rows", "size"]))]
pub struct Args {
    /// Data rows, such as 10M, 10k or 1_000_000
    #[arg(long, value_name = "COUNT", value_parser = parse_count)]
    rows: Option<u64>,

    /// Bytes over all files, such as 5GiB or 500MB, met to within a percent by whole rows
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    size: Option<u64>,

    /// File to write, or - for standard output; with --files a directory (part-0000.csv, ...) or
    /// a path with {} where the file's index belongs
    #[arg(short, long, value_name = "PATH")]
    pub(crate) out: PathBuf,

    /// Spread the rows evenly over N files, each with a header
    #[arg(long, value_name = "N", default_value = "1")]
    files: NonZeroU64,

    /// Another seed, another table
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Threads that generate [default: all cores]
    #[arg(short, long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// What the table looks like
    #[arg(long, value_enum, default_value = "transactions")]
    shape: Shape,

    /// Also write the exact count of everything put in, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,

    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Leave out the line of column names
    #[arg(long)]
    no_header: bool,

    /// How records end
    #[arg(long, value_enum, default_value = "lf")]
    line_ending: LineEnding,

    /// Spread the rows over this many days from 2024-01-01, at most a minute apart
    #[arg(long, value_name = "N", default_value_t = 366)]
    days: u32,

    /// Number of customers [default: 100k; shape keys: 1M]
    #[arg(long, value_name = "COUNT", value_parser = parse_count, help_heading = CUSTOMERS)]
    customers: Option<u64>,

    /// Skew: the k-th customer gets rows in proportion to 1/k^S; 0 is even [default: 1; shape
    /// keys: 0]
    #[arg(long, value_name = "S", help_heading = CUSTOMERS)]
    zipf: Option<f64>,

    /// Share of the rows that one more customer holds [default: 0; shape hot: 50%]
    #[arg(long, value_name = "SHARE", value_parser = parse_share, help_heading = CUSTOMERS)]
    hot_share: Option<f64>,

    /// Also write the customers' own table: customer_id, segment, country, since
    #[arg(long, value_name = "FILE", help_heading = CUSTOMERS)]
    pub(crate) customer_table: Option<PathBuf>,

    /// No faults but those whose rates are given beside it; timestamps in order
    #[arg(long, help_heading = FAULTS)]
    clean: bool,

    /// Spare the timestamp column from all faults of its own
    #[arg(long, help_heading = FAULTS)]
    clean_time: bool,

    /// Missing cells [default: 2%; shape nulls: 50%]
    #[arg(long, value_name = "SHARE", value_parser = parse_share,
        help_heading = FAULTS)]
    missing: Option<f64>,

    /// What stands in missing cells
    #[arg(long, value_enum, value_name = "WHAT", default_value = "tokens",
        help_heading = FAULTS)]
    missing_as: MissingAs,

    /// Cells of a wrong type: "12,50", abc, 3.0 for an integer, 31/12/2024 10:00 [default: 0.1%]
    #[arg(long, value_name = "SHARE", value_parser = parse_share,
        help_heading = FAULTS)]
    type_faults: Option<f64>,

    /// Rows that repeat an earlier one, byte for byte [default: 0.5%]
    #[arg(long, value_name = "SHARE", value_parser = parse_share,
        help_heading = FAULTS)]
    duplicates: Option<f64>,

    /// How many rows behind the row that it repeats a duplicate comes at most. Where it is not the
    /// next one, its time is late
    #[arg(long, value_name = "COUNT", value_parser = parse_count, default_value = "1",
        help_heading = FAULTS)]
    duplicates_within: u64,

    /// Amounts below zero, timestamps in the 2090s [default: 0.2%]
    #[arg(long, value_name = "SHARE", value_parser = parse_share,
        help_heading = FAULTS)]
    invalid: Option<f64>,

    /// Rows dated a minute to six hours before an earlier row [default: 0.5%]
    #[arg(long, value_name = "SHARE", value_parser = parse_share,
        help_heading = FAULTS)]
    late: Option<f64>,
}

impl Args {
    /// The job they ask for; [`Job::run`] checks it.
    pub fn job(&self) -> Job {
        let extent = match (self.rows, self.size) {
            (Some(rows), _) => Extent::Rows(rows),
            (None, size) => Extent::Bytes(size.expect("clap requires one of the two")),
        };
        let usual = Job::new(self.shape, extent);
        let rates = if self.clean {
            Rates::CLEAN
        } else {
            usual.rates
        };
        let threads = self
            .threads
            .or_else(|| thread::available_parallelism().ok());
        Job {
            seed: self.seed,
            files: self.files.get(),
            threads: threads.map_or(1, NonZeroUsize::get),
            rates: Rates {
                missing: self.missing.unwrap_or(rates.missing),
                type_faults: self.type_faults.unwrap_or(rates.type_faults),
                duplicates: self.duplicates.unwrap_or(rates.duplicates),
                invalid: self.invalid.unwrap_or(rates.invalid),
                late: self.late.unwrap_or(rates.late),
            },
            duplicates_within: self.duplicates_within,
            missing_as: self.missing_as,
            clean_time: self.clean_time,
            customers: Customers {
                count: self.customers.unwrap_or(usual.customers.count),
                zipf: self.zipf.unwrap_or(usual.customers.zipf),
                hot_share: self.hot_share.unwrap_or(usual.customers.hot_share),
            },
            days: self.days,
            header: !self.no_header,
            line_ending: self.line_ending,
            ..usual
        }
    }
}
