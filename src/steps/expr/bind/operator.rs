//! Operators with two sides.
//! Keeps: `/` is a division of floats, `//` one of whole numbers; a decimal stays one under `+`,
//! `-`, `*` and `%` while its digits fit.

use sqlparser::ast::{BinaryOperator, Expr, Interval, Spanned};
use sqlparser::tokenizer::Span as Place;

use super::{Binder, Bound, literal};
use crate::base::TimeUnit;
use crate::steps::expr::node::{Arithmetic, Comparison, Function, Kind, Node};
use crate::steps::expr::time::{Part, Span};
use crate::steps::expr::types::{DIGITS_MAX, Type, common, decimal};

impl Binder<'_> {
    pub(super) fn binary(&mut self, left: &Expr, operator: &BinaryOperator, right: &Expr) -> Bound {
        let comparison = match operator {
            BinaryOperator::Eq => Some(Comparison::Equal),
            BinaryOperator::NotEq => Some(Comparison::NotEqual),
            BinaryOperator::Lt => Some(Comparison::Less),
            BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
            BinaryOperator::Gt => Some(Comparison::Greater),
            BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            let left = (self.bind(left)?, left.span());
            let right = (self.bind(right)?, right.span());
            return self.compared(comparison, left, right);
        }
        let arithmetic = match operator {
            BinaryOperator::Plus => Arithmetic::Add,
            BinaryOperator::Minus => Arithmetic::Subtract,
            BinaryOperator::Multiply => Arithmetic::Multiply,
            BinaryOperator::Divide => Arithmetic::Divide,
            BinaryOperator::DuckIntegerDivide => Arithmetic::IntegerDivide,
            BinaryOperator::Modulo => Arithmetic::Remainder,
            BinaryOperator::And | BinaryOperator::Or => {
                let is_and = *operator == BinaryOperator::And;
                let name = if is_and { "AND" } else { "OR" };
                let left = Box::new(self.condition(left, name)?);
                let right = Box::new(self.condition(right, name)?);
                let kind = match is_and {
                    true => Kind::And(left, right),
                    false => Kind::Or(left, right),
                };
                return Ok(Node::new(kind, Type::Boolean));
            }
            BinaryOperator::StringConcat => return self.join(left, right),
            other => {
                let message = format!("there is no operator `{other}` here");
                return self.refuse(right.span(), &message);
            }
        };
        let left = (self.bind(left)?, left.span());
        let right = (self.bind(right)?, right.span());
        self.arithmetic(arithmetic, left, right)
    }

    /// `||`: null where a side is.
    fn join(&mut self, left: &Expr, right: &Expr) -> Bound {
        let (left_place, right_place) = (left.span(), right.span());
        let (left, right) = (self.bind(left)?, self.bind(right)?);
        if left.data_type == Type::Null || right.data_type == Type::Null {
            return Ok(literal::null(&Type::Text));
        }
        let left = self.as_text(left, left_place)?;
        let right = self.as_text(right, right_place)?;
        Ok(Node::new(
            Kind::Call(Function::Join, vec![left, right]),
            Type::Text,
        ))
    }

    pub(super) fn arithmetic(
        &self,
        operator: Arithmetic,
        (mut left, left_place): (Node, Place),
        (mut right, right_place): (Node, Place),
    ) -> Bound {
        if let Some(node) = self.with_time(operator, (&left, left_place), (&right, right_place))? {
            return Ok(node);
        }
        for (node, place) in [(&left, left_place), (&right, right_place)] {
            if !node.data_type.is_number() && node.data_type != Type::Null {
                let hint = match node.data_type {
                    Type::Text => "; write CAST(… AS float64), or || to join texts",
                    Type::Boolean => "; write CAST(… AS int64)",
                    _ => "",
                };
                let message = format!("{} is no number{hint}", node.data_type);
                return self.refuse(place, &message);
            }
        }
        let is_decimal = |node: &Node| matches!(node.data_type, Type::Decimal { .. });
        if is_decimal(&left) || is_decimal(&right) {
            literal::make_exact(&mut left);
            literal::make_exact(&mut right);
        }
        let Some(data_type) = result_type(operator, &left.data_type, &right.data_type) else {
            return Ok(literal::null(&Type::Int64));
        };
        let side = |node: Node, place| match (operator, &data_type, &node.data_type) {
            // The factors of a decimal keep their own scales.
            (Arithmetic::Multiply, Type::Decimal { .. }, Type::Decimal { .. }) => Ok(node),
            (Arithmetic::Multiply, Type::Decimal { .. }, Type::Int64) => {
                let whole = Type::Decimal {
                    precision: 19,
                    scale: 0,
                };
                self.coerce(node, &whole, place)
            }
            (Arithmetic::Divide, ..) | (.., Type::Float64) if node.data_type.is_number() => {
                self.float(node, place)
            }
            (_, Type::Float64, _) => self.float(node, place),
            _ => self.coerce(node, &data_type, place),
        };
        let (left, right) = (side(left, left_place)?, side(right, right_place)?);
        let kind = Kind::Arithmetic(operator, Box::new(left), Box::new(right));
        Ok(Node::new(kind, data_type))
    }

    /// Sums and differences with dates and timestamps, if this is one.
    fn with_time(
        &self,
        operator: Arithmetic,
        (left, left_place): (&Node, Place),
        (right, right_place): (&Node, Place),
    ) -> Result<Option<Node>, String> {
        let is_span = |node: &Node| node.data_type == Type::Interval;
        let has_time = |node: &Node| node.data_type.is_time() || is_span(node);
        if !has_time(left) && !has_time(right) {
            return Ok(None);
        }
        let negative = operator == Arithmetic::Subtract;
        let (moment, other) = match operator {
            Arithmetic::Add if left.data_type.is_time() => (left, right),
            Arithmetic::Add => (right, left),
            Arithmetic::Subtract => (left, right),
            _ => {
                return self.refuse(
                    left_place,
                    "dates, timestamps and intervals are added or subtracted only",
                );
            }
        };
        let days = || Box::new(other.clone());
        let date = || Box::new(moment.clone());
        let node = match (&moment.data_type, &other.data_type) {
            (Type::Date, Type::Null) | (Type::Timestamp { .. }, Type::Null) => {
                literal::null(&moment.data_type)
            }
            (from, Type::Interval) if from.is_time() => {
                let Kind::Interval(span) = other.kind else {
                    unreachable!("intervals are constants");
                };
                let span = if negative { span.negated() } else { span };
                let to = match from {
                    Type::Date => Type::Timestamp {
                        unit: TimeUnit::Microsecond,
                        utc: false,
                    },
                    other => other.clone(),
                };
                Node::new(Kind::AddSpan(date(), span), to)
            }
            (Type::Date, Type::Int64) => {
                let kind = Kind::AddDays {
                    date: date(),
                    days: days(),
                    negative,
                };
                Node::new(kind, Type::Date)
            }
            (Type::Date, Type::Date) if negative => {
                Node::new(Kind::DaysBetween(date(), days()), Type::Int64)
            }
            (one, other) if negative && one.is_time() && other.is_time() => {
                return self.refuse(
                    left_place,
                    "the difference of two timestamps is no column; write date_diff('second', earlier, later)",
                );
            }
            (one, other) => {
                let sign = if negative { '-' } else { '+' };
                let message = format!(
                    "{one} {sign} {other} is not defined; add an INTERVAL such as INTERVAL 1 DAY"
                );
                return self.refuse(right_place, &message);
            }
        };
        Ok(Some(node))
    }

    /// `INTERVAL '3 days'`, `INTERVAL 3 DAY`.
    pub(super) fn interval(&mut self, interval: &Interval, place: Place) -> Bound {
        let value = self.bind(&interval.value)?;
        let unit = interval.leading_field.as_ref().map(ToString::to_string);
        let span = match (literal::text_of(&value), literal::integer_of(&value), unit) {
            (Some(text), _, None) => Span::parse(text),
            (Some(text), _, Some(unit)) => Span::parse(&format!("{text} {unit}")),
            (None, Some(number), Some(unit)) => Part::unit(&unit)
                .and_then(|unit| Span::new(number, unit))
                .ok_or_else(|| format!("no interval of {number} {unit}")),
            _ => {
                Err("an interval is a constant, such as INTERVAL 3 DAY or INTERVAL '3 days'".into())
            }
        };
        match span {
            Ok(span) => Ok(Node::new(Kind::Interval(span), Type::Interval)),
            Err(message) => self.refuse(place, &message),
        }
    }
}

/// The type of a result; `None` where both sides are NULL.
fn result_type(operator: Arithmetic, left: &Type, right: &Type) -> Option<Type> {
    use Arithmetic::{Add, Divide, IntegerDivide, Multiply, Remainder, Subtract};
    let both = common(left, right)?;
    if both == Type::Null {
        return None;
    }
    if operator == Divide {
        return Some(Type::Float64);
    }
    let Type::Decimal { precision, scale } = both else {
        return Some(both);
    };
    let digits = |data_type: &Type| match *data_type {
        Type::Decimal { precision, scale } => (i16::from(precision), scale),
        _ => (19, 0),
    };
    Some(match operator {
        Add | Subtract => Type::Decimal {
            precision: (precision + 1).min(DIGITS_MAX),
            scale,
        },
        Multiply => {
            let ((one, scale), (other, other_scale)) = (digits(left), digits(right));
            match scale.checked_add(other_scale) {
                Some(scale) => decimal(one + other, scale),
                None => Type::Float64,
            }
        }
        Remainder => both,
        Divide | IntegerDivide => Type::Float64,
    })
}
