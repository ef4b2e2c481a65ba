//! The price of damage: one table converted as it should be, and as people have it.
//!
//! ```sh
//! cargo bench --bench damage
//! ```
//! Each file holds the same rows. What is asked for: none takes more than twice as long as the
//! clean one.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use chunketl::config::{Mode, Progress};
use chunketl::{Builder, Pipeline};
use divan::Bencher;
use divan::counter::ItemsCount;

const ROWS: u64 = 400_000;
/// One row in so many is odd.
const ODD: u64 = 100;

const HEADER: &str = "id,amount,day,region,note,code";

/// One way in which people have the table.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Clean,
    Crlf,
    Cr,
    Comments,
    StrayQuotes,
    Ragged,
    BadCells,
    Escapes,
    Spaces,
    Semicolons,
    LostQuotes,
}

const WAYS: [Way; 11] = [
    Way::Clean,
    Way::Crlf,
    Way::Cr,
    Way::Comments,
    Way::StrayQuotes,
    Way::Ragged,
    Way::BadCells,
    Way::Escapes,
    Way::Spaces,
    Way::Semicolons,
    Way::LostQuotes,
];

impl Way {
    /// The table, and how many of its rows are rejected.
    fn table(self) -> (String, u64) {
        let mut text = self.line(HEADER);
        let mut rejected = 0;
        for row in 0..ROWS {
            let is_odd = row % ODD == ODD / 2;
            let region = ["north", "south", "east", "west"][row as usize % 4];
            let (hundredths, month, day) = (row * 37 % 100, 1 + row % 12, 1 + row % 28);
            let mut line = format!(
                "{row},{}.{hundredths:02},2024-{month:02}-{day:02},{region},",
                row * 7919 % 100_000
            );
            let note = match (self, is_odd) {
                (Self::StrayQuotes, true) => "a 5\" pipe",
                (Self::Escapes, true) => "\"said \\\"so\\\"\"",
                (Self::LostQuotes, true) => "\"never closed",
                _ => ["plain words", "\"one, two\"", "x"][row as usize % 3],
            };
            line += note;
            let _ = write!(line, ",{:08x}", row.wrapping_mul(2_654_435_761) % (1 << 32));
            match self {
                Self::Comments if is_odd => text += "# a note of somebody\n",
                Self::Ragged if is_odd => line += ",one more",
                Self::BadCells if is_odd => line = line.replacen(',', "x,", 1),
                _ => {}
            }
            rejected += u64::from(is_odd && matches!(self, Self::Ragged | Self::LostQuotes));
            text += &self.line(&line);
        }
        (text, rejected)
    }

    fn line(self, line: &str) -> String {
        match self {
            Self::Crlf => format!("{line}\r\n"),
            Self::Cr => format!("{line}\r"),
            Self::Spaces => line.replace(',', ", ").replace("one,  two", "one, two") + "\n",
            Self::Semicolons => line.replace(',', ";") + "\n",
            _ => format!("{line}\n"),
        }
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[divan::bench(args = WAYS)]
fn convert(bencher: Bencher<'_, '_>, way: Way) {
    let input = path(&format!("damage-{way:?}.csv"));
    let (text, rejected) = way.table();
    fs::write(&input, text).expect("a file in the target directory");
    let config = Builder::new()
        .input(input.to_str().expect("a path in UTF-8"))
        .out(path("damage-lake"))
        .mode(Mode::Overwrite)
        .progress(Progress::Never)
        .threads(1)
        // One cell in a hundred would be one too many for an inferred column.
        .dtype("id", "int64")
        .build();
    let pipeline = Pipeline::new(config.expect("a valid configuration"));
    let receipt = pipeline.run().expect("a run");
    let totals = (receipt.totals.rows_read, receipt.totals.rows_rejected);
    assert_eq!(totals, (ROWS, rejected));
    assert_eq!(receipt.columns.len(), 6);
    let nulled: u64 = receipt.columns.iter().map(|column| column.nulled).sum();
    assert_eq!(nulled, if way == Way::BadCells { ROWS / ODD } else { 0 });
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench(|| pipeline.run().expect("a run"));
    let _ = fs::remove_file(input);
}

fn main() {
    divan::main();
}
