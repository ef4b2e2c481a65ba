//! How sampled cells are spelt, where they are not plain: in comes each text and its plain class, out
//! goes the one spelling that reads most of a column's cells. Invariant: counts are of cells, so
//! neither order nor merging matters; a tie goes to the first spelling of a fixed order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::boolean::PAIRS;
use super::class::Class;
use super::duration;
use super::layout::{is_usual, patterns, swapped};
use super::number::{Bare, bare};
use super::pattern::{Pattern, check_format};
use crate::base::{DataType, Grouping, Notation, TimeUnit};

const NOTATIONS: usize = Notation::ALL.len();
/// Longer texts are no numbers or moments.
const BYTES_MAX: usize = 64;
/// Patterns kept for a column.
const PATTERNS_MAX: usize = 64;
/// Digits of all telephone numbers of a column, at least.
const TELEPHONE_DIGITS_MIN: usize = 7;

/// A spelling that a column's cells have in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spelt {
    pub(super) data_type: DataType,
    /// As in [`crate::base::Column`].
    pub(super) format: Arc<str>,
    /// Cells that it reads.
    pub(super) fits: u64,
    /// The spelling that reads the same cells as other values, as it is declared.
    pub(super) also: Option<String>,
    /// Cells that are other values then.
    pub(super) ambiguous: u64,
    /// Whether some cell cannot be a slip of another spelling, as `9,123` may be one of 9.123.
    pub(super) is_certain: bool,
}

/// The numbers among texts that are no plain ones, for each of [`Notation::ALL`].
#[derive(Debug, Clone, Default)]
struct Tally {
    fits: [u64; NOTATIONS],
    fractions: [u64; NOTATIONS],
    grouped: [u64; NOTATIONS],
    /// Numbers with more than one mark between their digits.
    telling: [u64; NOTATIONS],
    /// Integers that float64 may not hold.
    wide: [u64; NOTATIONS],
    /// Numbers whose only sign is around or behind them: `(1)`, `1-`.
    turned: u64,
    cells: u64,
}

/// What is counted of one column.
#[derive(Debug, Clone, Default)]
pub(super) struct Spellings {
    /// Apart, since most columns have none and there may be very many columns.
    amounts: Option<Box<Tally>>,
    percents: Option<Box<Tally>>,
    units: BTreeSet<&'static str>,
    /// Least and most digits of numbers grouped by spaces.
    spaced_digits: Option<(usize, usize)>,
    /// Plain floats that are digits and a point, and those of them that may be grouped digits.
    floats: u64,
    floats_grouped: u64,
    pairs: [[u64; 2]; PAIRS.len()],
    moments: BTreeMap<String, (Option<Pattern>, u64)>,
    /// Texts that are durations and nothing else.
    durations: u64,
    /// Plain dates with `-` and with `/`.
    iso: [u64; 2],
    /// Integers that are days of the years 1900 to 2100.
    compact_days: u64,
    /// Integers of 10, 13, 16 and 19 digits.
    epochs: [u64; 4],
}

impl Spellings {
    /// Counts a text of a plain class.
    pub(super) fn add(&mut self, text: &[u8], class: Class) {
        match class {
            Class::Integer | Class::Wide => match text.len() {
                8 => self.compact_days += u64::from(is_compact_day(text)),
                digits @ (10 | 13 | 16 | 19) => self.epochs[(digits - 10) / 3] += 1,
                _ => {}
            },
            Class::Float => self.add_float(text),
            Class::Date => self.iso[usize::from(text[4] == b'/')] += 1,
            Class::Boolean | Class::Text => self.add_text(text),
            _ => {}
        }
    }

    fn add_float(&mut self, text: &[u8]) {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if digits
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
            && digits.contains(&b'.')
        {
            self.floats += 1;
            let grouped = (5..=7).contains(&digits.len())
                && digits[digits.len() - 4] == b'.'
                && digits[0] != b'0';
            self.floats_grouped += u64::from(grouped);
        }
    }

