//! Text -> numbers with units: sizes in bytes, counts of rows, limits on rejects.
//! Keeps: what is accepted is exact; nothing is rounded, clipped or silently taken as zero.

use std::fmt;

/// A limit on rejected rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RejectsMax {
    /// At most so many rows.
    Count(u64),
    /// At most this share of all rows, 0 to 1.
    Share(f64),
}

impl fmt::Display for RejectsMax {
    /// The spelling `--max-rejects` takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "{}%", share * 100.0),
        }
    }
}

const SIZE_UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
    ("ti", 1 << 40),
    ("tib", 1 << 40),
];

const COUNT_UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("b", 1_000_000_000),
];

/// A size in bytes, at least 1: `512MiB`, `2GB`, `1.5g`, `64k`, `65_536`. Units with an `i` count
/// 1024, the others 1000; case does not matter.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    const FORM: &str = "write a size such as 65536, 64k, 512MiB or 2GB";
    positive(scaled(text, SIZE_UNITS).ok_or(FORM)?)
}

/// A count, at least 1: `65536`, `1_000`, `10M`, `2.5k`.
pub(super) fn parse_count(text: &str) -> Result<usize, String> {
    const FORM: &str = "write a whole number such as 65536, 1_000, 64k or 10M";
    let count = scaled(text, COUNT_UNITS).and_then(|count| usize::try_from(count).ok());
    positive(count.ok_or(FORM)?)
}

/// Rows a window must hold before it has a value: a whole number from 1 to `u32::MAX`.
pub(super) fn parse_min_samples(text: &str) -> Result<u32, String> {
    u32::try_from(parse_count(text)?).map_err(|_| format!("at most {}", u32::MAX))
}

/// A number of threads, 1 to 1024.
pub(super) fn parse_threads(text: &str) -> Result<usize, String> {
    /// Far beyond any machine this runs on; a typo would otherwise start that many threads.
    const THREADS_MAX: usize = 1024;
    match text.parse() {
        Ok(threads) if (1..=THREADS_MAX).contains(&threads) => Ok(threads),
        _ => Err(format!("write a whole number from 1 to {THREADS_MAX}")),
    }
}

/// The longest record taken in: a size up to 1 GiB, since offsets within a chunk are 32 bits wide.
pub(super) fn parse_record_bytes_max(text: &str) -> Result<usize, String> {
    const LIMIT: u64 = 1 << 30;
    match parse_size(text)? {
        bytes @ 1..=LIMIT => Ok(usize::try_from(bytes).expect("1 GiB fits a usize")),
        _ => Err("at most 1GiB".to_owned()),
    }
}

/// A limit on rejects: a count from 0 (`1000`, `10k`) or a percentage from 0 to 100 (`0.5%`).
pub(super) fn parse_rejects_max(text: &str) -> Result<RejectsMax, String> {
    const FORM: &str = "write a count such as 1000 or a percentage such as 0.5%";
    let Some(percent) = text.strip_suffix('%') else {
        return Ok(RejectsMax::Count(scaled(text, COUNT_UNITS).ok_or(FORM)?));
    };
    // `0.1e-2` is the double nearest to 0.001, whatever a division would make of it.
    match format!("{}e-2", percent.trim()).parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(RejectsMax::Share(share)),
        Ok(_) => Err("a percentage lies between 0% and 100%".to_owned()),
        Err(_) => Err(FORM.to_owned()),
    }
}

fn positive<T: PartialEq + From<u8>>(number: T) -> Result<T, String> {
    if number == T::from(0) {
        return Err("must be at least 1".to_owned());
    }
    Ok(number)
}

/// Digits (with `_` between them), at most one point, and a unit. `None` if it is not that, is
/// not whole, or is beyond 64 bits.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !starts_and_ends_in_digits(whole) || !starts_and_ends_in_digits(fraction) {
        return None;
    }
    let fraction = fraction.replace('_', "");
    let digits: u128 = format!("{}{fraction}", whole.replace('_', ""))
        .parse()
        .ok()?;
    let divisor = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let product = digits.checked_mul(u128::from(*factor))?;
    if !product.is_multiple_of(divisor) {
        return None;
    }
    u64::try_from(product / divisor).ok()
}

fn starts_and_ends_in_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.is_some_and(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1", 1),
            ("65_536", 65_536),
            ("64k", 64_000),
            ("64KiB", 65_536),
            ("512MiB", 512 << 20),
            ("512 MiB", 512 << 20),
            ("2GB", 2_000_000_000),
            ("2G", 2_000_000_000),
            ("1.5GiB", 3 << 29),
            ("0.5kib", 512),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "0k",
            "-1",
            "1.5",
            "0.3KiB",
            "1e3",
            "MiB",
            ".5k",
            "5.k",
            "_5",
            "5_",
            "1.2.3",
            "512MBi",
            "18446744073709551616",
            "99999999TiB",
            "٣",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_and_threads() {
        assert_eq!(parse_count("10M"), Ok(10_000_000));
        assert_eq!(parse_count("1_000"), Ok(1_000));
        assert_eq!(parse_count("2.5k"), Ok(2_500));
        assert!(parse_count("0").unwrap_err().contains("at least 1"));
        assert!(parse_count("5MiB").is_err());
        assert_eq!(parse_threads("1"), Ok(1));
        for text in ["0", "-1", "1025", "two", ""] {
            assert!(parse_threads(text).is_err(), "{text}");
        }
        assert_eq!(parse_record_bytes_max("1GiB"), Ok(1 << 30));
        assert!(parse_record_bytes_max("2GiB").is_err());
        assert!(parse_min_samples("5G").is_err());
    }

    #[test]
    fn rejects() {
        assert_eq!(parse_rejects_max("0"), Ok(RejectsMax::Count(0)));
        assert_eq!(parse_rejects_max("10k"), Ok(RejectsMax::Count(10_000)));
        assert_eq!(parse_rejects_max("0.5%"), Ok(RejectsMax::Share(0.005)));
        assert_eq!(parse_rejects_max("100 %"), Ok(RejectsMax::Share(1.0)));
        for text in ["", "%", "101%", "-1%", "nan%", "0.5", "-1"] {
            assert!(parse_rejects_max(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn plain_numbers_mean_themselves(number in 1..u64::MAX) {
            prop_assert_eq!(parse_size(&number.to_string()), Ok(number));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (parse_size(&text), parse_rejects_max(&text));
        }
    }
}
