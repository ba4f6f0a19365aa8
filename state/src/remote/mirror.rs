//! A copy of what is live, for whoever only reads it: fetched, never pushed.

use super::process::{Bounds, Ended, Ending, local, remote, run};
use super::secrets::Secrets;
use super::{COPY, NEWS, RemoteConfig, said};
use crate::found::init;
use crate::history::read_commit;
use crate::objects::Objects;
use crate::refs::{LIVE, Refs};
use crate::{Snapshot, StateError};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// In how many packs the copy may be: each fetch that brings something leaves one.
const MAX_PACKS: usize = 50;
/// How long folding them into one may take.
const FOLD_TIME: Duration = Duration::from_mins(2);

/// A copy of a state repo's `live`.
pub struct Mirror {
    git_dir: PathBuf,
    config: RemoteConfig,
    refs: Refs,
    objects: Arc<Objects>,
    ending: Ending,
}

impl Mirror {
    /// The copy at `git_dir`, made empty if there is none yet; nothing is fetched.
    pub fn open(git_dir: &Path, config: RemoteConfig) -> Result<Self, StateError> {
        // Git is run elsewhere.
        let git_dir = &std::path::absolute(git_dir).map_err(StateError::io("finding", git_dir))?;
        if !git_dir.join("HEAD").exists() {
            fs::create_dir_all(git_dir).map_err(StateError::io("making", git_dir))?;
            init(git_dir)?;
        }
        Ok(Self {
            git_dir: git_dir.to_owned(),
            config,
            refs: Refs::open(git_dir)?,
            objects: Arc::new(Objects::open(&[&git_dir.join("objects")])?),
            ending: Ending::default(),
        })
    }

    /// This process is about to end: whatever is fetched or folded is over soon.
    pub fn end_soon(&self) {
        self.ending.begin();
    }

    /// What is live, as far as it was fetched.
    pub fn live(&self) -> Result<Snapshot, StateError> {
        Ok(read_commit(&self.objects, self.refs.get(LIVE)?)?.snapshot)
    }

    /// Fetches what is live now.
    pub fn fetch(&self) -> Result<Snapshot, StateError> {
        let bounds = if self.refs.get(LIVE).is_ok() { NEWS } else { COPY };
        let mut command =
            remote(&self.git_dir, &self.config.url, self.config.credentials.as_deref());
        command.args(["fetch", "--quiet", "--no-tags", "--no-auto-gc", "--no-recurse-submodules"]);
        // Where it was rewound, what acts on it has to follow: who rewrites history is the host's affair.
        command.args(["--", self.config.url.as_str(), &format!("+{LIVE}:{LIVE}")]);
        self.well("fetching what is live", run(command, bounds, &self.ending))?;
        self.live()
    }

    /// Keeps the copy in few packs; good after a fetch that brought something.
    pub fn fold(&self) -> Result<(), StateError> {
        let packs = self.git_dir.join("objects/pack");
        let files = fs::read_dir(&packs).map_err(StateError::io("reading", packs))?;
        let is_pack = |name: &std::ffi::OsStr| Path::new(name).extension() == Some("pack".as_ref());
        let count = files.flatten().filter(|file| is_pack(&file.file_name())).count();
        if count <= MAX_PACKS {
            return Ok(());
        }
        let mut command = local(&self.git_dir);
        command.args(["repack", "--quiet", "--geometric=2", "-d"]);
        self.well("folding packs", run(command, Bounds::time(FOLD_TIME), &self.ending))
    }

    fn well(&self, what: &'static str, ended: Result<Ended, String>) -> Result<(), StateError> {
        let reason = match ended {
            Ok(ended) if ended.code == Some(0) => return Ok(()),
            Ok(ended) => said::why(&ended.stderr, &Secrets::of(self.config.credentials.as_deref())),
            Err(why) => why,
        };
        Err(StateError::Git { what, reason })
    }
}
