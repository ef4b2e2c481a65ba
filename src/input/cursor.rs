//! Sources -> their chunks, in file order.
//!
//! Invariant: a source's chunks and oversize records, laid end to end, are its [`Records`], save for
//! blank lines between them; `seq`, record indices and line numbers have no gaps.

use std::ops::Range;
use std::sync::Arc;

use super::Source;
use super::chunk::{Chunk, Oversize};
use super::columnar::Columnar;
use super::lines::count_and_release;
use super::split::{RecordSplit, Split, SplitLimits, Stop};
use crate::base::{LineEnd, Reason, Reject};

/// Chunks that an outline holds; a walk over more leaves none behind.
const CUTS_MAX: usize = 1 << 15;

/// Where the records of a source lie, and how they are told apart.
#[derive(Clone)]
pub struct Records {
    /// The source.
    pub source: Arc<Source>,
    /// Knows where records end; `None` where the source has typed rows, which need no splitting.
    pub splitter: Option<Arc<dyn RecordSplit>>,
    /// The offsets of the records, without header and whatever else is around them.
    pub range: Range<usize>,
    /// Number, from 1, of the line that the first of these offsets is in.
    pub first_line: u64,
}

impl Records {
    fn line_end(&self) -> LineEnd {
        let splitter = self.splitter.as_ref();
        splitter.map_or(LineEnd::default(), |splitter| splitter.line_end())
    }
}

/// Walks over sources chunk by chunk; each source starts a chunk of its own. A source without
/// records gives none.
pub struct Chunks {
    sources: Vec<Records>,
    limits: SplitLimits,
    /// Records that are still to come at most.
    records_left: u64,
    seq: u64,
    source_index: usize,
    /// Where the next chunk of the current source starts; `None` before its first.
    place: Option<Place>,
    /// Every chunk so far, unless there are too many or one has more to it than its place.
    outline: Option<Vec<Cut>>,
    /// The chunks an earlier walk has found.
    known: Option<Arc<[Cut]>>,
}

/// Where a whole walk found its chunks, for the next walk over the same sources with the same
/// limits, which then splits nothing.
#[derive(Debug, Clone)]
pub struct Outline {
    limits: SplitLimits,
    cuts: Arc<[Cut]>,
}

/// The place of one chunk.
#[derive(Debug, Clone, Copy)]
struct Cut {
    place: Place,
    source_index: u32,
    length: usize,
    records: u32,
}

/// The start of a record.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: usize,
    line: u64,
    record: u64,
}

impl Chunks {
    /// A walk over the records of `sources` in order.
    pub fn new(sources: Vec<Records>, limits: SplitLimits) -> Self {
        Self {
            sources,
            limits,
            records_left: u64::MAX,
            seq: 0,
            source_index: 0,
            place: None,
            outline: Some(Vec::new()),
            known: None,
        }
    }

    /// The same walk, which ends behind the first `records` records.
    pub fn first(mut self, records: u64) -> Self {
        self.records_left = records;
        self
    }

    /// The same walk along the `outline` of an earlier one, unless that had other limits.
    pub fn along(mut self, outline: Option<&Outline>) -> Self {
        let outline = outline.filter(|outline| outline.limits == self.limits);
        self.known = outline.map(|outline| Arc::clone(&outline.cuts));
        self
    }

    /// Where the walk found its chunks; `None` before its end, or if they were too many or some of
    /// them had more to them than their place.
    pub fn into_outline(self) -> Option<Outline> {
        let whole = self.source_index == self.sources.len();
        let found = self.outline.filter(|_| whole).map(Arc::from);
        self.known.or(found).map(|cuts| Outline {
            limits: self.limits,
            cuts,
        })
    }

