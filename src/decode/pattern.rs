//! Text -> date or timestamp by a strptime pattern. Comes in as a pattern the user gave, goes out as
//! a reader of moments. Invariant: jiff's strptime has the last word; the compiled pattern only
//! says sooner what jiff would say.

use std::sync::Arc;

use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};

use super::date::day_number;
use super::epoch::Epoch;
use super::layout::MONTHS;
use super::timestamp::{Moment, ReadMoment};

/// Letters of a month's short name.
const MONTH_LETTERS: usize = 3;

/// What a pattern reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatKind {
    /// Year, month and day, or another way to name a day.
    pub has_date: bool,
    /// At least the hour.
    pub has_time: bool,
    /// An offset from UTC, which makes the column UTC.
    pub has_offset: bool,
    /// A fraction of the second.
    pub has_fraction: bool,
}

/// What `pattern` reads, found by printing an instant with it and reading that back.
///
/// # Errors
/// What is wrong with the pattern, in words.
pub fn check_format(pattern: &str) -> Result<FormatKind, String> {
    if let Some(epoch) = Epoch::new(pattern) {
        return Ok(epoch.kind());
    }
    let offset = Offset::from_seconds(19_800).expect("5:30 is an offset");
    let sample = jiff::civil::date(2024, 11, 23).at(14, 45, 56, 123_456_789);
    let sample = sample
        .to_zoned(TimeZone::fixed(offset))
        .expect("an instant");
    let wrong = |error: jiff::Error| format!("the pattern `{pattern}` cannot be used: {error}");
    let text = strtime::format(pattern, &sample).map_err(wrong)?;
    let parts = BrokenDownTime::parse(pattern, &text).map_err(wrong)?;
    let instant = parts.timestamp().is_some();
    if !instant {
        parts.to_time().map_err(wrong)?;
    }
    Ok(FormatKind {
        has_date: instant || parts.to_date().is_ok(),
        has_time: instant || parts.hour().is_some(),
        has_offset: instant || parts.offset().is_some(),
        has_fraction: parts.subsec_nanosecond().is_some(),
    })
}

/// One piece of a compiled pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// This very byte.
    Literal(u8),
    /// A number of this many digits at most, into this place of the parts: year, month, day, hour,
    /// minute, second.
    Number(usize, usize),
    /// The last two digits of a year from 1969 to 2068.
    ShortYear,
    /// The name of a month, or so many letters of it.
    Month(usize),
}

impl Piece {
    /// Which of the parts it is.
    fn place(self) -> Option<usize> {
        match self {
            Self::Literal(_) => None,
            Self::Number(place, _) => Some(place),
            Self::ShortYear => Some(0),
            Self::Month(_) => Some(1),
        }
    }
}

/// The pieces of a pattern of numbers and names of fixed places; `None` if there is more to it.
fn compile(pattern: &str) -> Option<Vec<Piece>> {
    let pattern = pattern.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
    let mut pieces = Vec::new();
    let mut bytes = pattern.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            pieces.push(Piece::Literal(byte));
            continue;
        }
        pieces.push(match bytes.next()? {
            b'y' => Piece::ShortYear,
            b'b' | b'h' => Piece::Month(MONTH_LETTERS),
            b'B' => Piece::Month(usize::MAX),
            name => {
                let place = b"YmdHMS".iter().position(|known| *known == name)?;
                Piece::Number(place, if place == 0 { 4 } else { 2 })
            }
        });
    }
    let times = |place| {
        let places = pieces.iter().filter_map(|piece| piece.place());
        places.filter(|at| *at == place).count()
    };
    let once = (0..6).all(|place| times(place) <= 1) && (0..3).all(|place| times(place) == 1);
    let nested = (4..6).all(|place| times(place) <= times(place - 1));
    (once && nested).then_some(pieces)
}

/// Reads texts by a pattern that [`check_format`] let pass.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pattern: Arc<str>,
    pieces: Option<Vec<Piece>>,
}

impl Pattern {
    pub(super) fn new(pattern: &Arc<str>) -> Self {
        Self {
            pattern: Arc::clone(pattern),
            pieces: compile(pattern),
        }
    }

    /// Whether it reads `text`.
    pub(super) fn reads(&self, text: &[u8]) -> bool {
        let compiled = self.read_compiled(text);
        compiled.or_else(|| self.read_jiff(text)).is_some()
    }

