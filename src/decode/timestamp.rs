//! Text -> timestamp: ISO 8601 to ticks since 1970-01-01T00:00:00. Invariant: a text with an offset
//! and one without are never taken for each other, and no fraction digit is dropped.
//!
//! The fixed layout `YYYY-MM-DDTHH:MM:SS` takes the short way: the day comes from a cache, and the
//! clock is one word.
//!
//! ```text
//! 1  xor with "00:00:00" leaves digit values, and zero for each colon
//! 2  digits must be 0 to 9, colons zero
//! 3  one multiplication makes the pairs: hours in byte 0, minutes in byte 3, seconds in byte 6
//! ```

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::{TimestampMicrosecondType, TimestampNanosecondType};

use super::column::{Leaf, Misfit, primitive, shared};
use super::date::{DayCache, day_number, digits, parse_day};
use super::field::{Field, GROUP_ROWS, Group, word};
use super::integer::are_digits;
use crate::base::masks::{Kernel, Masks, Task};
use crate::base::{DataType, TimeUnit};

/// A day, and a time where the text gives one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Seconds since midnight.
    pub second: u32,
    /// Nanoseconds since that second.
    pub nanosecond: u32,
    /// Seconds that the clock is ahead of UTC, if the text says so.
    pub offset: Option<i32>,
    /// Whether the text gives a time.
    pub has_time: bool,
}

impl Moment {
    /// The day number `day`, without a time.
    pub fn midnight(day: i32) -> Self {
        Self {
            day,
            second: 0,
            nanosecond: 0,
            offset: None,
            has_time: false,
        }
    }

    /// Whether it is the first instant of its day.
    pub fn is_midnight(&self) -> bool {
        self.second == 0 && self.nanosecond == 0
    }

    /// Whether microseconds do not hold it.
    pub fn needs_nanoseconds(&self) -> bool {
        !self.nanosecond.is_multiple_of(1000)
    }

    /// Ticks since 1970-01-01T00:00:00, in UTC if there is an offset.
    ///
    /// # Errors
    /// [`Misfit::OutOfRange`] if `unit` is too coarse or 64 bits are too few.
    #[inline]
    pub fn ticks(&self, unit: TimeUnit) -> Result<i64, Misfit> {
        let seconds = i64::from(self.day) * 86_400 + i64::from(self.second);
        let seconds = seconds - i64::from(self.offset.unwrap_or(0));
        match unit {
            TimeUnit::Microsecond if self.needs_nanoseconds() => Err(Misfit::OutOfRange),
            TimeUnit::Microsecond => Ok(seconds * 1_000_000 + i64::from(self.nanosecond / 1000)),
            TimeUnit::Nanosecond => {
                let ticks = i128::from(seconds) * 1_000_000_000 + i128::from(self.nanosecond);
                i64::try_from(ticks).map_err(|_| Misfit::OutOfRange)
            }
        }
    }
}

/// Reads moments off texts.
pub trait ReadMoment: Send {
    /// Reads a text without quotes and spaces around it.
    fn read(&mut self, text: &[u8]) -> Option<Moment>;

    /// Reads a field if it is spelt in the common way, as [`ReadMoment::read`] would.
    fn read_fast(&mut self, field: Field<'_>) -> Option<Moment> {
        self.read(field.text())
    }

    /// Reads the fields of a group that are on the day of its first one and in the fixed layout,
    /// to the second, in ticks of which a second has `per_second`. Returns a bit for each that it
    /// read.
    fn read_same_day(
        &mut self,
        _kernel: Kernel,
        _group: &Group<'_>,
        _per_second: i64,
        _cells: &mut [i64; GROUP_ROWS],
    ) -> u64 {
        0
    }
}

/// Reads ISO 8601: an extended (`2024-01-31`, also with `/`) or compact date, then, after `T` or a
/// space, a time of the same kind with optional seconds and fraction, then `Z`, `UTC` or an offset.
#[derive(Debug, Default)]
pub struct Iso {
    days: DayCache,
}

impl ReadMoment for Iso {
    fn read(&mut self, text: &[u8]) -> Option<Moment> {
        parse_iso(text)
    }

