//! Everything known at the end of a run -> its receipt.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Decimal128Type, DecimalType};
use clap::ValueEnum;

use super::budget::Budget;
use super::columnar;
use super::dialect::{Formats, SourceFormat};
use super::infer::Table;
use super::plan::Plan;
use crate::base::{Column, DataType, Result, TimeUnit, Value};
use crate::config::Config;
use crate::input::{self, Source};
use crate::output::PartInfo;
use crate::report::{
    AggregateReceipt, BudgetTerm, CheckReceipt, ColumnReceipt, Counters, DialectReceipt,
    InputReceipt, MemoryReceipt, PartReceipt, PlanInput, Receipt, RejectsReceipt, RepairsReceipt,
    SkippedLine, SniffColumn, SniffReceipt, SourceCounters, StageLatency, StepReceipt,
    TableReceipt, Throughput, WorkersReceipt, peak_rss_bytes,
};
use crate::steps::Fitted;

/// What a receipt is made of.
pub(crate) struct Outcome<'a> {
    pub(crate) config: &'a Config,
    pub(crate) sources: &'a [Arc<Source>],
    pub(crate) formats: &'a Formats,
    pub(crate) table: &'a Table,
    pub(crate) plan: &'a Plan,
    pub(crate) fitted: &'a [Option<Fitted>],
    pub(crate) parts: Vec<PartInfo>,
    /// Those of rows that were dropped.
    pub(crate) filtered: Vec<PartInfo>,
    pub(crate) aggregates: Vec<AggregateReceipt>,
    pub(crate) counters: &'a Counters,
    pub(crate) rejects_file: Option<String>,
    pub(crate) repairs_file: Option<String>,
    pub(crate) checks: Vec<CheckReceipt>,
    pub(crate) restarts: Vec<String>,
    pub(crate) passes: usize,
    pub(crate) latency: &'a StageLatency,
    pub(crate) busy: Duration,
    pub(crate) waiting: Duration,
    pub(crate) budget: &'a Budget,
    pub(crate) started: String,
    pub(crate) elapsed: Duration,
}

/// The receipt of a run that is about to be published.
pub(crate) fn receipt(outcome: Outcome<'_>) -> Receipt {
    let Outcome {
        config,
        sources,
        counters,
        budget,
        ..
    } = outcome;
    let inputs = sources.iter().zip(&counters.sources).enumerate();
    let disk_bytes = |source: &Arc<Source>| source.reading().disk_bytes;
    let input_bytes = sources.iter().map(disk_bytes).sum();
    let seconds = outcome.elapsed.as_secs_f64();
    let totals = counters.totals();
    Receipt {
        program: env!("CARGO_PKG_NAME").into(),
        version: env!("CARGO_PKG_VERSION").into(),
        seconds,
        options: options(config),
        inputs: inputs
            .map(|(index, (source, counters))| {
                let places = outcome.formats.places(index);
                InputReceipt {
                    dialect: match source.columnar() {
                        None => Some(dialect(source, &outcome.formats.sources[index])),
                        Some(_) => None,
                    },
                    columnar: source.columnar().map(columnar::receipt),
                    columns_missing: first(&places.missing),
                    columns_missing_total: places.missing.len() as u64,
                    columns_extra: first(&places.extra),
                    columns_extra_total: places.extra.len() as u64,
                    columns_reordered: places.is_reordered,
                    ..input(source, counters)
                }
            })
            .collect(),
        totals: totals.into(),
        columns: columns(&outcome),
        steps: steps(&outcome),
        aggregates: outcome.aggregates,
        checks: outcome.checks,
        rejects: RejectsReceipt::new(counters, outcome.rejects_file),
        repaired: RepairsReceipt {
            counts: totals.repaired.into(),
            file: outcome.repairs_file,
        },
        output_bytes: outcome.parts.iter().map(|part| part.bytes).sum(),
        parts: parts(outcome.parts),
        filtered: parts(outcome.filtered),
        restarts: outcome.restarts,
        passes: outcome.passes as u32,
        stages: outcome.latency.summary(),
        threads: config.threads,
        workers: WorkersReceipt::new(outcome.busy, outcome.waiting),
        memory: memory(budget),
        throughput: Throughput::new(input_bytes, totals.read, seconds),
        started: outcome.started,
    }
}

