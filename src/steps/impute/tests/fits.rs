//! What is fitted, and told of it: exact statistics, odd cells, what is refused, memory.

use super::*;

/// The fitted statistic of a column: as printed, and as the cell to fill in.
fn statistic(method: &str, data_type: &DataType, array: &ArrayRef) -> (String, Option<Value>) {
    let step = impute(method, data_type).unwrap();
    let Prepared::Fit(mut fit) = step.prepare(None).unwrap() else {
        panic!("{method} is fitted over the whole column")
    };
    batches(array, WHOLE)
        .iter()
        .for_each(|batch| fit.observe(batch).unwrap());
    match fit.finish().unwrap() {
        FitOutcome::Done(Fitted::Statistic { exact, value }) => (exact, value),
        _ => panic!("{method} of few values takes one pass"),
    }
}

#[test]
fn the_receipt_shows_the_exact_fit() {
    let cells = [Some(12), None, Some(13)];
    let show = |method: &str, data_type: DataType| {
        statistic(method, &data_type, &encode(&cells, &data_type))
    };
    assert_eq!(
        show("mean", DataType::Int64),
        ("12.5".to_owned(), Some(Value::Int64(12)))
    );
    assert_eq!(
        show("median", DataType::Float64),
        ("12.5".to_owned(), Some(Value::Float64(12.5)))
    );
    let decimal = DataType::Decimal {
        precision: 5,
        scale: 1,
    };
    assert_eq!(
        show("mean", decimal),
        ("1.25".to_owned(), Some(Value::Decimal(12)))
    );
    let date = ("1970-01-13T12:00:00".to_owned(), Some(Value::Date(12)));
    assert_eq!(show("median", DataType::Date), date);
    assert_eq!(
        show("mode", DataType::Utf8),
        ("1012".to_owned(), Some(Value::Utf8("1012".into())))
    );
    let nothing = encode(&[None, None], &DataType::Int64);
    let none = ("no values".to_owned(), None);
    assert_eq!(statistic("mean", &DataType::Int64, &nothing), none);
    assert_eq!(statistic("median", &DataType::Int64, &nothing), none);
    assert_eq!(statistic("mode", &DataType::Int64, &nothing), none);
    let opposite = f64::build(
        vec![f64::INFINITY, f64::NEG_INFINITY],
        None,
        &ArrowType::Float64,
    );
    assert_eq!(
        statistic("mean", &DataType::Float64, &opposite),
        ("NaN".to_owned(), None)
    );
}

#[test]
fn nan_is_skipped_by_statistics_and_kept_by_fills() {
    let array = |nulls| {
        let cells = vec![f64::NAN, 0.0, 1.0, 3.0, f64::NAN];
        f64::build(cells, nulls, &ArrowType::Float64)
    };
    for (method, expected) in [
        ("mean", 2.0),
        ("median", 2.0),
        ("mode", 1.0),
        ("median:key", 2.0),
    ] {
        let step = impute(method, &DataType::Float64).unwrap();
        let nulls = vec![true, false, true, true, true].into();
        let filled = filled(&step, &array(Some(nulls)), &[0; 5], WHOLE);
        let filled = filled.as_primitive::<Float64Type>().values().to_vec();
        assert!(filled[0].is_nan() && filled[4].is_nan());
        assert_eq!(filled[1..4], [expected, 1.0, 3.0], "{method}");
    }
    let step = impute("ffill", &DataType::Float64).unwrap();
    let nulls = vec![true, false, true, true, true].into();
    let filled = filled(&step, &array(Some(nulls)), &[0; 5], WHOLE);
    assert!(filled.as_primitive::<Float64Type>().value(1).is_nan());
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let message = |method: &str, data_type| impute(method, &data_type).unwrap_err().to_string();
    assert_eq!(
        message("mean", DataType::Utf8),
        "--impute c=mean: a column of type utf8 has no mean; possible are mode, const:VALUE, \
         ffill, bfill or drop"
    );
    assert!(message("const:x", DataType::Int64).starts_with("--impute c=const:x: `x` is no int64"));
    let by_key = "median:key".parse().unwrap();
    let error = Impute::new(&column(&DataType::Int64), 0, &by_key, false, 1).unwrap_err();
    assert!(error.to_string().contains("--key"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn state_that_does_not_fit_ends_the_run() {
    let cells: Vec<_> = (0..1000).flat_map(|n| [Some(n), None]).collect();
    let keys: Vec<u32> = (0..2000).collect();
    for data_type in [DataType::Int64, DataType::Utf8] {
        let array = encode(&cells, &data_type);
        for method in ["mode", "mode:key", "bfill"] {
            let method = method.parse().unwrap();
            let step = Impute::new(&column(&data_type), 0, &method, true, 4000).unwrap();
            let error = run(&step, &array, &keys, WHOLE).unwrap_err();
            let ErrorKind::MemoryLimit {
                term,
                needed_bytes,
                limit_bytes,
                ..
            } = error.kind()
            else {
                panic!("{error}")
            };
            assert!(term.contains("c="), "{term}");
            assert!(needed_bytes > limit_bytes, "{error}");
        }
    }
}

/// A table over unlike dictionaries: each batch brings its own categories.
#[test]
fn categories_are_merged_batch_by_batch() {
    let step = impute("ffill", &DataType::Categorical).unwrap();
    let array = |cells: [Option<&str>; 3]| {
        Arc::new(cells.into_iter().collect::<DictionaryArray<Int32Type>>()) as ArrayRef
    };
    let arrays = [
        array([Some("x"), Some("y"), None]),
        array([None, None, Some("z")]),
    ];
    let mut batches: Vec<_> = arrays
        .iter()
        .flat_map(|array| batches(array, WHOLE))
        .collect();
    let Prepared::Keyed(keyed) = step.prepare(None).unwrap() else {
        panic!("forward fill needs no fit")
    };
    keyed_pass(&*keyed, &mut batches, &[0, 1, 0, 1, 0, 0], 2, true).unwrap();
    let texts = |batch: &Batch| {
        let texts = cast(batch.column(0), &ArrowType::Utf8).unwrap();
        texts
            .as_string::<i32>()
            .iter()
            .map(|t| t.unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&batches[0]), ["x", "y", "x"]);
    assert_eq!(texts(&batches[1]), ["y", "x", "z"]);
}
