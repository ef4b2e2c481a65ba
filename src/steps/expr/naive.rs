//! The plain twin of this room: one row at a time, one cell at a time, by the book.
//!
//! In: a bound expression, a batch and a row. Out: its cell, and what was wrong on the way. It asks
//! for no side that is not needed, so that its counts are what the column-wise evaluation must
//! arrive at by masks. Dates are jiff's, LIKE is a regular expression.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use jiff::civil::{Date, DateTime};
use jiff::{Span as Days, Unit};

use super::node::{Arithmetic, Comparison, Function, Kind, Node, Set};
use super::time::{Part, Span};
use super::types::Type;
use crate::base::{Batch, Flaws};

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Decimal(i128),
    Text(String),
    Day(i64),
    Moment(i64),
}

/// The cell in a row of an array.
pub(super) fn cell_of(array: &ArrayRef, row: usize, data_type: &Type) -> Cell {
    fn value<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> T::Native {
        array.as_primitive::<T>().value(row)
    }
    if array
        .logical_nulls()
        .is_some_and(|nulls| nulls.is_null(row))
    {
        return Cell::Null;
    }
    match data_type {
        Type::Null | Type::Interval => Cell::Null,
        Type::Boolean => Cell::Boolean(array.as_boolean().value(row)),
        Type::Int64 => Cell::Integer(value::<Int64Type>(array, row)),
        Type::Float64 => Cell::Float(value::<Float64Type>(array, row)),
        Type::Decimal { .. } => Cell::Decimal(value::<Decimal128Type>(array, row)),
        Type::Date => Cell::Day(value::<Date32Type>(array, row).into()),
        Type::Timestamp { .. } => Cell::Moment(value::<TimestampMicrosecondType>(array, row)),
        Type::Text => match array.as_dictionary_opt::<Int32Type>() {
            None => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
            Some(dictionary) => {
                let code = dictionary.keys().value(row) as usize;
                Cell::Text(
                    dictionary
                        .values()
                        .as_string::<i32>()
                        .value(code)
                        .to_owned(),
                )
            }
        },
    }
}

/// A row of a batch, and what was wrong in it so far.
pub(super) struct Row<'a> {
    pub(super) batch: &'a Batch,
    pub(super) row: usize,
    pub(super) flaws: Flaws,
}

impl Row<'_> {
    /// The cell of `node`.
    pub(super) fn cell(&mut self, node: &Node) -> Cell {
        match &node.kind {
            Kind::Column(slot) => cell_of(self.batch.column(*slot), self.row, &node.data_type),
            Kind::Literal { cell, .. } => cell_of(cell, 0, &node.data_type),
            Kind::Copy(child) => {
                let flaws = self.flaws;
                let cell = self.cell(child);
                self.flaws = flaws;
                cell
            }
            Kind::And(left, right) => self.logic(left, right, false),
            Kind::Or(left, right) => self.logic(left, right, true),
            Kind::Case {
                branches,
                otherwise,
            } => {
                for (when, then) in branches {
                    if self.cell(when) == Cell::Boolean(true) {
                        return self.cell(then);
                    }
                }
                self.cell(otherwise)
            }
            Kind::Coalesce(nodes) => {
                let mut cells = nodes.iter().map(|node| self.cell(node));
                cells.find(|cell| *cell != Cell::Null).unwrap_or(Cell::Null)
            }
            _ => {
                let children = node.children();
                let cells: Vec<Cell> = children.iter().map(|child| self.cell(child)).collect();
                let result = plain(node, &cells);
                let is_flawed = result == Cell::Null && !cells.contains(&Cell::Null);
                if let Some(flaw) = node.flaw().filter(|_| is_flawed) {
                    flaw.count(&mut self.flaws, 1);
                }
                result
            }
        }
    }

    /// AND, decided by FALSE, or OR, decided by TRUE.
    fn logic(&mut self, left: &Node, right: &Node, decides: bool) -> Cell {
        let left = self.cell(left);
        if left == Cell::Boolean(decides) {
            return left;
        }
        match (left, self.cell(right)) {
            (_, Cell::Boolean(right)) if right == decides => Cell::Boolean(decides),
            (Cell::Null, _) | (_, Cell::Null) => Cell::Null,
            _ => Cell::Boolean(!decides),
        }
    }
}

