//! What the user types for a count, a size or a share in, numbers out. Invariant: a number is taken
//! exactly or refused, never rounded or cut off.

/// Suffixes and what they multiply by; case does not matter.
const COUNT_UNITS: [(&str, u64); 5] = [
    ("", 1),
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("t", 1_000_000_000_000),
];

const SIZE_UNITS: [(&str, u64); 14] = [
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
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// A count such as `1_000_000`, `10k` or `2.5M`.
pub(crate) fn parse_count(text: &str) -> Result<u64, String> {
    let advice = "write a whole number such as 1_000_000, 10k, 2.5M or 1G";
    parse(text, &COUNT_UNITS).ok_or_else(|| advice.to_owned())
}

/// A size in bytes such as `500MB` (500 million) or `5GiB` (5 times 2^30).
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let advice = "write a size such as 500MB (500 million bytes) or 5GiB (5 x 2^30 bytes)";
    parse(text, &SIZE_UNITS).ok_or_else(|| advice.to_owned())
}

/// A share such as `0.01` or `1%`.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let (number, divisor) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let share = number.parse::<f64>().map(|number| number / divisor);
    share
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "write a share from 0 to 1, such as 0.01, or from 0% to 100%".to_owned())
}

/// `None` if `text` is no number, has no known unit, does not fit or is not whole.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let number_end = text.find(|c: char| !matches!(c, '0'..='9' | '_' | '.'));
    let (number, unit) = text.split_at(number_end.unwrap_or(text.len()));
    let unit = unit.trim_start();
    let (_, unit) = units
        .iter()
        .find(|(suffix, _)| suffix.eq_ignore_ascii_case(unit))?;
    let digits = number.replace('_', "");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, "0"));
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let scaled = u128::from(fraction.parse::<u64>().ok()?) * u128::from(*unit);
    if scaled % u128::from(scale) != 0 {
        return None;
    }
    let part = u64::try_from(scaled / u128::from(scale)).ok()?;
    let whole = whole.parse::<u64>().ok()?;
    whole.checked_mul(*unit)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let cases = [
            ("0", 0),
            ("7", 7),
            ("1_000_000", 1_000_000),
            ("10k", 10_000),
            ("10M", 10_000_000),
            ("2.5m", 2_500_000),
            ("1G", 1_000_000_000),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, count) in cases {
            assert_eq!(parse_count(text), Ok(count), "{text}");
        }
        let refused = [
            "",
            "k",
            "-1",
            "1.5",
            "1.0005k",
            "10MiB",
            "ten",
            "1e6",
            "1..2k",
            ".",
            "5.",
            "18446744073709551616",
            "20000000000G",
            "10 k k",
        ];
        for text in refused {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        let cases = [
            ("5GiB", 5 << 30),
            ("500MB", 500_000_000),
            ("500 mb", 500_000_000),
            ("1.5KiB", 1536),
            ("3G", 3_000_000_000),
            ("12B", 12),
        ];
        for (text, size) in cases {
            assert_eq!(parse_size(text), Ok(size), "{text}");
        }
        assert!(parse_size("5Gi").is_err());
    }

    #[test]
    fn shares() {
        for (text, share) in [("0", 0.0), ("0.25", 0.25), ("1%", 0.01), ("100 %", 1.0)] {
            assert_eq!(parse_share(text), Ok(share), "{text}");
        }
        for text in ["-0.1", "1.1", "101%", "NaN", "", "%", "inf"] {
            assert!(parse_share(text).is_err(), "{text}");
        }
    }
}
