//! Splitter, indexer and summaries against the plain reader, and that against the `csv` crate.

use chunketl::base::masks::Kernel;
use chunketl::base::{Dialect, LineEnd, Prefix, Reason, Repair, RepairKind, TooFew, TooMany};
use chunketl::csv::{Fields, Indexer, Record, Splitter, records, records_of_table};
use chunketl::input::{RecordSplit, Split, SplitLimits, Stop};

/// Compares all readers on `data`; limits and columns are taken from its first bytes.
pub(crate) fn check(data: &[u8]) {
    let dialect = Dialect::default();
    let pick = |i: usize, options: &[usize]| {
        let byte = data.get(i).copied().unwrap_or(0) as usize + data.len();
        options[byte % options.len()]
    };
    let limits = SplitLimits {
        records_max: pick(0, &[1, 2, 3, 7, 1000]),
        bytes_max: pick(1, &[1, 10, 64, 150, 1000]),
        record_bytes_max: pick(2, &[20, 63, 64, 70, 130, 1000]),
    };
    let columns = pick(3, &[1, 2, 3, 4]);
    let rows_max = pick(4, &[1, 2, 5, 1000]);
    let unquoted = Dialect {
        quote: None,
        ..dialect
    };
    let drawn = drawn(pick);
    let repair = Repair {
        too_few: [TooFew::Reject, TooFew::Pad][pick(11, &[0, 1])],
        too_many: [TooMany::Reject, TooMany::Truncate, TooMany::MergeLast][pick(12, &[0, 1, 2])],
    };
    equals_csv_crate(data, dialect);
    equals_csv_crate(data, drawn);
    for dialect in [dialect, unquoted, drawn] {
        for kernel in Kernel::available() {
            let splitter = Splitter::with_kernel(dialect, kernel);
            let long = limits.record_bytes_max;
            let plain = records(data, dialect, long);
            let splits = splits_equal_plain(&splitter, data, plain, &limits);
            let reading_on = splitter.reading_on(columns);
            let plain = records_of_table(data, dialect, long, columns);
            let splits_on = splits_equal_plain(&reading_on, data, plain, &limits);
            for block_bytes in [1, 5, 63, 64, 100] {
                assert_eq!(located(&splitter, data, &limits, block_bytes), splits);
                let located = located(&reading_on, data, &limits, block_bytes);
                assert_eq!(located, splits_on);
            }
            let index = Index {
                dialect,
                kernel,
                columns,
                repair,
                rows_max,
                record_bytes_max: limits.record_bytes_max,
            };
            index.equals_plain(data);
            for splits in [splits, splits_on] {
                let mut at = 0;
                for split in &splits {
                    let records = index.equals_plain(&data[at..split.end]);
                    assert_eq!(records, split.records as usize);
                    at = resume(split);
                }
            }
        }
    }
}

/// A dialect of any kind.
fn drawn(pick: impl Fn(usize, &[usize]) -> usize) -> Dialect {
    let is = |i| pick(i, &[0, 1]) == 1;
    let comment: &[u8] = [&b""[..], b"#", b"a", b"\"a", b"ab"][pick(5, &[0, 1, 2, 3, 4])];
    Dialect {
        delimiter: [b',', b'b'][pick(6, &[0, 1])],
        quote: is(7).then_some(b'"'),
        escape: [None, Some(b'\\'), Some(b'a'), None][pick(8, &[0, 1, 2, 3])],
        comment: Prefix::new(comment),
        line_end: [LineEnd::Lf, LineEnd::Any][pick(9, &[0, 1])],
        skip_space: is(10),
        ..Dialect::default()
    }
}

fn resume(split: &Split) -> usize {
    match split.stop {
        Stop::Oversize { resume, .. } => resume,
        _ => split.end,
    }
}

fn newlines(bytes: &[u8], line_end: LineEnd) -> u64 {
    let lone = |&at: &usize| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    let carriages = (0..bytes.len()).filter(lone).count();
    let feeds = bytes.iter().filter(|&&byte| byte == b'\n').count();
    let carriages = if line_end == LineEnd::Any {
        carriages
    } else {
        0
    };
    (feeds + carriages) as u64
}

