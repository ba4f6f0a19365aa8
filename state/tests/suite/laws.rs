//! Each law, broken by hand in a clone: `verify` says which, and where.

use crate::fixture::{API, Fixture, PROJECT, SITE, assert_found, findings};
use crate::git::{Clone, succeed};
use inkstone_state::check::Rule;
use std::os::unix::ffi::OsStrExt as _;

/// Breaks something in a clone of a lawful repo and expects `rule` at `place`.
pub(crate) fn broken(rule: Rule, place: &str, breaking: impl FnOnce(&Fixture, &Clone)) {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    assert_eq!(findings(&clone.dir, "HEAD"), []);
    breaking(&fixture, &clone);
    let found = findings(&clone.dir, "HEAD");
    assert_found(&found, rule, place);
    for finding in found {
        assert!(!finding.message.is_empty(), "{finding}");
        assert!(!finding.rule.advice().is_empty());
    }
}

#[test]
fn a_hand_edited_manifest_is_found() {
    let path = format!("{SITE}/manifests/deployment.yaml");
    broken(Rule::Rendered, &path, |_, clone| {
        clone.edit(&path, "replicas: 1", "replicas: 9");
        clone.commit("scale by hand");
    });
}

#[test]
fn a_hand_edited_manifest_of_a_project_is_found() {
    let path = format!("{PROJECT}/manifests/namespace.yaml");
    broken(Rule::Rendered, &path, |_, clone| {
        clone.edit(&path, "restricted", "privileged");
        clone.commit("loosen the namespace");
    });
}

#[test]
fn a_manifest_that_nothing_renders_is_found() {
    let path = format!("{SITE}/manifests/extra.yaml");
    broken(Rule::Rendered, &path, |_, clone| {
        clone.write(&path, "kind: Secret\n");
        clone.commit("add a manifest");
    });
}

#[test]
fn a_removed_manifest_is_found() {
    let path = format!("{SITE}/manifests/service.yaml");
    broken(Rule::Rendered, &path, |_, clone| {
        clone.git(&["rm", "--quiet", &path]);
        clone.commit("remove a manifest");
    });
}

#[test]
fn an_edited_intent_without_its_rendering_is_found() {
    broken(Rule::Rendered, &format!("{SITE}/manifests/deployment.yaml"), |_, clone| {
        clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
        clone.commit("scale in the intent alone");
    });
}

#[test]
fn a_host_that_two_services_list_is_found() {
    broken(Rule::Host, &format!("{API}/service.yaml"), |_, clone| {
        clone.edit(&format!("{API}/service.yaml"), "hosts: []", "hosts: [shop.example.com]");
        clone.commit("take a host");
    });
}

#[test]
fn a_claim_that_names_another_service_is_found() {
    let claim = Fixture::claim("shop.example.com");
    broken(Rule::Host, &claim.clone(), |_, clone| {
        clone.edit(&claim, "service: site", "service: api");
        clone.commit("hand a host over");
    });
}

#[test]
fn a_claim_of_a_service_that_does_not_exist_is_found() {
    let claim = Fixture::claim("shop.example.com");
    broken(Rule::Host, &claim.clone(), |_, clone| {
        clone.edit(&claim, "service: site", "service: gone");
        clone.commit("claim for nobody");
    });
}

#[test]
fn a_claim_that_is_gone_is_found_at_the_service_that_lists_the_host() {
    broken(Rule::Host, &format!("{SITE}/service.yaml"), |_, clone| {
        clone.git(&["rm", "--quiet", &Fixture::claim("shop.example.com")]);
        clone.commit("drop a claim");
    });
}

#[test]
fn a_claim_in_the_wrong_folder_is_found() {
    broken(Rule::Layout, "hosts/00/shop.example.com.yaml", |_, clone| {
        let claim = Fixture::claim("shop.example.com");
        assert_ne!(claim, "hosts/00/shop.example.com.yaml");
        clone.write("hosts/00/shop.example.com.yaml", &clone.read(&claim));
        clone.commit("claim twice");
    });
}

