//! The state repo: that it opens, that it is written by whom it names, that what is written is acted on,
//! and that its secrets open.

use super::Check;
use crate::data_dir::DataDir;
use crate::output::count;
use inkstone_secrets::{EnvFile, Identities, open};
use inkstone_spec::ServiceRef;
use inkstone_state::check::inspect_line;
use inkstone_state::history::Walk;
use inkstone_state::push::{MAX_TOLD, Reach};
use inkstone_state::{Signer, Snapshot, StateError, StateRepo};
use std::sync::Arc;

/// What to do about a repo that cannot be read.
const UNREADABLE: &str =
    "`git fsck` in state.git of the data directory says what is broken; restore it from a clone";
/// What to do about files that do not parse.
const MALFORMED: &str = "see `live`: what does not parse has not passed the checks";

pub(super) fn look(data: &DataDir, checks: &mut Vec<Check>) -> Option<StateRepo> {
    let name = "state repo";
    let signer = match Signer::load(&data.signing_key()) {
        Ok(signer) => signer,
        Err(error) => {
            let advice = "restore the key from a backup: without it nothing can be written";
            checks.push(Check::fail(name, error.to_string(), advice));
            return None;
        }
    };
    let state = match StateRepo::open(&data.state_git_dir(), signer) {
        Ok(state) => state,
        Err(error @ StateError::Layout { .. }) => {
            checks.push(Check::fail(name, error.to_string(), "install that version"));
            return None;
        }
        Err(error) => {
            checks.push(Check::fail(name, error.to_string(), UNREADABLE));
            return None;
        }
    };
    // One that cannot be read has a check of its own.
    let state = match data.remote() {
        Ok(Some(remote)) => state.with_remote(remote),
        _ => state,
    };
    let look: [(&'static str, Look); 4] = [
        (name, contents),
        ("signing key", signing_key),
        ("live", live),
        ("sealed values", sealed_values),
    ];
    for (name, look) in look {
        let check = look(name, data, &state);
        checks.push(check.unwrap_or_else(|error| match error {
            StateError::Malformed { .. } => Check::warn(name, error.to_string(), MALFORMED),
            error => Check::fail(name, error.to_string(), UNREADABLE),
        }));
    }
    Some(state)
}

type Look = fn(&'static str, &DataDir, &StateRepo) -> Result<Check, StateError>;

fn contents(name: &'static str, _: &DataDir, state: &StateRepo) -> Result<Check, StateError> {
    let main = state.main()?;
    let workspaces = count(main.workspaces()?.len(), "workspace");
    let services = count(services(&main)?.len(), "service");
    let head = main.commit().map(|commit| commit.short().to_owned()).unwrap_or_default();
    Ok(Check::ok(name, format!("{services} in {workspaces} at {head}")))
}

fn signing_key(name: &'static str, _: &DataDir, state: &StateRepo) -> Result<Check, StateError> {
    let listed = state.main()?.inkstone()?.spec.signing_keys.contains(state.signer().public());
    Ok(if listed {
        Check::ok(name, "listed in inkstone.yaml")
    } else {
        Check::fail(
            name,
            "not among the signing keys of inkstone.yaml: nobody would trust what it signs",
            "restore the key file that belongs to this state repo from a backup",
        )
    })
}

/// Whether what is written is acted on, or what holds it back.
fn live(name: &'static str, _: &DataDir, state: &StateRepo) -> Result<Check, StateError> {
    // In this order `main` has what `live` has.
    let live = state.live()?;
    let main = state.main()?;
    if live.commit() == main.commit() {
        return Ok(Check::ok(name, "at main"));
    }
    let findings = inspect_line(&live, &main, usize::MAX, Reach::Everything)?.findings;
    if findings.is_empty() {
        return Ok(Check::warn(
            name,
            "main is ahead of live, and passes the checks",
            "nothing: the next change takes live there, and so does a start of the server",
        ));
    }
    let at = live.commit().map(|commit| commit.short().to_owned()).unwrap_or_default();
    let head = format!("held at {at}: main does not pass the checks, nothing is written");
    let told: Vec<String> = findings.iter().take(MAX_TOLD).map(ToString::to_string).collect();
    let rest = findings.len().saturating_sub(MAX_TOLD);
    let more = if rest > 0 { format!("\nand {rest} more") } else { String::new() };
    let found = format!("{head}\n{}{more}", told.join("\n"));
    let advice = findings.first().map(|finding| finding.rule.advice()).unwrap_or_default();
    let way = if state.remote().is_some() {
        "force-push main there without these commits, or `inkstone state restore` puts it back to live."
    } else {
        "push a fix or a revert to main."
    };
    Ok(Check::fail(name, found, format!("{way} {advice}")))
}

/// Whether the identities open what is sealed, and are among those to whom it is sealed from now on.
fn sealed_values(
    name: &'static str,
    data: &DataDir,
    state: &StateRepo,
) -> Result<Check, StateError> {
    let identities = match data.identities() {
        Ok(identities) => identities,
        Err(error) => return Ok(Check::fail(name, format!("{error:#}"), "restore the file")),
    };
    let main = state.main()?;
    for region in main.regions()? {
        let Some(cluster) = main.cluster(&region)? else { continue };
        if !identities.iter().any(|identity| cluster.spec.recipients.contains(identity.recipient()))
        {
            return Ok(Check::fail(
                name,
                format!("what is sealed in {region} is not sealed to this server"),
                "restore the identity file that belongs to this state repo from a backup",
            ));
        }
    }
    Ok(match some_env(&main)? {
        None => Check::ok(name, "no service has any yet"),
        Some((service, env)) => opens(name, &service, &env, &identities),
    })
}

fn opens(name: &'static str, service: &ServiceRef, env: &EnvFile, with: &Identities) -> Check {
    match open(env, with) {
        Ok(_) => Check::ok(name, format!("the identity opens the env of {service}")),
        Err(error) => Check::fail(
            name,
            format!("the env of {service} does not open: {error}"),
            error.suggestion(),
        ),
    }
}

/// The env of the first service that has one.
fn some_env(main: &Snapshot) -> Result<Option<(ServiceRef, Arc<EnvFile>)>, StateError> {
    for name in services(main)? {
        if let Some(env) = main.service(&name)?.and_then(|files| files.env) {
            return Ok(Some((name, env)));
        }
    }
    Ok(None)
}

pub(super) fn services(main: &Snapshot) -> Result<Vec<ServiceRef>, StateError> {
    let mut all = Vec::new();
    for workspace in main.workspaces()?.keys() {
        for project in main.projects(workspace)? {
            all.extend(main.services(&project)?);
        }
    }
    Ok(all)
}

/// How many commits `live` has after `commit`; `None` where it does not have that commit.
pub(super) fn commits_after(
    state: &StateRepo,
    commit: &inkstone_spec::CommitId,
) -> Result<Option<usize>, StateError> {
    for (place, known) in Walk::from(&state.live()?)?.enumerate() {
        if known?.id == *commit {
            return Ok(Some(place));
        }
    }
    Ok(None)
}
