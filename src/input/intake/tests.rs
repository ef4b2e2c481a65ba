//! Every format and encoding, whole, cut short, damaged and too large.

use std::fs;
use std::io::{Write, pipe};
use std::os::fd::OwnedFd;

use super::*;

/// A table of some length that compresses neither well nor badly.
fn table() -> Vec<u8> {
    let rows = (0..3000_u32).map(|row| format!("{row},{},Zoë\n", row.wrapping_mul(2_654_435_761)));
    format!("id,hash,name\n{}", rows.collect::<String>()).into_bytes()
}

/// `text` in `format`, as one member, frame or stream.
pub(super) fn packed(text: &[u8], format: Format) -> Vec<u8> {
    match format {
        Format::Gzip => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(text).expect("memory");
            encoder.finish().expect("memory")
        }
        Format::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
            encoder.include_checksum(true).expect("an option");
            encoder.write_all(text).expect("memory");
            encoder.finish().expect("memory")
        }
        Format::Bzip2 => {
            let level = bzip2::Compression::fast();
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
            encoder.write_all(text).expect("memory");
            encoder.finish().expect("memory")
        }
        Format::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(text).expect("memory");
            encoder.finish().expect("memory")
        }
        Format::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max64KB)
                .content_checksum(true);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(text).expect("memory");
            encoder.finish().expect("memory")
        }
    }
}

const FORMATS: [Format; 5] = [
    Format::Gzip,
    Format::Zstd,
    Format::Bzip2,
    Format::Xz,
    Format::Lz4,
];

fn intake() -> Intake {
    intake_within(None)
}

/// One whose temporary files take at most `bytes_max` bytes.
fn intake_within(bytes_max: Option<u64>) -> Intake {
    Intake::new(TempSpace::new(&std::env::temp_dir(), bytes_max).into())
}

/// Opens a file of `content`.
fn open_with(intake: &Intake, content: &[u8]) -> Result<Source> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("in.csv");
    fs::write(&path, content).expect("written");
    intake.open(&path, &mut |_| Ok(()))
}

fn open(content: &[u8]) -> Result<Source> {
    open_with(&intake(), content)
}

#[test]
fn every_format_is_unpacked_whole() {
    let text = table();
    for format in FORMATS {
        let whole = packed(&text, format);
        let source = open(&whole).expect("opened");
        assert!(source.bytes() == text, "{format:?}");
        let reading = source.reading();
        assert_eq!(reading.compression, Some(format.name()));
        assert_eq!(reading.disk_bytes, whole.len() as u64);
        assert_eq!(reading.encoding, "UTF-8");
        source.check().expect("unchanged");

        // Members follow each other, empty ones too.
        let (head, rest) = text.split_at(20_000);
        let pieces: [&[u8]; 4] = [head, b"", rest, b""];
        let members: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| packed(piece, format))
            .collect();
        assert!(
            open(&members).expect("opened").bytes() == text,
            "{format:?}"
        );
        let nothing = open(&packed(b"", format)).expect("opened");
        assert_eq!(nothing.bytes(), b"", "{format:?}");
    }
}

#[test]
fn data_that_is_cut_short_is_an_error_wherever() {
    let text = table();
    let text = &text[..40_000];
    for format in FORMATS {
        let two = [packed(text, format), packed(text, format)].concat();
        let between = two.len() / 2;
        for end in (12..two.len())
            .step_by(50)
            .chain([two.len() - 1, between + 5, between - 1])
        {
            if end == between {
                continue;
            }
            let error = open(&two[..end]).expect_err("cut short");
            let message = error.to_string();
            assert_eq!(error.exit_code(), 1, "{message}");
            for part in [
                "in.csv",
                format.name(),
                "lines had been read",
                "nothing was published",
            ] {
                assert!(message.contains(part), "{part}: {end}: {message}");
            }
        }
        let message = open(&two[..between - 1])
            .expect_err("cut short")
            .to_string();
        assert!(
            message.contains("ends here before it is complete"),
            "{message}"
        );
        assert!(
            message.contains(&format!("(byte {})", between - 1)),
            "{message}"
        );
    }
}

#[test]
fn damaged_data_is_an_error_and_no_panic() {
    let text = table();
    for format in FORMATS {
        let whole = packed(&text, format);
        for at in (12..whole.len() - 1).step_by(whole.len() / 150) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            match open(&damaged) {
                Err(error) => {
                    let message = error.to_string();
                    assert!(message.contains(format.name()), "{message}");
                }
                // Some bits of a header mean nothing to the text.
                Ok(source) => assert!(source.bytes() == text, "{format:?} at {at}"),
            }
        }
        let trailing = [whole.as_slice(), b"and something else"].concat();
        open(&trailing).expect_err("not all of it is compressed data");
    }
}

