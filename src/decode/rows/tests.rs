//! Arrays of every type as cells of columns of every type, and what does not fit.

use std::sync::Arc;

use arrow::array::{
    Array, BinaryArray, BooleanArray, Date64Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int64Array, NullArray, StringArray, TimestampMillisecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::*;
use crate::base::{Column, DataType, Origin, Quoting, Reason, Schema, TimeUnit};
use crate::decode::NullTokens;

fn plan(data_type: DataType, origin: Origin) -> DecodePlan {
    let column = Column {
        name: "c".into(),
        data_type,
        format: None,
        origin,
    };
    DecodePlan {
        schema: Arc::new(Schema {
            columns: vec![column],
        }),
        slots: 1,
        needed: vec![true],
        fields: Arc::from([Some(0)]),
        origins: None,
        nulls: NullTokens::default(),
        quoting: Quoting::doubled(None),
    }
}

/// The cells as text, and the rows and raw texts of the rejects.
type Seen = (Vec<Option<String>>, Vec<(usize, String)>);

fn seen(cells: impl Array + 'static, data_type: &DataType, origin: Origin) -> Seen {
    let plan = plan(data_type.clone(), origin);
    let mut decoder = RowDecoder::new(&plan, cells.len());
    let cells: ArrayRef = Arc::new(cells);
    decoder.push(0, &cells).expect("text, if bytes");
    let decoded = decoder.finish(3, 0);
    let array = decoded.batch.column(0);
    assert_eq!(array.data_type(), &data_type.to_arrow());
    let counts = decoded.columns[0];
    assert_eq!(counts.nulled, decoded.rejects.len() as u64);
    let nulls = array.logical_null_count() as u64;
    assert_eq!(
        counts.nulls + counts.nulled,
        nulls,
        "every null has its reason"
    );
    let array: ArrayRef = match data_type {
        &DataType::Timestamp { unit, .. } => {
            let zoneless = DataType::Timestamp { unit, utc: false }.to_arrow();
            arrow::compute::cast(array, &zoneless).expect("the same ticks")
        }
        _ => Arc::clone(array),
    };
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(&array, &options).expect("printable");
    let rows = 0..array.len();
    let texts = rows.map(|row| {
        array
            .is_valid(row)
            .then(|| formatter.value(row).to_string())
    });
    let rejects = decoded.rejects.iter().map(|reject| {
        assert_eq!(reject.slot, Some(0));
        let raw = String::from_utf8(reject.raw.to_vec()).expect("text");
        (reject.chunk_offset, raw)
    });
    (texts.collect(), rejects.collect())
}

/// What cells of an inferred column become; none is rejected.
fn kept(cells: impl Array + 'static, data_type: &DataType) -> Vec<Option<String>> {
    let (texts, rejects) = seen(cells, data_type, Origin::Inferred);
    assert_eq!(rejects, []);
    texts
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    let texts = texts.iter().map(|text| match *text {
        "-" => None,
        text => Some(text.to_owned()),
    });
    texts.collect()
}

const US: TimeUnit = TimeUnit::Microsecond;

#[test]
fn cells_keep_their_values() {
    let time = |utc| DataType::Timestamp { unit: US, utc };
    let small = Int8Array::from(vec![Some(-128), None, Some(7)]);
    assert_eq!(
        kept(small.clone(), &DataType::Int64),
        some(&["-128", "-", "7"])
    );
    assert_eq!(
        kept(small.clone(), &DataType::Float64),
        some(&["-128.0", "-", "7.0"])
    );
    assert_eq!(
        kept(small.clone(), &DataType::Utf8),
        some(&["-128", "-", "7"])
    );
    let decimal = DataType::Decimal {
        precision: 10,
        scale: 2,
    };
    assert_eq!(kept(small, &decimal), some(&["-128.00", "-", "7.00"]));
    let tenth = Float32Array::from(vec![0.5, -3.25]);
    assert_eq!(kept(tenth, &DataType::Float64), some(&["0.5", "-3.25"]));
    // A day before 1970, and half a day of it.
    let days = Date64Array::from(vec![-86_400_000, -43_200_000, 0]);
    let expected = some(&["1969-12-31", "1969-12-31", "1970-01-01"]);
    assert_eq!(kept(days.clone(), &DataType::Date), expected);
    let expected = some(&[
        "1969-12-31T00:00:00",
        "1969-12-31T00:00:00",
        "1970-01-01T00:00:00",
    ]);
    assert_eq!(kept(days, &time(false)), expected);
    let moments = TimestampMillisecondArray::from(vec![Some(1), None]);
    let berlin = moments.with_timezone("Europe/Berlin");
    let expected = some(&["1970-01-01T00:00:00.001", "-"]);
    assert_eq!(kept(berlin.clone(), &time(true)), expected);
    let expected = some(&["1970-01-01T00:00:00.001Z", "-"]);
    assert_eq!(kept(berlin, &DataType::Utf8), expected);
    let flags = BooleanArray::from(vec![Some(true), None]);
    assert_eq!(
        kept(flags.clone(), &DataType::Boolean),
        some(&["true", "-"])
    );
    assert_eq!(kept(flags, &DataType::Categorical), some(&["true", "-"]));
    assert_eq!(kept(NullArray::new(2), &DataType::Utf8), some(&["-", "-"]));
    assert_eq!(kept(NullArray::new(1), &time(true)), some(&["-"]));
}

#[test]
fn text_stays_as_it_is() {
    let texts = ["", "NA", "x,\"y\"\n", " z "];
    let expected = some(&texts);
    assert_eq!(
        kept(StringArray::from(texts.to_vec()), &DataType::Utf8),
        expected
    );
    assert_eq!(
        kept(StringArray::from(texts.to_vec()), &DataType::Categorical),
        expected
    );
    let bytes = BinaryArray::from_iter_values(texts.iter().map(|text| text.as_bytes()));
    assert_eq!(kept(bytes, &DataType::Utf8), expected);
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    let plan = plan(DataType::Utf8, Origin::Inferred);
    let mut decoder = RowDecoder::new(&plan, 2);
    let cells: ArrayRef = Arc::new(BinaryArray::from_iter_values([&b"a"[..], b"\xFF"]));
    let mut error = decoder.push(0, &cells).expect_err("no text");
    let crate::base::ErrorKind::Row { row, .. } = error.kind_mut() else {
        panic!("{error}");
    };
    assert_eq!(*row, 1);
}

#[test]
fn a_dictionary_holds_what_is_used_once() {
    let values = StringArray::from(vec!["unused", "b", "a", "b"]);
    let keys = arrow::array::Int32Array::from(vec![Some(3), None, Some(2), Some(1)]);
    let cells = DictionaryArray::new(keys, Arc::new(values));
    let plan = plan(DataType::Categorical, Origin::Inferred);
    let mut decoder = RowDecoder::new(&plan, 4);
    let cells: ArrayRef = Arc::new(cells);
    decoder.push(0, &cells).expect("cells");
    let decoded = decoder.finish(0, 0);
    let expected: DictionaryArray<arrow::datatypes::Int32Type> =
        [Some("b"), None, Some("a"), Some("b")]
            .into_iter()
            .collect();
    assert_eq!(decoded.batch.column(0).to_data(), expected.to_data());
    let (texts, _) = seen(expected, &DataType::Utf8, Origin::Inferred);
    assert_eq!(texts, some(&["b", "-", "a", "b"]));
}

#[test]
fn what_does_not_fit_is_rejected_with_its_text() {
    let large = UInt64Array::from(vec![Some(1), Some(u64::MAX), None]);
    let (texts, rejects) = seen(large.clone(), &DataType::Int64, Origin::Inferred);
    assert_eq!(texts, some(&["1", "-", "-"]));
    assert_eq!(rejects, [(1, u64::MAX.to_string())]);
    let decimal = DataType::Decimal {
        precision: 20,
        scale: 0,
    };
    assert_eq!(
        kept(large, &decimal),
        some(&["1", "18446744073709551615", "-"])
    );
    let time = DataType::Timestamp {
        unit: US,
        utc: false,
    };
    let far = TimestampSecondArray::from(vec![i64::MAX, 0]);
    let (texts, rejects) = seen(far, &time, Origin::Inferred);
    assert_eq!(texts, some(&["-", "1970-01-01T00:00:00"]));
    assert_eq!(rejects, [(0, i64::MAX.to_string())]);
    // A number that a float would round is kept from it, unless it was asked for.
    let odd = Int64Array::from(vec![(1 << 53) + 1, 1 << 60]);
    let (_, rejects) = seen(odd.clone(), &DataType::Float64, Origin::Inferred);
    assert_eq!(rejects, [(0, "9007199254740993".to_owned())]);
    let (_, rejects) = seen(odd, &DataType::Float64, Origin::Declared);
    assert_eq!(rejects, []);
}

#[test]
fn a_declared_type_reads_cells_as_it_reads_those_of_a_text() {
    let texts = StringArray::from(vec![Some("12"), Some("x"), None, Some("NA"), Some("-3")]);
    let (found, rejects) = seen(texts, &DataType::Int64, Origin::Declared);
    assert_eq!(found, some(&["12", "-", "-", "-", "-3"]));
    assert_eq!(rejects, [(1, "x".to_owned())]);
    let floats = Float64Array::from(vec![1.5, 2.0]);
    let decimal = DataType::Decimal {
        precision: 5,
        scale: 2,
    };
    let (found, rejects) = seen(floats, &decimal, Origin::Declared);
    assert_eq!((found, rejects), (some(&["1.50", "2.00"]), vec![]));
    let fine = Decimal128Array::from(vec![12_345, 100]);
    let fine = fine.with_precision_and_scale(10, 3).expect("digits");
    let (found, rejects) = seen(fine, &decimal, Origin::Declared);
    assert_eq!(found[1], Some("0.10".to_owned()));
    assert!(rejects.iter().all(|(row, _)| *row == 0));
    let days = StringArray::from(vec!["2024-02-30", "2024-02-29"]);
    let (found, rejects) = seen(days, &DataType::Date, Origin::Declared);
    assert_eq!(found, some(&["-", "2024-02-29"]));
    assert_eq!(rejects, [(0, "2024-02-30".to_owned())]);
}

#[test]
fn reasons_and_absent_columns() {
    let mut plan = plan(DataType::Int64, Origin::Inferred);
    plan.fields = Arc::from([None]);
    assert_eq!(RowDecoder::fields(&plan), [] as [usize; 0]);
    let decoded = RowDecoder::new(&plan, 3).finish(0, 0);
    assert_eq!(decoded.batch.column(0).null_count(), 3);
    assert_eq!(decoded.columns[0].nulls, 3);

    let plan = self::plan(DataType::Int64, Origin::Inferred);
    let mut decoder = RowDecoder::new(&plan, 1);
    let cells: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    decoder.push(0, &cells).expect("cells");
    let decoded = decoder.finish(0, 0);
    assert_eq!(decoded.rejects[0].reason, Reason::OutOfRange);
}
