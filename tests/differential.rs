//! The fuzz targets' comparisons, seeded.

#[path = "../fuzz/checks/decode.rs"]
mod cells;
#[path = "../fuzz/checks/columnar.rs"]
mod columnar;
#[path = "../fuzz/checks/hard.rs"]
mod hard;
#[path = "../fuzz/checks/records.rs"]
mod records;
#[path = "../fuzz/checks/scan.rs"]
mod scan;

#[test]
fn every_reader_reads_the_same_records() {
    for seed in 0..2000 {
        let data = hard::hard(seed);
        records::check(&data);
    }
}

#[test]
fn short_inputs_of_structural_bytes_in_full() {
    let alphabet = b",\"\n\ra";
    for length in 0..=5u32 {
        for number in 0..alphabet.len().pow(length) {
            let data: Vec<u8> = (0..length)
                .map(|place| alphabet[number / alphabet.len().pow(place) % alphabet.len()])
                .collect();
            records::check(&data);
        }
    }
}

#[test]
fn every_shift_of_a_piece_over_the_edge_of_a_block() {
    let pieces = [
        "a,b\n",
        "\n\n\r\n,\r\n",
        "\"a\",\"b\"\r\n",
        "\"\"\"\",\"x\"\"y\"\n",
        "\"a\n\"\"\n\",b\r\n",
        "a\"b,\"c\nd\"\n",
        "\"a\"b,c\n",
        "\"a\"\r,c\n",
        "\"a\"\r\r\n",
        "a,\"\"\r\nb",
    ];
    for piece in pieces {
        for shift in 0..=66 {
            for filler in ["x", "\n", ","] {
                let start = filler.repeat(shift);
                records::check(format!("{start}{piece}{piece}").as_bytes());
                records::check(format!("\"{start}\",{piece}y\n{piece}").as_bytes());
            }
        }
    }
}

#[test]
fn every_kernel_makes_the_same_masks() {
    let mut random = hard::Random(7);
    for spread in [2, 3, 16, 256] {
        let data: Vec<u8> = (0..20_000).map(|_| random.below(spread) as u8).collect();
        scan::check(&data);
    }
}

#[test]
fn parquet_files_hold_what_was_written_whole_or_damaged() {
    columnar::check(b"");
    let mut random = hard::Random(11);
    for length in 0..300 {
        let data: Vec<u8> = (0..12 + length).map(|_| random.below(256) as u8).collect();
        columnar::check(&data);
    }
}

#[test]
fn cells_are_read_as_the_standard_library_reads_them() {
    let alphabets: [&[u8]; 4] = [
        b"0123456789",
        b"0123456789-+.eE",
        b"0123456789-:T .Z+/",
        b"0129-:T .,Zaeinf\"\n ",
    ];
    // Knuth's MMIX generator: the same cells in every run.
    let mut state = 1_u64;
    let mut next = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut lines = Vec::new();
    for cell in 0..40_000 {
        let alphabet = alphabets[cell % alphabets.len()];
        let mut data: Vec<u8> = (0..next(34))
            .map(|_| alphabet[next(alphabet.len())])
            .collect();
        if cell % 3 == 0 {
            // Nearly a timestamp: most random bytes are none.
            let mut moment = *b"2024-02-29T23:59:58.123456+05:30";
            moment[next(32)] = alphabet[next(alphabet.len())];
            data = moment[..10 + next(23)].to_vec();
        }
        cells::check(&data);
        lines.extend(data);
        lines.push(b'\n');
        if cell % 150 == 0 {
            cells::check(&lines);
            lines.clear();
        }
    }
}
