//! What a file of typed columns says of itself -> its part of receipts and of what `sniff` prints.

use serde::{Deserialize, Serialize};

use super::{printable, units};

/// What is told of a Parquet file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnarReceipt {
    /// Number of rows.
    pub rows: u64,
    /// Number of row groups.
    pub row_groups: u64,
    /// The codecs of its columns, each once.
    pub codecs: Vec<String>,
    /// Length of its data before compression, in bytes.
    pub uncompressed_bytes: u64,
    /// The program that wrote it.
    pub created_by: Option<String>,
}

impl ColumnarReceipt {
    /// On one line.
    pub fn in_words(&self) -> String {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let mut words = vec![
            format!("{} row{}", units::count(self.rows), plural(self.rows)),
            format!(
                "{} row group{}",
                units::count(self.row_groups),
                plural(self.row_groups)
            ),
        ];
        if !self.codecs.is_empty() {
            words.push(self.codecs.join(" and "));
        }
        words.push(format!(
            "{} before compression",
            units::bytes(self.uncompressed_bytes)
        ));
        if let Some(by) = &self.created_by {
            words.push(format!("written by {}", printable(by)));
        }
        format!("Parquet: {}", words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_words() {
        let receipt = ColumnarReceipt {
            rows: 12_000,
            row_groups: 1,
            codecs: vec!["snappy".to_owned()],
            uncompressed_bytes: 2_000_000,
            created_by: Some("some\u{1b}writer".to_owned()),
        };
        let words = receipt.in_words();
        assert!(
            words.starts_with("Parquet: 12,000 rows, 1 row group, snappy, "),
            "{words}"
        );
        assert!(
            words.contains("written by some") && !words.contains('\u{1b}'),
            "{words}"
        );
    }
}
