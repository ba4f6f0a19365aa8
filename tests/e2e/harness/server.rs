//! The `inkstone serve` of the cluster.

use super::visitor::{Answer, get_from};
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Where ready images are that services may have.
pub(super) const IMAGES: &str = "127.0.0.1:5000/team";

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) home: PathBuf,
}

impl Server {
    /// # Panics
    /// The test does not run inside a cluster.
    pub(crate) fn of_the_cluster() -> Self {
        let home = std::env::var_os("INKSTONE_CLUSTER").map(PathBuf::from).expect(
            "INKSTONE_CLUSTER must name the directory of a cluster: run `cargo xtask test --e2e`",
        );
        let key = std::fs::read_to_string(home.join("key")).unwrap().trim().to_owned();
        Self { url: "http://127.0.0.1:8787".to_owned(), key, home }
    }

    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The image of the workload, as the registry has it.
    pub(crate) fn workload(&self) -> String {
        let digest = std::fs::read_to_string(self.home.join("images/workload/digest")).unwrap();
        format!("{IMAGES}/workload@{}", digest.trim())
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Removes its database; it must be down.
    pub(crate) fn lose_database(&self) {
        for file in ["inkstone.db", "inkstone.db-wal", "inkstone.db-shm"] {
            match std::fs::remove_file(self.data().join(file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{file}: {error}"),
                _ => {}
            }
        }
    }

    /// What it answers at `path`, with an `Authorization: Basic` of `login`.
    pub(crate) fn get(&self, path: &str, login: Option<&str>) -> io::Result<Answer> {
        let login = login.map(|login| format!("Authorization: Basic {login}\r\n"));
        let host = self.host();
        let login = login.unwrap_or_default();
        get_from(host, &format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n{login}"))
    }

    /// Runs `inkstone` on its data directory, as its operator; it must do well. Returns what it printed.
    pub(crate) fn inkstone(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkstone"));
        let output = command.args(args).arg("--data").arg(self.data()).output().unwrap();
        assert!(output.status.success(), "inkstone {args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The URL of `path`, for a git with every scope.
    pub(crate) fn with_key(&self, path: &str) -> String {
        format!("http://x-git-token:{}@{}{path}", self.key, self.host())
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
