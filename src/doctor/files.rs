//! git itself, and the files that must be there and be their owner's alone.

use super::Check;
use crate::data_dir::{DataDir, OTHERS};
use rustix::fs::{Access, access};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// The oldest git that does what is asked of it, by major and minor version.
const OLDEST_GIT: (u32, u32) = (2, 36);

pub(super) fn look(data: &DataDir) -> Vec<Check> {
    vec![
        git(),
        directory(data.root()),
        secret("signing key file", &data.signing_key()),
        secret("identity file", &data.identity_file()),
    ]
}

fn git() -> Check {
    let name = "git";
    let (major, minor) = OLDEST_GIT;
    let advice = format!("install git {major}.{minor} or newer, and see that it is in PATH");
    let output = Command::new("git").arg("--version").output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return Check::fail(name, "git does not run", advice);
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.trim().trim_start_matches("git version ").to_owned();
    match parse(&version) {
        Some(found) if found >= OLDEST_GIT => Check::ok(name, version),
        Some(_) => Check::fail(name, format!("{version} is too old"), advice),
        None => Check::warn(name, format!("cannot read the version {version:?}"), advice),
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn directory(root: &Path) -> Check {
    let name = "data directory";
    let shown = root.display();
    match mode(root) {
        Err(error) => Check::fail(name, format!("{shown}: {error}"), "make it readable"),
        Ok(mode) if mode & OTHERS != 0 => Check::fail(
            name,
            format!("{shown} has mode {mode:o}: others can get at what is in it"),
            format!("chmod 700 {shown}"),
        ),
        Ok(_) if access(root, Access::WRITE_OK).is_err() => Check::fail(
            name,
            format!("{shown} cannot be written by this user"),
            "run as the user of the server, or give the directory to it",
        ),
        Ok(_) => Check::ok(name, format!("{shown}, its owner's alone")),
    }
}

fn secret(name: &'static str, path: &Path) -> Check {
    let shown = path.display();
    match mode(path) {
        Err(_) => Check::fail(name, format!("{shown} is missing"), "restore it from a backup"),
        Ok(mode) if mode & OTHERS != 0 => Check::fail(
            name,
            format!("{shown} has mode {mode:o}: others can get at it"),
            format!("chmod 600 {shown}"),
        ),
        Ok(_) => Check::ok(name, "its owner's alone; keep a copy elsewhere"),
    }
}

fn mode(path: &Path) -> std::io::Result<u32> {
    Ok(path.metadata()?.permissions().mode() & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_git_are_read_as_distributions_write_them() {
        for (text, expected) in [
            ("2.39.5", Some((2, 39))),
            ("2.36.0-rc1", Some((2, 36))),
            ("2.50.1 (Apple Git-155)", Some((2, 50))),
            ("two", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