/// Where the memory went.
fn memory(budget: &Budget) -> MemoryReceipt {
    let terms = budget.terms().into_iter();
    let terms: Vec<BudgetTerm> = terms
        .map(|(name, bytes)| BudgetTerm { name, bytes })
        .collect();
    MemoryReceipt {
        limit_bytes: budget.limit_bytes() as u64,
        peak_rss_bytes: peak_rss_bytes(),
        budget_bytes: terms.iter().map(|term| term.bytes).sum(),
        budget: terms,
    }
}

fn parts(parts: Vec<PartInfo>) -> Vec<PartReceipt> {
    let parts = parts.into_iter();
    let parts = parts.map(|PartInfo { file, rows, bytes }| PartReceipt { file, rows, bytes });
    parts.collect()
}

/// The first of `names`, as many as a receipt of many files has room for.
fn first(names: &[String]) -> Vec<String> {
    const NAMES_MAX: usize = 100;
    names.iter().take(NAMES_MAX).cloned().collect()
}

fn input(source: &Source, counters: &SourceCounters) -> InputReceipt {
    let reading = source.reading();
    let byte_offsets = match (reading.encoding, reading.compression) {
        _ if source.columnar().is_some() => "the Parquet file, whose row groups start there",
        ("UTF-8", None) if reading.replaced == 0 => match reading.is_stream {
            false => "the file",
            true => "the stream",
        },
        ("UTF-8", Some(_)) if reading.replaced == 0 => "the text that was unpacked",
        _ => "the text in UTF-8",
    };
    InputReceipt {
        compression: reading.compression.map(str::to_owned),
        text_bytes: source.length(),
        encoding: reading.encoding.to_owned(),
        encoding_why: reading.why.clone(),
        replacements: reading.replaced,
        byte_offsets: byte_offsets.to_owned(),
        ..InputReceipt::new(source.path(), reading.disk_bytes, counters)
    }
}

/// What was understood of `source`.
fn dialect(source: &Source, format: &SourceFormat) -> DialectReceipt {
    const LINES_MAX: usize = 20;
    let (bytes, line_end) = (source.bytes(), format.dialect.line_end);
    let mut skipped = Vec::new();
    let mut lines = 0;
    for part in &format.skipped {
        let first = input::line_number(source, line_end, part.range.start as u64);
        let part_bytes = &bytes[part.range.clone()];
        let mut start = 0;
        let ends = line_end.ends(part_bytes).chain([part_bytes.len()]);
        for (number, end) in (first..).zip(ends) {
            let text = &part_bytes[start..end];
            if text.is_empty() {
                break;
            }
            start = end;
            lines += 1;
            if skipped.len() < LINES_MAX {
                skipped.push(SkippedLine::new(number, part.what.in_words(), text));
            }
        }
    }
    let tables = format.tables.iter().map(|table| TableReceipt {
        line: input::line_number(source, line_end, table.range.start as u64),
        columns: table.fields,
        records: table.records,
        loaded: table.is_chosen,
    });
    DialectReceipt {
        tables: tables.collect(),
        skipped,
        skipped_lines: lines,
        columns: format.columns,
        header_rows: format.header_rows,
        is_plain: format.is_plain,
        evidence: format.evidence.clone(),
        ..DialectReceipt::new(format.dialect)
    }
}

/// How `source` would be read.
pub(crate) fn understood(source: &Source, format: &SourceFormat) -> PlanInput {
    PlanInput {
        path: source.path().to_string_lossy().into_owned(),
        bytes: source.length(),
        dialect: match source.columnar() {
            None => dialect(source, format),
            Some(_) => DialectReceipt::default(),
        },
        columnar: source.columnar().map(columnar::receipt),
    }
}

