//! The other host: what its branches are, how they are moved, and how it stands.
//!
//! Everything goes through the git binary, in processes of their own with a deadline each.

mod compare;
mod incoming;
mod mirror;
mod process;
mod said;
mod secrets;
mod standing;
mod url;

pub(crate) use incoming::Incoming;
pub use mirror::Mirror;
pub use standing::{Branch, Down, Rewound, Standing};
pub use url::{NotARemote, RemoteUrl};

use crate::StateError;
use crate::refs::{LIVE, MAIN};
use gix::ObjectId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use process::{Bounds, Ended, Ending, run};
use said::Pushed;
use secrets::Secrets;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

/// How long the remote may take to say where its branches are.
pub(crate) const ASK_TIME: Duration = Duration::from_secs(15);
/// How long a push may take.
const PUSH_TIME: Duration = Duration::from_secs(30);
const MIB: u64 = 1024 * 1024;
/// How long the first fetch, which brings everything, may take.
const COPY_TIME: Duration = Duration::from_mins(5);
/// How much git may fetch at first, or while an operator waits for it.
pub(crate) const COPY: Bounds = Bounds { time: COPY_TIME, max_bytes: 4_096 * MIB };
/// How much git may fetch of what is new there.
pub(crate) const NEWS: Bounds = Bounds { time: Duration::from_secs(20), max_bytes: 256 * MIB };
/// How many pushes may follow each other at once where there is a limit.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// What git says where a branch is to be fetched that is not there.
const NO_SUCH_REF: &str = "couldn't find remote ref";

/// In the git directory: what the remote said about the last push, where it did not want it.
const REFUSED_FILE: &str = "inkstone-refused";

/// What a remote is reached with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RemoteConfig {
    /// Where it is.
    pub url: RemoteUrl,
    /// A file in the format of git-credential-store(1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
    /// How many pushes it takes in a minute; `None`: as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushes_per_minute: Option<NonZeroU32>,
}

/// Where the branches of the remote are; `None`: it has no such branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct There {
    pub(crate) main: Option<ObjectId>,
    pub(crate) live: Option<ObjectId>,
}

impl There {
    /// Both branches at one commit.
    pub(crate) fn at(head: ObjectId) -> Self {
        Self { main: Some(head), live: Some(head) }
    }
}

/// Where git fetches into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// A repository apart: nobody has to wait, and nothing is left of what fails.
    Apart,
    /// The repo itself, for who has the turn and is in a hurry.
    Here,
}

/// A state repo's remote.
pub struct Remote {
    config: RemoteConfig,
    git_dir: PathBuf,
    pace: Option<DefaultDirectRateLimiter>,
    seen: Mutex<Seen>,
    ending: Ending,
}

struct Seen {
    standing: Standing,
    /// What it is known to have, since it was last looked at or took a push.
    there: There,
    /// What it said about a push that it did not want, until it takes one.
    refused: Option<String>,
}

/// How the remote stands, for whoever watches over it.
#[derive(Clone, Debug)]
pub struct Report {
    /// How things stand.
    pub standing: Standing,
    /// What it said about a push that it did not want, until it takes one.
    pub refused: Option<String>,
}

impl Remote {
    /// The remote of the repo at `git_dir`; nothing is asked of it yet.
    pub(crate) fn new(git_dir: &Path, config: RemoteConfig) -> Self {
        let pace = config
            .pushes_per_minute
            .map(|many| RateLimiter::direct(Quota::per_minute(many).allow_burst(BURST.min(many))));
        let seen = Seen { standing: Standing::Unseen, there: There::default(), refused: None };
        Self {
            config,
            git_dir: git_dir.to_owned(),
            pace,
            seen: Mutex::new(seen),
            ending: Ending::default(),
        }
    }

    /// What it is reached with.
    pub fn config(&self) -> &RemoteConfig {
        &self.config
    }

    /// How it stands.
    pub fn report(&self) -> Report {
        let seen = self.seen();
        Report { standing: seen.standing.clone(), refused: seen.refused.clone() }
    }

