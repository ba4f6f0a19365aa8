//! The least that a commit costs: its objects and both branches, written by gix and synced to disk. No
//! planning, no rendering, no signature, no checks.

use crate::git;
use anyhow::{Context as _, ensure};
use gix::ObjectId;
use gix::objs::{Commit, Tree};
use gix::refs::Target;
use gix::refs::transaction::{PreviousValue, RefEdit};
use inkstone_state::Edit;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// The branches that a commit moves.
const BRANCHES: [&str; 2] = ["refs/heads/main", "refs/heads/live"];

/// A copy of a state repo.
pub(super) struct Bare {
    repo: gix::Repository,
    head: ObjectId,
    folder: File,
}

/// What a tree gets: blobs, or trees below it.
enum Part {
    Blob(ObjectId),
    Below(BTreeMap<String, Part>),
}

impl Bare {
    /// A copy of the repo at `state`.
    pub(super) fn copy(state: &Path, to: &Path) -> anyhow::Result<Self> {
        let (from, name) = (state.display().to_string(), to.display().to_string());
        let folder = to.parent().context("the copy has no folder")?;
        git::run(folder, &["clone", "--quiet", "--bare", "--no-hardlinks", &from, &name])?;
        let repo = gix::open_opts(to, gix::open::Options::isolated())?;
        let head = repo.find_reference(BRANCHES[0])?.into_fully_peeled_id()?.detach();
        Ok(Self { repo, head, folder: File::open(to)? })
    }

    /// Makes a commit of changed files; tells how long that took.
    pub(super) fn commit(&mut self, edits: &[Edit], message: &str) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let mut changed = BTreeMap::new();
        for edit in edits {
            let Edit::Write(path, bytes) = edit else { continue };
            let blob = self.repo.write_blob(bytes)?.detach();
            let path = path.to_string();
            place(&mut changed, path.split('/'), blob)?;
        }
        let old = self.repo.find_commit(self.head)?.tree_id()?.detach();
        let tree = self.rewrite(old, &changed)?;
        let signature = gix::actor::Signature {
            name: "bench".into(),
            email: "bench@example.com".into(),
            time: gix::date::Time::now_utc(),
        };
        let commit = Commit {
            tree,
            parents: [self.head].into_iter().collect(),
            author: signature.clone(),
            committer: signature,
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        let commit = self.repo.write_object(&commit)?.detach();
        rustix::fs::syncfs(&self.folder)?;
        let moves: Vec<RefEdit> = BRANCHES
            .iter()
            .map(|name| {
                let expected = PreviousValue::MustExistAndMatch(Target::Object(self.head));
                Ok(RefEdit::update((*name).try_into()?, commit, expected, ""))
            })
            .collect::<anyhow::Result<_>>()?;
        self.repo.edit_references(moves)?;
        rustix::fs::syncfs(&self.folder)?;
        self.head = commit;
        Ok(start.elapsed())
    }

    fn rewrite(&self, tree: ObjectId, parts: &BTreeMap<String, Part>) -> anyhow::Result<ObjectId> {
        let mut tree: Tree = self.repo.find_tree(tree)?.decode()?.into();
        let mut found = 0;
        for entry in &mut tree.entries {
            let name = std::str::from_utf8(&entry.filename)?;
            entry.oid = match parts.get(name) {
                Some(Part::Blob(blob)) => *blob,
                Some(Part::Below(below)) => self.rewrite(entry.oid, below)?,
                None => continue,
            };
            found += 1;
        }
        ensure!(found == parts.len(), "a file that is to be changed is not there");
        Ok(self.repo.write_object(&tree)?.detach())
    }
}

fn place<'a>(
    parts: &mut BTreeMap<String, Part>,
    mut path: impl Iterator<Item = &'a str>,
    blob: ObjectId,
) -> anyhow::Result<()> {
    let first = path.next().context("a path is empty")?.to_owned();
    let mut rest = path.peekable();
    if rest.peek().is_none() {
        parts.insert(first, Part::Blob(blob));
        return Ok(());
    }
    let below = parts.entry(first).or_insert_with(|| Part::Below(BTreeMap::new()));
    let Part::Below(below) = below else { anyhow::bail!("a file is a folder too") };
    // Boxed: each level of the path would be a type of its own.
    let rest: Vec<&str> = rest.collect();
    place(below, Box::new(rest.into_iter()) as Box<dyn Iterator<Item = &str>>, blob)
}
