//! The tables that joins look rows up in: opened and understood like any input, and read whole.
//!
//! Invariants: a table is read once in a run, unless the type of a key changes that it is compared
//! with, however many joins look rows up in it by the same key; none of its rows is left out, since one
//! that cannot be read ends the run.

mod read;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::dialect::Formats;
use super::infer::{self, Looking, Table as Columns};
use super::open::{self, Room, pool};
use super::plan;
use super::receipt;
use super::refeed::Adapted;
use super::run::check_sources;
use crate::base::{
    Column, DataType, Dialect, Duplicates, Error, ErrorKind, Known, Progress as When, Result,
    SchemaDrift,
};
use crate::config::{AsofSpec, Config, Infer, JoinSpec, StepSpec};
use crate::decode::NullTokens;
use crate::input::Source;
use crate::report::{self, JoinedTable, Progress};
use crate::steps::join::{Keyed, Table, Twice};
use read::{Places, Reading};

/// The tables of a run's joins.
#[derive(Default)]
pub(crate) struct Sides {
    sides: Vec<Side>,
    /// The table of each join, in the order of the steps.
    of_join: Vec<usize>,
}

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
    /// The first join that looks rows up in it.
    join: JoinSpec,
    /// What becomes of keys that stand twice; `None` as long as that makes no difference.
    duplicates: Option<Duplicates>,
    /// The columns that all joins together add.
    added: Vec<usize>,
    /// What was read of it, and for what.
    loaded: RefCell<Vec<(Wanted, Arc<Table>)>>,
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
        let mut opened = Self::default();
        let joins = steps.iter_mut().filter_map(|step| match step {
            StepSpec::Join { join, place } => Some((join, place)),
            _ => None,
        });
        for (join, place) in joins {
            let known = opened.sides.iter().position(|side| side.serves(join));
            let index = match known {
                Some(known) => known,
                None => {
                    let side = Side::open(config, join, place, &room, interrupted)?;
                    opened.sides.push(side);
                    opened.sides.len() - 1
                }
            };
            opened.sides[index].admit(join, place)?;
            opened.of_join.push(index);
        }
        config.steps = steps;
        Ok(opened)
    }

    /// The table of the join that is the `index`-th of all.
    pub(crate) fn get(&self, index: usize) -> &Side {
        &self.sides[self.of_join[index]]
    }

    /// `inputs`, and the files of all tables, which no run may write over either.
    pub(crate) fn beside(&self, inputs: &[PathBuf]) -> Vec<PathBuf> {
        let sides = self.sides.iter().flat_map(|side| &side.sources);
        let sides = sides.map(|source| source.path().to_path_buf());
        inputs.iter().cloned().chain(sides).collect()
    }

    /// What the tables that were read take, in bytes, and which takes most.
    pub(crate) fn held(&self) -> (usize, String) {
        let bytes = |side: &&Side| side.memory_bytes();
        let largest = self.sides.iter().max_by_key(bytes);
        let path = largest.map(|side| side.path().to_owned());
        (
            self.sides.iter().map(Side::memory_bytes).sum(),
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

/// What becomes of keys that stand twice in the table of `join`; `None` where it does not matter which
/// of their rows is found.
fn matters(join: &JoinSpec) -> Option<Duplicates> {
    match join.duplicates {
        None | Some(Duplicates::All) if !join.how.adds_columns() => None,
        duplicates => Some(duplicates.unwrap_or_default()),
    }
}

impl Side {
    fn open(
        config: &Config,
        join: &JoinSpec,
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
            join: join.clone(),
            duplicates: matters(join),
            added: Vec::new(),
            loaded: RefCell::default(),
            config,
        })
    }

    /// Whether `join` finds what it wants in this table: it is read alike, and by the same key.
    fn serves(&self, join: &JoinSpec) -> bool {
        let known = &self.join;
        let is_read_alike = known.with == join.with
            && known.delimiter == join.delimiter
            && known.dtypes == join.dtypes
            && known.null_values == join.null_values;
        let times = |join: &JoinSpec| {
            let asof = join.asof.clone();
            asof.map(|asof| AsofSpec {
                // What the time is called here makes no difference there.
                time: String::new(),
                ..asof
            })
        };
        let keys = |join: &JoinSpec| -> Vec<String> {
            join.on.iter().map(|(_, there)| there.clone()).collect()
        };
        let has_its_rows = match (self.duplicates, matters(join)) {
            (Some(known), Some(wanted)) => known == wanted,
            // All rows of a key are too many where one is wanted.
            (Some(all), None) | (None, Some(all)) => all != Duplicates::All,
            (None, None) => true,
        };
        is_read_alike && times(known) == times(join) && keys(known) == keys(join) && has_its_rows
    }

    /// Settles which columns `join`, asked for at `place`, adds of this table.
    fn admit(&mut self, join: &mut JoinSpec, place: &str) -> Result<()> {
        let settled = join.settle(&self.formats.columns.header);
        settled.map_err(|message| Error::usage(place, message))?;
        self.duplicates = self.duplicates.or(matters(join));
        for (column, _) in &join.added {
            let slot = self.slot(column);
            if !self.added.contains(&slot) {
                self.added.push(slot);
            }
        }
        Ok(())
    }

    /// What becomes of keys that stand twice.
    pub(crate) fn duplicates(&self) -> Duplicates {
        self.duplicates.unwrap_or(Duplicates::First)
    }

    /// The slots of the columns that all joins together add.
    pub(crate) fn added(&self) -> &[usize] {
        &self.added
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
        let (_, table) = loaded.last()?;
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
        loaded.iter().map(|(_, table)| table.memory_bytes()).sum()
    }

    /// The table, with what is `wanted` of it.
    pub(crate) fn load(&self, wanted: &Wanted) -> Result<Arc<Table>> {
        let mut loaded = self.loaded.borrow_mut();
        // Those that no step of the plan being made has taken are of no use any more.
        loaded.retain(|(known, table)| known == wanted || Arc::strong_count(table) > 1);
        if let Some((_, table)) = loaded.iter().find(|(known, _)| known == wanted) {
            return Ok(Arc::clone(table));
        }
        let room = self.room_bytes();
        let read = Reading::new(self, wanted)?.read(room)?;
        let held = read.held_bytes;
        let mut asked = |bytes: usize| self.fits(held + bytes, room);
        let table = Table::new(read.batches, &wanted.keyed, &wanted.added, &mut asked)?;
        let table = table.map_err(|twice| self.stand_twice(&read.places, &twice))?;
        let table = Arc::new(table);
        loaded.push((wanted.clone(), Arc::clone(&table)));
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
