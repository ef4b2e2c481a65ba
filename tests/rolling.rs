//! Rolling against its plain twin and against frozen answers of pandas.

#[path = "../fuzz/checks/rolling.rs"]
mod check;

use std::path::Path;

use check::{Scenario, agree, check, compare, number, run};
use chunketl::base::{Function, Window};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

fn any_function() -> impl Strategy<Value = Function> {
    prop_oneof![
        prop::sample::select(vec![
            Function::Mean,
            Function::Sum,
            Function::Min,
            Function::Max,
            Function::Std,
            Function::Var,
            Function::Count,
            Function::Median,
            Function::First,
            Function::Last,
        ]),
        (0.0..=1.0).prop_map(Function::Quantile),
    ]
}

fn any_window() -> impl Strategy<Value = (Window, Option<u32>)> {
    let rows = prop::sample::select(vec![1, 2, 3, 7, 30, 63, 64, 65, 66, 100, 300, 1_000_000]);
    let rows = rows.prop_flat_map(|rows| {
        (
            Just(Window::Rows(rows)),
            prop::option::weighted(0.7, 0..=rows.min(70)),
        )
    });
    let times = (
        prop::sample::select(vec![1, 2, 10, 100, 600, 5_000_000]),
        prop::option::of(0..9_u32),
    );
    prop_oneof![
        rows,
        times.prop_map(|(length, min)| (Window::Time(length), min))
    ]
}

/// Rows in one of several tempers: everyday numbers, hard ones, few distinct ones, gaps.
fn any_rows() -> impl Strategy<Value = Vec<(Option<i64>, Option<i64>, Option<f64>)>> {
    let value = prop_oneof![
        Just((16..200_u8).boxed()),
        Just((0..=255_u8).boxed()),
        Just((216..=239_u8).boxed()),
        Just(prop_oneof![Just(3_u8), Just(250)].boxed()),
        Just(prop_oneof![9 => Just(250_u8), 1 => 220..232_u8].boxed()),
    ];
    (value, 1..4_i64, 0..260_usize).prop_flat_map(|(value, keys, count)| {
        let key = prop::option::weighted(0.9, 0..keys);
        let time = (prop::option::weighted(0.95, Just(())), -1..9_i64);
        prop::collection::vec((key, time, value), count).prop_map(|rows| {
            let mut now = 0;
            let row = |(key, (present, step), value): (_, (Option<()>, i64), u8)| {
                now += step;
                (key, present.map(|()| now), number(value))
            };
            rows.into_iter().map(row).collect()
        })
    })
}

proptest! {
    #![proptest_config(Config::with_cases(100))]

    #[test]
    fn rolling_agrees_with_its_plain_twin(
        rows in any_rows(),
        windows in prop::collection::vec((any_function(), any_window()), 1..6),
        shards in 0..4_u32,
        batch_rows in prop::collection::vec(1..130_usize, 1..5),
    ) {
        let windows = windows.into_iter().map(|(function, (window, min))| (function, window, min));
        compare(&Scenario { rows, windows: windows.collect(), shards: 1 << shards, batch_rows });
    }
}

#[test]
fn seeded_bytes_agree_with_the_plain_twin() {
    let config = Config {
        cases: 100,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"rolling against its plain twin!!");
    let bytes = prop::collection::vec(any::<u8>(), 0..600);
    TestRunner::new_with_rng(config, rng)
        .run(&bytes, |bytes| {
            check(&bytes);
            Ok(())
        })
        .unwrap();
}

/// Long windows that cross from sorted arrays to blocks and back, and exact sums that slide.
#[test]
fn long_windows_agree_with_the_plain_twin() {
    let functions = [
        Function::Sum,
        Function::Mean,
        Function::Var,
        Function::Min,
        Function::Max,
        Function::Median,
        Function::Quantile(0.9),
        Function::First,
        Function::Last,
        Function::Count,
    ];
    let row = |row: i64| {
        // A burst in time, then a gap, and huge values that cancel in the middle.
        let time = if row < 2000 { row / 4 } else { row * 40 };
        let value = match row {
            700 => 1e300,
            701 => 1e200,
            702 => -1e300,
            703 => -1e200,
            _ => ((row * 7919) % 1009) as f64 / 16.0,
        };
        (Some(0), Some(time), (row % 11 > 0).then_some(value))
    };
    for window in [
        Window::Rows(600),
        Window::Rows(1500),
        Window::Time(300),
        Window::Time(2000),
    ] {
        compare(&Scenario {
            rows: (0..2600).map(row).collect(),
            windows: functions
                .map(|function| (function, window, Some(1)))
                .to_vec(),
            shards: 1,
            batch_rows: vec![1000, 77],
        });
    }
}

/// Reads a frozen file: its rows and windows, and the answers of pandas, column by column.
fn frozen(name: &str) -> (Scenario, Vec<Vec<Option<f64>>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/rolling");
    let mut reader = csv::Reader::from_path(folder.join(name)).unwrap();
    let window = |header: &str| {
        let parts: Vec<_> = header.split(':').collect();
        let [function, window, min_samples] = parts[..] else {
            panic!("{header} names no window");
        };
        (
            function.parse().unwrap(),
            window.parse().unwrap(),
            min_samples.parse().ok(),
        )
    };
    let windows: Vec<_> = reader
        .headers()
        .unwrap()
        .iter()
        .skip(3)
        .map(window)
        .collect();
    let mut expected = vec![Vec::new(); windows.len()];
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        rows.push((
            record[0].parse().ok(),
            record[1].parse().ok(),
            record[2].parse().ok(),
        ));
        for (column, cell) in expected.iter_mut().zip(record.iter().skip(3)) {
            column.push((!cell.is_empty()).then(|| cell.parse().unwrap()));
        }
    }
    let scenario = Scenario {
        rows,
        windows,
        shards: 2,
        batch_rows: vec![7, 4],
    };
    (scenario, expected)
}

#[test]
fn rolling_agrees_with_pandas() {
    for name in ["gaps.csv", "times.csv", "infinite.csv", "steps.csv"] {
        let (scenario, expected) = frozen(name);
        assert!(scenario.rows.len() >= 20 && scenario.windows.len() >= 39);
        let results = run(&scenario, &check::specs(&scenario));
        for ((window, result), expected) in scenario.windows.iter().zip(results).zip(expected) {
            for (row, (&result, &expected)) in result.iter().zip(&expected).enumerate() {
                assert!(
                    agree(result, expected),
                    "{name}, row {row} of {window:?}: {result:?} instead of {expected:?}"
                );
            }
        }
    }
}
