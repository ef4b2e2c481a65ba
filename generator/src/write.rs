//! A job in, its files and their truth out. Workers generate blocks of rows, each handing its own
//! over through its own short channel; the caller's thread takes them in turn. Invariants: blocks
//! are written in row order whatever the number of threads, and no more than
//! [`QUEUED_BLOCKS_MAX`] + 1 of each worker are in memory.

use std::io::Write;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use crate::Error;
use crate::buffer::Buffer;
use crate::job::Job;
use crate::rows::Rows;
use crate::truth::Truth;

/// Finished blocks that wait for the writer, per worker.
const QUEUED_BLOCKS_MAX: usize = 2;

/// Where the bytes of one file go.
pub struct Sink {
    /// What to call it in an error.
    pub name: String,
    /// Takes whole blocks, so it needs no buffer of its own.
    pub writer: Box<dyn Write>,
}

/// Text and counts of consecutive rows.
struct Block {
    text: Buffer,
    truth: Truth,
}

/// Which rows stand in which file, cut into blocks.
struct Layout {
    rows: u64,
    files: u64,
    block_rows: u64,
    blocks_per_file: u64,
}

impl Layout {
    fn new(job: &Job, rows: u64) -> Self {
        let rows_per_file_max = rows.div_ceil(job.files);
        Self {
            rows,
            files: job.files,
            block_rows: job.block_rows,
            // A file without rows still has a block: it brings the header.
            blocks_per_file: rows_per_file_max.div_ceil(job.block_rows).max(1),
        }
    }

    fn blocks(&self) -> u64 {
        self.files * self.blocks_per_file
    }

    /// The first row of a file.
    fn file_begin(&self, file: u64) -> u64 {
        (u128::from(self.rows) * u128::from(file) / u128::from(self.files)) as u64
    }

    /// The rows of a block.
    fn block(&self, block: u64) -> Range<u64> {
        let file = block / self.blocks_per_file;
        let end = self.file_begin(file + 1);
        let begin = self.file_begin(file) + block % self.blocks_per_file * self.block_rows;
        begin.min(end)..begin.saturating_add(self.block_rows).min(end)
    }
}

impl Job {
    /// Generates everything. `open` is asked for each file, by index and in order; `progress` is
    /// told the rows so far, the rows in all and the bytes so far, after each block.
    ///
    /// # Errors
    /// Usage errors, and whatever opening and writing the files runs into.
    pub fn run(
        &self,
        open: &mut dyn FnMut(u64) -> Result<Sink, Error>,
        progress: &mut dyn FnMut(u64, u64, u64),
    ) -> Result<Truth, Error> {
        self.check()?;
        let row_count = self.rows()?;
        let rows = &Rows::new(self, row_count)?;
        let layout = &Layout::new(self, row_count);
        let workers = (self.threads as u64).min(layout.blocks());
        thread::scope(|scope| {
            let lanes: Vec<Lane> = (0..workers)
                .map(|worker| {
                    let (finished, finished_here) = sync_channel(QUEUED_BLOCKS_MAX);
                    let (emptied_here, emptied) = channel();
                    let blocks = (worker..layout.blocks()).step_by(workers as usize);
                    let ranges = blocks.map(|block| layout.block(block));
                    scope.spawn(move || generate(rows, ranges, &emptied, &finished));
                    Lane {
                        finished: finished_here,
                        emptied: emptied_here,
                    }
                })
                .collect();
            let mut truth = rows.truth();
            for file in 0..self.files {
                let mut sink = open(file)?;
                write_all(&mut sink, rows.header())?;
                truth.bytes += rows.header().len() as u64;
                let first_block = file * layout.blocks_per_file;
                for block in first_block..first_block + layout.blocks_per_file {
                    let lane = &lanes[(block % workers) as usize];
                    let block = lane.take();
                    write_all(&mut sink, block.text.as_bytes())?;
                    truth.add(&block.truth);
                    progress(truth.rows, row_count, truth.bytes);
                    lane.give_back(block);
                }
                let flushed = sink.writer.flush();
                flushed.map_err(|source| Error::io("write", sink.name, source))?;
            }
            Ok(truth)
        })
    }
}

/// The writer's end of one worker's channels. Dropping it ends the worker.
struct Lane {
    finished: Receiver<Block>,
    emptied: Sender<Block>,
}

impl Lane {
    fn take(&self) -> Block {
        let block = self.finished.recv();
        block.expect("a worker ends before its last block only by a panic")
    }

    /// Blocks go round so that their memory is touched for the first time only once.
    fn give_back(&self, block: Block) {
        // A worker that has begun its last block takes no more of them.
        let _ = self.emptied.send(block);
    }
}

/// A worker: generates `ranges` until they end or nobody wants more.
fn generate(
    rows: &Rows,
    ranges: impl Iterator<Item = Range<u64>>,
    emptied: &Receiver<Block>,
    finished: &SyncSender<Block>,
) {
    for range in ranges {
        let mut block = emptied.try_recv().unwrap_or_else(|_| Block {
            text: Buffer::default(),
            truth: rows.truth(),
        });
        block.text.clear();
        block.truth.clear();
        rows.write(range, &mut block.text, &mut block.truth);
        if finished.send(block).is_err() {
            return;
        }
    }
}

fn write_all(sink: &mut Sink, bytes: &[u8]) -> Result<(), Error> {
    let written = sink.writer.write_all(bytes);
    written.map_err(|source| Error::io("write", &sink.name, source))
}
