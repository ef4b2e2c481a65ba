//! Everything a run did -> one value that is kept with the lake as JSON and printed for people.
//!
//! Invariant: a receipt read back from its JSON equals the one written; fields are only ever
//! added.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AggregateReceipt, CheckReceipt, ColumnarReceipt, Counters, DialectReceipt, JoinedTable,
    SourceCounters, StageSummary,
};
use crate::base::{Error, RepairKind, Result};

/// What a run did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// The program's name.
    pub program: String,
    /// The program's version.
    pub version: String,
    /// When the run started, in UTC as RFC 3339: the time that `now()` is in expressions.
    pub started: String,
    /// How long it took.
    pub seconds: f64,
    /// The options it ran with.
    pub options: serde_json::Value,
    /// The sources, in file order.
    pub inputs: Vec<InputReceipt>,
    /// The sums over all sources.
    pub totals: Totals,
    /// The columns of the lake, in order.
    pub columns: Vec<ColumnReceipt>,
    /// The steps, in order.
    pub steps: Vec<StepReceipt>,
    /// The tables beside the lake.
    pub aggregates: Vec<AggregateReceipt>,
    /// The checks, in order.
    pub checks: Vec<CheckReceipt>,
    /// What was rejected.
    pub rejects: RejectsReceipt,
    /// What was repaired.
    pub repaired: RepairsReceipt,
    /// The files of the lake, in row order.
    pub parts: Vec<PartReceipt>,
    /// The files of rows that filters have dropped, in row order, if those are kept.
    pub filtered: Vec<PartReceipt>,
    /// Why the run started over, each time it did.
    pub restarts: Vec<String>,
    /// Passes over the input.
    pub passes: u32,
    /// Where the time went.
    pub stages: Vec<StageSummary>,
    /// Most threads computing at a time.
    pub threads: usize,
    /// How busy they were.
    pub workers: WorkersReceipt,
    /// Where the memory went.
    pub memory: MemoryReceipt,
    /// How fast the run was.
    pub throughput: Throughput,
    /// Length of all parts, in bytes.
    pub output_bytes: u64,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InputReceipt {
    /// The path as the user wrote it.
    pub path: String,
    /// Its length on disk, in bytes, or what came from the stream.
    pub bytes: u64,
    /// The format it was compressed in, if it was.
    pub compression: Option<String>,
    /// Length of its text in UTF-8, in bytes.
    pub text_bytes: u64,
    /// The encoding its text was in.
    pub encoding: String,
    /// How one can tell, in words.
    pub encoding_why: String,
    /// Malformed sequences that became a replacement character.
    pub replacements: u64,
    /// What the byte offsets of its rejects count in.
    pub byte_offsets: String,
    /// Records read, the header excluded.
    pub records: u64,
    /// Rows more than there were, where a step made several of one.
    pub added: u64,
    /// Rows that reached the lake.
    pub written: u64,
    /// Rows removed by a step.
    pub filtered: u64,
    /// Rows removed as seen before.
    pub duplicate: u64,
    /// Records that could not be read as rows.
    pub rejected: u64,
    /// Records that became rows only by a repair; they are counted among the rows too.
    pub repaired: RepairCounts,
    /// Columns of other sources that it lacks; they are null in its rows. The first of them.
    pub columns_missing: Vec<String>,
    /// How many there are.
    pub columns_missing_total: u64,
    /// Its columns that the first source lacks, or that are left out because others lack them. The
    /// first of them.
    pub columns_extra: Vec<String>,
    /// How many there are.
    pub columns_extra_total: u64,
    /// Whether the columns it shares with others come in another order.
    pub columns_reordered: bool,
    /// How it was understood, if it is text.
    pub dialect: Option<DialectReceipt>,
    /// What it says of itself, if it is a Parquet file.
    #[serde(rename = "parquet", skip_serializing_if = "Option::is_none")]
    pub columnar: Option<ColumnarReceipt>,
}

/// Records that became rows by a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RepairCounts {
    /// Missing fields at their end became null.
    pub padded: u64,
    /// Fields beyond the last column were left out.
    pub truncated: u64,
    /// Fields from the last column on became its text.
    pub merged: u64,
}

/// What was repaired.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RepairsReceipt {
    /// How often, by kind.
    #[serde(flatten)]
    pub counts: RepairCounts,
    /// Where they are listed, relative to the lake; `None` when there are none.
    pub file: Option<String>,
}

/// The balance: `read + added = written + filtered + duplicate + rejected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Records read, headers excluded.
    pub rows_read: u64,
    /// Rows more than there were, where a step made several of one.
    pub rows_added: u64,
    /// Rows that reached the lake.
    pub rows_written: u64,
    /// Rows removed by a step.
    pub rows_filtered: u64,
    /// Rows removed as seen before.
    pub rows_duplicate: u64,
    /// Records that could not be read as rows.
    pub rows_rejected: u64,
}

