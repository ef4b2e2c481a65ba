//! Functions of dates and timestamps.
//! Keeps: two moments are compared in one type; a day has a clock only where one is asked for.

use sqlparser::tokenizer::Span as Place;

use super::call::Arguments;
use super::{Binder, Bound, literal};
use crate::base::TimeUnit;
use crate::steps::expr::node::{Function, Kind, Node};
use crate::steps::expr::time::Part;
use crate::steps::expr::types::{Type, common};

impl Binder<'_> {
    pub(super) fn with_part(&self, name: &str, arguments: &Arguments) -> Bound {
        let (part, place) = &arguments[0];
        let Some(part) = literal::text_of(part) else {
            return self.refuse(
                *place,
                &format!("{name} takes a text first, such as 'month'"),
            );
        };
        let part = self.part(part, name != "date_part", *place)?;
        let (child, place) = arguments[1].clone();
        if name == "date_part" {
            return self.part_of(part, child, place);
        }
        if name == "date_trunc" {
            let child = self.moment(child, place, name)?;
            let makes = match (&child.data_type, part.is_clock()) {
                (Type::Date, true) => local_timestamp(),
                (other, _) => other.clone(),
            };
            return Ok(Node::new(
                Kind::Call(Function::Truncate(part), vec![child]),
                makes,
            ));
        }
        let (other, other_place) = arguments[2].clone();
        let (child, other) = (
            self.moment(child, place, name)?,
            self.moment(other, other_place, name)?,
        );
        let both = common(&child.data_type, &other.data_type);
        let mut both = both.expect("dates and timestamps have types in common");
        if both == Type::Date && part.is_clock() {
            both = local_timestamp();
        }
        let nodes = vec![
            self.coerce(child, &both, place)?,
            self.coerce(other, &both, other_place)?,
        ];
        Ok(Node::new(
            Kind::Call(Function::Difference(part), nodes),
            Type::Int64,
        ))
    }

    /// A part of a date or timestamp.
    pub(super) fn part_of(&self, part: Part, child: Node, place: Place) -> Bound {
        let child = self.moment(child, place, "a part of a date")?;
        Ok(Node::new(
            Kind::Call(Function::Part(part), vec![child]),
            Type::Int64,
        ))
    }

    pub(super) fn moment(&self, node: Node, place: Place, taker: &str) -> Bound {
        match node.data_type {
            ref data_type if data_type.is_time() => Ok(node),
            Type::Null => Ok(literal::null(&local_timestamp())),
            ref other => {
                let message = format!(
                    "{taker} takes a date or timestamp, not {other}; write CAST(… AS timestamp)"
                );
                self.refuse(place, &message)
            }
        }
    }
}

fn local_timestamp() -> Type {
    Type::Timestamp {
        unit: TimeUnit::Microsecond,
        utc: false,
    }
}
