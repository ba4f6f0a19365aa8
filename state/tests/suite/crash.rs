//! Kills at any moment.

use crate::fixture::{Fixture, deploy, findings, found_at, name};
use crate::git::{assert_sound, git};
use inkstone_state::{Signer, StateRepo};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the process that is to be killed: the directory that it works in.
const WORK_IN: &str = "INKSTONE_STATE_TEST_CRASH_DIR";

/// Runs one test of this binary in a process of its own, which works until it is killed.
fn child(test: &str, dir: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(WORK_IN, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_for(condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < end, "the other process does nothing");
        std::thread::yield_now();
    }
}

fn commit_until_killed(dir: &Path) -> ! {
    let signer = Signer::load(&dir.join("key")).unwrap();
    let state = StateRepo::open(&dir.join("state.git"), signer).unwrap();
    let from = std::process::id() * 1000;
    for number in 0.. {
        let service = name(if number % 2 == 0 { "site" } else { "api" });
        let committed = deploy(&state, &service, from.wrapping_add(number)).unwrap();
        std::fs::write(dir.join("acknowledged"), committed.commit.as_str()).unwrap();
    }
    unreachable!()
}

#[test]
fn a_writer_that_is_killed_twenty_times_loses_nothing_that_it_acknowledged() {
    if let Some(dir) = std::env::var_os(WORK_IN) {
        commit_until_killed(Path::new(&dir));
    }
    let fixture = Fixture::new();
    let dir = fixture.temp.path();
    let acknowledged = dir.join("acknowledged");
    for round in 0..20_u64 {
        drop(std::fs::remove_file(&acknowledged));
        let test = "crash::a_writer_that_is_killed_twenty_times_loses_nothing_that_it_acknowledged";
        let mut writer = child(test, dir);
        wait_for(|| acknowledged.exists());
        let moment = Instant::now() + Duration::from_micros(round * 1_300);
        wait_for(|| Instant::now() >= moment);
        writer.kill().unwrap();
        writer.wait().unwrap();

        assert_sound(fixture.state.git_dir());
        assert_eq!(findings(fixture.state.git_dir(), "main"), []);
        git(fixture.state.git_dir(), &["merge-base", "--is-ancestor", "live", "main"]);
        let last = std::fs::read_to_string(&acknowledged).unwrap();
        if !last.is_empty() {
            git(fixture.state.git_dir(), &["merge-base", "--is-ancestor", &last, "live"]);
        }
    }
    // Whatever locks were left, the next writer goes on.
    deploy(&fixture.state, &name("site"), 7).unwrap();
    fixture.assert_lawful();
}

#[test]
fn a_lock_that_a_killed_writer_left_is_taken_away() {
    let fixture = Fixture::new();
    let lock = fixture.state.git_dir().join("refs/heads/main.lock");
    std::fs::write(&lock, "").unwrap();
    let file = std::fs::File::open(&lock).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_mins(1)).unwrap();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    assert!(!lock.exists());
    fixture.assert_lawful();
}

fn found_until_killed(dir: &Path) -> ! {
    for number in 0.. {
        let at = dir.join(format!("at-{number}"));
        std::fs::create_dir(&at).unwrap();
        let signer = Signer::create(&at.join("key"), &[7; 32]).unwrap();
        found_at(&at.join("state.git"), signer).unwrap();
    }
    unreachable!()
}

#[test]
fn a_founder_that_is_killed_leaves_a_whole_repo_or_none() {
    if let Some(dir) = std::env::var_os(WORK_IN) {
        found_until_killed(Path::new(&dir));
    }
    for round in 0..10_u64 {
        let temp = tempfile::tempdir().unwrap();
        let mut founder =
            child("crash::a_founder_that_is_killed_leaves_a_whole_repo_or_none", temp.path());
        wait_for(|| temp.path().join("at-1/key").exists());
        let moment = Instant::now() + Duration::from_micros(round * 2_000);
        wait_for(|| Instant::now() >= moment);
        founder.kill().unwrap();
        founder.wait().unwrap();
        for entry in std::fs::read_dir(temp.path()).unwrap() {
            let git_dir = entry.unwrap().path().join("state.git");
            if git_dir.exists() {
                assert_sound(&git_dir);
                assert_eq!(findings(&git_dir, "main"), []);
            } else {
                let signer = Signer::create(&git_dir.with_file_name("key2"), &[8; 32]).unwrap();
                found_at(&git_dir, signer).unwrap();
                assert_eq!(findings(&git_dir, "live"), []);
            }
        }
    }
}
