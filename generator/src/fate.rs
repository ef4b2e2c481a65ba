//! A row's index in, out what other rows may ask about it: whether it repeats an earlier row, and
//! what time it shows. Invariants: times in order never fall from row to row; every
//! [`ANCHOR_DISTANCE`] rows stands an anchor, a row that is itself and shows its time in order, so
//! that looking back soon ends at any rate.

use crate::faults::{Fault, Faults};
use crate::job::Job;
use crate::random::{Chance, Rng};

/// From one anchor to the next, in rows. Row 0 is the first.
const ANCHOR_DISTANCE: u64 = 256;

const YEAR_2024: i64 = 1_704_067_200;
const STEP_SECONDS_MAX: u64 = 60;

/// What is drawn first for every row.
pub(crate) struct Fate {
    is_duplicate: bool,
    /// What is wrong with the time it shows.
    pub(crate) time_fault: Option<Fault>,
    /// Its time in order, in seconds since 1970-01-01.
    pub(crate) seconds: i64,
}

/// Draws the fates of a job's rows.
pub(crate) struct Fates {
    seed: u64,
    duplicates: Chance,
    duplicates_within: u64,
    time_faults: Faults,
    /// From one row's time to the next, in units of 2^-32 seconds.
    step: u64,
}

impl Fates {
    /// The fates of `rows` rows, spread over the job's days but at most a minute apart.
    pub(crate) fn new(job: &Job, time_faults: Faults, rows: u64) -> Self {
        let span = (u64::from(job.days) * 86_400) << 32;
        Self {
            seed: job.seed,
            duplicates: Chance::new(job.rates.duplicates),
            duplicates_within: job.duplicates_within,
            time_faults,
            step: (span / rows.max(1)).min(STEP_SECONDS_MAX << 32),
        }
    }

    /// The row whose text stands in `row`: itself, or the earlier one that it repeats; with its fate
    /// and the generator of its cells.
    pub(crate) fn origin(&self, row: u64) -> (u64, Fate, Rng) {
        let mut origin = row;
        loop {
            let (fate, mut rng) = self.draw(origin);
            if !fate.is_duplicate {
                return (origin, fate, rng);
            }
            let reach = origin.min(self.duplicates_within) as u32;
            origin -= 1 + u64::from(rng.below(reach));
        }
    }

    /// The time of the last row before `row`, which is not row 0, that shows its time in order. All
    /// rows up to there are dated no later, which is what makes an earlier date a late one.
    pub(crate) fn seconds_before(&self, row: u64) -> i64 {
        let mut earlier = (0..row).rev().map(|row| self.draw(row).0);
        let in_order = earlier.find(|fate| !fate.is_duplicate && fate.time_fault.is_none());
        in_order.expect("row 0 is an anchor").seconds
    }

    fn draw(&self, row: u64) -> (Fate, Rng) {
        let mut rng = Rng::for_row(self.seed, row);
        let bits = rng.bits();
        let is_anchor = row.is_multiple_of(ANCHOR_DISTANCE);
        let time_fault = self.time_faults.pick((bits >> 32) as u32);
        // The row's own step of time, and a random part of it.
        let part = (u128::from(self.step) * u128::from(rng.dice())) >> 32;
        let elapsed = row * self.step + part as u64;
        let fate = Fate {
            is_duplicate: self.duplicates.hits(bits as u32) && !is_anchor,
            time_fault: time_fault.filter(|_| !is_anchor),
            seconds: YEAR_2024 + (elapsed >> 32) as i64,
        };
        (fate, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Rates;
    use crate::job::Extent;
    use crate::shape::{Cells, Shape};

    fn fates(rates: Rates, rows: u64) -> Fates {
        let job = Job {
            rates,
            days: 10,
            ..Job::new(Shape::Transactions, Extent::Rows(rows))
        };
        let mut columns = job.shape.columns().into_iter();
        let time = columns.find(|column| matches!(column.cells, Cells::Time));
        Fates::new(&job, Faults::new(&rates, &time.unwrap()).unwrap(), rows)
    }

    #[test]
    fn times_in_order_rise_within_the_days() {
        for (rows, last_second) in [(1000, 60_000), (50_000, 864_000), (2_000_000, 864_000)] {
            let fates = fates(Rates::CLEAN, rows);
            let times: Vec<i64> = (0..rows).map(|row| fates.draw(row).0.seconds).collect();
            assert!(times.is_sorted());
            assert!((0..60).contains(&(times[0] - YEAR_2024)));
            let last = times.last().unwrap() - YEAR_2024;
            assert!((last_second - 60..last_second).contains(&last), "{last}");
        }
    }

    #[test]
    fn anchors_bound_the_way_back_at_any_rate() {
        let rates = Rates {
            duplicates: 1.0,
            late: 1.0,
            ..Rates::CLEAN
        };
        let fates = fates(rates, 1000);
        for row in [0, 1, 255, 256, 700] {
            assert_eq!(fates.origin(row).0, row - row % 256);
        }
        assert_eq!(fates.seconds_before(255), fates.draw(0).0.seconds);
        assert_eq!(fates.seconds_before(700), fates.draw(512).0.seconds);
    }

    #[test]
    fn a_repeated_row_lies_within_its_reach() {
        let rates = Rates {
            duplicates: 0.01,
            ..Rates::CLEAN
        };
        let fates = Fates {
            duplicates_within: 500,
            ..fates(rates, 50_000)
        };
        let mut distances: Vec<u64> = (0..50_000)
            .map(|row| row - fates.origin(row).0)
            .filter(|&distance| distance > 0)
            .collect();
        distances.sort_unstable();
        assert!(distances.len().abs_diff(500) < 70, "{}", distances.len());
        // One in a hundred repeats a row that is a repetition itself, from further off.
        let within = distances.partition_point(|&distance| distance <= 500);
        assert!(distances.len() - within < 15, "{within}");
        let median = distances[distances.len() / 2];
        assert!((200..300).contains(&median), "{median}");
    }
}
