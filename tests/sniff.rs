//! Files as people have them: what is found out about each, loaded without a flag, and told.
//! Keeps: the truth is what a careful person would load; every line is a record, a header or told as
//! skipped.

use chunketl::Receipt;
use chunketl::report::{DialectReceipt, SniffReceipt};

use crate::lake;
use crate::program::{Home, message};

/// A table with a number, a date, a word and a text with everything in it.
const ROWS: [[&str; 4]; 6] = [
    ["1", "2024-01-31", "north", "plain"],
    ["22", "2024-02-01", "south", "two words"],
    ["-3", "2024-02-02", "north", "a, b; c"],
    ["40", "2024-02-03", "east", "tab\there | there"],
    ["5", "2024-02-04", "west", "it is"],
    ["6", "2024-02-05", "west", "over\ntwo lines"],
];
const NAMES: [&str; 4] = ["id", "day", "region", "note"];

/// One way to write the table.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    delimiter: usize,
    quote: usize,
    no_header: bool,
    preamble: usize,
    footer: usize,
    trailing: bool,
    units: bool,
    crlf: bool,
}

const DELIMITERS: [&str; 6] = [",", ";", "\t", "|", "\u{1}", "^"];
const QUOTES: [&str; 2] = ["\"", "'"];
const PREAMBLES: [&str; 4] = ["", "A report\n\n", "Made for: all\nby us\n", "Title\n"];
const FOOTERS: [&str; 3] = ["", "\nSource: the shops\n", "Total\n"];

impl Way {
    fn text(self) -> String {
        let (delimiter, quote) = (DELIMITERS[self.delimiter], QUOTES[self.quote]);
        let end = if self.trailing { delimiter } else { "" };
        let field = |text: &&str| {
            let must = [delimiter, quote, "\n", ",", ";", "|", "\t"];
            match must.iter().any(|mark| text.contains(mark)) {
                true => format!("{quote}{}{quote}", text.replace(quote, &quote.repeat(2))),
                false => (*text).to_owned(),
            }
        };
        let line = |cells: &[&str; 4]| {
            let fields: Vec<String> = cells.iter().map(field).collect();
            format!("{}{end}\n", fields.join(delimiter))
        };
        let mut text = PREAMBLES[self.preamble].to_owned();
        if !self.no_header {
            text += &line(&NAMES);
        }
        if self.units {
            text += &line(&["(n)", "", "", ""]);
        }
        ROWS.iter().for_each(|row| text += &line(row));
        text += FOOTERS[self.footer];
        match self.crlf {
            true => text.replace('\n', "\r\n"),
            false => text,
        }
    }

    /// Each deviation from the plain way.
    fn singles() -> Vec<Self> {
        let plain = Self::default();
        let mut ways = vec![plain];
        ways.extend((1..DELIMITERS.len()).map(|delimiter| Self { delimiter, ..plain }));
        ways.extend((1..PREAMBLES.len()).map(|preamble| Self { preamble, ..plain }));
        ways.extend((1..FOOTERS.len()).map(|footer| Self { footer, ..plain }));
        ways.extend([
            Self { quote: 1, ..plain },
            Self {
                no_header: true,
                ..plain
            },
            Self {
                trailing: true,
                ..plain
            },
            Self {
                units: true,
                ..plain
            },
            Self {
                crlf: true,
                ..plain
            },
        ]);
        ways
    }

    /// Both deviations, where they are not of the same kind.
    fn and(self, other: Self) -> Option<Self> {
        let clash = [
            self.delimiter * other.delimiter,
            self.quote * other.quote,
            self.preamble * other.preamble,
            self.footer * other.footer,
        ];
        // Units stand below names; without them they are a record.
        let headless = (self.no_header && other.units) || (self.units && other.no_header);
        let both = Self {
            delimiter: self.delimiter + other.delimiter,
            quote: self.quote + other.quote,
            no_header: self.no_header || other.no_header,
            preamble: self.preamble + other.preamble,
            footer: self.footer + other.footer,
            trailing: self.trailing || other.trailing,
            units: self.units || other.units,
            crlf: self.crlf || other.crlf,
        };
        (clash.iter().all(|product| *product == 0) && !headless).then_some(both)
    }
}

