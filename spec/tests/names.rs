//! Names, ids and paths: what is printed reads back, what is refused is refused, and no two things
//! share a namespace, path or host.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use inkstone_spec::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn label(max: usize) -> impl Strategy<Value = String> {
    "[a-z](-?[a-z0-9]){0,20}".prop_filter("length", move |v| v.len() <= max)
}

prop_compose! {
    fn service_ref()(w in "[a-z][a-z0-9]{0,19}", p in label(30), s in label(40)) -> ServiceRef {
        ServiceRef {
            workspace: w.parse().unwrap(),
            project: p.parse().unwrap(),
            service: s.parse().unwrap(),
        }
    }
}

fn state_path() -> impl Strategy<Value = StatePath> {
    let region = || label(30).prop_map(|v| v.parse::<Region>().unwrap());
    let file = || label(20).prop_map(|v| format!("{v}.yaml").parse::<FileName>().unwrap());
    let digest = || any::<[u8; 8]>().prop_map(|v| Digest::of(&v));
    let scope = || prop_oneof![Just(TemplateScope::Project), Just(TemplateScope::Service)];
    prop_oneof![
        Just(StatePath::Readme),
        Just(StatePath::Inkstone),
        (digest(), scope(), file()).prop_map(|(d, s, f)| StatePath::Template(d, s, f)),
        region().prop_map(StatePath::Cluster),
        (region(), service_ref()).prop_map(|(r, s)| StatePath::Workspace(r, s.workspace)),
        (region(), service_ref()).prop_map(|(r, s)| StatePath::Project(r, s.project_ref())),
        (region(), service_ref(), file()).prop_map(|(r, s, f)| StatePath::ProjectManifest(
            r,
            s.project_ref(),
            f
        )),
        (region(), service_ref()).prop_map(|(r, s)| StatePath::Service(r, s)),
        (region(), service_ref()).prop_map(|(r, s)| StatePath::ServiceEnv(r, s)),
        (region(), service_ref(), file()).prop_map(|(r, s, f)| StatePath::ServiceManifest(r, s, f)),
        label(30).prop_map(|v| StatePath::Host(format!("{v}.example.com").parse().unwrap())),
    ]
}

proptest! {
    #[test]
    fn a_path_reads_back_as_what_was_printed(path in state_path()) {
        prop_assert_eq!(path.to_string().parse::<StatePath>(), Ok(path));
    }

    #[test]
    fn law_7_two_paths_never_print_alike(a in state_path(), b in state_path()) {
        prop_assert_eq!(a == b, a.to_string() == b.to_string());
    }

    #[test]
    fn a_service_reference_reads_back(service in service_ref()) {
        prop_assert_eq!(service.to_string().parse::<ServiceRef>(), Ok(service));
    }

    #[test]
    fn law_7_a_namespace_names_one_project(a in service_ref(), b in service_ref()) {
        let (a, b) = (a.project_ref(), b.project_ref());
        prop_assert!(a.namespace().as_str().len() <= 63);
        prop_assert_eq!(a == b, a.namespace() == b.namespace());
    }

    #[test]
    fn law_7_a_default_host_is_a_host_and_names_one_service(a in service_ref(), b in service_ref()) {
        let apps: Hostname = "apps.example.com".parse().unwrap();
        let (x, y) = (default_host(&a, &apps).unwrap(), default_host(&b, &apps).unwrap());
        prop_assert!(!x.is_reserved_under(&apps));
        prop_assert_eq!(a == b, x == y);
    }

    #[test]
    fn any_text_is_a_name_exactly_when_the_published_pattern_says_so(text in "[a-z0-9A-Z_.-]{0,42}") {
        let shape = regex_lite(&text);
        prop_assert_eq!(text.parse::<ServiceName>().is_ok(), shape && text.len() <= 40);
    }
}

/// `^[a-z](-?[a-z0-9])*$`, spelled out independently of the constructor.
fn regex_lite(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    if !chars.next().is_some_and(|c| c.is_ascii_lowercase()) {
        return false;
    }
    while let Some(c) = chars.next() {
        let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !(ok(c) || (c == '-' && chars.peek().copied().is_some_and(ok))) {
            return false;
        }
    }
    true
}

/// Attack cases 1 to 5: every trick with a name is refused, by every type that could carry it.
#[test]
fn hostile_names_are_refused() {
    let hostile = [
        "",
        "../other",
        "/abs",
        ".git",
        ".git/config",
        ".gitmodules",
        "a/",
        "a.",
        "a ",
        " a",
        "a\0b",
        "a\nb",
        "a\r\n",
        "а",
        "ａ",
        "café",
        "cafe\u{301}",
        "a\u{202e}b",
        "a\u{200b}b",
        "A",
        "aB",
        "a_b",
        "a--b",
        "-a",
        "a-",
        "1a",
        "a.b",
        "--upload-pack=x",
        "{{ x }}",
        "a: b",
        "- a",
        "!!x",
        "&a",
        "*a",
    ];
    for text in hostile {
        assert!(text.parse::<WorkspaceName>().is_err(), "workspace {text:?}");
        assert!(text.parse::<ProjectName>().is_err(), "project {text:?}");
        assert!(text.parse::<ServiceName>().is_err(), "service {text:?}");
        assert!(text.parse::<RepoName>().is_err(), "repo {text:?}");
        assert!(text.parse::<KeyName>().is_err(), "key {text:?}");
        assert!(
            format!("clusters/eu/{text}/p/services/s/service.yaml").parse::<StatePath>().is_err()
        );
    }
    assert!("a-b".parse::<WorkspaceName>().is_err(), "a hyphen would make namespaces ambiguous");
    assert!("a".repeat(21).parse::<WorkspaceName>().is_err());
    assert!("a".repeat(31).parse::<ProjectName>().is_err());
    assert!("a".repeat(41).parse::<ServiceName>().is_err());
}

