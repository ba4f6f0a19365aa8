//! What the operator does on the server's own machine: workspaces, template sets, keys.

use crate::{Refusal, now_ms};
use inkstone_renderer::TemplateSet;
use inkstone_spec::{
    ApiKey, Isolation, KeyName, ProjectName, ProjectRef, Region, Scopes, WorkspaceName,
};
use inkstone_state::{
    Action, Actor, Message, Proposal, Snapshot, StateError, StateRepo, Tool, plan,
};
use inkstone_store::{KeyRecord, NewKey, Store, WorkspaceGrant};
use jiff::Timestamp;

/// The project that every workspace starts with.
const DEFAULT_PROJECT: &str = "default";
/// Who acts where no key does: the server by itself.
pub(crate) const SERVER: &str = "inkstone";
/// Who acts where no key does: whoever runs a command on the server's own machine.
pub const OPERATOR: &str = "operator";
/// The name of the key of the first start.
const BOOTSTRAP_KEY: &str = "bootstrap";

/// Adds a workspace with a project `default`: a commit each, so that undoing one never takes the other
/// down. What is there already stays as it is; `false`: the workspace was.
pub fn add_workspace(
    state: &StateRepo,
    region: &Region,
    name: &WorkspaceName,
    actor: &Actor,
    tool: &Tool,
) -> Result<bool, Refusal> {
    let commit = |plan: &dyn Fn(&Snapshot) -> Result<Option<Proposal>, Refusal>| {
        state.commit(Timestamp::now(), plan).map_err(Refusal::from_commit)
    };
    let propose = |action, edits: Result<_, StateError>| {
        let message = Message { action, actor: actor.clone(), tool: tool.clone() };
        Ok(Some(Proposal { message, edits: edits? }))
    };
    let added = commit(&|snapshot| {
        if snapshot.workspace(name)?.is_some() {
            return Ok(None);
        }
        propose(Action::AddWorkspace(name.clone()), plan::add_workspace(region, name))
    })?;
    let project =
        ProjectRef { workspace: name.clone(), project: ProjectName::new(DEFAULT_PROJECT)? };
    if added.changed {
        commit(&|snapshot| {
            let edits = plan::create_project(snapshot, region, &project, Isolation::default());
            propose(Action::CreateProject(project.clone()), edits)
        })?;
    }
    Ok(added.changed)
}

/// Makes `set` the template set of the next deploys, if it is not.
pub fn use_templates(
    state: &StateRepo,
    set: &TemplateSet,
    actor: &Actor,
    tool: &Tool,
) -> Result<bool, Refusal> {
    let plan = |snapshot: &Snapshot| {
        let edits = plan::install_templates(snapshot, set)?;
        let action = Action::InstallTemplates(set.digest().clone());
        Ok(Some(Proposal {
            message: Message { action, actor: actor.clone(), tool: tool.clone() },
            edits,
        }))
    };
    Ok(state.commit(Timestamp::now(), plan).map_err(Refusal::from_commit)?.changed)
}

/// A key that somebody asks for.
#[derive(Clone, Debug)]
pub struct NewKeyRequest {
    /// Its name.
    pub name: KeyName,
    /// What it may do.
    pub scopes: Scopes,
    /// Where.
    pub workspaces: WorkspaceGrant,
}

/// Makes a key; its secret is returned once and never stored.
pub async fn create_key(
    store: &Store,
    request: NewKeyRequest,
) -> Result<(ApiKey, KeyRecord), Refusal> {
    if [SERVER, OPERATOR].contains(&request.name.as_str()) {
        return Err(Refusal::new(
            "key_name_reserved",
            format!("A key named {} could not be told from what Inkstone calls so.", request.name),
            "Choose another name.",
        ));
    }
    let key = ApiKey::from_random(random()?);
    let new = NewKey {
        name: request.name,
        hash: key.hash(),
        scopes: request.scopes,
        workspaces: request.workspaces,
    };
    match store.create_key(&new, now_ms()).await {
        Ok(record) => Ok((key, record)),
        Err(error @ inkstone_store::StoreError::KeyNameTaken(_)) => {
            Err(Refusal::new(error.code(), format!("{error}."), error.suggestion()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The key of a new database: every scope, every workspace. `None` when there is a key already.
pub async fn bootstrap_key(store: &Store) -> Result<Option<ApiKey>, Refusal> {
    if store.has_keys().await? {
        return Ok(None);
    }
    let request = NewKeyRequest {
        name: KeyName::new(BOOTSTRAP_KEY)?,
        scopes: Scopes::all(),
        workspaces: WorkspaceGrant::All,
    };
    create_key(store, request).await.map(|(key, _)| Some(key))
}

/// 256 bits from the operating system.
pub(crate) fn random() -> Result<[u8; 32], Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::internal("the system gave no random numbers", &error))?;
    Ok(bytes)
}
