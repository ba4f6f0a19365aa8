//! Symbolic links: what stays inside is published as what it leads to, nothing else is.

use inkstone_builder::MemoryTree;

use crate::fixture::{Bench, publish};

fn site() -> MemoryTree {
    MemoryTree::new()
        .file("secret.txt", "secret")
        .file("dist/index.html", "home")
        .file("dist/a/page.html", "page")
        .file("dist/.env", "TOKEN=1")
}

#[test]
fn a_link_inside_the_published_directory_becomes_a_copy_of_what_it_leads_to() {
    let source = site()
        .symlink("dist/start.html", "index.html")
        .symlink("dist/a/up.html", "../index.html")
        .symlink("dist/chain.html", "./a/../start.html")
        .symlink("dist/b", "a");
    let bench = Bench::new();
    let image = bench.build(&source, &publish("dist", "")).unwrap();
    let files = bench.site(&image);
    for (path, content) in [
        ("start.html", "home"),
        ("a/up.html", "home"),
        ("chain.html", "home"),
        ("b/page.html", "page"),
        ("b/up.html", "home"),
    ] {
        assert_eq!(files[path], content.as_bytes(), "{path}");
    }
}

#[test]
fn case_6_a_link_that_leaves_the_published_directory_is_refused() {
    for target in [
        "../secret.txt",
        "/etc/passwd",
        "/",
        "..",
        "../dist/index.html",
        "a/../../secret.txt",
        "leave",
        "up/secret.txt",
    ] {
        let source = site()
            .symlink("dist/evil", target)
            .symlink("dist/leave", "../secret.txt")
            .symlink("dist/up", "..");
        let error = Bench::new().build(&source, &publish("dist", "")).unwrap_err();
        assert_eq!(error.code(), "symlink_refused", "{target}");
        assert_eq!(
            error.to_string(),
            "the symbolic link dist/evil leads out of the published directory",
            "{target}"
        );
    }
}

#[test]
fn case_6_a_link_that_leads_nowhere_or_to_a_hidden_file_is_refused() {
    for (target, problem) in [
        ("absent.html", "leads to nothing"),
        ("", "leads to nothing"),
        ("index.html/", "leads to nothing"),
        ("index.html/x", "leads to nothing"),
        ("evil", "leads through more than 8 other links"),
        (".env", "leads to a hidden file, which is never published"),
    ] {
        let source = site().symlink("dist/evil", target);
        let error = Bench::new().build(&source, &publish("dist", "")).unwrap_err();
        assert_eq!(error.to_string(), format!("the symbolic link dist/evil {problem}"), "{target}");
    }
}

#[test]
fn case_12_links_that_multiply_a_tree_end_at_a_limit() {
    let around = site().symlink("dist/loop", ".");
    let bomb = (0..20).fold(site(), |tree, level| {
        let next = format!("../l{}", level + 1);
        (0..5).fold(tree.file(&format!("dist/l{level}/f"), ""), |tree, number| {
            tree.symlink(&format!("dist/l{level}/{number}"), &next)
        })
    });
    let bomb = bomb.file("dist/l20/f", "");
    for source in [around, bomb] {
        let error = Bench::new().build(&source, &publish("dist", "")).unwrap_err();
        assert_eq!(error.code(), "site_too_large", "{error}");
    }
}
