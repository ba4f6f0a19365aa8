//! Undoing in a real repo: the same bytes that `git revert` brings back where that can, and more where
//! it cannot.

use crate::fixture::{Fixture, SITE, commit, deploy, findings, name, now, release, values};
use inkstone_secrets::{Identities, Identity, open, seal};
use inkstone_spec::{CommitId, Hold, Hostname, Memory, Port, Replicas, UtcTime};
use inkstone_state::plan::{Change, PlanError, ServiceChange};
use inkstone_state::undo::{EnvMerge, Field, Leaf, Policy, Sides, edits, merge, who_changed};
use inkstone_state::{Action, CommitError, Committed, Released, Snapshot, history, plan};
use jiff::Timestamp;
use proptest::prelude::*;

fn at(fixture: &Fixture, revision: &str) -> Snapshot {
    let id = CommitId::new(fixture.git(&["rev-parse", revision])).unwrap();
    fixture.state.at(&id).unwrap()
}

fn tree(fixture: &Fixture, revision: &str) -> String {
    fixture.git(&["rev-parse", &format!("{revision}^{{tree}}")])
}

/// Undoes the commit `base` of a service, as whoever has the identities does: opens what must be opened,
/// seals it, commits.
fn undo(
    fixture: &Fixture,
    service: &str,
    base: &str,
    policy: Policy,
) -> Result<Committed, CommitError<PlanError>> {
    let name = name(service);
    let (base, theirs) = (at(fixture, base), at(fixture, &format!("{base}~1")));
    let head = fixture.state.main().unwrap();
    let sides = Sides::read(&name, Some(&base), Some(&theirs), &head).unwrap();
    let merged = merge(&sides, policy).unwrap_or_else(|conflicts| panic!("{conflicts:?}"));
    let file = |files: &Option<inkstone_state::ServiceFiles>| {
        files.as_ref().and_then(|files| files.env.clone())
    };
    let (ours, theirs_env) = (file(&sides.ours), file(&sides.theirs));
    let opened = |file: &Option<std::sync::Arc<inkstone_secrets::EnvFile>>| match file {
        Some(file) => open(file, &fixture.identities).unwrap(),
        None => values(&[]),
    };
    let env = merged.as_ref().and_then(|merged| match merged.env {
        EnvMerge::Ours => ours.as_deref().cloned(),
        EnvMerge::Absent => None,
        EnvMerge::Theirs => fixture.seal(theirs_env.as_deref(), &opened(&theirs_env)),
        EnvMerge::Mixed { .. } => {
            let values = merged.env.values(opened(&ours), opened(&theirs_env));
            fixture.seal(ours.as_deref(), &values)
        }
    });
    let action = Action::Revert {
        service: name.clone(),
        commit: base.commit().unwrap().clone(),
        release: merged.as_ref().and_then(|m| m.service.release.as_ref()).map(Released::from),
    };
    commit(&fixture.state, &action, |snapshot| {
        edits(snapshot, Some(&theirs), &name, merged.as_ref(), env.as_ref())
    })
}

fn scale(replicas: u64) -> ServiceChange {
    ServiceChange { replicas: Some(Replicas::new(replicas).unwrap()), ..<_>::default() }
}

fn hosts(list: &[&str]) -> ServiceChange {
    ServiceChange {
        hosts: Some(list.iter().map(|host| Hostname::new(*host).unwrap()).collect()),
        ..<_>::default()
    }
}

fn env(fixture: &Fixture, env: &[(&str, &str)]) -> ServiceChange {
    let before = fixture.service("site").and_then(|files| files.env);
    let sealed = fixture.seal(before.as_deref(), &values(env));
    ServiceChange { env: sealed.map_or(Change::Clear, Change::Set), ..<_>::default() }
}

/// Something that a person or an agent does to `site`.
#[derive(Clone, Debug)]
enum Deed {
    Deploy(u32),
    Scale(u64),
    Port(Option<u64>),
    Hosts(usize),
    Env(usize),
    Hold(bool),
    DeleteOrCreate,
}