/// A node whose children are all asked for.
fn plain(node: &Node, cells: &[Cell]) -> Cell {
    match &node.kind {
        Kind::IsNull { negated, .. } => Cell::Boolean((cells[0] == Cell::Null) != *negated),
        Kind::Is { value, negated, .. } => {
            Cell::Boolean((cells[0] == Cell::Boolean(*value)) != *negated)
        }
        Kind::Distinct { negated, .. } => {
            Cell::Boolean((order(&cells[0], &cells[1]) != Ordering::Equal) != *negated)
        }
        Kind::NullIf { .. } => match &cells[1] {
            Cell::Boolean(true) => Cell::Null,
            _ => cells[0].clone(),
        },
        Kind::Call(function, _) => call(function, cells, &node.data_type),
        _ if cells.contains(&Cell::Null) => Cell::Null,
        Kind::Not(_) => Cell::Boolean(cells[0] != Cell::Boolean(true)),
        Kind::Negate(_) => match cells[0] {
            Cell::Integer(value) => value.checked_neg().map_or(Cell::Null, Cell::Integer),
            Cell::Float(value) => Cell::Float(-value),
            _ => unreachable!("a number"),
        },
        Kind::Arithmetic(operator, ..) => arithmetic(*operator, &cells[0], &cells[1]),
        Kind::Compare(comparison, ..) => {
            Cell::Boolean(holds(*comparison, order(&cells[0], &cells[1])))
        }
        Kind::AddSpan(_, span) => add_span(&cells[0], *span),
        Kind::AddDays { negative, .. } => {
            let (Cell::Day(day), Cell::Integer(days)) = (&cells[0], &cells[1]) else {
                unreachable!("a date and a number");
            };
            let days = if *negative {
                -i128::from(*days)
            } else {
                i128::from(*days)
            };
            let sum = i32::try_from(i128::from(*day) + days);
            sum.map_or(Cell::Null, |day| Cell::Day(day.into()))
        }
        Kind::DaysBetween(..) => match (&cells[0], &cells[1]) {
            (Cell::Day(left), Cell::Day(right)) => Cell::Integer(left - right),
            _ => unreachable!("two dates"),
        },
        Kind::In { set, has_null, .. } => {
            let found = match (set, &cells[0]) {
                (Set::Texts(set), Cell::Text(text)) => set.contains(text.as_str()),
                (Set::Numbers(set), Cell::Integer(number)) => set.contains(number),
                _ => unreachable!("sets are of texts or whole numbers"),
            };
            if !found && *has_null {
                Cell::Null
            } else {
                Cell::Boolean(found)
            }
        }
        Kind::Like { pattern, .. } => match &cells[0] {
            Cell::Text(text) => Cell::Boolean(pattern.matches_by_tokens(text)),
            _ => unreachable!("a text"),
        },
        Kind::Cast { .. } => cast(&cells[0], &node.data_type),
        _ => unreachable!("leaves and branches are dealt with"),
    }
}

/// The order of two cells; null comes first, NaN last.
fn order(left: &Cell, right: &Cell) -> Ordering {
    match (left, right) {
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) => Ordering::Less,
        (_, Cell::Null) => Ordering::Greater,
        (Cell::Boolean(left), Cell::Boolean(right)) => left.cmp(right),
        (Cell::Float(left), Cell::Float(right)) => left
            .partial_cmp(right)
            .unwrap_or_else(|| left.is_nan().cmp(&right.is_nan())),
        (Cell::Text(left), Cell::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Cell::Decimal(left), Cell::Decimal(right)) => left.cmp(right),
        (
            Cell::Integer(left) | Cell::Day(left) | Cell::Moment(left),
            Cell::Integer(right) | Cell::Day(right) | Cell::Moment(right),
        ) => left.cmp(right),
        _ => unreachable!("two cells of one type"),
    }
}

fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn arithmetic(operator: Arithmetic, left: &Cell, right: &Cell) -> Cell {
    match (left, right) {
        (Cell::Integer(left), Cell::Integer(right)) => {
            let (left, right) = (i128::from(*left), i128::from(*right));
            let exact = match operator {
                Arithmetic::Add => Some(left + right),
                Arithmetic::Subtract => Some(left - right),
                Arithmetic::Multiply => Some(left * right),
                Arithmetic::Divide | Arithmetic::IntegerDivide => left.checked_div(right),
                Arithmetic::Remainder => left.checked_rem(right),
            };
            let fitting = exact.and_then(|value| i64::try_from(value).ok());
            fitting.map_or(Cell::Null, Cell::Integer)
        }
        (Cell::Float(left), Cell::Float(right)) => Cell::Float(match operator {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            _ if *right == 0.0 => return Cell::Null,
            Arithmetic::Divide | Arithmetic::IntegerDivide => left / right,
            Arithmetic::Remainder => left % right,
        }),
        _ => unreachable!("two numbers of one type"),
    }
}

