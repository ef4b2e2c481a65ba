//! The windows of one kind over one column: a shard's values in, results in their columns out.
//!
//! The kernels are told apart here, once per batch: one window of sums or extremes runs in a loop
//! of its own, any other set of windows calls each kernel by its table. Invariant: rows of a key
//! go through in order, each through all windows before the next.

use super::RollingSpec;
use super::extreme::{Count, Edge};
use super::fold::Folding;
use super::moments::Moments;
use super::quantile::Quantiles;
use super::queue::{self, Queues};
use super::rings::Rings;
use super::sliding::{SlidingExtreme, SlidingSum};
use super::window::{Kernel, Output, Several, Sliding, Windows};
use crate::base::{Function, Order};

/// Some of a shard's rows: the value of each, and its time where windows need it.
pub(super) struct Cells<'a> {
    /// The keys of these rows and of all that follow in the batch.
    pub(super) keys: &'a [u32],
    pub(super) keys_max: usize,
    pub(super) numbers: &'a [f64],
    pub(super) times: &'a [Option<i64>],
    pub(super) order: Order,
}

/// A row before the latest time of its key.
pub(in crate::steps) struct Late {
    /// Index among the rows.
    pub(in crate::steps) cell: usize,
    pub(in crate::steps) time: i64,
    pub(in crate::steps) previous: i64,
}

/// The windows of one kind over one column.
pub(super) trait Group: Send {
    /// Writes the results of each row into `columns`; a row without a time has none.
    fn advance(&mut self, cells: &Cells<'_>, columns: &mut [Vec<f64>]) -> Result<(), Late>;

    /// Memory held, in bytes; constant time.
    fn memory_bytes(&self) -> usize;
}

struct Rolled<W, const TIMED: bool> {
    rings: Rings<TIMED>,
    windows: W,
}

impl<W: Windows<TIMED>, const TIMED: bool> Group for Rolled<W, TIMED> {
    fn advance(&mut self, cells: &Cells<'_>, columns: &mut [Vec<f64>]) -> Result<(), Late> {
        let Self { rings, windows } = self;
        rings.reserve(cells.keys_max);
        windows.begin(cells.numbers.len());
        for (cell, (&key, &number)) in cells.keys.iter().zip(cells.numbers).enumerate() {
            rings.fetch_ahead(cells.keys, cell);
            let time = if TIMED { cells.times[cell] } else { Some(0) };
            let Some(time) = time else { continue };
            let record = rings.push(key, number, time);
            if TIMED && record.ring.time > time && cells.order != Order::Trust {
                return Err(Late {
                    cell,
                    time,
                    previous: record.ring.time,
                });
            }
            let rows = windows.row(key, record.state, &record.ring, cell, columns);
            if TIMED {
                record.keep(rows);
            }
        }
        windows.finish(columns);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.rings.memory_bytes() + self.windows.memory_bytes()
    }
}

/// Functions that share a kernel.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    Sum,
    Moments,
    Min,
    Max,
    First,
    Last,
    Count,
    Quantiles,
}

impl Family {
    fn of(function: Function) -> Self {
        match function {
            Function::Sum | Function::Mean => Self::Sum,
            Function::Std | Function::Var => Self::Moments,
            Function::Min => Self::Min,
            Function::Max => Self::Max,
            Function::First => Self::First,
            Function::Last => Self::Last,
            Function::Count => Self::Count,
            Function::Median | Function::Quantile(_) => Self::Quantiles,
        }
    }

    fn kernel(self, outputs: Vec<Output>) -> Box<dyn Kernel> {
        match self {
            Self::Sum => Box::new(SlidingSum::new(outputs)),
            Self::Moments => Box::new(Folding::<Moments>::new(outputs)),
            Self::Min => Box::new(SlidingExtreme::<false>::new(outputs)),
            Self::Max => Box::new(SlidingExtreme::<true>::new(outputs)),
            Self::First => Box::new(Folding::<Edge<false>>::new(outputs)),
            Self::Last => Box::new(Folding::<Edge<true>>::new(outputs)),
            Self::Count => Box::new(Folding::<Count>::new(outputs)),
            Self::Quantiles => Box::new(Quantiles::new(outputs)),
        }
    }
}

/// One kernel and the results asked of it.
struct Task {
    length: u64,
    family: Family,
    outputs: Vec<Output>,
}

/// Plans the windows of one kind over one column: each spec with its column among the results and
/// its window's length, longest first.
pub(super) fn group<const TIMED: bool>(specs: &[(usize, &RollingSpec, u64)]) -> Box<dyn Group> {
    let mut tasks: Vec<Task> = Vec::new();
    for &(column, spec, length) in specs {
        let family = Family::of(spec.function);
        let output = Output {
            column,
            function: spec.function,
            min_samples: spec.min_samples(),
        };
        let same = |task: &&mut Task| task.length == length && task.family == family;
        match tasks.iter_mut().find(same) {
            Some(task) => task.outputs.push(output),
            None => tasks.push(Task {
                length,
                family,
                outputs: vec![output],
            }),
        }
    }
    let rows_max = tasks.iter().map(|task| task.length as usize).max();
    let rows_max = rows_max.expect("a group has a window");
    if tasks.len() > 1 {
        let windows = tasks.into_iter().map(|task| Sliding {
            length: task.length,
            kernel: task.family.kernel(task.outputs),
        });
        return rolled::<_, TIMED>(Several(windows.collect()), rows_max);
    }
    let Some(Task {
        length,
        family,
        outputs,
    }) = tasks.pop()
    else {
        unreachable!("a group has a window")
    };
    let is_short = !TIMED && length <= queue::ROWS_MAX;
    match family {
        Family::Min if is_short => Box::new(Queues::<false>::new(length, outputs)),
        Family::Max if is_short => Box::new(Queues::<true>::new(length, outputs)),
        Family::Sum => alone::<_, TIMED>(SlidingSum::new(outputs), length),
        Family::Min => alone::<_, TIMED>(SlidingExtreme::<false>::new(outputs), length),
        Family::Max => alone::<_, TIMED>(SlidingExtreme::<true>::new(outputs), length),
        other => alone::<_, TIMED>(other.kernel(outputs), length),
    }
}

fn alone<K: Kernel + 'static, const TIMED: bool>(kernel: K, length: u64) -> Box<dyn Group> {
    rolled::<_, TIMED>(Sliding { length, kernel }, length as usize)
}

fn rolled<W: Windows<TIMED> + 'static, const TIMED: bool>(
    windows: W,
    rows_max: usize,
) -> Box<dyn Group> {
    Box::new(Rolled::<W, TIMED> {
        rings: Rings::new(rows_max, windows.state_words()),
        windows,
    })
}