    /// Reads a text whose numbers have all their digits, or one digit where two may stand.
    fn read_compiled(&self, text: &[u8]) -> Option<Moment> {
        let mut parts = [0_u32; 6];
        let mut has_time = false;
        let mut rest = text;
        for &piece in self.pieces.as_ref()? {
            match piece {
                Piece::Literal(byte) => rest = rest.strip_prefix(&[byte])?,
                Piece::ShortYear => {
                    let (digits, behind) = rest.split_at_checked(2)?;
                    let short = super::date::digits(digits)?;
                    parts[0] = short + if short < 69 { 2000 } else { 1900 };
                    rest = behind;
                }
                Piece::Month(letters_max) => {
                    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic());
                    let (name, behind) = rest.split_at(letters.count().min(letters_max));
                    parts[1] = month_number(name, letters_max)?;
                    rest = behind;
                }
                Piece::Number(place, digits_max) => {
                    let window = &rest[..rest.len().min(digits_max)];
                    let count = window
                        .iter()
                        .take_while(|byte| byte.is_ascii_digit())
                        .count();
                    if count == 0 || (place == 0 && count < digits_max) {
                        return None;
                    }
                    parts[place] = super::date::digits(&rest[..count])?;
                    has_time |= place >= 3;
                    rest = &rest[count..];
                }
            }
        }
        let [year, month, day, hour, minute, second] = parts;
        if !rest.is_empty() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some(Moment {
            second: (hour * 60 + minute) * 60 + second,
            has_time,
            ..Moment::midnight(day_number(year, month, day)?)
        })
    }

    /// Reads a text with jiff.
    fn read_jiff(&self, text: &[u8]) -> Option<Moment> {
        let parts = BrokenDownTime::parse(&*self.pattern, text).ok()?;
        if parts.second() == Some(59) && self.names_leap_second(text, &parts) {
            return None;
        }
        moment(&parts)
    }

    /// Whether jiff read 60 as second 59: writing 59 for that 60 then changes nothing.
    fn names_leap_second(&self, text: &[u8], parts: &BrokenDownTime) -> bool {
        let known = moment(parts);
        (1..text.len()).any(|at| {
            let mut other = text.to_vec();
            &text[at - 1..=at] == b"60" && {
                other[at - 1..=at].copy_from_slice(b"59");
                let other = BrokenDownTime::parse(&*self.pattern, &other);
                other.is_ok_and(|other| other.second() == Some(59) && moment(&other) == known)
            }
        })
    }
}

/// The number of the month called `name`, of whose letters there are so many at most.
fn month_number(name: &[u8], letters_max: usize) -> Option<u32> {
    let mut months = MONTHS.iter().map(|month| month.as_bytes());
    let is = |month: &[u8]| month[..month.len().min(letters_max)].eq_ignore_ascii_case(name);
    let index = months.position(is)?;
    Some(index as u32 + 1)
}

/// The moment that all parts together name, if it lies in the years 0001 to 9999.
fn moment(parts: &BrokenDownTime) -> Option<Moment> {
    if let Some(instant) = parts.timestamp() {
        let day = i32::try_from(instant.as_second().div_euclid(86_400)).ok()?;
        return Some(Moment {
            second: instant.as_second().rem_euclid(86_400) as u32,
            nanosecond: u32::try_from(instant.subsec_nanosecond()).ok()?,
            offset: Some(0),
            has_time: true,
            ..Moment::midnight(day)
        });
    }
    let (date, time) = (parts.to_date().ok()?, parts.to_time().ok()?);
    let year = u32::try_from(date.year()).ok()?;
    let clock = (time.hour() as u32 * 60 + time.minute() as u32) * 60 + time.second() as u32;
    Some(Moment {
        second: clock,
        nanosecond: time.subsec_nanosecond() as u32,
        offset: parts.offset().map(Offset::seconds),
        has_time: parts.hour().is_some(),
        ..Moment::midnight(day_number(year, date.month() as u32, date.day() as u32)?)
    })
}

impl ReadMoment for Pattern {
    fn read(&mut self, text: &[u8]) -> Option<Moment> {
        self.read_jiff(text)
    }

    fn read_fast(&mut self, field: super::field::Field<'_>) -> Option<Moment> {
        self.read_compiled(field.text())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pattern: &str, text: &str) -> Option<Moment> {
        let pattern = Pattern::new(&Arc::from(pattern));
        let plain = pattern.read_jiff(text.as_bytes());
        if let Some(compiled) = pattern.read_compiled(text.as_bytes()) {
            assert_eq!(Some(compiled), plain, "{text}");
        }
        plain
    }

