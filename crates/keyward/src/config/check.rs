//! The tree against the schema: unknown keys, wrong types, bad values. What is wrong is reported and left out, so that
//! one run finds every mistake.

use serde_json::{Map, Value as Json};

use super::mistake::Mistake;
use super::suggest;
use super::text::FORMS;
use super::tree::{Entry, Node, Value};

/// The mistakes of the tree, and what is right of it as JSON, of which the types can be made.
pub(crate) fn check(schema: &Json, root: &Node) -> (Json, Vec<Mistake>) {
    let mut checker = Checker { mistakes: Vec::new() };
    let right = checker.value(schema, root, "").unwrap_or_else(|| Json::Object(Map::new()));
    (right, checker.mistakes)
}

struct Checker {
    mistakes: Vec<Mistake>,
}

impl Checker {
    fn value(&mut self, schema: &Json, node: &Node, name: &str) -> Option<Json> {
        let schema = half_for(schema, node);
        match (&node.value, schema.get("type").and_then(Json::as_str)) {
            (Value::Table(entries), Some("object")) => self.table(schema, node, entries, name),
            (Value::Array(items), Some("array")) => self.list(schema, node, items, name),
            (Value::String(text), _) if choices(schema).is_some() => self.choice(schema, node, text, name),
            (Value::String(text), Some("string")) => self.text(schema, node, text, name),
            (Value::Integer(number), Some("integer")) => self.integer(schema, node, *number, name),
            (Value::Boolean(boolean), Some("boolean")) => Some(Json::Bool(*boolean)),
            (found, _) => {
                let message = format!("`{name}` is {}, not {}", expected(schema), found.kind());
                self.mistakes.push(Mistake::new(node.source.clone(), message));
                None
            }
        }
    }

    fn table(&mut self, schema: &Json, node: &Node, entries: &[Entry], name: &str) -> Option<Json> {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut right = Map::new();
        for Entry { key, key_source, node } in entries {
            let inner = match (properties.get(key), others) {
                (Some(property), _) => property,
                (None, Some(others)) => {
                    let form = schema.get("x-keyward-keys").and_then(Json::as_str);
                    if let Some(wrong) = form.and_then(|form| refusal(form, key)) {
                        self.mistakes.push(Mistake::new(key_source.clone(), format!("`{key}`: {wrong}")));
                        continue;
                    }
                    others
                }
                (None, None) => {
                    let place = if name.is_empty() { String::new() } else { format!(" in `{name}`") };
                    let mut mistake = Mistake::new(key_source.clone(), format!("unknown key `{key}`{place}"));
                    mistake.advice = suggest::advice(key, properties.keys().map(String::as_str));
                    self.mistakes.push(mistake);
                    continue;
                }
            };
            if let Some(value) = self.value(inner, node, key) {
                right.insert(key.clone(), value);
            }
        }
        let required = schema.get("required").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut whole = true;
        for key in required.iter().filter_map(Json::as_str).filter(|key| !right.contains_key(*key)) {
            whole = false;
            if !entries.iter().any(|entry| entry.key == key) {
                let message = format!("`{name}` has no `{key}`");
                let advice =
                    properties.get(key).and_then(example).map(|example| format!("for example {key} = {example}"));
                self.mistakes.push(Mistake { source: node.source.clone(), message, advice });
            }
        }
        whole.then_some(Json::Object(right))
    }

    fn list(&mut self, schema: &Json, node: &Node, items: &[Node], name: &str) -> Option<Json> {
        let inner = schema.get("items").unwrap_or(&Json::Null);
        if schema.get("minItems").and_then(Json::as_u64).is_some_and(|least| (items.len() as u64) < least) {
            self.mistakes.push(Mistake::new(node.source.clone(), format!("`{name}` is empty")));
            return None;
        }
        let right = items.iter().filter_map(|item| self.value(inner, item, name)).collect();
        Some(Json::Array(right))
    }

    fn choice(&mut self, schema: &Json, node: &Node, text: &str, name: &str) -> Option<Json> {
        let choices = choices(schema).unwrap_or_default();
        if choices.contains(&text) {
            return Some(Json::String(text.to_owned()));
        }
        let mut mistake = Mistake::new(node.source.clone(), format!("`{name}` cannot be \"{text}\""));
        mistake.advice = suggest::advice(text, choices);
        self.mistakes.push(mistake);
        None
    }

    fn text(&mut self, schema: &Json, node: &Node, text: &str, name: &str) -> Option<Json> {
        if let Some(wrong) = schema.get("format").and_then(Json::as_str).and_then(|form| refusal(form, text)) {
            self.mistakes.push(Mistake::new(node.source.clone(), format!("`{name}`: {wrong}")));
            return None;
        }
        Some(Json::String(text.to_owned()))
    }

    fn integer(&mut self, schema: &Json, node: &Node, number: i64, name: &str) -> Option<Json> {
        let bound = |key: &str| schema.get(key).and_then(Json::as_i64);
        let (least, most) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
        if (least..=most).contains(&number) {
            return Some(Json::from(number));
        }
        let message = format!("`{name}` is a number from {least} to {most}, not {number}");
        self.mistakes.push(Mistake::new(node.source.clone(), message));
        None
    }
}

/// Why `text` has not the form; `None` when it has.
fn refusal(format: &str, text: &str) -> Option<String> {
    let form = FORMS.iter().find(|form| form.format == format)?;
    (form.check)(text).err().map(|wrong| format!("{} {wrong}", form.noun))
}

/// Of a schema that takes one value or a list of such, the half for a list.
pub(super) fn list_half(schema: &Json) -> Option<&Json> {
    let halves = schema.get("anyOf")?.as_array()?;
    halves.iter().find(|half| half.get("type").is_some_and(|kind| kind == "array"))
}

fn half_for<'a>(schema: &'a Json, node: &Node) -> &'a Json {
    match (list_half(schema), &node.value) {
        (None, _) => schema,
        (Some(list), Value::Array(_)) => list,
        (Some(list), _) => list.get("items").unwrap_or(schema),
    }
}

/// The words of an enumeration.
fn choices(schema: &Json) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return Some(words.iter().filter_map(Json::as_str).collect());
    }
    let variants = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    Some(variants.iter().filter_map(|variant| variant.get("const").and_then(Json::as_str)).collect())
}

fn expected(schema: &Json) -> String {
    if let Some(choices) = choices(schema) {
        return format!("one of {}", choices.join(", "));
    }
    let form = schema.get("format").and_then(Json::as_str);
    match (form.and_then(|form| FORMS.iter().find(|known| known.format == form)), schema["type"].as_str()) {
        (Some(form), _) => format!("{} such as \"{}\"", form.noun, form.example),
        (None, Some("object")) => "a table".to_owned(),
        (None, Some("array")) => "a list".to_owned(),
        (None, Some("integer")) => "a whole number".to_owned(),
        (None, Some("boolean")) => "true or false".to_owned(),
        (None, _) => "a string".to_owned(),
    }
}

fn example(schema: &Json) -> Option<&Json> {
    schema.get("examples").and_then(|examples| examples.get(0))
}
