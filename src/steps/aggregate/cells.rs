//! A column of a batch -> its cells in one of the few forms that measures tell apart.
//! Keeps: the dispatch on types is here, once per column and batch; NaN is no value.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
    StringArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType as ArrowType, Float64Type, Int32Type};

use crate::base::{DataType, ErrorKind, Result};

/// The cells of a column.
pub(super) enum Cells {
    /// No column: rows are all there is.
    Rows,
    /// Whole numbers, truth values, dates and timestamps.
    Words(Int64Array),
    /// Floats.
    Floats(Float64Array),
    /// Unscaled decimals.
    Decimals(Decimal128Array),
    /// Texts.
    Texts(StringArray),
    /// Texts, by way of a dictionary.
    Dictionary(DictionaryArray<Int32Type>),
}

/// The form that the cells of a column have, whatever the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Words,
    Floats,
    Decimals,
    Texts,
}

impl Form {
    /// The form of the cells of `data_type`.
    pub(super) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Float64 => Self::Floats,
            DataType::Decimal { .. } => Self::Decimals,
            other if other.is_text() => Self::Texts,
            _ => Self::Words,
        }
    }
}

/// The rows of a batch that a measure is taken of, and the group of each.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) rows: &'a [u32],
    pub(super) groups: &'a [u32],
}

impl Rows<'_> {
    /// Visits the values of the rows that have one.
    #[inline(always)]
    pub(super) fn visit<T: Copy>(
        self,
        values: &[T],
        nulls: Option<&NullBuffer>,
        mut visit: impl FnMut(u32, T),
    ) {
        let pairs = self.rows.iter().zip(self.groups);
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            None => pairs.for_each(|(&row, &group)| visit(group, values[row as usize])),
            Some(nulls) => {
                for (&row, &group) in pairs {
                    if nulls.is_valid(row as usize) {
                        visit(group, values[row as usize]);
                    }
                }
            }
        }
    }
}

impl Cells {
    /// The cells of `array`.
    pub(super) fn new(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            ArrowType::Float64 => Self::Floats(array.as_primitive().clone()),
            ArrowType::Decimal128(..) => Self::Decimals(array.as_primitive().clone()),
            ArrowType::Utf8 => Self::Texts(array.as_string().clone()),
            ArrowType::Dictionary(..) => Self::Dictionary(array.as_dictionary().clone()),
            ArrowType::Int64 => Self::Words(array.as_primitive().clone()),
            ArrowType::Date32 => {
                let days = cast(array, &ArrowType::Int32)?;
                Self::Words(cast(&days, &ArrowType::Int64)?.as_primitive().clone())
            }
            _ => Self::Words(cast(array, &ArrowType::Int64)?.as_primitive().clone()),
        })
    }

    /// Numbers as floats.
    pub(super) fn floats(&self) -> Cow<'_, Float64Array> {
        match self {
            Self::Floats(floats) => Cow::Borrowed(floats),
            Self::Words(words) => Cow::Owned(words.unary(|word| word as f64)),
            Self::Decimals(decimals) => {
                let unit = 10_f64.powi(decimals.scale().into());
                Cow::Owned(decimals.unary::<_, Float64Type>(|decimal| decimal as f64 / unit))
            }
            _ => unreachable!("only numbers are taken as floats"),
        }
    }

    /// Which cells are null; a dictionary says so by its keys.
    fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Self::Rows => None,
            Self::Words(array) => array.nulls(),
            Self::Floats(array) => array.nulls(),
            Self::Decimals(array) => array.nulls(),
            Self::Texts(array) => array.nulls(),
            Self::Dictionary(array) => array.nulls(),
        }
    }

    /// Visits the group of each row that has a value.
    pub(super) fn visit_present(&self, rows: Rows<'_>, mut visit: impl FnMut(u32)) {
        match self {
            Self::Floats(floats) => rows.visit(floats.values(), floats.nulls(), |group, cell| {
                if !cell.is_nan() {
                    visit(group);
                }
            }),
            Self::Dictionary(_) | Self::Texts(_) => {
                self.visit_texts(rows, |group, _| visit(group));
            }
            other => match other.nulls().filter(|nulls| nulls.null_count() > 0) {
                None => rows.groups.iter().for_each(|group| visit(*group)),
                Some(nulls) => {
                    for (&row, &group) in rows.rows.iter().zip(rows.groups) {
                        if nulls.is_valid(row as usize) {
                            visit(group);
                        }
                    }
                }
            },
        }
    }

    /// Visits the texts of the rows that have one.
    pub(super) fn visit_texts(&self, rows: Rows<'_>, mut visit: impl FnMut(u32, &str)) {
        let pairs = rows.rows.iter().zip(rows.groups);
        match self {
            Self::Texts(texts) => {
                for (&row, &group) in pairs {
                    if texts.is_valid(row as usize) {
                        visit(group, texts.value(row as usize));
                    }
                }
            }
            Self::Dictionary(cells) => {
                let texts = cells.values().as_string::<i32>();
                let keys = cells.keys();
                for (&row, &group) in pairs {
                    let row = row as usize;
                    if keys.is_valid(row) {
                        let key = keys.value(row) as usize;
                        if texts.is_valid(key) {
                            visit(group, texts.value(key));
                        }
                    }
                }
            }
            _ => unreachable!("only columns of text have texts"),
        }
    }
}

/// `array` as another type of the same values.
pub(super) fn cast(array: &ArrayRef, to: &ArrowType) -> Result<ArrayRef> {
    let cast = arrow::compute::cast(array, to);
    Ok(cast.map_err(|source| ErrorKind::Encode {
        action: "read the cells of a measure",
        source: source.into(),
    })?)
}

/// Cells of the form of words as a column of `data_type`.
pub(super) fn words_column(words: Int64Array, data_type: &DataType) -> Result<ArrayRef> {
    let words: ArrayRef = Arc::new(words);
    match data_type {
        DataType::Date => {
            let days = cast(&words, &ArrowType::Int32)?;
            cast(&days, &ArrowType::Date32)
        }
        other => cast(&words, &other.to_arrow()),
    }
}

/// Unscaled decimals as a column of `data_type`.
pub(super) fn decimal_column(cells: Vec<Option<i128>>, data_type: &DataType) -> ArrayRef {
    let cells = Decimal128Array::from_iter(cells).with_data_type(data_type.to_arrow());
    Arc::new(cells)
}

/// The cells of a column of words, for [`Rows::visit`].
pub(super) fn words_of(cells: &Cells) -> &Int64Array {
    match cells {
        Cells::Words(words) => words,
        _ => unreachable!("the form of a column does not change"),
    }
}

/// The cells of a column of decimals, for [`Rows::visit`].
pub(super) fn decimals_of(cells: &Cells) -> &Decimal128Array {
    match cells {
        Cells::Decimals(decimals) => decimals,
        _ => unreachable!("the form of a column does not change"),
    }
}

/// Times without their zone, whose name takes a table of zones to print.
pub(super) fn zoneless(cells: &ArrayRef) -> ArrayRef {
    match cells.data_type() {
        ArrowType::Timestamp(unit, Some(_)) => {
            let to = ArrowType::Timestamp(*unit, None);
            cast(cells, &to).unwrap_or_else(|_| Arc::clone(cells))
        }
        _ => Arc::clone(cells),
    }
}
