//! The `inkstone serve` of the cluster.

use std::path::PathBuf;

/// Where ready images are that services may have.
pub(super) const IMAGES: &str = "127.0.0.1:5000/team";

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) key: String,
    home: PathBuf,
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

    /// The URL of `path`, for a git with every scope.
    pub(crate) fn with_key(&self, path: &str) -> String {
        format!("http://x-git-token:{}@{}{path}", self.key, self.host())
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
