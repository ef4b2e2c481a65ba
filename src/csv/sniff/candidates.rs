//! A head -> the dialect that reads it best, out of those that its bytes suggest.
//!
//! Invariant: a later candidate wins only if it is clearly better, so that of equals the likelier
//! one stands.

use crate::base::{Dialect, Known, LineEnd};

use super::reading::Reading;
use super::words;

/// Delimiters that are tried wherever they occur, the likelier ones first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Bytes that also stand in text and times: they delimit only where every record agrees.
const WEAK_DELIMITERS: [u8; 7] = [b':', b' ', b'=', b'#', b'&', b'*', b'!'];
/// Bytes that are tried only where most lines have one.
const RARE_DELIMITERS: [u8; 2] = [b'~', b'^'];
/// Of any other byte, such as `^` or 0x01, so many lines in ten must have one; titles and lines
/// within quotes have none.
const OTHER_DELIMITER_TENTHS: usize = 5;
/// Scores this close are settled by the order of candidates.
const TIE: f64 = 0.99;
/// Records that a candidate reads.
const RECORDS_MAX: usize = 2_000;
/// Fewer fields with a lone quote than this are strays.
const LONE_QUOTES_MIN: usize = 3;

/// The best reading, and the best of those with another delimiter.
pub(super) struct Choice<'a> {
    pub(super) reading: Reading<'a>,
    second: Option<Reading<'a>>,
    is_known: bool,
}

impl<'a> Choice<'a> {
    /// Reads `head`, which is the whole source if it `is_whole`, in every way it suggests.
    pub(super) fn best(head: &'a [u8], is_whole: bool, known: &Known) -> Self {
        let mut best: Option<Reading<'a>> = None;
        let mut second: Option<Reading<'a>> = None;
        for delimiter in delimiters(head, known) {
            let Some(reading) = best_with(head, is_whole, delimiter, known) else {
                continue;
            };
            let beats = best.as_ref().is_none_or(|best| beats(&reading, best));
            let loser = match beats {
                true => best.replace(reading),
                false => Some(reading),
            };
            if let Some(loser) = loser
                && second
                    .as_ref()
                    .is_none_or(|second| loser.score() > second.score())
            {
                second = Some(loser);
            }
        }
        Self {
            reading: best.expect("the comma is always tried"),
            second,
            is_known: known.delimiter.is_some(),
        }
    }

    /// What speaks for the dialect.
    pub(super) fn words(&self) -> Vec<String> {
        let count = |reading: &Reading<'_>| {
            let (count, width) = reading.widths().last().copied().unwrap_or((0, 1));
            let records = reading.records().len();
            format!("{count} of {records} records have {}", words::fields(width))
        };
        let dialect = self.reading.dialect();
        let found = count(&self.reading);
        let given = if self.is_known { " (given)" } else { "" };
        let next = self.second.as_ref().map(|second| {
            let delimiter = words::byte(second.dialect().delimiter);
            format!("; next best {delimiter}: {}", count(second))
        });
        let delimiter = words::byte(dialect.delimiter);
        let next = next.unwrap_or_default();
        let mut evidence = vec![format!("delimiter {delimiter}{given}: {found}{next}")];
        let (quoted, flawed) = (self.reading.quoted(), self.reading.flawed());
        evidence.extend(match dialect.quote {
            Some(_) if quoted + flawed == 0 => None,
            Some(quote) => Some(format!(
                "quote {}: around {}; {} with a quote in the wrong place",
                words::byte(quote),
                words::fields(quoted),
                words::count(flawed, "record")
            )),
            None => Some("quote none: quotes open fields that none closes".to_owned()),
        });
        let escape = dialect.escape.map(words::byte);
        evidence.extend(
            escape.map(|escape| format!("escape {escape}: stands before quotes or delimiters")),
        );
        if dialect.line_end == LineEnd::Any {
            evidence.push("line ends: lone carriage returns end records too".to_owned());
        }
        if dialect.skip_space {
            evidence.push("spaces behind delimiters are skipped (--skip-space no)".to_owned());
        }
        evidence
    }
}

/// Whether `reading` is clearly better than `best`.
fn beats(reading: &Reading<'_>, best: &Reading<'_>) -> bool {
    // What reads every record alike is only beaten by what does so too.
    (reading.is_uniform() || !best.is_uniform() || best.records().len() < 2)
        && best.score() < reading.score() * TIE
}

