//! Which steps one pass runs, and in which stages.
//!
//! In: the steps in the order the user wrote them, and what earlier passes fitted. Out: a
//! [`PassPlan`]: the columns to decode and a list of stages, each some row-local work followed by
//! some keyed work. Invariant: a step runs in the first stage that keeps it behind every step it
//! depends on, so the result is that of running the steps one after the other. The keyed work of a
//! stage has one key, used in one way: what has another key or use gets a stage of its own.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::checks::Check;
use crate::base::Result;
use crate::steps::{Fit, Fitted, KeyUse, KeyedStep, LocalStep, Prepared, ReorderStep, Step};

/// Row-local work of a stage, in order.
pub(crate) enum Inline {
    /// A fit that observes the batch.
    Observe(Mutex<Observer>),
    /// A check that only looks at it, or rejects rows.
    Check(Check),
    /// A step that changes the batch.
    Apply(Arc<dyn LocalStep>),
}

/// A fit, and the memory the budget counts for it.
pub(crate) struct Observer {
    pub(crate) fit: Box<dyn Fit>,
    pub(crate) counted_bytes: usize,
}

/// Work that belongs to step `step` of the plan.
pub(crate) struct Work<T> {
    pub(crate) step: usize,
    pub(crate) work: T,
}

/// A keyed step; in a fit pass for `fits`, its states are asked what they learnt.
pub(crate) struct Keyed {
    pub(crate) step: Arc<dyn KeyedStep>,
    /// What the user calls it.
    pub(crate) label: String,
    pub(crate) fits: bool,
}

/// Row-local work, then keyed work, all of it free of dependencies on later stages.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) inline: Vec<Work<Inline>>,
    pub(crate) keyed: Vec<Work<Keyed>>,
    /// In place of keyed work, a step that moves rows.
    pub(crate) reorder: Option<Work<Arc<dyn ReorderStep>>>,
    /// The slots of the key that the keyed work is grouped by.
    pub(crate) key: Vec<usize>,
    /// What its lanes hold of keys; `None` without keyed work.
    pub(crate) key_use: Option<KeyUse>,
    /// Whether its lanes cannot reuse the rows by key, with their ids, of the keyed stage before.
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
    /// The steps that it fits, by their index.
    pub(crate) fn fitted_steps(&self) -> impl Iterator<Item = usize> {
        self.stages.iter().flat_map(|stage| {
            let inline = stage.inline.iter();
            let observed = inline.filter(|work| matches!(work.work, Inline::Observe(_)));
            let keyed = stage.keyed.iter().filter(|work| work.work.fits);
            let observed = observed.map(|work| work.step);
            observed.chain(keyed.map(|work| work.step))
        })
    }
}

/// What the planner knows of one runnable step.
struct Item {
    step: usize,
    reads: BTreeSet<usize>,
    writes: BTreeSet<usize>,
    /// Whether there are other rows behind it, fewer or more, or in another order.
    drops_rows: bool,
    label: String,
    prepared: Prepared,
    /// What its lanes are like, if it is keyed.
    grouping: Option<Grouping>,
}

/// What keyed steps that share lanes have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grouping {
    /// The slots of their key.
    key: Vec<usize>,
    key_use: KeyUse,
}

impl Grouping {
    /// Whether rows grouped so have ids that hold for later stages.
    fn has_ids(&self) -> bool {
        self.key_use == KeyUse::Held
    }

    /// Whether the rows as `known` has grouped them will do.
    fn may_reuse(&self, known: &Self) -> bool {
        self.key == known.key && (self.has_ids() || self.key_use == KeyUse::Unused)
    }
}

impl Item {
    fn is_fit(&self) -> bool {
        matches!(self.prepared, Prepared::Fit(_) | Prepared::FitKeyed(_))
    }

