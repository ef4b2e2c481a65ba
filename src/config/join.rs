//! Joins with a small table: what the file, a flag or the builder says -> [`JoinSpec`].
//! Keeps: a join has a key, unless it goes by time; no column is named twice; whatever is asked for
//! has an effect. Which columns a join adds is known once the table's own are ([`JoinSpec::settle`]).

use std::collections::HashSet;
use std::fmt;

use clap::ValueEnum;

use super::dtype::DtypeSpec;
use super::nulls::NullValues;
use crate::base::{Direction, Duplicates, JoinHow, Window, unknown};

/// A small table to look rows up in, and what to take of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JoinSpec {
    /// Its file; or a directory or glob of several that make one table.
    pub with: String,
    /// The keys that must be equal: for each the column's name here and in the table.
    pub on: Vec<(String, String)>,
    /// Which rows stay.
    pub how: JoinHow,
    /// The columns of the table to add; `None` for all but the keys.
    pub select: Option<Vec<String>>,
    /// What columns of the table are called here: old names and new ones.
    pub rename: Vec<(String, String)>,
    /// What stands before the names of all others.
    pub prefix: String,
    /// What becomes of keys that stand twice in the table; `None` for an error, unless the join adds
    /// no columns: then it does not matter which of them is found.
    pub duplicates: Option<Duplicates>,
    /// How rows are looked up by time, if they are.
    pub asof: Option<AsofSpec>,
    /// The byte between the table's fields; `None` to find it out.
    pub delimiter: Option<u8>,
    /// Declared types of the table's columns, each column once.
    pub dtypes: Vec<(String, DtypeSpec)>,
    /// Which spellings mean that a cell of the table is missing.
    pub null_values: NullValues,
    /// The columns that it adds, by their names in the table and here.
    pub(crate) added: Vec<(String, String)>,
}

/// How rows are looked up by time.
#[derive(Debug, Clone, PartialEq)]
pub struct AsofSpec {
    /// The column of times here.
    pub time: String,
    /// The column of times in the table.
    pub side_time: String,
    /// Where to look from the time here.
    pub direction: Direction,
    /// How far off a match may be: a time, or a number where the times are numbers.
    pub tolerance: Option<Window>,
    /// Whether the same time is a match.
    pub allow_exact: bool,
}

impl AsofSpec {
    /// Looks backward from the column `time` to the table's column `side_time`.
    pub fn new(time: impl Into<String>, side_time: impl Into<String>) -> Self {
        Self {
            time: time.into(),
            side_time: side_time.into(),
            direction: Direction::default(),
            tolerance: None,
            allow_exact: true,
        }
    }
}

impl JoinSpec {
    /// A left join with the file `with` by columns that both have.
    pub fn new<T: Into<String>>(with: impl Into<String>, on: impl IntoIterator<Item = T>) -> Self {
        let on = on.into_iter().map(Into::into);
        Self {
            with: with.into(),
            on: on.map(|name: String| (name.clone(), name)).collect(),
            ..Self::default()
        }
    }

    /// The same, if it can be meant so.
    pub(super) fn checked(self) -> Result<Self, String> {
        match self.with.as_str() {
            "" => return Err("needs the file to join with: with = \"customers.csv\"".to_owned()),
            "-" => {
                let message = "standard input is no table to look rows up in; name a file";
                return Err(message.to_owned());
            }
            _ => {}
        }
        if self.on.is_empty() && self.asof.is_none() {
            return Err("needs the key: on = \"customer_id\"".to_owned());
        }
        once("on", self.on.iter().map(|(main, _)| main))?;
        once("on", self.on.iter().map(|(_, side)| side))?;
        once("select", self.select.iter().flatten())?;
        once("rename", self.rename.iter().map(|(old, _)| old))?;
        once("dtype", self.dtypes.iter().map(|(column, _)| column))?;
        let says_names = self.select.is_some() || !self.rename.is_empty();
        if !self.how.adds_columns() && (says_names || !self.prefix.is_empty()) {
            return Err(format!(
                "a join that is {} adds no columns; leave out select, rename and prefix",
                self.how
            ));
        }
        if let Some(asof) = &self.asof {
            if self.duplicates.is_some() {
                let message = "of rows of one key and time an as-of join takes the nearest in the \
                               file's order; leave out duplicates";
                return Err(message.to_owned());
            }
            if asof.time.is_empty() || asof.side_time.is_empty() {
                return Err("asof needs the columns `time` and `side_time`".to_owned());
            }
        }
        Ok(self)
    }

