//! Generated damage with known truth: every kind of it at every row and column of a small table,
//! alone, in pairs and all together.
//! Keeps: every row but the damaged is loaded as it is; nothing is silently wrong; the answer does
//! not depend on chunks or threads.

mod kinds;

use std::collections::BTreeMap;
use std::fs;

use chunketl::config::{Progress, TooFew, TooMany};
use chunketl::{Builder, Pipeline, Receipt};

use self::kinds::{COLUMNS, Cells, KINDS, Kind, Rejected, Row, Written, header, table};
use crate::lake;
use crate::program::Home;

/// Rows of a small table.
const ROWS: usize = 12;
/// Files of one run.
const FILES_MAX: usize = 400;

/// A file, and what should be loaded of it.
struct Case {
    name: String,
    bytes: Vec<u8>,
    loaded: Loaded,
}

/// What is loaded of a file.
#[derive(Debug, Clone, Default, PartialEq)]
struct Loaded {
    rows: Vec<Cells>,
    /// Their lines counted from 1.
    rejected: Vec<Rejected>,
}

impl Case {
    /// The file with `rows` below the header.
    fn new(name: String, rows: &[Written]) -> Self {
        let mut bytes = header().into_bytes();
        let mut loaded = Loaded::default();
        let mut carriages = 0;
        for row in rows {
            let line = 1 + carriages + bytes.iter().filter(|byte| **byte == b'\n').count();
            carriages += usize::from(row.bytes.ends_with(b"\r"));
            let rejected = row.rejected.iter().cloned();
            loaded.rejected.extend(rejected.map(|rejected| Rejected {
                line: line + rejected.line,
                ..rejected
            }));
            loaded.rows.extend(row.cells.clone());
            bytes.extend(&row.bytes);
        }
        Self {
            name,
            bytes,
            loaded,
        }
    }
}

/// The column and name of a run that says which file a row is from.
const FILE: &str = "file";

fn declared(builder: Builder) -> Builder {
    let mut columns = COLUMNS.iter();
    columns
        .try_fold(builder, |builder, (name, data_type)| {
            Some(builder.dtype(name, data_type))
        })
        .expect("always some")
}

/// Runs over all of `cases` at once; what was loaded of each, and the receipt.
fn run(home: &Home, cases: &[Case], flags: impl Fn(Builder) -> Builder) -> (Vec<Loaded>, Receipt) {
    let folder = home.path().join("in");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a directory");
    for (index, case) in cases.iter().enumerate() {
        fs::write(folder.join(format!("{index:05}.csv")), &case.bytes).expect("a file");
    }
    let builder = Builder::new()
        .input(folder.to_str().expect("a path in UTF-8"))
        .out(home.lake())
        .mode(chunketl::config::Mode::Overwrite)
        .progress(Progress::Never)
        .threads(2)
        .source_column(FILE);
    let config = flags(builder).build().expect("valid flags");
    let receipt = Pipeline::new(config).run().expect("a run");
    assert_eq!(receipt.totals.accounted(), receipt.totals.rows_read);
    (read(home, cases.len()), receipt)
}

/// What the lake and its rejects hold of each of so many files.
fn read(home: &Home, files: usize) -> Vec<Loaded> {
    let mut loaded = vec![Loaded::default(); files];
    let table = lake::read(&home.lake());
    let names: Vec<&str> = COLUMNS
        .iter()
        .map(|(name, _)| *name)
        .chain([FILE])
        .collect();
    assert_eq!(table.names, names);
    for mut row in table.rows {
        let file = index(&row.pop().flatten().expect("a path"));
        let cells = row.try_into().expect("as many cells as columns");
        loaded[file].rows.push(cells);
    }
    let path = home.lake().join("_rejects/rejects-00000.csv");
    let Ok(mut reader) = csv::Reader::from_path(path) else {
        return loaded;
    };
    let known: BTreeMap<&str, usize> = { COLUMNS.iter().enumerate() }
        .map(|(index, (name, _))| (*name, index))
        .collect();
    for record in reader.records() {
        let record = record.expect("the file is CSV");
        let reasons = chunketl::base::Reason::ALL.map(chunketl::base::Reason::code);
        let reason = reasons.into_iter().find(|reason| *reason == &record[4]);
        loaded[index(&record[0])].rejected.push(Rejected {
            line: record[1].parse().expect("a line"),
            column: known.get(&record[3]).copied(),
            reason: reason.expect("a known reason"),
        });
    }
    loaded
}

