//! Text -> utf8 and categorical. In come fields that the scanner has found to be UTF-8, out go
//! strings, or a dictionary whose values stand in order of first appearance, each of them used.
//! Invariant: the bytes of every cell are those of its field, unquoted, and which of the two a chunk
//! becomes depends on its own fields only.
//!
//! A categorical column is always a dictionary. A utf8 column starts every chunk as one, and goes
//! over to plain strings as soon as too many of its cells differ.
//!
//! This file may use `unsafe`: the scanner's promise that fields are UTF-8, and the interner's that
//! ids are indices, are passed on here.
#![allow(unsafe_code)]

use arrow::array::{ArrayRef, Int32Array};
use arrow::datatypes::Int32Type;
use bumpalo::Bump;

use super::column::{ColumnBuilder, ColumnCounts, Misfits, primitive, shared};
use super::field::{Field, FieldColumn, GROUP_ROWS, Group};
use super::intern::{Interner, NULL};
use super::null::{NullTokens, TokenSet};
use super::strings::Strings;
use super::validity::Validity;
use crate::base::Quoting;
use crate::base::masks::Kernel;
use crate::csv::unquote;

/// A chunk of utf8 may have this many distinct cells, whatever its length so far.
const DISTINCT_FREE: usize = 384;
/// Beyond that, one in so many cells may be a new one.
const CELLS_PER_DISTINCT: usize = 8;
/// More distinct cells than this are never a dictionary.
const DISTINCT_MAX: usize = 4096;
/// A dictionary of a whole chunk has at least so many cells for each value.
const CELLS_PER_VALUE_MIN: usize = 4;

/// Says which fields of a text column are null, and what the others mean.
pub(super) struct TextCells {
    quoting: Quoting,
    /// The tokens set for this column.
    tokens: TokenSet,
    /// The tokens of other columns.
    lookalikes: TokenSet,
    /// By first byte: bit n (63 for longer ones) says that a field of n bytes may be more than what
    /// it shows: quoted, or one of the tokens.
    suspects: Box<[u64; 256]>,
}

impl TextCells {
    pub(super) fn new(slot: usize, quoting: Quoting, tokens: &NullTokens) -> Self {
        let (tokens, lookalikes) = (tokens.of_text(slot), tokens.lookalikes());
        let mut suspects = Box::new([0; 256]);
        for token in tokens.iter().chain(lookalikes.iter()) {
            suspects[usize::from(token[0])] |= 1 << token.len().min(63);
        }
        if let Some(quote) = quoting.quote {
            suspects[usize::from(quote)] = u64::MAX << 1;
        }
        Self {
            quoting,
            tokens,
            lookalikes,
            suspects,
        }
    }

    /// Bits of a group's fields that are empty, and of those that may be quoted or a token.
    #[inline(always)]
    fn look(&self, group: &Group<'_>) -> (u64, u64) {
        let (mut empty, mut suspect) = (0, 0);
        for (row, field) in group.iter().enumerate() {
            let first = field.window::<1>().map_or(0, |window| window[0]);
            let bits = self.suspects[usize::from(first)];
            empty |= u64::from(field.len() == 0) << row;
            suspect |= (bits >> field.len().min(63) & 1) << row;
        }
        (empty, suspect)
    }

    /// Makes a group's quoted fields what is between their quotes, and returns a bit for each.
    #[inline(always)]
    fn strip_quotes(&self, group: &mut Group<'_>, mut suspect: u64) -> u64 {
        let mut quoted = 0;
        while suspect != 0 {
            let row = suspect.trailing_zeros() as usize;
            suspect &= suspect - 1;
            if self.is_quoted(group.field(row).text()) {
                group.starts[row] += 1;
                group.lens[row] = group.lens[row].saturating_sub(2);
                quoted |= 1 << row;
            }
        }
        quoted
    }

    fn is_quoted(&self, raw: &[u8]) -> bool {
        self.quoting.quote.is_some() && self.quoting.quote == raw.first().copied()
    }

