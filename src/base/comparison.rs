//! A cell against a constant: what a condition asks of one column, in the simplest case.

use super::Value;

/// How a cell is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// It has this value.
    Equal(Value),
    /// It has another value than this.
    NotEqual(Value),
    /// It has a value less than this.
    Less(Value),
    /// It has this value or a lesser one.
    LessOrEqual(Value),
    /// It has a value greater than this.
    Greater(Value),
    /// It has this value or a greater one.
    GreaterOrEqual(Value),
    /// It is null.
    IsNull,
    /// It is not null.
    IsNotNull,
}
