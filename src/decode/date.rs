//! Text -> date: days since 1970-01-01 in the proleptic Gregorian calendar, years 0001 to 9999.
//! Invariant: only days that exist are dates.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Date32Type;

use super::column::{Leaf, Misfit, primitive, shared};
use super::field::{Field, word};
use super::integer::are_digits;
use super::timestamp::{Moment, ReadMoment};
use crate::base::{DataType, TimeUnit};

/// Days from 1970-01-01 to a day of the years 1 to 9999, if that day exists.
///
/// Years start in March, so that a leap day is the last of its year (H. Hinnant, "chrono-
/// compatible low-level date algorithms").
pub fn day_number(year: u32, month: u32, day: u32) -> Option<i32> {
    // Months come in no order that a branch could foresee.
    const DAYS: [u32; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = *DAYS.get(month as usize)?;
    let leap = year.is_multiple_of(4) & (!year.is_multiple_of(100) | year.is_multiple_of(400));
    let days = days + u32::from(leap & (month == 2));
    if !(1..=9999).contains(&year) || !(1..=days).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era) as i32 - 719_468)
}

/// The value of ASCII digits, few enough for u32.
pub(super) fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u32::from(byte - b'0'))
    })
}

/// The day number of `YYYY-MM-DD` or `YYYY/MM/DD`.
pub fn parse_day(text: &[u8]) -> Option<i32> {
    let &[.., first, _, _, second, _, _] = text else {
        return None;
    };
    if text.len() != 10 || first != second || !matches!(first, b'-' | b'/') {
        return None;
    }
    day_number(
        digits(&text[..4])?,
        digits(&text[5..7])?,
        digits(&text[8..])?,
    )
}

/// The numbers in a word of three pairs of digits with `separator` between them, and whether it is
/// such a word.
#[inline(always)]
pub(super) fn pairs(word: u64, separator: u8) -> ([u64; 3], bool) {
    let [zero, between] = [b'0', separator];
    let zeros = [zero, zero, between, zero, zero, between, zero, zero];
    let values = word ^ u64::from_le_bytes(zeros);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let is_separated = values & 0x0000_FF00_00FF_0000 == 0;
    let numbers = [0, 24, 48].map(|bits| pairs >> bits & 0xFF);
    (numbers, are_digits(values) & is_separated)
}

/// The fast twin of [`parse_day`].
#[inline]
fn read_day(text: &[u8; 10]) -> Option<i32> {
    let [a, b, _, _, separator, ..] = *text;
    let (high, low) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    let ([year, month, day], is_date) = pairs(word(text, 2), separator);
    if !is_date || high > 9 || low > 9 || !matches!(separator, b'-' | b'/') {
        return None;
    }
    let century = u32::from(high) * 10 + u32::from(low);
    day_number(century * 100 + year as u32, month as u32, day as u32)
}

/// [`read_day`], with the last answer kept: neighbouring rows mostly share their day.
#[derive(Debug)]
pub(super) struct DayCache {
    /// The first and the last eight of its ten bytes.
    text: [u64; 2],
    day: i32,
}

impl Default for DayCache {
    /// Holds a text that no field has: the two words overlap and differ.
    fn default() -> Self {
        Self {
            text: [0, u64::MAX],
            day: 0,
        }
    }
}

impl DayCache {
    /// The day that `bytes` spell.
    #[inline(always)]
    pub(super) fn day(&mut self, bytes: &[u8; 10]) -> Option<i32> {
        let text = [word(bytes, 0), word(bytes, 2)];
        if text != self.text {
            self.day = read_day(bytes)?;
            self.text = text;
        }
        Some(self.day)
    }
}

/// A date column whose texts `R` reads.
pub(super) struct Dates<R> {
    pub(super) reader: R,
    pub(super) declared: bool,
}

impl<R> Dates<R> {
    /// Midnight counts as a day in a declared column only; a time never does.
    fn cell(&self, moment: Moment) -> Result<i32, Misfit> {
        if moment.offset.is_some() {
            Err(Misfit::Mismatch)
        } else if !moment.has_time || (self.declared && moment.is_midnight()) {
            Ok(moment.day)
        } else if self.declared {
            Err(Misfit::OutOfRange)
        } else {
            let unit = if moment.needs_nanoseconds() {
                TimeUnit::Nanosecond
            } else {
                TimeUnit::Microsecond
            };
            Err(Misfit::Wider(DataType::Timestamp { unit, utc: false }))
        }
    }
}

impl<R: ReadMoment> Leaf for Dates<R> {
    type Cell = i32;

