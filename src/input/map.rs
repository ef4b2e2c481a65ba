//! A file -> its bytes, mapped into memory.
//!
//! Invariants: the bytes have the length asked for at the time of mapping for as long as the map
//! lives, whatever happens to the file; and after [`Map::release`] of a range, none of the pages
//! that were read to serve that range stay resident on its account, save where another range that is
//! held will be released later.
#![allow(unsafe_code)] // a map of a file that others may write to has no safe interface

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::{Mutex, MutexGuard};

use memmap2::{Advice, Mmap, MmapOptions, UncheckedAdvice};

use super::fault::Watch;

/// A shared read-only map of a file, read in file order.
pub(super) struct Map {
    // Declared, and so dropped, before the map it watches.
    watch: Watch,
    map: Mmap,
    /// Ranges in use, by their start; none overlaps another.
    held: Mutex<BTreeMap<usize, usize>>,
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
        let held = Mutex::default();
        Ok(Self { watch, map, held })
    }

    /// Whether some page could not be read, so that zeros stood in for it.
    pub(super) fn is_damaged(&self) -> bool {
        self.watch.is_damaged()
    }

    /// Says that `range` is in use: until its release, the release of others leaves it alone.
    pub(super) fn hold(&self, range: Range<usize>) {
        if !range.is_empty() {
            self.held().insert(range.start, range.end);
        }
    }

    /// Maps the pages of `range` at once, so that whoever reads them next does not wait for that.
    /// They are there until the release of that range.
    pub(super) fn populate(&self, range: Range<usize>) {
        let range = range.start..range.end.min(self.map.len());
        if range.is_empty() {
            return;
        }
        // A system that does not know this advice maps pages as they are read.
        #[cfg(target_os = "linux")]
        let advice = Advice::PopulateRead;
        #[cfg(not(target_os = "linux"))]
        let advice = Advice::WillNeed;
        let _ = self.map.advise_range(advice, range.start, range.len());
    }

    /// Lets go of the pages of `range`. Reading them again brings back the same bytes.
    pub(super) fn release(&self, range: Range<usize>) {
        let range = range.start..range.end.min(self.map.len());
        if range.is_empty() {
            return;
        }
        self.held().remove(&range.start);
        let Range { start, end } = self.free_around(range);
        if start < end {
            // SAFETY: dropping pages of a shared read-only file map loses nothing: they are read
            // from the file again, and the zeros of a damaged one are zeros again.
            let _ = unsafe {
                self.map
                    .unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start)
            };
        }
    }

    /// `range` widened to whole fault windows, as far as no other range is held: pages of a
    /// neighbour that were mapped along with ours would otherwise stay for ever if the neighbour has
    /// let go before. A page that is shared goes with the one who is released last.
    fn free_around(&self, range: Range<usize>) -> Range<usize> {
        let held = self.held();
        let before = held.range(..range.start).next_back();
        let before = before.map_or(0, |(_, end)| *end);
        let behind = held.range(range.end..).next();
        let behind = behind.map_or(usize::MAX, |(start, _)| *start);
        let base = self.map.as_ptr() as usize;
        let window = Self::FAULT_WINDOW_BYTES;
        let start = ((base + range.start) / window * window).max(base) - base;
        let end = ((base + range.end).next_multiple_of(window) - base).min(self.map.len());
        let page = rustix::param::page_size();
        start.max(before.next_multiple_of(page))..end.min(behind / page * page)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<usize, usize>> {
        self.held.lock().expect("no holder of this lock panics")
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

    #[test]
    fn ranges_that_are_held_keep_their_pages_until_the_last_goes() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        let length = 3_000_000;
        file.write_all(&vec![b'x'; length])
            .expect("room on the disk");
        let map = Map::new(&file, length).expect("a map");
        let ranges = [0..1_000_001, 1_000_001..2_000_003, 2_000_003..length];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
            for range in &ranges {
                map.hold(range.clone());
                map.populate(range.clone());
            }
            assert!(resident_bytes(&map) >= length as u64);
            let mut left = length as u64;
            for index in order {
                let range = ranges[index].clone();
                left -= range.len() as u64;
                map.release(range);
                // Pages at its edges go with its neighbours.
                let resident = resident_bytes(&map);
                assert!(resident <= left + 4 * 4096, "{order:?} {index} {resident}");
            }
            assert_eq!(resident_bytes(&map), 0);
        }
        // Nothing that is held would have to be read again.
        ranges.iter().for_each(|range| map.hold(range.clone()));
        map.held().remove(&ranges[1].start);
        let free = map.free_around(ranges[1].clone());
        let page = rustix::param::page_size();
        assert_eq!(free.start, 1_000_001_usize.next_multiple_of(page));
        assert_eq!(free.end, 2_000_003 / page * page);
        ranges.iter().for_each(|range| map.release(range.clone()));
        map.populate(length - 1..2 * length);
        map.populate(length..length + 1);
        map.release(0..length);
        assert_eq!(resident_bytes(&map), 0);
    }
}
