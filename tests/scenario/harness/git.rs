//! The real git.

use super::server::text;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) struct Git {
    folder: PathBuf,
}

impl Git {
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn init(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let git = Self::at(folder);
        git.run(&["init", "--quiet", "--initial-branch", "main"]);
        git
    }

    pub(crate) fn clone(url: &str, folder: &Path) -> Self {
        let output = command(folder.parent().unwrap())
            .args(["clone", "--quiet", url])
            .arg(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        Self::at(folder)
    }

    /// Runs git; it must do well. Returns what it printed, errors too.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {said}");
        said
    }

    pub(crate) fn try_run(&self, args: &[&str]) -> Output {
        command(&self.folder).args(args).output().unwrap()
    }

    /// Runs git; it must fail. Returns what it said.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!output.status.success(), "git {args:?} did well: {said}");
        said
    }

    pub(crate) fn write(&self, file: &str, content: &str) {
        let path = self.folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }

    pub(crate) fn commit(&self, message: &str) {
        self.run(&["add", "--all"]);
        self.run(&["commit", "--quiet", "--message", message]);
    }

    pub(crate) fn commit_empty(&self, message: &str) {
        self.run(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    pub(crate) fn push(&self, remote: &str) -> String {
        self.run(&["push", remote, "HEAD:main"])
    }

    pub(crate) fn head(&self) -> String {
        self.run(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// The lines that git prints.
    pub(crate) fn lines(&self, args: &[&str]) -> Vec<String> {
        self.run(args).lines().map(str::to_owned).collect()
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder);
    as_operator(&mut command);
    command
}

/// Whatever git does in this command, it does in the operator's name and with no other settings.
pub(crate) fn as_operator(command: &mut Command) {
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Olga Operator")
        .env("GIT_AUTHOR_EMAIL", "olga@example.com")
        .env("GIT_COMMITTER_NAME", "Olga Operator")
        .env("GIT_COMMITTER_EMAIL", "olga@example.com")
        .env("LC_ALL", "C");
}
