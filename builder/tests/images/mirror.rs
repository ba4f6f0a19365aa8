//! Ready images: copied from a real registry, and refused from one that lies.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use inkstone_builder::{
    BuildError, Builder, BuiltImage, Credentials, ImageStore, Layout, MirrorRequest, Upstream,
};
use inkstone_spec::{Digest, ImageReference, ServiceRef};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{build_for, publish, server, service};
use crate::registry::{Running, site};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A builder that keeps what it mirrors in a directory.
struct Mirror {
    builder: Builder,
    images: TempDir,
}

impl Mirror {
    fn of(authority: &str, credentials: Option<Credentials>) -> Self {
        let images = tempfile::tempdir().unwrap();
        let layout = Layout::open(images.path()).unwrap();
        let upstream = Upstream {
            insecure: [authority.to_owned()].into(),
            credentials: credentials.map(|user| (authority.to_owned(), user)).into_iter().collect(),
        };
        let builder = Builder::new(ImageStore::Layout(layout), server()).with_upstream(upstream);
        Self { builder, images }
    }

    fn copy(&self, image: &str) -> Result<(BuiltImage, String), BuildError> {
        self.copy_for(image, false)
    }

    fn copy_for(&self, image: &str, allows_root: bool) -> Result<(BuiltImage, String), BuildError> {
        let (service, image) = (mirrored(), image.parse::<ImageReference>().unwrap());
        let request = MirrorRequest { service: &service, image: &image, allows_root };
        let mut log = String::new();
        let mut write = |line: &str| log.extend([line, "\n"]);
        let built = self.builder.mirror(&request, &mut write, &|| false)?;
        Ok((built, log))
    }

    /// The files that are kept for the service.
    fn blobs(&self) -> usize {
        let blobs = self.images.path().join("acme/shop/app/blobs/sha256");
        blobs.read_dir().map_or(0, Iterator::count)
    }
}

fn mirrored() -> ServiceRef {
    "acme/shop/app".parse().unwrap()
}

#[test]
fn an_image_of_a_registry_is_copied_once_with_its_user_and_port() {
    let registry = Running::start(true);
    let user = || Some(Credentials::new("deployer", "correct horse"));
    let made = registry.builder("/team", user());
    let made = build_for(&made, &service(), &site(), &publish("", ""), &mut String::new()).unwrap();
    let authority = registry.authority();
    let image = format!("{authority}/team/main/default/site@{}", made.digest);

    let mirror = Mirror::of(&authority, user());
    let (copied, log) = mirror.copy(&image).unwrap();
    assert_eq!(copied, made, "digest, port, user and size");
    assert_eq!(log.matches("copying").count(), 3, "{log}");
    assert!(mirror.builder.exists(&mirrored(), &made.digest).unwrap());
    let manifest = mirror.builder.layout().unwrap().manifest(&mirrored(), &made.digest).unwrap();
    assert_eq!(manifest.unwrap().media_type, MANIFEST);

    let (again, log) = mirror.copy(&image).unwrap();
    assert_eq!((again, log.matches("copying").count()), (copied, 0));

    // Where a registry keeps the images, it is copied there, under the service's name.
    let other = Running::start(false);
    let upstream = Upstream {
        insecure: [authority.clone()].into(),
        credentials: [(authority, user().unwrap())].into(),
    };
    let pushing = other.builder("", None).with_upstream(upstream);
    let request =
        MirrorRequest { service: &mirrored(), image: &image.parse().unwrap(), allows_root: false };
    assert_eq!(pushing.mirror(&request, &mut |_| {}, &|| false).unwrap(), made);
    assert!(pushing.exists(&mirrored(), &made.digest).unwrap());

    let stranger = Mirror::of(&registry.authority(), None);
    assert_eq!(stranger.copy(&image).unwrap_err().code(), "image_registry_unauthorized");
    let absent = image.replace(made.digest.as_str(), Digest::of(b"none").as_str());
    assert_eq!(mirror.copy(&absent).unwrap_err().code(), "image_not_found");
}

