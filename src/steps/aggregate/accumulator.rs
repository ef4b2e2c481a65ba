//! What an aggregate keeps of the groups it has seen: one [`Accumulator`] for measures that need the
//! same, in columns by group id.
//!
//! Keeps: the order of rows, and where they were cut apart and merged again, change no result; only
//! the first and the last value of a group depend on the order, and merging keeps it.

use arrow::array::ArrayRef;

use super::cells::{Cells, Form, Rows};
use super::chosen::{Chosen, ChosenTexts, Rule};
use super::counts::Counts;
use super::distinct::{Distinct, Seen};
use super::moments::Moments;
use super::registers::Registers;
use super::sums::{FloatSums, WholeSums};
use super::values::Values;
use super::wire::Taker;
use crate::base::{DataType, Measure, Result};

/// What is kept of one column for some measures, by group.
pub(super) trait Accumulator: Send + Sync {
    /// Makes room for groups, of which no row was seen yet.
    fn grow(&mut self, groups: usize);
    /// Takes in rows.
    fn update(&mut self, cells: &Cells, rows: Rows<'_>);
    /// Appends what is kept of a group, but for what is kept per value.
    fn write(&self, group: u32, out: &mut Vec<u8>);
    /// Adds what was written of a group whose rows come after those seen so far.
    fn merge(&mut self, group: u32, taker: &mut Taker<'_>);
    /// The cells of `measure` for `groups`, once nothing more comes.
    fn finish(&self, measure: Measure, groups: &[u32]) -> Result<ArrayRef, Beyond>;
    /// Memory held, in bytes.
    fn memory_bytes(&self) -> usize;
    /// The part that is kept per value, where there is one.
    fn per_value(&mut self) -> Option<&mut dyn PerValue> {
        None
    }
}

/// What is kept per group and value.
pub(super) trait PerValue {
    /// Hands over every value and how often it was seen, group after group in the order of `ranks`
    /// (a group's place in the order), values ascending, as bytes that sort as they do.
    fn drain(&mut self, ranks: &[u32], visit: &mut Visit<'_>) -> Result<()>;
    /// Takes in a value of `group` again, in that order, after everything that was written of the
    /// group was merged.
    fn item(&mut self, group: u32, value: &[u8], count: u64);
    /// Works out from what is in memory what [`PerValue::item`] would from what was spilled.
    fn settle(&mut self);
}

/// Takes a group, a value and how often it was seen.
pub(super) type Visit<'a> = dyn FnMut(u32, &[u8], u64) -> Result<()> + 'a;

/// A cell beyond its type.
#[derive(Debug)]
pub(super) enum Beyond {
    /// The result of a group, and what is wrong with it.
    Group(u32, String),
    /// Another failure.
    Other(crate::base::Error),
}

impl From<crate::base::Error> for Beyond {
    fn from(error: crate::base::Error) -> Self {
        Self::Other(error)
    }
}

/// The type of the cells of `measure` over a column of `argument`.
///
/// # Errors
/// Says so if it is not defined for such a column.
pub fn output_type(
    measure: Measure,
    argument: Option<&DataType>,
) -> std::result::Result<DataType, String> {
    let Some(argument) = argument else {
        return Ok(DataType::Int64);
    };
    let is_number = argument.is_numeric();
    let wanted = |is_defined: bool, what: &str, data_type: DataType| match is_defined {
        true => Ok(data_type),
        false => Err(format!(
            "only numbers have {what}; the column is {argument}"
        )),
    };
    let is_countable = is_number || *argument == DataType::Boolean;
    match measure {
        Measure::Rows | Measure::Count | Measure::Distinct | Measure::ApproxDistinct => {
            Ok(DataType::Int64)
        }
        Measure::Sum => wanted(
            is_countable,
            "a sum",
            match argument {
                DataType::Boolean => DataType::Int64,
                DataType::Decimal { scale, .. } => DataType::Decimal {
                    precision: 38,
                    scale: *scale,
                },
                other => other.clone(),
            },
        ),
        Measure::Mean => wanted(is_countable, "a mean", DataType::Float64),
        Measure::Std | Measure::Var => wanted(is_number, "a spread", DataType::Float64),
        Measure::Quantile(_) | Measure::ApproxQuantile(_) => {
            wanted(is_number, "quantiles", DataType::Float64)
        }
        Measure::Min | Measure::Max | Measure::First | Measure::Last | Measure::Mode => {
            Ok(argument.clone())
        }
    }
}

/// What measures of the same column share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counts,
    Sums,
    Moments,
    Chosen(Rule),
    Values,
    Distinct,
    Buckets,
    Registers,
}

impl Kind {
    /// What `measure` needs.
    pub(super) fn of(measure: Measure) -> Self {
        match measure {
            Measure::Rows | Measure::Count => Self::Counts,
            Measure::Sum | Measure::Mean => Self::Sums,
            Measure::Std | Measure::Var => Self::Moments,
            Measure::Min => Self::Chosen(Rule::Min),
            Measure::Max => Self::Chosen(Rule::Max),
            Measure::First => Self::Chosen(Rule::First),
            Measure::Last => Self::Chosen(Rule::Last),
            Measure::Quantile(_) => Self::Values,
            Measure::Distinct | Measure::Mode => Self::Distinct,
            Measure::ApproxQuantile(_) => Self::Buckets,
            Measure::ApproxDistinct => Self::Registers,
        }
    }

    /// Whether what this keeps of a column answers what `other` is for.
    pub(super) fn answers(self, other: Self, data_type: Option<&DataType>) -> bool {
        let is_float = data_type == Some(&DataType::Float64);
        match (self, other) {
            _ if self == other => true,
            (Self::Moments, Self::Sums | Self::Counts) => is_float,
            (Self::Sums, Self::Counts) => true,
            _ => false,
        }
    }

    /// The empty one for `measures` over a column of `data_type`.
    pub(super) fn accumulator(
        self,
        data_type: Option<&DataType>,
        measures: &[Measure],
    ) -> Box<dyn Accumulator> {
        let Some(data_type) = data_type else {
            return Box::new(Counts::default());
        };
        let form = Form::of(data_type);
        match self {
            Self::Counts => Box::new(Counts::default()),
            Self::Sums if form == Form::Floats => Box::new(FloatSums::default()),
            Self::Sums => Box::new(WholeSums::new(data_type)),
            Self::Moments => Box::new(Moments::default()),
            Self::Chosen(rule) => match form {
                Form::Words => Box::new(Chosen::<i64>::new(rule, data_type)),
                Form::Floats => Box::new(Chosen::<f64>::new(rule, data_type)),
                Form::Decimals => Box::new(Chosen::<i128>::new(rule, data_type)),
                Form::Texts => Box::new(ChosenTexts::new(rule)),
            },
            Self::Values => Box::new(Values::new(measures)),
            Self::Distinct if measures.iter().all(|it| *it == Measure::Distinct) => {
                Box::new(Distinct::<Seen>::new(data_type, measures))
            }
            Self::Distinct | Self::Buckets => Box::new(Distinct::<u64>::new(data_type, measures)),
            Self::Registers => Box::new(Registers::default()),
        }
    }
}
