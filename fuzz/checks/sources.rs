//! What compressed files hold against the same bytes as they are; files that only claim to be
//! compressed; and pieces of files, unpacked by several threads, against the same files by one.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use chunketl::Result;
use chunketl::input::{Crew, Intake, Job, Queue, Source, Unpacked};
use chunketl::spill::TempSpace;

#[path = "in_pieces.rs"]
mod in_pieces;

pub(crate) use in_pieces::in_pieces;

/// `text` in every format that is unpacked, as one member, frame or stream.
pub(crate) fn packed(text: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    let level = flate2::Compression::fast();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(text).expect("memory");
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    zstd.include_checksum(true).expect("an option");
    zstd.write_all(text).expect("memory");
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(text).expect("memory");
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(text).expect("memory");
    let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
    let mut lz4 = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    lz4.write_all(text).expect("memory");
    [
        ("gzip", gzip.finish().expect("memory")),
        ("zstd", zstd.finish().expect("memory")),
        ("bzip2", bzip2.finish().expect("memory")),
        ("xz", xz.finish().expect("memory")),
        ("lz4", lz4.finish().expect("memory")),
    ]
}

/// Opens files made of `data`; where they are cut and damaged is taken from its first bytes.
pub(crate) fn check(data: &[u8]) {
    const HEADS: [&[u8]; 6] = [
        b"\x1F\x8B\x08",
        b"\x28\xB5\x2F\xFD",
        b"BZh91AY&SY",
        b"\xFD7zXZ\0",
        b"\x04\x22\x4D\x18",
        b"\x50\x2A\x4D\x18\x03\0\0\0",
    ];
    let dir = tempfile::tempdir().expect("a temporary directory");
    let plain = open(dir.path(), data);
    if let Ok(source) = &plain
        && !source.is_spooled()
    {
        assert_eq!(source.bytes(), data);
    }
    for head in HEADS {
        // Whatever it is, it ends, within the limits.
        let _ = open(dir.path(), &[head, data].concat());
    }
    let place = data
        .iter()
        .take(4)
        .fold(data.len(), |sum, byte| sum * 7 + *byte as usize);
    for (format, whole) in packed(data) {
        match (&plain, open(dir.path(), &whole)) {
            (Ok(plain), Ok(unpacked)) => {
                if plain.reading().compression.is_none() {
                    assert_eq!(plain.bytes(), unpacked.bytes(), "{format}");
                    assert_eq!(
                        plain.reading().encoding,
                        unpacked.reading().encoding,
                        "{format}"
                    );
                }
            }
            // Packed twice is refused.
            (Ok(plain), Err(_)) => assert!(plain.reading().compression.is_some(), "{format}"),
            (Err(_), unpacked) => assert!(unpacked.is_err(), "{format}"),
        }
        let at = 12 + place % (whole.len() - 12);
        open(dir.path(), &whole[..at]).expect_err("cut short");
        let mut damaged = whole;
        damaged[at] ^= 1 << (place % 8);
        if let (Ok(plain), Ok(unpacked)) = (&plain, open(dir.path(), &damaged)) {
            assert_eq!(plain.bytes(), unpacked.bytes(), "{format}, damaged at {at}");
        }
    }
}

/// A thread for each piece, of so many threads.
#[derive(Debug)]
struct Threads(usize);

impl Crew for Threads {
    fn threads(&self) -> usize {
        self.0
    }

    fn queue(&self) -> Box<dyn Queue> {
        Box::new(OnThreads::default())
    }
}

#[derive(Default)]
struct OnThreads(VecDeque<JoinHandle<Unpacked>>);

impl Queue for OnThreads {
    fn push(&mut self, job: Job) {
        self.0.push_back(std::thread::spawn(job));
    }

    fn pop(&mut self) -> Unpacked {
        let oldest = self.0.pop_front().expect("a piece that was pushed");
        oldest.join().expect("no thread panics")
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// Opens files of several pieces, made of `data`, by one thread and by several; where they are cut
/// and damaged is taken from its first bytes.
pub(crate) fn check_pieces(data: &[u8]) {
    let piece = 1 + data.len() / (1 + data.len() % 7);
    let pieces: Vec<&[u8]> = data.chunks(piece).collect();
    let place = data.iter().fold(0, |sum: usize, byte| {
        sum.wrapping_mul(7).wrapping_add(*byte as usize)
    });
    for (format, whole) in in_pieces(&pieces) {
        if whole.is_empty() {
            continue;
        }
        let text = one_and_several(&whole);
        let at = place % whole.len();
        let _ = one_and_several(&whole[..at]);
        let mut damaged = whole;
        damaged[at] ^= 1 << (place % 8);
        let damaged = one_and_several(&damaged);
        // Not all frames of zstd have a checksum.
        if let (Ok(Some(text)), Ok(Some(damaged))) = (text, damaged)
            && format != "zstd"
        {
            assert_eq!(text, damaged, "{format}, damaged at {at}");
        }
    }
}

/// The text of `content`, if it was packed text in UTF-8, or what was said, which does not depend on
/// the number of threads.
fn one_and_several(content: &[u8]) -> std::result::Result<Option<Vec<u8>>, String> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(content).expect("written");
    let space = Arc::new(TempSpace::new(&std::env::temp_dir(), Some(1 << 20)));
    let open = |intake: Intake| {
        let source = intake
            .unpack_bytes_max(8 << 20)
            .open(file.path(), &mut |_| Ok(()));
        match source {
            Ok(source) => {
                let reading = source.reading();
                let is_plain = reading.compression.is_some() && reading.encoding == "UTF-8";
                let text = is_plain.then(|| source.bytes().to_vec());
                space.give_back(source.length());
                Ok(text)
            }
            Err(error) => Err(error.to_string()),
        }
    };
    let crew = |threads| {
        let intake = Intake::new(Arc::clone(&space));
        intake.crew(Arc::new(Threads(threads)), 64 << 20)
    };
    let one = open(crew(1));
    let several = open(crew(3));
    assert_eq!(one, several);
    one
}

fn open(dir: &Path, content: &[u8]) -> Result<Source> {
    // A file of its own: one that is written to again changes under its source.
    let mut file = tempfile::NamedTempFile::new_in(dir).expect("a temporary file");
    file.write_all(content).expect("written");
    let intake = Intake::new(TempSpace::new(dir, Some(1 << 20)).into()).unpack_bytes_max(8 << 20);
    intake.open(file.path(), &mut |_| Ok(()))
}
