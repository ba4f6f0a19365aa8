//! A state repo on another host: here another bare repo, which the real git serves.

mod fixture;
mod incoming;
mod mirrors;
mod rewinds;

use self::fixture::{Remote, config};
use crate::fixture::{Fixture, deploy, findings, name};
use crate::git::{Clone, command, git};
use inkstone_state::remote::{RemoteConfig, Standing};
use inkstone_state::{CommitError, Signer, StateError, StateRepo, copy};
use jiff::Timestamp;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;

#[test]
fn a_change_is_there_before_it_is_here() {
    let remote = Remote::new();
    remote.assert_same();
    let committed = remote.deploy(2).unwrap();
    assert_eq!(remote.there("live"), committed.commit.as_str());
    remote.assert_same();
}

#[test]
fn a_remote_that_has_an_older_state_is_given_the_rest_and_another_one_is_left_alone() {
    let remote = Remote::new();
    let dir = remote.fixture.temp.path();
    let (here, mirror) = (remote.state().git_dir().to_str().unwrap(), dir.join("mirror.git"));
    git(dir, &["clone", "--quiet", "--bare", here, "mirror.git"]);
    let committed = remote.deploy(2).unwrap();
    let attach = |there: &Path| {
        let signer = Signer::load(&remote.fixture.key()).unwrap();
        let state = StateRepo::open(remote.state().git_dir(), signer).unwrap();
        state.with_remote(config(there)).attach(Timestamp::now())
    };
    attach(&mirror).unwrap();
    assert_eq!(git(&mirror, &["rev-parse", "live"]), committed.commit.as_str());
    let other = Remote::new();
    let before = other.there("main");
    assert!(matches!(attach(&other.there), Err(StateError::Rewound(_))));
    assert_eq!(other.there("main"), before);
}

#[test]
fn what_others_pushed_there_is_checked_before_live_follows() {
    let remote = Remote::new();
    let clone = remote.clone("operator");
    let pushed = clone.commit("a word of Ada's");
    clone.push();
    remote.state().look().unwrap();
    assert_eq!(remote.fixture.main(), pushed);
    assert_ne!(remote.there("live"), pushed);
    assert!(!remote.state().is_published().unwrap());
    assert_eq!(remote.state().publish(Timestamp::now()).unwrap(), []);
    assert!(remote.state().is_published().unwrap());
    remote.assert_same();

    clone.write("notes.txt", "a stray");
    clone.commit("a stray file");
    clone.push();
    let live = remote.there("live");
    remote.state().look().unwrap();
    assert_ne!(remote.state().publish(Timestamp::now()).unwrap(), []);
    assert_eq!(remote.there("live"), live);
    assert!(matches!(remote.deploy(3), Err(CommitError::Unchecked(_))));
    // It never was live, so it may go again.
    clone.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    clone.commit("without the stray");
    clone.git(&["push", "--quiet", "--force", "origin", "HEAD:main"]);
    remote.state().look().unwrap();
    remote.deploy(3).unwrap();
    remote.assert_same();
}

/// As people do who share a branch.
fn push_until_taken(clone: &Clone) {
    let push = ["push", "--quiet", "origin", "HEAD:main"];
    loop {
        clone.git(&["pull", "--quiet", "--rebase", "origin", "main"]);
        if command(&clone.dir).args(push).output().unwrap().status.success() {
            return;
        }
    }
}

#[test]
fn a_rival_who_pushes_all_the_time_costs_tries_and_no_change() {
    const COMMITS: u32 = 12;
    let remote = Remote::new();
    let clone = remote.clone("rival");
    let done = AtomicBool::new(false);
    let pushed = std::thread::scope(|scope| {
        let rival = scope.spawn(|| {
            let mut pushed = 0;
            while !done.load(Ordering::Relaxed) {
                clone.commit(&format!("rival {pushed}"));
                push_until_taken(&clone);
                pushed += 1;
            }
            pushed
        });
        let writers: Vec<_> = ["site", "api"]
            .into_iter()
            .zip([6_000, 7_000])
            .map(|(service, from)| {
                let state = remote.state();
                scope.spawn(move || {
                    for number in from..from + COMMITS {
                        deploy(state, &name(service), number).unwrap();
                    }
                })
            })
            .collect();
        let written: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(written.iter().all(Result::is_ok));
        rival.join().unwrap()
    });
    assert!(pushed > 0);
    remote.state().look().unwrap();
    assert_eq!(remote.state().publish(Timestamp::now()).unwrap(), []);
    let count = |grep: &str| {
        git(&remote.there, &["rev-list", "--count", grep, "main"]).parse::<u32>().unwrap()
    };
    assert_eq!(count("--grep=^rival "), pushed);
    assert_eq!(count("--grep=Inkstone-Action: deploy"), 2 * COMMITS + 1);
    remote.assert_same();
}

