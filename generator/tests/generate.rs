//! Jobs in, files in memory out. Holds what the crate promises: bytes that depend on the job alone,
//! and a truth that equals a recount of them.

mod recount;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;

use generator::{Error, Extent, Job, LineEnding, MissingAs, Rates, Shape, Sink, Truth};

/// Rates that put every kind of fault into a few thousand rows.
const MESSY: Rates = Rates {
    missing: 0.2,
    type_faults: 0.1,
    duplicates: 0.1,
    invalid: 0.1,
    late: 0.2,
};

const SHAPES: [Shape; 7] = [
    Shape::Transactions,
    Shape::Quotes,
    Shape::Floats,
    Shape::Narrow,
    Shape::Keys,
    Shape::Nulls,
    Shape::Hot,
];

#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn generate(job: &Job) -> (Vec<Vec<u8>>, Truth) {
    let mut files: Vec<Memory> = Vec::new();
    let mut open = |index: u64| {
        assert_eq!(index, files.len() as u64, "files are opened in order");
        files.push(Memory::default());
        Ok(Sink {
            name: format!("file {index}"),
            writer: Box::new(files[index as usize].clone()),
        })
    };
    let mut progress_last = (0, 0);
    let truth = job
        .run(&mut open, &mut |rows, _, bytes| {
            progress_last = (rows, bytes);
        })
        .unwrap();
    assert_eq!(progress_last, (truth.rows, truth.bytes));
    let files: Vec<Vec<u8>> = files.into_iter().map(|file| file.0.take()).collect();
    assert_eq!(files.len() as u64, truth.files);
    assert_eq!(
        files.iter().map(Vec::len).sum::<usize>() as u64,
        truth.bytes
    );
    (files, truth)
}

fn job(shape: Shape, rows: u64) -> Job {
    Job {
        block_rows: 100,
        threads: 2,
        ..Job::new(shape, Extent::Rows(rows))
    }
}

#[test]
fn threads_and_blocks_change_no_byte() {
    let rows = 1500;
    for shape in SHAPES {
        let plain = Job {
            rates: MESSY,
            threads: 1,
            block_rows: rows,
            ..job(shape, rows)
        };
        let expected = generate(&plain);
        for (threads, block_rows) in [(1, 7), (2, 1), (2, 100), (7, 13), (7, 10_000)] {
            let other = Job {
                threads,
                block_rows,
                ..plain.clone()
            };
            assert!(generate(&other) == expected, "{shape:?}, {threads} threads");
        }
    }
}

#[test]
fn files_divide_the_same_rows() {
    let whole = Job {
        header: false,
        rates: MESSY,
        ..job(Shape::Transactions, 1001)
    };
    let (expected, _) = generate(&whole);
    for files in [2, 3, 40] {
        let (parts, truth) = generate(&Job {
            files,
            block_rows: 7,
            ..whole.clone()
        });
        assert_eq!(parts.concat(), expected[0], "{files} files");
        assert_eq!((truth.rows, truth.files), (1001, files));
    }
    let (parts, _) = generate(&Job {
        files: 4,
        header: true,
        ..job(Shape::Transactions, 2)
    });
    let header = b"transaction_id,customer_id,timestamp,";
    assert!(
        parts.iter().all(|part| part.starts_with(header)),
        "files without rows too"
    );
}

#[test]
fn the_seed_changes_the_table() {
    let first = job(Shape::Transactions, 50);
    let second = Job {
        seed: first.seed + 1,
        ..first.clone()
    };
    assert!(generate(&first) == generate(&first));
    assert!(generate(&first).0 != generate(&second).0);
}

#[test]
fn the_truth_equals_a_recount() {
    for shape in SHAPES {
        for (rates, missing_as) in [
            (shape.rates(), MissingAs::Tokens),
            (MESSY, MissingAs::Tokens),
            (MESSY, MissingAs::Empty),
        ] {
            let (files, truth) = generate(&Job {
                rates,
                missing_as,
                files: 2,
                ..job(shape, 4000)
            });
            let counted = recount::recount(&files);
            let told = serde_json::to_value(&truth).unwrap();
            for (name, expected) in counted.as_object().unwrap() {
                assert_eq!(&told[name], expected, "{name} of {shape:?} at {rates:?}");
            }
        }
    }
}

