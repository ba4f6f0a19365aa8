//! Sources that make no image: what is said, and that nothing is kept.

use std::cell::Cell;

use inkstone_builder::limits::{MAX_DEPTH, MAX_ENTRIES, MAX_FILE_BYTES, MAX_PATH_BYTES};
use inkstone_builder::{
    BuildError, BuildRequest, Entry, EntryKind, MemoryTree, SourceError, SourceTree,
};
use inkstone_spec::Build;

use crate::fixture::{Bench, ORIGIN, commit, publish, service};

const FILE: EntryKind = EntryKind::File { executable: false };

/// Builds what must be refused; nothing may be left of it.
fn refusal(source: &dyn SourceTree, build: &Build) -> BuildError {
    let bench = Bench::new();
    let error = bench.build(source, build).unwrap_err();
    assert!(!bench.layout().exists(), "nothing is kept");
    let staged = std::fs::read_dir(bench.root.path().join(".staging")).unwrap().count();
    assert_eq!(staged, 0, "nothing half-written is left");
    assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    assert!(!error.suggestion().is_empty());
    error
}

fn site() -> MemoryTree {
    MemoryTree::new().file("index.html", "home")
}

#[test]
fn a_missing_directory_is_named_with_those_that_exist() {
    let source = site().file("web/dist/index.html", "").file("web/src/main.js", "");
    let error = refusal(&source, &publish("web", "build"));
    assert_eq!(error.code(), "directory_not_found");
    assert_eq!(
        error.to_string(),
        "there is no directory web/build in this commit; there are web/dist, web/src"
    );
    let error = refusal(&source, &publish("app", "dist"));
    assert_eq!(error.to_string(), "there is no directory app in this commit; there are web");
    let error = refusal(&site(), &publish("", "dist"));
    assert!(error.to_string().ends_with("there are no directories beside it"), "{error}");
    assert!(error.suggestion().contains("publish_directory"));
}

#[test]
fn a_directory_without_an_index_is_refused_and_the_one_with_it_is_named() {
    let source = MemoryTree::new()
        .file("package.json", "{}")
        .file("docs/api/index.html", "")
        .file("dist/index.html", "");
    let error = refusal(&source, &publish("", ""));
    assert_eq!(error.code(), "index_not_found");
    assert_eq!(
        error.to_string(),
        "the repository has no index.html; there is one in dist, docs/api"
    );
    assert!(error.suggestion().contains("so that dist is published"), "{}", error.suggestion());

    let error = refusal(&MemoryTree::new(), &publish("", ""));
    assert_eq!(
        error.to_string(),
        "the repository has no index.html; visitors would find nothing at /"
    );
}

#[test]
fn case_65_a_symlinked_root_or_publish_directory_is_refused() {
    let source = site()
        .symlink("linked", "/etc")
        .symlink("web/dist", "../../..")
        .file("real/index.html", "")
        .symlink("inside", "real");
    for (root, publish_directory, path) in [
        ("linked", "", "linked"),
        ("", "linked", "linked"),
        ("web", "dist", "web/dist"),
        ("inside", "", "inside"),
        ("linked/passwd", "", "linked"),
    ] {
        let error = refusal(&source, &publish(root, publish_directory));
        assert_eq!(error.code(), "not_a_directory");
        assert_eq!(error.to_string(), format!("{path} is a symbolic link, not a directory"));
    }
    let error = refusal(&site(), &publish("index.html", ""));
    assert_eq!(error.to_string(), "index.html is a file, not a directory");
    let error = refusal(&site().submodule("vendor"), &publish("vendor", ""));
    assert_eq!(error.to_string(), "vendor is a submodule, not a directory");
}

#[test]
fn case_1_a_name_that_is_no_file_name_is_refused() {
    let names: [&[u8]; 10] = [
        b"..",
        b".",
        b"",
        b"../evil",
        b"/etc/passwd",
        b"a/b",
        b"nul\0byte",
        b"new\nline",
        b"\x1b[31mred",
        b"latin-\xe9",
    ];
    for name in names {
        for kind in [FILE, EntryKind::Directory, EntryKind::Symlink] {
            let error = refusal(&site().entry("docs", name, kind), &publish("", ""));
            assert_eq!(error.code(), "unsafe_name", "{}", name.escape_ascii());
        }
    }
}

#[test]
fn case_1_a_name_that_is_there_twice_is_refused() {
    let source = site().symlink("a", "index.html").file("a/evil.html", "");
    let error = refusal(&source, &publish("", ""));
    assert_eq!(error.to_string(), "a is not a name that can be published: the commit has it twice");
}

#[test]
fn case_6_a_submodule_is_refused_where_it_is_published_and_nowhere_else() {
    let source = site().file("dist/index.html", "").submodule("vendor/theme");
    let error = refusal(&source, &publish("", ""));
    assert_eq!(error.code(), "submodule_refused");
    assert!(error.to_string().starts_with("vendor/theme is a submodule"), "{error}");
    assert!(Bench::new().build(&source, &publish("dist", "")).is_ok());
}

#[test]
fn case_12_a_tree_that_is_too_deep_is_refused() {
    let deep = |depth: usize| site().file(&format!("{}end.html", "d/".repeat(depth)), "");
    assert!(Bench::new().build(&deep(MAX_DEPTH), &publish("", "")).is_ok());
    let error = refusal(&deep(MAX_DEPTH + 1), &publish("", ""));
    assert_eq!(error.code(), "site_too_large");
    assert!(error.to_string().contains(&format!("{MAX_DEPTH} directories")), "{error}");
}

