//! A component of the cluster that stands still for a while.

use super::{Server, wait_for};
use std::fs;
use std::path::PathBuf;

/// What `cargo xtask cluster` says of components.
const STOPPED: &str = "stopped";
const READY: &str = "ready";

/// Lasts until it is ended, or its test is over.
pub(crate) struct Outage {
    component: &'static str,
    /// There for as long as the component is to stand still.
    wish: PathBuf,
    state: PathBuf,
}

impl Outage {
    /// Stops `component`, and returns when it is down.
    pub(crate) fn of(component: &'static str) -> Self {
        let home = Server::of_the_cluster().home;
        let wish = home.join("stopped").join(component);
        let this = Self { component, wish, state: home.join("states").join(component) };
        fs::write(&this.wish, "").unwrap();
        this.wait_until(STOPPED);
        this
    }

    /// Starts it again, and returns when it does its work.
    pub(crate) fn end(self) {
        fs::remove_file(&self.wish).unwrap();
        self.wait_until(READY);
    }

    fn wait_until(&self, state: &str) {
        wait_for(&format!("{} {state}", self.component), || {
            (fs::read_to_string(&self.state).unwrap() == state).then_some(())
        });
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        // Gone where it was ended.
        let _ = fs::remove_file(&self.wish);
    }
}
