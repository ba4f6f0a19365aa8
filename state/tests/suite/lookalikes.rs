//! Words and addresses that a person takes for Inkstone's.

use crate::fixture::{Fixture, assert_found, findings};
use crate::git::{Clone, command, succeed};
use inkstone_state::check::Rule;

/// Commits as this committer and author.
fn commit_as(clone: &Clone, committer: &str, author: &str) {
    let mut command = command(&clone.dir);
    command.env("GIT_COMMITTER_EMAIL", committer).env("GIT_AUTHOR_EMAIL", author);
    succeed(command.args(["commit", "--quiet", "--allow-empty", "-m", "some words"]));
}

#[test]
fn trailers_that_only_look_like_inkstones_count_as_a_claim() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let head = clone.head();
    for line in [
        "Inkstone\u{200b}-Action: deploy",
        "\u{feff}Inkstone-Action: deploy",
        "I\u{2060}n\u{2060}kstone-Action: deploy",
        "Ink\u{200d}stone-\u{200e}Actor: root",
        "\u{202a}Inkstone-Deployment: dep_1",
        "Inkstone\u{e0041}-Action: deploy",
        "\u{2028}Inkstone-Action: deploy",
        "\u{1b}[32mInkstone-Action: deploy\u{1b}[0m",
        "Ink\u{1b}]0;title\u{7}stone-Action: deploy",
        "\tink\u{8}stone-action: deploy",
        "Ink\u{ad}stone-Action: deploy",
        "Inkstone\u{2011}Action: deploy",
        "Inkstone\u{fe0f}\u{2212}Action: deploy",
        "Inkstone\u{58a}Action: deploy",
        "Inkstone\u{10ead}Action: deploy",
        "\u{2800}Inkstone-Action: deploy",
        "Ｉｎｋｓｔｏｎｅ－Ａｃｔｉｏｎ: deploy",
        "lnkst\u{43e}ne-Action: deploy",
    ] {
        for message in
            [format!("words\n\n{line}"), format!("{line}\n\nwords"), format!("x\r{line}")]
        {
            clone.commit(&message);
            assert_found(&findings(&clone.dir, "HEAD"), Rule::Signature, &clone.head());
            clone.git(&["reset", "--quiet", "--hard", &head]);
        }
    }
}

#[test]
fn a_trailer_after_any_line_break_counts_as_a_claim() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let head = clone.head();
    for line_break in ['\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'] {
        clone.commit(&format!("words{line_break}Inkstone-Action: deploy"));
        assert_found(&findings(&clone.dir, "HEAD"), Rule::Signature, &clone.head());
        clone.git(&["reset", "--quiet", "--hard", &head]);
    }
}

#[test]
fn a_name_that_reads_as_inkstones_counts_as_a_claim() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let head = clone.head();
    for name in [
        "Inkstone",
        "inkstone",
        "Ink\u{200b}stone",
        "lnkstone",
        "Ｉｎｋｓｔｏｎｅ",
        "Іnkѕtоnе",
        "Ink stone.",
    ] {
        for role in ["GIT_COMMITTER_NAME", "GIT_AUTHOR_NAME"] {
            let mut command = command(&clone.dir);
            command.env(role, name);
            succeed(command.args(["commit", "--quiet", "--allow-empty", "-m", "some words"]));
            assert_found(&findings(&clone.dir, "HEAD"), Rule::Signature, &clone.head());
            clone.git(&["reset", "--quiet", "--hard", &head]);
        }
    }
}

#[test]
fn an_address_that_contains_inkstones_counts_as_a_claim() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let head = clone.head();
    let (ada, inkstone) = ("ada@example.com", "inkstone@inkstone.dev");
    for address in [
        inkstone,
        "Inkstone@INKSTONE.dev",
        "inkstone@inkstone.dev.example.com",
        "not-inkstone@inkstone.dev",
        "inkstone@inkstone.dev ada@example.com",
        "ada@example.com (inkstone@inkstone.dev)",
        "ci-deploy@keys.inkstone.dev",
        "ci-deploy@keys.inkstone.dev.example.com",
        "ink\u{200b}stone@inkstone.dev",
        "ｉｎｋｓｔｏｎｅ＠ｉｎｋｓｔｏｎｅ．ｄｅｖ",
        "inkst\u{43e}ne@inkstone.dev",
        "ci-deploy@keys\u{2024}inkstone.dev",
    ] {
        for (committer, author) in [(address, ada), (ada, address)] {
            commit_as(&clone, committer, author);
            assert_found(&findings(&clone.dir, "HEAD"), Rule::Signature, &clone.head());
            clone.git(&["reset", "--quiet", "--hard", &head]);
        }
    }
}

#[test]
fn whoever_speaks_about_inkstone_claims_nothing() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.commit("Inkstone deploys it\n\nThe trailer Inkstone-Action: deploy says so.");
    clone.commit("words\n\nReviewed-by: Inkstone-fan <fan@example.com>");
    commit_as(&clone, "inkstone@example.com", "ada@dev.inkstone.example");
    assert_eq!(findings(&clone.dir, "HEAD"), []);
}
