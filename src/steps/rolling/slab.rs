//! Room for the records of all keys: arrays of a few fixed lengths, cut from big pages.
//!
//! Many small arrays without an allocation each. A page holds arrays of one length, and all pages
//! of a length but the last ones are full: where an array is freed, the last one moves into its
//! place, so that what keys have outgrown does not linger. Invariant: an array's contents stay
//! untouched until it is freed, and its owner is told when it moves.

use crate::base::prefetch;

/// Values of a page: about 256 KiB, unless one array needs more.
const PAGE_VALUES: usize = 1 << 15;
/// Values of the first page of a length, unless one array needs more; every page adds an eighth to
/// the arrays there are.
const FIRST_PAGE_VALUES: usize = 256;
const SLOT_BITS: u32 = 14;

/// A place in a [`Slab`]: page and array within the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArrayId(u32);

impl ArrayId {
    fn new(page: usize, slot: usize) -> Self {
        let page = u32::try_from(page)
            .ok()
            .filter(|page| page >> (32 - SLOT_BITS) == 0);
        let page = page.expect("2^18 pages of 256 KiB exceed every memory budget");
        Self(page << SLOT_BITS | slot as u32)
    }

    #[inline]
    fn page(self) -> usize {
        (self.0 >> SLOT_BITS) as usize
    }

    #[inline]
    fn slot(self) -> usize {
        (self.0 & ((1 << SLOT_BITS) - 1)) as usize
    }
}

/// Where an array lies, until one is allocated or freed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    page: usize,
    start: usize,
    len: usize,
}

/// Arrays of doubles, each with an owner.
#[derive(Debug, Default)]
pub(super) struct Slab {
    pages: Vec<Page>,
    /// Pages without memory, to be used again.
    vacant: Vec<usize>,
    classes: Vec<Class>,
    bytes: usize,
}

/// The arrays of one length.
#[derive(Debug, Default)]
struct Class {
    /// In the order they fill up.
    pages: Vec<usize>,
    /// How many of them hold arrays; one more may wait for the next.
    open: usize,
    /// How many arrays there is room for.
    arrays: usize,
}

#[derive(Debug, Default)]
struct Page {
    values: Box<[f64]>,
    array_len: usize,
    /// The owners of the arrays in use.
    owners: Vec<u32>,
}

impl Page {
    fn arrays(&self) -> usize {
        self.values.len() / self.array_len.max(1)
    }

    fn is_full(&self) -> bool {
        self.owners.len() == self.arrays()
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.values) + self.owners.capacity() * size_of::<u32>()
    }
}

impl Class {
    /// The last page that holds arrays.
    fn last(&self) -> Option<usize> {
        Some(self.pages[self.open.checked_sub(1)?])
    }
}

