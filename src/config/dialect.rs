//! The options that say how records and fields are told apart, and what they mean together.
//! Keeps: runs and `sniff` take the same ones, spelled alike; a dialect in which one byte means two
//! things is refused.

use super::choice::{
    Comment, Escape, Quote, SkipSpace, parse_comment, parse_delimiter, parse_escape, parse_quote,
};
use super::layout::LayoutOptions;
use crate::base::{Dialect, Error, Known, LineEnd, Result};

/// Options of the dialect; what is not given is found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub(super) struct DialectOptions {
    /// The byte between fields [default: found out]
    ///
    /// One ASCII character, or \t for a tab, or \xNN.
    #[arg(long, value_name = "BYTE", value_parser = parse_delimiter,
        help_heading = super::args::INPUT)]
    pub(super) delimiter: Option<u8>,

    /// The byte around quoted fields, or none [default: found out]
    #[arg(long, value_name = "BYTE", value_parser = parse_quote, help_heading = super::args::INPUT)]
    pub(super) quote: Option<Quote>,

    /// The byte that makes the next one ordinary, or none [default: none]
    ///
    /// With \ it stands before quotes, delimiters and line ends that are part of a field, inside
    /// quotes and outside; it is no part of the field itself, and letters behind it stay what they
    /// are. The quote itself means that only doubled quotes escape.
    #[arg(long, value_name = "BYTE", value_parser = parse_escape,
        help_heading = super::args::INPUT)]
    pub(super) escape: Option<Escape>,

    /// Lines that start with this are no records, or none [default: none]
    #[arg(long, value_name = "PREFIX", value_parser = parse_comment,
        help_heading = super::args::INPUT)]
    pub(super) comment: Option<Comment>,

    /// What ends a record: lf or any [default: lf]
    ///
    /// `lf` is LF or CRLF; `any` is a lone CR as well.
    #[arg(long, value_name = "WHAT", hide_possible_values = true,
        help_heading = super::args::INPUT)]
    pub(super) line_end: Option<LineEnd>,

    /// Spaces before a field are no part of it: yes, no or auto [default: auto]
    ///
    /// A quote may follow them, and spaces may follow a closing quote. `auto` skips them in files
    /// where one follows every delimiter, also in the header; without a value it is `yes`.
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = "yes",
        hide_possible_values = true, help_heading = super::args::INPUT)]
    pub(super) skip_space: Option<SkipSpace>,

    /// The first record is data, not names
    ///
    /// The columns are then called column_1, column_2, …
    #[arg(long, help_heading = super::args::INPUT)]
    pub(super) no_header: bool,
}

impl DialectOptions {
    /// These options, and `file`'s where these say nothing; `header` is given here.
    pub(super) fn over(self, file: Self, header: bool) -> Self {
        Self {
            delimiter: self.delimiter.or(file.delimiter),
            quote: self.quote.or(file.quote),
            escape: self.escape.or(file.escape),
            comment: self.comment.or(file.comment),
            line_end: self.line_end.or(file.line_end),
            skip_space: self.skip_space.or(file.skip_space),
            no_header: self.no_header || (file.no_header && !header),
        }
    }

    /// The dialect of sources about which nothing is found out.
    pub(super) fn dialect(&self) -> Result<Dialect> {
        let default = Dialect::default();
        let quote = self.quote.map_or(default.quote, |Quote(byte)| byte);
        let dialect = Dialect {
            delimiter: self.delimiter.unwrap_or(default.delimiter),
            quote,
            // Only doubled quotes escape, then.
            escape: { self.escape }
                .and_then(|Escape(byte)| byte)
                .filter(|byte| Some(*byte) != quote),
            comment: self.comment.and_then(|Comment(prefix)| prefix),
            line_end: self.line_end.unwrap_or_default(),
            skip_space: self.skip_space == Some(SkipSpace::Yes),
            header: !self.no_header,
        };
        check(dialect)?;
        Ok(dialect)
    }

    /// What they and `layout` say.
    pub(super) fn known(&self, layout: &LayoutOptions) -> Result<Known> {
        layout.check(self.no_header)?;
        let dialect = self.dialect()?;
        Ok(Known {
            delimiter: self.delimiter,
            quote: self.quote.map(|Quote(byte)| byte),
            escape: self.escape.map(|_| dialect.escape),
            comment: self.comment.map(|Comment(prefix)| prefix),
            line_end: self.line_end,
            skip_space: match self.skip_space {
                Some(SkipSpace::Yes) => Some(true),
                Some(SkipSpace::No) => Some(false),
                Some(SkipSpace::Auto) | None => None,
            },
            ..layout.known(self.no_header)
        })
    }
}

/// Fails if a byte means two things.
fn check(dialect: Dialect) -> Result<()> {
    let Dialect {
        delimiter,
        quote,
        escape,
        ..
    } = dialect;
    let refuse = |flag: &str, message: String| Err(Error::usage(flag, message));
    for (flag, byte) in [("--quote", quote), ("--escape", escape)] {
        if byte == Some(delimiter) {
            let byte = char::from(delimiter).escape_default();
            let message = format!("{byte} is the delimiter as well; choose another byte, or none");
            return refuse(flag, message);
        }
    }
    if let Some(comment) = dialect.comment
        && [Some(delimiter), quote].contains(&Some(comment.bytes()[0]))
    {
        let message = "no line that starts with the delimiter or the quote is a comment; choose \
                       another prefix, or none";
        return refuse("--comment", message.to_owned());
    }
    if dialect.skip_space && [Some(delimiter), quote, escape].contains(&Some(b' ')) {
        let message = "the space is the delimiter, the quote or the escape; leave one of them out";
        return refuse("--skip-space", message.to_owned());
    }
    Ok(())
}