#[test]
fn a_bomb_runs_into_the_limit() {
    let text = vec![b'x'; 8 << 20];
    for format in FORMATS {
        let bomb = packed(&text, format);
        assert!(bomb.len() < 64 << 10);
        let intake = intake_within(Some(1 << 20));
        let error = open_with(&intake, &bomb).expect_err("too large");
        assert_eq!(error.exit_code(), 4);
        let message = error.to_string();
        assert!(message.contains("more than 1048576 bytes"), "{message}");
        assert!(message.contains("--max-temp-size"), "{message}");
        // What did not fit has given its room back.
        open_with(&intake, &packed(b"a\n1\n", format)).expect("room");
    }
}

#[test]
fn a_window_beyond_the_memory_is_refused() {
    let text = table().repeat(100);
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    encoder.window_log(23).expect("an option");
    encoder.write_all(&text).expect("memory");
    let zstd = encoder.finish().expect("memory");
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 7);
    encoder.write_all(&text).expect("memory");
    let xz = encoder.finish().expect("memory");
    for data in [zstd, xz] {
        let small = intake().unpack_bytes_max(1 << 22);
        let error = open_with(&small, &data).expect_err("too large");
        assert_eq!(error.exit_code(), 4, "{error}");
        let message = error.to_string();
        assert!(message.contains("4194304 bytes of memory"), "{message}");
        assert!(open(&data).expect("opened").bytes() == text);
    }
}

#[test]
fn what_is_packed_twice_or_no_text_is_refused() {
    let gzip = packed(&packed(b"a\n1\n", Format::Zstd), Format::Gzip);
    let message = open(&gzip).expect_err("packed twice").to_string();
    assert!(message.contains("zstd data inside gzip data"), "{message}");
    let mut tar = vec![0; 1024];
    tar[..8].copy_from_slice(b"data.csv");
    tar[257..262].copy_from_slice(b"ustar");
    for data in [packed(&tar, Format::Xz), tar] {
        let message = open(&data).expect_err("an archive").to_string();
        assert!(message.contains("tar -xOf"), "{message}");
    }
    let zip = packed(b"PK\x03\x04\x14\0", Format::Gzip);
    let message = open(&zip).expect_err("an archive").to_string();
    assert!(message.contains("unzip -p"), "{message}");
}

#[test]
fn frames_for_other_tools_are_passed_over() {
    for format in [Format::Zstd, Format::Lz4] {
        let skipped = b"\x50\x2A\x4D\x18\x03\0\0\0abc";
        let data = packed(b"a\n1\n", format);
        let all = [skipped, data.as_slice(), skipped, &data, skipped].concat();
        let source = open(&all).expect("opened");
        assert_eq!(source.bytes(), b"a\n1\na\n1\n", "{format:?}");
        open(&all[..all.len() - 1]).expect_err("cut short");
    }
}

#[test]
fn encodings_come_in_with_and_without_compression() {
    let text = "name;ort\nMüller;Köln\nJürgen Weiß;Lübeck\n";
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    for (bytes, name) in [
        (text.as_bytes(), "UTF-8"),
        (&*latin, "windows-1252"),
        (&utf_16, "UTF-16LE"),
        (&[b"\xFF\xFE".as_slice(), &utf_16].concat(), "UTF-16LE"),
    ] {
        for data in [bytes.to_vec(), packed(bytes, Format::Gzip)] {
            let source = open(&data).expect("opened");
            assert_eq!(std::str::from_utf8(source.bytes()), Ok(text));
            assert_eq!(source.reading().encoding, name);
            assert_eq!(source.reading().disk_bytes, data.len() as u64);
            assert!(!source.reading().why.is_empty());
        }
    }
}

#[test]
fn a_late_letter_is_read_the_same_way_packed_or_not() {
    let mut latin = b"word\n".repeat(200_000);
    latin.extend_from_slice(b"caf\xE9 cr\xE8me\n");
    let text = String::from_utf8_lossy(&latin[..1_000_000]).into_owned() + "café crème\n";
    let intake = intake_within(Some(2_100_000));
    // The room of the first copy is given back, or the third would not fit.
    for data in [
        &latin,
        &packed(&latin, Format::Zstd),
        &packed(&latin, Format::Bzip2),
    ] {
        let source = open_with(&intake, data).expect("opened");
        assert!(source.bytes() == text.as_bytes());
        assert_eq!(source.reading().encoding, "windows-1252");
        intake.space.give_back(source.length());
    }
}

