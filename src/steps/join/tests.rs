//! Joins against the oracle, in every form that keys come in, for any cut into batches.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int64Array, StringArray,
};
use arrow::datatypes::{Int32Type, Int64Type};
use proptest::prelude::*;

use super::naive::{self, Row};
use super::*;
use crate::base::{Direction, Duplicates};

/// The forms of a key: each tells the same keys apart.
#[derive(Debug, Clone, Copy)]
enum Form {
    Number,
    Float,
    Text,
    Dictionary,
    /// Two columns, of which the second has the null.
    Pair,
}

fn key_columns(rows: &[Row], form: Form) -> Vec<ArrayRef> {
    let keys = rows.iter().map(|(key, _)| *key);
    let texts: Vec<Option<String>> = keys
        .clone()
        .map(|key| key.map(|key| key.to_string()))
        .collect();
    let texts = texts.iter().map(Option::as_deref);
    match form {
        Form::Number => vec![Arc::new(keys.collect::<Int64Array>())],
        Form::Float => {
            // −0 is 0.
            let float = |key: i64| if key == 0 { -0.0 } else { key as f64 };
            vec![Arc::new(
                keys.map(|key| key.map(float)).collect::<Float64Array>(),
            )]
        }
        Form::Text => vec![Arc::new(texts.collect::<StringArray>())],
        Form::Dictionary => vec![Arc::new(texts.collect::<DictionaryArray<Int32Type>>())],
        Form::Pair => {
            let one = Int64Array::from(vec![7; rows.len()]);
            vec![Arc::new(one), Arc::new(texts.collect::<StringArray>())]
        }
    }
}

/// Batches of at most `most` rows: the key columns, the time, the row's number, and it as a text.
fn batches(rows: &[Row], form: Form, most: usize) -> Vec<Batch> {
    let chunks: Vec<&[Row]> = match rows.is_empty() {
        true => vec![rows],
        false => rows.chunks(most).collect(),
    };
    let mut first = 0;
    let batches = chunks.into_iter().enumerate().map(|(seq, rows)| {
        let mut columns = key_columns(rows, form);
        columns.push(Arc::new(
            rows.iter().map(|(_, time)| *time).collect::<Int64Array>(),
        ));
        let numbers = first..first + rows.len() as i64;
        first = numbers.end;
        let texts = numbers
            .clone()
            .map(|number| (number % 3 > 0).then(|| format!("row {number}")));
        columns.push(Arc::new(Int64Array::from_iter_values(numbers)));
        columns.push(Arc::new(texts.collect::<StringArray>()));
        Batch {
            seq: seq as u64,
            source: 0,
            rows: rows.len(),
            records: None,
            columns: columns.into_iter().map(Some).collect(),
        }
    });
    batches.collect()
}

/// What a join makes of `main`: for each row that is left its number and that of its match.
struct Case {
    form: Form,
    side_form: Form,
    how: JoinHow,
    duplicates: Duplicates,
    asof: Option<AsOf>,
    most: usize,
}

fn run(main: &[Row], side: &[Row], case: &Case) -> Vec<(i64, Option<i64>)> {
    let keys: Vec<usize> = (0..key_columns(&[], case.side_form).len()).collect();
    let time = keys.len();
    let keyed = Keyed {
        keys: keys.clone(),
        time: case.asof.map(|asof| (time, asof)),
        duplicates: case.duplicates,
    };
    let side = batches(side, case.side_form, case.most);
    let added = match case.how.adds_columns() {
        true => vec![time + 1, time + 2],
        false => Vec::new(),
    };
    let table = Table::new(side, &keyed, &added, &mut |_| Ok(())).expect("there is room");
    let lookup = Lookup {
        table: Arc::new(table.expect("no key stands twice")),
        label: String::new(),
        batch_bytes_max: usize::MAX,
        keys,
        time: case.asof.map(|_| time),
        how: case.how,
        outputs: (0..added.len())
            .map(|index| (index, time + 3 + index))
            .collect(),
    };
    let (mut found, mut start) = (Vec::new(), 0);
    for mut batch in batches(main, case.form, case.most) {
        let rows = batch.rows;
        batch.records = Some((0..rows as u32).map(|row| row + 3).collect());
        batch.columns.resize(time + 5, None);
        let effect = lookup.apply(&mut batch).expect("it can be joined");
        assert_eq!(effect.rows_matched + effect.rows_unmatched, rows as u64);
        assert_eq!(
            batch.rows as u64 + effect.rows_dropped,
            rows as u64 + effect.rows_added
        );
        let numbers = batch.column(time + 1).as_primitive::<Int64Type>().clone();
        for row in 0..batch.rows {
            let matched = case.how.adds_columns().then(|| {
                let cells = batch.column(time + 3).as_primitive::<Int64Type>();
                let texts =
                    arrow::compute::cast(batch.column(time + 4), &arrow::datatypes::DataType::Utf8);
                let texts = texts.expect("texts are texts");
                let texts = texts.as_string::<i32>();
                let matched = cells.is_valid(row).then(|| cells.value(row));
                let text = texts.is_valid(row).then(|| texts.value(row).to_owned());
                let expected = matched.filter(|number| number % 3 > 0);
                assert_eq!(text, expected.map(|number| format!("row {number}")));
                matched
            });
            let number = numbers.value(row);
            assert_eq!(batch.record(row) as i64, number - start + 3);
            found.push((number, matched.flatten()));
        }
        start += rows as i64;
    }
    found
}

