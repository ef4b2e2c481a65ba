//! What the steps that make tables have left behind -> their files.
//!
//! Invariant: tables in the lake are published with it; those outside of it right after, in any case.

use std::path::PathBuf;

use rayon::prelude::*;

use super::lanes::Left;
use super::plan::{Plan, PlannedTable};
use crate::base::{Error, Result};
use crate::config::{AggregateSpec, Config};
use crate::output::{EncodeOptions, Outside, Staging, Table};
use crate::report::{AggregateReceipt, PlanAggregate, PlanColumn};

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

    /// Writes each table of `plan`, of what the shards of its step have `left` behind, as many at a
    /// time as the pool has threads that this is called on; `go_on` is asked now and then.
    ///
    /// # Errors
    /// A cell beyond its type, or a failure to write.
    pub(super) fn write(
        &self,
        plan: &Plan,
        mut left: Vec<Left>,
        staging: &Staging,
        options: &EncodeOptions,
        go_on: &(dyn Fn() -> Result<()> + Sync),
    ) -> Result<Vec<AggregateReceipt>> {
        let files = self.specs.iter().zip(&self.outside);
        let tables = files.zip(&plan.tables).map(|((spec, outside), table)| {
            let at = left.iter().position(|left| left.step == table.step);
            let left = left.swap_remove(at.expect("its step has run"));
            let (path, file) = match outside {
                Some(outside) => (outside.path(), outside.place().to_path_buf()),
                None => staging.table_paths(&spec.name, spec.format.extension()),
            };
            (spec, table, left, path, file)
        });
        let tables: Vec<_> = tables.collect();
        let written = { tables.into_par_iter() }.map(|(spec, planned, left, path, file)| {
            let mut rows = planned.aggregate.rows(left.shards)?;
            let mut table = Table::create(&path, spec.format, rows.schema(), options)?;
            while let Some(columns) = rows.next()? {
                table.append(&columns)?;
                go_on()?;
            }
            let (rows_written, bytes) = table.finish()?;
            Ok(AggregateReceipt {
                name: spec.name.clone(),
                file: file.display().to_string(),
                bytes,
                rows: rows_written,
                groups: rows.groups(),
                rows_seen: rows.rows_seen(),
                spilled_bytes: left.spilled_bytes,
            })
        });
        written.collect()
    }

    /// Those outside of the lake, to be put in their places when it is committed.
    pub(super) fn outside(self) -> Vec<Outside> {
        self.outside.into_iter().flatten().collect()
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
