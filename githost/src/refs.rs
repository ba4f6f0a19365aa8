//! Reading refs of a bare repository.

use crate::git;
use inkstone_spec::CommitId;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long reading refs may take.
const TIME: Duration = Duration::from_secs(30);

/// What each ref that matches one of `patterns` points at. A pattern is a full name or the start of
/// one up to a slash (git-for-each-ref(1)), so look up the exact name in the answer. Refs whose name
/// is not UTF-8 are left out.
pub(crate) async fn read<'a>(
    git_dir: &Path,
    patterns: impl IntoIterator<Item = &'a str>,
) -> io::Result<HashMap<String, CommitId>> {
    let mut command = git::command(git_dir);
    command.arg("--git-dir").arg(git_dir);
    command.args(["for-each-ref", "--format=%(objectname) %(refname)", "--"]);
    command.args(patterns);
    let printed = git::output(command, TIME).await?;
    let lines =
        printed.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    Ok(lines
        .filter_map(|line| {
            let (id, name) = line.split_once(' ')?;
            Some((name.to_owned(), id.parse().ok()?))
        })
        .collect())
}