    /// Whether a raw field of these bytes would mean another text, or none.
    pub(super) fn differs_raw(&self, text: &[u8]) -> bool {
        let escape = |escape| memchr::memchr(escape, text).is_some();
        text.is_empty() || self.is_quoted(text) || self.quoting.escape.is_some_and(escape)
    }

    pub(super) fn looks_null(&self, text: &[u8]) -> bool {
        self.lookalikes.contains(text)
    }

    /// The text of a field; `None` if it is null.
    pub(super) fn text<'a>(&self, field: Field<'a>, scratch: &'a Bump) -> Option<&'a [u8]> {
        if field.len() == 0 || self.quoting.is_null_marker(field.text()) {
            return None;
        }
        let text = unquote(field.text(), self.quoting, scratch).text;
        (!self.tokens.contains(text)).then_some(text)
    }
}

/// What has become of a chunk's cells so far.
enum Form {
    /// Ids in `keys`.
    Interned,
    /// Strings.
    Plain,
}

/// The builder of a text column.
pub(super) struct Text {
    cells: TextCells,
    /// Whether every chunk is to be a dictionary.
    categorical: bool,
    form: Form,
    interner: Interner,
    kernel: Kernel,
    /// The id of each cell, while interned.
    keys: Vec<i32>,
    strings: Strings,
    validity: Validity,
    null_lookalikes: u64,
    rows_expected: usize,
    /// What the last plain chunk needed: the next one is likely to be alike.
    bytes_expected: usize,
}

impl Text {
    pub(super) fn new(cells: TextCells, categorical: bool) -> Self {
        Self {
            cells,
            categorical,
            form: Form::Interned,
            interner: Interner::new(),
            kernel: Kernel::best(),
            keys: Vec::new(),
            strings: Strings::default(),
            validity: Validity::default(),
            null_lookalikes: 0,
            rows_expected: 0,
            bytes_expected: 0,
        }
    }

    #[inline]
    fn intern_group(&mut self, group: &Group<'_>, scratch: &Bump) {
        let mut ids = [NULL; GROUP_ROWS];
        self.interner
            .read_group(group, &self.cells, scratch, &mut ids);
        let ids = &ids[..group.rows()];
        let valid = ids.iter().enumerate();
        let valid = valid.fold(0, |valid, (row, id)| valid | u64::from(*id != NULL) << row);
        self.keys.extend_from_slice(ids);
        self.validity.push(valid, group.rows());
        let cells = self.keys.len() - self.validity.nulls() as usize;
        let distinct_max = (DISTINCT_FREE + cells / CELLS_PER_DISTINCT).min(DISTINCT_MAX);
        if !self.categorical && self.interner.values().len() > distinct_max {
            self.spread();
        }
    }

    /// Goes over from ids to strings.
    fn spread(&mut self) {
        self.form = Form::Plain;
        let bytes = self.bytes_expected + self.bytes_expected / 8;
        self.strings = Strings::with_capacity(self.rows_expected.max(self.keys.len()), bytes);
        self.null_lookalikes = self.interner.count_lookalikes(&self.keys);
        let values = self.interner.values();
        for &id in &self.keys {
            let is_null = id == NULL;
            let text = if is_null {
                b""
            } else {
                values.get(id as usize)
            };
            self.strings.push(text);
        }
    }

    /// Appends a group's cells as strings.
    #[inline]
    fn copy_group(&mut self, group: &mut Group<'_>, scratch: &Bump) {
        if self.cells.quoting.escape.is_some() {
            return self.copy_each(group, scratch);
        }
        let (empty, suspect) = self.cells.look(group);
        let quoted = self.cells.strip_quotes(group, suspect);
        let first = self.strings.len();
        match self.cells.quoting.quote {
            Some(quote) if quoted != 0 => {
                self.strings.push_halved(self.kernel, group, quote, quoted);
            }
            _ => self.strings.push_group(group),
        }
        let nulls = self.count_tokens(first, suspect);
        if nulls != 0 {
            self.strings.make_empty(first, nulls);
        }
        let valid = group.all() & !empty & !nulls;
        self.validity.push(valid, group.rows());
    }

