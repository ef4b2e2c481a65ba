//! What a run does once the columns are known: slots, steps, key and time.
//!
//! In: the validated [`Config`] and the input's columns. Out: a [`Plan`]. What a user can get
//! wrong about types is refused here, before the first row is read.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::{Column, Error, Origin, Result, Schema};
use crate::config::{Config, StepSpec};
use crate::decode::{NullTokens, check_format};
use crate::steps::Step;
use crate::steps::impute::Impute;
use crate::steps::rolling::{Rolling, RollingSpec};

/// The run, resolved against the input's columns.
pub(crate) struct Plan {
    /// Input columns, then what steps derive, in slot order.
    pub(crate) schema: Schema,
    /// How many of the columns come from the input.
    pub(crate) input_columns: usize,
    pub(crate) steps: Vec<Arc<dyn Step>>,
    /// For each step, the slot whose nulls it fills.
    pub(crate) fills: Vec<Option<usize>>,
    /// Slots of the partition key.
    pub(crate) key: Vec<usize>,
}

impl Plan {
    /// A plan whose fits hold at most `fit_bytes_max` bytes each. Every column that `config` names
    /// is there.
    pub(crate) fn new(config: &Config, input: &[Column], fit_bytes_max: usize) -> Result<Self> {
        let schema = Schema {
            columns: input.to_vec(),
        };
        let key = config.key.iter().map(|name| slot(&schema, name)).collect();
        let time = config.time.as_ref().map(|name| slot(&schema, name));
        let input_columns = input.len();
        let mut plan = Self {
            schema,
            input_columns,
            steps: Vec::new(),
            fills: Vec::new(),
            key,
        };
        let mut specs = config.steps.iter().peekable();
        while let Some(spec) = specs.next() {
            match spec {
                StepSpec::Impute { column, method } => {
                    let slot = slot(&plan.schema, column);
                    let column = &plan.schema.columns[slot];
                    let keyed = !plan.key.is_empty();
                    let step = Impute::new(column, slot, method, keyed, fit_bytes_max)?;
                    plan.steps.push(Arc::new(step));
                    plan.fills.push(Some(slot));
                }
                StepSpec::Rolling { .. } => {
                    // Neighbouring rolling columns share rings, so they become one step.
                    let known = plan.schema.clone();
                    let mut group = vec![spec];
                    let joins = |next: &&StepSpec| {
                        matches!(next, StepSpec::Rolling { .. })
                            && known.slot(next.column()).is_some()
                    };
                    while let Some(next) = specs.next_if(joins) {
                        group.push(next);
                    }
                    plan.add_rolling(config, &group, time)?;
                }
            }
        }
        Ok(plan)
    }

    fn add_rolling(
        &mut self,
        config: &Config,
        group: &[&StepSpec],
        time: Option<usize>,
    ) -> Result<()> {
        let before = self.schema.clone();
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
            specs.push(RollingSpec {
                column: slot(&before, column),
                function: *function,
                window: *window,
                min_samples: config.min_samples,
                output: self.schema.columns.len(),
            });
            self.schema.columns.push(Column {
                name: name.as_str().into(),
                data_type: RollingSpec::output_type(*function),
                format: None,
                origin: Origin::Derived,
            });
        }
        let flags = group.iter().map(|spec| spec.to_string());
        let label = flags
            .collect::<Vec<_>>()
            .join(" ")
            .replace("--rolling ", "");
        let label = format!("rolling {label}");
        self.steps.push(Arc::new(Rolling::new(
            specs,
            time,
            config.order,
            &before,
            label,
        )?));
        self.fills.push(None);
        Ok(())
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