#[test]
fn a_host_of_the_platforms_is_found() {
    broken(Rule::Host, &format!("{API}/service.yaml"), |_, clone| {
        clone.edit(&format!("{API}/service.yaml"), "hosts: []", "hosts: [www.apps.example.com]");
        clone.commit("take www");
    });
}

#[test]
fn an_env_value_in_clear_is_found_and_not_told() {
    let path = format!("{SITE}/env.sops.yaml");
    broken(Rule::Sealed, &path, |_, clone| {
        let text = clone.read(&path);
        let line = text.lines().find(|line| line.starts_with("TOKEN:")).unwrap().to_owned();
        clone.write(&path, &text.replace(&line, "TOKEN: hunter2"));
        clone.commit("a value in clear");
        let told = format!("{:?}", findings(&clone.dir, "HEAD"));
        assert!(!told.contains("hunter2"), "{told}");
    });
}

#[test]
fn a_symbolic_link_is_found() {
    let path = format!("{SITE}/manifests/service.yaml");
    broken(Rule::Layout, &path, |_, clone| {
        std::fs::remove_file(clone.dir.join(&path)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", clone.dir.join(&path)).unwrap();
        clone.commit("a link");
    });
}

#[test]
fn a_submodule_is_found_wherever_it_stands() {
    for path in [
        "vendored",
        &format!("{SITE}/manifests/deployment.yaml"),
        &Fixture::claim("shop.example.com"),
    ] {
        broken(Rule::Layout, path, |_, clone| {
            let entry = format!("160000,{},{path}", clone.head());
            clone.git(&["update-index", "--force-remove", path]);
            clone.git(&["update-index", "--add", "--cacheinfo", &entry]);
            clone.git(&["commit", "--quiet", "--message", "a submodule"]);
        });
    }
}

#[test]
fn an_executable_file_is_found() {
    broken(Rule::Layout, "README.md", |_, clone| {
        clone.git(&["update-index", "--chmod=+x", "README.md"]);
        clone.git(&["commit", "--quiet", "--message", "executable"]);
    });
}

#[test]
fn stray_paths_are_found() {
    for path in [
        ".gitmodules",
        ".gitattributes",
        "notes.txt",
        "clusters/eu-central-1/acme/shop/services/site/Dockerfile",
        "clusters/eu-central-1/acme/shop/services/site/manifests/a/b.yaml",
        "clusters/EU/cluster.yaml",
        "clusters/eu-central-1/acme/shop/services/Site/service.yaml",
        "templates/latest/service/deployment.yaml",
    ] {
        broken(Rule::Layout, path, |_, clone| {
            clone.write(path, "");
            clone.commit("a stray");
        });
    }
}

#[test]
fn a_folder_below_the_deepest_of_the_layout_is_found_without_looking_into_it() {
    let place = format!("{SITE}/manifests/a/b/c");
    broken(Rule::Layout, &place, |_, clone| {
        clone.write(&format!("{place}/{}/x.yaml", "d/".repeat(200)), "");
        clone.commit("very deep");
    });
}

#[test]
fn a_path_that_is_not_utf8_is_found() {
    broken(Rule::Layout, "caf\u{fffd}", |_, clone| {
        std::fs::write(clone.dir.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "").unwrap();
        clone.commit("latin 1");
    });
}

#[test]
fn law_3_a_commit_that_touches_two_services_is_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.git(&["rm", "-r", "--quiet", API, &Fixture::default_claim("api")]);
    clone.write(
        &format!("{SITE}/service.yaml"),
        &(clone.read(&format!("{SITE}/service.yaml")) + "\n"),
    );
    let commit = clone.commit("two at once");
    let found = findings(&clone.dir, "HEAD");
    assert_found(&found, Rule::Owner, &commit);
    assert!(
        found
            .iter()
            .any(|f| f.message.contains("acme/shop/site") && f.message.contains("acme/shop/api")),
        "{found:#?}"
    );
}

