//! Dates and timestamps: parts of them, truncation, differences, spans added.
//! Keeps: a timestamp's parts are those of its ticks, which count UTC where it has a zone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType};

use super::civil;
use super::types::Type;
use crate::base::TimeUnit;

/// A part of a moment, or a unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    /// From Sunday, which is 0.
    Weekday,
    /// From Monday, which is 1.
    IsoWeekday,
    DayOfYear,
    IsoYear,
}

/// The parts by name; the first name of each is the one messages use.
const PARTS: [(&str, Part); 32] = [
    ("year", Part::Year),
    ("quarter", Part::Quarter),
    ("month", Part::Month),
    ("week", Part::Week),
    ("day", Part::Day),
    ("hour", Part::Hour),
    ("minute", Part::Minute),
    ("second", Part::Second),
    ("millisecond", Part::Millisecond),
    ("microsecond", Part::Microsecond),
    ("dayofweek", Part::Weekday),
    ("weekday", Part::Weekday),
    ("dow", Part::Weekday),
    ("isodow", Part::IsoWeekday),
    ("dayofyear", Part::DayOfYear),
    ("doy", Part::DayOfYear),
    ("isoyear", Part::IsoYear),
    ("weekofyear", Part::Week),
    ("dayofmonth", Part::Day),
    ("years", Part::Year),
    ("quarters", Part::Quarter),
    ("months", Part::Month),
    ("weeks", Part::Week),
    ("days", Part::Day),
    ("hours", Part::Hour),
    ("minutes", Part::Minute),
    ("seconds", Part::Second),
    ("milliseconds", Part::Millisecond),
    ("microseconds", Part::Microsecond),
    ("ms", Part::Millisecond),
    ("us", Part::Microsecond),
    ("min", Part::Minute),
];

impl Part {
    /// The part called `name`.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let found = PARTS.iter().find(|(known, _)| *known == name);
        found.map(|(_, part)| *part)
    }

    /// The part called `name`, if it is also a unit.
    pub(super) fn unit(name: &str) -> Option<Self> {
        Self::named(name).filter(|part| part.is_unit())
    }

    /// The names to suggest.
    pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
        PARTS.iter().map(|(name, _)| *name).take(17)
    }

    fn is_unit(self) -> bool {
        !matches!(
            self,
            Self::Weekday | Self::IsoWeekday | Self::DayOfYear | Self::IsoYear
        )
    }

    /// Whether it is shorter than a day.
    pub(super) fn is_clock(self) -> bool {
        self.nanoseconds().is_some()
    }

    fn nanoseconds(self) -> Option<i64> {
        Some(match self {
            Self::Hour => 3_600_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Second => 1_000_000_000,
            Self::Millisecond => 1_000_000,
            Self::Microsecond => 1_000,
            _ => return None,
        })
    }

    /// The part of a moment: a day, and ticks of which there are `per_second` since midnight.
    pub(super) fn of(self, day: i64, ticks: i64, per_second: i64) -> i64 {
        match self {
            Self::Year => civil::civil(day).0,
            Self::Quarter => (civil::civil(day).1 + 2) / 3,
            Self::Month => civil::civil(day).1,
            Self::Week => civil::iso_week(day).1,
            Self::Day => civil::civil(day).2,
            Self::Hour => ticks / (per_second * 3600),
            Self::Minute => ticks / (per_second * 60) % 60,
            Self::Second => ticks / per_second % 60,
            Self::Millisecond => ticks / (per_second / 1_000) % 60_000,
            Self::Microsecond => ticks / (per_second / 1_000_000) % 60_000_000,
            Self::Weekday => (civil::weekday(day) + 1) % 7,
            Self::IsoWeekday => civil::weekday(day) + 1,
            Self::DayOfYear => day - civil::days(civil::civil(day).0, 1, 1) + 1,
            Self::IsoYear => civil::iso_week(day).0,
        }
    }

    /// The first day of the unit that a day is in.
    pub(super) fn first_day(self, day: i64) -> i64 {
        let (year, month, _) = civil::civil(day);
        match self {
            Self::Year => civil::days(year, 1, 1),
            Self::Quarter => civil::days(year, (month - 1) / 3 * 3 + 1, 1),
            Self::Month => civil::days(year, month, 1),
            Self::Week => day - civil::weekday(day),
            _ => day,
        }
    }

    /// The units that begin between two moments. Weeks are seven days each, as in DuckDB.
    pub(super) fn between(self, from: i64, to: i64, per_day: i64) -> i64 {
        match self {
            Self::Week => (to.div_euclid(per_day) - from.div_euclid(per_day)) / 7,
            _ => self
                .number(to, per_day)
                .wrapping_sub(self.number(from, per_day)),
        }
    }

    /// The number of the unit that a moment is in, counted from some fixed one on.
    fn number(self, moment: i64, per_day: i64) -> i64 {
        let day = moment.div_euclid(per_day);
        let (year, month, _) = civil::civil(day);
        match self {
            Self::Year => year,
            Self::Quarter => year * 4 + (month - 1) / 3,
            Self::Month => year * 12 + month,
            _ => match self.nanoseconds() {
                Some(nanoseconds) => {
                    let per_second = (per_day / 86_400).max(1);
                    let length = (nanoseconds / (1_000_000_000 / per_second)).max(1);
                    moment.div_euclid(length)
                }
                None => day,
            },
        }
    }
}

