//! Functions by name: what they take, and what they make of it.
//! Keeps: a function that is not known suggests the nearest; one that is given too much, too
//! little or the wrong type says what it takes.

use regex::RegexBuilder;
use sqlparser::ast::{
    Expr, Function as Called, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned,
};
use sqlparser::tokenizer::Span as Place;

use super::{Binder, Bound, copy, implicit, literal};
use crate::steps::expr::node::{Arithmetic, Comparison, Function, Kind, Node};
use crate::steps::expr::time::Part;
use crate::steps::expr::types::Type;

/// The most memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Functions: their names, the first one the one that messages use, and what they take.
const FUNCTIONS: [(&[&str], &str); 46] = [
    (&["upper", "ucase"], "text"),
    (&["lower", "lcase"], "text"),
    (&["trim"], "text, [characters]"),
    (&["ltrim"], "text, [characters]"),
    (&["rtrim"], "text, [characters]"),
    (
        &["length", "len", "char_length", "character_length"],
        "text",
    ),
    (&["substr", "substring"], "text, start, [length]"),
    (&["left"], "text, count"),
    (&["right"], "text, count"),
    (&["replace"], "text, from, to"),
    (&["concat"], "anything, …"),
    (&["split_part"], "text, separator, number"),
    (&["starts_with", "prefix"], "text, start"),
    (&["ends_with", "suffix"], "text, end"),
    (&["contains"], "text, part"),
    (&["regexp_matches"], "text, 'pattern', ['flags']"),
    (&["regexp_extract"], "text, 'pattern', [group], ['flags']"),
    (
        &["regexp_replace"],
        "text, 'pattern', replacement, ['flags']",
    ),
    (&["abs"], "number"),
    (&["sign"], "number"),
    (&["round"], "number, [digits]"),
    (&["floor"], "number"),
    (&["ceil", "ceiling"], "number"),
    (&["ln"], "number"),
    (&["log10", "log"], "number"),
    (&["log2"], "number"),
    (&["exp"], "number"),
    (&["sqrt"], "number"),
    (&["power", "pow"], "number, number"),
    (&["mod"], "number, number"),
    (&["least"], "value, …"),
    (&["greatest"], "value, …"),
    (&["clip"], "value, lowest, highest"),
    (&["coalesce", "ifnull"], "value, …"),
    (&["nullif"], "value, value"),
    (&["if"], "condition, value, value"),
    (&["date_part", "datepart"], "'part', date or timestamp"),
    (&["date_trunc", "datetrunc"], "'unit', date or timestamp"),
    (&["date_diff", "datediff"], "'unit', earlier, later"),
    (&["isnan"], "number"),
    (&["hash"], "anything, …"),
    (&["now", "current_timestamp", "get_current_timestamp"], ""),
    (&["current_date", "today"], ""),
    // Every part of a date is a function of its name as well.
    (&["year"], "date or timestamp"),
    (&["month"], "date or timestamp"),
    (&["day"], "date or timestamp"),
];

/// What a function is given, and where that stands.
pub(super) type Arguments = Vec<(Node, Place)>;

