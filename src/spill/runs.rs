//! Sorted runs of entries -> packed blocks in one temporary file.
//!
//! Invariant: an entry is written once, and once more for each round of merging that many runs take;
//! a run is written by one thread, several runs by as many side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::{self, Block};
use super::merge::Merge;
use super::space::{TempFile, TempSpace};
use crate::base::Result;

/// The sizes that bound the memory of writing and merging.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// A block ends with the entry that brings it to this many bytes.
    pub block_bytes: usize,
    /// The most that the blocks being merged may take, in bytes; runs beyond that are merged in
    /// several rounds, never less than two at a time.
    pub merge_bytes_max: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            block_bytes: 64 << 10,
            merge_bytes_max: 16 << 20,
        }
    }
}

/// Sorted runs, to be merged. Entries of equal keys come in the order of their runs, those of one
/// run in the order in which they were written.
#[derive(Debug)]
pub struct Runs {
    sizes: Sizes,
    file: Arc<TempFile>,
    space: Arc<TempSpace>,
    runs: Vec<Arc<Run>>,
    spilled: Spilled,
}

/// What has been written to some runs and to all beside them, rounds of merging included.
#[derive(Debug, Clone, Default)]
pub struct Spilled(Arc<AtomicU64>);

impl Spilled {
    /// It, packed, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A run that has been written.
#[derive(Debug)]
pub struct Run {
    pub(super) file: Arc<TempFile>,
    pub(super) blocks: Vec<Block>,
    entries: u64,
}

/// A run being written.
#[derive(Debug)]
pub struct RunWriter {
    file: Arc<TempFile>,
    block_bytes: usize,
    raw: Vec<u8>,
    packed: Vec<u8>,
    blocks: Vec<Block>,
    entries: u64,
    #[cfg(debug_assertions)]
    last_key: Vec<u8>,
}

impl Runs {
    /// No runs yet, with [`Sizes::default`].
    ///
    /// # Errors
    /// Those of [`TempSpace::file`].
    pub fn new(space: &Arc<TempSpace>) -> Result<Self> {
        Self::sized(space, Sizes::default())
    }

    /// No runs yet.
    ///
    /// # Errors
    /// Those of [`TempSpace::file`].
    pub fn sized(space: &Arc<TempSpace>, sizes: Sizes) -> Result<Self> {
        Ok(Self {
            sizes,
            file: Arc::new(space.file()?),
            space: Arc::clone(space),
            runs: Vec::new(),
            spilled: Spilled::default(),
        })
    }

    /// No runs yet, in the same place; merging them takes no more than one of `parts` of what these
    /// may take.
    ///
    /// # Errors
    /// Those of [`TempSpace::file`].
    pub fn beside(&self, parts: usize) -> Result<Self> {
        const BLOCK_BYTES_MIN: usize = 4 << 10;
        let parts = parts.max(1);
        let sizes = Sizes {
            block_bytes: (self.sizes.block_bytes / parts).max(BLOCK_BYTES_MIN),
            merge_bytes_max: self.sizes.merge_bytes_max / parts,
        };
        let beside = Self::sized(&self.space, sizes)?;
        Ok(Self {
            spilled: self.spilled.clone(),
            ..beside
        })
    }

    /// The most that merging them takes, in bytes, but for two blocks that are larger.
    pub fn merge_bytes_max(&self) -> usize {
        self.sizes.merge_bytes_max
    }

    /// Writes `entries`, whose keys ascend, as the next run.
    ///
    /// # Errors
    /// Those of [`TempFile::write`].
    pub fn write<'e>(
        &mut self,
        entries: impl IntoIterator<Item = (&'e [u8], &'e [u8])>,
    ) -> Result<()> {
        let mut writer = self.writer();
        for (key, payload) in entries {
            writer.push(key, payload)?;
        }
        self.add(writer.finish()?);
        Ok(())
    }