    /// [`Self::copy_group`], a field at a time: any of them may hold an escape.
    fn copy_each(&mut self, group: &Group<'_>, scratch: &Bump) {
        let mut valid = 0;
        for (row, field) in group.iter().enumerate() {
            let text = self.cells.text(field, scratch);
            valid |= u64::from(text.is_some()) << row;
            self.null_lookalikes += u64::from(text.is_some_and(|text| self.cells.looks_null(text)));
            self.strings.push(text.unwrap_or_default());
        }
        self.validity.push(valid, group.rows());
    }

    /// Bits of those strings from `first` on, among `suspect`, that are null tokens; counts those
    /// that only look like one.
    fn count_tokens(&mut self, first: usize, mut suspect: u64) -> u64 {
        let mut nulls = 0;
        while suspect != 0 {
            let row = suspect.trailing_zeros();
            suspect &= suspect - 1;
            let text = self.strings.get(first + row as usize);
            let is_null = self.cells.tokens.contains(text);
            nulls |= u64::from(is_null) << row;
            self.null_lookalikes += u64::from(!is_null && self.cells.looks_null(text));
        }
        nulls
    }

    /// Whether the chunk's dictionary is worth handing on.
    fn is_dictionary(&self) -> bool {
        let cells = self.keys.len() - self.validity.nulls() as usize;
        let values = self.interner.values().len();
        self.categorical || (1..=cells / CELLS_PER_VALUE_MIN).contains(&values)
    }

    fn finish_dictionary(&mut self) -> ArrayRef {
        self.null_lookalikes = self.interner.count_lookalikes(&self.keys);
        let mut keys = std::mem::take(&mut self.keys);
        keys.iter_mut().for_each(|key| *key = (*key).max(0));
        let nulls = std::mem::take(&mut self.validity).finish();
        let keys: Int32Array = primitive::<Int32Type>(keys, nulls);
        let values = self.interner.take_values();
        // SAFETY: the interner hands out the indices of its values, and null for the rest.
        shared(unsafe { values.into_dictionary(keys) })
    }

    fn finish_plain(&mut self) -> ArrayRef {
        let strings = std::mem::take(&mut self.strings);
        self.bytes_expected = strings.bytes_len();
        let nulls = std::mem::take(&mut self.validity).finish();
        // SAFETY: every string is a field of the scanner's, which hands out UTF-8 only, or such a
        // field unquoted: quotes and escapes are ASCII, so taking some away leaves whole characters.
        // Every string was pushed along with a bit of the validity.
        let array = unsafe { strings.into_array(nulls) };
        shared(array)
    }
}

impl ColumnBuilder for Text {
    fn begin(&mut self, rows: usize) {
        self.form = Form::Interned;
        self.interner.clear();
        self.keys.clear();
        self.keys.reserve(rows);
        self.validity = Validity::with_capacity(rows);
        self.null_lookalikes = 0;
        self.rows_expected = rows;
    }

    fn push(&mut self, fields: FieldColumn<'_>, scratch: &Bump, _: &mut Misfits) {
        let mut group = fields.group();
        for first in (0..fields.rows()).step_by(GROUP_ROWS) {
            fields.fill(first, &mut group);
            match self.form {
                Form::Interned => self.intern_group(&group, scratch),
                Form::Plain => self.copy_group(&mut group, scratch),
            }
        }
    }

    fn finish(&mut self) -> (ArrayRef, ColumnCounts) {
        let nulls = self.validity.nulls();
        if matches!(self.form, Form::Interned) && !self.is_dictionary() {
            self.spread();
        }
        let array = match self.form {
            Form::Interned => self.finish_dictionary(),
            Form::Plain => self.finish_plain(),
        };
        let counts = ColumnCounts {
            nulls,
            nulled: 0,
            null_lookalikes: self.null_lookalikes,
        };
        (array, counts)
    }

