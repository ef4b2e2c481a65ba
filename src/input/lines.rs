//! A byte offset -> its line number, worked out only when something is about to be printed.
//!
//! Invariant: however long the source, counting keeps no more than a window of it resident.

use super::Source;

const WINDOW_BYTES: usize = 1 << 20;

/// Number of newlines in `bytes`.
pub(super) fn count_newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Number of newlines at the offsets `start..end` of `source`, leaving none of it resident.
pub(super) fn count_and_release(source: &Source, start: usize, end: usize) -> u64 {
    let windows = (start..end).step_by(WINDOW_BYTES);
    let counts = windows.map(|at| {
        let window = at..end.min(at + WINDOW_BYTES);
        let newlines = count_newlines(&source.bytes()[window.clone()]);
        source.release(window);
        newlines
    });
    counts.sum()
}

/// Number, from 1, of the line of `source` that holds the byte at `offset`; lines end at LF.
///
/// Reads all of the source up to there: where a chunk is at hand,
/// [`Chunk::line_number`](super::Chunk::line_number) is nearer.
pub fn line_number(source: &Source, offset: u64) -> u64 {
    let length = source.bytes().len();
    let end = usize::try_from(offset).unwrap_or(length).min(length);
    1 + count_and_release(source, 0, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one_across_windows() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("lines.csv");
        let content = "0123456789abcde\n".repeat(WINDOW_BYTES / 16 * 2 + 5);
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
            assert_eq!(line_number(&source, offset as u64), expected, "{offset}");
        }
        let last = line_number(&source, u64::MAX);
        assert_eq!(last, 1 + content.len() as u64 / 16);
    }
}