#[test]
fn a_claim_of_one_service_in_a_commit_of_another_is_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.edit(&format!("{API}/service.yaml"), "hosts: []", "hosts: [shop.example.com]");
    let claim = Fixture::claim("shop.example.com");
    clone.edit(&claim, "service: site", "service: api");
    let commit = clone.commit("take a host with its claim");
    assert_found(&findings(&clone.dir, "HEAD"), Rule::Owner, &commit);
}

#[test]
fn a_merge_is_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    clone.commit("beside");
    clone.git(&["checkout", "--quiet", "main"]);
    clone.git(&["merge", "--quiet", "--no-ff", "--no-edit", "side"]);
    assert_found(&findings(&clone.dir, "HEAD"), Rule::Linear, &clone.head());
}

#[test]
fn a_service_without_its_project_is_found() {
    let orphan = "clusters/eu-central-1/acme/lost/services/site/service.yaml";
    broken(Rule::Named, orphan, |_, clone| {
        let text = clone.read(&format!("{SITE}/service.yaml"));
        clone.write(orphan, &text.replace("project: shop", "project: lost"));
        clone.commit("a service of no project");
    });
}

#[test]
fn a_project_that_is_gone_under_its_services_is_found() {
    broken(Rule::Named, &format!("{API}/service.yaml"), |_, clone| {
        clone.git(&[
            "rm",
            "-r",
            "--quiet",
            &format!("{PROJECT}/project.yaml"),
            &format!("{PROJECT}/manifests"),
        ]);
        clone.commit("remove the project alone");
    });
}

#[test]
fn a_workspace_that_is_gone_under_its_projects_is_found() {
    broken(Rule::Named, &format!("{PROJECT}/project.yaml"), |_, clone| {
        clone.git(&["rm", "--quiet", "clusters/eu-central-1/acme/workspace.yaml"]);
        clone.commit("remove the workspace alone");
    });
}

#[test]
fn a_region_without_a_cluster_is_found() {
    broken(Rule::Named, "clusters/us-east-1/cluster.yaml", |_, clone| {
        let text = clone.read("clusters/eu-central-1/acme/workspace.yaml");
        clone.write("clusters/us-east-1/acme/workspace.yaml", &text);
        clone.commit("a workspace in no cluster");
    });
}

#[test]
fn a_name_that_is_used_in_two_regions_is_found() {
    let there = "clusters/us-east-1/acme/shop/services/site/service.yaml";
    broken(Rule::Named, there, |_, clone| {
        for file in [
            "cluster.yaml",
            "acme/workspace.yaml",
            "acme/shop/project.yaml",
            "acme/shop/services/site/service.yaml",
        ] {
            let text = clone.read(&format!("clusters/eu-central-1/{file}"));
            let text = text.replace("eu-central-1", "us-east-1");
            clone.write(&format!("clusters/us-east-1/{file}"), &text);
            clone.commit("one more file");
        }
    });
}

fn set(clone: &Clone) -> String {
    format!("templates/{}", clone.git(&["ls-tree", "--name-only", "HEAD:templates"]))
}

#[test]
fn a_template_set_that_is_gone_but_named_is_found() {
    broken(Rule::Named, &format!("{SITE}/service.yaml"), |_, clone| {
        clone.git(&["rm", "-r", "--quiet", &set(clone)]);
        clone.commit("remove templates");
    });
}

#[test]
fn a_template_set_that_does_not_match_its_digest_is_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let set = set(&clone);
    clone.edit(&format!("{set}/service/service.yaml"), "kind: Service", "kind: Service # mine");
    clone.commit("edit a template in place");
    let found = findings(&clone.dir, "HEAD");
    assert_found(&found, Rule::Parses, &set);
}

#[test]
fn a_copy_of_a_template_set_under_another_digest_is_found_though_nothing_names_it() {
    let other = format!("templates/{}", "0".repeat(64));
    broken(Rule::Parses, &other, |_, clone| {
        let from = clone.dir.join(set(clone));
        succeed(std::process::Command::new("cp").arg("-r").arg(from).arg(clone.dir.join(&other)));
        clone.commit("a copy under a digest that it does not have");
    });
}

