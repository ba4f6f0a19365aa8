//! The identity file: private, complete, never replaced, never repeated in an error.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use inkstone_secrets::{Identities, Identity, IdentityError};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn recipients(identities: &Identities) -> Vec<&str> {
    identities.iter().map(|identity| identity.recipient().as_str()).collect()
}

#[test]
fn what_was_saved_is_loaded_in_the_same_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity.txt");
    let old = vec![Identity::generate().unwrap(), Identity::generate().unwrap()];
    let saved = Identities::new(Identity::generate().unwrap(), old);
    saved.save(&path).unwrap();

    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let loaded = Identities::load(&path).unwrap();
    assert_eq!(recipients(&loaded), recipients(&saved));
    let text = fs::read_to_string(&path).unwrap();
    let first = format!("# public key: {}\nAGE-SECRET-KEY-1", saved.current().recipient());
    assert!(text.starts_with(&first));
}

#[test]
fn a_file_of_age_keygen_is_loaded() {
    // The test key of the age project.
    let file = "# created: 2026-11-21T12:00:00Z\n\
                # public key: age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa\n\
                AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33\n";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity.txt");
    fs::write(&path, file).unwrap();
    for mode in [0o600, 0o400] {
        set_mode(&path, mode);
        let loaded = Identities::load(&path).unwrap();
        assert_eq!(
            recipients(&loaded),
            ["age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa"]
        );
    }
}

#[test]
fn a_file_that_others_may_read_is_refused_with_the_command_that_helps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity.txt");
    Identities::new(Identity::generate().unwrap(), Vec::new()).save(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o644] {
        set_mode(&path, mode);
        let error = Identities::load(&path).unwrap_err();
        assert!(matches!(error, IdentityError::Exposed { .. }), "{error}");
        assert_eq!(error.suggestion(), format!("Run `chmod 600 {}`.", path.display()));
    }
}

#[test]
fn a_file_that_is_there_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity.txt");
    fs::write(&path, "mine").unwrap();
    let error = Identities::new(Identity::generate().unwrap(), Vec::new()).save(&path).unwrap_err();
    assert_eq!(error.code(), "identity_exists");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_damaged_file_is_refused_by_line_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity.txt");
    let damaged = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J3X";
    for (text, code) in [
        (format!("# mine\n\n{damaged}\n"), "identity_malformed"),
        ("# nothing here\n".to_owned(), "identity_file_empty"),
        (" ".repeat(65 * 1024), "identity_file_too_large"),
    ] {
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        let error = Identities::load(&path).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!format!("{error} {error:?} {}", error.suggestion()).contains("GQ9778"));
    }
    let error = Identities::load(&dir.path().join("none")).unwrap_err();
    assert_eq!(error.code(), "identity_unreadable");
    assert!(Identity::parse(damaged).is_err());
}
