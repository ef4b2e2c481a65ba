//! What files and streams are packed and encoded in, through the binary.
//! Keeps: the lake of a table is the same however the table came in, and the receipt says how.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use chunketl::report::SniffReceipt;
use proptest::prelude::*;

use crate::lake;
use crate::program::{Home, message};

#[path = "../fuzz/checks/sources.rs"]
mod checks;

use checks::{in_pieces, packed};

fn table() -> String {
    let rows = (0..5000).map(|row| format!("{row},{},Zoë\n", row * 7 % 1000));
    "id,amount,name\n".to_owned() + &rows.collect::<String>()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn a_lake_does_not_depend_on_how_its_table_was_packed() {
    let home = Home::new();
    let text = table();
    home.write("plain.csv", &text);
    home.receipt("-i plain.csv -o lake");
    let expected = lake::read(&home.lake());
    for (format, bytes) in packed(text.as_bytes()) {
        // The name says nothing.
        let path = home.write("in.csv", &bytes);
        let receipt = home.receipt("-i in.csv -o lake --mode overwrite --impute amount=median");
        assert!(lake::read(&home.lake()) == expected, "{format}");
        let input = &receipt.inputs[0];
        assert_eq!(input.compression.as_deref(), Some(format));
        assert_eq!(input.bytes, bytes.len() as u64);
        assert_eq!(input.text_bytes, text.len() as u64);
        assert_eq!(receipt.throughput.input_bytes, bytes.len() as u64);
        assert_eq!(input.byte_offsets, "the text that was unpacked");

        let output = home
            .command("-i - -o lake --mode overwrite")
            .stdin(File::open(&path).expect("a file"))
            .output();
        assert!(output.expect("a run").status.success(), "{format}");
        assert!(
            lake::read(&home.lake()) == expected,
            "{format} from a file as stdin"
        );
        home.pipe("-i - -o lake --mode overwrite", &bytes);
        assert!(lake::read(&home.lake()) == expected, "{format} from a pipe");
    }
}

#[test]
fn zeros_behind_gzip_data_fill_a_tape_and_nothing_else_does() {
    let home = Home::new();
    let text = table();
    let packed = gzip(text.as_bytes());
    let zeros = |count: usize| vec![0; count];
    home.write("in.csv.gz", [packed.clone(), zeros(10_240)].concat());
    let receipt = home.receipt("-i in.csv.gz -o lake");
    assert_eq!(receipt.totals.rows_written, 5000);
    // Another member behind the zeros is read too.
    let more = gzip(b"5000,1,Zo\n");
    home.write("in.csv.gz", [packed.clone(), zeros(300_000), more].concat());
    let receipt = home.receipt("-i in.csv.gz -o lake --mode overwrite");
    assert_eq!(receipt.totals.rows_written, 5001);
    home.write(
        "in.csv.gz",
        [packed, zeros(7), b"something else".to_vec()].concat(),
    );
    let message = home.fails("-i in.csv.gz -o other", 1);
    assert!(message.contains("is damaged here"), "{message}");
}

#[test]
fn sniff_unpacks_only_the_beginning() {
    let home = Home::new();
    let row = |row: u64| {
        format!(
            "{row};{};Zoë\n",
            row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40
        )
    };
    let text: String = (0..700_000).map(row).collect();
    let text = format!("id;amount;name\n{text}");
    let packed = gzip(text.as_bytes());
    // What is behind the beginning is not even looked at.
    home.write("cut.csv.gz", &packed[..packed.len() / 2 + packed.len() / 4]);
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    home.write("latin.csv", &latin);
    home.write("whole.csv", &text);
    let output = home.run("sniff cut.csv.gz latin.csv whole.csv --json");
    assert!(output.status.success(), "{}", message(&output));
    let sniffed: Vec<SniffReceipt> = serde_json::from_slice(&output.stdout).expect("JSON");
    for (index, sniffed) in sniffed.iter().enumerate() {
        let types: Vec<&str> = { sniffed.columns.iter() }
            .map(|column| column.data_type.as_str())
            .collect();
        assert_eq!(types, ["int64", "int64", "utf8"]);
        assert!(sniffed.dialect.skipped.is_empty());
        let seen = sniffed
            .seen_bytes
            .map(|bytes| (8_000_000..=9 << 20).contains(&bytes));
        assert_eq!(seen, (index < 2).then_some(true), "{index}");
    }
    assert_eq!(sniffed[1].bytes, latin.len() as u64);
    let output = home.run("sniff latin.csv");
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        page.contains("of which the first 8.4 MiB of text were looked at"),
        "{page}"
    );
    let message = home.fails("-i cut.csv.gz -o lake", 1);
    assert!(message.contains("before it is complete"), "{message}");
}

