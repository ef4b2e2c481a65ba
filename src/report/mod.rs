//! What a run tells about itself: [`Counters`] that must balance, [`StageLatency`], the
//! [`RejectsWriter`], [`Progress`] while it runs and a [`Receipt`] when it ends.
//!
//! The contract: nothing here changes a row. Counters and latencies are plain values, one set per
//! worker, merged in any order to the same result. Whatever comes from a file (names, columns,
//! raw text) leaves with its control characters escaped, so that no input can drive a terminal.

mod aggregates;
mod checks;
mod columnar;
mod counters;
mod escape;
mod joined;
mod latency;
mod memory;
mod planned;
mod progress;
mod receipt;
mod refeed;
mod rejects;
mod render;
mod repairs;
mod sniffed;
mod units;

pub use aggregates::{AggregateReceipt, PlanAggregate};
pub use checks::CheckReceipt;
pub use columnar::ColumnarReceipt;
pub use counters::{ColumnCounters, Counters, SourceCounters, StepCounters};
pub use escape::{decode_raw, encode_cell, encode_path, encode_raw, printable};
pub use joined::JoinedTable;
pub use latency::{StageLatency, StageSummary};
pub use memory::{
    kept_by_allocator_bytes, machine_memory_bytes, peak_rss_bytes, return_free_memory, rss_bytes,
};
pub use planned::{PlanColumn, PlanInput, PlanPass, PlanReceipt, PlanStep};
pub use progress::{Progress, ProgressState, wants_color};
pub use receipt::{
    BudgetTerm, ColumnReceipt, InputReceipt, MemoryReceipt, PartReceipt, Receipt, RejectsReceipt,
    RepairCounts, RepairsReceipt, StepReceipt, Throughput, Totals, WorkersReceipt, now_us, rfc3339,
};
pub use refeed::{KeptReject, Refeed, RefeedColumn, RefeedSource};
pub use rejects::{RejectRow, RejectsFile, RejectsWriter};
pub use repairs::RepairsFile;
pub use sniffed::{DialectReceipt, SkippedLine, SniffColumn, SniffReceipt, TableReceipt};
