//! Made-up expressions over made-up batches: column by column as row by row.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int32Array,
    Int64Array, StringArray, TimestampMicrosecondArray,
};
use proptest::prelude::*;

use super::naive::{Cell, Row, cell_of};
use super::types::Type;
use super::*;
use crate::base::{ErrorKind, TimeUnit};

const NAMES: [&str; 11] = ["i", "j", "f", "g", "b", "s", "t", "c", "d", "e", "ts"];

fn types() -> [DataType; 11] {
    use DataType::{Boolean, Categorical, Date, Float64, Int64, Utf8};
    let timestamp = DataType::Timestamp {
        unit: TimeUnit::Microsecond,
        utc: false,
    };
    [
        Int64,
        Int64,
        Float64,
        Float64,
        Boolean,
        Utf8,
        Utf8,
        Categorical,
        Date,
        Date,
        timestamp,
    ]
}

fn scope() -> Vec<ScopeColumn> {
    let columns = NAMES.iter().zip(types()).enumerate();
    let columns = columns.map(|(slot, (name, data_type))| ScopeColumn {
        name: (*name).into(),
        slot,
        data_type,
    });
    columns.collect()
}

/// One row: a cell for each kind of column, twice where there are two.
type Cells = (
    [Option<i64>; 2],
    [Option<f64>; 2],
    Option<bool>,
    [Option<&'static str>; 2],
    Option<usize>,
    [Option<i32>; 2],
    Option<i64>,
);

const TEXTS: [&str; 9] = ["", "a", "aB", "abcab", "é", "ÀÉß x", "12", " -7.5 ", "1_%"];
const CATEGORIES: [&str; 4] = ["red", "aB", "é", "12"];

fn cells() -> impl Strategy<Value = Cells> {
    let int = || {
        proptest::option::weighted(
            0.85,
            prop_oneof![-3_i64..4, Just(i64::MAX), Just(i64::MIN), any::<i64>()],
        )
    };
    let float = || {
        let odd = prop_oneof![
            Just(f64::NAN),
            Just(-f64::NAN),
            Just(-0.0),
            Just(f64::INFINITY)
        ];
        proptest::option::weighted(
            0.85,
            prop_oneof![4 => (-8_i32..9).prop_map(|n| f64::from(n) / 2.0), 1 => odd],
        )
    };
    let text = || proptest::option::weighted(0.8, proptest::sample::select(&TEXTS[..]));
    let day = || proptest::option::weighted(0.85, -20_000_i32..40_000);
    (
        [int(), int()],
        [float(), float()],
        proptest::option::weighted(0.8, any::<bool>()),
        [text(), text()],
        proptest::option::weighted(0.8, 0..CATEGORIES.len()),
        [day(), day()],
        proptest::option::weighted(0.85, -2_000_000_000_000_000_i64..4_000_000_000_000_000),
    )
}

fn batch(rows: &[Cells]) -> Batch {
    let codes: Int32Array = rows
        .iter()
        .map(|row| row.4.map(|code| code as i32))
        .collect();
    let categories: ArrayRef = Arc::new(StringArray::from(CATEGORIES.to_vec()));
    let ints = |at: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.0[at]).collect::<Int64Array>())
    };
    let floats = |at: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.1[at]).collect::<Float64Array>())
    };
    let texts = |at: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.3[at]).collect::<StringArray>())
    };
    let days = |at: usize| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.5[at]).collect::<Date32Array>())
    };
    let columns: [ArrayRef; 11] = [
        ints(0),
        ints(1),
        floats(0),
        floats(1),
        Arc::new(rows.iter().map(|row| row.2).collect::<BooleanArray>()),
        texts(0),
        texts(1),
        Arc::new(DictionaryArray::new(codes, categories)),
        days(0),
        days(1),
        Arc::new(
            rows.iter()
                .map(|row| row.6)
                .collect::<TimestampMicrosecondArray>(),
        ),
    ];
    Batch {
        seq: 0,
        source: 0,
        rows: rows.len(),
        records: None,
        columns: columns.into_iter().map(Some).collect(),
    }
}

/// What kind of expression is wanted.
#[derive(Debug, Clone, Copy)]
enum Want {
    Int,
    Float,
    Bool,
    Text,
    Date,
}
use Want::{Bool, Date, Float, Int, Text};

