//! Texts with a known truth, and what is found in them.

use proptest::prelude::*;

use super::*;
use crate::base::LineEnd;

fn sniffed(text: &str) -> Sniffed {
    sniff(text.as_bytes(), true, &Known::default()).expect("one table")
}

/// Delimiter, quote, header and number of fields.
#[track_caller]
fn assert_found(text: &str, delimiter: char, quote: char, header: bool, fields: usize) -> Sniffed {
    let found = sniffed(text);
    let quote = (quote != ' ').then_some(quote as u8);
    assert_eq!(
        (
            char::from(found.dialect.delimiter),
            found.dialect.quote,
            found.header_rows > 0,
            found.fields
        ),
        (delimiter, quote, header, fields),
        "{text}: {found:?}"
    );
    found
}

/// The text of what is skipped, and of the rest from the first record on.
fn parts<'a>(text: &'a str, found: &Sniffed) -> (Vec<(What, &'a str)>, &'a str) {
    let skipped = found.skipped.iter();
    let skipped = skipped.map(|part| (part.what, &text[part.range.clone()]));
    (
        skipped.collect(),
        &text[found.data..found.end.unwrap_or(text.len())],
    )
}

#[test]
fn every_usual_delimiter_is_found() {
    let rows = "id,day,amount,note\n1,2024-01-31,1.5,first\n2,2024-02-01,2.5,second one\n";
    for delimiter in [',', ';', '\t', '|', ':', '^', '~', '\u{1}'] {
        let text = rows.replace(',', &delimiter.to_string());
        assert_found(&text, delimiter, '"', true, 4);
    }
    assert_found("a b c\n1 2 3\n4 5 6\n", ' ', '"', true, 3);
}

#[test]
fn escapes_and_spaces_behind_delimiters_are_found() {
    let rows = (0..20).map(|row| format!("{row},\"say \\\"hi\\\" {row}\"\n"));
    let found = sniffed(&format!("id,text\n{}", rows.collect::<String>()));
    let dialect = found.dialect;
    assert_eq!((dialect.quote, dialect.escape), (Some(b'"'), Some(b'\\')));

    for (text, skips) in [
        ("id, town, n\n1, Ely, 5\n2, , 7\n3, Rye,8\n", false),
        ("id, town, n\n1, Ely, 5\n2, , 7\n3, Rye, 8\n", true),
        ("id, town, n\n1,\" Ely\", 5\n2, Rye, 7\n", false),
        ("id, town, n\n1, \"Ely, far\", 5\n2, Rye, 7\n", true),
    ] {
        let found = assert_found(text, ',', '"', true, 3);
        assert_eq!(found.dialect.skip_space, skips, "{text}");
    }
}

#[test]
fn commas_and_times_within_cells_do_not_mislead() {
    for (text, delimiter, fields) in [
        (
            "day;price;change\n2024-01-31;1,5;-0,25\n2024-02-01;2,75;0,5\n",
            ';',
            3,
        ),
        ("at,n\n10:15:00,1\n10:16:00,2\n", ',', 2),
        ("name;town\nSmith, John;Ely\nDoe, Jane;Rye\n", ';', 2),
        ("id,text\n1,\"a;b;c\"\n2,\"d;e;f\"\n", ',', 2),
        ("id|text\n1|a, b, c\n2|d, e\n3|f\n", '|', 2),
        ("id,list\n1,\"[1;2]\nnext, line\"\n2,x\n", ',', 2),
        ("1,5;2,5\n", ';', 2),
    ] {
        let header = !text.starts_with('1');
        let header = header || text.lines().count() == 1;
        assert_found(text, delimiter, '"', header, fields);
    }
}

#[test]
fn quotes_are_told_from_apostrophes_and_inches() {
    assert_found("id,'text'\n1,'a, b'\n2,'it''s'\n", ',', '\'', true, 2);
    assert_found("id,text\n1,it's\n2,'tis\n3,'twas\n", ',', '"', true, 2);
    let inches: String = (0..20).map(|row| format!("{row},\"{row}x,n\n")).collect();
    assert_found(&format!("id,size,name\n{inches}"), ',', ' ', true, 3);
    let few = "id,size,name\n1,\"5,x\n2,7,y\n3,9,z\n4,\"a\"b,c\n5,6,d\n";
    assert_found(few, ',', '"', true, 3);
}

#[test]
fn a_single_column_stays_one() {
    for text in [
        "name\nAnn Lee\nBob\nEve Mary Jones\n",
        "value\n1\n2\n",
        "",
        "\n\n",
        "John Smith\nJane Doe\nAnn Lee\nEve Lee\n",
        "mail\na@b.c\nd@e.f\n",
        "price\n$5\n$6\n$7\n",
        "at\n10:15:00\n10:16:00\n10:17:00\n",
        "at\n2024-01-01 10:15:00\n2024-01-01 10:16:00\n",
    ] {
        assert_found(text, ',', '"', true, 1);
    }
}

#[test]
fn a_first_record_of_values_is_no_header() {
    assert_found("1,2024-01-31,x\n2,2024-02-01,y\n", ',', '"', false, 3);
    assert_found(
        "region,2019,2020\nnorth,5,6\nsouth,7,8\n",
        ',',
        '"',
        true,
        3,
    );
    assert_found(&"x,y\ny,x\nx,x\n".repeat(4), ',', '"', true, 2);
    assert_found(
        &format!("x,y\n{}", "y,x\nx,z\nz,y\n".repeat(4)),
        ',',
        '"',
        false,
        2,
    );
    for text in [
        "id,2020\nx,5\ny,7\n",
        ",0,1,2\n0,5,7,8\n1,2,3,4\n",
        "0,1,2\n5.1,3.5,1.4\n4.9,3.0,1.4\n",
        "shop,1,2,3\na,5,6,7\n",
    ] {
        let fields = text.lines().next().expect("a line").split(',').count();
        assert_found(text, ',', '"', true, fields);
    }
    for text in ["1,2,3\n4,5,6\n", "1,2,3\n1,2,3\n", "a,5\nb,6\n"] {
        let fields = text.lines().next().expect("a line").split(',').count();
        assert_found(text, ',', '"', false, fields);
    }
    for text in ["a,b\nc,d\n", "a,1\nb,x\n", "a,b\n", "1,2\n", "a,a\nb,b\n"] {
        assert_found(text, ',', '"', true, 2);
    }
}

#[test]
fn what_is_known_is_kept() {
    let known = Known {
        delimiter: Some(b';'),
        quote: Some(None),
        header: Some(false),
        ..Known::default()
    };
    let found = sniff(b"a,b\n1,2\n", true, &known).expect("one table");
    assert_eq!((found.dialect.delimiter, found.dialect.quote), (b';', None));
    assert_eq!((found.header_rows, found.fields), (0, 1));
    assert!(found.evidence[0].contains("(given)"), "{found:?}");
    let skipping = Known {
        skip_rows: Some(2),
        ..Known::default()
    };
    let text = "a;b;c\nd\nx,y\n1,2\n";
    let found = sniff(text.as_bytes(), true, &skipping).expect("one table");
    let skipped = vec![(What::Preamble, "a;b;c\nd\n")];
    assert_eq!(parts(text, &found), (skipped, "1,2\n"));
}

#[test]
fn titles_and_notes_around_a_table_are_no_records() {
    for (title, note) in [
        ("A report of sales, 2024\n\n", "\nSource: the shops\n"),
        ("Report\nas of today\n", "Total;150\n"),
        ("Sales;2024\n\n", "(50 rows)\n"),
        ("", "Total\n"),
        ("", ""),
    ] {
        let rows: String = (0..50)
            .map(|row| format!("{row};{row}.5;x, y;z\n"))
            .collect();
        let text = format!("{title}id;n;t;u\n{rows}{note}");
        let found = assert_found(&text, ';', '"', true, 4);
        let (skipped, data) = parts(&text, &found);
        let blank = note.starts_with('\n');
        assert_eq!(data.trim_end(), rows.trim_end(), "{title}{note}: {found:?}");
        let titles = (!title.is_empty()).then_some((What::Preamble, title));
        let notes = (!note.is_empty()).then_some((What::Footer, &note[usize::from(blank)..]));
        let expected: Vec<_> = titles.into_iter().chain(notes).collect();
        assert_eq!(skipped, expected);
    }
    let text = "Sales,,\nid,n,t\n1,2,x\n3,4,y\n";
    let found = assert_found(text, ',', '"', true, 3);
    assert_eq!(
        parts(text, &found),
        (vec![(What::Preamble, "Sales,,\n")], "1,2,x\n3,4,y\n")
    );
}

#[test]
fn records_that_do_not_fit_stay_records() {
    for (text, fields) in [
        ("a,b\n1,2\n3\n", 2),
        ("a,b\n1,2\n3,4,5\n", 2),
        ("a,b\n1\n2,3\n4\n5\n", 2),
        ("a,b,c\n1,2\n3,4\n", 3),
        ("a,b\n1,2\n\n3\n", 2),
        ("a,b\n1,2\n\n3,4\n", 2),
        ("a,b\n1\n", 2),
        ("a\n1\n2,3\n", 1),
        ("a,b\n\n1,2,3\n4,5,6\n", 2),
    ] {
        let found = assert_found(text, ',', '"', true, fields);
        let header = text.find('\n').expect("a header") + 1;
        assert_eq!(parts(text, &found), (vec![], &text[header..]), "{text}");
    }
}

#[test]
fn a_trailing_delimiter_is_no_column() {
    for text in ["a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4,\n"] {
        let found = assert_found(text, ',', '"', true, 3);
        assert_eq!((found.columns, found.lacks_first_name), (2, false));
    }
    for text in ["a,b,c\n1,2,\n3,4,\n", "a,b,\n1,2,\n3,4,5\n"] {
        assert_eq!(assert_found(text, ',', '"', true, 3).columns, 3);
    }
    let of_r = assert_found("x,y\nr1,1,2\nr2,3,4\nr3,4,5\n", ',', '"', true, 3);
    assert!(of_r.lacks_first_name && of_r.columns == 3);
}

#[test]
fn units_and_groups_of_columns_are_no_records() {
    let text = "t,p,v\n(s),[hPa],%\n1,2,3\n4,5,6\n";
    let found = assert_found(text, ',', '"', true, 3);
    assert_eq!(
        parts(text, &found),
        (vec![(What::Units, "(s),[hPa],%\n")], "1,2,3\n4,5,6\n")
    );
    let text = "t,v,w\ns,m/s,kg\n0,0.5,1\n1,1.5,2\n";
    let units = parts(text, &sniffed(text)).0;
    assert_eq!(units, [(What::Units, "s,m/s,kg\n")]);
    let text = "at;place;t;v;state\n;;°C;mm/s;\n1;a;20,5;0,1;run\n2;b;21,0;0,2;run\n";
    let units = parts(text, &sniffed(text)).0;
    assert_eq!(units, [(What::Units, ";;°C;mm/s;\n")]);
    for data in [
        "t,v,w\ns,m/s,kg\n0,0.5,x\n1,1.5,y\n",
        "t,v,w\n,m/s,kg\n0,0.5,x\n1,1.5,y\n",
        "t,v,w\n,m,\n0,1,2\n1,2,3\n",
        "name,size\nm,3\ns,4\nl,5\n",
    ] {
        assert_eq!(sniffed(data).skipped, [], "{data}");
    }
    let text = ",2019,,2020,\nid,low,high,low,high\n1,2,3,4,5\n6,7,8,9,10\n";
    let found = sniffed(text);
    assert_eq!(
        (found.header_rows, parts(text, &found).1),
        (2, "1,2,3,4,5\n6,7,8,9,10\n")
    );
    let plain = sniffed("a,a,b\nx,y,z\np,q,r\n");
    assert_eq!(plain.header_rows, 1, "text below text is data");
}

#[test]
fn what_is_no_table_is_told() {
    for (text, format) in [
        ("<!DOCTYPE html>\n<html lang=\"en\">\n", "HTML"),
        ("\n<HTML><body>", "HTML"),
        ("<?xml version=\"1.0\"?>\n<a/>", "XML"),
        ("{\"a\": 1, \"b\": 2}\n{\"a\": 3}\n", "JSON"),
        ("[\n  {\"a\" : 1}\n]\n", "JSON"),
    ] {
        let error = sniff(text.as_bytes(), true, &Known::default()).expect_err("no table");
        assert!(error.contains(format), "{error}");
        let known = Known {
            delimiter: Some(b','),
            ..Known::default()
        };
        sniff(text.as_bytes(), true, &known).expect("a table, since that is known");
    }
    for text in [
        "{a},b\n1,2\n",
        "<id>,n\n1,2\n",
        "\"[\",x\n1,2\n",
        "{\"a\"},b\n1,2\n",
    ] {
        sniff(text.as_bytes(), true, &Known::default()).expect("a table");
    }
}

#[test]
fn the_first_of_several_tables_is_loaded() {
    let text = "id,n\n1,2\n3,4\n\nTable 2\ncode,x,y\na,1,2\nb,3,4\nc,5,6\n";
    let found = assert_found(text, ',', '"', true, 2);
    assert_eq!(parts(text, &found), (vec![], "1,2\n3,4\n"));
    let tables: Vec<_> = found
        .tables
        .iter()
        .map(|table| (table.fields, table.records))
        .collect();
    assert_eq!(tables, [(2, 3), (3, 4)]);
    assert!(text[found.tables[1].range.clone()].starts_with("Table 2"));
    let known = |table| Known {
        table: Some(table),
        ..Known::default()
    };
    let second = sniff(text.as_bytes(), true, &known(2)).expect("two tables");
    assert_eq!((second.fields, second.header_rows), (3, 1));
    assert_eq!(&text[second.start..second.data], "code,x,y\n");
    let error = sniff(text.as_bytes(), true, &known(3)).expect_err("two tables");
    assert!(error.contains("there is no table 3; 2 tables"), "{error}");
}

#[test]
fn comments_among_records_are_found() {
    let text = "# made today\na,b\n1,2\n# half\n3,4\n";
    let found = assert_found(text, ',', '"', true, 2);
    assert_eq!(found.dialect.comment.expect("found").bytes(), b"#");
    let data = sniffed("a,b\n#1,2\n#3,4\n");
    assert_eq!(data.dialect.comment, None);
}

#[test]
fn line_ends_are_taken_as_they_are() {
    let found = assert_found("a,b\r\n1,x\r\n2,y\r\n", ',', '"', true, 2);
    assert_eq!(found.dialect.line_end, LineEnd::Lf);
    let found = sniffed("a,b\n1,x\ry\n2,\r\r\n");
    assert_eq!(found.dialect.line_end, LineEnd::Lf);
}

#[test]
fn control_bytes_never_reach_a_terminal() {
    let found = sniffed("\x1b[31ma\x01b\x1b\n1\x012\n3\x014\n5\x016\n");
    assert_eq!(found.dialect.delimiter, 1);
    let evidence = found.evidence.join("");
    assert!(!evidence.contains(char::is_control), "{evidence:?}");
}

/// A field as RFC 4180 wants it.
fn field(text: &str, is_quoted: bool) -> String {
    match is_quoted || text.contains([',', '"', '\n', '\r', ';', '\t', '|', '\'']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn cell(kind: u8) -> BoxedStrategy<String> {
    let text = match kind {
        0 => "-?[0-9]{1,6}",
        1 => "-?[0-9]{1,4}\\.[0-9]{1,3}",
        2 => "20[0-9]{2}-0[1-9]-[12][0-9]",
        3 => "[a-z]{1,8}( [a-z]{1,8}){0,3}",
        4 => "[a-c,;|\t\"'\n]{0,8}",
        _ => "([a-z]{3,9}, )?[A-Z]\\.",
    };
    prop_oneof![9 => text, 1 => Just(String::new())].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_rfc_4180_table_is_found_as_such(
        rows in proptest::collection::vec(0..6_u8, 1..9).prop_flat_map(|kinds| {
            let row: Vec<_> = kinds.iter().map(|kind| (cell(*kind), any::<bool>())).collect();
            proptest::collection::vec(row, 0..30)
        }),
        columns in 1..9_usize,
        crlf: bool,
    ) {
        let line_end = if crlf { "\r\n" } else { "\n" };
        let columns = rows.first().map_or(columns, Vec::len);
        let names: Vec<String> = (0..columns).map(|index| format!("name_{index}")).collect();
        let mut text = names.join(",") + line_end;
        for row in &rows {
            let blank = row.len() == 1 && row[0].0.is_empty();
            let fields = row.iter().map(|(text, quoted)| field(text, *quoted || blank));
            text += &(fields.collect::<Vec<_>>().join(",") + line_end);
        }
        let found = sniffed(&text);
        prop_assert_eq!(found.dialect, Dialect::default(), "{:?} {:?}", text, found);
        prop_assert_eq!((found.fields, found.columns), (columns, columns), "{:?}", text);
        prop_assert_eq!((found.header_rows, found.data), (1, names.join(",").len() + line_end.len()));
        prop_assert_eq!((found.skipped, found.end), (vec![], None));
    }

    #[test]
    fn any_bytes_are_taken(
        text in "[ab1,;|\t\"'\\\\\n\r #%.:]{0,300}",
        is_whole: bool,
    ) {
        let found = sniff(text.as_bytes(), is_whole, &Known::default());
        let found = found.expect("no table is known");
        let end = found.end.unwrap_or(text.len());
        prop_assert!(found.start <= found.data && found.data <= text.len() && end <= text.len());
        prop_assert!(found.fields > 0 && found.columns > 0 && found.columns <= found.fields);
        prop_assert!(found.skipped.iter().all(|part| part.range.end <= text.len()));
    }
}

#[test]
fn the_time_is_linear() {
    let time = |text: &str| {
        let started = std::time::Instant::now();
        sniffed(text);
        started.elapsed()
    };
    for unit in [
        "\"",
        "a,\"b\n",
        "\"a\"b,\n",
        "a;b,c|d\te:f g\n",
        "\n",
        ",",
        "'x',\\\"\n",
    ] {
        let small = unit.repeat(20_000);
        let large = unit.repeat(160_000);
        let (small, large) = (time(&small), time(&large));
        let bound = small * 24 + std::time::Duration::from_millis(200);
        assert!(large < bound, "{unit:?}: {small:?}, {large:?}");
    }
}