    /// How long to leave it alone after it failed.
    pub fn pause(&self) -> Duration {
        match &self.seen().standing {
            Standing::Down(down) => down.next_try.saturating_duration_since(Instant::now()),
            _ => Duration::ZERO,
        }
    }

    /// This process is about to end: whatever it asks the remote from now on, or is asking, is over soon.
    pub fn end_soon(&self) {
        self.ending.begin();
    }

    pub(crate) fn is_unseen(&self) -> bool {
        matches!(self.seen().standing, Standing::Unseen)
    }

    /// Whether it can be written to, as far as is known.
    pub(crate) fn ready(&self) -> Result<(), StateError> {
        self.seen().standing.error().map_or(Ok(()), Err)
    }

    /// What it is known to have.
    pub(crate) fn there(&self) -> There {
        self.seen().there
    }

    /// It answered, and all is well.
    pub(crate) fn is_up(&self, there: There) {
        let mut seen = self.seen();
        seen.there = there;
        seen.standing = Standing::Up;
    }

    pub(crate) fn is_rewound(&self, there: There, rewound: Rewound) -> StateError {
        let mut seen = self.seen();
        seen.there = there;
        seen.standing = Standing::Rewound(rewound.clone());
        StateError::Rewound(Box::new(rewound))
    }

    /// It failed: nobody but who watches over it tries again.
    fn failed(&self, why: String) -> StateError {
        self.is_down(why, None)
    }

    /// git's checks refuse what it has; where that is known, it is not fetched again.
    fn is_unfit(&self, there: There, why: &str) -> StateError {
        self.is_down(format!("git refuses what it has: {why}"), Some(there))
    }

    fn is_down(&self, why: String, unfit: Option<There>) -> StateError {
        let mut seen = self.seen();
        let down = seen.standing.failed(why, unfit);
        let error = down.error();
        seen.standing = Standing::Down(down);
        error
    }

    pub(crate) fn refused(&self, said: String) -> StateError {
        self.seen().refused = Some(said.clone());
        // Nothing but a look from beside the server depends on it.
        drop(fs::write(self.refused_file(), &said));
        StateError::RemoteRefused { said }
    }

