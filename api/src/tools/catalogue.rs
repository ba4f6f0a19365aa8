//! The catalogue: every tool, in the order in which an agent needs them.

use super::create_service::CreateService;
use super::get_service::GetService;
use super::get_service_history::GetServiceHistory;
use super::git_repos::{CreateRepo, DeleteRepo, GetGitToken, ListRepos};
use super::list_services::ListServices;
use super::output;
use super::projects::{CreateProject, DeleteProject};
use super::rollback_service::RollbackService;
use super::service_actions::{CancelDeployment, DeleteService, RedeployService};
use super::update_service::UpdateService;
use super::who_and_where::{ListProjects, ListWorkspaces, Whoami};
use super::{Effect, Tool, idempotency};
use inkstone_deployer::{Caller, Deployer, Refusal};
use rmcp::model::{self, JsonObject, ToolAnnotations};
use serde::Serialize;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

type Answer = Pin<Box<dyn Future<Output = Result<Value, Refusal>> + Send>>;

/// How a tool is called.
#[derive(Clone, Copy)]
pub(crate) struct Handler {
    pub(crate) name: &'static str,
    pub(crate) effect: Effect,
    pub(crate) run: fn(Deployer, Caller, JsonObject) -> Answer,
}

/// A tool as it is listed and as it is called.
pub(crate) struct Route {
    pub(crate) tool: model::Tool,
    pub(crate) handler: Handler,
}

/// Every tool.
pub(crate) struct Catalogue(Vec<Route>);

impl Catalogue {
    pub(crate) fn new() -> Self {
        Self(vec![
            route::<Whoami>(),
            route::<ListWorkspaces>(),
            route::<ListProjects>(),
            route::<CreateProject>(),
            route::<CreateRepo>(),
            route::<ListRepos>(),
            route::<GetGitToken>(),
            route::<CreateService>(),
            route::<ListServices>(),
            route::<GetService>(),
            route::<GetServiceHistory>(),
            route::<UpdateService>(),
            route::<RedeployService>(),
            route::<RollbackService>(),
            route::<CancelDeployment>(),
            route::<DeleteService>(),
            route::<DeleteProject>(),
            route::<DeleteRepo>(),
        ])
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Route> {
        self.0.iter().find(|route| route.handler.name == name)
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|route| route.handler.name).collect()
    }

    /// As `tools/list` shows them.
    pub(crate) fn tools(&self) -> Vec<model::Tool> {
        self.0.iter().map(|route| route.tool.clone()).collect()
    }
}

fn route<T: Tool>() -> Route {
    let mut schema = T::schema();
    if !T::EFFECT.is_read() {
        idempotency::describe(&mut schema);
    }
    let tool = model::Tool::new(T::NAME, T::description(), schema)
        .with_title(T::TITLE)
        .with_annotations(annotations(T::EFFECT))
        .with_raw_output_schema(output::schema::<T::Answer>().into());
    Route { tool, handler: Handler { name: T::NAME, effect: T::EFFECT, run: run::<T> } }
}

/// No tool reaches anything but this server.
fn annotations(effect: Effect) -> ToolAnnotations {
    let hints = ToolAnnotations::new().read_only(effect.is_read()).open_world(false);
    match effect {
        Effect::Reads => hints,
        Effect::Adds => hints.destructive(false).idempotent(false),
        Effect::Removes => hints.destructive(true).idempotent(true),
        Effect::Undoes => hints.destructive(true).idempotent(false),
    }
}

fn run<T: Tool>(deployer: Deployer, caller: Caller, mut given: JsonObject) -> Answer {
    Box::pin(async move {
        let key = match T::EFFECT {
            Effect::Reads => None,
            _ => idempotency::take(&mut given).map_err(|fault| fault.refusal(T::NAME))?,
        };
        let arguments = T::parse(&given).map_err(|fault| fault.refusal(T::NAME))?;
        match key {
            Some(key) => idempotency::once(&deployer, &caller, &key, &given, arguments).await,
            None => written::<T>(&arguments.call(&deployer, &caller).await?),
        }
    })
}

/// An answer as JSON.
pub(super) fn written<T: Tool>(answer: &impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| {
        tracing::error!(%error, tool = T::NAME, "the answer could not be written");
        Refusal::new(
            "internal",
            "The server could not write its answer.",
            "Look before trying again.",
        )
    })
}
