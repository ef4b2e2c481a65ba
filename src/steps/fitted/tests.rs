//! Every step against its plain twin, whatever the order of the batches and where they are cut.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType as ArrowType, Float64Type, Int64Type};
use proptest::prelude::*;

use super::*;
use crate::base::{Batch, Beyond, NullCategory, Origin, Outliers, Result, Scaling};
use crate::steps::{Effect, FitOutcome, Fitted, Prepared, Step};

fn site(data_type: DataType) -> Site {
    Site {
        label: "a step".to_owned(),
        place: "step (run.toml:1)".to_owned(),
        column: Column {
            name: "a".into(),
            data_type,
            format: None,
            origin: Origin::Derived,
        },
        input: 0,
        fit_bytes_max: 1 << 20,
        strict: false,
    }
}

/// How a column is cut into batches, and in which order a fit sees them.
#[derive(Debug, Clone, Copy)]
struct Cut {
    batch_rows: usize,
    backwards: bool,
}

fn cuts() -> impl Strategy<Value = Cut> {
    (1..20usize, any::<bool>()).prop_map(|(batch_rows, backwards)| Cut {
        batch_rows,
        backwards,
    })
}

/// `array` cut up, with `slots` slots; of text every other piece is a dictionary.
fn batches(array: &ArrayRef, cut: Cut, slots: usize) -> Vec<Batch> {
    let starts = (0..array.len()).step_by(cut.batch_rows).enumerate();
    let batch = |(seq, start): (usize, usize)| {
        let rows = cut.batch_rows.min(array.len() - start);
        let mut piece = array.slice(start, rows);
        if seq % 2 == 1 && array.data_type() == &ArrowType::Utf8 {
            piece = cast(&piece, &DataType::Categorical.to_arrow()).unwrap();
        }
        let mut columns = vec![None; slots];
        columns[0] = Some(piece);
        Batch {
            seq: seq as u64,
            source: 0,
            rows,
            records: None,
            columns,
        }
    };
    starts.map(batch).collect()
}

/// What is learnt of `array`.
fn learn(step: &dyn Step, array: &ArrayRef, cut: Cut) -> Result<Option<Fitted>> {
    let Prepared::Fit(mut fit) = step.prepare(None)? else {
        return Ok(None);
    };
    loop {
        let mut order = batches(array, cut, 1);
        if cut.backwards {
            order.reverse();
        }
        order.iter().try_for_each(|batch| fit.observe(batch))?;
        assert!(fit.memory_bytes() < 3 << 20);
        fit = match fit.finish()? {
            FitOutcome::Done(fitted) => return Ok(Some(fitted)),
            FitOutcome::Again(fit) => fit,
        };
    }
}

/// Runs `step` over `array`; returns the columns that it made.
fn run(step: &dyn Step, array: &ArrayRef, cut: Cut) -> Result<(Vec<ArrayRef>, Effect)> {
    let fitted = learn(step, array, cut)?;
    let Prepared::Local(local) = step.prepare(fitted.as_ref())? else {
        panic!("what is fitted runs row by row");
    };
    let made = step.writes();
    let mut pieces = vec![Vec::new(); made.len()];
    let mut effect = Effect::default();
    for mut batch in batches(array, cut, 20) {
        let of_batch = local.apply(&mut batch)?;
        effect.outliers += of_batch.outliers;
        effect.flaws += of_batch.flaws;
        for (pieces, slot) in pieces.iter_mut().zip(&made) {
            let column = batch.column(*slot);
            column.to_data().validate_full().unwrap();
            assert_eq!(column.len(), batch.rows);
            pieces.push(Arc::clone(column));
        }
    }
    let columns = pieces.iter().map(|pieces| {
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        concat(&pieces).unwrap()
    });
    Ok((columns.collect(), effect))
}

fn floats(array: &ArrayRef) -> Vec<Option<f64>> {
    array.as_primitive::<Float64Type>().iter().collect()
}

fn texts(array: &ArrayRef) -> Vec<Option<String>> {
    let plain = cast(array, &ArrowType::Utf8).unwrap();
    let texts = plain.as_string::<i32>().iter();
    texts.map(|text| text.map(str::to_owned)).collect()
}

/// Equal to 9 digits of the largest number there is.
fn close(found: &[Option<f64>], expected: &[Option<f64>]) -> bool {
    let largest = expected
        .iter()
        .flatten()
        .fold(1.0_f64, |most, x| most.max(x.abs()));
    let is_close = |(found, expected): (&Option<f64>, &Option<f64>)| match (found, expected) {
        (Some(found), Some(expected)) => {
            found == expected
                || (found - expected).abs() <= 1e-9 * largest
                || (found.is_nan() && expected.is_nan())
        }
        (found, expected) => found == expected,
    };
    found.len() == expected.len() && found.iter().zip(expected).all(is_close)
}