impl Binder<'_> {
    /// A call as it is written.
    pub(super) fn function(&mut self, called: &Called, place: Place) -> Bound {
        let name = called.name.to_string().to_lowercase();
        let name = name.trim_matches('"');
        if called.over.is_some() {
            let message = "windows are steps of their own: a rolling step with a key";
            return self.refuse(place, message);
        }
        let arguments = match &called.args {
            FunctionArguments::None => Vec::new(),
            FunctionArguments::List(list) if list.duplicate_treatment.is_none() => {
                let arguments = list.args.iter().map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                    _ => None,
                });
                match arguments.collect::<Option<Vec<&Expr>>>() {
                    Some(arguments) => arguments,
                    None => return self.wrong_arguments(name, place),
                }
            }
            _ => return self.wrong_arguments(name, place),
        };
        self.call(name, &arguments, place)
    }

    fn wrong_arguments(&self, name: &str, place: Place) -> Bound {
        let known = FUNCTIONS.iter().find(|(names, _)| names.contains(&name));
        match known {
            Some((_, takes)) => self.refuse(place, &format!("write {name}({takes})")),
            None if Part::named(name).is_some() => {
                self.refuse(place, &format!("write {name}(date or timestamp)"))
            }
            None => {
                const AGGREGATES: [&str; 8] = [
                    "sum", "avg", "mean", "count", "min", "max", "median", "stddev",
                ];
                if AGGREGATES.contains(&name) {
                    let message = format!("`{name}` is over many rows; an expression sees one row");
                    return self.refuse(place, &message);
                }
                let names = FUNCTIONS
                    .iter()
                    .flat_map(|(names, _)| names.iter().copied());
                let known = names.chain(Part::names());
                self.refuse(place, &crate::base::unknown("function", name, known))
            }
        }
    }

    /// A call of the function called `name`.
    pub(super) fn call(&mut self, name: &str, arguments: &[&Expr], place: Place) -> Bound {
        if arguments.is_empty()
            && let Some(node) = self.moment_constant(name)
        {
            return Ok(node);
        }
        let known = FUNCTIONS.iter().find(|(names, _)| names.contains(&name));
        if let (None, [moment], Some(part)) = (known, arguments, Part::named(name)) {
            let child = self.bind(moment)?;
            return self.part_of(part, child, moment.span());
        }
        let Some((names, _)) = known else {
            return self.wrong_arguments(name, place);
        };
        if names[0] == "if"
            && let [condition, then, otherwise] = arguments
        {
            let when = self.condition(condition, "if")?;
            let values = vec![
                (self.bind(then)?, then.span()),
                (self.bind(otherwise)?, otherwise.span()),
            ];
            let (mut values, data_type) = self.one_type(values)?;
            let otherwise = Box::new(values.pop().expect("there are two"));
            let branches = vec![(when, values.pop().expect("there are two"))];
            let kind = Kind::Case {
                branches,
                otherwise,
            };
            return Ok(Node::new(kind, data_type));
        }
        let bound = arguments
            .iter()
            .map(|argument| Ok((self.bind(argument)?, argument.span())));
        let bound: Arguments = bound.collect::<Result<_, String>>()?;
        let node = match self.text_function(names[0], &bound)? {
            Some(node) => Some(node),
            None => match self.pattern_function(names[0], &bound)? {
                Some(node) => Some(node),
                None => match self.number_function(names[0], &bound)? {
                    Some(node) => Some(node),
                    None => self.other_function(names[0], &bound)?,
                },
            },
        };
        match node {
            Some(node) => Ok(node),
            None => self.wrong_arguments(name, place),
        }
    }

    fn text_function(&self, name: &str, arguments: &Arguments) -> Result<Option<Node>, String> {
        use Function::{
            Contains, EndsWith, Left, Length, Lower, Replace, Right, SplitPart, StartsWith,
            Substring, Trim, TrimEnd, TrimStart, Upper,
        };
        // `t` is a text, `i` a whole number; those behind a `?` may be left out.
        let (function, takes, makes) = match name {
            "upper" => (Upper, "t", Type::Text),
            "lower" => (Lower, "t", Type::Text),
            "trim" => (Trim, "t?t", Type::Text),
            "ltrim" => (TrimStart, "t?t", Type::Text),
            "rtrim" => (TrimEnd, "t?t", Type::Text),
            "length" => (Length, "t", Type::Int64),
            "substr" => (Substring, "ti?i", Type::Text),
            "left" => (Left, "ti", Type::Text),
            "right" => (Right, "ti", Type::Text),
            "replace" => (Replace, "ttt", Type::Text),
            "split_part" => (SplitPart, "tti", Type::Text),
            "starts_with" => (StartsWith, "tt", Type::Boolean),
            "ends_with" => (EndsWith, "tt", Type::Boolean),
            "contains" => (Contains, "tt", Type::Boolean),
            _ => return Ok(None),
        };
        let least = takes.find('?').unwrap_or(takes.len());
        let kinds: Vec<char> = takes.chars().filter(|kind| *kind != '?').collect();
        if arguments.len() < least || arguments.len() > kinds.len() {
            return Ok(None);
        }
        let typed = kinds
            .iter()
            .zip(arguments)
            .map(|(kind, (node, place))| match kind {
                't' => self.text(node.clone(), *place, name),
                _ => self.integer(node.clone(), *place, name),
            });
        let typed: Vec<Node> = typed.collect::<Result<_, _>>()?;
        Ok(Some(Node::new(Kind::Call(function, typed), makes)))
    }

    /// Functions whose pattern is a constant, compiled here.
    fn pattern_function(&self, name: &str, arguments: &Arguments) -> Result<Option<Node>, String> {
        let (most, makes) = match name {
            "regexp_matches" => (3, Type::Boolean),
            "regexp_extract" => (4, Type::Text),
            "regexp_replace" => (4, Type::Text),
            _ => return Ok(None),
        };
        let is_replace = name == "regexp_replace";
        if arguments.len() < 2 + usize::from(is_replace) || arguments.len() > most {
            return Ok(None);
        }
        let child = self.text(arguments[0].0.clone(), arguments[0].1, name)?;
        let place = arguments[1].1;
        let Some(pattern) = literal::text_of(&arguments[1].0) else {
            return self.refuse(place, "the pattern must be a text in single quotes");
        };
        let group = match (name, arguments.get(2)) {
            ("regexp_extract", Some((node, place))) => match literal::integer_of(node) {
                Some(group) => usize::try_from(group).unwrap_or(usize::MAX),
                None => return self.refuse(*place, "the group is a number, such as 1"),
            },
            _ => 0,
        };
        let flags = arguments.get(most - 1);
        let flags = match flags.map(|(node, place)| (literal::text_of(node), *place)) {
            None => "",
            Some((Some(flags), _)) => flags,
            Some((None, place)) => return self.refuse(place, "flags are a text, such as 'i'"),
        };
        if let Some(odd) = flags.chars().find(|flag| !"cimsng".contains(*flag)) {
            let message = format!("unknown flag `{odd}`; there are c, i, s, m and g");
            return self.refuse(arguments[most - 1].1, &message);
        }
        let compiled = RegexBuilder::new(pattern)
            .case_insensitive(flags.contains('i'))
            .multi_line(flags.contains(['m', 'n']))
            .dot_matches_new_line(flags.contains('s'))
            .size_limit(PATTERN_BYTES_MAX)
            .build();
        let compiled = match compiled {
            Ok(compiled) if group < compiled.captures_len() => compiled,
            Ok(compiled) => {
                let message = format!("the pattern has {} groups", compiled.captures_len() - 1);
                return self.refuse(arguments[2].1, &message);
            }
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or("it is no pattern").trim();
                return self.refuse(place, why.trim_start_matches("error: "));
            }
        };
        let (function, nodes) = match name {
            "regexp_matches" => (Function::RegexpMatches(compiled), vec![child]),
            "regexp_extract" => (Function::RegexpExtract(compiled, group), vec![child]),
            _ => {
                let with = self.text(arguments[2].0.clone(), arguments[2].1, name)?;
                let function = Function::RegexpReplace {
                    pattern: compiled,
                    every: flags.contains('g'),
                };
                (function, vec![child, with])
            }
        };
        Ok(Some(Node::new(Kind::Call(function, nodes), makes)))
    }

    fn number_function(&self, name: &str, arguments: &Arguments) -> Result<Option<Node>, String> {
        let count = arguments.len();
        let float = |at: usize| self.float(arguments[at].0.clone(), arguments[at].1);
        let function = match (name, count) {
            ("ln", 1) => Function::Ln,
            ("log10", 1) => Function::Log10,
            ("log2", 1) => Function::Log2,
            ("exp", 1) => Function::Exp,
            ("sqrt", 1) => Function::Sqrt,
            ("power", 2) => Function::Power,
            ("mod", 2) => {
                let (left, right) = (arguments[0].clone(), arguments[1].clone());
                return self
                    .arithmetic(Arithmetic::Remainder, left, right)
                    .map(Some);
            }
            ("isnan", 1) => {
                let nan = literal::number("nan");
                let equal = (float(0)?, arguments[0].1);
                let node = self.compared(Comparison::Equal, equal, (nan, Place::empty()))?;
                return Ok(Some(node));
            }
            ("abs" | "sign" | "round" | "floor" | "ceil", 1) | ("round", 2) => {
                return self.rounding(name, arguments).map(Some);
            }
            _ => return Ok(None),
        };
        let nodes = (0..count).map(float).collect::<Result<_, _>>()?;
        Ok(Some(Node::new(Kind::Call(function, nodes), Type::Float64)))
    }

    /// Functions that whole numbers keep their type under.
    fn rounding(&self, name: &str, arguments: &Arguments) -> Bound {
        let (node, place) = arguments[0].clone();
        let is_whole = node.data_type == Type::Int64;
        let keeps_decimal = name == "abs" && matches!(node.data_type, Type::Decimal { .. });
        let node = match is_whole || keeps_decimal {
            true => node,
            false => self.float(node, place)?,
        };
        let data_type = node.data_type.clone();
        let (function, makes) = match name {
            "abs" => (Function::Abs, data_type),
            "sign" => (Function::Sign, Type::Int64),
            "floor" | "ceil" if is_whole => return Ok(node),
            "floor" => (Function::Floor, data_type),
            "ceil" => (Function::Ceil, data_type),
            _ => (Function::Round, data_type),
        };
        let mut nodes = vec![node];
        if let Some((digits, place)) = arguments.get(1) {
            nodes.push(self.integer(digits.clone(), *place, name)?);
        }
        Ok(Node::new(Kind::Call(function, nodes), makes))
    }

    fn other_function(&self, name: &str, arguments: &Arguments) -> Result<Option<Node>, String> {
        let count = arguments.len();
        let call = |function, nodes, makes| Ok(Some(Node::new(Kind::Call(function, nodes), makes)));
        match (name, count) {
            ("concat", 1..) => {
                let texts = arguments
                    .iter()
                    .map(|(node, place)| self.as_text(node.clone(), *place));
                call(
                    Function::Concat,
                    texts.collect::<Result<_, _>>()?,
                    Type::Text,
                )
            }
            ("hash", 1..) => {
                let nodes = arguments.iter().map(|(node, _)| node.clone()).collect();
                call(Function::Hash, nodes, Type::Int64)
            }
            ("least" | "greatest", 1..) | ("clip", 3) | ("coalesce", 1..) => {
                let (nodes, data_type) = self.one_type(arguments.clone())?;
                if data_type == Type::Null {
                    return Ok(Some(literal::null(&Type::Null)));
                }
                match name {
                    "coalesce" => Ok(Some(Node::new(Kind::Coalesce(nodes), data_type))),
                    "least" => call(Function::Least, nodes, data_type),
                    "greatest" => call(Function::Greatest, nodes, data_type),
                    _ => call(Function::Clip, nodes, data_type),
                }
            }
            ("nullif", 2) => {
                let (value, place) = arguments[0].clone();
                let compared = (copy(value.clone()), place);
                let equal = self.compared(Comparison::Equal, compared, arguments[1].clone())?;
                let data_type = value.data_type.clone();
                let (value, equal) = (Box::new(value), Box::new(equal));
                Ok(Some(Node::new(Kind::NullIf { value, equal }, data_type)))
            }
            ("year" | "month" | "day", 1) => {
                let part = Part::named(name).expect("they are parts");
                let (child, place) = arguments[0].clone();
                self.part_of(part, child, place).map(Some)
            }
            ("date_part", 2) | ("date_trunc", 2) | ("date_diff", 3) => {
                self.with_part(name, arguments).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A text, as `taker` takes it.
    pub(super) fn text(&self, node: Node, place: Place, taker: &str) -> Bound {
        match node.data_type {
            Type::Text => Ok(node),
            Type::Null => Ok(literal::null(&Type::Text)),
            ref other => {
                let message = format!("{taker} takes a text, not {other}; write CAST(… AS utf8)");
                self.refuse(place, &message)
            }
        }
    }

    /// Anything as a text.
    pub(super) fn as_text(&self, node: Node, place: Place) -> Bound {
        match node.data_type {
            Type::Interval => self.refuse(place, "an interval is no text"),
            Type::Text | Type::Null => self.text(node, place, "concat"),
            _ => Ok(implicit(node, Type::Text)),
        }
    }

    fn integer(&self, node: Node, place: Place, taker: &str) -> Bound {
        match node.data_type {
            Type::Int64 => Ok(node),
            Type::Null => Ok(literal::null(&Type::Int64)),
            ref other => {
                let message = format!("{taker} takes a whole number here, not {other}");
                self.refuse(place, &message)
            }
        }
    }

    /// A number as a float.
    pub(super) fn float(&self, node: Node, place: Place) -> Bound {
        match node.data_type {
            Type::Float64 => Ok(node),
            Type::Null | Type::Int64 => self.coerce(node, &Type::Float64, place),
            Type::Decimal { .. } => Ok(implicit(node, Type::Float64)),
            ref other => {
                let message = format!("{other} is no number; write CAST(… AS float64)");
                self.refuse(place, &message)
            }
        }
    }
}
