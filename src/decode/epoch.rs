//! Text -> timestamp: whole ticks since 1970-01-01T00:00:00Z, in a unit that the user names. Never
//! guessed: a long integer may be anything.

use super::integer::parse_canonical_plain;
use super::pattern::FormatKind;
use super::timestamp::{Moment, ReadMoment};

/// The spellings of the units, and how many ticks a second has.
const UNITS: [(&str, i64); 4] = [
    ("epoch_s", 1),
    ("epoch_ms", 1_000),
    ("epoch_us", 1_000_000),
    ("epoch_ns", 1_000_000_000),
];
/// Days from 1970-01-01 to the ends of the years 1 and 9999.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

/// Reads ticks.
pub(super) struct Epoch {
    per_second: i64,
}

impl Epoch {
    /// The unit that a format names; `None` if it is a pattern.
    pub(super) fn new(format: &str) -> Option<Self> {
        let unit = UNITS.into_iter().find(|(name, _)| *name == format);
        unit.map(|(_, per_second)| Self { per_second })
    }

    /// What it reads, as for a pattern.
    pub(super) fn kind(&self) -> FormatKind {
        FormatKind {
            has_date: true,
            has_time: true,
            has_offset: true,
            has_fraction: self.needs_nanoseconds(),
        }
    }

    /// Whether microseconds do not hold every tick.
    pub(super) fn needs_nanoseconds(&self) -> bool {
        self.per_second > 1_000_000
    }
}

impl ReadMoment for Epoch {
    fn read(&mut self, text: &[u8]) -> Option<Moment> {
        let ticks = parse_canonical_plain(text)?;
        let second = ticks.div_euclid(self.per_second);
        let below = ticks.rem_euclid(self.per_second);
        let day = second.div_euclid(86_400);
        DAYS.contains(&day).then(|| Moment {
            second: second.rem_euclid(86_400) as u32,
            nanosecond: (below * (1_000_000_000 / self.per_second)) as u32,
            offset: Some(0),
            has_time: true,
            ..Moment::midnight(day as i32)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::TimeUnit;

    fn read(unit: &str, text: &str) -> Option<i64> {
        let moment = Epoch::new(unit).unwrap().read(text.as_bytes())?;
        assert_eq!(moment.offset, Some(0));
        moment.ticks(TimeUnit::Nanosecond).ok()
    }

    #[test]
    fn ticks_of_each_unit() {
        let noon = Some(1_706_702_400_000_000_000);
        assert_eq!(read("epoch_s", "1706702400"), noon);
        assert_eq!(read("epoch_ms", "1706702400000"), noon);
        assert_eq!(read("epoch_us", "1706702400000000"), noon);
        assert_eq!(read("epoch_ns", "1706702400000000000"), noon);
        assert_eq!(read("epoch_ms", "-1"), Some(-1_000_000));
        for text in ["", "01", "1.5", "1e9", "999999999999", "x", "2024-01-31"] {
            assert_eq!(read("epoch_s", text), None, "{text}");
        }
        assert!(Epoch::new("%s").is_none());
    }

    proptest! {
        #[test]
        fn nanoseconds_are_ticks(ticks: i64, shift in 0..62) {
            let ticks: i64 = ticks >> shift;
            prop_assert_eq!(read("epoch_ns", &ticks.to_string()), Some(ticks));
        }
    }
}