/// A registry that answers whatever it is told to.
struct Liar {
    authority: String,
}

/// Status, headers, body.
type Answer = (u16, String, Vec<u8>);

impl Liar {
    fn start(answers: BTreeMap<String, Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let asked = lines.next().unwrap().unwrap();
                let _ = lines.map_while(Result::ok).find(String::is_empty);
                let path = asked.split(' ').nth(1).unwrap();
                let missing = (404, String::new(), Vec::new());
                let (status, headers, body) = answers.get(path).unwrap_or(&missing);
                let head = format!(
                    "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), body].concat());
            }
        });
        Self { authority }
    }
}

/// An image that is to be served, and what is wrong with it.
struct Image {
    config: Value,
    layer: Vec<u8>,
    manifest: Value,
}

impl Image {
    fn good() -> Self {
        let config = json!({"os": "linux", "architecture": "amd64", "config": {"User": "1000:1000", "ExposedPorts": {"9000/tcp": {}, "53/udp": {}}}});
        let layer = b"a layer".to_vec();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST});
        Self { config, layer, manifest }
    }

    /// With this in its configuration.
    fn running(config: &Value) -> Self {
        let mut image = Self::good();
        image.config["config"] = config.clone();
        image
    }

    /// Serves it; `spoil` has the last word on what is said of it and what is answered.
    fn serve(
        self,
        spoil: impl FnOnce(&mut Value, &mut BTreeMap<String, Answer>),
    ) -> Result<(BuiltImage, String), BuildError> {
        self.serve_for(false, spoil)
    }

    fn serve_for(
        mut self,
        allows_root: bool,
        spoil: impl FnOnce(&mut Value, &mut BTreeMap<String, Answer>),
    ) -> Result<(BuiltImage, String), BuildError> {
        let config = self.config.to_string().into_bytes();
        let blob = |content: &[u8]| format!("/v2/app/blobs/{}", Digest::of(content));
        let mut answers = BTreeMap::from([
            (blob(&config), (200, String::new(), config.clone())),
            (blob(&self.layer), (200, String::new(), self.layer.clone())),
        ]);
        let described = |kind: &str, content: &[u8]| json!({"mediaType": kind, "digest": Digest::of(content), "size": content.len()});
        self.manifest["config"] = described(CONFIG, &config);
        self.manifest["layers"] = json!([described(LAYER, &self.layer)]);
        spoil(&mut self.manifest, &mut answers);
        let manifest = self.manifest.to_string().into_bytes();
        let digest = Digest::of(&manifest);
        let found = (200, format!("Content-Type: {MANIFEST}\r\n"), manifest);
        answers.entry(format!("/v2/app/manifests/{digest}")).or_insert(found);
        let liar = Liar::start(answers);
        let mirror = Mirror::of(&liar.authority, None);
        let image = format!("{}/app@{digest}", liar.authority);
        let copied = mirror.copy_for(&image, allows_root);
        if copied.is_err() {
            let listed = mirror.images.path().join("acme/shop/app/index.json");
            assert!(!listed.exists(), "an image that was refused is listed");
        } else {
            assert_eq!(mirror.blobs(), 3);
        }
        copied
    }
}

fn refused(copied: Result<(BuiltImage, String), BuildError>) -> &'static str {
    let error = copied.unwrap_err();
    assert!(!error.suggestion().is_empty());
    error.code()
}

