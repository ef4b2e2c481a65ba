//! The words of columns made along the rows of each key: what each of them is made of.
//! Keeps: a value of these types says all that a row's cell depends on, but for the rows themselves.

use std::fmt;
use std::str::FromStr;

use super::names;
use super::window::Function;

/// A column made along the rows of each key, in file order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Series {
    /// The cell so many rows before.
    Lag(u32),
    /// The cell so many rows behind.
    Lead(u32),
    /// The cell less the one so many rows before.
    Diff(u32),
    /// How much the cell is beyond the one so many rows before, as a share of that.
    PercentChange(u32),
    /// What the cells so far come to.
    Running(Running),
    /// How many rows came before.
    Count,
    /// The cell's place among all cells of its key.
    Rank(Rank),
    /// A mean or spread of the cells so far in which older ones weigh less and less.
    Ewm(Ewm),
    /// A function over the cells so far.
    Expanding(Expanding),
    /// The number of the session a row is in; one ends where no row follows for longer than this,
    /// in nanoseconds.
    Session(i64),
}

/// What the cells so far come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// Their sum.
    Sum,
    /// Their product.
    Product,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// How cells are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rank {
    /// What equal cells get.
    pub ties: Ties,
    /// Whether the largest cell is the first.
    pub descending: bool,
    /// Whether ranks are shares of the last one.
    pub share: bool,
}

/// Which rank equal cells get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// The mean of the ranks that they take up.
    #[default]
    Average,
    /// The lowest of them.
    Min,
    /// The highest of them.
    Max,
    /// One each, in file order.
    First,
    /// The one behind that of the next smaller cell.
    Dense,
}

/// An exponentially weighted function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ewm {
    /// What is computed.
    pub function: Weighted,
    /// How fast weights fall.
    pub decay: Decay,
    /// Whether weights are divided by their sum, rather than mixed into the last result.
    pub adjust: bool,
    /// Whether weights do not fall over rows without a value.
    pub ignore_nulls: bool,
    /// Fewer values give null; at least 1.
    pub min_samples: u32,
}

/// An exponentially weighted function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighted {
    /// Mean.
    Mean,
    /// Standard deviation, corrected for bias.
    Std,
    /// Variance, corrected for bias.
    Var,
}

/// How fast weights fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decay {
    /// From row to row by this share, above 0 and at most 1.
    Row(f64),
    /// By half in so many nanoseconds, at least 1.
    Time(i64),
}

/// A function over the rows of a key so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expanding {
    /// What is computed.
    pub function: Function,
    /// Fewer values give null; for `count`, fewer rows.
    pub min_samples: u32,
}

impl Series {
    /// What users call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lag(_) => "lag",
            Self::Lead(_) => "lead",
            Self::Diff(_) => "diff",
            Self::PercentChange(_) => "pct_change",
            Self::Running(Running::Sum) => "cumsum",
            Self::Running(Running::Product) => "cumprod",
            Self::Running(Running::Max) => "cummax",
            Self::Running(Running::Min) => "cummin",
            Self::Count => "cumcount",
            Self::Rank(_) => "rank",
            Self::Ewm(_) => "ewm",
            Self::Expanding(_) => "expanding",
            Self::Session(_) => "sessionise",
        }
    }

    /// Whether it is made of a column, rather than of rows or their times alone.
    pub fn takes_column(&self) -> bool {
        !matches!(self, Self::Count | Self::Session(_))
    }

    /// Whether it needs the time of each row.
    pub fn is_timed(&self) -> bool {
        match self {
            Self::Ewm(ewm) => matches!(ewm.decay, Decay::Time(_)),
            Self::Session(_) => true,
            _ => false,
        }
    }

    /// Whether this and `other`, over the same column, are made from the same memory of it.
    pub fn shares_with(&self, other: &Self) -> bool {
        let looks_back = |series: &Self| {
            matches!(
                series,
                Self::Lag(_) | Self::Diff(_) | Self::PercentChange(_)
            )
        };
        match (self, other) {
            (Self::Ewm(ewm), Self::Ewm(other)) => {
                (ewm.decay, ewm.adjust, ewm.ignore_nulls)
                    == (other.decay, other.adjust, other.ignore_nulls)
            }
            (Self::Expanding(_), Self::Expanding(_)) => true,
            _ => looks_back(self) && looks_back(other),
        }
    }
}

const TIES: [(&str, Ties); 5] = [
    ("average", Ties::Average),
    ("min", Ties::Min),
    ("max", Ties::Max),
    ("first", Ties::First),
    ("dense", Ties::Dense),
];

impl FromStr for Ties {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match TIES.into_iter().find(|(name, _)| *name == text) {
            Some((_, ties)) => Ok(ties),
            None => {
                let known = TIES.iter().map(|(name, _)| *name);
                Err(names::unknown("method", text, known))
            }
        }
    }
}

const WEIGHTED: [(&str, Weighted); 3] = [
    ("mean", Weighted::Mean),
    ("std", Weighted::Std),
    ("var", Weighted::Var),
];

impl FromStr for Weighted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match WEIGHTED.into_iter().find(|(name, _)| *name == text) {
            Some((_, function)) => Ok(function),
            None => {
                let known = WEIGHTED.iter().map(|(name, _)| *name);
                Err(names::unknown("function", text, known))
            }
        }
    }
}

impl fmt::Display for Weighted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = WEIGHTED.iter().find(|(_, function)| function == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for (name, ties) in TIES {
            assert_eq!(name.parse::<Ties>(), Ok(ties));
        }
        for (name, function) in WEIGHTED {
            assert_eq!(name.parse::<Weighted>(), Ok(function));
            assert_eq!(function.to_string(), name);
        }
        let message = "dens".parse::<Ties>().unwrap_err();
        assert!(message.contains("`dense`"), "{message}");
        let message = "sum".parse::<Weighted>().unwrap_err();
        assert!(message.contains("mean, std, var"), "{message}");
    }

    #[test]
    fn only_what_remembers_the_same_shares() {
        let ewm = |function, alpha| {
            Series::Ewm(Ewm {
                function,
                decay: Decay::Row(alpha),
                adjust: true,
                ignore_nulls: false,
                min_samples: 1,
            })
        };
        assert!(Series::Lag(1).shares_with(&Series::Diff(7)));
        assert!(ewm(Weighted::Mean, 0.5).shares_with(&ewm(Weighted::Std, 0.5)));
        assert!(!ewm(Weighted::Mean, 0.5).shares_with(&ewm(Weighted::Mean, 0.25)));
        assert!(!Series::Lag(1).shares_with(&Series::Lead(1)));
        assert!(!Series::Count.shares_with(&Series::Count));
    }
}
