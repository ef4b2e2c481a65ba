//! TOML text -> values that know their key and line.
//! Keeps: tables are walked in the order they were written, and every error says where.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::base::{Error, Result};
use crate::config::expect::Literal;

/// A value and where it stands.
pub(super) struct Node<'a> {
    document: &'a Document<'a>,
    key: String,
    offset: usize,
    value: &'a DeValue<'a>,
}

struct Document<'a> {
    text: &'a str,
    name: &'a str,
}

/// Parses `text`, the content of the file called `name`, and hands its root to `visit`.
pub(super) fn document(
    text: &str,
    name: &str,
    visit: impl FnOnce(&Node<'_>) -> Result<()>,
) -> Result<()> {
    let document = Document { text, name };
    let root = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Error::usage(document.locate("--config", offset), error.message())
    })?;
    visit(&Node {
        document: &document,
        key: "--config".to_owned(),
        offset: 0,
        value: &DeValue::Table(root.into_inner()),
    })
}

impl Document<'_> {
    /// `what (file:line)`.
    fn locate(&self, what: &str, offset: usize) -> String {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("{what} ({}:{line})", self.name)
    }
}

impl<'a> Node<'a> {
    /// The key the value stands under; for an item of a list, the list's key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The key and where it stands, as errors call it.
    pub(super) fn place(&self) -> String {
        self.document.locate(&self.key, self.offset)
    }

    /// Says that something is wrong with this value.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::usage(self.place(), message)
    }

    fn wrong_type(&self, wanted: &str) -> Error {
        let mut message = format!("must be {wanted}, not a TOML {}", self.value.type_str());
        if self.is_table() {
            message.push_str("; a key that holds a dot stands in quotes: \"a.b\"");
        }
        self.error(message)
    }

    /// Whether the value is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Whether the value is a list.
    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// The table's entries, in the order they were written.
    pub(super) fn entries(&self) -> Result<Vec<Self>> {
        let table = self.value.as_table();
        let table = table.ok_or_else(|| self.wrong_type("a table"))?;
        let mut entries: Vec<Self> = table
            .iter()
            .map(|(key, value)| self.child(key.get_ref().as_ref(), key.span().start, value))
            .collect();
        entries.sort_by_key(|entry| entry.offset);
        Ok(entries)
    }

    /// The list's items; a single value is a list of one.
    pub(super) fn items(&self) -> Result<Vec<Self>> {
        let Some(items) = self.value.as_array() else {
            let value = self.value;
            return Ok(vec![Self {
                key: self.key.clone(),
                value,
                ..*self
            }]);
        };
        let item =
            |value: &'a Spanned<DeValue<'a>>| self.child(&self.key, value.span().start, value);
        Ok(items.iter().map(item).collect())
    }

    fn child(&self, key: &str, offset: usize, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self {
            document: self.document,
            key: key.to_owned(),
            offset,
            value: value.get_ref(),
        }
    }

    /// The value as true or false.
    pub(super) fn boolean(&self) -> Result<bool> {
        let boolean = self.value.as_bool();
        boolean.ok_or_else(|| self.wrong_type("true or false"))
    }

    /// The value as a string.
    pub(super) fn string(&self) -> Result<String> {
        let string = self.value.as_str().map(str::to_owned);
        string.ok_or_else(|| self.wrong_type("a string"))
    }

    /// The value as a list of strings; a single string is a list of one.
    pub(super) fn strings(&self) -> Result<Vec<String>> {
        self.items()?.iter().map(Self::string).collect()
    }

    /// The value as it would stand in a condition; a date or time as text.
    pub(super) fn literal(&self) -> Result<Literal> {
        let number = |text: &str| text.replace('_', "").parse().ok();
        let literal = match self.value {
            DeValue::String(text) => Some(Literal::Text(text.to_string())),
            DeValue::Boolean(flag) => Some(Literal::Flag(*flag)),
            DeValue::Datetime(time) => Some(Literal::Text(time.to_string())),
            DeValue::Integer(integer) => {
                i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix())
                    .ok()
                    .map(Literal::Integer)
            }
            DeValue::Float(float) => number(float.as_str()).map(Literal::Number),
            DeValue::Array(_) | DeValue::Table(_) => None,
        };
        literal.ok_or_else(|| self.wrong_type("a text, number, date or bool"))
    }

    /// The value as what `parse` makes of the text a flag would take. Numbers need no quotes.
    pub(super) fn parsed<T>(&self, parse: impl Fn(&str) -> Result<T, String>) -> Result<T> {
        let parsed = match self.value {
            DeValue::String(text) => parse(text),
            DeValue::Integer(number) => parse(&number.to_string()),
            DeValue::Float(number) => parse(&number.to_string()),
            _ => return Err(self.wrong_type("a string")),
        };
        parsed.map_err(|message| self.error(message))
    }
}
