//! Steps that look at one row at a time: what the file, a flag or the builder says -> [`RowStep`].
//! Keeps: bins ascend and have as many labels as there are bins; no list of columns is empty and
//! none names a column twice; expressions are text until the columns' types are known.

use std::collections::HashSet;
use std::fmt;

use super::dtype;
use crate::base::DataType;

/// One step over single rows.
#[derive(Debug, Clone, PartialEq)]
pub enum RowStep {
    /// Keep the rows for which a condition is TRUE.
    Filter(String),
    /// Make a column of an expression; it takes the place of one of the same name.
    Derive {
        /// The column's name.
        name: String,
        /// The expression.
        expression: String,
    },
    /// Keep these columns only, in this order.
    Select(Vec<String>),
    /// Leave these columns out.
    Drop(Vec<String>),
    /// Call columns otherwise: old and new names.
    Rename(Vec<(String, String)>),
    /// Give a column another type.
    Cast {
        /// The column.
        column: String,
        /// The type.
        data_type: DataType,
    },
    /// Sort the numbers of a column into labelled bins.
    Cut(CutSpec),
    /// Hold the values of a column between two limits, of which either may be infinite.
    Clip {
        /// The column.
        column: String,
        /// The lowest value.
        lowest: f64,
        /// The highest value.
        highest: f64,
    },
}

/// Labelled bins over a column, as `pandas.cut` has them.
#[derive(Debug, Clone, PartialEq)]
pub struct CutSpec {
    /// The column.
    pub column: String,
    /// The edges of the bins, ascending.
    pub edges: Vec<f64>,
    /// The labels, one less than edges, each once.
    pub labels: Vec<String>,
    /// The new column's name.
    pub name: String,
    /// Whether a bin holds its upper edge, rather than its lower one.
    pub right: bool,
    /// Whether the outermost edge that would be left out belongs to its bin.
    pub include_lowest: bool,
}

impl RowStep {
    /// A filter.
    pub(super) fn filter(condition: &str) -> Result<Self, String> {
        match condition.trim() {
            "" => Err("needs a condition, such as amount > 0".to_owned()),
            condition => Ok(Self::Filter(condition.to_owned())),
        }
    }

    /// A new column.
    pub(super) fn derive(name: &str, expression: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Err("the new column needs a name".to_owned());
        }
        match expression.trim() {
            "" => Err("needs an expression, such as price * quantity".to_owned()),
            expression => Ok(Self::Derive {
                name: name.to_owned(),
                expression: expression.to_owned(),
            }),
        }
    }

    /// The columns to keep.
    pub(super) fn select(columns: Vec<String>) -> Result<Self, String> {
        check_names(&columns)?;
        Ok(Self::Select(columns))
    }

    /// The columns to leave out.
    pub(super) fn drop(columns: Vec<String>) -> Result<Self, String> {
        check_names(&columns)?;
        Ok(Self::Drop(columns))
    }

    /// Old and new names.
    pub(super) fn rename(pairs: Vec<(String, String)>) -> Result<Self, String> {
        let old: Vec<String> = pairs.iter().map(|(old, _)| old.clone()).collect();
        let new: Vec<String> = pairs.iter().map(|(_, new)| new.clone()).collect();
        check_names(&old)?;
        check_names(&new)?;
        Ok(Self::Rename(pairs))
    }

    /// A cast to the type that `--dtype` spells so.
    pub(super) fn cast(column: &str, data_type: &str) -> Result<Self, String> {
        let spec = dtype::parse_dtype(data_type)?;
        if let Some(format) = spec.format {
            return Err(format!(
                "a cast takes no format; declare what is read with dtype: {column} = \
                 \"{}({format})\"",
                spec.data_type
                    .to_string()
                    .split('[')
                    .next()
                    .unwrap_or_default()
            ));
        }
        Ok(Self::Cast {
            column: column.to_owned(),
            data_type: spec.data_type,
        })
    }

    /// Limits.
    pub(super) fn clip(column: &str, lowest: f64, highest: f64) -> Result<Self, String> {
        if lowest.is_nan() || highest.is_nan() || lowest > highest {
            return Err(format!(
                "{lowest} to {highest} is no range; write [LOWEST, HIGHEST]"
            ));
        }
        Ok(Self::Clip {
            column: column.to_owned(),
            lowest,
            highest,
        })
    }
}

