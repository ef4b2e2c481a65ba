//! What is settled of a run -> what it would do, step by step and pass by pass.
//!
//! Invariant: the passes are those that the belt makes, planned by the same planner; of a fit that
//! may ask for one more pass, the first is told.

use std::sync::Arc;

use super::infer::Table;
use super::plan::Plan;
use super::segment::segments;
use super::settle::Settled;
use super::stages::{PassPlan, Steps};
use super::tables;
use crate::base::{Batch, Column, DataType, Result};
use crate::config::Config;
use crate::report::{BudgetTerm, PlanColumn, PlanPass, PlanReceipt, PlanStep};
use crate::steps::{
    Effect, Fitted, KeyUse, KeyedState, KeyedStep, LocalStep, Prepared, ShardColumns, ShardOutput,
    SortOrder, Step,
};

/// What a run of `config` over `table` would do; the inputs are not told yet.
pub(super) fn preview(config: &Config, table: &Table, settled: &Settled) -> Result<PlanReceipt> {
    let Settled {
        plan,
        layout,
        budget,
    } = settled;
    let shares = budget.shares().into_iter();
    let shares = shares.map(|(name, bytes)| BudgetTerm {
        name: name.to_owned(),
        bytes: bytes as u64,
    });
    let columns = plan.schema.columns.iter().enumerate();
    let columns = columns.take(plan.input_columns);
    let lake = plan.output_schema();
    Ok(PlanReceipt {
        columns: columns
            .map(|(slot, column)| planned(column, table.why[slot].clone()))
            .collect(),
        steps: steps(plan)?,
        output: { lake.columns.iter() }
            .zip(&plan.output)
            .map(|(column, &slot)| {
                let why = table.why.get(slot).map(String::as_str);
                let why = why.or_else(|| plan.made(slot)).unwrap_or_default();
                planned(column, why.to_owned())
            })
            .chain(flags(plan))
            .collect(),
        aggregates: tables::previews(config, &plan.tables),
        passes: passes(settled, config.keep_filtered)?,
        key: config.key.clone(),
        threads: config.threads,
        chunk_rows: layout.chunk_rows,
        chunk_bytes_max: layout.chunk_bytes_max as u64,
        row_group_rows: layout.row_group_rows,
        limit_bytes: budget.limit_bytes() as u64,
        budget: shares.collect(),
        out: config.out.display().to_string(),
        compression: config.compression.to_string(),
        ..PlanReceipt::default()
    })
}

fn planned(column: &Column, why: String) -> PlanColumn {
    PlanColumn {
        name: column.name.to_string(),
        data_type: column.data_type.to_string(),
        why,
    }
}

/// The columns of categories that are not known yet.
fn flags(plan: &Plan) -> impl Iterator<Item = PlanColumn> {
    let asked = plan.asked.steps.iter().zip(&plan.asked.columns);
    asked.map(|(&step, name)| PlanColumn {
        name: format!("{name}_…"),
        data_type: DataType::Boolean.to_string(),
        why: format!("{}: one for each category", plan.steps[step].label()),
    })
}

fn steps(plan: &Plan) -> Result<Vec<PlanStep>> {
    let columns = &plan.schema.columns;
    let steps = plan.steps.iter().zip(&plan.live).enumerate();
    let steps = steps.map(|(index, (step, &is_needed))| {
        let name = |slot: &usize| columns[*slot].name.to_string();
        let made = step.writes();
        let made = made.iter().map(|slot| &columns[*slot]);
        let how = match prepared(&**step)? {
            None => "all rows sorted, by temporary files where they do not fit into memory",
            Some(prepared) => how(&prepared, plan.asked.steps.contains(&index), &**step),
        };
        Ok(PlanStep {
            label: step.label(),
            how: how.to_owned(),
            reads: step.reads().iter().map(name).collect(),
            writes: made.map(|column| planned(column, step.label())).collect(),
            table: plan.table(index).cloned(),
            drops_rows: step.drops_rows(),
            adds_rows: step.adds_rows(),
            is_needed,
        })
    });
    let waiting = plan.asked.waiting.iter().map(|label| {
        Ok(PlanStep {
            label: label.clone(),
            how: "planned once the columns before it are known".to_owned(),
            is_needed: true,
            ..PlanStep::default()
        })
    });
    steps.chain(waiting).collect()
}

/// What `step` begins with, unless it sorts.
fn prepared(step: &dyn Step) -> Result<Option<Prepared>> {
    match step.sorts() {
        Some(_) => Ok(None),
        None => step.prepare(None).map(Some),
    }
}

