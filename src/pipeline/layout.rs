//! The sizes that shape chunks and row groups.
//!
//! In: the memory limit, what the user fixed, and how wide the rows are. Out: a [`Layout`].
//! Invariant: it never depends on the number of threads, so that the output does not either.

use crate::config::Config;
use crate::output::EncodeOptions;

/// Rows of a chunk where nothing asks for fewer.
const CHUNK_ROWS: usize = 65_536;
/// Rows of a row group where nothing asks for fewer.
const ROW_GROUP_ROWS: usize = 131_072;
/// Of the limit, what the program and its workers take whatever they do.
const PROGRAM_BYTES: usize = 32 * MIB;
const MIB: usize = 1 << 20;

/// What the user fixed of a [`Layout`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LayoutRequest {
    pub(crate) chunk_rows: Option<usize>,
    pub(crate) row_group_rows: Option<usize>,
    pub(crate) record_bytes_max: Option<usize>,
}

/// The sizes that shape chunks and row groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Records of a chunk.
    pub(crate) chunk_rows: usize,
    /// A chunk ends at the first record end at or past this many bytes, full or not.
    pub(crate) chunk_bytes_max: usize,
    /// A longer record is rejected.
    pub(crate) record_bytes_max: usize,
    /// A page of typed cells that holds more ends the run.
    pub(crate) page_bytes_max: usize,
    /// Rows of a row group.
    pub(crate) row_group_rows: usize,
    /// A row group is closed early once its arrays hold this many bytes.
    pub(crate) row_group_bytes_max: usize,
    /// A part is ended once what its footer will say takes this in memory, in bytes.
    pub(crate) footer_bytes_max: usize,
}

impl Layout {
    /// How parts and tables are laid out by it, and encoded as `config` says.
    pub(crate) fn encode_options(self, config: &Config) -> EncodeOptions {
        let options = EncodeOptions::default();
        EncodeOptions {
            compression: config.compression,
            row_group_rows: self.row_group_rows,
            footer_bytes_max: self.footer_bytes_max,
            part_bytes_max: config.part_bytes.unwrap_or(options.part_bytes_max),
            ..options
        }
    }

    /// Sizes for a limit of `limit_bytes` and rows of about `row_bytes` once decoded.
    pub(crate) fn new(request: LayoutRequest, limit_bytes: usize, row_bytes: usize) -> Self {
        let free_bytes = limit_bytes.saturating_sub(PROGRAM_BYTES);
        let row_bytes = row_bytes.max(1);
        Self {
            chunk_rows: request.chunk_rows.unwrap_or(CHUNK_ROWS),
            chunk_bytes_max: (limit_bytes / 64).clamp(256 << 10, 8 * MIB),
            record_bytes_max: request
                .record_bytes_max
                .unwrap_or_else(|| (limit_bytes / 8).clamp(MIB, 16 * MIB)),
            page_bytes_max: (limit_bytes / 8).clamp(8 * MIB, 512 * MIB),
            row_group_rows: request.row_group_rows.unwrap_or_else(|| {
                let fitting = free_bytes / 8 / row_bytes;
                let power = 1 << fitting.max(1).ilog2();
                ROW_GROUP_ROWS.min(power).max(1024)
            }),
            row_group_bytes_max: (limit_bytes / 8).min(512 * MIB),
            footer_bytes_max: (limit_bytes / 32).min(64 * MIB),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_follows_the_limit_and_the_request() {
        let small = Layout::new(LayoutRequest::default(), 128 * MIB, 100);
        assert_eq!(small.chunk_bytes_max, 2 * MIB);
        assert!(small.row_group_rows <= 131_072 && small.row_group_rows >= 32_768);
        let larger = Layout::new(LayoutRequest::default(), 256 * MIB, 200);
        assert_eq!(larger.row_group_rows, ROW_GROUP_ROWS);
        let wide = Layout::new(LayoutRequest::default(), 128 * MIB, 1 << 30);
        assert_eq!(wide.row_group_rows, 1024);
        let asked = LayoutRequest {
            chunk_rows: Some(7),
            row_group_rows: Some(9),
            ..Default::default()
        };
        let asked = Layout::new(asked, 1 << 30, 100);
        assert_eq!((asked.chunk_rows, asked.row_group_rows), (7, 9));
    }
}