    fn add_text(&mut self, text: &[u8]) {
        if text.len() <= 5 {
            for (counts, pair) in self.pairs.iter_mut().zip(PAIRS) {
                for (count, word) in counts.iter_mut().zip(pair) {
                    *count += u64::from(word.as_bytes().eq_ignore_ascii_case(text));
                }
            }
        }
        if text.len() > BYTES_MAX || !text.iter().any(u8::is_ascii_digit) {
            return;
        }
        if let Some(number) = bare(text) {
            self.add_number(text, &number);
        }
        self.durations += u64::from(duration::is_clear(text));
        for pattern in patterns(text) {
            if self.moments.len() >= PATTERNS_MAX && !self.moments.contains_key(&pattern) {
                continue;
            }
            let compiled = || Some(Pattern::new(&Arc::from(pattern.as_str())));
            let known = self.moments.entry(pattern.clone());
            let (reader, count) = known.or_insert_with(|| (compiled(), 0));
            let reader = reader.get_or_insert_with(|| compiled().expect("a pattern"));
            *count += u64::from(reader.reads(text));
        }
    }

    fn add_number(&mut self, text: &[u8], number: &Bare<'_>) {
        let tally = match number.unit {
            Some("%") => &mut self.percents,
            unit => {
                self.units.extend(unit);
                &mut self.amounts
            }
        };
        let tally = tally.get_or_insert_default();
        let mut is_number = false;
        for (index, notation) in Notation::ALL.iter().enumerate() {
            let Some(canonical) = number.canonical(notation) else {
                continue;
            };
            if notation.grouping == Grouping::Point && is_address(text) {
                continue;
            }
            // Marks such as `2-` are no amounts.
            let is_mark = text.ends_with(b"-") && canonical.whole_digits < 3;
            if is_mark && !canonical.is_fraction {
                continue;
            }
            is_number = true;
            tally.fits[index] += 1;
            tally.fractions[index] += u64::from(canonical.is_fraction);
            tally.grouped[index] += u64::from(canonical.groups > 1);
            let marks = canonical.groups - 1 + usize::from(canonical.is_fraction);
            tally.telling[index] += u64::from(marks > 1);
            let wide = !canonical.is_fraction && canonical.whole_digits > 15;
            tally.wide[index] += u64::from(wide);
            if notation.grouping == Grouping::Space && canonical.groups > 1 {
                let digits = canonical.whole_digits;
                let (least, most) = self.spaced_digits.unwrap_or((digits, digits));
                self.spaced_digits = Some((least.min(digits), most.max(digits)));
            }
        }
        tally.cells += u64::from(is_number);
        let is_turned = text.starts_with(b"(") || text.ends_with(b"-");
        tally.turned += u64::from(is_number && is_turned);
    }

    /// Adds what another has counted of the same column.
    pub(super) fn merge(&mut self, other: Self) {
        for (tally, other) in [
            (&mut self.amounts, other.amounts),
            (&mut self.percents, other.percents),
        ] {
            if let Some(other) = other {
                tally.get_or_insert_default().merge(&other);
            }
        }
        self.units.extend(other.units);
        self.spaced_digits = match (self.spaced_digits, other.spaced_digits) {
            (Some((least, most)), Some((less, more))) => Some((least.min(less), most.max(more))),
            (one, two) => one.or(two),
        };
        self.floats += other.floats;
        self.floats_grouped += other.floats_grouped;
        add_each(self.pairs.as_flattened_mut(), other.pairs.as_flattened());
        add_each(&mut self.iso, &other.iso);
        add_each(&mut self.epochs, &other.epochs);
        self.compact_days += other.compact_days;
        self.durations += other.durations;
        for (pattern, (reader, count)) in other.moments {
            self.moments.entry(pattern).or_insert((reader, 0)).1 += count;
        }
    }

