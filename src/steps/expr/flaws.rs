//! What is wrong with a cell -> where it is counted, and how it is called.

use super::node::Flaw;
use crate::base::Flaws;

impl Flaw {
    /// Counts `count` cells.
    pub(super) fn count(self, flaws: &mut Flaws, count: u64) {
        match self {
            Self::Overflow => flaws.overflows += count,
            Self::DivisionByZero => flaws.divisions_by_zero += count,
            Self::Argument => flaws.bad_arguments += count,
            Self::Cast => flaws.bad_casts += count,
        }
    }

    /// What is wrong with a cell.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Overflow => "a result does not fit its type",
            Self::DivisionByZero => "a division by zero",
            Self::Argument => "a function is not defined for this number",
            Self::Cast => "a cell does not fit the type it is cast to",
        }
    }
}
