//! `idempotency_key`, the argument that everything which changes something takes beside its own.

use super::Tool;
use super::arguments::{Argument, Fault, read};
use super::catalogue::written;
use super::values::{schema, string};
use inkstone_deployer::{Caller, Deployer, IdempotencyKey, Refusal, Turn};
use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// The argument's name.
const NAME: &str = "idempotency_key";

/// Adds the argument to the input schema of a tool.
pub(super) fn describe(input: &mut JsonObject) {
    let mut property = IdempotencyKey::schema();
    property.insert("description".to_owned(), "Makes it safe to repeat.".into());
    if let Some(Value::Object(properties)) = input.get_mut("properties") {
        properties.insert(NAME.to_owned(), property.into());
    }
}

/// Takes the argument out of those that were given.
pub(super) fn take(given: &mut JsonObject) -> Result<Option<IdempotencyKey>, Fault> {
    let key = read(given, NAME, None)?;
    given.shift_remove(NAME);
    Ok(key)
}

/// Makes a call unless it was made before; then it is answered as it was.
pub(super) async fn once<T: Tool>(
    deployer: &Deployer,
    caller: &Caller,
    key: &IdempotencyKey,
    given: &JsonObject,
    arguments: T,
) -> Result<Value, Refusal> {
    match deployer.begin_call(caller, key, given).await? {
        Turn::Made(kept) => arguments.repeat(deployer, caller, kept).await,
        Turn::Make(call) => {
            let answer = arguments.call(deployer, caller).await;
            let answer = answer.and_then(|answer| written::<T>(&answer));
            let kept = answer.as_ref().ok().map(T::keep);
            deployer.end_call(call, kept.as_ref()).await;
            answer
        }
    }
}

impl Argument for IdempotencyKey {
    fn schema() -> JsonObject {
        schema([("type", json!("string"))])
    }

    fn allowed() -> String {
        "".parse::<Self>().err().map(|error| error.suggestion()).unwrap_or_default()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        Ok(string::<Self>(given)?.parse()?)
    }
}
