//! Fields -> Batch: raw fields in, typed Arrow columns out.
//!
//! The records of a chunk come as blocks of a few thousand, so that their bytes stay in the cache
//! while one column after the other is read. A [`Decoder`] picks a builder for each column once;
//! from there on no cell asks for its type. A cell that is neither null nor a value of its column
//! becomes null and leaves a [`Reject`] with its raw text, so `cells = values + nulls + nulled` in
//! every column. [`Inference`] says which types to decode with, from sampled fields. Cells that have
//! types already come in by a [`RowDecoder`].

pub mod boolean;
mod class;
pub mod column;
pub mod date;
pub mod decimal;
mod duration;
mod epoch;
pub mod field;
pub mod float;
mod infer;
pub mod integer;
mod intern;
mod layout;
mod null;
mod number;
mod pattern;
mod rows;
mod spelling;
mod strings;
mod text;
pub mod timestamp;
mod typed;
mod validity;

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray, new_null_array};
use bumpalo::Bump;

pub use self::column::{ColumnCounts, Widen};
pub use self::infer::{Declared, Inference, Inferred};
pub use self::null::NullTokens;
pub use self::pattern::{FormatKind, check_format};
pub use self::rows::RowDecoder;
pub use self::typed::first_text;

use self::column::{ColumnBuilder, Leaf, Misfits, Typed};
use self::date::Dates;
use self::epoch::Epoch;
use self::field::Block;
use self::pattern::Pattern;
use self::text::{Text, TextCells};
use self::timestamp::{Iso, ReadMoment, Timestamps};
use crate::base::{Batch, Column, DataType, Notation, Origin, Quoting, Reject, Repaired, Schema};
use crate::csv::Fields;

/// How columns are decoded; shared by all workers.
#[derive(Debug, Clone)]
pub struct DecodePlan {
    /// The input's columns are the first slots.
    pub schema: Arc<Schema>,
    /// Number of slots of a batch, derived columns included.
    pub slots: usize,
    /// For each input column whether to decode it.
    pub needed: Vec<bool>,
    /// For each input column the field of a record that holds it; where there is none, all cells
    /// are null.
    pub fields: Arc<[Option<usize>]>,
    /// For each source the text that is in all cells of its rows in the last input column, if that
    /// column is none of the fields.
    pub origins: Option<Arc<[Arc<str>]>>,
    /// What stands for a missing cell.
    pub nulls: NullTokens,
    /// How fields become text; its bytes are ASCII.
    pub quoting: Quoting,
}

/// What became of one chunk.
#[derive(Debug)]
pub struct Decoded {
    /// The rows.
    pub batch: Batch,
    /// Bad records and cells that did not fit, in file order.
    pub rejects: Vec<Reject>,
    /// Records that became rows only by a repair, in file order.
    pub repaired: Vec<Repaired>,
    /// For each input column; zeros where it was not needed.
    pub columns: Vec<ColumnCounts>,
    /// The first cell in file order that asks for a wider type. It is among the rejects too.
    pub widen: Option<Widen>,
}

/// Turns the fields of one chunk at a time into a batch.
pub struct Decoder {
    plan: Arc<DecodePlan>,
    /// For each input column its field and builder; `None` where it is not needed or not there.
    builders: Vec<Option<(usize, Box<dyn ColumnBuilder>)>>,
    /// Fields that a record must have.
    fields_min: usize,
    misfits: Misfits,
    repaired: Vec<Repaired>,
    rows: usize,
    records: usize,
    /// For each row its record's index in the chunk, from the first bad record on.
    record_indices: Option<Vec<u32>>,
}

