//! What a user of sealing notices: values come back, diffs are small, tampering shows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use inkstone_secrets::{EnvFile, Identities, MAX_FILE_BYTES, SealError, open, seal, seal_merged};
use inkstone_spec::{EnvKey, EnvValue, MAX_ENV_KEYS, MAX_ENV_VALUE_BYTES};
use proptest::prelude::*;
use std::collections::BTreeSet;
use support::{Env, at, env, identities, line, recipients, sealed};

const NASTY: [&str; 14] = [
    "",
    " ",
    "\n",
    "a\nb\n",
    "\ta\r\n",
    "\"'`$(id)",
    "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]",
    "no",
    "1e3",
    "null",
    "# not a comment",
    "sops:\n  mac: x",
    "\u{feff}\u{85}\u{2028}\u{fffe}",
    "日本語 🦀 é",
];

fn any_value() -> impl Strategy<Value = EnvValue> {
    let text = prop_oneof![
        3 => any::<String>().prop_map(|text| text.replace('\0', "")),
        3 => prop::sample::select(&NASTY[..]).prop_map(str::to_owned),
        1 => Just("x".repeat(MAX_ENV_VALUE_BYTES)),
    ];
    text.prop_map(|text| EnvValue::new(text).unwrap())
}

fn any_env() -> impl Strategy<Value = Env> {
    let key = "[A-Z_][A-Z0-9_]{0,12}".prop_filter_map("reserved", |key| EnvKey::new(key).ok());
    prop::collection::btree_map(key, any_value(), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_sealed_is_opened_again(values in any_env()) {
        let me = identities();
        let text = sealed(None, &values, &me).to_string();
        let read = EnvFile::parse(&text).unwrap();
        prop_assert_eq!(read.to_string(), text);
        prop_assert_eq!(open(&read, &me).unwrap(), values);
    }

    #[test]
    fn a_change_touches_only_the_lines_of_what_changed(old in any_env(), new in any_env()) {
        let me = identities();
        let before = sealed(None, &old, &me);
        let after = sealed(Some(&before), &new, &me);
        prop_assert_eq!(open(&after, &me).unwrap(), new.clone());
        let (before, after) = (before.to_string(), after.to_string());
        let lines: BTreeSet<_> = before.lines().collect();
        for added in after.lines().filter(|line| !lines.contains(line)) {
            let name = added.trim().split(':').next().unwrap().trim_matches('"');
            let meant = match EnvKey::new(name) {
                Ok(key) => old.get(&key) != new.get(&key),
                Err(_) => name == "lastmodified" || name == "mac",
            };
            prop_assert!(meant, "{added}");
        }
    }
}

#[test]
fn no_value_stands_in_the_file_or_in_debug_output() {
    let me = identities();
    let file = sealed(None, &env([("TOKEN", "hunter2hunter2")]), &me);
    assert!(!file.to_string().contains("hunter2"));
    assert!(!format!("{file:?}").contains("hunter2"));
    assert!(!format!("{me:?}").contains("AGE-SECRET-KEY"));
}

#[test]
fn equal_values_under_two_names_look_different() {
    let file = sealed(None, &env([("A", "same"), ("B", "same")]), &identities()).to_string();
    assert_ne!(line(&file, "A: ")[3..], line(&file, "B: ")[3..]);
}

#[test]
fn nothing_changed_gives_the_same_file() {
    let me = identities();
    let values = env([("A", "1"), ("B", "")]);
    let before = sealed(None, &values, &me);
    assert_eq!(sealed(Some(&before), &values, &me), before);
}

#[test]
fn a_removed_value_leaves_the_others_as_they_were() {
    let me = identities();
    let before = sealed(None, &env([("A", "1"), ("B", "2")]), &me);
    let after = sealed(Some(&before), &env([("B", "2")]), &me);
    assert_eq!(after.keys().map(EnvKey::as_str).collect::<Vec<_>>(), ["B"]);
    assert_eq!(line(&after.to_string(), "B: "), line(&before.to_string(), "B: "));
    assert_eq!(
        line(&after.to_string(), "lastmodified"),
        "    lastmodified: \"2026-11-21T13:00:00Z\""
    );
}

#[test]
fn a_value_that_changes_back_gets_a_new_ciphertext() {
    let me = identities();
    let first = sealed(None, &env([("A", "1")]), &me);
    let third =
        sealed(Some(&sealed(Some(&first), &env([("A", "2")]), &me)), &env([("A", "1")]), &me);
    assert_ne!(first.fingerprint(), third.fingerprint());
}

#[test]
fn a_value_that_is_brought_back_has_its_ciphertext_again() {
    let (me, now) = (identities(), at("2026-11-21T13:00:00Z"));
    let then = sealed(None, &env([("A", "1"), ("B", "1")]), &me);
    let before = sealed(Some(&then), &env([("A", "2"), ("B", "2")]), &me);
    let back = |theirs: &EnvFile| {
        let values = env([("A", "1"), ("B", "2")]);
        let to = recipients([&me]);
        seal_merged(Some(&before), Some(theirs), &values, &me, &to, now).unwrap().unwrap()
    };
    let after = back(&then);
    assert_eq!(line(&after.to_string(), "A:"), line(&then.to_string(), "A:"));
    assert_eq!(line(&after.to_string(), "B:"), line(&before.to_string(), "B:"));
    assert_eq!(open(&after, &me).unwrap(), env([("A", "1"), ("B", "2")]));
    // Under another data key its ciphertext would not open.
    let other = back(&sealed(None, &env([("A", "1")]), &me));
    assert_eq!(open(&other, &me).unwrap(), env([("A", "1"), ("B", "2")]));
}

#[test]
fn no_values_give_no_file() {
    let me = identities();
    let before = sealed(None, &env([("A", "1")]), &me);
    let none =
        seal(Some(&before), &Env::new(), &me, &recipients([&me]), at("2026-11-21T13:00:00Z"));
    assert_eq!(none, Ok(None));
}

#[test]
fn a_new_recipient_changes_nothing_but_the_recipients() {
    let (me, other) = (identities(), identities());
    let values = env([("A", "1"), ("B", "2")]);
    let before = sealed(None, &values, &me);
    let both = recipients([&me, &other]);
    let after =
        seal(Some(&before), &values, &me, &both, at("2026-11-21T13:00:00Z")).unwrap().unwrap();

    assert_eq!(after.fingerprint(), before.fingerprint());
    assert_eq!(after.recipients().cloned().collect::<BTreeSet<_>>(), both);
    assert_eq!(open(&after, &other), Ok(values.clone()));
    let kept: BTreeSet<String> = after.to_string().lines().map(str::to_owned).collect();
    assert!(before.to_string().lines().all(|line| kept.contains(line)));

    let alone = sealed(Some(&after), &values, &me);
    assert_eq!(alone, before);
}

#[test]
fn a_stranger_cannot_open_and_is_told_who_could() {
    let me = identities();
    let error = open(&sealed(None, &env([("A", "1")]), &me), &identities()).unwrap_err();
    assert_eq!(error, SealError::NoIdentity { sealed_to: vec![me.current().recipient().clone()] });
    assert!(error.to_string().ends_with(me.current().recipient().as_str()));
}

#[test]
fn a_change_after_a_recipient_left_makes_a_new_data_key() {
    let (me, leaver) = (identities(), identities());
    let values = env([("A", "1"), ("B", "2")]);
    let both = recipients([&me, &leaver]);
    let before = seal(None, &values, &me, &both, at("2026-11-21T12:00:00Z")).unwrap().unwrap();
    let after = sealed(Some(&before), &env([("A", "1"), ("B", "3")]), &me).to_string();
    let before = before.to_string();
    // The keys that the leaver holds open nothing of the new file.
    let (_, old_block) = before.split_once("sops:").unwrap();
    let (new_values, _) = after.split_once("sops:").unwrap();
    let mixed = EnvFile::parse(&format!("{new_values}sops:{old_block}")).unwrap();
    assert_eq!(open(&mixed, &leaver).unwrap_err().code(), "secrets_tampered");
    for name in ["A: ", "B: "] {
        assert_ne!(line(&before, name), line(&after, name));
    }
}

#[test]
fn an_old_identity_still_opens() {
    let old = identities();
    let file = sealed(None, &env([("A", "1")]), &old);
    let rotated = Identities::new(identities().current().clone(), vec![old.current().clone()]);
    assert_eq!(open(&file, &rotated), Ok(env([("A", "1")])));
    let moved = sealed(Some(&file), &env([("A", "1")]), &rotated);
    assert_eq!(open(&moved, &old).unwrap_err().code(), "secrets_no_identity");
    assert_eq!(moved.fingerprint(), file.fingerprint());
}

#[test]
fn the_fingerprint_depends_on_values_and_not_on_their_order() {
    let me = identities();
    let file = sealed(None, &env([("A", "1"), ("B", "2"), ("C", "")]), &me);
    let text = file.to_string();
    let (a, rest) = text.split_once('\n').unwrap();
    let (b, rest) = rest.split_once('\n').unwrap();
    let swapped = EnvFile::parse(&format!("{b}\n{a}\n{rest}")).unwrap();
    assert_eq!(swapped.fingerprint(), file.fingerprint());
    let without_c = EnvFile::parse(&text.replace("C: \"\"\n", "")).unwrap();
    assert_ne!(without_c.fingerprint(), file.fingerprint());
    let renamed = EnvFile::parse(&text.replace("C: \"\"", "D: \"\"")).unwrap();
    assert_ne!(renamed.fingerprint(), file.fingerprint());
}

#[test]
fn a_value_under_another_name_is_refused() {
    let me = identities();
    let text = sealed(None, &env([("A", "first-value"), ("B", "second-value")]), &me).to_string();
    let moved = text.replace(line(&text, "B: "), &line(&text, "A: ").replacen('A', "B", 1));
    let error = open(&EnvFile::parse(&moved).unwrap(), &me).unwrap_err();
    assert_eq!(error, SealError::TamperedValue { key: EnvKey::new("B").unwrap() });
    assert!(!format!("{error} {error:?} {}", error.suggestion()).contains("-value"));
}

#[test]
fn values_that_were_not_sealed_together_are_refused() {
    let me = identities();
    let before = sealed(None, &env([("A", "1"), ("B", "2")]), &me);
    let after = sealed(Some(&before), &env([("A", "one"), ("B", "2")]), &me);
    let (before, after) = (before.to_string(), after.to_string());
    let rolled_back = after.replace(line(&after, "A: "), line(&before, "A: "));
    let removed = after.replace(&format!("{}\n", line(&after, "B: ")), "");
    let redated = after.replace("T13:00:00Z", "T13:00:01Z");
    for tampered in [rolled_back, removed, redated] {
        let file = EnvFile::parse(&tampered).unwrap();
        assert_eq!(open(&file, &me), Err(SealError::TamperedFile));
        let more = env([("A", "1"), ("C", "3")]);
        let sealed = seal(Some(&file), &more, &me, &recipients([&me]), at("2026-11-21T14:00:00Z"));
        assert_eq!(sealed, Err(SealError::TamperedFile));
    }
}

#[test]
fn sealing_so_that_nobody_here_could_open_is_refused() {
    let (me, other) = (identities(), identities());
    let now = at("2026-11-21T12:00:00Z");
    let values = env([("A", "1")]);
    let seal_to = |recipients: &_| seal(None, &values, &me, recipients, now).unwrap_err();
    assert_eq!(seal_to(&BTreeSet::new()), SealError::NoRecipients);
    assert_eq!(seal_to(&recipients([&other])), SealError::SealedOut);
    let crowd: Vec<_> = (0..40).map(|_| identities()).collect();
    assert_eq!(seal_to(&recipients(&crowd)), SealError::TooManyRecipients { found: 40 });
    let mut mistyped = recipients([&me]);
    let wrong = format!("age1{}", "q".repeat(58)).parse().unwrap();
    mistyped.insert(wrong);
    assert_eq!(seal_to(&mistyped).code(), "secrets_recipient_invalid");
}

#[test]
fn the_largest_environment_fits_into_a_file() {
    let me = identities();
    let crowd: Vec<_> = (0..31).map(|_| identities()).chain([me.clone()]).collect();
    let value = "x".repeat(EnvValue::MAX_TOTAL_BYTES / MAX_ENV_KEYS);
    let name = |at: usize| format!("{:0>1$}", at, EnvKey::MAX_LEN - 1);
    let names: Vec<_> = (0..MAX_ENV_KEYS).map(|at| format!("K{}", name(at))).collect();
    let values = env(names.iter().map(|name| (name.as_str(), value.as_str())));
    let now = at("2026-11-21T12:00:00Z");
    let file = seal(None, &values, &me, &recipients(&crowd), now).unwrap().unwrap();
    let text = file.to_string();
    assert!(text.len() <= MAX_FILE_BYTES, "{}", text.len());
    assert_eq!(open(&EnvFile::parse(&text).unwrap(), &me), Ok(values.clone()));

    let one_more = values.into_iter().chain(env([("MORE", "")])).collect();
    assert_eq!(seal(None, &one_more, &me, &recipients(&crowd), now), Err(SealError::TooMuch));
    let huge = "x".repeat(MAX_ENV_VALUE_BYTES);
    let names: Vec<_> = (0..17).map(|at| format!("K{at}")).collect();
    let too_large = env(names.iter().map(|name| (name.as_str(), huge.as_str())));
    assert_eq!(seal(None, &too_large, &me, &recipients(&crowd), now), Err(SealError::TooMuch));
}
