//! A text that may name a day -> the strptime patterns that may read it. Keeps: a pattern says which
//! of two numbers is the month; where both may be, both patterns are named.

pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// The patterns that `text` looks like: none, one, or several where its numbers may change places.
pub(super) fn patterns(text: &[u8]) -> Vec<String> {
    let (weekday, rest) = match weekday(text) {
        Some((pattern, rest)) => (pattern, rest),
        None => (String::new(), text),
    };
    let Some((days, rest)) = day(rest) else {
        return Vec::new();
    };
    let Some(time) = time(rest) else {
        return Vec::new();
    };
    let whole = |day| format!("{weekday}{day}{time}");
    days.into_iter().map(whole).collect()
}

/// The pattern with day and month in each other's place, where both are numbers and the year
/// is last.
pub(super) fn swapped(pattern: &str) -> Option<String> {
    ["/", ".", "-"].into_iter().find_map(|mark| {
        let [day, month] = [format!("%d{mark}%m{mark}%Y"), format!("%m{mark}%d{mark}%Y")];
        if pattern.contains(&day) {
            Some(pattern.replace(&day, &month))
        } else if pattern.contains(&month) {
            Some(pattern.replace(&month, &day))
        } else {
            None
        }
    })
}

/// Whether the pattern is the usual one of two that read the same texts: month first before
/// slashes, else day first.
pub(super) fn is_usual(pattern: &str) -> bool {
    match swapped(pattern) {
        Some(_) => {
            pattern.contains("%m/%d/") || pattern.contains("%d.%m") || pattern.contains("%d-%m")
        }
        None => pattern.contains("%b"),
    }
}

/// The first `count` digits or letters of a text, and the rest.
fn run(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| belongs(byte)).count())
}

/// Digits, if there are as many as `counts` allows.
fn number(text: &[u8], counts: std::ops::RangeInclusive<usize>) -> Option<(u32, &[u8])> {
    let (number, rest) = run(text, u8::is_ascii_digit);
    let value = super::date::digits(number.get(..number.len().min(8))?)?;
    counts.contains(&number.len()).then_some((value, rest))
}

/// `%a` or `%A` where a name, or its first three letters, is at the start.
fn name<'a>(
    text: &'a [u8],
    names: &[&str],
    [short, long]: [&'static str; 2],
) -> Option<(Vec<&'static str>, &'a [u8])> {
    let (word, rest) = run(text, u8::is_ascii_alphabetic);
    let is = |name: &str| name.as_bytes().eq_ignore_ascii_case(word);
    let mut found = Vec::new();
    if word.len() == 3 && names.iter().any(|name| is(&name[..3])) {
        found.push(short);
    }
    if names.iter().any(|name| is(name)) {
        found.push(long);
    }
    (!found.is_empty()).then_some((found, rest))
}

fn weekday(text: &[u8]) -> Option<(String, &[u8])> {
    let (patterns, rest) = name(text, &WEEKDAYS, ["%a", "%A"])?;
    let (comma, rest) = match rest.strip_prefix(b",") {
        Some(rest) => (",", rest),
        None => ("", rest),
    };
    let rest = rest.strip_prefix(b" ")?;
    Some((format!("{}{comma} ", patterns[0]), rest))
}