#[test]
fn user_and_port_are_what_the_image_says_and_root_is_refused() {
    for (config, expected) in [
        (
            json!({"User": "1000:1000", "ExposedPorts": {"9000/tcp": {}, "53/udp": {}}}),
            (1000, 9000),
        ),
        (json!({"User": "65532"}), (65_532, 3000)),
        (json!({"User": "", "ExposedPorts": {"80/tcp": {}, "443/tcp": {}}}), (10_001, 3000)),
        (json!({"ExposedPorts": {"8080": {}}}), (10_001, 8080)),
        (Value::Null, (10_001, 3000)),
    ] {
        let (built, _) = Image::running(&config).serve(|_, _| {}).unwrap();
        assert_eq!((built.user.get(), built.port.get()), expected, "{config}");
    }
    for (user, code) in [
        ("0", "needs_root"),
        ("root", "needs_root"),
        ("0:1000", "needs_root"),
        ("00", "needs_root"),
        ("nobody", "user_not_numeric"),
        ("-1", "user_not_numeric"),
        ("4294967296", "image_unusable"),
    ] {
        assert_eq!(
            refused(Image::running(&json!({"User": user})).serve(|_, _| {})),
            code,
            "{user}"
        );
    }
}

#[test]
fn in_a_sandbox_an_image_may_be_root() {
    for (user, expected) in [("0", 0), ("root:root", 0), ("", 0), ("1000", 1000)] {
        let image = Image::running(&json!({"User": user}));
        assert_eq!(image.serve_for(true, |_, _| {}).unwrap().0.user.get(), expected, "{user}");
    }
}

#[test]
fn of_several_platforms_the_one_of_the_nodes_is_taken() {
    let wanted = |architecture: &str| {
        Image::good().serve(|manifest, answers| {
            let ours = manifest.to_string().into_bytes();
            let digest = Digest::of(&ours);
            let size = ours.len();
            answers.insert(format!("/v2/app/manifests/{digest}"), (200, String::new(), ours));
            *manifest = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
                {"mediaType": MANIFEST, "digest": Digest::of(b"x"), "size": 1, "platform": {"os": "windows", "architecture": "amd64"}},
                {"mediaType": MANIFEST, "digest": Digest::of(b"y"), "size": 1, "platform": {"os": "unknown", "architecture": "unknown"}},
                {"mediaType": MANIFEST, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": architecture}},
            ]});
        })
    };
    assert_eq!(wanted("amd64").unwrap().0.port.get(), 9000);
    assert_eq!(refused(wanted("riscv64")), "image_unusable");
}

#[test]
fn what_is_not_what_its_digest_says_is_never_kept() {
    let changed = |part: &'static str, content: &'static [u8]| {
        Image::good().serve(move |manifest, answers| {
            let digest = manifest.pointer(part).unwrap().as_str().unwrap();
            let path = format!("/v2/app/blobs/{digest}");
            answers.insert(path, (200, String::new(), content.to_vec()));
        })
    };
    assert_eq!(refused(changed("/config/digest", b"{}")), "image_digest_mismatch");
    assert_eq!(refused(changed("/layers/0/digest", b"b layer")), "image_digest_mismatch");
    assert_eq!(refused(changed("/layers/0/digest", b"a laye")), "image_digest_mismatch");
    assert_eq!(refused(changed("/layers/0/digest", b"a layer and more")), "image_digest_mismatch");
    let lied = Image::good().serve(|manifest, answers| {
        let digest = Digest::of(manifest.to_string().as_bytes());
        let other = (200, String::new(), b"{\"schemaVersion\": 2}".to_vec());
        answers.insert(format!("/v2/app/manifests/{digest}"), other);
    });
    assert_eq!(refused(lied), "image_digest_mismatch");
}

