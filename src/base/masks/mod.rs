//! 64 bytes in, bit masks out: bit `i` of a mask speaks of byte `i` of the block.
//!
//! Each instruction set has a file of its own with one type that can only be made where the
//! machine has the instructions. [`Kernel`] picks the best once; `Kernel::run` then compiles a
//! whole `Task` (a loop over blocks) for that instruction set, so that nothing is dispatched
//! inside a loop. Invariant: every variant gives the masks of `portable`, bit for bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use portable::Portable;

/// Bytes in a block, and bits in a mask.
pub(crate) const BLOCK_BYTES: usize = 64;

/// A block of input.
pub(crate) type Block = [u8; BLOCK_BYTES];

/// The mask operations of one instruction set.
///
/// Implementations are inlined into the [`Task`] that uses them.
pub(crate) trait Masks: Copy {
    /// A block in registers.
    type Loaded: Copy;

    /// Loads a block.
    fn load(self, block: &Block) -> Self::Loaded;

    /// The bytes equal to `byte`.
    fn equal(self, block: Self::Loaded, byte: u8) -> u64;

    /// Bit `i` of the result is the parity of bits `0..=i` of `mask`.
    fn prefix_xor(self, mask: u64) -> u64;

    /// Writes `base + i` for each set bit `i`, ascending. What it leaves in `out` behind the last
    /// of them is unspecified.
    fn positions(self, mask: u64, base: u32, out: &mut [u32; BLOCK_BYTES]);

    /// Writes the bytes that `keep` has a bit for, in order. What it leaves in `out` behind the last
    /// of them is unspecified.
    #[inline(always)]
    fn compress(self, block: &Block, keep: u64, out: &mut Block) {
        portable::compress(block, keep, out);
    }
}

/// A computation over blocks, written once for all instruction sets.
pub(crate) trait Task {
    /// What it computes.
    type Output;

    /// Runs it. Implementations are `#[inline(always)]`: only code inlined into the variant's
    /// entry is compiled for its instruction set.
    fn run<M: Masks>(self, masks: M) -> Self::Output;
}

/// The instruction set that scanning uses.
#[derive(Debug, Clone, Copy)]
pub struct Kernel(Variant);

#[derive(Debug, Clone, Copy)]
enum Variant {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl Kernel {
    /// The fastest kernel of this machine.
    pub fn best() -> Self {
        *Self::available()
            .last()
            .expect("the portable kernel runs everywhere")
    }

    /// The kernel that runs everywhere.
    pub fn portable() -> Self {
        Self(Variant::Portable(Portable))
    }

    /// All kernels of this machine, the slowest (portable) first.
    pub fn available() -> Vec<Self> {
        let mut kernels = vec![Self::portable()];
        #[cfg(target_arch = "x86_64")]
        {
            kernels.extend(avx2::Avx2::new().map(|kernel| Self(Variant::Avx2(kernel))));
            kernels.extend(avx512::Avx512::new().map(|kernel| Self(Variant::Avx512(kernel))));
        }
        #[cfg(target_arch = "aarch64")]
        kernels.extend(neon::Neon::new().map(|kernel| Self(Variant::Neon(kernel))));
        kernels
    }

    /// The instruction set, for benchmarks and receipts.
    pub fn name(self) -> &'static str {
        match self.0 {
            Variant::Portable(_) => "portable",
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Variant::Neon(_) => "neon",
        }
    }

    /// Runs `task` on this instruction set.
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            Variant::Portable(masks) => task.run(masks),
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2(masks) => masks.run(task),
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512(masks) => masks.run(task),
            #[cfg(target_arch = "aarch64")]
            Variant::Neon(masks) => masks.run(task),
        }
    }

    /// All that a kernel computes, for comparison with a plain loop.
    pub fn probe(self, block: &[u8; 64], byte: u8) -> Probed {
        self.run(Probe { block, byte })
    }
}

/// What a kernel makes of one block and a byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The bytes of the block equal to the byte.
    pub equal: u64,
    /// The prefix parity of that mask.
    pub parity: u64,
    /// The positions of its set bits.
    pub positions: Vec<u32>,
    /// All other bytes.
    pub others: Vec<u8>,
}

struct Probe<'a> {
    block: &'a Block,
    byte: u8,
}

impl Task for Probe<'_> {
    type Output = Probed;

    #[inline(always)]
    fn run<M: Masks>(self, masks: M) -> Probed {
        let equal = masks.equal(masks.load(self.block), self.byte);
        let (mut positions, mut others) = ([0; BLOCK_BYTES], [0; BLOCK_BYTES]);
        masks.positions(equal, 0, &mut positions);
        masks.compress(self.block, !equal, &mut others);
        let count = equal.count_ones() as usize;
        Probed {
            equal,
            parity: masks.prefix_xor(equal),
            positions: positions[..count].to_vec(),
            others: others[..BLOCK_BYTES - count].to_vec(),
        }
    }
}

/// The block at `pos`, and a mask of its bytes that are there; bytes past the end read as zero.
#[inline(always)]
pub(crate) fn load_at<M: Masks>(masks: M, bytes: &[u8], pos: usize) -> (M::Loaded, u64) {
    match bytes[pos..].first_chunk() {
        Some(block) => (masks.load(block), u64::MAX),
        None => {
            let (block, there) = pad(&bytes[pos..]);
            (masks.load(&block), there)
        }
    }
}

#[cold]
#[inline(never)]
fn pad(tail: &[u8]) -> (Block, u64) {
    let mut block = [0; BLOCK_BYTES];
    block[..tail.len()].copy_from_slice(tail);
    (block, low_bits(tail.len()))
}

/// A mask of the lowest `count` bits.
#[inline(always)]
pub(crate) fn low_bits(count: usize) -> u64 {
    if count >= BLOCK_BYTES {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(block: &Block, byte: u8) -> Probed {
        let (mut equal, mut parity, mut odd) = (0, 0, false);
        let (mut positions, mut others) = (Vec::new(), Vec::new());
        for (i, &other) in block.iter().enumerate() {
            if other == byte {
                equal |= 1 << i;
                odd = !odd;
                positions.push(i as u32);
            } else {
                others.push(other);
            }
            parity |= u64::from(odd) << i;
        }
        Probed {
            equal,
            parity,
            positions,
            others,
        }
    }

    fn assert_all_equal_plain(block: &Block, byte: u8) {
        for kernel in Kernel::available() {
            assert_eq!(
                kernel.probe(block, byte),
                plain(block, byte),
                "{}",
                kernel.name()
            );
        }
    }

    #[test]
    fn every_byte_value_at_every_place() {
        for value in 0..=255u8 {
            for place in 0..BLOCK_BYTES {
                let mut block = [value.wrapping_add(1); BLOCK_BYTES];
                block[place] = value;
                assert_all_equal_plain(&block, value);
                assert_all_equal_plain(&block, value.wrapping_add(1));
                assert_all_equal_plain(&block, value ^ 0x80);
            }
        }
    }

    #[test]
    fn a_tail_is_padded_with_bytes_that_are_not_there() {
        let (block, there) = pad(b"xxx");
        assert_eq!((&block[..4], there), (&b"xxx\0"[..], 0b111));
        assert_eq!(pad(b"").1, 0);
    }

    proptest! {
        #[test]
        fn random_blocks(bytes in proptest::collection::vec(0..4u8, 64), byte in 0..4u8) {
            let block: Block = bytes.try_into().expect("64 bytes were asked for");
            assert_all_equal_plain(&block, byte);
        }
    }
}