/// One column of the lake.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnReceipt {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// How its cells are spelt, where not plainly: a strptime pattern, the number 1234.50, or a pair
    /// of words.
    pub format: Option<String>,
    /// How it came by its type, in words.
    pub why: String,
    /// Cells that types were inferred from and that another spelling reads as other values, where
    /// nothing in the column speaks against it.
    pub ambiguous: u64,
    /// Null cells as they came in.
    pub nulls_in: u64,
    /// Cells that did not fit the type and became null.
    pub nulled: u64,
    /// Null cells that steps filled.
    pub filled: u64,
    /// Text cells that look like a null token but were kept.
    pub null_lookalikes: u64,
    /// Which flag makes those missing.
    pub null_lookalikes_hint: Option<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StepReceipt {
    /// What the user calls it.
    pub label: String,
    /// The statistic it fitted, exactly.
    pub fitted: Option<String>,
    /// The cell it filled in, after rounding to the column's type.
    pub filled_with: Option<String>,
    /// Null cells it filled.
    pub cells_filled: u64,
    /// Rows it removed as not wanted.
    pub rows_dropped: u64,
    /// Rows it removed as seen before.
    pub rows_duplicate: u64,
    /// The table that it looks rows up in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<JoinedTable>,
    /// Rows more than there were, where it made several of one.
    pub rows_added: u64,
    /// Rows that found their match there.
    pub rows_matched: u64,
    /// Rows that found none.
    pub rows_unmatched: u64,
    /// Rows that entered no time window or session because their time is null.
    pub rows_without_time: u64,
    /// Rows that came behind one of a later time, and were put in order.
    pub rows_late: u64,
    /// Bytes that it wrote to temporary files, in all passes, because memory had no room for them.
    pub spilled_bytes: u64,
    /// Cells that became null because a whole number, decimal or time did not fit its type.
    pub overflows: u64,
    /// Cells that became null by a division by zero.
    pub divisions_by_zero: u64,
    /// Cells that became null because a function is not defined for its argument.
    pub bad_arguments: u64,
    /// Cells that became null because they did not fit the type they were cast to.
    pub bad_casts: u64,
    /// Cells that are none of the categories that were named.
    pub unknown_categories: u64,
    /// Numbers that lay too far out.
    pub outliers: u64,
    /// Whether it was left out, because nothing that it makes is in the lake.
    pub not_needed: bool,
}

/// What was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RejectsReceipt {
    /// Records and cells per reason code.
    pub by_reason: BTreeMap<String, u64>,
    /// Where they are kept, relative to the lake; `None` when there are none.
    pub file: Option<String>,
}

/// One file of the lake.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PartReceipt {
    /// Its name, relative to the lake.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
    /// Its length, in bytes.
    pub bytes: u64,
}

/// Where the memory went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryReceipt {
    /// The limit on the resident set, in bytes.
    pub limit_bytes: u64,
    /// The highest resident set, in bytes, where the system tells it.
    pub peak_rss_bytes: Option<u64>,
    /// The budget's sum when the process was largest, in bytes, to be held against
    /// `peak_rss_bytes`.
    pub budget_bytes: u64,
    /// The terms of that sum.
    pub budget: Vec<BudgetTerm>,
}

/// One term of the memory budget.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetTerm {
    /// What for.
    pub name: String,
    /// How much.
    pub bytes: u64,
}

/// What the threads of all passes did with their time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkersReceipt {
    /// Time at work, summed over threads.
    pub busy_seconds: f64,
    /// Time without anything to do, summed over threads.
    pub waiting_seconds: f64,
    /// The share of the time at work, 0 to 1.
    pub utilization: f64,
}

/// How fast the run was; each input byte and row counts once, whatever the passes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Throughput {
    /// Length of all sources on disk, in bytes.
    pub input_bytes: u64,
    /// Input per second, in units of 10^6 bytes.
    pub mb_per_second: f64,
    /// Records read per second.
    pub rows_per_second: f64,
}

impl Receipt {
    /// Writes the receipt to `path` as JSON.
    ///
    /// # Errors
    /// [`Error::io`] if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.to_json_pretty()).map_err(|error| Error::io("write", path, error))
    }

    /// The receipt as JSON over several lines, ending in a newline.
    pub fn to_json_pretty(&self) -> String {
        let mut json = serde_json::to_string_pretty(self)
            .expect("strings, numbers and maps by string are JSON");
        json.push('\n');
        json
    }
}