#[test]
fn a_file_that_disagrees_with_its_path_is_found() {
    for (file, old, new) in [
        (format!("{API}/service.yaml"), "name: api", "name: apple"),
        (format!("{PROJECT}/project.yaml"), "name: shop", "name: shoppe"),
        ("clusters/eu-central-1/acme/workspace.yaml".to_owned(), "name: acme", "name: acne"),
        ("clusters/eu-central-1/cluster.yaml".to_owned(), "region: eu-central-1", "region: mars"),
        (Fixture::default_claim("api"), "name: api-", "name: apple-"),
    ] {
        broken(Rule::Parses, &file, |_, clone| {
            clone.edit(&file, old, new);
            clone.commit("say something else");
        });
    }
}

#[test]
fn a_file_that_is_not_what_its_schema_asks_for_is_found() {
    for (file, old, new) in [
        (format!("{SITE}/service.yaml"), "replicas: 1", "replicas: many"),
        (format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 1\n  replicaz: 2"),
        (format!("{PROJECT}/project.yaml"), "kind: Project", "kind: Service"),
        ("inkstone.yaml".to_owned(), "kind: Inkstone", "kind: Inkstoned"),
        ("inkstone.yaml".to_owned(), "layoutVersion: 1", "layoutVersion: 2"),
        (Fixture::claim("shop.example.com"), "kind: Host", "kind: Hosts"),
    ] {
        broken(Rule::Parses, &file, |_, clone| {
            clone.edit(&file, old, new);
            clone.commit("break the schema");
        });
    }
}

#[test]
fn a_repo_without_its_own_file_is_found() {
    broken(Rule::Named, "inkstone.yaml", |_, clone| {
        clone.git(&["rm", "--quiet", "inkstone.yaml"]);
        clone.commit("remove the root of trust");
    });
    broken(Rule::Named, "inkstone.yaml", |_, clone| {
        clone.git(&["rm", "-r", "--quiet", "."]);
        clone.commit("remove everything");
    });
}

#[test]
fn more_than_five_services_that_vanish_at_once_are_found() {
    let fixture = Fixture::new();
    for service in ["a", "b", "c", "d", "e"] {
        fixture.create(service, &[], &[]).unwrap();
    }
    let clone = fixture.clone();
    clone.git(&["rm", "-r", "--quiet", &format!("{PROJECT}/services"), "hosts"]);
    clone.commit("remove all services");
    let base = inkstone_state::snapshot_of(&clone.dir, Some("HEAD~1")).unwrap();
    let head = inkstone_state::snapshot_of(&clone.dir, Some("HEAD")).unwrap();
    let found = inkstone_state::check::check_head(&base, &head, false).unwrap();
    assert!(found.iter().any(|f| f.rule == Rule::Removal), "{found:#?}");
    assert_eq!(inkstone_state::check::check_head(&base, &head, true).unwrap(), []);
}

#[test]
fn what_files_say_reaches_no_terminal_as_a_command() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.write("a\u{1b}[2Jb", "");
    clone.write("c\u{202e}d", "");
    clone.edit(&format!("{API}/service.yaml"), "replicas: 1", "\"\\e[31mred\": 1");
    clone.commit("escapes");
    let found = findings(&clone.dir, "HEAD");
    assert!(found.len() >= 3, "{found:#?}");
    assert!(found.iter().any(|finding| finding.to_string().contains(r"c\u{202e}d")));
    for finding in found {
        assert!(!finding.to_string().contains(['\u{1b}', '\u{202e}']), "{finding:?}");
    }
}

#[test]
fn a_commit_that_mends_what_another_broke_is_not_blamed() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.write("notes.txt", "");
    let broke = clone.commit("a stray");
    clone.git(&["rm", "--quiet", "notes.txt"]);
    let mended = clone.commit("remove it");
    let found = findings(&clone.dir, "HEAD");
    assert_found(&found, Rule::Layout, &broke);
    assert!(
        found.iter().all(|f| f.commit.as_ref().is_none_or(|c| c.as_str() != mended)),
        "{found:#?}"
    );
}
