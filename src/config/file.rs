//! The TOML file of `--config` -> [`Options`].
//! Keeps: the keys are the flags' names (`_` may stand for `-`); nothing in the file is ignored;
//! an error names the key and its line.

mod aggregates;
mod expect;
mod fitted;
mod joins;
mod node;
mod series;
mod sort;
mod steps;

use std::path::Path;

use node::Node;

use super::args::{self, Options};
use super::choice::SkipSpace;
use super::columns::ColumnOptions;
use super::dialect::DialectOptions;
use super::dtype::DtypeSpec;
use super::layout::LayoutOptions;
use super::nulls::NullList;
use super::{choice, columns, dtype, layout, quantity};
use crate::base::{Error, Result};

/// Reads the options of the file at `path`.
pub(super) fn read(path: &Path) -> Result<Options> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage("--config", format!("cannot read {name}: {error}")))?;
    parse(&text, &name)
}

/// Reads the options in `text`, the content of the file called `name`.
fn parse(text: &str, name: &str) -> Result<Options> {
    let mut options = Options::default();
    node::document(text, name, |root| {
        root.entries()?
            .iter()
            .try_for_each(|entry| set(&mut options, entry))
    })?;
    Ok(options)
}

fn set(options: &mut Options, entry: &Node<'_>) -> Result<()> {
    let key = entry.key().replace('_', "-");
    match key.as_str() {
        "input" => options.input = entry.strings()?,
        "files-from" => options.files_from = Some(entry.string()?.into()),
        "max-files" => options.max_files = Some(entry.parsed(quantity::parse_count)?),
        "too-few" => options.too_few = Some(entry.parsed(choice::parse_choice)?),
        "too-many" => options.too_many = Some(entry.parsed(choice::parse_choice)?),
        "encoding" => options.encoding = Some(entry.parsed(choice::parse_encoding)?),
        "invalid-bytes" => options.invalid_bytes = Some(entry.parsed(choice::parse_choice)?),
        "max-field-bytes" => {
            options.max_field_bytes = Some(entry.parsed(quantity::parse_record_bytes_max)?);
        }
        "max-record-bytes" => {
            options.max_record_bytes = Some(entry.parsed(quantity::parse_record_bytes_max)?);
        }
        "infer" => options.infer = Some(entry.parsed(choice::parse_choice)?),
        "dtype" => options.dtype = dtypes(entry)?,
        "null-values" => options.null_values = null_values(entry)?,
        "key" => options.key = entry.strings()?,
        "time" => options.time = Some(entry.string()?),
        "order" => options.order = Some(entry.parsed(str::parse)?),
        "min-samples" => options.min_samples = Some(entry.parsed(quantity::parse_min_samples)?),
        "out" => options.out = Some(entry.string()?.into()),
        "mode" => options.mode = Some(entry.parsed(choice::parse_choice)?),
        "compression" => options.compression = Some(entry.parsed(str::parse)?),
        "row-group-rows" => options.row_group_rows = Some(entry.parsed(quantity::parse_count)?),
        "part-size" => options.part_size = Some(entry.parsed(quantity::parse_size)?),
        "threads" => options.threads = Some(entry.parsed(quantity::parse_threads)?),
        "memory-limit" => options.memory_limit = Some(entry.parsed(quantity::parse_size)?),
        "chunk-rows" => options.chunk_rows = Some(entry.parsed(quantity::parse_count)?),
        "temp-dir" => options.temp_dir = Some(entry.string()?.into()),
        "max-temp-size" => options.max_temp_size = Some(entry.parsed(quantity::parse_size)?),
        "progress" => options.progress = Some(entry.parsed(choice::parse_choice)?),
        "json" => options.json = entry.boolean()?,
        "quiet" => options.quiet = entry.boolean()?,
        "verbose" => options.verbose = entry.boolean()?,
        "filter" => steps::filters(entry, &mut options.steps)?,
        "dedup" => steps::dedups(entry, &mut options.steps)?,
        "join" => joins::read(entry, &mut options.steps)?,
        "derive" => steps::derives(entry, &mut options.steps)?,
        "impute" => steps::imputes(entry, &mut options.steps)?,
        "rolling" => steps::rollings(entry, &mut options.steps)?,
        "sort" => sort::read(entry, &mut options.steps)?,
        "aggregate" => options.aggregates = aggregates::read_all(entry)?,
        "step" => {
            for step in entry.items()? {
                steps::read(&step, &mut options.steps)?;
            }
        }
        "keep-filtered" => options.keep_filtered = entry.boolean()?,
        "check" => expect::read(entry, &mut options.check)?,
        "on-bad-row" | "max-rejects" | "max-rejects-per-file" | "strict" => {
            set_gate(options, entry)?;
        }
        key if set_dialect(&mut options.dialect, key, entry)? => {}
        key if set_layout(&mut options.layout, key, entry)? => {}
        key => return set_columns(&mut options.columns, key, entry),
    }
    Ok(())
}

