//! Nodes of several types -> one type.
//! Keeps: no cast that could lose a cell is made unasked; constants are cast here, not per row.

use arrow::array::{Array, new_null_array};
use sqlparser::ast::{Expr, Spanned};
use sqlparser::tokenizer::Span as Place;

use super::{Binder, Bound, implicit, literal};
use crate::steps::expr::cast::cast;
use crate::steps::expr::node::{Comparison, Kind, Node};
use crate::steps::expr::time::Part;
use crate::steps::expr::types::{Type, common};

impl Binder<'_> {
    /// The nodes cast to the one type that holds all of them.
    pub(super) fn one_type(&self, nodes: Vec<(Node, Place)>) -> Result<(Vec<Node>, Type), String> {
        let mut nodes = nodes;
        if nodes
            .iter()
            .any(|(node, _)| matches!(node.data_type, Type::Decimal { .. }))
        {
            for (node, _) in &mut nodes {
                literal::make_exact(node);
            }
        }
        let is_text = |node: &Node| literal::text_of(node).is_some();
        // A text in quotes takes the type of the others, where they have one.
        let mut data_type = Type::Null;
        for wants_texts in [false, true] {
            for (node, place) in nodes
                .iter()
                .filter(|(node, _)| is_text(node) == wants_texts)
            {
                let fits_later = wants_texts && data_type != Type::Null;
                data_type = match common(&data_type, &node.data_type) {
                    Some(both) => both,
                    None if fits_later => continue,
                    None => {
                        let types = [&node.data_type, &data_type];
                        let number = nodes.iter().find_map(|(node, _)| literal::number_of(node));
                        let or = match number.filter(|_| types.contains(&&Type::Text)) {
                            Some(number) => format!(", or write '{number}', which is a text"),
                            None => String::new(),
                        };
                        let message = format!(
                            "{} and {data_type} have no type in common; CAST one of them{or}",
                            node.data_type
                        );
                        return self.refuse(*place, &message);
                    }
                };
            }
        }
        let cast = nodes
            .into_iter()
            .map(|(node, place)| self.coerce(node, &data_type, place));
        let cast: Vec<Node> = cast.collect::<Result<_, _>>()?;
        Ok((cast, data_type))
    }

    /// Both sides, cast to one type.
    pub(super) fn same_type(&mut self, left: &Expr, right: &Expr) -> Result<(Node, Node), String> {
        let both = vec![
            (self.bind(left)?, left.span()),
            (self.bind(right)?, right.span()),
        ];
        let (mut both, _) = self.one_type(both)?;
        let right = both.pop().expect("there are two");
        Ok((both.pop().expect("there are two"), right))
    }

    /// A comparison of two nodes that stand at their places.
    pub(super) fn compared(
        &self,
        comparison: Comparison,
        left: (Node, Place),
        right: (Node, Place),
    ) -> Bound {
        let (mut both, data_type) = self.one_type(vec![left, right])?;
        if data_type == Type::Null {
            return Ok(literal::null(&Type::Boolean));
        }
        let right = both.pop().expect("there are two");
        let left = both.pop().expect("there are two");
        let kind = Kind::Compare(comparison, Box::new(left), Box::new(right));
        Ok(Node::new(kind, Type::Boolean))
    }

    /// `node` as `to`, which every cell of it is, if it is no constant.
    pub(super) fn coerce(&self, node: Node, to: &Type, place: Place) -> Bound {
        if node.data_type == *to {
            return Ok(node);
        }
        if node.data_type == Type::Null {
            return Ok(literal::null(to));
        }
        if let Kind::Literal { cell, .. } = &node.kind
            && cell.is_null(0)
        {
            return Ok(literal::null(to));
        }
        let fits = common(&node.data_type, to).as_ref() == Some(to);
        if let Kind::Literal { cell, text } = &node.kind
            && (fits || node.data_type == Type::Text)
        {
            let cell = match (text, to) {
                (Some(text), &Type::Decimal { precision, scale }) => {
                    literal::decimal_cell(text, precision, scale)
                }
                _ => cast(cell, &node.data_type, to).ok(),
            };
            let text = text.clone();
            return match cell.filter(|cell| cell.is_valid(0)) {
                Some(cell) => Ok(Node::new(Kind::Literal { cell, text }, to.clone())),
                None => {
                    let shown = text.as_deref().unwrap_or("it");
                    self.refuse(place, &format!("`{shown}` is no {to}"))
                }
            };
        }
        if !fits {
            let message = format!(
                "{} where {to} is wanted; write CAST(… AS {to})",
                node.data_type
            );
            return self.refuse(place, &message);
        }
        Ok(implicit(node, to.clone()))
    }

    /// A cast that was asked for.
    pub(super) fn cast(&self, child: Node, to: Type, lenient: bool, place: Place) -> Bound {
        let from = &child.data_type;
        let is_possible = match (from, &to) {
            (one, other) if one == other => return Ok(child),
            (Type::Interval, _) | (_, Type::Interval) => false,
            (Type::Null, _) | (Type::Text, _) | (_, Type::Text) => true,
            (one, other) if one.is_time() || other.is_time() => one.is_time() && other.is_time(),
            (Type::Boolean, Type::Decimal { .. }) | (Type::Decimal { .. }, Type::Boolean) => false,
            _ => true,
        };
        if !is_possible {
            return self.refuse(place, &format!("{from} cannot be cast to {to}"));
        }
        if *from == Type::Null {
            return Ok(Node::new(
                Kind::Literal {
                    cell: new_null_array(&to.arrow(), 1),
                    text: None,
                },
                to,
            ));
        }
        let child = Box::new(child);
        Ok(Node::new(Kind::Cast { child, lenient }, to))
    }

    /// The type called `name` in SQL or in `--dtype`.
    pub(super) fn named_type(&self, name: &str, place: Place) -> Result<Type, String> {
        match literal::type_named(name) {
            Some(found) => Ok(found),
            None => {
                let known = literal::TYPE_NAMES.iter().map(|(name, _)| *name);
                let message = crate::base::unknown("type", &name.to_lowercase(), known);
                self.refuse(place, &message)
            }
        }
    }

    /// The part of a moment called `name`.
    pub(super) fn part(&self, name: &str, unit: bool, place: Place) -> Result<Part, String> {
        let found = if unit {
            Part::unit(name)
        } else {
            Part::named(name)
        };
        match found {
            Some(part) => Ok(part),
            None => {
                let message = crate::base::unknown("part of a date", name, Part::names());
                self.refuse(place, &message)
            }
        }
    }
}
