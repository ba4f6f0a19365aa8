//! Many writers at once.

use crate::fixture::{Fixture, deploy, name};
use crate::git::{Clone, command};
use inkstone_state::{Signer, StateRepo};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;

/// Source commits, of all deploys in history.
fn deployed(fixture: &Fixture) -> Vec<String> {
    let sources = fixture.git(&["log", "--format=%(trailers:key=Source-Commit,valueonly)", "main"]);
    sources.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn assert_all_there(fixture: &Fixture, expected: usize) {
    let all = deployed(fixture);
    assert_eq!(all.len(), expected);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), expected);
    assert_eq!(fixture.git(&["rev-list", "--merges", "--count", "main"]), "0");
    fixture.assert_lawful();
}

#[test]
fn eight_threads_of_one_repo_lose_nothing() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let state = &fixture.state;
            scope.spawn(move || {
                for at in 0..25 {
                    let service = name(if thread % 2 == 0 { "site" } else { "api" });
                    let committed = deploy(state, &service, 1000 + thread * 100 + at).unwrap();
                    assert!(committed.changed);
                }
            });
        }
    });
    assert_all_there(&fixture, 201);
}

/// Adds empty commits until each is taken, as an operator who keeps pulling does.
fn push_until_taken(clone: &Clone, commits: usize) {
    for number in 0..commits {
        clone.commit(&format!("a word of Ada's, {number}"));
        while !command(&clone.dir)
            .args(["push", "--quiet", "origin", "HEAD:main"])
            .output()
            .unwrap()
            .status
            .success()
        {
            clone.git(&["pull", "--quiet", "--rebase", "origin", "main"]);
        }
    }
}

#[test]
fn two_handles_and_an_operators_pushes_lose_nothing() {
    const COMMITS: u32 = 25;
    const PUSHES: usize = 10;
    let fixture = Fixture::new();
    let other = StateRepo::open(fixture.state.git_dir(), Signer::load(&fixture.key()).unwrap());
    let other = other.unwrap();
    let clone = fixture.clone();
    std::thread::scope(|scope| {
        for (state, from, service) in [(&fixture.state, 2000, "site"), (&other, 3000, "api")] {
            scope.spawn(move || {
                for number in from..from + COMMITS {
                    deploy(state, &name(service), number).unwrap();
                }
            });
        }
        push_until_taken(&clone, PUSHES);
    });
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    let pushed = fixture.git(&["log", "--author=Ada", "--format=%s", "main"]);
    assert_eq!(pushed.lines().count(), PUSHES);
    assert_all_there(&fixture, 2 * usize::try_from(COMMITS).unwrap() + 1);
}

#[test]
fn readers_never_see_live_ahead_of_main_or_a_broken_state() {
    let fixture = Fixture::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (state, done) = (&fixture.state, &done);
        let reader = scope.spawn(move || {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let files = state.live().unwrap().service(&name("site")).unwrap().unwrap();
                assert!(files.service.release.is_some());
                state.heads().unwrap();
                seen += 1;
            }
            seen
        });
        for number in 0..50 {
            deploy(state, &name("site"), 4000 + number).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    fixture.assert_lawful();
}

#[test]
fn folding_packs_beside_writers_and_readers_loses_nothing() {
    const WRITERS: u32 = 8;
    const COMMITS: u32 = 15;
    let fixture = Fixture::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let folder = scope.spawn(|| {
            let mut folded = 0;
            while !done.load(Ordering::Relaxed) {
                fixture.git(&["repack", "--quiet", "-d", "-n", "--geometric=2"]);
                // A reader whose caches know nothing yet.
                fixture.state.main_apart().unwrap().service(&name("site")).unwrap().unwrap();
                folded += 1;
            }
            folded
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let state = &fixture.state;
                scope.spawn(move || {
                    for at in 0..COMMITS {
                        deploy(state, &name("site"), 5000 + writer * 100 + at).unwrap();
                    }
                })
            })
            .collect();
        let written: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(written.iter().all(Result::is_ok));
        assert!(folder.join().unwrap() > 0);
    });
    assert_all_there(&fixture, usize::try_from(WRITERS * COMMITS).unwrap() + 1);
}
