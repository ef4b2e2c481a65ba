//! Random draws in, free text out: words with, inside quoted cells, commas, doubled quotes and line
//! breaks. Invariant: a cell is quoted if and where RFC 4180 needs it, and what stands in it is
//! told to the caller.

use crate::buffer::{Word, put, put_byte, words};
use crate::faults::Mark;
use crate::random::{Chance, Rng};

/// How the cells of a text column look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prose {
    /// Cells with nothing in them.
    pub(crate) empty: Chance,
    /// Cells, of those that are not empty, in quotes; only they hold anything but words.
    pub(crate) quoted: Chance,
    /// The fewest words of a cell, at least 1.
    pub(crate) words_min: u32,
    /// The most words of a cell.
    pub(crate) words_max: u32,
    /// Gaps between two words with a comma.
    pub(crate) comma: Chance,
    /// Words in doubled quotes.
    pub(crate) quote: Chance,
    /// Gaps between two words with a line break.
    pub(crate) line_break: Chance,
}

static WORDS: [Word; 64] = words([
    "order",
    "item",
    "gift",
    "late",
    "early",
    "call",
    "door",
    "box",
    "blue",
    "red",
    "green",
    "size",
    "small",
    "large",
    "left",
    "right",
    "paid",
    "open",
    "closed",
    "return",
    "refund",
    "damaged",
    "fragile",
    "urgent",
    "please",
    "leave",
    "with",
    "the",
    "neighbour",
    "desk",
    "front",
    "back",
    "garden",
    "gate",
    "ring",
    "twice",
    "before",
    "after",
    "noon",
    "monday",
    "friday",
    "weekend",
    "holiday",
    "address",
    "changed",
    "confirmed",
    "pending",
    "checked",
    "stock",
    "short",
    "spare",
    "part",
    "missing",
    "label",
    "wrapped",
    "card",
    "inside",
    "birthday",
    "express",
    "standard",
    "pickup",
    "store",
    "online",
    "again",
]);

impl Prose {
    /// The longest cell, in bytes, with a comma, a gap and both doubled quotes at every word.
    pub(crate) fn bytes_max(&self) -> usize {
        2 + self.words_max as usize * (Word::BYTES_MAX + 6)
    }

    /// Stores one cell at `at` and calls `mark` once for each of its features; returns where the
    /// next text goes.
    pub(crate) fn write(
        &self,
        rng: &mut Rng,
        out: &mut [u8],
        mut at: usize,
        mut mark: impl FnMut(Mark),
    ) -> usize {
        if self.empty.hits(rng.dice()) {
            mark(Mark::Empty);
            return at;
        }
        let quoted = self.quoted.hits(rng.dice());
        let words = self.words_min + rng.below(self.words_max - self.words_min + 1);
        if quoted {
            return self.write_quoted(words, rng, out, at, mark);
        }
        at = word(rng).put(out, at);
        for _ in 1..words {
            at = put_byte(out, at, b' ');
            at = word(rng).put(out, at);
        }
        at
    }

    fn write_quoted(
        &self,
        words: u32,
        rng: &mut Rng,
        out: &mut [u8],
        mut at: usize,
        mut mark: impl FnMut(Mark),
    ) -> usize {
        let (mut comma, mut quote, mut line_break) = (false, false, false);
        at = put_byte(out, at, b'"');
        for index in 0..words {
            if index > 0 {
                let commas = self.comma.hits(rng.dice());
                let breaks = self.line_break.hits(rng.dice());
                at = put(out, at, *b",", usize::from(commas));
                at = put_byte(out, at, if breaks { b'\n' } else { b' ' });
                comma |= commas;
                line_break |= breaks;
            }
            let quotes = self.quote.hits(rng.dice());
            let quotes_len = 2 * usize::from(quotes);
            at = put(out, at, *b"\"\"", quotes_len);
            at = word(rng).put(out, at);
            at = put(out, at, *b"\"\"", quotes_len);
            quote |= quotes;
        }
        let features = [
            (comma, Mark::Comma),
            (quote, Mark::Quote),
            (line_break, Mark::LineBreak),
        ];
        for (_, feature) in features.into_iter().filter(|(present, _)| *present) {
            mark(feature);
        }
        put_byte(out, at, b'"')
    }
}

fn word(rng: &mut Rng) -> &'static Word {
    &WORDS[rng.below(WORDS.len() as u32) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_csv_crate_reads_back_what_was_marked() {
        let prose = Prose {
            empty: Chance::percent(20),
            quoted: Chance::percent(60),
            words_min: 1,
            words_max: 5,
            comma: Chance::percent(20),
            quote: Chance::percent(20),
            line_break: Chance::percent(20),
        };
        let mut seen = [0; 4];
        for row in 0..5000 {
            let (mut out, mut marks) = (vec![0; 2 + prose.bytes_max() + 16], Vec::new());
            let begin = put(&mut out, 0, *b"x,", 2);
            let end = prose.write(&mut Rng::for_row(5, row), &mut out, begin, |mark| {
                marks.push(mark);
            });
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(&out[..end]);
            let records: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].len(), 2);
            let cell = &records[0][1];
            let words = cell.split([' ', '\n']).filter(|word| !word.is_empty());
            assert!(words.count() <= 5);
            let features = [
                (cell.is_empty(), Mark::Empty),
                (cell.contains(','), Mark::Comma),
                (cell.contains('"'), Mark::Quote),
                (cell.contains('\n'), Mark::LineBreak),
            ];
            for (index, (present, mark)) in features.into_iter().enumerate() {
                assert_eq!(marks.contains(&mark), present, "{mark:?} in {cell:?}");
                seen[index] += usize::from(present);
            }
        }
        assert!(seen.iter().all(|&count| count > 500), "{seen:?}");
    }
}