/// A span of time: months and days are as long as the calendar has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) months: i64,
    pub(super) days: i64,
    pub(super) nanoseconds: i64,
}

impl Span {
    /// `number` units; `None` if that is too long.
    pub(super) fn new(number: i64, unit: Part) -> Option<Self> {
        let mut span = Self::default();
        match unit {
            Part::Year => span.months = number.checked_mul(12)?,
            Part::Quarter => span.months = number.checked_mul(3)?,
            Part::Month => span.months = number,
            Part::Week => span.days = number.checked_mul(7)?,
            Part::Day => span.days = number,
            _ => span.nanoseconds = number.checked_mul(unit.nanoseconds()?)?,
        }
        Some(span)
    }

    /// Reads `3 days`, `1 year 6 months`, …
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let form =
            || format!("`{text}` is no interval; write such as '3 days' or '1 hour 30 minutes'");
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() || words.len() % 2 == 1 {
            return Err(form());
        }
        let mut sum = Self::default();
        for pair in words.chunks(2) {
            let number = pair[0].parse().map_err(|_| form())?;
            let unit = Part::unit(pair[1]).ok_or_else(form)?;
            let span = Self::new(number, unit).ok_or_else(form)?;
            sum = sum.plus(span).ok_or_else(form)?;
        }
        Ok(sum)
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            nanoseconds: self.nanoseconds.checked_add(other.nanoseconds)?,
        })
    }

    /// The span back in time.
    pub(super) fn negated(self) -> Self {
        Self {
            months: self.months.saturating_neg(),
            days: self.days.saturating_neg(),
            nanoseconds: self.nanoseconds.saturating_neg(),
        }
    }

    /// The moment so much after `ticks`; `None` where there is none.
    pub(super) fn after(self, ticks: i64, unit: TimeUnit) -> Option<i64> {
        const MONTHS_MAX: i64 = 12 * 1_000_000;
        let per_day = unit.per_second() * 86_400;
        let mut moved = ticks;
        if self.months != 0 {
            let (day, clock) = (ticks.div_euclid(per_day), ticks.rem_euclid(per_day));
            let (year, month, day) = civil::civil(day);
            let months = Some(self.months).filter(|months| months.abs() < MONTHS_MAX)?;
            let months = year * 12 + month - 1 + months;
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
            let day = day.min(civil::month_length(year, month));
            moved = civil::days(year, month, day)
                .checked_mul(per_day)?
                .checked_add(clock)?;
        }
        let tick = 1_000_000_000 / unit.per_second();
        moved
            .checked_add(self.days.checked_mul(per_day)?)?
            .checked_add(self.nanoseconds / tick)
    }
}

/// Ticks of a day of a type that is a date or a timestamp, whose own ticks are days.
fn ticks_per_day(data_type: &Type) -> i64 {
    match data_type {
        Type::Timestamp { unit, .. } => unit.per_second() * 86_400,
        _ => 1,
    }
}

