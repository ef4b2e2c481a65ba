//! Integers, decimals and points in time in, their text stored in a row out. Invariant:
//! the text is what `std` would print, without its formatting machinery.

use crate::buffer::{put, put_byte};

/// "00", "01", … "99".
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + i as u8 / 10, b'0' + i as u8 % 10];
        i += 1;
    }
    pairs
};

const EIGHT_DIGITS: u64 = 100_000_000;
const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight digits of a number below 10^8, as numbers, the first in the lowest byte: split into
/// halves of four digits, all of these into halves of two, and all of these into digits, each time
/// with one multiplication by a reciprocal.
#[inline]
fn eight_digits(value: u64) -> u64 {
    debug_assert!(value < EIGHT_DIGITS, "eight digits hold no more");
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - 10 * tens) << 8)
}

/// Bits of the leading zeros of `digits`, without the last `keep` digits.
#[inline]
fn leading_zero_bits(digits: u64, keep: u32) -> u32 {
    let first_kept = 64 - 8 * keep;
    (digits | 1 << first_kept).trailing_zeros() & !7
}

/// Stores the digits from the one that begins at bit `begin` to the one that ends at bit `end`.
#[inline]
fn put_digits(out: &mut [u8], at: usize, digits: u64, begin: u32, end: u32) -> usize {
    let text = (digits | ASCII_ZEROS) >> begin;
    put(out, at, text.to_le_bytes(), ((end - begin) / 8) as usize)
}

/// Stores an integer at `at`; returns where the next text goes, like all that follow.
#[inline]
pub(crate) fn write_integer(out: &mut [u8], at: usize, value: i64) -> usize {
    let at = put(out, at, [b'-'], usize::from(value < 0));
    write_unsigned(out, at, value.unsigned_abs())
}

#[inline]
fn write_unsigned(out: &mut [u8], at: usize, value: u64) -> usize {
    if value >= EIGHT_DIGITS {
        return write_long(out, at, value);
    }
    let digits = eight_digits(value);
    put_digits(out, at, digits, leading_zero_bits(digits, 1), 64)
}

/// More than eight digits: those before the last eight, then these.
#[inline(never)] // or the compiler folds it back into its caller, which then is too long to inline
fn write_long(out: &mut [u8], at: usize, value: u64) -> usize {
    let at = write_unsigned(out, at, value / EIGHT_DIGITS);
    put_digits(out, at, eight_digits(value % EIGHT_DIGITS), 0, 64)
}

/// The most digits after the point.
pub(crate) const DECIMALS_MAX: u32 = 7;

/// Stores `units / 10^decimals` with exactly `decimals` (up to [`DECIMALS_MAX`]) digits after
/// `point`.
pub(crate) fn write_decimal(
    out: &mut [u8],
    at: usize,
    units: i64,
    decimals: u32,
    point: u8,
) -> usize {
    debug_assert!(decimals <= DECIMALS_MAX, "a digit is left before the point");
    let mut at = put(out, at, [b'-'], usize::from(units < 0));
    let magnitude = units.unsigned_abs();
    let split = 64 - 8 * decimals;
    let digits = if magnitude < EIGHT_DIGITS {
        let digits = eight_digits(magnitude);
        let begin = leading_zero_bits(digits, decimals + 1);
        at = put_digits(out, at, digits, begin, split);
        digits
    } else {
        let scale = 10_u64.pow(decimals);
        at = write_unsigned(out, at, magnitude / scale);
        eight_digits(magnitude % scale)
    };
    at = put_byte(out, at, point);
    put_digits(out, at, digits, split, 64)
}

/// Stores `YYYY-MM-DD HH:MM:SS`, for `seconds` since 1970-01-01 within the years 0 to 9999.
pub(crate) fn write_timestamp(out: &mut [u8], at: usize, seconds: i64) -> usize {
    let (year, month, day, second) = civil(seconds);
    let mut text = *b"0000-00-00 00:00:00";
    put_pair(&mut text, 0, year / 100);
    put_pair(&mut text, 2, year % 100);
    put_pair(&mut text, 5, month);
    put_pair(&mut text, 8, day);
    put_pair(&mut text, 11, second / 3600);
    put_pair(&mut text, 14, second / 60 % 60);
    put_pair(&mut text, 17, second % 60);
    put(out, at, text, text.len())
}

