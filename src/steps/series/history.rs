//! The last cells of each key: in go the cells row by row, out come those so many rows before.
//!
//! A key's cells lie in a ring, cut from the arrays of its class: each class has rings of twice the
//! cells of the one before, so a key with few rows holds few cells however far back is looked.
//! Invariant: a ring holds the key's last cells, as many as there were, up to the length asked for.

use super::per_key::PerKey;

/// What remembers the cells of each key.
pub(super) trait Past<C: Copy>: Send {
    /// Makes room for all of `keys`.
    fn cover(&mut self, keys: &[u32]);
    /// Asks for what a key soon after the `at`th needs.
    fn fetch_ahead(&self, keys: &[u32], at: usize);
    /// The cell `back` rows before the one that comes next, 1 or more and at most the length; `None`
    /// where it is null or there is none.
    fn get(&self, key: u32, back: u32) -> Option<C>;
    /// Adds the next cell of a key; returns the one that is forgotten for it, if it is not null.
    fn push(&mut self, key: u32, cell: Option<C>) -> Option<C>;
    /// Visits all cells that are not null.
    fn for_each(&mut self, visit: &mut dyn FnMut(&mut C));
    /// Memory held, in bytes.
    fn memory_bytes(&self) -> usize;
}

/// The last cell of each key only.
pub(super) struct Previous<C> {
    cells: PerKey<Option<C>>,
}

impl<C: Copy> Previous<C> {
    pub(super) fn new() -> Self {
        Self {
            cells: PerKey::new(None),
        }
    }
}

impl<C: Copy + Send> Past<C> for Previous<C> {
    fn cover(&mut self, keys: &[u32]) {
        self.cells.cover(keys);
    }

    #[inline(always)]
    fn fetch_ahead(&self, keys: &[u32], at: usize) {
        self.cells.fetch_ahead(keys, at);
    }

    #[inline(always)]
    fn get(&self, key: u32, _: u32) -> Option<C> {
        self.cells[key]
    }

    #[inline(always)]
    fn push(&mut self, key: u32, cell: Option<C>) -> Option<C> {
        std::mem::replace(&mut self.cells[key], cell)
    }

    fn for_each(&mut self, visit: &mut dyn FnMut(&mut C)) {
        self.cells.iter_mut().flatten().for_each(visit);
    }

    fn memory_bytes(&self) -> usize {
        self.cells.memory_bytes()
    }
}

/// The last cells of each key, as many as `length`.
pub(super) struct History<C> {
    length: u32,
    rings: PerKey<Ring>,
    classes: Vec<Class<C>>,
}

/// Where a key's cells lie.
#[derive(Debug, Clone, Copy, Default)]
struct Ring {
    /// Of all rings of its class.
    index: u32,
    /// Place of the latest cell within the ring.
    latest: u32,
    /// How many cells there are.
    held: u32,
    class: u32,
}

/// Rings of one length.
struct Class<C> {
    capacity: u32,
    cells: Vec<C>,
    is_value: Vec<bool>,
    /// Rings that keys have outgrown.
    free: Vec<u32>,
}

/// Cells of the shortest rings.
const FIRST_CELLS: u32 = 4;

impl<C: Copy + Default + Send> History<C> {
    pub(super) fn new(length: u32) -> Self {
        let mut capacity = FIRST_CELLS.min(length);
        let mut classes = Vec::new();
        loop {
            classes.push(Class {
                capacity,
                cells: Vec::new(),
                is_value: Vec::new(),
                free: Vec::new(),
            });
            if capacity == length {
                break;
            }
            capacity = capacity.saturating_mul(2).min(length);
        }
        Self {
            length,
            rings: PerKey::new(Ring::default()),
            classes,
        }
    }

    /// Moves a key's cells, which fill their ring, to one of the next class.
    #[cold]
    fn grow(&mut self, key: u32) {
        let ring = self.rings[key];
        let cells: Vec<Option<C>> = (1..=ring.held)
            .rev()
            .map(|back| self.get(key, back))
            .collect();
        self.classes[ring.class as usize].free.push(ring.index);
        let class = ring.class + 1;
        let next = &mut self.classes[class as usize];
        let index = next.allocate();
        for (place, cell) in cells.into_iter().enumerate() {
            next.set(index, place as u32, cell);
        }
        self.rings[key] = Ring {
            index,
            latest: ring.held - 1,
            held: ring.held,
            class,
        };
    }
}

