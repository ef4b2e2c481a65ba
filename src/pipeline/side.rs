//! The tables that joins look rows up in: opened and understood like any input, and read whole.
//!
//! Invariants: a table is read once in a run, unless the type of a key changes that it is compared
//! with; none of its rows is left out, since one that cannot be read ends the run.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::dialect::Formats;
use super::infer::{self, Looking, Table as Columns};
use super::open::{self, Room, check, pool};
use super::plan;
use super::receipt;
use super::refeed::Adapted;
use super::run::check_sources;
use super::tally::Tally;
use super::travel::Place;
use super::worker::Worker;
use crate::base::{
    Batch, Column, DataType, Dialect, Error, ErrorKind, Known, Origin, Progress as When, Result,
    Schema, SchemaDrift,
};
use crate::config::{Config, Infer, JoinSpec, StepSpec};
use crate::decode::NullTokens;
use crate::input::{Chunk, Chunks, Holds, Source, SplitLimits};
use crate::report::{self, JoinedTable, Progress};
use crate::steps::join::{Keyed, Table, Twice};

/// Records of a table that are read at a time.
const CHUNK_ROWS: usize = 16_384;
/// And their bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// The tables of a run's joins, in the order of its steps.
#[derive(Default)]
pub(crate) struct Sides(Vec<Side>);

/// A table that a join looks rows up in.
pub(crate) struct Side {
    /// How it is read.
    config: Config,
    /// Where the join was asked for.
    place: String,
    sources: Vec<Arc<Source>>,
    formats: Formats,
    nulls: NullTokens,
    columns: Columns,
    limit_bytes: usize,
    interrupted: Arc<AtomicBool>,
    /// What was read of it, and for what.
    loaded: RefCell<Option<(Wanted, Arc<Table>)>>,
}

/// What a join needs of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    /// Columns that are read as another type than they seem to have.
    pub(crate) types: Vec<(usize, DataType)>,
    /// What its rows are found by.
    pub(crate) keyed: Keyed,
    /// The columns that are added to others.
    pub(crate) added: Vec<usize>,
}

impl Sides {
    /// Opens the tables of the joins of `adapted`, and settles which columns they add.
    pub(crate) fn open(adapted: &mut Adapted<'_>, interrupted: &Arc<AtomicBool>) -> Result<Self> {
        let is_join = |step: &StepSpec| matches!(step, StepSpec::Join { .. });
        if !adapted.config.steps.iter().any(is_join) {
            return Ok(Self::default());
        }
        let room = Room::new(&adapted.config, None);
        let config = adapted.config.to_mut();
        let mut steps = std::mem::take(&mut config.steps);
        let sides = steps.iter_mut().filter_map(|step| match step {
            StepSpec::Join { join, place } => {
                Some(Side::open(config, join, place, &room, interrupted))
            }
            _ => None,
        });
        let sides = sides.collect::<Result<_>>();
        config.steps = steps;
        Ok(Self(sides?))
    }

    /// The table of the join that is the `index`-th of all.
    pub(crate) fn get(&self, index: usize) -> &Side {
        &self.0[index]
    }

    /// `inputs`, and the files of all tables, which no run may write over either.
    pub(crate) fn beside(&self, inputs: &[PathBuf]) -> Vec<PathBuf> {
        let sides = self.0.iter().flat_map(|side| &side.sources);
        let sides = sides.map(|source| source.path().to_path_buf());
        inputs.iter().cloned().chain(sides).collect()
    }

    /// What the tables that were read take, in bytes, and which takes most.
    pub(crate) fn held(&self) -> (usize, String) {
        let bytes = |side: &&Side| side.memory_bytes();
        let largest = self.0.iter().max_by_key(bytes);
        let path = largest.map(|side| side.path().to_owned());
        (
            self.0.iter().map(Side::memory_bytes).sum(),
            path.unwrap_or_default(),
        )
    }
}

