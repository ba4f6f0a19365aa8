//! Measuring the objects of a repository.

use crate::git;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long measuring a repository may take.
const TIME: Duration = Duration::from_secs(30);

/// What git-count-objects(1) says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Objects that are a file each.
    pub loose: usize,
    /// Objects in packs; one that is in two counts twice.
    pub packed: usize,
    /// Packs.
    pub packs: usize,
    /// Bytes on disk, what is no object of git's among them.
    pub bytes: u64,
}

/// Counts and weighs the objects.
pub(crate) async fn count(git_dir: &Path) -> io::Result<Objects> {
    let mut command = git::command(git_dir);
    command.arg("--git-dir").arg(git_dir).args(["count-objects", "-v"]);
    let printed = git::output(command, TIME).await?;
    Ok(parse(&String::from_utf8_lossy(&printed)))
}

fn parse(printed: &str) -> Objects {
    let mut objects = Objects::default();
    for (key, value) in printed.lines().filter_map(|line| line.split_once(": ")) {
        let Ok(value) = value.parse::<u64>() else { continue };
        let count = usize::try_from(value).unwrap_or(usize::MAX);
        match key {
            "count" => objects.loose = count,
            "in-pack" => objects.packed = count,
            "packs" => objects.packs = count,
            // In KiB.
            "size" | "size-pack" | "size-garbage" => {
                objects.bytes = objects.bytes.saturating_add(value.saturating_mul(1024));
            }
            _ => {}
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_prints_is_read() {
        let printed = "count: 7\nsize: 28\nin-pack: 121\npacks: 3\nsize-pack: 11\n\
            prune-packable: 0\ngarbage: 1\nsize-garbage: 1\nalternate: /x\n";
        let expected = Objects { loose: 7, packed: 121, packs: 3, bytes: 40 * 1024 };
        assert_eq!(parse(printed), expected);
    }
}
