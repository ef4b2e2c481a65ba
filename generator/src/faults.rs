//! Rates in, faulty cells out. Invariant: a cell has at most one fault, and each kind of fault
//! reads back as that kind and no other.

use clap::ValueEnum;

use crate::Error;
use crate::buffer::{Word, words};
use crate::random::{Chance, Rng};
use crate::shape::{Cells, Column};

/// How often each kind of fault is put in; fractions between 0 and 1. Every 256th row is spared from
/// being a duplicate and from a wrong timestamp, whatever the rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Missing cells, in every column that may have them; [`MissingAs`] says what stands there.
    pub missing: f64,
    /// Cells that do not fit their column's type.
    pub type_faults: f64,
    /// Rows that repeat an earlier one, byte for byte.
    pub duplicates: f64,
    /// Cells of the right type that cannot be: negative amounts, timestamps in the future.
    pub invalid: f64,
    /// Rows dated up to six hours before a row that stands before them.
    pub late: f64,
}

impl Rates {
    /// No faults at all.
    pub const CLEAN: Self = Self {
        missing: 0.0,
        type_faults: 0.0,
        duplicates: 0.0,
        invalid: 0.0,
        late: 0.0,
    };

    /// What a neglected export looks like.
    pub const REALISTIC: Self = Self {
        missing: 0.02,
        type_faults: 0.001,
        duplicates: 0.005,
        invalid: 0.002,
        late: 0.005,
    };
}

/// What stands in a missing cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MissingAs {
    /// Nothing, which every reader takes for missing
    Empty,
    /// Nothing in half of them; N/A, NA, null, NaN or None in the others
    Tokens,
}

/// A countable property of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    // Missing, in the order of `TOKENS`.
    Empty,
    TokenNSlashA,
    TokenNa,
    TokenNull,
    TokenNan,
    TokenNone,
    // Of the wrong type.
    DecimalComma,
    Word,
    FloatInInteger,
    OtherDateFormat,
    // Of the right type, and wrong.
    Negative,
    Future,
    Late,
    // No faults, but worth counting.
    Comma,
    Quote,
    LineBreak,
}

impl Mark {
    /// Number of marks.
    pub(crate) const COUNT: usize = Self::LineBreak as usize + 1;
}

/// What may stand in a missing cell.
pub(crate) const TOKENS: [(Mark, &str); 6] = [
    (Mark::Empty, ""),
    (Mark::TokenNSlashA, "N/A"),
    (Mark::TokenNa, "NA"),
    (Mark::TokenNull, "null"),
    (Mark::TokenNan, "NaN"),
    (Mark::TokenNone, "None"),
];

static STRAY_WORDS: [Word; 4] = words(["abc", "tbd", "see note", "error"]);

/// What is wrong with a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    Type,
    Invalid,
    Late,
}

/// The faults of one column: each begins where the one before it ends, so one draw picks at most
/// one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    missing_end: Chance,
    type_end: Chance,
    invalid_end: Chance,
    late_end: Chance,
}

impl Faults {
    /// The rates that apply to `column`; a usage error if they exceed 1 together.
    pub(crate) fn new(rates: &Rates, column: &Column) -> Result<Self, Error> {
        let applies = |applies: bool, rate: f64| if applies { rate } else { 0.0 };
        let cells = &column.cells;
        let missing_end = applies(column.optional, rates.missing);
        let type_end = missing_end + applies(cells.is_typed(), rates.type_faults);
        let invalid_end = type_end + applies(cells.can_be_invalid(), rates.invalid);
        let late_end = invalid_end + applies(matches!(cells, Cells::Time), rates.late);
        if late_end > 1.0 {
            return Err(Error::Usage(format!(
                "the fault rates of column {} add up to {:.0}%; a cell has at most one fault",
                column.name,
                late_end * 100.0
            )));
        }
        Ok(Self {
            missing_end: Chance::new(missing_end),
            type_end: Chance::new(type_end),
            invalid_end: Chance::new(invalid_end),
            late_end: Chance::new(late_end),
        })
    }

    /// The fault that 32 random bits pick, if any.
    pub(crate) fn pick(&self, dice: u32) -> Option<Fault> {
        if !self.late_end.hits(dice) {
            return None;
        }
        Some(if self.missing_end.hits(dice) {
            Fault::Missing
        } else if self.type_end.hits(dice) {
            Fault::Type
        } else if self.invalid_end.hits(dice) {
            Fault::Invalid
        } else {
            Fault::Late
        })
    }
}

impl MissingAs {
    /// Stores a missing cell at `at`; returns where the next text goes.
    pub(crate) fn write(self, rng: &mut Rng, out: &mut [u8], at: usize) -> (usize, Mark) {
        let index = match self {
            Self::Empty => 0,
            Self::Tokens => rng.below(10).saturating_sub(4) as usize,
        };
        let (mark, token) = TOKENS[index];
        (Word::new(token).put(out, at), mark)
    }
}

/// Stores a word in a column that is not text; returns where the next text goes.
pub(crate) fn write_word(rng: &mut Rng, out: &mut [u8], at: usize) -> (usize, Mark) {
    let word = STRAY_WORDS[rng.below(STRAY_WORDS.len() as u32) as usize];
    (word.put(out, at), Mark::Word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_column() -> Column {
        Column {
            name: "timestamp".into(),
            cells: Cells::Time,
            optional: true,
        }
    }

    #[test]
    fn one_draw_splits_among_the_faults_at_their_rates() {
        let rates = Rates {
            missing: 0.25,
            type_faults: 0.125,
            duplicates: 0.9,
            invalid: 0.25,
            late: 0.125,
        };
        let faults = Faults::new(&rates, &time_column()).unwrap();
        let eighth = 1_u32 << 29;
        let picks = (0..8).map(|i| faults.pick(i * eighth));
        use Fault::{Invalid, Late, Missing, Type};
        let expected = [
            Some(Missing),
            Some(Missing),
            Some(Type),
            Some(Invalid),
            Some(Invalid),
            Some(Late),
            None,
            None,
        ];
        assert!(picks.eq(expected));
    }

    #[test]
    fn rates_above_one_are_refused() {
        let rates = Rates {
            missing: 0.6,
            late: 0.5,
            ..Rates::CLEAN
        };
        let error = Faults::new(&rates, &time_column()).unwrap_err();
        assert!(error.to_string().contains("timestamp"), "{error}");
        let text = Column {
            name: "region".into(),
            cells: Cells::Choice(&[]),
            optional: true,
        };
        assert!(Faults::new(&rates, &text).is_ok(), "text is never late");
    }

    #[test]
    fn half_the_missing_cells_hold_tokens() {
        let mut counts = [0_usize; TOKENS.len()];
        for row in 0..10_000 {
            let mut out = [0; 20];
            let (end, mark) = MissingAs::Tokens.write(&mut Rng::for_row(1, row), &mut out, 0);
            counts[mark as usize] += 1;
            assert_eq!(&out[..end], TOKENS[mark as usize].1.as_bytes());
        }
        assert!(counts[0].abs_diff(5000) < 200, "{counts:?}");
        assert!(
            counts[1..].iter().all(|n| n.abs_diff(1000) < 120),
            "{counts:?}"
        );
    }
}
