//! A whole run: open, infer, fit, write, check, commit.
//!
//! In: a validated [`Config`]. Out: a [`Receipt`] and a published lake, or an error and a lake
//! that is as it was. Invariant: nothing is published before every row is accounted for.

mod look;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::belt::{Belt, BeltParts, BeltStage};
use super::budget::Budget;
use super::cancel::CalledOff;
use super::columnar;
use super::cost::RowCost;
use super::dialect::Formats;
use super::fitting::{Known, count_left, learn, leave};
use super::gate::Gates;
use super::infer::{self, Looking, Table};
use super::lanes::{Lanes, Share};
use super::layout::Layout;
use super::open::{self, Room, check, pool};
use super::passed::PassedOver;
use super::plan::{self, Plan};
use super::receipt::{self, Outcome};
use super::refeed::{self, Adapted};
use super::settle::{Circumstances, Settled};
use super::sink::Sink;
use super::stages::{self, PassPlan, Stage};
use super::tables::Tables;
use super::tally::{Kept, Totals};
use super::worker::Timed;
use crate::base::{DataType, Error, Result};
use crate::config::{self, Config, OnBadRow};
use crate::decode::{Declared, NullTokens};
use crate::input::{Chunks, Outline, Source, SplitLimits};
use crate::output::{Encoder, PartInfo, Parts, Staging};
use crate::report::{
    self, AggregateReceipt, Counters, Progress, ProgressState, Receipt, StageLatency,
};
use crate::spill::TempSpace;
use crate::steps::expr::Settings;
use crate::steps::{Fit, Fitted, KeyUse};

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
    /// The steps of the plan whose keys outgrow their share of the memory, as far as is known.
    outgrown: BTreeSet<usize>,
}

/// What one attempt comes to.
struct Attempt {
    plan: Plan,
    fitted: Vec<Option<Fitted>>,
    parts: Vec<PartInfo>,
    aggregates: Vec<AggregateReceipt>,
    counters: Counters,
    has: Kept,
    budget: Arc<Budget>,
}

/// Does what `config` says; `interrupted` calls the run off from outside.
pub(super) fn run(config: &Config, interrupted: &Arc<AtomicBool>) -> Result<Receipt> {
    let started = Instant::now();
    let paths = open::discover(config)?;
    let adapted = refeed::adapt(config, &paths)?;
    let config = &*adapted.config;
    let mut run = open(&adapted, &paths, None, interrupted)?;
    columnar::check_taken(&run.sources, &run.formats.columns)?;
    let stage = || stage(config, &paths);
    let mut staging = stage()?;
    let tables = Tables::begin(config, &paths)?;
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
        let kept = refeed::kept(config, &table, &run.formats, &run.sources, &counters);
        kept.write(&staging.refeed_path())?;
    }
    run.check_interrupted()?;
    receipt.write(&staging.receipt_path())?;
    staging.commit()?;
    tables.publish()?;
    run.progress.finish();
    Ok(receipt)
}

/// A place for the files of an attempt.
fn stage(config: &Config, paths: &[PathBuf]) -> Result<Staging> {
    let mut staging = Staging::begin(&config.out, config.mode, paths)?;
    staging.retire(paths)?;
    Ok(staging)
}

fn open<'c>(
    adapted: &'c Adapted<'_>,
    paths: &[PathBuf],
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
fn check_sources(sources: &[Arc<Source>]) -> Result<()> {
    sources.iter().try_for_each(|source| source.check())
}

