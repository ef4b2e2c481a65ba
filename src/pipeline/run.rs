//! A whole run: open, infer, fit, write, check, commit.
//!
//! In: a validated [`Config`]. Out: a [`Receipt`] and a published lake, or an error and a lake
//! that is as it was. Invariant: nothing is published before every row is accounted for.

mod beside;
mod learnt;
mod look;
mod sorts;
mod types;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::belt::{Belt, BeltParts, BeltStage};
use super::budget::Budget;
use super::cancel::CalledOff;
use super::checks::CheckTotals;
use super::columnar;
use super::cost::RowCost;
use super::dialect::Formats;
use super::feed::Feed;
use super::filtered::{FilteredColumns, FilteredRows};
use super::fitting::Known;
use super::gate::Gates;
use super::infer::Table;
use super::lanes::{Lanes, Share};
use super::layout::Layout;
use super::open::{self, Room, check};
use super::origins::Places;
use super::passed::PassedOver;
use super::plan::{self, Plan};
use super::receipt::{self, Outcome};
use super::refeed::{self, Adapted};
use super::reorder::Reordering;
use super::settle::Settled;
use super::side::Sides;
use super::sink::{Sink, Written};
use super::stages::{PassPlan, Stage};
use super::tables::Tables;
use super::tally::{Kept, Totals};
use super::worker::Timed;
use crate::base::{DataType, Error, Result};
use crate::config::{self, Config, OnBadRow};
use crate::decode::NullTokens;
use crate::input::{Chunks, Outline, Source, SplitLimits};
use crate::output::{Encoder, Parts, Staging};
use crate::report::{
    self, AggregateReceipt, Counters, Progress, ProgressState, Receipt, StageLatency,
};
use crate::spill::TempSpace;
use crate::steps::expr::Settings;
use crate::steps::{Fitted, KeyUse};
use learnt::Start;

pub(super) use look::{plan, sniff};

/// What stays the same when a run starts over.
struct Run<'c> {
    config: &'c Config,
    /// Types of columns that are known to the unit and the zone.
    exact: &'c [(String, DataType)],
    interrupted: Arc<AtomicBool>,
    sources: Vec<Arc<Source>>,
    paths: Vec<PathBuf>,
    formats: Formats,
    /// The tables of joins.
    sides: Sides,
    nulls: NullTokens,
    limit_bytes: usize,
    /// What the program took before the first pass, where the system tells.
    program_bytes: OnceCell<Option<usize>>,
    shards: usize,
    progress: Progress,
    state: Arc<ProgressState>,
    latency: StageLatency,
    /// Time that the workers of all passes were busy, and that they waited.
    busy: Duration,
    waiting: Duration,
    passes: usize,
    /// Where the last pass found its chunks.
    outline: Option<Outline>,
    expressions: Settings,
    /// Where all temporary files go.
    space: Arc<TempSpace>,
    /// Where the chunks of the files lie whose rows are moved.
    places: Arc<Places>,
    /// The steps of the plan whose keys outgrow their share of the memory, as far as is known.
    outgrown: BTreeSet<usize>,
}

/// What one attempt comes to.
struct Attempt {
    plan: Plan,
    fitted: Vec<Option<Fitted>>,
    parts: Written,
    aggregates: Vec<AggregateReceipt>,
    counters: Counters,
    has: Kept,
    budget: Arc<Budget>,
}

