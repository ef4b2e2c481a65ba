//! What a run would do -> JSON, and the page that `plan` prints.
//!
//! Invariant: what comes from a source is escaped before it is shown.

use serde::{Deserialize, Serialize};

use super::render::{Page, short_name};
use super::{
    BudgetTerm, ColumnarReceipt, DialectReceipt, JoinedTable, PlanAggregate, printable, units,
};

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanReceipt {
    /// The sources, in file order.
    pub inputs: Vec<PlanInput>,
    /// The columns of the input, in order.
    pub columns: Vec<PlanColumn>,
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// The columns of the lake, in order.
    pub output: Vec<PlanColumn>,
    /// The tables beside the lake.
    pub aggregates: Vec<PlanAggregate>,
    /// The columns of the partition key.
    pub key: Vec<String>,
    /// The passes over the input, at least these: a median over more values than memory holds takes
    /// more than one to fit.
    pub passes: Vec<PlanPass>,
    /// Most threads computing at a time.
    pub threads: usize,
    /// Rows of a chunk, at most.
    pub chunk_rows: usize,
    /// Length of a chunk, in bytes, but for its last record.
    pub chunk_bytes_max: u64,
    /// Rows of a row group, at most.
    pub row_group_rows: usize,
    /// The limit on the resident set, in bytes.
    pub limit_bytes: u64,
    /// What it is shared among before the first row is read.
    pub budget: Vec<BudgetTerm>,
    /// The lake.
    pub out: String,
    /// The codec of its pages.
    pub compression: String,
    /// Why the run would refuse to write there, if it would.
    pub in_the_way: Option<String>,
}

/// A source, as it would be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanInput {
    /// The path as the user wrote it.
    pub path: String,
    /// Length of its text, in bytes.
    pub bytes: u64,
    /// How it is understood, if it is text.
    pub dialect: DialectReceipt,
    /// What it says of itself, if it is a Parquet file.
    #[serde(rename = "parquet", skip_serializing_if = "Option::is_none")]
    pub columnar: Option<ColumnarReceipt>,
}

/// A column and its type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// How it comes by its type, or which step makes it.
    pub why: String,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanStep {
    /// What the user calls it.
    pub label: String,
    /// How it runs: row by row or by key, fitted first or not.
    pub how: String,
    /// The columns it reads.
    pub reads: Vec<String>,
    /// The columns it makes or changes.
    pub writes: Vec<PlanColumn>,
    /// The table that it looks rows up in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<JoinedTable>,
    /// Whether it removes rows.
    pub drops_rows: bool,
    /// Whether it makes several rows of one.
    pub adds_rows: bool,
    /// Whether anything in the lake depends on it; otherwise it never runs.
    pub is_needed: bool,
}

/// One pass over the input.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanPass {
    /// Whether it writes the lake.
    pub writes: bool,
    /// The steps that it fits.
    pub fits: Vec<String>,
    /// The step that sorts the rows at its end, in memory or by temporary files where they do not
    /// fit.
    pub sorts: Option<String>,
    /// The step whose sorted rows it reads, in place of the input.
    pub reads_sorted: Option<String>,
    /// The columns of the input that it decodes.
    pub columns: Vec<String>,
    /// The steps that it runs, in stages: those of a stage do not wait for each other's keys.
    pub stages: Vec<Vec<String>>,
}

impl PlanReceipt {
    /// The receipt as JSON over several lines, ending in a newline.
    pub fn to_json_pretty(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("strings, numbers and lists are JSON") + "\n"
    }

    /// The receipt as text, ending in a newline, with ANSI colours where `color` says so.
    pub fn render(&self, color: bool) -> String {
        let mut page = Page {
            text: String::new(),
            color,
        };
        let heading = page.paint("1", "lake");
        page.line(&format!(
            "{heading}  {}, {}",
            printable(&self.out),
            printable(&self.compression)
        ));
        if let Some(why) = &self.in_the_way {
            page.line(&format!("  the run would end at once: {}", printable(why)));
        }
        page.list("inputs", self.inputs.iter().map(PlanInput::line));
        self.render_columns(&mut page);
        page.whole_list("steps", self.steps.iter().map(PlanStep::line));
        page.whole_list("tables", self.aggregates.iter().map(PlanAggregate::line));
        let passes = self.passes.iter().enumerate();
        let columns = self.columns.len();
        page.whole_list(
            "passes",
            passes.map(|(index, pass)| format!("{}. {}", index + 1, pass.line(columns))),
        );
        self.render_memory(&mut page);
        page.text
    }

