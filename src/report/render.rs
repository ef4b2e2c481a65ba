//! A [`Receipt`] -> a page of text for people.
//!
//! Invariant: one screen, whatever the input: long lists are cut and say so, and names from files
//! cannot break a line or drive the terminal.

use super::receipt::{ColumnReceipt, InputReceipt, Receipt, StepReceipt};
use super::{AggregateReceipt, CheckReceipt, StageSummary, printable, units};

const COLUMNS_MAX: usize = 20;
const LINES_MAX: usize = 8;
const NAME_CHARS_MAX: usize = 32;
const STAGES_MAX: usize = 4;

impl Receipt {
    /// The receipt as text, ending in a newline, with ANSI colours where `color` says so.
    pub fn render(&self, color: bool) -> String {
        let mut page = Page {
            text: String::new(),
            color,
        };
        self.render_rows(&mut page);
        let converted = self.inputs.iter().filter(|input| !input.is_plain());
        page.list("converted inputs", converted.map(input_line));
        page.list(
            "columns that differ",
            self.inputs.iter().filter_map(drift_line),
        );
        self.render_columns(&mut page);
        let steps = self.steps.iter().map(step_line);
        page.list("steps", steps);
        page.list("tables", self.aggregates.iter().map(AggregateReceipt::line));
        page.list("checks", self.checks.iter().map(CheckReceipt::in_words));
        page.list(
            "restarts",
            self.restarts.iter().map(|why| printable(why).into_owned()),
        );
        self.render_rejects(&mut page);
        self.render_repairs(&mut page);
        self.render_cost(&mut page);
        page.text
    }

    fn render_rows(&self, page: &mut Page) {
        let files = match self.inputs.as_slice() {
            [one] => printable(&one.path).into_owned(),
            many => format!("{} files", units::count(many.len() as u64)),
        };
        let title = format!("{} {}", printable(&self.program), printable(&self.version));
        let title = page.paint(BOLD, &title);
        page.line(&format!(
            "{title}  {files} ({}) in {}",
            units::bytes(self.throughput.input_bytes),
            units::seconds(self.seconds),
        ));
        let totals = &self.totals;
        let balanced = totals.accounted() == totals.rows_read;
        let verdict = if balanced {
            page.paint(GREEN, "all rows accounted for")
        } else {
            page.paint(RED, "ROWS ARE MISSING")
        };
        let added = match totals.rows_added {
            0 => String::new(),
            rows => format!(" + {} added", units::count(rows)),
        };
        page.line(&format!(
            "{} read{added} = {} written + {} filtered + {} duplicates + {} rejected  {verdict}",
            units::count(totals.rows_read),
            units::count(totals.rows_written),
            units::count(totals.rows_filtered),
            units::count(totals.rows_duplicate),
            units::count(totals.rows_rejected),
        ));
        self.render_dialects(page);
        page.line(&format!(
            "{} in {} {}",
            units::bytes(self.output_bytes),
            units::count(self.parts.len() as u64),
            if self.parts.len() == 1 {
                "part"
            } else {
                "parts"
            },
        ));
        if !self.filtered.is_empty() {
            let rows = self.filtered.iter().map(|part| part.rows).sum();
            page.line(&format!(
                "{} filtered rows kept in _filtered",
                units::count(rows)
            ));
        }
    }

    /// A line for each source that is not as plain as can be.
    fn render_dialects(&self, page: &mut Page) {
        let is_one = self.inputs.len() == 1;
        let odd = self.inputs.iter().filter_map(|input| {
            let dialect = input.dialect.as_ref()?;
            let path = if is_one {
                String::new()
            } else {
                format!("{}: ", short_name(&input.path))
            };
            (!dialect.is_plain).then(|| format!("{path}read with {}", dialect.in_words()))
        });
        let odd: Vec<String> = odd.collect();
        odd.iter().take(LINES_MAX).for_each(|line| page.line(line));
        if odd.len() > LINES_MAX {
            page.line(&format!(
                "… and {} more read in their own way",
                odd.len() - LINES_MAX
            ));
        }
    }