/// Does what `config` says; `interrupted` calls the run off from outside.
pub(super) fn run(config: &Config, interrupted: &Arc<AtomicBool>) -> Result<Receipt> {
    let started = Instant::now();
    let paths = open::discover(config)?;
    let mut adapted = refeed::adapt(config, &paths)?;
    let sides = Sides::open(&mut adapted, interrupted)?;
    let (config, read) = (&*adapted.config, sides.beside(&paths));
    let mut run = open(&adapted, &paths, sides, None, interrupted)?;
    columnar::check_taken(&run.sources, &run.formats.columns)?;
    let stage = || stage(config, &paths, &read);
    let mut staging = stage()?;
    let tables = Tables::begin(config, &read)?;
    let mut table = run.infer()?;
    let mut restarts = Vec::new();
    let attempt = loop {
        match run.attempt(&table, &staging, &tables) {
            Ok(attempt) => break attempt,
            Err(called_off) => {
                let text = run.learn_from(called_off, &mut table)?;
                run.progress.note(&text);
                restarts.push(text);
                // Parts of the attempt must not be published.
                drop(staging);
                staging = stage()?;
            }
        }
    };
    let Attempt {
        plan,
        fitted,
        parts,
        aggregates,
        counters,
        has,
        budget,
    } = attempt;
    let rejects_file = staging.lake_rejects_path().display().to_string();
    let repairs_file = staging.lake_repairs_path().display().to_string();
    let outcome = Outcome {
        config,
        sources: &run.sources,
        formats: &run.formats,
        table: &table,
        plan: &plan,
        fitted: &fitted,
        parts,
        aggregates,
        counters: &counters,
        rejects_file: has.rejects.then_some(rejects_file),
        repairs_file: has.repairs.then_some(repairs_file),
        checks: has.checks,
        restarts,
        passes: run.passes,
        latency: &run.latency,
        busy: run.busy,
        waiting: run.waiting,
        budget: &budget,
        started: report::rfc3339(run.expressions.now),
        elapsed: started.elapsed(),
    };
    let receipt = receipt::receipt(outcome);
    if has.rejects {
        run.keep_rejects(&table, &counters, &staging)?;
    }
    run.check_interrupted()?;
    receipt.write(&staging.receipt_path())?;
    staging.commit()?;
    tables.publish()?;
    run.progress.finish();
    Ok(receipt)
}

/// A place for the files of an attempt, that feeds `paths` in and looks at what is `read`.
fn stage(config: &Config, paths: &[PathBuf], read: &[PathBuf]) -> Result<Staging> {
    let mut staging = Staging::begin(&config.out, config.mode, read)?;
    staging.retire(paths)?;
    Ok(staging)
}

fn open<'c>(
    adapted: &'c Adapted<'_>,
    paths: &[PathBuf],
    sides: Sides,
    beginning: Option<u64>,
    interrupted: &Arc<AtomicBool>,
) -> Result<Run<'c>> {
    let config = &*adapted.config;
    let mut progress = Progress::new(config.progress, config.quiet);
    let room = Room::new(config, beginning);
    let now = report::now_us();
    let opened = open::sources(config, paths, &room, interrupted, &mut progress)?;
    refeed::check(&opened)?;
    let (sources, known): (Vec<_>, Vec<_>) = { opened.into_iter() }
        .map(|opened| (opened.source, opened.known))
        .unzip();
    let formats = Formats::find(&sources, known, config);
    check_sources(&sources)?;
    let formats = formats?;
    config::check_columns(config, &formats.columns.header)?;
    plan::check_formats(config)?;
    let nulls = plan::null_tokens(config, &formats.columns.names);
    let run = Run {
        limit_bytes: room.limit_bytes,
        program_bytes: OnceCell::new(),
        formats,
        sides,
        shards: config.threads.next_power_of_two().min(64),
        progress,
        state: Arc::default(),
        latency: Timed::latency(),
        busy: Duration::ZERO,
        waiting: Duration::ZERO,
        passes: 0,
        outline: None,
        expressions: Settings {
            now,
            strict: config.strict,
        },
        space: room.space,
        places: Arc::default(),
        outgrown: BTreeSet::new(),
        config,
        exact: &adapted.types,
        interrupted: Arc::clone(interrupted),
        paths: sources
            .iter()
            .map(|source| source.path().to_path_buf())
            .collect(),
        sources,
        nulls,
    };
    Ok(run)
}

/// Fails if a source has changed, which explains whatever else went wrong.
pub(super) fn check_sources(sources: &[Arc<Source>]) -> Result<()> {
    sources.iter().try_for_each(|source| source.check())
}

