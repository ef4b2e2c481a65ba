//! The options that say which columns and records of the inputs are taken in.
//! Keeps: flags, file and builder take the same ones; a column that is named is there, and no two
//! end up with one name.

use std::collections::HashSet;

use super::quantity::parse_count;
use super::{Config, names};
use crate::base::{Error, Result, SchemaDrift, unknown};

/// More columns than any table has by intent.
pub(super) const COLUMNS_MAX: usize = 65_536;

/// Options of what is taken in.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub(super) struct ColumnOptions {
    /// Columns of files that differ: union, intersect or fail [default: union]
    ///
    /// Columns are matched by name, in whatever order a file has them. `union` keeps every column
    /// of any file, null where a file lacks it; `intersect` keeps those that all files have; `fail`
    /// ends the run where headers differ. Files without a header are matched by position.
    #[arg(long, value_name = "WHAT", hide_possible_values = true,
        help_heading = super::args::INPUT)]
    pub(super) schema_drift: Option<SchemaDrift>,

    /// Keep these columns only, in this order; repeatable
    ///
    /// A comma list of names as the files have them; a * stands for any text. Other columns are
    /// not even decoded.
    #[arg(long, value_name = "COLS", value_delimiter = ',', help_heading = super::args::INPUT)]
    pub(super) select: Vec<String>,

    /// Leave these columns out; repeatable
    ///
    /// A comma list as for --select, from which it takes away where both are given.
    #[arg(long, value_name = "COLS", value_delimiter = ',', help_heading = super::args::INPUT)]
    pub(super) exclude: Vec<String>,

    /// Call a column otherwise; repeatable
    ///
    /// A comma list of such pairs. --select and --exclude take the old names, all other flags the
    /// new ones.
    #[arg(long, value_name = "OLD=NEW", value_delimiter = ',', value_parser = parse_rename,
        help_heading = super::args::INPUT)]
    pub(super) rename: Vec<(String, String)>,

    /// Add a text column that holds the path of the file each row is from
    ///
    /// As it was given. It comes behind the columns of the files.
    #[arg(long, value_name = "NAME", help_heading = super::args::INPUT)]
    pub(super) source_column: Option<String>,

    /// Read only the first so many records of all inputs together
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = super::args::INPUT)]
    pub(super) limit: Option<usize>,

    /// Keep a random share of the records, such as 0.1 or 10%
    ///
    /// Each record is kept with that probability; the same ones are kept whenever the inputs and
    /// --seed are the same. The others count as filtered. With --limit, of the first so many.
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction,
        help_heading = super::args::INPUT)]
    pub(super) sample: Option<f64>,

    /// Which records --sample keeps [default: 0]
    #[arg(long, value_name = "N", value_parser = parse_seed, help_heading = super::args::INPUT)]
    pub(super) seed: Option<u64>,

    /// Most columns of a file, and of all together [default: 65536]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = super::args::INPUT)]
    pub(super) max_columns: Option<usize>,
}

impl ColumnOptions {
    /// These options, and `file`'s where these say nothing.
    pub(super) fn over(self, file: Self) -> Self {
        let or = |mine: Vec<String>, other| if mine.is_empty() { other } else { mine };
        let mut rename = file.rename;
        rename.retain(|(old, _)| !self.rename.iter().any(|(mine, _)| mine == old));
        rename.extend(self.rename);
        Self {
            select: or(self.select, file.select),
            exclude: or(self.exclude, file.exclude),
            rename,
            source_column: self.source_column.or(file.source_column),
            limit: self.limit.or(file.limit),
            sample: self.sample.or(file.sample),
            seed: self.seed.or(file.seed),
            schema_drift: self.schema_drift.or(file.schema_drift),
            max_columns: self.max_columns.or(file.max_columns),
        }
    }
}

/// A share, over 0 and up to 1, or in percent.
pub(super) fn parse_fraction(text: &str) -> Result<f64, String> {
    let (digits, unit) = match text.strip_suffix('%') {
        Some(digits) => (digits, 100.0),
        None => (text, 1.0),
    };
    let number = digits.parse::<f64>().ok().map(|number| number / unit);
    let fraction = number.filter(|fraction| *fraction > 0.0 && *fraction <= 1.0);
    fraction.ok_or_else(|| "write a number over 0 and up to 1, such as 0.1, or 10%".to_owned())
}

/// Any whole number.
pub(super) fn parse_seed(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| "write a whole number, such as 42".to_owned())
}

/// `OLD=NEW`.
pub(super) fn parse_rename(text: &str) -> Result<(String, String), String> {
    names::split_column(text, "OLD=NEW", |new| match new {
        "" => Err("the column needs a name".to_owned()),
        new => Ok(new.to_owned()),
    })
}

/// A column of the input that is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its index among the input's columns.
    pub index: usize,
    /// What it is called from here on.
    pub name: String,
}

/// The columns of the input that are taken in, of those called `header`, in order.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the flag and the nearest column.
pub fn choose_columns(config: &Config, header: &[String]) -> Result<Vec<Chosen>> {
    let select = find_all("--select", &config.select, header)?;
    let left_out: HashSet<usize> = find_all("--exclude", &config.exclude, header)?
        .into_iter()
        .collect();
    let mut seen = HashSet::new();
    let all = match config.select.is_empty() {
        true => (0..header.len()).collect(),
        false => select,
    };
    let kept = { all.into_iter() }.filter(|index| !left_out.contains(index) && seen.insert(*index));
    let mut chosen: Vec<Chosen> = kept
        .map(|index| Chosen {
            index,
            name: header[index].clone(),
        })
        .collect();
    if chosen.is_empty() {
        let message = "no column is left; leave out fewer";
        return Err(Error::usage("--exclude", message));
    }
    rename(config, header, &mut chosen)?;
    Ok(chosen)
}

