//! What is lost with the SQL database: nothing that runs, and nobody who keeps it running.

use crate::harness::{Answer, Outage, World, get, wait_for};
use serde_json::json;

#[test]
fn without_the_database_all_runs_on_and_is_listed_pushed_changed_and_deleted_as_before() {
    let mut world = World::alone("down-database");
    let mut site = world.site("site", "before");
    let host = world.workload("app", &[("VERSION", "before")]);
    let shows = |text: &str| get(&host).is_ok_and(|answer| answer == Answer::ok(text));
    site.wait_until_shows("before");
    wait_for("the app", || shows("before").then_some(()));

    let server = Outage::of("serve");
    world.server.lose_database();
    assert_eq!(get(&site.host).unwrap(), Answer::ok("before"));
    assert!(shows("before"));
    server.end();
    world.connect_again();
    let listed = world.agent.ok("list_services", json!({"project": world.project}));
    let names: Vec<_> =
        listed["services"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["app", "site"], "{listed}");
    for name in names {
        world.wait_until_is(name.as_str().unwrap(), "active");
    }

    // ArgoCD, by its own key.
    let access = world.agent.ok("get_git_token", json!({"name": site.repo}));
    access["git_remote"].as_str().unwrap().clone_into(&mut site.remote);
    site.push("after");
    site.wait_until_shows("after");
    // The reconciler, by its own.
    world.ask(
        "update_service",
        "app",
        &json!({"env_vars": [{"key": "VERSION", "value": "after"}]}),
    );
    wait_for("the app's second version", || shows("after").then_some(()));

    world.revert("deploy main/down-database/site");
    site.wait_until_shows("before");
    world.ask("delete_service", "app", &json!({}));
    wait_for("the end of the app", || (get(&host).unwrap().status != 200).then_some(()));
}
