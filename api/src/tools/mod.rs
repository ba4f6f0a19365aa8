//! The tools: one file each, or one for a few that belong together.
//!
//! A tool is a struct of arguments (its doc comment is what the agent reads), the names and hints of
//! its catalogue entry, and one function that hands values to a use case.

mod arguments;
mod catalogue;
mod create_project;
mod create_service;
mod env_vars;
mod get_service;
mod git_repos;
mod list_services;
mod output;
#[cfg(test)]
mod refusals;
mod service_actions;
mod values;
mod whereabouts;
mod who_and_where;

pub(crate) use catalogue::{Catalogue, Handler};

use arguments::Arguments;
use inkstone_deployer::{Caller, Deployer, Refusal};
use schemars::JsonSchema;
use serde::Serialize;
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
}

/// What a tool does to what is there: the hints of its annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Reads,
    /// Adds something; called again, adds something again or is refused.
    Adds,
    /// Takes something away; called again, takes away nothing more.
    Removes,
}

impl Effect {
    pub(crate) fn is_read(self) -> bool {
        self == Self::Reads
    }
}
