//! A bound expression: a tree whose leaves are columns and constants, whose types agree, and in
//! which every cast that is needed is written out.
//! Keeps: what can go wrong with a value is known of each node, so that the others are never
//! looked at for it.

use std::collections::HashSet;

use arrow::array::ArrayRef;

use super::like::Pattern;
use super::time::{Part, Span};
use super::types::Type;

/// A part of a bound expression.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) data_type: Type,
    /// Whether it, or something below it, may null a cell and count it.
    pub(super) may_flaw: bool,
}

/// What a node does with what is below it.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// The column in this slot.
    Column(usize),
    /// One cell; `text` is how a number or a text was written.
    Literal {
        cell: ArrayRef,
        text: Option<Box<str>>,
    },
    /// A span of time.
    Interval(Span),
    Negate(Box<Node>),
    /// Both sides of the node's type, or for [`Arithmetic::Divide`] floats.
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    /// A date or timestamp and a span to add.
    AddSpan(Box<Node>, Span),
    /// A date and a number of days to add, or to take away.
    AddDays {
        date: Box<Node>,
        days: Box<Node>,
        negative: bool,
    },
    /// The days from the second date to the first.
    DaysBetween(Box<Node>, Box<Node>),
    /// Two sides of one type.
    Compare(Comparison, Box<Node>, Box<Node>),
    /// As a comparison for which null is a value like any other.
    Distinct {
        negated: bool,
        left: Box<Node>,
        right: Box<Node>,
    },
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    IsNull {
        negated: bool,
        child: Box<Node>,
    },
    /// Whether a condition is TRUE (or FALSE): never null itself.
    Is {
        value: bool,
        negated: bool,
        child: Box<Node>,
    },
    /// The value of the first branch whose condition is TRUE.
    Case {
        branches: Vec<(Node, Node)>,
        otherwise: Box<Node>,
    },
    Coalesce(Vec<Node>),
    /// The first, or null where both are equal; the cast sides are those to compare.
    NullIf {
        value: Box<Node>,
        equal: Box<Node>,
    },
    /// Whether a text or a whole number is one of many.
    In {
        child: Box<Node>,
        set: Set,
        has_null: bool,
    },
    Like {
        child: Box<Node>,
        pattern: Pattern,
    },
    /// To the node's type; `lenient` nulls without counting.
    Cast {
        child: Box<Node>,
        lenient: bool,
    },
    Call(Function, Vec<Node>),
    /// A node that stands elsewhere too, where its flaws are counted.
    Copy(Box<Node>),
}

/// Constants to look a cell up in.
#[derive(Debug, Clone)]
pub(super) enum Set {
    Texts(HashSet<Box<str>>),
    Numbers(HashSet<i64>),
}

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// Of floats.
    Divide,
    /// Of whole numbers, towards zero.
    IntegerDivide,
    Remainder,
}

/// How two cells are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A function with its constants.
#[derive(Debug, Clone)]
pub(super) enum Function {
    Upper,
    Lower,
    TrimStart,
    TrimEnd,
    Trim,
    Length,
    Substring,
    Left,
    Right,
    Replace,
    Concat,
    /// Two texts, null where one is.
    Join,
    SplitPart,
    StartsWith,
    EndsWith,
    Contains,
    RegexpMatches(regex::Regex),
    RegexpExtract(regex::Regex, usize),
    RegexpReplace {
        pattern: regex::Regex,
        every: bool,
    },
    Abs,
    Sign,
    Round,
    Floor,
    Ceil,
    Ln,
    Log10,
    Log2,
    Exp,
    Sqrt,
    Power,
    Least,
    Greatest,
    Clip,
    Part(Part),
    Truncate(Part),
    Difference(Part),
    Hash,
}

/// Why a cell became null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Overflow,
    DivisionByZero,
    /// An argument that the function is not defined for.
    Argument,
    /// A text or number that does not fit the type it is cast to.
    Cast,
}

impl Node {
    pub(super) fn new(kind: Kind, data_type: Type) -> Self {
        let mut node = Self {
            kind,
            data_type,
            may_flaw: false,
        };
        node.may_flaw = node.flaw().is_some() || node.children().iter().any(|child| child.may_flaw);
        node
    }

    /// What may be wrong with a cell that it nulls, if it nulls any.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        match &self.kind {
            Kind::Arithmetic(operator, ..) => match (operator, &self.data_type) {
                (Arithmetic::Divide | Arithmetic::IntegerDivide | Arithmetic::Remainder, _) => {
                    Some(Flaw::DivisionByZero)
                }
                (_, Type::Float64) => None,
                _ => Some(Flaw::Overflow),
            },
            Kind::Negate(_) if self.data_type == Type::Int64 => Some(Flaw::Overflow),
            Kind::AddSpan(..) | Kind::AddDays { .. } => Some(Flaw::Overflow),
            Kind::Cast {
                lenient: false,
                child,
            } if !is_sure(&child.data_type, &self.data_type) => Some(Flaw::Cast),
            Kind::Call(Function::Ln | Function::Log10 | Function::Log2 | Function::Sqrt, _) => {
                Some(Flaw::Argument)
            }
            Kind::Call(Function::Abs | Function::Round, _) if self.data_type == Type::Int64 => {
                Some(Flaw::Overflow)
            }
            _ => None,
        }
    }

    /// The nodes directly below.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Column(_) | Kind::Literal { .. } | Kind::Interval(_) => Vec::new(),
            Kind::Negate(child)
            | Kind::AddSpan(child, _)
            | Kind::Not(child)
            | Kind::IsNull { child, .. }
            | Kind::Is { child, .. }
            | Kind::In { child, .. }
            | Kind::Like { child, .. }
            | Kind::Copy(child)
            | Kind::Cast { child, .. } => vec![child],
            Kind::Arithmetic(_, left, right)
            | Kind::DaysBetween(left, right)
            | Kind::Compare(_, left, right)
            | Kind::Distinct { left, right, .. }
            | Kind::And(left, right)
            | Kind::Or(left, right) => vec![left, right],
            Kind::AddDays { date, days, .. } => vec![date, days],
            Kind::NullIf { value, equal } => vec![value, equal],
            Kind::Case {
                branches,
                otherwise,
            } => {
                let branches = branches.iter().flat_map(|(when, then)| [when, then]);
                branches.chain([&**otherwise]).collect()
            }
            Kind::Coalesce(nodes) | Kind::Call(_, nodes) => nodes.iter().collect(),
        }
    }

    /// Adds the slots of all columns below to `slots`.
    pub(super) fn slots(&self, slots: &mut Vec<usize>) {
        if let Kind::Column(slot) = self.kind
            && !slots.contains(&slot)
        {
            slots.push(slot);
        }
        for child in self.children() {
            child.slots(slots);
        }
    }
}

/// Whether every cell of one type is one of the other.
fn is_sure(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (one, other) if one == other => true,
        (Type::Null, _) | (_, Type::Text) => true,
        (Type::Boolean, Type::Int64 | Type::Float64) => true,
        (Type::Int64 | Type::Decimal { .. }, Type::Float64) => true,
        (Type::Int64 | Type::Float64, Type::Boolean) => true,
        (Type::Timestamp { .. }, Type::Date) => true,
        _ => false,
    }
}
