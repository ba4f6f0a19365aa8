//! An operator who edits a service by hand once a second, and pushes as people do.

use super::world::{Door, Site, World};
use crate::git;
use crate::server::Home;
use anyhow::{Context as _, bail};
use fastrand::Rng;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often there is something to edit.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait before a server that is away is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the operator is willing to try while others push, where they are given way to.
const MAX_TRIES: usize = 3;
/// How often where nobody gives way.
const PATIENT_TRIES: usize = 50;
/// How long the server may be away.
const PATIENCE: Duration = Duration::from_mins(3);
/// The branch, on both sides.
const BRANCH: &str = "main";
/// What git says when somebody else pushed first.
pub(super) const LOST: [&str; 4] =
    ["[rejected]", "failed to update ref", "cannot lock ref", "incorrect old value"];
/// What git says when the push was judged.
const REFUSED: &str = "pre-receive hook declined";
/// The field that is edited.
const FIELD: &str = "  replicas: ";

/// An operator at work.
pub(super) struct Operator {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Edits>>,
}

/// What became of the edits.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits {
    /// How many landed at the first, second and third try.
    pub(super) landed: [usize; MAX_TRIES],
    /// How many later.
    pub(super) later: usize,
    /// What did not.
    pub(super) findings: Vec<String>,
}

impl Edits {
    pub(super) fn all(&self) -> usize {
        self.landed.iter().sum::<usize>() + self.later
    }
}

impl Operator {
    pub(super) fn start(
        home: &Home,
        world: &World,
        remote: Option<&str>,
        rng: &mut Rng,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let folder = home.folder.join("operator");
        let mut work = Work {
            folder,
            door: Arc::clone(&world.door),
            remote: remote.map(str::to_owned),
            sites: world.sites.clone(),
            rng: rng.fork(),
            edits: Edits::default(),
        };
        let (clone, url) = (work.folder.display().to_string(), work.url());
        git::run(&home.folder, &["clone", "--quiet", "--branch", BRANCH, &url, &clone])?;
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            work.until(&until)?;
            Ok(work.edits)
        });
        Ok(Self { stop, thread })
    }

    pub(super) fn stop(self) -> anyhow::Result<Edits> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the operator ended early"))?
    }
}

struct Work {
    folder: PathBuf,
    door: Arc<Door>,
    /// Where the state repo is, if not at the server.
    remote: Option<String>,
    sites: Vec<Site>,
    rng: Rng,
    edits: Edits,
}

/// What a push came to.
enum Pushed {
    Landed,
    /// Somebody else was faster.
    Lost,
    /// The server did not take it, for a reason.
    Refused(String),
    /// The server was not there.
    Away(String),
}

impl Work {
    fn until(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        while !stop.load(Ordering::Relaxed) {
            let next = Instant::now() + INTERVAL;
            self.edit_and_push()?;
            while !stop.load(Ordering::Relaxed) && Instant::now() < next {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// One edit, by plain `git pull --rebase && git push`. A server that was killed has forgotten to whom
    /// it gave way, so tries count from the last start.
    fn edit_and_push(&mut self) -> anyhow::Result<()> {
        self.edit()?;
        let max = if self.remote.is_some() { PATIENT_TRIES } else { MAX_TRIES };
        let (mut tries, mut before) = (0, self.door.before());
        while tries < max {
            tries += 1;
            match self.push_once_there()? {
                Pushed::Landed => {
                    self.landed(tries);
                    return Ok(());
                }
                Pushed::Refused(said) => {
                    self.edits.findings.push(format!("an operator's edit was refused: {said}"));
                    return self.start_over();
                }
                Pushed::Lost | Pushed::Away(_) => self.pull()?,
            }
            // A kill may take the answer, and not the push.
            if git::run(&self.folder, &["rev-list", "FETCH_HEAD..HEAD"])?.is_empty() {
                self.landed(tries);
                return Ok(());
            }
            if before != self.door.before() {
                (tries, before) = (0, self.door.before());
            }
        }
        let what = format!("an operator's push lost {max} races in a row");
        self.edits.findings.push(what);
        self.start_over()
    }

    fn landed(&mut self, tries: usize) {
        let Edits { landed, later, .. } = &mut self.edits;
        *landed.get_mut(tries - 1).unwrap_or(later) += 1;
    }

    fn push_once_there(&self) -> anyhow::Result<Pushed> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.push()? {
                Pushed::Away(said) if Instant::now() > end => {
                    bail!("the server takes no pushes to its state repo: {said}")
                }
                Pushed::Away(_) => std::thread::sleep(PAUSE),
                pushed => return Ok(pushed),
            }
        }
    }

    fn push(&self) -> anyhow::Result<Pushed> {
        let output = self.on_remote(&["push"], &format!("HEAD:{BRANCH}"))?;
        let said = git::text(&output);
        Ok(if output.status.success() {
            Pushed::Landed
        } else if said.contains(REFUSED) {
            Pushed::Refused(said)
        } else if LOST.iter().any(|words| said.contains(words)) {
            Pushed::Lost
        } else {
            Pushed::Away(said)
        })
    }

    /// Takes over what others did; the edit comes on top, made anew where they edited the same lines.
    fn pull(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.on_remote(&["pull", "--rebase", "--quiet"], BRANCH)?.status.success() {
            if git::run(&self.folder, &["rebase", "--abort"]).is_ok() {
                self.start_over()?;
                return self.edit();
            }
            if Instant::now() > end {
                bail!("the state repo cannot be fetched");
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Gives the edit up.
    fn start_over(&self) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.on_remote(&["fetch", "--quiet"], BRANCH)?.status.success() {
            if Instant::now() > end {
                bail!("the state repo cannot be fetched");
            }
            std::thread::sleep(PAUSE);
        }
        git::run(&self.folder, &["reset", "--quiet", "--hard", "FETCH_HEAD"])?;
        Ok(())
    }

    fn edit(&mut self) -> anyhow::Result<()> {
        let site = self.rng.choice(&self.sites).context("there is nothing to edit")?;
        let path = service_file(&self.folder, &site.name);
        let text = fs::read_to_string(&path)?;
        let edited: Vec<String> = text.lines().map(scaled).collect();
        fs::write(&path, edited.join("\n") + "\n")?;
        let message = format!("scale {} by hand", site.name);
        git::run(&self.folder, &["commit", "--quiet", "--all", "--message", &message])?;
        Ok(())
    }

    fn on_remote(&self, args: &[&str], refspec: &str) -> anyhow::Result<Output> {
        let url = self.url();
        Ok(git::command(&self.folder).args(args).args([url.as_str(), refspec]).output()?)
    }

    fn url(&self) -> String {
        self.remote.clone().unwrap_or_else(|| self.door.url("/state.git"))
    }
}

/// Another number of replicas, of 1 to 3.
fn scaled(line: &str) -> String {
    let number = line.strip_prefix(FIELD).and_then(|number| number.parse::<u32>().ok());
    number.map_or_else(|| line.to_owned(), |number| format!("{FIELD}{}", number % 3 + 1))
}

/// The file that says what a service is to be.
pub(super) fn service_file(clone: &Path, name: &str) -> PathBuf {
    clone.join(format!("clusters/eu-central-1/main/default/services/{name}/service.yaml"))
}
