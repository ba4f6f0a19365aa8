//! What other people wrote, inside an answer.

use inkstone_spec::printable;
use serde_json::Value;

/// Every text in `value`, made printable.
pub(crate) fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = printable(text),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_a_value_is_cleaned() {
        let mut value = serde_json::json!({"a": ["\u{1b}[2Jx", 1], "b": {"c": "y\u{7}"}});
        clean(&mut value);
        assert_eq!(value, serde_json::json!({"a": ["x", 1], "b": {"c": "y"}}));
    }
}
