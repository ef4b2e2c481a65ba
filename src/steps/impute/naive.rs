//! Plain twins of the fills, over whole columns in memory: slow, obviously right, and the oracle
//! that the fast paths are tested against. `keys[i]` is the key of row i.

/// Rows of each key, in file order.
fn rows_of_keys(keys: &[u32]) -> Vec<Vec<usize>> {
    let mut rows_of_keys = Vec::new();
    for (row, &key) in keys.iter().enumerate() {
        if rows_of_keys.len() <= key as usize {
            rows_of_keys.resize(key as usize + 1, Vec::new());
        }
        rows_of_keys[key as usize].push(row);
    }
    rows_of_keys
}

/// Each null becomes its key's last value before it.
pub fn forward_fill<T: Clone>(cells: &[Option<T>], keys: &[u32]) -> Vec<Option<T>> {
    let mut filled = cells.to_vec();
    for rows in rows_of_keys(keys) {
        for pair in rows.windows(2) {
            if filled[pair[1]].is_none() {
                filled[pair[1]] = filled[pair[0]].clone();
            }
        }
    }
    filled
}

/// Each null becomes its key's next value after it.
pub fn backward_fill<T: Clone>(cells: &[Option<T>], keys: &[u32]) -> Vec<Option<T>> {
    let backward = |items: &[Option<T>]| items.iter().rev().cloned().collect::<Vec<_>>();
    let keys: Vec<u32> = keys.iter().rev().copied().collect();
    backward(&forward_fill(&backward(cells), &keys))
}

/// Each null between two values of its key becomes `between(before, after, step, steps)`, each
/// after the last value that value.
pub fn linear<T: Copy>(
    cells: &[Option<T>],
    keys: &[u32],
    between: impl Fn(T, T, u64, u64) -> T,
) -> Vec<Option<T>> {
    let mut filled = cells.to_vec();
    for rows in rows_of_keys(keys) {
        for (place, &row) in rows.iter().enumerate() {
            let before = (0..place).rev().find(|&p| cells[rows[p]].is_some());
            let after = (place..rows.len()).find(|&p| cells[rows[p]].is_some());
            let value = |place: usize| cells[rows[place]];
            filled[row] = match (cells[row], before, after) {
                (None, Some(b), None) => value(b),
                (None, Some(b), Some(a)) => value(b)
                    .zip(value(a))
                    .map(|(from, to)| between(from, to, (place - b) as u64, (a - b) as u64)),
                (cell, _, _) => cell,
            };
        }
    }
    filled
}

/// Each null becomes its key's statistic, where the key has a value.
pub fn statistic<T: Clone>(
    cells: &[Option<T>],
    keys: &[u32],
    of: impl Fn(&[T]) -> T,
) -> Vec<Option<T>> {
    let mut filled = cells.to_vec();
    for rows in rows_of_keys(keys) {
        let values: Vec<T> = rows.iter().filter_map(|&row| cells[row].clone()).collect();
        if values.is_empty() {
            continue;
        }
        let statistic = of(&values);
        for row in rows {
            filled[row].get_or_insert_with(|| statistic.clone());
        }
    }
    filled
}

/// The mean of integers, halves to even.
pub fn mean(values: &[i64]) -> i64 {
    let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
    half_even(sum, values.len() as i128) as i64
}

/// The middle value, or the mean of the two middle values, halves to even.
pub fn median(values: &[i64]) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    mean(&[sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]])
}

/// The most frequent value, the smallest on a tie.
pub fn mode<T: Ord + Clone>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let mut best = &sorted[..0];
    for run in sorted.chunk_by(|a, b| a == b) {
        if run.len() > best.len() {
            best = run;
        }
    }
    best[0].clone()
}

/// The integer between `from` and `to`, halves to even.
pub fn between(from: i64, to: i64, step: u64, steps: u64) -> i64 {
    let (step, steps) = (i128::from(step), i128::from(steps));
    half_even(
        i128::from(from) * (steps - step) + i128::from(to) * step,
        steps,
    ) as i64
}

fn half_even(sum: i128, count: i128) -> i128 {
    let floor = sum.div_euclid(count);
    match (2 * sum.rem_euclid(count)).cmp(&count) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
        std::cmp::Ordering::Greater => floor + 1,
    }
}
