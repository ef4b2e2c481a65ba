//! Numbers -> the words people read them in.
//!
//! Invariant: at most five characters of digits, except counts, which are exact.

/// A count with a comma between thousands: `1,234,567`.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes in binary units: `1.5 GiB`.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(
        bytes as f64,
        1024.0,
        &["B", "KiB", "MiB", "GiB", "TiB", "PiB"],
    )
}

/// A number in decimal units: `1.5 M`.
pub(super) fn short(number: f64) -> String {
    let short = scaled(number, 1000.0, &["", "k", "M", "G", "T"]);
    short.trim_end().to_owned()
}

/// Bytes per second in decimal units: `310 MB/s`.
pub(super) fn byte_rate(bytes_per_second: f64) -> String {
    let units = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];
    scaled(bytes_per_second, 1000.0, &units)
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut index = 0;
    // 999.5 and more would be printed as the next unit's 1.
    while value >= step - 0.5 && index + 1 < units.len() {
        value /= step;
        index += 1;
    }
    let decimals = usize::from(index > 0 && value < 99.95);
    format!("{value:.decimals$} {}", units[index])
}

/// A duration: `850 µs`, `12.3 s`, `4:05`, `1:02:03`.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 0.000_999_5 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 0.999_5 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 99.95 {
        format!("{seconds:.1} s")
    } else {
        clock(seconds)
    }
}

/// A duration as on a clock: `0:07`, `4:05`, `1:02:03`.
pub(super) fn clock(seconds: f64) -> String {
    // Saturates, so that an endless estimate is a large one.
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn bytes_and_rates_are_short() {
        for (number, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536 << 20, "1.5 GiB"),
            (200 << 20, "200 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(number), expected);
        }
        assert_eq!(short(0.4), "0");
        assert_eq!(short(999.7), "1.0 k");
        assert_eq!(short(2_345_678.0), "2.3 M");
        assert_eq!(byte_rate(310e6), "310 MB/s");
    }

    #[test]
    fn durations_fit_their_size() {
        for (duration, expected) in [
            (0.000_85, "850 µs"),
            (0.25, "250 ms"),
            (0.9996, "1.0 s"),
            (12.34, "12.3 s"),
            (245.0, "4:05"),
            (3723.4, "1:02:03"),
        ] {
            assert_eq!(seconds(duration), expected);
        }
        assert_eq!(clock(7.4), "0:07");
        assert!(!clock(f64::INFINITY).is_empty());
    }
}
