//! Intent files: they read back, refuse what they do not know, and their schemas are up to date.

use inkstone_spec::*;
use std::path::Path;

const SERVICE: &str = "apiVersion: inkstone.dev/v1
kind: Service
metadata:
  workspace: main
  project: default
  name: site
  uid: 01jdezx2k7e5m8w3r4t6y9a0bc
spec:
  source:
    host: inkstone
    repo: site
    branch: main
  build:
    pack: static
    publishDirectory: dist
  port: 8080
  replicas: 1
  resources:
    memory: 256Mi
    vcpus: \"0.5\"
  hosts: []
";

#[test]
fn a_service_prints_exactly_as_it_was_read() {
    let service: Service = yaml::parse(SERVICE.as_bytes()).unwrap();
    assert_eq!(yaml::print(&service).unwrap(), SERVICE);
}

#[test]
fn a_hold_prints_exactly_as_it_was_read() {
    let hold =
        "  hold:\n    reason: \"no: wait\"\n    by: ada\n    since: \"2026-11-21T12:00:00Z\"\n";
    let text = format!("{SERVICE}{hold}");
    let service: Service = yaml::parse(text.as_bytes()).unwrap();
    assert_eq!(service.spec.hold.as_ref().unwrap().reason.as_str(), "no: wait");
    assert_eq!(yaml::print(&service).unwrap(), text);
}

#[test]
fn what_a_file_does_not_say_right_is_refused_with_its_place() {
    let cases = [
        ("replicas: 1", "replicas: -1", "line 17"),
        ("replicas: 1", "replicas: 21", "0 to 20"),
        ("replicas: 1", "replicas: 1\n  replicas: 2", "duplicate"),
        ("replicas: 1", "replica: 1", "unknown field"),
        ("port: 8080", "port: 0", "1 to 65535"),
        ("memory: 256Mi", "memory: 300Mi", "256Mi"),
        ("name: site", "name: Site", "lower-case"),
        ("name: site", "name: &a site", "anchor"),
        ("kind: Service", "kind: Project", "Project"),
        ("inkstone.dev/v1", "inkstone.dev/v2", "v2"),
        ("branch: main", "branch: --upload-pack=x", "branch name"),
        ("hosts: []", "hold: {reason: x, by: ada}", "since"),
        ("hosts: []", "hold: {reason: \"\", by: ada, since: 2026-11-21T12:00:00Z}", "1 to 200"),
        ("hosts: []", "hold: {reason: x, by: ada, since: today}", "RFC 3339"),
    ];
    for (from, to, says) in cases {
        let text = SERVICE.replace(from, to);
        let error = yaml::parse::<Service>(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{to}: {error}");
        assert!(!error.contains("Options"), "the parser's own: {error}");
    }
}

#[test]
fn a_quota_out_of_range_is_refused() {
    let project = |pods: &str| {
        format!(
            "apiVersion: inkstone.dev/v1\nkind: Project\nmetadata: {{workspace: main, name: default}}\n\
             spec: {{isolation: restricted, quota: {{pods: {pods}, vcpus: 1, memoryGi: 1}}}}\n\
             release: {{templates: \"sha256:{}\"}}\n",
            "0".repeat(64)
        )
    };
    assert!(yaml::parse::<Project>(project("1000").as_bytes()).is_ok());
    for pods in ["0", "-1", "1001", "many", "1.5", "1e2", "'1'", "null", "[1]", "0x"] {
        let error = yaml::parse::<Project>(project(pods).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("a number from 1 to 1000") && !error.contains("u64"), "{error}");
    }
}

#[test]
fn strings_that_other_readers_take_for_something_else_are_quoted() {
    for text in [
        "no", "on", "y", "1e3", "0777", "null", "~", "=", "1_000", "0x1", "- a", "{{ x }}", "a: b",
        ".inf", "12:30",
    ] {
        let printed = yaml::print(&std::collections::BTreeMap::from([("k", text)])).unwrap();
        assert!(
            printed.contains(&format!("\"{text}\"")) || printed.contains(&format!("'{text}'")),
            "{printed}"
        );
    }
}

#[test]
fn deep_huge_and_self_referring_files_are_refused() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert!(yaml::parse::<serde_json::Value>(deep.as_bytes()).is_err());
    let huge = format!("a: \"{}\"", "x".repeat(yaml::MAX_FILE_BYTES));
    assert!(yaml::parse::<serde_json::Value>(huge.as_bytes()).is_err());
    let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    assert!(yaml::parse::<serde_json::Value>(laughs.as_bytes()).is_err());
}

/// `INKSTONE_ACCEPT=1` writes the schemas instead of comparing them.
#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for schema in schema::all() {
        let path = folder.join(schema.file);
        if std::env::var_os("INKSTONE_ACCEPT").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &schema.text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == schema.text,
            "{} is stale: run `cargo xtask accept` and review the diff",
            path.display()
        );
    }
}
