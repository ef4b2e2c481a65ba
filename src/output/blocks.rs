//! Pieces of one column -> blocks of a fixed number of rows. The writer may end a page only where
//! a block ends or inside it, so pages do not depend on how the rows were cut into pieces.

use arrow::array::{Array, ArrayRef, make_array};
use arrow::compute::concat;
use arrow::error::ArrowError;

/// The rows of consecutive pieces, `block_rows` at a time; the last block may be shorter.
pub(super) struct Blocks<'a> {
    pieces: &'a [ArrayRef],
    /// Rows of `pieces[0]` that were already handed out.
    taken: usize,
    block_rows: usize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(pieces: &'a [ArrayRef], block_rows: usize) -> Self {
        assert!(block_rows > 0, "a block has at least one row");
        Self {
            pieces,
            taken: 0,
            block_rows,
        }
    }

    fn next_parts(&mut self) -> Vec<ArrayRef> {
        let mut parts = Vec::new();
        let mut wanted = self.block_rows;
        while let Some(piece) = self.pieces.first()
            && wanted > 0
        {
            let rows = wanted.min(piece.len() - self.taken);
            if rows > 0 {
                parts.push(piece.slice(self.taken, rows));
            }
            self.taken += rows;
            wanted -= rows;
            if self.taken == piece.len() {
                self.pieces = &self.pieces[1..];
                self.taken = 0;
            }
        }
        parts
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let parts = self.next_parts();
        if parts.is_empty() {
            return None;
        }
        Some(join(&parts))
    }
}

/// One array of the rows of `parts`, which has no validity mask unless a row is null.
fn join(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    let block = if let [part] = parts {
        part.clone()
    } else {
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        concat(&parts)?
    };
    if block.nulls().is_some() && block.null_count() == 0 {
        let data = block.to_data().into_builder().nulls(None).build()?;
        return Ok(make_array(data));
    }
    Ok(block)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    fn blocks(pieces: &[ArrayRef], block_rows: usize) -> Vec<ArrayRef> {
        Blocks::new(pieces, block_rows)
            .collect::<Result<_, _>>()
            .unwrap()
    }

    proptest! {
        #[test]
        fn blocks_do_not_depend_on_pieces(
            cells in prop::collection::vec(prop::option::of(0i64..9), 0..60),
            cuts in prop::collection::vec(0usize..60, 0..6),
            block_rows in 1usize..20,
        ) {
            let whole: ArrayRef = Arc::new(Int64Array::from(cells.clone()));
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(cells.len())).collect();
            cuts.extend([0, cells.len()]);
            cuts.sort_unstable();
            let pieces: Vec<ArrayRef> = cuts
                .windows(2)
                .map(|cut| whole.slice(cut[0], cut[1] - cut[0]))
                .collect();
            let expected: Vec<ArrayRef> = cells
                .chunks(block_rows)
                .map(|cells| Arc::new(Int64Array::from(cells.to_vec())) as ArrayRef)
                .collect();
            let actual = blocks(&pieces, block_rows);
            prop_assert_eq!(&actual, &expected);
            for block in actual {
                prop_assert_eq!(block.nulls().is_some(), block.null_count() > 0);
            }
        }
    }
}
