//! The words of joins: which rows stay, what becomes of keys that stand twice, and where an as-of
//! join looks from a time.

use std::fmt;

use clap::ValueEnum;

/// Which rows a join keeps, and whether it adds columns to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum JoinHow {
    /// All; the new columns are null where nothing matches.
    #[default]
    Left,
    /// Those that something matches, with the new columns.
    Inner,
    /// Those that something matches; no new columns.
    Semi,
    /// Those that nothing matches; no new columns.
    Anti,
}

impl JoinHow {
    /// Whether rows may leave.
    pub fn drops_rows(self) -> bool {
        self != Self::Left
    }

    /// Whether rows get new columns.
    pub fn adds_columns(self) -> bool {
        matches!(self, Self::Left | Self::Inner)
    }
}

impl fmt::Display for JoinHow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Inner => "inner",
            Self::Semi => "semi",
            Self::Anti => "anti",
        })
    }
}

/// What becomes of rows of a joined table that have the same key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Duplicates {
    /// They end the run.
    #[default]
    Error,
    /// The first is taken.
    First,
    /// The last is taken.
    Last,
    /// All are, which makes as many rows of one.
    All,
}

/// Where an as-of join looks for a row of the joined table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// The last that is not later.
    #[default]
    Backward,
    /// The first that is not earlier.
    Forward,
    /// Whichever of the two is nearer; the earlier one if both are as near.
    Nearest,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
            Self::Nearest => "nearest",
        })
    }
}