/// The index of the file at `path`.
fn index(path: &str) -> usize {
    let name = path
        .rsplit('/')
        .next()
        .and_then(|name| name.strip_suffix(".csv"));
    let index = name.and_then(|name| name.parse().ok());
    index.expect("the name of a case")
}

/// Checks that each of `cases` is loaded as it should be, a few hundred at a time.
fn check(cases: &[Case], flags: impl Fn(Builder) -> Builder) {
    let home = Home::new();
    let mut wrong = Vec::new();
    for cases in cases.chunks(FILES_MAX) {
        let (found, _) = run(&home, cases, &flags);
        for (case, found) in cases.iter().zip(found) {
            if found != case.loaded {
                wrong.push(difference(case, &found));
            }
        }
    }
    let count = wrong.len();
    wrong.truncate(10);
    assert!(
        count == 0,
        "{count} of {} cases:\n{}",
        cases.len(),
        wrong.join("\n")
    );
}

fn difference(case: &Case, found: &Loaded) -> String {
    let expected = &case.loaded;
    let rows = |one: &Loaded, other: &Loaded| -> Vec<String> {
        let only = one.rows.iter().filter(|row| !other.rows.contains(row));
        only.take(4).map(|row| format!("{row:?}")).collect()
    };
    format!(
        "{}: expected {:?} {:?}\n   found {:?} {:?}",
        case.name,
        rows(expected, found),
        expected.rejected,
        rows(found, expected),
        found.rejected
    )
}

/// The table with some of its rows written in other ways.
fn damaged(name: String, rows: &[Row], others: &[(usize, Written)]) -> Case {
    let written = rows.iter().enumerate().map(|(index, row)| {
        let other = others.iter().find(|(other, _)| *other == index);
        other.map_or_else(|| row.clean(), |(_, written)| written.clone())
    });
    Case::new(name, &written.collect::<Vec<_>>())
}

/// Every kind that `wanted` takes, at every row and column.
fn alone(wanted: impl Fn(&Kind) -> bool) -> Vec<Case> {
    let rows = table(ROWS);
    let mut cases = Vec::new();
    for kind in KINDS.iter().filter(|kind| wanted(kind)) {
        for (index, row) in rows.iter().enumerate() {
            for (column, (name, _)) in COLUMNS.iter().enumerate() {
                let Some(written) = (kind.apply)(row, column) else {
                    continue;
                };
                let name = format!("{} in row {index} at {name}", kind.name);
                cases.push(damaged(name, &rows, &[(index, written)]));
            }
        }
    }
    cases
}

#[test]
fn each_kind_of_damage_alone() {
    let cases = alone(|_| true);
    assert!(cases.len() > 1_000, "{}", cases.len());
    check(&cases, declared);
}

#[test]
fn each_kind_of_damage_alone_when_nothing_is_found_out() {
    let cases = alone(|kind| !kind.is_found);
    check(&cases, |builder| declared(builder).no_sniff());
}

/// Numbers that look random and are the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Whether two kinds of damage contradict each other, or say together what neither does alone.
fn clash(one: (&Kind, usize), other: (&Kind, usize)) -> bool {
    let are = |first: &str, second: &str| {
        let names = [one.0.name, other.0.name];
        names == [first, second] || names == [second, first]
    };
    // Spaces before quotes are to be skipped, before text they are not.
    are("spaces around", "spaces around")
        || are("carriage return within", "CR as a line end")
        || are("line of spaces", "CR as a line end")
        // Between the two no quote tells that the first was never closed.
        || (are("quote never closed", "stray quote") && one.1.max(other.1) == ROWS - 1)
}

