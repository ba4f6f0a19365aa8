//! Images: what was deployed is pulled by a client that is not ours, and by nobody else.

use crate::harness::{World, text};
use inkstone_secrets::PullKey;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Copies an image into a folder, as `skopeo` pulls it.
fn pull(world: &World, image: &str, login: &str, to: &Path) -> Output {
    let registry = world.server.url.strip_prefix("http://").unwrap();
    Command::new("skopeo")
        .args(["copy", "--quiet", "--insecure-policy", "--src-tls-verify=false"])
        .args(["--src-creds", login, &format!("docker://{registry}/{image}")])
        .arg(format!("dir:{}", to.display()))
        .output()
        .expect("skopeo is not installed: run `apt-get install skopeo`")
}

fn login(world: &World, project: &str) -> String {
    let key = PullKey::load(&world.server.data().join("pull-key")).unwrap();
    format!("{project}:{}", key.token(&project.parse().unwrap()).expose())
}

#[test]
fn a_node_pulls_what_was_deployed_with_its_projects_token_and_nobody_elses() {
    let mut world = World::deployed();
    let digest = world.service()["release"]["image"].as_str().unwrap().to_owned();
    let image = format!("main/default/site@{digest}");
    let folder = world.server.folder().join("pulled");

    let pulled = pull(&world, &image, &login(&world, "main/default"), &folder);
    assert!(pulled.status.success(), "{}", text(&pulled.stderr));
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let blob = layer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let size = folder.join(blob).metadata().unwrap().len();
        assert_eq!(size, layer["size"].as_u64().unwrap());
    }

    let elsewhere = world.server.folder().join("not-pulled");
    let other = pull(&world, &image, &login(&world, "main/other"), &elsewhere);
    assert!(!other.status.success(), "another project's token pulled the image");
    let tag = pull(&world, "main/default/site:latest", &login(&world, "main/default"), &elsewhere);
    assert!(!tag.status.success(), "an image was pulled by a tag");

    // The token is no row of the database, and so outlives it.
    let token = login(&world, "main/default");
    world.lose_database();
    let again = pull(&world, &image, &token, &folder);
    assert!(again.status.success(), "{}", text(&again.stderr));
}