#[test]
fn what_was_cut_off_between_there_and_here_is_found_by_the_next_look() {
    let remote = Remote::new();
    let before = remote.fixture.main();
    let committed = remote.deploy(2).unwrap();
    // As if it had been killed after the push.
    remote.fixture.git(&["update-ref", "refs/heads/main", &before]);
    remote.fixture.git(&["update-ref", "refs/heads/live", &before]);
    let again = remote.again();
    again.look().unwrap();
    assert_eq!(again.publish(Timestamp::now()).unwrap(), []);
    assert_eq!(again.live().unwrap().commit(), Some(&committed.commit));
    remote.assert_same();
}

#[test]
fn a_copy_is_made_where_there_is_something_to_copy() {
    let remote = Remote::new();
    remote.deploy(2).unwrap();
    let dir = remote.fixture.temp.path();
    git(dir, &["init", "--quiet", "--bare", "empty.git"]);
    assert!(!copy(&dir.join("copy.git"), &config(&dir.join("empty.git"))).unwrap());
    assert!(!dir.join("copy.git").exists());
    assert!(copy(&dir.join("copy.git"), &config(&remote.there)).unwrap());
    let signer = Signer::load(&remote.fixture.key()).unwrap();
    let state = StateRepo::open(&dir.join("copy.git"), signer).unwrap();
    let state = state.with_remote(config(&remote.there));
    state.look().unwrap();
    deploy(&state, &name("site"), 3).unwrap();
    assert_eq!(findings(&dir.join("copy.git"), "live"), []);
    remote.state().look().unwrap();
    remote.state().publish(Timestamp::now()).unwrap();
    remote.assert_same();
}

#[test]
fn a_remote_that_is_away_loses_nothing_and_is_not_asked_again_by_those_who_write() {
    let remote = Remote::new();
    let away = remote.there.with_extension("away");
    std::fs::rename(&remote.there, &away).unwrap();
    assert!(matches!(remote.deploy(2), Err(CommitError::State(StateError::RemoteDown { .. }))));
    std::fs::rename(&away, &remote.there).unwrap();
    // Whoever watches over it tries again, and nobody else.
    assert!(matches!(remote.deploy(2), Err(CommitError::State(StateError::RemoteDown { .. }))));
    assert!(matches!(remote.standing(), Standing::Down(down) if down.failures == 1));
    remote.state().look().unwrap();
    assert!(matches!(remote.standing(), Standing::Up));
    remote.deploy(2).unwrap();
    remote.assert_same();
}

#[test]
fn changes_that_wait_for_a_slow_host_share_a_push() {
    const CHANGES: u32 = 12;
    let Remote { fixture, there } = Remote::new();
    let Fixture { temp, state, identities } = fixture;
    // One push in half a second, after a first few.
    let pushes_per_minute = NonZeroU32::new(120);
    let state = state.with_remote(RemoteConfig { pushes_per_minute, ..config(&there) });
    let remote = Remote { fixture: Fixture { temp, state, identities }, there };
    remote.hook("echo pushed >> pushes");
    std::thread::scope(|scope| {
        for number in 0..CHANGES {
            let state = remote.state();
            scope.spawn(move || {
                let service = name(if number % 2 == 0 { "site" } else { "api" });
                deploy(state, &service, 9_000 + number).unwrap();
            });
        }
    });
    let pushes = std::fs::read_to_string(remote.there.join("pushes")).unwrap().lines().count();
    assert!(pushes <= 4, "{pushes} pushes for {CHANGES} changes");
    remote.assert_same();
}

#[test]
fn a_hook_there_stops_what_it_does_not_want_and_nothing_else() {
    let remote = Remote::new();
    remote.hook(
        "while read -r old new ref; do\n\
         git diff --name-only $old $new | grep -q services/api && echo 'api is frozen' && exit 1\n\
         done\nexit 0",
    );
    std::thread::scope(|scope| {
        let mut deploys = Vec::new();
        for number in 0..4 {
            for service in ["site", "api"] {
                let state = remote.state();
                deploys.push(
                    scope.spawn(move || (service, deploy(state, &name(service), 8_000 + number))),
                );
            }
        }
        for deploy in deploys {
            match deploy.join().unwrap() {
                ("site", outcome) => assert!(outcome.unwrap().changed),
                (_, Err(CommitError::State(StateError::RemoteRefused { said }))) => {
                    assert!(said.contains("api is frozen"), "{said}");
                }
                (_, outcome) => panic!("{outcome:?}"),
            }
        }
    });
    assert!(matches!(remote.standing(), Standing::Up));
    remote.unhook();
    deploy(remote.state(), &name("api"), 9).unwrap();
    assert_eq!(remote.state().remote().unwrap().report().refused, None);
    remote.assert_same();
}