#[test]
fn each_pair_of_kinds_of_damage() {
    const DRAWS: usize = 2;
    let rows = table(ROWS);
    let mut draw = Draw(7);
    let mut cases = Vec::new();
    for (index, one) in KINDS.iter().enumerate() {
        for other in &KINDS[index..] {
            let mut drawn = 0;
            while drawn < DRAWS {
                let [first, second] = [draw.below(ROWS), draw.below(ROWS)];
                let columns = [draw.below(COLUMNS.len()), draw.below(COLUMNS.len())];
                let written = (one.apply)(&rows[first], columns[0])
                    .zip((other.apply)(&rows[second], columns[1]));
                let Some((of_one, of_other)) = written.filter(|_| first != second) else {
                    continue;
                };
                drawn += 1;
                if clash((one, first), (other, second)) {
                    continue;
                }
                let [column, other_column] = columns.map(|column| COLUMNS[column].0);
                let name = format!(
                    "{} in row {first} at {column}, {} in row {second} at {other_column}",
                    one.name, other.name
                );
                let others = [(first, of_one), (second, of_other)];
                cases.push(damaged(name, &rows, &others));
            }
        }
    }
    assert!(cases.len() > 700, "{}", cases.len());
    check(&cases, declared);
}

/// A large table in which every third row is damaged, each time in another way.
fn damaged_all_over() -> Case {
    const ROWS: usize = 600;
    let kinds: Vec<&Kind> = KINDS.iter().filter(|kind| !kind.is_found).collect();
    let mut draw = Draw(1);
    let rows = table(ROWS);
    let written = rows.iter().enumerate().map(|(index, row)| {
        let kind = kinds[index / 3 % kinds.len()];
        let damage = (kind.apply)(row, draw.below(COLUMNS.len()));
        damage
            .filter(|_| index % 3 == 0)
            .unwrap_or_else(|| row.clean())
    });
    Case::new("damaged all over".into(), &written.collect::<Vec<_>>())
}

#[test]
fn chunks_and_threads_change_nothing() {
    let case = damaged_all_over();
    assert!(
        case.loaded.rejected.len() > 80,
        "{}",
        case.loaded.rejected.len()
    );
    let home = Home::new();
    let ways: [fn(Builder) -> Builder; 2] = [declared, |builder| {
        let builder = declared(builder).too_few(TooFew::Pad);
        builder.too_many(TooMany::MergeLast)
    }];
    for (way, flags) in ways.into_iter().enumerate() {
        let mut first = None;
        for chunk_rows in [1, 3, 7, 64, 10_000] {
            for threads in [1, 3] {
                let flags = |builder| flags(builder).threads(threads).chunk_rows(chunk_rows);
                let (mut found, receipt) = run(&home, std::slice::from_ref(&case), flags);
                if way == 0 {
                    let found = found.pop().expect("a file");
                    assert!(found == case.loaded, "{}", difference(&case, &found));
                }
                assert_eq!(receipt.repaired.counts.padded > 0, way == 1);
                let made = (
                    lake::results(&home.lake()),
                    receipt.totals,
                    receipt.repaired,
                );
                let expected = first.get_or_insert_with(|| made.clone());
                assert!(made == *expected, "{chunk_rows} rows, {threads} threads");
            }
        }
    }
}

