//! Who may speak for Inkstone.

use crate::fixture::{Fixture, SITE, assert_found, findings, name};
use crate::git::{Clone, command, succeed};
use inkstone_spec::Digest;
use inkstone_state::Signer;
use inkstone_state::check::Rule;
use std::path::PathBuf;

const CLAIM: &str = "Inkstone-Action: create-service\nInkstone-Service: acme/shop/site\n\
    Inkstone-Actor: ci-deploy\nInkstone-Tool: create_service";

/// A key that `inkstone.yaml` does not list.
fn stranger(fixture: &Fixture) -> (PathBuf, Signer) {
    let path = fixture.temp.path().join("stranger");
    let signer = Signer::create(&path, &[66; 32]).unwrap();
    (path, signer)
}

fn expect(clone: &Clone, rule: Rule) {
    assert_found(&findings(&clone.dir, "HEAD"), rule, &clone.head());
}

#[test]
fn trailers_that_an_operator_forged_are_found_anywhere_in_the_message() {
    for message in [
        format!("deploy acme/shop/site\n\n{CLAIM}"),
        format!("{CLAIM}\n\nand some words after"),
        format!("words\n\n{CLAIM}\n\nSigned-off-by: Ada <ada@example.com>"),
        "words\n\ninkstone-action: deploy".to_owned(),
        "words\n\n   Inkstone-Action: deploy".to_owned(),
        "words\rInkstone-Action: deploy".to_owned(),
        "Inkstone-Actor: root".to_owned(),
    ] {
        let fixture = Fixture::new();
        let clone = fixture.clone();
        clone.commit(&message);
        expect(&clone, Rule::Signature);
    }
}

#[test]
fn trailers_in_another_encoding_are_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let message = "words\n\n+AEk-nkstone-Action: deploy";
    clone.git(&["-c", "i18n.commitEncoding=UTF-7", "commit", "--allow-empty", "-qm", message]);
    assert!(clone.git(&["cat-file", "commit", "HEAD"]).contains("\nencoding UTF-7\n"));
    expect(&clone, Rule::Trailer);
}

#[test]
fn a_signature_by_another_key_is_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let (key, _) = stranger(&fixture);
    clone.commit_as_inkstone(&format!("words\n\n{CLAIM}"), Some(&key));
    expect(&clone, Rule::Signature);
}

#[test]
fn a_missing_signature_under_inkstones_address_is_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.commit_as_inkstone("words alone", None);
    expect(&clone, Rule::Signature);
}

#[test]
fn an_author_whose_address_is_a_keys_is_found_without_a_signature() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let author = "ci-deploy <CI-deploy@Keys.inkstone.dev>";
    clone.git(&["commit", "--quiet", "--allow-empty", "--author", author, "-m", "it was not me"]);
    expect(&clone, Rule::Signature);
}

#[test]
fn a_signature_that_was_taken_from_another_commit_is_found() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let commit = clone.git(&["cat-file", "commit", "HEAD"]) + "\n";
    let forged = clone.dir.join("forged");
    std::fs::write(&forged, commit.replace("create acme/shop/api", "create acme/shop/spa"))
        .unwrap();
    let id = clone.git(&["hash-object", "-t", "commit", "-w", forged.to_str().unwrap()]);
    clone.git(&["reset", "--quiet", "--hard", &id]);
    expect(&clone, Rule::Signature);
}

#[test]
fn a_commit_that_adds_a_key_cannot_vouch_for_itself_with_it() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let (key, signer) = stranger(&fixture);
    let file = clone.read("inkstone.yaml");
    let line = file.lines().find(|line| line.contains("- ssh-ed25519")).unwrap();
    let mine = line.replace(fixture.state.signer().public().as_str(), signer.public().as_str());
    clone.write("inkstone.yaml", &file.replace(line, &format!("{line}\n{mine}")));
    let message = "install\n\nInkstone-Action: install-templates\nInkstone-Actor: operator\nInkstone-Tool: inkstone";
    clone.commit_as_inkstone(message, Some(&key));
    expect(&clone, Rule::Signature);
}

