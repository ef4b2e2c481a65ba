//! Records one by one, read by the plain machine: the reader of headers, and what every fast path
//! must equal.

use crate::base::{Dialect, Reason};

use super::extent::Extent;
use super::machine::{Machine, walk};
use super::unquote::unquote_into;

/// One record, unquoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The fields' bytes without their quotes; empty when the record has a flaw.
    pub fields: Vec<Vec<u8>>,
    /// Number of fields, also when the record has a flaw.
    pub field_count: usize,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just past the last byte, without the line end.
    pub end: usize,
    /// Offset just past the line end, where the next record starts.
    pub next: usize,
    /// What is wrong, and the offset to report.
    pub flaw: Option<(Reason, usize)>,
}

impl Record {
    /// The record of `extent` whose fields but the last are at `spans`.
    fn new(bytes: &[u8], dialect: Dialect, extent: &Extent, spans: Vec<(usize, usize)>) -> Self {
        let mut fields = Vec::new();
        if extent.flaw.is_none() {
            for (start, end) in spans.into_iter().chain([extent.last]) {
                let mut field = Vec::new();
                unquote_into(&bytes[start..end], dialect.quoting(), &mut field);
                fields.push(field);
            }
        }
        Self {
            fields,
            field_count: extent.fields,
            start: extent.start,
            end: extent.end,
            next: extent.next,
            flaw: extent.flaw,
        }
    }
}

/// Reads the first record at or after `at`, which must be a record start. `None` when only blank
/// lines and comments are left.
///
/// A record longer than `record_bytes_max` has the flaw [`Reason::RecordTooLong`] and is not read
/// to its end: its `end` and `next` then say how far it was read.
pub fn read_record(
    bytes: &[u8],
    mut at: usize,
    dialect: Dialect,
    record_bytes_max: usize,
) -> Option<Record> {
    while at < bytes.len() {
        let mut spans = Vec::new();
        let mut machine = Machine::new(dialect, at, record_bytes_max);
        let line_bytes_max = record_bytes_max.saturating_add(b"\r\n".len());
        let to = at.saturating_add(line_bytes_max).min(bytes.len());
        let ended = machine.run(bytes, to, |start, end| spans.push((start, end)));
        let cut = !ended && to < bytes.len();
        let mut extent = machine.finish(&bytes[..if cut { machine.pos() } else { bytes.len() }]);
        at = extent.next;
        if !extent.is_record {
            if cut {
                // A comment may be of any length.
                at = walk(bytes, extent.start, dialect, record_bytes_max, |_, _| {}).next;
            }
            continue;
        }
        if extent.bytes() > record_bytes_max || cut {
            extent.flaw = Some((Reason::RecordTooLong, extent.start));
        }
        return Some(Record::new(bytes, dialect, &extent, spans));
    }
    None
}

/// All records of `bytes`, one byte at a time: what every fast path must equal. A quoted field
/// longer than `record_bytes_max` is never closed; other records may be longer.
pub fn records(
    bytes: &[u8],
    dialect: Dialect,
    record_bytes_max: usize,
) -> impl Iterator<Item = Record> {
    read(bytes, dialect, record_bytes_max, None)
}

/// All records of a table whose records have `fields` fields: as [`records`], but a quoted field longer
/// than `record_bytes_max` is read on as [`Splitter::reading_on`](super::Splitter::reading_on) does.
pub fn records_of_table(
    bytes: &[u8],
    dialect: Dialect,
    record_bytes_max: usize,
    fields: usize,
) -> impl Iterator<Item = Record> {
    read(bytes, dialect, record_bytes_max, Some(fields))
}