fn do_it(fixture: &Fixture, deed: &Deed) -> bool {
    let exists = fixture.service("site").is_some();
    let change = match deed {
        Deed::DeleteOrCreate if exists => return fixture.delete("site").unwrap().changed,
        Deed::DeleteOrCreate => {
            return fixture.create("site", &["a.example.com"], &[("A", "1")]).unwrap().changed;
        }
        _ if !exists => return false,
        Deed::Deploy(number) => {
            return deploy(&fixture.state, &name("site"), *number).unwrap().changed;
        }
        Deed::Scale(replicas) => scale(*replicas),
        Deed::Port(port) => ServiceChange {
            port: port.map_or(Change::Clear, |port| Change::Set(Port::new(port).unwrap())),
            ..<_>::default()
        },
        Deed::Hosts(some) => {
            hosts([&["a.example.com", "b.example.com"][..], &["b.example.com"], &[]][*some])
        }
        Deed::Env(some) => {
            let some = [&[("A", "1"), ("B", "2")][..], &[("A", "3")], &[("C", "4")], &[]][*some];
            env(fixture, some)
        }
        Deed::Hold(on) => {
            let hold = Hold {
                reason: "wait".parse().unwrap(),
                by: "ada".parse().unwrap(),
                since: UtcTime::at(now()).unwrap(),
            };
            let hold = if *on { Change::Set(hold) } else { Change::Clear };
            ServiceChange { hold, ..<_>::default() }
        }
    };
    fixture.update("site", &change).unwrap().changed
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (1..9_u32).prop_map(Deed::Deploy),
        (0..4_u64).prop_map(Deed::Scale),
        prop::option::of(8000..8003_u64).prop_map(Deed::Port),
        (0..3_usize).prop_map(Deed::Hosts),
        (0..4_usize).prop_map(Deed::Env),
        any::<bool>().prop_map(Deed::Hold),
        Just(Deed::DeleteOrCreate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 40, ..<_>::default() })]

    #[test]
    fn undoing_the_newest_change_is_a_plain_revert_byte_for_byte_and_undoing_that_too(
        deeds in prop::collection::vec(deed(), 4..10)
    ) {
        let fixture = Fixture::founded();
        fixture.add_workspace_and_project();
        do_it(&fixture, &Deed::DeleteOrCreate);
        for deed in deeds {
            if do_it(&fixture, &deed) {
                let (now, before) = (tree(&fixture, "main"), tree(&fixture, "main~1"));
                undo(&fixture, "site", "main", Policy::Ask).unwrap();
                prop_assert_eq!(tree(&fixture, "main"), before, "{:?}", deed);
                undo(&fixture, "site", "main", Policy::Ask).unwrap();
                prop_assert_eq!(tree(&fixture, "main"), now, "{:?}", deed);
            }
        }
        fixture.assert_lawful();
    }
}

#[test]
fn an_older_change_is_undone_below_newer_ones() {
    let fixture = Fixture::new();
    fixture.update("site", &scale(3)).unwrap();
    let scaled = fixture.main();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let memory = ServiceChange { memory: Some(Memory::Mi512), ..<_>::default() };
    fixture.update("site", &memory).unwrap();
    let before = fixture.service("site").unwrap().service;
    assert!(undo(&fixture, "site", &scaled, Policy::Ask).unwrap().changed);
    let mut expected = (*before).clone();
    expected.spec.replicas = Replicas::new(1).unwrap();
    assert_eq!(*fixture.service("site").unwrap().service, expected);
    // Once more is nothing more.
    assert!(!undo(&fixture, "site", &scaled, Policy::Ask).unwrap().changed);
    fixture.assert_lawful();
}

