//! A small clean table, and every kind of damage to one of its rows at one of its columns, with what
//! a careful person would load of it.

/// Columns, and the types they are declared as.
pub(crate) const COLUMNS: [(&str, &str); 6] = [
    ("id", "int64"),
    ("price", "float64"),
    ("note", "utf8"),
    ("day", "date"),
    ("ok", "bool"),
    ("code", "utf8"),
];
const NOTE: usize = 2;
const CODE: usize = 5;

/// Notes as they stand in the file, quoted where they must be.
const NOTES: [&str; 12] = [
    "plain",
    "two words",
    "\"a, b; c\"",
    "Zürich",
    "\"over\ntwo lines\"",
    "\"says \"\"hi\"\" twice\"",
    "C:\\temp\\new",
    "\"\"",
    "naïve café",
    "",
    "\"x, \"\"y\"\",\nand more\"",
    "ÅÄÖ it's",
];
const CODES: [&str; 4] = ["00123", "0700", "A-17", "31e5"];

/// The cells of a row; `None` is null.
pub(crate) type Cells = [Option<String>; 6];

/// A row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) fields: [String; 6],
    pub(crate) cells: Cells,
}

/// A rejected record (no column) or cell: the line it is told to be in, from that where the row
/// would start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rejected {
    pub(crate) line: usize,
    pub(crate) column: Option<usize>,
    pub(crate) reason: &'static str,
}

/// How a row is written, and what comes of it.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    pub(crate) cells: Option<Cells>,
    pub(crate) rejected: Vec<Rejected>,
}

/// The header as a line.
pub(crate) fn header() -> String {
    COLUMNS.map(|(name, _)| name).join(",") + "\n"
}

/// The first rows of the table, whose notes come again after a dozen.
pub(crate) fn table(rows: usize) -> Vec<Row> {
    (0..rows).map(row).collect()
}

fn row(index: usize) -> Row {
    let fields = [
        (11 + index).to_string(),
        match index % 12 {
            3 => String::new(),
            _ => format!("{}.25", 10 + index * 7 % 80),
        },
        NOTES[index % 12].to_owned(),
        format!("2024-{:02}-{:02}", 1 + index % 12, 1 + index * 5 % 28),
        ["true", "false"][index % 2].to_owned(),
        CODES[index % 4].to_owned(),
    ];
    let cells = [0, 1, 2, 3, 4, 5].map(|column| text(&fields[column]));
    Row { fields, cells }
}

/// What a field says.
fn text(field: &str) -> Option<String> {
    match inner(field) {
        Some(inner) => Some(inner.replace("\"\"", "\"")),
        None => (!field.is_empty()).then(|| field.to_owned()),
    }
}

/// What stands between the quotes of a field, if it is quoted.
fn inner(field: &str) -> Option<&str> {
    field.strip_prefix('"')?.strip_suffix('"')
}

fn is_text(column: usize) -> bool {
    column == NOTE || column == CODE
}

impl Row {
    /// As it stands in the clean table.
    pub(crate) fn clean(&self) -> Written {
        self.with(0, self.fields[0].clone())
    }

    /// With another field in `column` that says the same.
    fn with(&self, column: usize, field: impl Into<Vec<u8>>) -> Written {
        let mut fields = self.fields.clone().map(String::into_bytes);
        fields[column] = field.into();
        Written {
            bytes: line(&fields),
            cells: Some(self.cells.clone()),
            rejected: Vec::new(),
        }
    }

    /// With another field in `column`: as text it says `said`, else it is no value.
    fn saying(&self, column: usize, field: impl Into<Vec<u8>>, said: &str) -> Written {
        let mut written = self.with(column, field);
        let cells = written.cells.as_mut().expect("a row");
        match is_text(column) {
            true => cells[column] = Some(said.to_owned()),
            false => {
                cells[column] = None;
                written.rejected.push(Rejected {
                    line: self.lines_before(column),
                    column: Some(column),
                    reason: "type_mismatch",
                });
            }
        }
        written
    }