/// The best reading with `delimiter`; `None` if that cannot be one.
fn best_with<'a>(
    head: &'a [u8],
    is_whole: bool,
    delimiter: u8,
    known: &Known,
) -> Option<Reading<'a>> {
    let read = |dialect| Reading::new(head, is_whole, dialect, RECORDS_MAX);
    let is_weak = WEAK_DELIMITERS.contains(&delimiter) && known.delimiter.is_none();
    let escape = known.escape.flatten();
    let usual_quote = Some(b'"').filter(|quote| *quote != delimiter && Some(*quote) != escape);
    let plain = Dialect {
        delimiter,
        quote: known.quote.unwrap_or(usual_quote),
        escape,
        comment: known.comment.flatten(),
        line_end: known.line_end.unwrap_or(LineEnd::Lf),
        skip_space: known.skip_space.unwrap_or(false),
        header: true,
    };
    if [plain.quote, escape].contains(&Some(delimiter)) {
        return None;
    }
    let mut best = match known.line_end {
        None => best_line_end(head, plain, read),
        Some(_) => read(plain),
    };
    if known.escape.is_none() {
        best = best_escape(head, best, read);
    }
    if known.quote.is_none() {
        let quote = best.dialect().quote;
        best = best_quote(head, best, read);
        if known.escape.is_none() && best.dialect().quote != quote {
            best = best_escape(head, best, read);
        }
    }
    let dialect = best.dialect();
    if known.skip_space.is_none() && delimiter != b' ' && best.is_spaced() {
        best = read(Dialect {
            skip_space: true,
            ..dialect
        });
    }
    if let (None, Some(quote), false) = (known.skip_space, dialect.quote, best.dialect().skip_space)
        && has_spaced_quote(head, delimiter, quote)
    {
        let skip_space = true;
        let skipping = read(Dialect {
            skip_space,
            ..dialect
        });
        let is_better = skipping.quoted() > best.quoted() && skipping.flawed() <= best.flawed();
        if is_better && !skipping.skips_before_text() {
            best = skipping;
        }
    }
    let is_table = || best.is_uniform() && best.records().len() > 2 && best.has_values();
    let is_full = || !(best.is_empty(0) || best.is_empty(best.fields() - 1));
    (!is_weak || (is_table() && is_full())).then_some(best)
}

/// The reading in `plain`, or the same with lone carriage returns as line ends.
fn best_line_end<'a>(
    head: &'a [u8],
    plain: Dialect,
    read: impl Fn(Dialect) -> Reading<'a>,
) -> Reading<'a> {
    if !has_lone_carriage(head) {
        return read(plain);
    }
    let any = read(Dialect {
        line_end: LineEnd::Any,
        ..plain
    });
    if super::has_lone_carriages_only(head) && any.records().len() > 1 {
        // All of the head would be one record.
        return any;
    }
    let best = read(plain);
    let ends_records = any.fields() == best.fields()
        && any.regular() > best.regular()
        && any.irregular() <= best.irregular();
    match beats(&any, &best) || ends_records {
        true => any,
        false => best,
    }
}

/// `best`, or the same with the backslash as escape.
fn best_escape<'a>(
    head: &'a [u8],
    best: Reading<'a>,
    read: impl Fn(Dialect) -> Reading<'a>,
) -> Reading<'a> {
    let dialect = best.dialect();
    let escaped = dialect
        .quote
        .and_then(|quote| with_backslash(head, quote, dialect));
    match escaped.map(read) {
        Some(escaped) if beats(&escaped, &best) => escaped,
        _ => best,
    }
}

