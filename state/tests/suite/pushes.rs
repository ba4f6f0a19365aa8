//! An operator's push, judged while it is in git's quarantine.

use crate::fixture::{API, Fixture, PROJECT, SITE, assert_found, deploy, findings, name, values};
use crate::git::{Clone, command};
use crate::updates::{install, other_templates};
use inkstone_renderer::TemplateSet;
use inkstone_state::check::{Finding, Rule};
use inkstone_state::push::{Reach, RefUpdate, check_push};
use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const ZERO: &str = "0000000000000000000000000000000000000000";

/// Pushes with the real git, and checks at the moment that git's pre-receive hook runs: the hook puts
/// down what it was told, waits for the verdict, and passes it on. Without one it refuses.
fn push(fixture: &Fixture, clone: &Clone, args: &[&str]) -> (Vec<Finding>, bool) {
    push_within(Reach::Tenants, fixture, clone, args)
}

fn push_within(
    reach: Reach,
    fixture: &Fixture,
    clone: &Clone,
    args: &[&str],
) -> (Vec<Finding>, bool) {
    let hooks = fixture.temp.path().join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let path = |name: &str| hooks.join(name);
    for left in ["updates", "ready", "verdict"] {
        drop(std::fs::remove_file(path(left)));
    }
    let script = format!(
        "#!/bin/sh\ncd '{}'\ncat > updates\nprintf %s \"$GIT_QUARANTINE_PATH\" > ready.new\nmv ready.new ready\n\
         i=0; until [ -e verdict ]; do i=$((i+1)); [ $i -lt 3000 ] || exit 1; sleep 0.01; done\nexec sh verdict\n",
        hooks.display()
    );
    std::fs::write(path("pre-receive"), script).unwrap();
    std::fs::set_permissions(path("pre-receive"), std::fs::Permissions::from_mode(0o755)).unwrap();
    fixture.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]);

    let mut git =
        command(&clone.dir).args(["push", "--quiet", "origin"]).args(args).spawn().unwrap();
    while !path("ready").exists() {
        assert_eq!(git.try_wait().unwrap(), None, "git did not ask the hook");
        std::thread::yield_now();
    }
    // Git has no quarantine for a push without objects.
    let quarantine = std::fs::read_to_string(path("ready")).unwrap();
    let quarantine = Some(PathBuf::from(quarantine)).filter(|path| path.is_dir());
    let updates: Vec<RefUpdate> = std::fs::read_to_string(path("updates"))
        .unwrap()
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let id = |word: &str| (word != ZERO).then(|| word.parse().unwrap());
            RefUpdate { name: words[2].to_owned(), old: id(words[0]), new: id(words[1]) }
        })
        .collect();
    let found = check_push(
        fixture.state.git_dir(),
        quarantine.as_deref(),
        &updates,
        reach,
        &fixture.identities,
    )
    .unwrap();
    let verdict = if found.is_empty() { "exit 0" } else { "exit 1" };
    std::fs::write(path("verdict.new"), verdict).unwrap();
    std::fs::rename(path("verdict.new"), path("verdict")).unwrap();
    (found, git.wait().unwrap().success())
}

/// The push is refused under `rule`, and nothing moved.
fn refused(fixture: &Fixture, clone: &Clone, args: &[&str], rule: Rule) -> Vec<Finding> {
    let refs = fixture.git(&["for-each-ref"]);
    let (found, taken) = push(fixture, clone, args);
    assert!(!taken);
    assert!(found.iter().any(|finding| finding.rule == rule), "{found:#?}");
    assert_eq!(fixture.git(&["for-each-ref"]), refs);
    found
}

#[test]
fn a_revert_is_taken_from_quarantine() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD"]);
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    fixture.assert_lawful();
}

#[test]
fn a_push_in_a_pack_is_read_from_quarantine() {
    let fixture = Fixture::new();
    fixture.git(&["config", "receive.unpackLimit", "1"]);
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD~1"]);
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    deploy(&fixture.state, &name("api"), 2).unwrap();
    fixture.assert_lawful();
}

#[test]
fn a_bad_commit_is_refused_with_its_file_and_leaves_nothing_in_the_repo() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let path = format!("{SITE}/manifests/deployment.yaml");
    clone.edit(&path, "replicas: 1", "replicas: 9");
    let commit = clone.commit("scale by hand");
    let found = refused(&fixture, &clone, &["HEAD:main"], Rule::Rendered);
    assert_found(&found, Rule::Rendered, &path);
    let kept = command(fixture.state.git_dir()).args(["cat-file", "-e", &commit]).output().unwrap();
    assert!(!kept.status.success());
    fixture.assert_lawful();
}