/// A day at the start of a text.
fn day(text: &[u8]) -> Option<(Vec<String>, &[u8])> {
    if text.first()?.is_ascii_alphabetic() {
        return month_name_first(text);
    }
    if let Some((_, rest)) = number(text, 4..=4) {
        let (mark, rest) = mark(rest)?;
        let (_, rest) = number(rest, 1..=2)?;
        let (_, rest) = number(rest.strip_prefix(&[mark])?, 1..=2)?;
        let mark = char::from(mark);
        return Some((vec![format!("%Y{mark}%m{mark}%d")], rest));
    }
    let (first, rest) = number(text, 1..=2)?;
    let (&separator, behind) = rest.split_first()?;
    if let Some((months, rest)) = name(behind, &MONTHS, ["%b", "%B"]) {
        let before = matches!(separator, b'-' | b' ' | b'/').then_some(char::from(separator))?;
        let after = if rest.starts_with(b", ") {
            ", ".into()
        } else {
            before.to_string()
        };
        let (_, rest) = number(rest.strip_prefix(after.as_bytes())?, 4..=4)?;
        let pattern = |month| format!("%d{before}{month}{after}%Y");
        return Some((months.into_iter().map(pattern).collect(), rest));
    }
    let (mark, behind) = mark(rest)?;
    let (second, rest) = number(behind, 1..=2)?;
    let (_, rest) = number(rest.strip_prefix(&[mark])?, 4..=4)?;
    let mark = char::from(mark);
    let mut patterns = Vec::new();
    if second <= 12 {
        patterns.push(format!("%d{mark}%m{mark}%Y"));
    }
    if first <= 12 {
        patterns.push(format!("%m{mark}%d{mark}%Y"));
    }
    Some((patterns, rest))
}

fn mark(text: &[u8]) -> Option<(u8, &[u8])> {
    let (mark, rest) = text.split_first()?;
    matches!(mark, b'/' | b'.' | b'-').then_some((*mark, rest))
}

/// `Jan 31, 2024`.
fn month_name_first(text: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let (months, rest) = name(text, &MONTHS, ["%b", "%B"])?;
    let (_, rest) = number(rest.strip_prefix(b" ")?, 1..=2)?;
    let (comma, rest) = match rest.strip_prefix(b",") {
        Some(rest) => (",", rest),
        None => ("", rest),
    };
    let (_, rest) = number(rest.strip_prefix(b" ")?, 4..=4)?;
    let pattern = |month| format!("{month} %d{comma} %Y");
    Some((months.into_iter().map(pattern).collect(), rest))
}

/// The pattern of the time behind a day, empty if there is none.
fn time(text: &[u8]) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let before = [", ", " ", "T"]
        .into_iter()
        .find(|before| text.starts_with(before.as_bytes()))?;
    let (_, rest) = number(&text[before.len()..], 1..=2)?;
    let (_, mut rest) = number(rest.strip_prefix(b":")?, 2..=2)?;
    let mut clock = ":%M".to_owned();
    if let Some(behind) = rest.strip_prefix(b":") {
        (_, rest) = number(behind, 2..=2)?;
        clock += ":%S";
        if let Some(behind) = rest.strip_prefix(b".") {
            (_, rest) = number(behind, 1..=9)?;
            clock += "%.f";
        }
    }
    let (space, behind) = space(rest);
    let half = behind
        .get(..2)
        .is_some_and(|half| half.eq_ignore_ascii_case(b"am") || half.eq_ignore_ascii_case(b"pm"));
    let hour = if half { "%I" } else { "%H" };
    if half {
        clock += space;
        clock += "%p";
        rest = &behind[2..];
    }
    Some(format!("{before}{hour}{clock}{}", offset(rest)?))
}

fn space(text: &[u8]) -> (&'static str, &[u8]) {
    match text.strip_prefix(b" ") {
        Some(rest) => (" ", rest),
        None => ("", text),
    }
}

