//! What was found out about a source -> its part of the receipt, and the page that `sniff` prints.
//!
//! Invariant: what comes from the source is cut and escaped before it is shown.

use serde::{Deserialize, Serialize};

use super::render::{Page, short_name};
use super::{ColumnarReceipt, encode_raw, printable, units};
use crate::base::{Dialect, LineEnd};

/// How a source was understood.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DialectReceipt {
    /// The byte between fields, as text.
    pub delimiter: String,
    /// The byte around quoted fields, or `none`.
    pub quote: String,
    /// The byte that makes the next one ordinary, or `doubled` where only doubled quotes escape.
    pub escape: String,
    /// What comments start with, or `none`.
    pub comment: String,
    /// `lf` for LF and CRLF, `any` where a lone CR ends a record too.
    pub line_end: String,
    /// Whether spaces behind delimiters are no part of fields.
    pub skip_space: bool,
    /// How many records name the columns.
    pub header_rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Whether all this is the plain default and nothing was skipped.
    pub is_plain: bool,
    /// What speaks for it, in words.
    pub evidence: Vec<String>,
    /// The first lines that are no part of the table.
    pub skipped: Vec<SkippedLine>,
    /// How many there are.
    pub skipped_lines: u64,
    /// The tables, where there are several.
    pub tables: Vec<TableReceipt>,
}

/// A line that is no part of the table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SkippedLine {
    /// Its number, from 1.
    pub line: u64,
    /// What it was taken for: `preamble`, `units` or `footer`.
    pub what: String,
    /// Its text, escaped and cut.
    pub text: String,
}

/// One of several tables of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TableReceipt {
    /// The number of its first line, from 1.
    pub line: u64,
    /// Number of columns.
    pub columns: usize,
    /// Its records in the part of the source that was looked at, the header included.
    pub records: usize,
    /// Whether it is the one that is loaded.
    pub loaded: bool,
}

/// What `sniff` found out about a source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SniffReceipt {
    /// The path as the user wrote it.
    pub path: String,
    /// Its length, in bytes: that of its text, unless only the beginning of that was looked at.
    pub bytes: u64,
    /// How much of its text was looked at, where it had to be unpacked or transcoded and is longer.
    pub seen_bytes: Option<u64>,
    /// The format it is compressed in, if it is.
    pub compression: Option<String>,
    /// The encoding its text is in.
    pub encoding: String,
    /// How one can tell, in words.
    pub encoding_why: String,
    /// How it is understood, if it is text.
    pub dialect: DialectReceipt,
    /// What it says of itself, if it is a Parquet file.
    #[serde(rename = "parquet", skip_serializing_if = "Option::is_none")]
    pub columnar: Option<ColumnarReceipt>,
    /// Its columns.
    pub columns: Vec<SniffColumn>,
}

/// What `sniff` found out about a column.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SniffColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Sampled cells that have a value.
    pub cells: u64,
    /// How many of them fit the type.
    pub fits: u64,
    /// One that does.
    pub example: Option<String>,
    /// How it came by its type.
    pub why: String,
}

impl DialectReceipt {
    /// The bytes of `dialect`; nothing else is known yet.
    pub fn new(dialect: Dialect) -> Self {
        let text = |byte: u8| printable(&char::from(byte).to_string()).into_owned();
        let or = |byte: Option<u8>, none: &str| byte.map_or_else(|| none.to_owned(), text);
        let comment = dialect.comment.as_ref();
        Self {
            delimiter: text(dialect.delimiter),
            quote: or(dialect.quote, "none"),
            escape: or(dialect.escape, "doubled"),
            comment: comment.map_or_else(
                || "none".to_owned(),
                |prefix| encode_raw(prefix.bytes()).into_owned(),
            ),
            line_end: match dialect.line_end {
                LineEnd::Lf => "lf".to_owned(),
                LineEnd::Any => "any".to_owned(),
            },
            skip_space: dialect.skip_space,
            ..Self::default()
        }
    }

