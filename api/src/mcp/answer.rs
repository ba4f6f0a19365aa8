//! What a tool call is answered with.

use crate::untrusted;
use inkstone_deployer::Refusal;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The outcome as the protocol has it: structured, with a copy as text for clients that show only that.
pub(crate) fn answer(outcome: Result<Value, Refusal>) -> CallToolResult {
    match outcome {
        Ok(value) => CallToolResult::structured(value),
        Err(refusal) => refused(refusal),
    }
}

/// `{code, message, suggestion, state?}`. Its texts may quote what a build or a repository wrote.
fn refused(refusal: Refusal) -> CallToolResult {
    let mut text = inkstone_spec::printable(&refusal.to_string());
    let mut content = json!({
        "code": refusal.code,
        "message": refusal.message,
        "suggestion": refusal.suggestion,
    });
    if let (Some(mut state), Some(fields)) = (refusal.state, content.as_object_mut()) {
        untrusted::clean(&mut state);
        let _ = write!(text, " state: {state}");
        fields.insert("state".to_owned(), json!(state));
    }
    untrusted::clean(&mut content);
    let mut result = CallToolResult::structured_error(content);
    result.content = vec![ContentBlock::text(text)];
    result
}