/// How the table of `join` is read in a run of `config`.
fn config_of(join: &JoinSpec, config: &Config) -> Config {
    let default = Dialect::default();
    Config {
        input: vec![join.with.clone()],
        files_from: None,
        dialect: Dialect {
            delimiter: join.delimiter.unwrap_or(default.delimiter),
            ..default
        },
        encoding: None,
        sniff: true,
        known: Known {
            delimiter: join.delimiter,
            ..Known::default()
        },
        infer: Infer::Full,
        schema_drift: SchemaDrift::default(),
        select: Vec::new(),
        exclude: Vec::new(),
        rename: Vec::new(),
        source_column: None,
        limit: None,
        sample: None,
        dtypes: join.dtypes.clone(),
        null_values: join.null_values.clone(),
        key: Vec::new(),
        time: None,
        steps: Vec::new(),
        ..config.clone()
    }
}

/// Says where the join was asked for of an error that names a flag of the inputs.
fn at(place: &str, path: &str, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Usage { option, message } => Error::usage(
            place,
            match option.as_str() {
                "--input" => format!("{path}: {message}"),
                option => format!("{path}: {option}: {message}"),
            },
        ),
        _ => error,
    }
}

impl Side {
    fn open(
        config: &Config,
        join: &mut JoinSpec,
        place: &str,
        room: &Room,
        interrupted: &Arc<AtomicBool>,
    ) -> Result<Self> {
        let config = config_of(join, config);
        let at = |error: Error| at(place, &join.with, error);
        let paths = open::discover(&config).map_err(at)?;
        let mut progress = Progress::new(When::Never, true);
        let opened = open::sources(&config, &paths, room, interrupted, &mut progress)?;
        let (sources, known): (Vec<_>, Vec<_>) = { opened.into_iter() }
            .map(|opened| (opened.source, opened.known))
            .unzip();
        let formats = Formats::find(&sources, known, &config);
        check_sources(&sources)?;
        let formats = formats.map_err(at)?;
        plan::check_formats(&config).map_err(at)?;
        let settled = join.settle(&formats.columns.header);
        settled.map_err(|message| Error::usage(place, message))?;
        let nulls = plan::null_tokens(&config, &formats.columns.names);
        let looking = Looking {
            from: Infer::Full,
            limit_bytes: room.limit_bytes,
            repair: config.repair,
            interrupted,
        };
        let columns = pool(config.threads)?.install(|| {
            let (names, declared) = infer::declared(&config, &formats.columns.names);
            infer::infer(&sources, &formats, &names, &declared, &nulls, looking)
        });
        check_sources(&sources)?;
        let columns = columns.map_err(|error| self::at(place, &join.with, error))?;
        if config.strict {
            let refused = columns.refuse_ambiguous();
            refused.map_err(|error| self::at(place, &join.with, error))?;
        }
        Ok(Self {
            place: place.to_owned(),
            sources,
            formats,
            nulls,
            columns,
            limit_bytes: room.limit_bytes,
            interrupted: Arc::clone(interrupted),
            loaded: RefCell::default(),
            config,
        })
    }

    /// The path as the user wrote it.
    pub(crate) fn path(&self) -> &str {
        &self.config.input[0]
    }

    /// The slot of the column called `name`.
    pub(crate) fn slot(&self, name: &str) -> usize {
        let mut columns = self.columns.columns.iter();
        let slot = columns.position(|column| *column.name == *name);
        slot.expect("the join was settled by the table's columns")
    }

    /// The column in `slot`, of the type it seems to have.
    pub(crate) fn column(&self, slot: usize) -> &Column {
        &self.columns.columns[slot]
    }

    /// Whether the column in `slot` is spelt out in all files.
    pub(crate) fn is_text(&self) -> bool {
        self.sources
            .iter()
            .all(|source| source.columnar().is_none())
    }