fn expected(main: &[Row], side: &[Row], case: &Case) -> Vec<(i64, Option<i64>)> {
    let mut rows = Vec::new();
    for (index, &row) in (0_i64..).zip(main) {
        let found = match case.asof {
            None => naive::by_key(side, row, case.duplicates),
            Some(AsOf {
                direction,
                tolerance,
                allow_exact,
                ..
            }) => {
                let found = naive::as_of(side, row, direction, tolerance, allow_exact);
                found.into_iter().collect()
            }
        };
        let matches = found.iter().map(|&row| (index, Some(row as i64)));
        match (case.how, found.is_empty()) {
            (JoinHow::Left, true) | (JoinHow::Anti, true) | (JoinHow::Semi, false) => {
                rows.push((index, None));
            }
            (JoinHow::Left | JoinHow::Inner, false) => rows.extend(matches),
            _ => {}
        }
    }
    rows
}

fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let cell = |range: std::ops::Range<i64>| prop::option::weighted(0.9, range);
    prop::collection::vec((cell(-3..6), cell(-20..20)), 0..most)
}

fn hows() -> impl Strategy<Value = JoinHow> {
    prop::sample::select(vec![
        JoinHow::Left,
        JoinHow::Inner,
        JoinHow::Semi,
        JoinHow::Anti,
    ])
}

proptest! {
    #[test]
    fn rows_find_what_the_oracle_finds(
        main in rows(60),
        side in rows(30),
        how in hows(),
        duplicates in 0..3_usize,
        form in 0..6_usize,
        most in 1..20_usize,
    ) {
        let (form, side_form) = [
            (Form::Number, Form::Number),
            (Form::Float, Form::Float),
            (Form::Text, Form::Dictionary),
            (Form::Dictionary, Form::Text),
            (Form::Dictionary, Form::Dictionary),
            (Form::Pair, Form::Pair),
        ][form];
        let several = if how.adds_columns() { Duplicates::All } else { Duplicates::First };
        let duplicates = [Duplicates::First, Duplicates::Last, several][duplicates];
        let case = Case { form, side_form, how, duplicates, asof: None, most };
        let found = run(&main, &side, &case);
        prop_assert_eq!(found, expected(&main, &side, &case));
    }

    #[test]
    fn the_nearest_in_time_is_what_the_oracle_finds(
        main in rows(60),
        side in rows(40),
        how in hows(),
        direction in prop::sample::select(vec![Direction::Backward, Direction::Forward, Direction::Nearest]),
        tolerance in prop::option::of(0..12_i64),
        allow_exact in any::<bool>(),
        most in 1..20_usize,
    ) {
        let asof = AsOf { clock: Clock::Numbers, direction, tolerance, allow_exact };
        for form in [Form::Number, Form::Dictionary] {
            let case = Case {
                form, side_form: form, how, duplicates: Duplicates::Error, asof: Some(asof), most,
            };
            let found = run(&main, &side, &case);
            prop_assert_eq!(found, expected(&main, &side, &case));
        }
    }
}

