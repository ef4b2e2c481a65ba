//! What the steps that make tables have left behind -> their files.
//!
//! Invariant: tables in the lake are published with it; those outside of it right after.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use super::lanes::Left;
use super::plan::PlannedTable;
use crate::base::{Error, Result};
use crate::config::{AggregateSpec, Config};
use crate::output::{EncodeOptions, Outside, Staging, Table};
use crate::report::{AggregateReceipt, Counters, PlanAggregate, PlanColumn};

/// What the shards of a step have left behind.
pub(super) type Shards = Vec<Arc<dyn Any + Send + Sync>>;

/// For each table, what the shards of its step have left behind.
pub(super) fn shards_of(tables: &[PlannedTable], left: Vec<Left>) -> Vec<Shards> {
    let mut shards: Vec<Shards> = tables.iter().map(|_| Vec::new()).collect();
    for left in left {
        if let Some(index) = tables.iter().position(|table| table.step == left.step) {
            shards[index] = left.shards;
        }
    }
    shards
}

/// The files of a run's tables.
pub(super) struct Tables<'c> {
    specs: &'c [AggregateSpec],
    /// Those outside of the lake.
    outside: Vec<Option<Outside>>,
}

impl<'c> Tables<'c> {
    /// Makes sure that the tables of `config` can be written where they go.
    ///
    /// # Errors
    /// What is in the way of one of them.
    pub(super) fn begin(config: &'c Config, inputs: &[PathBuf]) -> Result<Self> {
        let specs = config.aggregates.as_slice();
        let outside = specs.iter().map(|spec| match &spec.out {
            None => Ok(None),
            Some(place) => {
                Outside::check(place, &config.out, inputs)
                    .map_err(|message| Error::usage(&*spec.place, message))?;
                Outside::begin(place).map(Some)
            }
        });
        let outside = outside.collect::<Result<_>>()?;
        Ok(Self { specs, outside })
    }

    /// Writes each table of what the shards of its step have left behind; `go_on` is asked now and
    /// then.
    ///
    /// # Errors
    /// The first cell beyond its type, or a failure to write.
    pub(super) fn write(
        &self,
        planned: &[PlannedTable],
        shards: Vec<Shards>,
        staging: &Staging,
        options: &EncodeOptions,
        counters: &mut Counters,
        go_on: impl Fn() -> Result<()>,
    ) -> Result<Vec<AggregateReceipt>> {
        let planned = planned.iter().zip(shards);
        let tables = self.specs.iter().zip(&self.outside).zip(planned);
        let written = tables.map(|((spec, outside), (planned, shards))| {
            let mut rows = planned.aggregate.rows(shards)?;
            let (path, file) = match outside {
                Some(outside) => (outside.path(), outside.place().to_path_buf()),
                None => staging.table_paths(&spec.name, spec.format.extension()),
            };
            let mut table = Table::create(&path, spec.format, rows.schema(), options)?;
            while let Some(columns) = rows.next()? {
                table.append(&columns)?;
                go_on()?;
            }
            let (rows_written, bytes) = table.finish()?;
            let counts = &mut counters.steps[planned.step];
            counts.spilled_bytes += rows.spilled_bytes();
            Ok(AggregateReceipt {
                name: spec.name.clone(),
                file: file.display().to_string(),
                bytes,
                rows: rows_written,
                groups: rows.groups(),
                rows_seen: rows.rows_seen(),
                spilled_bytes: counts.spilled_bytes,
            })
        });
        written.collect()
    }

    /// Puts those outside of the lake in their places.
    ///
    /// # Errors
    /// A failure to do so.
    pub(super) fn publish(self) -> Result<()> {
        self.outside
            .into_iter()
            .flatten()
            .try_for_each(Outside::publish)
    }
}

/// What `config` would make of the tables that are planned.
pub(super) fn previews(config: &Config, planned: &[PlannedTable]) -> Vec<PlanAggregate> {
    let tables = config.aggregates.iter().zip(planned);
    let tables = tables.map(|(spec, planned)| {
        let columns = planned.aggregate.columns().into_iter();
        let columns = columns.map(|(name, data_type)| PlanColumn {
            name,
            data_type: data_type.to_string(),
            why: String::new(),
        });
        let within = || format!("_aggregates/{}.{}", spec.name, spec.format.extension());
        let file = spec.out.as_ref().map(|place| place.display().to_string());
        PlanAggregate {
            name: spec.name.clone(),
            file: file.unwrap_or_else(within),
            columns: columns.collect(),
            pivot: spec.pivot.as_ref().map(|pivot| pivot.columns.clone()),
        }
    });
    tables.collect()
}
