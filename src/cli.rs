//! The command line.

use crate::options::{DataOptions, ServeOptions};
use clap::{Args, Parser, Subcommand};
use inkstone_spec::{KeyName, Scopes, WorkspaceName};
use std::path::PathBuf;

/// An MCP-native deployer whose database is a git repository.
#[derive(Debug, Parser)]
#[command(name = "inkstone", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole product: API, MCP, git hosting, queue and builds.
    Serve(Box<ServeArgs>),
    /// Show the main job in a temporary directory, step by step; leaves nothing behind.
    Demo(DemoArgs),
    /// Write the manifests that a clone of the state repo should have.
    Render(RenderArgs),
    /// Check the laws over the history of a clone of the state repo.
    Verify(VerifyArgs),
    /// Add and list workspaces.
    Workspace(WorkspaceArgs),
    /// Make, list and revoke API keys.
    Key(KeyArgs),
    /// What git runs to have a push judged.
    #[command(hide = true)]
    Hook(HookArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// A TOML file with any of the options below, under their long names.
    #[arg(long, env = "INKSTONE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ServeOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the temporary directory and say where it is.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// A clone of the state repo.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,
    /// Write nothing; exit with 1 and the paths that differ.
    #[arg(long)]
    pub(crate) check: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A clone of the state repo, bare or not.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,
    /// What to check: `BASE..HEAD`, or `HEAD` alone for everything reachable from it.
    #[arg(value_name = "RANGE", default_value = "HEAD")]
    pub(crate) range: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WorkspaceArgs {
    #[command(subcommand)]
    pub(crate) command: WorkspaceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// Add a workspace, with a project `default`.
    Add {
        /// Its name.
        name: WorkspaceName,
        #[command(flatten)]
        data: DataOptions,
    },
    /// List the workspaces.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataOptions,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it, once.
    Create {
        /// Its name: who acts, in commits and logs.
        name: KeyName,
        /// What it may do: read, env:read, deploy, delete, state:push, dns, database, admin.
        #[arg(long, default_value = "read,deploy")]
        scopes: Scopes,
        /// A workspace it is for; may be given more than once. Without it and without
        /// --all-workspaces: main.
        #[arg(long = "workspace", value_name = "NAME", conflicts_with = "all_workspaces")]
        workspaces: Vec<WorkspaceName>,
        /// For every workspace, those to come included: what the state repo needs.
        #[arg(long)]
        all_workspaces: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataOptions,
    },
    /// List the keys; their secrets are not stored.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataOptions,
    },
    /// Revoke a key; it ends within a second.
    Revoke {
        /// Its name.
        name: KeyName,
        #[command(flatten)]
        data: DataOptions,
    },
}

#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    #[command(subcommand)]
    pub(crate) command: HookCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Judges a push to the state repo; reads `OLD NEW REF` lines.
    PreReceive,
}
