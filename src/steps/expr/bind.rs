//! Syntax tree -> bound expression: names become slots, literals cells, and both sides of every
//! operator one type.
//! Keeps: whatever is refused is pointed at in the text, with what to write instead.

mod call;
mod choice;
mod coerce;
mod literal;
mod moment;
mod operator;

use std::sync::Arc;

use sqlparser::ast::{CastKind, CeilFloorKind, Expr, Ident, Spanned, UnaryOperator, Value};
use sqlparser::tokenizer::Span as Place;

use super::node::{Kind, Node};
use super::parse::point_at;
use super::types::Type;
use crate::base::DataType;

/// The deepest nesting, which bounds the stack that an evaluation takes.
const DEPTH_MAX: usize = 200;

/// A column that an expression may name.
#[derive(Debug, Clone)]
pub struct ScopeColumn {
    /// Its name.
    pub name: Arc<str>,
    /// Where it stands in a batch.
    pub slot: usize,
    /// The type of its cells.
    pub data_type: DataType,
}

/// Binds what is in one text.
pub(super) struct Binder<'a> {
    pub(super) text: &'a str,
    pub(super) columns: &'a [ScopeColumn],
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub(super) now: i64,
    pub(super) depth: usize,
}

type Bound = Result<Node, String>;

impl Binder<'_> {
    /// Binds an expression and what is below it.
    pub(super) fn bind(&mut self, expression: &Expr) -> Bound {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            // Its place is not looked for: that would go as deep again.
            return Err(format!(
                "more than {DEPTH_MAX} operators and calls deep; make some of it a column of its \
                 own by derive"
            ));
        }
        let bound = self.bind_any(expression);
        self.depth -= 1;
        bound
    }

    fn bind_any(&mut self, expression: &Expr) -> Bound {
        match expression {
            Expr::Nested(inner) => self.bind(inner),
            Expr::Identifier(name) => self.column(name),
            Expr::CompoundIdentifier(parts) => self.compound(parts),
            Expr::Value(value) => match self.value(&value.value) {
                Some(node) => Ok(node),
                None => self.unsupported(expression),
            },
            Expr::TypedString(typed) => {
                let to = self.named_type(&typed.data_type.to_string(), expression.span())?;
                let text = self.bind(&Expr::Value(typed.value.clone()))?;
                self.coerce(text, &to, expression.span())
            }
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::Cast {
                kind,
                expr,
                data_type,
                ..
            } => {
                let to = self.named_type(&data_type.to_string(), expr.span())?;
                let child = self.bind(expr)?;
                let lenient = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                self.cast(child, to, lenient, expr.span())
            }
            Expr::IsNull(child) => self.is_null(child, false),
            Expr::IsNotNull(child) => self.is_null(child, true),
            Expr::IsUnknown(child) => self.is_null(child, false),
            Expr::IsNotUnknown(child) => self.is_null(child, true),
            Expr::IsTrue(child) => self.is(child, true, false),
            Expr::IsNotTrue(child) => self.is(child, true, true),
            Expr::IsFalse(child) => self.is(child, false, false),
            Expr::IsNotFalse(child) => self.is(child, false, true),
            Expr::IsDistinctFrom(left, right) => self.distinct(left, right, false),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, true),
            Expr::InList {
                expr,
                list,
                negated,
            } => self.in_list(expr, list, *negated),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => self.between(expr, low, high, *negated),
            Expr::Like { .. } | Expr::ILike { .. } => self.like(expression),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Expr::Interval(interval) => self.interval(interval, expression.span()),
            _ => self.bind_call(expression),
        }
    }

    /// Functions, and what the parser has forms of its own for.
    fn bind_call(&mut self, expression: &Expr) -> Bound {
        let place = expression.span();
        match expression {
            Expr::Function(function) => self.function(function, place),
            Expr::Ceil { expr, field } => match field {
                CeilFloorKind::DateTimeField(_) => self.call("ceil", &[expr], place),
                CeilFloorKind::Scale(_) => self.unsupported(expression),
            },
            Expr::Floor { expr, field } => match field {
                CeilFloorKind::DateTimeField(_) => self.call("floor", &[expr], place),
                CeilFloorKind::Scale(_) => self.unsupported(expression),
            },
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let parts = [Some(expr), substring_from.as_ref(), substring_for.as_ref()];
                let arguments: Vec<&Expr> = parts.into_iter().flatten().map(|e| &**e).collect();
                self.call("substr", &arguments, place)
            }
            Expr::Trim {
                expr,
                trim_where,
                trim_what,
                trim_characters,
            } => {
                let side = trim_where.as_ref().map(ToString::to_string);
                let name = match side.as_deref() {
                    Some("LEADING") => "ltrim",
                    Some("TRAILING") => "rtrim",
                    _ => "trim",
                };
                let mut arguments: Vec<&Expr> = vec![expr];
                arguments.extend(trim_what.as_deref());
                arguments.extend(trim_characters.iter().flatten());
                self.call(name, &arguments, place)
            }
            Expr::Extract { field, expr, .. } => {
                let field = field.to_string();
                let part = self.part(&field, false, place)?;
                let child = self.bind(expr)?;
                self.part_of(part, child, expr.span())
            }
            _ => self.unsupported(expression),
        }
    }

    /// A message that points at `place`.
    pub(super) fn refuse<T>(&self, place: Place, message: &str) -> Result<T, String> {
        Err(point_at(self.text, place, message))
    }

    fn unsupported(&self, expression: &Expr) -> Bound {
        let shown: String = expression.to_string().chars().take(40).collect();
        let message = format!("`{shown}` is not understood in an expression over rows");
        self.refuse(expression.span(), &message)
    }

    fn column(&self, name: &Ident) -> Bound {
        let is_quoted = name.quote_style.is_some();
        let exact = self
            .columns
            .iter()
            .find(|column| *column.name == *name.value);
        let mut alike = self
            .columns
            .iter()
            .filter(|column| column.name.eq_ignore_ascii_case(&name.value));
        let column = match (exact, alike.next(), alike.next()) {
            (Some(column), ..) | (None, Some(column), None) => column,
            _ => {
                if let Some(node) = self.moment_constant(&name.value).filter(|_| !is_quoted) {
                    return Ok(node);
                }
                let known = self.columns.iter().map(|column| &*column.name);
                let mut message = crate::base::unknown("column", &name.value, known);
                if name.quote_style == Some('"') {
                    message += " (a text stands in single quotes)";
                }
                return self.refuse(name.span, &message);
            }
        };
        Ok(Node::new(
            Kind::Column(column.slot),
            Type::of(&column.data_type),
        ))
    }

    /// Names joined by points: a column whose name holds points.
    fn compound(&self, parts: &[Ident]) -> Bound {
        let names: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
        let mut whole = Ident::new(names.join("."));
        whole.span = parts.first().map_or_else(Place::empty, |part| part.span);
        self.column(&whole)
    }

    fn unary(&mut self, operator: UnaryOperator, child: &Expr) -> Bound {
        let place = child.span();
        match operator {
            UnaryOperator::Not => {
                let child = self.condition(child, "NOT")?;
                Ok(Node::new(Kind::Not(Box::new(child)), Type::Boolean))
            }
            UnaryOperator::Minus => {
                if let Expr::Value(value) = child
                    && let Value::Number(digits, _) = &value.value
                {
                    return Ok(literal::number(&format!("-{digits}")));
                }
                let child = self.bind(child)?;
                match child.data_type {
                    Type::Interval => match child.kind {
                        Kind::Interval(span) => {
                            Ok(Node::new(Kind::Interval(span.negated()), Type::Interval))
                        }
                        _ => unreachable!("intervals are constants"),
                    },
                    Type::Null => Ok(child),
                    ref data_type if data_type.is_number() => {
                        let data_type = data_type.clone();
                        Ok(Node::new(Kind::Negate(Box::new(child)), data_type))
                    }
                    ref other => self.refuse(place, &format!("`-` takes a number, not {other}")),
                }
            }
            UnaryOperator::Plus => self.bind(child),
            other => self.refuse(place, &format!("there is no operator `{other}` here")),
        }
    }

    /// A condition, as `taker` takes it.
    pub(super) fn condition(&mut self, expression: &Expr, taker: &str) -> Bound {
        let place = expression.span();
        let node = self.bind(expression)?;
        match node.data_type {
            Type::Boolean | Type::Null => self.coerce(node, &Type::Boolean, place),
            ref other => self.refuse(
                place,
                &format!(
                    "{taker} takes a condition, not {other}; write a comparison, such as `… > 0`"
                ),
            ),
        }
    }

    fn is_null(&mut self, child: &Expr, negated: bool) -> Bound {
        let child = Box::new(self.bind(child)?);
        Ok(Node::new(Kind::IsNull { negated, child }, Type::Boolean))
    }

    fn is(&mut self, child: &Expr, value: bool, negated: bool) -> Bound {
        let child = Box::new(self.condition(child, "IS")?);
        let kind = Kind::Is {
            value,
            negated,
            child,
        };
        Ok(Node::new(kind, Type::Boolean))
    }

    fn distinct(&mut self, left: &Expr, right: &Expr, negated: bool) -> Bound {
        let (left, right) = self.same_type(left, right)?;
        let kind = Kind::Distinct {
            negated,
            left: Box::new(left),
            right: Box::new(right),
        };
        Ok(Node::new(kind, Type::Boolean))
    }
}

/// `node` cast to a type that takes all its cells.
pub(super) fn implicit(node: Node, to: Type) -> Node {
    let child = Box::new(node);
    Node::new(
        Kind::Cast {
            child,
            lenient: true,
        },
        to,
    )
}

/// A node that is evaluated once more, its flaws not counted again.
pub(super) fn copy(node: Node) -> Node {
    match node.may_flaw {
        false => node,
        true => {
            let data_type = node.data_type.clone();
            let mut copy = Node::new(Kind::Copy(Box::new(node)), data_type);
            copy.may_flaw = false;
            copy
        }
    }
}

fn negate_if(negated: bool, node: Node) -> Node {
    match negated {
        true => Node::new(Kind::Not(Box::new(node)), Type::Boolean),
        false => node,
    }
}
