//! Chunk bytes -> [`Fields`], a block of records at a time so that bytes and bounds stay in cache.
//!
//! The separator scan lists where fields end. Where all records of a block are alike, which is
//! nearly always, that list is the block's bounds as it stands. Otherwise the list is cut into
//! records and each one's number of fields is checked; a record that the scan cannot end (an illegal
//! quote, no line end, far too many fields) goes through the plain machine.
//! Invariant: good and bad records are exactly those the splitter counted, in order.

use crate::base::{Dialect, Reason};

use super::fields::{BadRecord, Bounds, Fields};
use super::record::{Extent, walk};
use super::separators::{Listed, SeparatorScan};
use super::split::assert_dialect;
use crate::base::masks::{BLOCK_BYTES, Kernel};

/// Finds the fields of chunks. Its buffers are reused: they grow to the largest block and stay.
#[derive(Debug)]
pub struct Indexer {
    kernel: Kernel,
    /// Where a scan started, then one past each separator it found.
    offsets: Vec<u32>,
    block: Records,
}

/// Good records without blank lines between them, all ending with the same line end.
#[derive(Debug, Clone, Copy)]
struct Alike {
    rows: usize,
    /// Offset just past the last of them.
    end: usize,
    carriage: bool,
}

/// The records of a block as they are found.
#[derive(Debug)]
struct Records {
    dialect: Dialect,
    columns: usize,
    record_bytes_max: usize,
    /// Records so far, good and bad.
    count: usize,
    bounds: Vec<u32>,
    /// The index of each row's record, kept from the first bad record on.
    indices: Vec<u32>,
    bad: Vec<BadRecord>,
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
            block: Records {
                dialect,
                columns,
                record_bytes_max,
                count: 0,
                bounds: Vec::new(),
                indices: Vec::new(),
                bad: Vec::new(),
            },
        }
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
            && end - start <= self.block.record_bytes_max
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
                stride: columns,
                carriage: alike.carriage,
            },
            record_indices: &[],
            bad: &[],
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
        let offsets =
            self.offsets.capacity() + self.block.bounds.capacity() + self.block.indices.capacity();
        offsets * size_of::<u32>() + self.block.bad.capacity() * size_of::<BadRecord>()
    }
}

impl Records {
    fn clear(&mut self) {
        self.count = 0;
        self.bounds.clear();
        self.indices.clear();
        self.bad.clear();
    }

    fn fields<'a>(&'a self, bytes: &'a [u8]) -> Fields<'a> {
        let stride = self.columns + 1;
        Fields {
            bytes,
            columns: self.columns,
            rows: self.bounds.len() / stride,
            bounds: Bounds {
                offsets: &self.bounds,
                stride,
                carriage: false,
            },
            record_indices: &self.indices,
            bad: &self.bad,
        }
    }

    /// Takes records from the list of a scan that started at the record start `start`, until
    /// there are `records_max`. Returns the next record start.
    fn take_lines(
        &mut self,
        bytes: &[u8],
        mut start: usize,
        separators: &[u32],
        line_ends: usize,
        records_max: usize,
    ) -> usize {
        let is_newline = |after: &u32| bytes[*after as usize - 1] == b'\n';
        for separators in separators.split_inclusive(is_newline).take(line_ends) {
            if self.count == records_max {
                break;
            }
            let line_end = separators[separators.len() - 1] as usize;
            let mut end = line_end - 1;
            if end > start && bytes[end - 1] == b'\r' {
                end -= 1;
            }
            let good = separators.len() == self.columns && end - start <= self.record_bytes_max;
            if good && end > start {
                self.push_row(start, &separators[..self.columns - 1], end);
            } else if end > start {
                self.push_bad(&Extent {
                    start,
                    end,
                    next: line_end,
                    fields: separators.len(),
                    newlines: 0,
                    flaw: None,
                });
            }
            start = line_end;
        }
        start
    }

    /// Takes the record at `start` through the plain machine. Returns the next record start.
    fn take_walked(&mut self, bytes: &[u8], start: usize) -> usize {
        let row = self.bounds.len();
        self.bounds.push(start as u32);
        let bounds_max = row + self.columns + 1;
        let extent = walk(bytes, start, self.dialect, |delimiter| {
            if self.bounds.len() < bounds_max {
                self.bounds.push(delimiter as u32 + 1);
            }
        });
        let good = extent.flaw.is_none()
            && extent.fields == self.columns
            && extent.bytes() <= self.record_bytes_max;
        if good && !extent.is_blank() {
            self.bounds.push(extent.end as u32 + 1);
            self.count_row();
        } else {
            self.bounds.truncate(row);
            if !extent.is_blank() {
                self.push_bad(&extent);
            }
        }
        extent.next
    }

    #[inline]
    fn push_row(&mut self, start: usize, delimiters: &[u32], end: usize) {
        self.bounds.push(start as u32);
        self.bounds.extend_from_slice(delimiters);
        self.bounds.push(end as u32 + 1);
        self.count_row();
    }

    #[inline]
    fn count_row(&mut self) {
        if !self.bad.is_empty() {
            self.indices.push(self.count as u32);
        }
        self.count += 1;
    }

    #[cold]
    fn push_bad(&mut self, extent: &Extent) {
        let (reason, offset) = if extent.bytes() > self.record_bytes_max {
            (Reason::RecordTooLong, extent.start)
        } else if let Some(flaw) = extent.flaw {
            flaw
        } else if extent.fields < self.columns {
            (Reason::TooFewFields, extent.start)
        } else {
            (Reason::TooManyFields, extent.start)
        };
        if self.bad.is_empty() {
            self.indices.extend(0..self.count as u32);
        }
        self.bad.push(BadRecord {
            record: self.count as u32,
            reason,
            offset,
            start: extent.start,
            end: extent.end,
            fields: extent.fields as u32,
        });
        self.count += 1;
    }

    /// Moves the rows that are not UTF-8 to the bad records.
    #[cold]
    fn move_invalid_utf8(&mut self, bytes: &[u8]) {
        if self.bad.is_empty() {
            self.indices.extend(0..self.count as u32);
        }
        let stride = self.columns + 1;
        let mut kept = 0;
        for row in 0..self.indices.len() {
            let bounds = row * stride..(row + 1) * stride;
            let start = self.bounds[bounds.start] as usize;
            let end = self.bounds[bounds.end - 1] as usize - 1;
            if simdutf8::basic::from_utf8(&bytes[start..end]).is_ok() {
                self.bounds.copy_within(bounds, kept * stride);
                self.indices[kept] = self.indices[row];
                kept += 1;
            } else {
                self.bad.push(BadRecord {
                    record: self.indices[row],
                    reason: Reason::InvalidUtf8,
                    offset: start,
                    start,
                    end,
                    fields: self.columns as u32,
                });
            }
        }
        self.bounds.truncate(kept * stride);
        self.indices.truncate(kept);
        self.bad.sort_unstable_by_key(|bad| bad.record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
