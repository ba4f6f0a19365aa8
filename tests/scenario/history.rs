//! What changed in a service, by whom, from which source commit: the answer is the state repo's own.

use crate::harness::World;
use serde_json::{Value, json};

/// A column of the entries.
fn column(entries: &Value, name: &str) -> Vec<String> {
    let entries = entries.as_array().unwrap().iter();
    entries.map(|entry| entry[name].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_service_s_history_is_what_git_log_says_newest_first() {
    let mut world = World::deployed();
    let first = world.site.head();
    world.push("two");
    let deployed = world.wait_for_head();
    let second = world.site.head();
    let operator = world.server.clone_state("operator");
    operator.run(&["revert", "--no-edit", "HEAD"]);
    operator.push("origin");

    let history = world.agent.ok("get_service_history", json!({"name": "site"}));
    let entries = &history["entries"];
    assert_eq!(column(entries, "action"), ["operator", "deploy", "deploy", "create-service"]);
    let actors = ["Olga Operator", "bootstrap", "bootstrap", "bootstrap"];
    assert_eq!(column(entries, "actor"), actors);
    // The revert names the release that it brought back.
    let sources = [&first[..], &second, &first, "-"];
    assert_eq!(column(entries, "source_commit"), sources);
    assert_eq!(entries[1]["deployment"], deployed["deployment"]["id"]);
    let state = world.server.state();
    let log = |format: &str| {
        let folder = "clusters/eu-central-1/main/default/services/site";
        state.lines(&["log", &format!("--format={format}"), "main", "--", folder])
    };
    assert_eq!(column(entries, "commit"), log("%H"));
    assert_eq!(column(entries, "subject"), log("%s"));
    let times = column(entries, "at")
        .iter()
        .map(|at| at.parse().unwrap())
        .collect::<Vec<jiff::Timestamp>>();
    let seconds: Vec<String> = times.iter().map(|time| time.as_second().to_string()).collect();
    assert_eq!(seconds, log("%ct"));

    // The newest by plain git, the others by a merge; what everything rests on, not at all.
    let revert = column(entries, "revert");
    assert!(revert[0].contains(&format!("git revert {}", &operator.head()[..7])), "{revert:?}");
    assert!(revert[1].contains("rollback_service"), "{revert:?}");
    assert!(revert[3].contains("delete_service"), "{revert:?}");
    assert_eq!(entries[2]["revertible"], true);
    assert_eq!(entries[3]["revertible"], false);

    // Page by page it is the same, also where the database is lost in between.
    let mut pages = Vec::new();
    let mut arguments = json!({"name": "site", "limit": 1});
    loop {
        let page = world.agent.ok("get_service_history", arguments.clone());
        pages.extend(page["entries"].as_array().unwrap().clone());
        if page["next_cursor"].is_null() {
            break;
        }
        arguments["cursor"] = page["next_cursor"].clone();
        if pages.len() == 2 {
            world.lose_database();
        }
    }
    assert_eq!(&Value::from(pages), entries);
}

#[test]
fn a_history_outlives_its_service_and_tells_it_from_the_next_of_the_name() {
    let mut world = World::deployed();
    world.agent.ok("delete_service", json!({"name": "site"}));
    let history = world.agent.ok("get_service_history", json!({"name": "site"}));
    let actions = ["delete-service", "deploy", "create-service"];
    assert_eq!(column(&history["entries"], "action"), actions);
    assert_eq!(history["entries"][0]["revertible"], true);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    let mut arguments = json!({"name": "site", "limit": 3});
    let page = world.agent.ok("get_service_history", arguments.clone());
    assert_eq!(column(&page["entries"], "action"), ["deploy", "create-service", "delete-service"]);
    assert_eq!(page["entries"][2]["revertible"], false);
    arguments["cursor"] = page["next_cursor"].clone();
    let page = world.agent.ok("get_service_history", arguments);
    for entry in page["entries"].as_array().unwrap() {
        assert_eq!(entry["revert"], "Of an earlier service of this name.", "{entry}");
    }
}

#[test]
fn where_the_state_repo_was_taken_back_its_history_is_read_anew() {
    let mut world = World::deployed();
    let first = world.service()["deployment"]["commit"].clone();
    world.push("two");
    world.wait_for_head();
    let before = world.agent.ok("get_service_history", json!({"name": "site"}));
    assert_eq!(column(&before["entries"], "action"), ["deploy", "deploy", "create-service"]);
    // As if a back-up had been brought back.
    world.server.stop();
    let state = world.server.state();
    for branch in ["refs/heads/main", "refs/heads/live"] {
        state.run(&["update-ref", branch, first.as_str().unwrap()]);
    }
    world.server.start_again();
    world.agent.reconnect();
    world.push("three");
    world.wait_for_head();
    let after = world.agent.ok("get_service_history", json!({"name": "site"}));
    assert_eq!(column(&after["entries"], "commit")[1..], column(&before["entries"], "commit")[1..]);
    assert_eq!(after["entries"][0]["source_commit"], world.site.head());
}

#[test]
fn an_unknown_service_has_near_names_and_a_forged_cursor_is_refused() {
    let mut world = World::deployed();
    let error = world.agent.refused("get_service_history", json!({"name": "siet"}));
    assert_eq!(error["code"], "not_found");
    assert!(error["suggestion"].as_str().unwrap().contains("default/site"), "{error}");
    // A cursor is a commit of the service's: no word, no place among the commits of everybody, no other
    // commit. `site`, `1`, forty ones.
    for cursor in ["c2l0ZQ", "MQ", "MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMQ"] {
        let wrong = json!({"name": "site", "cursor": cursor});
        assert_eq!(world.agent.refused("get_service_history", wrong)["code"], "invalid_cursor");
    }
}