#[test]
fn duplicates_come_later_and_are_counted_late() {
    let rates = Rates {
        duplicates: 0.02,
        ..MESSY
    };
    for (rates, within) in [(MESSY, 2), (rates, 300), (rates, 1_000_000)] {
        let (files, truth) = generate(&Job {
            rates,
            duplicates_within: within,
            files: 2,
            ..job(Shape::Transactions, 4000)
        });
        let counted = recount::recount(&files);
        let told = serde_json::to_value(&truth).unwrap();
        for (name, expected) in counted.as_object().unwrap() {
            assert_eq!(&told[name], expected, "{name}, within {within}");
        }
    }
    let (files, truth) = generate(&Job {
        rates: Rates {
            duplicates: 0.01,
            ..Rates::CLEAN
        },
        duplicates_within: 5000,
        ..job(Shape::Transactions, 20_000)
    });
    let mut reader = csv::Reader::from_reader(&files[0][..]);
    let ids = reader.records().map(|record| record.unwrap()[0].to_owned());
    let mut first_rows = HashMap::new();
    let mut distances = Vec::new();
    for (row, id) in ids.enumerate() {
        let first = *first_rows.entry(id).or_insert(row);
        distances.extend((row > first).then_some(row - first));
    }
    assert_eq!(distances.len() as u64, truth.duplicates);
    assert!(distances.len().abs_diff(200) < 40, "{}", distances.len());
    let far = distances.iter().filter(|&&distance| distance > 1000);
    assert!(far.count() > distances.len() / 2, "{distances:?}");
}

#[test]
fn messy_rates_put_in_every_kind_of_fault() {
    let (_, truth) = generate(&Job {
        rates: MESSY,
        ..job(Shape::Transactions, 40_000)
    });
    let told = serde_json::to_value(&truth).unwrap();
    let near = |count: &serde_json::Value, expected: f64, what: &str| {
        let count = count.as_f64().unwrap();
        assert!((count - expected).abs() < expected * 0.1, "{what}: {count}");
    };
    near(&told["duplicates"], 4000.0, "duplicates");
    near(&told["late"], 8000.0, "late");
    near(&told["negative"], 4000.0, "negative");
    near(&told["future"], 4000.0, "future");
    let columns = &told["columns"];
    near(&columns["region"]["missing_empty"], 4000.0, "empty");
    for token in ["N/A", "NA", "null", "NaN", "None"] {
        near(&columns["region"]["missing_tokens"][token], 800.0, token);
    }
    for (column, kind) in [
        ("quantity", "float_in_integer"),
        ("quantity", "word"),
        ("amount", "decimal_comma"),
        ("amount", "word"),
        ("discount", "decimal_comma"),
        ("timestamp", "other_date_format"),
        ("timestamp", "word"),
    ] {
        near(&columns[column]["type_faults"][kind], 2000.0, kind);
    }
}

#[test]
fn rates_of_one_end_and_are_counted_right() {
    let everything = |rates: Rates| {
        let (files, truth) = generate(&Job {
            rates,
            ..job(Shape::Transactions, 3000)
        });
        let counted = recount::recount(&files);
        let told = serde_json::to_value(&truth).unwrap();
        for name in ["duplicates", "late", "missing"] {
            assert_eq!(told[name], counted[name], "{name}");
        }
        told
    };
    let told = everything(Rates {
        duplicates: 1.0,
        ..Rates::CLEAN
    });
    assert_eq!(told["duplicates"], 2988, "12 of 3000 rows are spared");
    let told = everything(Rates {
        missing: 1.0,
        ..Rates::CLEAN
    });
    assert_eq!(told["columns"]["region"]["missing"], 3000);
    assert_eq!(told["columns"]["timestamp"]["missing"], 2988);
    let told = everything(Rates {
        late: 1.0,
        ..Rates::CLEAN
    });
    assert_eq!(told["late"], 2988);
}

#[test]
fn clean_tables_have_no_fault_and_rise_in_time_over_all_files() {
    for rows in [500, 20_000] {
        let (files, truth) = generate(&Job {
            rates: Rates::CLEAN,
            files: 3,
            days: 1,
            ..job(Shape::Transactions, rows)
        });
        let told = serde_json::to_value(&truth).unwrap();
        for name in ["duplicates", "late", "type_faults", "negative", "future"] {
            assert_eq!(told[name], 0, "{name}");
        }
        let empty_notes = &told["columns"]["note"]["missing"];
        assert_eq!(&told["missing"], empty_notes, "only notes may be empty");
        let mut times = Vec::new();
        for file in &files {
            let mut reader = csv::Reader::from_reader(&file[..]);
            times.extend(reader.records().map(|record| record.unwrap()[2].to_owned()));
        }
        assert_eq!(times.len() as u64, rows);
        assert!(times.is_sorted());
        let (first, last) = (&times[0], times.last().unwrap());
        assert!(first.starts_with("2024-01-01 00:0"), "{first}");
        if rows == 20_000 {
            assert!(last.starts_with("2024-01-01 23:59"), "{last}");
        }
    }
}

