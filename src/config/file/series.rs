//! Keys of a `[[step]]` that make columns along the rows of each key -> steps.
//! Keeps: nothing in a step is ignored; an error names the key and its line.

use super::node::Node;
use crate::base::{Decay, Ewm, Expanding, Function, Rank, Result, Running, Series, Ties, Weighted};
use crate::config::series::{SeriesStep, parse_decay, parse_gap, parse_periods};
use crate::config::step::StepSpec;

/// What a step may be.
pub(super) const KINDS: [&str; 13] = [
    "lag",
    "lead",
    "diff",
    "pct_change",
    "cumsum",
    "cumprod",
    "cummax",
    "cummin",
    "cumcount",
    "rank",
    "ewm",
    "expanding",
    "sessionise",
];

/// A table, or a list of tables; the column's name alone where nothing else must be said.
pub(super) fn read(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    for item in entry.items()? {
        let made = Made {
            item: &item,
            steps: &mut *steps,
        };
        match entry.key() {
            "lag" => made.shifts(Series::Lag)?,
            "lead" => made.shifts(Series::Lead)?,
            "diff" => made.shifts(Series::Diff)?,
            "pct_change" => made.shifts(Series::PercentChange)?,
            "cumsum" => made.running(Running::Sum)?,
            "cumprod" => made.running(Running::Product)?,
            "cummax" => made.running(Running::Max)?,
            "cummin" => made.running(Running::Min)?,
            "cumcount" => made.count()?,
            "rank" => made.rank()?,
            "ewm" => made.ewm()?,
            "expanding" => made.expanding()?,
            _ => made.session()?,
        }
    }
    Ok(())
}

/// One table, and the steps that it adds to.
struct Made<'a, 'n> {
    item: &'a Node<'n>,
    steps: &'a mut Vec<StepSpec>,
}

/// What most tables say.
#[derive(Default)]
struct Named {
    column: Option<String>,
    name: Option<String>,
}

