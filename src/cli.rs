//! The command line.

use crate::log::Scope;
use crate::options::{DEFAULT_REGION, DataOptions, ServeOptions};
use clap::{Args, Parser, Subcommand, ValueEnum};
use inkstone_spec::{KeyName, ProjectRef, Region, Scopes, ServiceRef, WorkspaceName};
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
    /// Make a cluster follow what the state repo says and ArgoCD cannot: Secrets, pulls, namespaces.
    Reconcile(Box<ReconcileArgs>),
    /// Show the main job in a temporary directory, step by step; leaves nothing behind.
    Demo(DemoArgs),
    /// Write the manifests that a clone of the state repo should have.
    Render(RenderArgs),
    /// Check the laws over the history of a clone of the state repo.
    Verify(VerifyArgs),
    /// List what changed, newest first: when, by whom, what, from which source commit.
    Log(LogArgs),
    /// Undo what one commit changed of a service, older ones too, as a commit of your own.
    Revert(RevertArgs),
    /// Render services by the current templates, in stages.
    Upgrade(UpgradeArgs),
    /// Look at a data directory: what is wrong, and what to do.
    Doctor(DoctorArgs),
    /// Who can open sealed values: list, rotate, add, remove.
    Identity(IdentityArgs),
    /// Resolve what happened to a state repo on another host.
    State(StateArgs),
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
pub(crate) struct ReconcileArgs {
    /// The state repo: https, http, ssh, file or an absolute path.
    #[arg(long, env = "INKSTONE_STATE_REPO", value_name = "URL")]
    pub(crate) repo: String,
    /// A file with the credentials for it, as git-credential-store writes it.
    #[arg(long, env = "INKSTONE_STATE_CREDENTIALS", value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// Where to keep a copy of it; it can be made anew at any time.
    #[arg(long, env = "INKSTONE_DATA", value_name = "DIR", default_value = "./inkstone-reconcile")]
    pub(crate) data: PathBuf,
    /// A copy of the server's age-identity.txt.
    #[arg(long, env = "INKSTONE_IDENTITY", value_name = "FILE")]
    pub(crate) identity: PathBuf,
    /// A copy of the server's pull-key, where the server itself has the images.
    #[arg(long, env = "INKSTONE_PULL_KEY", value_name = "FILE")]
    pub(crate) pull_key: Option<PathBuf>,
    /// The user of the registry that has the images; needs a password file.
    #[arg(long, env = "INKSTONE_REGISTRY_USER", value_name = "NAME", conflicts_with = "pull_key")]
    pub(crate) registry_user: Option<String>,
    /// A file with that user's password or token.
    #[arg(
        long,
        env = "INKSTONE_REGISTRY_PASSWORD_FILE",
        value_name = "FILE",
        requires = "registry_user"
    )]
    pub(crate) registry_password_file: Option<PathBuf>,
    /// The cluster: a kubeconfig file, or `in-cluster`.
    #[arg(long, env = "INKSTONE_KUBECONFIG", value_name = "FILE", default_value = "in-cluster")]
    pub(crate) kubeconfig: String,
    /// Which of the state repo's clusters that is.
    #[arg(long, env = "INKSTONE_REGION", value_name = "REGION", default_value = DEFAULT_REGION)]
    pub(crate) region: Region,
    /// The server, to be told of pushes by and to report to; without, the state repo is looked at now and
    /// then.
    #[arg(long, env = "INKSTONE_SERVER", value_name = "URL", requires = "token_file")]
    pub(crate) server: Option<String>,
    /// A file with an API key for all workspaces that has the scopes read and env:read.
    #[arg(long, env = "INKSTONE_TOKEN_FILE", value_name = "FILE", requires = "server")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print what would be done now, and do nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// Print the plan as JSON.
    #[arg(long, requires = "plan")]
    pub(crate) json: bool,
    /// Log lines as JSON.
    #[arg(long, env = "INKSTONE_LOG_JSON")]
    pub(crate) log_json: bool,
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
pub(crate) struct LogArgs {
    /// Whose changes: `acme/shop/api`, a project `acme/shop`, a workspace `acme`. Without it: all.
    #[arg(value_name = "SERVICE|PROJECT|WORKSPACE")]
    pub(crate) scope: Option<Scope>,
    /// A clone of the state repo, bare or not.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,
    /// Only what came in since: `3d`, `12h`, `tuesday`, `2026-11-17`, `2026-11-17T09:30Z`; UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// At most so many changes.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    /// Print a line of JSON for each change.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevertArgs {
    /// The commit to undo: anything that git knows.
    pub(crate) commit: String,
    /// A clone of the state repo, bare or not.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,
    /// The service, where the commit changes more than one.
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<ServiceRef>,
    /// What becomes of fields that were changed again since.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnConflict::Ask)]
    pub(crate) on_conflict: OnConflict,
    /// An age identity file, needed only where variables were changed again since, or who can open
    /// them.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// Push the commit to where the branch comes from.
    #[arg(long)]
    pub(crate) push: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What becomes of fields that were changed again since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// Nothing is undone; the later commits are named.
    Ask,
    /// They go back too.
    Restore,
    /// They stay as they are.
    Keep,
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// Only of this workspace.
    #[arg(long, value_name = "NAME", conflicts_with = "project")]
    pub(crate) workspace: Option<WorkspaceName>,
    /// Only of this project: `acme/shop`.
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<ProjectRef>,
    /// At most so many services and projects.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Commit nothing; print how the manifests would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) data: DataOptions,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct IdentityArgs {
    #[command(subcommand)]
    pub(crate) command: IdentityCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// List who can open what.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataOptions,
    },
    /// Give the server a new identity, and wrap what is sealed for it. Nothing restarts.
    Rotate {
        #[command(flatten)]
        data: DataOptions,
    },
    /// Let somebody else open everything too, with `sops` for instance: an operator's key.
    Add {
        /// `age1…`: what `age-keygen -y` prints.
        recipient: String,
        #[command(flatten)]
        data: DataOptions,
    },
    /// Seal to somebody no more.
    Remove {
        /// `age1…`.
        recipient: String,
        #[command(flatten)]
        data: DataOptions,
    },
}

impl IdentityCommand {
    pub(crate) fn data(&self) -> &DataOptions {
        match self {
            Self::List { data, .. }
            | Self::Rotate { data }
            | Self::Add { data, .. }
            | Self::Remove { data, .. } => data,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Take what the remote has, though it lost commits; they stay here under a ref of their own.
    Accept(ResolveArgs),
    /// Give the remote back what it lost or, where its main breaks a law, what is live.
    Restore(ResolveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data: DataOptions,
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
    PreReceive {
        /// The identities that have to open what is pushed.
        #[arg(long, value_name = "FILE")]
        identity: PathBuf,
    },
}