/// The table as RFC 4180 lets one write it, in every way that says the same.
fn variants() -> Vec<Case> {
    let rows = table(ROWS);
    let clean: Vec<Written> = rows.iter().map(Row::clean).collect();
    let case = |name: &str, bytes: Vec<u8>| Case {
        bytes,
        ..Case::new(name.into(), &clean)
    };
    let plain = Case::new("plain".into(), &clean).bytes;
    let text = |from: &str, to: &str| {
        let text = String::from_utf8(plain.clone()).expect("UTF-8");
        text.replace(from, to).into_bytes()
    };
    let quoted = |line: &str| {
        let fields = line.split(',').map(|field| match field {
            "" => String::new(),
            field => format!("\"{}\"", field.replace('"', "\"\"")),
        });
        fields.collect::<Vec<_>>().join(",") + "\n"
    };
    let all_quoted = rows.iter().map(|row| {
        let fields = row.cells.iter().map(|cell| match cell {
            Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
            None => String::new(),
        });
        fields.collect::<Vec<_>>().join(",") + "\n"
    });
    let all_quoted: String = all_quoted.collect();
    let mut last = plain.clone();
    last.pop();
    let marked = [b"\xEF\xBB\xBF", plain.as_slice()].concat();
    let mut line_ends = rows.iter().map(Row::clean).collect::<Vec<_>>();
    line_ends.iter_mut().for_each(|row| {
        row.bytes.pop();
        row.bytes.extend(b"\r\n");
    });
    let line_ends = Case::new("CRLF".into(), &line_ends);
    vec![
        case("plain", plain.clone()),
        case(
            "all quoted",
            (quoted(header().trim_end()) + &all_quoted).into_bytes(),
        ),
        case(
            "header quoted",
            text(&header(), &quoted(header().trim_end())),
        ),
        case("no last line end", last),
        case("byte order mark", marked),
        case("CRLF below", line_ends.bytes.clone()),
        case(
            "CRLF",
            [
                header().trim_end().as_bytes(),
                b"\r\n",
                &line_ends.bytes[header().len()..],
            ]
            .concat(),
        ),
    ]
}

#[test]
fn what_is_valid_loads_the_same_in_every_mode() {
    let cases = variants();
    for too_few in [TooFew::Reject, TooFew::Pad] {
        for too_many in [TooMany::Reject, TooMany::Truncate, TooMany::MergeLast] {
            for sniffs in [true, false] {
                check(&cases, |builder| {
                    let builder = declared(builder).too_few(too_few).too_many(too_many);
                    match sniffs {
                        true => builder,
                        false => builder.no_sniff(),
                    }
                });
            }
        }
    }
    let home = Home::new();
    let (found, receipt) = run(&home, &cases, |builder| builder);
    assert!(
        found
            .iter()
            .zip(&cases)
            .all(|(found, case)| *found == case.loaded)
    );
    let types = receipt
        .columns
        .iter()
        .map(|column| column.data_type.as_str());
    let types: Vec<&str> = types.take(COLUMNS.len()).collect();
    assert_eq!(types, COLUMNS.map(|(_, data_type)| data_type));
}

#[test]
fn spaces_that_belong_to_fields_stay() {
    let home = Home::new();
    let rows = |text: &str, flags: &str| {
        home.write("in.csv", text);
        home.receipt(&format!("-i in.csv -o lake --mode overwrite {flags}"));
        let table = lake::read(&home.lake());
        let rows = table.rows.iter().map(|row| {
            let cells = row.iter().map(|cell| cell.as_deref().unwrap_or("~"));
            cells.collect::<Vec<_>>().join("|")
        });
        (table.names.join("|"), rows.collect::<Vec<_>>().join("/"))
    };
    let is = |text, flags, names: &str, expected: &str| {
        assert_eq!(
            rows(text, flags),
            (names.to_owned(), expected.to_owned()),
            "{text:?} {flags}"
        );
    };
    let all = "id, note, more\n1, a, b\n2, \"c, d\",\n";
    is(all, "", "id|note|more", "1|a|b/2|c, d|~");
    is(all, "--skip-space auto", "id|note|more", "1|a|b/2|c, d|~");
    is(all, "--skip-space", "id|note|more", "1|a|b/2|c, d|~");
    is(
        "id, note\n1, a\n2, b\n",
        "--skip-space no",
        "id| note",
        "1| a/2| b",
    );
    is(
        "id, note\n1, a\n2, b\n",
        "--no-sniff",
        "id| note",
        "1| a/2| b",
    );
    is(
        "id, note\n1, a\n2, b\n",
        "--no-sniff --skip-space yes",
        "id|note",
        "1|a/2|b",
    );
    // In the header alone, or in the records alone.
    is("id, note\n1,a\n2,b\n", "", "id| note", "1|a/2|b");
    is("id, note\n1,\n2,\n", "", "id| note", "1|~/2|~");
    is("id,note\n1, a\n2, b\n", "", "id|note", "1| a/2| b");
    // Within quotes.
    is("id,note\n1,\" a\"\n2,\" b\"\n", "", "id|note", "1| a/2| b");
    // Before one quote, and before text where they are its own.
    is("id,note\n1, \"a, b\"\n2,c\n", "", "id|note", "1|a, b/2|c");
    is(
        "id,note\n1, \"a\"\n2, c\n3,d\n",
        "",
        "id|note",
        "1| \"a\"/2| c/3|d",
    );
}

