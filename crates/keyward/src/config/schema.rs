//! The JSON Schema of the configuration, generated from its types.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Config;

/// The schema, as committed in `keyward.schema.json` and as the mistakes are found with.
pub(crate) fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    forget_null(&mut schema);
    schema
}

/// TOML has no null: an absent key is what an optional one allows.
fn forget_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(mut choices)) = object.remove("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                match (choices.pop(), choices.is_empty()) {
                    // What is said of the key itself stays; the rest is said of its type.
                    (Some(Value::Object(only)), true) => {
                        for (key, value) in only {
                            object.entry(key).or_insert(value);
                        }
                    }
                    (last, _) => {
                        choices.extend(last);
                        object.insert("anyOf".to_owned(), Value::Array(choices));
                    }
                }
            }
            if let Some(Value::Array(words)) = object.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            // Defaults are values, not schemas.
            for (_, inner) in object.iter_mut().filter(|(key, _)| *key != "default") {
                forget_null(inner);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forget_null),
        _ => {}
    }
    if let Some(Value::Object(defaults)) = schema.get_mut("default") {
        defaults.retain(|_, value| !value.is_null());
    }
}
