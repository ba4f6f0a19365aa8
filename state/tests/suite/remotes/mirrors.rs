//! A copy for whoever only reads what is live.

use super::fixture::{Remote, config};
use crate::git::git;
use inkstone_state::remote::Mirror;

/// The copy at `folder`, and the commit that it has after a fetch.
fn fetched(mirror: &Mirror) -> String {
    mirror.fetch().unwrap().commit().unwrap().to_string()
}

#[test]
fn a_copy_follows_live_wherever_it_goes() {
    let remote = Remote::new();
    let folder = remote.fixture.temp.path().join("copy/live.git");
    let mirror = Mirror::open(&folder, config(&remote.there)).unwrap();
    assert!(mirror.live().is_err(), "nothing was fetched yet");
    assert_eq!(fetched(&mirror), remote.there("live"));

    remote.deploy(2).unwrap();
    let newest = remote.there("live");
    assert_eq!(fetched(&mirror), newest);
    // Another process finds what this one fetched, also while nobody answers.
    let again = Mirror::open(&folder, config(&remote.there.join("gone"))).unwrap();
    assert_eq!(again.live().unwrap().commit().unwrap().to_string(), newest);
    assert!(again.fetch().is_err());

    // What the host put back is followed too: who acts on it would be wrong otherwise.
    git(&remote.there, &["update-ref", "refs/heads/live", "live~1"]);
    assert_eq!(fetched(&mirror), remote.there("live"));
}

#[test]
fn a_copy_stays_in_few_files_however_often_it_is_fetched() {
    let remote = Remote::new();
    let folder = remote.fixture.temp.path().join("live.git");
    let mirror = Mirror::open(&folder, config(&remote.there)).unwrap();
    let packs = || {
        let files = std::fs::read_dir(folder.join("objects/pack")).unwrap();
        files
            .filter(|file| file.as_ref().unwrap().path().extension() == Some("pack".as_ref()))
            .count()
    };
    let mut most = 0;
    for number in 2..60 {
        remote.deploy(number).unwrap();
        fetched(&mirror);
        mirror.fold().unwrap();
        most = most.max(packs());
    }
    assert!(most > 1 && most <= 51, "{most}");
    assert!(packs() < 20, "{}", packs());
}
