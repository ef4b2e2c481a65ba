//! Where a pass is in what it reads.
//! Keeps: a portion leaves once the budget has room for it, and none overtakes another.

use std::time::Instant;

use super::super::budget::Permit;
use super::super::feed::{Feed, Portion};

pub(super) struct Intake {
    pub(super) feed: Feed,
    /// Split off, its pages mapped, but not yet admitted.
    pub(super) pending: Option<(Portion, Permit)>,
    /// For what has been read behind the last portion that was admitted.
    pub(super) ahead: Option<Permit>,
    pub(super) exhausted: bool,
    /// Rows of all chunks that were admitted.
    pub(super) rows: usize,
    /// How many chunks that were.
    pub(super) chunks: u64,
    /// When the allocator was last asked to return memory.
    pub(super) trimmed: Option<Instant>,
}

impl Intake {
    pub(super) fn new(feed: Feed) -> Self {
        Self {
            feed,
            pending: None,
            ahead: None,
            exhausted: false,
            rows: 0,
            chunks: 0,
            trimmed: None,
        }
    }
}
