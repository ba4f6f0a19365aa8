//! Ready images: from an allowed registry, by digest, without a build.

use crate::harness::{ImageRegistry, World, wait_for};
use serde_json::{Value, json};

/// A server that may take images below `team`, a registry with two of them, and one elsewhere.
struct Ready {
    world: World,
    registry: ImageRegistry,
    one: String,
    two: String,
}

impl Ready {
    fn new() -> Self {
        let registry = ImageRegistry::start();
        let allowed = format!("{}/team", registry.authority);
        let mut world = World::with(&[
            ("INKSTONE_IMAGE_REGISTRIES", &allowed),
            ("INKSTONE_IMAGE_REGISTRIES_INSECURE", &registry.authority),
        ]);
        world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
        let mut images = Vec::new();
        for version in ["one", "two"] {
            let service = world.wait_for_head();
            let layout = world.server.data().join("images/main/default/site");
            let digest = service["release"]["image"].as_str().unwrap();
            images.push(registry.take(&layout, &world.site.head(), digest, "team/app"));
            if version == "one" {
                world.push("two");
            }
        }
        let [one, two] = images.try_into().unwrap();
        Self { world, registry, one, two }
    }

    fn app(&mut self) -> Value {
        self.world.agent.ok("get_service", json!({"name": "app", "deploy_log_lines": 50}))
    }

    /// Waits until the app runs this image, by whichever deployment.
    fn wait_for(&mut self, image: &str) -> Value {
        wait_for("the release of the image", || {
            let app = self.app();
            let deployment = &app["deployment"];
            assert_ne!(deployment["status"], "failed", "{deployment}");
            let done = deployment["status"] == "committed"
                && deployment["source_image"] == image
                && app["release"]["source_image"] == image;
            done.then_some(app)
        })
    }

    fn restart(&mut self) {
        let insecure = ("INKSTONE_IMAGE_REGISTRIES_INSECURE", self.registry.authority.as_str());
        self.world.server.stop();
        self.world.server.start_again_with(&[insecure]);
    }
}

#[test]
fn an_image_is_deployed_changed_rolled_back_and_deployed_again_without_a_build() {
    let mut ready = Ready::new();
    let (one, two) = (ready.one.clone(), ready.two.clone());
    let digest = |image: &str| image.split_once('@').unwrap().1.to_owned();
    let created = ready.world.agent.ok("create_service", json!({"name": "app", "image": one}));
    assert_eq!(created["deployment"]["source_image"], one.as_str());
    let app = ready.wait_for(&one);
    assert_eq!(app["release"]["image"], digest(&one));
    assert_eq!(app["release"]["port"], 8080, "found in the image");
    assert_eq!((&app["image"], &app["build_pack"]), (&json!(one), &json!("image")));
    assert!(app.get("repo").is_none() && app["release"].get("source_commit").is_none(), "{app}");

    // One commit, which says what it is and no more; pods pull it from the platform.
    let state = ready.world.server.state();
    let message =
        state.lines(&["log", "-1", "--format=%B", "--grep=deploy main/default/app", "main"]);
    let message = message.join("\n");
    assert!(message.contains(&format!("\nImage: {}", digest(&one))), "{message}");
    assert!(!message.contains("Source-"), "{message}");
    let folder = "main:clusters/eu-central-1/main/default/services/app";
    let manifest =
        state.lines(&["show", &format!("{folder}/manifests/deployment.yaml")]).join("\n");
    assert!(manifest.contains(&format!("/main/default/app@{}", digest(&one))), "{manifest}");
    assert!(manifest.contains("runAsUser: 65532") && !manifest.contains("source-commit"));

    ready.world.agent.ok("update_service", json!({"name": "app", "image": two}));
    let app = ready.wait_for(&two);
    assert_eq!(app["release"]["image"], digest(&two));

    // What was undone stays so, also over a restart; who asks for it gets it.
    ready.world.agent.ok("rollback_service", json!({"name": "app"}));
    let app = ready.app();
    assert_eq!(app["release"]["source_image"], one.as_str(), "{app}");
    ready.restart();
    ready.world.push("three");
    ready.world.wait_for_head();
    assert_eq!(ready.app()["release"]["source_image"], one.as_str());
    ready.world.agent.ok("update_service", json!({"name": "app", "image": two}));
    ready.world.agent.ok("redeploy_service", json!({"name": "app"}));
    ready.wait_for(&two);

    // The registry may go: what was copied is here.
    drop(ready.registry);
}