#[test]
fn a_conflict_names_the_newest_commit_that_changed_the_field() {
    let fixture = Fixture::new();
    fixture.update("site", &scale(2)).unwrap();
    let first = fixture.main();
    fixture.update("site", &scale(3)).unwrap();
    let second = fixture.main();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let (base, theirs) = (at(&fixture, &first), at(&fixture, &format!("{first}~1")));
    let head = fixture.state.main().unwrap();
    let all = Sides::read(&name("site"), Some(&base), Some(&theirs), &head).unwrap();
    let conflicts = merge(&all, Policy::Ask).unwrap_err();
    let fields: Vec<_> = conflicts.iter().map(|conflict| conflict.field.to_string()).collect();
    assert_eq!(fields, ["spec.replicas"]);
    let walk = || history::Walk::from(&head).unwrap();
    let all_who = |fields: &[Field], since: Option<&CommitId>| -> Vec<Option<String>> {
        let who = who_changed(walk(), &name("site"), fields, since).unwrap();
        who.into_iter().map(|commit| commit.map(|commit| commit.id.to_string())).collect()
    };
    let who = |field: &Field, since: Option<&CommitId>| {
        all_who(std::slice::from_ref(field), since).remove(0)
    };
    let fields = [conflicts[0].field.clone(), Field::Spec(Leaf::Memory), Field::Release];
    assert_eq!(all_who(&fields, base.commit()), [Some(second), None, Some(fixture.main())]);
    let created = fixture.git(&["log", "--format=%H", "--grep=^create acme/shop/site", "main"]);
    assert_eq!(who(&Field::Spec(Leaf::Memory), None).unwrap(), created);
    assert_eq!(who(&Field::Env("TOKEN".parse().unwrap()), None).unwrap(), created);

    undo(&fixture, "site", &first, Policy::Keep).unwrap();
    assert_eq!(fixture.service("site").unwrap().service.spec.replicas.get(), 3);
    undo(&fixture, "site", &first, Policy::Restore).unwrap();
    assert_eq!(fixture.service("site").unwrap().service.spec.replicas.get(), 1);
    fixture.assert_lawful();
}

#[test]
fn an_older_change_of_a_variable_is_undone_and_the_others_keep_their_newer_values() {
    let fixture = Fixture::new();
    fixture.update("site", &env(&fixture, &[("TOKEN", "bad"), ("MORE", "1")])).unwrap();
    let changed = fixture.main();
    fixture
        .update("site", &env(&fixture, &[("TOKEN", "bad"), ("MORE", "1"), ("LEVEL", "x")]))
        .unwrap();
    undo(&fixture, "site", &changed, Policy::Ask).unwrap();
    let file = fixture.service("site").unwrap().env.unwrap();
    let opened = open(&file, &fixture.identities).unwrap();
    assert_eq!(opened, values(&[("TOKEN", "s3cret"), ("LEVEL", "x")]));
    fixture.assert_lawful();
}

#[test]
fn a_change_before_a_rotation_is_undone_for_those_who_can_open_now() {
    let mut fixture = Fixture::new();
    fixture.update("site", &env(&fixture, &[("TOKEN", "bad")])).unwrap();
    let changed = fixture.main();
    // A new identity takes over; the old one is kept to open what is older.
    let old = std::mem::replace(
        &mut fixture.identities,
        Identities::new(Identity::generate().unwrap(), Vec::new()),
    );
    let path = fixture.temp.path().join("identities");
    old.save(&path).unwrap();
    let saved = std::fs::read_to_string(&path).unwrap();
    let line = saved.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let new = Identity::generate().unwrap();
    let recipients = [new.recipient().clone()].into();
    fixture.identities = Identities::new(new, vec![Identity::parse(line).unwrap()]);
    let file = fixture.service("site").unwrap().env.unwrap();
    let opened = open(&file, &fixture.identities).unwrap();
    let sealed = seal(Some(&file), &opened, &fixture.identities, &recipients, now()).unwrap();
    commit(&fixture.state, &Action::Rotate(name("site")), |snapshot| {
        plan::rotate_env(snapshot, &name("site"), sealed.as_ref().unwrap())
    })
    .unwrap();
    undo(&fixture, "site", &changed, Policy::Ask).unwrap();
    let file = fixture.service("site").unwrap().env.unwrap();
    assert_eq!(
        file.recipients().cloned().collect::<Vec<_>>(),
        recipients.into_iter().collect::<Vec<_>>()
    );
    assert_eq!(open(&file, &fixture.identities).unwrap(), values(&[("TOKEN", "s3cret")]));
    fixture.assert_lawful();
}

