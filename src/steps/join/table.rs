//! Batches of a small table -> one that rows are looked up in: an index, and the columns to add.
//!
//! Invariant: row `i` of the table is row `i` of the batches, laid end to end.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType as ArrowType, Int32Type};

use super::index::{AsOf, Index, Twice};
use crate::base::{Batch, Duplicates, Error, ErrorKind, Result};

/// Texts of a table that are more than these are not kept as a dictionary, which every batch would
/// carry along.
const TEXTS_MAX: usize = 4096;

/// Is asked before memory is taken: whether so many bytes may be held in all beside the batches.
pub type Room<'a> = dyn FnMut(usize) -> Result<()> + 'a;

/// What a table's rows are found by.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyed {
    /// The slots of its key.
    pub keys: Vec<usize>,
    /// The slot of its times, and how they are compared, if they are.
    pub time: Option<(usize, AsOf)>,
    /// What becomes of keys that stand twice.
    pub duplicates: Duplicates,
}

/// A table that rows are looked up in.
#[derive(Debug)]
pub struct Table {
    pub(super) rows: usize,
    pub(super) index: Index,
    pub(super) columns: Vec<ArrayRef>,
}

impl Table {
    /// The table of `batches`, one at least, of which the columns in the slots `added`, each there
    /// once, can be added to others.
    ///
    /// # Errors
    /// Those of `room`. Keys that stand twice are told apart from those, unless they are allowed.
    pub fn new(
        mut batches: Vec<Batch>,
        keyed: &Keyed,
        added: &[usize],
        room: &mut Room<'_>,
    ) -> Result<Result<Self, Twice>> {
        let rows: usize = batches.iter().map(|batch| batch.rows).sum();
        if rows > i32::MAX as usize {
            return Err(too_large("the rows of a joined table", rows));
        }
        let index = match Index::new(&batches, keyed, room)? {
            Ok(index) => index,
            Err(twice) => return Ok(Err(twice)),
        };
        let held = index.memory_bytes();
        let columns = added.iter().map(|&slot| {
            let pieces = { batches.iter_mut() }.filter_map(|batch| batch.columns[slot].take());
            let pieces: Vec<ArrayRef> = pieces.collect();
            let bytes = pieces.iter().map(|piece| piece.get_buffer_memory_size());
            room(held + bytes.sum::<usize>())?;
            column(&pieces)
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(Ok(Self {
            rows,
            index,
            columns,
        }))
    }

    /// Whether a key may find several rows.
    pub(super) fn repeats_keys(&self) -> bool {
        self.index.repeats_keys()
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let columns = self.columns.iter();
        let columns = columns.map(|column| column.get_buffer_memory_size());
        self.index.memory_bytes() + columns.sum::<usize>()
    }
}

/// The pieces of one column, of which there is one at least, as one array.
fn column(pieces: &[ArrayRef]) -> Result<ArrayRef> {
    let first = pieces.first().expect("a table has a batch");
    if matches!(
        first.data_type(),
        ArrowType::Utf8 | ArrowType::Dictionary(..)
    ) {
        return text(pieces);
    }
    let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
    let whole = concat(&pieces).map_err(|source| ErrorKind::Encode {
        action: "join a table",
        source: source.into(),
    })?;
    Ok(whole)
}

/// Texts, each piece of them plain or a dictionary, as one dictionary if few of them differ.
fn text(pieces: &[ArrayRef]) -> Result<ArrayRef> {
    let is_dictionary = |piece: &ArrayRef| matches!(piece.data_type(), ArrowType::Dictionary(..));
    let mut seen = HashSet::new();
    let mut are_few = || {
        texts(pieces).flatten().all(|text| {
            seen.insert(text);
            seen.len() <= TEXTS_MAX
        })
    };
    // The pieces of a categorical column are dictionaries, all of them.
    if pieces.iter().all(is_dictionary) || are_few() {
        let cells: DictionaryArray<Int32Type> = texts(pieces).collect();
        return Ok(Arc::new(cells));
    }
    let bytes: usize = texts(pieces).flatten().map(str::len).sum();
    if bytes > i32::MAX as usize {
        return Err(too_large(
            "the texts of one column of a joined table",
            bytes,
        ));
    }
    Ok(Arc::new(texts(pieces).collect::<StringArray>()))
}

fn texts(pieces: &[ArrayRef]) -> impl Iterator<Item = Option<&str>> {
    pieces.iter().flat_map(|piece| {
        let texts: Box<dyn Iterator<Item = Option<&str>>> = match piece.data_type() {
            ArrowType::Utf8 => Box::new(piece.as_string::<i32>().iter()),
            _ => {
                let cells = piece.as_dictionary::<Int32Type>();
                let texts = cells.values().as_string::<i32>();
                let text = |key: Option<i32>| key.map(|key| texts.value(key as usize));
                Box::new(cells.keys().iter().map(text))
            }
        };
        texts
    })
}

/// Says that `term` is more than arrays can hold.
fn too_large(term: &str, bytes: usize) -> Error {
    let limit = i32::MAX as u64;
    Error::from(ErrorKind::MemoryLimit {
        term: term.to_owned(),
        needed_bytes: bytes as u64,
        limit_bytes: limit,
        advice: "join a smaller table, or fewer columns of it: select".to_owned(),
    })
}
