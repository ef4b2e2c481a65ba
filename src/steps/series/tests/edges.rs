//! What does not fit, is late, is too much or cannot be made.

use super::*;

#[test]
fn overflows_are_null_and_counted_or_end_the_run() {
    let cells: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, 1, -2, i64::MIN]));
    for (series, expected, count) in [
        (
            Series::Running(Running::Sum),
            vec![Some(i64::MAX), None, Some(i64::MAX - 1), Some(-2)],
            1,
        ),
        (
            Series::Running(Running::Product),
            vec![Some(i64::MAX), Some(i64::MAX), None, None],
            2,
        ),
        (
            Series::Diff(1),
            vec![None, Some(1 - i64::MAX), Some(-3), Some(i64::MIN + 2)],
            0,
        ),
        (Series::Diff(3), vec![None, None, None, None], 1),
    ] {
        let step = plan(&[series], DataType::Int64, DataType::Date, CONDUCT).unwrap();
        let (results, effect) =
            run(&step, [&cells, &cells], &[0; 4], &Run::plain(1, &[3])).unwrap();
        let expected: ArrayRef = Arc::new(Int64Array::from(expected));
        assert_eq!(&results[0], &expected, "{series:?}");
        assert_eq!(effect.flaws.overflows, count, "{series:?}");
        let strict = Conduct {
            strict: true,
            ..CONDUCT
        };
        let step = plan(&[series], DataType::Int64, DataType::Date, strict).unwrap();
        let result = run(&step, [&cells, &cells], &[0; 4], &Run::plain(1, &[3]));
        assert_eq!(result.is_err(), count > 0, "{series:?}");
        if let Err(error) = result {
            assert!(
                error.to_string().contains("does not fit its type"),
                "{error}"
            );
        }
    }
}

#[test]
fn what_cannot_be_made_is_refused_with_advice() {
    let ewm = |decay| {
        Series::Ewm(Ewm {
            function: Weighted::Mean,
            decay,
            adjust: true,
            ignore_nulls: false,
            min_samples: 1,
        })
    };
    for (series, input, time, text) in [
        (
            Series::Running(Running::Sum),
            DataType::Utf8,
            DataType::Date,
            "`v` is utf8, and cumsum is made of numbers only",
        ),
        (
            Series::Diff(1),
            DataType::Boolean,
            DataType::Date,
            "numbers, dates and times only",
        ),
        (
            ewm(Decay::Row(0.5)),
            DataType::Date,
            DataType::Date,
            "--dtype v=float64",
        ),
        (
            Series::Session(1),
            DataType::Int64,
            DataType::Utf8,
            "--time `t` is utf8, not a timestamp",
        ),
        (
            ewm(Decay::Time(1)),
            DataType::Int64,
            DataType::Int64,
            "--dtype t=timestamp",
        ),
    ] {
        let message = plan(&[series], input, time, CONDUCT).unwrap_err();
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn a_late_row_ends_the_run_or_counts_as_the_latest() {
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![
        Some(10),
        Some(20),
        Some(3),
        None,
        Some(31),
    ]));
    let session = [Series::Session(10)];
    let step = plan(&session, DataType::Int64, NANOSECONDS, CONDUCT).unwrap();
    let error = run(&step, [&times, &times], &[0; 5], &Run::plain(1, &[2])).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::OutOfOrder { row: 0, .. }),
        "{error}"
    );
    let trust = Conduct {
        order: Order::Trust,
        ..CONDUCT
    };
    let step = plan(&session, DataType::Int64, NANOSECONDS, trust).unwrap();
    let (results, _) = run(&step, [&times, &times], &[0; 5], &Run::plain(1, &[2])).unwrap();
    let expected = Int64Array::from(vec![Some(0), Some(0), Some(0), None, Some(1)]);
    let expected: ArrayRef = Arc::new(expected);
    assert_eq!(&results[0], &expected);
}

#[test]
fn a_step_reads_what_it_needs() {
    let step = plan(&[Series::Count], DataType::Int64, DataType::Date, CONDUCT).unwrap();
    assert_eq!((step.reads(), step.writes()), (vec![], vec![2]));
    let session = plan(
        &[Series::Session(1)],
        DataType::Int64,
        DataType::Date,
        CONDUCT,
    );
    assert_eq!(session.unwrap().reads(), [1]);
    let both = [Series::Lag(1), Series::Diff(1)];
    let lags = plan(&both, DataType::Int64, DataType::Date, CONDUCT).unwrap();
    assert_eq!((lags.reads(), lags.writes()), (vec![0], vec![2, 3]));
}
