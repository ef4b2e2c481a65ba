//! Texts -> files of each format that is unpacked in pieces, with a piece for each text, as tools for
//! many threads write them.

use std::io::Write;

/// `texts`, one after the other, in each format with pieces.
pub(crate) fn in_pieces(texts: &[&[u8]]) -> [(&'static str, Vec<u8>); 4] {
    [
        ("gzip", block_gzip(texts)),
        ("zstd", zstd_frames(texts)),
        ("bzip2", bzip2_blocks(texts)),
        ("xz", xz_blocks(texts)),
    ]
}

/// Members that say how long they are, and the empty one that ends them.
fn block_gzip(texts: &[&[u8]]) -> Vec<u8> {
    let mut packed = Vec::new();
    let members = texts.iter().flat_map(|text| match text.is_empty() {
        true => vec![*text],
        // Members may be no longer.
        false => text.chunks(60_000).collect(),
    });
    for text in members.chain([b"".as_slice()]) {
        let level = flate2::Compression::default();
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(text).expect("memory");
        let data = encoder.finish().expect("memory");
        let mut checksum = flate2::Crc::new();
        checksum.update(text);
        packed.extend(b"\x1F\x8B\x08\x04\0\0\0\0\0\xFF\x06\0BC\x02\0");
        packed.extend((data.len() as u16 + 25).to_le_bytes());
        packed.extend(data);
        packed.extend(checksum.sum().to_le_bytes());
        packed.extend((text.len() as u32).to_le_bytes());
    }
    packed
}

/// Frames of which every other one says how much text it holds, and some for other tools between.
fn zstd_frames(texts: &[&[u8]]) -> Vec<u8> {
    let mut packed = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        encoder.include_checksum(index % 3 != 1).expect("an option");
        if index % 2 == 0 {
            let length = Some(text.len() as u64);
            encoder.set_pledged_src_size(length).expect("an option");
        } else {
            packed.extend(b"\x50\x2A\x4D\x18\x04\0\0\0abcd");
        }
        encoder.write_all(text).expect("memory");
        packed.extend(encoder.finish().expect("memory"));
    }
    packed
}

/// Blocks of two streams, or of one if there are few texts.
fn bzip2_blocks(texts: &[&[u8]]) -> Vec<u8> {
    let streams = texts.chunks(texts.len().div_ceil(2).max(3));
    let stream = |texts: &[&[u8]]| {
        let level = bzip2::Compression::fast();
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
        for text in texts {
            encoder.write_all(text).expect("memory");
            // Ends the block.
            encoder.flush().expect("memory");
        }
        encoder.finish().expect("memory")
    };
    streams.flat_map(stream).collect()
}

/// Blocks of two streams, or of one if there are few texts. The library writes no sizes into heads
/// without threads of its own, so they are written here.
fn xz_blocks(texts: &[&[u8]]) -> Vec<u8> {
    let mut packed = Vec::new();
    for texts in texts.chunks(texts.len().div_ceil(2).max(3)) {
        let mut index = vec![0];
        put_number(&mut index, texts.len() as u64);
        packed.resize(packed.len().next_multiple_of(4), 0);
        packed.extend(b"\xFD7zXZ\0\0\x01\x69\x22\xDE\x36");
        for text in texts {
            let (head, data) = xz_block(text);
            put_number(&mut index, (head.len() + data.len() + 4) as u64);
            put_number(&mut index, text.len() as u64);
            packed.extend(head);
            packed.extend(&data);
            packed.resize(packed.len() + data.len().wrapping_neg() % 4, 0);
            packed.extend(checksum(text));
        }
        index.resize(index.len().next_multiple_of(4), 0);
        index.extend(checksum(&index));
        let units = (index.len() / 4 - 1) as u32;
        let fields = [units.to_le_bytes().as_slice(), &[0, 1]].concat();
        packed.extend(index);
        packed.extend(checksum(&fields));
        packed.extend(&fields);
        packed.extend(b"YZ");
    }
    packed
}

/// The head of a block that says its sizes, and its data.
fn xz_block(text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).expect("a preset");
    options.dict_size(1 << 16);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let mut stream = liblzma::stream::Stream::new_raw_encoder(&filters).expect("an encoder");
    let mut data = Vec::with_capacity(text.len() + text.len() / 8 + 1024);
    let action = liblzma::stream::Action::Finish;
    let status = stream.process_vec(text, &mut data, action).expect("room");
    assert_eq!(status, liblzma::stream::Status::StreamEnd);
    let mut head = vec![0, 0xC0];
    put_number(&mut head, data.len() as u64);
    put_number(&mut head, text.len() as u64);
    head.extend(b"\x21\x01\x08");
    head.resize(head.len().next_multiple_of(4), 0);
    head[0] = (head.len() / 4) as u8;
    head.extend(checksum(&head));
    (head, data)
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    checksum.sum().to_le_bytes()
}