impl Run<'_> {
    fn check_interrupted(&self) -> Result<()> {
        check(&self.interrupted)
    }

    /// Changes `table`, and how sources are read, so that the next attempt gets further; returns
    /// what happened, in words.
    fn learn_from(&mut self, called_off: CalledOff, table: &mut Table) -> Result<String> {
        match called_off {
            CalledOff::Failed(error) => Err(error),
            CalledOff::Widen(widen, place) => Ok(table.widen(&widen, &place)),
            CalledOff::Outgrown(step) => {
                let label = self.settle(table)?.plan.steps[step].label();
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

    fn infer(&self) -> Result<Table> {
        let names = self.formats.columns.names.iter();
        let names: Vec<Arc<str>> = names.map(|name| name.as_str().into()).collect();
        let declared: Vec<Option<Declared>> = names
            .iter()
            .map(|name| {
                let spec = self
                    .config
                    .dtypes
                    .iter()
                    .find(|(column, _)| **column == **name);
                spec.map(|(_, spec)| {
                    (
                        spec.data_type.clone(),
                        spec.format.as_deref().map(Arc::from),
                    )
                })
            })
            .collect();
        let pool = pool(self.config.threads)?;
        let Self {
            sources,
            formats,
            nulls,
            ..
        } = self;
        let looking = Looking {
            from: self.config.infer,
            limit_bytes: self.limit_bytes,
            repair: self.config.repair,
            interrupted: &self.interrupted,
        };
        let table =
            pool.install(|| infer::infer(sources, formats, &names, &declared, nulls, looking));
        check_sources(sources)?;
        let mut table = table?;
        table.settle_types(self.exact);
        if self.config.strict {
            table.refuse_ambiguous()?;
        }
        if let Some(name) = &self.config.source_column {
            table.add_origin(name);
        }
        Ok(table)
    }

    /// Fits what must be fitted and writes the parts, unless a column turns out too narrow.
    fn attempt(
        &mut self,
        table: &Table,
        staging: &Staging,
        tables: &Tables<'_>,
    ) -> Result<Attempt, CalledOff> {
        let Settled {
            plan,
            layout,
            budget,
        } = self.settle(table)?;
        if self.config.verbose {
            self.progress.note(&budget.describe());
        }
        let mut fitted: Vec<Option<Fitted>> = plan.steps.iter().map(|_| None).collect();
        let mut again: Vec<Option<Box<dyn Fit>>> = plan.steps.iter().map(|_| None).collect();
        let mut spilled = vec![0; plan.steps.len()];
        let interrupted = Arc::clone(&self.interrupted);
        let go_on = || check(&interrupted);
        let pool = pool(self.config.threads)?;
        loop {
            let pass = stages::next_pass(plan.steps(), &fitted, &mut again)?;
            let sink = match pass.fits {
                true => None,
                false => Some(self.sink(&plan, layout, &budget, staging)?),
            };
            let chunks = self.chunks(layout);
            let parts = self.belt_parts(&plan, pass, layout, &budget, sink);
            let parts = self.pass(chunks, parts)?;
            match parts.sink {
                Some(sink) => {
                    let (files, totals) = sink.finish()?;
                    let (mut counters, has) = totals.finish(&self.paths)?;
                    let left = pool.install(|| leave(parts.stages, &budget, &go_on))?;
                    count_left(&left, &mut counters);
                    for (step, spilled) in counters.steps.iter_mut().zip(spilled) {
                        step.spilled_bytes += spilled;
                    }
                    let options = layout.encode_options(self.config);
                    let written = || tables.write(&plan, left, staging, &options, &go_on);
                    let aggregates = pool.install(written)?;
                    for (table, receipt) in plan.tables.iter().zip(&aggregates) {
                        counters.steps[table.step].spilled_bytes = receipt.spilled_bytes;
                    }
                    return Ok(Attempt {
                        plan,
                        fitted,
                        parts: files,
                        aggregates,
                        counters,
                        has,
                        budget,
                    });
                }
                None => pool.install(|| {
                    let known = Known {
                        fitted: &mut fitted,
                        again: &mut again,
                        spilled: &mut spilled,
                    };
                    learn(parts.stages, &budget, known, &go_on)
                })?,
            }
        }
    }

    fn sink(
        &self,
        plan: &Plan,
        layout: Layout,
        budget: &Arc<Budget>,
        staging: &Staging,
    ) -> Result<Sink> {
        let schema = plan.output_schema();
        staging.check_append_schema(&schema)?;
        let options = layout.encode_options(self.config);
        let encoder = Arc::new(Encoder::new(&schema, &options)?);
        let parts = Parts::new(Arc::clone(&encoder), staging);
        let totals = Totals::new(
            self.sources.len(),
            plan.schema.clone(),
            plan.fills.clone(),
            [staging.rejects_path(), staging.repairs_path()],
            Gates::new(
                self.config.rejects_max,
                self.config.rejects_per_file_max,
                self.sources.len(),
            ),
        );
        let output = plan.output.clone();
        Ok(Sink::new(layout, output, encoder, parts, totals, budget))
    }

    /// What a run over the columns of `table` is made of.
    fn settle(&self, table: &Table) -> Result<Settled> {
        // What an attempt before this one has freed may still be resident: that is not the program.
        let program_bytes = || report::rss_bytes().map(|bytes| bytes as usize);
        let circumstances = Circumstances {
            limit_bytes: self.limit_bytes,
            program_bytes: *self.program_bytes.get_or_init(program_bytes),
            expressions: self.expressions,
            outgrown: &self.outgrown,
        };
        Settled::new(self.config, table, circumstances)
    }

    fn belt_parts(
        &self,
        plan: &Plan,
        pass: PassPlan,
        layout: Layout,
        budget: &Arc<Budget>,
        sink: Option<Sink>,
    ) -> BeltParts {
        let row_cost = RowCost::new(plan, &pass);
        let schema = Arc::new(plan.schema.clone());
        let mut formats = self.formats.readers(&schema, &pass.needed, &self.nulls);
        formats.passed_over = PassedOver::new(plan, &self.formats, &self.sources);
        let records = self.formats.records(&self.sources).into_iter();
        let bounded = |stage: &&Stage| {
            let bounded = [Some(KeyUse::Bounded), Some(KeyUse::Spilt)];
            bounded.contains(&stage.key_use)
        };
        let lanes = pass.stages.iter().filter(bounded).count() * self.shards;
        let share = Share {
            bytes_max: budget.lane_share(lanes),
            space: Arc::clone(&self.space),
        };
        let stages = pass.stages.into_iter().map(|mut stage| BeltStage {
            inline: std::mem::take(&mut stage.inline),
            lanes: (!stage.keyed.is_empty()).then(|| Lanes::new(stage, self.shards, share.clone())),
        });
        BeltParts {
            formats: Arc::new(formats),
            splitters: records.map(|records| records.splitter).collect(),
            schema,
            repair: self.config.repair,
            stages: stages.collect(),
            sink,
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
    fn pass(&mut self, chunks: Chunks, parts: BeltParts) -> Result<BeltParts, CalledOff> {
        self.passes += 1;
        let bytes = self.sources.iter().map(|source| source.length()).sum();
        let passes = self.passes + usize::from(parts.sink.is_none());
        self.state
            .begin_pass(self.passes as u32, passes as u32, bytes);
        let belt = Belt::new(chunks, parts);
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
        self.outline = outline;
        Ok(parts)
    }
}

impl From<Error> for CalledOff {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
