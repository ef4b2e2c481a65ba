//! How people write numbers: a sample such as `1.234,50 €` in, what its marks mean out.
//! Keeps: a notation has one spelling, which [`Notation::parse`] reads back.

use std::fmt;

/// What stands between groups of three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing: digits are not grouped.
    None,
    /// `1,234`.
    Comma,
    /// `1.234`.
    Point,
    /// `1 234`, also with the spaces that do not break.
    Space,
    /// `1'234`, also with the curly mark.
    Apostrophe,
}

/// Signs that stand before or behind an amount. The longest that fits is meant.
const UNITS: [&str; 42] = [
    "%", "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₫", "₴", "₪", "฿", "₱", "₦", "R$", "US$", "C$",
    "A$", "zł", "kr", "Kč", "Ft", "USD", "EUR", "GBP", "JPY", "CNY", "CHF", "CAD", "AUD", "NZD",
    "INR", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "BRL", "MXN", "ZAR",
];

/// How the numbers of one column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notation {
    /// Between groups of three digits.
    pub grouping: Grouping,
    /// Before the decimals: a comma or a point.
    pub decimal: u8,
    /// The currency or percent sign that amounts may have.
    pub unit: Option<&'static str>,
}

impl Notation {
    /// Every way to group and point, without a unit. The first of several that read the same
    /// texts is meant.
    pub const ALL: [Self; 8] = [
        Self::new(Grouping::None, b'.'),
        Self::new(Grouping::Comma, b'.'),
        Self::new(Grouping::None, b','),
        Self::new(Grouping::Point, b','),
        Self::new(Grouping::Space, b','),
        Self::new(Grouping::Space, b'.'),
        Self::new(Grouping::Apostrophe, b'.'),
        Self::new(Grouping::Apostrophe, b','),
    ];

    const fn new(grouping: Grouping, decimal: u8) -> Self {
        Self {
            grouping,
            decimal,
            unit: None,
        }
    }

    /// Reads a sample: the number 1234.50 in the notation, with its unit before or behind it.
    pub fn parse(sample: &str) -> Option<Self> {
        let sample = sample.trim();
        let found = unit_before(sample.as_bytes()).or_else(|| unit_behind(sample.as_bytes()));
        let (unit, number) = match found {
            Some((unit, rest)) => (Some(unit), str::from_utf8(rest).ok()?.trim()),
            None => (None, sample),
        };
        let all = Self::ALL.map(|notation| Self { unit, ..notation });
        all.into_iter().find(|notation| notation.number() == number)
    }

    /// The number 1234.50.
    fn number(&self) -> String {
        let group = match self.grouping {
            Grouping::None => "",
            Grouping::Comma => ",",
            Grouping::Point => ".",
            Grouping::Space => " ",
            Grouping::Apostrophe => "'",
        };
        format!("1{group}234{}50", char::from(self.decimal))
    }
}

impl fmt::Display for Notation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        match self.unit {
            None => f.write_str(&number),
            Some(unit @ "%") => write!(f, "{number}{unit}"),
            Some(unit @ ("€" | "zł" | "kr" | "Kč" | "Ft")) => write!(f, "{number} {unit}"),
            Some(unit) if unit.ends_with(|last: char| last.is_ascii_uppercase()) => {
                write!(f, "{unit} {number}")
            }
            Some(unit) => write!(f, "{unit}{number}"),
        }
    }
}

/// The unit that `text` starts with, and what is behind it.
pub fn unit_before(text: &[u8]) -> Option<(&'static str, &[u8])> {
    if text.first()?.is_ascii_digit() {
        return None;
    }
    let units = UNITS.into_iter().filter(|unit| *unit != "%");
    units
        .filter_map(|unit| Some((unit, text.strip_prefix(unit.as_bytes())?)))
        .max_by_key(|(unit, _)| unit.len())
}

/// The unit that `text` ends with, and what is before it.
pub fn unit_behind(text: &[u8]) -> Option<(&'static str, &[u8])> {
    if text.last()?.is_ascii_digit() {
        return None;
    }
    UNITS
        .into_iter()
        .filter_map(|unit| Some((unit, text.strip_suffix(unit.as_bytes())?)))
        .max_by_key(|(unit, _)| unit.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_read_back() {
        for unit in [None].into_iter().chain(UNITS.map(Some)) {
            for notation in Notation::ALL {
                let notation = Notation { unit, ..notation };
                assert_eq!(Notation::parse(&notation.to_string()), Some(notation));
            }
        }
        for text in [
            "",
            "5",
            "1234",
            "1,234",
            "$",
            "1,234.5",
            "1_234.50",
            "%1,234.50",
        ] {
            assert_eq!(Notation::parse(text), None, "{text}");
        }
        assert_eq!(Notation::parse("1.234,50€"), Notation::parse("€ 1.234,50"));
    }
}
