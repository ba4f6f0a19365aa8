//! An operator's edit: manifests may lag behind, or come from earlier; nobody writes them by hand.

use crate::fixture::{
    API, Fixture, PROJECT, SITE, assert_found, commit, deploy, findings, name, project,
};
use crate::git::Clone;
use inkstone_spec::Owner;
use inkstone_state::check::{Finding, Line, Rule, inspect_line};
use inkstone_state::push::Reach;
use inkstone_state::{Action, CommitError, StateError, plan, snapshot_of};
use jiff::Timestamp;

const DEPLOYMENT: &str = "clusters/eu-central-1/acme/shop/services/site/manifests/deployment.yaml";

fn judged(fixture: &Fixture, clone: &Clone, reach: Reach) -> Line {
    let at = |revision: &str| snapshot_of(&clone.dir, Some(revision)).unwrap();
    inspect_line(&at(&fixture.live()), &at("HEAD"), 100, reach).unwrap()
}

/// What is taken of the clone's head, and whose manifests follow from it.
fn taken(fixture: &Fixture, clone: &Clone) -> Vec<Owner> {
    let line = judged(fixture, clone, Reach::Tenants);
    assert_eq!(line.findings, []);
    line.stale().into_iter().collect()
}

fn refused(fixture: &Fixture, clone: &Clone, reach: Reach) -> Vec<Finding> {
    let line = judged(fixture, clone, reach);
    assert_ne!(line.findings, []);
    line.findings
}

fn site() -> Owner {
    Owner::Service(name("site"))
}

#[test]
fn an_edit_of_the_intent_alone_is_taken_and_names_who_follows() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
    clone.commit("scale");
    assert_eq!(taken(&fixture, &clone), [site()]);
    // Not deployed: nothing follows.
    clone.edit(&format!("{API}/service.yaml"), "replicas: 1", "replicas: 2");
    clone.commit("scale");
    assert_eq!(taken(&fixture, &clone), [site()]);
    clone.edit(&format!("{PROJECT}/project.yaml"), "pods: 200", "pods: 100");
    clone.commit("a smaller quota");
    assert_eq!(taken(&fixture, &clone), [Owner::Project(project()), site()]);
    // The whole tree is not as it should be until Inkstone has rendered it.
    assert_found(&findings(&clone.dir, "HEAD"), Rule::Rendered, DEPLOYMENT);
}

#[test]
fn what_follows_is_rendered_in_a_commit_for_each_owner() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
    clone.commit("scale");
    clone.edit(&format!("{PROJECT}/project.yaml"), "pods: 200", "pods: 100");
    clone.commit("a smaller quota");
    for owner in taken(&fixture, &clone) {
        let head = snapshot_of(&clone.dir, Some("HEAD")).unwrap();
        let edits = plan::follow_up(&head, &owner).unwrap();
        assert_eq!(edits.len(), 1, "{edits:?}");
        for edit in edits {
            let inkstone_state::Edit::Write(path, bytes) = edit else { panic!("{edit:?}") };
            clone.write(&path.to_string(), std::str::from_utf8(&bytes).unwrap());
        }
        let service = if owner == site() { "Inkstone-Service: acme/shop/site\n" } else { "" };
        clone.commit_as_inkstone(
            &format!(
                "render {owner}\n\nInkstone-Action: render\n{service}Inkstone-Actor: inkstone\n\
                 Inkstone-Tool: inkstone serve"
            ),
            Some(&fixture.key()),
        );
    }
    assert_eq!(taken(&fixture, &clone), []);
    assert_eq!(findings(&clone.dir, "HEAD"), []);
    clone.push();
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    fixture.assert_lawful();
}

#[test]
fn manifests_of_earlier_may_come_back() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    deploy(&fixture.state, &name("site"), 3).unwrap();
    let clone = fixture.clone();
    // As somebody solves the conflict of an older revert: intent and manifests from different commits.
    clone.git(&["checkout", "--quiet", "HEAD~2", "--", DEPLOYMENT]);
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
    clone.commit("the deployment of the first, and two of them");
    assert_eq!(taken(&fixture, &clone), [site()]);
    clone.git(&["checkout", "--quiet", "HEAD~1", "--", DEPLOYMENT]);
    clone.commit("the newest again");
    assert_eq!(taken(&fixture, &clone), [site()]);
}

#[test]
fn manifests_may_go_with_their_service_or_stay_behind_it() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.git(&[
        "rm",
        "--quiet",
        &format!("{SITE}/service.yaml"),
        &format!("{SITE}/env.sops.yaml"),
    ]);
    for host in [Fixture::default_claim("site"), Fixture::claim("shop.example.com")] {
        clone.git(&["rm", "--quiet", &host]);
    }
    clone.commit("remove the service, leave what it rendered to");
    assert_eq!(taken(&fixture, &clone), [site()]);
    let head = snapshot_of(&clone.dir, Some("HEAD")).unwrap();
    assert_eq!(plan::follow_up(&head, &site()).unwrap().len(), 3);
    clone.git(&["rm", "-r", "--quiet", SITE]);
    clone.commit("and that");
    assert_eq!(taken(&fixture, &clone), []);
}