    /// A run to be written, on any thread, which then is to be [added](Self::add).
    pub fn writer(&self) -> RunWriter {
        RunWriter::new(&self.file, self.sizes.block_bytes)
    }

    /// Adds `run` behind the runs that are there.
    pub fn add(&mut self, run: Run) {
        self.spilled.add(run.packed_bytes());
        if run.entries > 0 {
            self.runs.push(Arc::new(run));
        }
    }

    /// Runs that are there.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Entries of all runs.
    pub fn entries(&self) -> u64 {
        self.runs.iter().map(|run| run.entries).sum()
    }

    /// What is written to temporary files, now and later.
    pub fn spilled(&self) -> Spilled {
        self.spilled.clone()
    }

    /// Memory held to find the blocks again, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let blocks = self.runs.iter().map(|run| run.blocks.capacity());
        blocks.sum::<usize>() * size_of::<Block>()
    }

    /// All entries in order. They can be merged more than once.
    ///
    /// # Errors
    /// Those of [`Self::merge_while`].
    pub fn merge(&mut self) -> Result<Merge> {
        self.merge_while(&mut || Ok(()))
    }

    /// All entries in order. Where there are too many runs to be merged at once, some are merged to
    /// longer ones before; `go_on` is asked for each of them, and every so many entries.
    ///
    /// # Errors
    /// Those of [`TempFile::write`] and [`TempFile::read`], a damaged block, and what `go_on`
    /// returns.
    pub fn merge_while(&mut self, go_on: &mut dyn FnMut() -> Result<()>) -> Result<Merge> {
        let mut at = 0;
        while self.runs.len() > self.at_once() {
            // No more than must be: runs that stay as they are cost nothing.
            let excess = self.runs.len() - self.at_once();
            let count = self.at_once().min(excess + 1);
            if at == 0 || at + count > self.runs.len() {
                // What is merged goes to a new file, so that the room of the old one comes free.
                self.file = Arc::new(self.space.file()?);
                at = 0;
            }
            let longer = self.merged(at..at + count, go_on)?;
            self.spilled.add(longer.packed_bytes());
            self.runs.splice(at..at + count, [Arc::new(longer)]);
            at += 1;
        }
        Merge::new(&self.runs)
    }

    /// The runs in `range` as one.
    fn merged(
        &self,
        range: std::ops::Range<usize>,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Run> {
        const ASKED_EVERY: u64 = 1 << 14;
        let mut writer = self.writer();
        let mut merge = Merge::new(&self.runs[range])?;
        while let Some((key, payload)) = merge.next()? {
            writer.push(key, payload)?;
            if writer.entries % ASKED_EVERY == 1 {
                go_on()?;
            }
        }
        writer.finish()
    }

    /// Runs that may be merged at once.
    fn at_once(&self) -> usize {
        let blocks = self.runs.iter().map(|run| run.block_bytes_max());
        let block_bytes = blocks.max().unwrap_or(0).max(1);
        (self.sizes.merge_bytes_max / block_bytes).max(2)
    }
}

impl Run {
    fn packed_bytes(&self) -> u64 {
        let blocks = self.blocks.iter();
        blocks.map(|block| block.packed_bytes() as u64).sum()
    }

    fn block_bytes_max(&self) -> usize {
        let blocks = self.blocks.iter();
        blocks.map(Block::raw_bytes).max().unwrap_or(0)
    }
}

impl RunWriter {
    fn new(file: &Arc<TempFile>, block_bytes: usize) -> Self {
        Self {
            file: Arc::clone(file),
            block_bytes,
            raw: Vec::new(),
            packed: Vec::new(),
            blocks: Vec::new(),
            entries: 0,
            #[cfg(debug_assertions)]
            last_key: Vec::new(),
        }
    }