/// Forms of expressions of a kind: `{i}` stands for a whole number, `{f}` a float, `{b}` a
/// condition, `{t}` a text, `{d}` a date.
fn forms(want: Want) -> &'static [&'static str] {
    match want {
        Int => &[
            "i",
            "j",
            "3",
            "0",
            "NULL::int64",
            "({i} + {i})",
            "({i} - {i})",
            "({i} * {i})",
            "({i} // {i})",
            "({i} % {i})",
            "(-{i})",
            "abs({i})",
            "length({t})",
            "(CASE WHEN {b} THEN {i} ELSE {i} END)",
            "(CASE {i} WHEN {i} THEN {i} WHEN {i} THEN {i} END)",
            "coalesce({i}, {i}, {i})",
            "nullif({i}, {i})",
            "CAST({t} AS int64)",
            "TRY_CAST({t} AS int64)",
            "CAST({f} AS int64)",
            "CAST({b} AS int64)",
            "year({d})",
            "quarter({d})",
            "month({d})",
            "week({d})",
            "day({d})",
            "dayofweek({d})",
            "isodow({d})",
            "dayofyear({d})",
            "isoyear(ts)",
            "hour(ts)",
            "minute(ts)",
            "second(ts)",
            "date_diff('day', {d}, {d})",
            "date_diff('month', {d}, ts)",
            "date_diff('year', {d}, {d})",
            "date_diff('hour', ts, d)",
            "({d} - {d})",
            "least({i}, {i})",
            "greatest({i}, {i}, {i})",
            "if({b}, {i}, {i})",
        ],
        Float => &[
            "f",
            "g",
            "1.5",
            "({i} / {i})",
            "({f} + {f})",
            "({f} - {i})",
            "({f} * {f})",
            "({f} / {f})",
            "({f} // {f})",
            "({f} % {f})",
            "(-{f})",
            "abs({f})",
            "sqrt({f})",
            "ln({f})",
            "(CASE WHEN {b} THEN {f} ELSE {i} END)",
            "(CASE WHEN {b} THEN 1.5 WHEN {b} THEN 2 END)",
            "coalesce({f}, {f})",
            "least({f}, {f})",
            "greatest({f}, {f})",
            "nullif({f}, {f})",
        ],
        Bool => &[
            "b",
            "true",
            "NULL::bool",
            "({i} < {i})",
            "({i} = {i})",
            "({i} >= {f})",
            "({f} < {f})",
            "({f} = {f})",
            "({f} <> {f})",
            "({f} <= {f})",
            "({t} = {t})",
            "({t} < {t})",
            "(c = {t})",
            "({t} > c)",
            "({d} <= {d})",
            "(ts > {d})",
            "({b} AND {b})",
            "({b} OR {b})",
            "(NOT {b})",
            "({i} IS NULL)",
            "({t} IS NOT NULL)",
            "({b} IS TRUE)",
            "({b} IS NOT FALSE)",
            "({i} IS DISTINCT FROM {i})",
            "({t} IS DISTINCT FROM c)",
            "({f} IS NOT DISTINCT FROM {f})",
            "({t} LIKE 'a%')",
            "({t} LIKE '%b%')",
            "({t} NOT LIKE '_')",
            "({t} LIKE 'a%b')",
            "(c LIKE '%e%')",
            "({i} IN (1, 2, 3))",
            "({i} NOT IN (1, NULL))",
            "({i} IN ({i}, {i}))",
            "({t} IN ('a', 'red', ''))",
            "({t} NOT IN ('a', NULL))",
            "({i} BETWEEN {i} AND {i})",
            "({f} NOT BETWEEN {f} AND 2)",
            "contains({t}, {t})",
            "contains(c, 'e')",
            "starts_with({t}, {t})",
            "CAST({i} AS bool)",
            "coalesce({b}, {b})",
        ],
        Text => &[
            "s",
            "t",
            "c",
            "'aB'",
            "''",
            "NULL::utf8",
            "upper({t})",
            "lower({t})",
            "upper(c)",
            "({t} || {t})",
            "concat({t}, {t}, c)",
            "concat({i}, {t})",
            "({b} || {t})",
            "substr({t}, {i})",
            "substr({t}, {i}, {i})",
            "substr(c, 2, 1)",
            "replace({t}, 'a', {t})",
            "(CASE WHEN {b} THEN {t} ELSE c END)",
            "(CASE WHEN {b} THEN 'x' WHEN {b} THEN NULL WHEN {b} THEN '' ELSE 'é' END)",
            "coalesce({t}, c, {t})",
            "nullif({t}, 'a')",
            "CAST({i} AS utf8)",
            "least({t}, {t})",
            "greatest(c, {t})",
            "CAST({d} AS utf8)",
        ],
        Date => &[
            "d",
            "e",
            "DATE '2024-02-29'",
            "(CASE WHEN {b} THEN {d} ELSE {d} END)",
            "coalesce({d}, {d})",
            "CAST(ts AS date)",
            "date_trunc('month', {d})",
            "date_trunc('year', {d})",
            "CAST({d} + INTERVAL 1 MONTH AS date)",
            "CAST({d} - INTERVAL '1 year 3 days 5 hours' AS date)",
            "least({d}, {d})",
            "({d} + 17)",
            "({d} - 3)",
        ],
    }
}

