//! A state repo on another host: here another bare repo, which the real git serves.

use crate::fixture::{Fixture, Outcome, deploy, findings, name};
use crate::git::{Clone, assert_sound, command, git};
use inkstone_state::remote::{RemoteConfig, Standing};
use inkstone_state::{CommitError, Signer, StateError, StateRepo, copy};
use jiff::Timestamp;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// A state repo whose branches are kept in another one.
struct Remote {
    fixture: Fixture,
    there: PathBuf,
}

fn config(there: &Path) -> RemoteConfig {
    RemoteConfig {
        url: format!("file://{}", there.display()).parse().unwrap(),
        credentials: None,
        pushes_per_minute: None,
    }
}

impl Remote {
    fn new() -> Self {
        let Fixture { temp, state, identities } = Fixture::new();
        let there = temp.path().join("there.git");
        git(temp.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "there.git"]);
        let state = state.with_remote(config(&there));
        state.attach(Timestamp::now()).unwrap();
        Self { fixture: Fixture { temp, state, identities }, there }
    }

    fn state(&self) -> &StateRepo {
        &self.fixture.state
    }

    /// Another process on the same directory.
    fn again(&self) -> StateRepo {
        let signer = Signer::load(&self.fixture.key()).unwrap();
        StateRepo::open(self.state().git_dir(), signer).unwrap().with_remote(config(&self.there))
    }

    fn deploy(&self, number: u32) -> Outcome {
        deploy(self.state(), &name("site"), number)
    }

    fn there(&self, revision: &str) -> String {
        git(&self.there, &["rev-parse", revision])
    }

    fn clone(&self, folder: &str) -> Clone {
        Clone::of(&self.there, self.fixture.temp.path().join(folder))
    }

    /// Has the other side run a script before it takes a push.
    fn hook(&self, script: &str) {
        let hook = self.there.join("hooks/pre-receive");
        std::fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn unhook(&self) {
        std::fs::remove_file(self.there.join("hooks/pre-receive")).unwrap();
    }

    /// Both sides have the same lawful history, and both branches are at its end.
    fn assert_same(&self) {
        self.fixture.assert_lawful();
        assert_sound(&self.there);
        let head = self.fixture.main();
        assert_eq!([self.there("main"), self.there("live")], [head.clone(), head]);
    }

    fn standing(&self) -> Standing {
        self.state().remote().unwrap().report().standing
    }
}

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

/// The remote loses the last two deploys; returns what it had and what it has.
fn rewind(remote: &Remote) -> (String, String) {
    for number in 2..4 {
        remote.deploy(number).unwrap();
    }
    let (had, has) = (remote.there("main"), remote.there("main~2"));
    for branch in ["main", "live"] {
        git(&remote.there, &["update-ref", &format!("refs/heads/{branch}"), &has]);
    }
    let error = remote.deploy(4).unwrap_err();
    let CommitError::State(StateError::Rewound(rewound)) = error else { panic!("{error:?}") };
    assert!(rewound.is_behind);
    assert_eq!(rewound.lost_count, 2);
    assert!(rewound.lost[0].starts_with(&had), "{:?}", rewound.lost);
    assert_eq!(remote.there("main"), has, "nothing is written on top");
    (had, has)
}

#[test]
fn what_a_remote_lost_is_given_back() {
    let remote = Remote::new();
    let (had, _) = rewind(&remote);
    // Beside the server: by another process on the same directory.
    let resolved = remote.again().restore(Timestamp::now()).unwrap().unwrap();
    assert_eq!((resolved.main.as_str(), resolved.dropped_count), (had.as_str(), 0));
    remote.state().look().unwrap();
    remote.deploy(5).unwrap();
    remote.assert_same();
    assert!(remote.again().restore(Timestamp::now()).unwrap().is_none());
}

#[test]
fn what_a_remote_lost_is_given_up_and_still_here() {
    let remote = Remote::new();
    let (had, has) = rewind(&remote);
    let resolved = remote.again().accept(Timestamp::now()).unwrap().unwrap();
    assert_eq!((resolved.main.as_str(), resolved.dropped_count), (has.as_str(), 2));
    assert_eq!(remote.fixture.git(&["rev-parse", &resolved.kept.unwrap()]), had);
    remote.state().look().unwrap();
    remote.deploy(5).unwrap();
    remote.assert_same();
    assert!(remote.again().accept(Timestamp::now()).unwrap().is_none());
}

#[test]
fn a_history_that_was_rewritten_there_is_taken_or_given_up_as_one_says() {
    for takes in [true, false] {
        let remote = Remote::new();
        remote.deploy(2).unwrap();
        let ours = remote.there("main");
        let clone = remote.clone("operator");
        clone.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        let theirs = clone.commit("instead");
        clone.git(&["push", "--quiet", "--force", "origin", "HEAD:main"]);
        let error = remote.state().look().unwrap_err();
        let StateError::Rewound(rewound) = error else { panic!("{error:?}") };
        assert!(!rewound.is_behind);
        let (now, resolved) = (Timestamp::now(), remote.again());
        let resolved = if takes { resolved.accept(now) } else { resolved.restore(now) };
        let resolved = resolved.unwrap().unwrap();
        let (wins, loses) = if takes { (theirs, ours) } else { (ours, theirs) };
        assert_eq!(resolved.main.as_str(), wins);
        assert_eq!(remote.fixture.git(&["rev-parse", &resolved.kept.unwrap()]), loses);
        remote.state().look().unwrap();
        remote.deploy(3).unwrap();
        remote.assert_same();
    }
}

#[test]
fn a_head_that_breaks_a_law_gives_way_to_what_is_live() {
    let remote = Remote::new();
    let clone = remote.clone("operator");
    clone.write("notes.txt", "a stray");
    let bad = clone.commit("a stray file");
    clone.push();
    remote.state().look().unwrap();
    assert!(matches!(remote.deploy(2), Err(CommitError::Unchecked(_))));
    let resolved = remote.again().restore(Timestamp::now()).unwrap().unwrap();
    assert_eq!(resolved.dropped, [format!("{bad} a stray file")]);
    remote.state().look().unwrap();
    remote.deploy(2).unwrap();
    remote.assert_same();
}

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

#[test]
fn a_remote_that_lost_everything_is_filled_again() {
    let remote = Remote::new();
    let had = remote.there("main");
    for branch in ["main", "live"] {
        git(&remote.there, &["update-ref", "-d", &format!("refs/heads/{branch}")]);
    }
    assert!(matches!(remote.state().look(), Err(StateError::Rewound(_))));
    assert!(remote.state().accept(Timestamp::now()).is_err());
    remote.state().restore(Timestamp::now()).unwrap().unwrap();
    assert_eq!(remote.there("live"), had);
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