    #[test]
    fn kinds_of_patterns() {
        let kind = |pattern| {
            let kind = check_format(pattern).unwrap();
            (
                kind.has_date,
                kind.has_time,
                kind.has_offset,
                kind.has_fraction,
            )
        };
        assert_eq!(kind("%d/%m/%Y"), (true, false, false, false));
        assert_eq!(kind("%d/%m/%Y %H:%M"), (true, true, false, false));
        assert_eq!(kind("%Y-%m-%dT%H:%M:%S%.f%z"), (true, true, true, true));
        assert_eq!(kind("%b %d, %Y %I:%M %p"), (true, true, false, false));
        assert_eq!(kind("%s"), (true, true, true, false));
        assert_eq!(kind("%H:%M"), (false, true, false, false));
        for pattern in ["%", "%Y-%m-%d %!", "%M", "%Y-%m-%d %Z"] {
            assert!(
                check_format(pattern).unwrap_err().contains(pattern),
                "{pattern}"
            );
        }
    }

    #[test]
    fn texts_by_patterns() {
        let day = |second| {
            Some(Moment {
                second,
                has_time: true,
                ..Moment::midnight(19_753)
            })
        };
        assert_eq!(
            read("%d/%m/%Y", "31/01/2024"),
            Some(Moment::midnight(19_753))
        );
        assert_eq!(
            read("%d/%m/%Y", "31/1/2024"),
            Some(Moment::midnight(19_753))
        );
        for (pattern, text) in [
            ("%d/%m/%y", "31/01/24"),
            ("%y%m%d", "240131"),
            ("%d-%b-%Y", "31-JAN-2024"),
            ("%d %B %y", "31 january 24"),
        ] {
            let reader = Pattern::new(&Arc::from(pattern));
            let midnight = Some(Moment::midnight(19_753));
            assert_eq!(read(pattern, text), midnight, "{pattern}");
            assert_eq!(reader.read_compiled(text.as_bytes()), midnight, "{pattern}");
        }
        assert_eq!(read("%d/%m/%Y %H:%M", "31/01/2024 10:15"), day(36_900));
        assert_eq!(
            read("%b %d, %Y %I:%M %p", "Jan 31, 2024 10:15 AM"),
            day(36_900)
        );
        let utc = day(36_900).map(|moment| Moment {
            offset: Some(0),
            ..moment
        });
        assert_eq!(read("%s", "1706696100"), utc);
        let ahead = day(36_900).map(|moment| Moment {
            offset: Some(7200),
            ..moment
        });
        assert_eq!(read("%F %T%z", "2024-01-31 10:15:00+0200"), ahead);
        for text in [
            "",
            "31/02/2024",
            "31/01/2024x",
            "31-01-2024",
            "00/01/2024",
            "31/01/0000",
        ] {
            assert_eq!(read("%d/%m/%Y", text), None, "{text}");
        }
    }

    #[test]
    fn leap_seconds_are_none() {
        assert_eq!(read("%F %T", "2016-12-31 23:59:60"), None);
        assert_eq!(
            read("%s", "1483228860").map(|moment| moment.second),
            Some(60)
        );
        let second = |pattern, text| read(pattern, text).map(|moment| moment.second);
        assert_eq!(second("%F %T", "1960-12-31 23:59:59"), Some(86_399));
        assert_eq!(second("%F %T", "1960-12-31 23:59:60"), None);
        assert_eq!(second("%F %T%.f", "1960-12-31 23:59:59.60"), Some(86_399));
        assert_eq!(second("%S %F", "60 1960-12-31"), None);
    }

    proptest! {
        #[test]
        fn compiled_and_jiff_agree(
            pattern in prop::sample::select(vec!["%d/%m/%Y %H:%M", "%F %T", "%Y%m%d%H%M%S", "%m-%d-%Y", "%H.%d.%m.%Y", "%Y/%m/%d", "%d/%m/%y", "%y%m%d", "%d-%b-%Y", "%b %d, %y", "%d.%B%Y %H:%M"]),
            parts in prop::collection::vec(0..70_u32, 6), year in 0..10_100_u32, pad: bool,
        ) {
            let names = ["%m", "%d", "%H", "%M", "%S"];
            let mut text = pattern.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S").replace("%Y", &format!("{year:04}"));
            let month = ["Jan", "feb", "MAY", "June", "september", "Sept", "Dez", "Ma", ""][parts[5] as usize % 9];
            let year = if pad { format!("{:02}", year % 100) } else { (year % 1000).to_string() };
            text = text.replace("%b", month).replace("%B", month).replace("%y", &year);
            for (name, part) in names.iter().zip(&parts) {
                let value = if *name == "%m" { part % 14 } else if *name == "%d" { part % 33 } else { *part };
                text = text.replace(name, &if pad { format!("{value:02}") } else { value.to_string() });
            }
            let _ = read(pattern, &text);
        }
    }
}
