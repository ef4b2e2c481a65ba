//! Calls -> [`Config`], for programs that use chunketl as a library.
//! Keeps: every value goes through the parser its flag has, so no caller can get past a check.

mod expect;
mod fitted;
mod steps;

use std::path::PathBuf;

use super::args::Options;
use super::choice::SkipSpace;
use super::nulls::NullList;
use super::resolve::resolve;
use super::{Config, Infer, OnBadRow, StepSpec, choice, columns, dtype, quantity};
use crate::base::{Error, Result};
use crate::base::{InvalidBytes, LineEnd, Mode, Order, Progress, SchemaDrift, TooFew, TooMany};

/// Builds a [`Config`] call by call. What a call gets wrong is reported by [`Builder::build`].
///
/// ```
/// # fn main() -> chunketl::Result<()> {
/// let config = chunketl::config::Builder::new()
///     .input("sales.csv")
///     .out("lake")
///     .key(["customer_id"])
///     .impute("amount", "mean")
///     .rolling("amount", "mean", "7")
///     .build()?;
/// assert_eq!(config.steps.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    options: Options,
    /// The first thing a call got wrong.
    error: Option<Error>,
}

impl Builder {
    /// Nothing chosen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, a directory, a glob or `-`.
    pub fn input(mut self, path: impl Into<String>) -> Self {
        self.options.input.push(path.into());
        self
    }

    /// Reads more paths from a file, one a line.
    pub fn files_from(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.files_from = Some(path.into());
        self
    }

    /// The most input files.
    pub fn files_max(self, files: usize) -> Self {
        let parsed = quantity::parse_count(&files.to_string());
        self.set("--max-files", parsed, |options, files| {
            options.max_files = Some(files);
        })
    }