#[test]
fn history_is_never_rewritten_nor_deleted() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    refused(&fixture, &clone, &["--force", "HEAD:main"], Rule::Push);
    clone.commit("another line");
    refused(&fixture, &clone, &["--force", "HEAD:main"], Rule::Push);
    clone.git(&["checkout", "--quiet", "--orphan", "fresh"]);
    clone.commit("a new beginning");
    refused(&fixture, &clone, &["--force", "HEAD:main"], Rule::Push);
    fixture.git(&["config", "receive.denyDeleteCurrent", "ignore"]);
    refused(&fixture, &clone, &["--delete", "main"], Rule::Push);
}

#[test]
fn only_main_takes_pushes() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD"]);
    for target in
        ["live", "refs/tags/v1", "other", "refs/notes/commits", "refs/heads/refs/heads/main"]
    {
        let found = refused(&fixture, &clone, &[&format!("HEAD:{target}")], Rule::Push);
        assert!(found[0].message.contains(target), "{found:?}");
    }
    refused(&fixture, &clone, &["HEAD:main", "HEAD:live"], Rule::Push);
    refused(&fixture, &clone, &["--delete", "live"], Rule::Push);
}

#[test]
fn a_push_brings_at_most_a_thousand_commits() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let base = clone.head();
    let tree = clone.git(&["rev-parse", "HEAD^{tree}"]);
    let commit = |number: u32| {
        let from = if number == 1 { format!("from {base}\n") } else { String::new() };
        let who = "committer Ada <ada@example.com> 1700000000 +0000";
        format!("commit refs/heads/many\n{who}\ndata 1\nx\n{from}M 040000 {tree} \n\n")
    };
    let stream = (1..=1001).map(commit).collect::<Vec<_>>().concat();
    let path = clone.dir.join("stream");
    std::fs::write(&path, stream).unwrap();
    let input = std::fs::File::open(&path).unwrap();
    crate::git::succeed(command(&clone.dir).args(["fast-import", "--quiet"]).stdin(input));
    let found = refused(&fixture, &clone, &["many:main"], Rule::Push);
    assert_eq!(found[0].message, "brings more than 1000 commits");
    assert_eq!(push(&fixture, &clone, &["many~1:main"]), (Vec::new(), true));
}

/// Removes services one commit at a time, as lawful commits do.
fn remove(clone: &Clone, services: &[&str]) {
    for service in services {
        let dir = format!("{PROJECT}/services/{service}");
        clone.git(&["rm", "-r", "--quiet", &dir, &Fixture::default_claim(service)]);
        clone.commit(&format!("remove {service}"));
    }
}

#[test]
fn more_than_five_services_go_only_when_that_is_said() {
    let fixture = Fixture::new();
    let extra = ["a", "b", "c", "d", "e"];
    for service in extra {
        fixture.create(service, &[], &[]).unwrap();
    }
    let clone = fixture.clone();
    remove(&clone, &extra);
    assert!(clone.dir.join(API).exists());
    remove(&clone, &["api"]);
    let found = refused(&fixture, &clone, &["HEAD:main"], Rule::Removal);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].message.starts_with("6 services"), "{}", found[0]);
    clone.git(&["commit", "--quiet", "--amend", "-m", "remove api\n\nAllow-Removal: no"]);
    refused(&fixture, &clone, &["HEAD:main"], Rule::Removal);
    clone.git(&["commit", "--quiet", "--amend", "-m", "remove api\n\nAllow-Removal: yes"]);
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    fixture.assert_lawful();
}

#[test]
fn five_services_go_without_a_word() {
    let fixture = Fixture::new();
    let extra = ["a", "b", "c", "d", "e"];
    for service in extra {
        fixture.create(service, &[], &[]).unwrap();
    }
    let clone = fixture.clone();
    remove(&clone, &extra);
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
}

#[test]
fn a_project_goes_with_its_services_only_when_that_is_said() {
    let fixture = Fixture::new();
    fixture.delete("site").unwrap();
    let clone = fixture.clone();
    remove(&clone, &["api"]);
    clone.git(&["rm", "-r", "--quiet", PROJECT]);
    clone.commit("remove the project");
    let found = refused(&fixture, &clone, &["HEAD:main"], Rule::Removal);
    assert_found(&found, Rule::Removal, &format!("{PROJECT}/project.yaml"));
    clone.git(&["commit", "--quiet", "--amend", "-m", "remove it\n\nAllow-Removal: yes"]);
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
    assert_eq!(findings(&clone.dir, "HEAD"), []);
}

