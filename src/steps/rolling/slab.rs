//! Room for the rings of all keys: arrays of a few fixed lengths, cut from big pages.
//!
//! Many small arrays without an allocation each. A page holds arrays of one length; freed ones are
//! linked through their own first element and taken again first; a page without any array in use
//! goes back to the allocator. Invariant: an [`ArrayId`] handed out stays valid, and its contents
//! untouched, until it is freed.

use crate::base::prefetch;

/// Values of a page: about 1 MiB, unless one array needs more.
const PAGE_VALUES: usize = 1 << 17;
/// Values of the first page of a length, unless one array needs more; every page adds a quarter to
/// the arrays there are.
const FIRST_PAGE_VALUES: usize = 256;
const SLOT_BITS: u32 = 14;
/// No next array in a page's list of free ones.
const NONE: u64 = u64::MAX;

/// A place in a [`Slab`]: page and array within the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArrayId(u32);

impl ArrayId {
    fn new(page: usize, slot: usize) -> Self {
        let page = u32::try_from(page)
            .ok()
            .filter(|page| page >> (32 - SLOT_BITS) == 0);
        let page = page.expect("2^18 pages of 1 MiB exceed every memory budget");
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

/// Arrays of doubles.
#[derive(Debug, Default)]
pub(super) struct Slab {
    pages: Vec<Page>,
    /// Pages without memory, to be used again.
    vacant: Vec<usize>,
    /// For each length class the pages that have or had room; the last is used first.
    open: Vec<Vec<usize>>,
    /// Arrays of all pages of each length class.
    arrays: Vec<usize>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Page {
    values: Box<[f64]>,
    array_len: usize,
    /// Arrays never used start at this slot.
    fresh: usize,
    /// First freed array.
    freed: u64,
    used: usize,
}

impl Page {
    fn arrays(&self) -> usize {
        self.values.len() / self.array_len.max(1)
    }

    fn is_full(&self) -> bool {
        self.used == self.arrays()
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.values)
    }
}

impl Slab {
    /// An array of `len` elements with arbitrary contents; `class` is the index of that length
    /// among all lengths in use.
    pub(super) fn allocate(&mut self, class: usize, len: usize) -> ArrayId {
        while self.open.len() <= class {
            self.open.push(Vec::new());
            self.arrays.push(0);
        }
        let page_index = self.open_page(class, len);
        let page = &mut self.pages[page_index];
        let slot = if page.freed == NONE {
            page.fresh += 1;
            page.fresh - 1
        } else {
            let slot = page.freed as usize;
            page.freed = page.values[slot * len].to_bits();
            slot
        };
        page.used += 1;
        if page.is_full() {
            self.open[class].pop();
        }
        ArrayId::new(page_index, slot)
    }

    /// The page of this class to take the next array from.
    fn open_page(&mut self, class: usize, len: usize) -> usize {
        while let Some(&page) = self.open[class].last() {
            if self.pages[page].arrays() > 0 {
                return page;
            }
            // Given back while it was not the last one.
            self.open[class].pop();
            self.vacant.push(page);
        }
        let arrays_max = (PAGE_VALUES / len).clamp(1, 1 << SLOT_BITS);
        let arrays = (self.arrays[class] / 4).max(FIRST_PAGE_VALUES / len);
        let arrays = arrays.clamp(1, arrays_max);
        self.arrays[class] += arrays;
        let page = Page {
            values: vec![0.0; arrays * len].into(),
            array_len: len,
            fresh: 0,
            freed: NONE,
            used: 0,
        };
        self.bytes += page.bytes();
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.pages.push(Page::default());
            self.pages.len() - 1
        });
        self.pages[index] = page;
        self.open[class].push(index);
        index
    }

    /// Takes back an array of `class`.
    pub(super) fn free(&mut self, class: usize, id: ArrayId) {
        if self.pages[id.page()].is_full() {
            // An empty page stays only as long as the next array comes from it.
            if let Some(&last) = self.open[class].last() {
                self.release_if_unused(class, last);
            }
            self.open[class].push(id.page());
        }
        let page = &mut self.pages[id.page()];
        page.values[id.slot() * page.array_len] = f64::from_bits(page.freed);
        page.freed = id.slot() as u64;
        page.used -= 1;
        // A page of a single long array is not worth keeping.
        if self.open[class].last() != Some(&id.page()) || self.pages[id.page()].arrays() == 1 {
            self.release_if_unused(class, id.page());
        }
    }

    /// Gives the memory of a page back; its index stays in `open` until it is come across.
    fn release_if_unused(&mut self, class: usize, index: usize) {
        let page = &mut self.pages[index];
        if page.used == 0 {
            self.bytes -= page.bytes();
            self.arrays[class] -= page.arrays();
            *page = Page::default();
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

    /// Two different arrays, the second to be written to.
    pub(super) fn pair_mut(&mut self, from: ArrayId, to: ArrayId) -> (&[f64], &mut [f64]) {
        // Arrays of different lengths never share a page.
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
        self.bytes + self.pages.capacity() * size_of::<Page>()
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
                    let id = slab.allocate(action, LENS[action]);
                    slab.array_mut(id).fill(step as f64);
                    held.push((action, id, step as f64));
                } else if !held.is_empty() {
                    let (class, id, _) = held.swap_remove(usize::from(pick) % held.len());
                    slab.free(class, id);
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
        let ids: Vec<_> = (0..10_000).map(|_| slab.allocate(0, 16)).collect();
        let full = slab.bytes;
        assert!(full >= 10_000 * 16 * 8);
        ids.iter().for_each(|&id| slab.free(0, id));
        assert!(slab.bytes <= PAGE_VALUES * 8, "{} of {full}", slab.bytes);
        let pages = slab.pages.len();
        (0..10_000).for_each(|_| {
            slab.allocate(0, 16);
        });
        assert!(slab.pages.len() <= pages + 1);
    }
}