fn rename(config: &Config, header: &[String], chosen: &mut [Chosen]) -> Result<()> {
    for (old, new) in &config.rename {
        let flag = format!("--rename {old}={new}");
        let Some(index) = header.iter().position(|name| name == old) else {
            let known = header.iter().map(String::as_str);
            return Err(Error::usage(flag, unknown("column", old, known)));
        };
        match chosen.iter_mut().find(|column| column.index == index) {
            Some(column) => column.name.clone_from(new),
            None => {
                let why = left_out(config, old).unwrap_or_default();
                return Err(Error::usage(flag, why));
            }
        }
    }
    let mut seen = HashSet::new();
    match chosen.iter().find(|column| !seen.insert(&column.name)) {
        None => Ok(()),
        Some(column) => {
            let new = &column.name;
            let clash = config.rename.iter().find(|(_, name)| name == new);
            let old = clash.map_or(new, |(old, _)| old);
            let message = format!("two columns would be called `{new}`; choose another name");
            Err(Error::usage(format!("--rename {old}={new}"), message))
        }
    }
}

/// Why there is no column `name` although the input has one; `None` if no option says so.
pub(super) fn left_out(config: &Config, name: &str) -> Option<String> {
    if let Some((_, new)) = config.rename.iter().find(|(old, _)| old == name) {
        return Some(format!(
            "--rename {name}={new} calls the column `{name}` otherwise; write `{new}`"
        ));
    }
    let matches = |pattern: &&String| is_match(pattern, name);
    if let Some(pattern) = config.exclude.iter().find(matches) {
        return Some(format!(
            "--exclude {pattern} leaves out the column `{name}`"
        ));
    }
    let is_out = !config.select.is_empty() && !config.select.iter().any(|name| matches(&name));
    is_out.then(|| {
        let select = config.select.join(",");
        format!("--select {select} leaves out the column `{name}`; add it there")
    })
}

/// The indices of all columns that `patterns` mean, in their order.
fn find_all(flag: &str, patterns: &[String], header: &[String]) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for pattern in patterns {
        // A name that holds a star is meant as it stands.
        if let Some(index) = header.iter().position(|name| name == pattern) {
            found.push(index);
            continue;
        }
        let before = found.len();
        let matches = header.iter().enumerate();
        let matches = matches.filter(|(_, name)| is_match(pattern, name));
        found.extend(matches.map(|(index, _)| index));
        if found.len() == before {
            let known = header.iter().map(String::as_str);
            let message = match pattern.contains('*') {
                true => format!("no column matches `{pattern}`"),
                false => unknown("column", pattern, known),
            };
            return Err(Error::usage(format!("{flag} {pattern}"), message));
        }
    }
    Ok(found)
}

/// Whether `name` is `pattern`, in which each `*` stands for any text.
fn is_match(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place leaves the most for the parts behind it.
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::super::Builder;
    use super::*;

    fn run() -> Builder {
        Builder::new().input("in.csv").out("lake")
    }

    fn choose(builder: Builder) -> Result<String> {
        let header = ["id", "note_a", "note_b", "x", "a*b"].map(String::from);
        let chosen = choose_columns(&builder.build()?, &header)?;
        let names = chosen.iter().map(|column| {
            let is_same = header[column.index] == column.name;
            let old = if is_same { "" } else { &header[column.index] };
            format!("{old}>{}", column.name)
                .trim_start_matches('>')
                .to_owned()
        });
        Ok(names.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn fractions() {
        assert_eq!(parse_fraction("0.25"), Ok(0.25));
        assert_eq!(parse_fraction("25%"), Ok(0.25));
        assert_eq!(parse_fraction("1"), Ok(1.0));
        for text in ["0", "1.5", "101%", "-1", "nan", "", "%", "x"] {
            assert!(parse_fraction(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "a", true),
            ("a*a", "a", false),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "acb", false),
            ("*b*b", "ab", false),
            ("*é*", "caféx", true),
        ] {
            assert_eq!(is_match(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn columns_are_chosen_in_the_order_asked_for() {
        let chosen = |builder| choose(builder).unwrap();
        assert_eq!(chosen(run()), "id note_a note_b x a*b");
        assert_eq!(
            chosen(run().select(["x", "note_*", "id"])),
            "x note_a note_b id"
        );
        assert_eq!(
            chosen(run().select(["note_b", "*"])),
            "note_b id note_a x a*b"
        );
        assert_eq!(chosen(run().select(["a*b"])), "a*b");
        assert_eq!(chosen(run().exclude(["*_*", "id"])), "x a*b");
        assert_eq!(
            chosen(run().select(["note_*"]).exclude(["note_a"])),
            "note_b"
        );
        let swapped = run()
            .rename("id", "x")
            .rename("x", "id")
            .select(["id", "x"]);
        assert_eq!(chosen(swapped), "id>x x>id");
    }

    #[test]
    fn what_is_not_there_is_told() {
        for (builder, expected) in [
            (
                run().select(["ids"]),
                "--select ids: unknown column `ids`; did you mean `id`?",
            ),
            (run().select(["y*"]), "--select y*: no column matches"),
            (run().exclude(["note"]), "--exclude note: unknown column"),
            (run().exclude(["*"]), "--exclude: no column is left"),
            (run().rename("ix", "y"), "--rename ix=y: unknown column"),
            (run().rename("id", "x"), "--rename id=x: two columns would"),
            (run().rename("id", "y").exclude(["i*"]), "--rename id=y: "),
        ] {
            let error = choose(builder).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with(expected), "{message}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