/// How a step that begins with `prepared` runs.
fn how(prepared: &Prepared, is_asked: bool, step: &dyn Step) -> &'static str {
    match prepared {
        _ if is_asked => "fitted, then planned anew with its columns, row by row",
        Prepared::Fit(_) => "fitted, then row by row",
        Prepared::FitKeyed(keyed) => match keyed.key_use() {
            KeyUse::Spilt => {
                "fitted by key, then by key; keys that memory has no room for are spilled"
            }
            _ => "fitted by key, then by key",
        },
        Prepared::Check(_) => "looks at the rows that are about to be written",
        Prepared::Local(_) => "row by row",
        Prepared::Keyed(_) if step.makes_table() => {
            "in groups, into a table of its own; groups that memory has no room for are spilled"
        }
        Prepared::Keyed(keyed) => match keyed.key_use() {
            KeyUse::Seen => {
                "by key, in file order; keys that memory has no room for are spilled, in one \
                 more pass"
            }
            _ => "by key, in file order",
        },
        Prepared::Reorder(_) => "rows held back and let go in order, as far as asked for",
    }
}

/// The passes that the belt would make if every fit were done after its first one. Rows that are
/// dropped are decoded whole if they are kept.
fn passes(settled: &Settled, keep_filtered: bool) -> Result<Vec<PlanPass>> {
    let plan = &settled.plan;
    let sketches: Vec<Arc<dyn Step>> = { plan.steps.iter() }
        .map(|step| Arc::new(Sketch(Arc::clone(step))) as Arc<dyn Step>)
        .collect();
    let mut fitted: Vec<Option<Fitted>> = sketches.iter().map(|_| None).collect();
    let mut again: Vec<_> = sketches.iter().map(|_| None).collect();
    let mut passes = Vec::new();
    let mut sorted = None;
    for segment in segments(plan)? {
        let sort = { segment.sort.as_ref() }.map(|sort| plan.steps[sort.step].label());
        loop {
            let steps = Steps {
                steps: &sketches,
                ..plan.steps()
            };
            let mut pass = segment.next_pass(&steps, &fitted, &mut again)?;
            if keep_filtered && !pass.fits {
                pass.needed.fill(true);
            }
            passes.push(PlanPass {
                writes: !pass.fits && sort.is_none(),
                sorts: sort.clone().filter(|_| !pass.fits),
                reads_sorted: sorted.clone(),
                ..told(&pass, settled)
            });
            if !pass.fits {
                break;
            }
            for step in pass.fitted_steps() {
                fitted[step] = Some(Fitted::Shards(Vec::new()));
            }
        }
        sorted = sort;
    }
    Ok(passes)
}

fn told(pass: &PassPlan, settled: &Settled) -> PlanPass {
    let columns = settled.plan.schema.columns.iter().zip(&pass.needed);
    let columns = columns.filter(|(_, needed)| **needed);
    let stages = pass.stages.iter().map(|stage| {
        let steps = stage.inline.iter().map(|work| work.step);
        let steps = steps.chain(stage.keyed.iter().map(|work| work.step));
        let steps = steps.chain(stage.reorder.iter().map(|work| work.step));
        let label = |step: usize| settled.plan.steps[step].label();
        steps.map(label).collect()
    });
    PlanPass {
        fits: { pass.fitted_steps() }
            .map(|step| settled.plan.steps[step].label())
            .collect(),
        columns: columns.map(|(column, _)| column.name.to_string()).collect(),
        stages: stages.collect(),
        ..PlanPass::default()
    }
}

/// A step that is planned for but does nothing, whatever is said to be fitted.
struct Sketch(Arc<dyn Step>);

impl Step for Sketch {
    fn label(&self) -> String {
        self.0.label()
    }

    fn reads(&self) -> Vec<usize> {
        self.0.reads()
    }

    fn writes(&self) -> Vec<usize> {
        self.0.writes()
    }

    fn drops_rows(&self) -> bool {
        self.0.drops_rows()
    }

    fn key(&self) -> Option<&[usize]> {
        self.0.key()
    }

    fn adds_rows(&self) -> bool {
        self.0.adds_rows()
    }

    fn sorts(&self) -> Option<&SortOrder> {
        self.0.sorts()
    }

    fn moves_rows(&self) -> bool {
        self.0.moves_rows()
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        let prepared = self.0.prepare(None)?;
        Ok(match (prepared, fitted) {
            (Prepared::Fit(_), Some(_)) => Prepared::Local(Arc::new(Nothing)),
            (Prepared::FitKeyed(_), Some(_)) => Prepared::Keyed(Arc::new(Nothing)),
            (prepared, _) => prepared,
        })
    }
}

/// What a fitted step would run as; nobody runs it.
struct Nothing;

impl LocalStep for Nothing {
    fn apply(&self, _: &mut Batch) -> Result<Effect> {
        Ok(Effect::default())
    }
}

impl KeyedStep for Nothing {
    fn state(&self, _: usize) -> Box<dyn KeyedState> {
        Box::new(Self)
    }

    fn assemble(&self, _: &mut Batch, _: Vec<ShardOutput>) -> Result<Effect> {
        Ok(Effect::default())
    }
}

impl KeyedState for Nothing {
    fn advance(&mut self, _: &Batch, _: &[u32], _: &[u32]) -> Result<ShardColumns> {
        Ok(ShardColumns::None)
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
