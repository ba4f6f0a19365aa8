//! Calls that may be made again: under the same idempotency key and with the same arguments they are
//! done once and answered the same.

use crate::{Caller, Deployer, Refusal, now_ms};
use inkstone_store::{Begun, IdempotencyKey};
use serde_json::{Map, Value};

pub use inkstone_store::Call;

/// What is to be done about a call that has an idempotency key.
#[derive(Debug)]
pub enum Turn {
    /// Make it, and tell [`Deployer::end_call`] how it ended.
    Make(Call),
    /// It was made before: what was kept of its answer.
    Made(Value),
}

impl Deployer {
    /// Begins a call, or finds what became of it before.
    pub async fn begin_call(
        &self,
        caller: &Caller,
        key: &IdempotencyKey,
        arguments: &Map<String, Value>,
    ) -> Result<Turn, Refusal> {
        let tool = caller.tool.to_string();
        let request = caller.fingerprint(&format!("{tool}\n{}", canonical(arguments)));
        let (store, api_key) = (&self.inner.store, caller.key_hash());
        match store.begin_call(&api_key, key, &tool, &request, now_ms()).await? {
            Begun::New(call) => Ok(Turn::Make(call)),
            Begun::Replay(answer) => {
                serde_json::from_str(&answer).map(Turn::Made).map_err(|error| {
                    Refusal::internal("the answer of an earlier call could not be read", &error)
                })
            }
            Begun::Conflict { tool } => Err(Refusal::new(
                "idempotency_conflict",
                format!("This idempotency_key was used for another call, of {tool}."),
                "Use a new key for a new call; use a key again only with the same arguments. Nothing was changed.",
            )),
            Begun::InProgress => Err(Refusal::new(
                "in_progress",
                "The same call is being made now.",
                "Make it again with the same idempotency_key in a few seconds: the answer will be the first one's.",
            )),
        }
    }

    /// Ends a call with what is kept of its answer, which has no secret; `None` where it was refused:
    /// whoever makes it again means it.
    pub async fn end_call(&self, call: Call, kept: Option<&Value>) {
        let store = &self.inner.store;
        let ended = match kept {
            Some(kept) => store.finish_call(call, &kept.to_string()).await.map(drop),
            None => store.abandon_call(call).await,
        };
        if let Err(error) = ended {
            tracing::error!(%error, "how a call ended was not written down; its key is free again later");
        }
    }
}

/// The arguments in an order that does not depend on who wrote them.
fn canonical(arguments: &Map<String, Value>) -> Value {
    let mut sorted: Vec<_> = arguments.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    sorted.into_iter().map(|(name, value)| (name.clone(), in_order(value))).collect()
}

fn in_order(value: &Value) -> Value {
    match value {
        Value::Object(fields) => canonical(fields),
        Value::Array(items) => items.iter().map(in_order).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_names_means_nothing_and_that_of_items_does() {
        let text = |value: Value| canonical(value.as_object().unwrap()).to_string();
        let one = text(json!({"b": [{"y": 1, "x": 2}], "a": null}));
        assert_eq!(one, r#"{"a":null,"b":[{"x":2,"y":1}]}"#);
        assert_eq!(one, text(json!({"a": null, "b": [{"x": 2, "y": 1}]})));
        assert_ne!(text(json!({"a": [1, 2]})), text(json!({"a": [2, 1]})));
        assert_ne!(text(json!({"a": null})), text(json!({})));
    }
}