fn read(
    bytes: &[u8],
    dialect: Dialect,
    record_bytes_max: usize,
    fields: Option<usize>,
) -> impl Iterator<Item = Record> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let mut spans = Vec::new();
            let mut machine = Machine::new(dialect, at, record_bytes_max);
            loop {
                machine.run(bytes, bytes.len(), |start, end| spans.push((start, end)));
                if !machine.outgrew()
                    || !fields.is_some_and(|fields| machine.read_on(bytes, fields, &mut |_| {}))
                {
                    break;
                }
            }
            let extent = machine.finish(bytes);
            at = extent.next;
            if extent.is_record {
                return Some(Record::new(bytes, dialect, &extent, spans));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::LineEnd;

    fn fields(text: &str) -> Vec<Vec<String>> {
        let records = records(text.as_bytes(), Dialect::default(), usize::MAX);
        let text = |field: &Vec<u8>| String::from_utf8(field.clone()).expect("tests use UTF-8");
        records
            .inspect(|record| assert_eq!(record.flaw, None))
            .map(|record| record.fields.iter().map(text).collect())
            .collect()
    }

    fn flaws(text: &str) -> Vec<Option<(Reason, usize)>> {
        records(text.as_bytes(), Dialect::default(), usize::MAX)
            .map(|record| record.flaw)
            .collect()
    }

    #[test]
    fn line_ends_are_lf_or_crlf_and_the_last_may_be_missing() {
        let expected = vec![vec!["a", "b"], vec!["c", "d"]];
        for text in ["a,b\nc,d\n", "a,b\r\nc,d", "a,b\nc,d\r\n", "a,b\r\nc,d\r"] {
            assert_eq!(fields(text), expected, "{text:?}");
        }
    }

    #[test]
    fn blank_lines_are_no_records() {
        assert_eq!(fields("\n\r\na\n\n\r\n\nb\r\n\r"), [["a"], ["b"]]);
        assert_eq!(fields(""), Vec::<Vec<String>>::new());
        assert_eq!(fields("\"\"\n"), [[""]]);
    }

    #[test]
    fn a_lone_carriage_return_is_text() {
        assert_eq!(fields("a\rb,\r,\r\r\n"), [["a\rb", "\r", "\r"]]);
    }

    #[test]
    fn quotes_quote_only_at_the_start_of_a_field() {
        assert_eq!(fields("\"a,\nb\",c\n"), [["a,\nb", "c"]]);
        assert_eq!(fields("\"a\"\"b\",\"\"\"\"\r\n"), [["a\"b", "\""]]);
        assert_eq!(fields("a\"b,\"\"\n"), [["a\"b", ""]]);
        assert_eq!(fields(" \"a,b\n"), [[" \"a", "b"]]);
    }

    #[test]
    fn without_a_quote_byte_nothing_quotes() {
        let dialect = Dialect {
            quote: None,
            ..Dialect::default()
        };
        let record = read_record(b"\"a,b\"\n", 0, dialect, 99).expect("there is a record");
        assert_eq!(record.fields, [b"\"a", b"b\""]);
    }

    #[test]
    fn text_after_a_closing_quote_is_a_flaw_of_its_record_only() {
        let flaw = Some((Reason::TextAfterQuote, 2));
        for text in [
            "a\n\"b\"c\",d\ne\n",
            "a\n\"b\"\rc\ne\n",
            "a\n\"b\"\r,c\ne",
            "a\n\"b\"\r\r\ne",
            "a\n\"b\" \ne",
        ] {
            assert_eq!(flaws(text), [None, flaw, None], "{text:?}");
        }
    }

    #[test]
    fn an_unclosed_quote_is_reported_where_it_opens_and_costs_its_line() {
        let flaw = Some((Reason::UnclosedQuote, 4));
        assert_eq!(flaws("a\nb,\"c\nd\n"), [None, flaw, None]);
        assert_eq!(flaws("a\nb,\""), [None, flaw]);
        assert_eq!(flaws("a\nb,\"\"\"\n"), [None, flaw]);
        assert_eq!(flaws("a\nb,\"c\r\nd\ne,\"f\"\n"), [None, flaw, None, None]);
        let lost = "a\nb,\"c\n".to_owned() + &"\"d\",\"e\"\n".repeat(3);
        assert_eq!(flaws(&lost), [None, flaw, None, None, None]);
        // A stray quote in a later record of as many fields closes nothing, but one behind the text
        // of a field of several lines does.
        let stray = "a\nb,\"c,d\ne,f,g\nh,i\" j,k\nl,\"m\"\n";
        assert_eq!(flaws(stray), [None, flaw, None, None, None]);
        let behind = Some((Reason::TextAfterQuote, 2));
        assert_eq!(flaws("a\nb,\"c,\nd\"x,e\nf\n"), [None, behind, None]);
        assert_eq!(flaws("a\nb,\"c\nd\ne\"x,f\ng\n"), [None, behind, None]);
        // Here the closing quote stands where no field opens.
        assert_eq!(
            flaws("\"a\nb\" ,c\nd\n"),
            [Some((Reason::TextAfterQuote, 0)), None]
        );
    }

    #[test]
    fn a_quoted_field_longer_than_a_record_is_never_closed() {
        let text = "\"a\nb\nc\"\nd\n";
        let read = |max| records(text.as_bytes(), Dialect::default(), max);
        assert_eq!(read(6).count(), 2);
        let ends: Vec<_> = read(5).map(|record| record.next).collect();
        assert_eq!(ends, [3, 5, 8, 10]);
    }

    #[test]
    fn in_a_table_it_may_be_closed_further_on() {
        let text = "1,\"a\nb\nc\"\n2,d\n";
        let read = |text: &str, fields| {
            let records = records_of_table(text.as_bytes(), Dialect::default(), 3, fields);
            let all = records.map(|record| (record.field_count, record.next, record.flaw));
            all.collect::<Vec<_>>()
        };
        assert_eq!(read(text, 2), [(2, 10, None), (2, 14, None)]);
        // A second one, and text behind it.
        let text = "1,\"a\nb\nc\",\"\n\n\n\nx\"e\n2,d,\n";
        let flaw = Some((Reason::TextAfterQuote, 0));
        assert_eq!(read(text, 3), [(3, 19, flaw), (3, 24, None)]);
        // A quote that opens another field shows that it was lost.
        let text = "1,\"aaaa\nb\nc,\"d\"\n";
        let lost = Some((Reason::UnclosedQuote, 2));
        let found = read(text, 2);
        assert_eq!(found, [(2, 8, lost), (1, 10, None), (2, 16, None)]);
    }

    /// The fields of all records under a dialect, and their flaws.
    fn read(text: &str, change: impl Fn(&mut Dialect)) -> Vec<String> {
        let mut dialect = Dialect::default();
        change(&mut dialect);
        let read = records(text.as_bytes(), dialect, usize::MAX);
        let texts = read.map(|record| match record.flaw {
            Some((reason, offset)) => format!("{reason} at {offset}"),
            None => String::from_utf8(record.fields.join(&b'|')).expect("tests use UTF-8"),
        });
        texts.collect()
    }

    #[test]
    fn an_escape_makes_any_byte_ordinary() {
        for (text, expected) in [
            ("a\\,b,c\n", vec!["a,b|c"]),
            ("\\\"a,b\n", vec!["\"a|b"]),
            ("\"a\\\",b\",c\n", vec!["a\",b|c"]),
            ("\"a\\\\\",b\n", vec!["a\\|b"]),
            ("a\\\nb,c\\\r\nd\r\ne", vec!["a\nb|c\r\nd", "e"]),
            ("\\n,\\N\n", vec!["n|N"]),
            ("a\\", vec!["a\\"]),
            ("a\\\r", vec!["a\r"]),
            ("\"a\\", vec!["unclosed_quote at 0"]),
            ("\"a\"\\b\nc\n", vec!["text_after_quote at 0", "c"]),
            ("\"a\"\"b\"\n", vec!["a\"b"]),
        ] {
            let found = read(text, |dialect| dialect.escape = Some(b'\\'));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn comments_are_no_records() {
        let text = "#a \"b\n\nc\n#\r\nd\n#e\\\n\"f\n#g\"\n h#\n#";
        let found = read(text, |dialect| {
            dialect.comment = crate::base::Prefix::new(b"#");
            dialect.escape = Some(b'\\');
        });
        assert_eq!(found, ["c", "d", "f\n#g", " h#"]);
        let found = read("// a\n/b\n//", |dialect| {
            dialect.comment = crate::base::Prefix::new(b"//");
        });
        assert_eq!(found, ["/b"]);
    }

    #[test]
    fn a_lone_carriage_return_may_end_a_record() {
        for (text, expected) in [
            ("a,b\rc,d\r", vec!["a|b", "c|d"]),
            ("a\r\r\r\nb\n\rc", vec!["a", "b", "c"]),
            ("\"a\rb\"\r\"c\"\r\n", vec!["a\rb", "c"]),
            ("\"a\rb\r", vec!["unclosed_quote at 0", "b"]),
        ] {
            let found = read(text, |dialect| dialect.line_end = LineEnd::Any);
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn spaces_before_fields_and_behind_quotes_are_skipped() {
        for (text, expected) in [
            ("a,  b ,c\n", vec!["a|b |c"]),
            (" \"a\",  \"b,\" ,c\n", vec!["a|b,|c"]),
            ("a, \"b\" \r\nc,  \n", vec!["a|b", "c|"]),
            ("a, \"b\" c\nd\n", vec!["text_after_quote at 0", "d"]),
            (
                "a, \"b\nc\nd, \"e\"\n",
                vec!["unclosed_quote at 3", "c", "d|e"],
            ),
        ] {
            let found = read(text, |dialect| dialect.skip_space = true);
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_record_is_not_read_to_its_end() {
        let read = |max| read_record(b"abcd\r\nef\n", 0, Dialect::default(), max);
        assert_eq!(read(4).expect("a record").flaw, None);
        let long = read(3).expect("a record");
        assert_eq!(long.flaw, Some((Reason::RecordTooLong, 0)));
        assert!(long.next <= 5);
    }
}