/// What was found out about `source`, which is source `index`.
pub(crate) fn sniffed(
    index: usize,
    source: &Arc<Source>,
    formats: &Formats,
    table: &Table,
) -> Result<SniffReceipt> {
    let (mut inferred, places) = (table.inferred.clone(), &formats.places(index).fields);
    columnar::add_examples(&mut inferred, source, places)?;
    let columns = inferred.into_iter().map(|found| SniffColumn {
        name: found.column.name.to_string(),
        data_type: found.column.data_type.to_string(),
        cells: found.cells,
        fits: found.fits,
        example: found.example,
        why: found.why,
    });
    let mut columns: Vec<SniffColumn> = columns.collect();
    columnar::name_others(&mut columns, source, places);
    let reading = source.reading();
    Ok(SniffReceipt {
        path: source.path().to_string_lossy().into_owned(),
        bytes: match reading.is_cut {
            true => reading.disk_bytes,
            false => source.length(),
        },
        seen_bytes: reading.is_cut.then(|| source.length()),
        compression: reading.compression.map(str::to_owned),
        encoding: reading.encoding.to_owned(),
        encoding_why: reading.why.clone(),
        dialect: match source.columnar() {
            None => dialect(source, &formats.sources[index]),
            Some(_) => DialectReceipt::default(),
        },
        columnar: source.columnar().map(columnar::receipt),
        columns,
    })
}

fn options(config: &Config) -> serde_json::Value {
    let steps = config
        .steps
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    let aggregates = config.aggregates.iter().map(ToString::to_string);
    serde_json::json!({
        "input": config.input,
        "files_from": config.files_from,
        "out": config.out.display().to_string(),
        "dialect": given_dialect(config),
        "schema_drift": choice(&config.schema_drift),
        "select": config.select,
        "exclude": config.exclude,
        "rename": config.rename,
        "source_column": config.source_column,
        "limit": config.limit,
        "sample": config.sample,
        "seed": config.seed,
        "too_few": choice(&config.repair.too_few),
        "too_many": choice(&config.repair.too_many),
        "key": config.key,
        "time": config.time,
        "order": config.order.to_string(),
        "steps": steps,
        "keep_filtered": config.keep_filtered,
        "checks": config.checks.iter().map(|check| &check.name).collect::<Vec<_>>(),
        "aggregates": aggregates.collect::<Vec<_>>(),
        "compression": config.compression.to_string(),
        "threads": config.threads,
        "memory_limit": config.memory_limit,
    })
}

/// What was given of how to read the inputs; what is null is found out for each.
fn given_dialect(config: &Config) -> serde_json::Value {
    use serde_json::Value;
    let (dialect, known) = (config.dialect, &config.known);
    let text = |byte: u8| char::from(byte).to_string();
    let comment = dialect.comment.as_ref();
    let comment = comment.map(|prefix| String::from_utf8_lossy(prefix.bytes()).into_owned());
    let given = |is_given: bool, value: Value| match is_given || !config.sniff {
        true => value,
        false => Value::Null,
    };
    let keep = [
        ("units", known.keep.units),
        ("footer", known.keep.footer),
        ("trailing", known.keep.trailing),
    ];
    let kept = { keep.into_iter() }.filter_map(|(word, is_kept)| is_kept.then_some(word));
    serde_json::json!({
        "delimiter": given(known.delimiter.is_some(), text(dialect.delimiter).into()),
        "quote": given(known.quote.is_some(), or_none(dialect.quote.map(text))),
        "escape": given(known.escape.is_some(), or_none(dialect.escape.map(text))),
        "comment": given(known.comment.is_some(), or_none(comment)),
        "line_end": given(known.line_end.is_some(), choice(&dialect.line_end).into()),
        "skip_space": given(known.skip_space.is_some(), dialect.skip_space.into()),
        "header": given(known.header.is_some(), dialect.header.into()),
        "keep": kept.collect::<Vec<_>>(),
    })
}

fn or_none(text: Option<String>) -> serde_json::Value {
    text.unwrap_or_else(|| "none".to_owned()).into()
}

/// The word that the flag takes.
fn choice(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.expect("no choice is hidden").get_name().to_owned()
}

