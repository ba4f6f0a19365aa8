//! Environment variables as the tools take them: `[{"key": "API_TOKEN", "value": "…"}]`.

use super::arguments::{Argument, Fault, read, refuse_others};
use super::values::{schema, string};
use inkstone_spec::{EnvKey, EnvValue};
use rmcp::model::JsonObject;
use serde_json::{Value, json};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Environment variables. No refusal shows a value.
#[derive(Debug, Default)]
pub(crate) struct EnvVars(pub(crate) BTreeMap<EnvKey, EnvValue>);

impl Argument for EnvVars {
    fn schema() -> JsonObject {
        schema([
            ("type", json!("array")),
            (
                "items",
                json!({
                    "type": "object",
                    "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
                    "required": ["key", "value"],
                    "additionalProperties": false,
                }),
            ),
        ])
    }

    fn allowed() -> String {
        r#"Use an array of objects with key and value, for example [{"key": "LOG_LEVEL", "value": "info"}]."#
            .to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        let Value::Array(items) = given else {
            return Err(Fault::wrong_type::<Self>("an array", &given));
        };
        let mut variables = BTreeMap::new();
        for (at, item) in items.into_iter().enumerate() {
            let (key, value) = pair(item).map_err(|fault| fault.within(&format!("[{at}]")))?;
            match variables.entry(key) {
                Entry::Vacant(free) => free.insert(value),
                Entry::Occupied(taken) => {
                    let message = format!("repeats {}", taken.key());
                    let fault = Fault::not_allowed(message, "Give every variable once.");
                    return Err(fault.within(&format!("[{at}]")));
                }
            };
        }
        Ok(Self(variables))
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

/// Names of environment variables: `["API_TOKEN"]`.
#[derive(Debug, Default)]
pub(crate) struct EnvKeys(pub(crate) BTreeSet<EnvKey>);

impl Argument for EnvKeys {
    fn schema() -> JsonObject {
        schema([("type", json!("array")), ("items", EnvKey::schema().into())])
    }

    fn allowed() -> String {
        r#"Use an array of names, for example ["LOG_LEVEL"]."#.to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        let Value::Array(items) = given else {
            return Err(Fault::wrong_type::<Self>("an array", &given));
        };
        let named = items.into_iter().enumerate().map(|(at, item)| {
            <EnvKey as Argument>::parse(item).map_err(|fault| fault.within(&format!("[{at}]")))
        });
        named.collect::<Result<_, _>>().map(Self)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

fn pair(item: Value) -> Result<(EnvKey, EnvValue), Fault> {
    let Value::Object(fields) = item else {
        return Err(Fault::wrong_type::<EnvVars>("an object", &item));
    };
    refuse_others(&fields, &["key", "value"])?;
    Ok((read(&fields, "key", None)?, read(&fields, "value", None)?))
}

impl Argument for EnvKey {
    fn schema() -> JsonObject {
        schema([("type", json!("string"))])
    }

    fn allowed() -> String {
        "".parse::<Self>().err().map(|error| error.suggestion()).unwrap_or_default()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        // Not quoted: somebody may have mixed up key and value.
        string::<Self>(given)?
            .parse()
            .map_err(|_| Fault::not_allowed("is no name that a variable may have", Self::allowed()))
    }
}

impl Argument for EnvValue {
    fn schema() -> JsonObject {
        schema([("type", json!("string"))])
    }

    fn allowed() -> String {
        "Use a string; a number or a boolean goes in quotes, for example \"8080\".".to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        Ok(Self::new(string::<Self>(given)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(given: Value) -> String {
        EnvVars::parse(given).unwrap_err().within("env_vars").refusal("create_service").to_string()
    }

    #[test]
    fn pairs_become_variables() {
        let given = json!([{"key": "A", "value": "1"}, {"key": "EMPTY", "value": ""}]);
        let EnvVars(variables) = EnvVars::parse(given).unwrap();
        let found: Vec<_> = variables.iter().map(|(k, v)| (k.as_str(), v.expose())).collect();
        assert_eq!(found, [("A", "1"), ("EMPTY", "")]);
    }

    #[test]
    fn a_refusal_names_the_place_and_shows_no_value() {
        let secret = "s3cr3t-v4lue";
        for (given, place) in [
            (
                json!([{"key": "A", "value": "x"}, {"key": secret, "value": secret}]),
                "env_vars[1].key",
            ),
            (json!([{"key": "PORT", "value": secret}]), "env_vars[0].key"),
            (json!([{"key": "LD_PRELOAD", "value": secret}]), "env_vars[0].key"),
            (json!([{"key": "KUBERNETES_SERVICE_HOST", "value": secret}]), "env_vars[0].key"),
            (json!([{"key": "A", "value": [secret]}]), "env_vars[0].value"),
            (json!([{"key": "A", "value": 5_318_008}]), "env_vars[0].value"),
            (json!([{"key": "A", "value": format!("{secret}\0")}]), "env_vars[0].value"),
            (json!([{"key": "A"}]), "env_vars[0].value"),
            (json!([{"key": "A", "value": secret, "secret": true}]), "env_vars[0].secret"),
            (json!([{"key": "A", "value": secret}, {"key": "A", "value": "y"}]), "env_vars[1]"),
            (json!([secret]), "env_vars[0]"),
            (json!({"A": secret}), "env_vars"),
            (json!(secret), "env_vars"),
        ] {
            let text = refusal(given);
            assert!(text.starts_with(&format!("`{place}` ")), "{text}");
            assert!(!text.contains(secret) && !text.contains("5318008"), "{text}");
        }
    }
}
