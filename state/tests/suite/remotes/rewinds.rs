//! What a remote lost or rewrote, and what must not stay there: found, told and resolved by one command.

use super::fixture::Remote;
use crate::git::git;
use inkstone_state::{CommitError, StateError};
use jiff::Timestamp;

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