#[test]
fn what_is_left_out_can_be_kept() {
    let home = Home::new();
    let load = |text: &str, flags: &str| {
        home.write("in.csv", text);
        let receipt = home.receipt(&format!("-i in.csv -o lake --mode overwrite {flags}"));
        let totals = receipt.totals;
        (
            receipt.columns.len(),
            totals.rows_written,
            totals.rows_rejected,
        )
    };
    let units = "a,b\n(kg),(m)\n1,2\n3,4\n";
    assert_eq!(load(units, ""), (2, 2, 0));
    assert_eq!(load(units, "--keep units"), (2, 3, 0));
    let footer = "a,b,c\n1,2,3\n4,5,6\n\nTotal,7\n";
    assert_eq!(load(footer, ""), (3, 2, 0));
    assert_eq!(load(footer, "--keep footer"), (3, 2, 1));
    for trailing in ["a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4,\n"] {
        assert_eq!(load(trailing, ""), (2, 2, 0));
        assert_eq!(load(trailing, "--keep trailing"), (3, 2, 0));
        let table = lake::read(&home.lake());
        assert_eq!(table.column("column_3"), [None, None]);
    }
    let message = home.fails("-i in.csv -o lake --keep foot", 2);
    assert!(message.contains("did you mean `footer`?"), "{message}");
    home.fails("-i in.csv -o lake --keep footer --no-sniff", 2);
}

#[test]
fn a_long_field_costs_its_record() {
    let long = "x".repeat(100);
    let text = format!("id,note\n1,a\n2,{long}\n3,\"{long}\n\"\n4,b\n5,c,{long}\n");
    let home = Home::new();
    home.write("in.csv", text);
    for flags in ["", "--chunk-rows 1", "--delimiter , --comment # --no-sniff"] {
        let line = format!("-i in.csv -o lake --mode overwrite --max-field-bytes 64 {flags}");
        let receipt = home.receipt(&line);
        assert_eq!(
            (receipt.totals.rows_written, receipt.totals.rows_rejected),
            (2, 3)
        );
        let rejects = fs::read_to_string(home.lake().join("_rejects/rejects-00000.csv"));
        let rejects = rejects.expect("the rejects");
        assert_eq!(rejects.matches("field_too_long").count(), 3, "{rejects}");
    }
    let receipt = home.receipt("-i in.csv -o lake --mode overwrite --max-field-bytes 103");
    assert_eq!(receipt.totals.rows_written, 4);
}

#[test]
fn types_are_inferred_around_damage() {
    let rows = table(120);
    let home = Home::new();
    for kind in KINDS {
        for column in 0..COLUMNS.len() {
            let at = 60 + column;
            let Some(written) = (kind.apply)(&rows[at], column) else {
                continue;
            };
            let case = damaged(kind.name.into(), &rows, &[(at, written)]);
            let (found, receipt) = run(&home, std::slice::from_ref(&case), |builder| builder);
            assert!(found[0] == case.loaded, "{}", difference(&case, &found[0]));
            let types = receipt
                .columns
                .iter()
                .map(|column| column.data_type.as_str());
            let types: Vec<&str> = types.take(COLUMNS.len()).collect();
            assert_eq!(
                types,
                COLUMNS.map(|(_, data_type)| data_type),
                "{}",
                kind.name
            );
        }
    }
}