/// Stores `DD/MM/YYYY HH:MM`.
pub(crate) fn write_day_first(out: &mut [u8], at: usize, seconds: i64) -> usize {
    let (year, month, day, second) = civil(seconds);
    let mut text = *b"00/00/0000 00:00";
    put_pair(&mut text, 0, day);
    put_pair(&mut text, 3, month);
    put_pair(&mut text, 6, year / 100);
    put_pair(&mut text, 8, year % 100);
    put_pair(&mut text, 11, second / 3600);
    put_pair(&mut text, 14, second / 60 % 60);
    put(out, at, text, text.len())
}

fn put_pair<const N: usize>(text: &mut [u8; N], at: usize, value: u32) {
    text[at..at + 2].copy_from_slice(&PAIRS[value as usize]);
}

/// Year, month, day and second of the day in the proleptic Gregorian calendar (Hinnant:
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`, for days after year 0).
fn civil(seconds: i64) -> (u32, u32, u32, u32) {
    const DAYS_BEFORE_1970: i64 = 719_468; // since 0000-03-01
    let second = seconds.rem_euclid(86_400) as u32;
    let days = (seconds.div_euclid(86_400) + DAYS_BEFORE_1970) as u32;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_from_march + 2) / 5 + 1;
    let month = (months_from_march + 2) % 12 + 1;
    (
        era * 400 + year_of_era + u32::from(month <= 2),
        month,
        day,
        second,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut [u8], usize) -> usize) -> String {
        let mut out = [b'#'; 50];
        let end = write(&mut out, 3);
        std::str::from_utf8(&out[3..end]).unwrap().to_owned()
    }

    /// Numbers of every length and sign, around each power of ten and at both ends.
    fn numbers() -> Vec<i64> {
        let mut numbers = vec![0, i64::MIN, i64::MAX];
        for exponent in 0..19 {
            let power = 10_i64.pow(exponent);
            numbers.extend([power - 1, power, power + 1, power * 3, -power, 1 - power]);
        }
        numbers
    }

    #[test]
    fn integers_are_as_std_prints_them() {
        for value in numbers() {
            assert_eq!(
                written(|out, at| write_integer(out, at, value)),
                value.to_string()
            );
        }
    }

    #[test]
    fn decimals_are_as_std_prints_them() {
        for units in numbers() {
            for decimals in 1..=DECIMALS_MAX {
                let scale = 10_u64.pow(decimals);
                let (whole, fraction) =
                    (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
                let sign = if units < 0 { "-" } else { "" };
                let width = decimals as usize;
                assert_eq!(
                    written(|out, at| write_decimal(out, at, units, decimals, b'.')),
                    format!("{sign}{whole}.{fraction:0width$}")
                );
            }
        }
        for cents in -200_000..200_000_i32 {
            assert_eq!(
                written(|out, at| write_decimal(out, at, cents.into(), 2, b'.')),
                format!("{:.2}", f64::from(cents) / 100.0)
            );
        }
        assert_eq!(
            written(|out, at| write_decimal(out, at, 1250, 2, b',')),
            "12,50"
        );
    }

    #[test]
    fn dates_count_up_day_by_day() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..60_000_i64 {
            assert_eq!(civil(days * 86_400 + 5), (year, month, day, 5));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days_of_month = match month {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > days_of_month {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
        assert_eq!(civil(-1), (1969, 12, 31, 86_399));
    }

    #[test]
    fn timestamps_have_both_spellings() {
        let seconds = 1_709_218_799; // 2024-02-29T14:59:59Z
        assert_eq!(
            written(|out, at| write_timestamp(out, at, seconds)),
            "2024-02-29 14:59:59"
        );
        assert_eq!(
            written(|out, at| write_day_first(out, at, seconds)),
            "29/02/2024 14:59"
        );
    }
}
