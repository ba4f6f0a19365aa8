//! The key of the first start reaches its owner and nobody else.

use crate::harness::{binary, wait_for};
use std::collections::BTreeSet;
use std::fs::{File, Metadata, Permissions};
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Starts a server on a new directory, with the most generous umask, until it is ready. Returns every
/// mode that a file was seen to have at the key's path, or at the path where it is written first.
fn first_start(folder: &Path, key: &Path) -> BTreeSet<u32> {
    // The shell is replaced by the server, so the child is the server.
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(binary().get_program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
    command.arg("--bootstrap-key-file").arg(key);
    let log = folder.join("log");
    let stderr = File::create(&log).unwrap();
    let mut server = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
    let paths = [key.to_owned(), key.with_extension("new")];
    let mut seen = BTreeSet::new();
    wait_for("the start", || {
        // Looks far more often than it asks, so as to miss no moment that takes a write to disk.
        for _ in 0..5_000 {
            let found = paths.iter().filter_map(|path| path.symlink_metadata().ok());
            seen.extend(found.filter(Metadata::is_file).map(|file| mode(&file)));
        }
        std::fs::read_to_string(&log).unwrap().contains("listening on").then_some(())
    });
    server.kill().unwrap();
    server.wait().unwrap();
    seen
}

fn mode(file: &Metadata) -> u32 {
    file.permissions().mode() & 0o777
}

/// A folder for the key alone, in another one.
fn folders() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::create_dir(&keys).unwrap();
    (folder, keys.join("key"))
}

fn is_the_key(path: &Path) {
    let kind = path.symlink_metadata().unwrap();
    assert!(kind.is_file(), "{kind:?}");
    assert_eq!(mode(&kind), 0o600);
    assert!(std::fs::read_to_string(path).unwrap().starts_with("dk_live_"));
}

#[test]
fn it_is_readable_by_its_owner_alone_however_generous_the_umask() {
    let (folder, key) = folders();
    let seen = first_start(folder.path(), &key);
    is_the_key(&key);
    assert_eq!(seen, BTreeSet::from([0o600]));
}

#[test]
fn who_has_an_older_file_open_does_not_get_to_read_it() {
    let (folder, key) = folders();
    let mut open = Vec::new();
    for name in [key.clone(), key.with_extension("new")] {
        std::fs::write(&name, "old").unwrap();
        std::fs::set_permissions(&name, Permissions::from_mode(0o666)).unwrap();
        open.push(File::open(&name).unwrap());
    }
    first_start(folder.path(), &key);
    is_the_key(&key);
    for mut file in open {
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "old");
    }
}

#[test]
fn it_is_never_written_through_a_link() {
    let (folder, key) = folders();
    let victims = ["one", "two"].map(|name| folder.path().join(name));
    for (victim, link) in victims.iter().zip([key.clone(), key.with_extension("new")]) {
        std::fs::write(victim, "untouched").unwrap();
        symlink(victim, link).unwrap();
    }
    first_start(folder.path(), &key);
    is_the_key(&key);
    for victim in victims {
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "untouched");
    }
    assert_eq!(std::fs::read_dir(key.parent().unwrap()).unwrap().count(), 1);
}
