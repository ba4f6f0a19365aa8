use crate::support::{Fixture, manual};
use inkstone_store::{Store, StoreError};
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let newer =
        sqlx::SqlitePool::connect(&format!("sqlite://{}", fixture.path().display())).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'from the future', TRUE, X'00', 0)",
    )
    .execute(&newer)
    .await
    .unwrap();
    newer.close().await;

    let error = Store::open(&fixture.path()).await.unwrap_err();

    assert!(matches!(error, StoreError::Newer { found: 999, known: 1 }), "{error}");
    assert_eq!(error.code(), "store_newer");
    assert!(error.to_string().contains("schema 999"), "{error}");
    assert!(error.suggestion().contains("newer one"), "{}", error.suggestion());
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("absent").join("inkstone.db");

    let error = Store::open(&path).await.unwrap_err();

    assert_eq!(error.code(), "store_not_opened");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("inkstone.db");
    std::fs::write(&path, "a text file, longer than the header of a database file ".repeat(20))
        .unwrap();

    let error = Store::open(&path).await.unwrap_err();

    assert_eq!(error.code(), "store_not_a_database");
    assert!(error.to_string().contains("not a database"), "{error}");
    assert!(error.suggestion().contains("move it away and start again"), "{}", error.suggestion());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_file_at_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("inkstone.db");
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let path = path.clone();
        opening.spawn(async move { Store::open(&path).await });
    }
    let stores = opening.join_all().await;

    for store in stores {
        assert!(!store.unwrap().has_keys().await.unwrap());
    }
}

#[tokio::test]
async fn only_its_owner_may_read_the_file() {
    let fixture = Fixture::new().await;
    fixture.queue(&manual("main/default/site")).await;

    for entry in std::fs::read_dir(fixture.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.path());
    }
}

#[tokio::test]
async fn what_one_process_writes_another_reads_at_once() {
    let fixture = Fixture::new().await;
    let other = fixture.reopen().await;

    let id = fixture.queue(&manual("main/default/site")).await.id;

    assert!(other.deployment(&id).await.unwrap().is_some());
}
