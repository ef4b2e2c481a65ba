//! Sampled fields -> column types. In come raw fields from all over the file, out goes a type for
//! each column and one sentence that says why. Invariant: a type that would damage a sampled cell
//! is never chosen, and the answer does not depend on the order of the samples.

use std::sync::Arc;

use bumpalo::Bump;

use super::class::{Class, classify};
use super::duration;
use super::epoch::Epoch;
use super::field::{Block, trim};
use super::null::{NullTokens, TokenSet};
use super::pattern::check_format;
use super::spelling::{Spellings, Spelt};
use crate::base::{Column, DataType, Origin, Quoting, TimeUnit};
use crate::csv::{Fields, unquote};

/// Below this many cells no misfit is tolerated.
const TOLERANT_CELLS_MIN: u64 = 100;
/// One cell in so many may be plain text in a column of another type.
const CELLS_PER_MISFIT: u64 = 100;
/// The longest example that a sentence shows.
const EXAMPLE_CHARS_MAX: usize = 20;

/// The classes, in the order in which [`Evidence`] counts them.
const CLASSES: [Class; 10] = [
    Class::Boolean,
    Class::Integer,
    Class::Wide,
    Class::Huge,
    Class::Padded,
    Class::Float,
    Class::Date,
    Class::Naive,
    Class::Offset,
    Class::Text,
];

/// What the sampled cells of one column look like.
#[derive(Debug, Clone, Default)]
struct Evidence {
    nulls: u64,
    counts: [u64; CLASSES.len()],
    /// Of each class the least text, so that the order of samples does not matter.
    examples: [Option<Box<[u8]>>; CLASSES.len()],
    /// Whether some text is finer than microseconds.
    nanoseconds: bool,
    spellings: Spellings,
}

/// What became of one column's evidence.
struct Decision {
    data_type: DataType,
    format: Option<Arc<str>>,
    why: String,
    /// Sampled cells that the type takes.
    fits: u64,
    /// Those that another spelling reads as other values.
    ambiguous: u64,
}

impl Evidence {
    /// Counts a text; one that `is_joined` has no spelling but the plain ones.
    fn add(&mut self, text: &[u8], is_joined: impl FnOnce() -> bool) {
        let look = classify(text);
        let index = CLASSES
            .iter()
            .position(|class| *class == look.class)
            .expect("every class");
        self.counts[index] += 1;
        if look.class != Class::Text || !is_joined() {
            self.spellings.add(text, look.class);
        }
        self.nanoseconds |= look.nanoseconds || (look.class == Class::Text && ends_finely(text));
        let text = &text[..text.len().min(4 * EXAMPLE_CHARS_MAX)];
        let example = &mut self.examples[index];
        if example.as_ref().is_none_or(|least| *text < **least) {
            *example = Some(text.into());
        }
    }

    fn merge(&mut self, other: Self) {
        self.nulls += other.nulls;
        self.spellings.merge(other.spellings);
        self.nanoseconds |= other.nanoseconds;
        for (index, example) in other.examples.into_iter().enumerate() {
            self.counts[index] += other.counts[index];
            let least = self.examples[index].take().into_iter().chain(example).min();
            self.examples[index] = least;
        }
    }

