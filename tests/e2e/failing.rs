//! A service that does not work: why, as the agent who deployed it is told.

use crate::harness::{Answer, World, get_path, object, wait_for, workload_of_user};
use serde_json::{Value, json};

/// Deploys the workload with these variables as the service `app` of a new project, and waits until it has
/// failed; returns the error, and all that the agent is told.
fn failed(project: &str, variables: &[(&str, &str)]) -> (Value, String) {
    let mut world = World::new(project);
    world.workload("app", variables);
    wait_until_failed(&mut world)
}

fn wait_until_failed(world: &mut World) -> (Value, String) {
    wait_for("a failure", || {
        let service = world.ask("get_service", "app", &json!({"runtime_log_lines": 20}));
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
fn who_starts_processes_without_end_gets_no_more_than_a_pod_may_have() {
    let mut world = World::new("multiplying");
    let host = world.workload_with("app", &[("MODE", "many")], &json!({"memory": "1024Mi"}));
    let many = wait_for("as many as there may be", || {
        let Answer { status, body } = get_path(&host, "/").ok()?;
        (status == 200).then(|| body.parse::<usize>().unwrap())
    });
    // The kubelet's limit, less its own and the one that waits.
    assert!((900..1_024).contains(&many), "{many}");
}

#[test]
fn who_listens_on_another_port_is_told_which_before_the_kubelet_gives_up() {
    let (error, told) = failed("elsewhere", &[("LISTEN", "8000")]);
    assert_eq!(error["code"], "wrong_port", "{told}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("8000") && message.contains("3000"), "{message}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["runtime"]["pods"][0]["restarts"], 0, "{told}");
}

#[test]
fn who_listens_for_itself_alone_is_told_so() {
    let (error, told) = failed("private", &[("MODE", "private")]);
    assert_eq!(error["code"], "wrong_port", "{told}");
    assert!(error["message"].as_str().unwrap().contains("127.0.0.1"), "{told}");
    assert!(error["suggestion"].as_str().unwrap().contains("0.0.0.0"), "{told}");
}

#[test]
fn who_opens_no_port_is_told_while_there_is_still_time_and_has_failed_when_it_is_over() {
    let mut world = World::new("silent");
    world.workload("app", &[("MODE", "silent")]);
    let service = wait_for("a hint", || {
        let service = world.ask("get_service", "app", &json!({}));
        (service["runtime"]["reason"] == "probe_failed").then_some(service)
    });
    assert_eq!(service["deployment"]["status"], "deploying", "{service}");
    assert!(service["runtime"]["message"].as_str().unwrap().contains("port 3000"), "{service}");

    let (error, told) = wait_until_failed(&mut world);
    assert_eq!(error["code"], "probe_failed", "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["runtime"]["pods"][0]["restarts"], 1, "as soon as it was ended once: {told}");
}

#[test]
fn who_is_slow_to_open_its_port_is_never_said_to_have_failed() {
    let mut world = World::new("slow");
    world.workload("app", &[("MODE", "slow")]);
    let service = world.wait_until_active("app");
    assert_eq!(service["runtime"]["pods"][0]["restarts"], 0, "{service}");
}

#[test]
fn a_quota_that_has_no_room_is_told_with_what_it_is() {
    let mut world = World::new("tight");
    world.change_state(|state| {
        let file = "clusters/eu-central-1/main/tight/project.yaml";
        let text = state.read(file);
        let less = text.replace("memoryGi: 40", "memoryGi: 1");
        assert_ne!(less, text);
        state.write(file, &less);
        state.commit("grant less memory");
    });
    let namespace = world.namespace();
    wait_for("the smaller quota", || {
        let quota = object(&namespace, "resourcequota/quota")?;
        (quota["status"]["hard"]["limits.memory"] == "1Gi").then_some(())
    });
    world.workload_with("app", &[], &json!({"memory": "2048Mi"}));
    let (error, told) = wait_until_failed(&mut world);
    assert_eq!(error["code"], "quota_exceeded", "{told}");
    assert!(error["message"].as_str().unwrap().contains("limits.memory=2Gi"), "{told}");

    // What it advises helps.
    world.ask("update_service", "app", &json!({"memory": "256Mi"}));
    wait_for("a pod that fits", || {
        let service = world.ask("get_service", "app", &json!({}));
        (service["deployment"]["status"] == "active").then_some(())
    });
}

#[test]
fn an_image_that_is_lost_is_told_and_made_again_by_a_redeploy() {
    let mut world = World::new("lost");
    // Nodes keep what they have pulled.
    world.workload_with("app", &[], &json!({"replicas": 0}));
    world.wait_until_active("app");
    std::fs::remove_dir_all(world.server.data().join("images/main/lost/app")).unwrap();
    world.ask("update_service", "app", &json!({"replicas": 1}));
    let (error, told) = wait_until_failed(&mut world);
    assert_eq!(error["code"], "image_pull", "{told}");
    assert!(error["suggestion"].as_str().unwrap().contains("redeploy_service"), "{told}");

    world.ask("redeploy_service", "app", &json!({}));
    wait_for("a pod", || {
        let service = world.ask("get_service", "app", &json!({}));
        (service["deployment"]["status"] == "active").then_some(())
    });
}

#[test]
fn an_image_of_root_is_refused_with_advice() {
    let mut world = World::new("of-root");
    let image = workload_of_user(&world.server, "of-root", Some("0"));
    world.workload_with("app", &[], &json!({"image": image}));
    let (error, told) = wait_until_failed(&mut world);
    assert_eq!(error["code"], "needs_root", "{told}");
    assert!(error["suggestion"].as_str().unwrap().contains("sandboxed"), "{told}");
}

#[test]
fn who_turns_out_to_need_root_is_told_so() {
    let mut world = World::new("of-nobody");
    let image = workload_of_user(&world.server, "of-nobody", None);
    world.workload_with("app", &[("MODE", "root")], &json!({"image": image}));
    let (error, told) = wait_until_failed(&mut world);
    assert_eq!(error["code"], "needs_root", "{told}");
    assert!(told.contains("exit code 4"), "{told}");
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