#[test]
fn many_packed_files_come_in_their_order_and_the_first_error_wins() {
    let home = Home::new();
    for index in 0..20 {
        let rows: String = (0..200).map(|row| format!("{index},{row}\n")).collect();
        let text = format!("file,row\n{rows}");
        let format = &packed(text.as_bytes())[index % 5].1;
        home.write(&format!("in-{index}.csv"), format);
    }
    for threads in [1, 2, 7] {
        let receipt = home.receipt(&format!(
            "-i 'in-*.csv' -o lake --mode overwrite --threads {threads}"
        ));
        assert_eq!(receipt.inputs.len(), 20);
        let table = lake::read(&home.lake());
        let files = table.column("file");
        let expected: Vec<String> = (0..4000).map(|row| (row / 200).to_string()).collect();
        assert!(
            files
                .iter()
                .zip(&expected)
                .all(|(found, file)| *found == Some(file.as_str()))
        );
    }
    let before = lake::files(&home.lake());
    for index in [3, 11] {
        let path = format!("in-{index}.csv");
        let whole = std::fs::read(home.path().join(&path)).expect("a file");
        home.write(&path, &whole[..whole.len() - 3]);
    }
    for threads in [1, 2, 7] {
        let line = format!("-i 'in-*.csv' -o lake --mode overwrite --threads {threads}");
        let said = home.fails(&line, 1);
        assert!(said.contains("in-3.csv (byte"), "{said}");
        assert!(said.contains("nothing was published"), "{said}");
        assert!(lake::files(&home.lake()) == before);
    }
}

#[test]
fn a_bomb_is_4_and_says_what_to_set() {
    let home = Home::new();
    home.write("bomb.gz", gzip(&vec![b'x'; 4 << 20]));
    let said = home.fails("-i bomb.gz -o lake --max-temp-size 1MiB", 4);
    assert!(
        said.contains("--max-temp-size") && said.contains("--temp-dir"),
        "{said}"
    );
    assert_eq!(home.names(), ["bomb.gz"]);
    // The limit is on all files together.
    for index in 0..4 {
        home.write(&format!("{index}.gz"), gzip(table().as_bytes()));
    }
    let length = table().len();
    let line = "-i '[0-9].gz' -o lake --max-temp-size";
    home.fails(&format!("{line} {}", 4 * length - 1), 4);
    home.receipt(&format!("{line} {}", 4 * length));
}

#[test]
fn a_file_of_many_pieces_is_one_table_for_any_number_of_threads() {
    let home = Home::new();
    let text = table().repeat(4);
    home.write("plain.csv", &text);
    home.receipt("-i plain.csv -o lake");
    let expected = lake::read(&home.lake());
    let texts: Vec<&[u8]> = text.as_bytes().chunks(20_000).collect();
    for (format, bytes) in in_pieces(&texts) {
        home.write("in.csv", &bytes);
        for threads in [1, 2, 5] {
            let line = format!("-o lake --mode overwrite --threads {threads}");
            let receipt = home.receipt(&format!("-i in.csv {line}"));
            assert!(lake::read(&home.lake()) == expected, "{format}, {threads}");
            assert_eq!(receipt.inputs[0].compression.as_deref(), Some(format));
            assert_eq!(receipt.inputs[0].text_bytes, text.len() as u64);
            home.pipe(&format!("-i - {line}"), &bytes);
            assert!(lake::read(&home.lake()) == expected, "{format} from a pipe");
        }
    }
}

