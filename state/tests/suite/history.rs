//! Looking back.

use crate::fixture::{Fixture, SITE, deploy, findings, name, now};
use crate::git::{Clone, command, succeed};
use inkstone_spec::{CommitId, DeploymentId};
use inkstone_state::check::Rule;
use inkstone_state::{StateError, history, snapshot_of};
use jiff::{SignedDuration, Timestamp};

fn deployment(fixture: &Fixture) -> DeploymentId {
    let files = fixture.state.main().unwrap().service(&name("site")).unwrap().unwrap();
    files.service.release.clone().unwrap().deployment
}

fn find(fixture: &Fixture, id: &DeploymentId, since: Timestamp) -> Option<CommitId> {
    history::find_deployment(&fixture.state.main().unwrap(), id, since).unwrap()
}

#[test]
fn a_walk_shows_who_did_what_newest_first() {
    let fixture = Fixture::new();
    let walk = history::Walk::from(&fixture.state.main().unwrap()).unwrap();
    let commits: Vec<_> = walk.map(|commit| commit.unwrap()).collect();
    let ids: Vec<_> = commits.iter().map(|commit| commit.id.as_str()).collect();
    assert_eq!(ids.join("\n"), fixture.git(&["rev-list", "main"]));
    assert_eq!(commits[0].subject(), "create acme/shop/api");
    assert_eq!(commits[0].author, "ci-deploy");
    assert_eq!(commits[0].time, now());
    assert_eq!(commits[0].claim().unwrap().service, Some(name("api")));
    assert_eq!(commits.last().unwrap().author, "operator");
}

#[test]
fn a_deployment_is_found_by_its_id_and_one_that_was_never_made_is_not() {
    let fixture = Fixture::new();
    let id = deployment(&fixture);
    let made = fixture.git(&["rev-parse", "main~1"]);
    assert_eq!(find(&fixture, &id, now()).unwrap().as_str(), made);
    deploy(&fixture.state, &name("site"), 2).unwrap();
    assert_eq!(find(&fixture, &id, now()).unwrap().as_str(), made);
    let never = "dep_01jdezx2k7e5m8w3r4t6y9a0bc".parse().unwrap();
    assert_eq!(find(&fixture, &never, now()), None);
    assert_eq!(find(&fixture, &id, now() + SignedDuration::from_hours(2)), None);
}

#[test]
fn a_deployment_is_found_below_commits_of_people_whose_clocks_are_slow() {
    let fixture = Fixture::new();
    let id = deployment(&fixture);
    let clone = fixture.clone();
    let mut commit = command(&clone.dir);
    commit.env("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z");
    succeed(commit.args(["commit", "--quiet", "--allow-empty", "-m", "long ago"]));
    clone.push();
    assert!(find(&fixture, &id, now()).is_some());
}

#[test]
fn a_deployment_that_somebody_only_says_was_made_is_not_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let never = "dep_01jdezx2k7e5m8w3r4t6y9a0bc".parse().unwrap();
    clone.commit(&format!("deploy\n\nInkstone-Action: deploy\nInkstone-Deployment: {never}"));
    clone.push();
    assert_eq!(find(&fixture, &never, now()), None);
}

fn verify(clone: &Clone, base: &str, head: &str) -> Result<history::Verified, StateError> {
    let read = |revision: &str| snapshot_of(&clone.dir, Some(revision)).unwrap();
    let base = read(base);
    history::verify(&read(head), base.commit(), |_| ())
}

#[test]
fn a_range_is_verified_commit_by_commit_with_the_whole_tree_of_its_head() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let verified = verify(&clone, "HEAD~2", "HEAD").unwrap();
    assert_eq!((verified.commits, verified.findings.len()), (2, 0));

    clone.write("notes.txt", "");
    clone.commit("a stray");
    clone.git(&["rm", "--quiet", "notes.txt"]);
    clone.commit("remove it");
    assert_eq!(verify(&clone, "HEAD~1", "HEAD").unwrap().findings, []);
    assert_eq!(verify(&clone, "HEAD~2", "HEAD").unwrap().findings.len(), 1);

    let manifest = format!("{SITE}/manifests/service.yaml");
    clone.edit(&manifest, "8080", "8081");
    clone.commit("by hand");
    clone.commit("an empty one on top");
    let found = verify(&clone, "HEAD~1", "HEAD").unwrap().findings;
    assert_eq!(found.iter().map(|f| f.rule).collect::<Vec<_>>(), [Rule::Rendered]);
}

#[test]
fn a_range_whose_base_is_elsewhere_is_an_error() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    clone.commit("beside");
    let error = verify(&clone, "side", "main").unwrap_err().to_string();
    assert!(error.contains(&clone.head()), "{error}");
}

#[test]
fn progress_counts_every_commit_once() {
    let fixture = Fixture::new();
    let mut seen = Vec::new();
    let verified =
        history::verify(&fixture.state.main().unwrap(), None, |at| seen.push(at)).unwrap();
    assert_eq!(seen, (1..=verified.commits).collect::<Vec<_>>());
    assert_eq!(verified.commits.to_string(), fixture.git(&["rev-list", "--count", "main"]));
    assert_eq!(findings(fixture.state.git_dir(), "live"), []);
}