impl Decoder {
    /// A decoder for one worker.
    ///
    /// # Panics
    /// If the plan contradicts itself: the options were checked before.
    pub fn new(plan: Arc<DecodePlan>) -> Self {
        assert!(
            [plan.quoting.quote, plan.quoting.escape]
                .iter()
                .flatten()
                .all(u8::is_ascii),
            "quote and escape are ASCII"
        );
        assert!(
            plan.needed.len() <= plan.schema.columns.len() && plan.needed.len() <= plan.slots,
            "every input column has a slot"
        );
        assert_eq!(plan.fields.len(), plan.needed.len(), "one per input column");
        let needed = plan.needed.iter().zip(&*plan.fields).enumerate();
        let builders = needed.map(|(slot, (&needed, &field))| {
            let column = &plan.schema.columns[slot];
            let field = field.filter(|_| needed)?;
            let builder = column_builder(column, slot, &plan.nulls, plan.quoting);
            Some((field, builder))
        });
        let builders = builders.collect();
        let last = plan.fields.iter().flatten().max();
        Self {
            builders,
            fields_min: last.map_or(0, |field| field + 1),
            plan,
            misfits: Misfits::default(),
            repaired: Vec::new(),
            rows: 0,
            records: 0,
            record_indices: None,
        }
    }

    /// Starts a chunk of about `rows_expected` rows.
    pub fn begin(&mut self, rows_expected: usize) {
        for (_, builder) in self.builders.iter_mut().flatten() {
            builder.begin(rows_expected);
        }
        self.misfits = Misfits::default();
        self.repaired.clear();
        (self.rows, self.records, self.record_indices) = (0, 0, None);
    }

    /// Adds the next block of the chunk. Fields that are unquoted on the way live in `scratch`
    /// until its next reset.
    pub fn push(&mut self, fields: &Fields<'_>, scratch: &Bump) {
        self.push_block(fields.into(), scratch);
    }

    fn push_block(&mut self, block: Block<'_>, scratch: &Bump) {
        // Whoever indexed the records looks after fields behind the last column.
        assert!(
            block.columns >= self.fields_min,
            "a record has the fields of all input columns"
        );
        self.add_records(&block);
        for (field, builder) in self.builders.iter_mut().flatten() {
            builder.push(block.column(*field), scratch, &mut self.misfits);
        }
        self.misfits.rejects.extend(block.bad.iter().map(|bad| {
            Reject::new(
                bad.reason,
                None,
                bad.offset,
                &block.bytes[bad.start..bad.end],
            )
        }));
        self.repaired.extend(block.repaired.iter().map(|&repaired| {
            let raw = &block.bytes[repaired.start..repaired.end];
            Repaired::new(repaired.kind, repaired.start, raw)
        }));
    }

    /// Notes which records the block's rows are, once rows and records part ways.
    fn add_records(&mut self, block: &Block<'_>) {
        let (first_row, first_record) = (self.rows as u32, self.records as u32);
        self.rows += block.rows;
        self.records += block.records();
        if self.records > self.rows {
            let indices = self
                .record_indices
                .get_or_insert_with(|| (0..first_row).collect());
            match block.record_indices {
                Some(records) => indices.extend(records.iter().map(|record| first_record + record)),
                None => indices.extend((0..block.rows as u32).map(|row| first_record + row)),
            }
        }
    }

    /// Ends the chunk, which is the `seq`-th of all and belongs to source `source`.
    pub fn finish(&mut self, seq: u64, source: u32) -> Decoded {
        let mut columns = vec![None; self.plan.slots];
        let mut counts = vec![ColumnCounts::default(); self.builders.len()];
        for (slot, builder) in self.builders.iter_mut().enumerate() {
            if let Some((_, builder)) = builder {
                let (array, of_column) = builder.finish();
                assert_eq!(array.len(), self.rows, "every row has a cell");
                (columns[slot], counts[slot]) = (Some(array), of_column);
            } else if self.plan.needed[slot] {
                let (cells, nulls) = self.plan.absent(slot, source, self.rows);
                columns[slot] = Some(cells);
                counts[slot].nulls = nulls;
            }
        }
        let Misfits { mut rejects, widen } = std::mem::take(&mut self.misfits);
        rejects.sort_by_key(|reject| (reject.chunk_offset, reject.slot));
        Decoded {
            batch: Batch {
                seq,
                source,
                rows: self.rows,
                records: self.record_indices.take().map(Arc::from),
                columns,
            },
            rejects,
            repaired: std::mem::take(&mut self.repaired),
            columns: counts,
            widen,
        }
    }