fn dtypes(entry: &Node<'_>) -> Result<Vec<(String, DtypeSpec)>> {
    let columns = entry.entries()?;
    let columns = columns.iter().map(|column| {
        let spec = column.parsed(dtype::parse_dtype)?;
        Ok((column.key().to_owned(), spec))
    });
    columns.collect()
}

/// Sets what bad rows do.
fn set_gate(options: &mut Options, entry: &Node<'_>) -> Result<()> {
    match &*entry.key().replace('_', "-") {
        "on-bad-row" => options.on_bad_row = Some(entry.parsed(choice::parse_choice)?),
        "max-rejects" => options.max_rejects = Some(entry.parsed(quantity::parse_rejects_max)?),
        "max-rejects-per-file" => {
            options.max_rejects_per_file = Some(entry.parsed(quantity::parse_rejects_max)?);
        }
        _ => options.strict = entry.boolean()?,
    }
    Ok(())
}

/// Sets how records and fields are told apart; whether `key` says so.
fn set_dialect(options: &mut DialectOptions, key: &str, entry: &Node<'_>) -> Result<bool> {
    match key {
        "delimiter" => options.delimiter = Some(entry.parsed(choice::parse_delimiter)?),
        "quote" => options.quote = Some(entry.parsed(choice::parse_quote)?),
        "escape" => options.escape = Some(entry.parsed(choice::parse_escape)?),
        "comment" => options.comment = Some(entry.parsed(choice::parse_comment)?),
        "line-end" => options.line_end = Some(entry.parsed(choice::parse_choice)?),
        "skip-space" => {
            options.skip_space = Some(match entry.boolean() {
                Ok(true) => SkipSpace::Yes,
                Ok(false) => SkipSpace::No,
                Err(_) => entry.parsed(choice::parse_choice)?,
            });
        }
        "no-header" => options.no_header = entry.boolean()?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Sets how the files are laid out; whether `key` says so.
fn set_layout(options: &mut LayoutOptions, key: &str, entry: &Node<'_>) -> Result<bool> {
    match key {
        "header" => options.header = entry.boolean()?,
        "skip-rows" => options.skip_rows = Some(entry.parsed(layout::parse_rows)?),
        "header-rows" => options.header_rows = Some(entry.parsed(quantity::parse_count)?),
        "table" => options.table = Some(entry.parsed(quantity::parse_count)?),
        "keep" => {
            let keep = choice::parse_keep(&entry.strings()?.join(","));
            options.keep = Some(keep.map_err(|message| entry.error(message))?);
        }
        "no-sniff" => options.no_sniff = entry.boolean()?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Sets what of the files is taken in.
fn set_columns(options: &mut ColumnOptions, key: &str, entry: &Node<'_>) -> Result<()> {
    match key {
        "schema-drift" => {
            options.schema_drift = Some(entry.parsed(choice::parse_choice)?);
        }
        "select" => options.select = entry.strings()?,
        "exclude" => options.exclude = entry.strings()?,
        "rename" => options.rename = renames(entry)?,
        "source-column" => options.source_column = Some(entry.string()?),
        "limit" => options.limit = Some(entry.parsed(quantity::parse_count)?),
        "sample" => options.sample = Some(entry.parsed(columns::parse_fraction)?),
        "seed" => options.seed = Some(entry.parsed(columns::parse_seed)?),
        "max-columns" => options.max_columns = Some(entry.parsed(quantity::parse_count)?),
        _ => return Err(unknown_key(entry)),
    }
    Ok(())
}

fn unknown_key(entry: &Node<'_>) -> Error {
    let mut known = args::option_names();
    known.extend(["step", "aggregate"].map(str::to_owned));
    let known = known.iter().map(String::as_str);
    entry.error(crate::base::unknown(
        "key",
        &entry.key().replace('_', "-"),
        known,
    ))
}

/// A table of old and new names, or a list of what the flag takes.
fn renames(entry: &Node<'_>) -> Result<Vec<(String, String)>> {
    if !entry.is_table() {
        let items = entry.items()?;
        let pairs = items.iter().map(|item| item.parsed(columns::parse_rename));
        return pairs.collect();
    }
    let pair = |column: &Node<'_>| {
        let new = column
            .parsed(|new| columns::parse_rename(&format!("x={new}")))?
            .1;
        Ok((column.key().to_owned(), new))
    };
    entry.entries()?.iter().map(pair).collect()
}

/// A list for all columns that are not text, or a table of lists for single columns.
fn null_values(entry: &Node<'_>) -> Result<Vec<NullList>> {
    if !entry.is_table() {
        let tokens = entry.strings()?;
        let column = None;
        return Ok(vec![NullList { column, tokens }]);
    }
    let list = |column: &Node<'_>| {
        Ok(NullList {
            column: Some(column.key().to_owned()),
            tokens: column.strings()?,
        })
    };
    entry.entries()?.iter().map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps_of(text: &str) -> Vec<String> {
        let options = parse(text, "p.toml").unwrap();
        options.steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_flag_has_its_key() {
        let value = |name: &str| match name {
            "header" | "no-header" | "no-sniff" | "skip-space" | "strict" | "json" | "quiet"
            | "verbose" | "keep-filtered" => "true",
            "dtype" => "{ a = 'int64' }",
            "rename" => "['a=b']",
            "sample" => "0.5",
            "filter" | "check" => "'a > 0'",
            "dedup" => "'a:last'",
            "join" => "'a.csv:id'",
            "derive" => "{ b = 'a + 1' }",
            "impute" => "['a=mean']",
            "rolling" => "['a:mean:7']",
            "sort" => "['-a']",
            "delimiter" | "quote" | "escape" | "comment" => "';'",
            "line-end" => "'any'",
            "too-few" => "'pad'",
            "schema-drift" => "'intersect'",
            "too-many" => "'truncate'",
            "on-bad-row" => "'fail'",
            "infer" => "'full'",
            "order" => "'trust'",
            "encoding" => "'latin1'",
            "keep" => "['units', 'footer']",
            "invalid-bytes" => "'replace'",
            "mode" => "'append'",
            "compression" => "'lz4'",
            "progress" => "'never'",
            "input" | "files-from" | "out" | "key" | "time" | "temp-dir" | "null-values"
            | "select" | "exclude" | "source-column" => "'x'",
            _ => "7",
        };
        for name in args::option_names() {
            for key in [name.clone(), name.replace('-', "_")] {
                let text = format!("{key} = {}", value(&name));
                let options = parse(&text, "p.toml").unwrap();
                assert_ne!(options, Options::default(), "{text} must leave a trace");
            }
        }
    }

    #[test]
    fn the_schema_knows_every_key_of_the_tables() {
        let schema = super::super::schema();
        let steps = [&steps::KINDS[..], &series::KINDS, &fitted::KINDS].concat();
        for (table, mut keys) in [
            ("step", steps),
            ("check", [&expect::KINDS[..], &expect::SETTINGS].concat()),
            ("aggregate", aggregates::KEYS.to_vec()),
            ("join", joins::KEYS.to_vec()),
        ] {
            let known = schema["$defs"][table]["properties"].as_object().unwrap();
            let mut known: Vec<String> = known.keys().map(|key| key.replace('_', "-")).collect();
            known.sort();
            known.dedup();
            keys.sort_unstable();
            let keys: Vec<String> = keys.iter().map(|key| key.replace('_', "-")).collect();
            assert_eq!(known, keys, "{table}");
        }
    }

    #[test]
    fn steps_keep_the_order_they_are_written_in() {
        let text = r#"
            input = ["a.csv"]
            [[step]]
            impute = { zeta = "mean", alpha = "const:0", "a.b" = "ffill" }
            [[step]]
            rolling = { column = "zeta", functions = ["mean", "q95"], windows = [7, "1d"] }
            [[step]]
            impute = ["mid=linear"]
            rolling = ["zeta:sum:3:z3", { column = "b", functions = "max", windows = 2, name = "c" }]
            [[step]]
            rolling = ["zeta:min:3"]
            impute.last = "drop"
        "#;
        assert_eq!(
            steps_of(text),
            [
                "--impute zeta=mean",
                "--impute alpha=const:0",
                "--impute a.b=ffill",
                "--rolling zeta:mean:7",
                "--rolling zeta:mean:1d",
                "--rolling zeta:q95:7",
                "--rolling zeta:q95:1d",
                "--impute mid=linear",
                "--rolling zeta:sum:3:z3",
                "--rolling b:max:2:c",
                "--rolling zeta:min:3",
                "--impute last=drop",
            ]
        );
    }

    #[test]
    fn lists_tables_and_numbers() {
        let text = r#"
            max_rejects = "0.5%"
            memory-limit = "512MiB"
            row-group-rows = 1_000
            chunk-rows = "64k"
            key = "customer_id"
            [null-values]
            region = ["NA", "a=b"]
            note = "-"
            [dtype]
            amount = "decimal(12,2)"
        "#;
        let options = parse(text, "p.toml").unwrap();
        assert_eq!(options.memory_limit, Some(512 << 20));
        assert_eq!(options.row_group_rows, Some(1_000));
        assert_eq!(options.chunk_rows, Some(64_000));
        assert_eq!(options.key, ["customer_id"]);
        assert_eq!(options.null_values[0].tokens, ["NA", "a=b"]);
        assert_eq!(options.null_values[1].column.as_deref(), Some("note"));
        assert_eq!(options.dtype[0].0, "amount");
    }

    #[test]
    fn errors_name_key_and_line() {
        for (text, expected) in [
            (
                "\nmemory-limt = 5",
                "memory-limt (p.toml:2): unknown key `memory-limt`; did you mean `memory-limit`?",
            ),
            ("memory_limt = 5", "did you mean `memory-limit`?"),
            ("steps = 5", "did you mean `step`?"),
            ("config = 'x'", "config (p.toml:1): unknown key `config`"),
            (
                "json = 1",
                "json (p.toml:1): must be true or false, not a TOML integer",
            ),
            (
                "threads = 0",
                "threads (p.toml:1): write a whole number from 1",
            ),
            ("threads = true", "threads (p.toml:1): must be a string"),
            (
                "out = ['a']",
                "out (p.toml:1): must be a string, not a TOML array",
            ),
            ("input = [\n'a',\n5]", "input (p.toml:3): must be a string"),
            ("dtype = 'x'", "dtype (p.toml:1): must be a table"),
            (
                "[dtype]\na.b = 'int64'",
                "a key that holds a dot stands in quotes",
            ),
            (
                "[dtype]\na = 'int'",
                "a (p.toml:2): unknown type `int`; did you mean `int64`?",
            ),
            ("mode = 'overwrte'", "did you mean `overwrite`?"),
            ("[[step]]", "step (p.toml:1): an empty step"),
            ("[[step]]\nimput = {}", "did you mean `impute`?"),
            (
                "[[step]]\nimpute = { a = 'meen' }",
                "a (p.toml:2): unknown method `meen`; did you mean `mean`?",
            ),
            (
                "[[step]]\nimpute = { a = true }",
                "a (p.toml:2): must be a string",
            ),
            ("rolling = {}", "rolling (p.toml:1): lacks its `column`"),
            (
                "rolling = { column = 'a' }",
                "needs at least one of `functions`",
            ),
            (
                "rolling = { column = 'a', functions = ['mean', 'sum'], windows = 7, name = 'x' }",
                "one function and one window",
            ),
            (
                "rolling = { column = 'a', function = 'mean' }",
                "did you mean `functions`?",
            ),
            (
                "rolling = { column = 'a', functions = 'mean', windows = ['7', '0'] }",
                "windows (p.toml:1): a window of 0 rows",
            ),
            ("\n\nthreads = = 5", "--config (p.toml:3): "),
            ("a = 1\na = 2", "(p.toml:2): duplicate key"),
        ] {
            let error = parse(text, "p.toml").unwrap_err();
            let message = error.to_string();
            assert!(message.contains(expected), "{text}: {message}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_wrong_usage() {
        let error = read(Path::new("no/such/file.toml")).unwrap_err();
        assert!(error.to_string().contains("cannot read no/such/file.toml"));
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn the_example_is_sound() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/weather.toml");
        let config = super::super::resolve::resolve(read(&path).unwrap()).unwrap();
        let table = path.with_extension("csv");
        let mut table = csv::Reader::from_path(table).unwrap();
        let header: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
        super::super::check_columns(&config, &header).unwrap();
        assert_eq!(config.steps.len(), 14);
    }
}
