//! `inkstone identity`: who can open sealed values.
//!
//! A service's values are sealed under a data key of their own, which is wrapped for each recipient. So
//! other recipients mean other wrappings and no other values: nothing restarts.

use crate::Verdict;
use crate::cli::{IdentityArgs, IdentityCommand};
use crate::data_dir::{DataDir, actor};
use crate::output::{count, json, line, note, progress, table};
use crate::upgrade::explain;
use anyhow::{Context as _, bail};
use inkstone_deployer::Tool;
use inkstone_secrets::{Identities, Identity, SealError, open, seal};
use inkstone_spec::{Recipient, Region, ServiceRef};
use inkstone_state::{
    Action, CommitError, Edit, Message, Proposal, Snapshot, StateError, StateRepo, plan,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How an age identity begins (<https://age-encryption.org/v1>).
const SECRET: &str = "AGE-SECRET-KEY";
/// Through what these commits come.
const TOOL: Tool = Tool::new("identity");

pub(crate) fn identity(args: &IdentityArgs) -> anyhow::Result<Verdict> {
    let data = DataDir::open(&args.command.data().data)?;
    // One at a time: of two new identities only one would be in the file.
    let _alone = match &args.command {
        IdentityCommand::List { .. } => None,
        _ => Some(data.claim_identities()?),
    };
    let (state, identities) = (data.state()?, data.identities()?);
    match &args.command {
        IdentityCommand::List { json, .. } => list(&state.main()?, &identities, *json)?,
        IdentityCommand::Rotate { .. } => {
            // In the file before it is in git: whoever seals to the new one can open it from the start.
            let identities = Identities::rotate(&data.identity_file(), Identity::generate()?)?;
            let new = identities.current().recipient();
            line(format_args!("{} has a new identity, {new}", data.identity_file().display()));
            recipients(&state, |recipients| {
                recipients.retain(|known| identities.iter().all(|own| own.recipient() != known));
                recipients.insert(new.clone());
            })?;
            rewrap(&state, &identities)?;
            line("the old one stays in the file: older commits open with it alone");
            line(format_args!(
                "back {} up again: no copy has the new one",
                data.identity_file().display()
            ));
        }
        IdentityCommand::Add { recipient, .. } => {
            let recipient = &public(recipient)?;
            if !recipients(&state, |recipients| {
                recipients.insert(recipient.clone());
            })? {
                line("every region seals to it already");
            }
            rewrap(&state, &identities)?;
        }
        IdentityCommand::Remove { recipient, .. } => {
            let recipient = &public(recipient)?;
            if identities.current().recipient() == recipient {
                bail!("{recipient} is this server's own: `inkstone identity rotate` replaces it");
            }
            if recipients(&state, |recipients| {
                recipients.remove(recipient);
            })? {
                line(
                    "it can open what it could until now; a service's next change of a variable seals all of that service's anew, without it",
                );
            } else {
                bail!("no region seals to {recipient}: `inkstone identity list` shows to whom");
            }
        }
    }
    Ok(Verdict::Good)
}

/// Somebody's public key, as it was given. What is secret is not repeated.
fn public(given: &str) -> anyhow::Result<Recipient> {
    if given.to_ascii_uppercase().starts_with(SECRET) {
        bail!("this is a secret identity: give its public half, which `age-keygen -y` prints");
    }
    Ok(given.parse()?)
}

/// Changes to whom each region seals, a commit for all; whether that changed anything.
fn recipients(
    state: &StateRepo,
    change: impl Fn(&mut BTreeSet<Recipient>),
) -> anyhow::Result<bool> {
    let actor = actor()?;
    let plan = |snapshot: &Snapshot| {
        let mut edits = Vec::new();
        let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
        for region in snapshot.regions()? {
            let before = recipients_of(snapshot, &region)?;
            let mut after = before.clone();
            change(&mut after);
            added.extend(after.difference(&before).cloned());
            removed.extend(before.difference(&after).cloned());
            edits.extend(plan::set_recipients(snapshot, &region, after.into_iter().collect())?);
        }
        let (added, removed) = (added.into_iter().collect(), removed.into_iter().collect());
        let action = Action::SetRecipients { added, removed };
        let message = Message { action, actor: actor.clone(), tool: TOOL };
        Ok::<_, StateError>((!edits.is_empty()).then_some(Proposal { message, edits }))
    };
    let committed = state.commit(Timestamp::now(), plan).map_err(|error| explain(&error))?;
    if committed.changed {
        line(format_args!("{} changes to whom is sealed", committed.commit.short()));
    }
    Ok(committed.changed)
}

/// Wraps the data key of every service for those to whom its region seals now, a commit each. Goes on
/// where an earlier call was cut off.
fn rewrap(state: &StateRepo, identities: &Identities) -> anyhow::Result<()> {
    let actor = actor()?;
    let all = sealed(&state.main()?)?;
    let (mut rewrapped, mut failed) = (0, 0);
    for (place, name) in all.iter().enumerate() {
        progress(format_args!("{place} of {} services looked at", all.len()));
        let plan = |snapshot: &Snapshot| {
            let edits = rewrapped_env(snapshot, name, identities)?;
            let action = Action::Rotate(name.clone());
            let message = Message { action, actor: actor.clone(), tool: TOOL };
            Ok::<_, StateError>((!edits.is_empty()).then_some(Proposal { message, edits }))
        };
        match state.commit(Timestamp::now(), plan) {
            Ok(committed) => rewrapped += usize::from(committed.changed),
            Err(CommitError::Plan(StateError::Sealed { reason, .. })) => {
                progress("");
                note(format_args!("{name} cannot be opened and stays as it is: {reason}"));
                failed += 1;
            }
            Err(error) => return Err(explain(&error)),
        }
    }
    progress("");
    line(format_args!("{} wrapped anew, with the same values", count(rewrapped, "service")));
    if failed > 0 {
        bail!("{} could not be opened", count(failed, "service"));
    }
    Ok(())
}

/// The services that have sealed values.
fn sealed(main: &Snapshot) -> Result<Vec<ServiceRef>, StateError> {
    let mut all = Vec::new();
    for workspace in main.workspaces()?.keys() {
        for project in main.projects(workspace)? {
            for name in main.services(&project)? {
                if main.service(&name)?.is_some_and(|files| files.env.is_some()) {
                    all.push(name);
                }
            }
        }
    }
    Ok(all)
}

fn rewrapped_env(
    snapshot: &Snapshot,
    name: &ServiceRef,
    identities: &Identities,
) -> Result<Vec<Edit>, StateError> {
    let Some(files) = snapshot.service(name)? else { return Ok(Vec::new()) };
    let Some(env) = &files.env else { return Ok(Vec::new()) };
    let recipients = recipients_of(snapshot, &files.region)?;
    if env.recipients().cloned().collect::<BTreeSet<_>>() == recipients {
        return Ok(Vec::new());
    }
    let failed =
        |error: SealError| StateError::Sealed { path: name.to_string(), reason: error.to_string() };
    let values = open(env, identities).map_err(failed)?;
    let wrapped = seal(Some(env), &values, identities, &recipients, Timestamp::now());
    match wrapped.map_err(failed)? {
        Some(wrapped) => plan::rotate_env(snapshot, name, &wrapped),
        None => Ok(Vec::new()),
    }
}

fn recipients_of(snapshot: &Snapshot, region: &Region) -> Result<BTreeSet<Recipient>, StateError> {
    let cluster = snapshot.cluster(region)?;
    Ok(cluster.map(|cluster| cluster.spec.recipients.iter().cloned().collect()).unwrap_or_default())
}

fn list(main: &Snapshot, identities: &Identities, as_json: bool) -> anyhow::Result<()> {
    // Of each: in how many regions, and to how many services it is sealed.
    let mut found: BTreeMap<Recipient, (Vec<Region>, usize)> = BTreeMap::new();
    for region in main.regions()? {
        for recipient in recipients_of(main, &region)? {
            found.entry(recipient).or_default().0.push(region.clone());
        }
    }
    for name in sealed(main)? {
        let env = main.service(&name)?.and_then(|files| files.env).context("a service is gone")?;
        for recipient in env.recipients() {
            found.entry(recipient.clone()).or_default().1 += 1;
        }
    }
    for identity in identities.iter() {
        found.entry(identity.recipient().clone()).or_default();
    }
    let whose = |recipient: &Recipient| {
        if identities.current().recipient() == recipient {
            "this server's"
        } else if identities.iter().any(|identity| identity.recipient() == recipient) {
            "this server's, old"
        } else {
            "another's"
        }
    };
    if as_json {
        let all: Vec<_> = found
            .iter()
            .map(|(recipient, (regions, services))| {
                serde_json::json!({
                    "recipient": recipient.as_str(), "whose": whose(recipient),
                    "regions": regions.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "services": services,
                })
            })
            .collect();
        json(&serde_json::json!({ "recipients": all }));
    } else {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|(recipient, (regions, services))| {
                let regions: Vec<String> = regions.iter().map(ToString::to_string).collect();
                let regions = if regions.is_empty() { "none".into() } else { regions.join(",") };
                let whose = whose(recipient).to_owned();
                vec![recipient.to_string(), whose, regions, services.to_string()]
            })
            .collect();
        table(&["RECIPIENT", "WHOSE", "SEALED TO IN", "SERVICES"], &rows);
    }
    Ok(())
}