    /// On one line, what is not as it is by default, or the delimiter alone.
    pub fn in_words(&self) -> String {
        let mut words = vec![format!("delimiter {}", visible(&self.delimiter))];
        if self.quote != "\"" {
            words.push(format!("quote {}", visible(&self.quote)));
        }
        if self.escape != "doubled" {
            words.push(format!("escape {}", visible(&self.escape)));
        }
        if self.comment != "none" {
            words.push(format!("comments {}", printable(&self.comment)));
        }
        if self.line_end != "lf" {
            words.push("any line end".to_owned());
        }
        if self.skip_space {
            words.push("spaces skipped".to_owned());
        }
        match self.header_rows {
            0 => words.push("no header".to_owned()),
            1 => {}
            rows => words.push(format!("{rows} header rows")),
        }
        if self.skipped_lines > 0 {
            let plural = if self.skipped_lines == 1 { "" } else { "s" };
            words.push(format!(
                "{} line{plural} skipped",
                units::count(self.skipped_lines)
            ));
        }
        if self.tables.len() > 1 {
            let loaded = self.tables.iter().position(|table| table.loaded);
            let number = loaded.map_or(1, |index| index + 1);
            words.push(format!("table {number} of {}", self.tables.len()));
        }
        words.join(", ")
    }
}

/// A byte's text in quotes, or its name.
fn visible(text: &str) -> String {
    match text {
        "\\t" => "tab".to_owned(),
        " " => "space".to_owned(),
        "none" => "none".to_owned(),
        other => format!("'{}'", printable(other)),
    }
}

impl SkippedLine {
    /// Line `line`, taken for `what`, which reads `raw`.
    pub fn new(line: u64, what: &str, raw: &[u8]) -> Self {
        const BYTES_MAX: usize = 120;
        let raw = raw.trim_ascii_end();
        let cut = &raw[..raw.len().min(BYTES_MAX)];
        let more = if cut.len() < raw.len() { "…" } else { "" };
        let text = String::from_utf8_lossy(cut);
        let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
        Self {
            line,
            what: what.to_owned(),
            text: format!("{}{more}", printable(text)),
        }
    }
}

impl SniffReceipt {
    /// The receipts as JSON over several lines, ending in a newline.
    pub fn to_json_pretty(sniffed: &[Self]) -> String {
        let json = serde_json::to_string_pretty(sniffed);
        json.expect("strings, numbers and lists are JSON") + "\n"
    }

    /// The receipt as text, ending in a newline, with ANSI colours where `color` says so.
    pub fn render(&self, color: bool) -> String {
        const COLUMNS_MAX: usize = 200;
        let mut page = Page {
            text: String::new(),
            color,
        };
        let path = printable(&self.path);
        let title = page.paint("1", &path);
        let packed = self.compression.as_deref().map(printable);
        let packed = packed.map_or_else(String::new, |format| format!(" ({format})"));
        let seen = self.seen_bytes.map(units::bytes);
        let seen = seen.map(|bytes| format!(", of which the first {bytes} of text were looked at"));
        let seen = seen.unwrap_or_default();
        let bytes = units::bytes(self.bytes);
        page.line(&format!("{title}  {bytes}{packed}{seen}"));
        match &self.columnar {
            Some(columnar) => page.line(&columnar.in_words()),
            None => self.render_dialect(&mut page),
        }
        page.line("");
        let mut table = vec![["column", "type", "fits", "example"].map(String::from)];
        table.extend(self.columns.iter().take(COLUMNS_MAX).map(SniffColumn::row));
        page.table(&table);
        if self.columns.len() > COLUMNS_MAX {
            let more = self.columns.len() - COLUMNS_MAX;
            page.line(&format!("… and {more} more, all in --json"));
        }
        page.text
    }

    fn render_dialect(&self, page: &mut Page) {
        let encoding = (printable(&self.encoding), printable(&self.encoding_why));
        page.line(&format!("{} ({})", encoding.0, encoding.1));
        page.line(&self.dialect.in_words());
        for evidence in &self.dialect.evidence {
            page.line(&format!("  {}", printable(evidence)));
        }
        for line in &self.dialect.skipped {
            let text = printable(&line.text);
            page.line(&format!("  line {} is {}: {text}", line.line, line.what));
        }
        for (index, table) in self.dialect.tables.iter().enumerate() {
            page.line(&format!(
                "  table {} from line {}: {} columns, {}",
                index + 1,
                table.line,
                table.columns,
                if table.loaded {
                    "loaded"
                } else {
                    "not loaded (--table)"
                }
            ));
        }
    }
}

impl SniffColumn {
    fn row(&self) -> [String; 4] {
        let fits = match self.cells {
            0 => "no values".to_owned(),
            cells => {
                let tenths = self.fits * 1000 / cells;
                format!(
                    "{}.{} % of {}",
                    tenths / 10,
                    tenths % 10,
                    units::count(cells)
                )
            }
        };
        let example = self.example.as_deref().unwrap_or_default();
        [
            short_name(&self.name),
            printable(&self.data_type).into_owned(),
            fits,
            printable(example).into_owned(),
        ]
    }
}
