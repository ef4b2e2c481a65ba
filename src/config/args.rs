//! The command line -> [`Options`], by clap.
//! Keeps: a flag is spelled, documented and parsed here and nowhere else; defaults are settled
//! later, so that an option which was not given can still come from the file.

use std::path::PathBuf;

use clap::{Args as _, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use super::aggregate::AggregateSpec;
use super::choice::{Infer, OnBadRow, TextEncoding, parse_encoding};
use super::columns::ColumnOptions;
use super::dedup::{DedupSpec, parse_dedup};
use super::dialect::DialectOptions;
use super::dtype::{DtypeSpec, parse_column_dtype};
use super::expect::{CheckSpec, parse_check};
use super::join::{JoinSpec, parse_join};
use super::layout::LayoutOptions;
use super::nulls::{NullList, parse_null_list};
use super::quantity::{
    RejectsMax, parse_count, parse_min_samples, parse_record_bytes_max, parse_rejects_max,
    parse_size, parse_threads,
};
use super::row::{RowStep, parse_derive};
use super::step::{StepSpec, parse_impute, parse_rolling};
use crate::base::{Compression, InvalidBytes, Mode, Order, Progress, TooFew, TooMany};

const EXAMPLES: &str = "\
Examples:
  chunketl --input big.csv --out lake/ --threads 16

  chunketl -i 'in/*.csv' -o lake/ --key customer_id --time timestamp \\
           --impute amount=mean --impute quantity=median --impute region=const:Unknown \\
           --rolling amount:mean:7 --rolling amount:sum:1d --rolling quantity:max:30

  chunketl --config pipeline.toml --threads 16 --memory-limit 512MiB

  chunketl -i big.csv.gz -o lake/ --dtype id=int64 --dtype 'day=date(%d/%m/%Y)'

  chunketl plan -i big.csv -o lake/ --impute amount=mean

  unzip -p big.zip | chunketl -i - -o lake/

Sizes: 65536, 64k, 2GB (by 1000) or 64KiB, 512MiB (by 1024). Counts: 1_000, 64k, 10M.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 data-quality gate, 4 memory or disk limit,
130 interrupted.";

/// Turns huge, messy CSV into a clean, feature-rich Parquet lake, in bounded memory, with every
/// row accounted for.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "chunketl",
    version,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "`--help` says more about each option and gives examples.",
    after_long_help = EXAMPLES
)]
pub struct Args {
    /// Something else than a run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The run.
    #[command(flatten)]
    pub options: Options,
}

/// What the program does besides runs.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print what files hold: dialect, columns, types, and what speaks for them
    Sniff(SniffArgs),
    /// Print what a run with the same options would do, without doing it
    Plan(Box<Options>),
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
}

/// What `sniff` is asked.
#[derive(Debug, Clone, clap::Args)]
pub struct SniffArgs {
    /// Files, globs, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<String>,

    /// How records and fields are told apart.
    #[command(flatten)]
    pub(super) dialect: DialectOptions,
    /// How the files are laid out.
    #[command(flatten)]
    pub(super) layout: LayoutOptions,

    /// Print JSON
    #[arg(long, help_heading = REPORTING)]
    pub(super) json: bool,
}

impl From<SniffArgs> for Options {
    /// A run over the same files, of which only the finding out is done.
    fn from(args: SniffArgs) -> Self {
        Self {
            input: args.files,
            out: Some("lake".into()),
            dialect: args.dialect,
            layout: args.layout,
            json: args.json,
            ..Self::default()
        }
    }
}

/// A completion script for `shell`.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "chunketl", &mut script);
    script
}

/// The long names of all flags that are options of a run, `--config` excepted.
pub(super) fn option_names() -> Vec<String> {
    let command = Options::augment_args(clap::Command::new(""));
    let flags = command.get_arguments().filter_map(clap::Arg::get_long);
    flags
        .filter(|name| *name != "config")
        .map(str::to_owned)
        .collect()
}

pub(super) const INPUT: &str = "Input";
const TYPES: &str = "Types";
const STEPS: &str = "Steps";
const OUTPUT: &str = "Output";
const RESOURCES: &str = "Resources";
const REPORTING: &str = "Reporting";

