//! The oracle of joins: each row looks at each row of the table, one after the other.

use crate::base::{Direction, Duplicates};

/// A key and a time; either may be null.
pub(super) type Row = (Option<i64>, Option<i64>);

/// The rows of `side` that `row` finds by its key.
pub(super) fn by_key(side: &[Row], row: Row, duplicates: Duplicates) -> Vec<usize> {
    let found = (0..side.len()).filter(|&index| row.0.is_some() && side[index].0 == row.0);
    let found: Vec<usize> = found.collect();
    match (&found[..], duplicates) {
        (_, Duplicates::All) | ([], _) => found,
        ([.., last], Duplicates::Last) => vec![*last],
        ([first, ..], _) => vec![*first],
    }
}

/// The row of `side` that has the key of `row` and is the nearest in time in `direction`.
pub(super) fn as_of(
    side: &[Row],
    row: Row,
    direction: Direction,
    tolerance: Option<i64>,
    allow_exact: bool,
) -> Option<usize> {
    let (key, time) = (row.0?, row.1?);
    let one = |is_back: bool| {
        let mut best: Option<(i64, usize)> = None;
        for (index, &(other, at)) in side.iter().enumerate() {
            let Some(at) = at.filter(|_| other == Some(key)) else {
                continue;
            };
            let distance = if is_back { time - at } else { at - time };
            if distance < 0 || (distance == 0 && !allow_exact) {
                continue;
            }
            if tolerance.is_some_and(|most| distance > most) {
                continue;
            }
            // Looking back, the last of equal times; looking ahead, the first.
            let is_better = |(known, _): (i64, usize)| match is_back {
                true => distance <= known,
                false => distance < known,
            };
            if best.is_none_or(is_better) {
                best = Some((distance, index));
            }
        }
        best
    };
    let found = match direction {
        Direction::Backward => one(true),
        Direction::Forward => one(false),
        Direction::Nearest => match (one(true), one(false)) {
            (Some(back), Some(ahead)) if ahead.0 < back.0 => Some(ahead),
            (back, ahead) => back.or(ahead),
        },
    };
    found.map(|(_, index)| index)
}