impl Named {
    /// Takes `field` if it is one of these.
    fn take(&mut self, field: &Node<'_>) -> Result<bool> {
        match field.key() {
            "column" => self.column = Some(field.string()?),
            "name" => self.name = Some(field.string()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Made<'_, '_> {
    /// Reads the table's fields: `take` gets those that are no column and no name, by their name
    /// with underscores, and says whether it knows them; `known` are all there are.
    fn fields(
        &self,
        known: &[&'static str],
        mut take: impl FnMut(&str, &Node<'_>) -> Result<bool>,
    ) -> Result<Named> {
        let mut named = Named::default();
        let takes_column = known.contains(&"column");
        if takes_column && !self.item.is_table() {
            named.column = Some(self.item.string()?);
            return Ok(named);
        }
        for field in self.item.entries()? {
            let key = field.key().replace('-', "_");
            let is_known = known.contains(&&*key);
            if !is_known || !(named.take(&field)? || take(&key, &field)?) {
                let known = known.iter().copied();
                return Err(field.error(crate::base::unknown("key", field.key(), known)));
            }
        }
        if takes_column && named.column.is_none() {
            return Err(self.item.error("lacks its `column`"));
        }
        Ok(named)
    }

    fn push(&mut self, step: std::result::Result<SeriesStep, String>) -> Result<()> {
        let step = step.map_err(|message| self.item.error(message))?;
        let place = self.item.place();
        self.steps.push(StepSpec::Series { step, place });
        Ok(())
    }

    /// Adds a column for each of `all`, which come with the ends of their default names.
    fn push_all(&mut self, named: &Named, all: Vec<(Series, Option<&str>)>) -> Result<()> {
        if named.name.is_some() && all.len() > 1 {
            return Err(self
                .item
                .error("a `name` can stand with one new column only"));
        }
        for (series, suffix) in all {
            let (column, name) = (named.column.as_deref(), named.name.as_deref());
            self.push(SeriesStep::new(column, series, suffix, name))?;
        }
        Ok(())
    }

    fn shifts(mut self, make: impl Fn(u32) -> Series) -> Result<()> {
        let mut periods = vec![1];
        let named = self.fields(&["column", "periods", "name"], |_, field| {
            let items = field.items()?;
            let items = items.iter().map(|item| item.parsed(parse_periods));
            periods = items.collect::<Result<_>>()?;
            Ok(true)
        })?;
        if periods.is_empty() {
            return Err(self.item.error("needs at least one of `periods`"));
        }
        let all = periods.into_iter().map(|rows| (make(rows), None));
        self.push_all(&named, all.collect())
    }

    fn running(mut self, running: Running) -> Result<()> {
        let named = self.fields(&["column", "name"], |_, _| Ok(false))?;
        self.push_all(&named, vec![(Series::Running(running), None)])
    }

    fn count(mut self) -> Result<()> {
        let named = self.fields(&["name"], |_, _| Ok(false))?;
        self.push_all(&named, vec![(Series::Count, None)])
    }

    fn rank(mut self) -> Result<()> {
        const KEYS: [&str; 5] = ["column", "method", "descending", "pct", "name"];
        let mut rank = Rank {
            ties: Ties::default(),
            descending: false,
            share: false,
        };
        let named = self.fields(&KEYS, |key, field| {
            match key {
                "method" => rank.ties = field.parsed(str::parse)?,
                "descending" => rank.descending = field.boolean()?,
                _ => rank.share = field.boolean()?,
            }
            Ok(true)
        })?;
        self.push_all(&named, vec![(Series::Rank(rank), None)])
    }

    fn ewm(mut self) -> Result<()> {
        const DECAYS: [&str; 4] = ["span", "com", "alpha", "half_life"];
        const KEYS: [&str; 10] = [
            "column",
            "functions",
            "span",
            "com",
            "alpha",
            "half_life",
            "adjust",
            "ignore_na",
            "min_samples",
            "name",
        ];
        let mut functions = vec![Weighted::Mean];
        let mut decays: Vec<(Decay, String)> = Vec::new();
        let (mut adjust, mut ignore_nulls, mut min_samples) = (true, false, 1);
        let named = self.fields(&KEYS, |key, field| {
            match key {
                "functions" => functions = all(field, str::parse)?,
                "adjust" => adjust = field.boolean()?,
                "ignore_na" => ignore_nulls = field.boolean()?,
                "min_samples" => min_samples = samples(field)?.max(1),
                how => decays.push((
                    field.parsed(|text| parse_decay(how, text))?,
                    field.parsed(|text| Ok(text.to_owned()))?,
                )),
            }
            Ok(true)
        })?;
        let [(decay, text)] = &decays[..] else {
            let message = format!("needs one of {}", DECAYS.join(", "));
            return Err(self.item.error(message));
        };
        let ewm = |function| {
            let ewm = Ewm {
                function,
                decay: *decay,
                adjust,
                ignore_nulls,
                min_samples,
            };
            (Series::Ewm(ewm), Some(text.as_str()))
        };
        self.push_all(&named, functions.into_iter().map(ewm).collect())
    }

    fn expanding(mut self) -> Result<()> {
        const KEYS: [&str; 4] = ["column", "functions", "min_samples", "name"];
        let (mut functions, mut min_samples) = (Vec::new(), 1);
        let named = self.fields(&KEYS, |key, field| {
            match key {
                "functions" => {
                    let parse = |text: &str| Ok((text.parse()?, text.to_owned()));
                    functions = all(field, parse)?;
                }
                _ => min_samples = samples(field)?,
            }
            Ok(true)
        })?;
        if functions.is_empty() {
            return Err(self.item.error("needs at least one of `functions`"));
        }
        let all = functions
            .iter()
            .map(|(function, text): &(Function, String)| {
                let expanding = Expanding {
                    function: *function,
                    min_samples,
                };
                (Series::Expanding(expanding), Some(text.as_str()))
            });
        self.push_all(&named, all.collect())
    }

    fn session(mut self) -> Result<()> {
        let mut gap = None;
        let named = self.fields(&["gap", "name"], |_, field| {
            gap = Some(field.parsed(parse_gap)?);
            Ok(true)
        })?;
        let gap = gap.ok_or_else(|| self.item.error("lacks its `gap`, such as \"30m\""))?;
        self.push_all(&named, vec![(Series::Session(gap), None)])
    }
}

/// A list of at least one.
fn all<T>(
    field: &Node<'_>,
    parse: impl Fn(&str) -> std::result::Result<T, String>,
) -> Result<Vec<T>> {
    let items = field.items()?;
    if items.is_empty() {
        return Err(field.error("name at least one"));
    }
    items.iter().map(|item| item.parsed(&parse)).collect()
}

fn samples(field: &Node<'_>) -> Result<u32> {
    field.parsed(|text| {
        let number = text.replace('_', "").parse();
        number.map_err(|_| format!("`{text}` is no number of values"))
    })
}