/// All chunks, each compared with the plain reader's records.
fn splits_equal_plain(
    splitter: &Splitter,
    data: &[u8],
    plain: impl Iterator<Item = Record>,
    limits: &SplitLimits,
) -> Vec<Split> {
    let mut plain = plain.peekable();
    let mut splits = Vec::new();
    let mut at = 0;
    loop {
        let split = splitter.split(data, at, limits, &mut |_| {});
        let mut count = 0;
        let mut last_start = at;
        while let Some(record) = plain.next_if(|record| record.start < split.end) {
            assert!(record.next <= split.end, "{split:?} cuts {record:?}");
            assert!(record.end - record.start <= limits.record_bytes_max);
            last_start = record.start;
            count += 1;
        }
        assert_eq!(split.records, count, "{split:?}");
        assert_eq!(
            split.newlines,
            newlines(&data[at..split.end], splitter.line_end())
        );
        assert!(split.records as usize <= limits.records_max);
        assert!(count == 0 || last_start - at < limits.bytes_max);
        match split.stop {
            Stop::EndOfInput => assert_eq!(split.end, data.len()),
            Stop::Full => {
                let full = split.records as usize == limits.records_max;
                assert!(full || split.end - at >= limits.bytes_max, "{split:?}");
            }
            Stop::Oversize {
                resume,
                newlines: held,
                record_bytes,
                unclosed,
            } => {
                let record = plain.next().expect("an oversize record is a record");
                assert_eq!((record.start, record.next), (split.end, resume));
                assert_eq!(
                    held,
                    newlines(&data[split.end..resume], splitter.line_end())
                );
                assert_eq!(record_bytes as usize, record.end - record.start);
                assert!(record.end - record.start > limits.record_bytes_max);
                let expected = record
                    .flaw
                    .filter(|(reason, _)| *reason == Reason::UnclosedQuote);
                assert_eq!(unclosed, expected.map(|(_, offset)| offset));
            }
        }
        splits.push(split);
        if split.stop == Stop::EndOfInput {
            assert_eq!(plain.next(), None);
            return splits;
        }
        at = resume(&split);
    }
}

/// All chunks by way of block summaries.
fn located(
    splitter: &Splitter,
    data: &[u8],
    limits: &SplitLimits,
    block_bytes: usize,
) -> Vec<Split> {
    let blocks: Vec<_> = (0..data.len())
        .step_by(block_bytes)
        .map(|from| splitter.summarize(data, from, data.len().min(from + block_bytes)))
        .collect();
    splitter.locate(data, limits, block_bytes, &blocks)
}

/// How an indexer is made and used.
struct Index {
    dialect: Dialect,
    kernel: Kernel,
    columns: usize,
    repair: Repair,
    rows_max: usize,
    record_bytes_max: usize,
}

impl Index {
    /// Indexes `chunk` and compares record by record; returns the number of records.
    fn equals_plain(&self, chunk: &[u8]) -> usize {
        let mut indexer = Indexer::with_kernel(
            self.dialect,
            self.columns,
            self.record_bytes_max,
            self.kernel,
        )
        .repairing(self.repair);
        let mut plain = records(chunk, self.dialect, self.record_bytes_max);
        let mut at = 0;
        let mut count = 0;
        while let Some(fields) = indexer.next(chunk, &mut at, self.rows_max) {
            assert!((1..=self.rows_max).contains(&fields.records()));
            let indices = fields.record_indices();
            assert_eq!(indices.is_none(), fields.bad().is_empty());
            let mut bad = fields.bad().iter().peekable();
            let mut repaired = fields.repaired().iter().peekable();
            let mut row = 0;
            for index in 0..fields.records() {
                let record = plain.next().expect("no record is invented");
                let flaw = self.flaw(&record, chunk);
                let mended =
                    |repaired: &&chunketl::csv::RepairedRecord| repaired.record as usize == index;
                if let Some(repaired) = repaired.next_if(mended) {
                    assert_eq!((repaired.start, repaired.end), (record.start, record.end));
                    let reason = flaw.map(|(reason, _)| reason);
                    assert_eq!(
                        Some(repaired.kind),
                        reason.and_then(|reason| self.kind(reason))
                    );
                    assert_repaired(&fields, row, &record, repaired.kind, self.dialect);
                    row += 1;
                } else if let Some(bad) = bad.next_if(|bad| bad.record as usize == index) {
                    let expected = self.unmended(&record, chunk, bad.reason);
                    assert_eq!(Some((bad.reason, bad.offset)), expected);
                    assert_eq!((bad.start, bad.end), (record.start, record.end));
                    assert_eq!(bad.fields as usize, record.field_count);
                } else {
                    assert_eq!(flaw, None);
                    assert_eq!(indices.map_or(index, |all| all[row] as usize), index);
                    assert_row(&fields, row, &record, self.dialect);
                    row += 1;
                }
            }
            assert_eq!((row, bad.next()), (fields.rows(), None));
            assert_eq!(repaired.next(), None);
            count += fields.records();
        }
        assert_eq!(plain.next(), None, "no record is lost");
        assert_eq!(at, chunk.len());
        count
    }

    /// How a flaw is repaired, if it can be.
    fn kind(&self, reason: Reason) -> Option<RepairKind> {
        match (reason, self.repair.too_few, self.repair.too_many) {
            (Reason::TooFewFields, TooFew::Pad, _) => Some(RepairKind::Padded),
            (Reason::TooManyFields, _, TooMany::Truncate) => Some(RepairKind::Truncated),
            (Reason::TooManyFields, _, TooMany::MergeLast) => Some(RepairKind::Merged),
            _ => None,
        }
    }

