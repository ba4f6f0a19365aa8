//! `inkstone verify`: the laws over history, on any clone, without the server.

use crate::Verdict;
use crate::cli::VerifyArgs;
use crate::output::{count, json, line, progress};
use anyhow::Context as _;
use inkstone_state::history::verify as verify_history;
use inkstone_state::{StateError, is_bare, snapshot_of};

/// How often progress is shown, in commits.
const PROGRESS_EVERY: usize = 100;

pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<Verdict> {
    let (base, head) = match args.range.split_once("..") {
        Some((base, head)) => (Some(base), if head.is_empty() { "HEAD" } else { head }),
        None => (None, args.range.as_str()),
    };
    is_bare(&args.repo).with_context(|| {
        format!("{} is no git repository: name a clone with --repo", args.repo.display())
    })?;
    let read = |revision: &str| {
        snapshot_of(&args.repo, Some(revision)).with_context(|| {
            format!(
                "cannot read {revision} in {}: give BASE..HEAD, or HEAD, of commits that are there",
                args.repo.display()
            )
        })
    };
    let head = read(head)?;
    let base = base.map(read).transpose()?.and_then(|base| base.commit().cloned());
    // Every file of another repository would be a finding.
    if let Err(error @ StateError::Absent(_)) = head.inkstone() {
        return Err(error.into());
    }
    let verified = verify_history(&head, base.as_ref(), |commits| {
        if commits.is_multiple_of(PROGRESS_EVERY) {
            progress(format_args!("{commits} commits checked"));
        }
    })?;
    progress("");
    let findings = &verified.findings;
    if args.json {
        let list: Vec<_> = findings
            .iter()
            .map(|finding| {
                serde_json::json!({
                    "rule": finding.rule.as_str(),
                    "commit": finding.commit.as_ref().map(ToString::to_string),
                    "path": finding.path,
                    "message": finding.message,
                    "suggestion": finding.rule.advice(),
                })
            })
            .collect();
        json(&serde_json::json!({"commits": verified.commits, "findings": list}));
    } else if findings.is_empty() {
        let commits = count(verified.commits, "commit");
        line(format_args!("{commits} and the whole tree keep every law"));
    } else {
        for finding in findings {
            line(finding);
            line(format_args!("    {}", finding.rule.advice()));
        }
        let (findings, commits) =
            (count(findings.len(), "finding"), count(verified.commits, "commit"));
        line(format_args!("{findings} in {commits}"));
    }
    Ok(if findings.is_empty() { Verdict::Good } else { Verdict::Bad })
}