#[test]
fn damage_in_one_of_many_pieces_is_told_the_same_by_any_number_of_threads() {
    let home = Home::new();
    let text = table().repeat(8);
    let texts: Vec<&[u8]> = text.as_bytes().chunks(20_000).collect();
    for (format, whole) in in_pieces(&texts) {
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 20].fill(0xA5);
        let cut = whole[..whole.len() * 3 / 4].to_vec();
        for (bytes, what) in [(damaged, "is damaged here"), (cut, "ends here before")] {
            home.write("in.csv", bytes);
            let said = [1, 2, 5]
                .map(|threads| home.fails(&format!("-i in.csv -o lake --threads {threads}"), 1));
            assert!(
                said[0].contains(&format!("the {format} data {what}")),
                "{said:?}"
            );
            assert!(said[0] == said[1] && said[0] == said[2], "{said:?}");
            assert!(!home.lake().exists());
        }
    }
}

#[test]
fn threads_without_a_file_unpack_pieces_of_others() {
    let home = Home::new();
    let text = table();
    let texts: Vec<&[u8]> = text.as_bytes().chunks(4000).collect();
    for (index, (_, bytes)) in in_pieces(&texts).into_iter().enumerate() {
        home.write(&format!("in-{index}.csv"), bytes);
    }
    for threads in [1, 2, 3, 9] {
        let line = "-i 'in-*.csv' -o lake --mode overwrite";
        let receipt = home.receipt(&format!("{line} --threads {threads}"));
        assert_eq!(receipt.totals.rows_written, 20_000);
    }
}

#[test]
fn encodings_are_found_out_and_said() {
    let text = "id;straße\n1;Müllergäßchen\n2;Hauptstraße\n3;Königsallee\n";
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
    let utf_16be: Vec<u8> = utf_16(u16::to_be_bytes);
    let utf_16le: Vec<u8> = utf_16(u16::to_le_bytes);
    let latin = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    for (bytes, name) in [
        (text.as_bytes().to_vec(), "UTF-8"),
        (latin.clone(), "windows-1252"),
        (utf_16be.clone(), "UTF-16BE"),
        (utf_16le.clone(), "UTF-16LE"),
        ([b"\xFF\xFE".as_slice(), &utf_16le].concat(), "UTF-16LE"),
        ([b"\xEF\xBB\xBF", text.as_bytes()].concat(), "UTF-8"),
        (gzip(&utf_16be), "UTF-16BE"),
    ] {
        let home = Home::new();
        home.write("in.csv", bytes);
        let receipt = home.receipt("-i in.csv -o lake --delimiter ;");
        let table = lake::read(&home.lake());
        let column = table.column("straße");
        assert_eq!(
            column,
            ["Müllergäßchen", "Hauptstraße", "Königsallee"].map(Some)
        );
        let input = &receipt.inputs[0];
        assert_eq!(input.encoding, name);
        assert!(!input.encoding_why.is_empty());
        if name != "UTF-8" {
            assert_eq!(input.byte_offsets, "the text in UTF-8");
            let page = message_of_page(&home);
            assert!(page.contains(name), "{page}");
        }
    }
    let home = Home::new();
    home.write("in.csv", &latin);
    home.receipt("-i in.csv -o lake --delimiter ; --encoding iso-8859-5");
    assert!(lake::read(&home.lake()).column("straпe").len() == 3);
    let said = home.fails("-i in.csv -o lake --encoding latin-9000", 2);
    assert!(
        said.contains("--encoding") && said.contains("latin1"),
        "{said}"
    );
}

/// The receipt as people see it.
fn message_of_page(home: &Home) -> String {
    let output = home.run("-i in.csv -o lake --delimiter ; --mode overwrite");
    assert!(output.status.success(), "{}", message(&output));
    String::from_utf8(output.stdout).expect("the receipt is UTF-8")
}

