//! What git runs before it takes a push to the state repo.

use crate::Verdict;
use crate::cli::{HookArgs, HookCommand};
use crate::output::line;
use anyhow::{Context as _, bail};
use inkstone_secrets::Identities;
use inkstone_spec::CommitId;
use inkstone_state::push::{MAX_TOLD, Reach, RefUpdate, check_push};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The longest list of ref updates that is read, in bytes.
const MAX_INPUT_BYTES: u64 = 1024 * 1024;

pub(crate) fn hook(args: &HookArgs) -> anyhow::Result<Verdict> {
    match &args.command {
        HookCommand::PreReceive { identity } => pre_receive(identity),
    }
}

/// Standard output of a hook reaches the pusher as `remote:` lines.
fn pre_receive(identity: &Path) -> anyhow::Result<Verdict> {
    let mut input = String::new();
    std::io::stdin().take(MAX_INPUT_BYTES).read_to_string(&mut input)?;
    let updates = input.lines().map(update).collect::<anyhow::Result<Vec<_>>>()?;
    let git_dir: PathBuf =
        std::env::var_os("GIT_DIR").context("GIT_DIR is not set: git runs this command")?.into();
    let quarantine = std::env::var_os("GIT_QUARANTINE_PATH").map(PathBuf::from);
    let reach = Reach::told(std::env::var(Reach::VARIABLE).ok().as_deref());
    let identities = Identities::load(identity)?;
    let findings = check_push(&git_dir, quarantine.as_deref(), &updates, reach, &identities)?;
    if findings.is_empty() {
        return Ok(Verdict::Good);
    }
    line("This push breaks laws of the state repo; nothing of it was taken.");
    for finding in findings.iter().take(MAX_TOLD) {
        line(format_args!("  {finding}"));
        line(format_args!("    {}", finding.rule.advice()));
    }
    if let Some(more) = findings.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        line(format_args!("  and {more} more"));
    }
    Ok(Verdict::Bad)
}

fn update(line: &str) -> anyhow::Result<RefUpdate> {
    let mut words = line.splitn(3, ' ');
    let (Some(old), Some(new), Some(name)) = (words.next(), words.next(), words.next()) else {
        bail!("not a ref update: {line:?}");
    };
    let commit = |id: &str| -> anyhow::Result<Option<CommitId>> {
        // All zeros stand for "not there" (githooks(5), pre-receive).
        if id.bytes().all(|b| b == b'0') { Ok(None) } else { Ok(Some(CommitId::new(id)?)) }
    };
    Ok(RefUpdate { name: name.to_owned(), old: commit(old)?, new: commit(new)? })
}
