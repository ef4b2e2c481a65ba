//! [`Options`] -> [`Config`]: reads the file, lets flags win over it, fills in defaults and
//! refuses what contradicts itself.
//! Keeps: every promise in the docs of `Config`'s fields.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::aggregate::check_distinct;
use super::args::Options;
use super::choice::TextEncoding;
use super::columns::COLUMNS_MAX;
use super::nulls::NullValues;
use super::step::StepSpec;
use super::{Config, OnBadRow, RejectsMax, file};
use crate::base::{Error, Method, Order, Repair, Result, Window};

const RECORD_BYTES_MAX: usize = 16 << 20;
/// Every file stays mapped, and Linux lets a process have 65,530 maps.
const FILES_MAX: usize = 50_000;

/// Settles `options`, after those of the file they name.
pub(super) fn resolve(options: Options) -> Result<Config> {
    let mut options = with_file(options)?;
    if options.columns.seed.is_some() && options.columns.sample.is_none() {
        let message = "says which records are kept of a sample; pass --sample FRACTION too";
        return Err(Error::usage("--seed", message));
    }
    let dialect = options.dialect.dialect()?;
    let known = options.dialect.known(&options.layout)?;
    let out = lake(&options)?;
    let steps = steps(&mut options)?;
    let config = Config {
        input: options.input,
        files_from: options.files_from,
        files_max: options.max_files.unwrap_or(FILES_MAX),
        out,
        dialect,
        encoding: options.encoding.and_then(|TextEncoding(encoding)| encoding),
        invalid_bytes: options.invalid_bytes.unwrap_or_default(),
        repair: Repair {
            too_few: options.too_few.unwrap_or_default(),
            too_many: options.too_many.unwrap_or_default(),
        },
        sniff: !options.layout.no_sniff,
        known,
        schema_drift: options.columns.schema_drift.unwrap_or_default(),
        select: options.columns.select,
        exclude: options.columns.exclude,
        rename: options.columns.rename,
        source_column: options.columns.source_column,
        limit: options.columns.limit,
        sample: options.columns.sample,
        seed: options.columns.seed.unwrap_or_default(),
        columns_max: options.columns.max_columns.unwrap_or(COLUMNS_MAX),
        record_bytes_max: options.max_record_bytes.unwrap_or(RECORD_BYTES_MAX),
        field_bytes_max: options.max_field_bytes.unwrap_or(usize::MAX),
        strict: options.strict,
        on_bad_row: on_bad_row(options.on_bad_row, options.strict),
        rejects_max: options.max_rejects,
        rejects_per_file_max: options.max_rejects_per_file,
        infer: options.infer.unwrap_or_default(),
        dtypes: options.dtype,
        null_values: NullValues::from_lists(options.null_values),
        key: options.key,
        time: options.time,
        order: options.order.unwrap_or_default(),
        steps,
        aggregates: options.aggregates,
        keep_filtered: options.keep_filtered,
        checks: options.check,
        min_samples: options.min_samples,
        mode: options.mode.unwrap_or_default(),
        compression: options.compression.unwrap_or_default(),
        row_group_rows: options.row_group_rows,
        part_bytes: options.part_size,
        threads: options.threads.unwrap_or_else(cores),
        memory_limit: options.memory_limit,
        chunk_rows: options.chunk_rows,
        temp_dir: options.temp_dir,
        temp_bytes_max: options.max_temp_size,
        progress: options.progress.unwrap_or_default(),
        json: options.json,
        quiet: options.quiet,
        verbose: options.verbose,
    };
    check(&config)?;
    Ok(config)
}

/// `options`, and what the file says that they name.
fn with_file(mut options: Options) -> Result<Options> {
    match options.config.take() {
        Some(path) => Ok(options.over(file::read(&path)?)),
        None => Ok(options),
    }
}