fn columns(outcome: &Outcome<'_>) -> Vec<ColumnReceipt> {
    let plan = outcome.plan;
    let columns = plan.output_schema().columns.into_iter().zip(&plan.output);
    columns
        .map(|(column, &slot)| {
            let counts = &outcome.counters.columns[slot];
            let why = match plan.made(slot) {
                Some(how) => how.to_owned(),
                None => outcome.table.why[slot].clone(),
            };
            let inferred = outcome.table.inferred.get(slot);
            let hint = (counts.null_lookalikes > 0)
                .then(|| format!("--null-values {}=NA,N/A,null", column.name));
            ColumnReceipt {
                name: column.name.to_string(),
                data_type: column.data_type.to_string(),
                format: column.format.as_deref().map(str::to_owned),
                why,
                ambiguous: inferred.map_or(0, |found| found.ambiguous),
                nulls_in: counts.nulls_in,
                nulled: counts.nulled,
                filled: counts.filled,
                null_lookalikes: counts.null_lookalikes,
                null_lookalikes_hint: hint,
            }
        })
        .collect()
}

fn steps(outcome: &Outcome<'_>) -> Vec<StepReceipt> {
    let plan = outcome.plan;
    let steps = plan
        .steps
        .iter()
        .zip(outcome.fitted)
        .zip(&outcome.counters.steps)
        .zip(plan.fills.iter().zip(&plan.live));
    steps
        .enumerate()
        .filter(|(index, _)| !plan.is_check(*index))
        .map(|(index, (((step, fitted), counts), (fills, live)))| {
            let (exact, value) = match fitted {
                Some(Fitted::Statistic { exact, value }) => (Some(exact.clone()), value.as_ref()),
                Some(Fitted::Numbers { exact, .. } | Fitted::Categories { exact, .. }) => {
                    (Some(exact.clone()), None)
                }
                _ => (None, None),
            };
            let filled_with = value
                .zip(*fills)
                .map(|(value, slot)| cell_text(value, &plan.schema.columns[slot]));
            StepReceipt {
                label: step.label(),
                fitted: exact,
                filled_with,
                cells_filled: counts.cells_filled,
                rows_dropped: counts.rows_dropped,
                rows_duplicate: counts.rows_duplicate,
                table: plan.table(index).cloned(),
                rows_added: counts.rows_added,
                rows_matched: counts.rows_matched,
                rows_unmatched: counts.rows_unmatched,
                rows_without_time: counts.rows_without_time,
                rows_late: counts.rows_late,
                spilled_bytes: counts.spilled_bytes,
                overflows: counts.flaws.overflows,
                divisions_by_zero: counts.flaws.divisions_by_zero,
                bad_arguments: counts.flaws.bad_arguments,
                bad_casts: counts.flaws.bad_casts,
                unknown_categories: counts.flaws.unknown_categories,
                outliers: counts.outliers,
                not_needed: !live,
            }
        })
        .collect()
}

/// A cell of `column` as text.
fn cell_text(value: &Value, column: &Column) -> String {
    let moment = |ticks: i64, unit: TimeUnit, utc: bool| {
        let per_second = i128::from(unit.per_second());
        let nanoseconds = i128::from(ticks) * (1_000_000_000 / per_second);
        match jiff::Timestamp::from_nanosecond(nanoseconds) {
            Ok(time) if utc => time.to_string(),
            Ok(time) => time
                .to_zoned(jiff::tz::TimeZone::UTC)
                .datetime()
                .to_string(),
            Err(_) => format!("{ticks} ticks"),
        }
    };
    match (value, &column.data_type) {
        (Value::Int64(value), _) => value.to_string(),
        (Value::Float64(value), _) => value.to_string(),
        (Value::Boolean(value), _) => value.to_string(),
        (Value::Utf8(value), _) => value.clone(),
        (Value::Date(days), _) => {
            let day = moment(
                i64::from(*days) * 86_400_000_000,
                TimeUnit::Microsecond,
                false,
            );
            day.split('T').next().unwrap_or_default().to_owned()
        }
        (Value::Timestamp(ticks), DataType::Timestamp { unit, utc }) => moment(*ticks, *unit, *utc),
        (Value::Timestamp(ticks), _) => format!("{ticks} ticks"),
        (Value::Decimal(unscaled), DataType::Decimal { precision, scale }) => {
            Decimal128Type::format_decimal(*unscaled, *precision, *scale)
        }
        (Value::Decimal(unscaled), _) => unscaled.to_string(),
    }
}