fn cells() -> impl Strategy<Value = Vec<Option<f64>>> {
    let cell = prop_oneof![
        6 => -50.0..50.0f64,
        4 => (-8..8i32).prop_map(f64::from),
        1 => Just(f64::NAN),
    ];
    prop::collection::vec(prop::option::weighted(0.9, cell), 1..80)
}

fn array(cells: &[Option<f64>]) -> ArrayRef {
    Arc::new(cells.iter().copied().collect::<Float64Array>())
}

fn clean(cells: &[Option<f64>]) -> Vec<Option<f64>> {
    cells
        .iter()
        .map(|cell| cell.filter(|cell| !cell.is_nan()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn scaled_as_the_plain_twin(cells in cells(), cut in cuts()) {
        let known = clean(&cells);
        let quartile = |share| naive::quantile(&known, share);
        for scaling in [Scaling::Standard, Scaling::MinMax, Scaling::Robust] {
            let step = Scale::new(site(DataType::Float64), 1, scaling).unwrap();
            let (columns, _) = run(&step, &array(&cells), cut).unwrap();
            let line = match scaling {
                Scaling::Standard => naive::moments(&known),
                Scaling::MinMax => naive::extremes(&known).map(|[low, high]| [low, high - low]),
                Scaling::Robust => quartile(0.5)
                    .map(|middle| [middle, quartile(0.75).unwrap() - quartile(0.25).unwrap()]),
            };
            let [middle, width] = line.unwrap_or([0.0, 1.0]);
            let width = if width.abs() < 1e-12 { 1.0 } else { width };
            let expected: Vec<_> =
                cells.iter().map(|cell| cell.map(|cell| (cell - middle) / width)).collect();
            prop_assert!(close(&floats(&columns[0]), &expected), "{} {:?}", scaling, cells);
        }
    }

    /// What is learnt is the same to the bit, whatever the batches.
    #[test]
    fn nothing_depends_on_batches(cells in cells(), one in cuts(), other in cuts()) {
        let steps: [Box<dyn Step>; 3] = [
            Box::new(Scale::new(site(DataType::Float64), 1, Scaling::Standard).unwrap()),
            Box::new(Scale::new(site(DataType::Float64), 1, Scaling::Robust).unwrap()),
            Box::new(Scale::new(site(DataType::Float64), 1, Scaling::MinMax).unwrap()),
        ];
        for step in &steps {
            let learnt = |cut| match learn(&**step, &array(&cells), cut).unwrap() {
                Some(Fitted::Numbers { exact, values }) => {
                    (exact, values.iter().map(|value| value.to_bits()).collect::<Vec<_>>())
                }
                _ => panic!("numbers are learnt"),
            };
            prop_assert_eq!(learnt(one), learnt(other));
        }
    }

    #[test]
    fn outliers_as_the_plain_twin(cells in cells(), cut in cuts(), times in 0.1..2.0f64) {
        let known = clean(&cells);
        let quartile = |share| naive::quantile(&known, share).unwrap_or_default();
        for outliers in
            [Outliers::Iqr(times), Outliers::ZScore(times), Outliers::Quantiles(0.1, 0.8)]
        {
            let [low, high] = match outliers {
                Outliers::Iqr(times) => {
                    let reach = times * (quartile(0.75) - quartile(0.25));
                    [quartile(0.25) - reach, quartile(0.75) + reach]
                }
                Outliers::ZScore(times) => {
                    let [mean, deviation] = naive::moments(&known).unwrap_or_default();
                    [mean - times * deviation, mean + times * deviation]
                }
                Outliers::Quantiles(low, high) => [quartile(low), quartile(high)],
            };
            // A cell at a limit may be rounded to either side of it.
            let near = |cell: f64| (cell - low).abs() < 1e-9 || (cell - high).abs() < 1e-9;
            let out = known.iter().flatten().filter(|&&cell| cell < low || cell > high);
            let out = out.filter(|&&cell| !near(cell)).count() as u64;
            let near = known.iter().flatten().filter(|&&cell| near(cell)).count() as u64;
            let held: Vec<_> = { cells.iter() }
                .map(|cell| cell.map(|x| if x.is_nan() { x } else { x.max(low).min(high) }))
                .collect();
            let step = ClipOutliers::new(site(DataType::Float64), 1, outliers, Beyond::Limit);
            let (columns, effect) = run(&step.unwrap(), &array(&cells), cut).unwrap();
            prop_assert!(close(&floats(&columns[0]), &held), "{} {:?}", outliers, cells);
            prop_assert!((out..=out + near).contains(&effect.outliers), "{}", outliers);
            let step = ClipOutliers::new(site(DataType::Float64), 1, outliers, Beyond::Null);
            let (columns, nulled) = run(&step.unwrap(), &array(&cells), cut).unwrap();
            prop_assert_eq!(nulled.outliers, effect.outliers);
            let nulls = cells.iter().filter(|cell| cell.is_none()).count() as u64;
            prop_assert_eq!(columns[0].null_count() as u64, nulls + effect.outliers);
        }
    }

    #[test]
    fn bins_as_the_plain_twin(cells in cells(), cut in cuts(), bins in 1..7usize) {
        let shares: Vec<f64> = (0..=bins).map(|bin| bin as f64 / bins as f64).collect();
        let quantiles = Quantiles { shares, labels: Vec::new(), merge_edges: true };
        let step = Qcut::new(site(DataType::Float64), 1, quantiles).unwrap();
        let Some(Fitted::Numbers { mut values, .. }) = learn(&step, &array(&cells), cut).unwrap()
        else { panic!("numbers are learnt") };
        for (edge, bin) in values.iter().zip(0..) {
            let expected = naive::quantile(&clean(&cells), f64::from(bin) / bins as f64).unwrap();
            prop_assert!((edge - expected).abs() < 1e-9);
        }
        values.dedup();
        let (columns, _) = run(&step, &array(&cells), cut).unwrap();
        let labels = texts(&columns[0]);
        for (cell, label) in cells.iter().zip(labels) {
            let bin = cell.and_then(|cell| naive::bin(cell, &values));
            let expected = bin.map(|at| {
                let open = if at == 0 { '[' } else { '(' };
                format!("{open}{}, {}]", values[at], values[at + 1])
            });
            prop_assert_eq!(label, expected);
            prop_assert!(cell.is_none_or(|cell| cell.is_nan() || values.len() < 2 || bin.is_some()));
        }
    }

    #[test]
    fn categories_as_the_plain_twin(
        cells in prop::collection::vec(prop::option::weighted(0.8, "[a-dé]{0,2}"), 1..60),
        cut in cuts(),
    ) {
        let array: ArrayRef = Arc::new(cells.iter().cloned().collect::<StringArray>());
        let expected = naive::categories(&cells);
        let place = |text: &String| expected.iter().position(|known| known == text);
        let step = Ordinal::new(site(DataType::Utf8), 1, None).unwrap();
        let (columns, effect) = run(&step, &array, cut).unwrap();
        let codes: Vec<Option<i64>> = columns[0].as_primitive::<Int64Type>().iter().collect();
        let wanted: Vec<Option<i64>> = { cells.iter() }
            .map(|cell| cell.as_ref().and_then(place).map(|at| at as i64))
            .collect();
        prop_assert_eq!(codes, wanted);
        prop_assert_eq!(effect, Effect::default());

        let some = expected.iter().step_by(2).take(9).cloned().collect::<Vec<_>>();
        for null in [NullCategory::False, NullCategory::Null, NullCategory::Column] {
            let site = site(DataType::Utf8);
            let categories = site.categories(&some).unwrap();
            let of_null = usize::from(null == NullCategory::Column);
            let outputs = (1..=some.len() + of_null).collect();
            let step = OneHot::new(site, outputs, categories, null).unwrap();
            let (columns, effect) = run(&step, &array, cut).unwrap();
            let is_other = |cell: &&Option<String>| {
                cell.as_ref().is_some_and(|text| !some.contains(text))
            };
            let others = cells.iter().filter(is_other).count() as u64;
            prop_assert_eq!(effect.flaws.unknown_categories, others);
            let names = some.iter().map(Some).chain((of_null == 1).then_some(None));
            for (name, column) in names.zip(&columns) {
                let flags: Vec<Option<bool>> = column.as_boolean().iter().collect();
                let flag = |cell: &Option<String>| match (cell, null) {
                    (None, NullCategory::Null) => None,
                    (cell, _) => Some(cell.as_ref() == name),
                };
                prop_assert_eq!(flags, cells.iter().map(flag).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn integers_decimals_and_flags_are_taken_as_they_are() {
    let cut = Cut {
        batch_rows: 2,
        backwards: true,
    };
    let whole: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![
        Some(30),
        None,
        Some(10),
        Some(20),
    ]));
    let step = Scale::new(site(DataType::Int64), 1, Scaling::MinMax).unwrap();
    let (columns, _) = run(&step, &whole, cut).unwrap();
    assert_eq!(floats(&columns[0]), [Some(1.0), None, Some(0.0), Some(0.5)]);
    let step = Ordinal::new(site(DataType::Int64), 1, None).unwrap();
    let (columns, _) = run(&step, &whole, cut).unwrap();
    let codes: Vec<_> = columns[0].as_primitive::<Int64Type>().iter().collect();
    assert_eq!(codes, [Some(2), None, Some(0), Some(1)]);
    let decimal = DataType::Decimal {
        precision: 10,
        scale: 1,
    };
    let parts = cast(&whole, &decimal.to_arrow()).unwrap();
    let rule = Outliers::Quantiles(0.0, 0.5);
    let step = ClipOutliers::new(site(decimal.clone()), 1, rule, Beyond::Null).unwrap();
    let (columns, effect) = run(&step, &parts, cut).unwrap();
    assert_eq!((columns[0].null_count(), effect.outliers), (2, 1));
    assert_eq!(columns[0].data_type(), &decimal.to_arrow());
    let flags: ArrayRef = Arc::new(arrow::array::BooleanArray::from(vec![true, false]));
    let step = Ordinal::new(site(DataType::Boolean), 1, None).unwrap();
    let (columns, _) = run(&step, &flags, cut).unwrap();
    assert_eq!(&**columns[0].as_primitive::<Int64Type>().values(), [1, 0]);
}

#[test]
fn what_has_no_answer_says_so() {
    let number = site(DataType::Float64);
    let text = site(DataType::Utf8);
    for message in [
        Scale::new(text.clone(), 1, Scaling::Robust).unwrap_err(),
        ClipOutliers::new(text.clone(), 1, Outliers::Iqr(1.5), Beyond::Null).unwrap_err(),
    ] {
        assert_eq!(message, "needs numbers; the column is utf8");
    }
    let message = Ordinal::new(number.clone(), 1, None).unwrap_err();
    assert!(
        message.contains("float64 column are no categories"),
        "{message}"
    );
    let message = LearnCategories::new(number.clone(), 9).unwrap_err();
    assert!(message.contains("cut it into bins"), "{message}");

    let cut = Cut {
        batch_rows: 3,
        backwards: false,
    };
    let same = array(&[Some(3.0), Some(3.0), Some(4.0), None]);
    let quantiles = |labels: &[&str], merge_edges| Quantiles {
        shares: vec![0.0, 0.5, 1.0],
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        merge_edges,
    };
    let qcut = |labels: &[&str], merge_edges| {
        Qcut::new(number.clone(), 1, quantiles(labels, merge_edges)).unwrap()
    };
    let error = run(&qcut(&[], false), &same, cut).unwrap_err();
    let expected = "step (run.toml:1): the quantiles 0 and 0.5 are both 3";
    assert!(error.to_string().starts_with(expected), "{error}");
    let error = run(&qcut(&["low", "high"], true), &same, cut).unwrap_err();
    assert!(error.to_string().contains("1 bins are left"), "{error}");
    let (columns, _) = run(&qcut(&[], true), &same, cut).unwrap();
    assert_eq!(texts(&columns[0])[2].as_deref(), Some("[3, 4]"));
    // Nothing to learn from: nothing to tell.
    let empty = array(&[None, Some(f64::NAN), None]);
    let (columns, _) = run(&qcut(&["low", "high"], false), &empty, cut).unwrap();
    assert_eq!(columns[0].null_count(), 3);
    let infinite = array(&[Some(f64::NEG_INFINITY), Some(f64::INFINITY)]);
    let error = run(&qcut(&[], true), &infinite, cut).unwrap_err();
    assert!(error.to_string().contains("infinite"), "{error}");
}

#[test]
fn too_many_categories_are_told() {
    let cut = Cut {
        batch_rows: 10,
        backwards: false,
    };
    let names: Vec<String> = (0..60).map(|name| format!("n{name}")).collect();
    let many: ArrayRef = Arc::new(StringArray::from_iter_values(&names));
    let step = LearnCategories::new(site(DataType::Utf8), 50).unwrap();
    let error = learn(&step, &many, cut).map(|_| ()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("60 categories, more than the 50"),
        "{error}"
    );
    let step = LearnCategories::new(
        Site {
            fit_bytes_max: 500,
            ..site(DataType::Utf8)
        },
        50,
    );
    let error = learn(&step.unwrap(), &many, cut).map(|_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
}