    /// Whether it ends its stage, so that what depends on it runs in a later one.
    fn is_keyed(&self) -> bool {
        self.grouping.is_some() || matches!(self.prepared, Prepared::Reorder(_))
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

/// The steps of a plan, and what is around them.
#[derive(Clone)]
pub(crate) struct Steps<'a> {
    pub(crate) steps: &'a [Arc<dyn Step>],
    /// Which of them are planned for; none of those sorts.
    pub(crate) range: Range<usize>,
    /// For each step, whether the lake needs it; the others never run.
    pub(crate) live: &'a [bool],
    /// The slots of the partition key.
    pub(crate) key: &'a [usize],
    /// So many slots, the first, come from the files.
    pub(crate) input_columns: usize,
    /// The slots that the lake has.
    pub(crate) output: &'a [usize],
}

/// The next pass of `steps`, given what each step has `fitted` so far; fits that asked for one more
/// pass stand in `again`.
pub(crate) fn next_pass(
    steps: &Steps<'_>,
    fitted: &[Option<Fitted>],
    again: &mut [Option<Box<dyn Fit>>],
) -> Result<PassPlan> {
    let mut items = filters_first(runnable(steps, fitted, again)?);
    let fits = items.iter().any(Item::is_fit);
    let mut needed_slots: BTreeSet<usize> = if fits {
        BTreeSet::new()
    } else {
        let reads = items.iter().flat_map(|item| item.reads.iter().copied());
        reads.chain(steps.output.iter().copied()).collect()
    };
    if fits {
        keep_what_fits_need(&mut items, &mut needed_slots);
    }
    let stages = stages(items);
    let needed = (0..steps.input_columns)
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
    steps: &Steps<'_>,
    fitted: &[Option<Fitted>],
    again: &mut [Option<Box<dyn Fit>>],
) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut blocked: BTreeSet<usize> = BTreeSet::new();
    let live = steps.steps.iter().zip(steps.live).enumerate();
    let live = live.filter(|(index, (_, live))| **live && steps.range.contains(index));
    for (index, (step, _)) in live {
        let prepared = match again[index].take() {
            Some(fit) => Prepared::Fit(fit),
            None => step.prepare(fitted[index].as_ref())?,
        };
        let mut reads: BTreeSet<usize> = step.reads().into_iter().collect();
        let grouping = match &prepared {
            Prepared::Keyed(keyed) | Prepared::FitKeyed(keyed) => Some(Grouping {
                key: step.key().unwrap_or(steps.key).to_vec(),
                key_use: keyed.key_use(),
            }),
            _ => None,
        };
        reads.extend(grouping.iter().flat_map(|grouping| &grouping.key));
        let writes: BTreeSet<usize> = step.writes().into_iter().collect();
        let drops_rows = step.drops_rows() || step.adds_rows() || step.moves_rows();
        if !reads.is_disjoint(&blocked) || !writes.is_disjoint(&blocked) {
            if drops_rows {
                break;
            }
            blocked.extend(writes);
            continue;
        }
        let mut item = Item {
            step: index,
            reads,
            writes,
            drops_rows,
            label: step.label(),
            prepared,
            grouping,
        };
        if item.is_fit() {
            blocked.extend(item.writes.iter().copied());
            // A fit only looks: which rows go, and with them all that follows, waits for it.
            item.drops_rows = false;
        }
        items.push(item);
        if drops_rows && items.last().is_some_and(Item::is_fit) {
            break;
        }
    }
    Ok(items)
}

