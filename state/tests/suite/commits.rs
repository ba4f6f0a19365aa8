//! What one change looks like in history.

use crate::fixture::{
    API, Fixture, PROJECT, SITE, commit, deploy, deploying, intent, message, name, now, project,
    region, release,
};
use inkstone_state::{Action, CommitError, Edit, Proposal, StateError, plan};

/// The paths that a commit touches, each with what happened to it.
fn touched(fixture: &Fixture, commit: &str) -> Vec<String> {
    let args = ["show", "--format=", "--name-status", "--no-renames", commit];
    fixture.git(&args).lines().map(|line| line.replace('\t', " ")).collect()
}

fn message_of(fixture: &Fixture, commit: &str) -> String {
    fixture.git(&["show", "--no-patch", "--format=%B", commit])
}

#[test]
fn each_change_touches_its_own_files_and_no_others() {
    let fixture = Fixture::new();
    let added = |paths: &[String]| paths.iter().map(|p| format!("A {p}")).collect::<Vec<_>>();
    assert_eq!(touched(&fixture, "main~4"), ["A clusters/eu-central-1/acme/workspace.yaml"]);

    let files = [
        "limitrange",
        "namespace",
        "networkpolicy-egress",
        "networkpolicy-ingress",
        "reconciler-access",
        "resourcequota",
        "server-access",
    ];
    let mut expected: Vec<String> =
        files.iter().map(|file| format!("{PROJECT}/manifests/{file}.yaml")).collect();
    expected.push(format!("{PROJECT}/project.yaml"));
    assert_eq!(touched(&fixture, "main~3"), added(&expected));

    let mut expected = vec![
        format!("{SITE}/env.sops.yaml"),
        format!("{SITE}/service.yaml"),
        Fixture::claim("shop.example.com"),
        Fixture::default_claim("site"),
    ];
    expected.sort();
    assert_eq!(touched(&fixture, "main~2"), added(&expected));

    let expected = [
        format!("A {SITE}/manifests/deployment.yaml"),
        format!("A {SITE}/manifests/ingress.yaml"),
        format!("A {SITE}/manifests/service.yaml"),
        format!("M {SITE}/service.yaml"),
    ];
    assert_eq!(touched(&fixture, "main~1"), expected);

    let mut expected = vec![format!("{API}/service.yaml"), Fixture::default_claim("api")];
    expected.sort();
    assert_eq!(touched(&fixture, "main"), added(&expected));
}

#[test]
fn a_second_deploy_is_a_diff_of_a_few_lines() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let expected =
        [format!("M {SITE}/manifests/deployment.yaml"), format!("M {SITE}/service.yaml")];
    assert_eq!(touched(&fixture, "main"), expected);
    let stat = fixture.git(&["show", "--format=", "--shortstat", "main"]);
    let changed: u32 = stat.split(' ').filter_map(|word| word.parse::<u32>().ok()).sum();
    assert!(changed <= 20, "{stat}");
    fixture.assert_lawful();
}

#[test]
fn a_deleted_service_leaves_nothing_behind() {
    let fixture = Fixture::new();
    fixture.delete("site").unwrap();
    assert_eq!(fixture.git(&["ls-tree", "-r", "--name-only", "main", SITE]), "");
    let hosts = fixture.git(&["ls-tree", "-r", "--name-only", "main", "hosts"]);
    assert_eq!(hosts, Fixture::default_claim("api"));
    assert!(touched(&fixture, "main").iter().all(|line| line.starts_with("D ")));
    fixture.delete("api").unwrap();
    assert_eq!(
        fixture.git(&["ls-tree", "main", "hosts", "clusters/eu-central-1/acme/shop/services"]),
        ""
    );
    fixture.assert_lawful();
}