fn date_of(day: i64) -> Date {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch
        .checked_add(Days::new().days(day))
        .expect("a day that jiff has")
}

fn moment_of(cell: &Cell) -> DateTime {
    match cell {
        Cell::Day(day) => date_of(*day).to_datetime(jiff::civil::Time::midnight()),
        Cell::Moment(micros) => {
            let time = jiff::Timestamp::from_microsecond(*micros).expect("a time that jiff has");
            time.to_zoned(jiff::tz::TimeZone::UTC).datetime()
        }
        _ => unreachable!("a date or timestamp"),
    }
}

fn add_span(cell: &Cell, span: Span) -> Cell {
    let moved = moment_of(cell)
        .checked_add(Days::new().months(span.months))
        .and_then(|moment| moment.checked_add(Days::new().days(span.days)))
        .and_then(|moment| moment.checked_add(Days::new().nanoseconds(span.nanoseconds)));
    let zoned = moved.and_then(|moment| moment.to_zoned(jiff::tz::TimeZone::UTC));
    zoned.map_or(Cell::Null, |zoned| {
        Cell::Moment(zoned.timestamp().as_microsecond())
    })
}

fn cast(cell: &Cell, to: &Type) -> Cell {
    match (cell, to) {
        (Cell::Integer(value), Type::Float64) => Cell::Float(*value as f64),
        (Cell::Integer(value), Type::Boolean) => Cell::Boolean(*value != 0),
        (Cell::Boolean(value), Type::Int64) => Cell::Integer((*value).into()),
        (Cell::Integer(value), Type::Text) => Cell::Text(value.to_string()),
        (Cell::Boolean(value), Type::Text) => Cell::Text(value.to_string()),
        (Cell::Day(day), Type::Text) => Cell::Text(date_of(*day).to_string()),
        (Cell::Float(value), Type::Int64) => {
            let rounded = value.round_ties_even();
            // Floats beyond 128 bits become the last number of those.
            let fits = i64::try_from(rounded as i128)
                .ok()
                .filter(|_| !rounded.is_nan());
            fits.map_or(Cell::Null, Cell::Integer)
        }
        (Cell::Text(text), Type::Int64) if text.trim().parse::<i64>().is_ok() => {
            Cell::Integer(text.trim().parse().unwrap_or_default())
        }
        (Cell::Text(text), Type::Int64) => match text.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => {
                i64::try_from(value.round() as i128).map_or(Cell::Null, Cell::Integer)
            }
            _ => Cell::Null,
        },
        (Cell::Day(_), Type::Timestamp { .. }) => add_span(cell, Span::default()),
        (Cell::Moment(moment), Type::Date) => Cell::Day(moment.div_euclid(86_400_000_000)),
        _ => unreachable!("{cell:?} as {to}"),
    }
}

fn call(function: &Function, cells: &[Cell], to: &Type) -> Cell {
    match function {
        Function::Concat => Cell::Text(cells.iter().map(printed).collect()),
        Function::Least | Function::Greatest => {
            let present = cells.iter().filter(|cell| **cell != Cell::Null);
            let best = match function {
                Function::Least => present.min_by(|left, right| order(left, right)),
                _ => present.max_by(|left, right| order(left, right)),
            };
            best.cloned().unwrap_or(Cell::Null)
        }
        _ if cells.contains(&Cell::Null) => Cell::Null,
        Function::Join => Cell::Text(cells.iter().map(printed).collect()),
        Function::Upper => Cell::Text(cased(&cells[0], |c| c.to_uppercase().collect())),
        Function::Lower => Cell::Text(cased(&cells[0], |c| c.to_lowercase().collect())),
        Function::Length => Cell::Integer(printed(&cells[0]).chars().count() as i64),
        Function::Substring => substring(&cells[0], &cells[1..]),
        Function::Contains => Cell::Boolean(printed(&cells[0]).contains(&printed(&cells[1]))),
        Function::StartsWith => Cell::Boolean(printed(&cells[0]).starts_with(&printed(&cells[1]))),
        Function::Replace => {
            let [text, from, to] = [0, 1, 2].map(|at| printed(&cells[at]));
            Cell::Text(if from.is_empty() {
                text
            } else {
                text.replace(&from, &to)
            })
        }
        Function::Abs => match cells[0] {
            Cell::Integer(value) => value.checked_abs().map_or(Cell::Null, Cell::Integer),
            Cell::Float(value) => Cell::Float(value.abs()),
            _ => unreachable!("a number"),
        },
        Function::Sqrt => match cells[0] {
            Cell::Float(value) if value < 0.0 => Cell::Null,
            Cell::Float(value) => Cell::Float(value.sqrt()),
            _ => unreachable!("a float"),
        },
        Function::Ln => match cells[0] {
            Cell::Float(value) if value <= 0.0 => Cell::Null,
            Cell::Float(value) => Cell::Float(value.ln()),
            _ => unreachable!("a float"),
        },
        Function::Part(part) => part_of(*part, &cells[0]),
        Function::Truncate(_) | Function::Difference(_) => time_call(function, cells, to),
        _ => unreachable!("{function:?} is not made up here"),
    }
}