    /// Finds out which columns it adds, now that those of the table are known, `header`.
    ///
    /// # Errors
    /// Says which column the table lacks, or that two would have the same name.
    pub(crate) fn settle(&mut self, header: &[String]) -> Result<(), String> {
        let times = self.asof.iter().map(|asof| &asof.side_time);
        let named = { self.on.iter().map(|(_, side)| side) }
            .chain(times)
            .chain(self.select.iter().flatten())
            .chain(self.rename.iter().map(|(old, _)| old))
            .chain(self.dtypes.iter().map(|(column, _)| column))
            .chain(self.null_values.columns.iter().map(|(column, _)| column));
        for column in named {
            if !header.contains(column) {
                let why = unknown("column", column, header.iter().map(String::as_str));
                return Err(format!("{}: {why}", self.with));
            }
        }
        let taken: Vec<&String> = match &self.select {
            _ if !self.how.adds_columns() => Vec::new(),
            Some(select) => select.iter().collect(),
            None => header.iter().filter(|name| !self.is_key(name)).collect(),
        };
        if let Some((old, _)) = (self.rename.iter()).find(|(old, _)| !taken.contains(&old)) {
            return Err(format!(
                "rename: the column `{old}` is not added; add it to select, or leave it out here"
            ));
        }
        if taken.is_empty() && self.how == JoinHow::Left {
            return Err(format!(
                "{} has no column to add; keep the rows that are in it: how = \"semi\"",
                self.with
            ));
        }
        let added = taken
            .into_iter()
            .map(|name| (name.clone(), self.name_of(name)));
        let added: Vec<(String, String)> = added.collect();
        once("rename", added.iter().map(|(_, name)| name))?;
        self.added = added;
        Ok(())
    }

    /// Whether the table's column `name` says nothing that is not here already.
    fn is_key(&self, name: &String) -> bool {
        let mut keys = self.on.iter();
        let asof = self.asof.as_ref();
        keys.any(|(_, side)| side == name)
            || asof.is_some_and(|asof| asof.side_time == *name && asof.time == *name)
    }

    fn name_of(&self, column: &str) -> String {
        match self.rename.iter().find(|(old, _)| old == column) {
            Some((_, new)) => new.clone(),
            None => format!("{}{column}", self.prefix),
        }
    }

    /// Whether `--join` can say all of it.
    pub(super) fn is_plain(&self) -> bool {
        let plain = Self {
            with: self.with.clone(),
            on: self.on.clone(),
            how: self.how,
            added: self.added.clone(),
            ..Self::default()
        };
        *self == plain
    }
}

/// Refuses an empty name, and one that stands twice.
fn once<'a>(key: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(format!("{key}: a column needs a name"));
        }
        if !seen.insert(name) {
            return Err(format!("{key}: `{name}` stands twice; name it once"));
        }
    }
    Ok(())
}

/// `FILE:ON[:HOW]`; ON is a comma list of columns, or of pairs `HERE=THERE`.
pub(super) fn parse_join(text: &str) -> Result<JoinSpec, String> {
    const FORM: &str = "write FILE:ON or FILE:ON:HOW, such as customers.csv:customer_id:inner";
    let (rest, last) = text.rsplit_once(':').ok_or(FORM)?;
    let (with, on, how) = match (JoinHow::from_str(last, false), rest.rsplit_once(':')) {
        (Ok(how), Some((with, on))) => (with, on, how),
        _ => (rest, last, JoinHow::default()),
    };
    if with.is_empty() || on.is_empty() {
        return Err(FORM.to_owned());
    }
    let pairs = on.split(',').map(|key| {
        let (main, side) = key.split_once('=').unwrap_or((key, key));
        (main.to_owned(), side.to_owned())
    });
    let join = JoinSpec {
        with: with.to_owned(),
        on: pairs.collect(),
        how,
        ..JoinSpec::default()
    };
    join.checked()
}

/// How far off a match may be.
pub(super) fn parse_tolerance(text: &str) -> Result<Window, String> {
    text.parse().map_err(|_| {
        format!(
            "`{text}` is no tolerance; write a time such as 1d, 6h or 30m, or a whole number where \
             the times are numbers"
        )
    })
}