    fn cells(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn count(&self, classes: &[Class]) -> u64 {
        let counts = CLASSES.iter().zip(self.counts);
        counts
            .filter(|(class, _)| classes.contains(class))
            .map(|(_, count)| count)
            .sum()
    }

    fn has(&self, classes: &[Class]) -> bool {
        self.count(classes) > 0
    }

    /// A sampled text of one of the classes, for the eye.
    fn example(&self, classes: &[Class]) -> String {
        let examples = CLASSES.iter().zip(&self.examples);
        let mut found = examples.filter(|(class, _)| classes.contains(class));
        let text = found
            .find_map(|(_, example)| example.as_deref())
            .unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        let cut: String = text.chars().take(EXAMPLE_CHARS_MAX).collect();
        let more = if cut.len() < text.len() { "…" } else { "" };
        format!("`{}{more}`", cut.escape_debug())
    }

    fn unit(&self) -> TimeUnit {
        if self.nanoseconds {
            TimeUnit::Nanosecond
        } else {
            TimeUnit::Microsecond
        }
    }

    /// How many of the cells a column of `data_type` takes.
    fn fits(&self, data_type: &DataType) -> u64 {
        match data_type.is_text() {
            true => self.cells(),
            false => self.cells() - self.count(&[Class::Text]),
        }
    }

    /// One of those, cut.
    fn example_of(&self, data_type: &DataType) -> Option<String> {
        let examples = CLASSES.iter().zip(&self.examples);
        let is_text = data_type.is_text();
        let mut fitting = examples.filter(|(class, _)| is_text || **class != Class::Text);
        // Classes that say more come last.
        let last = { &mut fitting }.filter_map(|(_, example)| example.as_deref());
        let text = String::from_utf8_lossy(last.last()?).into_owned();
        Some(text.chars().take(EXAMPLE_CHARS_MAX).collect())
    }

    /// The type of the inferred column `name`, and why.
    fn decide(&self, name: &str) -> Decision {
        let cells = self.cells();
        let plain = self.narrowest();
        if let Some(spelt) = self.spelt(name, plain.is_ok()) {
            return self.decide_spelt(spelt, name);
        }
        let (data_type, mut why) = match plain {
            Err(why) => (DataType::Utf8, format!("utf8: {why}")),
            Ok(data_type) => {
                let why = match self.count(&[Class::Text]) {
                    0 => format!("{data_type}: {cells} of {cells} sampled cells"),
                    misfits => format!(
                        "{data_type}: {misfits} of {cells} sampled cells do not fit, e.g. {}",
                        self.example(&[Class::Text])
                    ),
                };
                (data_type, why)
            }
        };
        if let Some(unit) = self.spellings.epoch(name, cells) {
            why += &format!("; if they are times, --dtype {name}=timestamp({unit}) reads them so");
        }
        Decision {
            fits: self.fits(&data_type),
            ambiguous: 0,
            format: None,
            data_type,
            why,
        }
    }

    /// A spelling that takes more cells than the plain type, and all but a tolerable few.
    fn spelt(&self, name: &str, plain: bool) -> Option<Spelt> {
        let cells = self.cells();
        if !self.has(&[Class::Text]) {
            return self.spellings.compact(name, cells);
        }
        if self.has(&[Class::Huge, Class::Padded]) {
            return None;
        }
        let wide = self.count(&[Class::Wide]);
        let integers = self.count(&[Class::Integer]) + wide;
        let spelt = self.spellings.best(cells, integers, wide)?;
        let misfits = cells - spelt.fits;
        // Few odd cells in a plain column make no notation, unless all speak for the same.
        let is_better = !plain || (misfits == 0 && spelt.is_certain);
        (is_better && is_tolerable(misfits, cells)).then_some(spelt)
    }

    fn decide_spelt(&self, spelt: Spelt, name: &str) -> Decision {
        let (cells, fits) = (self.cells(), spelt.fits);
        let data_type = match spelt.data_type {
            DataType::Timestamp { utc, .. } => DataType::Timestamp {
                unit: self.unit(),
                utc,
            },
            other => other,
        };
        let format = spelt.format;
        let like = match &*format {
            duration::FORMAT => "durations, taken in as seconds".to_owned(),
            format => format!("written like `{format}`"),
        };
        let mut why = match cells - fits {
            0 => format!("{data_type}: {cells} of {cells} sampled cells, {like}"),
            misfits => format!(
                "{data_type}: {misfits} of {cells} sampled cells do not fit, the others are {like}"
            ),
        };
        if let Some(other) = spelt.also {
            why += &format!("; ambiguous: --dtype {name}={other} reads them the other way");
        }
        Decision {
            data_type,
            format: Some(format),
            why,
            fits,
            ambiguous: spelt.ambiguous,
        }
    }

    /// The narrowest type that takes all cells but a tolerable few, or why only text does.
    fn narrowest(&self) -> Result<DataType, String> {
        use Class::{Boolean, Date, Float, Huge, Integer, Naive, Offset, Padded, Text, Wide};
        const FAMILIES: [&[Class]; 4] = [
            &[Boolean],
            &[Integer, Wide, Huge, Padded, Float],
            &[Date, Naive],
            &[Offset],
        ];
        let (cells, text) = (self.cells(), self.count(&[Text]));
        if cells == 0 {
            return Err("no sampled cell has a value".into());
        }
        let present: Vec<_> = FAMILIES.iter().filter(|family| self.has(family)).collect();
        if let [one, other, ..] = present[..] {
            let (one, other) = (self.example(one), self.example(other));
            return Err(format!(
                "sampled cells are of several kinds, e.g. {one} and {other}"
            ));
        }
        if !is_tolerable(text, cells) {
            let example = self.example(&[Text]);
            return Err(format!(
                "{text} of {cells} sampled cells are text, e.g. {example}"
            ));
        }
        if self.has(&[Huge, Padded]) {
            let (count, example) = (self.count(&[Huge, Padded]), self.example(&[Padded, Huge]));
            return Err(format!(
                "{count} of {cells} sampled cells are digits that a number would not keep, e.g. {example}"
            ));
        }
        if self.has(&[Wide]) && self.has(&[Float]) {
            let (wide, float) = (self.example(&[Wide]), self.example(&[Float]));
            return Err(format!("float64 would take {float} but damage {wide}"));
        }
        let unit = self.unit();
        Ok(if self.has(&[Boolean]) {
            DataType::Boolean
        } else if self.has(&[Float]) {
            DataType::Float64
        } else if self.has(&[Integer, Wide]) {
            DataType::Int64
        } else if self.has(&[Offset]) {
            DataType::Timestamp { unit, utc: true }
        } else if self.has(&[Naive]) {
            DataType::Timestamp { unit, utc: false }
        } else {
            DataType::Date
        })
    }

    /// A declared type, with what a timestamp's declaration leaves open read off the samples.
    fn complete(&self, declared: &DataType, format: Option<&str>) -> DataType {
        let &DataType::Timestamp { unit, utc } = declared else {
            return declared.clone();
        };
        let kind = format.and_then(|format| check_format(format).ok());
        let (fraction, utc) = match kind {
            Some(kind) => (kind.has_fraction, kind.has_offset),
            None if self.has(&[Class::Date, Class::Naive, Class::Offset]) => {
                let naive = self.count(&[Class::Date, Class::Naive]);
                (true, self.count(&[Class::Offset]) > naive)
            }
            None => (true, utc),
        };
        let epoch = format.and_then(Epoch::new);
        let unit = if epoch.is_some_and(|epoch| epoch.needs_nanoseconds()) {
            TimeUnit::Nanosecond
        } else if fraction {
            unit.max(self.unit())
        } else {
            unit
        };
        DataType::Timestamp { unit, utc }
    }
}

/// Whether so few of `cells` cells may be no cells of their column.
fn is_tolerable(misfits: u64, cells: u64) -> bool {
    misfits == 0 || (cells >= TOLERANT_CELLS_MIN && misfits * CELLS_PER_MISFIT <= cells)
}

/// Whether `text` ends with a fraction of more than six significant digits, which in a column of
/// moments asks for nanoseconds.
fn ends_finely(text: &[u8]) -> bool {
    let Some(point) = text.iter().rposition(|byte| matches!(byte, b'.' | b',')) else {
        return false;
    };
    let digits = text[point + 1..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let last = digits
        .enumerate()
        .filter(|(_, digit)| **digit != b'0')
        .last();
    last.is_some_and(|(index, _)| (6..9).contains(&index))
}

/// The type of a column that the user typed, and the strptime pattern given with it.
pub type Declared = (DataType, Option<Arc<str>>);

/// A column's type and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// The column, declared or inferred.
    pub column: Column,
    /// One sentence with counts.
    pub why: String,
    /// Sampled cells that have a value.
    pub cells: u64,
    /// How many of them the type takes.
    pub fits: u64,
    /// Those that another spelling reads as other values, where no cell speaks against it.
    pub ambiguous: u64,
    /// One of them, cut to a few characters.
    pub example: Option<String>,
}

/// Gathers what sampled fields look like.
#[derive(Debug, Clone)]
pub struct Inference {
    columns: Vec<Evidence>,
    tokens: Vec<Arc<TokenSet>>,
    quoting: Quoting,
    delimiter: Option<u8>,
}

impl Inference {
    /// Nothing seen yet of `columns` columns.
    pub fn new(columns: usize, nulls: &NullTokens, quoting: Quoting) -> Self {
        // There may be very many columns, and nearly all have the same.
        let usual = Arc::new(nulls.of_typed(columns));
        let tokens = |slot| match nulls.per_column.contains_key(&slot) {
            true => Arc::new(nulls.of_typed(slot)),
            false => Arc::clone(&usual),
        };
        Self {
            columns: vec![Evidence::default(); columns],
            tokens: (0..columns).map(tokens).collect(),
            quoting,
            delimiter: None,
        }
    }

