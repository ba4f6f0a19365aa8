//! What every argument of every tool refuses. Parsing comes before anything else, so what is refused
//! here changes nothing.

use super::create_service::CreateService;
use super::get_service::GetService;
use super::get_service_history::GetServiceHistory;
use super::git_repos::{CreateRepo, DeleteRepo, GetGitToken, ListRepos};
use super::list_services::ListServices;
use super::projects::{CreateProject, DeleteProject};
use super::rollback_service::RollbackService;
use super::service_actions::{CancelDeployment, DeleteService, RedeployService};
use super::update_service::UpdateService;
use super::who_and_where::{ListProjects, ListWorkspaces, Whoami};
use super::{Catalogue, Tool};
use proptest::prelude::*;
use rmcp::model::JsonObject;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A tool with arguments that pass and hold no optional one.
struct Case {
    name: &'static str,
    least: Value,
    parse: fn(&JsonObject) -> Result<(), String>,
    schema: JsonObject,
}

fn case<T: Tool>(least: Value) -> Case {
    let parse = |given: &JsonObject| {
        T::parse(given).map(drop).map_err(|fault| fault.refusal(T::NAME).to_string())
    };
    Case { name: T::NAME, least, parse, schema: T::schema() }
}

fn cases() -> Vec<Case> {
    let named = || json!({"name": "site"});
    vec![
        case::<Whoami>(json!({})),
        case::<ListWorkspaces>(json!({})),
        case::<ListProjects>(json!({})),
        case::<CreateProject>(named()),
        case::<CreateRepo>(named()),
        case::<ListRepos>(json!({})),
        case::<GetGitToken>(named()),
        case::<CreateService>(json!({"name": "site", "repo": "site"})),
        case::<ListServices>(json!({})),
        case::<GetService>(named()),
        case::<GetServiceHistory>(named()),
        case::<UpdateService>(named()),
        case::<RedeployService>(named()),
        case::<RollbackService>(named()),
        case::<CancelDeployment>(json!({"deployment_id": "dep_01jdezx2k7e5m8w3r4t6y9a0bc"})),
        case::<DeleteService>(named()),
        case::<DeleteProject>(named()),
        case::<DeleteRepo>(named()),
    ]
}

/// The tools that take the settings of a service.
fn with_settings() -> [Case; 2] {
    let repo = json!({"name": "site", "repo": "site"});
    [case::<CreateService>(repo.clone()), case::<UpdateService>(repo)]
}

impl Case {
    fn with(&self, argument: &str, value: Value) -> Result<(), String> {
        let mut given = self.least.as_object().unwrap().clone();
        given.insert(argument.to_owned(), value);
        (self.parse)(&given)
    }

    fn without(&self, argument: &str) -> Result<(), String> {
        let mut given = self.least.as_object().unwrap().clone();
        given.remove(argument);
        (self.parse)(&given)
    }

    fn arguments(&self) -> Vec<(String, Value)> {
        let properties = self.schema["properties"].as_object().unwrap();
        properties.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect()
    }

    /// The argument is refused: the answer names it and what to do about it.
    fn refuses(&self, argument: &str, value: &Value) -> String {
        let text = self
            .with(argument, value.clone())
            .expect_err(&format!("{} took {value} as {argument}", self.name));
        assert!(text.starts_with(&format!("`{argument}` ")), "{text}");
        assert!(text.contains(&format!("call {} again", self.name)), "{text}");
        assert!(text.ends_with("(invalid_argument)"), "{text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
        text
    }
}

#[test]
fn every_tool_of_the_catalogue_is_tried_here() {
    let tried: Vec<_> = cases().iter().map(|case| case.name).collect();
    assert_eq!(tried, Catalogue::new().names());
}

#[test]
fn every_tool_takes_its_least_arguments_and_its_own_example() {
    let catalogue = Catalogue::new();
    for case in cases() {
        (case.parse)(case.least.as_object().unwrap()).unwrap();
        let description = catalogue.find(case.name).unwrap().tool.description.clone().unwrap();
        let Some((_, example)) = description.split_once("Example: ") else {
            assert!(case.arguments().is_empty(), "{} has arguments and no example", case.name);
            continue;
        };
        let example: JsonObject = serde_json::from_str(example).unwrap();
        (case.parse)(&example).unwrap();
    }
}

#[test]
fn exactly_the_required_arguments_may_not_be_left_out() {
    for case in cases() {
        let required: BTreeSet<_> =
            case.schema.get("required").map_or_else(BTreeSet::new, |names| {
                names
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|name| name.as_str().unwrap().to_owned())
                    .collect()
            });
        for (argument, _) in case.arguments() {
            let left_out = case.without(&argument);
            let null = case.with(&argument, Value::Null);
            assert_eq!(left_out.is_err(), required.contains(&argument), "{} {argument}", case.name);
            assert_eq!(left_out, null, "null is the same as leaving {argument} out");
        }
    }
}