    /// Why a record is rejected that is not repaired, if `found` may be the reason.
    fn unmended(&self, record: &Record, chunk: &[u8], found: Reason) -> Option<(Reason, usize)> {
        let (reason, offset) = self.flaw(record, chunk)?;
        let text = &chunk[record.start..record.end];
        match self.kind(reason) {
            None => Some((reason, offset)),
            // The first of the fields to be merged may be quoted.
            Some(RepairKind::Merged) if found == reason && self.dialect.quote.is_some() => {
                Some((reason, offset))
            }
            Some(_) => std::str::from_utf8(text)
                .is_err()
                .then_some((Reason::InvalidUtf8, offset)),
        }
    }

    /// What is wrong with a record, and the offset to report.
    fn flaw(&self, record: &Record, chunk: &[u8]) -> Option<(Reason, usize)> {
        let text = &chunk[record.start..record.end];
        let reason = if text.len() > self.record_bytes_max {
            Reason::RecordTooLong
        } else if record.flaw.is_some() {
            return record.flaw;
        } else if record.field_count < self.columns {
            Reason::TooFewFields
        } else if record.field_count > self.columns {
            Reason::TooManyFields
        } else if std::str::from_utf8(text).is_err() {
            Reason::InvalidUtf8
        } else {
            return None;
        };
        Some((reason, record.start))
    }
}

fn assert_row(fields: &Fields<'_>, row: usize, record: &Record, dialect: Dialect) {
    let scratch = bumpalo::Bump::new();
    assert_eq!(record.flaw, None);
    assert_eq!(fields.columns(), record.field_count);
    for (column, expected) in record.fields.iter().enumerate() {
        let raw = fields.field(row, column);
        assert!(std::str::from_utf8(raw).is_ok());
        let unquoted = chunketl::csv::unquote(raw, dialect.quoting(), &scratch);
        assert_eq!(unquoted.text, expected);
        assert_eq!(
            unquoted.quoted,
            raw.first().is_some_and(|&byte| Some(byte) == dialect.quote)
        );
    }
}

/// A row that was made of a record with too few or too many fields.
fn assert_repaired(
    fields: &Fields<'_>,
    row: usize,
    record: &Record,
    kind: RepairKind,
    dialect: Dialect,
) {
    let scratch = bumpalo::Bump::new();
    let columns = fields.columns();
    let own = match kind {
        RepairKind::Padded => record.field_count,
        RepairKind::Truncated => columns,
        RepairKind::Merged => columns - 1,
    };
    for (column, expected) in record.fields[..own].iter().enumerate() {
        let raw = fields.field(row, column);
        let unquoted = chunketl::csv::unquote(raw, dialect.quoting(), &scratch);
        assert_eq!(unquoted.text, expected);
    }
    for column in own..columns {
        let raw = fields.field(row, column);
        assert_eq!(raw.is_empty(), kind == RepairKind::Padded);
        assert!(std::str::from_utf8(raw).is_ok());
    }
}

/// The plain reader against the `csv` crate where that knows the dialect: there lone carriage
/// returns always end lines but not comments, spaces are never skipped, bytes are escaped inside
/// quotes only, and the line after an unclosed quote is not read again.
fn equals_csv_crate(data: &[u8], dialect: Dialect) {
    let comment = dialect.comment.as_ref().map(Prefix::bytes);
    let unknown = dialect.skip_space
        || comment.is_some_and(|prefix| prefix.len() > 1 || dialect.line_end == LineEnd::Any);
    // The crate skips a byte order mark.
    if unknown || data.starts_with(b"\xef\xbb\xbf") {
        return;
    }
    let paired = |(i, &byte): (usize, &u8)| {
        let lone = byte == b'\r' && data.get(i + 1) != Some(&b'\n');
        (!lone || dialect.line_end == LineEnd::Any).then_some(byte)
    };
    let mut data: Vec<u8> = data.iter().enumerate().filter_map(paired).collect();
    if comment.is_some() {
        // Behind a comment without a line end the crate finds an empty record.
        data.push(b'\n');
    }
    let mut builder = csv::ReaderBuilder::new();
    builder
        .flexible(true)
        .has_headers(false)
        .delimiter(dialect.delimiter)
        .quoting(dialect.quote.is_some())
        .quote(dialect.quote.unwrap_or(0))
        .escape(dialect.escape)
        .comment(comment.map(|prefix| prefix[0]));
    let mut reader = builder.from_reader(&data[..]);
    let mut theirs = reader.byte_records();
    for ours in records(&data, dialect, usize::MAX) {
        let text = &data[ours.start..ours.end];
        let has_escape = dialect.escape.is_some_and(|escape| text.contains(&escape));
        let is_unclosed = matches!(ours.flaw, Some((Reason::UnclosedQuote, _)));
        if is_unclosed || has_escape {
            return;
        }
        let theirs = theirs.next().expect("as many records");
        let theirs = theirs.expect("reading from memory cannot fail");
        assert_eq!(theirs.len(), ours.field_count, "{theirs:?} {ours:?}");
        if ours.flaw.is_none() {
            assert!(theirs.iter().eq(&ours.fields), "{theirs:?} {ours:?}");
        }
    }
    let more = theirs.next();
    assert!(
        more.is_none(),
        "as many records: {more:?} of {data:?}, {dialect:?}"
    );
}