fn dialect(receipt: &Receipt) -> &DialectReceipt {
    let dialect = receipt.inputs[0].dialect.as_ref();
    dialect.expect("every run tells how it read its input")
}

/// Loads `text` without flags; the receipt.
fn load(home: &Home, text: &str, flags: &str) -> Receipt {
    home.write("in.csv", text);
    home.receipt(&format!("-i in.csv -o lake --mode overwrite {flags}"))
}

/// Checks that the table came through whole.
fn assert_whole(home: &Home, way: Way, receipt: &Receipt) {
    let table = lake::read(&home.lake());
    for (index, name) in NAMES.iter().enumerate() {
        let name = match way.no_header {
            true => format!("column_{}", index + 1),
            false => (*name).to_owned(),
        };
        let expected = ROWS.map(|row| {
            Some(match way.crlf {
                true => row[index].replace('\n', "\r\n"),
                false => row[index].to_owned(),
            })
        });
        let found: Vec<_> = table
            .column(&name)
            .iter()
            .map(|cell| cell.map(str::to_owned))
            .collect();
        assert_eq!(found, expected, "{way:?}: {name}: {:?}", dialect(receipt));
    }
    let skipped = PREAMBLES[way.preamble].lines().count() + usize::from(way.units);
    let skipped = skipped + FOOTERS[way.footer].trim_start().lines().count();
    assert_eq!(dialect(receipt).skipped_lines, skipped as u64, "{way:?}");
    assert_eq!(receipt.totals.rows_rejected, 0, "{way:?}");
}

#[test]
fn each_way_to_write_a_table_alone_and_in_pairs() {
    let home = Home::new();
    let singles = Way::singles();
    let pairs = singles.iter().enumerate().flat_map(|(index, one)| {
        let others = singles[index..].iter();
        others.filter_map(|other| one.and(*other))
    });
    let ways: Vec<Way> = pairs.collect();
    assert!(ways.len() > 80, "{}", ways.len());
    for way in ways {
        let receipt = load(&home, &way.text(), "");
        assert_whole(&home, way, &receipt);
    }
}

#[test]
fn the_receipt_tells_what_was_understood() {
    let home = Home::new();
    let way = Way {
        delimiter: 1,
        preamble: 1,
        footer: 1,
        ..Way::default()
    };
    let receipt = load(&home, &way.text(), "");
    let dialect = dialect(&receipt);
    assert_eq!(
        (dialect.delimiter.as_str(), dialect.quote.as_str()),
        (";", "\"")
    );
    assert!(!dialect.is_plain);
    let evidence = dialect.evidence.join("\n");
    assert!(
        evidence.contains("delimiter ';': 7 of 9 records have 4 fields; next best"),
        "{evidence}"
    );
    let skipped: Vec<_> = dialect.skipped.iter().collect();
    let told: Vec<_> = { skipped }
        .iter()
        .map(|line| (line.line, line.what.clone(), line.text.clone()))
        .collect();
    let expected = [
        (1, "preamble", "A report"),
        (2, "preamble", ""),
        (12, "footer", "Source: the shops"),
    ];
    assert_eq!(
        told,
        expected.map(|(line, what, text)| (line, what.to_owned(), text.to_owned()))
    );
    let page = receipt.render(false);
    assert!(
        page.contains("read with delimiter ';', 3 lines skipped\n"),
        "{page}"
    );
    let plain = load(&home, &Way::default().text(), "");
    assert!(!plain.render(false).contains("read with"));
}