#[test]
fn a_message_says_it_to_people_and_to_machines() {
    let fixture = Fixture::founded();
    fixture.add_workspace_and_project();
    fixture.create("site", &[], &[]).unwrap();
    let made = release(&fixture.state.main().unwrap(), 1);
    let site = name("site");
    commit(&fixture.state, &deploying(&site, &made), |snapshot| {
        plan::deploy(snapshot, &site, made.clone())
    })
    .unwrap();
    let (source, image) = (made.source_commit.as_ref().unwrap(), &made.image);
    assert_eq!(
        message_of(&fixture, "main"),
        format!(
            "deploy acme/shop/site at {}\n\nInkstone-Action: deploy\nInkstone-Service: acme/shop/site\n\
             Inkstone-Deployment: {}\nInkstone-Actor: ci-deploy\nInkstone-Tool: create_service\n\
             Source-Repo: inkstone/acme/code\nSource-Commit: {source}\nImage: {image}",
            source.short(),
            made.deployment
        )
    );
    let trailers = fixture.git(&["show", "--no-patch", "--format=%(trailers:only)", "main"]);
    let mut keys: Vec<_> = trailers.lines().filter_map(|line| line.split_once(": ")).collect();
    assert_eq!(keys.len(), 8, "{trailers}");
    keys.dedup_by_key(|(key, _)| *key);
    assert_eq!(keys.len(), 8, "{trailers}");

    assert_eq!(
        message_of(&fixture, "main~1"),
        "create acme/shop/site\n\nInkstone-Action: create-service\nInkstone-Service: acme/shop/site\n\
         Inkstone-Actor: ci-deploy\nInkstone-Tool: create_service"
    );
    let subjects = fixture.git(&["log", "--format=%s", "main"]);
    let subjects: Vec<_> = subjects.lines().skip(2).collect();
    assert_eq!(
        subjects,
        ["create project acme/shop", "add workspace acme", "found the state repo"]
    );
}

#[test]
fn the_author_is_who_asked_and_the_committer_is_inkstone() {
    let fixture = Fixture::new();
    let format = "--format=%an <%ae> | %cn <%ce> | %at %ct";
    let seconds = now().as_second();
    assert_eq!(
        fixture.git(&["show", "--no-patch", format, "main"]),
        format!(
            "ci-deploy <ci-deploy@keys.inkstone.dev> | Inkstone <inkstone@inkstone.dev> | {seconds} {seconds}"
        )
    );
}

#[test]
fn a_change_of_nothing_makes_no_commit() {
    let fixture = Fixture::new();
    let before = fixture.main();
    let none = fixture.state.commit(now(), |_| Ok::<_, StateError>(None)).unwrap();
    assert!(!none.changed);
    let same = commit(&fixture.state, &Action::AddWorkspace(project().workspace), |_| {
        plan::add_workspace(&region(), &project().workspace)
    })
    .unwrap();
    assert!(!same.changed);
    assert_eq!(same.commit.as_str(), before);
    assert_eq!(fixture.main(), before);
}

#[test]
fn a_refused_plan_changes_nothing_and_says_why() {
    let fixture = Fixture::new();
    let before = fixture.main();
    let refused = fixture.delete("absent").unwrap_err();
    assert!(matches!(refused, CommitError::Plan(StateError::Absent(_))), "{refused:?}");
    assert_eq!(refused.to_string(), "service acme/shop/absent does not exist");
    assert_eq!(fixture.main(), before);
}

#[test]
fn a_planner_that_would_break_a_law_is_stopped_before_anything_is_published() {
    let fixture = Fixture::new();
    let before = (fixture.main(), fixture.live());
    // The host belongs to `site`.
    let thief = intent(&name("thief"), &["shop.example.com"]);
    let stopped = commit(&fixture.state, &Action::CreateService(name("thief")), |snapshot| {
        plan::create_service(snapshot, &region(), &thief, None)
    })
    .unwrap_err();
    let CommitError::Unlawful(findings) = stopped else { panic!("{stopped:?}") };
    assert!(findings.iter().any(|f| f.rule.as_str() == "host"), "{findings:#?}");
    // The trailers name one service, the edits another.
    let stopped = fixture.state.commit(now(), |snapshot| {
        let edits: Vec<Edit> = plan::delete_service(snapshot, &name("api"))?;
        let message = message(Action::DeleteService(name("site")));
        Ok::<_, StateError>(Some(Proposal { message, edits }))
    });
    let CommitError::Unlawful(findings) = stopped.unwrap_err() else { panic!("not stopped") };
    assert!(findings.iter().any(|f| f.rule.as_str() == "trailer"), "{findings:#?}");
    assert_eq!((fixture.main(), fixture.live()), before);
    fixture.assert_lawful();
}

#[test]
fn commits_go_on_after_git_has_packed_everything() {
    let fixture = Fixture::new();
    fixture.git(&["gc", "--quiet", "--prune=now"]);
    assert!(fixture.state.git_dir().join("packed-refs").exists());
    deploy(&fixture.state, &name("site"), 2).unwrap();
    fixture.git(&["pack-refs", "--all"]);
    deploy(&fixture.state, &name("site"), 3).unwrap();
    fixture.assert_lawful();
}