impl fmt::Display for JoinSpec {
    /// `join FILE:ON:HOW`, and by which time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "join {}", self.with)?;
        for (index, (main, side)) in self.on.iter().enumerate() {
            f.write_str(if index == 0 { ":" } else { "," })?;
            match main == side {
                true => f.write_str(main)?,
                false => write!(f, "{main}={side}")?,
            }
        }
        if self.how != JoinHow::Left {
            write!(f, ":{}", self.how)?;
        }
        if let Some(asof) = &self.asof {
            write!(
                f,
                " as of {} {} {}",
                asof.time, asof.direction, asof.side_time
            )?;
            if let Some(tolerance) = asof.tolerance {
                write!(f, " within {tolerance}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn flags_name_file_keys_and_rows() {
        for (text, with, on, how) in [
            ("a.csv:id", "a.csv", vec![("id", "id")], JoinHow::Left),
            ("a.csv:id:anti", "a.csv", vec![("id", "id")], JoinHow::Anti),
            ("s:/a:id:semi", "s:/a", vec![("id", "id")], JoinHow::Semi),
            ("a:x=y,z", "a", vec![("x", "y"), ("z", "z")], JoinHow::Left),
            ("a:left", "a", vec![("left", "left")], JoinHow::Left),
        ] {
            let join = parse_join(text).unwrap();
            let found: Vec<_> = { join.on.iter() }
                .map(|(main, side)| (main.as_str(), side.as_str()))
                .collect();
            assert_eq!((join.with.as_str(), found, join.how), (with, on, how));
            assert_eq!(join.to_string(), format!("join {text}"));
        }
        for (text, expected) in [
            ("a.csv", "FILE:ON"),
            (":id", "FILE:ON"),
            ("a.csv:", "FILE:ON"),
            ("-:id", "standard input"),
            ("a:id,id", "`id` stands twice"),
        ] {
            let message = parse_join(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn what_is_added_is_settled_by_the_header() {
        let header = names(&["id", "at", "name", "age"]);
        let plain = JoinSpec::new("t.csv", ["id"]);
        let added = |mut join: JoinSpec| {
            join.settle(&header)?;
            let names = join.added.iter().map(|(_, name)| name.clone());
            Ok::<_, String>(names.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(added(plain.clone()).unwrap(), "at name age");
        let renamed = JoinSpec {
            rename: vec![("name".to_owned(), "customer".to_owned())],
            prefix: "c_".to_owned(),
            ..plain.clone()
        };
        assert_eq!(added(renamed).unwrap(), "c_at customer c_age");
        let asof = JoinSpec {
            asof: Some(AsofSpec::new("at", "at")),
            ..plain.clone()
        };
        assert_eq!(added(asof).unwrap(), "name age");
        let semi = JoinSpec {
            how: JoinHow::Semi,
            ..plain.clone()
        };
        assert_eq!(added(semi).unwrap(), "");
        let select = |columns| JoinSpec {
            select: Some(names(columns)),
            ..plain.clone()
        };
        assert_eq!(added(select(&["age", "id"])).unwrap(), "age id");
        for (join, expected) in [
            (select(&["ages"]), "t.csv: unknown column `ages`; did you"),
            (JoinSpec::new("t.csv", ["ids"]), "unknown column `ids`"),
            (select(&[]), "no column to add"),
            (
                JoinSpec {
                    rename: vec![("name".to_owned(), "age".to_owned())],
                    ..plain.clone()
                },
                "`age` stands twice",
            ),
            (
                JoinSpec {
                    rename: vec![("name".to_owned(), "n".to_owned())],
                    ..select(&["age"])
                },
                "`name` is not added",
            ),
        ] {
            let message = added(join).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_has_no_effect_is_refused() {
        let plain = JoinSpec::new("t.csv", ["id"]);
        for (join, expected) in [
            (JoinSpec::new("t.csv", [""; 0]), "needs the key"),
            (JoinSpec::new("", ["id"]), "needs the file"),
            (
                JoinSpec {
                    how: JoinHow::Anti,
                    prefix: "x".to_owned(),
                    ..plain.clone()
                },
                "adds no columns",
            ),
            (
                JoinSpec {
                    duplicates: Some(Duplicates::First),
                    asof: Some(AsofSpec::new("t", "u")),
                    ..plain.clone()
                },
                "leave out duplicates",
            ),
        ] {
            let message = join.checked().unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        assert!(parse_tolerance("1d12h").is_ok());
        assert!(parse_tolerance("x").unwrap_err().contains("30m"));
    }
}
