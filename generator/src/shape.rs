//! A shape's name in, its columns and its usual rates out. Invariant: every shape has a
//! `customer_id` and a `timestamp`, so keyed windows run on all of them.

use std::borrow::Cow;

use clap::ValueEnum;

use crate::buffer::{Word, words};
use crate::customers::Customers;
use crate::faults::Rates;
use crate::random::Chance;
use crate::text::Prose;

/// What the table looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Ten mixed columns, about 82 bytes a row
    Transactions,
    /// Long quoted text with commas, doubled quotes and line breaks
    Quotes,
    /// 100 float columns
    Floats,
    /// Eight small-integer columns
    Narrow,
    /// Transactions of a million customers, evenly
    Keys,
    /// Transactions with half the cells missing
    Nulls,
    /// Transactions with half the rows on one customer
    Hot,
}

/// A column: its name and what its cells are.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: Cow<'static, str>,
    pub(crate) cells: Cells,
    /// Whether cells may be missing.
    pub(crate) optional: bool,
}

/// What the cells of a column are.
#[derive(Debug, Clone)]
pub(crate) enum Cells {
    /// The row's own number.
    Id,
    /// A customer's id.
    Customer,
    /// A timestamp, rising from row to row.
    Time,
    /// One of a few words, the first most often.
    Choice(&'static [Word]),
    /// An integer from `min`, `count` of them, small ones most often.
    Integer { min: i64, count: u32 },
    /// An amount in cents with a long tail, 1.00 to 5000.00.
    Amount,
    /// A uniform number from `min / 10^decimals`, `count` of them.
    Decimal { min: i64, count: u32, decimals: u32 },
    /// Free text.
    Prose(Prose),
}

impl Cells {
    /// The longest cell in bytes, with the delimiter and what is stored beyond it.
    pub(crate) fn bytes_max(&self) -> usize {
        const SLACK: usize = 1 + Word::BYTES_MAX;
        SLACK
            + match self {
                Self::Prose(prose) => prose.bytes_max(),
                // The longest is a negative 64-bit integer in quotes with a point.
                _ => 23,
            }
    }

    /// Whether a cell can fail to fit the column's type.
    pub(crate) fn is_typed(&self) -> bool {
        matches!(
            self,
            Self::Time | Self::Integer { .. } | Self::Amount | Self::Decimal { .. }
        )
    }

    /// Whether a cell can be of the column's type and still be wrong.
    pub(crate) fn can_be_invalid(&self) -> bool {
        matches!(self, Self::Time | Self::Amount)
    }
}

static REGIONS: [Word; 8] = words([
    "North", "South", "East", "West", "Central", "Coastal", "Islands", "Overseas",
]);

static CATEGORIES: [Word; 12] = words([
    "Electronics",
    "Groceries",
    "Clothing",
    "Home",
    "Garden",
    "Toys",
    "Sports",
    "Books",
    "Beauty",
    "Automotive",
    "Health",
    "Music",
]);

static PAYMENT_METHODS: [Word; 5] = words([
    "credit_card",
    "debit_card",
    "cash",
    "paypal",
    "bank_transfer",
]);

const NOTE: Prose = Prose {
    empty: Chance::percent(75),
    quoted: Chance::percent(25),
    words_min: 1,
    words_max: 4,
    comma: Chance::percent(40),
    quote: Chance::percent(20),
    line_break: Chance::percent(10),
};

const REVIEW: Prose = Prose {
    empty: Chance::percent(5),
    quoted: Chance::percent(100),
    words_min: 5,
    words_max: 30,
    comma: Chance::percent(15),
    quote: Chance::percent(10),
    line_break: Chance::percent(3),
};

impl Shape {
    /// The name the user types.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.expect("no shape is hidden").get_name().to_owned()
    }

    /// The fault rates it comes with.
    pub fn rates(self) -> Rates {
        let missing = match self {
            Self::Nulls => 0.5,
            _ => Rates::REALISTIC.missing,
        };
        Rates {
            missing,
            ..Rates::REALISTIC
        }
    }

    /// The customers it comes with.
    pub fn customers(self) -> Customers {
        let (count, zipf, hot_share) = match self {
            Self::Keys => (1_000_000, 0.0, 0.0),
            Self::Hot => (100_000, 1.0, 0.5),
            _ => (100_000, 1.0, 0.0),
        };
        Customers {
            count,
            zipf,
            hot_share,
        }
    }

    /// Its columns, in order.
    pub(crate) fn columns(self) -> Vec<Column> {
        match self {
            Self::Transactions | Self::Keys | Self::Nulls | Self::Hot => transactions(),
            Self::Quotes => quotes(),
            Self::Floats => floats(),
            Self::Narrow => narrow(),
        }
    }
}

fn column(name: impl Into<Cow<'static, str>>, cells: Cells, optional: bool) -> Column {
    Column {
        name: name.into(),
        cells,
        optional,
    }
}

fn customer_and_time() -> Vec<Column> {
    vec![
        column("customer_id", Cells::Customer, false),
        column("timestamp", Cells::Time, true),
    ]
}

fn transactions() -> Vec<Column> {
    let quantity = Cells::Integer { min: 1, count: 20 };
    let discount = Cells::Decimal {
        min: 0,
        count: 51,
        decimals: 2,
    };
    let mut columns = vec![column("transaction_id", Cells::Id, false)];
    columns.extend(customer_and_time());
    columns.extend([
        column("region", Cells::Choice(&REGIONS), true),
        column("product_category", Cells::Choice(&CATEGORIES), true),
        column("payment_method", Cells::Choice(&PAYMENT_METHODS), true),
        column("quantity", quantity, true),
        column("amount", Cells::Amount, true),
        column("discount", discount, true),
        column("note", Cells::Prose(NOTE), false),
    ]);
    columns
}

fn quotes() -> Vec<Column> {
    let mut columns = customer_and_time();
    columns.push(column("rating", Cells::Integer { min: 1, count: 5 }, true));
    for name in ["title", "description", "review", "reply"] {
        columns.push(column(name, Cells::Prose(REVIEW), false));
    }
    columns
}

/// Floats of one to six digits before the point and one to seven after it.
fn floats() -> Vec<Column> {
    let mut columns = customer_and_time();
    columns.extend((0..100_u32).map(|index| {
        let half = 10_u32.pow(4 + index % 6);
        let cells = Cells::Decimal {
            min: -i64::from(half),
            count: 2 * half,
            decimals: 1 + index / 6 % 4 * 2,
        };
        column(format!("f{index:02}"), cells, true)
    }));
    columns
}

fn narrow() -> Vec<Column> {
    let mut columns = customer_and_time();
    columns.extend((0..8_u32).map(|index| {
        let cells = Cells::Integer {
            min: 0,
            count: 10_u32.pow(1 + index / 2),
        };
        column(format!("i{index}"), cells, true)
    }));
    columns
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_shape_can_be_keyed_and_windowed() {
        for &shape in Shape::value_variants() {
            let columns = shape.columns();
            let names: HashSet<&str> = columns.iter().map(|column| &*column.name).collect();
            assert_eq!(names.len(), columns.len(), "{shape:?}: names are unique");
            assert!(names.contains("customer_id") && names.contains("timestamp"));
            let times = columns.iter().filter(|c| matches!(c.cells, Cells::Time));
            assert_eq!(times.count(), 1, "{shape:?}: one clock");
        }
    }
}