impl Options {
    /// These options, and `file`'s where these say nothing. Of two options that exclude each
    /// other the one given here stands.
    fn over(self, file: Self) -> Self {
        let gates = self.gates_over(&file);
        let or = |mine: Vec<String>, other| if mine.is_empty() { other } else { mine };
        let declared = |column: &String| self.dtype.iter().any(|(mine, _)| mine == column);
        let mut dtype = file.dtype;
        dtype.retain(|(column, _)| !declared(column));
        dtype.extend(self.dtype);
        let loudness_given = self.quiet || self.verbose;
        Self {
            input: or(self.input, file.input),
            files_from: self.files_from.or(file.files_from),
            max_files: self.max_files.or(file.max_files),
            config: None,
            dialect: self.dialect.over(file.dialect, self.layout.header),
            encoding: self.encoding.or(file.encoding),
            invalid_bytes: self.invalid_bytes.or(file.invalid_bytes),
            too_few: self.too_few.or(file.too_few),
            too_many: self.too_many.or(file.too_many),
            layout: self.layout.over(file.layout, self.dialect.no_header),
            columns: self.columns.over(file.columns),
            max_record_bytes: self.max_record_bytes.or(file.max_record_bytes),
            max_field_bytes: self.max_field_bytes.or(file.max_field_bytes),
            max_rejects: self.max_rejects.or(gates.max_rejects),
            max_rejects_per_file: self.max_rejects_per_file.or(gates.max_rejects_per_file),
            on_bad_row: self.on_bad_row.or(gates.on_bad_row),
            strict: self.strict || gates.strict,
            infer: self.infer.or(file.infer),
            dtype,
            null_values: [file.null_values, self.null_values].concat(),
            key: or(self.key, file.key),
            time: self.time.or(file.time),
            order: self.order.or(file.order),
            filter: self.filter,
            dedup: self.dedup,
            join: self.join,
            impute: self.impute,
            derive: self.derive,
            rolling: self.rolling,
            sort: self.sort,
            check: [file.check, self.check].concat(),
            keep_filtered: self.keep_filtered || file.keep_filtered,
            min_samples: self.min_samples.or(file.min_samples),
            out: self.out.or(file.out),
            mode: self.mode.or(file.mode),
            compression: self.compression.or(file.compression),
            row_group_rows: self.row_group_rows.or(file.row_group_rows),
            part_size: self.part_size.or(file.part_size),
            threads: self.threads.or(file.threads),
            memory_limit: self.memory_limit.or(file.memory_limit),
            chunk_rows: self.chunk_rows.or(file.chunk_rows),
            temp_dir: self.temp_dir.or(file.temp_dir),
            max_temp_size: self.max_temp_size.or(file.max_temp_size),
            progress: self.progress.or(file.progress),
            json: self.json || file.json,
            quiet: self.quiet || (file.quiet && !loudness_given),
            verbose: self.verbose || (file.verbose && !loudness_given),
            steps: [file.steps, self.steps].concat(),
            aggregates: [file.aggregates, self.aggregates].concat(),
        }
    }
}

/// The steps of the file, then those of the flags in a fixed order.
fn steps(options: &mut Options) -> Result<Vec<StepSpec>> {
    let mut steps = std::mem::take(&mut options.steps);
    steps.extend(options.filter.drain(..).map(StepSpec::row));
    steps.extend(options.dedup.drain(..).map(StepSpec::dedup));
    steps.extend(options.join.drain(..).map(|join| {
        let place = format!("--{join}");
        StepSpec::join(join, place)
    }));
    steps.append(&mut options.impute);
    steps.extend(options.derive.drain(..).map(StepSpec::row));
    steps.append(&mut options.rolling);
    if !options.sort.is_empty() {
        let sort = StepSpec::sort(&options.sort);
        steps.push(sort.map_err(|message| Error::usage("--sort", message))?);
    }
    Ok(steps)
}

/// What a bad row does: under `--strict` it ends the run.
fn on_bad_row(given: Option<OnBadRow>, strict: bool) -> OnBadRow {
    given.unwrap_or(match strict {
        true => OnBadRow::Fail,
        false => OnBadRow::default(),
    })
}

/// The lake to write.
fn lake(options: &Options) -> Result<PathBuf> {
    let out = options.out.clone();
    let out = out.or_else(|| lake_of_rejects(&options.input));
    out.ok_or_else(|| Error::usage("--out", "name the directory to write, such as lake/"))
}

