//! A bound expression over a batch, column by column.
//!
//! In: a [`Node`] and a batch. Out: its cells, and how many of them something was wrong with.
//! Keeps: a cell counts as flawed only where its value is asked for: behind an AND that is not
//! decided yet, in the branch of a CASE that is taken, in a COALESCE that has found nothing.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and_kleene, concat, is_not_null, is_null, not, nullif, or_kleene, take};
use arrow::datatypes::{Int32Type, Int64Type};

use super::arithmetic;
use super::call::Call;
use super::cast::cast;
use super::cells::{Cells, checked, pick, plain, refused};
use super::compare;
use super::node::{Flaw, Kind, Node, Set};
use super::time;
use super::types::Type;
use crate::base::{Batch, ErrorKind, Flaws, Result};

/// The rows whose value is asked for; all of them if there is none.
type Active<'a> = Option<&'a BooleanBuffer>;

/// An evaluation over one batch.
pub(super) struct Evaluation<'a> {
    pub(super) batch: &'a Batch,
    /// What the expression is called, if its first flaw ends the run.
    pub(super) strict: Option<&'a str>,
    pub(super) flaws: Flaws,
}

impl Evaluation<'_> {
    fn rows(&self) -> usize {
        self.batch.rows
    }

    /// The cells of `node`.
    pub(super) fn cells(&mut self, node: &Node, active: Active<'_>) -> Result<Cells> {
        match &node.kind {
            Kind::Column(slot) => Ok(Cells::Rows(Arc::clone(self.batch.column(*slot)))),
            Kind::Literal { cell, .. } => Ok(Cells::One(Arc::clone(cell))),
            Kind::Interval(_) => unreachable!("an interval stands behind a plus or minus only"),
            Kind::Copy(child) => {
                let flaws = self.flaws;
                let cells = self.cells(child, active);
                self.flaws = flaws;
                cells
            }
            Kind::And(left, right) => self.logic(left, right, true, active),
            Kind::Or(left, right) => self.logic(left, right, false, active),
            Kind::Case {
                branches,
                otherwise,
            } => self.case(branches, otherwise, active),
            Kind::Coalesce(nodes) => self.coalesce(nodes, active),
            Kind::Call(function, nodes) => {
                let cells = nodes.iter().map(|node| self.cells(node, active));
                let arguments: Vec<Cells> = cells.collect::<Result<_>>()?;
                let inputs = node.flaw().map(|flaw| (flaw, arguments.clone()));
                let call = Call {
                    function,
                    arguments,
                    types: nodes.iter().map(|node| &node.data_type).collect(),
                    to: &node.data_type,
                };
                let result = call.cells(self.rows())?;
                if let Some((flaw, inputs)) = inputs {
                    let inputs: Vec<&Cells> = inputs.iter().collect();
                    self.note(flaw, &inputs, &result, active)?;
                }
                Ok(result)
            }
            Kind::Arithmetic(..)
            | Kind::AddDays { .. }
            | Kind::DaysBetween(..)
            | Kind::Compare(..)
            | Kind::Distinct { .. }
            | Kind::NullIf { .. } => self.pair(node, active),
            _ => self.single(node, active),
        }
    }

    /// A node with one child.
    fn single(&mut self, node: &Node, active: Active<'_>) -> Result<Cells> {
        let children = node.children();
        let child = children[0];
        let from = &child.data_type;
        let cells = self.cells(child, active)?;
        let array = cells.array();
        let result: ArrayRef = match &node.kind {
            Kind::Negate(_) => arithmetic::negate(array),
            Kind::AddSpan(_, span) => time::add_span(array, *span, from, &node.data_type),
            Kind::Not(_) => Arc::new(not(array.as_boolean()).map_err(refused)?),
            Kind::IsNull { negated: false, .. } => Arc::new(is_null(array).map_err(refused)?),
            Kind::IsNull { negated: true, .. } => Arc::new(is_not_null(array).map_err(refused)?),
            Kind::Is { value, negated, .. } => {
                Arc::new(compare::is(array.as_boolean(), *value, *negated))
            }
            Kind::Like { pattern, .. } => test_texts(&cells, |text| pattern.matches(text))?,
            Kind::In { set, has_null, .. } => is_in(&cells, set, *has_null)?,
            Kind::Cast { .. } => match array.as_dictionary_opt::<Int32Type>() {
                Some(_) if node.data_type == Type::Text => Arc::clone(array),
                Some(dictionary) => {
                    let values = cast(dictionary.values(), from, &node.data_type)?;
                    take(&values, dictionary.keys(), None).map_err(refused)?
                }
                None => cast(array, from, &node.data_type)?,
            },
            _ => unreachable!("a node with one child"),
        };
        let result = cells.with(result);
        if let Some(flaw) = node.flaw() {
            self.note(flaw, &[&cells], &result, active)?;
        }
        Ok(result)
    }

    /// A node with two children that are both evaluated.
    fn pair(&mut self, node: &Node, active: Active<'_>) -> Result<Cells> {
        let children = node.children();
        let (left_type, to) = (&children[0].data_type, &node.data_type);
        let left = self.cells(children[0], active)?;
        let right = self.cells(children[1], active)?;
        let is_distinct = matches!(node.kind, Kind::Distinct { .. });
        let is_null_if = matches!(node.kind, Kind::NullIf { .. });
        if !is_distinct && !is_null_if && (left.is_null() || right.is_null()) {
            return Ok(Cells::One(arrow::array::new_null_array(&to.arrow(), 1)));
        }
        let result: ArrayRef = match &node.kind {
            Kind::Arithmetic(operator, ..) => arithmetic::calculate(*operator, &left, &right, to),
            Kind::AddDays { negative, .. } => add_days(&left, &right, *negative),
            Kind::DaysBetween(..) => days_between(&left, &right),
            Kind::Compare(comparison, ..) => {
                Arc::new(compare::compare(*comparison, &left, &right, left_type)?)
            }
            Kind::Distinct { negated, .. } => {
                let distinct = compare::distinct(&left, &right, left_type)?;
                match negated {
                    true => Arc::new(not(&distinct).map_err(refused)?),
                    false => Arc::new(distinct),
                }
            }
            Kind::NullIf { .. } => {
                let rows = self.rows();
                let (value, equal) = (left.into_rows(rows)?, right.into_rows(rows)?);
                let result = nullif(&value, equal.as_boolean()).map_err(refused)?;
                return Ok(Cells::Rows(result));
            }
            _ => unreachable!("a node with two children"),
        };
        let result = match left.is_one() && right.is_one() {
            true => Cells::One(result),
            false => Cells::Rows(result),
        };
        if let Some(flaw) = node.flaw() {
            self.note(flaw, &[&left, &right], &result, active)?;
        }
        Ok(result)
    }

    /// AND and OR; the right side is asked for where the left one does not decide.
    fn logic(
        &mut self,
        left: &Node,
        right: &Node,
        is_and: bool,
        active: Active<'_>,
    ) -> Result<Cells> {
        let rows = self.rows();
        let left_cells = self.cells(left, active)?;
        let asked = right.may_flaw.then(|| {
            let undecided = match is_and {
                true => !&falses(&left_cells, rows),
                false => !&left_cells.trues(rows),
            };
            restrict(&undecided, active)
        });
        let right_cells = self.cells(right, asked.as_ref().or(active))?;
        let both_one = left_cells.is_one() && right_cells.is_one();
        let (l, r) = match both_one {
            true => (
                Arc::clone(left_cells.array()),
                Arc::clone(right_cells.array()),
            ),
            false => (left_cells.into_rows(rows)?, right_cells.into_rows(rows)?),
        };
        let (l, r) = (l.as_boolean(), r.as_boolean());
        let result = match is_and {
            true => and_kleene(l, r),
            false => or_kleene(l, r),
        };
        let result: ArrayRef = Arc::new(result.map_err(refused)?);
        Ok(if both_one {
            Cells::One(result)
        } else {
            Cells::Rows(result)
        })
    }

    fn case(
        &mut self,
        branches: &[(Node, Node)],
        otherwise: &Node,
        active: Active<'_>,
    ) -> Result<Cells> {
        let rows = self.rows();
        let mut left = active
            .cloned()
            .unwrap_or_else(|| BooleanBuffer::new_set(rows));
        let mut taken = Vec::with_capacity(branches.len());
        for (when, then) in branches {
            let condition = self.cells(when, Some(&left))?;
            let here = condition.trues(rows);
            let value = self.cells(then, Some(&(&here & &left)))?;
            left = &left & &!&here;
            taken.push((here, plain_cells(&value)?));
        }
        let otherwise = plain_cells(&self.cells(otherwise, Some(&left))?)?;
        choose_first(taken, otherwise, rows)
    }

    fn coalesce(&mut self, nodes: &[Node], active: Active<'_>) -> Result<Cells> {
        let rows = self.rows();
        let mut left = active
            .cloned()
            .unwrap_or_else(|| BooleanBuffer::new_set(rows));
        let mut found = Vec::with_capacity(nodes.len());
        for node in nodes {
            let cells = plain_cells(&self.cells(node, Some(&left))?)?;
            if cells.is_null() {
                continue;
            }
            let here = match cells.nulls() {
                Some(nulls) => nulls.inner().clone(),
                None => BooleanBuffer::new_set(rows),
            };
            left = &left & &!&here;
            let is_last = here.count_set_bits() == rows;
            found.push((here, cells));
            if is_last {
                break;
            }
        }
        let Some((_, mut result)) = found.pop() else {
            // All of them are NULL; the binder has given them one type.
            return self.cells(&nodes[0], active);
        };
        for (here, cells) in found.into_iter().rev() {
            result = Cells::Rows(choose(here, &cells, &result)?);
        }
        Ok(result)
    }

    /// Counts the cells that `result` has nulled although no input of theirs was null.
    fn note(
        &mut self,
        flaw: Flaw,
        inputs: &[&Cells],
        result: &Cells,
        active: Active<'_>,
    ) -> Result<()> {
        let Some(nulls) = result.nulls() else {
            return Ok(());
        };
        let rows = self.rows();
        let spread = |cells: &Cells, nulls: &NullBuffer| match cells {
            Cells::Rows(_) => nulls.inner().clone(),
            Cells::One(_) if nulls.is_null(0) => BooleanBuffer::new_unset(rows),
            Cells::One(_) => BooleanBuffer::new_set(rows),
        };
        let mut flawed = !&spread(result, &nulls);
        for input in inputs {
            if let Some(nulls) = input.nulls() {
                flawed = &flawed & &spread(input, &nulls);
            }
        }
        let flawed = restrict(&flawed, active);
        let count = flawed.count_set_bits() as u64;
        if let Some(what) = self.strict
            && let Some(row) = flawed.set_indices().next()
        {
            return Err(ErrorKind::Row {
                row,
                position: None,
                message: format!(
                    "{what}: {}; nothing was published (--strict)",
                    flaw.in_words()
                ),
            }
            .into());
        }
        flaw.count(&mut self.flaws, count);
        Ok(())
    }
}