    fn render_columns(&self, page: &mut Page) {
        const COLUMNS_MAX: usize = 200;
        let mut table = vec![["column", "type", "why"].map(String::from)];
        let columns = self.columns.iter().take(COLUMNS_MAX);
        table.extend(columns.map(|column| {
            [
                short_name(&column.name),
                printable(&column.data_type).into_owned(),
                printable(&column.why).into_owned(),
            ]
        }));
        page.line("");
        page.table(&table);
        if self.columns.len() > COLUMNS_MAX {
            let more = self.columns.len() - COLUMNS_MAX;
            page.line(&format!("… and {more} more, all in --json"));
        }
    }

    fn render_memory(&self, page: &mut Page) {
        let share = |term: &BudgetTerm| {
            let name = printable(&term.name).into_owned();
            format!("{} {name}", units::bytes(term.bytes))
        };
        let plural = if self.threads == 1 { "" } else { "s" };
        let limit = format!(
            "memory limit {}, {} thread{plural}",
            units::bytes(self.limit_bytes),
            self.threads
        );
        page.list(&limit, self.budget.iter().map(share));
        page.line(&format!(
            "  chunks of {} rows or {}, row groups of {} rows",
            units::count(self.chunk_rows as u64),
            units::bytes(self.chunk_bytes_max),
            units::count(self.row_group_rows as u64),
        ));
    }
}

impl PlanInput {
    fn line(&self) -> String {
        let (path, bytes) = (printable(&self.path), units::bytes(self.bytes));
        let how = match &self.columnar {
            Some(columnar) => columnar.in_words(),
            None => self.dialect.in_words(),
        };
        format!("{path} ({bytes}): {how}")
    }
}

impl PlanStep {
    fn line(&self) -> String {
        let mut line = format!("{}: {}", printable(&self.label), self.how);
        if let Some(table) = &self.table {
            line += &format!(", {}", table.in_words());
        }
        let made = self.writes.iter();
        let made = made.map(|column| {
            let data_type = printable(&column.data_type);
            format!("{} {data_type}", short_name(&column.name))
        });
        let made = made.collect::<Vec<_>>().join(", ");
        if !made.is_empty() {
            line += &format!(" -> {made}");
        }
        if self.drops_rows {
            line += ", may remove rows";
        }
        if self.adds_rows {
            line += ", may make several rows of one";
        }
        if !self.is_needed {
            line += ", left out: nothing in the lake depends on it";
        }
        line
    }
}

impl PlanPass {
    /// What it does, of `columns` columns in all.
    fn line(&self, columns: usize) -> String {
        let escaped = |labels: &[String]| {
            let labels = labels.iter().map(|label| printable(label));
            labels.collect::<Vec<_>>().join(", ")
        };
        let aim = match (&self.sorts, self.writes) {
            (Some(step), _) => format!(
                "sorts ({}), by temporary files where rows do not fit into memory",
                printable(step)
            ),
            (None, true) => "writes the lake".to_owned(),
            (None, false) => format!("fits {}", escaped(&self.fits)),
        };
        let (decoded, stages) = (self.columns.len(), self.stages.iter());
        let stages: Vec<String> = stages.map(|stage| escaped(stage)).collect();
        let mut line = match &self.reads_sorted {
            Some(step) => format!(
                "{aim}: reads {decoded} columns as sorted ({})",
                printable(step)
            ),
            None => format!("{aim}: decodes {decoded} of {columns} columns"),
        };
        if self.fits.is_empty() && !stages.is_empty() {
            line += &format!("; {}", stages.join(" | "));
        }
        line
    }
}