#[test]
fn case_12_a_tree_with_too_many_entries_is_refused() {
    let with = |entries: usize| {
        (1..entries).fold(site(), |tree, number| tree.file(&format!("f{number}.txt"), ""))
    };
    assert!(Bench::new().build(&with(MAX_ENTRIES), &publish("", "")).is_ok());
    let error = refusal(&with(MAX_ENTRIES + 1), &publish("", ""));
    assert_eq!(error.code(), "site_too_large");
    assert!(error.to_string().contains(&MAX_ENTRIES.to_string()), "{error}");
}

#[test]
fn case_12_a_file_that_is_too_large_is_refused_by_its_name_and_size() {
    /// A tree with one file of which only the size is known.
    struct Large;
    impl SourceTree for Large {
        fn list(&self, _: &str) -> Result<Vec<Entry>, SourceError> {
            Ok(vec![Entry { name: b"index.html".to_vec(), kind: FILE }])
        }
        fn read(&self, _: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
            Err(SourceError::TooLarge { bytes: max_bytes + 1 })
        }
    }
    let error = refusal(&Large, &publish("", ""));
    assert_eq!(error.code(), "site_too_large");
    assert!(error.to_string().contains(&format!("{} bytes", MAX_FILE_BYTES + 1)), "{error}");
}

#[test]
fn case_12_a_path_that_is_too_long_is_refused() {
    let long = format!("{}/{}/end.html", "a".repeat(MAX_PATH_BYTES / 2), "b".repeat(600));
    let error = refusal(&site().file(&long, ""), &publish("", ""));
    assert_eq!(error.code(), "site_too_large");
    assert!(error.to_string().contains(&format!("{MAX_PATH_BYTES} bytes")), "{error}");
}

#[test]
fn case_12_a_directory_that_contains_itself_ends_at_a_limit() {
    /// A tree object that lists itself, as a hash collision or a broken source could.
    struct Endless(usize);
    impl SourceTree for Endless {
        fn list(&self, _: &str) -> Result<Vec<Entry>, SourceError> {
            let name = |number| format!("d{number}").into_bytes();
            let entry = |number| Entry { name: name(number), kind: EntryKind::Directory };
            Ok((0..self.0).map(entry).collect())
        }
        fn read(&self, _: &str, _: u64) -> Result<Vec<u8>, SourceError> {
            Ok(Vec::new())
        }
    }
    for width in [1, 10, 1000] {
        assert_eq!(refusal(&Endless(width), &publish("", "")).code(), "site_too_large");
    }
}

#[test]
fn case_18_nothing_that_git_would_run_or_fetch_is_even_read() {
    /// A tree in which reading anything that is not published fails.
    struct Watched(MemoryTree);
    impl SourceTree for Watched {
        fn list(&self, directory: &str) -> Result<Vec<Entry>, SourceError> {
            assert!(!directory.starts_with(".git"), "{directory} was listed");
            self.0.list(directory)
        }
        fn read(&self, path: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
            assert_eq!(path, "index.html");
            self.0.read(path, max_bytes)
        }
    }
    let source = Watched(
        site()
            .file(".git/config", "[core]\n\tfsmonitor = touch /tmp/owned")
            .file(".git/hooks/post-checkout", "#!/bin/sh\ntouch /tmp/owned")
            .file(".gitmodules", "[submodule \"x\"]\n\turl = ext::sh -c 'touch /tmp/owned'")
            .file(".gitattributes", "* filter=lfs")
            .file(".lfsconfig", "[lfs]\n\turl = http://169.254.169.254/"),
    );
    let bench = Bench::new();
    let image = bench.build(&source, &publish("", "")).unwrap();
    assert_eq!(bench.site(&image).into_keys().collect::<Vec<_>>(), ["index.html"]);
}

#[test]
fn case_65_a_build_that_is_cancelled_stops_and_keeps_nothing() {
    let source = (0..100).fold(site(), |tree, number| tree.file(&format!("d{number}/a.txt"), "a"));
    let build = publish("", "");
    let request = BuildRequest {
        service: &service(),
        build: &build,
        source: &source,
        commit: &commit(),
        origin: ORIGIN,
    };
    for after in [0, 1, 50, 150] {
        let bench = Bench::new();
        let asked = Cell::new(0);
        let cancel = || {
            asked.set(asked.get() + 1);
            asked.get() > after
        };
        let error = bench.builder.build(&request, &mut |_| (), &cancel).unwrap_err();
        assert_eq!(error.code(), "cancelled");
        assert_eq!(asked.get(), after + 1, "it stops at once");
        assert!(!bench.layout().exists());
    }
}

#[test]
fn a_commit_that_cannot_be_read_is_said_with_the_path() {
    struct Broken;
    impl SourceTree for Broken {
        fn list(&self, _: &str) -> Result<Vec<Entry>, SourceError> {
            Ok(vec![Entry { name: b"index.html".to_vec(), kind: FILE }])
        }
        fn read(&self, _: &str, _: u64) -> Result<Vec<u8>, SourceError> {
            Err(SourceError::Unreadable("the object is missing".to_owned()))
        }
    }
    let error = refusal(&Broken, &publish("", ""));
    assert_eq!(error.code(), "source_unreadable");
    assert_eq!(error.to_string(), "cannot read index.html: the object is missing");
}