    /// What receipts tell of the table, if it was read.
    pub(crate) fn told(&self) -> Option<JoinedTable> {
        let loaded = self.loaded.borrow();
        let (_, table) = loaded.as_ref()?;
        let files = self.sources.iter().zip(&self.formats.sources);
        Some(JoinedTable {
            path: self.path().to_owned(),
            rows: table.rows() as u64,
            bytes: table.memory_bytes() as u64,
            files: files
                .map(|(source, format)| receipt::understood(source, format))
                .collect(),
        })
    }

    fn memory_bytes(&self) -> usize {
        let loaded = self.loaded.borrow();
        loaded.as_ref().map_or(0, |(_, table)| table.memory_bytes())
    }

    /// The table, with what is `wanted` of it.
    pub(crate) fn load(&self, wanted: &Wanted) -> Result<Arc<Table>> {
        if let Some((known, table)) = &*self.loaded.borrow()
            && known == wanted
        {
            return Ok(Arc::clone(table));
        }
        self.loaded.take();
        let room = self.room_bytes();
        let read = Reading::new(self, wanted)?.read(room)?;
        let held = read.held_bytes;
        let mut asked = |bytes: usize| self.fits(held + bytes, room);
        let table = Table::new(read.batches, &wanted.keyed, &wanted.added, &mut asked)?;
        let table = table.map_err(|twice| self.stand_twice(&read.places, &twice))?;
        let table = Arc::new(table);
        *self.loaded.borrow_mut() = Some((wanted.clone(), Arc::clone(&table)));
        Ok(table)
    }

    /// What is left of the memory limit.
    fn room_bytes(&self) -> usize {
        let resident = report::rss_bytes().unwrap_or_default() as usize;
        self.limit_bytes.saturating_sub(resident)
    }

    /// Fails if the table takes more than is left.
    fn fits(&self, bytes: usize, room_bytes: usize) -> Result<()> {
        if bytes <= room_bytes {
            return Ok(());
        }
        Err(ErrorKind::MemoryLimit {
            term: format!("the table {} of a join", report::printable(self.path())),
            needed_bytes: (self.limit_bytes - room_bytes + bytes) as u64,
            limit_bytes: self.limit_bytes as u64,
            advice: "a table that is joined is held in memory: raise --memory-limit, or add fewer \
                     of its columns with select"
                .to_owned(),
        }
        .into())
    }

    fn stand_twice(&self, places: &Places, twice: &Twice) -> Error {
        let [first, second] = twice.rows.map(|row| places.of(row));
        let line = first
            .line
            .map_or_else(String::new, |line| format!(" in line {line}"));
        let is_same = first.path == second.path;
        let of = match is_same {
            true => String::new(),
            false => format!(" of {}", printable(&first.path)),
        };
        let message = format!(
            "the key {} stands{line}{of} already; keep one of the two, or say which is taken: \
             duplicates = \"first\", \"last\" or \"all\" ({})",
            report::printable(&twice.key),
            self.place
        );
        ErrorKind::Data {
            position: second,
            message,
        }
        .into()
    }
}

fn printable(path: &Path) -> String {
    report::printable(&path.display().to_string()).into_owned()
}

/// Where the rows of a table are from.
struct Places(Vec<(usize, Place)>);

impl Places {
    /// The position of row `row` of the table.
    fn of(&self, row: usize) -> crate::base::Position {
        let behind = self.0.partition_point(|(first, _)| *first <= row);
        let (first, place) = &self.0[behind - 1];
        // Every record is a row: the others have ended the run.
        place.position_of(row - first)
    }
}

/// A table that was read.
struct Read {
    batches: Vec<Batch>,
    places: Places,
    held_bytes: usize,
}

/// A table on its way from its sources.
struct Reading<'a> {
    side: &'a Side,
    schema: Arc<Schema>,
    needed: Vec<bool>,
}

impl<'a> Reading<'a> {
    fn new(side: &'a Side, wanted: &Wanted) -> Result<Self> {
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
    fn read(&self, room_bytes: usize) -> Result<Read> {
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
