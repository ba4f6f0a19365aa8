use crate::support::{Fixture, key_hash};
use inkstone_spec::{CredentialHash, GitToken, KeyName, RepoRef, Scope, Scopes};
use inkstone_store::{
    MAX_GIT_TOKENS_PER_KEY, MAX_GIT_TOKENS_PER_REPO, NewGitToken, NewKey, StoreError,
    WorkspaceGrant,
};

fn name(name: &str) -> KeyName {
    name.parse().unwrap()
}

fn repo(repo: &str) -> RepoRef {
    repo.parse().unwrap()
}

fn key(key: &str, hash: u8) -> NewKey {
    NewKey {
        name: name(key),
        hash: key_hash(hash),
        scopes: [Scope::Read, Scope::Deploy].into_iter().collect(),
        workspaces: WorkspaceGrant::All,
    }
}

fn token(hash: u8, created_by: &str, expires_at: i64) -> NewGitToken {
    NewGitToken {
        hash: key_hash(hash),
        repo: repo("main/site"),
        created_by: name(created_by),
        expires_at,
    }
}

#[tokio::test]
async fn a_key_comes_back_as_it_was_granted() {
    let f = Fixture::new().await;
    let grants = [
        (Scopes::all(), WorkspaceGrant::All),
        (Scopes::default(), WorkspaceGrant::Some([].into())),
        (
            [Scope::EnvRead].into_iter().collect(),
            WorkspaceGrant::Some(["acme".parse().unwrap(), "main".parse().unwrap()].into()),
        ),
    ];
    for (number, (scopes, workspaces)) in (0_u8..).zip(grants) {
        let new = NewKey {
            name: name(&format!("key-{number}")),
            hash: key_hash(number),
            scopes,
            workspaces,
        };
        let made = f.store.create_key(&new, 7).await.unwrap();
        let found = f.store.find_key(&new.hash).await.unwrap().unwrap();
        assert_eq!(found, made);
        assert_eq!((found.scopes, found.workspaces), (new.scopes, new.workspaces));
        assert_eq!((found.created_at, found.revoked_at, found.last_used_at), (7, None, None));
    }
}

#[tokio::test]
async fn an_unknown_key_is_not_found() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();

    assert_eq!(f.store.find_key(&key_hash(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_name_is_taken_until_its_key_is_revoked() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();

    let error = f.store.create_key(&key("ci", 2), 1).await.unwrap_err();
    assert!(matches!(error, StoreError::KeyNameTaken(_)), "{error}");
    assert_eq!(f.store.find_key(&key_hash(2)).await.unwrap(), None);

    assert!(f.store.revoke_key(&name("ci"), 2).await.unwrap());
    f.store.create_key(&key("ci", 2), 3).await.unwrap();
    assert_eq!(f.store.find_key(&key_hash(1)).await.unwrap(), None, "the revoked one is gone");
    assert!(f.store.find_key(&key_hash(2)).await.unwrap().is_some());
    let listed: Vec<_> = f.store.list_keys().await.unwrap().iter().map(|k| k.revoked_at).collect();
    assert_eq!(listed, [Some(2), None]);
}

#[tokio::test]
async fn revoking_says_whether_there_was_a_key() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();

    assert!(!f.store.revoke_key(&name("other"), 1).await.unwrap());
    assert!(f.store.revoke_key(&name("ci"), 1).await.unwrap());
    assert!(!f.store.revoke_key(&name("ci"), 2).await.unwrap());
}

#[tokio::test]
async fn only_a_new_database_has_no_keys() {
    let f = Fixture::new().await;
    assert!(!f.store.has_keys().await.unwrap());

    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    f.store.revoke_key(&name("ci"), 1).await.unwrap();

    assert!(f.store.has_keys().await.unwrap());
}

#[tokio::test]
async fn the_last_use_of_a_key_only_moves_forward() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    let uses = |at| [(key_hash(1), at), (key_hash(9), at)];

    for (at, expected) in [(50, 50), (40, 50), (60, 60)] {
        f.store.touch_keys(&uses(at)).await.unwrap();
        let found = f.store.find_key(&key_hash(1)).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(expected), "after a use at {at}");
    }
}

#[tokio::test]
async fn a_git_token_is_good_until_it_expires() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    f.store.create_git_token(&token(2, "ci", 100), 10).await.unwrap();

    let found = f.store.find_git_token(&key_hash(2), 99).await.unwrap().unwrap();
    assert_eq!((found.repo, found.created_by), (repo("main/site"), name("ci")));
    assert_eq!((found.created_at, found.expires_at), (10, 100));
    assert_eq!(f.store.find_git_token(&key_hash(2), 100).await.unwrap(), None);
    assert_eq!(f.store.find_git_token(&key_hash(3), 50).await.unwrap(), None);
}