impl Slab {
    /// An array of `len` elements with arbitrary contents; `class` is the index of that length
    /// among all lengths in use.
    pub(super) fn allocate(&mut self, class: usize, len: usize, owner: u32) -> ArrayId {
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Class::default);
        }
        let last = self.classes[class].last();
        let page = match last.filter(|&last| !self.pages[last].is_full()) {
            Some(last) => last,
            None => self.next_page(class, len),
        };
        let owners = &mut self.pages[page].owners;
        owners.push(owner);
        ArrayId::new(page, owners.len() - 1)
    }

    /// Opens the page after the last one, which is full.
    fn next_page(&mut self, class: usize, len: usize) -> usize {
        let Class {
            pages,
            open,
            arrays: room,
        } = &mut self.classes[class];
        if *open == pages.len() {
            let arrays_max = (PAGE_VALUES / len).clamp(1, 1 << SLOT_BITS);
            let arrays = (*room / 8).max(FIRST_PAGE_VALUES / len);
            let arrays = arrays.clamp(1, arrays_max);
            let page = Page {
                values: vec![0.0; arrays * len].into(),
                array_len: len,
                owners: Vec::with_capacity(arrays),
            };
            *room += arrays;
            self.bytes += page.bytes();
            let index = self.vacant.pop().unwrap_or_else(|| {
                self.pages.push(Page::default());
                self.pages.len() - 1
            });
            self.pages[index] = page;
            pages.push(index);
        }
        *open += 1;
        pages[*open - 1]
    }

    /// Takes back an array of `class`. The class's last array takes its place, and the owner of
    /// that one is returned.
    pub(super) fn free(&mut self, class: usize, id: ArrayId) -> Option<u32> {
        let last = self.classes[class].last().expect("the array is in a page");
        let page = &mut self.pages[last];
        let owner = page.owners.pop().expect("the last page holds an array");
        let moved = ArrayId::new(last, page.owners.len());
        if page.owners.is_empty() {
            self.classes[class].open -= 1;
        }
        if moved != id {
            let len = self.pages[last].array_len;
            let (from, to) = (moved.slot() * len, id.slot() * len);
            if last == id.page() {
                self.pages[last].values.copy_within(from..from + len, to);
            } else {
                let (from, to) = self.pair_mut(moved, id);
                to.copy_from_slice(from);
            }
            self.pages[id.page()].owners[id.slot()] = owner;
        }
        self.release_unused(class);
        (moved != id).then_some(owner)
    }

    /// Gives the memory of empty pages back but for one, or for all where an array fills a page.
    fn release_unused(&mut self, class: usize) {
        let Class {
            pages,
            open,
            arrays,
        } = &mut self.classes[class];
        while let Some(&last) = pages.last() {
            let page = &mut self.pages[last];
            if pages.len() <= *open + usize::from(page.arrays() > 1) {
                break;
            }
            self.bytes -= page.bytes();
            *arrays -= page.arrays();
            *page = Page::default();
            pages.pop();
            self.vacant.push(last);
        }
    }

    /// Where an array lies.
    #[inline(always)]
    pub(super) fn place(&self, id: ArrayId) -> Place {
        let page = &self.pages[id.page()];
        Place {
            page: id.page(),
            start: id.slot() * page.array_len,
            len: page.array_len,
        }
    }

    /// An array.
    #[inline(always)]
    pub(super) fn array(&self, id: ArrayId) -> &[f64] {
        let place = self.place(id);
        &self.pages[place.page].values[place.start..][..place.len]
    }

    /// An array, to be written to.
    #[inline]
    pub(super) fn array_mut(&mut self, id: ArrayId) -> &mut [f64] {
        self.at_mut(self.place(id))
    }

    /// The array at a place, to be written to.
    #[inline(always)]
    pub(super) fn at_mut(&mut self, place: Place) -> &mut [f64] {
        &mut self.pages[place.page].values[place.start..][..place.len]
    }

    /// Asks for the cache line of word `offset` of the array at a place.
    #[inline(always)]
    pub(super) fn prefetch(&self, place: Place, offset: usize) {
        prefetch(&self.pages[place.page].values, place.start + offset);
    }

    /// Two arrays in different pages, as those of different lengths are; the second is to be written
    /// to.
    pub(super) fn pair_mut(&mut self, from: ArrayId, to: ArrayId) -> (&[f64], &mut [f64]) {
        let [from_page, to_page] = self
            .pages
            .get_disjoint_mut([from.page(), to.page()])
            .expect("the arrays are in different pages");
        let (from_len, to_len) = (from_page.array_len, to_page.array_len);
        (
            &from_page.values[from.slot() * from_len..][..from_len],
            &mut to_page.values[to.slot() * to_len..][..to_len],
        )
    }

    /// Memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let classes = self.classes.iter();
        let pages: usize = classes.map(|class| class.pages.capacity()).sum();
        self.bytes
            + self.pages.capacity() * size_of::<Page>()
            + self.classes.capacity() * size_of::<Class>()
            + (pages + self.vacant.capacity()) * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Random allocations and frees: every array keeps what was written into it.
        #[test]
        fn arrays_keep_their_contents(actions in prop::collection::vec((0..4_usize, any::<u16>()), 0..400)) {
            const LENS: [usize; 3] = [1, 5, 1000];
            let mut slab = Slab::default();
            let mut held: Vec<(usize, ArrayId, f64)> = Vec::new();
            let steps = actions.len();
            for (step, (action, pick)) in actions.into_iter().enumerate() {
                if action < 3 {
                    let id = slab.allocate(action, LENS[action], step as u32);
                    slab.array_mut(id).fill(step as f64);
                    held.push((action, id, step as f64));
                } else if !held.is_empty() {
                    let (class, id, _) = held.swap_remove(usize::from(pick) % held.len());
                    if let Some(owner) = slab.free(class, id) {
                        let moved = held.iter_mut().find(|held| held.2 == f64::from(owner));
                        moved.unwrap().1 = id;
                    }
                }
                let looks = step % 40 == 0 || step + 1 == steps;
                for &(class, id, mark) in held.iter().filter(|_| looks) {
                    prop_assert_eq!(slab.array(id), vec![mark; LENS[class]]);
                }
                let bytes = slab.pages.iter().map(Page::bytes).sum::<usize>();
                prop_assert_eq!(slab.bytes, bytes);
            }
        }
    }

    #[test]
    fn memory_of_freed_pages_is_given_back() {
        let mut slab = Slab::default();
        let ids: Vec<_> = (0..10_000).map(|key| slab.allocate(0, 16, key)).collect();
        let full = slab.bytes;
        assert!(full >= 10_000 * 16 * 8);
        ids.iter()
            .rev()
            .for_each(|&id| assert_eq!(slab.free(0, id), None));
        assert!(slab.bytes <= PAGE_VALUES * 8, "{} of {full}", slab.bytes);
        let pages = slab.pages.len();
        (0..10_000).for_each(|key| {
            slab.allocate(0, 16, key);
        });
        assert!(slab.pages.len() <= pages + 1);
    }
}
