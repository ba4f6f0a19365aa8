//! Intent in, manifests out, byte for byte.

use crate::cases::{self, Manifests};
use std::fs;
use std::path::Path;

/// `INKSTONE_ACCEPT=1` writes the manifests instead of comparing them.
#[test]
fn law_2_every_case_renders_to_exactly_its_manifests() {
    let renderer = cases::renderer();
    let cases = cases::all();
    assert!(cases.len() >= 25, "only {} golden cases", cases.len());
    let mut stale = Vec::new();
    for case in &cases {
        let manifests = case.render(&renderer).unwrap();
        let folder = case.folder.join("manifests");
        if std::env::var_os("INKSTONE_ACCEPT").is_some() {
            accept(&folder, &manifests);
        }
        let committed = committed(&folder);
        let paths =
            manifests.keys().chain(committed.keys().filter(|path| !manifests.contains_key(*path)));
        for path in paths {
            if manifests.get(path) != committed.get(path) {
                stale.push(format!("{}/manifests/{path}", case.name()));
            }
        }
    }
    assert!(
        stale.is_empty(),
        "these differ from what is rendered now: run `cargo xtask accept` and review the diff\n{}",
        stale.join("\n")
    );
}

#[test]
fn a_service_without_a_release_renders_to_nothing() {
    let manifests = cases::one("no-release").render(&cases::renderer()).unwrap();
    assert!(manifests.keys().all(|path| path.starts_with("project/")), "{:?}", manifests.keys());
}

fn accept(folder: &Path, manifests: &Manifests) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    for (path, text) in manifests {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn committed(folder: &Path) -> Manifests {
    let mut manifests = Manifests::new();
    for scope in ["project", "service"] {
        let Ok(entries) = fs::read_dir(folder.join(scope)) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let path = format!("{scope}/{}", entry.file_name().to_string_lossy());
            manifests.insert(path, fs::read_to_string(entry.path()).unwrap());
        }
    }
    manifests
}
