//! Whether there is room for more: what the system says of the process, and what the next batch will
//! hold.

use std::time::{Duration, Instant};

use super::Belt;
use crate::input::Chunk;
use crate::pipeline::feed::Portion;
use crate::pipeline::worker::Worker;
use crate::report;

/// The allocator is not asked to return memory again before this.
const TRIM_INTERVAL: Duration = Duration::from_millis(10);

impl Belt {
    /// The resident set as the kernel counts it, after the allocator has returned what it keeps if
    /// there is no room for `more_bytes` otherwise.
    pub(super) fn resident_bytes(
        &self,
        more_bytes: usize,
        trimmed: &mut Option<Instant>,
    ) -> Option<usize> {
        let now = self.look()?;
        let is_due = trimmed.is_none_or(|trimmed| trimmed.elapsed() >= TRIM_INTERVAL);
        if self.parts.budget.has_room(now, more_bytes) || !is_due {
            return Some(now);
        }
        report::return_free_memory();
        *trimmed = Some(Instant::now());
        self.look()
    }

    /// The resident set as the kernel counts it, which the budget is told too.
    pub(super) fn look(&self) -> Option<usize> {
        let rss_bytes = report::rss_bytes()? as usize;
        let kept = || report::kept_by_allocator_bytes().map_or(0, |bytes| bytes as usize);
        self.parts.budget.look(rss_bytes, kept);
        Some(rss_bytes)
    }

    /// What the batch made of `portion` will hold at most, and what must be held to make it.
    pub(super) fn batch_bytes(&self, portion: &Portion, worker: &Worker) -> usize {
        let derived = portion.rows() * self.parts.row_cost.derived_bytes;
        derived
            + match portion {
                Portion::Chunk(chunk) => self.decoded_bytes(chunk) + worker.opening_bytes(chunk),
                // Its rows are as long packed, but for what they share.
                Portion::Sorted(rows) => rows.memory_bytes(),
            }
    }

    /// What `chunk` takes once it is decoded, going by the largest so far.
    fn decoded_bytes(&self, chunk: &Chunk) -> usize {
        let cost = self.parts.row_cost;
        self.decoded_share.expect(chunk).unwrap_or_else(|| {
            let text = usize::from(cost.has_text) * chunk.length;
            text + chunk.records as usize * cost.decoded_bytes
        })
    }
}
