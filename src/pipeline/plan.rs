//! What a run does once the columns are known: slots, steps, key and time.
//!
//! In: the validated [`Config`] and the input's columns. Out: a [`Plan`]. What a user can get
//! wrong about types is refused here, before the first row is read.
//!
//! Invariant: a slot never changes its type. A step that replaces, casts or renames a column makes
//! a new slot or another name for it; the lake has those slots that have a name at the end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::side::Sides;
use super::stages::Steps;
use crate::base::{Column, Error, Method, Origin, Result, Schema};
use crate::config::{Config, StepSpec};
use crate::decode::{NullTokens, check_format};
use crate::report::JoinedTable;
use crate::steps::expr::Settings;
use crate::steps::impute::Impute;
use crate::steps::rolling::{Rolling, RollingSpec};
use crate::steps::{Categories, Step};
pub(crate) use checks::PlannedCheck;
pub(crate) use fitted::Asked;

mod aggregate;
mod checks;
mod dedup;
mod fitted;
mod join;
mod row;
mod series;
mod sort;

pub(crate) use aggregate::PlannedTable;

/// The run, resolved against the input's columns.
pub(crate) struct Plan {
    /// Input columns, then what steps derive, in slot order.
    pub(crate) schema: Schema,
    /// How many of the columns come from the input.
    pub(crate) input_columns: usize,
    pub(crate) steps: Vec<Arc<dyn Step>>,
    /// For each step, the slot whose nulls it fills.
    pub(crate) fills: Vec<Option<usize>>,
    /// For each step, whether the lake needs what it does.
    pub(crate) live: Vec<bool>,
    /// Slots of the partition key.
    pub(crate) key: Vec<usize>,
    /// The columns of the lake: their slots, in order.
    pub(crate) output: Vec<usize>,
    /// What those are called.
    names: Vec<Arc<str>>,
    /// Columns that a step left out: what they were called, and their slots.
    left_out: Vec<(Arc<str>, usize)>,
    /// For each slot that a step makes, how.
    made: Vec<String>,
    /// The steps that look rows up in a table, and the table.
    joined: Vec<(usize, JoinedTable)>,
    /// The tables beside the lake, in order.
    pub(crate) tables: Vec<PlannedTable>,
    /// What must be learnt before the plan can go on.
    pub(crate) asked: Asked,
    /// What rows are held against before they are written.
    pub(crate) checks: Vec<PlannedCheck>,
    /// The steps that only work for a check, by their index.
    flagging: BTreeSet<usize>,
    /// Whether there is a step that puts rows in time order, if one is asked for.
    is_in_order: bool,
    /// Whether rows that steps drop are kept.
    pub(crate) keeps_dropped: bool,
}

/// What a plan is made for, beside its configuration.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The most that a fit may hold, in bytes.
    pub(crate) fit_bytes_max: usize,
    /// The most that one batch may grow to, in bytes.
    pub(crate) batch_bytes_max: usize,
    /// What expressions have in common.
    pub(crate) expressions: Settings,
    /// The steps of the plan, by their index, whose keys have turned out to outgrow memory.
    pub(crate) outgrown: &'a BTreeSet<usize>,
    /// The tables of joins.
    pub(crate) sides: &'a Sides,
    /// The categories of the first steps that make columns of what they learn.
    pub(crate) learnt: &'a [Categories],
}

