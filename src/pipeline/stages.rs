//! Which steps one pass runs, and in which stages.
//!
//! In: the steps in the order the user wrote them, and what earlier passes fitted. Out: a
//! [`PassPlan`]: the columns to decode and a list of stages, each some row-local work followed by
//! some keyed work. Invariant: a step runs in the first stage that keeps it behind every step it
//! depends on, so the result is that of running the steps one after the other.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::base::Result;
use crate::steps::{Fit, Fitted, KeyedStep, LocalStep, Prepared, Step};

/// Row-local work of a stage, in order.
pub(crate) enum Inline {
    /// A fit that observes the batch.
    Observe(Mutex<Option<Box<dyn Fit>>>),
    /// A step that changes the batch.
    Apply(Arc<dyn LocalStep>),
}

/// Work that belongs to step `step` of the plan.
pub(crate) struct Work<T> {
    pub(crate) step: usize,
    pub(crate) work: T,
}

/// A keyed step; in a fit pass for `fits`, its states are asked what they learnt.
pub(crate) struct Keyed {
    pub(crate) step: Arc<dyn KeyedStep>,
    pub(crate) fits: bool,
}

/// Row-local work, then keyed work, all of it free of dependencies on later stages.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) inline: Vec<Work<Inline>>,
    pub(crate) keyed: Vec<Work<Keyed>>,
    /// Whether the rows or their keys differ from those of the keyed stage before this one.
    pub(crate) new_keys: bool,
}

/// One forward pass over the input.
pub(crate) struct PassPlan {
    /// Per slot, whether the pass decodes it (input columns only).
    pub(crate) needed: Vec<bool>,
    pub(crate) stages: Vec<Stage>,
    /// Whether this is a fit pass; otherwise the batches leave for the lake.
    pub(crate) fits: bool,
}

impl PassPlan {
    /// Memory that the fits hold before the first batch, in bytes.
    pub(crate) fn fit_bytes(&self) -> usize {
        let inline = self.stages.iter().flat_map(|stage| &stage.inline);
        let fits = inline.filter_map(|inline| match &inline.work {
            Inline::Observe(fit) => Some(fit),
            Inline::Apply(_) => None,
        });
        fits.map(|fit| {
            let fit = fit.lock().expect("no holder of this lock panics");
            fit.as_ref().map_or(0, |fit| fit.memory_bytes())
        })
        .sum()
    }
}

/// What the planner knows of one runnable step.
struct Item {
    step: usize,
    reads: BTreeSet<usize>,
    writes: BTreeSet<usize>,
    drops_rows: bool,
    prepared: Prepared,
}

impl Item {
    fn is_fit(&self) -> bool {
        matches!(self.prepared, Prepared::Fit(_) | Prepared::FitKeyed(_))
    }

    fn is_keyed(&self) -> bool {
        matches!(self.prepared, Prepared::Keyed(_) | Prepared::FitKeyed(_))
    }

    /// Whether `later` must stay behind this item.
    fn holds_back(&self, later: &Self) -> bool {
        self.drops_rows
            || later.drops_rows
            || !self.writes.is_disjoint(&later.reads)
            || !self.writes.is_disjoint(&later.writes)
            || !self.reads.is_disjoint(&later.writes)
    }
}

/// The next pass of `steps`, given what each step has `fitted` so far; fits that asked for one more
/// pass stand in `again`. The first `input_columns` slots come from the files, `key` are the slots
/// of the partition key.
pub(crate) fn next_pass(
    steps: &[Arc<dyn Step>],
    fitted: &[Option<Fitted>],
    again: &mut [Option<Box<dyn Fit>>],
    key: &[usize],
    input_columns: usize,
) -> Result<PassPlan> {
    let mut items = runnable(steps, fitted, again, key)?;
    let fits = items.iter().any(Item::is_fit);
    let mut needed_slots: BTreeSet<usize> = if fits {
        BTreeSet::new()
    } else {
        (0..input_columns).collect()
    };
    if fits {
        keep_what_fits_need(&mut items, &mut needed_slots);
    }
    let stages = stages(items, key);
    let needed = (0..input_columns)
        .map(|slot| needed_slots.contains(&slot))
        .collect();
    Ok(PassPlan {
        needed,
        stages,
        fits,
    })
}