fn claim(action: &str, service: &str) -> String {
    format!(
        "words\n\nInkstone-Action: {action}\nInkstone-Service: {service}\n\
         Inkstone-Actor: ci-deploy\nInkstone-Tool: t"
    )
}

#[test]
fn a_signed_commit_whose_trailers_disagree_with_its_diff_is_found() {
    // Valid, but not what the commit brings.
    let release = format!(
        "Inkstone-Deployment: dep_01jdezx2k7e5m8w3r4t6y9a0bc\nSource-Repo: inkstone/acme/code\n\
         Source-Commit: {}\nImage: {}",
        "1".repeat(40),
        Digest::of(b"another")
    );
    let (site, api) = ("acme/shop/site", "acme/shop/api");
    let messages = [
        ("another service", claim("delete-service", api)),
        ("not deleted", claim("delete-service", site)),
        ("not created", claim("create-service", site)),
        ("another release", format!("{}\n{release}", claim("deploy", site))),
        ("a deploy of nothing", claim("deploy", site)),
        ("an unknown action", claim("conjure", site)),
        ("no tool", "words\n\nInkstone-Action: found\nInkstone-Actor: a".to_owned()),
        ("twice", claim("deploy", site) + "\nInkstone-Actor: b"),
    ];
    for (why, message) in messages {
        let fixture = Fixture::new();
        let clone = fixture.clone();
        clone.edit(&format!("{SITE}/service.yaml"), "branch: main", "branch: next");
        clone.commit_as_inkstone(&message, Some(&fixture.key()));
        let found = findings(&clone.dir, "HEAD");
        assert!(found.iter().any(|f| f.rule == Rule::Trailer), "{why}: {found:#?}");
    }
}

#[test]
fn a_signed_commit_that_the_real_git_made_with_honest_trailers_is_good() {
    let fixture = Fixture::new();
    fixture.delete("api").unwrap();
    let clone = fixture.clone();
    let message = clone.git(&["show", "--no-patch", "--format=%B", "HEAD"]);
    clone.git(&["reset", "--quiet", "--soft", "HEAD~1"]);
    clone.commit_as_inkstone(&message, Some(&fixture.key()));
    assert_eq!(findings(&clone.dir, "HEAD"), []);
}

#[test]
fn keys_count_from_the_commit_after_the_one_that_lists_them() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let (key, signer) = stranger(&fixture);
    clone.edit("inkstone.yaml", fixture.state.signer().public().as_str(), signer.public().as_str());
    let words = "hand over to another key\n\nInkstone-Action: install-templates\n\
        Inkstone-Actor: operator\nInkstone-Tool: inkstone";
    clone.commit_as_inkstone(words, Some(&fixture.key()));
    assert_eq!(findings(&clone.dir, "HEAD"), []);
    clone.git(&["rm", "-r", "--quiet", crate::fixture::API, &Fixture::default_claim("api")]);
    let message =
        CLAIM.replace("create-service", "delete-service").replace("shop/site", "shop/api");
    clone.commit_as_inkstone(&format!("delete {}\n\n{message}", name("api")), Some(&key));
    assert_eq!(findings(&clone.dir, "HEAD"), []);
    clone.commit_as_inkstone(&format!("again\n\n{message}"), Some(&fixture.key()));
    expect(&clone, Rule::Signature);
}

#[test]
fn a_tampered_signature_is_bad_for_the_real_git_as_well() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let signers = fixture.temp.path().join("signers");
    let line = format!("inkstone@inkstone.dev {}\n", fixture.state.signer().public());
    std::fs::write(&signers, line).unwrap();
    let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    succeed(command(&clone.dir).args(["-c", &setting, "verify-commit", "HEAD"]));
    let commit = clone.git(&["cat-file", "commit", "HEAD"]) + "\n";
    let forged = clone.dir.join("forged");
    std::fs::write(&forged, commit.replace("shop/api", "shop/spa")).unwrap();
    let id = clone.git(&["hash-object", "-t", "commit", "-w", forged.to_str().unwrap()]);
    let output = command(&clone.dir).args(["-c", &setting, "verify-commit", &id]).output().unwrap();
    assert!(!output.status.success());
}