/// Moves each step that removes rows before the steps that only make columns it does not look at,
/// so that they work on fewer rows. Two steps that remove rows keep their order, and so do those that
/// change a column, whose counts would differ.
fn filters_first(mut items: Vec<Item>) -> Vec<Item> {
    for index in 1..items.len() {
        let is_local = |item: &Item| !item.is_fit() && !item.is_keyed();
        let mut at = index;
        while at > 0 && items[at].drops_rows && is_local(&items[at]) {
            let (before, here) = (&items[at - 1], &items[at]);
            let only_makes = is_local(before)
                && !before.drops_rows
                && before.reads.is_disjoint(&before.writes)
                && before.writes.is_disjoint(&here.reads)
                && before.reads.is_disjoint(&here.writes);
            if !only_makes {
                break;
            }
            items.swap(at - 1, at);
            at -= 1;
        }
    }
    items
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

fn stages(items: Vec<Item>) -> Vec<Stage> {
    let placed = place(items);
    let count = placed.iter().map(|(stage, _)| stage + 1).max().unwrap_or(0);
    let mut stages: Vec<Stage> = (0..count).map(|_| Stage::default()).collect();
    mark_new_keys(&mut stages, &placed);
    for (stage, item) in placed {
        let step = item.step;
        let stage = &mut stages[stage];
        let label = item.label.clone();
        let keyed = |work, fits| {
            let work = Keyed {
                step: work,
                label,
                fits,
            };
            stage.keyed.push(Work { step, work });
        };
        match item.prepared {
            Prepared::Keyed(work) => keyed(work, false),
            Prepared::FitKeyed(work) => keyed(work, true),
            Prepared::Fit(fit) => {
                let work = Inline::Observe(Mutex::new(Observer {
                    fit,
                    counted_bytes: 0,
                }));
                stage.inline.push(Work { step, work });
            }
            Prepared::Check(look) => {
                let check = Check::new(look, item.drops_rows, item.label);
                let work = Inline::Check(check);
                stage.inline.push(Work { step, work });
            }
            Prepared::Reorder(work) => stage.reorder = Some(Work { step, work }),
            Prepared::Local(work) => stage.inline.push(Work {
                step,
                work: Inline::Apply(work),
            }),
        }
    }
    stages
}

/// Finds for each item the first stage that is behind all it depends on and, if it is keyed, has no
/// keyed work of another grouping.
fn place(items: Vec<Item>) -> Vec<(usize, Item)> {
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
        let mut stage = placed.iter().map(after).max().unwrap_or(0);
        let groups_otherwise = |stage: usize| {
            let there = placed.iter().filter(|(place, _)| *place == stage);
            let mut keyed = there.filter(|(_, earlier)| earlier.is_keyed());
            item.is_keyed() && keyed.any(|(_, earlier)| earlier.grouping != item.grouping)
        };
        while groups_otherwise(stage) {
            stage += 1;
        }
        placed.push((stage, item));
    }
    placed
}

