//! What can be found out of a run without making it: what its sources hold, and what it would do.
//!
//! Invariant: nothing is written.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::super::side::Sides;
use super::super::{columnar, open, preview, receipt, refeed};
use super::open as open_run;
use crate::base::Result;
use crate::config::Config;
use crate::output::Staging;
use crate::report::{PlanReceipt, SniffReceipt};

/// Opens the sources and finds out what is in them, column by column, without a run.
pub(in super::super) fn sniff(
    config: &Config,
    interrupted: &Arc<AtomicBool>,
) -> Result<Vec<SniffReceipt>> {
    let mut sniffed = Vec::new();
    for path in open::discover(config)? {
        let paths = [path];
        let adapted = refeed::adapt(config, &paths)?;
        let beginning = Some(open::SNIFFED_BYTES);
        let run = open_run(&adapted, &paths, Sides::default(), beginning, interrupted)?;
        let table = run.infer()?;
        for (index, source) in run.sources.iter().enumerate() {
            sniffed.push(receipt::sniffed(index, source, &run.formats, &table)?);
        }
    }
    Ok(sniffed)
}

/// Finds out what a run would do, without doing it.
pub(in super::super) fn plan(
    config: &Config,
    interrupted: &Arc<AtomicBool>,
) -> Result<PlanReceipt> {
    let paths = open::discover(config)?;
    let mut adapted = refeed::adapt(config, &paths)?;
    let sides = Sides::open(&mut adapted, interrupted)?;
    let (config, read) = (&*adapted.config, sides.beside(&paths));
    let run = open_run(&adapted, &paths, sides, None, interrupted)?;
    columnar::check_taken(&run.sources, &run.formats.columns)?;
    let table = run.infer()?;
    let settled = run.settled(&table, &[])?;
    let schema = settled.plan.output_schema();
    let inputs = run.sources.iter().zip(&run.formats.sources);
    let in_the_way = Staging::in_the_way(&config.out, config.mode, &read, &schema);
    Ok(PlanReceipt {
        inputs: inputs
            .map(|(source, format)| receipt::understood(source, format))
            .collect(),
        in_the_way: in_the_way.err().map(|error| error.to_string()),
        ..preview::preview(config, &table, &settled)?
    })
}