#[test]
fn a_manifest_that_was_written_by_hand_is_refused_with_its_line() {
    let fixture = Fixture::new();
    for (change, says) in [
        ((|clone| clone.edit(DEPLOYMENT, "replicas: 1", "replicas: 9")) as fn(&Clone), "line "),
        (|clone| clone.write(&format!("{SITE}/manifests/extra.yaml"), "kind: Secret\n"), "hand"),
        (
            |clone| clone.edit(&format!("{PROJECT}/manifests/namespace.yaml"), "restricted", "x"),
            "line ",
        ),
        (|clone| clone.write(&format!("{API}/manifests/deployment.yaml"), "a: b\n"), "hand"),
    ] {
        let clone = fixture.clone();
        change(&clone);
        let commit = clone.commit("by hand");
        clone.edit(&format!("{SITE}/service.yaml"), "branch: main", "branch: next");
        clone.commit("something else on top");
        let found = refused(&fixture, &clone, Reach::Everything);
        assert_found(&found, Rule::Rendered, &commit);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].message.contains(says), "{}", found[0]);
    }
    let line = fixture.clone().read(DEPLOYMENT);
    let line = line.lines().position(|line| line.contains("replicas: 1")).unwrap() + 1;
    let clone = fixture.clone();
    clone.edit(DEPLOYMENT, "replicas: 1", "replicas: 9");
    clone.commit("by hand");
    let found = refused(&fixture, &clone, Reach::Tenants);
    assert!(found[0].message.starts_with(&format!("line {line} ")), "{}", found[0]);
}

#[test]
fn a_hand_edit_that_was_taken_back_is_nobodys_business_any_more() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.edit(DEPLOYMENT, "replicas: 1", "replicas: 9");
    clone.commit("by hand");
    clone.git(&["revert", "--no-edit", "HEAD"]);
    assert_eq!(taken(&fixture, &clone), []);
    assert_eq!(findings(&clone.dir, "HEAD"), []);
}

#[test]
fn history_holds_operators_to_the_rule_for_pushes_and_inkstone_to_its_own() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
    clone.commit("scale");
    // Whoever signs a commit as Inkstone must have rendered it.
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 2", "replicas: 3");
    let message = "scale\n\nInkstone-Action: update-service\nInkstone-Service: acme/shop/site\n\
        Inkstone-Actor: a\nInkstone-Tool: t";
    let own = clone.commit_as_inkstone(message, Some(&fixture.key()));
    let found = findings(&clone.dir, "HEAD");
    let blamed: Vec<_> = found.iter().filter_map(|f| f.commit.as_ref()).collect();
    assert_eq!(blamed.iter().map(|c| c.as_str()).collect::<Vec<_>>(), [own], "{found:#?}");
}

#[test]
fn a_change_of_a_cluster_names_everybody_who_follows() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("api"), 2).unwrap();
    let clone = fixture.clone();
    let path = "clusters/eu-central-1/cluster.yaml";
    clone.edit(path, "registry.internal:5000", "other.internal:5000");
    clone.commit("another registry");
    let line = judged(&fixture, &clone, Reach::Everything);
    assert_eq!(line.findings, []);
    let both = [Owner::Service(name("api")), site()];
    assert_eq!(line.stale().into_iter().collect::<Vec<_>>(), both);
}

#[test]
fn what_is_not_a_tenants_takes_more_than_a_push() {
    let set = |clone: &Clone| clone.git(&["ls-tree", "--name-only", "HEAD:templates"]);
    let paths = |clone: &Clone| {
        [
            "README.md".to_owned(),
            "inkstone.yaml".to_owned(),
            "clusters/eu-central-1/cluster.yaml".to_owned(),
            "clusters/eu-central-1/acme/workspace.yaml".to_owned(),
            format!("templates/{}/service/service.yaml", set(clone)),
        ]
    };
    let fixture = Fixture::new();
    for path in paths(&fixture.clone()) {
        let clone = fixture.clone();
        clone.write(&path, &(clone.read(&path) + "\n"));
        let commit = clone.commit("a change of the platform's");
        clone.git(&["revert", "--no-edit", "HEAD"]);
        let found = refused(&fixture, &clone, Reach::Tenants);
        let permission = found.iter().filter(|finding| finding.rule == Rule::Permission);
        // Both commits are beyond it, though nothing of them is left.
        assert_eq!(permission.clone().count(), 2, "{found:#?}");
        assert!(permission.clone().all(|finding| finding.path.as_ref() == Some(&path)));
        assert_found(&found, Rule::Permission, &commit);
        let found = judged(&fixture, &clone, Reach::Everything).findings;
        assert!(found.iter().all(|finding| finding.rule != Rule::Permission), "{found:#?}");
    }
}

#[test]
fn whose_signatures_count_takes_more_than_any_push() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    clone.edit("inkstone.yaml", fixture.state.signer().public().as_str(), other);
    clone.commit("my key");
    let found = refused(&fixture, &clone, Reach::Everything);
    assert_found(&found, Rule::Trust, "inkstone.yaml");
}

#[test]
fn a_file_that_does_not_parse_is_refused_with_its_line() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let path = format!("{SITE}/service.yaml");
    clone.edit(&path, "replicas: 1", "replicas: many");
    clone.commit("a typo");
    let line = clone.read(&path).lines().position(|line| line.contains("many")).unwrap() + 1;
    let found = refused(&fixture, &clone, Reach::Tenants);
    assert_found(&found, Rule::Parses, &path);
    assert!(found.iter().any(|f| f.message.contains(&format!("line {line}"))), "{found:#?}");
}

#[test]
fn a_planner_that_renders_for_another_is_stopped() {
    let fixture = Fixture::new();
    let stopped =
        commit(&fixture.state, &Action::Render(Owner::Service(name("api"))), |snapshot| {
            let all = plan::delete_service(snapshot, &name("site"))?;
            let is_manifest =
                |edit: &inkstone_state::Edit| format!("{edit:?}").contains("Manifest");
            Ok::<_, StateError>(all.into_iter().filter(is_manifest).collect())
        });
    assert!(matches!(stopped, Err(CommitError::Unlawful(_))), "{stopped:?}");
}