    fn split(&self, records: &Records, at: usize) -> Split {
        let source = &records.source;
        let mut released = at;
        let mut passed = |offset| {
            // Empty where the splitter has gone back.
            source.release(released..offset);
            released = offset;
        };
        let bytes = &source.bytes()[..records.range.end];
        let splitter = records.splitter.as_ref().expect("text has a splitter");
        let left = usize::try_from(self.records_left).unwrap_or(usize::MAX);
        let limits = SplitLimits {
            records_max: self.limits.records_max.min(left),
            ..self.limits
        };
        let split = splitter.split(bytes, at, &limits, &mut passed);
        let moved = split.end > at || split.stop != Stop::Full;
        assert!(moved, "a splitter that is not at the end moves on");
        split
    }

    /// The chunk of `source` that starts at `place`, unless only blank lines are left there.
    fn cut(&mut self, records: &Records, place: Place) -> Option<Chunk> {
        let source = &records.source;
        let split = self.split(records, place.offset);
        let next = after(place, &split);
        self.place = Some(next);
        let oversize = oversize(source, records.line_end(), place, &split);
        let records = (next.record - place.record) as u32;
        self.records_left -= u64::from(records);
        if records == 0 {
            source.release(place.offset..split.end);
            return None;
        }
        let cut = Cut {
            place,
            source_index: self.source_index as u32,
            length: split.end - place.offset,
            records,
        };
        match (&oversize, &mut self.outline) {
            (None, Some(outline)) if outline.len() < CUTS_MAX => outline.push(cut),
            _ => self.outline = None,
        }
        Some(self.chunk(cut, oversize))
    }

    /// The chunk of the typed rows from `place` on, all of one row group.
    fn cut_rows(&mut self, columnar: &Columnar, place: Place) -> Chunk {
        let group = columnar.group_of(place.record);
        let left = columnar.group_rows(group).end - place.record;
        let fitting = self.limits.bytes_max / columnar.row_bytes(group).max(1);
        let rows = fitting.clamp(1, self.limits.records_max.max(1)) as u64;
        let rows = rows.min(left).min(self.records_left);
        self.records_left -= rows;
        let next = Place {
            offset: columnar.offset_of(place.record + rows) as usize,
            line: place.line + rows,
            record: place.record + rows,
        };
        self.place = Some(next);
        let cut = Cut {
            place,
            source_index: self.source_index as u32,
            length: next.offset - place.offset,
            records: rows as u32,
        };
        match &mut self.outline {
            Some(outline) if outline.len() < CUTS_MAX => outline.push(cut),
            _ => self.outline = None,
        }
        self.chunk(cut, None)
    }

    /// The next chunk, whose place is `cut`.
    fn chunk(&mut self, cut: Cut, oversize: Option<Oversize>) -> Chunk {
        let seq = self.seq;
        self.seq += 1;
        let records = &self.sources[cut.source_index as usize];
        if records.splitter.is_some() {
            let start = cut.place.offset;
            records.source.hold(start..start + cut.length);
        }
        Chunk {
            seq,
            source: Arc::clone(&records.source),
            source_index: cut.source_index,
            offset: cut.place.offset as u64,
            length: cut.length,
            first_record: cut.place.record,
            first_line: cut.place.line,
            line_end: records.line_end(),
            records: cut.records,
            oversize,
        }
    }
}

impl Iterator for Chunks {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        if let Some(known) = &self.known {
            let cut = *known.get(self.seq as usize)?;
            return Some(self.chunk(cut, None));
        }
        if self.records_left == 0 {
            self.source_index = self.sources.len();
        }
        while let Some(records) = self.sources.get(self.source_index) {
            let records = records.clone();
            let place = self.place.unwrap_or(Place {
                offset: records.range.start,
                line: records.first_line,
                record: 0,
            });
            let columnar = records.source.columnar();
            let is_past = match columnar {
                None => place.offset >= records.range.end,
                Some(columnar) => place.record >= columnar.rows(),
            };
            if is_past {
                self.source_index += 1;
                self.place = None;
            } else if let Some(columnar) = columnar {
                return Some(self.cut_rows(columnar, place));
            } else if let Some(chunk) = self.cut(&records, place) {
                return Some(chunk);
            }
        }
        None
    }
}