/// The pattern of an offset from UTC at the end of a text.
fn offset(text: &[u8]) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let (space, rest) = space(text);
    match rest {
        [b'+' | b'-', digits @ ..]
            if number(digits, 4..=4).is_some_and(|(_, rest)| rest.is_empty()) =>
        {
            Some(format!("{space}%z"))
        }
        [b'+' | b'-', _, _, b':', _, _] => Some(format!("{space}%:z")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;
    use proptest::prelude::*;

    use super::super::pattern::Pattern;
    use super::super::timestamp::ReadMoment;
    use super::*;

    #[test]
    fn texts_and_their_patterns() {
        let cases: [(&str, &[&str]); 27] = [
            ("31/01/2024", &["%d/%m/%Y"]),
            ("01/31/2024", &["%m/%d/%Y"]),
            ("1/2/2024", &["%d/%m/%Y", "%m/%d/%Y"]),
            ("31.01.2024", &["%d.%m.%Y"]),
            ("5-1-2024", &["%d-%m-%Y", "%m-%d-%Y"]),
            ("31-Jan-2024", &["%d-%b-%Y"]),
            ("31 january 2024", &["%d %B %Y"]),
            ("31 Jan, 2024", &["%d %b, %Y"]),
            ("31 May 2024", &["%d %b %Y", "%d %B %Y"]),
            ("Jan 31, 2024", &["%b %d, %Y"]),
            ("January 31 2024", &["%B %d %Y"]),
            ("2024/1/31", &["%Y/%m/%d"]),
            ("2024.01.31", &["%Y.%m.%d"]),
            ("31/01/2024 10:15", &["%d/%m/%Y %H:%M"]),
            ("31.01.2024, 10:15:30", &["%d.%m.%Y, %H:%M:%S"]),
            ("01/31/2024 9:05 PM", &["%m/%d/%Y %I:%M %p"]),
            ("01/31/2024 9:05:30pm", &["%m/%d/%Y %I:%M:%S%p"]),
            ("2024-1-31T10:15:30.5", &["%Y-%m-%dT%H:%M:%S%.f"]),
            (
                "Wed, 31 Jan 2024 10:15:00 +0000",
                &["%a, %d %b %Y %H:%M:%S %z"],
            ),
            ("31/01/2024 10:15+01:00", &["%d/%m/%Y %H:%M%:z"]),
            ("31/31/2024", &[]),
            ("31/01.2024", &[]),
            ("31/01/24", &[]),
            ("1.2.3", &[]),
            ("31/01/2024 10", &[]),
            ("31/01/2024 10:15 XM", &[]),
            ("Foo 31, 2024", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(patterns(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(swapped("%d/%m/%Y %H:%M").as_deref(), Some("%m/%d/%Y %H:%M"));
        assert_eq!(swapped("%Y/%m/%d"), None);
        assert!(is_usual("%m/%d/%Y") && is_usual("%d.%m.%Y") && !is_usual("%d/%m/%Y"));
    }

    proptest! {
        #[test]
        fn what_a_pattern_writes_it_reads(
            year in 1000..9999_i16, month in 1..=12_i8, day in 1..=28_i8, second in 0..86_400_i32,
            date in prop::sample::select(vec![
                "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y",
                "%Y/%m/%d", "%a, %d %b %Y",
            ]),
            time in prop::sample::select(vec!["", " %H:%M", " %H:%M:%S", " %I:%M:%S %p", "T%H:%M:%S"]),
        ) {
            let date_time = Date::new(year, month, day).unwrap().at(0, 0, 0, 0);
            let date_time = date_time + jiff::SignedDuration::from_secs(second.into());
            let pattern = format!("{date}{time}");
            let text = date_time.strftime(&pattern).to_string();
            prop_assert!(patterns(text.as_bytes()).contains(&pattern), "{}", text);
            let moment = Pattern::new(&pattern.as_str().into()).read(text.as_bytes()).unwrap();
            let epoch = Date::constant(1970, 1, 1);
            prop_assert_eq!(moment.day, (date_time.date() - epoch).get_days());
            let expected = match (time.contains("%S"), time.is_empty()) {
                (true, _) => second,
                (_, true) => 0,
                _ => second / 60 * 60,
            };
            prop_assert_eq!(moment.second as i32, expected);
            prop_assert_eq!(moment.has_time, !time.is_empty());
        }

        #[test]
        fn no_text_is_a_panic(text in "[0-9/.: ,+AJPMTanbr-]{0,24}|\\PC{0,24}") {
            for pattern in patterns(text.as_bytes()) {
                let _ = Pattern::new(&pattern.as_str().into()).read(text.as_bytes());
            }
        }
    }
}
