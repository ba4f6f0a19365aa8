//! How images lie on disk.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;

use inkstone_builder::{Builder, ImageStore, Layout, MemoryTree};
use inkstone_spec::{Digest, ServiceRef};
use serde_json::Value;

use crate::fixture::{Bench, COMMIT, build_for, files, publish, server, service};

fn site(content: &str) -> MemoryTree {
    MemoryTree::new().file("index.html", content)
}

fn index(layout: &Path) -> Value {
    serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap()
}

#[test]
fn a_layout_lists_the_image_under_its_commit_and_every_blob_is_what_its_name_says() {
    let bench = Bench::new();
    let image = bench.build(&site("home"), &publish("", "")).unwrap();
    let layout = bench.layout();
    assert_eq!(
        fs::read_to_string(layout.join("oci-layout")).unwrap(),
        r#"{"imageLayoutVersion":"1.0.0"}"#
    );
    let listed = &index(&layout)["manifests"][0];
    assert_eq!(listed["digest"], image.digest.as_str());
    assert_eq!(listed["annotations"]["org.opencontainers.image.ref.name"], COMMIT);
    let blobs = files(&layout.join("blobs/sha256"));
    assert_eq!(blobs.len(), 4, "manifest, config and two layers");
    for (path, content) in &blobs {
        assert_eq!(Digest::of(content).hex(), path.file_name().unwrap().to_str().unwrap());
    }
    let pulled: u64 = blobs.values().map(|content| content.len() as u64).sum();
    assert_eq!(image.size, pulled);
}

#[test]
fn services_share_one_copy_of_the_base_layer() {
    let bench = Bench::new();
    let mut log = String::new();
    let names = ["main/default/one", "main/default/two", "other/shop/three"];
    let mut inodes = Vec::new();
    for name in names {
        let service: ServiceRef = name.parse().unwrap();
        let source = site(name);
        let image =
            build_for(&bench.builder, &service, &source, &publish("", ""), &mut log).unwrap();
        let blobs = bench.root.path().join(name).join("blobs/sha256");
        let manifest: Value =
            serde_json::from_slice(&fs::read(blobs.join(image.digest.hex())).unwrap()).unwrap();
        let base: Digest = manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
        inodes.push(fs::metadata(blobs.join(base.hex())).unwrap().ino());
    }
    inodes.dedup();
    assert_eq!(inodes.len(), 1);
}

#[test]
fn an_image_exists_for_its_own_service_until_one_of_its_blobs_is_gone() {
    let bench = Bench::new();
    let image = bench.build(&site("home"), &publish("", "")).unwrap();
    let exists = |service: &ServiceRef| bench.builder.exists(service, &image.digest).unwrap();
    assert!(exists(&service()));
    assert!(!exists(&"main/default/other".parse().unwrap()));
    assert!(!bench.builder.exists(&service(), &Digest::of(b"nothing")).unwrap());

    let layer = bench.json(&image.digest)["layers"][1]["digest"].as_str().unwrap().to_owned();
    let layer: Digest = layer.parse().unwrap();
    fs::remove_file(bench.layout().join("blobs/sha256").join(layer.hex())).unwrap();
    assert!(!exists(&service()));
    bench.build(&site("home"), &publish("", "")).unwrap();
    assert!(exists(&service()), "building it again brings it back");
}

#[test]
fn an_earlier_image_stays_listed_by_digest_when_a_commit_is_built_in_another_way() {
    let bench = Bench::new();
    let source = MemoryTree::new().file("index.html", "root").file("dist/index.html", "dist");
    let first = bench.build(&source, &publish("", "")).unwrap();
    let second = bench.build(&source, &publish("", "dist")).unwrap();
    let index = index(&bench.layout());
    let listed: Vec<(&str, bool)> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["digest"].as_str().unwrap(), entry["annotations"].is_object()))
        .collect();
    assert_eq!(listed, [(first.digest.as_str(), false), (second.digest.as_str(), true)]);
    assert!(bench.builder.exists(&service(), &first.digest).unwrap());
}

#[test]
fn builds_at_the_same_time_lose_nothing() {
    const SERVICES: usize = 4;
    const IMAGES: usize = 4;
    let bench = Bench::new();
    thread::scope(|scope| {
        for number in 0..SERVICES * IMAGES {
            let builder = &bench.builder;
            scope.spawn(move || {
                let service = format!("main/default/s{}", number % SERVICES).parse().unwrap();
                let source = site(&number.to_string());
                let mut log = String::new();
                build_for(builder, &service, &source, &publish("", ""), &mut log).unwrap();
            });
        }
    });
    for number in 0..SERVICES {
        let layout = bench.root.path().join(format!("main/default/s{number}"));
        assert_eq!(index(&layout)["manifests"].as_array().unwrap().len(), IMAGES);
    }
    let staged = fs::read_dir(bench.root.path().join(".staging")).unwrap().count();
    assert_eq!(staged, 0, "nothing half-written is left");
}

#[test]
fn a_damaged_index_is_named_and_not_overwritten() {
    let bench = Bench::new();
    bench.build(&site("1"), &publish("", "")).unwrap();
    let path = bench.layout().join("index.json");
    fs::write(&path, "{").unwrap();
    let error = bench.build(&site("2"), &publish("", "")).unwrap_err();
    assert_eq!(error.code(), "image_store_damaged");
    assert!(error.to_string().contains("index.json is damaged"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{");
}

#[test]
fn a_disk_that_refuses_is_an_error_that_names_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::open(directory.path()).unwrap();
    let builder = Builder::new(ImageStore::Layout(layout), server());
    fs::write(directory.path().join("main"), "a file where a directory belongs").unwrap();
    let error = build_for(&builder, &service(), &site("1"), &publish("", ""), &mut String::new())
        .unwrap_err();
    assert_eq!(error.code(), "image_store_failed");
    assert!(error.to_string().contains("main"), "{error}");
    assert!(error.suggestion().contains("data directory"));
}