    /// Adds an entry, whose key is no less than that of the one before.
    ///
    /// # Errors
    /// Those of [`TempFile::write`].
    pub fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<()> {
        #[cfg(debug_assertions)]
        {
            assert!(self.last_key.as_slice() <= key, "keys of a run ascend");
            self.last_key.clear();
            self.last_key.extend_from_slice(key);
        }
        block::push(&mut self.raw, key, payload);
        self.entries += 1;
        if self.raw.len() >= self.block_bytes {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        let block = Block::write(&self.raw, &mut self.packed, &self.file)?;
        self.blocks.push(block);
        self.raw.clear();
        Ok(())
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.raw.capacity() + self.packed.capacity() + self.blocks.capacity() * size_of::<Block>()
    }

    /// The run, to be [added](Runs::add).
    ///
    /// # Errors
    /// Those of [`TempFile::write`].
    pub fn finish(mut self) -> Result<Run> {
        if !self.raw.is_empty() {
            self.end_block()?;
        }
        Ok(Run {
            file: self.file,
            blocks: self.blocks,
            entries: self.entries,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn space(bytes_max: Option<u64>) -> Arc<TempSpace> {
        Arc::new(TempSpace::new(&std::env::temp_dir(), bytes_max))
    }

    fn tiny(merge_bytes_max: usize) -> Sizes {
        Sizes {
            block_bytes: 64,
            merge_bytes_max,
        }
    }

    /// What a merge gives.
    fn all(mut merge: Merge) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut entries = Vec::new();
        while let Some((key, payload)) = merge.next()? {
            entries.push((key.to_vec(), payload.to_vec()));
        }
        Ok(entries)
    }

    proptest! {
        /// Against a stable sort of all entries in memory.
        #[test]
        fn merging_is_sorting(
            runs in proptest::collection::vec(
                proptest::collection::vec(proptest::collection::vec(0..3_u8, 0..12), 0..30),
                0..40
            ),
            merge_bytes_max in 1..2000_usize,
            unequal in any::<bool>(),
        ) {
            let space = space(None);
            let mut sorted = Runs::sized(&space, tiny(merge_bytes_max)).unwrap();
            let mut expected = Vec::new();
            for (index, mut keys) in runs.into_iter().enumerate() {
                keys.sort();
                let payloads: Vec<Vec<u8>> = (0..keys.len())
                    .map(|at| format!("{index}.{at}").repeat(at % 7 * usize::from(unequal)).into())
                    .collect();
                let entries = keys.iter().zip(&payloads);
                sorted.write(entries.map(|(key, payload)| (&key[..], &payload[..]))).unwrap();
                expected.extend(keys.into_iter().zip(payloads));
            }
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            prop_assert_eq!(sorted.entries(), expected.len() as u64);
            prop_assert_eq!(&all(sorted.merge().unwrap()).unwrap(), &expected);
            let runs = sorted.len();
            prop_assert_eq!(&all(sorted.merge().unwrap()).unwrap(), &expected);
            prop_assert_eq!(sorted.len(), runs, "the second time there is nothing to prepare");
            prop_assert!(sorted.spilled().bytes() >= space.taken());
            drop(sorted);
            prop_assert_eq!(space.taken(), 0);
        }
    }

    #[test]
    fn a_few_blocks_are_held_whatever_the_number_of_runs() {
        let mut runs = Runs::sized(&space(None), tiny(1 << 10)).unwrap();
        for run in 0..100_u32 {
            let keys: Vec<[u8; 4]> = (0..50).map(|at| (at * 100 + run).to_be_bytes()).collect();
            runs.write(keys.iter().map(|key| (&key[..], &key[..])))
                .unwrap();
        }
        let mut asked = 0;
        let mut merge = runs
            .merge_while(&mut || {
                asked += 1;
                Ok(())
            })
            .unwrap();
        assert!(runs.len() <= 16 && asked > 0);
        let mut largest = 0;
        let mut next = 0_u32;
        while let Some((key, _)) = merge.next().unwrap() {
            assert_eq!(key, next.to_be_bytes());
            next += 1;
            largest = largest.max(merge.memory_bytes());
        }
        assert_eq!(next, 5000);
        assert!(largest < 4 << 10, "{largest} bytes");
        let stopped = Runs::merge_while(&mut runs, &mut || Ok(()));
        assert!(stopped.is_ok(), "nothing is left to be merged before");
    }

    #[test]
    fn all_rounds_and_all_that_is_beside_count_as_spilled() {
        let mut runs = Runs::sized(&space(None), tiny(200)).unwrap();
        let spilled = runs.spilled();
        for run in 0..30_u8 {
            let keys = [[run, 0], [run, 1]];
            runs.write(keys.iter().map(|key| (&key[..], &b"payload"[..])))
                .unwrap();
        }
        let written = spilled.bytes();
        assert!(written > 30 * 10);
        runs.merge().unwrap();
        let merged = spilled.bytes();
        assert!(merged >= 2 * written, "{merged} of {written}");
        let mut beside = runs.beside(2).unwrap();
        beside.write([(&b"k"[..], &b"p"[..])]).unwrap();
        assert!(spilled.bytes() > merged);
        assert_eq!(spilled.bytes(), beside.spilled().bytes());
    }

    #[test]
    fn runs_are_written_side_by_side_and_merged_as_they_were_added() {
        let mut runs = Runs::sized(&space(None), tiny(1 << 20)).unwrap();
        let writers = ["a", "b", "c"].map(|name| (name, runs.writer()));
        let written = std::thread::scope(|scope| {
            let threads = writers.map(|(name, mut writer)| {
                scope.spawn(move || {
                    for key in 0..100_u8 {
                        writer.push(&[key], name.as_bytes()).unwrap();
                    }
                    writer.finish().unwrap()
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        written.into_iter().for_each(|run| runs.add(run));
        let names: Vec<Vec<u8>> = { all(runs.merge().unwrap()).unwrap().into_iter() }
            .map(|(_, name)| name)
            .collect();
        assert_eq!(names.concat(), b"abc".repeat(100));
    }

    #[test]
    fn a_damaged_block_is_an_error() {
        use std::os::unix::fs::FileExt;
        let entries: Vec<[u8; 2]> = (0..2000_u16).map(u16::to_be_bytes).collect();
        let mut runs = Runs::sized(&space(None), tiny(1 << 20)).unwrap();
        let run = |runs: &mut Runs| runs.write(entries.iter().map(|entry| (&entry[..], &b"x"[..])));
        run(&mut runs).unwrap();
        run(&mut runs).unwrap();
        assert_eq!(all(runs.merge().unwrap()).unwrap().len(), 4000);
        let length = runs.file.bytes();
        for at in [0, length / 2, length - 1] {
            let file = runs.file.written();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at).unwrap();
            let error = runs.merge().and_then(all).unwrap_err();
            assert!(
                error.to_string().contains("not as it was written"),
                "{error}"
            );
            runs.file.written().write_all_at(&byte, at).unwrap();
        }
        runs.file.written().set_len(length / 2).unwrap();
        let error = runs.merge().and_then(all).unwrap_err();
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn the_limit_ends_writing_and_merging() {
        let limited = space(Some(2000));
        let mut runs = Runs::sized(&limited, tiny(128)).unwrap();
        let mut random = 1_u64;
        let mut key = || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            random.to_be_bytes()
        };
        let failed = (0..100).find_map(|_| {
            let mut keys: Vec<[u8; 8]> = (0..20).map(|_| key()).collect();
            keys.sort();
            runs.write(keys.iter().map(|key| (&key[..], &b""[..])))
                .err()
        });
        assert_eq!(failed.expect("no room").exit_code(), 4);
        let error = runs.merge().err().expect("no room for longer runs");
        assert_eq!(error.exit_code(), 4);
        drop(runs);
        assert_eq!(limited.taken(), 0);
    }
}
