//! Chunk bytes -> [`Fields`], a block of records at a time so that bytes and bounds stay in cache.
//!
//! The separator scan lists where fields end. Where all records of a block are alike, which is
//! nearly always, that list is the block's bounds as it stands. Otherwise the list is cut into
//! records and each one's number of fields is checked; a record that the scan cannot end (an illegal
//! quote, no line end, far too many fields) goes through the plain machine. In a dialect that the
//! scan does not know, all records are walked through in hops.
//! Invariant: good and bad records are exactly those the splitter counted, in order.

use std::sync::Arc;

use crate::base::{Dialect, Repair};

use super::fields::{Bounds, Fields};
use super::found::Found;
use super::separators::{Listed, SeparatorScan};
use super::split::assert_dialect;
use crate::base::masks::{BLOCK_BYTES, Kernel};

/// Finds the fields of chunks. Its buffers are reused: they grow to the largest block and stay.
#[derive(Debug)]
pub struct Indexer {
    kernel: Kernel,
    /// Where a scan started, then one past each separator it found.
    offsets: Vec<u32>,
    block: Found,
}

/// Good records without blank lines between them, all ending with the same line end.
#[derive(Debug, Clone, Copy)]
struct Alike {
    rows: usize,
    /// Offset just past the last of them.
    end: usize,
    carriage: bool,
}

impl Indexer {
    /// An indexer of records of `columns` fields, on the fastest kernel of this machine.
    ///
    /// # Panics
    /// If `columns` is 0, or if delimiter, quote and line ends are not four different ASCII bytes.
    pub fn new(dialect: Dialect, columns: usize, record_bytes_max: usize) -> Self {
        Self::with_kernel(dialect, columns, record_bytes_max, Kernel::best())
    }

    /// An indexer on `kernel`. Panics as [`Indexer::new`].
    pub fn with_kernel(
        dialect: Dialect,
        columns: usize,
        record_bytes_max: usize,
        kernel: Kernel,
    ) -> Self {
        assert_dialect(dialect);
        assert!(columns > 0, "a table has a column");
        Self {
            kernel,
            offsets: Vec::new(),
            block: Found::new(dialect, columns, record_bytes_max),
        }
    }

    /// The same indexer, which repairs records of too few or too many fields as `repair` says.
    pub fn repairing(mut self, repair: Repair) -> Self {
        self.block.repair = repair;
        self
    }

    /// The same indexer, to which records with a longer field are bad.
    pub fn fields_up_to(mut self, field_bytes_max: usize) -> Self {
        self.block.field_bytes_max = field_bytes_max;
        self
    }

    /// From now on the record `header` is bad wherever it stands, until that is `None` again. It
    /// costs the speed of plain dialects.
    pub fn reject_header(&mut self, header: Option<Arc<[u8]>>) {
        self.block.header = header;
    }

