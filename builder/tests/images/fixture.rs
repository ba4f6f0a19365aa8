//! What the tests build from, and how they look into an image.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use inkstone_builder::{
    BuildError, BuildRequest, Builder, BuiltImage, ImageStore, Layout, SourceTree, StaticServer,
};
use inkstone_spec::{Build, CommitId, Digest, Pack, ServiceRef};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const COMMIT: &str = "3f2c1ab9d0e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8";
pub(crate) const ORIGIN: &str = "inkstone.test/git/main/site";

pub(crate) fn service() -> ServiceRef {
    "main/default/site".parse().unwrap()
}

pub(crate) fn commit() -> CommitId {
    COMMIT.parse().unwrap()
}

/// The pack `static` over these directories, each absent where it is empty.
pub(crate) fn publish(root_directory: &str, publish_directory: &str) -> Build {
    let directory = |name: &str| (!name.is_empty()).then(|| name.parse().unwrap());
    Build {
        pack: Pack::Static,
        root_directory: directory(root_directory),
        publish_directory: directory(publish_directory),
    }
}

/// The smallest file that passes for a statically linked executable: for tests that look into an
/// image and do not run it.
pub(crate) fn stand_in_server(machine: u16) -> Vec<u8> {
    let mut elf = vec![0; 64 + 56];
    elf[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
    elf[16..18].copy_from_slice(&2_u16.to_le_bytes());
    elf[18..20].copy_from_slice(&machine.to_le_bytes());
    elf[20] = 1;
    elf[32..40].copy_from_slice(&64_u64.to_le_bytes());
    elf[52..54].copy_from_slice(&64_u16.to_le_bytes());
    elf[54..56].copy_from_slice(&56_u16.to_le_bytes());
    elf[56..58].copy_from_slice(&1_u16.to_le_bytes());
    elf[64] = 1;
    elf
}

pub(crate) const X86_64: u16 = 62;

/// A static server for images that are only looked into.
pub(crate) fn server() -> StaticServer {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("static-server");
    fs::write(&path, stand_in_server(X86_64)).unwrap();
    StaticServer::load(&path).unwrap()
}

/// The static server that is shipped, for images that are run.
pub(crate) fn shipped_server() -> StaticServer {
    let path = env::var_os("INKSTONE_STATIC_SERVER").map(PathBuf::from).expect(
        "INKSTONE_STATIC_SERVER must name the static-server binary: run `cargo xtask build`",
    );
    StaticServer::load(&path).unwrap()
}

/// Fails, naming what to install, where a tool is missing.
pub(crate) fn require(tool: &str, package: &str) {
    let found = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|directory| directory.join(tool).is_file());
    assert!(found, "{tool} is not installed: run `apt-get install {package}`");
}

/// Runs a tool to its end, which must be a success.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// An empty store of layouts and a builder over it.
pub(crate) struct Bench {
    pub(crate) root: TempDir,
    pub(crate) builder: Builder,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(server())
    }

    pub(crate) fn with(server: StaticServer) -> Self {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::open(root.path()).unwrap();
        Self { builder: Builder::new(ImageStore::Layout(layout), server), root }
    }

    pub(crate) fn build(
        &self,
        source: &dyn SourceTree,
        build: &Build,
    ) -> Result<BuiltImage, BuildError> {
        self.build_logged(source, build).0
    }

    /// Builds and returns the log as well.
    pub(crate) fn build_logged(
        &self,
        source: &dyn SourceTree,
        build: &Build,
    ) -> (Result<BuiltImage, BuildError>, String) {
        let mut log = String::new();
        let result = build_for(&self.builder, &service(), source, build, &mut log);
        (result, log)
    }

    /// The layout of the one service that most tests build.
    pub(crate) fn layout(&self) -> PathBuf {
        self.root.path().join("main/default/site")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> Vec<u8> {
        fs::read(self.layout().join("blobs/sha256").join(digest.hex())).unwrap()
    }

    pub(crate) fn json(&self, digest: &Digest) -> Value {
        serde_json::from_slice(&self.blob(digest)).unwrap()
    }

    /// One of an image's layers as the archive that it is.
    pub(crate) fn layer(&self, image: &BuiltImage, number: usize) -> Vec<u8> {
        let manifest = self.json(&image.digest);
        let digest = manifest["layers"][number]["digest"].as_str().unwrap().parse().unwrap();
        let mut archive = Vec::new();
        GzDecoder::new(self.blob(&digest).as_slice()).read_to_end(&mut archive).unwrap();
        archive
    }

    /// The files of an image's second layer, below `site/`.
    pub(crate) fn site(&self, image: &BuiltImage) -> BTreeMap<String, Vec<u8>> {
        let layer = self.layer(image, 1);
        let mut archive = tar::Archive::new(layer.as_slice());
        let mut files = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            let path = path.strip_prefix("site/").expect("everything is below /site").to_owned();
            if entry.header().entry_type().is_dir() {
                continue;
            }
            assert!(entry.header().entry_type().is_file(), "{path} is neither file nor directory");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert!(files.insert(path, content).is_none(), "a path is there twice");
        }
        files
    }
}

/// Builds for a service; what was logged is appended.
pub(crate) fn build_for(
    builder: &Builder,
    service: &ServiceRef,
    source: &dyn SourceTree,
    build: &Build,
    log: &mut String,
) -> Result<BuiltImage, BuildError> {
    let request = BuildRequest { service, build, source, commit: &commit(), origin: ORIGIN };
    builder.build(
        &request,
        &mut |line| {
            assert!(!line.contains('\n'), "a log line is one line");
            log.push_str(line);
            log.push('\n');
        },
        &|| false,
    )
}

/// Every file below a directory with its content.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}