#[test]
fn what_is_too_large_or_of_another_kind_is_refused_before_it_is_copied() {
    let said = |part: &'static str, value: Value| {
        Image::good().serve(move |manifest, _| *manifest.pointer_mut(part).unwrap() = value)
    };
    for (part, value, code) in [
        (
            "/mediaType",
            json!("application/vnd.docker.distribution.manifest.v1+prettyjws"),
            "image_unusable",
        ),
        ("/schemaVersion", json!(1), "image_unusable"),
        ("/config/mediaType", json!("application/vnd.cncf.helm.config.v1+json"), "image_unusable"),
        (
            "/layers/0/mediaType",
            json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
            "image_unusable",
        ),
        ("/layers/0/digest", json!("sha512:00"), "image_unusable"),
        ("/layers/0/size", json!(-1), "image_unusable"),
        ("/layers/0/size", json!(9_u64 << 30), "image_too_large"),
        ("/layers/0/size", json!(u64::MAX), "image_too_large"),
        ("/config/size", json!(5 << 20), "image_too_large"),
        (
            "/layers",
            json!(vec![json!({"mediaType": LAYER, "digest": Digest::of(b"x"), "size": 1}); 128]),
            "image_too_large",
        ),
    ] {
        assert_eq!(refused(said(part, value.clone())), code, "{part} {value}");
    }
    let elsewhere = Image::good().serve(|manifest, _| {
        manifest["layers"][0]["urls"] = json!(["https://example.com/layer"]);
    });
    assert_eq!(refused(elsewhere), "image_unusable");
    let giant = Image::good().serve(|manifest, _| manifest["x"] = json!("x".repeat(5 << 20)));
    assert_eq!(refused(giant), "image_too_large");
    let other = json!({"os": "linux", "architecture": "s390x"});
    assert_eq!(
        refused(Image { config: other, ..Image::good() }.serve(|_, _| {})),
        "image_unusable"
    );
}

#[test]
fn a_registry_sends_us_to_nothing_that_only_we_can_reach() {
    let sent = |to: &'static str| {
        Image::good().serve(move |manifest, answers| {
            let digest = manifest["layers"][0]["digest"].as_str().unwrap();
            let path = format!("/v2/app/blobs/{digest}");
            answers.insert(path, (307, format!("Location: {to}\r\n"), Vec::new()));
        })
    };
    for to in [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "http://example.com/layer",
        "file:///etc/passwd",
    ] {
        assert_eq!(refused(sent(to)), "image_redirect_refused", "{to}");
    }
    // A name that leads there is found out when it is looked up.
    assert_eq!(refused(sent("https://localhost/")), "image_registry_unreachable");
    let challenge = |realm: &str| format!("WWW-Authenticate: Bearer realm=\"{realm}\"\r\n");
    for realm in ["https://127.0.0.1/token", "http://example.com/token"] {
        let asked = Image::good().serve(|manifest, answers| {
            let digest = Digest::of(manifest.to_string().as_bytes());
            let path = format!("/v2/app/manifests/{digest}");
            answers.insert(path, (401, challenge(realm), Vec::new()));
        });
        assert_eq!(refused(asked), "image_redirect_refused", "{realm}");
    }
    // Within the registry itself it may.
    let within = Image::good().serve(|manifest, answers| {
        let digest = manifest["layers"][0]["digest"].as_str().unwrap();
        let path = format!("/v2/app/blobs/{digest}");
        let layer = answers.remove(&path).unwrap();
        answers.insert("/store/layer".to_owned(), layer);
        answers.insert(path, (302, "Location: /store/layer\r\n".to_owned(), Vec::new()));
    });
    within.unwrap();
    // Round and round.
    let round = Image::good().serve(|manifest, answers| {
        let digest = manifest["layers"][0]["digest"].as_str().unwrap();
        let path = format!("/v2/app/blobs/{digest}");
        answers.insert(path.clone(), (302, format!("Location: {path}\r\n"), Vec::new()));
    });
    assert_eq!(refused(round), "image_registry_failed");
}

#[test]
fn a_copy_that_nobody_wants_any_more_ends() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = nobody.local_addr().unwrap().to_string();
    let mirror = Mirror::of(&authority, None);
    let image = format!("{authority}/app@{}", Digest::of(b"")).parse().unwrap();
    let request = MirrorRequest { service: &mirrored(), image: &image, allows_root: false };
    let cancelled = mirror.builder.mirror(&request, &mut |_| {}, &|| true).unwrap_err();
    assert_eq!(cancelled.code(), "cancelled");
}
