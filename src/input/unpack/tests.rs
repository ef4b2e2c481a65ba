//! Files of many pieces, whole, cut and damaged: what is unpacked in pieces is what plain decoding makes
//! of the same bytes, to the place of an error and the text before it.

use std::fmt;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::input::feed::{Raw, Watch};

#[path = "../../../fuzz/checks/in_pieces.rs"]
mod in_pieces;

use in_pieces::in_pieces;

/// A crew that nobody lends a hand.
#[derive(Debug)]
struct Nobody;

impl Crew for Nobody {
    fn threads(&self) -> usize {
        3
    }

    fn queue(&self) -> Box<dyn Queue> {
        Box::<Alone>::default()
    }
}

const FORMATS: [Format; 4] = [Format::Gzip, Format::Zstd, Format::Bzip2, Format::Xz];

/// Memory for pieces: none, too little for some, enough for a few, enough for all.
const ROOMS: [usize; 4] = [0, 2 << 20, 6 << 20, 1 << 30];
/// With as much every block of bzip2 is a piece.
const BLOCKS_ROOM: usize = 6 << 20;

/// What reading came to.
struct Outcome {
    text: Vec<u8>,
    /// What was said, and whether the data were called cut short, and too large.
    failure: Option<(String, bool, bool)>,
    used: u64,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text,
            failure,
            used,
        } = self;
        write!(f, "{} bytes of {used}, {failure:?}", text.len())
    }
}

impl Outcome {
    /// Whether this is what plain decoding came to. Of a damaged block of bzip2 there may be any text,
    /// and where it seems to go on behind its end, how far its decoder has read, and so in which
    /// block the damage is said to be, depends on the blocks before.
    fn is_as(&self, plain: &Self, format: Format) -> bool {
        let is_damaged = plain.failure.as_ref().is_some_and(|failure| !failure.1);
        let may_differ = is_damaged && format == Format::Bzip2;
        let is_equal = self.used == plain.used && self.text == plain.text;
        self.failure == plain.failure && (is_equal || may_differ)
    }
}

/// Reads `packed` from a file, or as a stream, in pieces within so many bytes or plainly.
fn outcome(packed: &[u8], format: Format, is_stream: bool, room: Option<usize>) -> Outcome {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(packed).expect("written");
    file.rewind().expect("a file");
    outcome_of(&file, format, is_stream, room)
}

fn outcome_of(file: &File, format: Format, is_stream: bool, room: Option<usize>) -> Outcome {
    let mut go_on = |_| Ok(());
    let watch = Watch::new(Path::new("in"), &mut go_on);
    let raw = match is_stream {
        true => Raw::Stream(file),
        false => Raw::File(file),
    };
    let mut feed = Feed::new(raw, &watch);
    let means = Means {
        decoder_bytes_max: 16 << 20,
        crew: room.map(|_| &Nobody as &dyn Crew),
        pieces_bytes_max: room.unwrap_or_default(),
    };
    let mut text = Vec::new();
    let failure = {
        let mut reader = unpack(format, &mut feed, means).expect("a decoder");
        let mut buffer = vec![0; 40_000];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break None,
                Ok(read) => text.extend_from_slice(&buffer[..read]),
                Err(error) => {
                    let kinds = (is_cut_short(&error), is_too_large(&error));
                    break Some((error.to_string(), kinds.0, kinds.1));
                }
            }
        }
    };
    Outcome {
        text,
        failure,
        used: watch.used(),
    }
}

/// Compares all ways to read `packed`, and returns what they agree on.
fn compared(packed: &[u8], format: Format) -> Outcome {
    let plain = outcome(packed, format, false, None);
    let stream = outcome(packed, format, true, Some(ROOMS[3]));
    assert!(
        stream.is_as(&plain, format),
        "{format:?}, stream: {stream:?}, not {plain:?}"
    );
    for room in ROOMS {
        let found = outcome(packed, format, false, Some(room));
        assert!(
            found.is_as(&plain, format),
            "{format:?}, {room}: {found:?}, not {plain:?}"
        );
        if room >= BLOCKS_ROOM {
            assert_eq!(
                (&found.text, found.used),
                (&stream.text, stream.used),
                "{format:?}, {room}"
            );
        }
    }
    plain
}

/// Some text that compresses neither well nor badly.
fn rows(rows: u32) -> Vec<u8> {
    let row = |row: u32| format!("{row},{},Zoë\n", row.wrapping_mul(2_654_435_761));
    (0..rows).map(row).collect::<String>().into_bytes()
}