#[test]
fn an_argument_that_a_tool_does_not_have_is_refused() {
    for case in cases() {
        for unknown in ["nmae", "build_command", "privileged", "hostPath", "", "__proto__"] {
            let text = case.refuses(unknown, &json!("x"));
            for (argument, _) in case.arguments() {
                assert!(text.contains(&argument), "{text}");
            }
        }
    }
}

#[test]
fn a_value_of_the_wrong_type_is_answered_with_the_right_one_and_an_example() {
    let values = [json!("x"), json!(7), json!(-1), json!(1.5), json!(true), json!([]), json!({})];
    for case in cases() {
        for (argument, schema) in case.arguments() {
            for value in &values {
                if fits(&schema["type"], value) {
                    continue;
                }
                let text = case.refuses(&argument, value);
                assert!(text.contains(" must be ") && text.contains(", not "), "{text}");
                let shown = ["for example", "Use next_cursor", "true or false", "call create_repo"];
                assert!(shown.iter().any(|hint| text.contains(hint)), "{text}");
            }
        }
    }
}

/// Whether a value has the type, or one of the types, that a schema names.
fn fits(types: &Value, value: &Value) -> bool {
    if let Value::Array(types) = types {
        return types.iter().any(|one| fits(one, value));
    }
    match (types.as_str().unwrap(), value) {
        ("string", Value::String(_))
        | ("boolean", Value::Bool(_))
        | ("object", Value::Object(_))
        | ("array", Value::Array(_)) => true,
        ("integer", number) => number.is_u64(),
        _ => false,
    }
}

/// What no name may be: paths, other cases, look-alikes, invisible characters, options, URLs, YAML.
const BAD_NAMES: &[&str] = &[
    "",
    " ",
    ".",
    "..",
    "../other",
    "/etc/passwd",
    "a/b",
    "acme/site",
    ".git",
    ".gitmodules",
    "site.",
    "site ",
    " site",
    "site\0",
    "si\nte",
    "site\n",
    "site\r\nInkstone-Actor: root",
    "Site",
    "si_te",
    "si.te",
    "si--te",
    "-site",
    "site-",
    "--upload-pack=x",
    "1site",
    "ѕite",
    "caf\u{e9}",
    "cafe\u{301}",
    "si\u{202e}te",
    "si\u{200b}te",
    "ｓite",
    "ext::sh -c id",
    "file:///etc",
    "ssh://-oProxyCommand=id/x",
    "https://github.com/a/b",
    "git@github.com:a/b.git",
    "{{ 7 }}",
    "a: b",
    "*a",
    "&a",
    "!!str a",
    "~",
    "- a",
    "a'b",
    "a\"b",
    "a;b",
    "$(id)",
    "%2e%2e",
];

#[test]
fn names_are_refused_and_never_repaired() {
    let too_long = "a".repeat(64);
    for case in cases() {
        for (argument, _) in case.arguments() {
            if !["name", "repo", "project", "workspace", "region"].contains(&argument.as_str()) {
                continue;
            }
            for bad in BAD_NAMES.iter().chain([&too_long.as_str()]) {
                case.refuses(&argument, &json!(bad));
            }
        }
    }
}

#[test]
fn branches_that_git_or_a_shell_would_misread_are_refused() {
    let too_long = "a".repeat(201);
    for bad in [
        "",
        "-main",
        "--upload-pack=id",
        "/main",
        "main/",
        "a//b",
        "a..b",
        "../main",
        ".main",
        "a/.b",
        "main.lock",
        "HEAD",
        "@{1}",
        "main@{1}",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a?b",
        "a*b",
        "a\\b",
        "a[b",
        "main\n",
        "ma\0in",
        "main.",
        "mäin",
        "ma\u{202e}in",
        &too_long,
    ] {
        for case in with_settings() {
            case.refuses("branch", &json!(bad));
        }
    }
    for good in ["main", "feature/new-site", "v1.2", "dependabot/npm_and_yarn/x-1.0"] {
        for case in with_settings() {
            case.with("branch", json!(good)).unwrap();
        }
    }
}

#[test]
fn directories_that_leave_the_tree_or_enter_git_are_refused() {
    let too_long = "a".repeat(256);
    let arguments = ["root_directory", "publish_directory"];
    for (case, argument) in with_settings().iter().flat_map(|case| arguments.map(|a| (case, a))) {
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "x/..",
            "x/../y",
            "/etc",
            "dist/",
            "./dist",
            "a//b",
            ".git",
            "x/.git/y",
            ".GIT",
            "git~1",
            "a\\b",
            "dist\0",
            "dist\n",
            "dist.",
            " dist",
            "dist ",
            "dïst",
            "d\u{202e}ist",
            &too_long,
        ] {
            case.refuses(argument, &json!(bad));
        }
        for good in ["dist", "packages/web/dist", "my site/public"] {
            case.with(argument, json!(good)).unwrap();
        }
    }
}

