//! Conditions over several values, and the choice of one of them.
//! Keeps: what is looked at more than once counts its flaws once.

use sqlparser::ast::{CaseWhen, Expr, Spanned};
use sqlparser::tokenizer::Span as Place;

use super::{Binder, Bound, copy, literal, negate_if};
use crate::steps::expr::like::Pattern;
use crate::steps::expr::node::{Comparison, Kind, Node};
use crate::steps::expr::types::Type;

impl Binder<'_> {
    pub(super) fn between(&mut self, expr: &Expr, low: &Expr, high: &Expr, negated: bool) -> Bound {
        let place = expr.span();
        let child = self.bind(expr)?;
        let (low_place, high_place) = (low.span(), high.span());
        let (low, high) = (self.bind(low)?, self.bind(high)?);
        let from = self.compared(
            Comparison::GreaterOrEqual,
            (child.clone(), place),
            (low, low_place),
        )?;
        let to = self.compared(
            Comparison::LessOrEqual,
            (copy(child), place),
            (high, high_place),
        )?;
        let kind = Kind::And(Box::new(from), Box::new(to));
        Ok(negate_if(negated, Node::new(kind, Type::Boolean)))
    }

    pub(super) fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Bound {
        let place = expr.span();
        let child = self.bind(expr)?;
        let items = list.iter().map(|item| Ok((self.bind(item)?, item.span())));
        let items: Vec<(Node, Place)> = items.collect::<Result<_, String>>()?;
        if let Some(node) = literal::set(&child, &items) {
            return Ok(negate_if(negated, node));
        }
        let mut any: Option<Node> = None;
        for (item, item_place) in items {
            let child = match any {
                Some(_) => copy(child.clone()),
                None => child.clone(),
            };
            let equal = self.compared(Comparison::Equal, (child, place), (item, item_place))?;
            any = Some(match any {
                None => equal,
                Some(any) => Node::new(Kind::Or(Box::new(any), Box::new(equal)), Type::Boolean),
            });
        }
        match any {
            Some(any) => Ok(negate_if(negated, any)),
            None => self.refuse(place, "IN takes at least one value"),
        }
    }

    pub(super) fn like(&mut self, expression: &Expr) -> Bound {
        let (Expr::Like {
            negated,
            expr,
            pattern,
            escape_char,
            ..
        }
        | Expr::ILike {
            negated,
            expr,
            pattern,
            escape_char,
            ..
        }) = expression
        else {
            return self.unsupported(expression);
        };
        let ignores_case = matches!(expression, Expr::ILike { .. });
        let escape = escape_char.as_ref().map(ToString::to_string);
        let escape = escape.as_deref().map(|text| text.trim_matches('\''));
        let escape = match escape.map(|text| (text.chars().next(), text.chars().count())) {
            Some((Some(one), 1)) => Some(one),
            None => None,
            Some(_) => return self.refuse(pattern.span(), "ESCAPE takes one character"),
        };
        let child = self.bind(expr)?;
        let child = self.text(child, expr.span(), "LIKE")?;
        let bound = self.bind(pattern)?;
        if bound.data_type == Type::Null {
            return Ok(literal::null(&Type::Boolean));
        }
        let Some(text) = literal::text_of(&bound) else {
            return self.refuse(
                pattern.span(),
                "the pattern of LIKE must be a text in single quotes",
            );
        };
        let pattern = match Pattern::new(text, escape, ignores_case) {
            Ok(pattern) => pattern,
            Err(message) => return self.refuse(pattern.span(), &message),
        };
        let child = Box::new(child);
        let node = Node::new(Kind::Like { child, pattern }, Type::Boolean);
        Ok(negate_if(*negated, node))
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Bound {
        let operand = match operand {
            Some(operand) => Some((self.bind(operand)?, operand.span())),
            None => None,
        };
        let mut whens = Vec::new();
        let mut values = Vec::new();
        for (index, CaseWhen { condition, result }) in conditions.iter().enumerate() {
            whens.push(match &operand {
                None => self.condition(condition, "WHEN")?,
                Some((operand, place)) => {
                    let operand = match index {
                        0 => operand.clone(),
                        _ => copy(operand.clone()),
                    };
                    let value = (self.bind(condition)?, condition.span());
                    self.compared(Comparison::Equal, (operand, *place), value)?
                }
            });
            values.push((self.bind(result)?, result.span()));
        }
        values.push(match otherwise {
            Some(otherwise) => (self.bind(otherwise)?, otherwise.span()),
            None => (literal::null(&Type::Null), Place::empty()),
        });
        let (mut values, data_type) = self.one_type(values)?;
        let otherwise = values.pop().expect("it was put there");
        if data_type == Type::Null {
            return Ok(literal::null(&Type::Null));
        }
        let branches = whens.into_iter().zip(values).collect();
        let kind = Kind::Case {
            branches,
            otherwise: Box::new(otherwise),
        };
        Ok(Node::new(kind, data_type))
    }
}