/// The rows of `mask` that are asked for.
fn restrict(mask: &BooleanBuffer, active: Active<'_>) -> BooleanBuffer {
    match active {
        Some(active) => mask & active,
        None => mask.clone(),
    }
}

/// The cells that are FALSE.
fn falses(cells: &Cells, rows: usize) -> BooleanBuffer {
    let array = compare::is(cells.array().as_boolean(), false, false);
    cells.with(Arc::new(array)).trues(rows)
}

fn plain_cells(cells: &Cells) -> Result<Cells> {
    let array = plain(cells.array())?;
    Ok(cells.with(array))
}

/// `value` in the rows of `here`, `other` in the rest.
fn choose(here: BooleanBuffer, value: &Cells, other: &Cells) -> Result<ArrayRef> {
    zip(&BooleanArray::new(here, None), value, other).map_err(refused)
}

/// The value of the first branch that holds for a row. Constants are looked up by the branch's index.
fn choose_first(
    branches: Vec<(BooleanBuffer, Cells)>,
    otherwise: Cells,
    rows: usize,
) -> Result<Cells> {
    if !otherwise.is_one() || branches.iter().any(|(_, value)| !value.is_one()) {
        let mut result = otherwise;
        for (here, value) in branches.into_iter().rev() {
            result = Cells::Rows(choose(here, &value, &result)?);
        }
        return Ok(result);
    }
    let constants = branches.iter().map(|(_, value)| value).chain([&otherwise]);
    let constants: Vec<&dyn Array> = constants.map(|value| &**value.array()).collect();
    let mut indices = vec![branches.len() as u32; rows];
    for (index, (here, _)) in branches.iter().enumerate().rev() {
        let words = here.bit_chunks();
        for (places, word) in indices.chunks_mut(64).zip(words.iter_padded()) {
            for (bit, place) in places.iter_mut().enumerate() {
                if word >> bit & 1 == 1 {
                    *place = index as u32;
                }
            }
        }
    }
    let constants = concat(&constants).map_err(refused)?;
    pick(&constants, &indices.into()).map(Cells::Rows)
}

