//! Trees that git's own index would never make.

use crate::fixture::{Fixture, SITE, assert_found, findings};
use crate::git::{Clone, command};
use crate::laws::broken;
use inkstone_state::check::Rule;
use inkstone_state::snapshot_of;
use std::io::Write as _;
use std::process::Stdio;

/// Writes a tree of these entries, whatever they are.
fn tree(clone: &Clone, entries: &[(&str, &str, &str)]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        let pairs = id.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        bytes.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
    }
    let mut git = command(&clone.dir)
        .args(["hash-object", "-t", "tree", "-w", "--literally", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = git.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Mode, name and id of each entry of a tree.
type Entries = Vec<(String, String, String)>;

/// Makes a commit of a root tree like the head's with `change` made to its entries.
fn commit_root(clone: &Clone, change: impl FnOnce(&mut Entries)) {
    let listed = clone.git(&["ls-tree", "HEAD"]);
    let mut entries: Vec<_> = listed
        .lines()
        .map(|line| {
            let (meta, name) = line.split_once('\t').unwrap();
            let words: Vec<_> = meta.split(' ').collect();
            let mode = words[0].trim_start_matches('0').to_owned();
            (mode, name.to_owned(), words[2].to_owned())
        })
        .collect();
    change(&mut entries);
    let entries: Vec<_> =
        entries.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    let tree = tree(clone, &entries);
    let commit = clone.git(&["commit-tree", &tree, "-p", "HEAD", "-m", "a strange tree"]);
    clone.git(&["update-ref", "HEAD", &commit]);
}

#[test]
fn a_tree_that_readers_would_read_differently_is_found() {
    let root = |clone: &Clone| format!("tree {}", clone.git(&["rev-parse", "HEAD^{tree}"]));
    let strange: [fn(&mut Entries); 4] = [
        |entries| entries.reverse(),
        |entries| entries.push(entries.last().unwrap().clone()),
        |entries| {
            let readme = entries[0].2.clone();
            entries.push(("100644".into(), "zones/x".into(), readme));
        },
        |entries| {
            let readme = entries[0].2.clone();
            entries.insert(0, ("100644".into(), "..".into(), readme));
        },
    ];
    for change in strange {
        let fixture = Fixture::new();
        let clone = fixture.clone();
        commit_root(&clone, change);
        assert_found(&findings(&clone.dir, "HEAD"), Rule::Parses, &root(&clone));
    }
}

#[test]
fn a_folder_with_nothing_in_it_is_found() {
    broken(Rule::Layout, "zones", |_, clone| {
        let empty = tree(clone, &[]);
        commit_root(clone, |entries| entries.push(("40000".into(), "zones".into(), empty)));
    });
}

#[test]
fn a_mode_that_git_itself_never_writes_is_found() {
    for mode in ["100664", "100600", "104644", "0100644"] {
        broken(Rule::Layout, "README.md", |_, clone| {
            commit_root(clone, |entries| {
                let readme = entries.iter_mut().find(|entry| entry.1 == "README.md").unwrap();
                readme.0 = mode.into();
            });
        });
    }
    for mode in ["40755", "040000"] {
        broken(Rule::Layout, "hosts", |_, clone| {
            commit_root(clone, |entries| {
                let hosts = entries.iter_mut().find(|entry| entry.1 == "hosts").unwrap();
                hosts.0 = mode.into();
            });
        });
    }
}

#[test]
fn what_is_too_large_to_be_read_is_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let path = format!("{SITE}/service.yaml");
    clone.write(&path, &"#".repeat(17 << 20));
    clone.commit("a huge intent");
    let object = clone.git(&["rev-parse", &format!("HEAD:{path}")]);
    let found = findings(&clone.dir, "HEAD");
    assert_found(&found, Rule::Parses, &format!("object {object}"));
    assert!(found[0].message.contains("17825792 bytes, and at most 16777216"), "{}", found[0]);
    let error = snapshot_of(&clone.dir, None).unwrap_err();
    assert!(error.to_string().contains("service.yaml: has 17825792 bytes"), "{error}");
}