    /// With another field in `column` for which the row is lost, in as many pieces.
    fn lost(
        &self,
        column: usize,
        field: impl Into<Vec<u8>>,
        pieces: &[(usize, &'static str)],
    ) -> Written {
        Written {
            cells: None,
            rejected: records(pieces),
            ..self.with(column, field)
        }
    }

    /// Lines that end within the row before `column`.
    fn lines_before(&self, column: usize) -> usize {
        let fields = self.fields[..column].iter();
        fields.map(|field| field.matches('\n').count()).sum()
    }

    /// The field with `mark` in it, and what it says then.
    fn marked(&self, column: usize, mark: &str) -> Option<(String, String)> {
        let field = &self.fields[column];
        let said = self.cells[column].as_ref()?;
        let mut chars = said.chars();
        let (first, second) = (chars.next()?, chars.next()?);
        let at = match inner(field) {
            // A doubled quote must stay one.
            Some(_) if first == '"' || second == '"' => return None,
            Some(_) => 1 + first.len_utf8(),
            None => first.len_utf8(),
        };
        let field = format!("{}{mark}{}", &field[..at], &field[at..]);
        let said = said.replacen(first, &format!("{first}{mark}"), 1);
        Some((field, said))
    }
}

fn line(fields: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = fields.join(&b',');
    bytes.push(b'\n');
    bytes
}

fn records(pieces: &[(usize, &'static str)]) -> Vec<Rejected> {
    let rejected = pieces.iter().map(|&(line, reason)| Rejected {
        line,
        column: None,
        reason,
    });
    rejected.collect()
}

/// A kind of damage: a row and one of its columns, to how it is written then; `None` where it cannot
/// be.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) apply: fn(&Row, usize) -> Option<Written>,
    /// Whether only a look at the file mends it.
    pub(crate) is_found: bool,
}

const fn kind(name: &'static str, apply: fn(&Row, usize) -> Option<Written>) -> Kind {
    Kind {
        name,
        apply,
        is_found: false,
    }
}

const fn found(name: &'static str, apply: fn(&Row, usize) -> Option<Written>) -> Kind {
    Kind {
        is_found: true,
        ..kind(name, apply)
    }
}

/// Every kind.
pub(crate) const KINDS: &[Kind] = &[
    kind("too few fields", |row, column| {
        let mut fields = row.fields.clone().map(String::into_bytes).to_vec();
        fields.remove(column);
        let lost = row.lost(column, "", &[(0, "too_few_fields")]);
        Some(Written {
            bytes: line(&fields),
            ..lost
        })
    }),
    kind("too many fields", |row, column| {
        let field = format!("x,{}", row.fields[column]);
        Some(row.lost(column, field, &[(0, "too_many_fields")]))
    }),
    kind("trailing delimiter", |row, column| {
        let field = format!("{},", row.fields[CODE]);
        (column == CODE).then(|| row.lost(column, field, &[(0, "too_many_fields")]))
    }),
    kind("stray quote", stray_quote),
    kind("quote never closed", never_closed),
    kind("text after a closing quote", |row, column| {
        let field = &row.fields[column];
        let said = row.cells[column].as_ref().filter(|said| !said.is_empty())?;
        let field = match inner(field) {
            Some(_) => format!("{field}x"),
            None => format!("\"{said}\"x"),
        };
        Some(row.lost(column, field, &[(0, "text_after_quote")]))
    }),
    kind("backslashes before quotes", |row, column| {
        let field = "\"a \\\"b\\\" c\"";
        // Where it is the only one, the backslash escapes.
        let is_text = is_text(column) && !row.fields[column].contains('\\');
        is_text.then(|| row.lost(column, field, &[(0, "text_after_quote")]))
    }),
    kind("no value", |row, column| {
        Some(row.saying(column, "12x4", "12x4"))
    }),
    kind("text of the missing", |row, column| {
        // In text it may be a name.
        let mut written = row.with(column, "NA");
        let cells = written.cells.as_mut().expect("a row");
        cells[column] = is_text(column).then(|| "NA".to_owned());
        Some(written)
    }),
    kind("invalid byte", |row, column| {
        let mut field = row.fields[column].clone().into_bytes();
        let at = field.len() - usize::from(inner(&row.fields[column]).is_some());
        field.insert(at, 0xFF);
        Some(row.lost(column, field, &[(0, "invalid_utf8")]))
    }),
    kind("NUL", |row, column| {
        let (field, said) = row.marked(column, "\0")?;
        Some(row.saying(column, field, &said))
    }),
    kind("control character", |row, column| {
        let (field, said) = row.marked(column, "\u{1b}")?;
        Some(row.saying(column, field, &said))
    }),
    kind("byte order mark within", |row, column| {
        let (field, said) = row.marked(column, "\u{feff}")?;
        Some(row.saying(column, field, &said))
    }),
    kind("byte order mark before", |row, column| {
        let field = format!("\u{feff}{}", row.fields[0]);
        (column == 0).then(|| row.saying(0, field, ""))
    }),
    kind("carriage return within", |row, column| {
        let (field, said) = row.marked(column, "\r")?;
        Some(row.saying(column, field, &said))
    }),
    kind("long field", |row, column| {
        let long = "long ".repeat(1500) + "field";
        Some(row.saying(column, long.clone(), &long))
    }),
    kind("blank line", |row, column| before(row, column, "\n")),
    kind("blank line with CRLF", |row, column| {
        before(row, column, "\r\n")
    }),
    kind("line of spaces", |row, column| {
        let mut written = before(row, column, "  \n")?;
        written.rejected = records(&[(0, "too_few_fields")]);
        Some(written)
    }),
    found("comment", |row, column| {
        before(row, column, "# checked, by \"him\"\n")
    }),
    kind("header again", |row, column| {
        let mut written = before(row, column, &header())?;
        written.rejected = records(&[(0, "repeated_header")]);
        Some(written)
    }),
    kind("header again, as a file begins", |row, column| {
        let mut written = before(row, column, &format!("\u{feff}{}", header()))?;
        written.rejected = records(&[(0, "repeated_header")]);
        Some(written)
    }),
    kind("CRLF", |row, column| ending(row, column, "\r\n")),
    found("CR as a line end", |row, column| ending(row, column, "\r")),
    found("spaces around", |row, column| {
        let field = format!("  {}  ", row.fields[column]);
        if inner(&row.fields[column]).is_some() {
            return Some(row.with(column, field));
        }
        let mut written = row.with(column, field.clone());
        let cells = written.cells.as_mut().expect("a row");
        if is_text(column) {
            cells[column] = Some(field);
        }
        Some(written)
    }),
    kind("delimiter in quotes", |row, column| {
        Some(row.saying(column, "\"p, q,r\"", "p, q,r"))
    }),
    kind("line end in quotes", |row, column| {
        // What follows stands a line further down, but nothing of it is told.
        Some(row.saying(column, "\"p\nq\"", "p\nq"))
    }),
    kind("quotes around", |row, column| {
        let field = &row.fields[column];
        inner(field).is_none().then(|| {
            let mut written = row.with(column, format!("\"{field}\""));
            let cells = written.cells.as_mut().expect("a row");
            if is_text(column) {
                cells[column] = Some(field.clone());
            }
            written
        })
    }),
];

/// With `lines` before it, of which only the first column takes the trouble.
fn before(row: &Row, column: usize, lines: &str) -> Option<Written> {
    let clean = row.clean();
    (column == 0).then(|| Written {
        bytes: [lines.as_bytes(), &clean.bytes].concat(),
        ..clean
    })
}

/// With another line end.
fn ending(row: &Row, column: usize, end: &str) -> Option<Written> {
    let mut clean = row.clean();
    clean.bytes.pop();
    clean.bytes.extend(end.as_bytes());
    (column == 0).then_some(clean)
}

/// A quote behind the first character: literal where nothing else is quoted.
fn stray_quote(row: &Row, column: usize) -> Option<Written> {
    let (field, said) = row.marked(column, "\"")?;
    let Some(inner) = inner(&row.fields[column]) else {
        return Some(row.saying(column, field, &said));
    };
    let second = inner.chars().nth(1)?;
    let pieces: &[_] = match inner.contains('\n') {
        true => &[(0, "text_after_quote"), (1, "too_few_fields")],
        false => &[(0, "text_after_quote")],
    };
    // Else the field would end there, and another begin.
    second
        .is_alphanumeric()
        .then(|| row.lost(column, field, pieces))
}

/// A quote that opens a field, and none that closes it: of the row no more is lost than its line.
fn never_closed(row: &Row, column: usize) -> Option<Written> {
    let field = &row.fields[column];
    if let Some(inner) = inner(field) {
        let pieces: &[_] = match inner.contains('\n') {
            true => &[(0, "unclosed_quote"), (1, "too_few_fields")],
            false => &[(0, "unclosed_quote")],
        };
        return Some(row.lost(column, format!("\"{inner}"), pieces));
    }
    let field = format!("\"{field}");
    let note = inner(&row.fields[NOTE]).filter(|note| column < NOTE && !note.is_empty());
    let pieces: &[_] = match note {
        // The quote of the note seems to close it.
        Some(note) if note.contains('\n') => &[(0, "text_after_quote"), (1, "too_few_fields")],
        Some(_) => &[(0, "text_after_quote")],
        None => &[(row.lines_before(column), "unclosed_quote")],
    };
    Some(row.lost(column, field, pieces))
}