/// A made-up expression of a kind, `depth` levels deep at most.
fn expression(want: Want, depth: u32) -> BoxedStrategy<String> {
    let leaves = |form: &&'static str| depth > 0 || !form.contains('{');
    let forms: Vec<&'static str> = forms(want)
        .iter()
        .filter(|form| leaves(form))
        .copied()
        .collect();
    let form = proptest::sample::select(forms);
    form.prop_flat_map(move |form| {
        let mut parts: Vec<BoxedStrategy<String>> = Vec::new();
        for (index, piece) in form.split('{').enumerate() {
            if index == 0 {
                parts.push(Just(piece.to_owned()).boxed());
                continue;
            }
            let (hole, rest) = piece.split_once('}').expect("holes are closed");
            let want = match hole {
                "i" => Int,
                "f" => Float,
                "b" => Bool,
                "t" => Text,
                _ => Date,
            };
            parts.push(expression(want, depth.saturating_sub(1)));
            parts.push(Just(rest.to_owned()).boxed());
        }
        parts.prop_map(|parts| parts.concat())
    })
    .boxed()
}

fn any_expression() -> impl Strategy<Value = String> {
    let wants = proptest::sample::select(vec![Int, Float, Bool, Text, Date]);
    wants.prop_flat_map(|want| expression(want, 3))
}

fn same(found: &Cell, expected: &Cell) -> bool {
    match (found, expected) {
        (Cell::Float(found), Cell::Float(expected)) => {
            found == expected || (found.is_nan() && expected.is_nan())
        }
        _ => found == expected,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn columns_give_what_rows_give(
        text in any_expression(),
        rows in proptest::collection::vec(cells(), 0..20),
    ) {
        let batch = batch(&rows);
        let made = Expression::new(&text, &scope(), Settings::default());
        let made = made.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let (array, flaws) = made.evaluate(&batch).expect("no strictness, no error");
        prop_assert_eq!(array.len(), rows.len());
        prop_assert_eq!(array.data_type(), &made.data_type().to_arrow());
        let data_type = Type::of(made.data_type());
        let mut expected_flaws = Flaws::default();
        for row in 0..rows.len() {
            let mut naive = Row { batch: &batch, row, flaws: Flaws::default() };
            let expected = naive.cell(&made.root);
            expected_flaws += naive.flaws;
            let found = cell_of(&array, row, &data_type);
            prop_assert!(same(&found, &expected), "{} in row {}: {:?}, not {:?}", text, row, found, expected);
        }
        prop_assert_eq!(flaws, expected_flaws, "{}", text);
        if expected_flaws != Flaws::default() {
            let strict = Settings { strict: true, ..Settings::default() };
            let made = Expression::new(&text, &scope(), strict).expect("as before");
            let error = made.evaluate(&batch).expect_err("something is wrong");
            prop_assert!(matches!(error.kind(), ErrorKind::Row { .. }), "{}", error);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}|[a-z(),' <=+*0-9.-]{0,60}") {
        let _ = Expression::new(&text, &scope(), Settings::default());
    }
}

#[test]
fn more_rows_than_a_word_has_bits() {
    let row = |index: i32| -> Cells {
        let number = (index % 7 > 0).then(|| f64::from(index * 37 % 11) - 5.0);
        let bit = (index % 5 > 0).then_some(index % 3 > 0);
        (
            [None; 2],
            [number, Some(0.0)],
            bit,
            [None; 2],
            None,
            [None; 2],
            None,
        )
    };
    let rows: Vec<Cells> = (0..131).map(row).collect();
    let batch = batch(&rows);
    for text in [
        "f > 0",
        "f <= g",
        "CASE WHEN f < 0 THEN 'low' WHEN f < 3 THEN 'medium' ELSE 'high' END",
        "CASE WHEN b THEN 1 WHEN f = 0 THEN 2 END",
        "CASE WHEN b THEN f WHEN f > 1 THEN -f ELSE g END",
    ] {
        let made = Expression::new(text, &scope(), Settings::default()).expect(text);
        let (array, _) = made.evaluate(&batch).expect(text);
        for row in 0..rows.len() {
            let mut naive = Row {
                batch: &batch,
                row,
                flaws: Flaws::default(),
            };
            let expected = naive.cell(&made.root);
            let found = cell_of(&array, row, &Type::of(made.data_type()));
            assert!(same(&found, &expected), "{text} in row {row}: {found:?}");
        }
    }
}

#[test]
fn hashes_stay_what_they_are() {
    let rows = [(
        [Some(1), None],
        [Some(-0.0), Some(0.0)],
        Some(true),
        [Some("a"), None],
        Some(0),
        [Some(0), None],
        None,
    )];
    let batch = batch(&rows);
    let hash = |text: &str| {
        let made = Expression::new(text, &scope(), Settings::default()).expect(text);
        let (array, _) = made.evaluate(&batch).expect(text);
        cell_of(&array, 0, &Type::Int64)
    };
    assert_eq!(hash("hash(f)"), hash("hash(g)"));
    assert_eq!(hash("hash(c)"), hash("hash('red')"));
    assert_ne!(hash("hash(s, t)"), hash("hash(t, s)"));
    assert_ne!(hash("hash('ab', 'c')"), hash("hash('a', 'bc')"));
    assert_ne!(hash("hash(NULL::utf8)"), hash("hash('')"));
    assert_eq!(hash("hash(i)"), hash("hash(1)"));
}
