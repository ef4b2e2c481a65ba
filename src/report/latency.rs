//! How long each stage takes per chunk or batch -> percentiles for the receipt.
//!
//! Invariant: counts and totals are exact, percentiles within one percent; memory is fixed.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The latencies of every stage, or of one worker's share of them.
#[derive(Clone)]
pub struct StageLatency {
    stages: Vec<Stage>,
}

#[derive(Clone)]
struct Stage {
    name: &'static str,
    nanoseconds: Histogram<u64>,
    total: Duration,
}

/// The latencies of one stage in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageSummary {
    /// The stage.
    pub name: String,
    /// How often it ran.
    pub count: u64,
    /// How long it ran in all, summed over threads.
    pub total_seconds: f64,
    /// Half of the runs were no longer than this, in microseconds.
    pub p50_us: f64,
    /// Nine in ten runs were no longer than this, in microseconds.
    pub p90_us: f64,
    /// All but one in a hundred were no longer than this, in microseconds.
    pub p99_us: f64,
    /// The longest run, in microseconds.
    pub max_us: f64,
    /// Its share of the time of all stages, 0 to 1.
    pub share: f64,
}

impl StageLatency {
    /// The longest latency told apart from longer ones.
    const HIGHEST: Duration = Duration::from_secs(3600);
    const SIGNIFICANT_DIGITS: u8 = 2;

    /// Nothing recorded yet, for stages of these names.
    pub fn new(names: &[&'static str]) -> Self {
        let stages = names.iter().map(|name| Stage {
            name,
            nanoseconds: Histogram::new_with_bounds(
                1,
                Self::HIGHEST.as_nanos() as u64,
                Self::SIGNIFICANT_DIGITS,
            )
            .expect("constant bounds that the histogram takes"),
            total: Duration::ZERO,
        });
        Self {
            stages: stages.collect(),
        }
    }

    /// Records one run of the stage at index `stage` of the names.
    pub fn record(&mut self, stage: usize, duration: Duration) {
        let stage = &mut self.stages[stage];
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        stage.nanoseconds.saturating_record(nanoseconds);
        stage.total += duration;
    }

    /// Adds what `other` has recorded of the same stages.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.stages.len(), other.stages.len(), "the same stages");
        for (ours, theirs) in self.stages.iter_mut().zip(&other.stages) {
            let added = ours.nanoseconds.add(&theirs.nanoseconds);
            added.expect("histograms of the same bounds");
            ours.total += theirs.total;
        }
    }

    /// The figures of each stage that ran, in the order of their names.
    pub fn summary(&self) -> Vec<StageSummary> {
        let all: Duration = self.stages.iter().map(|stage| stage.total).sum();
        let ran = self
            .stages
            .iter()
            .filter(|stage| !stage.nanoseconds.is_empty());
        let summaries = ran.map(|stage| {
            let quantile = |q| stage.nanoseconds.value_at_quantile(q) as f64 / 1e3;
            StageSummary {
                name: stage.name.to_owned(),
                count: stage.nanoseconds.len(),
                total_seconds: stage.total.as_secs_f64(),
                p50_us: quantile(0.5),
                p90_us: quantile(0.9),
                p99_us: quantile(0.99),
                max_us: quantile(1.0),
                share: stage.total.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE),
            }
        });
        summaries.collect()
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let stages = self.stages.iter();
        stages
            .map(|stage| {
                size_of::<Stage>() + stage.nanoseconds.distinct_values() * size_of::<u64>()
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_one_percent_and_totals_exact() {
        let mut latency = StageLatency::new(&["split", "idle", "encode"]);
        let mut other = latency.clone();
        for i in 1..=1000 {
            let half = if i % 2 == 0 { &mut latency } else { &mut other };
            half.record(0, Duration::from_micros(i));
        }
        other.record(2, Duration::from_secs(7200));
        latency.merge(&other);
        let summary = latency.summary();
        assert_eq!(summary.len(), 2, "a stage that never ran is left out");
        let split = &summary[0];
        assert_eq!((split.name.as_str(), split.count), ("split", 1000));
        assert_eq!(split.total_seconds, 0.5005);
        for (value, expected) in [
            (split.p50_us, 500.0),
            (split.p90_us, 900.0),
            (split.p99_us, 990.0),
            (split.max_us, 1000.0),
        ] {
            assert!(
                (value / expected - 1.0).abs() < 0.01,
                "{value} for {expected}"
            );
        }
        let encode = &summary[1];
        assert_eq!((encode.count, encode.total_seconds), (1, 7200.0));
        assert!((split.share + encode.share - 1.0).abs() < 1e-12);
        assert!(encode.share > 0.99);
    }

    #[test]
    fn nothing_recorded_is_no_division_by_zero() {
        let mut latency = StageLatency::new(&["a"]);
        assert!(latency.summary().is_empty());
        latency.record(0, Duration::ZERO);
        assert_eq!(latency.summary()[0].share, 0.0);
        assert!((1_000..100_000).contains(&latency.memory_bytes()));
    }
}
