//! What one worker keeps from task to task: buffers that are reused, and its own latencies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bumpalo::Bump;

use super::belt::BeltParts;
use crate::base::{ErrorKind, Result};
use crate::csv::Indexer;
use crate::decode::{Decoded, Decoder};
use crate::input::Chunk;
use crate::report::StageLatency;

/// Records indexed at a time: their bytes and offsets stay in the cache while the columns are decoded
/// one after the other, and one odd record costs its neighbours little.
const BLOCK_RECORDS: usize = 256;

/// The work whose time is taken, chunk by chunk or task by task.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Timed {
    Split,
    Decode,
    LocalSteps,
    GroupByKey,
    KeyedSteps,
    Gather,
    Encode,
    Append,
}

impl Timed {
    const NAMES: [&'static str; 8] = [
        "split",
        "decode",
        "local steps",
        "group by key",
        "keyed steps",
        "gather",
        "encode",
        "append",
    ];

    /// Nothing recorded yet.
    pub(crate) fn latency() -> StageLatency {
        StageLatency::new(&Self::NAMES)
    }
}

pub(crate) struct Worker {
    indexer: Indexer,
    decoder: Decoder,
    scratch: Bump,
    latency: StageLatency,
    started: Instant,
    waited: Duration,
}

/// What a worker did with its time in one pass.
pub(crate) struct WorkerTime {
    pub(crate) latency: StageLatency,
    pub(crate) busy: Duration,
    pub(crate) waiting: Duration,
}

impl Worker {
    pub(crate) fn new(parts: &BeltParts) -> Self {
        let columns = parts.decode.needed.len();
        let indexer = Indexer::new(parts.dialect, columns, parts.record_bytes_max);
        Self {
            indexer: indexer.repairing(parts.repair),
            decoder: Decoder::new(Arc::clone(&parts.decode)),
            scratch: Bump::new(),
            latency: Timed::latency(),
            started: Instant::now(),
            waited: Duration::ZERO,
        }
    }

    /// Waits for something to do.
    pub(crate) fn wait<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = wait();
        self.waited += started.elapsed();
        result
    }

    /// Records that `work` took from `started` until now.
    pub(crate) fn record(&mut self, work: Timed, started: Instant) {
        self.latency.record(work as usize, started.elapsed());
    }

    /// Indexes and decodes one chunk.
    pub(crate) fn decode(&mut self, chunk: &Chunk) -> Result<Decoded> {
        let bytes = chunk.bytes();
        self.decoder.begin(chunk.records as usize);
        let mut at = 0;
        while let Some(fields) = self.indexer.next(bytes, &mut at, BLOCK_RECORDS) {
            self.decoder.push(&fields, &self.scratch);
            self.scratch.reset();
        }
        let decoded = self.decoder.finish(chunk.seq, chunk.source_index);
        let bad = decoded
            .rejects
            .iter()
            .filter(|reject| reject.slot.is_none())
            .count();
        let found = decoded.batch.rows + bad + usize::from(chunk.oversize.is_some());
        if found != chunk.records as usize {
            // A file that changes between splitting and decoding looks like this too.
            chunk.source.check()?;
            let split = chunk.records;
            let text = format!("{split} records were split off, {found} decoded or rejected");
            return Err(ErrorKind::Balance(text).into());
        }
        Ok(decoded)
    }

    pub(crate) fn into_time(self) -> WorkerTime {
        WorkerTime {
            busy: self.started.elapsed().saturating_sub(self.waited),
            waiting: self.waited,
            latency: self.latency,
        }
    }
}
