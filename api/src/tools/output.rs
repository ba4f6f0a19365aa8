//! Output schemas, as small as they can be: agents pay for every word of the catalogue.

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// How many levels of an answer are described: what is below shows when it is there.
const DEPTH: usize = 1;

/// The schema of what `T` serialises to, without definitions to look up.
pub(crate) fn schema<T: JsonSchema>() -> JsonObject {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut value = settings.into_generator().into_root_schema_for::<T>().to_value();
    slim(&mut value, DEPTH);
    match value {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    }
}

/// Drops what says little: titles, number formats, the `null` of fields that are left out when they have
/// no value, which fields are always there, and what lies deeper than `depth` levels.
fn slim(value: &mut Value, depth: usize) {
    let Value::Object(schema) = value else { return };
    for noise in ["title", "format", "minimum", "maximum", "description", "required"] {
        schema.remove(noise);
    }
    if let Some(Value::Array(types)) = schema.get("type")
        && let [only, Value::String(null)] = types.as_slice()
        && null == "null"
    {
        let only = only.clone();
        schema.insert("type".to_owned(), only);
    }
    if let Some(Value::Array(any)) = schema.remove("anyOf") {
        let mut some = any.into_iter().filter(|one| one["type"] != "null");
        if let (Some(Value::Object(only)), None) = (some.next(), some.next()) {
            schema.extend(only);
        }
    }
    if depth == 0 {
        schema.remove("properties");
    }
    let parts = schema.get_mut("properties").and_then(Value::as_object_mut);
    let parts = parts.into_iter().flat_map(|properties| properties.values_mut());
    parts.for_each(|part| slim(part, depth - 1));
    if let Some(items) = schema.get_mut("items") {
        slim(items, depth);
    }
}
