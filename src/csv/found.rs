//! The records of a block as an [`Indexer`](super::Indexer) finds them: their bounds, the bad ones
//! with their reason, and those that were repaired. Invariant: each record is taken once, in order,
//! and either has a row or is bad.

use std::sync::Arc;

use crate::base::masks::Kernel;
use crate::base::{Dialect, Reason, Repair, RepairKind, TooFew, TooMany};

use super::extent::Extent;
use super::fields::{BadRecord, Bounds, Fields, RepairedRecord};
use super::hops::{Hops, Span};
use super::machine::walk;

/// Offsets of a field: its own start and end, so that a row need not be the whole of its record.
const STEP: usize = 2;

/// The records of a block so far.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) dialect: Dialect,
    pub(super) columns: usize,
    pub(super) record_bytes_max: usize,
    pub(super) field_bytes_max: usize,
    pub(super) repair: Repair,
    /// What no row is.
    pub(super) header: Option<Arc<[u8]>>,
    /// Records so far, good and bad.
    pub(super) count: usize,
    bounds: Vec<u32>,
    /// The index of each row's record, kept from the first bad record on.
    indices: Vec<u32>,
    bad: Vec<BadRecord>,
    repaired: Vec<RepairedRecord>,
    /// Those of one record, as many as there are columns.
    spans: Vec<Span>,
}