/// Asks something of each text; a dictionary's texts are asked once.
fn test_texts(cells: &Cells, ask: impl Fn(&str) -> bool) -> Result<ArrayRef> {
    let array = cells.array();
    if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
        let texts = Cells::Rows(Arc::clone(dictionary.values()));
        let answers = test_texts(&texts, ask)?;
        return take(&answers, dictionary.keys(), None).map_err(refused);
    }
    let nulls = array.logical_nulls();
    let texts = array.as_string::<i32>();
    let values = BooleanBuffer::collect_bool(array.len(), |row| ask(texts.value(row)));
    Ok(Arc::new(BooleanArray::new(values, nulls)))
}

/// Whether each cell is one of a set: TRUE, or FALSE, or null where the set holds a null.
fn is_in(cells: &Cells, set: &Set, has_null: bool) -> Result<ArrayRef> {
    let found = match set {
        Set::Texts(set) => test_texts(cells, |text| set.contains(text))?,
        Set::Numbers(set) => {
            let numbers = cells.array().as_primitive::<Int64Type>();
            Arc::new(BooleanArray::from_unary(numbers, |number| {
                set.contains(&number)
            }))
        }
    };
    if !has_null {
        return Ok(found);
    }
    let found = found.as_boolean();
    let missing = not(found).map_err(refused)?;
    nullif(found, &missing).map_err(refused)
}

fn add_days(dates: &Cells, days: &Cells, negative: bool) -> ArrayRef {
    let wide = dates.with(Arc::new(time::ticks(dates.array())));
    let sums = checked::<Int64Type>(&wide, days, |date, days| {
        let (sum, overflows) = match negative {
            true => date.overflowing_sub(days),
            false => date.overflowing_add(days),
        };
        (sum, overflows || i32::try_from(sum).is_err())
    });
    time::moments(&sums, &Type::Date)
}

fn days_between(left: &Cells, right: &Cells) -> ArrayRef {
    let wide = |cells: &Cells| cells.with(Arc::new(time::ticks(cells.array())));
    let (left, right) = (wide(left), wide(right));
    let days = checked::<Int64Type>(&left, &right, |left, right| {
        (left.wrapping_sub(right), false)
    });
    Arc::new(days)
}
