//! Environment variables over the file: `KEYWARD__SECTION__KEY`. Tables in lists go by their number
//! (`KEYWARD__SERVERS__0__UPSTREAM`), lists of texts are separated by commas or written as JSON, tables as JSON.

use serde_json::Value as Json;

use super::check;
use super::mistake::Mistake;
use super::tree::{Entry, Node, Source, Value};

const PREFIX: &str = "KEYWARD__";

/// Puts the variables into the tree; what cannot be placed comes back as mistakes.
pub(crate) fn apply(
    schema: &Json,
    root: &mut Node,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Vec<Mistake> {
    let mut overrides: Vec<Override> =
        variables.into_iter().filter_map(|(name, text)| Override::new(name, text)).collect();
    // Whole lists before their elements, elements in order.
    overrides.sort_by(|a, b| {
        a.path.iter().map(|segment| sort_key(segment)).cmp(b.path.iter().map(|segment| sort_key(segment)))
    });
    overrides.iter().filter_map(|one| one.place(schema, root, &one.path).err()).collect()
}

fn sort_key(segment: &str) -> (usize, &str) {
    segment.parse().map_or((usize::MAX, segment), |index| (index, ""))
}

struct Override {
    name: String,
    path: Vec<String>,
    text: String,
}

impl Override {
    fn new(name: String, text: String) -> Option<Self> {
        let path = name.strip_prefix(PREFIX)?.split("__").map(str::to_lowercase).collect();
        Some(Self { name, path, text })
    }

    fn source(&self) -> Source {
        Source::Environment(self.name.clone())
    }

    fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.source(), message)
    }

    fn place(&self, schema: &Json, node: &mut Node, path: &[String]) -> Result<(), Mistake> {
        let Some((key, rest)) = path.split_first() else {
            *node = self.value(schema)?;
            return Ok(());
        };
        let unknown = Json::Null;
        let empty = || Node { source: self.source(), value: Value::Table(Vec::new()) };
        if schema.get("type").is_some_and(|kind| kind == "array") {
            if !matches!(node.value, Value::Array(_)) {
                *node = Node { source: self.source(), value: Value::Array(Vec::new()) };
            }
            let Value::Array(items) = &mut node.value else { return Ok(()) };
            let index = key.parse::<usize>().ok().filter(|index| *index <= items.len()).ok_or_else(|| {
                self.mistake(format!("`{key}` is no number of an element: the next one is {}", items.len()))
            })?;
            if index == items.len() {
                items.push(empty());
            }
            return self.place(schema.get("items").unwrap_or(&unknown), &mut items[index], rest);
        }
        if !matches!(node.value, Value::Table(_)) {
            *node = empty();
        }
        let Value::Table(entries) = &mut node.value else { return Ok(()) };
        let at = entries.iter().position(|entry| entry.key == *key).unwrap_or_else(|| {
            entries.push(Entry { key: key.clone(), key_source: self.source(), node: empty() });
            entries.len() - 1
        });
        let property = schema.get("properties").and_then(|properties| properties.get(key));
        let inner = property.or_else(|| schema.get("additionalProperties")).unwrap_or(&unknown);
        self.place(inner, &mut entries[at].node, rest)
    }

    fn value(&self, schema: &Json) -> Result<Node, Mistake> {
        let text = self.text.trim();
        // Where one value or a list may stand, a comma makes the list.
        let schema = check::list_half(schema).filter(|_| text.starts_with('[') || text.contains(',')).unwrap_or(schema);
        let value = match schema.get("type").and_then(Json::as_str) {
            Some("integer") => text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer),
            Some("boolean") => match text {
                "true" | "1" => Value::Boolean(true),
                "false" | "0" => Value::Boolean(false),
                other => Value::String(other.to_owned()),
            },
            Some("array") if !text.starts_with('[') => {
                let item = |part: &str| self.node(Value::String(part.trim().to_owned()));
                Value::Array(text.split(',').filter(|part| !part.trim().is_empty()).map(item).collect())
            }
            Some("array" | "object") => {
                let json: Json =
                    serde_json::from_str(text).map_err(|error| self.mistake(format!("no JSON: {error}")))?;
                self.json_value(json)
            }
            _ => Value::String(self.text.clone()),
        };
        Ok(self.node(value))
    }

    fn node(&self, value: Value) -> Node {
        Node { source: self.source(), value }
    }

    fn json_value(&self, json: Json) -> Value {
        match json {
            Json::Object(object) => {
                let entry =
                    |(key, json)| Entry { key, key_source: self.source(), node: self.node(self.json_value(json)) };
                Value::Table(object.into_iter().map(entry).collect())
            }
            Json::Array(items) => {
                Value::Array(items.into_iter().map(|json| self.node(self.json_value(json))).collect())
            }
            Json::String(text) => Value::String(text),
            Json::Bool(boolean) => Value::Boolean(boolean),
            Json::Number(number) => number.as_i64().map_or(Value::Fraction, Value::Integer),
            Json::Null => Value::Table(Vec::new()),
        }
    }
}