#[test]
fn keys_that_stand_twice_are_told() {
    let side = [
        (Some(4), None),
        (None, None),
        (Some(5), None),
        (None, None),
        (Some(4), None),
    ];
    let keyed = Keyed {
        keys: vec![0],
        time: None,
        duplicates: Duplicates::Error,
    };
    let side = batches(&side, Form::Number, 2);
    let told = Table::new(side, &keyed, &[1], &mut |_| Ok(())).expect("there is room");
    let expected = Twice {
        rows: [0, 4],
        key: "4".to_owned(),
    };
    assert_eq!(told.expect_err("4 stands twice"), expected);
}

#[test]
fn without_keys_time_alone_decides() {
    let case = |batch: Vec<Batch>| {
        let asof = AsOf {
            clock: Clock::Numbers,
            direction: Direction::Backward,
            tolerance: None,
            allow_exact: true,
        };
        let keyed = Keyed {
            keys: Vec::new(),
            time: Some((1, asof)),
            duplicates: Duplicates::Error,
        };
        Table::new(batch, &keyed, &[2], &mut |_| Ok(())).expect("there is room")
    };
    let side = [(None, Some(10)), (None, Some(0)), (None, None)];
    let table = case(batches(&side, Form::Number, 2)).expect("times may stand twice");
    let lookup = Lookup {
        table: Arc::new(table),
        label: String::new(),
        batch_bytes_max: usize::MAX,
        keys: Vec::new(),
        time: Some(1),
        how: JoinHow::Left,
        outputs: vec![(0, 4)],
    };
    let main = [
        (None, Some(-1)),
        (None, Some(5)),
        (None, Some(99)),
        (None, None),
    ];
    let mut batch = batches(&main, Form::Number, 9).remove(0);
    batch.columns.push(None);
    let effect = lookup.apply(&mut batch).expect("it can be joined");
    assert_eq!((effect.rows_matched, effect.rows_unmatched), (2, 2));
    let found = batch.column(4).as_primitive::<Int64Type>();
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        [None, Some(1), Some(0), None]
    );
}

#[test]
fn room_is_asked_for_and_memory_counted() {
    let side: Vec<Row> = (0..10_000).map(|key| (Some(key), Some(key))).collect();
    let keyed = Keyed {
        keys: vec![0],
        time: None,
        duplicates: Duplicates::Error,
    };
    let mut asked = 0;
    let table = Table::new(
        batches(&side, Form::Number, 999),
        &keyed,
        &[2, 3],
        &mut |bytes| {
            asked = asked.max(bytes);
            Ok(())
        },
    );
    let table = table.expect("there is room").expect("no key stands twice");
    assert_eq!(table.rows(), 10_000);
    assert!(
        table.memory_bytes() > 10_000 * (12 + 4 + 8 + 8),
        "{}",
        table.memory_bytes()
    );
    assert!(asked > 10_000 * (12 + 4 + 8), "{asked} asked for");
    let refuse = &mut |_: usize| Err(ErrorKind::Interrupted.into());
    let refused = Table::new(batches(&side, Form::Number, 999), &keyed, &[2], refuse);
    assert!(refused.is_err());
}

#[test]
fn rows_that_become_too_many_are_told() {
    let side: Vec<Row> = vec![(Some(1), None); 1000];
    let keyed = Keyed {
        keys: vec![0],
        time: None,
        duplicates: Duplicates::All,
    };
    let table = Table::new(batches(&side, Form::Number, 99), &keyed, &[2], &mut |_| {
        Ok(())
    });
    let table = table.expect("there is room").expect("keys may stand twice");
    let lookup = Lookup {
        label: "join t.csv:key".to_owned(),
        table: Arc::new(table),
        keys: vec![0],
        time: None,
        how: JoinHow::Left,
        outputs: vec![(0, 4)],
        batch_bytes_max: 1 << 20,
    };
    let batch = |rows: usize| {
        let mut batch = batches(&vec![(Some(1), None); rows], Form::Number, rows).remove(0);
        batch.columns.push(None);
        batch
    };
    let effect = lookup.apply(&mut batch(10)).expect("10,000 rows fit");
    assert_eq!((effect.rows_added, effect.rows_matched), (9_990, 10));
    let told = lookup
        .apply(&mut batch(1000))
        .expect_err("1,000,000 do not");
    let told = told.to_string();
    assert!(told.contains("1000 rows that find 1000000 rows"), "{told}");
    assert!(told.contains("--chunk-rows"), "{told}");
}