impl Plan {
    /// The plan of `config` over the columns `input`. Every column that `config` names is there.
    pub(crate) fn new(config: &Config, input: &[Column], request: Request<'_>) -> Result<Self> {
        let schema = Schema {
            columns: input.to_vec(),
        };
        let key = config.key.iter().map(|name| slot(&schema, name)).collect();
        let time = config.time.as_ref().map(|name| slot(&schema, name));
        let mut plan = Self {
            input_columns: input.len(),
            steps: Vec::new(),
            fills: Vec::new(),
            live: Vec::new(),
            key,
            output: (0..input.len()).collect(),
            names: input
                .iter()
                .map(|column| Arc::clone(&column.name))
                .collect(),
            left_out: Vec::new(),
            keeps_dropped: config.keep_filtered,
            made: Vec::new(),
            joined: Vec::new(),
            tables: Vec::new(),
            asked: Asked::default(),
            checks: Vec::new(),
            flagging: BTreeSet::new(),
            is_in_order: false,
            schema,
        };
        let mut specs = config.steps.iter().peekable();
        let mut sides = 0..;
        while let Some(spec) = specs.next() {
            let side = matches!(spec, StepSpec::Join { .. }).then(|| sides.next());
            if plan.waits(spec) {
                continue;
            }
            if sort::goes_by_order(spec) {
                plan.put_in_order(config.order, time)?;
            }
            match spec {
                StepSpec::Impute { column, method } => {
                    plan.add_impute(column, method, request.fit_bytes_max)?;
                }
                StepSpec::Rolling { .. } => {
                    let mut group = vec![spec];
                    let known = plan.names.clone();
                    group.extend(std::iter::from_fn(|| {
                        specs.next_if(|next| next.rolls_over(&known))
                    }));
                    plan.add_rolling(config, &group, time)?;
                }
                StepSpec::Dedup { dedup, .. } => plan.add_dedup(dedup, &request),
                StepSpec::Join { join, place } => {
                    let side = side.flatten().expect("there are numbers for all of them");
                    let side = request.sides.get(side);
                    plan.add_join(join, place, side, request.batch_bytes_max)?;
                }
                StepSpec::Series { step, place } => {
                    plan.add_series((step, place), &mut specs, config, time, request)?;
                }
                StepSpec::Sort { spec, .. } => plan.add_sort(spec),
                StepSpec::Row { step, place } => plan.add_row(step, place, request.expressions)?,
                StepSpec::Fitted { step, place } => plan.add_fitted(step, place, request)?,
            }
        }
        plan.put_in_order(config.order, time)?;
        plan.add_checks(config, request)?;
        plan.add_aggregates(&config.aggregates, request.expressions)?;
        plan.find_live();
        Ok(plan)
    }

    fn add_step(&mut self, step: Arc<dyn Step>, fills: Option<usize>) {
        self.steps.push(step);
        self.fills.push(fills);
    }

    fn add_impute(&mut self, column: &str, method: &Method, fit_bytes_max: usize) -> Result<()> {
        let slot = self.slot(column);
        let column = self.column(slot);
        let step = Impute::new(&column, slot, method, !self.key.is_empty(), fit_bytes_max)?;
        self.add_step(Arc::new(step), Some(slot));
        Ok(())
    }

    fn add_rolling(
        &mut self,
        config: &Config,
        group: &[&StepSpec],
        time: Option<usize>,
    ) -> Result<()> {
        let before = Schema {
            columns: (0..self.schema.columns.len())
                .map(|slot| self.column(slot))
                .collect(),
        };
        let mut specs = Vec::with_capacity(group.len());
        for spec in group {
            let StepSpec::Rolling {
                column,
                function,
                window,
                name,
            } = spec
            else {
                unreachable!("the group holds rolling columns only")
            };
            let data_type = RollingSpec::output_type(*function);
            specs.push(RollingSpec {
                column: self.slot(column),
                function: *function,
                window: *window,
                min_samples: config.min_samples,
                output: self.add_column(name, data_type, "made by a rolling window".into()),
            });
        }
        let flags = group.iter().map(|spec| spec.to_string());
        let label = flags
            .collect::<Vec<_>>()
            .join(" ")
            .replace("--rolling ", "");
        let label = format!("rolling {label}");
        let step = Rolling::new(specs, time, config.order, &before, label)?;
        self.add_step(Arc::new(step), None);
        Ok(())
    }

