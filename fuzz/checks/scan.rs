//! Every mask kernel against a plain loop over bytes.

use chunketl::base::masks::{Kernel, Probed};

/// Compares the kernels on each block of `data`, for a byte that occurs and one that may not.
pub(crate) fn check(data: &[u8]) {
    for block in data.windows(64).step_by(7) {
        let block: &[u8; 64] = block.try_into().expect("windows are of 64 bytes");
        for byte in [block[0], block[0] ^ 0x80, b'\n'] {
            let expected = plain(block, byte);
            for kernel in Kernel::available() {
                assert_eq!(kernel.probe(block, byte), expected, "{}", kernel.name());
            }
        }
    }
}

fn plain(block: &[u8; 64], byte: u8) -> Probed {
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