/// The bytes of `format` in `all`.
fn of(format: Format, all: [(&'static str, Vec<u8>); 4]) -> Vec<u8> {
    let mut all = all.into_iter();
    let found = all.find(|(name, _)| *name == format.name());
    found.expect("a format with pieces").1
}

/// Whether pieces of `packed` are unpacked by themselves, all of them.
fn is_cut_whole(packed: &[u8], format: Format) -> bool {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(packed).expect("written");
    let mut go_on = |_| Ok(());
    let watch = Watch::new(Path::new("in"), &mut go_on);
    let mut feed = Feed::new(Raw::File(&file), &watch);
    let mut cut: Box<dyn Cut> = match format {
        Format::Gzip => Box::new(Members { is_gathering: true }),
        Format::Zstd => Box::new(zstd::WholeFrames::new(16 << 20)),
        Format::Bzip2 => Box::new(bzip2::Blocks::default()),
        _ => Box::new(xz::Blocks::new(16 << 20)),
    };
    loop {
        match cut.next(&mut feed, 64 << 20).expect("a file") {
            pieces::Next::End => return true,
            pieces::Next::Plain(_) => return false,
            pieces::Next::Piece(piece) => match (piece.job)().end {
                crew::End::Failed => return false,
                _ => continue,
            },
        }
    }
}

/// Texts of many lengths.
fn texts() -> Vec<Vec<u8>> {
    let lengths = [3, 0, 400, 1, 0, 70, 900];
    { lengths.iter().enumerate() }
        .map(|(index, length)| rows(100)[index * 7..][..*length].to_vec())
        .collect()
}

fn slices(texts: &[Vec<u8>]) -> Vec<&[u8]> {
    texts.iter().map(Vec::as_slice).collect()
}

#[test]
fn every_piece_is_unpacked_by_itself_and_comes_in_its_place() {
    let long = rows(40_000);
    let long: Vec<&[u8]> = long.chunks(45_000).collect();
    let short = texts();
    let nothing: [&[u8]; 2] = [b"", b""];
    for texts in [slices(&short), long, nothing.to_vec()] {
        for (format, packed) in FORMATS.into_iter().zip(in_pieces(&texts)) {
            assert_eq!(format.name(), packed.0);
            let found = compared(&packed.1, format);
            assert_eq!(found.failure, None, "{format:?}");
            assert_eq!(found.used, packed.1.len() as u64);
            assert!(found.text == texts.concat(), "{format:?}");
            // A stream of bzip2 without a block has no piece.
            let has_pieces = format != Format::Bzip2 || !texts.concat().is_empty();
            assert_eq!(is_cut_whole(&packed.1, format), has_pieces, "{format:?}");
        }
    }
}

#[test]
fn what_tools_for_many_threads_write_is_cut() {
    let text = include_bytes!("../../../tests/expected/packed/rows.csv");
    let xz = include_bytes!("../../../tests/expected/packed/rows.csv.xz");
    let zstd = include_bytes!("../../../tests/expected/packed/rows.csv.zst");
    let bzip2 = include_bytes!("../../../tests/expected/packed/rows.csv.bz2");
    for (format, packed) in [
        (Format::Xz, xz.as_slice()),
        (Format::Zstd, zstd),
        (Format::Bzip2, bzip2),
    ] {
        let found = compared(packed, format);
        assert!(found.text == text && found.failure.is_none(), "{format:?}");
        assert!(is_cut_whole(packed, format), "{format:?}");
    }
}

#[test]
fn the_libraries_read_the_same() {
    let texts = texts();
    let all = in_pieces(&slices(&texts));
    type Library = Box<dyn Fn(&[u8]) -> io::Result<Vec<u8>>>;
    let libraries: [Library; 4] = [
        Box::new(|packed| to_end(flate2::bufread::MultiGzDecoder::new(packed))),
        Box::new(|packed| to_end(::zstd::Decoder::with_buffer(packed)?)),
        Box::new(|packed| to_end(::bzip2::bufread::MultiBzDecoder::new(packed))),
        Box::new(|packed| to_end(liblzma::bufread::XzDecoder::new_multi_decoder(packed))),
    ];
    for ((format, packed), library) in FORMATS.into_iter().zip(all).zip(libraries) {
        let packed = packed.1;
        assert_eq!(library(&packed).expect("whole"), texts.concat());
        for end in 20..packed.len() {
            let plain = outcome(&packed[..end], format, false, None);
            let read = library(&packed[..end]);
            let is_same = read.is_ok() == plain.failure.is_none();
            assert!(is_same, "{format:?} at {end}: {read:?}, {plain:?}");
        }
        for at in 20..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x10;
            let plain = outcome(&damaged, format, false, None);
            match library(&damaged) {
                Ok(text) => assert!(plain.failure.is_none() && plain.text == text),
                // The library checks more of a frame that it decodes in one go.
                Err(error) => assert!(
                    plain.failure.is_some() || format == Format::Zstd,
                    "{format:?} at {at}: {error}"
                ),
            }
        }
    }
}

fn to_end(mut reader: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    reader.read_to_end(&mut text).map(|_| text)
}

#[test]
fn data_that_is_cut_anywhere_ends_in_the_same_way() {
    let texts = texts();
    for (format, packed) in FORMATS.into_iter().zip(in_pieces(&slices(&texts))) {
        let packed = packed.1;
        for end in 12..packed.len() {
            let found = compared(&packed[..end], format);
            let is_cut = found.failure.as_ref().is_some_and(|failure| failure.1);
            assert!(is_cut || found.failure.is_none(), "{format:?} at {end}");
            assert!(texts.concat().starts_with(&found.text));
            assert_eq!(found.used, end as u64, "{format:?}");
        }
    }
}

#[test]
fn damage_anywhere_ends_in_the_same_way() {
    let texts = texts();
    for (format, packed) in FORMATS.into_iter().zip(in_pieces(&slices(&texts))) {
        let packed = packed.1;
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 1 << (at % 8);
            let found = compared(&damaged, format);
            // Not all frames of zstd have a checksum.
            let is_right = format == Format::Zstd || found.text == texts.concat();
            assert!(found.failure.is_some() || is_right, "{format:?} at {at}");
        }
    }
}