#[tokio::test]
async fn a_git_token_needs_a_key_that_is_good() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    f.store.revoke_key(&name("ci"), 1).await.unwrap();

    for maker in ["ci", "nobody"] {
        let error = f.store.create_git_token(&token(2, maker, 100), 2).await.unwrap_err();
        assert!(matches!(error, StoreError::UnknownKey(_)), "{error}");
    }
}

#[tokio::test]
async fn a_git_token_ends_with_its_key_and_a_later_key_of_that_name_does_not_bring_it_back() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    f.store.create_git_token(&token(2, "ci", 100), 0).await.unwrap();

    f.store.revoke_key(&name("ci"), 1).await.unwrap();
    assert_eq!(f.store.find_git_token(&key_hash(2), 2).await.unwrap(), None);

    f.store.create_key(&key("ci", 3), 2).await.unwrap();
    assert_eq!(f.store.find_git_token(&key_hash(2), 3).await.unwrap(), None);
}

#[tokio::test]
async fn the_git_tokens_of_a_repository_end_with_it() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    f.store.create_git_token(&token(2, "ci", 100), 0).await.unwrap();
    let other = NewGitToken { repo: repo("main/other"), ..token(3, "ci", 100) };
    f.store.create_git_token(&other, 0).await.unwrap();

    assert_eq!(f.store.revoke_git_tokens(&repo("main/site"), 1).await.unwrap(), 1);

    assert_eq!(f.store.find_git_token(&key_hash(2), 2).await.unwrap(), None);
    assert!(f.store.find_git_token(&key_hash(3), 2).await.unwrap().is_some());
}

#[tokio::test]
async fn purging_deletes_only_git_tokens_that_nobody_can_use() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    f.store.create_git_token(&token(2, "ci", 100), 0).await.unwrap();
    f.store.create_git_token(&token(3, "ci", 200), 0).await.unwrap();

    assert_eq!(f.store.purge_expired(150).await.unwrap(), 1);
    assert_eq!(f.store.purge_expired(150).await.unwrap(), 0);
    assert!(f.store.find_git_token(&key_hash(3), 150).await.unwrap().is_some());
}

/// The hash of one of more tokens than a byte can number.
fn token_hash(number: u32) -> CredentialHash {
    let mut random = [0; 32];
    random[..4].copy_from_slice(&number.to_le_bytes());
    GitToken::from_random(random).hash()
}

#[tokio::test]
async fn one_git_token_too_many_for_a_repository_ends_the_oldest_of_that_key() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    f.store.create_key(&key("other", 2), 0).await.unwrap();
    let elsewhere = NewGitToken { repo: repo("main/other"), ..token(3, "ci", 1_000) };
    f.store.create_git_token(&elsewhere, 0).await.unwrap();
    f.store.create_git_token(&token(4, "other", 1_000), 0).await.unwrap();
    for number in 0..=MAX_GIT_TOKENS_PER_REPO {
        let new = NewGitToken { hash: token_hash(number), ..token(0, "ci", 1_000) };
        f.store.create_git_token(&new, i64::from(number)).await.unwrap();
    }

    let good = async |hash| f.store.find_git_token(&hash, 100).await.unwrap().is_some();
    assert!(!good(token_hash(0)).await);
    for number in 1..=MAX_GIT_TOKENS_PER_REPO {
        assert!(good(token_hash(number)).await, "token {number}");
    }
    assert!(good(key_hash(3)).await && good(key_hash(4)).await);
}

#[tokio::test]
async fn one_git_token_too_many_for_a_key_ends_its_oldest() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    for number in 0..=MAX_GIT_TOKENS_PER_KEY {
        let new = NewGitToken {
            hash: token_hash(number),
            repo: repo(&format!("main/r{}", number % 100)),
            ..token(0, "ci", 10_000)
        };
        f.store.create_git_token(&new, i64::from(number)).await.unwrap();
    }

    let mut good = Vec::new();
    for number in 0..=MAX_GIT_TOKENS_PER_KEY {
        let found = f.store.find_git_token(&token_hash(number), 5_000).await.unwrap();
        good.extend(found.map(|_| number));
    }
    assert_eq!(good, (1..=MAX_GIT_TOKENS_PER_KEY).collect::<Vec<_>>());
}

#[tokio::test]
async fn git_tokens_that_ended_take_no_room() {
    let f = Fixture::new().await;
    f.store.create_key(&key("ci", 1), 0).await.unwrap();
    f.store.create_git_token(&token(3, "ci", 1_000), 0).await.unwrap();
    for number in 0..2 * MAX_GIT_TOKENS_PER_REPO {
        let now = i64::from(number);
        let new = NewGitToken { hash: token_hash(number), ..token(0, "ci", now + 1) };
        f.store.create_git_token(&new, now).await.unwrap();
    }

    assert!(f.store.find_git_token(&key_hash(3), 500).await.unwrap().is_some());
}
