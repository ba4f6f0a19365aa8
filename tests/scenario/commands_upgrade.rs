//! `inkstone upgrade`: a new template set reaches what is deployed in stages, a commit each.

use crate::harness::World;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const MANIFEST: &str = "clusters/eu-central-1/main/default/services/site/manifests/deployment.yaml";

/// The built-in templates with another limit.
fn templates(folder: &Path) -> PathBuf {
    let set = folder.join("templates");
    for scope in ["project", "service"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(scope);
        std::fs::create_dir_all(set.join(scope)).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), set.join(scope).join(file.file_name())).unwrap();
        }
    }
    let file = set.join("service/deployment.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (old, new) = ("revisionHistoryLimit: 3", "revisionHistoryLimit: 5");
    assert!(text.contains(old), "{text}");
    std::fs::write(&file, text.replace(old, new)).unwrap();
    set
}

fn answer(world: &World, args: &[&str]) -> Value {
    let said = world.server.inkstone_ok(&[&["upgrade", "--json"], args].concat());
    serde_json::from_str(&said).unwrap()
}

#[test]
fn new_templates_are_previewed_and_then_reach_services_in_stages() {
    let mut world = World::deployed();
    for name in ["two", "three"] {
        world.agent.ok("create_service", json!({"name": name, "repo": "site"}));
    }
    for name in ["two", "three"] {
        crate::harness::wait_for("its deployment", || {
            let service = world.agent.ok("get_service", json!({"name": name}));
            (service["deployment"]["status"] == "committed").then_some(())
        });
    }
    let hold = json!({"name": "two", "hold": {"reason": "wait"}});
    world.agent.ok("update_service", hold);
    assert!(world.server.inkstone_ok(&["upgrade"]).contains("0 services and 0 projects upgraded"));

    world.server.stop();
    let set = templates(world.server.folder());
    world.server.start_again_with(&[("INKSTONE_TEMPLATES", set.to_str().unwrap())]);
    world.agent.reconnect();
    let state = world.server.state();
    let before = state.lines(&["rev-parse", "main", "live"]);

    let shown = world.server.inkstone_ok(&["upgrade", "--dry-run", "--workspace", "main"]);
    for part in [
        format!("diff --git a/{MANIFEST} b/{MANIFEST}"),
        format!("--- a/{MANIFEST}\n+++ b/{MANIFEST}\n@@ "),
        "\n-  revisionHistoryLimit: 3\n+  revisionHistoryLimit: 5\n".to_owned(),
        "2 services and 1 project would be upgraded".to_owned(),
    ] {
        assert!(shown.contains(&part), "{part:?} in:\n{shown}");
    }
    assert!(!shown.contains("services/two/"), "what is on hold stays\n{shown}");
    assert_eq!(state.lines(&["rev-parse", "main", "live"]), before, "a preview changes nothing");

    let first = answer(&world, &["--project", "main/default", "--limit", "2"]);
    assert_eq!((first["changed"].as_array().unwrap().len(), &first["left"]), (2, &json!(1)));
    assert_eq!(first["on_hold"], json!(["service main/default/two"]));
    let rest = answer(&world, &[]);
    assert_eq!((rest["changed"].as_array().unwrap().len(), &rest["left"]), (1, &json!(0)));
    assert_eq!(answer(&world, &[])["changed"], json!([]));

    // A commit each, on both branches, of what runs and nothing else.
    let subjects = state.lines(&["log", "--format=%an %s", &format!("{}..live", before[0])]);
    let subject = |owner: &str| format!("operator upgrade {owner}");
    let order = ["service main/default/three", "service main/default/site", "project main/default"];
    assert_eq!(subjects, order.map(subject));
    let manifest = state.run(&["show", &format!("live:{MANIFEST}")]);
    assert!(manifest.contains("revisionHistoryLimit: 5"), "{manifest}");
    let service = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!(service["release"]["source_commit"], world.site.head(), "nothing is built");

    // As any change of a service it can be taken back, one by one.
    let clone = world.server.clone_state("operator");
    let mut command = crate::harness::binary();
    crate::harness::as_operator(&mut command);
    let upgraded =
        clone.lines(&["log", "--format=%H", "--grep=^upgrade service main/default/site"]);
    let output = command
        .args(["revert", &upgraded[0], "--push", "--repo"])
        .arg(clone.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("release.templates: "));
    let manifest = state.run(&["show", &format!("live:{MANIFEST}")]);
    assert!(manifest.contains("revisionHistoryLimit: 3"), "{manifest}");

    for args in [["--workspace", "none"], ["--project", "main/none"]] {
        let output = world.server.inkstone(&[&["upgrade"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}