/// The options of a run as they were given, by flags, file or builder; nothing is settled yet.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub struct Options {
    /// Files of CSV or Parquet, directories, globs, or - for standard input
    ///
    /// Repeat it or give several. Of a directory the files directly in it are read, but for names
    /// that start with _ or a dot. Quote a glob to have chunketl expand it; ** goes into directories
    /// below. Files of a directory or glob come in natural order (part-2 before part-10). Files compressed with gzip, zstd, bzip2, xz or lz4
    /// are unpacked, whatever their names.
    #[arg(short, long, value_name = "PATH", num_args = 1.., help_heading = INPUT)]
    pub(super) input: Vec<String>,

    /// Read more paths from a file, one a line, or from - for standard input
    ///
    /// Each line is what --input takes. They come after those of --input.
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub(super) files_from: Option<PathBuf>,

    /// Most input files [default: 50000]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = INPUT)]
    pub(super) max_files: Option<usize>,

    /// Read options from a TOML file; flags win over it
    ///
    /// The keys are the names of the flags, plus an ordered list `[[step]]`. Relative paths in it
    /// are relative to the current directory.
    #[arg(long, value_name = "FILE.toml", help_heading = INPUT)]
    pub(super) config: Option<PathBuf>,

    /// How records and fields are told apart.
    #[command(flatten)]
    pub(super) dialect: DialectOptions,

    /// The encoding of all inputs, or auto [default: auto]
    ///
    /// A name such as utf-8, utf-16, windows-1252, latin1, shift_jis, euc-jp, gbk, big5, euc-kr or
    /// koi8-r. `auto` finds it out for each file, and the receipt says how.
    #[arg(long, value_name = "NAME", value_parser = parse_encoding, help_heading = INPUT)]
    pub(super) encoding: Option<TextEncoding>,

    /// What becomes of bytes that are no text: reject or replace [default: reject]
    ///
    /// `reject` rejects the record that holds them; `replace` makes each malformed sequence U+FFFD,
    /// and the receipt counts them.
    #[arg(long, value_name = "WHAT", hide_possible_values = true, help_heading = INPUT)]
    pub(super) invalid_bytes: Option<InvalidBytes>,
    /// How the files are laid out.
    #[command(flatten)]
    pub(super) layout: LayoutOptions,
    /// What of the files is taken in.
    #[command(flatten)]
    pub(super) columns: ColumnOptions,

    /// Longest record taken in [default: 16MiB]
    ///
    /// Longer ones are rejected, so that one lost quote cannot swallow the rest of a file.
    #[arg(long, value_name = "SIZE", value_parser = parse_record_bytes_max, help_heading = INPUT)]
    pub(super) max_record_bytes: Option<usize>,

    /// Longest field taken in [default: as --max-record-bytes]
    ///
    /// A record that has a longer one is rejected. Quotes around the field count.
    #[arg(long, value_name = "SIZE", value_parser = parse_record_bytes_max, help_heading = INPUT)]
    pub(super) max_field_bytes: Option<usize>,

    /// A row with too few fields: reject or pad [default: reject]
    ///
    /// `pad` makes the missing fields at its end null. What was repaired is counted in the receipt
    /// and listed in _rejects/repairs-….csv.
    #[arg(long, value_name = "WHAT", hide_possible_values = true, help_heading = INPUT)]
    pub(super) too_few: Option<TooFew>,

    /// A row with too many fields: reject, truncate or merge-last [default: reject]
    ///
    /// `truncate` leaves the last ones out; `merge-last` makes them, with the delimiters between
    /// them, the text of the last column, unless the first of them is quoted. Counted and listed as
    /// for --too-few.
    #[arg(long, value_name = "WHAT", hide_possible_values = true, help_heading = INPUT)]
    pub(super) too_many: Option<TooMany>,

    /// What a bad row does: reject or fail [default: reject]
    ///
    /// `reject` keeps it under _rejects/ with file, line, column, reason and raw text, and goes
    /// on; `fail` ends the run, which publishes nothing.
    #[arg(long, value_name = "WHAT", hide_possible_values = true, help_heading = INPUT)]
    pub(super) on_bad_row: Option<OnBadRow>,

    /// Most rejected rows, as a count or a share of all rows
    ///
    /// Past it the run fails with exit code 3 and publishes nothing. `1000`, `10k` or `0.5%`.
    #[arg(long, value_name = "N|P%", value_parser = parse_rejects_max, help_heading = INPUT)]
    pub(super) max_rejects: Option<RejectsMax>,

    /// Most rejected rows of any one file, as a count or a share of its rows
    #[arg(long, value_name = "N|P%", value_parser = parse_rejects_max, help_heading = INPUT)]
    pub(super) max_rejects_per_file: Option<RejectsMax>,

    /// Take nothing on trust: the first bad row ends the run, and so does a column that can be
    /// read in two ways
    ///
    /// As --on-bad-row fail; besides, dates whose day may be the month and numbers whose thousands
    /// may be fractions need a --dtype.
    #[arg(long, conflicts_with_all = ["on_bad_row", "max_rejects", "max_rejects_per_file"], help_heading = INPUT)]
    pub(super) strict: bool,

    /// Declare a column's type; repeatable
    ///
    /// TYPE: int64, float64, bool, date, date(FORMAT), timestamp, timestamp(FORMAT), utf8,
    /// categorical or decimal(P,S). FORMAT is a strptime pattern such as %d/%m/%Y, or for
    /// timestamps epoch_s, epoch_ms, epoch_us or epoch_ns. float64(1.234,50) shows how the column
    /// writes the number 1234.50. duration reads 1:23:45, 3 days 04:05:06 or PT1H30M as seconds, in
    /// float64. Other columns' types are inferred.
    #[arg(long, value_name = "COL=TYPE", value_parser = parse_column_dtype, help_heading = TYPES)]
    pub(super) dtype: Vec<(String, DtypeSpec)>,

    /// What types are inferred from: sample or full [default: sample]
    ///
    /// `sample` reads places spread over the whole input; `full` reads every record, in one more
    /// pass, so that no later cell widens a column.
    #[arg(long, value_name = "WHAT", hide_possible_values = true, help_heading = TYPES)]
    pub(super) infer: Option<Infer>,

    /// Spellings of a missing value; repeatable
    ///
    /// A comma list replaces the default tokens, which are those of pandas and apply to columns
    /// that are not text. In text columns only the empty unquoted field is missing, unless the
    /// column has tokens of its own: `--null-values region=NA,N/A`.
    #[arg(long, value_name = "[COL=]LIST", value_parser = parse_null_list,
        allow_hyphen_values = true, help_heading = TYPES)]
    pub(super) null_values: Vec<NullList>,

    /// Partition key: ffill, bfill, linear and rolling work per key
    ///
    /// A comma list. Rows keep their order; within a key they are taken in file order. A column
    /// whose name holds a comma can be named in the file.
    #[arg(long, value_name = "COLS", value_delimiter = ',', help_heading = STEPS)]
    pub(super) key: Vec<String>,

    /// Event time of time windows: a timestamp or date column
    #[arg(long, value_name = "COL", help_heading = STEPS)]
    pub(super) time: Option<String>,

    /// Rows out of time order: error, trust, sort or allow:TIME [default: error]
    ///
    /// `error`, where a time window is asked for, ends the run at the first such row of a key,
    /// naming it; `trust` takes rows as they come. `sort` sorts all rows by --time before the first
    /// step that goes by their order; `allow:10m` only puts rows in order that come up to 10 minutes
    /// late, and holds no more than the rows of that time.
    #[arg(long, value_name = "WHAT", value_parser = str::parse::<Order>, help_heading = STEPS)]
    pub(super) order: Option<Order>,

    /// Keep the rows for which a condition is true; repeatable
    ///
    /// SQL over the columns, such as "amount > 0 AND region IS NOT NULL". Rows for which it is false
    /// or null are left out, and counted.
    #[arg(long, value_name = "CONDITION", value_parser = RowStep::filter,
        allow_hyphen_values = true, help_heading = STEPS)]
    pub(super) filter: Vec<RowStep>,

    /// Keep one row of those that are the same in these columns; repeatable
    ///
    /// A comma list, or `*` for all columns. The first row stays, or the last (id:last), or none of
    /// those that are not the only one (id:none). Missing values are the same. Where more keys come
    /// than memory holds, they go to --temp-dir and one more pass is made.
    #[arg(long, value_name = "COLS[:KEEP]", value_parser = parse_dedup, help_heading = STEPS)]
    pub(super) dedup: Vec<DedupSpec>,
    /// Look rows up in a small table and add its columns; repeatable
    ///
    /// FILE is a CSV or Parquet file. ON is a comma list of key columns, HERE=THERE where they are
    /// called differently. HOW: left (default), inner, semi or anti. All columns of FILE but the
    /// keys are added; the file's [[step]] list says more, such as joins as of a time.
    #[arg(long, value_name = "FILE:ON[:HOW]", value_parser = parse_join, help_heading = STEPS)]
    pub(super) join: Vec<JoinSpec>,

    /// Add a column computed from others; repeatable
    ///
    /// SQL over the columns, such as "total=price * quantity". A column of the same name is
    /// replaced. On the command line filters come first, then dedups, joins, imputes, derives and
    /// rollings; the file's [[step]] list takes any order.
    #[arg(long, value_name = "NAME=EXPR", value_parser = parse_derive, help_heading = STEPS)]
    pub(super) derive: Vec<RowStep>,

    /// Keep the rows that filters drop, under _filtered/ of the lake
    ///
    /// With the columns of the input, those that steps before have made, and the step that has
    /// dropped them.
    #[arg(long, help_heading = STEPS)]
    pub(super) keep_filtered: bool,

    /// Fill a column's missing values; repeatable
    ///
    /// METHOD: mean, median, mode, const:VALUE, ffill, bfill, linear, or drop (removes the rows).
    /// ffill, bfill and linear follow --key; mean, median and mode are taken over the whole
    /// column, or per key as mean:key, median:key, mode:key.
    #[arg(long, value_name = "COL=METHOD", value_parser = parse_impute, help_heading = STEPS)]
    pub(super) impute: Vec<StepSpec>,

    /// Add a column computed over a rolling window; repeatable
    ///
    /// FN: mean, sum, min, max, std, var, count, median, qNN (a percentile, such as q95), first
    /// or last. WINDOW: rows (7) or, with --time, a time in w, d, h, m (minutes), s, ms, us or ns
    /// (1d, 6h, 30m, 1d12h). NAME defaults to COL_FN_WINDOW.
    #[arg(long, value_name = "COL:FN:WINDOW[:NAME]", value_parser = parse_rolling,
        help_heading = STEPS)]
    pub(super) rolling: Vec<StepSpec>,

    /// Sort all rows, after every other step: columns, with a minus those from large to small
    ///
    /// A comma list, such as region,-timestamp. Rows of equal values keep their order, and missing
    /// values come last. What does not fit into memory goes to --temp-dir.
    #[arg(long, value_name = "COLS", value_delimiter = ',', allow_hyphen_values = true,
        help_heading = STEPS)]
    pub(super) sort: Vec<String>,

    /// Hold every row that is about to be written against a condition; repeatable
    ///
    /// SQL over the columns of the lake, such as "amount >= 0". If it is false for a row, the run
    /// fails with exit code 3 and publishes nothing. The file's [[check]] list takes other checks,
    /// tolerated shares and severities.
    #[arg(long, value_name = "CONDITION", value_parser = parse_check,
        allow_hyphen_values = true, help_heading = STEPS)]
    pub(super) check: Vec<CheckSpec>,

    /// Values a window must hold to have a result
    ///
    /// Default: the window's size for row windows, 1 for time windows, as in pandas.
    #[arg(long, value_name = "N", value_parser = parse_min_samples, help_heading = STEPS)]
    pub(super) min_samples: Option<u32>,

    /// The lake: a directory of part-00000.parquet, …
    ///
    /// It appears, or changes, at once when the run ends. Everything in it that is no part starts
    /// with `_`: the receipt (_receipt.json) and the rejects (_rejects/).
    #[arg(short, long, value_name = "DIR", help_heading = OUTPUT)]
    pub(super) out: Option<PathBuf>,

    /// What an existing lake does: error, overwrite or append [default: error]
    #[arg(long, value_name = "WHAT", hide_possible_values = true, help_heading = OUTPUT)]
    pub(super) mode: Option<Mode>,

    /// zstd[:LEVEL], lz4, snappy or none [default: zstd:1]
    #[arg(long, value_name = "CODEC", value_parser = str::parse::<Compression>, help_heading = OUTPUT)]
    pub(super) compression: Option<Compression>,

    /// Rows of a row group
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = OUTPUT)]
    pub(super) row_group_rows: Option<usize>,

    /// Begin a new part once one has this size
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = OUTPUT)]
    pub(super) part_size: Option<u64>,

    /// Threads computing at any moment [default: all cores]
    #[arg(short, long, value_name = "N", value_parser = parse_threads, help_heading = RESOURCES)]
    pub(super) threads: Option<usize>,

    /// Most memory the process may have resident
    ///
    /// Mapped file pages count. Default: a share of the machine's (or cgroup's) memory, which the
    /// receipt states.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = RESOURCES)]
    pub(super) memory_limit: Option<u64>,

    /// Rows of a chunk, the unit of work
    ///
    /// Default: as many as the memory limit allows, at most 65536.
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = RESOURCES)]
    pub(super) chunk_rows: Option<usize>,

    /// Directory for temporary files
    ///
    /// Streams, compressed files and files that are not in UTF-8 are kept there as text while they
    /// are read, and so is what steps hold of more keys than fit into memory. Default: the system's.
    #[arg(long, value_name = "DIR", help_heading = RESOURCES)]
    pub(super) temp_dir: Option<PathBuf>,

    /// Most room that the temporary files may take together
    ///
    /// Past it the run ends with exit code 4. Default: 90 % of what is free where they are.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = RESOURCES)]
    pub(super) max_temp_size: Option<u64>,

    /// Show progress: auto, always or never [default: auto]
    #[arg(long, value_name = "WHEN", hide_possible_values = true, help_heading = REPORTING)]
    pub(super) progress: Option<Progress>,

    /// Print the receipt as JSON on standard output
    #[arg(long, help_heading = REPORTING)]
    pub(super) json: bool,

    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose", help_heading = REPORTING)]
    pub(super) quiet: bool,

    /// Say more
    #[arg(short, long, help_heading = REPORTING)]
    pub(super) verbose: bool,

    /// Steps of the file or the builder, in the order given there; they run before those of
    /// the flags.
    #[arg(skip)]
    pub(super) steps: Vec<StepSpec>,

    /// Tables beside the lake.
    #[arg(skip)]
    pub(super) aggregates: Vec<AggregateSpec>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(["chunketl"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_names_every_option_under_a_heading() {
        let help = Args::command().render_long_help().to_string();
        for name in option_names() {
            assert!(help.contains(&format!("--{name}")), "{name}");
        }
        for heading in [INPUT, TYPES, STEPS, OUTPUT, RESOURCES, REPORTING] {
            assert!(help.contains(&format!("\n{heading}:\n")), "{heading}");
        }
        assert!(help.contains("Examples:"));
        let short = Args::command().render_help().to_string();
        assert!(short.lines().count() < help.lines().count() / 2);
    }

    #[test]
    fn flags_repeat_and_lists_split() {
        let line = "-i a.csv b.csv -i c.csv -o lake --dtype a=int64 --dtype b=utf8 --key x,y \
                    --null-values -999,- --null-values a=-1";
        let options = parse(line).unwrap().options;
        assert_eq!(options.input, ["a.csv", "b.csv", "c.csv"]);
        assert_eq!(options.dtype.len(), 2);
        assert_eq!(options.null_values[0].tokens, ["-999", "-"]);
        assert_eq!(options.null_values[1].tokens, ["-1"]);
        assert_eq!(options.key, ["x", "y"]);
    }

    #[test]
    fn a_bad_value_names_its_flag() {
        for (line, expected) in [
            ("--memory-limit 5X", "--memory-limit <SIZE>"),
            ("--threads 0", "--threads <N>"),
            ("--dtype a=int", "did you mean `int64`?"),
            ("--impute a=meen", "did you mean `mean`?"),
            ("--rolling a:men:7", "did you mean `mean`?"),
            ("--compression zst", "did you mean `zstd`?"),
            ("--mode overwrte", "overwrite"),
            ("--memory-limt 5k", "--memory-limit"),
            ("-q -v", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn completions_stand_beside_runs() {
        let args = parse("completions bash").unwrap();
        assert!(matches!(args.command, Some(Command::Completions { .. })));
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(completions(shell)).unwrap();
            assert!(script.contains("memory-limit"), "{shell}");
        }
    }
}
