//! Links, against a kernel that follows them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::walk;
use crate::memory::MemoryTree;

/// A small tree of files, directories and links that lead all over the place.
fn links() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop::sample::select(vec!["a", "b", "c", "a/d", "b/e", "c/f"]);
    let part =
        prop::sample::select(vec!["a", "b", "c", "d", "e", "f", ".", "..", "", "index.html"]);
    let target = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    prop::collection::vec((name.prop_map(str::to_owned), target), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The kernel is the judge: what is published under a path is the file that a kernel finds
    /// there, and it is inside.
    #[test]
    fn what_a_link_publishes_is_what_a_kernel_finds_inside(links in links()) {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let dist = root.join("dist");
        let mut tree = MemoryTree::new();
        for path in ["index.html", "a/x.html", "b/y.html", "c/z.html"] {
            tree = tree.file(&format!("dist/{path}"), path);
            write(&dist, path);
        }
        write(&root, "index.html");
        for (path, target) in &links {
            let link = dist.join(path);
            if !target.is_empty() && link.symlink_metadata().is_err() {
                symlink(target, link).unwrap();
                tree = tree.symlink(&format!("dist/{path}"), target);
            }
        }
        if let Ok(walked) = walk(&tree, "dist", &|| false) {
            for file in walked.files {
                let real = dist.join(&file.path).canonicalize().unwrap();
                prop_assert!(real.starts_with(&dist), "{} is {}", file.path, real.display());
                prop_assert_eq!(real, root.join(&file.source));
            }
        }
    }
}

fn write(directory: &Path, path: &str) {
    let path_on_disk = directory.join(path);
    fs::create_dir_all(path_on_disk.parent().unwrap()).unwrap();
    fs::write(path_on_disk, path).unwrap();
}