    /// About what it takes for a column, in bytes.
    pub const COLUMN_BYTES: usize = size_of::<Evidence>() + size_of::<Arc<TokenSet>>() + 128;

    /// Says what is between fields: a bare field that holds it was escaped or joined, and is no
    /// number whatever it looks like.
    pub fn delimited(mut self, delimiter: u8) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// Looks at sampled records. `places` says for each column which of their fields holds it.
    pub fn observe(&mut self, fields: &Fields<'_>, places: &[Option<usize>]) {
        self.observe_block(fields.into(), places);
    }

    fn observe_block(&mut self, block: Block<'_>, places: &[Option<usize>]) {
        let scratch = Bump::new();
        let columns = self.columns.iter_mut().zip(places).enumerate();
        for (slot, (evidence, place)) in columns {
            let Some(place) = *place else { continue };
            for field in block.column(place).iter() {
                let text = trim(unquote(field.text(), self.quoting, &scratch).text);
                if self.tokens[slot].contains(text) {
                    evidence.nulls += 1;
                } else {
                    let is_joined = || {
                        let delimiter = self
                            .delimiter
                            .filter(|_| field.first() != self.quoting.quote);
                        delimiter.is_some_and(|delimiter| field.text().contains(&delimiter))
                    };
                    evidence.add(text, is_joined);
                }
            }
        }
    }