#[test]
fn hostile_branches_and_directories_are_refused() {
    for text in [
        "",
        "-x",
        "--upload-pack=x",
        "a..b",
        "a.lock",
        "x/a.LOCK",
        "a/",
        "/a",
        "a//b",
        ".a",
        "a/.b",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "a\nb",
        "@{",
        "a@{1}",
        "HEAD",
        "refs/heads/main",
        "a.",
        "é",
    ] {
        assert!(text.parse::<BranchName>().is_err(), "branch {text:?}");
    }
    for text in ["main", "feature/x-1", "v1.2", "user@host"] {
        assert!(text.parse::<BranchName>().is_ok(), "branch {text:?}");
    }
    for text in [
        "", ".", "..", "../x", "x/..", "/x", "x/", "x//y", ".git", "x/.GIT/y", "git~1", "x ", " x",
        "x.", "x\\y", "x\0", "x\n", "ü",
    ] {
        assert!(text.parse::<RelativeDir>().is_err(), "directory {text:?}");
    }
    for text in ["dist", "packages/web/out", ".vitepress/dist", "my site"] {
        assert!(text.parse::<RelativeDir>().is_ok(), "directory {text:?}");
    }
}

#[test]
fn hosts_are_dns_names_and_the_platforms_own_are_reserved() {
    let apps: Hostname = "apps.example.com".parse().unwrap();
    for text in [
        "shop",
        "Shop.example.com",
        "a_b.example.com",
        "*.example.com",
        "a.example.com.",
        "-a.com",
        "1.2.3.4",
        "a..b",
        "shop.example.com:80",
        "xn--é.com",
    ] {
        assert!(text.parse::<Hostname>().is_err(), "{text:?}");
    }
    for label in ["www", "api", "mcp", "git", "grafana", "argocd"] {
        let host: Hostname = format!("{label}.apps.example.com").parse().unwrap();
        assert!(host.is_reserved_under(&apps), "{label}");
    }
    assert!(apps.is_reserved_under(&apps));
    assert!(!"www.shop.com".parse::<Hostname>().unwrap().is_reserved_under(&apps));
    assert!(
        RESERVED_HOST_LABELS.is_sorted()
            && RESERVED_HOST_LABELS.iter().collect::<BTreeSet<_>>().len()
                == RESERVED_HOST_LABELS.len()
    );
}

#[test]
fn env_keys_that_would_change_the_process_are_refused() {
    for text in [
        "PORT",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "KUBERNETES_SERVICE_HOST",
        "a",
        "A-B",
        "1A",
        "A B",
        "A=B",
        "",
        "A\n",
        "sops",
    ] {
        assert!(text.parse::<EnvKey>().is_err(), "{text:?}");
    }
    for text in ["A", "_", "PORTS", "OLD_LD", "API_TOKEN_2"] {
        assert!(text.parse::<EnvKey>().is_ok(), "{text:?}");
    }
    assert!(EnvValue::new("a\0b").is_err());
    assert!(EnvValue::new("x".repeat(MAX_ENV_VALUE_BYTES + 1)).is_err());
    assert_eq!(format!("{:?}", EnvValue::new("hunter2").unwrap()), "[redacted]");
}

#[test]
fn a_tag_is_not_a_digest_and_a_short_commit_is_not_a_commit() {
    for text in [
        "latest",
        "sha256:abc",
        "SHA256:00",
        &format!("sha256:{}", "A".repeat(64)),
        &"0".repeat(64),
    ] {
        assert!(text.parse::<Digest>().is_err(), "{text:?}");
    }
    for text in ["3f2c1ab", &"0".repeat(40), &"A".repeat(40), &format!("{}\n", "a".repeat(39))] {
        assert!(text.parse::<CommitId>().is_err(), "{text:?}");
    }
}

#[test]
fn credentials_have_one_shape_and_never_print() {
    let key = ApiKey::from_random([7; 32]);
    assert_eq!(key.expose().len(), "dk_live_".len() + 64);
    assert_eq!(ApiKey::parse(key.expose()).unwrap().hash(), key.hash());
    assert_eq!(format!("{key:?}"), "dk_live_[redacted]");
    let token = GitToken::from_random([7; 32]);
    assert_eq!(GitToken::parse(token.expose()).unwrap().hash(), token.hash());
    assert!(ApiKey::parse("dk_live_short").is_err() && GitToken::parse("mlg_short").is_err());
    let error = ApiKey::parse("dk_live_secret-but-wrong").unwrap_err().to_string();
    assert!(!error.contains("wrong"), "{error}");
    assert_eq!(Scopes::all().to_string().parse::<Scopes>(), Ok(Scopes::all()));
    assert!("read,everything".parse::<Scopes>().is_err());
}

#[test]
fn a_refusal_says_what_is_allowed_and_gives_an_example_that_passes() {
    let error = "My App".parse::<ServiceName>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"My App\" is not a valid service name: use 1 to 40 lower-case letters, digits and single \
         inner hyphens, a letter first, for example `checkout-api`"
    );
    let long = "x\u{1b}[31m".repeat(200).parse::<ServiceName>().unwrap_err().to_string();
    assert!(long.len() < 700 && !long.contains('\u{1b}'), "{long}");
}
