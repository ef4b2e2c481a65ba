//! What happened to every row and cell: tallies of chunks, summed up in file order.
//!
//! In: the tally of each chunk as its batch leaves the belt. Out: [`Totals`] for the receipt, and
//! the rejects file. Invariant: rows read are counted by the splitter, rows written as they leave
//! the belt, so that the balance is a check and no tautology.

use std::path::PathBuf;
use std::sync::Arc;

use super::checks::{CheckTotals, Found, judge};
use super::filtered::{Dropped, FilteredColumns, FilteredRows};
use super::gate::Gates;
use crate::base::{Error, ErrorKind, Position, Reject, Repaired, Result, Schema};
use crate::decode::{ColumnCounts, Decoded};
use crate::input::Chunk;
use crate::output::PartInfo;
use crate::report::{CheckReceipt, Counters, RejectRow, RejectsFile, RepairsFile, encode_raw};
use crate::steps::Effect;

/// A reject and its place.
pub(crate) struct Rejected {
    position: Position,
    reject: Reject,
    /// What the check is called that the row fails.
    check: Option<Arc<str>>,
    /// Of a row that has been moved, the source, and its place among the rows of its batch.
    moved: Option<(u32, usize)>,
}

/// What happened to the rows of one chunk so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// The source of the chunk.
    source: u32,
    /// Records the splitter counted.
    read: u64,
    /// Rows that the sample left out.
    left_out: u64,
    columns: Vec<ColumnCounts>,
    /// Per step that did something, and the source of the rows that it removed.
    pub(crate) effects: Vec<(usize, u32, Effect)>,
    /// Rows that reach the lake, by source.
    pub(crate) written: Vec<(u32, u64)>,
    /// Rejected records and cells, in file order.
    rejects: Vec<Rejected>,
    /// Repaired records and their places, in file order.
    repaired: Vec<(Position, Repaired)>,
    /// What checks found.
    pub(crate) found: Vec<Found>,
    /// Rows that steps have dropped, if they are kept.
    pub(crate) dropped: Vec<Dropped>,
}

/// The places of ascending offsets into a chunk.
fn positions(chunk: &Chunk, offsets: &[usize]) -> Vec<Position> {
    if chunk.source.columnar().is_some() {
        return offsets.iter().map(|&row| chunk.position(row)).collect();
    }
    let bytes = chunk.bytes();
    let (mut line, mut counted) = (chunk.first_line, 0);
    let place = |&offset: &usize| {
        line += chunk.line_end.count(bytes, counted..offset);
        counted = offset;
        Position {
            line: Some(line),
            ..chunk.source.position(chunk.offset + offset as u64)
        }
    };
    offsets.iter().map(place).collect()
}