impl Found {
    pub(super) fn new(dialect: Dialect, columns: usize, record_bytes_max: usize) -> Self {
        Self {
            dialect,
            columns,
            record_bytes_max,
            field_bytes_max: usize::MAX,
            repair: Repair::default(),
            header: None,
            count: 0,
            bounds: Vec::new(),
            indices: Vec::new(),
            bad: Vec::new(),
            repaired: Vec::new(),
            spans: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.bounds.clear();
        self.indices.clear();
        self.bad.clear();
        self.repaired.clear();
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        (self.bounds.capacity() + self.indices.capacity()) * size_of::<u32>()
            + self.bad.capacity() * size_of::<BadRecord>()
            + self.repaired.capacity() * size_of::<RepairedRecord>()
            + self.spans.capacity() * size_of::<Span>()
    }

    /// How long records may be that need not be looked at one by one.
    pub(super) fn plain_bytes_max(&self) -> usize {
        self.record_bytes_max.min(self.field_bytes_max)
    }

    pub(super) fn fields<'a>(&'a self, bytes: &'a [u8]) -> Fields<'a> {
        let stride = self.columns * STEP;
        Fields {
            bytes,
            columns: self.columns,
            rows: self.bounds.len() / stride,
            bounds: Bounds {
                offsets: &self.bounds,
                step: STEP,
                stride,
                carriage: false,
            },
            record_indices: &self.indices,
            bad: &self.bad,
            repaired: &self.repaired,
        }
    }

    /// Takes records from the list of a scan that started at the record start `start`, until
    /// there are `records_max`. Returns the next record start.
    pub(super) fn take_lines(
        &mut self,
        bytes: &[u8],
        mut start: usize,
        separators: &[u32],
        line_ends: usize,
        records_max: usize,
    ) -> usize {
        let is_newline = |after: &u32| bytes[*after as usize - 1] == b'\n';
        let plain_bytes_max = self.plain_bytes_max();
        for separators in separators.split_inclusive(is_newline).take(line_ends) {
            if self.count == records_max {
                break;
            }
            let line_end = separators[separators.len() - 1] as usize;
            let mut end = line_end - 1;
            if end > start && bytes[end - 1] == b'\r' {
                end -= 1;
            }
            if end - start > plain_bytes_max {
                // Its quotes may be too far apart.
                return self.take_walked(bytes, start);
            }
            if separators.len() == self.columns && end > start {
                self.push_row(start, &separators[..self.columns - 1], end);
            } else if end > start {
                self.take_odd(bytes, start, separators, end);
            }
            start = line_end;
        }
        start
    }

    /// Takes the record at `start`, whose number of fields is not that of the columns.
    #[cold]
    fn take_odd(&mut self, bytes: &[u8], start: usize, separators: &[u32], end: usize) {
        let ends = &separators[..separators.len() - 1];
        let starts = [start as u32].into_iter().chain(ends.iter().copied());
        let spans = starts.zip(ends.iter().map(|after| after - 1));
        self.spans.clear();
        self.spans.extend(spans.take(self.columns));
        self.push(
            bytes,
            &Extent {
                start,
                end,
                next: separators[ends.len()] as usize,
                fields: separators.len(),
                last: (ends.last().map_or(start, |after| *after as usize), end),
                newlines: 0,
                flaw: None,
                is_record: true,
            },
        );
    }

    /// Takes records from the record start `start` on, until there are `records_max`, in a dialect
    /// that scans do not know. Returns the next record start.
    pub(super) fn take_hopping(
        &mut self,
        kernel: Kernel,
        bytes: &[u8],
        start: usize,
        records_max: usize,
    ) -> usize {
        let mut spans = std::mem::take(&mut self.spans);
        let hops = Hops {
            bytes,
            from: start,
            dialect: self.dialect,
            record_bytes_max: self.record_bytes_max,
            spans_max: self.columns,
            spans: &mut spans,
            each: |extent: &Extent, spans: &mut Vec<Span>| {
                if extent.is_record {
                    // The record's own spans are where they are looked for.
                    std::mem::swap(spans, &mut self.spans);
                    self.push(bytes, extent);
                    std::mem::swap(spans, &mut self.spans);
                }
                self.count < records_max
            },
        };
        let next = kernel.run(hops);
        self.spans = spans;
        if self.count < records_max && next < bytes.len() {
            return self.take_walked(bytes, next);
        }
        next
    }

    /// Takes the record at `start` through the plain machine. Returns the next record start.
    pub(super) fn take_walked(&mut self, bytes: &[u8], start: usize) -> usize {
        let (spans, columns) = (&mut self.spans, self.columns);
        spans.clear();
        let extent = walk(
            bytes,
            start,
            self.dialect,
            self.record_bytes_max,
            |start, end| {
                if spans.len() < columns {
                    spans.push((start as u32, end as u32));
                }
            },
        );
        if extent.is_record {
            self.push(bytes, &extent);
        }
        extent.next
    }

    /// Takes the record of `extent`, of whose fields but the last the first are in `spans`.
    fn push(&mut self, bytes: &[u8], extent: &Extent) {
        let reason = self.flaw(extent, bytes);
        let kind = reason.and_then(|(reason, _)| self.repair_of(reason, bytes));
        let is_row = reason.is_none() || kind.is_some();
        if is_row && simdutf8::basic::from_utf8(&bytes[extent.start..extent.end]).is_err() {
            return self.push_bad(extent, Reason::InvalidUtf8, extent.start);
        }
        let (last_start, last_end) = (extent.last.0 as u32, extent.last.1 as u32);
        match (reason, kind) {
            (None, _) => self.spans.push((last_start, last_end)),
            (_, Some(RepairKind::Padded)) => {
                self.spans.push((last_start, last_end));
                self.spans.resize(self.columns, (last_end, last_end));
            }
            (_, Some(RepairKind::Truncated)) => {}
            (_, Some(RepairKind::Merged)) => self.spans[self.columns - 1].1 = last_end,
            (Some((reason, offset)), None) => return self.push_bad(extent, reason, offset),
        }
        if let Some(kind) = kind {
            self.repaired.push(RepairedRecord {
                record: self.count as u32,
                kind,
                start: extent.start,
                end: extent.end,
            });
        }
        for &(start, end) in &self.spans {
            self.bounds.extend([start, end + 1]);
        }
        self.count_row();
    }

    /// What is wrong with a record, and the offset to report.
    fn flaw(&self, extent: &Extent, bytes: &[u8]) -> Option<(Reason, usize)> {
        if extent.bytes() > self.record_bytes_max {
            Some((Reason::RecordTooLong, extent.start))
        } else if extent.flaw.is_some() {
            extent.flaw
        } else if let Some(offset) = self.long_field(extent) {
            Some((Reason::FieldTooLong, offset))
        } else if self.is_header(&bytes[extent.start..extent.end]) {
            Some((Reason::RepeatedHeader, extent.start))
        } else if extent.fields < self.columns {
            Some((Reason::TooFewFields, extent.start))
        } else {
            (extent.fields > self.columns).then_some((Reason::TooManyFields, extent.start))
        }
    }

    /// Where the first field starts that is too long.
    fn long_field(&self, extent: &Extent) -> Option<usize> {
        if extent.bytes() <= self.field_bytes_max {
            return None;
        }
        let last = (extent.last.0 as u32, extent.last.1 as u32);
        let mut spans = self.spans.iter().copied().chain([last]);
        let found = spans.find(|(start, end)| (end - start) as usize > self.field_bytes_max);
        found.map(|(start, _)| start as usize)
    }

    /// Whether a record is the header, perhaps with the mark of the file that it began.
    fn is_header(&self, record: &[u8]) -> bool {
        let record = record.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(record);
        self.header.as_deref() == Some(record)
    }

    /// How the record in `spans` becomes a row although it has that flaw. Where the first of the
    /// fields to be merged is quoted, the quotes would no longer enclose the whole.
    fn repair_of(&self, reason: Reason, bytes: &[u8]) -> Option<RepairKind> {
        match (reason, self.repair.too_few, self.repair.too_many) {
            (Reason::TooFewFields, TooFew::Pad, _) => Some(RepairKind::Padded),
            (Reason::TooManyFields, _, TooMany::Truncate) => Some(RepairKind::Truncated),
            (Reason::TooManyFields, _, TooMany::MergeLast) => {
                let (start, end) = self.spans[self.columns - 1];
                let first = bytes[start as usize..end as usize].first();
                let is_quoted = first.is_some() && first.copied() == self.dialect.quote;
                (!is_quoted).then_some(RepairKind::Merged)
            }
            _ => None,
        }
    }

    #[inline]
    fn push_row(&mut self, start: usize, delimiters: &[u32], end: usize) {
        self.bounds.push(start as u32);
        for &delimiter in delimiters {
            self.bounds.extend([delimiter, delimiter]);
        }
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
    fn push_bad(&mut self, extent: &Extent, reason: Reason, offset: usize) {
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

    /// Moves the rows that are not UTF-8 to the bad records. Only rows that are the whole of their
    /// record are found here; the others were looked at one by one.
    #[cold]
    pub(super) fn move_invalid_utf8(&mut self, bytes: &[u8]) {
        if self.bad.is_empty() {
            self.indices.extend(0..self.count as u32);
        }
        let stride = self.columns * STEP;
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
