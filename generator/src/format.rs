//! Integers, decimals and points in time in, their text appended to a byte buffer out. Invariant:
//! the text is what `std` would print, without its formatting machinery.

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

/// The text of `value`, right-aligned in `digits`; returns where it begins.
fn digits_of(mut value: u64, digits: &mut [u8; 20]) -> usize {
    let mut begin = digits.len();
    while value >= 100 {
        begin -= 2;
        digits[begin..begin + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        begin -= 2;
        digits[begin..begin + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        begin -= 1;
        digits[begin] = b'0' + value as u8;
    }
    begin
}

/// Appends an integer.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let mut digits = [0; 20];
    let begin = digits_of(value.unsigned_abs(), &mut digits);
    out.extend_from_slice(&digits[begin..]);
}

/// Appends `units / 10^decimals` with exactly `decimals` (up to 18) digits after `point`.
pub(crate) fn write_decimal(out: &mut Vec<u8>, units: i64, decimals: u8, point: u8) {
    if units < 0 {
        out.push(b'-');
    }
    let mut digits = [b'0'; 20];
    let begin = digits_of(units.unsigned_abs(), &mut digits);
    let split = digits.len() - usize::from(decimals);
    // Where the number is below one, the zeros that were there before stand for its missing digits.
    out.extend_from_slice(&digits[begin.min(split - 1)..split]);
    out.push(point);
    out.extend_from_slice(&digits[split..]);
}

/// Appends `YYYY-MM-DD HH:MM:SS`, for `seconds` since 1970-01-01 within the years 0 to 9999.
pub(crate) fn write_timestamp(out: &mut Vec<u8>, seconds: i64) {
    let (year, month, day, second) = civil(seconds);
    let mut text = *b"0000-00-00 00:00:00";
    put_pair(&mut text, 0, year / 100);
    put_pair(&mut text, 2, year % 100);
    put_pair(&mut text, 5, month);
    put_pair(&mut text, 8, day);
    put_pair(&mut text, 11, second / 3600);
    put_pair(&mut text, 14, second / 60 % 60);
    put_pair(&mut text, 17, second % 60);
    out.extend_from_slice(&text);
}

/// Appends `DD/MM/YYYY HH:MM`.
pub(crate) fn write_day_first(out: &mut Vec<u8>, seconds: i64) {
    let (year, month, day, second) = civil(seconds);
    let mut text = *b"00/00/0000 00:00";
    put_pair(&mut text, 0, day);
    put_pair(&mut text, 3, month);
    put_pair(&mut text, 6, year / 100);
    put_pair(&mut text, 8, year % 100);
    put_pair(&mut text, 11, second / 3600);
    put_pair(&mut text, 14, second / 60 % 60);
    out.extend_from_slice(&text);
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

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"before ".to_vec();
        write(&mut out);
        String::from_utf8(out).unwrap()["before ".len()..].to_owned()
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
            assert_eq!(written(|out| write_integer(out, value)), value.to_string());
        }
    }

    #[test]
    fn decimals_are_as_std_prints_them() {
        for units in numbers() {
            for decimals in [1_u8, 2, 6, 18] {
                let scale = 10_u64.pow(u32::from(decimals));
                let (whole, fraction) =
                    (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
                let sign = if units < 0 { "-" } else { "" };
                let width = usize::from(decimals);
                assert_eq!(
                    written(|out| write_decimal(out, units, decimals, b'.')),
                    format!("{sign}{whole}.{fraction:0width$}")
                );
            }
        }
        for cents in -200_000..200_000_i32 {
            assert_eq!(
                written(|out| write_decimal(out, cents.into(), 2, b'.')),
                format!("{:.2}", f64::from(cents) / 100.0)
            );
        }
        assert_eq!(written(|out| write_decimal(out, 1250, 2, b',')), "12,50");
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
            written(|out| write_timestamp(out, seconds)),
            "2024-02-29 14:59:59"
        );
        assert_eq!(
            written(|out| write_day_first(out, seconds)),
            "29/02/2024 14:59"
        );
    }
}
