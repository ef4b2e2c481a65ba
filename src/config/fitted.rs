//! Steps over single rows that learn something of the whole column first: what the file or the
//! builder says -> [`FittedStep`].
//! Keeps: quantiles ascend from 0 to 1 and have as many labels as there are bins, or none; no
//! category is named twice.

use std::collections::HashSet;
use std::fmt;

use crate::base::{Beyond, NullCategory, Outliers, Scaling};

/// One such step.
#[derive(Debug, Clone, PartialEq)]
pub enum FittedStep {
    /// Sort the numbers of a column into bins of equal shares.
    Qcut(QcutSpec),
    /// Scale the numbers of a column.
    Scale {
        /// The column.
        column: String,
        /// How.
        scaling: Scaling,
        /// The column that is made; the same to replace it.
        name: String,
    },
    /// Hold the numbers of a column that lie too far out.
    ClipOutliers {
        /// The column.
        column: String,
        /// Which those are.
        outliers: Outliers,
        /// What becomes of them.
        beyond: Beyond,
        /// The column that is made; the same to replace it.
        name: String,
    },
    /// Number the categories of a column.
    Ordinal {
        /// The column.
        column: String,
        /// The categories in their order; `None` to learn and sort them.
        order: Option<Vec<String>>,
        /// The column that is made; the same to replace it.
        name: String,
    },
    /// Make a column of flags for each category of a column.
    OneHot(OneHotSpec),
}

/// Labelled bins of equal shares, as `pandas.qcut` has them.
#[derive(Debug, Clone, PartialEq)]
pub struct QcutSpec {
    /// The column.
    pub column: String,
    /// The shares that lie below the edges of the bins, ascending.
    pub shares: Vec<f64>,
    /// The labels, one less than shares, each once; empty to call bins by their edges.
    pub labels: Vec<String>,
    /// The new column's name.
    pub name: String,
    /// Whether edges that are the same become one, rather than an error.
    pub merge_edges: bool,
}

/// Flags of categories, as `pandas.get_dummies` has them.
#[derive(Debug, Clone, PartialEq)]
pub struct OneHotSpec {
    /// The column.
    pub column: String,
    /// The categories; `None` to learn and sort them.
    pub categories: Option<Vec<String>>,
    /// The most that may be learnt.
    pub categories_max: usize,
    /// Whether the column itself is left out.
    pub drop: bool,
    /// What the flags of null are.
    pub null: NullCategory,
}

impl FittedStep {
    /// A scaling; it replaces the column unless there is a `name`.
    pub(super) fn scale(column: &str, scaling: &str, name: Option<&str>) -> Result<Self, String> {
        Ok(Self::Scale {
            scaling: scaling.parse()?,
            name: named(column, name)?,
            column: column.to_owned(),
        })
    }

    /// A hold on outliers, likewise.
    pub(super) fn clip_outliers(
        column: &str,
        outliers: &str,
        beyond: Beyond,
        name: Option<&str>,
    ) -> Result<Self, String> {
        Ok(Self::ClipOutliers {
            outliers: outliers.parse()?,
            beyond,
            name: named(column, name)?,
            column: column.to_owned(),
        })
    }

    /// Numbers of categories, likewise.
    pub(super) fn ordinal(
        column: &str,
        order: Option<Vec<String>>,
        name: Option<&str>,
    ) -> Result<Self, String> {
        check_categories(order.as_deref())?;
        Ok(Self::Ordinal {
            order,
            name: named(column, name)?,
            column: column.to_owned(),
        })
    }

    /// The column that it reads.
    pub fn column(&self) -> &str {
        match self {
            Self::Qcut(QcutSpec { column, .. })
            | Self::Scale { column, .. }
            | Self::ClipOutliers { column, .. }
            | Self::Ordinal { column, .. }
            | Self::OneHot(OneHotSpec { column, .. }) => column,
        }
    }
}

impl QcutSpec {
    /// Bins between the quantiles of `shares`; without a `name` the column is called `COL_quantile`.
    pub(super) fn new(
        column: &str,
        shares: Vec<f64>,
        labels: Vec<String>,
        name: Option<&str>,
    ) -> Result<Self, String> {
        let ascend = shares.windows(2).all(|pair| pair[0] < pair[1]);
        if shares.len() < 2 || !ascend || !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Err(
                "write a number of bins, or shares from 0 to 1 that ascend, such as [0, 0.5, 0.9, 1]"
                    .to_owned(),
            );
        }
        let bins = shares.len() - 1;
        if !labels.is_empty() && labels.len() != bins {
            return Err(format!("{bins} bins, but {} labels", labels.len()));
        }
        check_twice(&labels, "label")?;
        let name = name.map_or_else(|| format!("{column}_quantile"), str::to_owned);
        Ok(Self {
            column: column.to_owned(),
            shares,
            labels,
            name: named("", Some(&name))?,
            merge_edges: false,
        })
    }

    /// The shares of `bins` bins.
    pub(super) fn equal_shares(bins: usize) -> Result<Vec<f64>, String> {
        const BINS_MAX: usize = 10_000;
        match bins {
            1..=BINS_MAX => {
                // As NumPy spaces them.
                let step = 1.0 / bins as f64;
                let shares = (0..bins).map(|bin| bin as f64 * step);
                Ok(shares.chain([1.0]).collect())
            }
            _ => Err(format!(
                "{bins} is no number of bins; choose 1 to {BINS_MAX}"
            )),
        }
    }
}

