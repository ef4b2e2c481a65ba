//! The first bytes of a file or of the text unpacked from one -> what they are, by content and
//! never by name.
//!
//! Invariant: text of a table is never taken for something else: a signature holds bytes that a
//! first line of text has not, or is too long to be met by chance.

/// A compressed format that is unpacked on the way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    Lz4,
}

/// First bytes that [`Format::of`] and [`foreign`] want to see, if there are so many.
pub(super) const HEAD_BYTES: usize = 512;

/// Length of the head of a frame that decoders of zstd and lz4 skip: a signature and a length.
pub(super) const SKIPPABLE_HEAD_BYTES: usize = 8;

impl Format {
    /// The format of data that starts with `head`.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let mut rest = head;
        // Both formats may start with frames for other tools; the first frame of data tells.
        while let Some(length) = skippable_bytes(rest) {
            match rest.get(length..).filter(|next| next.len() >= 4) {
                Some(next) => rest = next,
                None => return Some(Self::Zstd),
            }
        }
        match rest {
            // The third byte is the method, of which there is one; the next has three unused bits.
            [0x1F, 0x8B, 8, flags, ..] if flags & 0xE0 == 0 => Some(Self::Gzip),
            [0x1F, 0x8B] | [0x1F, 0x8B, 8] => Some(Self::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4D, 0x18, ..] => Some(Self::Lz4),
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..] if is_bzip2_block(block) => {
                Some(Self::Bzip2)
            }
            // No text starts with such a frame; the decoder will say what is wrong.
            _ if rest.len() < head.len() => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its name, as people know it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        }
    }
}

/// Length of the frame to be skipped at the start of `bytes`, if there is one.
pub(super) fn skippable_bytes(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [0x50..=0x5F, 0x2A, 0x4D, 0x18, a, b, c, d, ..] => {
            Some(SKIPPABLE_HEAD_BYTES + u32::from_le_bytes([a, b, c, d]) as usize)
        }
        _ => None,
    }
}

/// Whether `block` starts a block of bzip2 data or, of nothing compressed, its end. Both are
/// numbers that nobody writes: pi and its root.
fn is_bzip2_block(block: &[u8]) -> bool {
    block.starts_with(b"1AY&SY") || block.starts_with(b"\x17\x72\x45\x38\x50\x90")
}

/// What to say about data that starts with `head` if it is something else than text or
/// compressed text.
pub(super) fn foreign(head: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 13] = [
        (
            b"PK\x03\x04",
            "the file is a zip archive (or a workbook, which is one); unpack it: unzip -p FILE | \
             chunketl -i -",
        ),
        (b"ARROW1\0\0", "the file is an Arrow file, not CSV"),
        (b"ORC\x0A\x0B", "the file is an ORC file, not CSV"),
        (b"Obj\x01", "the file is an Avro file, not CSV"),
        (
            b"SQLite format 3\0",
            "the file is an SQLite database, not CSV",
        ),
        (b"%PDF-", "the file is a PDF document, not CSV"),
        (
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
            "the file is an old Excel or Word document; save it as CSV first",
        ),
        (
            b"7z\xBC\xAF\x27\x1C",
            "the file is a 7z archive; unpack it: 7z x -so FILE | chunketl -i -",
        ),
        (
            b"Rar!\x1A\x07",
            "the file is a rar archive; unpack it: unrar p -inul FILE | chunketl -i -",
        ),
        (
            b"\x02\x21\x4C\x18",
            "the file is in the old lz4 format; unpack it: lz4 -dc FILE | chunketl -i -",
        ),
        (
            b"\xFF\x06\0\0sNaPpY",
            "the file is compressed with snappy; unpack it first",
        ),
        (
            b"\0\0\xFE\xFF",
            "UTF-32 is not supported; convert it to UTF-8: iconv -f UTF-32 -t UTF-8",
        ),
        (
            b"\xFF\xFE\0\0",
            "UTF-32 is not supported; convert it to UTF-8: iconv -f UTF-32 -t UTF-8",
        ),
    ];
    const TAR: &[u8] = b"ustar";
    const TAR_AT: usize = 257;
    if head.get(TAR_AT..).is_some_and(|at| at.starts_with(TAR)) && head[..TAR_AT].contains(&0) {
        return Some("the file is a tar archive; unpack it: tar -xOf FILE | chunketl -i -");
    }
    let found = SIGNATURES.iter().find(|(magic, _)| head.starts_with(magic));
    found.map(|(_, message)| *message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for (head, format) in [
            (b"\x1F\x8B\x08\x00\0\0".as_slice(), Format::Gzip),
            (b"\x28\xB5\x2F\xFDxx", Format::Zstd),
            (b"\x04\x22\x4D\x18xx", Format::Lz4),
            (b"\xFD7zXZ\0\0\x04", Format::Xz),
            (b"BZh91AY&SYxx", Format::Bzip2),
            (b"BZh9\x17\x72\x45\x38\x50\x90", Format::Bzip2),
            (b"\x50\x2A\x4D\x18\x02\0\0\0ab\x04\x22\x4D\x18", Format::Lz4),
            (b"\x5F\x2A\x4D\x18\0\0\0\0\x28\xB5\x2F\xFD", Format::Zstd),
            (b"\x51\x2A\x4D\x18\xFF\xFF\xFF\xFF", Format::Zstd),
            (b"\x51\x2A\x4D\x18\0\0\0\0text", Format::Zstd),
        ] {
            assert_eq!(Format::of(head), Some(format), "{head:?}");
        }
    }

    #[test]
    fn text_is_taken_for_nothing_else() {
        for head in [
            "",
            "a",
            "PAR1,PAR2\n",
            "BZh,x\n",
            "BZh9,x\n",
            "PK\n",
            "Obj,y\n",
            "7z,x\n",
            "ORC\nx\n",
            "P*M\n",
        ] {
            assert_eq!(Format::of(head.as_bytes()), None, "{head}");
            assert_eq!(foreign(head.as_bytes()), None, "{head}");
        }
        let text = "x".repeat(TAR_TEXT) + "ustar\n";
        assert_eq!(foreign(text.as_bytes()), None, "a word of a long line");
    }

    const TAR_TEXT: usize = 257;
}
