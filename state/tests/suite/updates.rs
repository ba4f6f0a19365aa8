//! What somebody changes about a service or a project, and what follows from it.

use crate::fixture::{
    Fixture, PROJECT, SITE, assert_found, commit, deploy, findings, name, now, project, region,
    values,
};
use crate::git::{Clone, git};
use inkstone_renderer::{TemplateName, TemplateSet};
use inkstone_secrets::{Identities, Identity, open, seal};
use inkstone_spec::{Hold, Hostname, Memory, Owner, Port, Replicas, UtcTime};
use inkstone_state::check::Rule;
use inkstone_state::plan::{Change, PlanError, ServiceChange};
use inkstone_state::{Action, CommitError, plan};
use jiff::Timestamp;
use std::collections::BTreeMap;

fn touched(fixture: &Fixture) -> Vec<String> {
    let listed = fixture.git(&["show", "--format=", "--name-status", "--no-renames", "main"]);
    listed.lines().map(|line| line.replace('\t', " ")).collect()
}

fn scale(replicas: u64) -> ServiceChange {
    ServiceChange { replicas: Some(Replicas::new(replicas).unwrap()), ..<_>::default() }
}

fn hold() -> Hold {
    Hold {
        reason: "no: wait".parse().unwrap(),
        by: "ada".parse().unwrap(),
        since: UtcTime::at(now()).unwrap(),
    }
}

#[test]
fn an_update_changes_the_intent_and_the_manifests_that_follow_and_keeps_the_release() {
    let fixture = Fixture::new();
    let before = fixture.service("site").unwrap();
    let change = ServiceChange {
        memory: Some(Memory::Mi1024),
        port: Change::Set(Port::new(9000).unwrap()),
        ..scale(3)
    };
    assert!(fixture.update("site", &change).unwrap().changed);
    let after = fixture.service("site").unwrap();
    assert_eq!(after.service.release, before.service.release);
    assert_eq!(after.service.spec.replicas.get(), 3);
    assert_eq!(after.service.spec.hosts, before.service.spec.hosts);
    let expected = ["deployment", "service"].map(|file| format!("M {SITE}/manifests/{file}.yaml"));
    assert_eq!(touched(&fixture), [&expected[..], &[format!("M {SITE}/service.yaml")]].concat());
    assert!(!fixture.update("site", &change).unwrap().changed);
    let cleared = ServiceChange { port: Change::Clear, ..ServiceChange::default() };
    fixture.update("site", &cleared).unwrap();
    assert_eq!(fixture.service("site").unwrap().service.spec.port, None);
    fixture.assert_lawful();
}

#[test]
fn a_hold_changes_no_manifest() {
    let fixture = Fixture::new();
    let on_hold = ServiceChange { hold: Change::Set(hold()), ..<_>::default() };
    fixture.update("site", &on_hold).unwrap();
    assert_eq!(touched(&fixture), [format!("M {SITE}/service.yaml")]);
    assert_eq!(fixture.service("site").unwrap().service.spec.hold, Some(hold()));
    let lifted = ServiceChange { hold: Change::Clear, ..<_>::default() };
    fixture.update("site", &lifted).unwrap();
    assert_eq!(
        fixture.git(&["rev-parse", "main^{tree}"]),
        fixture.git(&["rev-parse", "main~2^{tree}"])
    );
    fixture.assert_lawful();
}