#[test]
fn an_image_that_an_operator_names_is_deployed_and_a_revert_of_it_sticks() {
    let mut ready = Ready::new();
    let (one, two) = (ready.one.clone(), ready.two.clone());
    ready.world.agent.ok("create_service", json!({"name": "app", "image": one}));
    ready.wait_for(&one);
    let operator = ready.world.server.clone_state("operator");
    let file = "clusters/eu-central-1/main/default/services/app/service.yaml";
    let text = operator.read(file);
    let spec = format!("image: {one}\n  build");
    assert!(text.contains(&spec), "{text}");
    operator.write(file, &text.replace(&spec, &format!("image: {two}\n  build")));
    operator.commit("another image");
    let said = operator.push("origin");
    assert!(said.contains("main/default/app: queued"), "{said}");
    ready.wait_for(&two);
    operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
    operator.run(&["revert", "--no-edit", "HEAD"]);
    let said = operator.push("origin");
    assert!(!said.contains("main/default/app"), "{said}");
    assert_eq!(ready.app()["release"]["source_image"], one.as_str());
    // The state repo alone says so.
    ready.world.lose_database();
    let skipped = ready.world.server.wait_for_log("skipped");
    assert!(skipped.contains("undone since"), "{skipped}");
    assert_eq!(ready.app()["release"]["source_image"], one.as_str());
    ready.restart();
    // Asked for by name, it is deployed.
    ready.world.agent.ok("redeploy_service", json!({"name": "app"}));
    ready.wait_for(&two);

    let operator = ready.world.server.clone_state("again");
    let text = operator.read(file);
    operator.write(file, &text.replace("pack: image", "pack: static"));
    operator.commit("a source that does not go with its build");
    let said = operator.refused(&["push", "origin", "HEAD:main"]);
    assert!(said.contains("let spec.build.pack be image"), "{said}");
}

#[test]
fn a_service_goes_from_a_branch_to_an_image_and_back() {
    let mut ready = Ready::new();
    let one = ready.one.clone();
    let agent = &mut ready.world.agent;
    agent.ok("create_service", json!({"name": "app", "repo": "site"}));
    let built = ready.world.site.head();
    let agent = &mut ready.world.agent;
    wait_for("the first release", || {
        let app = agent.ok("get_service", json!({"name": "app"}));
        (app["release"]["source_commit"] == built.as_str()).then_some(())
    });
    let updated = ready.world.agent.ok("update_service", json!({"name": "app", "image": one}));
    assert_eq!(updated["fields"], json!(["spec.source"]));
    ready.wait_for(&one);
    let said = ready.world.push("three");
    assert!(!said.contains("default/app"), "no push concerns it: {said}");
    let head = ready.world.site.head();
    ready.world.agent.ok("update_service", json!({"name": "app", "repo": "site"}));
    let agent = &mut ready.world.agent;
    let app = wait_for("a release of the branch", || {
        let app = agent.ok("get_service", json!({"name": "app"}));
        (app["release"]["source_commit"] == head.as_str()).then_some(app)
    });
    assert_eq!((&app["build_pack"], &app["branch"]), (&json!("static"), &json!("main")));
    assert!(app.get("image").is_none(), "{app}");
}

