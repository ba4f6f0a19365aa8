//! What a remote sends and must not, or never sends.

use super::fixture::Remote;
use crate::fixture::{deploy, name};
use crate::git::git;
use inkstone_state::{CommitError, Signer, StateError, StateRepo};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A commit that git itself would not make.
fn broken_commit(remote: &Remote) -> String {
    let (tree, parent) = (remote.there("main^{tree}"), remote.there("main"));
    let text = format!(
        "tree {tree}\nparent {parent}\nauthor Mallory <m@m 0 +0000\ncommitter M <m@m> 1 +0000\n\n.\n"
    );
    let file = remote.there.join("commit");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    git(&remote.there, &["hash-object", "-t", "commit", "-w", "--literally", file])
}

/// A commit that takes people's clones for options.
fn evil_commit(remote: &Remote) -> String {
    let clone = remote.clone("operator");
    clone.write(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = -uevil\n");
    let commit = clone.commit("a submodule");
    clone.git(&["push", "--quiet", "origin", "HEAD:refs/heads/side"]);
    git(&remote.there, &["update-ref", "-d", "refs/heads/side"]);
    commit
}

/// The files of a repository's objects, and what a fetch has not cleared up.
fn stored(git_dir: &Path) -> Vec<PathBuf> {
    let folders = [git_dir.to_owned(), git_dir.join("objects/pack")];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn what_gits_checks_refuse_leaves_nothing_here_and_is_put_back() {
    for (make, finding) in
        [(broken_commit as fn(&Remote) -> String, "badEmail"), (evil_commit, "gitmodulesUrl")]
    {
        let remote = Remote::new();
        let committed = remote.deploy(2).unwrap();
        let bad = make(&remote);
        git(&remote.there, &["update-ref", "refs/heads/main", &bad]);
        let before = stored(remote.state().git_dir());
        for state in [remote.state(), remote.state(), &remote.again()] {
            let error = state.look().unwrap_err();
            let StateError::RemoteUnfit { why } = error else { panic!("{error:?}") };
            assert!(why.contains(finding), "{why}");
        }
        let refused = remote.deploy(3).unwrap_err();
        assert!(matches!(refused, CommitError::State(StateError::RemoteUnfit { .. })));
        let refused = remote.again().accept(Timestamp::now()).unwrap_err();
        assert!(refused.to_string().contains("state restore"), "{refused}");
        let resolved = remote.again().restore(Timestamp::now()).unwrap().unwrap();
        assert_eq!(stored(remote.state().git_dir()), before);
        assert_eq!(resolved.main, committed.commit);
        assert_eq!(resolved.unkept.unwrap().as_str(), bad);
        remote.state().look().unwrap();
        remote.deploy(3).unwrap();
        git(&remote.there, &["prune", "--expire=now"]);
        remote.assert_same();
    }
}

#[test]
fn what_a_killed_fetch_left_is_cleared_by_a_later_one() {
    let remote = Remote::new();
    let left = remote.state().git_dir().join("incoming-x");
    std::fs::create_dir_all(left.join("objects/pack")).unwrap();
    let day = Duration::from_hours(24);
    let pack = remote.state().git_dir().join("objects/pack/tmp_pack_x");
    std::fs::write(&pack, "PACK").unwrap();
    for path in [&left, &pack] {
        let file = std::fs::File::open(path).unwrap();
        file.set_modified(SystemTime::now() - day).unwrap();
    }
    let clone = remote.clone("operator");
    clone.commit("news");
    clone.push();
    remote.state().look().unwrap();
    assert!(!left.exists() && !pack.exists());
}

#[test]
fn a_host_that_gets_stuck_keeps_nobody_from_writing_and_is_left_when_the_server_stops() {
    let remote = Remote::new();
    let clone = remote.clone("operator");
    clone.write("README.md", "what never comes\n");
    clone.commit("news");
    clone.push();
    // Whoever is to send it waits for somebody to write it.
    let id = remote.there("main:README.md");
    let blob = remote.there.join("objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(&blob).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&blob).status().unwrap().success());
    let git_dir = remote.state().git_dir();
    let before = stored(git_dir);
    let signer = Signer::load(&remote.fixture.key()).unwrap();
    let beside = StateRepo::open(git_dir, signer).unwrap();
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| remote.state().look());
        while stored(git_dir) == before {
            assert!(!looking.is_finished());
            std::thread::yield_now();
        }
        deploy(&beside, &name("api"), 2).unwrap();
        assert!(!looking.is_finished(), "the turn was kept until the look was over");
        let stopped = Instant::now();
        remote.state().remote().unwrap().end_soon();
        let looked = looking.join().unwrap();
        assert!(matches!(looked, Err(StateError::RemoteDown { .. })), "{looked:?}");
        assert!(stopped.elapsed() < Duration::from_secs(10));
    });
    assert_eq!(stored(git_dir), before);
}