impl Tally {
    /// What decoding a chunk found, with the position of each reject worked out, and how many rows
    /// the sample left out.
    pub(crate) fn of(chunk: &Chunk, decoded: &mut Decoded, left_out: u64) -> Self {
        let mut rejects: Vec<Reject> = std::mem::take(&mut decoded.rejects);
        rejects.sort_by_key(|reject| reject.chunk_offset);
        let offsets: Vec<usize> = rejects.iter().map(|reject| reject.chunk_offset).collect();
        let placed = positions(chunk, &offsets).into_iter().zip(rejects);
        let placed = placed.map(|(position, reject)| Rejected::new(position, reject));
        let mut rejects: Vec<Rejected> = placed.collect();
        let repaired = std::mem::take(&mut decoded.repaired);
        let offsets: Vec<usize> = repaired.iter().map(|record| record.chunk_offset).collect();
        let repaired = positions(chunk, &offsets).into_iter().zip(repaired);
        if let (Some(oversize), Some(reject)) = (&chunk.oversize, chunk.oversize_reject()) {
            let position = chunk.source.position(oversize.offset);
            let line = Some(oversize.line);
            rejects.push(Rejected::new(Position { line, ..position }, reject));
        }
        Self {
            source: chunk.source_index,
            read: u64::from(chunk.records),
            left_out,
            columns: std::mem::take(&mut decoded.columns),
            effects: Vec::new(),
            written: Vec::new(),
            rejects,
            repaired: repaired.collect(),
            found: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Counts all rows as dropped by step `step`, since none was read.
    pub(crate) fn pass_over(&mut self, step: usize) {
        let effect = Effect {
            rows_dropped: self.read,
            ..Effect::default()
        };
        self.effects.push((step, self.source, effect));
    }

    /// The place of the first reject, and what is wrong there.
    pub(crate) fn first_bad(&self, schema: &Schema) -> Option<(Position, String)> {
        let first = self.rejects.first()?;
        Some((first.position.clone(), first.what(schema)))
    }

    /// Adds rows that are rejected after all, in file order, or in theirs if they have been moved.
    pub(crate) fn reject(&mut self, rejected: impl Iterator<Item = Rejected>) {
        self.rejects.extend(rejected);
        self.rejects.sort_by_key(|rejected| match rejected.moved {
            None => (false, rejected.position.byte_offset),
            Some((_, place)) => (true, place as u64),
        });
    }

    /// The first reject, as the error that it is where none are allowed.
    pub(crate) fn first_reject(&self, schema: &Schema) -> Option<Error> {
        let first = self.rejects.first()?;
        let text = format!(
            "{}; nothing was published (--on-bad-row fail or --strict)",
            first.describe(schema)
        );
        Some(ErrorKind::Gate(text).into())
    }
}

impl Rejected {
    fn new(position: Position, reject: Reject) -> Self {
        Self {
            position,
            reject,
            check: None,
            moved: None,
        }
    }

    /// A row that fails the check called `check`; if it has been moved, its source and its place among
    /// the rows of its batch.
    pub(crate) fn by_check(
        position: Position,
        reject: Reject,
        check: &Arc<str>,
        moved: Option<(u32, usize)>,
    ) -> Self {
        Self {
            check: Some(Arc::clone(check)),
            moved,
            ..Self::new(position, reject)
        }
    }

    /// What is wrong where, on one line.
    fn describe(&self, schema: &Schema) -> String {
        format!("{}: {}", self.position, self.what(schema))
    }

    /// What is wrong, on one line.
    fn what(&self, schema: &Schema) -> String {
        const SHOWN_BYTES: usize = 80;
        let Self { reject, check, .. } = self;
        let raw = encode_raw(&reject.raw[..reject.raw.len().min(SHOWN_BYTES)])
            .escape_debug()
            .to_string();
        match reject.slot {
            _ if let Some(check) = check => {
                format!("the row fails {}: `{raw}`", check.escape_debug())
            }
            Some(slot) => {
                let column = &schema.columns[slot];
                let (name, wanted) = (column.name.escape_debug(), &column.data_type);
                format!(
                    "column `{name}`: `{raw}` is no {wanted} ({})",
                    reject.reason
                )
            }
            None => format!("bad record ({}): `{raw}`", reject.reason),
        }
    }
}

/// Everything counted in the last pass.
pub(crate) struct Totals {
    counters: Counters,
    schema: Schema,
    /// For each step, the slot whose nulls it fills.
    fills: Vec<Option<usize>>,
    rejects_path: PathBuf,
    repairs_path: PathBuf,
    gates: Gates,
    checks: CheckTotals,
    writer: Option<RejectsFile>,
    repairs: Option<RepairsFile>,
    filtered: Option<FilteredRows>,
}

/// Which files there are, and what came of the checks.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) rejects: bool,
    pub(crate) repairs: bool,
    pub(crate) checks: Vec<CheckReceipt>,
    /// Parts of rows that were dropped.
    pub(crate) filtered: Vec<PartInfo>,
}

impl Totals {
    /// Rejects go to the first of the two paths, the list of repairs to the second.
    pub(crate) fn new(
        sources: usize,
        schema: Schema,
        fills: Vec<Option<usize>>,
        [rejects_path, repairs_path]: [PathBuf; 2],
        gates: Gates,
        checks: CheckTotals,
    ) -> Self {
        Self {
            counters: Counters::new(sources, schema.columns.len(), fills.len()),
            schema,
            fills,
            rejects_path,
            repairs_path,
            gates,
            checks,
            writer: None,
            repairs: None,
            filtered: None,
        }
    }

    /// Has rows that are dropped kept in `filtered`, if there is such.
    pub(crate) fn keeping(self, filtered: Option<FilteredRows>) -> Self {
        Self { filtered, ..self }
    }

    /// The columns of rows that are dropped, if they are kept.
    pub(crate) fn kept(&self) -> Option<Arc<FilteredColumns>> {
        self.filtered.as_ref().map(FilteredRows::columns)
    }

