//! The plain twins of what is learnt and done here: whole columns, sorted and summed in the open.

/// Finite cells.
fn finite(cells: &[Option<f64>]) -> Vec<f64> {
    let cells = cells.iter().flatten().copied();
    cells.filter(|cell| cell.is_finite()).collect()
}

/// The mean and the standard deviation of the population.
pub(super) fn moments(cells: &[Option<f64>]) -> Option<[f64; 2]> {
    let cells = finite(cells);
    let count = cells.len() as f64;
    let mean = cells.iter().sum::<f64>() / count;
    let squares = cells.iter().map(|cell| (cell - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    (!cells.is_empty()).then_some([mean, deviation])
}

/// The smallest and the largest.
pub(super) fn extremes(cells: &[Option<f64>]) -> Option<[f64; 2]> {
    let cells = finite(cells);
    let smallest = cells.iter().copied().reduce(f64::min)?;
    let largest = cells.iter().copied().reduce(f64::max)?;
    Some([smallest, largest])
}

/// The quantile of `share`.
pub(super) fn quantile(cells: &[Option<f64>], share: f64) -> Option<f64> {
    let mut cells: Vec<f64> = cells.iter().flatten().copied().collect();
    cells.sort_by(f64::total_cmp);
    let at = cells.len().checked_sub(1)? as f64 * share;
    let (low, high) = (cells[at.floor() as usize], cells[at.ceil() as usize]);
    Some(low + (high - low) * at.fract())
}

/// The number of the bin between `edges` that holds `cell`.
pub(super) fn bin(cell: f64, edges: &[f64]) -> Option<usize> {
    let pairs = edges.windows(2).enumerate();
    let mut holding = pairs.filter(|(at, pair)| {
        let is_above = cell > pair[0] || (*at == 0 && cell == pair[0]);
        is_above && cell <= pair[1]
    });
    holding.next().map(|(at, _)| at)
}

/// The distinct texts, sorted.
pub(super) fn categories(cells: &[Option<String>]) -> Vec<String> {
    let mut texts: Vec<String> = cells.iter().flatten().cloned().collect();
    texts.sort();
    texts.dedup();
    texts
}
