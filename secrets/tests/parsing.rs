//! What is refused as an environment file, and that the refusal never repeats a secret.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use inkstone_secrets::{EnvFile, MAX_FILE_BYTES, ParseError};
use inkstone_spec::EnvKey;
use support::{env, identities, line, sealed};

const SECRET: &str = "hunter2hunter2";

fn good() -> String {
    sealed(None, &env([("EMPTY", ""), ("TOKEN", SECRET)]), &identities()).to_string()
}

/// The refusal of `text`, which says nothing of the secret.
fn refusal(text: &str) -> ParseError {
    let error = EnvFile::parse(text).unwrap_err();
    let said = format!("{error} {error:?} {} {}", error.code(), error.suggestion());
    assert!(!said.contains("hunter2"), "{said}");
    error
}

fn token() -> EnvKey {
    EnvKey::new("TOKEN").unwrap()
}

#[test]
fn a_sealed_file_prints_as_it_was_read() {
    let text = good();
    let file = EnvFile::parse(&text).unwrap();
    assert_eq!(file.to_string(), text);
    assert_eq!(file.keys().map(EnvKey::as_str).collect::<Vec<_>>(), ["EMPTY", "TOKEN"]);
}

#[test]
fn a_value_that_is_not_sealed_is_named_and_not_shown() {
    let text = good();
    let sealed = line(&text, "TOKEN: ");
    for clear in [
        SECRET,
        "\"hunter2hunter2\"",
        "|\n  hunter2hunter2",
        "[hunter2hunter2]",
        "{PASSWORD: hunter2hunter2}",
        "12345",
        "true",
        "",
        "~",
        "\" \"",
        "ENC[hunter2hunter2]",
        "ENC[AES256_GCM,data:hunter2hunter2,iv:AA==,tag:AA==,type:str]",
    ] {
        let error = refusal(&text.replace(sealed, &format!("TOKEN: {clear}")));
        assert_eq!(error, ParseError::Unsealed { key: token() }, "{clear}");
    }
}

#[test]
fn a_value_that_was_sealed_as_a_number_is_refused_with_the_command_that_helps() {
    let error = refusal(&good().replacen("type:str]\n", "type:float]\n", 1));
    assert_eq!(error, ParseError::NotText { key: token() });
    assert_eq!(
        error.suggestion(),
        "Set it again in quotes: `sops set FILE '[\"TOKEN\"]' '\"VALUE\"'`."
    );
}

#[test]
fn a_comment_is_refused_wherever_it_stands() {
    let text = good();
    for commented in [
        format!("# TOKEN: {SECRET}\n{text}"),
        format!("{text}# {SECRET}\n"),
        text.replacen("type:str]\n", &format!("type:str] # {SECRET}\n"), 1),
    ] {
        assert!(matches!(refusal(&commented), ParseError::Comment { .. }));
    }
}

#[test]
fn a_repeated_key_is_refused() {
    let text = good();
    let repeated = format!("{}\n{text}", line(&text, "TOKEN: "));
    assert_eq!(refusal(&repeated), ParseError::DuplicateKey { line: 3 });
}

#[test]
fn a_key_that_no_service_may_have_is_refused() {
    for key in ["token", "1A", "A-B", "PORT", "LD_PRELOAD", "\"A B\"", "\"\"", "\"A\\nB\"", "<<"] {
        let error = refusal(&format!("{key}: \"\"\n{}", good()));
        let known = ["env_key_invalid", "env_file_malformed"];
        assert!(known.contains(&error.code()), "{key}: {error}");
    }
}

#[test]
fn what_is_not_one_flat_mapping_is_malformed() {
    let text = good();
    for other in [
        "- A\n".into(),
        SECRET.into(),
        format!("{text}---\nA: {SECRET}\n"),
        format!("TOKEN: hunter2hunter2: x\n{text}"),
        format!("A: &hunter2hunter2 \"\"\n{text}"),
        format!("A: !hunter2hunter2 \"\"\n{text}"),
        format!("A: {}{}\n{text}", "[".repeat(50), "]".repeat(50)),
        text.replace("sops:", "sops"),
    ] {
        assert_eq!(refusal(&other).code(), "env_file_malformed", "{other}");
    }
}

#[test]
fn too_much_and_nothing_at_all_are_refused() {
    let long = " ".repeat(MAX_FILE_BYTES + 1);
    assert_eq!(refusal(&long), ParseError::TooLarge { bytes: MAX_FILE_BYTES + 1 });
    let many: Vec<_> = (0..201).map(|at| format!("K{at}: \"\"\n")).collect();
    let many = many.concat();
    assert_eq!(refusal(&format!("{many}{}", good())), ParseError::TooManyKeys { found: 203 });
    let text = good();
    let none = text.split_once("sops:").unwrap().1;
    assert_eq!(refusal(&format!("sops:{none}")), ParseError::Empty);
    assert_eq!(refusal(""), ParseError::Empty);
}

#[test]
fn a_block_without_a_part_is_refused() {
    let text = good();
    let block = |field: &str| refusal(&text.replace(line(&text, field), "    kms: []"));
    for field in ["mac", "version", "lastmodified"] {
        assert_eq!(block(field), ParseError::Metadata { field: field.into() });
    }
    let (values, _) = text.split_once("sops:").unwrap();
    assert_eq!(refusal(values), ParseError::Metadata { field: "sops".into() });
    for (from, to) in [
        ("version: 3.13.3", "version: 3.13"),
        ("T12:00:00Z", "T12:00:00+00:00"),
        ("T12:00:00Z", "T12:00:00.5Z"),
        ("recipient: age1", "recipient: ssh-ed25519 "),
        ("-----END", "-----FIN"),
        ("    unencrypted_suffix", "    other: 1\n    unencrypted_suffix"),
    ] {
        assert_eq!(refusal(&text.replace(from, to)).code(), "sops_block_malformed", "{to}");
    }
}

#[test]
fn a_block_that_leaves_values_in_clear_is_refused() {
    let text = good();
    for setting in [
        "unencrypted_suffix: EN",
        "encrypted_suffix: _SECRET",
        "unencrypted_regex: .",
        "encrypted_regex: ^SECRET",
        "unencrypted_comment_regex: .",
        "encrypted_comment_regex: .",
        "mac_only_encrypted: true",
        "shamir_threshold: 2",
    ] {
        let error = refusal(&text.replace("unencrypted_suffix: _unencrypted", setting));
        assert_eq!(error.code(), "sops_block_partly_sealed", "{setting}");
    }
    for field in ["kms", "pgp", "gcp_kms", "azure_kv", "hc_vault", "hckms", "key_groups"] {
        let keys = format!("    {field}:\n        - fp: ABCD\n    mac:");
        let error = refusal(&text.replace("    mac:", &keys));
        assert_eq!(error, ParseError::ForeignKeys { field: field.into() });
    }
}

#[test]
fn fields_that_older_versions_of_sops_leave_empty_are_nothing() {
    let text = good();
    let old = "    kms: []\n    gcp_kms: []\n    azure_kv: []\n    hc_vault: []\n    pgp: null\n    \
               encrypted_regex: \"\"\n    mac_only_encrypted: false\n    mac:";
    let file = EnvFile::parse(&text.replace("    mac:", old)).unwrap();
    assert_eq!(file.to_string(), text);
}
