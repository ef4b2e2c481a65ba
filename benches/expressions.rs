//! What filters and derived columns cost beside the Arrow kernels that do their work, called by hand;
//! divan's items are rows.
//!
//! Rows are like transactions, in batches of a chunk's size, and one in fifty numbers is missing.
//! Both sides do the same before they are timed: they are compared cell by cell.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Datum, Float64Array, Int64Array, RecordBatch, Scalar,
    StringArray,
};
use arrow::compute::kernels::cmp::{gt, lt, lt_eq};
use arrow::compute::kernels::comparison::like;
use arrow::compute::kernels::numeric::{mul, sub};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and_kleene, filter_record_batch, is_not_null, or_kleene};
use chunketl::base::{Batch, DataType};
use chunketl::steps::expr::{Expression, ScopeColumn, Settings};
use chunketl::steps::row::{Derive, Filter};
use chunketl::steps::{LocalStep, Prepared, Step};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

const BATCH_ROWS: usize = 1 << 16;
const BATCHES: usize = 4;

fn main() {
    divan::main();
}

const COLUMNS: [(&str, DataType); 8] = [
    ("transaction_id", DataType::Int64),
    ("customer_id", DataType::Int64),
    ("region", DataType::Utf8),
    ("payment_method", DataType::Utf8),
    ("quantity", DataType::Float64),
    ("amount", DataType::Float64),
    ("discount", DataType::Float64),
    ("note", DataType::Utf8),
];

/// The slot of a derived column.
const OUTPUT: usize = COLUMNS.len();

/// Work that is done both ways.
struct Case {
    expression: &'static str,
    /// What it comes to, by kernels.
    kernels: fn(&RecordBatch) -> ArrayRef,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expression)
    }
}

const FILTERS: [Case; 3] = [
    Case {
        expression: "amount > 10 AND quantity < 5",
        kernels: |rows| {
            let over = ok(gt(column(rows, "amount"), &number(10.0)));
            let under = ok(lt(column(rows, "quantity"), &number(5.0)));
            Arc::new(ok(and_kleene(&over, &under)))
        },
    },
    Case {
        expression: "amount > 10",
        kernels: |rows| Arc::new(ok(gt(column(rows, "amount"), &number(10.0)))),
    },
    Case {
        expression: "note LIKE '%gift%' OR region IS NOT NULL",
        kernels: |rows| {
            let gifts = ok(like(column(rows, "note"), &text("%gift%")));
            let placed = ok(is_not_null(column(rows, "region").get().0));
            Arc::new(ok(or_kleene(&gifts, &placed)))
        },
    },
];

const DERIVES: [Case; 4] = [
    Case {
        expression: "quantity * amount * (1 - discount)",
        kernels: |rows| {
            let price = ok(mul(column(rows, "quantity"), column(rows, "amount")));
            let share = ok(sub(&number(1.0), column(rows, "discount")));
            ok(mul(&price, &share))
        },
    },
    Case {
        expression: "amount > quantity",
        kernels: |rows| Arc::new(ok(gt(column(rows, "amount"), column(rows, "quantity")))),
    },
    Case {
        expression: "note LIKE '%gift%'",
        kernels: |rows| Arc::new(ok(like(column(rows, "note"), &text("%gift%")))),
    },
    Case {
        expression: "CASE WHEN amount <= 100 THEN 'Low' WHEN amount <= 500 THEN 'Medium' ELSE 'High' END",
        kernels: |rows| {
            let amount = column(rows, "amount");
            let upto = |limit| trues(&ok(lt_eq(amount, &number(limit))));
            let dear = ok(zip(&upto(500.0), &text("Medium"), &text("High")));
            ok(zip(&upto(100.0), &text("Low"), &dear))
        },
    },
];

fn number(value: f64) -> Scalar<Float64Array> {
    Float64Array::new_scalar(value)
}

fn text(value: &str) -> Scalar<StringArray> {
    StringArray::new_scalar(value)
}

fn column<'a>(rows: &'a RecordBatch, name: &str) -> &'a dyn Datum {
    rows.column_by_name(name).expect("a column of the bench")
}

/// Null is not TRUE.
fn trues(array: &BooleanArray) -> BooleanArray {
    match array.nulls() {
        Some(nulls) => BooleanArray::new(array.values() & nulls.inner(), None),
        None => array.clone(),
    }
}

fn ok<T>(result: Result<T, arrow::error::ArrowError>) -> T {
    result.expect("kernels refuse nothing here")
}

