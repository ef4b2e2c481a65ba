//! The files of a joined table -> its batches, of which no row is left out.
//!
//! Invariant: what is held while it is read stays within the room that there is, or the run ends.

use std::sync::Arc;

use super::super::open::check;
use super::super::run::check_sources;
use super::super::tally::Tally;
use super::super::travel::Place;
use super::super::worker::Worker;
use super::{Side, Wanted, printable};
use crate::base::{Batch, Error, ErrorKind, Origin, Position, Result, Schema};
use crate::input::{Chunk, Chunks, Holds, SplitLimits};
use crate::steps::join::Keyed;

/// Records of a table that are read at a time.
const CHUNK_ROWS: usize = 16_384;
/// And their bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// Where the rows of a table are from.
pub(super) struct Places(Vec<(usize, Place)>);

impl Places {
    /// The position of row `row` of the table.
    pub(super) fn of(&self, row: usize) -> Position {
        let behind = self.0.partition_point(|(first, _)| *first <= row);
        let (first, place) = &self.0[behind - 1];
        // Every record is a row: the others have ended the run.
        place.position_of(row - first)
    }
}

/// A table that was read.
pub(super) struct Read {
    pub(super) batches: Vec<Batch>,
    pub(super) places: Places,
    pub(super) held_bytes: usize,
}

/// A table on its way from its sources.
pub(super) struct Reading<'a> {
    side: &'a Side,
    schema: Arc<Schema>,
    needed: Vec<bool>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(side: &'a Side, wanted: &Wanted) -> Result<Self> {
        let mut columns = side.columns.columns.clone();
        for (slot, data_type) in &wanted.types {
            let column = &mut columns[*slot];
            column.data_type.clone_from(data_type);
            column.origin = Origin::Declared;
            column.format = column.format.take().filter(|_| !data_type.is_text());
        }
        let mut needed = vec![false; columns.len()];
        let Keyed { keys, time, .. } = &wanted.keyed;
        let slots = keys.iter().chain(time.iter().map(|(slot, _)| slot));
        for &slot in slots.chain(&wanted.added) {
            needed[slot] = true;
        }
        let reading = Self {
            side,
            schema: Arc::new(Schema { columns }),
            needed,
        };
        reading.check_cells()?;
        Ok(reading)
    }

    /// Fails if a column that is needed is no column of cells.
    fn check_cells(&self) -> Result<()> {
        let side = self.side;
        for (index, source) in side.sources.iter().enumerate() {
            let Some(columnar) = source.columnar() else {
                continue;
            };
            let fields = side.formats.places(index).fields.iter().zip(&self.needed);
            for field in fields.filter_map(|(field, needed)| field.filter(|_| *needed)) {
                let column = &columnar.columns()[field];
                if let Holds::Other(what) = &column.holds {
                    let message = format!(
                        "column `{}` of {} is {what}, which no column of the lake can hold; name \
                         the others in select",
                        column.name,
                        printable(source.path())
                    );
                    return Err(Error::usage(&side.place, message));
                }
            }
        }
        Ok(())
    }

    /// Reads all of it into `room_bytes`.
    pub(super) fn read(&self, room_bytes: usize) -> Result<Read> {
        let Side {
            config,
            sources,
            formats,
            ..
        } = self.side;
        let page_bytes_max = (self.side.limit_bytes / 8).max(8 << 20);
        let most = (config.record_bytes_max, page_bytes_max);
        let readers = Arc::new(formats.readers(&self.schema, &self.needed, &self.side.nulls));
        let mut worker = Worker::new(&readers, config.repair, most);
        let records = formats.records(sources);
        let splitters: Vec<_> = records.iter().map(|r| r.splitter.clone()).collect();
        let limits = SplitLimits {
            records_max: CHUNK_ROWS,
            bytes_max: CHUNK_BYTES,
            record_bytes_max: config.record_bytes_max,
        };
        let total: u64 = sources.iter().map(|source| source.length()).sum();
        let (mut batches, mut places) = (Vec::new(), Vec::new());
        let (mut rows, mut held_bytes, mut passed_bytes) = (0, 0, 0);
        for chunk in Chunks::new(records, limits) {
            check(&self.side.interrupted)?;
            let splitter = splitters[chunk.source_index as usize].as_ref();
            places.push((rows, Place::of(&chunk, splitter)));
            let batch = self.batch(&chunk, &mut worker)?;
            rows += batch.rows;
            held_bytes += batch.memory_bytes();
            passed_bytes += chunk.length as u64;
            if held_bytes > room_bytes {
                let whole =
                    held_bytes as u128 * u128::from(total) / u128::from(passed_bytes.max(1));
                self.side
                    .fits(whole.max(held_bytes as u128) as usize, room_bytes)?;
            }
            batches.push(batch);
        }
        check_sources(sources)?;
        if batches.is_empty() {
            batches.push(self.nothing());
        }
        Ok(Read {
            batches,
            places: Places(places),
            held_bytes,
        })
    }

    /// The rows of `chunk`, all of which can be read.
    fn batch(&self, chunk: &Chunk, worker: &mut Worker) -> Result<Batch> {
        const RIGHT: &str = "a table that is joined must be right: mend it, or say in the join how \
                             it is read (dtype, null_values, delimiter)";
        let mut decoded = worker.decode(chunk)?;
        if let Some(behind) = worker.behind() {
            return Err(Error::from(ErrorKind::Data {
                position: chunk.position(behind),
                message: format!("a field behind the last column is not empty; {RIGHT}"),
            }));
        }
        let tally = Tally::of(chunk, &mut decoded, 0);
        match tally.first_bad(&self.schema) {
            None => Ok(decoded.batch),
            Some((position, what)) => Err(Error::from(ErrorKind::Data {
                position,
                message: format!("{what}; {RIGHT}"),
            })),
        }
    }

    /// The batch of a table without rows.
    fn nothing(&self) -> Batch {
        let columns = self.schema.columns.iter().zip(&self.needed);
        let columns = columns.map(|(column, needed)| {
            let data_type = column.data_type.to_arrow();
            needed.then(|| arrow::array::new_empty_array(&data_type))
        });
        Batch {
            seq: 0,
            source: 0,
            rows: 0,
            records: None,
            columns: columns.collect(),
        }
    }
}
