//! Trees that git's own index would never make.

use crate::fixture::{Fixture, assert_found, findings};
use crate::git::{Clone, command};
use crate::laws::broken;
use inkstone_state::check::Rule;
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
