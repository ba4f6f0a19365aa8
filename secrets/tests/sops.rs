//! Judged by the real `sops`: it opens what we seal, we open what it edits, and neither undoes the
//! other's formatting.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use inkstone_secrets::{EnvFile, Identities, ParseError, open, seal};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env as process_env, fs};
use support::{Env, at, env, identities, line, recipients, sealed};
use tempfile::TempDir;

const INSTALL: &str = "this test needs the sops binary: \
    `go install github.com/getsops/sops/v3/cmd/sops@v3.13.3`, then put it on PATH or name it in INKSTONE_SOPS";

fn sops_binary() -> PathBuf {
    if let Some(named) = process_env::var_os("INKSTONE_SOPS") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "INKSTONE_SOPS names no file: {}; {INSTALL}", named.display());
        return named;
    }
    let path = process_env::var_os("PATH").unwrap_or_default();
    process_env::split_paths(&path)
        .map(|dir| dir.join("sops"))
        .find(|candidate| candidate.is_file())
        .expect(INSTALL)
}

/// A directory with an `env.sops.yaml` and the identity of one operator.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new(identities: &Identities) -> Self {
        let dir = tempfile::tempdir().unwrap();
        identities.save(&dir.path().join("identity.txt")).unwrap();
        Self { dir }
    }

    fn with_file(identities: &Identities, file: &EnvFile) -> Self {
        let desk = Self::new(identities);
        fs::write(desk.file(), file.to_string()).unwrap();
        desk
    }

    fn file(&self) -> PathBuf {
        self.path("env.sops.yaml")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(sops_binary())
            .args(args)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("SOPS_AGE_KEY_FILE", self.path("identity.txt"))
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }

    fn sops(&self, args: &[&str]) -> Vec<u8> {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "sops {args:?}: {said}");
        output.stdout
    }

    fn decrypted(&self) -> BTreeMap<String, String> {
        let json = self.sops(&["decrypt", "--output-type", "json", "env.sops.yaml"]);
        serde_json::from_slice(&json).unwrap()
    }

    /// The file as it is now, which prints as `sops` wrote it.
    fn read(&self) -> EnvFile {
        let text = fs::read_to_string(self.file()).unwrap();
        let file = EnvFile::parse(&text).unwrap();
        assert_eq!(file.to_string(), text);
        file
    }
}

fn clear(values: &Env) -> BTreeMap<String, String> {
    values.iter().map(|(key, value)| (key.to_string(), value.expose().to_owned())).collect()
}

fn updatekeys(desk: &Desk, to: &[&Identities]) {
    let recipients: Vec<_> =
        to.iter().map(|identities| identities.current().recipient().as_str()).collect();
    let rule = format!("creation_rules:\n  - age: {}\n", recipients.join(","));
    fs::write(desk.path(".sops.yaml"), rule).unwrap();
    desk.sops(&["updatekeys", "--yes", "env.sops.yaml"]);
}

#[test]
fn sops_opens_what_we_seal() {
    let me = identities();
    let huge = "x".repeat(32 * 1024);
    let values = env([
        ("EMPTY", ""),
        ("LINES", "a\n\tb\r\n\n"),
        ("QUOTES", "\"'\\ $HOME `id`"),
        ("UNICODE", "日本語 🦀 é \u{85} \u{2028}"),
        ("NUMBER", "0644"),
        ("SPACE", " "),
        ("HUGE", &huge),
        ("_", "underscore"),
        ("SOPS", "upper case is no block"),
    ]);
    let desk = Desk::with_file(&me, &sealed(None, &values, &me));
    assert_eq!(desk.decrypted(), clear(&values));
}

#[test]
fn sops_opens_names_that_yaml_could_take_for_something_else() {
    let me = identities();
    let names =
        ["FALSE", "N", "NO", "NULL", "OFF", "ON", "TRUE", "Y", "YES", "E1", "INF", "NAN", "_1"];
    let values = env(names.map(|name| (name, name)));
    let desk = Desk::with_file(&me, &sealed(None, &values, &me));
    assert_eq!(desk.decrypted(), clear(&values));
    desk.sops(&["set", "env.sops.yaml", "[\"Y\"]", "\"yes\""]);
    desk.read();
}

#[test]
fn we_open_what_sops_made_from_nothing() {
    let me = identities();
    let desk = Desk::new(&me);
    fs::write(desk.path("clear.yaml"), "B: two\nA: \"1\"\nEMPTY: \"\"\nLINES: \"a\\nb\\n\"\n")
        .unwrap();
    let recipient = me.current().recipient().as_str();
    let text = desk.sops(&["encrypt", "--age", recipient, "clear.yaml"]);
    fs::write(desk.file(), text).unwrap();
    let values = env([("A", "1"), ("B", "two"), ("EMPTY", ""), ("LINES", "a\nb\n")]);
    assert_eq!(open(&desk.read(), &me), Ok(values));
}

