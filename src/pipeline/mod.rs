//! The belt: the only room that knows threads, channels and every other room.
//!
//! A run opens its sources, finds out their dialects, infers types, makes one forward pass per depth
//! of fits, and one that writes. A pass is a `belt` of workers that take the most downstream work that is ready:
//! columns to encode, keyed lanes to run, chunks to decode. Chunks are admitted in file order
//! against the `budget`; their permits travel with them until the encoded bytes have left.
//!
//! A sort cuts a run into segments: the passes before it end with its rows packed and sorted, in memory
//! or as runs in temporary files, and the passes behind it read them merged in place of the sources.
//!
//! # Scaling
//! Chunks are decoded, lanes run and columns encoded by any worker. Only three things are done by
//! one worker at a time, and each of them while the others go on: cutting the source into chunks
//! (`split`), cutting batches into row groups (`gather`), and writing encoded row groups to the
//! file (`append`). The receipt's `stages` tell their shares, and `workers` how busy all were. Over
//! transactions with two fits, three windows and zstd the shares are 2.5 %, 0.1 % and 3 %, and 5 %,
//! 0.1 % and 3.5 % where they are only converted; two threads are 1.9 times as fast as one. By Amdahl's
//! law, if all of a worker's time in `split` held up the others, 8 threads would be 6.8 times as fast
//! as one, 16 threads 12 times and 64 threads 25 times; as they do not wait for it but take other
//! work, the bound is that of a pipeline: as many times as there are threads, up to 40 times (20
//! times in a plain conversion), where the source is split as fast as one core can (10 GB/s). What
//! lies beyond would be split by summaries of blocks
//! ([`BlockSummary`](crate::csv::BlockSummary)), which need no order.
//!
//! Keyed work has as many lanes as there are threads (a power of two, 64 at most). A key that holds
//! half of all rows keeps its lane busy with half of the keyed work, a third of all work here: more
//! than six threads then find nothing more to do.

mod behind;
mod belt;
mod budget;
mod cancel;
mod checks;
mod columnar;
mod columns;
mod cost;
mod crew;
mod dialect;
mod feed;
mod filtered;
mod fitting;
mod gate;
mod header;
mod inbox;
mod infer;
mod keys;
mod lanes;
mod layout;
mod open;
mod origins;
mod passed;
mod plan;
mod preview;
mod receipt;
mod refeed;
mod reorder;
mod rows;
mod run;
mod sampling;
mod segment;
mod settle;
mod share;
mod side;
mod sink;
mod sorted;
mod sorting;
mod stages;
mod tables;
mod tally;
mod travel;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::base::Result;
use crate::config::Config;
use crate::report::{PlanReceipt, Receipt, SniffReceipt};

/// A run that is ready to go.
///
/// ```
/// # fn main() -> chunketl::Result<()> {
/// let folder = tempfile::tempdir().expect("a temporary folder");
/// let input = folder.path().join("sales.csv");
/// std::fs::write(&input, "shop,amount\na,1\nb,5\na,\na,3\n").expect("a small file");
///
/// let config = chunketl::Builder::new()
///     .input(input.to_str().expect("a path in UTF-8"))
///     .out(folder.path().join("lake"))
///     .key(["shop"])
///     .impute("amount", "ffill")
///     .rolling("amount", "sum", "2")
///     .build()?;
/// let receipt = chunketl::Pipeline::new(config).run()?;
///
/// assert_eq!(receipt.totals.rows_written, 4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Pipeline {
    config: Config,
    interrupted: Arc<AtomicBool>,
}

impl Pipeline {
    /// A run of `config`.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            interrupted: Arc::default(),
        }
    }

    /// A flag that calls the run off once it is true: for a signal handler or another thread. The
    /// run then ends with [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted).
    pub fn interrupt_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    /// Finds out what the sources hold, without a run; each is looked at on its own.
    ///
    /// # Errors
    /// Whatever keeps a source from being read.
    pub fn sniff(&self) -> Result<Vec<SniffReceipt>> {
        run::sniff(&self.config, &self.interrupted)
    }

    /// Finds out what a run would do: how it reads the sources, the types it settles on, its steps
    /// and passes, and what they may take in memory. Nothing is written.
    ///
    /// # Errors
    /// Whatever would end the run before its first pass, but for a lake in the way, which is told.
    pub fn plan(&self) -> Result<PlanReceipt> {
        run::plan(&self.config, &self.interrupted)
    }

    /// Runs to the end and publishes the lake.
    ///
    /// # Errors
    /// Whatever ends the run; the lake is then as it was before.
    pub fn run(&self) -> Result<Receipt> {
        run::run(&self.config, &self.interrupted)
    }
}