/// The values of a date or timestamp array, as wide numbers.
pub(super) fn ticks(array: &ArrayRef) -> Int64Array {
    match array.as_primitive_opt::<Date32Type>() {
        Some(days) => days.unary(i64::from),
        None => array
            .as_primitive_opt::<TimestampMicrosecondType>()
            .map(PrimitiveArray::reinterpret_cast::<Int64Type>)
            .unwrap_or_else(|| {
                let nanoseconds = array.as_primitive::<TimestampNanosecondType>();
                nanoseconds.reinterpret_cast::<Int64Type>()
            }),
    }
}

/// An array of `data_type`, a date or a timestamp, of these values.
pub(super) fn moments(ticks: &Int64Array, data_type: &Type) -> ArrayRef {
    match *data_type {
        Type::Timestamp { unit, utc } => {
            let zone = utc.then_some("UTC");
            match unit {
                TimeUnit::Microsecond => {
                    let array = ticks.reinterpret_cast::<TimestampMicrosecondType>();
                    Arc::new(array.with_timezone_opt(zone))
                }
                TimeUnit::Nanosecond => {
                    let array = ticks.reinterpret_cast::<TimestampNanosecondType>();
                    Arc::new(array.with_timezone_opt(zone))
                }
            }
        }
        // A day of a date or of 64-bit ticks fits, but for those that were null already.
        _ => Arc::new(ticks.unary::<_, Date32Type>(|day| day as i32)),
    }
}

/// A part of each moment.
pub(super) fn part(part: Part, array: &ArrayRef, data_type: &Type) -> ArrayRef {
    let per_day = ticks_per_day(data_type);
    let per_second = (per_day / 86_400).max(1_000_000);
    let values = ticks(array);
    if part.is_clock() && per_day > 1 {
        return Arc::new(values.unary::<_, Int64Type>(|moment| {
            let ticks = moment.rem_euclid(per_day);
            part.of(0, ticks, per_second)
        }));
    }
    // Neighbours are often of one day.
    let (mut day_start, mut of_day) = (None, 0);
    let cells = values.values().iter().map(|&moment| {
        let since = day_start.and_then(|start| moment.checked_sub(start));
        if !since.is_some_and(|since| (0..per_day).contains(&since)) {
            let day = moment.div_euclid(per_day);
            day_start = day.checked_mul(per_day);
            of_day = part.of(day, 0, per_second);
        }
        of_day
    });
    Arc::new(Int64Array::new(cells.collect(), values.nulls().cloned()))
}

/// The start of the unit that each moment is in, of type `to`.
pub(super) fn truncate(part: Part, array: &ArrayRef, from: &Type, to: &Type) -> ArrayRef {
    let per_day = ticks_per_day(from);
    let values = ticks(array);
    let truncated: Int64Array = match part.nanoseconds() {
        Some(nanoseconds) if per_day > 1 => {
            let tick = 1_000_000_000 / (per_day / 86_400);
            let length = (nanoseconds / tick).max(1);
            values.unary(|moment| moment.wrapping_sub(moment.rem_euclid(length)))
        }
        // A day is whole as it is.
        Some(_) => values,
        None => values.unary(|moment| {
            part.first_day(moment.div_euclid(per_day))
                .wrapping_mul(per_day)
        }),
    };
    match (from, to) {
        (Type::Date, &Type::Timestamp { unit, .. }) => {
            let per_day = unit.per_second() * 86_400;
            moments(&truncated.unary(|day| day.wrapping_mul(per_day)), to)
        }
        (Type::Timestamp { .. }, Type::Date) => {
            moments(&truncated.unary(|moment| moment.div_euclid(per_day)), to)
        }
        _ => moments(&truncated, to),
    }
}

/// `array`, of dates or timestamps, with `span` added; `to` is a timestamp.
pub(super) fn add_span(array: &ArrayRef, span: Span, from: &Type, to: &Type) -> ArrayRef {
    let &Type::Timestamp { unit, .. } = to else {
        unreachable!("the sum of a moment and a span is a timestamp");
    };
    let to_ticks = unit.per_second() * 86_400 / ticks_per_day(from);
    let sums: Int64Array = ticks(array).unary_opt(|moment| {
        let moment = moment.checked_mul(to_ticks)?;
        span.after(moment, unit)
    });
    moments(&sums, to)
}