    /// Takes options from a TOML file first; calls win over it.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.config = Some(path.into());
        self
    }

    /// The byte between fields.
    pub fn delimiter(self, byte: u8) -> Self {
        let parsed = choice::parse_delimiter(&char::from(byte).to_string());
        self.set("--delimiter", parsed, |options, byte| {
            options.dialect.delimiter = Some(byte);
        })
    }

    /// The byte around quoted fields; `None` for no quoting.
    pub fn quote(self, byte: Option<u8>) -> Self {
        let text = byte.map_or_else(|| "none".to_owned(), |byte| char::from(byte).to_string());
        self.set("--quote", choice::parse_quote(&text), |options, quote| {
            options.dialect.quote = Some(quote);
        })
    }

    /// The byte that makes the next one ordinary; `None` for none.
    pub fn escape(self, byte: Option<u8>) -> Self {
        let text = byte.map_or_else(|| "none".to_owned(), |byte| char::from(byte).to_string());
        self.set("--escape", choice::parse_escape(&text), |options, byte| {
            options.dialect.escape = Some(byte);
        })
    }

    /// What comment lines start with; `none` for no comments.
    pub fn comment(self, prefix: &str) -> Self {
        let parsed = choice::parse_comment(prefix);
        self.set("--comment", parsed, |options, prefix| {
            options.dialect.comment = Some(prefix);
        })
    }

    /// What ends a record.
    pub fn line_end(mut self, what: LineEnd) -> Self {
        self.options.dialect.line_end = Some(what);
        self
    }

    /// Spaces before a field are no part of it.
    pub fn skip_space(mut self) -> Self {
        self.options.dialect.skip_space = Some(SkipSpace::Yes);
        self
    }

    /// Spaces before a field are part of it, also where one follows every delimiter.
    pub fn keep_space(mut self) -> Self {
        self.options.dialect.skip_space = Some(SkipSpace::No);
        self
    }

    /// Keeps what looks like no part of the table, spelled as for `--keep`.
    pub fn keep(self, list: &str) -> Self {
        self.set("--keep", choice::parse_keep(list), |options, keep| {
            options.layout.keep = Some(keep);
        })
    }

    /// What a row with too few fields comes to.
    pub fn too_few(mut self, what: TooFew) -> Self {
        self.options.too_few = Some(what);
        self
    }

    /// What a row with too many fields comes to.
    pub fn too_many(mut self, what: TooMany) -> Self {
        self.options.too_many = Some(what);
        self
    }

    /// The first record is data, not names.
    pub fn no_header(mut self) -> Self {
        self.options.dialect.no_header = true;
        self
    }

    /// The encoding of all inputs, spelled as for `--encoding`.
    pub fn encoding(self, name: &str) -> Self {
        self.set(
            "--encoding",
            choice::parse_encoding(name),
            |options, encoding| {
                options.encoding = Some(encoding);
            },
        )
    }

    /// What becomes of bytes that are no text in their encoding.
    pub fn invalid_bytes(mut self, what: InvalidBytes) -> Self {
        self.options.invalid_bytes = Some(what);
        self
    }

    /// The first record names the columns, whatever it looks like.
    pub fn header(mut self) -> Self {
        self.options.layout.header = true;
        self
    }

    /// Lines before the header.
    pub fn skip_rows(mut self, lines: usize) -> Self {
        self.options.layout.skip_rows = Some(lines);
        self
    }

    /// Records that name the columns together.
    pub fn header_rows(self, rows: usize) -> Self {
        let parsed = quantity::parse_count(&rows.to_string());
        self.set("--header-rows", parsed, |options, rows| {
            options.layout.header_rows = Some(rows);
        })
    }

    /// Which of several tables in a file to load, from 1.
    pub fn table(self, number: usize) -> Self {
        let parsed = quantity::parse_count(&number.to_string());
        self.set("--table", parsed, |options, number| {
            options.layout.table = Some(number);
        })
    }

    /// Finds out nothing about dialect and layout.
    pub fn no_sniff(mut self) -> Self {
        self.options.layout.no_sniff = true;
        self
    }

    /// What becomes of the columns of files whose headers differ.
    pub fn schema_drift(mut self, what: SchemaDrift) -> Self {
        self.options.columns.schema_drift = Some(what);
        self
    }

    /// Keeps these columns only, in this order, as the files call them; `*` stands for any text.
    pub fn select<T: Into<String>>(mut self, columns: impl IntoIterator<Item = T>) -> Self {
        self.options.columns.select = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves these columns out, as the files call them; `*` stands for any text.
    pub fn exclude<T: Into<String>>(mut self, columns: impl IntoIterator<Item = T>) -> Self {
        self.options.columns.exclude = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Calls the column `old` of the files `new` from here on.
    pub fn rename(mut self, old: &str, new: &str) -> Self {
        let pair = (old.to_owned(), new.to_owned());
        self.options.columns.rename.push(pair);
        self
    }

    /// Adds a text column that holds the path of the file each row is from.
    pub fn source_column(mut self, name: impl Into<String>) -> Self {
        self.options.columns.source_column = Some(name.into());
        self
    }

    /// Reads only the first so many records of all inputs together.
    pub fn limit(self, records: usize) -> Self {
        let parsed = quantity::parse_count(&records.to_string());
        self.set("--limit", parsed, |options, records| {
            options.columns.limit = Some(records);
        })
    }

    /// Keeps a share of the records, over 0 and up to 1; `seed` says which.
    pub fn sample(self, fraction: f64, seed: u64) -> Self {
        let parsed = columns::parse_fraction(&fraction.to_string());
        self.set("--sample", parsed, |options, fraction| {
            options.columns.sample = Some(fraction);
            options.columns.seed = Some(seed);
        })
    }

    /// The most columns of a file, and of all files together.
    pub fn columns_max(self, columns: usize) -> Self {
        let parsed = quantity::parse_count(&columns.to_string());
        self.set("--max-columns", parsed, |options, columns| {
            options.columns.max_columns = Some(columns);
        })
    }

    /// The longest record taken in, in bytes.
    pub fn record_bytes_max(self, bytes: usize) -> Self {
        let parsed = quantity::parse_record_bytes_max(&bytes.to_string());
        self.set("--max-record-bytes", parsed, |options, bytes| {
            options.max_record_bytes = Some(bytes);
        })
    }

    /// Takes nothing on trust: the first bad row ends the run, and so does a column that can be read
    /// in two ways.
    pub fn strict(mut self) -> Self {
        self.options.strict = true;
        self
    }

    /// The longest field taken in, in bytes.
    pub fn field_bytes_max(self, bytes: usize) -> Self {
        let parsed = quantity::parse_record_bytes_max(&bytes.to_string());
        self.set("--max-field-bytes", parsed, |options, bytes| {
            options.max_field_bytes = Some(bytes);
        })
    }

    /// What a bad row does.
    pub fn on_bad_row(mut self, what: OnBadRow) -> Self {
        self.options.on_bad_row = Some(what);
        self
    }

    /// The most rejected rows of any one file: `1000` or `0.5%`.
    pub fn rejects_per_file_max(self, limit: &str) -> Self {
        let parsed = quantity::parse_rejects_max(limit);
        self.set("--max-rejects-per-file", parsed, |options, limit| {
            options.max_rejects_per_file = Some(limit);
        })
    }

    /// The most rejected rows: `1000` or `0.5%`.
    pub fn rejects_max(self, limit: &str) -> Self {
        let parsed = quantity::parse_rejects_max(limit);
        self.set("--max-rejects", parsed, |options, limit| {
            options.max_rejects = Some(limit);
        })
    }

    /// What the types of columns that are not declared are inferred from.
    pub fn infer(mut self, from: Infer) -> Self {
        self.options.infer = Some(from);
        self
    }

    /// Declares a column's type, spelled as for `--dtype`.
    pub fn dtype(self, column: &str, data_type: &str) -> Self {
        let option = format!("--dtype {column}={data_type}");
        self.set(option, dtype::parse_dtype(data_type), |options, spec| {
            options.dtype.push((column.to_owned(), spec));
        })
    }

    /// Replaces the default null tokens of columns that are not text.
    pub fn null_values<T: Into<String>>(self, tokens: impl IntoIterator<Item = T>) -> Self {
        self.null_list(None, tokens.into_iter().map(Into::into).collect())
    }

    /// Sets the null tokens of one column, text or not.
    pub fn null_values_of<T: Into<String>>(
        self,
        column: &str,
        tokens: impl IntoIterator<Item = T>,
    ) -> Self {
        let tokens = tokens.into_iter().map(Into::into).collect();
        self.null_list(Some(column.to_owned()), tokens)
    }

    fn null_list(mut self, column: Option<String>, tokens: Vec<String>) -> Self {
        self.options.null_values.push(NullList { column, tokens });
        self
    }

    /// The partition key's columns.
    pub fn key<T: Into<String>>(mut self, columns: impl IntoIterator<Item = T>) -> Self {
        self.options.key = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The event time column.
    pub fn time(mut self, column: impl Into<String>) -> Self {
        self.options.time = Some(column.into());
        self
    }

    /// What rows out of time order do.
    pub fn order(mut self, what: Order) -> Self {
        self.options.order = Some(what);
        self
    }

    fn step(self, option: String, parsed: Result<StepSpec, String>) -> Self {
        self.set(option, parsed, |options, step| options.steps.push(step))
    }

    /// Values a window must hold to have a result.
    pub fn min_samples(self, samples: u32) -> Self {
        let parsed = quantity::parse_min_samples(&samples.to_string());
        self.set("--min-samples", parsed, |options, samples| {
            options.min_samples = Some(samples);
        })
    }

    /// The lake's directory.
    pub fn out(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.out = Some(directory.into());
        self
    }

    /// What an existing lake does.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = Some(mode);
        self
    }

    /// The codec, spelled as for `--compression`.
    pub fn compression(self, codec: &str) -> Self {
        let parsed = str::parse(codec);
        self.set("--compression", parsed, |options, codec| {
            options.compression = Some(codec);
        })
    }

    /// Rows of a row group.
    pub fn row_group_rows(self, rows: usize) -> Self {
        let parsed = quantity::parse_count(&rows.to_string());
        self.set("--row-group-rows", parsed, |options, rows| {
            options.row_group_rows = Some(rows);
        })
    }

    /// Size at which a part ends, in bytes.
    pub fn part_bytes(self, bytes: u64) -> Self {
        let parsed = quantity::parse_size(&bytes.to_string());
        self.set("--part-size", parsed, |options, bytes| {
            options.part_size = Some(bytes);
        })
    }

    /// Threads computing at any moment.
    pub fn threads(self, threads: usize) -> Self {
        let parsed = quantity::parse_threads(&threads.to_string());
        self.set("--threads", parsed, |options, threads| {
            options.threads = Some(threads);
        })
    }

    /// The most resident memory, in bytes.
    pub fn memory_limit(self, bytes: u64) -> Self {
        let parsed = quantity::parse_size(&bytes.to_string());
        self.set("--memory-limit", parsed, |options, bytes| {
            options.memory_limit = Some(bytes);
        })
    }

    /// Rows of a chunk.
    pub fn chunk_rows(self, rows: usize) -> Self {
        let parsed = quantity::parse_count(&rows.to_string());
        self.set("--chunk-rows", parsed, |options, rows| {
            options.chunk_rows = Some(rows);
        })
    }

    /// Where streams, compressed files and files that are not in UTF-8 are kept as text.
    pub fn temp_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.temp_dir = Some(directory.into());
        self
    }

    /// The most room that temporary copies may take together, in bytes.
    pub fn temp_bytes_max(self, bytes: u64) -> Self {
        let parsed = quantity::parse_size(&bytes.to_string());
        self.set("--max-temp-size", parsed, |options, bytes| {
            options.max_temp_size = Some(bytes);
        })
    }

    /// When progress is shown on standard error.
    pub fn progress(mut self, when: Progress) -> Self {
        self.options.progress = Some(when);
        self
    }

    fn set<T>(
        mut self,
        option: impl Into<String>,
        parsed: Result<T, String>,
        set: impl FnOnce(&mut Options, T),
    ) -> Self {
        match parsed {
            Ok(value) => set(&mut self.options, value),
            Err(message) => {
                let error = || Error::usage(option, message);
                self.error.get_or_insert_with(error);
            }
        }
        self
    }

    /// Settles and checks what was chosen.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for the first thing that is wrong, named as
    /// the flag that would set it.
    pub fn build(self) -> Result<Config> {
        match self.error {
            Some(error) => Err(error),
            None => resolve(self.options),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Args, JoinSpec, from_args};
    use super::*;
    use clap::Parser as _;

    #[test]
    fn calls_and_flags_mean_the_same() {
        let built = Builder::new()
            .input("a.csv")
            .input("b.csv")
            .files_from("list")
            .files_max(7)
            .out("lake")
            .delimiter(b';')
            .quote(None)
            .escape(Some(b'\\'))
            .comment("//")
            .line_end(LineEnd::Any)
            .skip_space()
            .too_few(TooFew::Pad)
            .too_many(TooMany::MergeLast)
            .no_header()
            .encoding("latin1")
            .invalid_bytes(InvalidBytes::Replace)
            .record_bytes_max(1000)
            .on_bad_row(OnBadRow::Reject)
            .rejects_max("5%")
            .infer(Infer::Full)
            .dtype("id", "int64")
            .null_values(["NA", "-"])
            .null_values_of("region", ["none"])
            .key(["a", "b"])
            .time("ts")
            .order(Order::Trust)
            .join(JoinSpec::new("t.csv", ["a", "b"]))
            .impute("x", "mean:key")
            .rolling("x", "mean", "7")
            .rolling_named("x", "sum", "1d", "daily")
            .min_samples(3)
            .mode(Mode::Append)
            .compression("lz4")
            .row_group_rows(10)
            .part_bytes(20)
            .threads(3)
            .memory_limit(1 << 29)
            .chunk_rows(40)
            .temp_dir("t")
            .temp_bytes_max(1 << 20)
            .schema_drift(SchemaDrift::Intersect)
            .select(["x", "id"])
            .exclude(["n*"])
            .rename("y", "x")
            .source_column("file")
            .limit(9)
            .sample(0.5, 3)
            .columns_max(11)
            .progress(Progress::Never)
            .build()
            .unwrap();
        let line = "chunketl -i a.csv b.csv -o lake --delimiter ; --quote none --escape \\ \
                    --comment // --line-end any --skip-space --too-few pad --too-many merge-last \
                    --no-header \
            --max-record-bytes 1000 --on-bad-row reject --max-rejects 5% --dtype id=int64 --infer full \
            --null-values NA,- --null-values region=none --key a,b --time ts --order trust \
            --join t.csv:a,b --impute x=mean:key --rolling x:mean:7 --rolling x:sum:1d:daily --min-samples 3 \
            --mode append --compression lz4 --row-group-rows 10 --part-size 20 --threads 3 \
            --memory-limit 512MiB --chunk-rows 40 --temp-dir t --progress never \
            --encoding latin1 --invalid-bytes replace --max-temp-size 1MiB \
            --files-from list --max-files 7 --schema-drift intersect --select x,id --exclude n* \
            --rename y=x --source-column file --limit 9 --sample 50% --seed 3 --max-columns 11";
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        assert_eq!(built, from_args(args).unwrap());
    }

    #[test]
    fn the_first_mistake_is_reported() {
        let whole = || Builder::new().input("a.csv").out("lake");
        let message = |builder: Builder| builder.build().unwrap_err().to_string();
        let twice = whole().impute("a", "meen").rolling("a", "men", "7");
        assert!(message(twice).starts_with("--impute a=meen: "));
        assert!(message(whole().threads(0)).starts_with("--threads: "));
        assert!(message(whole().delimiter(b'\n')).starts_with("--delimiter: "));
        assert!(message(whole().delimiter(0xE9)).starts_with("--delimiter: "));
        assert!(message(whole().quote(Some(b','))).starts_with("--quote: "));
        assert!(message(Builder::new()).starts_with("--out: "));
    }

    #[test]
    fn the_order_of_calls_is_the_order_of_steps() {
        let config = Builder::new()
            .input("a.csv")
            .out("lake")
            .rolling("a", "mean", "7")
            .impute("a", "drop")
            .build()
            .unwrap();
        let steps: Vec<String> = config.steps.iter().map(ToString::to_string).collect();
        assert_eq!(steps, ["--rolling a:mean:7", "--impute a=drop"]);
    }
}
