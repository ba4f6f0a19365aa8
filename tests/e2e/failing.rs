//! A service that does not work: why, as the agent who deployed it is told.

use crate::harness::{Answer, World, get_path, wait_for};
use serde_json::{Value, json};

/// Deploys the workload with these variables as the service `app` of a new project, and waits until it has
/// failed; returns the error, and all that the agent is told.
fn failed(project: &str, variables: &[(&str, &str)]) -> (Value, String) {
    let mut world = World::new(project);
    world.workload("app", variables);
    let arguments = json!({"name": "app", "project": project, "runtime_log_lines": 20});
    wait_for("a failure", || {
        let service = world.agent.ok("get_service", arguments.clone());
        let deployment = &service["deployment"];
        let failed = deployment["status"] == "failed";
        failed.then(|| (deployment["error"].clone(), service.to_string()))
    })
}

#[test]
fn a_crash_is_told_with_its_exit_code_and_last_words() {
    let (error, told) = failed("crashing", &[("MODE", "crash")]);
    assert_eq!(error["code"], "crash_loop", "{told}");
    assert!(told.contains("exit code 3") && told.contains("fatal: no DATABASE_URL"), "{told}");
    assert!(!told.contains("\\u001b"), "{told}");
}

#[test]
fn who_takes_too_much_memory_is_told_so() {
    let (error, told) = failed("greedy", &[("MODE", "greedy")]);
    assert_eq!(error["code"], "out_of_memory", "{told}");
}

#[test]
fn variables_arrive_in_the_process_as_they_were_given() {
    let mut world = World::new("variables");
    let nasty = [
        ("QUOTES", r#"a "b" 'c' \d `e` $HOME ${HOME} $(id)"#),
        ("LINES", "one\ntwo\r\n\tthree\n"),
        ("YAML", "no: [1e3, 0777, ~, {a: *b}] # c"),
        ("SPACES", "  on both sides  "),
        ("EMPTY", ""),
        ("LETTERS", "ü – 漢字 🪨"),
    ];
    let host = world.workload("app", &nasty);
    let shown: Value = wait_for("the variables", || {
        let Answer { status, body } = get_path(&host, "/env").ok()?;
        (status == 200).then(|| serde_json::from_str(&body).unwrap())
    });
    for (key, value) in nasty {
        assert_eq!(shown[key], value, "{key}");
    }
    assert_eq!(shown["PORT"], "3000");
}