    /// The spelling that reads most of `cells` cells, `integers` of them plain ones (`wide` of
    /// these beyond 2^53).
    pub(super) fn best(&self, cells: u64, integers: u64, wide: u64) -> Option<Spelt> {
        let found = [
            self.pair(cells),
            self.number(integers, wide),
            self.moment(),
            self.duration(),
        ];
        // The first of those that read as many.
        found
            .into_iter()
            .flatten()
            .rev()
            .max_by_key(|spelt| spelt.fits)
    }

    /// Both words of a pair, in a column of nothing else.
    fn pair(&self, cells: u64) -> Option<Spelt> {
        let both = |&(pair, [yes, no]): &(usize, [u64; 2])| {
            yes + no == cells && (pair == 0 || (yes > 0 && no > 0))
        };
        let (pair, _) = self.pairs.into_iter().enumerate().find(both)?;
        let [yes, no] = PAIRS[pair];
        Some(Spelt {
            data_type: DataType::Boolean,
            format: format!("{yes}/{no}").into(),
            fits: cells,
            also: None,
            ambiguous: 0,
            is_certain: true,
        })
    }

    fn number(&self, integers: u64, wide: u64) -> Option<Spelt> {
        let cells = |tally: &Option<Box<Tally>>| tally.as_ref().map_or(0, |tally| tally.cells);
        if cells(&self.percents) > cells(&self.amounts) {
            return self.percents.as_ref()?.best(Some("%"), [0; 2], [0; 2]);
        }
        if self.units.len() > 1 {
            return None;
        }
        let spelt = self.amounts.as_ref()?.best(
            self.units.first().copied(),
            [integers, wide],
            [self.floats, self.floats_grouped],
        )?;
        let is_telephone = self.spaced_digits.is_some_and(|(least, most)| {
            least == most && least >= TELEPHONE_DIGITS_MIN && spelt.data_type == DataType::Int64
        });
        let spaced = spelt.format.contains("1 234");
        (!(is_telephone && spaced && self.units.is_empty())).then_some(spelt)
    }

    fn moment(&self) -> Option<Spelt> {
        let count = |pattern: &str, count: u64| match pattern {
            "%Y-%m-%d" => count + self.iso[0],
            "%Y/%m/%d" => count + self.iso[1],
            _ => count,
        };
        let counts = self
            .moments
            .iter()
            .map(|(pattern, (_, known))| (pattern, count(pattern, *known)));
        let (pattern, fits) = counts.max_by_key(|(pattern, fits)| (*fits, is_usual(pattern)))?;
        let kind = check_format(pattern).ok().filter(|_| fits > 0)?;
        let data_type = match kind.has_time {
            false => DataType::Date,
            true => DataType::Timestamp {
                unit: TimeUnit::Microsecond,
                utc: kind.has_offset,
            },
        };
        let name = if kind.has_time { "timestamp" } else { "date" };
        let other = swapped(pattern).filter(|other| {
            let known = self.moments.get(other);
            known.is_some_and(|(_, known)| *known == fits)
        });
        Some(Spelt {
            data_type,
            format: pattern.as_str().into(),
            fits,
            ambiguous: other.as_ref().map_or(0, |_| fits),
            is_certain: true,
            also: other.map(|other| format!("{name}({other})")),
        })
    }

    fn duration(&self) -> Option<Spelt> {
        (self.durations > 0).then(|| Spelt {
            data_type: DataType::Float64,
            format: duration::FORMAT.into(),
            fits: self.durations,
            also: None,
            ambiguous: 0,
            is_certain: true,
        })
    }

    /// Days written as eight digits, in a column whose name says so.
    pub(super) fn compact(&self, name: &str, cells: u64) -> Option<Spelt> {
        let name = name.to_lowercase();
        let mut words = name.split(|c: char| !c.is_alphanumeric());
        let is_day = words
            .any(|word| matches!(word, "day" | "datum" | "fecha" | "dt") || word.ends_with("date"));
        (is_day && cells > 0 && self.compact_days == cells).then(|| Spelt {
            data_type: DataType::Date,
            format: "%Y%m%d".into(),
            fits: cells,
            also: None,
            ambiguous: 0,
            is_certain: true,
        })
    }