    #[inline(always)]
    fn read_fast(&mut self, field: Field<'_>) -> Option<Moment> {
        let mut moment = Moment::midnight(self.days.day(field.text().first_chunk()?)?);
        let text = field.text();
        if text.len() == 10 {
            return Some(moment);
        }
        let (fixed, rest) = text.split_first_chunk::<19>()?;
        if !is_separator(fixed[10]) {
            return None;
        }
        moment.has_time = true;
        moment.second = clock_word(word(fixed, 11))?;
        if !rest.is_empty() {
            (moment.nanosecond, moment.offset) = fraction_and_offset(rest)?;
        }
        Some(moment)
    }

    #[inline(always)]
    fn read_same_day(
        &mut self,
        kernel: Kernel,
        group: &Group<'_>,
        per_second: i64,
        cells: &mut [i64; GROUP_ROWS],
    ) -> u64 {
        let first = group.iter().find(|field| field.len() == FIXED_BYTES);
        let day = first.and_then(|field| {
            let fixed = field.window::<FIXED_BYTES>()?;
            let midnight = i64::from(self.days.day(fixed.first_chunk()?)?) * 86_400;
            let ticks = midnight.checked_mul(per_second)?;
            // So that no tick of the day overflows.
            (midnight + 86_400).checked_mul(per_second)?;
            is_separator(fixed[10]).then_some(([word(fixed, 0), word(fixed, 3)], ticks))
        });
        day.map_or(0, |(text, ticks)| {
            kernel.run(SameDay {
                group,
                text,
                ticks,
                per_second,
                cells,
            })
        })
    }
}

/// Length of `YYYY-MM-DDTHH:MM:SS`.
const FIXED_BYTES: usize = 19;

/// Reads the clock of each field of a group whose first 11 bytes are `text`, which means `ticks`.
struct SameDay<'a, 'b> {
    group: &'a Group<'b>,
    /// Bytes 0 to 7, and bytes 3 to 10.
    text: [u64; 2],
    ticks: i64,
    per_second: i64,
    cells: &'a mut [i64; GROUP_ROWS],
}

impl Task for SameDay<'_, '_> {
    /// A bit for each field that was read.
    type Output = u64;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> u64 {
        let mut differs = [u64::MAX; GROUP_ROWS];
        let mut clocks = [0; GROUP_ROWS];
        let outs = differs.iter_mut().zip(&mut clocks);
        for (field, (differs, clock)) in self.group.iter().zip(outs) {
            if let Some(fixed) = field.window::<FIXED_BYTES>() {
                let day = word(fixed, 0) ^ self.text[0] | word(fixed, 3) ^ self.text[1];
                *differs = day | (field.len() ^ FIXED_BYTES) as u64;
                *clock = word(fixed, 11);
            }
        }
        let mut good = [0; GROUP_ROWS];
        for row in 0..GROUP_ROWS {
            let (second, is_clock) = clock_seconds(clocks[row]);
            let is_read = is_clock & (differs[row] == 0);
            let cell = self
                .ticks
                .wrapping_add((second as i64).wrapping_mul(self.per_second));
            self.cells[row] = if is_read { cell } else { 0 };
            good[row] = u8::from(is_read);
        }
        masks.equal(masks.load(&good), 1)
    }
}

#[inline]
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'T' | b't' | b' ')
}

/// Seconds since midnight of the word `HH:MM:SS`.
#[inline]
fn clock_word(word: u64) -> Option<u32> {
    let (second, is_clock) = clock_seconds(word);
    is_clock.then_some(second as u32)
}

/// [`clock_word`] without a branch: the seconds, and whether there are any.
#[inline(always)]
fn clock_seconds(word: u64) -> (u64, bool) {
    let values = word ^ u64::from_le_bytes(*b"00:00:00");
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let pair = |at: u32| pairs >> (8 * at) & 0xFF;
    let (hour, minute, second) = (pair(0), pair(3), pair(6));
    let digits = are_digits(values) & (values & 0x0000_FF00_00FF_0000 == 0);
    let is_clock = digits & (hour < 24) & (minute < 60) & (second < 60);
    ((hour * 60 + minute) * 60 + second, is_clock)
}

/// Seconds since midnight of a time that every day has; a leap second is none.
#[inline]
fn seconds(hour: u32, minute: u32, second: u32) -> Option<u32> {
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some((hour * 60 + minute) * 60 + second)
}

