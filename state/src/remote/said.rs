//! What git says about a remote, made fit to be shown.

use super::process::Ended;
use super::secrets::Secrets;
use inkstone_spec::printable;

/// The longest text that is told, in characters.
const MAX_TOLD: usize = 500;
/// How git marks a branch that the other side gave no word about: it may have moved.
const UNKNOWN: &str = "[remote failure]";

/// What git says where it does not want what it was sent, whoever sends it and however often.
const UNFIT: &[&str] = &["fsck error", "fsck failed", "did not send all necessary objects"];

/// What became of a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// Both branches have moved.
    Accepted,
    /// Neither has: they were elsewhere, or the other side does not want this.
    Rejected(String),
    /// Whether they have is not known.
    Unknown(String),
}

/// Reads what `git push --porcelain` said.
pub(super) fn pushed(ended: &Ended, secrets: &Secrets) -> Pushed {
    if ended.code == Some(0) {
        return Pushed::Accepted;
    }
    let mut rejected = ended.stdout.lines().filter(|line| line.starts_with("!\t")).peekable();
    if rejected.peek().is_none() || ended.stdout.contains(UNKNOWN) {
        return Pushed::Unknown(why(&ended.stderr, secrets));
    }
    // `!\t<from>:<to>\t[remote rejected] (<reason>)`
    let reasons = rejected.filter_map(|line| line.rsplit_once('\t')).map(|(_, reason)| reason);
    let mut told: Vec<&str> = said_there(&ended.stderr).collect();
    told.extend(reasons.take(1));
    Pushed::Rejected(shown(&told.join("; "), secrets))
}

/// The lines that come from the other side: from its hooks, mostly.
fn said_there(stderr: &str) -> impl Iterator<Item = &str> {
    let lines = stderr.lines().filter_map(|line| line.strip_prefix("remote:"));
    lines.map(str::trim).filter(|line| !line.is_empty())
}

/// Why git could not do what it was to do: what it calls fatal, or the last thing that it said.
pub(super) fn why(stderr: &str, secrets: &Secrets) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let there = said_there(stderr).next();
    let fatal = lines().find_map(|line| line.strip_prefix("fatal: "));
    let told: Vec<&str> = match (there, fatal.or_else(|| lines().next_back())) {
        (Some(there), Some(here)) if !here.contains(there) => vec![there, here],
        (_, here) => here.into_iter().collect(),
    };
    if told.is_empty() { "git says nothing".to_owned() } else { shown(&told.join("; "), secrets) }
}

/// What git's checks have against what was fetched, if that is why it failed.
pub(super) fn unfit(stderr: &str, secrets: &Secrets) -> Option<String> {
    if !UNFIT.iter().any(|said| stderr.contains(said)) {
        return None;
    }
    let finding = stderr.lines().find_map(|line| line.strip_prefix("error: "));
    Some(finding.map_or_else(|| why(stderr, secrets), |finding| shown(finding, secrets)))
}

/// A text without credentials, without characters that a terminal acts on, and not too long.
pub(super) fn shown(text: &str, secrets: &Secrets) -> String {
    // Again after what is hidden between its letters is gone.
    let text = secrets.masked(&printable(&without_users(&secrets.masked(text))));
    if text.chars().count() <= MAX_TOLD {
        return text;
    }
    text.chars().take(MAX_TOLD).chain("…".chars()).collect()
}

/// Addresses in it lose whatever stands before the host: it might be a password.
fn without_users(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        clean.push_str("://");
        clean.push_str(authority.rsplit('@').next().unwrap_or_default());
        clean.push_str(rest);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: i32, stdout: &str, stderr: &str) -> Ended {
        Ended { code: Some(code), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn a_hook_is_quoted_with_the_reason() {
        let said = pushed(
            &ended(
                1,
                "To /srv/state.git\n!\tabc:refs/heads/main\t[remote rejected] (pre-receive hook declined)\nDone\n",
                "remote: error: not on a Friday        \nerror: failed to push some refs to '/srv/state.git'\n",
            ),
            &Secrets::default(),
        );
        let told = "error: not on a Friday; [remote rejected] (pre-receive hook declined)";
        assert_eq!(said, Pushed::Rejected(told.to_owned()));
    }

    #[test]
    fn what_broke_off_is_not_known() {
        for (stdout, stderr) in [
            ("", "fatal: unable to access 'http://h/x/': The requested URL returned error: 500\n"),
            (
                "!\tabc:refs/heads/main\t[remote failure] (remote failed to report status)\nDone\n",
                "fatal: the remote end hung up unexpectedly\n",
            ),
        ] {
            assert!(
                matches!(
                    pushed(&ended(1, stdout, stderr), &Secrets::default()),
                    Pushed::Unknown(_)
                ),
                "{stderr}"
            );
        }
    }

    #[test]
    fn no_credential_and_no_escape_is_shown() {
        let said = why(
            "fatal: unable to access 'https://bot:hunter2@h/x': \u{1b}[31mno\n",
            &Secrets::default(),
        );
        assert!(!said.contains("hunter2") && !said.contains('\u{1b}'), "{said}");
        assert!(said.contains("https://h/x"), "{said}");
    }

    #[test]
    fn what_git_checks_is_told_from_what_broke_off() {
        let found = "object 4a0b: badEmail: invalid author/committer line - bad email";
        let said = format!("error: {found}\nfatal: fsck error in packed object\n");
        assert_eq!(unfit(&said, &Secrets::default()).as_deref(), Some(found));
        assert_eq!(
            unfit(
                "fatal: early EOF\nfatal: fetch-pack: invalid index-pack output\n",
                &Secrets::default()
            ),
            None
        );
    }

    #[test]
    fn the_other_side_is_heard_before_git() {
        let stderr = "remote: Repository not found.\nfatal: repository 'https://h/x/' not found\n";
        assert_eq!(
            why(stderr, &Secrets::default()),
            "Repository not found.; repository 'https://h/x/' not found"
        );
    }
}