    /// Indexes up to `records_max` records of `chunk` from the record start `*at` on, and moves
    /// `*at` to the next record start. `None` when only blank lines are left.
    ///
    /// # Panics
    /// If `chunk` is 4 GiB or larger or `records_max` is 0, which are bugs.
    pub fn next<'a>(
        &'a mut self,
        chunk: &'a [u8],
        at: &mut usize,
        records_max: usize,
    ) -> Option<Fields<'a>> {
        assert!(chunk.len() < u32::MAX as usize, "offsets have 32 bits");
        assert!(records_max > 0, "a block has a record");
        let start = *at;
        self.block.clear();
        if !self.block.dialect.is_plain() || self.block.header.is_some() {
            while self.block.count < records_max && *at < chunk.len() {
                *at = self
                    .block
                    .take_hopping(self.kernel, chunk, *at, records_max);
            }
            return (self.block.count > 0).then(|| self.block.fields(chunk));
        }
        self.reserve(chunk.len() - start, records_max);
        while self.block.count < records_max && *at < chunk.len() {
            let listed = self.scan(chunk, *at, records_max - self.block.count);
            if self.block.count == 0
                && let Some(alike) = self.alike(chunk, listed, records_max)
            {
                *at = alike.end;
                return Some(self.fields_alike(chunk, alike));
            }
            *at = match listed.line_ends {
                0 => self.block.take_walked(chunk, *at),
                _ => {
                    let separators = &self.offsets[1..=listed.separators];
                    self.block
                        .take_lines(chunk, *at, separators, listed.line_ends, records_max)
                }
            };
        }
        if simdutf8::basic::from_utf8(&chunk[start..*at]).is_err() {
            self.block.move_invalid_utf8(chunk);
        }
        (self.block.count > 0).then(|| self.block.fields(chunk))
    }

    /// Lists the separators of up to `records_max` records from the record start `from` on.
    fn scan(&mut self, chunk: &[u8], from: usize, records_max: usize) -> Listed {
        self.offsets[0] = from as u32;
        self.kernel.run(SeparatorScan {
            bytes: chunk,
            from,
            dialect: self.block.dialect,
            line_ends_max: records_max,
            separators: &mut self.offsets[1..],
        })
    }

    /// The first records of the list, if all are good and end alike.
    fn alike(&self, chunk: &[u8], listed: Listed, records_max: usize) -> Option<Alike> {
        let columns = self.block.columns;
        let rows = listed.line_ends.min(records_max);
        let used = rows * columns;
        // A record of one column may be blank, which the number of its separators does not show.
        if rows == 0 || columns == 1 || used > listed.separators {
            return None;
        }
        let (start, end) = (self.offsets[0] as usize, self.offsets[used] as usize);
        let newline = |after: &&u32| chunk[**after as usize - 1] == b'\n';
        let behind = &self.offsets[used + 1..=listed.separators];
        let behind = behind.iter().filter(newline).count();
        let (mut newlines, mut carriages) = (0, 0);
        for &after in self.offsets[columns..=used].iter().step_by(columns) {
            let [carriage, newline] = chunk[after as usize - 2..][..2] else {
                unreachable!("a slice of two bytes");
            };
            newlines += usize::from(newline == b'\n');
            carriages += usize::from(carriage == b'\r');
        }
        let alike = newlines == rows
            && rows + behind == listed.line_ends
            && (carriages == 0 || carriages == rows)
            && end - start <= self.block.plain_bytes_max()
            && simdutf8::basic::from_utf8(&chunk[start..end]).is_ok();
        alike.then_some(Alike {
            rows,
            end,
            carriage: carriages > 0,
        })
    }

    fn fields_alike<'a>(&'a self, bytes: &'a [u8], alike: Alike) -> Fields<'a> {
        let columns = self.block.columns;
        Fields {
            bytes,
            columns,
            rows: alike.rows,
            bounds: Bounds {
                offsets: &self.offsets[..=alike.rows * columns],
                step: 1,
                stride: columns,
                carriage: alike.carriage,
            },
            record_indices: &[],
            bad: &[],
            repaired: &[],
        }
    }

    /// Makes room for a block of `records_max` good records, but for no more than `bytes` can hold.
    fn reserve(&mut self, bytes: usize, records_max: usize) {
        let separators = records_max.saturating_mul(self.block.columns).min(bytes) + 1;
        let offsets = 1 + separators + BLOCK_BYTES;
        if self.offsets.len() < offsets {
            self.offsets.resize(offsets, 0);
        }
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.offsets.capacity() * size_of::<u32>() + self.block.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Reason, RepairKind, TooFew, TooMany};

    /// Rows joined by `|`, and the bad records as (record, reason, offset).
    type Indexed = (Vec<String>, Vec<(u32, Reason, usize)>);

    fn index(text: &[u8], columns: usize, records_max: usize) -> Vec<Indexed> {
        let blocks = |kernel| {
            let mut indexer = Indexer::with_kernel(Dialect::default(), columns, 20, kernel);
            let mut at = 0;
            let mut blocks = Vec::new();
            while let Some(fields) = indexer.next(text, &mut at, records_max) {
                let row = |row| {
                    let cells = (0..columns).map(|column| fields.field(row, column));
                    let cells: Vec<_> = cells.map(String::from_utf8_lossy).collect();
                    cells.join("|")
                };
                let bad = fields.bad().iter();
                blocks.push((
                    (0..fields.rows()).map(row).collect(),
                    bad.map(|bad| (bad.record, bad.reason, bad.offset))
                        .collect(),
                ));
            }
            assert_eq!(at, text.len());
            blocks
        };
        let mut kernels = Kernel::available().into_iter();
        let expected: Vec<Indexed> = blocks(Kernel::portable());
        assert!(kernels.all(|kernel| blocks(kernel) == expected));
        expected
    }

    #[test]
    fn line_ends_and_quotes_stay_outside_and_inside() {
        let [(rows, bad)] = &index(b"a,b\r\n\"c,\"\"\n\",\n\r\n,d", 2, 9)[..] else {
            panic!("one block");
        };
        assert_eq!(rows, &["a|b", "\"c,\"\"\n\"|", "|d"]);
        assert_eq!(bad, &[]);
    }

    #[test]
    fn every_reason_is_told() {
        let text = b"a,b\nc\n\xff,d\ne,f,g\n\"h\"i,j\nk,aaaaaaaaaaaaaaaaaaaaaaa\nl,m\n\nn,\"o\n";
        let [(rows, bad)] = &index(text, 2, 9)[..] else {
            panic!("one block");
        };
        assert_eq!(rows, &["a|b", "l|m"]);
        let expected = [
            (1, Reason::TooFewFields, 4),
            (2, Reason::InvalidUtf8, 6),
            (3, Reason::TooManyFields, 10),
            (4, Reason::TextAfterQuote, 16),
            (5, Reason::RecordTooLong, 23),
            (7, Reason::UnclosedQuote, 56),
        ];
        assert_eq!(bad, &expected);
    }

    #[test]
    fn blocks_hold_as_many_records_as_asked_for() {
        let blocks = index(b"a\n\n\"\"\n\nb,c\nd\n\n", 1, 2);
        let rows = |block: usize| blocks[block].0.clone();
        assert_eq!(
            (blocks.len(), rows(0), rows(1)),
            (2, vec!["a".into(), "\"\"".into()], vec!["d".into()])
        );
        assert_eq!(blocks[1].1, [(0, Reason::TooManyFields, 7)]);
    }

    #[test]
    fn rows_know_their_records() {
        let mut indexer = Indexer::new(Dialect::default(), 1, 99);
        let text = b"a\nb,\nc\n\xff\nd\n";
        let fields = indexer.next(text, &mut 0, 9).expect("there are records");
        assert_eq!(fields.record_indices(), Some(&[0, 2, 4][..]));
        assert_eq!(fields.bounds().offsets, [0, 2, 5, 7, 9, 11]);
        let fields = indexer.next(&text[..2], &mut 0, 9).expect("a record");
        assert_eq!((fields.record_indices(), fields.records()), (None, 1));
    }

    #[test]
    fn records_are_repaired_as_asked_for() {
        let text = b"a,b,c\n,d\n\"e\",f,g,\"h,\n\"\ni,j,\"k\",l\n\"m\"n,o\n\xff,p\nq,r,s\r\nt";
        let pad = Repair {
            too_few: TooFew::Pad,
            too_many: TooMany::Reject,
        };
        let truncate = Repair {
            too_few: TooFew::Reject,
            too_many: TooMany::Truncate,
        };
        let merge = Repair {
            too_many: TooMany::MergeLast,
            ..pad
        };
        for (repair, expected, kinds, rejected) in [
            (pad, "a|b|c |d| q|r|s t||", "p1 p7", 4),
            (truncate, "a|b|c e|f|g i|j|k q|r|s", "t2 t3", 4),
            (merge, "a|b|c |d| e|f|g,\"h,~ q|r|s t||", "p1 m2 p7", 3),
        ] {
            for kernel in Kernel::available() {
                let indexer = Indexer::with_kernel(Dialect::default(), 3, 99, kernel);
                let mut indexer = indexer.repairing(repair);
                let fields = indexer.next(text, &mut 0, 99).expect("there are records");
                let row = |row| (0..3).map(move |column| (row, column));
                let cell = |(row, column)| {
                    let text =
                        String::from_utf8_lossy(fields.field(row, column)).replace('\n', "~");
                    text.trim_matches('"').to_owned()
                };
                let rows =
                    (0..fields.rows()).map(|r| row(r).map(cell).collect::<Vec<_>>().join("|"));
                assert_eq!(rows.collect::<Vec<_>>().join(" "), expected);
                let kind = |repaired: &super::super::RepairedRecord| {
                    let letter = match repaired.kind {
                        RepairKind::Padded => 'p',
                        RepairKind::Truncated => 't',
                        RepairKind::Merged => 'm',
                    };
                    format!("{letter}{}", repaired.record)
                };
                let found: Vec<_> = fields.repaired().iter().map(kind).collect();
                assert_eq!(found.join(" "), kinds);
                assert_eq!((fields.bad().len(), fields.records()), (rejected, 8));
            }
        }
    }

    #[test]
    fn long_fields_and_the_header_are_bad_where_that_is_asked_for() {
        let text = b"a,b\nccccc,d\ne,\"ff\"\n\xEF\xBB\xBFa,b\ng,\"hhh\"\na,b,\na,b\r\n";
        for kernel in Kernel::available() {
            let indexer = Indexer::with_kernel(Dialect::default(), 2, 99, kernel);
            let mut indexer = indexer.fields_up_to(4);
            let fields = indexer.next(text, &mut 0, 99).expect("there are records");
            let bad = |bad: &super::super::BadRecord| (bad.record, bad.reason, bad.offset);
            let long = [(1, Reason::FieldTooLong, 4), (4, Reason::FieldTooLong, 28)];
            let many = (5, Reason::TooManyFields, 34);
            // The mark is part of a field of four bytes.
            let found: Vec<_> = fields.bad().iter().map(bad).collect();
            assert_eq!(found, [long[0], long[1], many]);
            indexer.reject_header(Some(Arc::from(&b"a,b"[..])));
            let fields = indexer.next(text, &mut 0, 99).expect("there are records");
            let again = |record, offset| (record, Reason::RepeatedHeader, offset);
            let found: Vec<_> = fields.bad().iter().map(bad).collect();
            let expected = [
                again(0, 0),
                long[0],
                again(3, 19),
                long[1],
                many,
                again(6, 39),
            ];
            assert_eq!(found, expected);
            indexer.reject_header(None);
            let fields = indexer.next(text, &mut 0, 99).expect("there are records");
            assert_eq!((fields.rows(), fields.bad().len()), (4, 3));
        }
    }

    #[test]
    fn buffers_grow_to_the_largest_block_and_stay() {
        let mut indexer = Indexer::new(Dialect::default(), 2, 9999);
        let text = b"a,b\n".repeat(1000);
        let mut index = |text: &[u8]| {
            let mut at = 0;
            while indexer.next(text, &mut at, 100).is_some() {}
            indexer.memory_bytes()
        };
        let warm = index(&text);
        assert_eq!(index(&text), warm);
        // Records with far too many fields are not listed in full.
        assert!(index(&b",".repeat(9000)) < 2 * warm);
        assert!(warm < 16 * 1024);
    }
}
