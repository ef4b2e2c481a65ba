//! What can be wrong with a cell that a step makes.

use std::ops::AddAssign;

/// Cells that became null because something was wrong with them, by what it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flaws {
    /// Whole numbers, decimals or times beyond their type.
    pub overflows: u64,
    /// Quotients and remainders of a division by zero.
    pub divisions_by_zero: u64,
    /// Arguments that a function is not defined for, such as the logarithm of a negative number.
    pub bad_arguments: u64,
    /// Cells that do not fit the type they were cast to.
    pub bad_casts: u64,
    /// Cells that are none of the categories that were named.
    pub unknown_categories: u64,
}

impl AddAssign for Flaws {
    fn add_assign(&mut self, other: Self) {
        self.overflows += other.overflows;
        self.divisions_by_zero += other.divisions_by_zero;
        self.bad_arguments += other.bad_arguments;
        self.bad_casts += other.bad_casts;
        self.unknown_categories += other.unknown_categories;
    }
}