    fn render_columns(&self, page: &mut Page) {
        if self.columns.is_empty() {
            return;
        }
        let mut table =
            vec![["column", "type", "nulls", "nulled", "filled", "why"].map(String::from)];
        table.extend(self.columns.iter().take(COLUMNS_MAX).map(column_row));
        page.line("");
        page.table(&table);
        if self.columns.len() > COLUMNS_MAX {
            let more = self.columns.len() - COLUMNS_MAX;
            page.line(&format!("… and {more} more, all in the JSON receipt"));
        }
        let alike = self
            .columns
            .iter()
            .filter(|column| column.null_lookalikes > 0);
        let alike = alike.map(|column| {
            let hint = column.null_lookalikes_hint.as_deref();
            let hint = hint.map(|hint| format!("; to make them missing: {}", printable(hint)));
            let cells = units::count(column.null_lookalikes);
            format!(
                "{}: {cells}{}",
                short_name(&column.name),
                hint.unwrap_or_default()
            )
        });
        page.list("text that looks like a null token", alike);
    }

    fn render_rejects(&self, page: &mut Page) {
        let reasons = &self.rejects.by_reason;
        if reasons.is_empty() {
            return;
        }
        let reasons = reasons
            .iter()
            .map(|(code, number)| format!("{} {}", units::count(*number), printable(code)));
        let reasons = reasons.collect::<Vec<_>>().join(", ");
        let file = self.rejects.file.as_deref().map(printable);
        let file = file.map_or_else(String::new, |file| format!("  in {file}"));
        page.line("");
        let heading = page.paint(BOLD, "rejects");
        page.line(&format!("{heading}  {reasons}{file}"));
    }

    fn render_repairs(&self, page: &mut Page) {
        let counts = self.repaired.counts.by_kind();
        let kinds = counts
            .filter(|(_, number)| *number > 0)
            .map(|(kind, number)| format!("{} {}", units::count(number), kind.code()));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        if kinds.is_empty() {
            return;
        }
        let file = self.repaired.file.as_deref().map(printable);
        let file = file.map_or_else(String::new, |file| format!("  in {file}"));
        page.line("");
        let heading = page.paint(BOLD, "repaired");
        page.line(&format!("{heading}  {kinds}{file}"));
    }

    fn render_cost(&self, page: &mut Page) {
        let mut slowest: Vec<&StageSummary> = self.stages.iter().collect();
        slowest.sort_by(|a, b| b.total_seconds.total_cmp(&a.total_seconds));
        let mut table = vec![["stage", "time", "share", "p50", "p99", "max"].map(String::from)];
        table.extend(slowest.iter().take(STAGES_MAX).map(|stage| {
            [
                short_name(&stage.name),
                units::seconds(stage.total_seconds),
                format!("{:.0} %", stage.share * 100.0),
                units::seconds(stage.p50_us / 1e6),
                units::seconds(stage.p99_us / 1e6),
                units::seconds(stage.max_us / 1e6),
            ]
        }));
        if table.len() > 1 {
            page.line("");
            page.table(&table);
        }
        page.line("");
        let peak = self.memory.peak_rss_bytes;
        let peak = peak.map_or_else(|| "unknown".into(), units::bytes);
        page.line(&format!(
            "{}, {} rows/s, {} {} {:.0} % busy, {} {}, peak memory {peak} of {}",
            units::byte_rate(self.throughput.mb_per_second * 1e6),
            units::short(self.throughput.rows_per_second),
            self.threads,
            if self.threads == 1 {
                "thread"
            } else {
                "threads"
            },
            self.workers.utilization * 100.0,
            self.passes,
            if self.passes == 1 { "pass" } else { "passes" },
            units::bytes(self.memory.limit_bytes),
        ));
    }
}

fn column_row(column: &ColumnReceipt) -> [String; 6] {
    [
        short_name(&column.name),
        printable(&column.data_type).into_owned(),
        units::count(column.nulls_in),
        units::count(column.nulled),
        units::count(column.filled),
        printable(&column.why).into_owned(),
    ]
}

fn input_line(input: &InputReceipt) -> String {
    let mut line = printable(&input.path).into_owned() + ":";
    if let Some(format) = &input.compression {
        let (packed, text) = (units::bytes(input.bytes), units::bytes(input.text_bytes));
        line += &format!(" {} {packed} -> {text},", printable(format));
    }
    line += &format!(
        " {} ({})",
        printable(&input.encoding),
        printable(&input.encoding_why)
    );
    if input.replacements > 0 {
        let number = units::count(input.replacements);
        line += &format!(", {number} malformed sequences replaced");
    }
    line
}