fn printed(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Null => String::new(),
        other => unreachable!("{other:?} was cast to a text"),
    }
}

fn cased(cell: &Cell, change: impl Fn(char) -> String) -> String {
    let one = |c: char| {
        if c == 'ß' && change('a') == "A" {
            return "ẞ".to_owned();
        }
        let changed = change(c);
        if changed.chars().count() == 1 {
            changed
        } else {
            c.to_string()
        }
    };
    printed(cell).chars().map(one).collect()
}

/// A window of positions over the characters, those outside left out.
fn substring(text: &Cell, range: &[Cell]) -> Cell {
    let chars: Vec<char> = printed(text).chars().collect();
    let Cell::Integer(start) = range[0] else {
        unreachable!("a number");
    };
    let count = chars.len() as i128;
    let mut first = match start {
        0.. => i128::from(start),
        _ => count + i128::from(start) + 1,
    };
    let mut behind = match range.get(1) {
        Some(Cell::Integer(length)) => first + i128::from(*length),
        _ => i128::MAX,
    };
    if behind < first {
        // A negative length reaches back from the start, which zero does not.
        if start == 0 {
            return Cell::Text(String::new());
        }
        let last = first.min(count + 1);
        (first, behind) = (last + (behind - first), last);
    }
    let inside = |at: &i128| *at >= first && *at < behind;
    let places = (1..=count).filter(inside);
    Cell::Text(places.map(|at| chars[at as usize - 1]).collect())
}

fn part_of(part: Part, cell: &Cell) -> Cell {
    let moment = moment_of(cell);
    Cell::Integer(match part {
        Part::Year => moment.year().into(),
        Part::Quarter => (i64::from(moment.month()) - 1) / 3 + 1,
        Part::Month => moment.month().into(),
        Part::Week => moment.date().iso_week_date().week().into(),
        Part::Day => moment.day().into(),
        Part::Hour => moment.hour().into(),
        Part::Minute => moment.minute().into(),
        Part::Second => moment.second().into(),
        Part::Weekday => moment.weekday().to_sunday_zero_offset().into(),
        Part::IsoWeekday => moment.weekday().to_monday_one_offset().into(),
        Part::DayOfYear => moment.day_of_year().into(),
        Part::IsoYear => moment.date().iso_week_date().year().into(),
        other => unreachable!("{other:?} is not made up here"),
    })
}

/// Truncation and difference of the units that jiff truncates to.
fn time_call(function: &Function, cells: &[Cell], to: &Type) -> Cell {
    let floor = |part: Part, moment: DateTime| match part {
        Part::Year => moment
            .date()
            .first_of_year()
            .to_datetime(jiff::civil::Time::midnight()),
        Part::Month => moment
            .date()
            .first_of_month()
            .to_datetime(jiff::civil::Time::midnight()),
        Part::Day => moment.date().to_datetime(jiff::civil::Time::midnight()),
        Part::Hour => moment
            .with()
            .minute(0)
            .second(0)
            .subsec_nanosecond(0)
            .build()
            .unwrap(),
        other => unreachable!("{other:?} is not made up here"),
    };
    match function {
        Function::Truncate(part) => {
            let floored = floor(*part, moment_of(&cells[0]));
            let zoned = floored.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
            let micros = zoned.timestamp().as_microsecond();
            match to {
                Type::Date => Cell::Day(micros.div_euclid(86_400_000_000)),
                _ => Cell::Moment(micros),
            }
        }
        Function::Difference(part) => {
            let unit = match part {
                Part::Year => Unit::Year,
                Part::Month => Unit::Month,
                Part::Day => Unit::Day,
                _ => Unit::Hour,
            };
            let [from, to] = [0, 1].map(|at| floor(*part, moment_of(&cells[at])));
            let span = from.until((unit, to)).unwrap();
            Cell::Integer(match part {
                Part::Year => span.get_years().into(),
                Part::Month => span.get_months().into(),
                Part::Day => span.get_days().into(),
                _ => span.get_hours().into(),
            })
        }
        _ => unreachable!("a function of time"),
    }
}