/// Numbers that look random: SplitMix64.
fn random(index: u64) -> u64 {
    let mut x = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn cells(seq: usize, index: usize) -> ArrayRef {
    let rows = (0..BATCH_ROWS).map(|row| (seq * BATCH_ROWS + row) as u64);
    let bits = rows.map(|row| random(row * COLUMNS.len() as u64 + index as u64) >> 8);
    let missing = |bits: u64| bits.is_multiple_of(50);
    let of = |bits: u64, count: u64| (bits >> 8) % count;
    let optional = |count: u64, unit: f64| -> ArrayRef {
        let value = |bits| (!missing(bits)).then(|| of(bits, count) as f64 / unit);
        Arc::new(bits.clone().map(value).collect::<Float64Array>())
    };
    match COLUMNS[index].0 {
        "transaction_id" | "customer_id" => {
            let ids = bits.clone().map(|bits| of(bits, 100_000) as i64);
            Arc::new(Int64Array::from_iter_values(ids))
        }
        "quantity" => optional(20, 1.0),
        "amount" => optional(20_000, 100.0),
        "discount" => optional(50, 100.0),
        "note" => Arc::new(StringArray::from_iter(bits.clone().map(|bits| {
            let words = [
                "",
                "paid",
                "wrapped as a gift, thanks",
                "call before delivery",
            ];
            (of(bits, 4) > 0).then(|| words[of(bits >> 2, 4) as usize])
        }))),
        _ => Arc::new(StringArray::from_iter(bits.clone().map(|bits| {
            let words = ["North", "South", "Overseas", "Central"];
            (!missing(bits)).then(|| words[of(bits, 4) as usize])
        }))),
    }
}

fn batches() -> Vec<Batch> {
    let batch = |seq| {
        let columns = (0..COLUMNS.len()).map(|index| Some(cells(seq, index)));
        Batch {
            seq: seq as u64,
            source: 0,
            rows: BATCH_ROWS,
            records: None,
            columns: columns.chain([None]).collect(),
        }
    };
    (0..BATCHES).map(batch).collect()
}

/// The same rows as the kernels know them.
fn record_batch(batch: &Batch) -> RecordBatch {
    let columns = COLUMNS.iter().zip(&batch.columns);
    let named = columns.map(|((name, _), cells)| (*name, cells.clone().expect("there"), true));
    ok(RecordBatch::try_from_iter_with_nullable(named))
}

fn expression(text: &str) -> Expression {
    let columns = COLUMNS.iter().enumerate();
    let scope: Vec<ScopeColumn> = columns
        .map(|(slot, (name, data_type))| ScopeColumn {
            name: (*name).into(),
            slot,
            data_type: data_type.clone(),
        })
        .collect();
    Expression::new(text, &scope, Settings::default()).expect("an expression")
}

fn local(step: &dyn Step) -> Arc<dyn LocalStep> {
    match step.prepare(None).expect("ready") {
        Prepared::Local(step) => step,
        _ => unreachable!("steps on one row at a time"),
    }
}

fn filter_step(case: &Case) -> Arc<dyn LocalStep> {
    local(&Filter::new("bench".into(), expression(case.expression)))
}

fn derive_step(case: &Case) -> Arc<dyn LocalStep> {
    let expression = expression(case.expression);
    local(&Derive::new("bench".into(), OUTPUT, expression))
}

fn filter_by_kernels(case: &Case, rows: &RecordBatch) -> RecordBatch {
    let mask = (case.kernels)(rows);
    ok(filter_record_batch(rows, mask.as_boolean()))
}

fn check_filter(case: &Case, batch: &Batch) {
    let wanted = filter_by_kernels(case, &record_batch(batch));
    assert!((1..BATCH_ROWS).contains(&wanted.num_rows()), "some leave");
    let mut kept = batch.clone();
    filter_step(case).apply(&mut kept).expect("no flaw");
    assert_eq!(kept.rows, wanted.num_rows());
    assert_eq!(record_batch(&kept), wanted);
}

fn check_derive(case: &Case, batch: &Batch) {
    let mut with = batch.clone();
    derive_step(case).apply(&mut with).expect("no flaw");
    let derived = with.column(OUTPUT);
    assert_eq!(**derived, *(case.kernels)(&record_batch(batch)));
}

/// Times work on each batch in turn; what it makes is dropped at once, so that its memory serves
/// again, as in a run.
fn time<B, R>(bencher: Bencher<'_, '_>, batches: &[B], work: impl Fn(&B) -> R) {
    let bencher = bencher.counter(ItemsCount::new(BATCHES * BATCH_ROWS));
    bencher.bench_local(|| {
        for batch in batches {
            drop(black_box(work(batch)));
        }
    });
}

fn ours(bencher: Bencher<'_, '_>, batches: &[Batch], step: &dyn LocalStep) {
    time(bencher, batches, |batch| {
        let mut batch = batch.clone();
        step.apply(&mut batch).expect("no flaw");
        batch
    });
}

mod filter {
    use super::*;

    #[divan::bench(args = FILTERS)]
    fn chunketl(bencher: Bencher<'_, '_>, case: &Case) {
        let batches = batches();
        check_filter(case, &batches[0]);
        ours(bencher, &batches, &*filter_step(case));
    }

    #[divan::bench(args = FILTERS)]
    fn kernels(bencher: Bencher<'_, '_>, case: &Case) {
        let batches: Vec<_> = batches().iter().map(record_batch).collect();
        time(bencher, &batches, |rows| filter_by_kernels(case, rows));
    }
}

mod derive {
    use super::*;

    #[divan::bench(args = DERIVES)]
    fn chunketl(bencher: Bencher<'_, '_>, case: &Case) {
        let batches = batches();
        check_derive(case, &batches[0]);
        ours(bencher, &batches, &*derive_step(case));
    }

    #[divan::bench(args = DERIVES)]
    fn kernels(bencher: Bencher<'_, '_>, case: &Case) {
        let batches: Vec<_> = batches().iter().map(record_batch).collect();
        time(bencher, &batches, |rows| (case.kernels)(rows));
    }
}