#[test]
fn sizes_and_numbers_out_of_bounds_are_refused() {
    for (argument, bad) in [
        ("port", json!(0)),
        ("port", json!(65_536)),
        ("port", json!(u64::MAX)),
        ("replicas", json!(21)),
        ("memory", json!("3Gi")),
        ("memory", json!("256mi")),
        ("vcpus", json!("8")),
        ("vcpus", json!("0,5")),
        ("build_pack", json!("dockerfile")),
        ("build_pack", json!("Static")),
    ] {
        for case in with_settings() {
            case.refuses(argument, &bad);
        }
    }
    let list = case::<ListServices>(json!({}));
    list.refuses("limit", &json!(u64::from(u32::MAX) + 1));
}

#[test]
fn another_host_is_answered_with_the_one_that_there_is() {
    for name in ["create_repo", "get_git_token", "create_service"] {
        let case = cases().into_iter().find(|case| case.name == name).unwrap();
        let text = case.refuses("host", &json!("github.com"));
        assert!(text.contains("not supported") && text.contains("call create_repo"), "{text}");
        case.with("host", json!("inkstone")).unwrap();
    }
}

#[test]
fn a_hold_has_a_reason_of_one_line_and_nothing_else() {
    let update = case::<UpdateService>(json!({"name": "site"}));
    let too_long = "a".repeat(201);
    for bad in ["", " ", " x", "x ", "a\nb", "a\u{1b}[31mb", "a\u{202e}b", "a\0b", &too_long] {
        let text = update.with("hold", json!({"reason": bad})).unwrap_err();
        assert!(text.starts_with("`hold.reason` "), "{text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    for bad in [json!({}), json!({"reason": 7}), json!({"reason": "x", "by": "root"})] {
        assert!(update.with("hold", bad.clone()).unwrap_err().starts_with("`hold."), "{bad}");
    }
    update.with("hold", json!({"reason": "waiting for the migration"})).unwrap();
    update.with("hold", Value::Null).unwrap();
}

#[test]
fn variables_to_remove_are_names() {
    let update = case::<UpdateService>(json!({"name": "site"}));
    for bad in ["", "a", "A-B", "PORT", "LD_PRELOAD", "A\n", "A=1", "../A"] {
        let text = update.with("unset_env", json!(["OK", bad])).unwrap_err();
        assert!(text.starts_with("`unset_env[1]` "), "{text}");
    }
    update.with("unset_env", json!(["A", "B_2"])).unwrap();
}

#[test]
fn a_commit_is_named_by_seven_digits_or_more() {
    let rollback = case::<RollbackService>(json!({"name": "site"}));
    for argument in ["to_commit", "undo_commit"] {
        for bad in ["", "3f2c1a", "HEAD", "main~1", "-1", "--all", &"A".repeat(40), &"a".repeat(41)]
        {
            rollback.refuses(argument, &json!(bad));
        }
        for good in ["3f2c1ab", "3f2c1ab9d0e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8"] {
            rollback.with(argument, json!(good)).unwrap();
        }
    }
}

#[test]
fn what_becomes_of_conflicts_is_one_of_three_words() {
    let rollback = case::<RollbackService>(json!({"name": "site"}));
    for bad in ["", "Ask", "force", "keep\n", "theirs"] {
        rollback.refuses("on_conflict", &json!(bad));
    }
    for good in ["ask", "restore", "keep"] {
        rollback.with("on_conflict", json!(good)).unwrap();
    }
}

#[test]
fn a_deployment_id_is_refused_unless_it_can_be_one() {
    let cases = [
        (case::<CancelDeployment>(json!({})), "deployment_id"),
        (case::<RollbackService>(json!({"name": "site"})), "to_deployment"),
    ];
    for bad in [
        "",
        "dep_",
        "01jdezx2k7e5m8w3r4t6y9a0bc",
        "dep_01jdezx2k7e5m8w3r4t6y9a0bC",
        "dep_' OR 1=1 --",
    ] {
        for (case, argument) in &cases {
            case.refuses(argument, &json!(bad));
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_given_is_taken_as_it_is_or_refused(text in any::<String>()) {
        for case in cases() {
            for (argument, _) in case.arguments() {
                if let Err(refusal) = case.with(&argument, json!(text.clone())) {
                    prop_assert!(refusal.starts_with(&format!("`{argument}` ")), "{}", refusal);
                    prop_assert!(!refusal.chars().any(char::is_control), "{:?}", refusal);
                }
            }
        }
    }
}
