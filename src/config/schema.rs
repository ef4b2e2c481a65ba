//! The configuration file -> its JSON Schema, for editors.
//! Keeps: the flags' keys come from the command line's own definition, so that none is forgotten;
//! what is more than a word or a number (steps, aggregates, checks) is written out in `schema.json`.

use clap::{Arg, ArgAction, Args as _};
use serde_json::{Value, json};

use super::args::Options;

/// The JSON Schema (draft 2020-12) of the file that `--config` reads.
///
/// # Panics
/// Never: what it is made of is part of the program.
pub fn schema() -> Value {
    let mut schema: Value =
        serde_json::from_str(include_str!("schema.json")).expect("the program's own text is JSON");
    let properties = schema["properties"].as_object_mut();
    let properties = properties.expect("the schema lists properties");
    let mut written = std::mem::take(properties);
    let command = Options::augment_args(clap::Command::new(""));
    for flag in command.get_arguments() {
        let Some(name) = flag.get_long().filter(|name| *name != "config") else {
            continue;
        };
        let mut key = written.remove(name).unwrap_or_else(|| form(flag));
        if let Some(help) = flag.get_help() {
            key["description"] = help.to_string().into();
        }
        properties.insert(name.replace('-', "_"), key.clone());
        properties.insert(name.to_owned(), key);
    }
    properties.extend(written);
    schema
}

/// What the value of a flag's key may be.
fn form(flag: &Arg) -> Value {
    if matches!(flag.get_action(), ArgAction::SetTrue) {
        return json!({ "type": "boolean" });
    }
    let words: Vec<String> = flag
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    if !words.is_empty() {
        return json!({ "enum": words });
    }
    let value_name = flag.get_value_names().and_then(<[_]>::first);
    let is_list = matches!(flag.get_action(), ArgAction::Append);
    match value_name.map_or("", |name| name.as_str()) {
        "N" => json!({ "type": ["integer", "string"], "minimum": 0 }),
        "SIZE" | "N|P%" => json!({ "type": ["integer", "string"], "minimum": 0 }),
        "FRACTION" => json!({ "type": ["number", "string"] }),
        "PATH" | "COLS" | "LIST" => json!({ "$ref": "#/$defs/strings" }),
        _ if is_list => json!({ "$ref": "#/$defs/strings" }),
        _ => json!({ "type": "string" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::args;

    #[test]
    fn every_flag_has_a_form_and_words() {
        let schema = schema();
        for name in args::option_names() {
            let key = &schema["properties"][&name];
            let described = key.get("description").and_then(Value::as_str);
            assert!(described.is_some_and(|text| !text.is_empty()), "{name}");
            assert!(
                ["type", "enum", "$ref", "anyOf"]
                    .iter()
                    .any(|form| key.get(form).is_some()),
                "{name}"
            );
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, schema: &Value) {
            match value {
                Value::Object(entries) => {
                    if let Some(reference) = entries.get("$ref").and_then(Value::as_str) {
                        let pointer = reference.strip_prefix('#').expect("within the file");
                        assert!(schema.pointer(pointer).is_some(), "{reference}");
                    }
                    entries.values().for_each(|value| walk(value, schema));
                }
                Value::Array(items) => items.iter().for_each(|value| walk(value, schema)),
                _ => {}
            }
        }
        let schema = schema();
        walk(&schema, &schema);
    }
}
