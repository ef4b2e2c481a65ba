//! Text -> syntax tree, by the `sqlparser` crate; and messages that point into the text.
//! Keeps: every error shows the line it is about with a caret below its place.

use sqlparser::ast::Expr;
use sqlparser::dialect::DuckDbDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token};

/// The longest expression, in bytes.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// The syntax tree of the expression `text`.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    if text.trim().is_empty() {
        return Err("an empty expression".to_owned());
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!(
            "an expression of {} bytes; keep it below {TEXT_BYTES_MAX}",
            text.len()
        ));
    }
    let dialect = DuckDbDialect {};
    let refuse = |error: ParserError| refusal(text, &error);
    let mut parser = Parser::new(&dialect).try_with_sql(text).map_err(refuse)?;
    let expression = parser.parse_expr().map_err(refuse)?;
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Ok(expression);
    }
    let hint = match next.token {
        Token::Eq => "",
        _ => "; is an operator missing before it?",
    };
    let message = format!("`{}` is not expected here{hint}", next.token);
    Err(point(text, next.span.start, &message))
}

/// The parser's own words, its place told by a caret.
fn refusal(text: &str, error: &ParserError) -> String {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            message.as_str()
        }
        ParserError::RecursionLimitExceeded => return "nested too deep".to_owned(),
    };
    let message = message.replace("found: EOF", "found: the end");
    let message = match message.strip_prefix("No infix parser for token Overlap") {
        Some(place) => format!("`&&` is no operator here; write AND{place}"),
        None => message,
    };
    let Some((what, place)) = message.rsplit_once(" at Line: ") else {
        return match message.ends_with("found: the end") {
            true => point(text, end_of(text), &message),
            false => message,
        };
    };
    let mut numbers = place.split(", Column: ").map(|number| {
        let digits = number.trim_end_matches(|c: char| !c.is_ascii_digit());
        digits.parse::<u64>().ok()
    });
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(line), Some(column)) => point(text, Location { line, column }, what),
        _ => what.to_owned(),
    }
}

/// The place behind the last character.
fn end_of(text: &str) -> Location {
    let last = text.lines().next_back().unwrap_or_default();
    Location {
        line: text.lines().count() as u64,
        column: last.trim_end().chars().count() as u64 + 1,
    }
}

/// `message`, and below it the line of `text` at `place`, with a caret.
pub(super) fn point(text: &str, place: Location, message: &str) -> String {
    /// More of a line than this is cut off.
    const SHOWN_CHARS: usize = 100;
    let Some(line) = usize::try_from(place.line)
        .ok()
        .and_then(|line| text.lines().nth(line.checked_sub(1)?))
    else {
        return message.to_owned();
    };
    let at = usize::try_from(place.column).unwrap_or(1).max(1) - 1;
    let from = at.saturating_sub(SHOWN_CHARS / 2);
    let shown: String = line.chars().skip(from).take(SHOWN_CHARS).collect();
    // Tabs stay tabs, so that the caret stands where the terminal puts the text.
    let before: String = line
        .chars()
        .skip(from)
        .take(at - from)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let before = format!("{before:<width$}", width = at - from);
    format!("{message}\n  {}\n  {before}^", printable(&shown))
}

/// `message` pointed at the start of `span`; bare if the span is of no place.
pub(super) fn point_at(text: &str, span: Span, message: &str) -> String {
    if span.start.line == 0 {
        return message.to_owned();
    }
    point(text, span.start, message)
}

/// `text` without what could drive a terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| match c.is_control() && c != '\t' {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().map(shown).collect()
}
