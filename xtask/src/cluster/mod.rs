//! A real Kubernetes with a real ArgoCD on this machine: a control plane, a node, an ingress controller
//! and the product, all of it in namespaces of its own, so that nothing stays when it ends.

mod argocd;
mod certificates;
mod component;
mod control_plane;
mod down;
mod e2e;
mod enter;
mod follow;
mod forward;
mod home;
mod image;
mod inside;
mod keep;
mod namespace;
mod node;
mod product;
mod programs;
mod supervise;
mod up;
mod wait;

use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use self::e2e::whole as test;
use self::inside::Inside;
pub(crate) use self::programs::setup;
pub(crate) use self::up::possible;
use crate::workspace::Workspace;

#[derive(Subcommand)]
pub(crate) enum Task {
    /// Start it, and say what runs where.
    Up {
        /// Use no port of this machine: only `exec` reaches it.
        #[arg(long)]
        isolated: bool,
    },
    /// End it and leave nothing: no process, mount, interface or file.
    Down,
    /// Run a command inside, where services and addresses of pods are reached: `exec -- kubectl get pods`.
    Exec {
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Run tests of tests/e2e inside, each once in the life of a cluster: `test -- serving`.
    Test {
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Measure, in one of its own and optimised, how long it takes until visitors see a push; writes bench/CLUSTER.md.
    Bench {
        /// `--quick`, `--help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Have one component stand still.
    Stop {
        /// As `up` lists them.
        name: String,
    },
    /// Have a component that was stopped run again.
    Start {
        /// As `up` lists them.
        name: String,
    },
    /// Hold namespaces and ports: what `up` leaves behind.
    #[command(hide = true)]
    Keep(Inside),
    /// Start the components: what `keep` runs inside.
    #[command(hide = true)]
    Supervise(Inside),
    /// Lead the connections of the listener on standard input to an address.
    #[command(hide = true)]
    Forward { address: SocketAddr },
}

/// Does one of them.
pub(crate) fn run(task: &Task) -> Result<()> {
    // What runs for as long as the cluster is given all it needs to know.
    let workspace = Workspace::locate;
    match task {
        Task::Up { isolated } => up::up(&workspace()?, *isolated),
        Task::Down => down::all(&workspace()?),
        Task::Exec { command } => enter::exec(&workspace()?, command),
        Task::Test { arguments } => e2e::test(&workspace()?, arguments),
        Task::Bench { options } => e2e::bench(&workspace()?, options),
        Task::Stop { name } => enter::stop(&workspace()?, name),
        Task::Start { name } => enter::start(&workspace()?, name),
        Task::Keep(inside) => keep::keep(inside),
        Task::Supervise(inside) => supervise::supervise(inside),
        Task::Forward { address } => forward::forward(*address),
    }
}
