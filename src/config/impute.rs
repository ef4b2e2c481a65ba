//! `--impute` text -> the method that fills a column's nulls.
//! Keeps: whatever follows `const:` is the constant, untouched.

use std::fmt;

use super::names;

/// How a column's nulls are filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImputeMethod {
    /// The mean of the column (or of the key's rows).
    Mean,
    /// The exact median.
    Median,
    /// The most frequent value; of equally frequent ones the smallest.
    Mode,
    /// A constant, still as text: only the column's type says how to read it.
    Const(String),
    /// The key's last value before the gap.
    ForwardFill,
    /// The key's first value after the gap.
    BackwardFill,
    /// On the line between the key's values before and after the gap, by row.
    Linear,
    /// Rows with a null in the column are removed.
    Drop,
}

const METHODS: [(&str, ImputeMethod); 7] = [
    ("mean", ImputeMethod::Mean),
    ("median", ImputeMethod::Median),
    ("mode", ImputeMethod::Mode),
    ("ffill", ImputeMethod::ForwardFill),
    ("bfill", ImputeMethod::BackwardFill),
    ("linear", ImputeMethod::Linear),
    ("drop", ImputeMethod::Drop),
];

/// A method, and whether it is a statistic asked for per key (`mean:key`).
pub(super) fn parse_method(text: &str) -> Result<(ImputeMethod, bool), String> {
    if let Some(value) = text.strip_prefix("const:") {
        return Ok((ImputeMethod::Const(value.to_owned()), false));
    }
    if text == "const" {
        return Err("const needs its value; write const:VALUE".to_owned());
    }
    let (name, by_key) = match text.strip_suffix(":key") {
        Some(name) => (name, true),
        None => (text, false),
    };
    let Some((_, method)) = METHODS.into_iter().find(|(known, _)| *known == name) else {
        let known = METHODS.iter().map(|(known, _)| *known);
        return Err(names::unknown("method", name, known.chain(["const:VALUE"])));
    };
    match method {
        ImputeMethod::Mean | ImputeMethod::Median | ImputeMethod::Mode => Ok((method, by_key)),
        ImputeMethod::Drop if by_key => Err("drop looks at single rows; write drop".to_owned()),
        _ if by_key => Err(format!("{name} always follows --key; write {name}")),
        _ => Ok((method, false)),
    }
}

impl fmt::Display for ImputeMethod {
    /// The spelling `--impute` takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Const(value) = self {
            return write!(f, "const:{value}");
        }
        let (name, _) = METHODS
            .iter()
            .find(|(_, method)| method == self)
            .expect("every other method is listed");
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_reads_back_what_it_prints() {
        let constant = ImputeMethod::Const(" a=b:c ".to_owned());
        let methods = METHODS.map(|(_, method)| method);
        for method in methods.into_iter().chain([constant]) {
            assert_eq!(parse_method(&method.to_string()), Ok((method, false)));
        }
        for (text, method) in [
            ("mean:key", ImputeMethod::Mean),
            ("median:key", ImputeMethod::Median),
            ("mode:key", ImputeMethod::Mode),
        ] {
            assert_eq!(parse_method(text), Ok((method, true)));
        }
        let key = ImputeMethod::Const("key".to_owned());
        assert_eq!(parse_method("const:key"), Ok((key, false)));
        let empty = ImputeMethod::Const(String::new());
        assert_eq!(parse_method("const:"), Ok((empty, false)));
    }

    #[test]
    fn errors_say_what_to_write() {
        for (text, expected) in [
            ("const", "const:VALUE"),
            ("meen", "`mean`"),
            ("avg", "choose from: mean, median"),
            ("ffil", "`ffill`"),
            ("ffill:key", "write ffill"),
            ("drop:key", "write drop"),
            ("", "choose from"),
        ] {
            let message = parse_method(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