    /// A new slot for the column `name`, which takes the place of one of that name.
    fn add_column(&mut self, name: &str, data_type: crate::base::DataType, how: String) -> usize {
        let slot = self.schema.columns.len();
        self.schema.columns.push(Column {
            name: name.into(),
            data_type,
            format: None,
            origin: Origin::Derived,
        });
        self.made.push(how);
        match self.names.iter().position(|known| **known == *name) {
            Some(index) => self.output[index] = slot,
            None => {
                self.output.push(slot);
                self.names.push(name.into());
            }
        }
        slot
    }

    /// The slot of the column that is called `name` by now.
    fn slot(&self, name: &str) -> usize {
        let index = self.names.iter().position(|known| **known == *name);
        self.output[index.expect("the configuration was checked against the columns")]
    }

    /// The column in `slot`, as it is called by now.
    fn column(&self, slot: usize) -> Column {
        let column = self.schema.columns[slot].clone();
        match self.output.iter().position(|known| *known == slot) {
            Some(index) => Column {
                name: Arc::clone(&self.names[index]),
                ..column
            },
            None => column,
        }
    }

    /// The columns of the lake.
    pub(crate) fn output_schema(&self) -> Schema {
        Schema {
            columns: self.output.iter().map(|&slot| self.column(slot)).collect(),
        }
    }

    /// The steps, and what is around them.
    pub(crate) fn steps(&self) -> Steps<'_> {
        Steps {
            steps: &self.steps,
            range: 0..self.steps.len(),
            live: &self.live,
            key: &self.key,
            input_columns: self.input_columns,
            output: &self.output,
        }
    }

    /// How the column in `slot` was made, if a step made it.
    pub(crate) fn made(&self, slot: usize) -> Option<&str> {
        let index = slot.checked_sub(self.input_columns)?;
        self.made.get(index).map(String::as_str)
    }

    /// Finds the steps that the lake needs: what they write is in it or is read by one that is
    /// needed, they remove, add or move rows, or they make a table.
    fn find_live(&mut self) {
        let mut needed: BTreeSet<usize> = self.output.iter().copied().collect();
        self.live = vec![false; self.steps.len()];
        for (index, step) in self.steps.iter().enumerate().rev() {
            let is_asked = self.asked.steps.contains(&index) || self.is_check(index);
            let is_read = step.writes().iter().any(|slot| needed.contains(slot));
            let has_other_rows = step.drops_rows() || step.adds_rows() || step.moves_rows();
            if is_read || is_asked || has_other_rows || step.makes_table() {
                needed.extend(step.reads());
                self.live[index] = true;
            }
        }
    }
}

fn slot(schema: &Schema, name: &str) -> usize {
    schema
        .slot(name)
        .expect("the configuration was checked against the columns")
}

/// Refuses date and timestamp formats that cannot be read by.
pub(crate) fn check_formats(config: &Config) -> Result<()> {
    for (column, spec) in &config.dtypes {
        let Some(format) = spec
            .format
            .as_ref()
            .filter(|_| !spec.data_type.is_numeric())
        else {
            continue;
        };
        let kind = check_format(format);
        let refuse = |message: String| {
            Err(Error::usage(
                format!("--dtype {column}=…({format})"),
                message,
            ))
        };
        match kind {
            Err(message) => return refuse(message),
            Ok(kind) if !kind.has_date => {
                return refuse("the format has no year, month and day, such as %Y-%m-%d".into());
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// The null tokens of each of the columns called `names`.
pub(crate) fn null_tokens(config: &Config, names: &[String]) -> NullTokens {
    let mut tokens = NullTokens::default();
    if let Some(default) = &config.null_values.default {
        tokens.default.clone_from(default);
    }
    let slot = |name: &String| names.iter().position(|known| known == name);
    let columns = config.null_values.columns.iter();
    tokens.per_column = columns
        .filter_map(|(name, tokens)| Some((slot(name)?, tokens.clone())))
        .collect::<HashMap<_, _>>();
    tokens
}
