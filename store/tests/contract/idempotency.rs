use crate::support::{Fixture, key_hash};
use inkstone_spec::Digest;
use inkstone_store::{
    Begun, CALL_TIMEOUT_MS, Call, IDEMPOTENCY_RETENTION_MS, IdempotencyKey, MAX_ANSWER_BYTES,
    MAX_CALLS_PER_KEY, Store,
};
use tokio::task::JoinSet;

const TOOL: &str = "create_service";
const ANSWER: &str = r#"{"commit":"3f2c1ab"}"#;

fn key(key: &str) -> IdempotencyKey {
    key.parse().unwrap()
}

/// What agent 1 is told of a call that it names `name`.
async fn begin(store: &Store, name: &str, arguments: &str, now: i64) -> Begun {
    let request = Digest::of(format!("{TOOL} {arguments}").as_bytes());
    store.begin_call(&key_hash(1), &key(name), TOOL, &request, now).await.unwrap()
}

async fn new_call(store: &Store, name: &str, arguments: &str, now: i64) -> Call {
    match begin(store, name, arguments, now).await {
        Begun::New(call) => call,
        other => panic!("not new: {other:?}"),
    }
}

#[tokio::test]
async fn the_same_call_gets_the_same_answer() {
    let f = Fixture::new().await;
    let call = new_call(&f.store, "k", "{}", 0).await;
    assert!(f.store.finish_call(call, ANSWER).await.unwrap());

    for store in [f.store.clone(), f.reopen().await] {
        assert_eq!(begin(&store, "k", "{}", 1).await, Begun::Replay(ANSWER.into()));
    }
}