#[test]
fn what_stands_behind_is_read_or_refused_in_the_same_way() {
    let texts = texts();
    for (format, packed) in FORMATS.into_iter().zip(in_pieces(&slices(&texts))) {
        let packed = packed.1;
        let single = of(format, in_pieces(&[b"more"]));
        for behind in [
            b"x".as_slice(),
            b"something else",
            &[0; 3],
            &[0; 8],
            &[0; 300_000],
            &single,
            &[&[0; 4], single.as_slice()].concat(),
            &[&[0; 5], single.as_slice(), b"\0"].concat(),
            &[single.as_slice(), b"something else"].concat(),
        ] {
            compared(&[packed.as_slice(), behind].concat(), format);
        }
    }
}

/// A text whose bytes are such that the table of the bytes in use reads like a magic number.
fn text_with(magic: u64) -> Vec<u8> {
    let held = |byte: &u8| magic >> (scan::MAGIC_BITS - 1 - usize::from(*byte - 32)) & 1 == 1;
    let bytes: Vec<u8> = (32..80).filter(held).collect();
    bytes.repeat(50)
}

#[test]
fn what_looks_like_a_block_of_bzip2_is_none() {
    for magic in [scan::BLOCK_MAGIC, scan::END_MAGIC] {
        let odd = text_with(magic);
        let usual = rows(50);
        let texts: [&[u8]; 9] = [
            &usual, &usual, &odd, &usual, &odd, &usual, &usual, &usual, &usual,
        ];
        let packed = of(Format::Bzip2, in_pieces(&texts));
        assert!(!is_cut_whole(&packed, Format::Bzip2), "a number was there");
        let found = compared(&packed, Format::Bzip2);
        assert_eq!(found.failure, None);
        assert!(found.text == texts.concat());
        for at in (0..packed.len()).step_by(11) {
            let mut damaged = packed.clone();
            damaged[at] ^= 4;
            compared(&damaged, Format::Bzip2);
        }
    }
}

#[test]
fn a_block_of_bzip2_that_is_a_bomb_is_read_as_it_comes() {
    let text = vec![b'x'; 12 << 20];
    let packed = of(Format::Bzip2, in_pieces(&[&text]));
    assert!(packed.len() < 500);
    let found = compared(&packed, Format::Bzip2);
    assert!(found.text == text && found.failure.is_none());
    for at in (4..packed.len()).step_by(3) {
        let mut damaged = packed.clone();
        damaged[at] ^= 4;
        compared(&damaged, Format::Bzip2);
    }
}

#[test]
fn a_window_that_is_too_large_for_plain_decoding_is_too_large() {
    let text = rows(200_000);
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    encoder.window_log(25).expect("an option");
    encoder.write_all(&text).expect("memory");
    let large = encoder.finish().expect("memory");
    let small = of(Format::Zstd, in_pieces(&[b"a\n", b"1\n"]));
    let found = compared(&[small, large].concat(), Format::Zstd);
    assert_eq!(found.text, b"a\n1\n");
    assert!(found.failure.expect("too large").2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pieces_of_any_size_cut_or_damaged_anywhere_are_read_the_same(
        lengths in prop::collection::vec(prop_oneof![0..30_usize, 0..3000_usize, 0..90_000_usize], 0..9),
        place in any::<prop::sample::Index>(),
        damage in 0..4_u8,
        bit in 0..8_u8,
    ) {
        let text = rows(20_000);
        let mut start = 0;
        let mut texts = Vec::new();
        for length in lengths {
            texts.push(&text[start..start + length]);
            start = (start + length / 2) % 100_000;
        }
        for (format, packed) in FORMATS.into_iter().zip(in_pieces(&texts)) {
            let mut packed = packed.1;
            if packed.is_empty() {
                continue;
            }
            let at = place.index(packed.len());
            match damage {
                0 => {}
                1 => packed.truncate(at),
                2 => packed[at] ^= 1_u8 << bit,
                _ => _ = packed.splice(at..at, [bit; 3]),
            }
            let found = compared(&packed, format);
            prop_assert!(damage > 0 || found.text == texts.concat());
            prop_assert!(damage > 0 || found.failure.is_none());
        }
    }
}