#[test]
fn clean_time_spares_the_timestamp_alone() {
    let (_, truth) = generate(&Job {
        rates: MESSY,
        clean_time: true,
        ..job(Shape::Transactions, 1000)
    });
    let told = serde_json::to_value(&truth).unwrap();
    let time = &told["columns"]["timestamp"];
    assert_eq!(time["missing"], 0);
    assert_eq!(time["type_faults"]["word"], 0);
    assert_eq!((&told["late"], &told["future"]), (&0.into(), &0.into()));
    assert_ne!(told["negative"], 0);
}

#[test]
fn sizes_are_met() {
    let cases = [
        (Shape::Transactions, 10_000),
        (Shape::Transactions, 1_000_000),
        (Shape::Transactions, 40_000_000),
        (Shape::Quotes, 30_000_000),
        (Shape::Floats, 30_000_000),
    ];
    for (shape, bytes) in cases {
        let (_, truth) = generate(&Job {
            files: 2,
            block_rows: 5000,
            ..Job::new(shape, Extent::Bytes(bytes))
        });
        let error = truth.bytes.abs_diff(bytes) as f64 / bytes as f64;
        assert!(error < 0.01, "{shape:?}: {} for {bytes}", truth.bytes);
    }
    let (files, truth) = generate(&Job::new(Shape::Floats, Extent::Bytes(3)));
    assert_eq!(truth.rows, 0, "no row fits");
    assert!(files[0].starts_with(b"customer_id,"));
}

#[test]
fn shapes_have_the_sizes_and_keys_they_promise() {
    let (_, truth) = generate(&job(Shape::Transactions, 20_000));
    let row_bytes = truth.bytes as f64 / truth.rows as f64;
    assert!((80.0..85.0).contains(&row_bytes), "{row_bytes}");

    let (files, _) = generate(&job(Shape::Hot, 5000));
    let mut reader = csv::Reader::from_reader(&files[0][..]);
    let hot = reader
        .records()
        .filter(|record| &record.as_ref().unwrap()[1] == "200000");
    let hot = hot.count();
    assert!((2350..2650).contains(&hot), "{hot}");
}

#[test]
fn records_end_as_asked() {
    let (files, _) = generate(&Job {
        line_ending: LineEnding::Crlf,
        ..job(Shape::Narrow, 500)
    });
    let text = String::from_utf8(files[0].clone()).unwrap();
    assert_eq!(text.matches("\r\n").count(), 501);
    assert_eq!(text.matches('\n').count(), 501);
}

/// Takes a few bytes, then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failure_ends_the_run_with_its_name() {
    let job = Job {
        files: 3,
        threads: 3,
        ..job(Shape::Transactions, 100_000)
    };
    let mut full = |index| {
        Ok(Sink {
            name: format!("disk {index}"),
            writer: Box::new(Full(50_000)),
        })
    };
    let error = job.run(&mut full, &mut |_, _, _| ()).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot write disk 0: "),
        "{error}"
    );
    assert_eq!(error.exit_code(), 1);

    let mut closed = |_| Err(Error::Usage("closed".to_owned()));
    let error = job.run(&mut closed, &mut |_, _, _| ()).unwrap_err();
    assert_eq!(error.to_string(), "closed");
}

#[test]
fn options_out_of_range_are_usage_errors() {
    let good = job(Shape::Transactions, 1);
    let with = |change: &dyn Fn(&mut Job)| {
        let mut job = good.clone();
        change(&mut job);
        job
    };
    let cases = [
        ("--missing", with(&|job| job.rates.missing = 1.5)),
        ("--late", with(&|job| job.rates.late = f64::NAN)),
        (
            "--duplicates-within",
            with(&|job| job.duplicates_within = 0),
        ),
        ("--customers", with(&|job| job.customers.count = 0)),
        ("--zipf", with(&|job| job.customers.zipf = -1.0)),
        ("--hot-share", with(&|job| job.customers.hot_share = 2.0)),
        ("--days", with(&|job| job.days = 100_000)),
        ("--files", with(&|job| job.files = 0)),
        ("--threads", with(&|job| job.threads = 0)),
        ("--rows", with(&|job| job.extent = Extent::Rows(u64::MAX))),
        (
            "timestamp",
            with(&|job| {
                job.rates.missing = 0.9;
                job.rates.late = 0.2;
            }),
        ),
    ];
    for (named, job) in cases {
        let mut open = |_| -> Result<Sink, Error> { panic!("no file is opened") };
        let error = job.run(&mut open, &mut |_, _, _| ()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
}