impl CutSpec {
    /// Bins of `column`; without labels they are called as pandas calls them.
    pub(super) fn new(
        column: &str,
        edges: Vec<f64>,
        labels: Option<Vec<String>>,
        name: Option<&str>,
    ) -> Result<Self, String> {
        if edges.len() < 2 {
            return Err("needs two edges at least, such as bins = [0, 100]".to_owned());
        }
        if let Some(pair) = edges
            .windows(2)
            .find(|pair| pair[0].total_cmp(&pair[1]).is_ge())
        {
            return Err(format!(
                "bins must ascend, but {} comes before {}",
                pair[0], pair[1]
            ));
        }
        if edges.iter().any(|edge| edge.is_nan()) {
            return Err("NaN is no edge".to_owned());
        }
        let name = name.map_or_else(|| format!("{column}_bin"), str::to_owned);
        if name.is_empty() {
            return Err("the new column needs a name".to_owned());
        }
        let bins = edges.len() - 1;
        if let Some(labels) = &labels {
            if labels.len() != bins {
                return Err(format!("{bins} bins, but {} labels", labels.len()));
            }
            let mut seen = HashSet::new();
            if let Some(twice) = labels.iter().find(|label| !seen.insert(*label)) {
                return Err(format!("the label `{twice}` stands twice"));
            }
        }
        Ok(Self {
            column: column.to_owned(),
            labels: labels.unwrap_or_default(),
            edges,
            name,
            right: true,
            include_lowest: false,
        })
    }

    /// With labels in any case, once it is known which edges belong to the bins.
    pub(super) fn labelled(mut self) -> Self {
        if self.labels.is_empty() {
            let (open, close) = if self.right { ('(', ']') } else { ('[', ')') };
            let pairs = self.edges.windows(2);
            let labels = pairs.map(|pair| format!("{open}{}, {}{close}", pair[0], pair[1]));
            self.labels = labels.collect();
        }
        self
    }
}

/// Refuses an empty list, an empty name, and one that stands twice.
pub(super) fn check_names(names: &[String]) -> Result<(), String> {
    if names.is_empty() || names.iter().any(String::is_empty) {
        return Err("name the columns".to_owned());
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(twice) => Err(format!("`{twice}` stands twice; name it once")),
    }
}

/// `NAME=EXPR`.
pub(super) fn parse_derive(text: &str) -> Result<RowStep, String> {
    match text.split_once('=') {
        Some((name, expression)) if !name.trim().is_empty() => {
            RowStep::derive(name.trim(), expression)
        }
        _ => Err("write NAME=EXPR, such as total=price * quantity".to_owned()),
    }
}

impl fmt::Display for RowStep {
    /// What it does, in a few words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(condition) => write!(f, "filter {condition}"),
            Self::Derive { name, expression } => write!(f, "derive {name}={expression}"),
            Self::Select(columns) => write!(f, "select {}", columns.join(",")),
            Self::Drop(columns) => write!(f, "drop {}", columns.join(",")),
            Self::Rename(pairs) => {
                let pairs = pairs.iter().map(|(old, new)| format!("{old}={new}"));
                write!(f, "rename {}", pairs.collect::<Vec<_>>().join(","))
            }
            Self::Cast { column, data_type } => write!(f, "cast {column}={data_type}"),
            Self::Cut(cut) => write!(f, "cut {}={}", cut.name, cut.column),
            Self::Clip {
                column,
                lowest,
                highest,
            } => write!(f, "clip {column}={lowest} to {highest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_split_at_the_first_equals_sign() {
        let step = parse_derive("total = a = b").unwrap();
        assert_eq!(step, RowStep::derive("total", "a = b").unwrap());
        for (text, expected) in [
            ("total", "NAME=EXPR"),
            ("=a", "NAME=EXPR"),
            ("a=", "needs an expression"),
        ] {
            let message = parse_derive(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn bins_ascend_and_have_their_labels() {
        let labels =
            |labels: &[&str]| Some(labels.iter().map(|label| (*label).to_owned()).collect());
        for (edges, labels, expected) in [
            (vec![0.0], None, "two edges"),
            (vec![0.0, 0.0], None, "must ascend"),
            (vec![0.0, f64::NAN], None, "NaN"),
            (vec![0.0, 1.0, 2.0], labels(&["a"]), "2 bins, but 1 labels"),
            (vec![0.0, 1.0, 2.0], labels(&["a", "a"]), "`a` stands twice"),
        ] {
            let message = CutSpec::new("x", edges, labels, None).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        let cut = CutSpec::new("x", vec![0.0, 1.5, f64::INFINITY], None, None).unwrap();
        assert_eq!(cut.name, "x_bin");
        assert_eq!(cut.labelled().labels, ["(0, 1.5]", "(1.5, inf]"]);
    }

    #[test]
    fn casts_clips_and_lists() {
        assert!(RowStep::cast("a", "int").unwrap_err().contains("`int64`"));
        assert!(
            RowStep::cast("a", "date(%d/%m/%Y)")
                .unwrap_err()
                .contains("date(%d/%m/%Y)")
        );
        assert!(
            RowStep::clip("a", 2.0, 1.0)
                .unwrap_err()
                .contains("no range")
        );
        assert!(RowStep::select(Vec::new()).is_err());
        let twice = vec!["a".to_owned(), "a".to_owned()];
        assert!(
            RowStep::drop(twice)
                .unwrap_err()
                .contains("`a` stands twice")
        );
    }
}