    /// What it said about the last push of any process, if it did not want that.
    pub fn last_refused(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.refused_file()) {
            Ok(said) => Ok(Some(said)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn accepted(&self) {
        self.seen().refused = None;
        drop(fs::remove_file(self.refused_file()));
    }

    fn refused_file(&self) -> PathBuf {
        self.git_dir.join(REFUSED_FILE)
    }

    /// Asks where the branches are.
    pub(crate) fn ask(&self, time: Duration) -> Result<There, StateError> {
        let mut command = self.command();
        command.args([
            "ls-remote",
            "--quiet",
            "--refs",
            "--",
            self.config.url.as_str(),
            MAIN,
            LIVE,
        ]);
        let ended = self.well(command, Bounds::time(time))?;
        let mut there = There::default();
        for line in ended.stdout.lines() {
            let Some((id, name)) = line.split_once('\t') else { continue };
            let id = ObjectId::from_hex(id.as_bytes()).ok();
            match name {
                MAIN => there.main = id,
                LIVE => there.live = id,
                _ => {}
            }
        }
        Ok(there)
    }

    /// Fetches the branches that the remote has, with all that they need. `asked`: where it said that they
    /// are.
    pub(crate) fn fetch(
        &self,
        place: Place,
        asked: There,
        bounds: Bounds,
    ) -> Result<Incoming, StateError> {
        if let Standing::Down(Down { unfit: Some(there), why, .. }) = self.report().standing
            && there == asked
            && there != There::default()
        {
            return Err(self.is_down(why, Some(there)));
        }
        if let Some(incoming) = self.take(place, &[MAIN, LIVE], asked, bounds)? {
            return Ok(incoming);
        }
        let names: &[&str] = match self.ask(ASK_TIME.min(bounds.time))? {
            There { main: Some(_), live: None } => &[MAIN],
            There { main: None, live: Some(_) } => &[LIVE],
            // There is nothing to bring, or it was only just made and the next look brings it.
            _ => &[],
        };
        let taken = if names.is_empty() { None } else { self.take(place, names, asked, bounds)? };
        taken.map_or_else(|| Ok(Incoming::in_place(&self.git_dir)), Ok)
    }

    /// Fetches some branches; `None` where one of them is not there.
    fn take(
        &self,
        place: Place,
        names: &[&str],
        asked: There,
        bounds: Bounds,
    ) -> Result<Option<Incoming>, StateError> {
        let incoming = match place {
            Place::Apart => Incoming::apart(&self.git_dir)?,
            Place::Here => Incoming::in_place(&self.git_dir),
        };
        let mut command = self.command_in(incoming.path());
        command.args(["fetch", "--quiet", "--no-tags", "--no-auto-gc", "--no-recurse-submodules"]);
        command.args(["--", self.config.url.as_str()]).args(names);
        let ended = run(command, bounds, &self.ending).map_err(|why| self.failed(why))?;
        if ended.code == Some(0) {
            return incoming.fetched(names).map(Some);
        }
        if ended.stderr.contains(NO_SUCH_REF) {
            return Ok(None);
        }
        let secrets = self.secrets();
        Err(match said::unfit(&ended.stderr, &secrets) {
            Some(why) => self.is_unfit(asked, &why),
            None if incoming.is_full(bounds.max_bytes) => {
                let why = format!("more than {} MiB at once", bounds.max_bytes / MIB);
                self.is_unfit(asked, &why)
            }
            None => self.failed(said::why(&ended.stderr, &secrets)),
        })
    }

    /// Moves the branches from where they are to be now to `to`, both or none. `Some`: what the remote has
    /// against it.
    pub(crate) fn push(&self, from: There, to: There) -> Result<Option<String>, StateError> {
        let mut command = self.command();
        command.args(["push", "--porcelain", "--atomic", "--no-verify"]);
        let mut moves = Vec::new();
        for (name, from, to) in [(MAIN, from.main, to.main), (LIVE, from.live, to.live)] {
            let from = from.map(|id| id.to_string()).unwrap_or_default();
            command.arg(format!("--force-with-lease={name}:{from}"));
            moves.extend(to.map(|to| format!("{to}:{name}")));
        }
        command.args(["--", self.config.url.as_str()]).args(moves);
        match run(command, Bounds::time(PUSH_TIME), &self.ending)
            .map(|ended| said::pushed(&ended, &self.secrets()))
        {
            Ok(Pushed::Accepted) => {
                self.accepted();
                self.is_up(to);
                Ok(None)
            }
            Ok(Pushed::Rejected(said)) => Ok(Some(said)),
            Ok(Pushed::Unknown(why)) | Err(why) => Err(self.failed(why)),
        }
    }

    /// Waits until one more push is within what the host takes.
    pub(crate) fn pace(&self) {
        let Some(pace) = &self.pace else { return };
        while let Err(early) = pace.check() {
            std::thread::sleep(early.wait_time_from(DefaultClock::default().now()));
        }
    }

    fn command(&self) -> Command {
        self.command_in(&self.git_dir)
    }

    fn command_in(&self, git_dir: &Path) -> Command {
        process::remote(git_dir, &self.config.url, self.config.credentials.as_deref())
    }

    /// Runs a command that speaks with the remote and must do well.
    fn well(&self, command: Command, bounds: Bounds) -> Result<Ended, StateError> {
        match run(command, bounds, &self.ending) {
            Ok(ended) if ended.code == Some(0) => Ok(ended),
            Ok(ended) => Err(self.failed(said::why(&ended.stderr, &self.secrets()))),
            Err(why) => Err(self.failed(why)),
        }
    }

    /// What must not be shown of what it says.
    fn secrets(&self) -> Secrets {
        Secrets::of(self.config.credentials.as_deref())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