impl Totals {
    /// Rows whose way is known, without those that were added; equals `rows_read` in every receipt of
    /// a run that succeeded.
    pub fn accounted(&self) -> u64 {
        let known =
            self.rows_written + self.rows_filtered + self.rows_duplicate + self.rows_rejected;
        known.wrapping_sub(self.rows_added)
    }
}

impl From<SourceCounters> for Totals {
    fn from(counters: SourceCounters) -> Self {
        Self {
            rows_read: counters.read,
            rows_added: counters.added,
            rows_written: counters.written,
            rows_filtered: counters.filtered,
            rows_duplicate: counters.duplicate,
            rows_rejected: counters.rejected,
        }
    }
}

impl InputReceipt {
    /// The source at `path`, `bytes` long, plain text in UTF-8, and what became of its records.
    pub fn new(path: &Path, bytes: u64, counters: &SourceCounters) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            bytes,
            text_bytes: bytes,
            encoding: "UTF-8".to_owned(),
            byte_offsets: "the file".to_owned(),
            records: counters.read,
            added: counters.added,
            written: counters.written,
            filtered: counters.filtered,
            duplicate: counters.duplicate,
            rejected: counters.rejected,
            repaired: counters.repaired.into(),
            ..Self::default()
        }
    }

    /// Whether the source was plain text in UTF-8, taken as it is.
    pub fn is_plain(&self) -> bool {
        let is_utf_8 = self.encoding.is_empty() || self.encoding == "UTF-8";
        self.compression.is_none() && is_utf_8 && self.replacements == 0
    }
}

impl From<[u64; RepairKind::ALL.len()]> for RepairCounts {
    fn from([padded, truncated, merged]: [u64; RepairKind::ALL.len()]) -> Self {
        Self {
            padded,
            truncated,
            merged,
        }
    }
}

impl RepairCounts {
    /// Each kind with its number, in one order.
    pub fn by_kind(&self) -> impl Iterator<Item = (RepairKind, u64)> {
        let counts = [self.padded, self.truncated, self.merged];
        RepairKind::ALL.into_iter().zip(counts)
    }
}

impl RejectsReceipt {
    /// The rejects that `counters` counts, kept in `file`.
    pub fn new(counters: &Counters, file: Option<String>) -> Self {
        let by_reason = counters.rejects_by_reason();
        Self {
            by_reason: by_reason
                .map(|(reason, count)| (reason.code().to_owned(), count))
                .collect(),
            file,
        }
    }
}

impl WorkersReceipt {
    /// The times of all threads together.
    pub fn new(busy: Duration, waiting: Duration) -> Self {
        let (busy_seconds, waiting_seconds) = (busy.as_secs_f64(), waiting.as_secs_f64());
        Self {
            busy_seconds,
            waiting_seconds,
            utilization: busy_seconds / (busy_seconds + waiting_seconds).max(1e-9),
        }
    }
}

impl Throughput {
    /// The speed of a run over `input_bytes` and `rows`.
    pub fn new(input_bytes: u64, rows: u64, seconds: f64) -> Self {
        let seconds = seconds.max(1e-9);
        Self {
            input_bytes,
            mb_per_second: input_bytes as f64 / 1e6 / seconds,
            rows_per_second: rows as f64 / seconds,
        }
    }
}

/// The time now, to the millisecond, in microseconds since 1970-01-01T00:00:00Z.
pub fn now_us() -> i64 {
    jiff::Timestamp::now().as_millisecond() * 1_000
}