#[test]
fn flags_overrule_what_is_found() {
    let home = Home::new();
    let text = "title\n\na;b\n1;2\n3;4\n";
    let count = |flags: &str, text: &str| {
        let receipt = load(&home, text, flags);
        (receipt.columns.len(), receipt.totals.rows_read)
    };
    assert_eq!(count("", text), (2, 2));
    assert_eq!(count("--skip-rows 3", text), (2, 2));
    assert_eq!(count("--skip-rows 3 --header", text), (2, 1));
    assert_eq!(count("--delimiter ,", text), (1, 3));
    assert_eq!(count("--no-sniff", text), (1, 3));
    assert_eq!(
        count("--no-sniff --skip-rows 2 --delimiter ;", text),
        (2, 2)
    );
    assert_eq!(count("", "1,2\n3,4\n"), (2, 2));
    assert_eq!(count("--header", "1,2\n3,4\n"), (2, 1));
    assert_eq!(count("--no-header", "a,b\n1,2\n"), (2, 2));
    assert_eq!(count("--header-rows 2", "a,b\nc,d\nx,y\n"), (2, 1));
    let table = lake::read(&home.lake());
    assert_eq!(table.column("a_c"), [Some("x")]);
    let several = "a,b\n1,2\n3,4\n\nx,y,z\n5,6,7\n";
    assert_eq!(count("", several), (2, 2));
    assert_eq!(count("--table 2", several), (3, 1));
    let message = home.fails("-i in.csv -o lake --mode overwrite --table 3", 1);
    assert!(
        message.contains("there is no table 3; 2 tables"),
        "{message}"
    );
    for (flags, expected) in [
        ("--header --no-header", "cannot be used with"),
        (
            "--no-header --header-rows 2",
            "--header-rows: contradicts --no-header",
        ),
        ("--table 2 --no-sniff", "cannot be used with"),
    ] {
        let message = home.fails(&format!("-i in.csv -o lake {flags}"), 2);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn files_of_one_run_may_differ_in_dialect() {
    let home = Home::new();
    home.write("1.csv", "id,note\n1,\"a, b\"\n2,c\n");
    home.write("2.csv", "made by hand\n\nid;note\n3;'d; e'\n4;'f'\n");
    home.write("3.csv", "id\tnote\t\n5\tg\t\n6\th\t\n");
    home.write("4.csv", "7|i\n8|j\n");
    let receipt = home.receipt("-i 1.csv 2.csv 3.csv 4.csv -o lake --chunk-rows 1");
    let table = lake::read(&home.lake());
    let ids = ["1", "2", "3", "4", "5", "6", "7", "8"].map(Some);
    let notes = ["a, b", "c", "d; e", "f", "g", "h", "i", "j"].map(Some);
    assert_eq!(table.column("id"), ids);
    assert_eq!(table.column("note"), notes);
    assert_eq!(receipt.inputs.len(), 4);
    home.write("5.csv", "id;other\n9;k\n");
    let message = home.fails("-i 1.csv 5.csv -o other --schema-drift fail", 1);
    assert!(
        message.contains("column 2 is `other` here but `note` in 1.csv"),
        "{message}"
    );
    home.receipt("-i 1.csv 5.csv -o lake --mode overwrite");
    let table = lake::read(&home.lake());
    assert_eq!(table.names, ["id", "note", "other"]);
    let others = [None, None, Some("k")];
    assert_eq!(table.column("other"), others);
}

#[test]
fn a_value_behind_a_trailing_delimiter_is_never_lost() {
    let home = Home::new();
    let mut text = "a,b,\n".to_owned();
    (0..2_000).for_each(|row| text += &format!("{row},x,\n"));
    text += "7,y,late\n";
    for threads in [1, 2] {
        let receipt = load(
            &home,
            &text,
            &format!("--chunk-rows 100 --threads {threads}"),
        );
        let table = lake::read(&home.lake());
        assert_eq!(table.column("column_3").last(), Some(&Some("late")));
        assert!(
            receipt.restarts[0].contains("in.csv:2002"),
            "{:?}",
            receipt.restarts
        );
    }
}

#[test]
fn a_footer_far_behind_the_head_is_told() {
    let home = Home::new();
    let mut text = "a;b;c\n".to_owned();
    (0..40_000).for_each(|row| text += &format!("{row};{row}.5;x\n"));
    text += "\nTotal;40000\n";
    let receipt = load(&home, &text, "");
    assert_eq!(
        (receipt.totals.rows_written, receipt.totals.rows_rejected),
        (40_000, 0)
    );
    let dialect = dialect(&receipt);
    assert_eq!(
        (dialect.skipped[0].line, dialect.skipped[0].text.as_str()),
        (40_003, "Total;40000")
    );
    let evidence = dialect.evidence.join("\n");
    assert!(evidence.contains("at 8 places have 3 fields"), "{evidence}");
}

#[test]
fn files_that_people_sent() {
    let home = Home::new();
    for (text, names, rows) in [
        // A bank's export: titles, decimal commas, a sum.
        (
            "Kontoauszug;;;\nKonto;DE00 1234;;\n\nDatum;Text;Betrag;Saldo\n\
             01.02.2024;Miete, Februar;-800,00;1.200,50\n02.02.2024;Lohn;2.500,00;3.700,50\n\
             Summe;1.700,00\n",
            "Datum Text Betrag Saldo",
            2,
        ),
        // A logger: units below the names, a delimiter at every end.
        (
            "time;temp;hum;\n[s];[°C];[%];\n0;20,5;40;\n1;20,6;41;\n2;20,4;40;\n",
            "time temp hum",
            3,
        ),
        // A spreadsheet: groups above names.
        (
            ",2023,,2024,\nshop,low,high,low,high\nA,1,2,3,4\nB,5,6,7,8\n",
            "shop 2023_low 2023_high 2024_low 2024_high",
            2,
        ),
        // R: row names without a name.
        (
            "\"x\",\"y\"\n\"1\",1.5,\"a\"\n\"2\",2.5,\"b\"\n\"3\",3.5,\"c\"\n",
            "column_1 x y",
            3,
        ),
        // A database's console.
        (
            "id|name|at\n1|Ann|10:00:00\n2|Bob|11:30:00\n(2 rows)\n",
            "id name at",
            2,
        ),
        // Years for names.
        (
            "country,2021,2022,2023\nA,1.5,2.5,3.5\nB,4,5,6\n",
            "country 2021 2022 2023",
            2,
        ),
        // A log without a header.
        (
            "2024-01-01 10:00:00\tGET\t200\n2024-01-01 10:00:01\tPUT\t404\n",
            "column_1 column_2 column_3",
            2,
        ),
    ] {
        let receipt = load(&home, text, "");
        let found: Vec<&str> = receipt
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        assert_eq!(found.join(" "), names, "{:?}", dialect(&receipt));
        let totals = receipt.totals;
        assert_eq!(
            (totals.rows_written, totals.rows_rejected),
            (rows, 0),
            "{text}"
        );
    }
}

#[test]
fn sniff_prints_what_files_hold() {
    let home = Home::new();
    let way = Way {
        delimiter: 1,
        preamble: 1,
        ..Way::default()
    };
    home.write("a\x1b.csv", way.text());
    home.write("b.csv", "x\ty\n1\t2\n");
    let output = home.run("sniff 'a\x1b.csv' b.csv");
    assert!(output.status.success(), "{}", message(&output));
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!page.contains('\x1b'), "{page}");
    for expected in [
        "a\\u{1b}.csv  ",
        "delimiter ';', 2 lines skipped\n",
        "  line 1 is preamble: A report\n",
        "id      int64  100.0 % of 6",
        "day     date   100.0 % of 6  2024-01-31\n",
        "delimiter tab\n",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let output = home.run("sniff b.csv --json --no-header");
    let sniffed: Vec<SniffReceipt> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(sniffed[0].columns[0].name, "column_1");
    assert_eq!(sniffed[0].dialect.delimiter, "\\t");
    home.write("c.csv", "a, b\n1, x\n2, y\n");
    for (flags, skips) in [("", true), ("--skip-space no", false)] {
        let output = home.run(&format!("sniff {flags} c.csv --json"));
        let sniffed: Vec<SniffReceipt> = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(sniffed[0].dialect.skip_space, skips, "{flags}");
    }
    assert!(home.fails("sniff", 2).contains("<FILE>"));
    assert!(home.fails("sniff none.csv", 2).contains("none.csv"));
    assert!(!home.lake().exists());
}
