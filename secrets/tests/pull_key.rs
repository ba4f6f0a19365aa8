//! Pull tokens: one for each project, made from a private file and the project's name alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use inkstone_secrets::{PullKey, PullKeyError};
use inkstone_spec::{ProjectRef, PullToken, docker_config_json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn project(name: &str) -> ProjectRef {
    name.parse().unwrap()
}

#[test]
fn a_token_is_the_hmac_of_the_projects_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pull-key");
    write(&path, &format!("{}\n", "2a".repeat(32)), 0o600);
    let token = PullKey::load(&path).unwrap().token(&project("acme/shop"));
    // printf 'inkstone pull v1\0acme/shop' | openssl dgst -sha256 -mac HMAC -macopt hexkey:2a…
    assert_eq!(
        token.expose(),
        "mlp_71673972d42732697b9cfbe38d47b5b2450ecdd139167c329f4fcd41fa6de9a3"
    );
}

#[test]
fn what_was_saved_makes_the_same_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pull-key");
    let key = PullKey::generate().unwrap();
    key.save(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let shop = project("acme/shop");
    assert!(PullKey::load(&path).unwrap().admits(&shop, &key.token(&shop)));
    assert!(matches!(key.save(&path), Err(PullKeyError::Unwritable { .. })));
}

#[test]
fn a_token_is_good_for_its_project_and_key_only() {
    let key = PullKey::generate().unwrap();
    let shop = project("acme/shop");
    let token = key.token(&shop);
    assert!(key.admits(&shop, &token));
    for other in ["acme/shop2", "acme/sho", "rival/shop"] {
        assert!(!key.admits(&project(other), &token), "{other}");
    }
    assert!(!PullKey::generate().unwrap().admits(&shop, &token));
    assert!(!key.admits(&shop, &PullToken::from_random([0; 32])));
}

#[test]
fn a_file_that_is_no_private_key_is_refused_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pull-key");
    let good = "2a".repeat(32);
    for (text, mode) in
        [(good.as_str(), 0o644), (&good[1..], 0o600), ("", 0o600), (&good.repeat(8), 0o600)]
    {
        write(&path, text, mode);
        let error = PullKey::load(&path).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("2a2a"), "{error}");
    }
    write(&path, &good, 0o400);
    assert_eq!(format!("{:?}", PullKey::load(&path).unwrap()), "PullKey([redacted])");
}

#[test]
fn a_pull_secret_is_what_docker_writes_at_login() {
    let registry = "registry.example.com:5000/team".parse().unwrap();
    let config: serde_json::Value =
        serde_json::from_str(&docker_config_json(&registry, "acme/shop", "mlp_x")).unwrap();
    let entry = &config["auths"]["registry.example.com:5000/team"];
    assert_eq!(entry["username"], "acme/shop");
    assert_eq!(entry["password"], "mlp_x");
    // printf acme/shop:mlp_x | base64
    assert_eq!(entry["auth"], "YWNtZS9zaG9wOm1scF94");
}