/// Where splitting goes on after `split`, which started at `place`.
fn after(place: Place, split: &Split) -> Place {
    let next = Place {
        offset: split.end,
        line: place.line + split.newlines,
        record: place.record + u64::from(split.records),
    };
    match split.stop {
        Stop::Full | Stop::EndOfInput => next,
        Stop::Oversize {
            resume, newlines, ..
        } => Place {
            offset: resume,
            line: next.line + newlines,
            record: next.record + 1,
        },
    }
}

/// The oversize record that ends `split`, which started at `place`.
fn oversize(source: &Source, line_end: LineEnd, place: Place, split: &Split) -> Option<Oversize> {
    let Stop::Oversize {
        resume,
        record_bytes,
        unclosed,
        ..
    } = split.stop
    else {
        return None;
    };
    let kept = resume.min(split.end + Reject::RAW_BYTES_MAX);
    let raw = source.bytes()[split.end..kept].into();
    source.release(split.end..resume);
    let line = place.line + split.newlines;
    Some(match unclosed {
        None => Oversize {
            reason: Reason::RecordTooLong,
            offset: split.end as u64,
            line,
            record_bytes,
            raw,
        },
        Some(quote) => Oversize {
            reason: Reason::UnclosedQuote,
            offset: quote as u64,
            line: line + count_and_release(source, line_end, split.end, quote),
            record_bytes,
            raw,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::split::lines_only::LineSplit;
    use super::*;

    const LIMITS: SplitLimits = SplitLimits {
        records_max: 2,
        bytes_max: 1 << 20,
        record_bytes_max: 1 << 20,
    };

    fn open(dir: &Path, contents: &[&[u8]]) -> Vec<Arc<Source>> {
        let numbered = contents.iter().enumerate();
        let sources = numbered.map(|(index, content)| {
            let path = dir.join(format!("{index}.csv"));
            std::fs::write(&path, content).expect("written");
            let source = Source::open(&path, dir, &mut |_| Ok(())).expect("opened");
            Arc::new(source)
        });
        sources.collect()
    }

    /// The records of `sources` behind their headers, if they have any.
    fn records(sources: &[Arc<Source>], header: bool) -> Vec<Records> {
        let records = sources.iter().map(|source| {
            let data = source.data();
            let limits = SplitLimits {
                records_max: 1,
                bytes_max: usize::MAX,
                record_bytes_max: usize::MAX,
            };
            let bytes = source.bytes();
            let split = LineSplit.split(bytes, data.start, &limits, &mut |_| {});
            let (start, newlines) = match header {
                true => (split.end, split.newlines),
                false => (data.start, 0),
            };
            Records {
                source: Arc::clone(source),
                splitter: Some(Arc::new(LineSplit)),
                range: start..data.end,
                first_line: 1 + newlines,
            }
        });
        records.collect()
    }

    fn walk(contents: &[&[u8]], header: bool, limits: SplitLimits) -> Vec<Chunk> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let sources = open(dir.path(), contents);
        Chunks::new(records(&sources, header), limits).collect()
    }

    #[test]
    fn a_walk_may_end_behind_its_first_records() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let sources = open(dir.path(), &[b"a\nb\nc\n", b"", b"\nd\ne\nf\n"]);
        for first in 1..8 {
            for records_max in 1..4 {
                let limits = SplitLimits {
                    records_max,
                    ..LIMITS
                };
                let walk = || Chunks::new(records(&sources, false), limits).first(first);
                let mut chunks = walk();
                let found: u64 = { &mut chunks }.map(|chunk| u64::from(chunk.records)).sum();
                assert_eq!(found, first.min(6));
                let outline = chunks.into_outline();
                assert!(outline.is_some());
                let again = walk().along(outline.as_ref());
                assert_eq!(
                    again.map(|chunk| u64::from(chunk.records)).sum::<u64>(),
                    found
                );
            }
        }
    }

    #[test]
    fn what_is_around_the_records_is_left_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut records = records(&open(dir.path(), &[b"title\nh\na\nb\nc\nnote\n"]), false);
        (records[0].range, records[0].first_line) = (8..14, 3);
        let chunks: Vec<Chunk> = Chunks::new(records, LIMITS).collect();
        let expected = [(0, 0, "a\nb\n", 0, 3, 2), (1, 0, "c\n", 2, 5, 1)];
        assert_eq!(seen(&chunks), expected);
    }

    /// seq, source, bytes, first record, first line, records
    type Seen<'a> = (u64, u32, &'a str, u64, u64, u32);

    fn seen(chunks: &[Chunk]) -> Vec<Seen<'_>> {
        let seen = chunks.iter().map(|chunk| {
            (
                chunk.seq,
                chunk.source_index,
                std::str::from_utf8(chunk.bytes()).expect("ASCII"),
                chunk.first_record,
                chunk.first_line,
                chunk.records,
            )
        });
        seen.collect()
    }

    #[test]
    fn chunks_come_in_file_order_across_sources() {
        let contents: [&[u8]; 6] = [
            b"\xEF\xBB\xBFh\na\n\nb\nc\n",
            b"",
            b"h",
            b"\n\nh\n\n",
            b"h\n\nd\ne",
            b"h\nf\n\n\n",
        ];
        let chunks = walk(&contents, true, LIMITS);
        let expected = [
            (0, 0, "a\n\nb\n", 0, 2, 2),
            (1, 0, "c\n", 2, 5, 1),
            (2, 4, "\nd\ne", 0, 2, 2),
            (3, 5, "f\n\n\n", 0, 2, 1),
        ];
        assert_eq!(seen(&chunks), expected);
        assert_eq!(chunks[0].offset, 5);
    }

    #[test]
    fn a_walk_along_an_outline_finds_the_same_chunks() {
        let contents: [&[u8]; 4] = [b"h\na\n\nb\nc\n", b"h\n", b"", b"h\n\nd\nee\nf"];
        let dir = tempfile::tempdir().expect("a temporary directory");
        let sources = open(dir.path(), &contents);
        let walk = |limits| Chunks::new(records(&sources, true), limits);
        let mut first = walk(LIMITS);
        let found: Vec<Chunk> = first.by_ref().collect();
        let outline = first.into_outline().expect("nothing oversize");
        let mut second = walk(LIMITS).along(Some(&outline));
        let again: Vec<Chunk> = second.by_ref().collect();
        assert_eq!(seen(&again), seen(&found));
        assert!(second.into_outline().is_some());

        let other = SplitLimits {
            records_max: 1,
            ..LIMITS
        };
        assert_eq!(walk(other).along(Some(&outline)).count(), 6);
        let narrow = SplitLimits {
            record_bytes_max: 1,
            ..LIMITS
        };
        let mut oversize = walk(narrow);
        assert!(walk(LIMITS).into_outline().is_none(), "not walked yet");
        oversize.by_ref().for_each(drop);
        assert!(oversize.into_outline().is_none());
    }

    #[test]
    fn without_a_header_the_first_record_is_data() {
        let chunks = walk(&[b"a\nb\nc\n", b"d"], false, LIMITS);
        let expected = [
            (0, 0, "a\nb\n", 0, 1, 2),
            (1, 0, "c\n", 2, 3, 1),
            (2, 1, "d", 0, 1, 1),
        ];
        assert_eq!(seen(&chunks), expected);
    }

    #[test]
    fn an_oversize_record_rides_on_the_chunk_before_it() {
        let limits = SplitLimits {
            record_bytes_max: 3,
            ..LIMITS
        };
        let chunks = walk(&[b"h\na\ntoo long\nlonger\nb\n"], true, limits);
        let expected = [
            (0, 0, "a\n", 0, 2, 2),
            (1, 0, "", 2, 4, 1),
            (2, 0, "b\n", 3, 5, 1),
        ];
        assert_eq!(seen(&chunks), expected);
        let oversize = chunks[0].oversize.as_ref().expect("too long");
        assert_eq!(
            *oversize,
            Oversize {
                reason: Reason::RecordTooLong,
                offset: 4,
                line: 3,
                record_bytes: 8,
                raw: b"too long\n".as_slice().into(),
            }
        );
        let reject = chunks[0].oversize_reject().expect("too long");
        assert_eq!(reject.chunk_offset, 2);
        assert_eq!(chunks[0].line_number(reject.chunk_offset), oversize.line);
        assert_eq!(chunks[1].position(0).byte_offset, 13);
        assert_eq!(chunks[1].position(0).line, Some(4));
        assert!(chunks[2].oversize.is_none() && chunks[2].oversize_reject().is_none());
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_the_source() {
        let limits = SplitLimits {
            record_bytes_max: 1,
            ..LIMITS
        };
        let long = [b"h\na\n\"".as_slice(), &b"x\n".repeat(50_000)].concat();
        let chunks = walk(&[&long, b"h\nb\n"], true, limits);
        assert_eq!(seen(&chunks)[0], (0, 0, "a\n", 0, 2, 2));
        assert_eq!(seen(&chunks)[1], (1, 1, "b\n", 0, 2, 1));
        let oversize = chunks[0].oversize.as_ref().expect("unclosed");
        assert_eq!(oversize.reason, Reason::UnclosedQuote);
        assert_eq!((oversize.offset, oversize.line), (4, 3));
        assert_eq!(oversize.record_bytes, 100_000);
        assert_eq!(oversize.raw.len(), Reject::RAW_BYTES_MAX);
    }

    #[test]
    fn released_chunks_read_the_same_again() {
        let content = b"0123456789\n".repeat(100_000);
        for chunk in walk(&[&content], false, LIMITS).iter().step_by(10_000) {
            let before = chunk.bytes().to_vec();
            chunk.release();
            assert_eq!(chunk.bytes(), before);
        }
    }

    proptest! {
        #[test]
        fn any_limits_give_the_same_records(
            contents in proptest::collection::vec("[ab\n]{0,40}", 1..4),
            header: bool,
            records_max in 1_usize..5,
            bytes_max in 1_usize..20,
            record_bytes_max in 1_usize..6,
        ) {
            let limits = SplitLimits { records_max, bytes_max, record_bytes_max };
            let contents: Vec<&[u8]> = contents.iter().map(String::as_bytes).collect();
            let chunks = walk(&contents, header, limits);
            let mut found = Vec::new();
            for (seq, chunk) in chunks.iter().enumerate() {
                prop_assert_eq!(chunk.seq, seq as u64);
                let mut offset = 0;
                let mut records = chunk.first_record;
                for line in chunk.bytes().split_inclusive(|&byte| byte == b'\n') {
                    if line != b"\n" {
                        let number = chunk.line_number(offset);
                        found.push((chunk.source_index, records, number, line.to_vec()));
                        records += 1;
                    }
                    offset += line.len();
                }
                if let Some(oversize) = &chunk.oversize {
                    let line = oversize.raw.to_vec();
                    found.push((chunk.source_index, records, oversize.line, line));
                    records += 1;
                }
                prop_assert_eq!(records - chunk.first_record, u64::from(chunk.records));
            }
            let mut expected = Vec::new();
            for (index, content) in contents.iter().enumerate() {
                let lines = content.split_inclusive(|&byte| byte == b'\n');
                let numbered = (1_u64..).zip(lines).filter(|(_, line)| *line != b"\n");
                let records = numbered.skip(usize::from(header));
                for (record, (number, line)) in (0_u64..).zip(records) {
                    expected.push((index as u32, record, number, line.to_vec()));
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