#[test]
fn sops_sets_one_value_and_the_others_stay_as_they_were() {
    let me = identities();
    let before = sealed(None, &env([("A", "1"), ("B", "2"), ("EMPTY", "")]), &me);
    let desk = Desk::with_file(&me, &before);
    desk.sops(&["set", "env.sops.yaml", "[\"B\"]", "\"two\\nlines\""]);
    let after = desk.read();
    assert_eq!(open(&after, &me), Ok(env([("A", "1"), ("B", "two\nlines"), ("EMPTY", "")])));
    assert_ne!(after.fingerprint(), before.fingerprint());
    assert_eq!(line(&after.to_string(), "A: "), line(&before.to_string(), "A: "));
}

#[test]
fn we_change_what_sops_added_and_sops_opens_it() {
    let me = identities();
    let desk = Desk::with_file(&me, &sealed(None, &env([("M", "1"), ("Z", "2")]), &me));
    desk.sops(&["set", "env.sops.yaml", "[\"A\"]", "\"new\""]);
    let unsorted = desk.read();
    assert_eq!(sealed(Some(&unsorted), &open(&unsorted, &me).unwrap(), &me), unsorted);

    let values = env([("A", "new"), ("M", "one"), ("Z", "2")]);
    let sorted = sealed(Some(&unsorted), &values, &me);
    fs::write(desk.file(), sorted.to_string()).unwrap();
    assert_eq!(desk.decrypted(), clear(&values));
    let (before, after) = (unsorted.to_string(), sorted.to_string());
    assert_eq!(line(&after, "A: "), line(&before, "A: "));
    assert!(after.find("A: ") < after.find("M: "));
}

#[test]
fn sops_adds_a_recipient_and_no_value_changes() {
    let (me, other) = (identities(), identities());
    let values = env([("A", "1"), ("B", "2")]);
    let before = sealed(None, &values, &me);
    let desk = Desk::with_file(&me, &before);
    updatekeys(&desk, &[&me, &other]);
    let after = desk.read();
    assert_eq!(after.fingerprint(), before.fingerprint());
    assert_eq!(open(&after, &other), Ok(values.clone()));
    assert_eq!(line(&after.to_string(), "mac: "), line(&before.to_string(), "mac: "));

    let desk = Desk::with_file(&other, &after);
    assert_eq!(desk.decrypted(), clear(&values));
    updatekeys(&desk, &[&other]);
    assert_eq!(open(&desk.read(), &me).unwrap_err().code(), "secrets_no_identity");
}

#[test]
fn a_recipient_that_we_add_opens_with_sops() {
    let (me, other) = (identities(), identities());
    let values = env([("A", "1")]);
    let both = recipients([&me, &other]);
    let now = at("2026-11-21T13:00:00Z");
    let file = seal(Some(&sealed(None, &values, &me)), &values, &me, &both, now).unwrap().unwrap();
    assert_eq!(Desk::with_file(&other, &file).decrypted(), clear(&values));
}

#[test]
fn an_old_identity_in_our_file_opens_with_sops() {
    let old = identities();
    let file = sealed(None, &env([("A", "1")]), &old);
    let rotated = Identities::new(identities().current().clone(), vec![old.current().clone()]);
    assert_eq!(Desk::with_file(&rotated, &file).decrypted(), clear(&env([("A", "1")])));
}

#[test]
fn a_number_that_sops_sealed_as_a_number_is_refused() {
    let me = identities();
    let desk = Desk::with_file(&me, &sealed(None, &env([("LIMIT", "1")]), &me));
    desk.sops(&["set", "env.sops.yaml", "[\"LIMIT\"]", "1000000"]);
    let error = EnvFile::parse(&fs::read_to_string(desk.file()).unwrap()).unwrap_err();
    assert_eq!(error, ParseError::NotText { key: "LIMIT".parse().unwrap() });
    desk.sops(&["set", "env.sops.yaml", "[\"LIMIT\"]", "\"1000000\""]);
    assert_eq!(open(&desk.read(), &me), Ok(env([("LIMIT", "1000000")])));
}

#[test]
fn sops_and_we_refuse_the_same_tampering() {
    let me = identities();
    let desk = Desk::new(&me);
    let before = sealed(None, &env([("A", "1"), ("B", "2")]), &me);
    let after = sealed(Some(&before), &env([("A", "one"), ("B", "2")]), &me).to_string();
    let before = before.to_string();
    for tampered in [
        after.replace(line(&after, "A: "), line(&before, "A: ")),
        after.replace(line(&after, "mac: "), line(&before, "mac: ")),
        after.replace("A: ENC", "C: ENC"),
    ] {
        fs::write(desk.file(), &tampered).unwrap();
        assert_eq!(open(&desk.read(), &me).unwrap_err().code(), "secrets_tampered");
        assert!(!desk.run(&["decrypt", "env.sops.yaml"]).status.success());
    }
}

#[test]
fn the_last_value_that_sops_removes_leaves_a_file_to_be_removed() {
    let me = identities();
    let desk = Desk::with_file(&me, &sealed(None, &env([("A", "1")]), &me));
    desk.sops(&["unset", "env.sops.yaml", "[\"A\"]"]);
    assert_eq!(read(&desk.file()), Err(ParseError::Empty));
}

fn read(path: &Path) -> Result<EnvFile, ParseError> {
    EnvFile::parse(&fs::read_to_string(path).unwrap())
}
