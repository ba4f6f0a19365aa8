//! A server on temporary directories, and a client of few words.

use axum::Router;
use axum::body::Body;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use inkstone_api::{ApiConfig, router};
use inkstone_builder::{
    BuildRequest, Builder, ImageStore, Layout, MemoryTree, Registry, StaticServer, Transport,
};
use inkstone_deployer::{
    Deployer, NewKeyRequest, Parts, Settings, Tool, add_workspace, bootstrap_key, create_key,
};
use inkstone_githost::HostedRepos;
use inkstone_renderer::TemplateSet;
use inkstone_secrets::{Identities, Identity, Keyring, PullKey};
use inkstone_spec::{Build, Digest, Ingress, KeyName, Pack};
use inkstone_state::{Founding, Signer, StateRepo, found};
use inkstone_store::{Store, WorkspaceGrant};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// Where clients think that the server is.
pub(crate) const PUBLIC_URL: &str = "https://deploy.example.com";
const TOOL: Tool = Tool::new("test");

/// A server with the workspaces `main` and `acme`, and a key that may do everything.
pub(crate) struct Server {
    pub(crate) deployer: Deployer,
    pub(crate) key: String,
    pub(crate) pull_key: PullKey,
    router: Router,
    data: TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut ApiConfig)) -> Self {
        let open = |root: &Path| ImageStore::Layout(Layout::open(root.join("images")).unwrap());
        Self::start_over(adjust, open).await
    }

    /// One that keeps its images in a registry.
    pub(crate) async fn with_registry() -> Self {
        let location = "registry.example.com".parse().unwrap();
        let registry = Registry::new(location, Transport::Https, None);
        Self::start_over(|_| {}, |_| ImageStore::Registry(registry)).await
    }

    async fn start_over(
        adjust: impl FnOnce(&mut ApiConfig),
        images: impl FnOnce(&Path) -> ImageStore,
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let root = data.path();
        let identities = Identities::new(Identity::generate().unwrap(), Vec::new());
        identities.save(&root.join("identity")).unwrap();
        let state = state_repo(root, &identities);
        let store = Store::open(&root.join("inkstone.db")).await.unwrap();
        let key = bootstrap_key(&store).await.unwrap().unwrap().expose().to_owned();
        let pull_key = PullKey::generate().unwrap();
        let deployer = Deployer::new(Parts {
            state,
            store,
            repos: HostedRepos::open(root.join("repos")).await.unwrap(),
            builder: Builder::new(images(root), static_server(root)),
            keyring: Keyring::open(&root.join("identity")).unwrap(),
            cluster: None,
            pull_key: pull_key.clone(),
            settings: Settings {
                public_url: PUBLIC_URL.to_owned(),
                region: "eu-central-1".parse().unwrap(),
                workers: 1,
                workspace_cap: 1,
                hooks_dir: root.join("hooks"),
            },
        });
        let mut config = ApiConfig::for_public_url(PUBLIC_URL).unwrap();
        adjust(&mut config);
        let router = router(deployer.clone(), &config, Router::new());
        Self { deployer, key, pull_key, router, data }
    }

    /// Another key.
    pub(crate) async fn key(&self, name: &str, scopes: &str, workspace: &str) -> String {
        let request = NewKeyRequest {
            name: name.parse().unwrap(),
            scopes: scopes.parse().unwrap(),
            workspaces: WorkspaceGrant::Some([workspace.parse().unwrap()].into()),
        };
        create_key(self.deployer.store(), request).await.unwrap().0.expose().to_owned()
    }

    /// One for all workspaces.
    pub(crate) async fn key_for_all(&self, name: &str, scopes: &str) -> String {
        let request = NewKeyRequest {
            name: name.parse().unwrap(),
            scopes: scopes.parse().unwrap(),
            workspaces: WorkspaceGrant::All,
        };
        create_key(self.deployer.store(), request).await.unwrap().0.expose().to_owned()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The body of a good answer, whatever it is.
    pub(crate) async fn bytes(&self, request: Request<Body>) -> Vec<u8> {
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    /// Puts an image of a service where this server keeps them.
    pub(crate) fn image(&self, service: &str) -> Digest {
        let root = self.data.path();
        let layout = Layout::open(root.join("images")).unwrap();
        let builder = Builder::new(ImageStore::Layout(layout), static_server(root));
        let request = BuildRequest {
            service: &service.parse().unwrap(),
            build: &Build { pack: Pack::Static, root_directory: None, publish_directory: None },
            source: &MemoryTree::new().file("index.html", "<h1>one</h1>"),
            commit: &"3f2c1ab9d0e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8".parse().unwrap(),
            origin: "inkstone.test/git/acme/site",
        };
        builder.build(&request, &mut |_| {}, &|| false).unwrap().digest
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The answer to one MCP request.
    pub(crate) async fn rpc(&self, key: &str, method: &str, params: Value) -> Value {
        let answer = self.send(mcp_request(key, method, &params)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    /// The result of a tool call.
    pub(crate) async fn call_as(&self, key: &str, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        let answer = self.rpc(key, "tools/call", params).await;
        answer.get("result").unwrap_or_else(|| panic!("no result: {answer}")).clone()
    }

    /// What a tool call with the first key answers; it must not be an error.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call_as(&self.key, tool, arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// The error that a tool call with the first key ends in.
    pub(crate) async fn refusal(&self, tool: &str, arguments: Value) -> Value {
        refusal_of(&self.call_as(&self.key, tool, arguments).await)
    }

    /// Makes a commit on `main` of a hosted repository of the workspace `main`.
    pub(crate) fn commit_source(&self, repo: &str) -> String {
        let repo = self.data.path().join(format!("repos/main/{repo}.git"));
        let git = |arguments: &[&str]| {
            let output = Command::new("git")
                .arg("--git-dir")
                .arg(&repo)
                .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
                .args(arguments)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let tree = git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
        let commit = git(&["commit-tree", "-m", "first", &tree]);
        git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }
}

/// The error in a tool's result: it must be one, structured, with a copy as text.
pub(crate) fn refusal_of(result: &Value) -> Value {
    assert_eq!(result["isError"], true, "{result}");
    let refusal = result["structuredContent"].clone();
    let text = result["content"][0]["text"].as_str().unwrap();
    for part in ["code", "message", "suggestion"] {
        let part = refusal[part].as_str().unwrap();
        assert!(!part.is_empty() && text.contains(part), "{text}");
    }
    refusal
}

/// A request to `/mcp` as a client makes it.
pub(crate) fn mcp_request(key: &str, method: &str, params: &Value) -> Request<Body> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    Request::post("/mcp")
        .header(HOST, "localhost:8787")
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .header(ACCEPT, "application/json, text/event-stream")
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

/// What a client says first.
pub(crate) fn hello() -> Value {
    json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "0"},
    })
}

fn state_repo(root: &Path, identities: &Identities) -> StateRepo {
    let templates = TemplateSet::builtin().unwrap();
    let region = "eu-central-1".parse().unwrap();
    let founding = Founding {
        region,
        apps_domain: "apps.example.com".parse().unwrap(),
        ingress: Ingress {
            class: "traefik".parse().unwrap(),
            namespace: "ingress".parse().unwrap(),
            http_port: None,
        },
        registry: "registry.example.com".parse().unwrap(),
        image_registries: vec!["images.example.com/team".parse().unwrap()],
        recipients: vec![identities.current().recipient().clone()],
        templates: &templates,
    };
    let actor: KeyName = "test".parse().unwrap();
    let signer = Signer::create(&root.join("signing-key"), &[7; 32]).unwrap();
    let now = jiff::Timestamp::now();
    let state = found(&root.join("state.git"), &founding, signer, actor.clone(), now).unwrap();
    for workspace in ["main", "acme"] {
        let workspace = workspace.parse().unwrap();
        add_workspace(&state, &founding.region, &workspace, &actor, &TOOL).unwrap();
    }
    state
}

/// A program as small as its header: nothing is built here, but a builder must have one.
fn static_server(root: &Path) -> StaticServer {
    let mut elf = vec![0_u8; 120];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    for (at, value) in [(16, 2), (18, 62), (20, 1), (32, 64), (52, 64), (54, 56), (56, 1), (64, 1)]
    {
        elf[at] = value;
    }
    let path = root.join("static-server");
    std::fs::write(&path, elf).unwrap();
    StaticServer::load(&path).unwrap()
}