/// The lake that the only input, rejects of one, is fed into again.
fn lake_of_rejects(input: &[String]) -> Option<PathBuf> {
    let [path] = input else { return None };
    let mut parents = Path::new(path).ancestors();
    let rejects = parents.find(|path| path.file_name().is_some_and(|name| name == "_rejects"))?;
    let lake = rejects.parent()?;
    let is_here = lake.as_os_str().is_empty();
    Some(if is_here { ".".into() } else { lake.into() })
}

/// What the file says about bad rows, as far as it does not contradict what is given besides.
struct FileGates {
    strict: bool,
    on_bad_row: Option<OnBadRow>,
    max_rejects: Option<RejectsMax>,
    max_rejects_per_file: Option<RejectsMax>,
}

impl Options {
    /// What `file` says about bad rows beside these options.
    fn gates_over(&self, file: &Self) -> FileGates {
        let has_gate = self.max_rejects.is_some() || self.max_rejects_per_file.is_some();
        let no_bad_row = self.strict || self.on_bad_row == Some(OnBadRow::Fail);
        let kept = |gate: Option<RejectsMax>| gate.filter(|_| !no_bad_row);
        FileGates {
            strict: file.strict && !has_gate && self.on_bad_row.is_none(),
            on_bad_row: file.on_bad_row.filter(|_| !has_gate && !self.strict),
            max_rejects: kept(file.max_rejects),
            max_rejects_per_file: kept(file.max_rejects_per_file),
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn check(config: &Config) -> Result<()> {
    check_input(config)?;
    if let Some((column, _)) = duplicate(config.dtypes.iter(), |(column, _)| column) {
        let message = "the column has two types; keep one";
        return Err(Error::usage(format!("--dtype {column}=…"), message));
    }
    if let Some((old, new)) = duplicate(config.rename.iter(), |(old, _)| old) {
        let message = "the column has two new names; keep one";
        return Err(Error::usage(format!("--rename {old}={new}"), message));
    }
    for (flag, columns) in [("--select", &config.select), ("--exclude", &config.exclude)] {
        if columns.iter().any(String::is_empty) {
            let message = "name the columns, separated by commas";
            return Err(Error::usage(flag, message));
        }
    }
    if config.source_column.as_deref() == Some("") {
        return Err(Error::usage("--source-column", "the column needs a name"));
    }
    if config.key.iter().any(String::is_empty) {
        let message = "name the columns, separated by commas";
        return Err(Error::usage("--key", message));
    }
    if let Some(column) = duplicate(config.key.iter(), |column| column) {
        let message = format!("`{column}` is given twice; name it once");
        return Err(Error::usage("--key", message));
    }
    if config.strict && config.on_bad_row == OnBadRow::Reject {
        let message =
            "contradicts --strict, under which a bad row ends the run; drop one of the two";
        return Err(Error::usage("--on-bad-row reject", message));
    }
    let gates = [config.rejects_max, config.rejects_per_file_max];
    if config.on_bad_row == OnBadRow::Fail && gates.iter().any(Option::is_some) {
        let message = "with --on-bad-row fail the first reject ends the run; drop one of the two";
        return Err(Error::usage("--max-rejects", message));
    }
    if config.time.is_none() && matches!(config.order, Order::Sort | Order::Allow(_)) {
        let option = format!("--order {}", config.order);
        let message = "rows are put in the order of the event time; name its column: --time COL";
        return Err(Error::usage(option, message));
    }
    if config.quiet && config.verbose {
        let message = "contradicts --verbose; drop one of the two";
        return Err(Error::usage("--quiet", message));
    }
    config
        .steps
        .iter()
        .try_for_each(|step| check_step(config, step))?;
    check_distinct(&config.aggregates)?;
    check_new_names(config)
}

fn check_input(config: &Config) -> Result<()> {
    if config.input.is_empty() && config.files_from.is_none() {
        let message = "name at least one file, a glob such as 'in/*.csv', or - for standard input";
        return Err(Error::usage("--input", message));
    }
    if config.input.iter().any(String::is_empty) {
        let message = "an empty path; name a file, a glob, or - for standard input";
        return Err(Error::usage("--input", message));
    }
    let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
    let lists = usize::from(config.files_from.as_ref().is_some_and(is_stdin));
    if config.input.iter().filter(|path| *path == "-").count() + lists > 1 {
        let message = "standard input can be read once only; give - once";
        return Err(Error::usage("--input", message));
    }
    if config.out.as_os_str().is_empty() {
        let message = "an empty path; name the directory to write, such as lake/";
        return Err(Error::usage("--out", message));
    }
    Ok(())
}

fn check_step(config: &Config, step: &StepSpec) -> Result<()> {
    let refuse = |message: String| Err(Error::usage(step.to_string(), message));
    match step {
        StepSpec::Impute { column, method } => {
            let by_key = matches!(method, Method::Statistic { by_key: true, .. });
            if by_key && config.key.is_empty() {
                return refuse(
                    "needs a key; pass --key COLS, or leave out `:key` for the whole column"
                        .to_owned(),
                );
            }
            let follows_key = matches!(
                method,
                Method::ForwardFill | Method::BackwardFill | Method::Linear
            );
            if (by_key || follows_key) && config.key.contains(column) {
                return refuse(format!(
                    "`{column}` is part of --key, so all rows of a gap share its missing value; \
                     fill it with const:VALUE, or drop the rows"
                ));
            }
            Ok(())
        }
        StepSpec::Rolling { window, .. } => match (*window, config.min_samples) {
            (Window::Time(_), _) if config.time.is_none() => refuse(format!(
                "the time window {window} needs an event time; pass --time COL, or give the \
                 window in rows"
            )),
            (Window::Rows(rows), Some(samples)) if samples > rows => Err(Error::usage(
                format!("--min-samples {samples}"),
                format!("more than the {rows} rows of {step}; choose at most {rows}"),
            )),
            _ => Ok(()),
        },
        StepSpec::Series { step, place } if step.series.is_timed() && config.time.is_none() => {
            let message = "the time of each row must be known; pass --time COL";
            Err(Error::usage(place, message))
        }
        _ => Ok(()),
    }
}

fn check_new_names(config: &Config) -> Result<()> {
    let rolling = config.steps.iter().filter_map(|step| match step {
        StepSpec::Rolling { name, .. } => Some((step, name)),
        _ => None,
    });
    match duplicate(rolling, |(_, name)| name) {
        None => Ok(()),
        Some((step, name)) => Err(Error::usage(
            step.to_string(),
            format!(
                "another step makes `{name}` as well; add a name of its own: COL:FN:WINDOW:NAME"
            ),
        )),
    }
}

/// The first item whose name an earlier one has.
fn duplicate<'a, T: Copy>(
    mut items: impl Iterator<Item = T>,
    name: impl Fn(T) -> &'a String,
) -> Option<T> {
    let mut seen = HashSet::new();
    items.find(|item| !seen.insert(name(*item)))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Args, RejectsMax, from_args};
    use super::*;
    use crate::base::{Compression, Dialect, Mode, Progress};

    /// What `chunketl -i in.csv -o lake` and `flags` mean.
    fn config(flags: &str) -> Result<Config> {
        let line = ["chunketl", "-i", "in.csv", "-o", "lake"];
        let words = line.into_iter().chain(flags.split_whitespace());
        from_args(Args::try_parse_from(words).unwrap())
    }

    #[test]
    fn defaults() {
        let config = config("").unwrap();
        assert_eq!(config.input, ["in.csv"]);
        assert_eq!(config.out.to_str(), Some("lake"));
        assert_eq!(config.dialect, Dialect::default());
        assert_eq!(config.record_bytes_max, 16 << 20);
        assert_eq!(config.compression, Compression::Zstd(1));
        assert_eq!(config.mode, Mode::Error);
        assert_eq!(config.on_bad_row, OnBadRow::Reject);
        assert_eq!(config.progress, Progress::Auto);
        assert_eq!(config.threads, cores());
        assert!(config.steps.is_empty() && config.key.is_empty() && !config.json);
    }

    #[test]
    fn imputes_run_before_rollings() {
        let flags = "--rolling a:mean:7 --impute a=mean --rolling b:sum:2 --impute b=drop";
        let steps = config(flags).unwrap().steps;
        let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
        assert_eq!(
            steps.join(" "),
            "--impute a=mean --impute b=drop --rolling a:mean:7 --rolling b:sum:2"
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for (flags, expected) in [
            ("--delimiter ; --quote ;", "--quote: ; is the delimiter"),
            ("--delimiter ; --escape ;", "--escape: ; is the delimiter"),
            ("--comment ,", "--comment: no line that starts with"),
            (
                "--delimiter \\x20 --skip-space",
                "--skip-space: the space is the delimiter",
            ),
            (
                "--dtype a=int64 --dtype a=utf8",
                "--dtype a=…: the column has two types",
            ),
            ("--key a,b,a", "--key: `a` is given twice"),
            ("--key a,", "--key: name the columns"),
            (
                "--on-bad-row fail --max-rejects 5",
                "--max-rejects: with --on-bad-row fail",
            ),
            ("-i - -i -", "--input: standard input can be read once only"),
            (
                "--impute a=mean:key",
                "--impute a=mean:key: needs a key; pass --key COLS, or leave out `:key`",
            ),
            (
                "--key a --impute a=ffill",
                "--impute a=ffill: `a` is part of --key",
            ),
            (
                "--key a --impute a=mode:key",
                "--impute a=mode:key: `a` is part of --key",
            ),
            (
                "--rolling a:mean:1d",
                "--rolling a:mean:1d: the time window 1d needs an event time",
            ),
            (
                "--rolling a:mean:7 --min-samples 8",
                "--min-samples 8: more than the 7 rows of --rolling a:mean:7; choose at most 7",
            ),
            (
                "--rolling a:mean:7 --rolling a:mean:7",
                "--rolling a:mean:7: another step makes `a_mean_7`",
            ),
            (
                "--rolling a:mean:7:x --rolling b:sum:2:x",
                "another step makes `x`",
            ),
        ] {
            let error = config(flags).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(expected), "{flags}: {message}");
            assert_eq!(error.exit_code(), 2);
        }
        for flags in [
            "--key a --impute a=const:0 --impute a=mode --impute b=ffill",
            "--rolling a:mean:7 --min-samples 7",
            "--time t --rolling a:mean:7ns --min-samples 100",
        ] {
            assert!(config(flags).is_ok(), "{flags}");
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = r#"
            input = "file.csv"
            out = "elsewhere"
            threads = 3
            key = ["k", "l"]
            on-bad-row = "fail"
            quiet = true
            null-values = ["x"]
            rolling = ["a:mean:7"]
            [dtype]
            a = "utf8"
            b = "date"
        "#;
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().display();
        let merged = config(&format!(
            "--config {path} --threads 2 --impute a=drop --dtype a=int64 --max-rejects 5 -v \
             --null-values c=y"
        ))
        .unwrap();
        assert_eq!(merged.input, ["in.csv"]);
        assert_eq!(merged.out.to_str(), Some("lake"));
        assert_eq!(merged.threads, 2);
        assert_eq!(merged.key, ["k", "l"]);
        assert_eq!(merged.on_bad_row, OnBadRow::Reject);
        assert_eq!(merged.rejects_max, Some(RejectsMax::Count(5)));
        assert!(merged.verbose && !merged.quiet);
        let null_values = merged.null_values;
        assert_eq!(null_values.default, Some(vec!["x".to_owned()]));
        assert_eq!(null_values.columns.len(), 1);
        let declared: Vec<&str> = merged
            .dtypes
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(declared, ["b", "a"]);
        let steps: Vec<String> = merged.steps.iter().map(ToString::to_string).collect();
        assert_eq!(steps, ["--rolling a:mean:7", "--impute a=drop"]);
    }
}