impl OneHotSpec {
    /// So many columns a category may make before it is likely a mistake.
    const CATEGORIES_MAX: usize = 50;

    /// Flags of `column`.
    pub(super) fn new(column: &str) -> Self {
        Self {
            column: column.to_owned(),
            categories: None,
            categories_max: Self::CATEGORIES_MAX,
            drop: false,
            null: NullCategory::default(),
        }
    }

    /// With these categories.
    pub(super) fn of(mut self, categories: Vec<String>) -> Result<Self, String> {
        check_categories(Some(&categories))?;
        self.categories = Some(categories);
        Ok(self)
    }

    /// What the columns of the categories `names` are called.
    pub fn columns<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = String> {
        let of_null = (self.null == NullCategory::Column).then_some("null");
        let names = names.iter().map(String::as_str).chain(of_null);
        names.map(|name| format!("{}_{name}", self.column))
    }
}

fn named(column: &str, name: Option<&str>) -> Result<String, String> {
    match name {
        Some("") => Err("the new column needs a name".to_owned()),
        name => Ok(name.unwrap_or(column).to_owned()),
    }
}

fn check_categories(categories: Option<&[String]>) -> Result<(), String> {
    match categories {
        Some([]) => Err("name a category, or leave them out to learn them".to_owned()),
        Some(categories) => check_twice(categories, "category"),
        None => Ok(()),
    }
}

fn check_twice(names: &[String], what: &str) -> Result<(), String> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(format!("the {what} `{twice}` stands twice")),
        None => Ok(()),
    }
}

impl fmt::Display for FittedStep {
    /// What it does, in a few words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qcut(qcut) => return write!(f, "qcut {}={}", qcut.name, qcut.column),
            Self::Scale {
                column, scaling, ..
            } => write!(f, "scale {column}={scaling}")?,
            Self::ClipOutliers {
                column, outliers, ..
            } => write!(f, "clip_outliers {column}={outliers}")?,
            Self::Ordinal { column, .. } => write!(f, "ordinal {column}")?,
            Self::OneHot(one_hot) => return write!(f, "one_hot {}", one_hot.column),
        }
        match self {
            Self::Scale { column, name, .. }
            | Self::ClipOutliers { column, name, .. }
            | Self::Ordinal { column, name, .. }
                if name != column =>
            {
                write!(f, " as {name}")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_ascend_and_have_labels() {
        let qcut = |shares: &[f64], labels: &[&str]| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            QcutSpec::new("a", shares.to_vec(), labels, None)
        };
        let quarters = QcutSpec::equal_shares(4).unwrap();
        assert_eq!(quarters, [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(qcut(&quarters, &[]).unwrap().name, "a_quantile");
        for (shares, labels, expected) in [
            (&[0.0][..], &[][..], "number of bins"),
            (&[0.5, 0.5], &[], "ascend"),
            (&[0.0, 1.5], &[], "from 0 to 1"),
            (&[0.0, 1.0], &["x", "y"], "1 bins, but 2 labels"),
            (&[0.0, 0.5, 1.0], &["x", "x"], "`x` stands twice"),
        ] {
            let message = qcut(shares, labels).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        assert!(QcutSpec::equal_shares(0).is_err());
    }

    #[test]
    fn steps_print_what_they_do() {
        let scaled = FittedStep::scale("a", "robust", Some("b")).unwrap();
        assert_eq!(scaled.to_string(), "scale a=robust as b");
        let held = FittedStep::clip_outliers("a", "iqr", Beyond::Limit, None).unwrap();
        assert_eq!(held.to_string(), "clip_outliers a=iqr:1.5");
        assert!(FittedStep::scale("a", "robust", Some("")).is_err());
        let twice = vec!["x".to_owned(), "x".to_owned()];
        assert!(FittedStep::ordinal("a", Some(twice.clone()), None).is_err());
        assert!(OneHotSpec::new("a").of(twice).is_err());
        assert!(OneHotSpec::new("a").of(Vec::new()).is_err());
    }
}