    /// Memory held for the current chunk, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let builders = self.builders.iter().flatten();
        let records = self.record_indices.as_ref().map_or(0, Vec::capacity) * size_of::<u32>();
        builders
            .map(|(_, builder)| builder.memory_bytes())
            .sum::<usize>()
            + self.misfits.memory_bytes()
            + self
                .repaired
                .iter()
                .map(|repaired| repaired.raw.len())
                .sum::<usize>()
            + self.repaired.capacity() * size_of::<Repaired>()
            + records
    }
}

impl DecodePlan {
    /// The cells of `rows` rows of source `source` in a column that is none of its fields, and how
    /// many are null.
    fn absent(&self, slot: usize, source: u32, rows: usize) -> (ArrayRef, u64) {
        let origins = self.origins.as_ref();
        let origins = origins.filter(|_| slot + 1 == self.needed.len());
        if let Some(origins) = origins {
            return (repeated(&origins[source as usize], rows), 0);
        }
        let data_type = self.schema.columns[slot].data_type.to_arrow();
        (new_null_array(&data_type, rows), rows as u64)
    }
}

/// A categorical column of which all `rows` cells are `text`.
fn repeated(text: &str, rows: usize) -> ArrayRef {
    let keys = Int32Array::from(vec![0; rows]);
    let cells = DictionaryArray::new(keys, Arc::new(StringArray::from(vec![text])));
    Arc::new(cells)
}

/// The builder of `column`: the only place that asks for a column's type.
pub fn column_builder(
    column: &Column,
    slot: usize,
    nulls: &NullTokens,
    quoting: Quoting,
) -> Box<dyn ColumnBuilder> {
    let declared = column.origin == Origin::Declared;
    // No value holds a backslash, unless its format does.
    let plain_only = quoting
        .escape
        .is_some_and(|escape| escape != b'\\' || column.format.is_some());
    let setup = Setup {
        slot,
        nulls,
        quoting,
        plain_only,
    };
    let text = || TextCells::new(slot, quoting, nulls);
    if let Some(builder) = notated_builder(column, &setup) {
        return builder;
    }
    match (&column.data_type, declared) {
        (DataType::Int64, false) => setup.typed(integer::Inferred),
        (DataType::Int64, true) => setup.typed(integer::Declared),
        (DataType::Float64, false) => setup.typed(float::Inferred),
        (DataType::Float64, true) => setup.typed(float::Declared),
        (DataType::Boolean, _) => setup.typed(boolean::Boolean { declared }),
        (&DataType::Decimal { precision, scale }, _) => {
            setup.typed(decimal::Decimal { precision, scale })
        }
        (DataType::Utf8, _) => Box::new(Text::new(text(), false)),
        (DataType::Categorical, _) => Box::new(Text::new(text(), true)),
        (DataType::Date | DataType::Timestamp { .. }, _) => match &column.format {
            None => setup.moments(column, Iso::default()),
            Some(format) => match Epoch::new(format) {
                Some(epoch) => setup.moments(column, epoch),
                None => setup.moments(column, Pattern::new(format)),
            },
        },
    }
}

/// The builder of numbers and booleans that are not spelt plainly.
fn notated_builder(column: &Column, setup: &Setup<'_>) -> Option<Box<dyn ColumnBuilder>> {
    let format = column.format.as_deref()?;
    let declared = column.origin == Origin::Declared;
    let notation = || Notation::parse(format).expect("the options were checked before");
    Some(match column.data_type {
        DataType::Float64 if format == duration::FORMAT => setup.typed(duration::Durations),
        DataType::Int64 => setup.typed(number::Integers {
            notation: notation(),
            declared,
        }),
        DataType::Float64 => setup.typed(number::Floats {
            notation: notation(),
            declared,
        }),
        DataType::Boolean => setup.typed(boolean::Pair::new(format)),
        _ => return None,
    })
}

