//! Files in, counts out, by reading them with the `csv` crate and looking at every cell: the oracle
//! of the generator's own counts. It knows the columns by name and nothing of how they were made.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

const TOKENS: [&str; 5] = ["N/A", "NA", "null", "NaN", "None"];
const TEXTS: [&str; 5] = ["note", "title", "description", "review", "reply"];
const KINDS: [&str; 4] = [
    "decimal_comma",
    "float_in_integer",
    "other_date_format",
    "word",
];

/// What one cell counts as, beside the features of text.
#[derive(Clone, Copy)]
enum Seen {
    Fine,
    Empty,
    Token(&'static str),
    Type(&'static str),
    Negative,
    Future,
    Late,
}

/// The counts that a truth also has, under the same names.
pub(crate) fn recount(files: &[Vec<u8>]) -> Value {
    let mut columns: Map<String, Value> = Map::new();
    let mut names = Vec::new();
    let (mut rows, mut duplicates) = (0_u64, 0_u64);
    let mut seen = HashSet::new();
    let mut latest = String::new();
    for file in files {
        let mut reader = csv::Reader::from_reader(&file[..]);
        names = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        for name in &names {
            columns.entry(name).or_insert_with(blank);
        }
        for record in reader.records() {
            let record = record.unwrap();
            rows += 1;
            duplicates +=
                u64::from(!seen.insert(record.iter().map(str::to_owned).collect::<Vec<_>>()));
            for (name, cell) in names.iter().zip(&record) {
                let column = &mut columns[name];
                count(column, classify(name, cell, &mut latest));
                for (feature, pattern) in [("comma", ','), ("quote", '"'), ("line_break", '\n')] {
                    if TEXTS.contains(&name.as_str()) && cell.contains(pattern) {
                        add(&mut column["text"][feature]);
                    }
                }
            }
        }
    }
    assert!(!names.is_empty());
    let sum = |pointer: &str| -> u64 {
        let counts = columns
            .values()
            .map(|column| column.pointer(pointer).unwrap());
        counts.map(|count| count.as_u64().unwrap()).sum()
    };
    let type_faults: u64 = KINDS
        .iter()
        .map(|kind| sum(&format!("/type_faults/{kind}")))
        .sum();
    json!({
        "files": files.len(),
        "bytes": files.iter().map(Vec::len).sum::<usize>(),
        "rows": rows,
        "duplicates": duplicates,
        "late": sum("/late"),
        "missing": sum("/missing"),
        "type_faults": type_faults,
        "negative": sum("/negative"),
        "future": sum("/future"),
        "columns": columns,
    })
}

fn blank() -> Value {
    json!({
        "missing": 0,
        "missing_empty": 0,
        "missing_tokens": {"N/A": 0, "NA": 0, "null": 0, "NaN": 0, "None": 0},
        "type_faults":
            {"decimal_comma": 0, "word": 0, "float_in_integer": 0, "other_date_format": 0},
        "negative": 0,
        "future": 0,
        "late": 0,
        "text": {"comma": 0, "quote": 0, "line_break": 0},
    })
}

fn add(count: &mut Value) {
    *count = json!(count.as_u64().unwrap() + 1);
}

fn count(column: &mut Value, seen: Seen) {
    match seen {
        Seen::Fine => (),
        Seen::Empty => {
            add(&mut column["missing"]);
            add(&mut column["missing_empty"]);
        }
        Seen::Token(token) => {
            add(&mut column["missing"]);
            add(&mut column["missing_tokens"][token]);
        }
        Seen::Type(kind) => add(&mut column["type_faults"][kind]),
        Seen::Negative => add(&mut column["negative"]),
        Seen::Future => add(&mut column["future"]),
        Seen::Late => add(&mut column["late"]),
    }
}

fn classify(name: &str, cell: &str, latest: &mut String) -> Seen {
    if cell.is_empty() {
        return Seen::Empty;
    }
    if let Some(token) = TOKENS.iter().find(|token| **token == cell) {
        return Seen::Token(token);
    }
    let is_numbered = |letter| name.starts_with(letter) && name[1..].parse::<u32>().is_ok();
    match name {
        "timestamp" => classify_time(cell, latest),
        "transaction_id" | "customer_id" => {
            assert!(cell.parse::<i64>().is_ok(), "{name}: {cell}");
            Seen::Fine
        }
        "quantity" | "rating" => classify_integer(cell),
        "amount" => match classify_float(cell) {
            Seen::Fine if cell.starts_with('-') => Seen::Negative,
            seen => seen,
        },
        "discount" => classify_float(cell),
        _ if is_numbered('i') => classify_integer(cell),
        _ if is_numbered('f') => classify_float(cell),
        _ => Seen::Fine,
    }
}

fn classify_integer(cell: &str) -> Seen {
    if cell.parse::<i64>().is_ok() {
        Seen::Fine
    } else if cell.parse::<f64>().is_ok() {
        Seen::Type("float_in_integer")
    } else {
        Seen::Type("word")
    }
}

fn classify_float(cell: &str) -> Seen {
    if cell.parse::<f64>().is_ok() {
        Seen::Fine
    } else if cell.replacen(',', ".", 1).parse::<f64>().is_ok() {
        Seen::Type("decimal_comma")
    } else {
        Seen::Type("word")
    }
}

/// Late is what is dated before the latest time so far; ISO timestamps sort as text.
fn classify_time(cell: &str, latest: &mut String) -> Seen {
    let bytes = cell.as_bytes();
    if bytes.len() == 16 && bytes[2] == b'/' {
        return Seen::Type("other_date_format");
    }
    if bytes.len() != 19 || bytes[4] != b'-' {
        return Seen::Type("word");
    }
    if cell > "2030" {
        return Seen::Future;
    }
    if cell < latest.as_str() {
        return Seen::Late;
    }
    cell.clone_into(latest);
    Seen::Fine
}