/// The steps that can run in this pass: all but those behind an unfitted step they depend on.
fn runnable(
    steps: &[Arc<dyn Step>],
    fitted: &[Option<Fitted>],
    again: &mut [Option<Box<dyn Fit>>],
    key: &[usize],
) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut blocked: BTreeSet<usize> = BTreeSet::new();
    for (index, step) in steps.iter().enumerate() {
        let prepared = match again[index].take() {
            Some(fit) => Prepared::Fit(fit),
            None => step.prepare(fitted[index].as_ref())?,
        };
        let mut reads: BTreeSet<usize> = step.reads().into_iter().collect();
        if matches!(prepared, Prepared::Keyed(_) | Prepared::FitKeyed(_)) {
            reads.extend(key);
        }
        let writes: BTreeSet<usize> = step.writes().into_iter().collect();
        let drops_rows = step.drops_rows();
        if !reads.is_disjoint(&blocked) || !writes.is_disjoint(&blocked) {
            if drops_rows {
                break;
            }
            blocked.extend(writes);
            continue;
        }
        let item = Item {
            step: index,
            reads,
            writes,
            drops_rows,
            prepared,
        };
        if item.is_fit() {
            blocked.extend(item.writes.iter().copied());
        }
        items.push(item);
    }
    Ok(items)
}

/// Drops the items no fit depends on and collects the slots that must be decoded.
fn keep_what_fits_need(items: &mut Vec<Item>, needed: &mut BTreeSet<usize>) {
    let mut kept = Vec::new();
    for mut item in std::mem::take(items).into_iter().rev() {
        let wanted = item.is_fit()
            || !item.writes.is_disjoint(needed)
            || (item.drops_rows && !kept.is_empty());
        if wanted {
            if item.is_fit() {
                item.writes.clear();
            }
            needed.extend(item.reads.iter().copied());
            kept.push(item);
        }
    }
    kept.reverse();
    *items = kept;
}

fn stages(items: Vec<Item>, key: &[usize]) -> Vec<Stage> {
    let mut placed: Vec<(usize, Item)> = Vec::new();
    for item in items {
        let after = |(stage, earlier): &(usize, Item)| {
            let behind_keyed = earlier.is_keyed() && earlier.holds_back(&item);
            let before_inline = !earlier.is_keyed() && earlier.holds_back(&item);
            if behind_keyed {
                stage + 1
            } else if before_inline {
                *stage
            } else {
                0
            }
        };
        let stage = placed.iter().map(after).max().unwrap_or(0);
        placed.push((stage, item));
    }
    let count = placed.iter().map(|(stage, _)| stage + 1).max().unwrap_or(0);
    let mut stages: Vec<Stage> = (0..count).map(|_| Stage::default()).collect();
    let mut keys_changed = vec![false; count];
    for (stage, item) in placed {
        if item.drops_rows || key.iter().any(|slot| item.writes.contains(slot)) {
            // Inline work changes the keys of its own stage, keyed work those of the next.
            if let Some(changed) = keys_changed.get_mut(stage + usize::from(item.is_keyed())) {
                *changed = true;
            }
        }
        let step = item.step;
        let stage = &mut stages[stage];
        match item.prepared {
            Prepared::Fit(fit) => {
                let work = Inline::Observe(Mutex::new(Some(fit)));
                stage.inline.push(Work { step, work });
            }
            Prepared::Local(work) => stage.inline.push(Work {
                step,
                work: Inline::Apply(work),
            }),
            Prepared::Keyed(work) => {
                stage.keyed.push(Work {
                    step,
                    work: Keyed {
                        step: work,
                        fits: false,
                    },
                });
            }
            Prepared::FitKeyed(work) => {
                stage.keyed.push(Work {
                    step,
                    work: Keyed {
                        step: work,
                        fits: true,
                    },
                });
            }
        }
    }
    mark_new_keys(&mut stages, &keys_changed);
    stages
}

/// A keyed stage can reuse the keys of the one before it unless something between changed them.
fn mark_new_keys(stages: &mut [Stage], keys_changed: &[bool]) {
    let mut stale = true;
    for (stage, &changed) in stages.iter_mut().zip(keys_changed) {
        stale |= changed;
        if !stage.keyed.is_empty() {
            stage.new_keys = stale;
            stale = false;
        }
    }
}