    /// What a column of long integers, all as long, may be if its name is that of a time.
    pub(super) fn epoch(&self, name: &str, cells: u64) -> Option<&'static str> {
        const UNITS: [&str; 4] = ["epoch_s", "epoch_ms", "epoch_us", "epoch_ns"];
        let name = name.to_lowercase();
        let mut words = name.split(|c: char| !c.is_alphanumeric());
        let is_time = words.any(|word| {
            matches!(word, "ts" | "at" | "epoch" | "created" | "updated")
                || word.contains("time")
                || word.contains("date")
        });
        let all = self.epochs.iter().position(|count| *count == cells);
        all.filter(|_| is_time && cells > 0)
            .map(|index| UNITS[index])
    }
}

impl Tally {
    fn merge(&mut self, other: &Self) {
        add_each(&mut self.fits, &other.fits);
        add_each(&mut self.fractions, &other.fractions);
        add_each(&mut self.grouped, &other.grouped);
        add_each(&mut self.telling, &other.telling);
        add_each(&mut self.wide, &other.wide);
        self.turned += other.turned;
        self.cells += other.cells;
    }

    /// The notation that reads most, with the plain numbers that are in the column too.
    fn best(
        &self,
        unit: Option<&'static str>,
        [integers, wide]: [u64; 2],
        [floats, floats_grouped]: [u64; 2],
    ) -> Option<Spelt> {
        let count = |index: usize| {
            let notation = Notation::ALL[index];
            let (plain, fractions) = if notation.decimal == b'.' {
                (floats, floats)
            } else if notation.grouping == Grouping::Point {
                (floats_grouped, 0)
            } else {
                (0, 0)
            };
            let fits = self.fits[index] + integers + plain;
            (fits, self.fractions[index] + fractions)
        };
        // Amounts of money do not have three decimals.
        let money = unit.is_some_and(|unit| unit != "%");
        let order = |index: usize| (count(index).0, money && self.grouped[index] > 0);
        let best = (0..NOTATIONS).rev().max_by_key(|index| order(*index))?;
        let (fits, fractions) = count(best);
        let others = integers + floats + self.cells - self.turned;
        let damaged = fractions > 0 && wide + self.wide[best] > 0;
        if self.fits[best] == 0 || others == 0 || damaged {
            return None;
        }
        let other = (0..NOTATIONS).find(|index| {
            let (known, other) = count(*index);
            known == fits && other != fractions
        });
        let notation = |index: usize| Notation {
            unit,
            ..Notation::ALL[index]
        };
        Some(Spelt {
            data_type: match fractions {
                0 => DataType::Int64,
                _ => DataType::Float64,
            },
            format: notation(best).to_string().into(),
            fits,
            ambiguous: other.map_or(0, |other| count(other).1.abs_diff(fractions)),
            is_certain: unit.is_some() || self.telling[best] > 0,
            also: other.map(|other| format!("float64({})", notation(other))),
        })
    }
}

fn add_each(counts: &mut [u64], others: &[u64]) {
    for (count, other) in counts.iter_mut().zip(others) {
        *count += other;
    }
}

/// Whether eight digits are a day of the years 1900 to 2100.
fn is_compact_day(text: &[u8]) -> bool {
    let number = |range: std::ops::Range<usize>| super::date::digits(&text[range]);
    let parts = number(0..4).zip(number(4..6)).zip(number(6..8));
    parts.is_some_and(|((year, month), day)| {
        (1900..=2100).contains(&year) && super::date::day_number(year, month, day).is_some()
    })
}

/// Whether a text is four numbers of a byte each.
fn is_address(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b'.');
    let count = parts.clone().count();
    count == 4
        && parts.all(|part| {
            part.len() <= 3 && super::date::digits(part).is_some_and(|part| part <= 255)
        })
}
