//! One program of the cluster, kept running: started again when it ends, and stopped and started by the
//! word of a file.

use std::fmt::Display;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

use super::home::Home;
use super::wait::{self, Condition, TICK};
use crate::step;

/// How long a program that is asked to end may take.
const GRACE: Duration = Duration::from_secs(10);
/// How long a program that ended by itself is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// The words of [`Home::state`].
pub(crate) const STARTING: &str = "starting";
pub(crate) const READY: &str = "ready";
pub(crate) const STOPPED: &str = "stopped";

/// A program, and how one sees that it does its work.
pub(crate) struct Component {
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) at: String,
    command: Command,
    ready: Condition,
}

/// What is told of a component.
pub(crate) enum News {
    /// It does its work: for the first time, or again.
    Ready(&'static str),
    /// It cannot be kept running.
    Lost(anyhow::Error),
}

/// Why a run of a program was over.
enum End {
    Stopped,
    Itself,
}

impl Component {
    pub(crate) fn new(
        name: &'static str,
        at: impl Display,
        command: Command,
        ready: Condition,
    ) -> Self {
        Self { name, at: at.to_string(), command, ready }
    }

    /// Runs it for as long as that goes well.
    pub(crate) fn keep(mut self, home: &Home, news: &Sender<News>) {
        if let Err(error) = self.keep_running(home, news) {
            // Who would read it is gone with everything else.
            let _ = news.send(News::Lost(error.context(self.name)));
        }
    }

    fn keep_running(&mut self, home: &Home, news: &Sender<News>) -> Result<()> {
        let log = File::options().create(true).append(true).open(home.log(self.name))?;
        self.command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        loop {
            if home.stopped(self.name).exists() {
                fs::write(home.state(self.name), STOPPED)?;
                while home.stopped(self.name).exists() {
                    thread::sleep(TICK);
                }
            }
            if let End::Itself = self.run(home, news)? {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Runs it once.
    fn run(&mut self, home: &Home, news: &Sender<News>) -> Result<End> {
        fs::write(home.state(self.name), STARTING)?;
        let start = Instant::now();
        let mut child = self.command.spawn()?;
        let mut is_ready = false;
        loop {
            thread::sleep(TICK);
            if home.stopped(self.name).exists() {
                return end(&mut child).map(|()| End::Stopped);
            }
            if let Some(status) = child.try_wait()? {
                step::say(&format!("! {} ended ({status}) and is started again", self.name));
                return Ok(End::Itself);
            }
            if !is_ready && (self.ready)() {
                is_ready = true;
                fs::write(home.state(self.name), READY)?;
                step::say(&format!("✓ {}, {:.1} s", self.name, start.elapsed().as_secs_f64()));
                news.send(News::Ready(self.name))?;
            }
        }
    }
}

/// Asks `child` to end, and sees to it.
fn end(child: &mut Child) -> Result<()> {
    kill_process(Pid::from_child(child), Signal::TERM)?;
    let asked = wait::until("the end", GRACE, || Ok(child.try_wait()?.is_some()));
    if asked.is_err() {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}