    fn parse(&mut self, text: &[u8]) -> Result<i32, Misfit> {
        let moment = self.reader.read(text).ok_or(Misfit::Mismatch)?;
        self.cell(moment)
    }

    #[inline(always)]
    fn fast(&mut self, field: Field<'_>) -> Option<i32> {
        let moment = self.reader.read_fast(field)?;
        self.cell(moment).ok()
    }

    fn array(&self, cells: Vec<i32>, nulls: Option<NullBuffer>) -> ArrayRef {
        shared(primitive::<Date32Type>(cells, nulls))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;
    use proptest::prelude::*;

    use super::super::timestamp::Iso;
    use super::*;

    #[test]
    fn every_day_there_is() {
        let mut cache = DayCache::default();
        let mut expected = -719_162;
        for year in 1..=9999 {
            for month in 1..=12 {
                for day in 1..=31 {
                    let exists = Date::new(year, month, day).is_ok();
                    let number = day_number(year as u32, month as u32, day as u32);
                    assert_eq!(number, exists.then_some(expected), "{year}-{month}-{day}");
                    expected += i32::from(exists);
                }
            }
            let text = format!("{year:04}-03-01");
            let number = day_number(year as u32, 3, 1);
            assert_eq!(
                cache.day(text.as_bytes().first_chunk().unwrap()),
                number,
                "{text}"
            );
        }
        assert_eq!(day_number(1970, 1, 1), Some(0));
        for (year, month, day) in [
            (0, 1, 1),
            (10_000, 1, 1),
            (2024, 0, 1),
            (2024, 13, 1),
            (2024, 1, 0),
        ] {
            assert_eq!(day_number(year, month, day), None);
        }
    }

    #[test]
    fn a_bad_day_does_not_enter_the_cache() {
        let mut cache = DayCache::default();
        for _ in 0..2 {
            assert_eq!(cache.day(b"2024-01-31"), Some(19_753));
            assert_eq!(cache.day(b"2024-02-30"), None);
            assert_eq!(cache.day(b"2024-02-01"), Some(19_754));
        }
        assert_eq!(DayCache::default().day(b"\0\0\0\0\0\0\0\0\0\0"), None);
    }

    #[test]
    fn inferred_and_declared() {
        let [mut inferred, mut declared] = [false, true].map(|declared| Dates {
            reader: Iso::default(),
            declared,
        });
        let timestamp = |unit| Err(Misfit::Wider(DataType::Timestamp { unit, utc: false }));
        let cases = [
            ("2024-01-31", Ok(19_753), Ok(19_753)),
            ("2024/01/31", Ok(19_753), Ok(19_753)),
            (
                "2024-01-31 00:00:00",
                timestamp(TimeUnit::Microsecond),
                Ok(19_753),
            ),
            (
                "2024-01-31T10:15",
                timestamp(TimeUnit::Microsecond),
                Err(Misfit::OutOfRange),
            ),
            (
                "2024-01-31T00:00:00.000000001",
                timestamp(TimeUnit::Nanosecond),
                Err(Misfit::OutOfRange),
            ),
            (
                "2024-01-31T00:00:00Z",
                Err(Misfit::Mismatch),
                Err(Misfit::Mismatch),
            ),
            ("2024-02-30", Err(Misfit::Mismatch), Err(Misfit::Mismatch)),
            ("2024-01/31", Err(Misfit::Mismatch), Err(Misfit::Mismatch)),
            ("2024-1-31", Err(Misfit::Mismatch), Err(Misfit::Mismatch)),
            ("0000-01-01", Err(Misfit::Mismatch), Err(Misfit::Mismatch)),
            ("20240131", Err(Misfit::Mismatch), Err(Misfit::Mismatch)),
        ];
        for (text, as_inferred, as_declared) in cases {
            assert_eq!(inferred.parse(text.as_bytes()), as_inferred, "{text}");
            assert_eq!(declared.parse(text.as_bytes()), as_declared, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_as_jiff_reads_it(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}|(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]|\\PC{0,11}") {
            let epoch = Date::constant(1970, 1, 1);
            let jiff = text.parse::<Date>().ok().filter(|date| date.year() > 0);
            let jiff = jiff.filter(|date| date.to_string() == text);
            let days = jiff.map(|date| (date - epoch).get_days());
            prop_assert_eq!(parse_day(text.as_bytes()).filter(|_| !text.contains('/')), days);
            if let Some(bytes) = text.as_bytes().first_chunk() {
                prop_assert_eq!(DayCache::default().day(bytes), parse_day(bytes));
            }
        }
    }
}