/// The plain way through [`Iso`]'s grammar.
pub fn parse_iso(text: &[u8]) -> Option<Moment> {
    let compact = text.get(4)?.is_ascii_digit();
    let (date, rest) = text.split_at_checked(if compact { 8 } else { 10 })?;
    let mut moment = Moment::midnight(if compact {
        day_number(
            digits(&date[..4])?,
            digits(&date[4..6])?,
            digits(&date[6..])?,
        )?
    } else {
        parse_day(date)?
    });
    // Eight digits alone are an integer.
    let Some((&separator, rest)) = rest.split_first() else {
        return (!compact).then_some(moment);
    };
    if !is_separator(separator) {
        return None;
    }
    moment.has_time = true;
    let (hour, rest) = two_digits(rest)?;
    let (minute, rest) = two_digits(after_colon(rest, compact)?)?;
    let to_the_second = after_colon(rest, compact).and_then(two_digits);
    let (second, rest) = to_the_second.unwrap_or((0, rest));
    moment.second = seconds(hour, minute, second)?;
    (moment.nanosecond, moment.offset) = if to_the_second.is_some() {
        fraction_and_offset(rest)?
    } else {
        (0, offset(rest)?)
    };
    Some(moment)
}

fn after_colon(text: &[u8], compact: bool) -> Option<&[u8]> {
    if compact {
        Some(text)
    } else {
        text.strip_prefix(b":")
    }
}

fn two_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let (pair, rest) = text.split_at_checked(2)?;
    Some((digits(pair)?, rest))
}

/// Nanoseconds and offset of what follows the seconds.
fn fraction_and_offset(text: &[u8]) -> Option<(u32, Option<i32>)> {
    let [b'.' | b',', rest @ ..] = text else {
        return Some((0, offset(text)?));
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return None;
    }
    let nanosecond = digits(&rest[..count])? * 10_u32.pow(9 - count as u32);
    Some((nanosecond, offset(&rest[count..])?))
}

/// The offset at the end of a text, in seconds; `Some(None)` if nothing is there.
fn offset(text: &[u8]) -> Option<Option<i32>> {
    if text.is_empty() {
        return Some(None);
    }
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, rest) = match text {
        b"Z" | b"z" | b"UTC" => return Some(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hour, rest) = two_digits(rest)?;
    let minute = match rest {
        [] => 0,
        [b':', minute @ ..] | minute if minute.len() == 2 => digits(minute)?,
        _ => return None,
    };
    Some(Some(sign * seconds(hour, minute, 0)? as i32))
}

/// A timestamp column whose texts `R` reads.
pub(super) struct Timestamps<R> {
    pub(super) reader: R,
    pub(super) unit: TimeUnit,
    pub(super) utc: bool,
    pub(super) declared: bool,
}

impl<R> Timestamps<R> {
    #[inline]
    fn cell(&self, moment: Moment) -> Result<i64, Misfit> {
        if moment.offset.is_some() != self.utc {
            return Err(Misfit::Mismatch);
        }
        moment.ticks(self.unit)
    }
}

impl<R: ReadMoment> Leaf for Timestamps<R> {
    type Cell = i64;

    fn parse(&mut self, text: &[u8]) -> Result<i64, Misfit> {
        let moment = self.reader.read(text).ok_or(Misfit::Mismatch)?;
        let cell = self.cell(moment);
        let unit = TimeUnit::Nanosecond;
        if cell == Err(Misfit::OutOfRange) && !self.declared && moment.ticks(unit).is_ok() {
            let utc = self.utc;
            return Err(Misfit::Wider(DataType::Timestamp { unit, utc }));
        }
        cell
    }

    #[inline(always)]
    fn fast(&mut self, field: Field<'_>) -> Option<i64> {
        let moment = self.reader.read_fast(field)?;
        self.cell(moment).ok()
    }

    fn fast_group(
        &mut self,
        kernel: Kernel,
        group: &mut Group<'_>,
        cells: &mut [i64; GROUP_ROWS],
    ) -> u64 {
        cells.fill(0);
        let mut good = if self.utc {
            0
        } else {
            let per_second = self.unit.per_second();
            self.reader.read_same_day(kernel, group, per_second, cells)
        };
        let mut odd = group.all() & !good;
        while odd != 0 {
            let row = odd.trailing_zeros() as usize;
            odd &= odd - 1;
            if let Some(cell) = self.fast(group.field(row)) {
                cells[row] = cell;
                good |= 1 << row;
            }
        }
        good
    }

