//! A file -> its bytes, mapped into memory.
//!
//! Invariants: the bytes have the length asked for at the time of mapping for as long as the map
//! lives, whatever happens to the file; and after [`Map::release`] of a range, none of the pages
//! that were read to serve that range stay resident on its account.
#![allow(unsafe_code)] // a map of a file that others may write to has no safe interface

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use memmap2::{Advice, Mmap, MmapOptions, UncheckedAdvice};

use super::fault::Watch;

/// A shared read-only map of a file, read in file order.
pub(super) struct Map {
    // Declared, and so dropped, before the map it watches.
    watch: Watch,
    map: Mmap,
}

impl Map {
    /// When a page is touched the kernel also maps neighbours it has at hand: 64 KiB around it,
    /// or as large a folio of the page cache as one page table reaches. Either way it stays
    /// within an aligned window of this many bytes.
    const FAULT_WINDOW_BYTES: usize = 2 * 1024 * 1024;

    /// Maps the first `length` bytes of `file`; `length` is at least 1.
    ///
    /// # Errors
    /// If the system refuses the map.
    pub(super) fn new(file: &File, length: usize) -> io::Result<Self> {
        // SAFETY: the map is private to this type and only read. If someone else writes to the
        // file the bytes may change between two reads, which is why readers check
        // `Source::check` before what they made of them goes anywhere; if someone shortens it,
        // the watch below turns the bus error into a flag.
        let map = unsafe { MmapOptions::new().len(length).map(file) }?;
        // Advice only makes things faster, so a refusal is no failure.
        let _ = map.advise(Advice::Sequential);
        // SAFETY: the map starts on a page, is read-only file content, and outlives the watch.
        let watch = unsafe { Watch::new(map.as_ptr(), map.len()) }?;
        Ok(Self { watch, map })
    }

    /// Whether some page could not be read, so that zeros stood in for it.
    pub(super) fn is_damaged(&self) -> bool {
        self.watch.is_damaged()
    }

    /// Lets go of the pages of `range`. Reading them again brings back the same bytes.
    ///
    /// The range is widened to whole fault windows: pages of a neighbour that were mapped along
    /// with ours would otherwise stay for ever if the neighbour has let go before.
    pub(super) fn release(&self, range: Range<usize>) {
        let range = range.start..range.end.min(self.map.len());
        if range.is_empty() {
            return;
        }
        let base = self.map.as_ptr() as usize;
        let window = Self::FAULT_WINDOW_BYTES;
        let start = ((base + range.start) / window * window).max(base) - base;
        let end = ((base + range.end).next_multiple_of(window) - base).min(self.map.len());
        // SAFETY: dropping pages of a shared read-only file map loses nothing: they are read from
        // the file again, and the zeros of a damaged one are zeros again.
        let _ = unsafe {
            self.map
                .unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start)
        };
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;

    use super::*;

    /// Resident bytes of the map, as the kernel counts them.
    fn resident_bytes(map: &Map) -> u64 {
        let base = map.as_ptr() as usize;
        let smaps = std::fs::read_to_string("/proc/self/smaps").expect("procfs");
        let start = format!("{base:x}-");
        let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&start));
        let line = lines.find(|line| line.starts_with("Rss:")).expect("a map");
        let kilobytes = line.split_whitespace().nth(1).expect("a figure");
        kilobytes.parse::<u64>().expect("a figure") * 1024
    }

    #[test]
    fn released_pages_are_gone_and_come_back_the_same() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        let content: Vec<u8> = (0..3_000_000_u32)
            .map(|i| (i.wrapping_mul(i) >> 7) as u8)
            .collect();
        file.write_all(&content).expect("room on the disk");
        let map = Map::new(&file, content.len()).expect("a map");
        assert_eq!(*map, content);
        assert!(resident_bytes(&map) >= 3_000_000);
        map.release(0..content.len());
        assert_eq!(resident_bytes(&map), 0);

        // Chunks that share pages and windows leave nothing behind either, in any order.
        let edges: Vec<_> = (0..content.len()).step_by(70_001).collect();
        for pair in edges.windows(2).rev() {
            let range = pair[0]..pair[1];
            assert_eq!(map[range.clone()], content[range.clone()]);
            map.release(range);
            assert_eq!(resident_bytes(&map), 0, "{pair:?}");
        }
        map.release(content.len()..content.len() + 1);
        assert!(!map.is_damaged());
    }
}