#[test]
fn hosts_move_with_their_claims_and_never_from_another_service() {
    let fixture = Fixture::new();
    let hosts = |list: &[&str]| ServiceChange {
        hosts: Some(list.iter().map(|host| Hostname::new(*host).unwrap()).collect()),
        ..<_>::default()
    };
    let refused = fixture.update("api", &hosts(&["shop.example.com"])).unwrap_err();
    let CommitError::Plan(PlanError::HostTaken { host, owner }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((host.as_str(), owner), ("shop.example.com", name("site")));
    fixture.update("site", &hosts(&["new.example.com"])).unwrap();
    let claims = [
        format!("A {}", Fixture::claim("new.example.com")),
        format!("D {}", Fixture::claim("shop.example.com")),
    ];
    assert!(
        claims.iter().all(|claim| touched(&fixture).contains(claim)),
        "{:?}",
        touched(&fixture)
    );
    fixture.update("api", &hosts(&["shop.example.com"])).unwrap();
    fixture.assert_lawful();
}

#[test]
fn an_env_is_set_and_taken_away() {
    let fixture = Fixture::new();
    let before = fixture.service("site").unwrap().env;
    let env = fixture.seal(before.as_deref(), &values(&[("TOKEN", "new"), ("MORE", "x")])).unwrap();
    let change = ServiceChange { env: Change::Set(env.clone()), ..<_>::default() };
    fixture.update("site", &change).unwrap();
    assert_eq!(fixture.service("site").unwrap().env.as_deref(), Some(&env));
    let none = ServiceChange { env: Change::Clear, ..<_>::default() };
    fixture.update("site", &none).unwrap();
    assert!(touched(&fixture).contains(&format!("D {SITE}/env.sops.yaml")));
    fixture.assert_lawful();
}

fn delete_project(fixture: &Fixture) -> Result<(), CommitError<PlanError>> {
    commit(&fixture.state, &Action::DeleteProject(project()), |snapshot| {
        plan::delete_project(snapshot, &project())
    })
    .map(drop)
}

#[test]
fn a_project_goes_when_it_is_empty_and_a_revert_brings_it_back() {
    let fixture = Fixture::new();
    let CommitError::Plan(PlanError::NotEmpty { services, .. }) =
        delete_project(&fixture).unwrap_err()
    else {
        panic!("not refused")
    };
    assert_eq!(services, [name("api"), name("site")]);
    fixture.delete("site").unwrap();
    fixture.delete("api").unwrap();
    delete_project(&fixture).unwrap();
    assert_eq!(fixture.git(&["ls-tree", "main", PROJECT]), "");
    fixture.assert_lawful();
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD"]);
    clone.push();
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    fixture.assert_lawful();
}

/// A set whose deployments say something more.
pub(crate) fn other_templates() -> TemplateSet {
    let builtin = TemplateSet::builtin().unwrap();
    let files = builtin.templates().map(|(name, text)| {
        let marked = name.to_string().ends_with("namespace.yaml")
            || name.to_string().ends_with("deployment.yaml");
        let more = if marked { "# Another set.\n" } else { "" };
        (name.clone(), format!("{more}{text}"))
    });
    TemplateSet::new(files.collect::<BTreeMap<TemplateName, String>>()).unwrap()
}

/// Makes a template set the current one.
pub(crate) fn install(fixture: &Fixture, set: &TemplateSet) {
    commit(&fixture.state, &Action::InstallTemplates(set.digest().clone()), |snapshot| {
        plan::install_templates(snapshot, set)
    })
    .unwrap();
}

#[test]
fn an_upgrade_renders_one_owner_by_the_current_templates() {
    let fixture = Fixture::new();
    install(&fixture, &other_templates());
    for owner in [Owner::Service(name("site")), Owner::Project(project())] {
        let upgrade = || {
            commit(&fixture.state, &Action::Upgrade(owner.clone()), |snapshot| {
                plan::upgrade(snapshot, &owner)
            })
        };
        assert!(upgrade().unwrap().changed, "{owner}");
        assert_eq!(touched(&fixture).len(), 2, "{:?}", touched(&fixture));
        assert!(!upgrade().unwrap().changed);
    }
    // Nothing to render yet.
    let api = Owner::Service(name("api"));
    assert_eq!(plan::upgrade(&fixture.state.main().unwrap(), &api).unwrap(), []);
    fixture.assert_lawful();
}

#[test]
fn a_rotation_changes_who_can_open_an_env_and_no_manifest() {
    let fixture = Fixture::new();
    let new = Identities::new(Identity::generate().unwrap(), Vec::new());
    let both = [&new, &fixture.identities].map(|i| i.current().recipient().clone());
    let added = vec![both[0].clone()];
    commit(&fixture.state, &Action::SetRecipients { added, removed: Vec::new() }, |snapshot| {
        plan::set_recipients(snapshot, &region(), both.to_vec())
    })
    .unwrap();
    let env = fixture.service("site").unwrap().env.unwrap();
    let opened = open(&env, &fixture.identities).unwrap();
    let sealed = seal(Some(&env), &opened, &fixture.identities, &both.into(), now());
    let sealed = sealed.unwrap().unwrap();
    commit(&fixture.state, &Action::Rotate(name("site")), |snapshot| {
        plan::rotate_env(snapshot, &name("site"), &sealed)
    })
    .unwrap();
    assert_eq!(touched(&fixture), [format!("M {SITE}/env.sops.yaml")]);
    assert_eq!(open(&sealed, &new).unwrap(), opened);
    fixture.assert_lawful();
}

/// Expects that a commit is found which is Inkstone's own, says `action` of `site`, and changes what
/// `change` does.
fn dishonest(fixture: &Fixture, action: &str, change: impl FnOnce(&Clone)) {
    let clone = fixture.clone();
    change(&clone);
    let message = format!(
        "words\n\nInkstone-Action: {action}\nInkstone-Service: acme/shop/site\n\
         Inkstone-Actor: ci-deploy\nInkstone-Tool: t"
    );
    let commit = clone.commit_as_inkstone(&message, Some(&fixture.key()));
    assert_found(&findings(&clone.dir, "HEAD"), Rule::Trailer, &commit);
}

#[test]
fn an_action_that_changes_more_than_it_says_is_found() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let service = format!("{SITE}/service.yaml");
    let earlier = |clone: &Clone| {
        clone.git(&["checkout", "--quiet", "HEAD~2", "--", SITE]);
    };
    dishonest(&fixture, "update-service", earlier);
    dishonest(&fixture, "upgrade", earlier);
    dishonest(&fixture, "render", earlier);
    dishonest(&fixture, "rotate", earlier);
    // It has a release, which goes unnamed.
    dishonest(&fixture, "rollback", earlier);
    dishonest(&fixture, "revert", earlier);
    for action in ["upgrade", "render", "rotate", "deploy", "create-service", "delete-service"] {
        dishonest(&fixture, action, |clone| clone.edit(&service, "branch: main", "branch: next"));
    }
    dishonest(&fixture, "delete-project", |clone| {
        clone.edit(&service, "branch: main", "branch: next");
    });
    dishonest(&fixture, "rotate", |clone| {
        let path = format!("{SITE}/env.sops.yaml");
        let text = clone.read(&path);
        let at = text.find("data:").unwrap() + 5;
        let other = if text[at..].starts_with('A') { "B" } else { "A" };
        clone.write(&path, &format!("{}{other}{}", &text[..at], &text[at + 1..]));
    });
    dishonest(&fixture, "update-service", |clone| {
        git(&clone.dir, &["rm", "-r", "--quiet", SITE, &Fixture::default_claim("site")]);
        git(&clone.dir, &["rm", "--quiet", &Fixture::claim("shop.example.com")]);
    });
}
