//! The real git, with nothing of this machine's configuration.

use anyhow::{Context as _, bail};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// A command of git in `folder`, to be run by whatever runs commands.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder);
    in_the_same_name(&mut command);
    command
}

/// Whatever git does in this command, it does in the same name and with no other settings.
pub(crate) fn in_the_same_name(command: &mut Command) {
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Bea Bench")
        .env("GIT_AUTHOR_EMAIL", "bea@example.com")
        .env("GIT_COMMITTER_NAME", "Bea Bench")
        .env("GIT_COMMITTER_EMAIL", "bea@example.com")
        .env("LC_ALL", "C");
}

/// Runs git to its end and returns what it printed; it must do well.
pub(crate) fn run<A: AsRef<OsStr>>(folder: &Path, args: &[A]) -> anyhow::Result<String> {
    let output = command(folder).args(args).output().context("cannot run git")?;
    let said = text(&output);
    if !output.status.success() {
        // The arguments may have a token in them; what git said has none.
        bail!("git failed ({}):\n{said}", output.status);
    }
    Ok(said)
}

/// What a command printed, errors too.
pub(crate) fn text(output: &Output) -> String {
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    said
}

/// The commit that `revision` names.
pub(crate) fn rev_parse(folder: &Path, revision: &str) -> anyhow::Result<String> {
    Ok(run(folder, &["rev-parse", "--verify", "--quiet", revision])?.trim().to_owned())
}

/// As in `git 2.39.5`.
pub(crate) fn version() -> anyhow::Result<String> {
    let said = run(Path::new("/"), &["--version"])?;
    Ok(said.trim().replace(" version ", " "))
}