#[test]
fn a_commit_that_is_not_there_is_an_error_and_no_pass() {
    let fixture = Fixture::new();
    let update = RefUpdate {
        name: "refs/heads/main".to_owned(),
        old: fixture.main().parse().ok(),
        new: "1111111111111111111111111111111111111111".parse().ok(),
    };
    let error = check_push(
        fixture.state.git_dir(),
        None::<&Path>,
        &[update],
        Reach::Tenants,
        &fixture.identities,
    )
    .unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

/// Edits what the release in an intent names.
fn choose(clone: &Clone, path: &str, key: &str, value: &str) {
    let text = clone.read(path);
    let line = text.lines().find(|line| line.trim_start().starts_with(key)).unwrap();
    let indent = &line[..line.len() - line.trim_start().len()];
    clone.write(path, &text.replace(line, &format!("{indent}{key}: {value}")));
    clone.commit("choose by hand");
}

#[test]
fn an_image_that_nobody_built_for_the_service_needs_admin() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("api"), 7).unwrap();
    let of_api = fixture.service("api").unwrap().service.release.clone().unwrap().image;
    let clone = fixture.clone();
    let path = format!("{SITE}/service.yaml");
    choose(&clone, &path, "image", of_api.as_str());
    let found = refused(&fixture, &clone, &["HEAD:main"], Rule::Permission);
    assert_found(&found, Rule::Permission, &path);
    // Taken back in the same push it was still chosen for a while, by a commit that stays.
    clone.git(&["revert", "--no-edit", "HEAD"]);
    refused(&fixture, &clone, &["HEAD:main"], Rule::Permission);
    let all = push_within(Reach::Everything, &fixture, &clone, &["HEAD~1:main"]);
    assert_eq!(all, (Vec::new(), true));
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    fixture.assert_lawful();
}

#[test]
fn an_image_that_the_service_had_is_anybodys_to_bring_back() {
    let fixture = Fixture::new();
    let first = fixture.service("site").unwrap().service.release.clone().unwrap().image;
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let clone = fixture.clone();
    choose(&clone, &format!("{SITE}/service.yaml"), "image", first.as_str());
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
}

#[test]
fn a_template_set_that_happens_to_be_installed_needs_admin() {
    let fixture = Fixture::new();
    let other = other_templates();
    for set in [&other, &TemplateSet::builtin().unwrap()] {
        install(&fixture, set);
    }
    for path in [format!("{SITE}/service.yaml"), format!("{PROJECT}/project.yaml")] {
        let clone = fixture.clone();
        choose(&clone, &path, "templates", other.digest().as_str());
        let found = refused(&fixture, &clone, &["HEAD:main"], Rule::Permission);
        assert_found(&found, Rule::Permission, &path);
        let all = push_within(Reach::Everything, &fixture, &clone, &["HEAD:main"]);
        assert_eq!(all, (Vec::new(), true));
        assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
        // Who had it once may have it again.
        let clone = fixture.clone();
        clone.git(&["revert", "--no-edit", "HEAD"]);
        assert_eq!(push(&fixture, &clone, &["HEAD:main"]).0, []);
    }
}

#[test]
fn a_commit_that_is_too_large_to_be_read_is_refused() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    std::fs::write(clone.dir.join("message"), "words ".repeat(30_000)).unwrap();
    clone.git(&["commit", "--quiet", "--allow-empty", "--file", "message"]);
    let found = refused(&fixture, &clone, &["HEAD:main"], Rule::Parses);
    assert_found(&found, Rule::Parses, &format!("object {}", clone.head()));
    assert!(found[0].message.contains("at most 131072 are read"), "{}", found[0]);
}

#[test]
fn values_of_another_service_need_admin_and_ones_own_come_back() {
    let fixture = Fixture::new();
    let env = |service: &str| format!("{PROJECT}/services/{service}/env.sops.yaml");
    let clone = fixture.clone();
    let of_site = clone.read(&env("site"));
    clone.write(&env("api"), &of_site);
    clone.commit("copy");
    let found = refused(&fixture, &clone, &["HEAD:main"], Rule::Permission);
    assert_found(&found, Rule::Permission, &env("api"));
    let all = push_within(Reach::Everything, &fixture, &clone, &["HEAD:main"]);
    assert_eq!(all, (Vec::new(), true));
    fixture.state.publish(Timestamp::now()).unwrap();

    let clone = fixture.clone();
    clone.git(&["rm", "--quiet", &env("site")]);
    clone.commit("no env");
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
    fixture.state.publish(Timestamp::now()).unwrap();
    clone.git(&["pull", "--quiet", "--rebase"]);
    clone.write(&env("site"), &of_site);
    clone.commit("as it was");
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
}

#[test]
fn an_env_that_does_not_open_is_refused() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let path = format!("{SITE}/env.sops.yaml");
    let had = fixture.service("site").unwrap().env.unwrap();
    let two = values(&[("TOKEN", "s3cret"), ("ZONE", "eu")]);
    let sealed = fixture.seal(Some(&had), &two).unwrap().to_string();
    let first = sealed.split_inclusive('\n').next().unwrap();
    clone.write(&path, &sealed.replacen(first, "", 1));
    clone.commit("one value of two");
    let found = refused(&fixture, &clone, &["HEAD:main"], Rule::Sealed);
    assert_found(&found, Rule::Sealed, &path);
    assert!(found[0].message.contains("sealed together"), "{}", found[0]);
    clone.write(&path, &sealed);
    clone.git(&["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    assert_eq!(push(&fixture, &clone, &["HEAD:main"]), (Vec::new(), true));
}