    /// Adds what another has seen of the same columns.
    pub fn merge(&mut self, other: Self) {
        for (evidence, other) in self.columns.iter_mut().zip(other.columns) {
            evidence.merge(other);
        }
    }

    /// The columns, called `names`. `declared` holds the type and strptime pattern of those that
    /// the user typed; of these only what a timestamp leaves open (its unit, and without a pattern
    /// its zone) comes from the samples.
    pub fn decide(&self, names: &[Arc<str>], declared: &[Option<Declared>]) -> Vec<Inferred> {
        assert!(
            names.len() == self.columns.len() && declared.len() == self.columns.len(),
            "a name and a declaration per column"
        );
        let columns = self.columns.iter().zip(names).zip(declared);
        let decided = columns.map(|((evidence, name), declared)| {
            let (decision, origin) = match declared {
                Some((data_type, format)) => {
                    let data_type = evidence.complete(data_type, format.as_deref());
                    let decision = Decision {
                        why: format!("{data_type}: declared"),
                        format: format.clone(),
                        fits: evidence.fits(&data_type),
                        ambiguous: 0,
                        data_type,
                    };
                    (decision, Origin::Declared)
                }
                None => (evidence.decide(name), Origin::Inferred),
            };
            let is_spelt = decision.format.is_some() && origin == Origin::Inferred;
            let of = if is_spelt {
                &DataType::Utf8
            } else {
                &decision.data_type
            };
            Inferred {
                example: evidence.example_of(of),
                cells: evidence.cells(),
                fits: decision.fits,
                ambiguous: decision.ambiguous,
                why: decision.why,
                column: Column {
                    name: Arc::clone(name),
                    data_type: decision.data_type,
                    format: decision.format,
                    origin,
                },
            }
        });
        decided.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::bounds_of;
    use super::*;

    fn observe(raw: &[&str]) -> Inference {
        let (bytes, bounds) = bounds_of(raw);
        let mut inference = Inference::new(1, &NullTokens::default(), Quoting::doubled(Some(b'"')));
        for bounds in bounds.chunks(6) {
            inference.observe_block(Block::apart(&bytes, bounds, 1), &[Some(0)]);
        }
        inference
    }

    fn decide(raw: &[&str]) -> (String, String) {
        let [decided] = observe(raw)
            .decide(&["c".into()], &[None])
            .try_into()
            .unwrap();
        assert_eq!(decided.column.origin, Origin::Inferred);
        (decided.column.data_type.to_string(), decided.why)
    }

    #[test]
    fn types_and_why() {
        let cases: [(&[&str], &str, &str); 22] = [
            (&[], "utf8", "no sampled cell has a value"),
            (&["", "NA"], "utf8", "no sampled cell has a value"),
            (&["1", "", "-2", "\"3\""], "int64", "3 of 3 sampled cells"),
            (&["1", " 2.5 "], "float64", "2 of 2 sampled cells"),
            (&["1", "-0"], "float64", "2 of 2 sampled cells"),
            (&["9007199254740993"], "int64", "1 of 1 sampled cells"),
            (
                &["9007199254740993", "1.5"],
                "utf8",
                "float64 would take `1.5` but damage `9007199254740993`",
            ),
            (
                &["5", "01234"],
                "utf8",
                "1 of 2 sampled cells are digits that a number would not keep, e.g. `01234`",
            ),
            (
                &["5", "+5"],
                "utf8",
                "1 of 2 sampled cells are digits that a number would not keep, e.g. `+5`",
            ),
            (
                &["5", "9223372036854775808"],
                "utf8",
                "1 of 2 sampled cells are digits that a number would not keep, e.g. `9223372036854775808`",
            ),
            (&["true", "False"], "bool", "2 of 2 sampled cells"),
            (
                &["true", "1"],
                "utf8",
                "sampled cells are of several kinds, e.g. `true` and `1`",
            ),
            (
                &["2024-01-31", "2024/02/01"],
                "date",
                "2 of 2 sampled cells",
            ),
            (
                &["2024-01-31", "2024-01-31 10:00"],
                "timestamp[us]",
                "2 of 2 sampled cells",
            ),
            (
                &["2024-01-31 10:00:00.1234567"],
                "timestamp[ns]",
                "1 of 1 sampled cells",
            ),
            (
                &["2024-01-31 10:00Z", "2024-01-31 10:00+01"],
                "timestamp[us, UTC]",
                "2 of 2 sampled cells",
            ),
            (
                &["2024-01-31 10:00Z", "2024-01-31 10:00"],
                "utf8",
                "sampled cells are of several kinds, e.g. `2024-01-31 10:00` and `2024-01-31 10:00Z`",
            ),
            (
                &["2024-01-31", "5"],
                "utf8",
                "sampled cells are of several kinds, e.g. `5` and `2024-01-31`",
            ),
            (
                &["5", "x"],
                "utf8",
                "1 of 2 sampled cells are text, e.g. `x`",
            ),
            (
                &["\"a\tb\u{1b}\""],
                "utf8",
                "1 of 1 sampled cells are text, e.g. `a\\tb\\u{1b}`",
            ),
            (
                &["ééééééééééééééééééééé"],
                "utf8",
                "1 of 1 sampled cells are text, e.g. `éééééééééééééééééééé…`",
            ),
            (
                &["1e999"],
                "utf8",
                "1 of 1 sampled cells are text, e.g. `1e999`",
            ),
        ];
        for (raw, data_type, why) in cases {
            assert_eq!(
                decide(raw),
                (data_type.into(), format!("{data_type}: {why}")),
                "{raw:?}"
            );
        }
    }

    /// Type and format of a column called `name`, and whether it says that it is ambiguous.
    fn spelt(name: &str, raw: &[&str]) -> (String, String, bool) {
        let [decided] = observe(raw)
            .decide(&[name.into()], &[None])
            .try_into()
            .unwrap();
        let format = decided.column.format.as_deref().unwrap_or_default();
        (
            decided.column.data_type.to_string(),
            format.into(),
            decided.why.contains("ambiguous"),
        )
    }

    #[test]
    fn numbers_in_notations() {
        let cases: [(&[&str], &str, &str, bool); 36] = [
            (&["2-", "1"], "utf8", "", false),
            (&["1,234.50", "12.30", "5"], "float64", "1,234.50", false),
            (&["1.234,50", "12,30", "5"], "float64", "1.234,50", false),
            (&["1.234", "3,14"], "float64", "1.234,50", false),
            (&["3,14", "2,5"], "float64", "1234,50", false),
            (&["1,234", "5,678"], "int64", "1,234.50", true),
            (&["1,234", "5,678,901"], "int64", "1,234.50", false),
            (&["1,234", "3,14"], "float64", "1234,50", false),
            (&["1 234,50", "7"], "float64", "1 234,50", false),
            (&["1 234", "12 345 678"], "int64", "1 234,50", false),
            (&["1'234.50", "7.5"], "float64", "1'234.50", false),
            (&["1.234.567", "89"], "int64", "1.234,50", false),
            (&["$1,200", "$5"], "int64", "$1,234.50", true),
            (&["$1,200", "$5.10"], "float64", "$1,234.50", false),
            (&["1.200 €", "3 €"], "int64", "1.234,50 €", true),
            (&["1.200,50 €", "3 €"], "float64", "1.234,50 €", false),
            (&["USD 5", "USD 6.5"], "float64", "USD 1234.50", false),
            (&["5 EUR", "6 EUR"], "int64", "EUR 1234.50", false),
            (&["12.5 %", "3%"], "float64", "1234.50%", false),
            (&["(1,234)", "99"], "int64", "1,234.50", true),
            (&["(5)", "6"], "int64", "1234.50", false),
            (&["5.25-", "6"], "float64", "1234.50", false),
            (&["\u{2212}5.5", "6"], "float64", "1234.50", false),
            (&["(1)", "(2)"], "utf8", "", false),
            (&["$5", "€6"], "utf8", "", false),
            (&["12.5%", "12.5"], "utf8", "", false),
            (&["1.5", "3,14"], "utf8", "", false),
            (&["1,234,567", "3,14"], "utf8", "", false),
            (&["+1 555 123 4567", "555-1234"], "utf8", "", false),
            (&["612 345 678", "698 765 432"], "utf8", "", false),
            (&["01234", "1,234"], "utf8", "", false),
            (&["1.2.3", "1.10.0"], "utf8", "", false),
            (&["192.168.100.200", "10.0.0.1"], "utf8", "", false),
            (&["192.168.100.200"], "utf8", "", false),
            (&["DE89 3704 0044 0532 0130 00"], "utf8", "", false),
            (&["9,007,199,254,740,993", "1.5"], "utf8", "", false),
        ];
        for (raw, data_type, format, ambiguous) in cases {
            let expected = (data_type.into(), format.into(), ambiguous);
            assert_eq!(spelt("c", raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn a_bare_field_that_holds_the_delimiter_is_no_number() {
        let decide = |raw: &[&str], delimiter| {
            let (bytes, bounds) = bounds_of(raw);
            let quoting = Quoting::doubled(Some(b'"'));
            let inference = Inference::new(1, &NullTokens::default(), quoting);
            let mut inference = inference.delimited(delimiter);
            inference.observe_block(Block::apart(&bytes, &bounds, 1), &[Some(0)]);
            inference.decide(&["c".into()], &[None])[0]
                .column
                .data_type
                .clone()
        };
        assert_eq!(decide(&["4,5", "6"], b','), DataType::Utf8);
        assert_eq!(decide(&["4,5", "6"], b';'), DataType::Float64);
        assert_eq!(decide(&["\"4,5\"", "6"], b','), DataType::Float64);
    }

    #[test]
    fn slips_in_a_plain_column_make_no_notation() {
        let of = |odd: &[&'static str]| {
            let raw: Vec<&str> = odd.iter().copied().chain(vec!["9.5"; 300]).collect();
            spelt("c", &raw)
        };
        let plain = ("float64".into(), String::new(), false);
        assert_eq!(of(&["9,123"]), plain);
        assert_eq!(of(&["9,123", "1,234.50", "9,5"]), plain);
        let format = "1,234.50".to_owned();
        assert_eq!(
            of(&["9,123", "1,234.50"]),
            ("float64".into(), format, false)
        );
    }

    #[test]
    fn pairs_of_words() {
        let cases: [(&[&str], &str); 11] = [
            (&["yes", "No", "YES"], "yes/no"),
            (&["Y", "N"], "y/n"),
            (&["t", "f"], "t/f"),
            (&["on", "off"], "on/off"),
            (&["tRUE", "false"], "true/false"),
            (&["Y", "Y"], ""),
            (&["no", "no"], ""),
            (&["yes", "n"], ""),
            (&["Y", "N", "X"], ""),
            (&["1", "0"], ""),
            (&["yes", "no", "maybe"], ""),
        ];
        for (raw, format) in cases {
            assert_eq!(spelt("c", raw).1, format, "{raw:?}");
        }
    }

    #[test]
    fn days_and_times() {
        let cases: [(&[&str], &str, &str, bool); 18] = [
            (&["31/01/2024", "1/2/2024"], "date", "%d/%m/%Y", false),
            (&["01/31/2024", "1/2/2024"], "date", "%m/%d/%Y", false),
            (&["01/02/2024"], "date", "%m/%d/%Y", true),
            (&["01.02.2024"], "date", "%d.%m.%Y", true),
            (&["01-02-2024"], "date", "%d-%m-%Y", true),
            (&["31/01/2024", "01/31/2024"], "utf8", "", false),
            (&["31-Jan-2024", "1-FEB-2024"], "date", "%d-%b-%Y", false),
            (&["Jan 31, 2024", "May 1, 2024"], "date", "%b %d, %Y", false),
            (
                &["31 January 2024", "1 May 2024"],
                "date",
                "%d %B %Y",
                false,
            ),
            (&["2024/01/31", "2024/2/1"], "date", "%Y/%m/%d", false),
            (&["2024-01-31", "31/01/2024"], "utf8", "", false),
            (&["31/02/2024"], "utf8", "", false),
            (
                &["31/01/2024 10:15"],
                "timestamp[us]",
                "%d/%m/%Y %H:%M",
                false,
            ),
            (
                &["1/31/2024 9:05 PM"],
                "timestamp[us]",
                "%m/%d/%Y %I:%M %p",
                false,
            ),
            (
                &["31.01.2024 10:15:30.1234567"],
                "timestamp[ns]",
                "%d.%m.%Y %H:%M:%S%.f",
                false,
            ),
            (
                &["Wed, 31 Jan 2024 10:15:00 +0100"],
                "timestamp[us, UTC]",
                "%a, %d %b %Y %H:%M:%S %z",
                false,
            ),
            (&["20240131", "20240201"], "int64", "", false),
            (&["10:15", "10:16"], "utf8", "", false),
        ];
        for (raw, data_type, format, ambiguous) in cases {
            let expected = (data_type.into(), format.into(), ambiguous);
            assert_eq!(spelt("c", raw), expected, "{raw:?}");
        }
        let (data_type, format, _) = spelt("order_date", &["20240131", "20240201"]);
        assert_eq!((&*data_type, &*format), ("date", "%Y%m%d"));
        assert_eq!(spelt("order_date", &["20240131", "20240231"]).0, "int64");
        let why = |name: &str| {
            let [found] = observe(&["1706696100"])
                .decide(&[name.into()], &[None])
                .try_into()
                .unwrap();
            found.why
        };
        assert!(why("created_at").contains("--dtype created_at=timestamp(epoch_s)"));
        assert!(!why("c").contains("epoch"));
    }

    #[test]
    fn one_misfit_in_a_hundred_is_tolerated() {
        let mut raw = vec!["5"; 99];
        raw.push("x");
        let why = "int64: 1 of 100 sampled cells do not fit, e.g. `x`";
        assert_eq!(decide(&raw), ("int64".into(), why.into()));
        assert_eq!(decide(&raw[1..]).0, "utf8");
        raw.push("y");
        assert_eq!(decide(&raw).0, "utf8");
    }

    #[test]
    fn what_a_declared_timestamp_leaves_open() {
        let declared = |raw: &[&str], format: Option<&str>| {
            let data_type = DataType::Timestamp {
                unit: TimeUnit::Microsecond,
                utc: false,
            };
            let declared = [Some((data_type, format.map(Arc::from)))];
            let [decided] = observe(raw)
                .decide(&["c".into()], &declared)
                .try_into()
                .unwrap();
            assert_eq!(decided.column.origin, Origin::Declared);
            decided.column.data_type.to_string()
        };
        assert_eq!(declared(&[], None), "timestamp[us]");
        assert_eq!(
            declared(&["2024-01-31 10:00:00.1234567Z"], None),
            "timestamp[ns, UTC]"
        );
        assert_eq!(
            declared(&["2024-01-31", "2024-01-31 10:00Z"], None),
            "timestamp[us]"
        );
        assert_eq!(
            declared(
                &["31/01/2024 10:00:00.1234567"],
                Some("%d/%m/%Y %H:%M:%S%.f")
            ),
            "timestamp[ns]"
        );
        assert_eq!(
            declared(
                &["31/01/2024 10:00:00.1234560"],
                Some("%d/%m/%Y %H:%M:%S%.f")
            ),
            "timestamp[us]"
        );
        assert_eq!(
            declared(&["31/01/2024 +0100"], Some("%d/%m/%Y %z")),
            "timestamp[us, UTC]"
        );
        let declared = [Some((DataType::Categorical, None))];
        let decided = observe(&["1"]).decide(&["c".into()], &declared);
        assert_eq!(decided[0].column.data_type, DataType::Categorical);
    }

    proptest! {
        #[test]
        fn neither_order_nor_merging_matters(
            raw in prop::collection::vec("[0-9]{1,3}|[0-9]\\.[0-9]|x{0,2}|2024-01-3[0-3]|true|01", 0..12),
            cut in 0..12_usize, turn in 0..12_usize,
        ) {
            let mut raw: Vec<&str> = raw.iter().map(String::as_str).collect();
            let whole = decide(&raw);
            let turn = turn.min(raw.len());
            raw.rotate_left(turn);
            let (left, right) = raw.split_at(cut.min(raw.len()));
            let mut merged = observe(left);
            merged.merge(observe(right));
            prop_assert_eq!(&merged.decide(&["c".into()], &[None])[0].why, &whole.1);
        }
    }
}
