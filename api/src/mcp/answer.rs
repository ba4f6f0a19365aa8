//! What a tool call is answered with.

use crate::untrusted;
use inkstone_deployer::Refusal;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

/// The outcome as the protocol has it: structured, with a copy as text for clients that show only that.
pub(crate) fn answer(outcome: Result<Value, Refusal>) -> CallToolResult {
    match outcome {
        Ok(value) => CallToolResult::structured(value),
        Err(refusal) => refused(refusal),
    }
}

/// `{code, message, suggestion, state?}`. Its texts may quote what a build or a repository wrote.
fn refused(refusal: Refusal) -> CallToolResult {
    let mut text = refusal.to_string();
    let mut content = json!({
        "code": refusal.code,
        "message": refusal.message,
        "suggestion": refusal.suggestion,
    });
    if let Some(state) = refusal.state {
        content["state"] = state;
    }
    untrusted::clean(&mut content);
    text = untrusted::printable(&text);
    if let Some(state) = content.get("state") {
        text.push_str(&format!(" state: {state}"));
    }
    let mut result = CallToolResult::structured_error(content);
    result.content = vec![ContentBlock::text(text)];
    result
}