impl<C: Copy + Default> Class<C> {
    /// A ring whose cells are arbitrary.
    fn allocate(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let index = self.cells.len() / self.capacity as usize;
            let len = self.cells.len() + self.capacity as usize;
            self.cells.resize(len, C::default());
            self.is_value.resize(len, false);
            index as u32
        })
    }

    #[inline(always)]
    fn place(&self, index: u32, place: u32) -> usize {
        index as usize * self.capacity as usize + place as usize
    }

    #[inline(always)]
    fn get(&self, index: u32, place: u32) -> Option<C> {
        let place = self.place(index, place);
        self.is_value[place].then(|| self.cells[place])
    }

    #[inline(always)]
    fn set(&mut self, index: u32, place: u32, cell: Option<C>) {
        let place = self.place(index, place);
        self.is_value[place] = cell.is_some();
        self.cells[place] = cell.unwrap_or_default();
    }
}

impl<C: Copy + Default + Send> Past<C> for History<C> {
    fn cover(&mut self, keys: &[u32]) {
        self.rings.cover(keys);
    }

    #[inline(always)]
    fn fetch_ahead(&self, keys: &[u32], at: usize) {
        self.rings.fetch_ahead(keys, at);
    }

    #[inline(always)]
    fn get(&self, key: u32, back: u32) -> Option<C> {
        let ring = self.rings[key];
        if back > ring.held {
            return None;
        }
        let class = &self.classes[ring.class as usize];
        let before = back - 1;
        let place = match ring.latest.checked_sub(before) {
            Some(place) => place,
            None => ring.latest + class.capacity - before,
        };
        class.get(ring.index, place)
    }

    #[inline(always)]
    fn push(&mut self, key: u32, cell: Option<C>) -> Option<C> {
        let mut ring = self.rings[key];
        let mut capacity = self.classes[ring.class as usize].capacity;
        if ring.held == capacity && capacity < self.length {
            self.grow(key);
            ring = self.rings[key];
            capacity = self.classes[ring.class as usize].capacity;
        }
        let class = &mut self.classes[ring.class as usize];
        let next = match ring.held {
            0 => {
                ring.index = class.allocate();
                0
            }
            _ if ring.latest + 1 == capacity => 0,
            _ => ring.latest + 1,
        };
        let forgotten = match ring.held == capacity {
            true => class.get(ring.index, next),
            false => {
                ring.held += 1;
                None
            }
        };
        class.set(ring.index, next, cell);
        ring.latest = next;
        self.rings[key] = ring;
        forgotten
    }

    fn for_each(&mut self, visit: &mut dyn FnMut(&mut C)) {
        for ring in self.rings.iter_mut() {
            let class = &mut self.classes[ring.class as usize];
            // Until it is full, a ring is filled from its first place on.
            for place in 0..ring.held {
                let place = class.place(ring.index, place);
                if class.is_value[place] {
                    visit(&mut class.cells[place]);
                }
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        let classes = self.classes.iter().map(|class| {
            class.cells.capacity() * size_of::<C>()
                + class.is_value.capacity()
                + class.free.capacity() * 4
        });
        classes.sum::<usize>() + self.rings.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_come_back(
            length in 1_u32..40,
            rows in prop::collection::vec((0_u32..4, prop::option::of(0_i64..9)), 0..300),
        ) {
            let mut history = History::new(length);
            let mut plain: Vec<Vec<Option<i64>>> = vec![Vec::new(); 4];
            for (key, cell) in rows {
                history.cover(&[key]);
                let cells = &mut plain[key as usize];
                for back in 1..=length {
                    let expected = cells.len().checked_sub(back as usize).and_then(|at| cells[at]);
                    prop_assert_eq!(history.get(key, back), expected);
                }
                let forgotten = cells.len().checked_sub(length as usize).and_then(|at| cells[at]);
                prop_assert_eq!(history.push(key, cell), forgotten);
                cells.push(cell);
            }
            let mut visited = 0;
            history.for_each(&mut |_| visited += 1);
            let held = plain.iter().flat_map(|cells| cells.iter().rev().take(length as usize));
            prop_assert_eq!(visited, held.flatten().count());
        }
    }

    #[test]
    fn keys_with_few_rows_hold_few_cells() {
        let mut history = History::<i64>::new(1000);
        let keys: Vec<u32> = (0..1000).collect();
        history.cover(&keys);
        keys.iter().for_each(|&key| {
            history.push(key, Some(1));
        });
        let few = history.memory_bytes();
        assert!(few < 1000 * 160, "{few}");
        (0..2000).for_each(|cell| {
            history.push(7, Some(cell));
        });
        let more = history.memory_bytes() - few;
        assert!((1000 * 9..1000 * 40).contains(&more), "{more}");
    }
}