#[test]
fn an_image_that_may_not_be_deployed_is_refused_with_what_to_do() {
    let mut ready = Ready::new();
    let (one, authority) = (ready.one.clone(), ready.registry.authority.clone());
    let (_, digest) = one.split_once('@').unwrap();
    let digest = digest.to_owned();
    let server = ready.world.server.url.strip_prefix("http://").unwrap().to_owned();
    let agent = &mut ready.world.agent;
    let mut refused = |arguments: Value| {
        let mut asked = json!({"name": "app"});
        asked.as_object_mut().unwrap().extend(arguments.as_object().unwrap().clone());
        agent.refused("create_service", asked)
    };
    for (image, code) in [
        (format!("{authority}/team/app:latest"), "invalid_argument"),
        (format!("{authority}/team/app:latest@{digest}"), "invalid_argument"),
        (format!("nginx@{digest}"), "invalid_argument"),
        (format!("{authority}/other/app@{digest}"), "image_registry_not_allowed"),
        (format!("{authority}/teams/app@{digest}"), "image_registry_not_allowed"),
        (format!("127.0.0.1.evil.example/team/app@{digest}"), "image_registry_not_allowed"),
        (format!("docker.io/library/nginx@{digest}"), "image_registry_not_allowed"),
        (format!("{server}/main/default/site@{digest}"), "image_is_the_platforms"),
    ] {
        let error = refused(json!({"image": image}));
        assert_eq!(error["code"], code, "{image}: {error}");
    }
    let error = refused(json!({"image": format!("{authority}/team/app:latest")}));
    assert!(error["message"].as_str().unwrap().contains("@sha256:"), "{error}");
    let error = refused(json!({"image": format!("docker.io/library/nginx@{digest}")}));
    assert!(
        error["suggestion"].as_str().unwrap().contains(&format!("{authority}/team")),
        "{error}"
    );
    for arguments in [
        json!({}),
        json!({"image": one, "repo": "site"}),
        json!({"image": one, "build_pack": "static"}),
        json!({"image": one, "publish_directory": "dist"}),
        json!({"repo": "site", "build_pack": "image"}),
    ] {
        let error = refused(arguments.clone());
        assert_eq!(error["code"], "invalid_argument", "{arguments}: {error}");
    }
    // What is not there is found out when it is looked for.
    let absent = format!("{authority}/team/app@sha256:{}", "0".repeat(64));
    agent.ok("create_service", json!({"name": "app", "image": absent}));
    let failed = wait_for("the failure", || {
        let app = agent.ok("get_service", json!({"name": "app"}));
        (app["deployment"]["status"] == "failed").then_some(app)
    });
    assert_eq!(failed["deployment"]["error"]["code"], "image_not_found", "{failed}");
    assert!(failed["next"].as_str().unwrap().contains("update_service"), "{failed}");
}

#[test]
fn a_sandboxed_project_is_for_clusters_that_have_a_sandbox() {
    let mut world = World::new();
    let sandboxed = json!({"name": "lab", "isolation": "sandboxed"});
    let error = world.agent.refused("create_project", sandboxed.clone());
    assert_eq!(error["code"], "no_sandbox", "{error}");
    assert!(error["suggestion"].as_str().unwrap().contains("sandboxedRuntimeClass"), "{error}");

    let operator = world.server.clone_state("operator");
    let cluster = "clusters/eu-central-1/cluster.yaml";
    let text = operator.read(cluster);
    let project = "clusters/eu-central-1/main/default/project.yaml";
    let intent = operator.read(project);
    operator.write(project, &intent.replace("isolation: restricted", "isolation: sandboxed"));
    operator.commit("a sandbox that is not there");
    let said = operator.refused(&["push", "origin", "HEAD:main"]);
    assert!(said.contains("no sandboxed runtime class"), "{said}");
    operator.run(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let class = "  recipients:";
    operator.write(cluster, &text.replace(class, "  sandboxedRuntimeClass: gvisor\n  recipients:"));
    operator.commit("a sandbox");
    operator.push("origin");

    world.agent.ok("create_project", sandboxed);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site", "project": "lab"}));
    let agent = &mut world.agent;
    wait_for("the release", || {
        let found = agent.ok("get_service", json!({"name": "site", "project": "lab"}));
        found["release"].is_object().then_some(())
    });
    let show = |path: &str| {
        let path = format!("main:clusters/eu-central-1/main/lab/{path}");
        world.server.state().lines(&["show", &path]).join("\n")
    };
    assert!(show("manifests/namespace.yaml").contains("enforce: baseline"));
    let deployment = show("services/site/manifests/deployment.yaml");
    assert!(deployment.contains("runtimeClassName: gvisor"), "{deployment}");
}