/// How the columns of `input` differ from those of the others, if they do.
fn drift_line(input: &InputReceipt) -> Option<String> {
    const NAMES_MAX: usize = 4;
    let names = |what: &str, names: &[String], total: u64| {
        let shown: Vec<_> = names
            .iter()
            .take(NAMES_MAX)
            .map(|name| short_name(name))
            .collect();
        let more = total.saturating_sub(shown.len() as u64);
        let more = match more {
            0 => String::new(),
            more => format!(" and {} more", units::count(more)),
        };
        (!names.is_empty()).then(|| format!("{what} {}{more}", shown.join(", ")))
    };
    let order = input
        .columns_reordered
        .then(|| "in another order".to_owned());
    let words = [
        names("lacks", &input.columns_missing, input.columns_missing_total),
        names("adds", &input.columns_extra, input.columns_extra_total),
        order,
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    (!words.is_empty()).then(|| format!("{}: {}", short_name(&input.path), words.join("; ")))
}

fn step_line(step: &StepReceipt) -> String {
    let mut line = printable(&step.label).into_owned();
    if let Some(fitted) = &step.fitted {
        line += &format!(": {}", printable(fitted));
    }
    if let Some(filled_with) = step
        .filled_with
        .as_ref()
        .filter(|with| step.fitted.as_ref() != Some(with))
    {
        line += &format!(", filled in as {}", printable(filled_with));
    }
    if step.cells_filled > 0 {
        line += &format!(", {} cells filled", units::count(step.cells_filled));
    }
    if let Some(table) = &step.table {
        let (matched, unmatched) = (step.rows_matched, step.rows_unmatched);
        line += &format!(
            ": {}, {} rows matched, {} not",
            table.in_words(),
            units::count(matched),
            units::count(unmatched)
        );
    }
    if step.rows_added > 0 {
        line += &format!(", {} rows added", units::count(step.rows_added));
    }
    if step.rows_dropped > 0 {
        line += &format!(", {} rows dropped", units::count(step.rows_dropped));
    }
    if step.rows_duplicate > 0 {
        let rows = units::count(step.rows_duplicate);
        line += &format!(", {rows} duplicates removed");
    }
    if step.rows_without_time > 0 {
        let rows = units::count(step.rows_without_time);
        line += &format!(", {rows} rows without a time in no time window or session");
    }
    if step.rows_late > 0 {
        let rows = units::count(step.rows_late);
        line += &format!(", {rows} rows came late and were put in order");
    }
    for (count, what) in [
        (step.overflows, "overflows"),
        (step.divisions_by_zero, "divisions by zero"),
        (step.bad_arguments, "undefined results"),
        (step.bad_casts, "failed casts"),
    ] {
        if count > 0 {
            line += &format!(", {} {what} became null", units::count(count));
        }
    }
    if step.spilled_bytes > 0 {
        line += &format!(", {} spilled", units::bytes(step.spilled_bytes));
    }
    for (count, what) in [
        (step.unknown_categories, "cells of no known category"),
        (step.outliers, "outliers"),
    ] {
        if count > 0 {
            line += &format!(", {} {what}", units::count(count));
        }
    }
    if step.not_needed {
        line += ", left out: nothing of it is in the lake";
    }
    line
}

/// A name that fits its table column.
pub(super) fn short_name(name: &str) -> String {
    let name = printable(name);
    if name.chars().count() <= NAME_CHARS_MAX {
        return name.into_owned();
    }
    let kept = name.chars().take(NAME_CHARS_MAX - 1);
    kept.chain(['…']).collect()
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31;1";

pub(super) struct Page {
    pub(super) text: String,
    pub(super) color: bool,
}

impl Page {
    pub(super) fn paint(&self, style: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A heading and a line for each item, if there are any, but for the last of very many.
    pub(super) fn list(&mut self, heading: &str, items: impl Iterator<Item = String>) {
        self.first_of(LINES_MAX, heading, items);
    }

    /// A heading and a line for each item, if there are any.
    pub(super) fn whole_list(&mut self, heading: &str, items: impl Iterator<Item = String>) {
        self.first_of(usize::MAX, heading, items);
    }

    fn first_of(&mut self, lines_max: usize, heading: &str, items: impl Iterator<Item = String>) {
        let items: Vec<_> = items.collect();
        if items.is_empty() {
            return;
        }
        self.line("");
        let heading = self.paint(BOLD, heading);
        self.line(&heading);
        for item in items.iter().take(lines_max) {
            self.line(&format!("  {item}"));
        }
        if items.len() > lines_max {
            self.line(&format!("  … and {} more", items.len() - lines_max));
        }
    }

    /// Aligned columns: figures, which start with a digit, to the right, words to the left. The
    /// first row is the heading; the first column is aligned to the left, and so is the last
    /// where it holds words.
    pub(super) fn table<const N: usize>(&mut self, rows: &[[String; N]]) {
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
        let is_figure = |cell: &String| cell.starts_with(|first: char| first.is_ascii_digit());
        let is_figures: [bool; N] = std::array::from_fn(|column| {
            column > 0 && rows[1..].iter().all(|row| is_figure(&row[column]))
        });
        for (index, row) in rows.iter().enumerate() {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[column] - cell.chars().count());
                let (before, after) = if is_figures[column] {
                    (pad, String::new())
                } else {
                    (String::new(), pad)
                };
                let is_last_words = column + 1 == N && !is_figures[column];
                let cell = match (index, is_last_words) {
                    (0, _) => self.paint(BOLD, cell),
                    (_, true) => self.paint(DIM, cell),
                    _ => cell.clone(),
                };
                let gap = if column == 0 { "" } else { "  " };
                line += &format!("{gap}{before}{cell}{after}");
            }
            self.line(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::receipt::tests::example;
    use super::*;

    #[test]
    fn the_page_reads_well() {
        let expected = "\
chunketl 0.1.0  a\\u{1b}.csv (5.0 GiB) in 12.3 s
10,000,000 read = 9,812,001 written + 150,000 filtered + 37,990 duplicates + 9 rejected  all rows accounted for
1.0 GiB in 1 part
12 filtered rows kept in _filtered

column    type     nulls  nulled   filled  why
amount    int64  120,000       1  120,001  inferred from 8,192 sampled cells
region\\n  utf8         0       0        0  inferred

text that looks like a null token
  region\\n: 17; to make them missing: --null-values region=NA

steps
  impute amount=mean: 51.25, filled in as 51, 120,001 cells filled, 37,990 duplicates removed, 3.0 MiB spilled

tables
  region: 5 groups of 1,000,000 rows in _aggregates/region.parquet, 2.0 KiB spilled on the way

checks
  amount >= 0: failed, a warning; 12 of 9,812,001 rows (0.000 %) fail; first a\\u{1b}.csv:5 (byte 99)

restarts
  amount widened

rejects  9 too_few_fields, 1 type_mismatch  in _rejects/rejects.csv

repaired  1 padded, 2 merged  in _rejects/repairs.csv

stage     time  share    p50    p99    max
encode  19.5 s   75 %  50 ms  90 ms  1.2 s
decode   6.5 s   25 %   5 ms   9 ms  12 ms

429 MB/s, 800 k rows/s, 16 threads 93 % busy, 2 passes, peak memory 210 MiB of 512 MiB
";
        assert_eq!(example().render(false), expected);
    }

    #[test]
    fn colours_change_no_word() {
        let plain = example().render(false);
        let mut coloured = example().render(true);
        assert!(coloured.contains("\x1b[32mall rows accounted for\x1b[0m"));
        for code in [BOLD, DIM, GREEN, RED, "0"] {
            coloured = coloured.replace(&format!("\x1b[{code}m"), "");
        }
        let trimmed: Vec<_> = coloured.lines().map(str::trim_end).collect();
        assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
    }

    #[test]
    fn a_wide_table_stays_one_screen() {
        let mut receipt = example();
        let long = ColumnReceipt {
            name: "long ".repeat(100),
            ..receipt.columns[0].clone()
        };
        receipt.columns = vec![long; 500];
        receipt.restarts = vec!["again".into(); 50];
        receipt.stages = vec![receipt.stages[0].clone(); 50];
        let page = receipt.render(false);
        assert!(
            page.contains("… and 480 more, all in the JSON receipt"),
            "{page}"
        );
        assert!(page.contains("  … and 42 more\n"), "{page}");
        assert!(page.lines().count() < 60, "{page}");
        assert!(
            page.contains(&format!("{}…  int64", &"long ".repeat(7)[..31])),
            "{page}"
        );
    }

    #[test]
    fn an_unbalanced_or_empty_receipt_says_so() {
        let mut receipt = example();
        receipt.totals.rows_written -= 1;
        assert!(receipt.render(false).contains("ROWS ARE MISSING"));
        let empty = Receipt::default().render(false);
        assert!(empty.contains("0 read = 0 written"), "{empty}");
        assert!(empty.contains("peak memory unknown"), "{empty}");
    }
}