#[test]
fn directories_and_lists_are_inputs() {
    let home = Home::new();
    for (index, name) in [
        "in/part-10.csv",
        "in/part-9.csv",
        "in/_note",
        "in/sub/x.csv",
    ]
    .iter()
    .enumerate()
    {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, format!("a\n{index}\n")).expect("written");
    }
    home.write("list.txt", "in/sub/x.csv\n\nin/part-9.csv\n");
    let rows = |line: &str| {
        home.receipt(&format!("{line} -o lake --mode overwrite"));
        let table = lake::read(&home.lake());
        let column = table.column("a").into_iter();
        column
            .map(|cell| cell.expect("a cell").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(rows("-i in"), ["1", "0"]);
    assert_eq!(rows("-i 'in/**/*.csv'"), ["1", "0", "3"]);
    assert_eq!(rows("--files-from list.txt"), ["3", "1"]);
    assert_eq!(
        rows("-i in/part-10.csv --files-from list.txt"),
        ["0", "3", "1"]
    );
    let said = home.fails("-i in -o lake --max-files 1", 2);
    assert!(said.contains("--max-files"), "{said}");
    let said = home.fails("-i in -o lake --files-from list.txt", 2);
    assert!(said.contains("twice"), "{said}");
    let mut child = home
        .command("--files-from - -o lake --mode overwrite")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a run");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"in/part-9.csv\r\n").expect("written");
    drop(stdin);
    assert!(child.wait().expect("a run").success());
    let said = home.fails("-i - --files-from - -o lake", 2);
    assert!(said.contains("once"), "{said}");
}

#[test]
fn two_thousand_small_files_are_one_table() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("in")).expect("a directory");
    for index in 0..2000 {
        let text = format!("a,b\n{index},x\n");
        home.write(&format!("in/{index}.csv"), text);
    }
    let receipt = home.receipt("-i in -o lake");
    assert_eq!(receipt.totals.rows_written, 2000);
    assert_eq!(receipt.inputs[1999].path, "in/1999.csv");
}

#[test]
fn invalid_bytes_are_rejects_or_replaced_and_counted() {
    let home = Home::new();
    home.write(
        "in.csv",
        b"id,name\n1,Zo\xC3\xAB\n2,\xFF\n3,\xE2\x82\n4,K\xC3\xB6ln \xC3\xA4\n",
    );
    let receipt = home.receipt("-i in.csv -o lake");
    assert_eq!(receipt.rejects.by_reason["invalid_utf8"], 2);
    assert_eq!(receipt.inputs[0].replacements, 0);
    let line = "-i in.csv -o lake --mode overwrite --invalid-bytes replace";
    let receipt = home.receipt(line);
    assert_eq!(receipt.totals.rows_written, 4);
    assert_eq!(receipt.inputs[0].replacements, 2);
    let table = lake::read(&home.lake());
    assert_eq!(
        table.column("name")[1..3],
        ["\u{FFFD}", "\u{FFFD}"].map(Some)
    );

    // A malformed sequence of another encoding is rejected in the same way, with its line.
    home.write(
        "japan.csv",
        b"id,name\n1,\x93\x8C\x8B\x9E\n2,\x93\n3,\x91\xE5\x8D\xE3\n",
    );
    let line = "-i japan.csv -o lake --mode overwrite --encoding shift_jis";
    let receipt = home.receipt(line);
    assert_eq!(receipt.rejects.by_reason["invalid_utf8"], 1);
    let table = lake::read(&home.lake());
    assert_eq!(table.column("name"), ["東京", "大阪"].map(Some));
    let rejects = home.lake().join(receipt.rejects.file.expect("kept"));
    let rejects = std::fs::read_to_string(rejects).expect("a file");
    assert!(rejects.contains("japan.csv,3,"), "{rejects}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn packed_and_plain_bytes_are_read_the_same(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..600),
            "[a-z,;\n\r\"éßж東 ]{0,400}".prop_map(String::into_bytes),
        ],
    ) {
        checks::check(&bytes);
        checks::check_pieces(&bytes);
    }
}