impl Run<'_> {
    /// Keeps what it takes to feed the rejects in again.
    fn keep_rejects(&self, table: &Table, counters: &Counters, staging: &Staging) -> Result<()> {
        let kept = refeed::kept(self.config, table, &self.formats, &self.sources, counters);
        kept.write(&staging.refeed_path())
    }

    fn check_interrupted(&self) -> Result<()> {
        check(&self.interrupted)
    }

    /// Changes `table`, and how sources are read, so that the next attempt gets further; returns
    /// what happened, in words.
    fn learn_from(&mut self, called_off: CalledOff, table: &mut Table) -> Result<String> {
        match called_off {
            CalledOff::Failed(error) => Err(error),
            CalledOff::Widen(widen, place) => Ok(table.widen(&widen, &place)),
            CalledOff::Outgrown(step, label) => {
                self.outgrown.insert(step);
                Ok(format!(
                    "the keys of `{}` take more memory than it has a share in; one more pass finds \
                     out what it does; starting over",
                    label.escape_debug()
                ))
            }
            CalledOff::Behind(chunk_offset, place) => {
                self.formats.keep_last_fields(&self.sources, self.config)?;
                config::check_columns(self.config, &self.formats.columns.header)?;
                self.nulls = plan::null_tokens(self.config, &self.formats.columns.names);
                *table = self.infer()?;
                let place = place.position_at(chunk_offset);
                Ok(format!(
                    "the last column is kept for the value at {place}; starting over"
                ))
            }
        }
    }

    /// Fits what must be fitted and writes the parts, unless a column turns out too narrow.
    fn attempt(
        &mut self,
        table: &Table,
        staging: &Staging,
        tables: &Tables<'_>,
    ) -> Result<Attempt, CalledOff> {
        let Start {
            settled,
            mut fitted,
            mut spilled,
        } = self.settle(table)?;
        let Settled {
            plan,
            layout,
            budget,
        } = settled;
        if self.config.verbose {
            self.progress.note(&budget.describe());
        }
        let known = Known {
            fitted: &mut fitted,
            again: &mut plan.steps.iter().map(|_| None).collect::<Vec<_>>(),
            spilled: &mut spilled,
        };
        let totals = Some(self.totals(&plan, staging));
        let last = self.lead_up((&plan, layout, &budget), known, totals, &|_| false)?;
        let last = last.expect("nothing ends it early");
        let totals = last.totals.expect("they were given");
        let sink = self.sink(&plan, layout, &budget, staging, totals)?;
        let parts = self.belt_parts(&plan, last.pass, layout, &budget, Some(sink));
        let parts = self.pass(last.feed, parts)?;
        let sink = parts.sink.expect("a pass keeps its parts");
        let (files, totals) = sink.finish()?;
        let (mut counters, has) = totals.finish(&self.paths)?;
        let left = self.leave(parts.stages, &budget, &mut counters)?;
        for (step, spilled) in counters.steps.iter_mut().zip(spilled) {
            step.spilled_bytes += spilled;
        }
        let options = layout.encode_options(self.config);
        let aggregates = self.write_tables(tables, (&plan, left), staging, &options)?;
        for (table, receipt) in plan.tables.iter().zip(&aggregates) {
            counters.steps[table.step].spilled_bytes = receipt.spilled_bytes;
        }
        Ok(Attempt {
            plan,
            fitted,
            parts: files,
            aggregates,
            counters,
            has,
            budget,
        })
    }

    /// Nothing counted yet.
    fn totals(&self, plan: &Plan, staging: &Staging) -> Totals {
        Totals::new(
            self.sources.len(),
            plan.schema.clone(),
            plan.fills.clone(),
            [staging.rejects_path(), staging.repairs_path()],
            Gates::new(
                self.config.rejects_max,
                self.config.rejects_per_file_max,
                self.sources.len(),
            ),
            CheckTotals::new(plan.checks.clone(), self.expressions.now),
        )
    }

    fn sink(
        &self,
        plan: &Plan,
        layout: Layout,
        budget: &Arc<Budget>,
        staging: &Staging,
        totals: Totals,
    ) -> Result<Sink> {
        let schema = plan.output_schema();
        staging.check_append_schema(&schema)?;
        let options = layout.encode_options(self.config);
        let encoder = Arc::new(Encoder::new(&schema, &options)?);
        let parts = Parts::new(Arc::clone(&encoder), staging);
        let filtered = self.config.keep_filtered.then(|| {
            let columns = Arc::new(FilteredColumns::new(plan));
            FilteredRows::new(&columns, &options, staging, budget)
        });
        let (output, filtered) = (plan.output.clone(), filtered.transpose()?);
        Ok(Sink::new(
            layout, output, encoder, parts, totals, filtered, budget,
        ))
    }

    fn belt_parts(
        &self,
        plan: &Plan,
        mut pass: PassPlan,
        layout: Layout,
        budget: &Arc<Budget>,
        sink: Option<Sink>,
    ) -> BeltParts {
        let filtered = sink.as_ref().and_then(Sink::kept);
        if filtered.is_some() {
            // Rows that are dropped are kept with all their columns.
            pass.needed.fill(true);
        }
        let row_cost = RowCost::new(plan, &pass);
        let schema = Arc::new(plan.schema.clone());
        let of_files = &pass.needed[..plan.input_columns];
        let mut formats = self.formats.readers(&schema, of_files, &self.nulls);
        if filtered.is_none() {
            formats.passed_over = PassedOver::new(plan, &self.formats, &self.sources);
        }
        let records = self.formats.records(&self.sources).into_iter();
        let bounded = |stage: &&Stage| {
            let bounded = [Some(KeyUse::Seen), Some(KeyUse::Spilt)];
            bounded.contains(&stage.key_use)
        };
        let lanes = pass.stages.iter().filter(bounded).count() * self.shards;
        let share = Share {
            bytes_max: budget.lane_share(lanes),
            space: Arc::clone(&self.space),
        };
        let stages = pass.stages.into_iter().map(|mut stage| BeltStage {
            inline: std::mem::take(&mut stage.inline),
            reorder: { stage.reorder.take() }
                .map(|work| Reordering::new(work.step, &work.work, &self.places)),
            lanes: (!stage.keyed.is_empty()).then(|| Lanes::new(stage, self.shards, share.clone())),
        });
        BeltParts {
            needed: pass.needed,
            sorting: None,
            formats: Arc::new(formats),
            splitters: records.map(|records| records.splitter).collect(),
            schema,
            repair: self.config.repair,
            stages: stages.collect(),
            sink,
            filtered,
            budget: Arc::clone(budget),
            progress: Arc::clone(&self.state),
            row_cost,
            threads: self.config.threads,
            record_bytes_max: layout.record_bytes_max,
            page_bytes_max: layout.page_bytes_max,
            fail_on_reject: self.config.on_bad_row == OnBadRow::Fail,
        }
    }

    fn chunks(&self, layout: Layout) -> Chunks {
        let limits = SplitLimits {
            records_max: layout.chunk_rows,
            bytes_max: layout.chunk_bytes_max,
            record_bytes_max: layout.record_bytes_max,
        };
        let chunks = Chunks::new(self.formats.records(&self.sources), limits);
        let first = self.config.limit.map_or(u64::MAX, |records| records as u64);
        chunks.first(first).along(self.outline.as_ref())
    }

    /// Runs one pass to its end.
    fn pass(&mut self, feed: Feed, parts: BeltParts) -> Result<BeltParts, CalledOff> {
        self.passes += 1;
        let bytes = self.sources.iter().map(|source| source.length()).sum();
        let passes = self.passes + usize::from(parts.sink.is_none());
        self.state
            .begin_pass(self.passes as u32, passes as u32, bytes);
        let is_of_files = matches!(feed, Feed::Files(_));
        let belt = Belt::new(feed, parts);
        let interrupted = Arc::clone(&self.interrupted);
        let (progress, state) = (&mut self.progress, &self.state);
        let times = belt.run(|| {
            progress.tick(state);
            check(&interrupted)
        });
        for time in times {
            self.latency.merge(&time.latency);
            self.busy += time.busy;
            self.waiting += time.waiting;
        }
        check_sources(&self.sources)?;
        let (parts, outline) = belt.into_parts()?;
        if is_of_files {
            self.outline = outline;
        }
        Ok(parts)
    }
}

impl From<Error> for CalledOff {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
