//! The options that say how a source is laid out, and whether that is to be found out.
//! Keeps: runs and `sniff` take the same ones, spelled alike.

use crate::base::{Error, Keep, Known, Result};

/// Options of what is found out when they are not given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub(super) struct LayoutOptions {
    /// The first record names the columns, whatever it looks like
    #[arg(long, conflicts_with = "no_header", help_heading = super::args::INPUT)]
    pub(super) header: bool,

    /// Lines before the header
    ///
    /// They are skipped and listed in the receipt. Default: what looks like titles and notes.
    #[arg(long, value_name = "N", value_parser = parse_rows, help_heading = super::args::INPUT)]
    pub(super) skip_rows: Option<usize>,

    /// Records that name the columns together, joined by _
    #[arg(long, value_name = "N", value_parser = super::quantity::parse_count,
        help_heading = super::args::INPUT)]
    pub(super) header_rows: Option<usize>,

    /// Which of several tables in a file to load, from 1
    ///
    /// Default: the first large enough; the receipt lists the others.
    #[arg(long, value_name = "N", value_parser = super::quantity::parse_count,
        help_heading = super::args::INPUT)]
    pub(super) table: Option<usize>,

    /// Keep what looks like no part of the table: units, footer, trailing
    ///
    /// A comma list: `units` is a row of units below the names, `footer` notes and sums behind the
    /// last record, `trailing` an empty last column.
    #[arg(long, value_name = "LIST", value_parser = super::choice::parse_keep,
        conflicts_with = "no_sniff", help_heading = super::args::INPUT)]
    pub(super) keep: Option<Keep>,

    /// Find out nothing: read commas, double quotes and a header unless told otherwise
    #[arg(long, conflicts_with = "table", help_heading = super::args::INPUT)]
    pub(super) no_sniff: bool,
}

impl LayoutOptions {
    /// These options, and `file`'s where these say nothing; `no_header` is given here.
    pub(super) fn over(self, file: Self, no_header: bool) -> Self {
        Self {
            header: self.header || (file.header && !no_header),
            skip_rows: self.skip_rows.or(file.skip_rows),
            header_rows: self.header_rows.or(file.header_rows),
            table: self.table.or(file.table),
            keep: self.keep.or(file.keep.filter(|_| !self.no_sniff)),
            no_sniff: self.no_sniff
                || (file.no_sniff && self.table.is_none() && self.keep.is_none()),
        }
    }

    /// Fails if they contradict each other, or `no_header`.
    pub(super) fn check(&self, no_header: bool) -> Result<()> {
        if no_header && (self.header || self.header_rows.is_some()) {
            let flag = if self.header {
                "--header"
            } else {
                "--header-rows"
            };
            let message = "contradicts --no-header; drop one of the two";
            return Err(Error::usage(flag, message));
        }
        if self.no_sniff && self.table.is_some() {
            let message = "tables are found by looking; drop --no-sniff";
            return Err(Error::usage("--table", message));
        }
        if self.no_sniff && self.keep.is_some() {
            let message = "everything is kept with --no-sniff; drop one of the two";
            return Err(Error::usage("--keep", message));
        }
        Ok(())
    }

    /// What they say beside the bytes of the dialect.
    pub(super) fn known(&self, no_header: bool) -> Known {
        let names = self.header || self.header_rows.is_some();
        let header = match no_header {
            true => Some(false),
            false => names.then_some(true),
        };
        Known {
            header,
            skip_rows: self.skip_rows,
            header_rows: self.header_rows,
            table: self.table,
            keep: self.keep.unwrap_or_default(),
            ..Known::default()
        }
    }
}

/// A number of lines, which may be 0.
pub(super) fn parse_rows(text: &str) -> std::result::Result<usize, String> {
    let digits = text.replace('_', "");
    digits
        .parse()
        .map_err(|_| "write a whole number of lines, such as 3".to_owned())
}