#[tokio::test]
async fn another_call_under_the_same_key_is_a_conflict_that_names_the_first() {
    let f = Fixture::new().await;
    let conflict = Begun::Conflict { tool: TOOL.into() };
    let call = new_call(&f.store, "k", "{}", 0).await;
    assert_eq!(begin(&f.store, "k", r#"{"a":1}"#, 1).await, conflict, "while it is made");
    f.store.finish_call(call, ANSWER).await.unwrap();
    assert_eq!(begin(&f.store, "k", r#"{"a":1}"#, 2).await, conflict, "once it is made");
}

#[tokio::test]
async fn keys_of_different_callers_and_other_keys_are_strangers() {
    let f = Fixture::new().await;
    let call = new_call(&f.store, "k", "{}", 0).await;
    f.store.finish_call(call, ANSWER).await.unwrap();

    let _other_key = new_call(&f.store, "K", "{}", 1).await;
    let request = Digest::of(b"anything");
    let other = f.store.begin_call(&key_hash(2), &key("k"), TOOL, &request, 1).await.unwrap();
    assert!(matches!(other, Begun::New(_)), "{other:?}");
}

#[tokio::test]
async fn a_call_that_failed_may_be_made_again_also_with_other_arguments() {
    let f = Fixture::new().await;
    let call = new_call(&f.store, "k", "{}", 0).await;
    f.store.abandon_call(call).await.unwrap();

    let call = new_call(&f.store, "k", r#"{"a":1}"#, 1).await;
    f.store.finish_call(call, ANSWER).await.unwrap();
    assert_eq!(begin(&f.store, "k", r#"{"a":1}"#, 2).await, Begun::Replay(ANSWER.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_calls_at_once_one_is_made() {
    let f = Fixture::new().await;
    let processes = [f.store.clone(), f.reopen().await];
    let mut calls = JoinSet::new();
    for store in processes.iter().cycle().take(16) {
        let store = store.clone();
        calls.spawn(async move { begin(&store, "k", "{}", 0).await });
    }
    let answers = calls.join_all().await;
    let new = answers.iter().filter(|begun| matches!(begun, Begun::New(_))).count();
    let waiting = answers.iter().filter(|begun| matches!(begun, Begun::InProgress)).count();
    assert_eq!((new, waiting), (1, 15), "{answers:?}");
}

#[tokio::test]
async fn the_key_of_a_call_that_died_is_free_after_its_time() {
    let f = Fixture::new().await;
    let dead = new_call(&f.store, "k", "{}", 0).await;
    assert_eq!(begin(&f.store, "k", "{}", CALL_TIMEOUT_MS - 1).await, Begun::InProgress);

    let taken = new_call(&f.store, "k", "{}", CALL_TIMEOUT_MS).await;

    assert!(!f.store.finish_call(dead, "late").await.unwrap(), "it was not dead, only slow");
    let slow = new_call(&f.store, "other", "{}", 0).await;
    let again = new_call(&f.store, "other", "{}", CALL_TIMEOUT_MS).await;
    f.store.abandon_call(slow).await.unwrap();
    assert!(f.store.finish_call(again, ANSWER).await.unwrap(), "the slow one took nothing away");
    assert!(f.store.finish_call(taken, ANSWER).await.unwrap());
    let replay = begin(&f.store, "k", "{}", CALL_TIMEOUT_MS + 1).await;
    assert_eq!(replay, Begun::Replay(ANSWER.into()));
}

#[tokio::test]
async fn a_start_frees_the_keys_of_calls_that_the_last_run_left_and_no_others() {
    let f = Fixture::new().await;
    let done = new_call(&f.store, "done", "{}", 0).await;
    f.store.finish_call(done, ANSWER).await.unwrap();
    let _left = new_call(&f.store, "left", "{}", 0).await;

    assert_eq!(f.store.abandon_calls().await.unwrap(), 1);

    assert_eq!(begin(&f.store, "done", "{}", 1).await, Begun::Replay(ANSWER.into()));
    let _again = new_call(&f.store, "left", "{}", 1).await;
}

#[tokio::test]
async fn an_answer_is_remembered_for_a_day() {
    let f = Fixture::new().await;
    let call = new_call(&f.store, "k", "{}", 0).await;
    f.store.finish_call(call, ANSWER).await.unwrap();

    let last = IDEMPOTENCY_RETENTION_MS - 1;
    assert_eq!(f.store.purge_expired(last).await.unwrap(), 0);
    assert_eq!(begin(&f.store, "k", "{}", last).await, Begun::Replay(ANSWER.into()));
    let _unpurged = new_call(&f.store, "k", "{}", IDEMPOTENCY_RETENTION_MS).await;
    assert_eq!(f.store.purge_expired(2 * IDEMPOTENCY_RETENTION_MS).await.unwrap(), 1);
}

#[tokio::test]
async fn the_oldest_answers_of_a_key_make_room_and_what_is_in_progress_stays() {
    let f = Fixture::new().await;
    let _in_progress = new_call(&f.store, "slow", "{}", 0).await;
    for number in 0..=MAX_CALLS_PER_KEY {
        let call = new_call(&f.store, &format!("k{number}"), "{}", 0).await;
        f.store.finish_call(call, ANSWER).await.unwrap();
    }
    assert_eq!(begin(&f.store, "slow", "{}", 1).await, Begun::InProgress);
    assert_eq!(begin(&f.store, "k1", "{}", 1).await, Begun::Replay(ANSWER.into()));
    let _forgotten = new_call(&f.store, "k0", "{}", 1).await;
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_refused_and_the_call_is_not_made_twice() {
    let f = Fixture::new().await;
    let call = new_call(&f.store, "k", "{}", 0).await;
    let error = f.store.finish_call(call, &"x".repeat(MAX_ANSWER_BYTES + 1)).await.unwrap_err();

    assert_eq!(error.code(), "answer_too_long");
    assert_eq!(begin(&f.store, "k", "{}", 1).await, Begun::InProgress);
    let call = new_call(&f.store, "other", "{}", 0).await;
    assert!(f.store.finish_call(call, &"x".repeat(MAX_ANSWER_BYTES)).await.unwrap());
}

#[test]
fn a_key_is_visible_ascii_of_bounded_length() {
    for good in ["a", "0192f0c1-7a3e-7b52-9c1d-2f4a6b8c0d1e", "!~", &"k".repeat(128)] {
        assert_eq!(IdempotencyKey::new(good).unwrap().as_str(), good);
    }
    for bad in ["", " ", "a b", "a\n", "é", "\u{7f}", &"k".repeat(129)] {
        let error = IdempotencyKey::new(bad).unwrap_err();
        assert_eq!(error.what(), "idempotency key", "{bad:?}");
        assert!(error.suggestion().contains("128"), "{}", error.suggestion());
    }
}
