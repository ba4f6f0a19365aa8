//! What a person is told when the server starts.

use crate::data_dir::DataDir;
use crate::output::line;
use anyhow::Context as _;
use inkstone_spec::ApiKey;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What was made at this start.
pub(crate) struct Start {
    founded: bool,
    key: Option<ApiKey>,
    key_file: Option<PathBuf>,
}

impl Start {
    /// A key that was made goes to `key_file`, if there is one, before anything else can fail.
    pub(crate) fn new(
        founded: bool,
        key: Option<ApiKey>,
        key_file: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        if let (Some(key), Some(path)) = (&key, &key_file) {
            write_key(path, key)
                .with_context(|| format!("cannot write the first key to {}", path.display()))?;
        }
        Ok(Self { founded, key, key_file })
    }

    /// Says what was made, where, and what to do next; on later starts, what is served and where.
    /// `remote` is where the state repo is, if not here.
    pub(crate) fn announce(
        &self,
        data: &DataDir,
        address: SocketAddr,
        public_url: &str,
        remote: Option<&str>,
    ) {
        if self.founded {
            line(format_args!("A new Inkstone in {}:", data.root().display()));
            line("  inkstone.db        keys, the queue, logs");
            line("  state.git          the state repo: what is deployed, every change a commit");
            line("  repos/             hosted source repositories");
            line("  images/            images, as OCI layouts");
            line("  age-identity.txt   opens sealed values; back it up");
            line("  signing-key        signs commits of the state repo; back it up");
            line("  and a workspace main with a project default");
            line("");
        }
        let Some(key) = &self.key else {
            line(format_args!("Inkstone in {}, at {public_url}/mcp", data.root().display()));
            return;
        };
        let shown = if let Some(path) = &self.key_file {
            line(format_args!("The API key is in {}.", path.display()));
            "<key>"
        } else {
            line("The API key, shown this once; it may do everything:");
            line(format_args!("  {}", key.expose()));
            key.expose()
        };
        line("");
        line("Connect an MCP client:");
        line(format_args!("  URL     {public_url}/mcp"));
        line(format_args!("  header  Authorization: Bearer {shown}"));
        line("");
        line("Read the state repo:");
        if let Some(remote) = remote {
            line(format_args!("  git clone {remote}"));
        } else {
            line(format_args!("  git clone {}/state.git", with_user(public_url)));
            line("  (the password is the API key)");
        }
        line("");
        line(format_args!("Stop with Ctrl-C; health is at http://{address}/readyz."));
        line("");
    }
}

fn with_user(public_url: &str) -> String {
    match public_url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://x-git-token@{rest}"),
        None => public_url.to_owned(),
    }
}

/// Writes the key for its owner alone, whole or not at all; an older file is replaced.
fn write_key(path: &Path, key: &ApiKey) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    // Whatever stands there has another's mode, or leads elsewhere.
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    writeln!(file, "{}", key.expose())?;
    file.sync_all()?;
    std::fs::rename(fresh, path)
}
