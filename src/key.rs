//! `inkstone key`: API keys.

use crate::Verdict;
use crate::cli::{KeyArgs, KeyCommand};
use crate::data_dir::DataDir;
use crate::output::{json, line, note, table};
use anyhow::bail;
use inkstone_deployer::{KeyRecord, NewKeyRequest, create_key};
use inkstone_spec::{KeyName, Scope, Scopes, WorkspaceName};
use inkstone_store::{Store, StoreError, WorkspaceGrant};
use jiff::Timestamp;

/// The workspace of a key for which none is named.
const DEFAULT_WORKSPACE: &str = "main";

pub(crate) async fn key(args: KeyArgs) -> anyhow::Result<Verdict> {
    match args.command {
        KeyCommand::Create { name, scopes, workspaces, all_workspaces, json, data } => {
            let data = DataDir::open(&data.data)?;
            let grant = grant(&data, workspaces, all_workspaces)?;
            create(&data, name, scopes, grant, json).await?;
        }
        KeyCommand::List { json, data } => {
            list(&DataDir::open(&data.data)?.existing_store().await?.list_keys().await?, json);
        }
        KeyCommand::Revoke { name, data } => {
            let data = DataDir::open(&data.data)?;
            let store = data.existing_store().await?;
            // First: a key that is revoked must not come back.
            data.kept_keys().forget(&name)?;
            revoke(&store, name).await?;
        }
    }
    Ok(Verdict::Good)
}

/// The workspaces that are meant; each must exist.
fn grant(
    data: &DataDir,
    mut workspaces: Vec<WorkspaceName>,
    all: bool,
) -> anyhow::Result<WorkspaceGrant> {
    if all {
        return Ok(WorkspaceGrant::All);
    }
    if workspaces.is_empty() {
        workspaces.push(WorkspaceName::new(DEFAULT_WORKSPACE)?);
    }
    let known = data.state()?.main()?.workspaces()?;
    for workspace in &workspaces {
        if !known.contains_key(workspace) {
            bail!(
                "there is no workspace {workspace}: `inkstone workspace add {workspace}` makes it"
            );
        }
    }
    Ok(WorkspaceGrant::Some(workspaces.into_iter().collect()))
}

async fn create(
    data: &DataDir,
    name: KeyName,
    scopes: Scopes,
    workspaces: WorkspaceGrant,
    as_json: bool,
) -> anyhow::Result<()> {
    let request = NewKeyRequest { name, scopes, workspaces };
    let (key, record) = create_key(&data.existing_store().await?, request).await?;
    data.kept_keys().keep(&key.hash(), &record)?;
    let wants_state =
        [Scope::StatePush, Scope::Admin].into_iter().find(|it| record.scopes.contains(*it));
    if let (Some(scope), WorkspaceGrant::Some(_)) = (wants_state, &record.workspaces) {
        note(format_args!(
            "warning: {scope} does not reach the state repo without --all-workspaces: if that is what {0} is for, `inkstone key revoke {0}`, then create it again with it",
            record.name
        ));
    }
    if as_json {
        json(&serde_json::json!({
            "name": record.name.to_string(), "key": key.expose(),
            "scopes": scopes_of(&record), "workspaces": workspaces_of(&record),
        }));
    } else {
        // Alone on standard output, so that it can be led into a file.
        line(key.expose());
        note(format_args!(
            "This is key {}, shown once. Scopes: {}. Workspaces: {}.",
            record.name,
            record.scopes,
            workspaces_of(&record).join(", ")
        ));
    }
    Ok(())
}

/// Revokes a key, or says since when it is.
async fn revoke(store: &Store, name: KeyName) -> anyhow::Result<()> {
    if store.revoke_key(&name, Timestamp::now().as_millisecond()).await? {
        line(format_args!("key {name} is revoked"));
        return Ok(());
    }
    let keys = store.list_keys().await?;
    let since = keys.iter().filter(|key| key.name == name).filter_map(|key| key.revoked_at).max();
    let Some(since) = time(since) else {
        let error = StoreError::UnknownKey(name);
        bail!("{error}: `inkstone key list` shows those that exist");
    };
    line(format_args!("key {name} is revoked since {since} UTC; nothing was changed"));
    Ok(())
}

/// A time of the store, in milliseconds, as it is shown: UTC.
fn time(ms: Option<i64>) -> Option<String> {
    let time = Timestamp::from_millisecond(ms?).ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M").to_string())
}

fn list(keys: &[KeyRecord], as_json: bool) {
    if as_json {
        let list: Vec<_> = keys
            .iter()
            .map(|key| {
                serde_json::json!({
                    "name": key.name.to_string(), "scopes": scopes_of(key),
                    "workspaces": workspaces_of(key), "created_at": time(Some(key.created_at)),
                    "last_used_at": time(key.last_used_at), "revoked_at": time(key.revoked_at),
                })
            })
            .collect();
        json(&serde_json::json!({ "keys": list }));
        return;
    }
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            vec![
                key.name.to_string(),
                workspaces_of(key).join(","),
                key.scopes.to_string(),
                time(Some(key.created_at)).unwrap_or_default(),
                time(key.last_used_at).unwrap_or_else(|| "never".to_owned()),
                time(key.revoked_at).unwrap_or_else(|| "no".to_owned()),
            ]
        })
        .collect();
    table(&["NAME", "WORKSPACES", "SCOPES", "CREATED (UTC)", "LAST USED", "REVOKED"], &rows);
}

fn scopes_of(key: &KeyRecord) -> Vec<String> {
    key.scopes.iter().map(|scope| scope.to_string()).collect()
}

fn workspaces_of(key: &KeyRecord) -> Vec<String> {
    match &key.workspaces {
        WorkspaceGrant::All => vec!["*".to_owned()],
        WorkspaceGrant::Some(names) => names.iter().map(ToString::to_string).collect(),
    }
}
