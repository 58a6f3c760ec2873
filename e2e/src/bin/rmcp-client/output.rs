//! One JSON object a line.

use serde_json::{Value, json};

/// Tells what happened; `fields` is an object.
pub(crate) fn emit(event: &str, fields: &Value) {
    let mut line = json!({ "event": event });
    if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
        line.extend(fields.clone());
    }
    print(&line);
}

#[expect(clippy::print_stdout, reason = "standard output is how the answers are given")]
fn print(line: &Value) {
    println!("{line}");
}