#[test]
fn a_host_that_another_service_took_since_is_not_taken_back() {
    let fixture = Fixture::new();
    fixture.update("site", &hosts(&[])).unwrap();
    let given_up = fixture.main();
    fixture.update("api", &hosts(&["shop.example.com"])).unwrap();
    let (base, theirs) = (at(&fixture, &given_up), at(&fixture, &format!("{given_up}~1")));
    let head = fixture.state.main().unwrap();
    let all = Sides::read(&name("site"), Some(&base), Some(&theirs), &head).unwrap();
    let conflicts = merge(&all, Policy::Restore).unwrap_err();
    assert_eq!(conflicts[0].field.to_string(), "spec.hosts");
    assert_eq!(
        conflicts[0].taken.iter().map(Hostname::as_str).collect::<Vec<_>>(),
        ["shop.example.com"]
    );
    assert!(!undo(&fixture, "site", &given_up, Policy::Keep).unwrap().changed);
}

#[test]
fn a_file_that_a_person_laid_out_comes_back_as_it_was_laid_out() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let path = format!("{SITE}/service.yaml");
    clone.write(&path, &format!("# Ours.\n{}", clone.read(&path)));
    clone.commit("words");
    clone.push();
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    let before = tree(&fixture, "main");
    fixture.update("site", &scale(2)).unwrap();
    undo(&fixture, "site", "main", Policy::Ask).unwrap();
    assert_eq!(tree(&fixture, "main"), before);
}

#[test]
fn a_rollback_names_the_release_that_it_brings_back_and_is_no_deploy_of_it() {
    let fixture = Fixture::new();
    let first = fixture.service("site").unwrap().service.release.clone().unwrap();
    let made = fixture.git(&["rev-parse", "main~1"]);
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let (head, theirs) = (fixture.state.main().unwrap(), at(&fixture, &made));
    let all = Sides::read(&name("site"), Some(&head), Some(&theirs), &head).unwrap();
    let merged = merge(&all, Policy::Ask).unwrap();
    let env = all.ours.as_ref().and_then(|files| files.env.clone());
    let rollback = |release: Option<&inkstone_spec::Release>| {
        let action = Action::Rollback {
            service: name("site"),
            to: theirs.commit().unwrap().clone(),
            release: release.map(Released::from),
        };
        commit(&fixture.state, &action, |snapshot| {
            edits(snapshot, Some(&theirs), &name("site"), merged.as_ref(), env.as_deref())
        })
    };
    for dishonest in [None, Some(release(&head, 9))] {
        let stopped = rollback(dishonest.as_ref());
        assert!(matches!(stopped, Err(CommitError::Unlawful(_))), "{stopped:?}");
    }
    rollback(Some(&first)).unwrap();
    let message = fixture.git(&["show", "--no-patch", "--format=%B", "main"]);
    assert_eq!(
        message,
        format!(
            "roll back acme/shop/site to {}\n\nImage, settings and env are again those of commit {made},\n\
             but for what was changed after the release that this leaves.\n\n\
             Inkstone-Action: rollback\nInkstone-Service: acme/shop/site\n\
             Inkstone-Deployment: {}\nInkstone-Actor: ci-deploy\nInkstone-Tool: create_service\n\
             Source-Commit: {}\nImage: {}",
            &made[..7],
            first.deployment,
            first.source_commit.unwrap(),
            first.image
        )
    );
    let head = fixture.state.main().unwrap();
    let found = history::find_deployment(&head, &first.deployment, now()).unwrap();
    assert_eq!(found.unwrap().as_str(), made);
    assert_eq!(findings(fixture.state.git_dir(), "main"), []);
}