/// A time in microseconds since 1970-01-01T00:00:00Z, in UTC as RFC 3339, to the millisecond.
pub fn rfc3339(microseconds: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(microseconds);
    format!("{:.3}", time.unwrap_or_default())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::Reason;

    fn columns() -> Vec<ColumnReceipt> {
        vec![
            ColumnReceipt {
                name: "amount".into(),
                data_type: "int64".into(),
                why: "inferred from 8,192 sampled cells".into(),
                nulls_in: 120_000,
                nulled: 1,
                filled: 120_001,
                ..ColumnReceipt::default()
            },
            ColumnReceipt {
                name: "region\n".into(),
                data_type: "utf8".into(),
                why: "inferred".into(),
                null_lookalikes: 17,
                null_lookalikes_hint: Some("--null-values region=NA".into()),
                ..ColumnReceipt::default()
            },
        ]
    }

    fn stages() -> Vec<StageSummary> {
        vec![
            StageSummary {
                name: "decode".into(),
                count: 1_200,
                total_seconds: 6.5,
                p50_us: 5_000.0,
                p90_us: 6_000.5,
                p99_us: 9_000.0,
                max_us: 12_000.0,
                share: 0.25,
            },
            StageSummary {
                name: "encode".into(),
                count: 100,
                total_seconds: 19.5,
                p50_us: 50_000.0,
                p90_us: 60_000.0,
                p99_us: 90_000.0,
                max_us: 1_200_000.0,
                share: 0.75,
            },
        ]
    }

    /// A receipt with something in every field.
    pub(in crate::report) fn example() -> Receipt {
        let source = SourceCounters {
            read: 10_000_000,
            added: 0,
            written: 9_812_001,
            filtered: 150_000,
            duplicate: 37_990,
            rejected: 9,
            repaired: [1, 0, 2],
        };
        let mut counters = Counters::new(1, 2, 1);
        counters.sources[0] = source;
        for _ in 0..9 {
            counters.count_reject(Reason::TooFewFields);
        }
        counters.count_reject(Reason::TypeMismatch);
        Receipt {
            program: "chunketl".into(),
            version: "0.1.0".into(),
            started: "2026-11-21T01:02:03.004Z".into(),
            seconds: 12.34,
            options: serde_json::json!({"input": ["a.csv"], "threads": 16}),
            inputs: vec![InputReceipt::new(Path::new("a\x1b.csv"), 5 << 30, &source)],
            totals: counters.totals().into(),
            columns: columns(),
            steps: vec![StepReceipt {
                label: "impute amount=mean".into(),
                fitted: Some("51.25".into()),
                filled_with: Some("51".into()),
                cells_filled: 120_001,
                rows_dropped: 0,
                rows_duplicate: 37_990,
                spilled_bytes: 3 << 20,
                ..StepReceipt::default()
            }],
            aggregates: vec![AggregateReceipt {
                name: "region".into(),
                file: "_aggregates/region.parquet".into(),
                bytes: 1_000,
                rows: 5,
                groups: 5,
                rows_seen: 1_000_000,
                spilled_bytes: 2_000,
            }],
            checks: vec![CheckReceipt {
                name: "amount >= 0".into(),
                severity: "warn".into(),
                rows: 9_812_001,
                failed: 12,
                examples: vec!["a\x1b.csv:5 (byte 99)".into()],
                ..CheckReceipt::default()
            }],
            rejects: RejectsReceipt::new(&counters, Some("_rejects/rejects.csv".into())),
            repaired: RepairsReceipt {
                counts: source.repaired.into(),
                file: Some("_rejects/repairs.csv".into()),
            },
            parts: vec![PartReceipt {
                file: "part-00000.parquet".into(),
                rows: 9_812_001,
                bytes: 1 << 30,
            }],
            filtered: vec![PartReceipt {
                file: "_filtered/part-00000.parquet".into(),
                rows: 12,
                bytes: 1 << 10,
            }],
            restarts: vec!["amount widened".into()],
            passes: 2,
            stages: stages(),
            threads: 16,
            workers: WorkersReceipt::new(Duration::from_secs(26), Duration::from_secs(2)),
            memory: MemoryReceipt {
                limit_bytes: 512 << 20,
                peak_rss_bytes: Some(210 << 20),
                budget_bytes: 123_456_789,
                budget: vec![BudgetTerm {
                    name: "chunks in flight".into(),
                    bytes: 100 << 20,
                }],
            },
            throughput: Throughput::new(5 << 30, 10_000_000, 12.5),
            output_bytes: 1 << 30,
        }
    }

    #[test]
    fn a_receipt_comes_back_from_its_json() {
        let receipt = example();
        let json = receipt.to_json_pretty();
        assert!(json.ends_with("}\n"));
        assert!(!json.contains('\x1b'), "JSON escapes control characters");
        let back: Receipt = serde_json::from_str(&json).expect("valid JSON");
        assert_eq!(back, receipt);
        let value: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
        assert_eq!(value["totals"]["rows_read"], 10_000_000);
        assert_eq!(value["columns"][0]["type"], "int64");
        assert_eq!(value["rejects"]["by_reason"]["too_few_fields"], 9);
        assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
    }

    #[test]
    fn a_receipt_of_an_older_version_can_be_read() {
        let receipt: Receipt = serde_json::from_str(r#"{"version": "0.0.1"}"#).expect("read");
        assert_eq!(receipt.version, "0.0.1");
        assert_eq!(receipt.passes, 0);
    }

    #[test]
    fn the_time_is_rfc_3339() {
        let now = rfc3339(now_us());
        let parsed: jiff::Timestamp = now.parse().expect("a timestamp");
        assert!(now.ends_with('Z') && now.len() == 24, "{now}");
        assert!(parsed <= jiff::Timestamp::now());
    }

    #[test]
    fn throughput_of_no_time_is_finite() {
        let throughput = Throughput::new(5, 5, 0.0);
        assert!(throughput.mb_per_second.is_finite() && throughput.rows_per_second.is_finite());
    }
}
