//! A byte offset -> its line number, worked out only when something is about to be printed.
//!
//! Invariant: however long the source, counting keeps no more than a window of it resident.

use super::Source;
use crate::base::LineEnd;

const WINDOW_BYTES: usize = 1 << 20;

/// Number of lines that end in `start..end` of `source`, leaving none of it resident.
pub(super) fn count_and_release(
    source: &Source,
    line_end: LineEnd,
    start: usize,
    end: usize,
) -> u64 {
    let windows = (start..end).step_by(WINDOW_BYTES);
    let counts = windows.map(|at| {
        let window = at..end.min(at + WINDOW_BYTES);
        let lines = line_end.count(source.bytes(), window.clone());
        source.release(window);
        lines
    });
    counts.sum()
}

/// Number, from 1, of the line of `source` that holds the byte at `offset`.
///
/// Reads all of the source up to there: where a chunk is at hand,
/// [`Chunk::line_number`](super::Chunk::line_number) is nearer.
pub fn line_number(source: &Source, line_end: LineEnd, offset: u64) -> u64 {
    let length = source.bytes().len();
    let end = usize::try_from(offset).unwrap_or(length).min(length);
    1 + count_and_release(source, line_end, 0, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one_across_windows() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("lines.csv");
        for (line_end, line) in [
            (LineEnd::Lf, "0123456789ab\rde\n"),
            (LineEnd::Any, "0123456789abcde\r"),
            (LineEnd::Any, "0123456789abcd\r\n"),
        ] {
            let content = line.repeat(WINDOW_BYTES / 16 * 2 + 5);
            std::fs::write(&path, &content).expect("written");
            let source = Source::open(&path, dir.path(), &mut |_| Ok(())).expect("opened");
            for offset in [
                0,
                15,
                16,
                WINDOW_BYTES - 1,
                WINDOW_BYTES,
                WINDOW_BYTES + 1,
                content.len() - 1,
            ] {
                let expected = 1 + offset as u64 / 16;
                let found = line_number(&source, line_end, offset as u64);
                assert_eq!(found, expected, "{offset}");
            }
            let last = line_number(&source, line_end, u64::MAX);
            assert_eq!(last, 1 + content.len() as u64 / 16);
        }
    }
}
