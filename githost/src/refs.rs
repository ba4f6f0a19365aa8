//! Reading refs of a bare repository.

use crate::git;
use inkstone_spec::CommitId;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long reading refs may take.
const TIME: Duration = Duration::from_secs(30);

/// How many processes may read refs at a time; others wait.
const READERS: usize = 4;
static READER: Semaphore = Semaphore::const_new(READERS);

/// What the ref `name` points at, if it has a file of its own; a packed one has none. It costs no
/// process, so ten thousand branches can be read in a row.
pub(crate) async fn read_loose(git_dir: &Path, name: &str) -> Option<CommitId> {
    tokio::fs::read_to_string(git_dir.join(name)).await.ok()?.trim_end().parse().ok()
}

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
    let _reader = READER.acquire().await.map_err(io::Error::other)?;
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