    fn array(&self, cells: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        match (self.unit, self.utc) {
            (TimeUnit::Microsecond, utc) => {
                let array = primitive::<TimestampMicrosecondType>(cells, nulls);
                shared(array.with_timezone_opt(utc.then_some("UTC")))
            }
            (TimeUnit::Nanosecond, utc) => {
                let array = primitive::<TimestampNanosecondType>(cells, nulls);
                shared(array.with_timezone_opt(utc.then_some("UTC")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, DateTime};
    use proptest::prelude::*;

    use super::super::tests::assert_group_reads;
    use super::*;

    /// Both twins, with something and with nothing behind the field.
    fn read(text: &str) -> Option<Moment> {
        let plain = Iso::default().read(text.as_bytes());
        for behind in ["", ",2024-01-31", "0:00:00Z"] {
            let bytes = [text, behind].concat();
            let field = Field::within(bytes.as_bytes(), 0, text.len());
            if let Some(fast) = Iso::default().read_fast(field) {
                assert_eq!(Some(fast), plain, "{text}");
            }
        }
        plain
    }

    fn nanoseconds(text: &str) -> Option<i64> {
        read(text).map(|moment| moment.ticks(TimeUnit::Nanosecond).unwrap())
    }

    #[test]
    fn one_instant_in_many_spellings() {
        let noon = 1_706_702_400_000_000_000;
        for text in [
            "2024-01-31T12:00:00",
            "2024-01-31 12:00:00",
            "2024-01-31t12:00",
            "2024/01/31 12:00:00",
            "2024-01-31T12:00:00.0",
            "2024-01-31T12:00:00,000000000",
            "20240131T120000",
            "20240131T1200",
            "20240131 120000.000",
            "2024-01-31T12:00:00Z",
            "2024-01-31 12:00:00 UTC",
            "2024-01-31T14:00:00+02:00",
            "2024-01-31T14:00:00+0200",
            "2024-01-31T14:00:00+02",
            "2024-01-31 06:30:00 -05:30",
            "2024-01-31T12:00z",
            "2024-02-01T11:59+23:59",
        ] {
            assert_eq!(nanoseconds(text), Some(noon), "{text}");
        }
        assert_eq!(
            nanoseconds("2024-01-31T12:00:00.123456789"),
            Some(noon + 123_456_789)
        );
        assert_eq!(
            nanoseconds("2024-01-31T12:00:00.5Z"),
            Some(noon + 500_000_000)
        );
        assert_eq!(nanoseconds("1969-12-31T23:59:59.999999999"), Some(-1));
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "2024",
            "2024-01",
            "20240131",
            "2024-02-30 00:00:00",
            "2024-01-31T",
            "2024-01-31T1",
            "2024-01-31T12",
            "2024-01-31T24:00:00",
            "2024-01-31T12:60:00",
            "2024-06-30T23:59:60",
            "2024-01-31T12:00:00.",
            "2024-01-31T12:00:00.1234567890",
            "2024-01-31T12:00.5",
            "2024-01-31T12:00:00+",
            "2024-01-31T12:00:00+2",
            "2024-01-31T12:00:00+02:0",
            "2024-01-31T12:00:00+24:00",
            "2024-01-31T12:00:00+02:60",
            "2024-01-31T12:00:00 ",
            "2024-01-31T12:00:00ZZ",
            "2024-01-31  12:00:00",
            "2024-01-31T120000",
            "20240131T12:00:00",
            "2024-01-31x12:00:00",
            "0000-01-01T00:00:00",
            "2024-01-31T12-00-00",
            "2024-01-31T12:00:0:",
            "31/01/2024 12:00",
            "2024-01-31T12:00:00+02:00:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    fn column(unit: TimeUnit, utc: bool, declared: bool) -> Timestamps<Iso> {
        Timestamps {
            reader: Iso::default(),
            unit,
            utc,
            declared,
        }
    }

    #[test]
    fn naive_and_offset_never_mix() {
        let day = 1_706_659_200_000_000;
        let mut naive = column(TimeUnit::Microsecond, false, false);
        let mut utc = column(TimeUnit::Microsecond, true, false);
        let cases = [
            ("2024-01-31T00:00:00", Ok(day), Err(Misfit::Mismatch)),
            ("2024-01-31T01:00:00+01:00", Err(Misfit::Mismatch), Ok(day)),
            ("2024-01-31", Ok(day), Err(Misfit::Mismatch)),
        ];
        for (text, as_naive, as_utc) in cases {
            assert_eq!(naive.parse(text.as_bytes()), as_naive, "{text}");
            assert_eq!(
                naive.fast(Field::new(text.as_bytes())),
                as_naive.ok(),
                "{text}"
            );
            assert_eq!(utc.parse(text.as_bytes()), as_utc, "{text}");
            assert_eq!(utc.fast(Field::new(text.as_bytes())), as_utc.ok(), "{text}");
        }
    }

    #[test]
    fn no_fraction_digit_is_dropped() {
        let fine = "2024-01-31T00:00:00.0000001";
        let unit = TimeUnit::Nanosecond;
        for utc in [false, true] {
            let text = if utc {
                format!("{fine}Z")
            } else {
                fine.to_string()
            };
            let inferred = column(TimeUnit::Microsecond, utc, false).parse(text.as_bytes());
            assert_eq!(
                inferred,
                Err(Misfit::Wider(DataType::Timestamp { unit, utc }))
            );
            let declared = column(TimeUnit::Microsecond, utc, true).parse(text.as_bytes());
            assert_eq!(declared, Err(Misfit::OutOfRange));
            let fits = column(unit, utc, false).parse(text.as_bytes());
            assert_eq!(fits, Ok(1_706_659_200_000_000_100));
        }
        let mut micro = column(TimeUnit::Microsecond, false, false);
        assert_eq!(
            micro.parse(b"3000-01-31T00:00:00.0000001"),
            Err(Misfit::OutOfRange)
        );
        assert_eq!(
            column(unit, false, false).parse(b"3000-01-31"),
            Err(Misfit::OutOfRange)
        );
        let ends = [
            "1677-09-21T00:12:43.145224192",
            "2262-04-11T23:47:16.854775807",
        ];
        assert_eq!(ends.map(nanoseconds), [Some(i64::MIN), Some(i64::MAX)]);
    }

    proptest! {
        #[test]
        fn any_instant_reads_as_jiff_prints_it(
            day in -719_162_i32..2_932_897, second in 0..86_400_i64, nanosecond in 0..1_000_000_000_i64,
            digits in 0..=9_u32, offset in -1439..1440_i32,
        ) {
            let nanosecond = nanosecond / 10_i64.pow(digits) * 10_i64.pow(digits);
            let midnight = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
            let time = jiff::Span::new().seconds(second).nanoseconds(nanosecond);
            let datetime: DateTime = midnight.to_datetime(jiff::civil::Time::midnight()).checked_add(time).unwrap();
            let moment = Moment { day, second: second as u32, nanosecond: nanosecond as u32, offset: None, has_time: true };
            let text = datetime.to_string();
            prop_assert_eq!(read(&text), Some(moment));
            let sign = if offset < 0 { '-' } else { '+' };
            let text = format!("{text}{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
            prop_assert_eq!(read(&text), Some(Moment { offset: Some(offset * 60), ..moment }));
            if let Ok(instant) = text.parse::<jiff::Timestamp>() {
                let ticks = Moment { offset: Some(offset * 60), ..moment }.ticks(TimeUnit::Nanosecond);
                prop_assert_eq!(ticks, i64::try_from(instant.as_nanosecond()).map_err(|_| Misfit::OutOfRange));
            }
        }

        #[test]
        fn twins_agree_on_anything(
            text in "(2024|0001|9999|[0-9]{4})[-/][0-9]{2}[-/][0-3][0-9]([T t]([012][0-9]:[0-6][0-9]:[0-6][0-9]|[0-9:;]{8})([.,][0-9]{0,10})?([Zz]|[-+][0-9:]{2,5})?)?|\\PC{0,30}",
        ) {
            let _ = read(&text);
        }

        #[test]
        fn any_clock(hour in 0..100_u32, minute in 0..100_u32, second in 0..100_u32) {
            let text = format!("{hour:02}:{minute:02}:{second:02}");
            let word = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
            prop_assert_eq!(clock_word(word), seconds(hour, minute, second));
        }

        #[test]
        fn groups_read_as_the_plain_twin(
            texts in prop::collection::vec("2024-0[12]-(29|3[01])[T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{1,9})?|2262-04-1[12] 23:47:[0-5][0-9]|[0-9]{4}-[0-9]{2}-[0-3][0-9]|\\PC{0,20}", 1..=64),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            for (unit, utc) in [(TimeUnit::Microsecond, false), (TimeUnit::Nanosecond, false), (TimeUnit::Microsecond, true)] {
                assert_group_reads(&mut column(unit, utc, true), &texts);
            }
        }
    }
}
