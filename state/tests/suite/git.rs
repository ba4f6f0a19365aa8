//! The real git, as a person runs it, but with none of this machine's settings.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A clone that an operator works in.
pub(crate) struct Clone {
    pub(crate) dir: PathBuf,
}

pub(crate) fn command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .env("LC_ALL", "C");
    command
}

pub(crate) fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let errors = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}\n{}{errors}", String::from_utf8_lossy(&stdout));
    String::from_utf8_lossy(&stdout).trim_end().to_owned()
}

/// Runs git in `dir` and returns what it printed; it must succeed.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    succeed(command(dir).args(args))
}

/// Whether the real git finds nothing wrong with the repository.
pub(crate) fn assert_sound(dir: &Path) {
    git(dir, &["fsck", "--strict", "--full"]);
}

impl Clone {
    pub(crate) fn of(git_dir: &Path, dir: PathBuf) -> Self {
        let from = git_dir.to_str().unwrap();
        git(Path::new("/"), &["clone", "--quiet", from, dir.to_str().unwrap()]);
        Self { dir }
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.dir, args)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.dir.join(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces `old`, which must be there.
    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path} does not contain {old:?}:\n{text}");
        self.write(path, &text.replace(old, new));
    }

    /// Commits everything as the operator and returns the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits as Inkstone would have to look: its address, `message`, and a signature by `key` if any.
    pub(crate) fn commit_as_inkstone(&self, message: &str, key: Option<&Path>) -> String {
        self.git(&["add", "--all"]);
        let mut command = command(&self.dir);
        command
            .env("GIT_COMMITTER_NAME", "Inkstone")
            .env("GIT_COMMITTER_EMAIL", "inkstone@inkstone.dev");
        if let Some(key) = key {
            let key = format!("user.signingKey={}", key.display());
            command.args(["-c", "gpg.format=ssh", "-c", &key]);
        }
        command.args(["commit", "--quiet", "--allow-empty", "--message", message]);
        succeed(command.args(key.map(|_| "--gpg-sign")));
        self.head()
    }

    pub(crate) fn push(&self) {
        self.git(&["push", "--quiet", "origin", "HEAD:main"]);
    }
}