/// `best`, or the same with another quote, or none.
fn best_quote<'a>(
    head: &'a [u8],
    best: Reading<'a>,
    read: impl Fn(Dialect) -> Reading<'a>,
) -> Reading<'a> {
    let dialect = best.dialect();
    let opens = |quote: u8| {
        let before = [b'\n', b'\r', dialect.delimiter, b' '];
        let opened = |at: usize| at == 0 || before.contains(&head[at - 1]);
        memchr::memchr_iter(quote, head)
            .filter(|at| opened(*at))
            .count()
    };
    let clashes = [Some(dialect.delimiter), dialect.escape].contains(&Some(b'\''));
    if best.quoted() == 0 && !clashes && opens(b'\'') > 1 {
        let quote = Some(b'\'');
        let single = read(Dialect { quote, ..dialect });
        // Apostrophes stand at the start of words too, but seldom at both ends of whole columns.
        let proper = single.quoted() > 10 * single.flawed();
        if proper && (beats(&single, &best) || single.quotes_a_column()) {
            return single;
        }
    }
    if best.quoted() < best.flawed() && opens(b'"') >= LONE_QUOTES_MIN {
        let none = read(Dialect {
            quote: None,
            ..dialect
        });
        let is_frequent = best.flawed() * 5 > best.records().len();
        if is_frequent && none.is_uniform() && beats(&none, &best) {
            return none;
        }
    }
    best
}

/// `dialect` with the backslash as escape, if the bytes show one before a quote or a delimiter, and
/// hardly any that would be lost from a path.
fn with_backslash(head: &[u8], quote: u8, dialect: Dialect) -> Option<Dialect> {
    const ESCAPES_PER_OTHER: usize = 10;
    let (mut shown, mut escapes, mut others) = (false, 0, 0);
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\\', &head[from..]) {
        let escaped = head.get(from + at + 1).copied();
        from = head.len().min(from + at + 2);
        let Some(escaped) = escaped else { break };
        let is_structural = escaped == quote || escaped == dialect.delimiter;
        shown |= is_structural;
        match is_structural || matches!(escaped, b'\\' | b'\n' | b'\r') {
            true => escapes += 1,
            false => others += 1,
        }
    }
    (shown && escapes >= ESCAPES_PER_OTHER * others).then_some(Dialect {
        escape: Some(b'\\'),
        ..dialect
    })
}

/// Whether spaces stand between some delimiter and a quote.
fn has_spaced_quote(head: &[u8], delimiter: u8, quote: u8) -> bool {
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&head[from..], &[delimiter, b' ']) {
        from += at + 1;
        from += head[from..]
            .iter()
            .take_while(|byte| **byte == b' ')
            .count();
        if head.get(from) == Some(&quote) {
            return true;
        }
    }
    false
}

fn has_lone_carriage(head: &[u8]) -> bool {
    let mut carriages = memchr::memchr_iter(b'\r', head);
    carriages.any(|at| head.get(at + 1).is_some_and(|next| *next != b'\n'))
}

/// The delimiters to try, the likelier ones first.
fn delimiters(head: &[u8], known: &Known) -> Vec<u8> {
    if let Some(delimiter) = known.delimiter {
        return vec![delimiter];
    }
    let mut delimiters = DELIMITERS.to_vec();
    let usual = |byte: &u8| DELIMITERS.contains(byte) || WEAK_DELIMITERS.contains(byte);
    delimiters.extend(frequent(head).filter(|byte| !usual(byte)));
    delimiters.extend(WEAK_DELIMITERS);
    // The comma stays, for a source of a single column.
    let occurs = |delimiter: u8| memchr::memchr(delimiter, head).is_some();
    delimiters.retain(|delimiter| *delimiter == b',' || occurs(*delimiter));
    delimiters
}

/// Bytes that stand in most lines and could be delimiters.
fn frequent(head: &[u8]) -> impl Iterator<Item = u8> {
    const LINES_MAX: usize = 300;
    let mut lines = 0;
    let mut with = [0_usize; 128];
    for line in head.split(|byte| *byte == b'\n').take(LINES_MAX) {
        let mut seen = [false; 128];
        let ascii = line.iter().filter(|byte| byte.is_ascii());
        ascii.for_each(|byte| seen[usize::from(*byte)] = true);
        lines += usize::from(line.len() > 1);
        for (with, seen) in with.iter_mut().zip(seen) {
            *with += usize::from(seen);
        }
    }
    let could = |byte: u8| {
        let control = byte.is_ascii_control() && !b"\r\n\0\x7f".contains(&byte);
        control || RARE_DELIMITERS.contains(&byte)
    };
    let is_frequent = move |byte: &u8| {
        lines > 0 && with[usize::from(*byte)] * 10 >= lines * OTHER_DELIMITER_TENTHS
    };
    (0..128)
        .filter(move |byte| could(*byte))
        .filter(is_frequent)
}