    fn memory_bytes(&self) -> usize {
        self.interner.memory_bytes()
            + self.keys.capacity() * size_of::<i32>()
            + self.strings.memory_bytes()
            + self.validity.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use arrow::array::{Array, AsArray, StringArray};
    use arrow::compute::cast;
    use arrow::datatypes::DataType;
    use proptest::prelude::*;

    use super::super::tests::bounds_of;
    use super::*;

    fn text(tokens: &NullTokens, categorical: bool) -> Text {
        Text::new(
            TextCells::new(0, Quoting::doubled(Some(b'"')), tokens),
            categorical,
        )
    }

    /// What the builder makes of one column of raw fields, in blocks of three rows or of a hundred.
    fn array(builder: &mut Text, raw: &[&str]) -> (ArrayRef, ColumnCounts) {
        let (bytes, bounds) = bounds_of(raw);
        let scratch = Bump::new();
        builder.begin(0);
        for block in bounds.chunks(if raw.len() < 99 { 6 } else { 200 }) {
            let fields = FieldColumn::new(&bytes, block, 1, 0);
            builder.push(fields, &scratch, &mut Misfits::default());
        }
        let (array, counts) = builder.finish();
        assert_eq!(array.logical_null_count() as u64, counts.nulls);
        (array, counts)
    }

    fn cells(array: &ArrayRef) -> Vec<Option<String>> {
        let array = cast(array, &DataType::Utf8).unwrap();
        let cells = array.as_string::<i32>().iter();
        cells.map(|cell| cell.map(String::from)).collect()
    }

    fn decode(builder: &mut Text, raw: &[&str]) -> (Vec<Option<String>>, ColumnCounts) {
        let (array, counts) = array(builder, raw);
        (cells(&array), counts)
    }

    /// The plain twin: a field at a time.
    fn plain(tokens: &NullTokens, raw: &[&str]) -> (Vec<Option<String>>, ColumnCounts) {
        let read = TextCells::new(0, Quoting::doubled(Some(b'"')), tokens);
        let scratch = Bump::new();
        let texts = raw
            .iter()
            .map(|raw| read.text(Field::new(raw.as_bytes()), &scratch));
        let texts: Vec<_> = texts.collect();
        let lookalikes = texts.iter().flatten().filter(|text| read.looks_null(text));
        let counts = ColumnCounts {
            nulls: texts.iter().filter(|text| text.is_none()).count() as u64,
            nulled: 0,
            null_lookalikes: lookalikes.count() as u64,
        };
        let string = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
        (texts.iter().map(|text| text.map(string)).collect(), counts)
    }

    /// That a dictionary's values are distinct, used, and in order of first appearance.
    fn assert_well_made(array: &ArrayRef) {
        let array = array.as_dictionary::<Int32Type>();
        let values = array.values().as_string::<i32>();
        assert_eq!(values.iter().collect::<HashSet<_>>().len(), values.len());
        let mut next = 0;
        for key in array.keys().iter().flatten() {
            assert!(key <= next, "a value stands behind one that appears later");
            next += i32::from(key == next);
        }
        assert_eq!(next as usize, values.len(), "every value is used");
    }

    #[test]
    fn quoted_empty_and_lookalike_cells() {
        let raw = [
            "NA",
            "",
            "\"\"",
            "\"NA\"",
            " a ",
            "\"a \"\"b\"\"\"",
            "é,",
            "nan x",
        ];
        let expected = ["NA", "-", "", "NA", " a ", "a \"b\"", "é,", "nan x"];
        let expected = expected.map(|cell| (cell != "-").then(|| cell.to_string()));
        for categorical in [false, true] {
            let (cells, counts) = decode(&mut text(&NullTokens::default(), categorical), &raw);
            assert_eq!(cells, expected);
            assert_eq!((counts.nulls, counts.null_lookalikes), (1, 3));
        }
    }

    #[test]
    fn tokens_set_for_the_column_are_null() {
        let mut tokens = NullTokens::default();
        tokens.per_column.insert(0, vec!["NA".into()]);
        for categorical in [false, true] {
            let raw = ["NA", "\"NA\"", "null", "na"];
            let (cells, counts) = decode(&mut text(&tokens, categorical), &raw);
            assert_eq!(cells, [None, None, Some("null".into()), Some("na".into())]);
            assert_eq!((counts.nulls, counts.null_lookalikes), (2, 1));
        }
    }

    #[test]
    fn chunks_without_a_value() {
        for categorical in [false, true] {
            let mut builder = text(&NullTokens::default(), categorical);
            assert_eq!(decode(&mut builder, &[]), (vec![], ColumnCounts::default()));
            let (cells, counts) = decode(&mut builder, &["", ""]);
            assert_eq!((cells, counts.nulls), (vec![None, None], 2));
        }
    }

    #[test]
    fn keys_in_order_of_first_appearance() {
        let mut builder = text(&NullTokens::default(), true);
        for _ in 0..2 {
            let raw = [
                "b",
                "\"\"\"b\"\"\"",
                "a",
                "",
                "\"b\"",
                "\"\"",
                "\"\"\"b\"\"\"",
                "a",
            ];
            let (array, _) = array(&mut builder, &raw);
            let array = array.as_dictionary::<Int32Type>();
            let keys = [
                Some(0),
                Some(1),
                Some(2),
                None,
                Some(0),
                Some(3),
                Some(1),
                Some(2),
            ];
            assert_eq!(array.keys(), &Int32Array::from_iter(keys));
            let values = array.values().as_string::<i32>();
            assert_eq!(values, &StringArray::from(vec!["b", "\"b\"", "a", ""]));
        }
    }

    #[test]
    fn a_chunk_is_a_dictionary_while_its_cells_repeat() {
        let long = "a text that is longer than two words";
        let words = |rows: usize, distinct: usize| -> Vec<String> {
            let word = |row: usize| match row % distinct {
                0 => String::new(),
                word if word % 3 == 0 => format!("\"{long} {word}\""),
                word => format!("word {word}"),
            };
            (0..rows).map(word).collect()
        };
        let late = [words(2000, 20), words(3000, 3000)].concat();
        let mut builder = text(&NullTokens::default(), false);
        for (raw, is_dictionary) in [
            (words(2000, 20), true),
            (words(60, 20), false),
            (words(5000, 300), true),
            (words(5000, 2000), false),
            (late, false),
            (words(2000, 20), true),
        ] {
            let raw: Vec<&str> = raw.iter().map(String::as_str).collect();
            let (array, counts) = array(&mut builder, &raw);
            let expected = plain(&NullTokens::default(), &raw);
            assert_eq!((cells(&array), counts), expected);
            assert_eq!(array.as_any_dictionary_opt().is_some(), is_dictionary);
            if is_dictionary {
                assert_well_made(&array);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_survives(
            chunks in prop::collection::vec(prop::collection::vec("\\PC{0,40}|a{14,18}|a{30,34}|x{100,200}|NA", 0..20), 1..4),
            times in 1..20_usize, with_tokens in any::<bool>(),
        ) {
            let mut tokens = NullTokens::default();
            if with_tokens {
                tokens.per_column.insert(0, vec!["NA".into(), "".into(), "aaaaaaaaaaaaaaaaa".into()]);
            }
            let mut builders = [false, true].map(|categorical| text(&tokens, categorical));
            for texts in chunks {
                let quoted = |text: &String| format!("\"{}\"", text.replace('"', "\"\""));
                let bare = texts.iter().filter(|text| !text.starts_with('"')).cloned();
                let raw: Vec<String> = texts.iter().map(quoted).chain(bare).collect();
                let raw: Vec<&str> = raw.iter().map(String::as_str).collect();
                let raw = raw.repeat(times);
                for builder in &mut builders {
                    let (array, counts) = array(builder, &raw);
                    prop_assert_eq!((cells(&array), counts), plain(&tokens, &raw));
                    if array.as_any_dictionary_opt().is_some() {
                        assert_well_made(&array);
                    }
                }
                // The first chunks of other builders go over to plain strings in their midst.
                let mut unlike = raw.clone();
                let unique: Vec<String> = (0..600).map(|row| format!("{row}")).collect();
                unlike.extend(unique.iter().map(String::as_str));
                unlike.extend(&raw);
                prop_assert_eq!(decode(&mut builders[0], &unlike), plain(&tokens, &unlike));
            }
        }
    }
}