/// What all builders of typed columns need.
struct Setup<'a> {
    slot: usize,
    nulls: &'a NullTokens,
    quoting: Quoting,
    plain_only: bool,
}

impl Setup<'_> {
    fn typed(&self, leaf: impl Leaf + 'static) -> Box<dyn ColumnBuilder> {
        let tokens = self.nulls.of_typed(self.slot);
        Box::new(Typed::new(
            self.slot,
            self.quoting,
            leaf,
            tokens,
            self.plain_only,
        ))
    }

    fn moments(
        &self,
        column: &Column,
        reader: impl ReadMoment + 'static,
    ) -> Box<dyn ColumnBuilder> {
        let declared = column.origin == Origin::Declared;
        match column.data_type {
            DataType::Timestamp { unit, utc } => self.typed(Timestamps {
                reader,
                unit,
                utc,
                declared,
            }),
            _ => self.typed(Dates { reader, declared }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::{Array, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    use super::*;
    use crate::base::masks::Kernel;
    use crate::base::{Reason, TimeUnit};
    use crate::csv::BadRecord;

    /// A column of raw fields as bytes and bounds.
    pub(super) fn bounds_of(raw: &[&str]) -> (Vec<u8>, Vec<u32>) {
        let rows: Vec<[&str; 1]> = raw.iter().map(|field| [*field]).collect();
        table(&rows)
    }

    /// Rows of raw fields as bytes and bounds.
    pub(super) fn table<const N: usize>(rows: &[[&str; N]]) -> (Vec<u8>, Vec<u32>) {
        let (mut bytes, mut bounds) = (Vec::new(), Vec::new());
        for row in rows {
            for (column, field) in row.iter().enumerate() {
                bounds.push(bytes.len() as u32);
                bytes.extend_from_slice(field.as_bytes());
                bytes.push(if column + 1 < N { b',' } else { b'\n' });
            }
            bounds.push(bytes.len() as u32);
        }
        (bytes, bounds)
    }

    /// Reads a group by `leaf` on every kernel, with something and with nothing behind it, and checks
    /// that what it takes is what the plain way reads. Returns a bit for each field that is taken
    /// where there is something behind.
    pub(super) fn assert_group_reads<L: Leaf>(leaf: &mut L, texts: &[&str]) -> u64
    where
        L::Cell: std::fmt::Debug,
    {
        if texts.is_empty() {
            return 0;
        }
        let (text, bounds) = bounds_of(texts);
        let mut taken = Vec::new();
        for kernel in Kernel::available() {
            for behind in ["", "5-5.5-5.5-5.5-5.5-5.5"] {
                let bytes = [text.as_slice(), behind.as_bytes()].concat();
                let fields = field::FieldColumn::new(&bytes, &bounds, 1, 0);
                let mut group = fields.group();
                fields.fill(0, &mut group);
                let mut cells = [L::Cell::default(); field::GROUP_ROWS];
                let good = leaf.fast_group(kernel, &mut group, &mut cells);
                assert_eq!(good & !group.all(), 0);
                for (row, text) in texts.iter().enumerate() {
                    let expected = match good >> row & 1 {
                        0 => Some(L::Cell::default()),
                        _ => leaf.parse(text.as_bytes()).ok(),
                    };
                    // Printed, a zero shows its sign.
                    assert_eq!(
                        format!("{:?}", Some(cells[row])),
                        format!("{expected:?}"),
                        "{text}"
                    );
                }
                taken.push(good);
            }
        }
        let with_behind: Vec<_> = taken.into_iter().skip(1).step_by(2).collect();
        assert!(with_behind.iter().all(|taken| *taken == with_behind[0]));
        with_behind[0]
    }

    fn plan(types: &[(DataType, Origin)]) -> DecodePlan {
        let columns = types
            .iter()
            .enumerate()
            .map(|(slot, (data_type, origin))| Column {
                name: format!("c{slot}").into(),
                data_type: data_type.clone(),
                format: None,
                origin: *origin,
            });
        DecodePlan {
            schema: Arc::new(Schema {
                columns: columns.collect(),
            }),
            slots: types.len() + 1,
            needed: vec![true; types.len()],
            fields: (0..types.len()).map(Some).collect(),
            origins: None,
            nulls: NullTokens::default(),
            quoting: Quoting::doubled(Some(b'"')),
        }
    }

    fn decode<const N: usize>(
        plan: DecodePlan,
        rows: &[[&str; N]],
        rows_per_block: usize,
    ) -> Decoded {
        let (bytes, bounds) = table(rows);
        let mut decoder = Decoder::new(Arc::new(plan));
        let scratch = Bump::new();
        decoder.begin(1);
        for bounds in bounds.chunks(rows_per_block * (N + 1)) {
            decoder.push_block(Block::apart(&bytes, bounds, N), &scratch);
        }
        decoder.finish(7, 3)
    }

    fn timestamp(unit: TimeUnit, utc: bool) -> DataType {
        DataType::Timestamp { unit, utc }
    }

    const TYPES: [DataType; 6] = [
        DataType::Int64,
        DataType::Float64,
        DataType::Boolean,
        DataType::Date,
        DataType::Timestamp {
            unit: TimeUnit::Microsecond,
            utc: false,
        },
        DataType::Decimal {
            precision: 9,
            scale: 2,
        },
    ];

    #[test]
    fn nulls_quotes_and_spaces_in_every_typed_column() {
        let rows = [
            [
                "1",
                "1.5",
                "true",
                "2024-01-31",
                "2024-01-31T10:00:00",
                "1.25",
            ],
            [
                "\" 1\t\"",
                " 1.5 ",
                "\"true\"",
                " 2024-01-31",
                "\"2024-01-31T10:00:00\"",
                "\"1.25\"",
            ],
            ["", "\"\"", "NA", " null ", "\"NaN\"", "  "],
        ];
        for origin in [Origin::Inferred, Origin::Declared] {
            let decoded = decode(plan(&TYPES.map(|data_type| (data_type, origin))), &rows, 2);
            assert_eq!(
                (decoded.batch.seq, decoded.batch.source, decoded.batch.rows),
                (7, 3, 3)
            );
            assert_eq!((decoded.rejects.len(), decoded.widen), (0, None));
            assert!(decoded.batch.records.is_none() && decoded.batch.columns[6].is_none());
            for (slot, data_type) in TYPES.iter().enumerate() {
                let array = decoded.batch.column(slot);
                assert_eq!(array.data_type(), &data_type.to_arrow());
                assert_eq!(
                    array.slice(0, 1).to_data(),
                    array.slice(1, 1).to_data(),
                    "{data_type}"
                );
                assert!(array.is_valid(1) && array.is_null(2), "{data_type}");
                assert_eq!(
                    decoded.columns[slot],
                    ColumnCounts {
                        nulls: 1,
                        ..ColumnCounts::default()
                    }
                );
            }
        }
    }

    #[test]
    fn a_token_that_reads_as_a_value_is_null() {
        let mut plan = plan(&[
            (DataType::Int64, Origin::Inferred),
            (DataType::Int64, Origin::Inferred),
        ]);
        plan.nulls.per_column = HashMap::from([(0, vec!["-999".into()])]);
        let rows = [
            ["-999", "-999"],
            ["\"-999\"", "5"],
            ["NA", "NA"],
            ["7", " 7"],
        ];
        let decoded = decode(plan, &rows, 3);
        let cells = |slot| {
            decoded
                .batch
                .column(slot)
                .as_primitive::<Int64Type>()
                .clone()
        };
        assert_eq!(cells(0), Int64Array::from(vec![None, None, None, Some(7)]));
        assert_eq!(
            cells(1),
            Int64Array::from(vec![Some(-999), Some(5), None, Some(7)])
        );
        let reasons: Vec<_> = decoded
            .rejects
            .iter()
            .map(|reject| (reject.slot, &*reject.raw))
            .collect();
        assert_eq!(reasons, [(Some(0), &b"NA"[..])]);
    }

    #[test]
    fn misfits_become_null_and_are_kept() {
        let inferred = |data_type| (data_type, Origin::Inferred);
        let cases = [
            (inferred(DataType::Int64), "abc", Reason::TypeMismatch, None),
            (
                inferred(DataType::Int64),
                "01234",
                Reason::TypeMismatch,
                None,
            ),
            (
                inferred(DataType::Int64),
                "99999999999999999999",
                Reason::OutOfRange,
                None,
            ),
            (
                inferred(DataType::Int64),
                "\"3.5\"",
                Reason::TypeMismatch,
                Some(DataType::Float64),
            ),
            (
                (DataType::Int64, Origin::Declared),
                "3.5",
                Reason::OutOfRange,
                None,
            ),
            (
                inferred(DataType::Float64),
                "9007199254740993",
                Reason::OutOfRange,
                None,
            ),
            (
                inferred(DataType::Float64),
                "1e999",
                Reason::OutOfRange,
                None,
            ),
            (inferred(DataType::Boolean), "1", Reason::TypeMismatch, None),
            (
                inferred(DataType::Date),
                "2024-02-30",
                Reason::TypeMismatch,
                None,
            ),
            (
                inferred(DataType::Date),
                "2024-01-31T10:00",
                Reason::TypeMismatch,
                Some(timestamp(TimeUnit::Microsecond, false)),
            ),
            (
                inferred(timestamp(TimeUnit::Microsecond, false)),
                "2024-01-31T10:00Z",
                Reason::TypeMismatch,
                None,
            ),
            (
                inferred(timestamp(TimeUnit::Microsecond, true)),
                "2024-01-31T10:00:00.0000001Z",
                Reason::TypeMismatch,
                Some(timestamp(TimeUnit::Nanosecond, true)),
            ),
            (
                inferred(timestamp(TimeUnit::Nanosecond, false)),
                "3000-01-01",
                Reason::OutOfRange,
                None,
            ),
            (
                (
                    DataType::Decimal {
                        precision: 3,
                        scale: 1,
                    },
                    Origin::Declared,
                ),
                "123.4",
                Reason::OutOfRange,
                None,
            ),
        ];
        for (column, raw, reason, widen) in cases {
            let decoded = decode(
                plan(&[(DataType::Utf8, Origin::Inferred), column]),
                &[["é", ""], ["b", raw]],
                1,
            );
            assert_eq!(
                decoded.rejects,
                [Reject::new(reason, Some(1), 6, raw.as_bytes())],
                "{raw}"
            );
            let expected = widen.map(|to| Widen {
                slot: 1,
                to,
                chunk_offset: 6,
                raw: raw.as_bytes().into(),
            });
            assert_eq!(decoded.widen, expected, "{raw}");
            assert!(decoded.batch.column(1).is_null(1), "{raw}");
            let counts = ColumnCounts {
                nulls: 1,
                nulled: 1,
                null_lookalikes: 0,
            };
            assert_eq!(decoded.columns[1], counts, "{raw}");
        }
    }

    #[test]
    fn the_first_cell_that_widens_and_the_order_of_rejects() {
        let types = [
            (DataType::Int64, Origin::Inferred),
            (DataType::Date, Origin::Inferred),
        ];
        for rows_per_block in 1..4 {
            let rows = [["x", "2024-01-31"], ["5", "2024-01-31T10:00"], ["3.5", "y"]];
            let decoded = decode(plan(&types), &rows, rows_per_block);
            assert_eq!(decoded.widen.map(|widen| widen.slot), Some(1));
            let raw: Vec<_> = decoded.rejects.iter().map(|reject| &*reject.raw).collect();
            assert_eq!(raw, [&b"x"[..], b"2024-01-31T10:00", b"3.5", b"y"]);
        }
    }

    #[test]
    fn bad_records_shift_the_records_of_later_rows() {
        let (bytes, bounds) = (b"1\n2\nx,y\n3\nz,\n4\n", [0, 2, 2, 4, 8, 10, 13, 15]);
        let bad = |record, start, end| BadRecord {
            record,
            reason: Reason::TooManyFields,
            offset: start,
            start,
            end,
            fields: 2,
        };
        let mut decoder = Decoder::new(Arc::new(plan(&[(DataType::Int64, Origin::Inferred)])));
        let scratch = Bump::new();
        let second = [bad(0, 4, 7), bad(2, 10, 12)];
        for _ in 0..2 {
            decoder.begin(4);
            decoder.push_block(Block::apart(bytes, &bounds[..4], 1), &scratch);
            let mut with_bad = Block::apart(bytes, &bounds[4..6], 1);
            with_bad.record_indices = Some(&[1]);
            with_bad.bad = &second;
            decoder.push_block(with_bad, &scratch);
            decoder.push_block(Block::apart(bytes, &bounds[6..], 1), &scratch);
            let decoded = decoder.finish(0, 0);
            assert_eq!(decoded.batch.records.as_deref(), Some(&[0, 1, 3, 5][..]));
            let cells = decoded.batch.column(0).as_primitive::<Int64Type>();
            assert_eq!(cells.values(), &[1, 2, 3, 4]);
            let raw: Vec<_> = decoded
                .rejects
                .iter()
                .map(|reject| (reject.chunk_offset, &*reject.raw, reject.slot))
                .collect();
            assert_eq!(raw, [(4, &b"x,y"[..], None), (10, b"z,", None)]);
        }
    }

    #[test]
    fn columns_that_are_not_needed_stay_absent() {
        let mut plan = plan(&[
            (DataType::Int64, Origin::Inferred),
            (DataType::Int64, Origin::Inferred),
        ]);
        plan.needed[0] = false;
        let decoded = decode(plan, &[["x", "1"]], 1);
        assert!(decoded.batch.columns[0].is_none() && decoded.rejects.is_empty());
        assert_eq!(decoded.batch.column(1).len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_cell_is_a_value_a_null_or_a_reject(
            raw in prop::collection::vec("[^\",\n\r\\p{C}]{0,12}|[-+0-9.eT:/ ]{1,20}|\"[0-9.a]{0,5}\"", 1..40),
            rows_per_block in 1..8_usize,
        ) {
            for origin in [Origin::Inferred, Origin::Declared] {
                for data_type in TYPES {
                    let rows: Vec<[&str; 1]> = raw.iter().map(|field| [field.as_str()]).collect();
                    let decoded = decode(plan(&[(data_type, origin)]), &rows, rows_per_block);
                    let ColumnCounts { nulls, nulled, .. } = decoded.columns[0];
                    prop_assert_eq!(decoded.batch.column(0).null_count() as u64, nulls + nulled);
                    prop_assert_eq!(decoded.rejects.len() as u64, nulled);
                    let mut rejects = decoded.rejects.iter();
                    let nulls = NullTokens::default().of_typed(0);
                    for (row, field) in raw.iter().enumerate() {
                        let text = field::trim(field.trim_matches('"').as_bytes());
                        if decoded.batch.column(0).is_null(row) && !nulls.contains(text) {
                            prop_assert_eq!(&*rejects.next().unwrap().raw, field.as_bytes());
                        }
                    }
                }
            }
        }
    }
}