#[test]
fn a_named_encoding_wins_and_invalid_bytes_are_marked_or_replaced() {
    let japanese = intake().encoding(Some(encoding_rs::SHIFT_JIS));
    let source = open_with(&japanese, b"a\n\x83\x41\n\x82\n").expect("opened");
    assert_eq!(source.bytes(), b"a\n\xE3\x82\xA2\n\xFF\n");
    assert_eq!(source.reading().replaced, 0);
    let replace = intake().invalid_bytes(InvalidBytes::Replace);
    for data in [
        b"a\n1\xFF\n2\n".to_vec(),
        packed(b"a\n1\xFF\n2\n", Format::Xz),
    ] {
        let source = open_with(&replace, &data).expect("opened");
        assert_eq!(source.bytes(), "a\n1\u{FFFD}\n2\n".as_bytes());
        assert_eq!(source.reading().replaced, 1);
    }
    let clean = open_with(&replace, b"a\n1\n").expect("opened");
    assert!(!clean.is_spooled(), "nothing to replace");
    let mark = b"\xEF\xBB\xBFa\n1\xFF\n";
    let source = open_with(&replace, mark).expect("opened");
    assert_eq!(source.bytes(), "a\n1\u{FFFD}\n".as_bytes());
    let big = intake().encoding(Some(UTF_16LE));
    let source = open_with(&big, b"\xFE\xFF\0a\0\n").expect("opened");
    assert_eq!(source.bytes(), b"a\n", "the mark knows better");
}

use encoding_rs::UTF_16LE;

#[test]
fn the_file_behind_a_temporary_one_must_not_change() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("in.csv.gz");
    let data = packed(&table(), Format::Gzip);
    fs::write(&path, &data).expect("written");
    let append = || {
        let file = OpenOptions::new().append(true).open(&path);
        file.expect("opened").write_all(b"x").expect("written");
    };
    let source = intake().open(&path, &mut |_| Ok(())).expect("opened");
    append();
    let error = source.check().expect_err("grown").to_string();
    assert!(error.contains("grew from"), "{error}");
    // Also while it is being unpacked.
    let mut calls = 0;
    let error = intake().open(&path, &mut |_| {
        calls += 1;
        if calls == 1 {
            append();
        }
        Ok(())
    });
    let error = error.expect_err("grown").to_string();
    assert!(error.contains("grew from"), "{error}");
}

/// Takes in what `writer` is told to write to a pipe.
fn take_stream(content: Vec<u8>, spooled: &mut dyn FnMut(u64) -> Result<()>) -> Result<Source> {
    let (reader, mut writer) = pipe().expect("a pipe");
    let child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .stdout(writer.try_clone().expect("a pipe"))
        .spawn();
    let mut child = child.expect("cat");
    writer.flush().expect("nothing to flush");
    drop(writer);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("content");
    fs::write(&path, content).expect("written");
    let mut stdin = child.stdin.take().expect("piped");
    let feeding = std::process::Command::new("cat")
        .arg(&path)
        .stdout(stdin_of(&mut stdin))
        .spawn();
    drop(stdin);
    let stream = File::from(OwnedFd::from(reader));
    let source = intake().take_stream("<stream>".into(), &stream, spooled);
    feeding.expect("cat").wait().expect("a child");
    drop(stream);
    child.wait().expect("a child");
    source
}

fn stdin_of(stdin: &mut std::process::ChildStdin) -> OwnedFd {
    stdin.as_fd().try_clone_to_owned().expect("a descriptor")
}

#[test]
fn streams_are_unpacked_too() {
    let text = table().repeat(20);
    for data in [
        text.clone(),
        packed(&text, Format::Zstd),
        packed(&text, Format::Gzip),
    ] {
        let mut reports = Vec::new();
        let length = data.len() as u64;
        let source = take_stream(data, &mut |bytes| {
            reports.push(bytes);
            Ok(())
        });
        let source = source.expect("opened");
        assert!(source.bytes() == text);
        assert_eq!(source.reading().disk_bytes, length);
        assert_eq!(reports.first(), Some(&0));
        assert_eq!(reports.last(), Some(&length));
        assert!(reports.is_sorted());
    }
}

#[test]
fn a_silent_stream_can_be_given_up() {
    let (reader, _writer) = pipe().expect("a pipe");
    let stream = File::from(OwnedFd::from(reader));
    let mut calls = 0;
    let mut spooled = |_| {
        calls += 1;
        if calls < 3 {
            Ok(())
        } else {
            Err(ErrorKind::Interrupted.into())
        }
    };
    let error = intake().take_stream("<stream>".into(), &stream, &mut spooled);
    assert_eq!(error.expect_err("given up").exit_code(), 130);
}