    /// Adds what was tallied on the way of the next batch in order.
    pub(crate) fn add(&mut self, tally: Tally) -> Result<()> {
        let rows = &mut self.counters.sources[tally.source as usize];
        rows.read += tally.read;
        rows.filtered += tally.left_out;
        for (source, written) in tally.written {
            self.counters.sources[source as usize].written += written;
        }
        for (step, source, effect) in tally.effects {
            let rows = &mut self.counters.sources[source as usize];
            rows.filtered += effect.rows_dropped;
            rows.duplicate += effect.rows_duplicate;
            rows.added += effect.rows_added;
            let step_counters = &mut self.counters.steps[step];
            step_counters.cells_filled += effect.cells_filled;
            step_counters.rows_dropped += effect.rows_dropped;
            step_counters.rows_duplicate += effect.rows_duplicate;
            step_counters.rows_added += effect.rows_added;
            step_counters.rows_matched += effect.rows_matched;
            step_counters.rows_unmatched += effect.rows_unmatched;
            step_counters.outliers += effect.outliers;
            step_counters.flaws += effect.flaws;
            if let Some(slot) = self.fills[step] {
                self.counters.columns[slot].filled += effect.cells_filled;
            }
        }
        for (sum, counts) in self.counters.columns.iter_mut().zip(&tally.columns) {
            sum.nulls_in += counts.nulls;
            sum.nulled += counts.nulled;
            sum.null_lookalikes += counts.null_lookalikes;
        }
        for (_, record) in &tally.repaired {
            self.counters.sources[tally.source as usize].count_repair(record.kind);
        }
        for rejected in &tally.rejects {
            let source = rejected.moved.map_or(tally.source, |(source, _)| source) as usize;
            let is_record = rejected.reject.slot.is_none();
            self.counters.sources[source].rejected += u64::from(is_record);
            self.keep(source, rejected)?;
        }
        self.list(&tally.repaired)?;
        if let Some(filtered) = &mut self.filtered {
            filtered.add(tally.dropped)?;
        }
        self.checks.add(tally.found);
        self.gates.check_numbers(tally.source as usize)?;
        let elsewhere = tally.rejects.iter().filter_map(|rejected| rejected.moved);
        for (source, _) in elsewhere {
            self.gates.check_numbers(source as usize)?;
        }
        Ok(())
    }

    /// What is counted, to be added to.
    pub(crate) fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }

    fn keep(&mut self, source: usize, rejected: &Rejected) -> Result<()> {
        let Rejected {
            position,
            reject,
            check,
            ..
        } = rejected;
        self.gates.count(source, || rejected.describe(&self.schema));
        self.counters.count_reject(reject.reason);
        if self.writer.is_none() {
            self.writer = Some(RejectsFile::create(&self.rejects_path)?);
        }
        let column = reject.slot.map(|slot| &self.schema.columns[slot]);
        let wanted = column.map(|column| column.data_type.to_string());
        self.writer
            .as_mut()
            .expect("it was just made")
            .write(&RejectRow {
                position,
                column: column.map(|column| &*column.name),
                reason: reject.reason,
                wanted: wanted.as_deref().or(check.as_deref()).unwrap_or_default(),
                raw_bytes: reject.raw_bytes,
                raw: &reject.raw,
            })
    }

    fn list(&mut self, repaired: &[(Position, Repaired)]) -> Result<()> {
        for (position, record) in repaired {
            let file = match &mut self.repairs {
                Some(file) => file,
                none => none.insert(RepairsFile::create(&self.repairs_path)?),
            };
            file.write(position, record)?;
        }
        Ok(())
    }

    /// Closes the files and checks the sums; the counters and which files there are.
    ///
    /// # Errors
    /// [`ErrorKind::Gate`] when too many were rejected or a check failed, [`ErrorKind::Balance`] when a row is
    /// unaccounted for.
    pub(crate) fn finish(mut self, paths: &[PathBuf]) -> Result<(Counters, Kept)> {
        let read = self.counters.sources.iter().map(|source| source.read);
        self.gates.check_shares(&read.collect::<Vec<_>>())?;
        let paths: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
        self.counters.check_balance(&paths)?;
        let written = self.counters.totals().written;
        let checks = self.checks.finish(written);
        judge(&checks)?;
        let filtered = self.filtered.take().map(FilteredRows::finish).transpose()?;
        let kept = Kept {
            checks,
            filtered: filtered.unwrap_or_default(),
            rejects: self.writer.is_some(),
            repairs: self.repairs.is_some(),
        };
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        if let Some(repairs) = self.repairs.take() {
            repairs.finish()?;
        }
        Ok((self.counters, kept))
    }
}
