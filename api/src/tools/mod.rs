//! The tools: one file each, or one for a few that belong together.
//!
//! A tool is a struct of arguments (its doc comment is what the agent reads), the names and hints of
//! its catalogue entry, and one function that hands values to a use case.

mod arguments;
mod catalogue;
mod create_service;
mod env_vars;
mod get_service;
mod get_service_history;
mod git_repos;
mod idempotency;
mod list_services;
mod output;
mod projects;
#[cfg(test)]
mod refusals;
mod rollback_service;
mod service_actions;
mod update_service;
mod values;
mod whereabouts;
mod who_and_where;

pub(crate) use catalogue::{Catalogue, Handler};

use arguments::Arguments;
use inkstone_deployer::{Caller, Deployer, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::future::Future;

/// A tool, by its arguments.
pub(crate) trait Tool: Arguments + Send + 'static {
    /// What it is called by.
    const NAME: &'static str;
    /// What people are shown.
    const TITLE: &'static str;
    /// What it does to what is there.
    const EFFECT: Effect;
    /// What it answers.
    type Answer: Serialize + JsonSchema;

    /// Hands the arguments to the use case.
    fn call(
        self,
        deployer: &Deployer,
        caller: &Caller,
    ) -> impl Future<Output = Result<Self::Answer, Refusal>> + Send;

    /// What is kept of an answer, for the same call made again: nothing that is secret.
    fn keep(answer: &Value) -> Value {
        answer.clone()
    }

    /// Answers a call that was made before, from what was kept.
    fn repeat(
        self,
        _: &Deployer,
        _: &Caller,
        kept: Value,
    ) -> impl Future<Output = Result<Value, Refusal>> + Send {
        std::future::ready(Ok(kept))
    }
}

/// What a tool does to what is there: the hints of its annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Reads,
    /// Adds something; called again, adds something again or is refused.
    Adds,
    /// Takes something away or puts another in its place; called again, changes nothing more.
    Removes,
    /// Takes back what was done before; called again, may take back more.
    Undoes,
}

impl Effect {
    pub(crate) fn is_read(self) -> bool {
        self == Self::Reads
    }
}
