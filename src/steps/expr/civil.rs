//! Days since 1970-01-01 <-> year, month and day of the Gregorian calendar, by Howard Hinnant's
//! algorithms (chrono-compatible low-level date algorithms, 2021).
//! Keeps: no day of 64-bit ticks is out of range; nothing here can panic.

/// Year, month and day of a day.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days.wrapping_add(719_468);
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = match shifted_month {
        month @ 0..10 => month + 3,
        month => month - 9,
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day of a year, month and day; years within ten million.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

/// The last day of a month.
pub(super) fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year.rem_euclid(4) == 0
            && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) =>
        {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the Monday on or before a day.
pub(super) fn weekday(days: i64) -> i64 {
    days.wrapping_add(3).rem_euclid(7)
}

/// The ISO 8601 year of a day's week, and the week's number.
pub(super) fn iso_week(day: i64) -> (i64, i64) {
    let thursday = day - weekday(day) + 3;
    let (year, ..) = civil(thursday);
    (year, (thursday - days(year, 1, 1)) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_some_centuries_as_jiff_has_it() {
        let epoch = jiff::civil::date(1970, 1, 1);
        let mut date = jiff::civil::date(1599, 12, 20);
        while date.year() < 2110 {
            let number = i64::from(epoch.until(date).unwrap().get_days());
            let (year, month, day) = (date.year().into(), date.month().into(), date.day().into());
            assert_eq!(civil(number), (year, month, day));
            assert_eq!(days(year, month, day), number);
            assert_eq!(month_length(year, month), i64::from(date.days_in_month()));
            let week = date.iso_week_date();
            assert_eq!(iso_week(number), (week.year().into(), week.week().into()));
            assert_eq!(
                weekday(number),
                i64::from(date.weekday().to_monday_zero_offset())
            );
            date = date.tomorrow().unwrap();
        }
    }
}