/// Sets what each stage is grouped by. It can reuse the keys of the last keyed stage before it that
/// has ids, if that is grouped alike and nothing between the two changes rows or key cells.
fn mark_new_keys(stages: &mut [Stage], placed: &[(usize, Item)]) {
    let mut known: Option<&Grouping> = None;
    for (index, stage) in stages.iter_mut().enumerate() {
        let here = || placed.iter().filter(move |(place, _)| *place == index);
        let changed = |known: Option<&Grouping>, is_keyed: bool| {
            let mut work = here().filter(|(_, item)| item.is_keyed() == is_keyed);
            work.any(|(_, item)| {
                let writes = |slot| item.writes.contains(slot);
                item.drops_rows || known.is_some_and(|known| known.key.iter().any(writes))
            })
        };
        if changed(known, false) {
            known = None;
        }
        if let Some(grouping) = here().find_map(|(_, item)| item.grouping.as_ref()) {
            stage.key.clone_from(&grouping.key);
            stage.key_use = Some(grouping.key_use);
            stage.new_keys = !known.is_some_and(|known| grouping.may_reuse(known));
            if stage.new_keys {
                known = Some(grouping).filter(|grouping| grouping.has_ids());
            }
        }
        if changed(known, true) {
            known = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Batch;
    use crate::steps::{Effect, FitOutcome, KeyedState, ShardOutput};

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Kind {
        Local,
        Drop,
        Keyed,
        /// Learns first, then runs row by row.
        Fit,
        /// Learns key by key first, then runs key by key.
        FitKeyed,
        /// Removes rows by what it knows of their key.
        DropKeyed,
        /// Learns key by key in lanes that spill which rows to remove.
        FitDrop,
    }
    use Kind::{Drop, DropKeyed, Fit as Fits, FitDrop, FitKeyed, Keyed as ByKey, Local};

    /// A step that only says what it would read and write.
    #[derive(Debug, Clone)]
    struct Fake {
        kind: Kind,
        reads: Vec<usize>,
        writes: Vec<usize>,
        /// A key of its own.
        key: Option<Vec<usize>>,
    }

    impl Fake {
        fn by(self, key: &[usize]) -> Self {
            let key = Some(key.to_vec());
            Self { key, ..self }
        }

        fn removes_rows(&self) -> bool {
            matches!(self.kind, Drop | DropKeyed | FitDrop)
        }

        fn is_keyed(&self) -> bool {
            matches!(self.kind, ByKey | FitKeyed | DropKeyed | FitDrop)
        }
    }

    impl Step for Fake {
        fn label(&self) -> String {
            format!("{self:?}")
        }

        fn reads(&self) -> Vec<usize> {
            self.reads.clone()
        }

        fn writes(&self) -> Vec<usize> {
            self.writes.clone()
        }

        fn drops_rows(&self) -> bool {
            self.removes_rows()
        }

        fn key(&self) -> Option<&[usize]> {
            self.key.as_deref()
        }

        fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
            Ok(match (self.kind, fitted) {
                (Fits, None) => Prepared::Fit(Box::new(Nothing)),
                (FitKeyed, None) => Prepared::FitKeyed(Arc::new(Nothing)),
                (FitDrop, None) => Prepared::FitKeyed(Arc::new(Using(KeyUse::Spilt))),
                (FitDrop, _) => Prepared::Keyed(Arc::new(Using(KeyUse::Unused))),
                (DropKeyed, _) => Prepared::Keyed(Arc::new(Using(KeyUse::Seen))),
                (Local | Drop | Fits, _) => Prepared::Local(Arc::new(Nothing)),
                (ByKey | FitKeyed, _) => Prepared::Keyed(Arc::new(Nothing)),
            })
        }
    }

    /// Does nothing, in every role.
    struct Nothing;

    impl Fit for Nothing {
        fn observe(&mut self, _: &Batch) -> Result<()> {
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<FitOutcome> {
            Ok(FitOutcome::Again(self))
        }

        fn memory_bytes(&self) -> usize {
            7
        }
    }

    impl LocalStep for Nothing {
        fn apply(&self, _: &mut Batch) -> Result<Effect> {
            Ok(Effect::default())
        }
    }

    impl KeyedStep for Nothing {
        fn state(&self, _: usize) -> Box<dyn KeyedState> {
            unreachable!("plans are not run here")
        }

        fn assemble(&self, _: &mut Batch, _: Vec<ShardOutput>) -> Result<Effect> {
            Ok(Effect::default())
        }
    }

    /// Does nothing, with such a use of keys.
    struct Using(KeyUse);

    impl KeyedStep for Using {
        fn state(&self, _: usize) -> Box<dyn KeyedState> {
            unreachable!("plans are not run here")
        }

        fn key_use(&self) -> KeyUse {
            self.0
        }

        fn assemble(&self, _: &mut Batch, _: Vec<ShardOutput>) -> Result<Effect> {
            Ok(Effect::default())
        }
    }

    /// A step of `kind` that reads and writes `slots`.
    fn on(kind: Kind, slots: &[usize]) -> Fake {
        make(kind, slots, slots)
    }

    fn make(kind: Kind, reads: &[usize], writes: &[usize]) -> Fake {
        Fake {
            kind,
            reads: reads.to_vec(),
            writes: writes.to_vec(),
            key: None,
        }
    }

    /// The stages in words: row-local steps, then keyed steps in brackets, with a star where rows
    /// are grouped by key anew.
    fn words(plan: &PassPlan) -> String {
        let stage = |stage: &Stage| {
            let list = |steps: Vec<usize>| {
                let texts: Vec<String> = steps.iter().map(ToString::to_string).collect();
                texts.join(" ")
            };
            let mut text = list(stage.inline.iter().map(|work| work.step).collect());
            if !stage.keyed.is_empty() {
                let keyed = list(stage.keyed.iter().map(|work| work.step).collect());
                text += &format!("[{keyed}]{}", if stage.new_keys { "*" } else { "" });
            }
            text
        };
        let stages: Vec<String> = plan.stages.iter().map(stage).collect();
        stages.join(" | ")
    }

    /// The passes over four input columns, keyed by slot 0, until nothing is left to fit.
    fn passes(fakes: &[Fake]) -> Vec<PassPlan> {
        let steps: Vec<Arc<dyn Step>> = fakes
            .iter()
            .map(|fake| Arc::new(fake.clone()) as Arc<dyn Step>)
            .collect();
        let mut fitted: Vec<Option<Fitted>> = steps.iter().map(|_| None).collect();
        let mut again: Vec<Option<Box<dyn Fit>>> = steps.iter().map(|_| None).collect();
        let mut passes = Vec::new();
        loop {
            let plan = Steps {
                steps: &steps,
                range: 0..steps.len(),
                live: &vec![true; steps.len()],
                key: &[0],
                input_columns: 4,
                output: &[0, 1, 2, 3],
            };
            let pass = next_pass(&plan, &fitted, &mut again).expect("a plan");
            for stage in &pass.stages {
                let observed = stage.inline.iter().filter_map(|work| match work.work {
                    Inline::Observe(_) => Some(work.step),
                    Inline::Apply(_) | Inline::Check(_) => None,
                });
                let learnt = stage.keyed.iter().filter(|work| work.work.fits);
                for step in observed.chain(learnt.map(|work| work.step)) {
                    fitted[step] = Some(Fitted::Shards(Vec::new()));
                }
            }
            let is_last = !pass.fits;
            passes.push(pass);
            if is_last {
                return passes;
            }
            assert!(passes.len() <= steps.len(), "each fit pass fits something");
        }
    }

    fn texts(fakes: &[Fake]) -> Vec<String> {
        passes(fakes).iter().map(words).collect()
    }

    #[test]
    fn steps_run_as_early_as_what_they_depend_on_allows() {
        for (fakes, expected) in [
            (vec![on(Local, &[1]), on(Local, &[1])], "0 1"),
            (vec![on(ByKey, &[1]), on(ByKey, &[2])], "[0 1]*"),
            (vec![on(ByKey, &[1]), on(ByKey, &[1])], "[0]* | [1]"),
            (vec![on(Local, &[1]), on(ByKey, &[1])], "0[1]*"),
            (vec![on(ByKey, &[1]), on(Local, &[2])], "1[0]*"),
            (vec![on(ByKey, &[1]), on(Local, &[1])], "[0]* | 1"),
            // Writing what an earlier step still has to read waits as well.
            (vec![make(ByKey, &[1], &[4]), on(Local, &[1])], "[0]* | 1"),
            (
                vec![make(ByKey, &[1], &[4]), make(ByKey, &[1], &[5])],
                "[0 1]*",
            ),
        ] {
            assert_eq!(texts(&fakes), [expected], "{fakes:?}");
        }
    }

    #[test]
    fn nothing_moves_across_a_step_that_drops_rows() {
        let fakes = [on(ByKey, &[1]), on(Drop, &[2]), on(ByKey, &[3])];
        assert_eq!(texts(&fakes), ["[0]* | 1[2]*"]);
        assert_eq!(texts(&[on(Drop, &[2]), on(ByKey, &[3])]), ["0[1]*"]);
    }

    #[test]
    fn rows_are_grouped_again_where_the_key_has_changed() {
        let fakes = [on(ByKey, &[1]), on(Local, &[0]), on(ByKey, &[2])];
        assert_eq!(texts(&fakes), ["[0]* | 1[2]*"]);
        let fakes = [on(ByKey, &[1]), on(Local, &[1]), on(ByKey, &[1])];
        assert_eq!(texts(&fakes), ["[0]* | 1[2]"]);
    }

    #[test]
    fn a_stage_has_one_key() {
        let (made, rolled) = (make(ByKey, &[1], &[4]), make(ByKey, &[2], &[5]));
        for (fakes, expected) in [
            (vec![made.clone(), rolled.clone().by(&[3])], "[0]* | [1]*"),
            (vec![made.clone(), rolled.clone().by(&[0])], "[0 1]*"),
            (
                vec![
                    made.clone(),
                    rolled.clone().by(&[3]),
                    make(ByKey, &[3], &[6]),
                ],
                "[0 2]* | [1]*",
            ),
            // Without key columns all rows are one group.
            (vec![made.clone().by(&[]), rolled.clone()], "[0]* | [1]*"),
            // What depends on a step in a later stage goes behind it, row by row or not.
            (
                vec![made.clone(), rolled.clone().by(&[3]), on(Local, &[5])],
                "[0]* | [1]* | 2",
            ),
            // A key of its own is read as any other column is.
            (vec![on(Local, &[3]), made.clone().by(&[3])], "0[1]*"),
            (vec![on(ByKey, &[3]), made.clone().by(&[3])], "[0]* | [1]*"),
            (vec![on(ByKey, &[3]), made.by(&[0])], "[0 1]*"),
        ] {
            assert_eq!(texts(&fakes), [expected], "{fakes:?}");
        }
        let fakes = [on(FitKeyed, &[1]).by(&[3])];
        assert_eq!(passes(&fakes)[0].needed, [false, true, false, true]);
        assert_eq!(passes(&fakes)[0].stages[0].key, [3]);
    }

    #[test]
    fn what_follows_rows_removed_by_key_is_grouped_anew() {
        let dedup = make(DropKeyed, &[1], &[]).by(&[1]);
        let fakes = [on(ByKey, &[1]), dedup.clone(), on(ByKey, &[2])];
        assert_eq!(texts(&fakes), ["[0]* | [1]* | [2]*"]);
        // It needs no ids, so those of the same key before it do not serve.
        let dedup = dedup.by(&[0]);
        let fakes = [on(ByKey, &[1]), dedup.clone(), on(ByKey, &[2])];
        assert_eq!(texts(&fakes), ["[0]* | [1]* | [2]*"]);
        // Neither filters nor what makes columns moves across.
        let fakes = [make(Local, &[1], &[4]), dedup, make(Drop, &[2], &[])];
        assert_eq!(texts(&fakes), ["0[1]* | 2"]);
    }

    #[test]
    fn a_fit_of_which_rows_go_ends_its_pass() {
        let dedup = make(FitDrop, &[1], &[]).by(&[1]);
        let fakes = [on(Fits, &[2]), dedup.clone(), on(Fits, &[3])];
        let texts = texts(&fakes);
        assert_eq!(texts, ["0[1]*", "[1]* | 2", "0[1]* | 2"]);
        let passes = passes(&fakes);
        assert_eq!(passes[0].needed, [false, true, true, false]);
        assert_eq!(passes[1].needed, [false, true, false, true]);
        // Two of them take a pass each, with a filter between them or not.
        let fakes = [dedup.clone(), make(Drop, &[2], &[]), dedup];
        assert_eq!(
            self::texts(&fakes),
            ["[0]*", "[0]* | 1[2]*", "[0]* | 1[2]*"]
        );
    }

    #[test]
    fn each_use_of_keys_has_its_own_lanes() {
        let fit = make(FitDrop, &[1], &[]).by(&[0]);
        let fakes = [on(FitKeyed, &[2]), fit.clone()];
        assert_eq!(texts(&fakes), ["[0]* | [1]*", "[0]* | [1]"]);
        let fakes = [fit, on(FitKeyed, &[2])];
        assert_eq!(texts(&fakes), ["[0]*", "[0]* | [1]*", "[0]* | [1]*"]);
    }

    #[test]
    fn fits_at_the_same_depth_share_a_pass() {
        let fakes = [on(Fits, &[1]), on(FitKeyed, &[2]), on(Fits, &[3])];
        assert_eq!(texts(&fakes), ["0 2[1]*", "0 2[1]*"]);
        let passes = passes(&fakes);
        assert!(passes[0].fits && !passes[1].fits);
    }

    #[test]
    fn a_fit_waits_for_the_fit_whose_result_it_reads() {
        let window = make(ByKey, &[1], &[4]);
        let fakes = [on(Fits, &[1]), window, on(Fits, &[4])];
        assert_eq!(texts(&fakes), ["0", "0[1]* | 2", "0[1]* | 2"]);
        // What follows rows that are dropped by a fitted column waits too.
        let fakes = [on(Fits, &[1]), on(Drop, &[1]), on(Fits, &[2])];
        assert_eq!(texts(&fakes), ["0", "0 1 2", "0 1 2"]);
    }

    #[test]
    fn a_fit_pass_decodes_and_runs_only_what_fits_need() {
        let fakes = [on(Local, &[3]), on(Local, &[1]), on(Fits, &[1])];
        let passes = passes(&fakes);
        assert_eq!(words(&passes[0]), "1 2");
        assert_eq!(passes[0].needed, [false, true, false, false]);
        assert_eq!(passes[1].needed, [true; 4]);
        let keyed = [on(FitKeyed, &[2]), on(Drop, &[3])];
        let passes = self::passes(&keyed);
        assert_eq!(
            words(&passes[0]),
            "[0]*",
            "rows dropped later are still seen"
        );
        assert_eq!(passes[0].needed, [true, false, true, false]);
    }

    #[test]
    fn rows_leave_before_columns_are_made_of_them() {
        let filter = make(Drop, &[2], &[]);
        for (fakes, expected) in [
            (vec![make(Local, &[1], &[4]), filter.clone()], "1 0"),
            (
                vec![
                    make(Local, &[1], &[4]),
                    make(Local, &[4], &[5]),
                    filter.clone(),
                ],
                "2 0 1",
            ),
            (vec![make(Local, &[1], &[2]), filter.clone()], "0 1"),
            (vec![on(Local, &[1]), filter.clone()], "0 1"),
            (
                vec![filter.clone(), make(Local, &[1], &[4]), filter.clone()],
                "0 2 1",
            ),
            (vec![make(ByKey, &[1], &[4]), filter.clone()], "[0]* | 1"),
        ] {
            let passes = passes(&fakes);
            assert_eq!(words(passes.last().expect("a pass")), expected, "{fakes:?}");
        }
        // A fit before it sees all rows.
        let passes = passes(&[on(Fits, &[1]), filter]);
        assert_eq!(
            (words(&passes[0]), words(&passes[1])),
            ("0".to_owned(), "0 1".to_owned())
        );
    }

    #[test]
    fn a_fit_that_asks_for_another_pass_goes_on_where_it_was() {
        let steps: [Arc<dyn Step>; 1] = [Arc::new(on(Local, &[1]))];
        let mut again: Vec<Option<Box<dyn Fit>>> = vec![Some(Box::new(Nothing))];
        let plan = Steps {
            steps: &steps,
            range: 0..1,
            live: &[true],
            key: &[0],
            input_columns: 4,
            output: &[0, 1, 2, 3],
        };
        let pass = next_pass(&plan, &[None], &mut again).expect("a plan");
        assert!(pass.fits && again[0].is_none());
    }

    fn fake() -> impl Strategy<Value = Fake> {
        let kind = prop_oneof![
            3 => Just(Local), 1 => Just(Drop), 3 => Just(ByKey), 2 => Just(Fits),
            2 => Just(FitKeyed), 1 => Just(DropKeyed), 1 => Just(FitDrop)
        ];
        let slots = || proptest::collection::vec(0..7_usize, 1..3);
        let key = proptest::option::weighted(0.3, proptest::collection::vec(0..4_usize, 0..2));
        (kind, slots(), slots(), key).prop_map(|(kind, reads, writes, key)| {
            let fake = match kind {
                // Fits fill the column they look at, and drops write nothing.
                Fits | FitKeyed => make(kind, &reads[..1], &reads[..1]),
                Drop | DropKeyed | FitDrop => make(kind, &reads, &[]),
                _ => make(kind, &reads, &writes),
            };
            Fake { key, ..fake }
        })
    }

    proptest! {
        #[test]
        fn dependent_steps_keep_their_order(fakes in proptest::collection::vec(fake(), 0..9)) {
            let passes = passes(&fakes);
            let last = passes.last().expect("there is a last pass");
            // Where each step runs: its stage, whether it is keyed, its place.
            let mut places = vec![None; fakes.len()];
            for (index, stage) in last.stages.iter().enumerate() {
                let inline = stage.inline.iter().map(|work| (work.step, false));
                let keyed = stage.keyed.iter().map(|work| (work.step, true));
                for (place, (step, is_keyed)) in inline.chain(keyed).enumerate() {
                    prop_assert!(places[step].replace((index, is_keyed, place)).is_none());
                }
            }
            let meets = |a: &[usize], b: &[usize]| a.iter().any(|slot| b.contains(slot));
            let key = |fake: &Fake| fake.key.clone().unwrap_or_else(|| vec![0]);
            let key_use = |step: usize, fits: bool| match (fakes[step].kind, fits) {
                (FitDrop, true) => KeyUse::Spilt,
                (FitDrop, false) => KeyUse::Unused,
                (DropKeyed, _) => KeyUse::Seen,
                _ => KeyUse::Held,
            };
            for pass in &passes {
                // Rows by key, as the last keyed stage left them: whose key cells those are.
                let mut known: Option<Vec<usize>> = None;
                for stage in &pass.stages {
                    let forget = |step: usize, fits: bool, known: &mut Option<Vec<usize>>| {
                        let fake = &fakes[step];
                        let is_changed =
                            known.as_ref().is_some_and(|known| meets(known, &fake.writes));
                        if !fits && (fake.removes_rows() || is_changed) {
                            *known = None;
                        }
                    };
                    for work in &stage.inline {
                        let fits = matches!(work.work, Inline::Observe(_));
                        forget(work.step, fits, &mut known);
                    }
                    let steps = stage.keyed.iter().map(|work| (work.step, work.work.fits));
                    for (step, fits) in steps.clone() {
                        prop_assert_eq!(&key(&fakes[step]), &stage.key);
                        prop_assert_eq!(Some(key_use(step, fits)), stage.key_use);
                    }
                    if let Some(key_use) = stage.key_use {
                        let has_ids = key_use == KeyUse::Held;
                        let may_reuse = has_ids || key_use == KeyUse::Unused;
                        let is_known = known.as_ref() == Some(&stage.key) && may_reuse;
                        prop_assert_eq!(stage.new_keys, !is_known, "{:?} {}", fakes, words(pass));
                        if stage.new_keys {
                            known = has_ids.then(|| stage.key.clone());
                        }
                    }
                    steps.for_each(|(step, fits)| forget(step, fits, &mut known));
                }
            }
            for (later, late) in fakes.iter().enumerate() {
                for (earlier, early) in fakes[..later].iter().enumerate() {
                    let reads = |fake: &Fake| match fake.is_keyed() {
                        true => [fake.reads.clone(), key(fake)].concat(),
                        false => fake.reads.clone(),
                    };
                    // What removes rows may overtake what only makes columns it does not look at.
                    let may_overtake = late.kind == Drop
                        && early.kind == Local
                        && !meets(&early.reads, &early.writes)
                        && !meets(&early.writes, &late.reads);
                    let dependent = early.removes_rows()
                        || late.removes_rows()
                        || meets(&early.writes, &reads(late))
                        || meets(&early.writes, &late.writes)
                        || meets(&reads(early), &late.writes);
                    let (first, second) = (places[earlier].expect("run"), places[later].expect("run"));
                    // Keyed steps of one stage run side by side.
                    let in_order = first.0 < second.0
                        || (first.0 == second.0 && !first.1 && first.2 < second.2);
                    prop_assert!(!dependent || may_overtake || in_order, "{:?} {}", fakes, words(last));
                }
            }
        }
    }
}
