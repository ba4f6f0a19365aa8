//! A server's identities follow their file.

use inkstone_secrets::{Identities, Identity, Keyring};

#[test]
fn a_rotation_is_seen_without_a_restart_and_the_old_identity_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity");
    let first = Identity::generate().unwrap();
    let old = first.recipient().clone();
    Identities::new(first, Vec::new()).save(&path).unwrap();
    let keyring = Keyring::open(&path).unwrap();
    assert_eq!(*keyring.identities().unwrap().current().recipient(), old);

    let rotated = Identities::rotate(&path, Identity::generate().unwrap()).unwrap();
    let seen = keyring.identities().unwrap();
    let recipients =
        |all: &Identities| all.iter().map(|i| i.recipient().clone()).collect::<Vec<_>>();
    assert_eq!(recipients(&seen), recipients(&rotated));
    assert_eq!(recipients(&seen)[1], old);

    std::fs::remove_file(&path).unwrap();
    assert_eq!(keyring.identities().unwrap_err().code(), "identity_unreadable");
}
