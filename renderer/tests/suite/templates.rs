//! Template sets: what they may contain, how they are read, named and linted.

use crate::cases;
use inkstone_renderer::{
    FolderError, LintError, MAX_TEMPLATE_BYTES, MAX_TEMPLATES, RenderError, Renderer,
    TemplateError, TemplateName, TemplateSet, lint,
};
use inkstone_spec::{FileName, StatePath, TemplateScope};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn name(scope: TemplateScope, file: &str) -> TemplateName {
    TemplateName { scope, file: FileName::new(file).unwrap() }
}

fn set(files: &[(&str, &str)]) -> Result<TemplateSet, TemplateError> {
    let texts =
        files.iter().map(|(file, text)| (name(TemplateScope::Service, file), (*text).to_owned()));
    TemplateSet::new(texts.collect())
}

/// A template that is right but for `body`, which stands where data of a `ConfigMap` does.
fn config_map(body: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{{{ service.name }}}}\n  namespace: {{{{ namespace }}}}\ndata:\n  {body}\n"
    )
}

fn findings(files: &[(&str, &str)]) -> String {
    match lint(&set(files).unwrap()) {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    }
}

fn builtin_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates")
}

#[test]
fn every_placeholder_of_the_built_in_set_is_one_whole_scalar() {
    lint(&TemplateSet::builtin().unwrap()).unwrap();
}

#[test]
fn the_built_in_set_is_the_folder_of_templates() {
    let folder = TemplateSet::from_dir(&builtin_folder()).unwrap();
    assert_eq!(folder, TemplateSet::builtin().unwrap());
}

#[test]
fn placeholders_that_are_a_whole_value_pass() {
    for body in [
        "a: {{ image }}",
        "a: {{ \"prefix-\" ~ image ~ '-suffix' }}",
        "a: {{ hosts | join(\",\") }}",
        "a: {{ port | string }}",
        "a: {{ hosts[0] }}",
        "a: [{{ image }}, {{ port }}]",
        "a: {b: {{ image }} }",
        "a: {{ 'one' if replicas == 1 else 'many' }}",
        "a: b{# {{ image }} #}",
        "a: |\n    text as it stands\n  b: {{ image }}",
        "{% if env_secret %}\n  a: {{ env_secret }}\n  {% else %}\n  a: {{ image }}\n  {% endif %}",
    ] {
        assert_eq!(findings(&[("config.yaml", &config_map(body))]), "", "{body}");
    }
}

#[test]
fn placeholders_that_are_not_a_whole_value_are_refused_with_their_line() {
    for body in [
        "a: \"{{ image }}\"",
        "a: '{{ image }}'",
        "a: x-{{ image }}",
        "a: {{ image }}-x",
        "a: {{ image }}{{ port }}",
        "a: x {{ image }}",
        "a: |\n    {{ image }}",
        "a: >-\n    {{ image }}",
        "a: |\n    b: {{ image }}",
        "a: b\n    {{ image }}",
        "a: b # {{ image }}",
        "# {{ image }}",
        "{{ image }}: a",
        "a: &{{ image }} b",
        "a: \"\n    {{ image }}\"",
        "a: b\n...\n{{ image }}",
    ] {
        let found = findings(&[("config.yaml", &config_map(body))]);
        assert!(found.contains("must be a whole value"), "{body}: {found}");
        assert!(found.contains("service/config.yaml"), "{found}");
    }
    let found = findings(&[("config.yaml", &config_map("a: b\n  c: '{{ image }}'"))]);
    assert!(found.contains("line 8"), "{found}");
}

#[test]
fn values_that_are_no_scalar_or_do_not_exist_are_refused() {
    for (body, says) in [
        ("a: {{ hosts }}", "a list or a map"),
        ("a: {{ service }}", "a list or a map"),
        ("a: {{ env_secret }}", "none cannot be put"),
        ("a: {{ nothing }}", "undefined"),
        ("a: {{ service.nmae }}", "undefined"),
        (
            "{% if workspace == \"acme-only\" %}\n  a: {{ image }}\n  {% endif %}",
            "no sample input reaches",
        ),
    ] {
        let found = findings(&[("config.yaml", &config_map(body))]);
        assert!(found.contains(says), "{body}: {found}");
    }
}

#[test]
fn what_is_not_one_object_of_its_own_place_is_refused() {
    let cases = [
        ("a: b\n", "has no kind"),
        ("- a\n", "has no kind"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ service.name }}\n",
            "metadata.namespace must be",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ service.name }}\n  namespace: kube-system\n",
            "metadata.namespace must be",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\n  namespace: {{ namespace }}\n",
            "metadata.name must be",
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {{ namespace }}\n",
            "metadata.namespace must be",
        ),
    ];
    for (text, says) in cases {
        let found = findings(&[("config.yaml", text)]);
        assert!(found.contains(says), "{text}: {found}");
    }
    let two = format!("{}---\n{}", config_map("a: b"), config_map("a: b"));
    assert!(findings(&[("config.yaml", &two)]).contains("not one YAML document"));
    let same = config_map("a: b");
    let found = findings(&[("a.yaml", &same), ("b.yaml", &same)]);
    assert!(
        found.contains("service/b.yaml: makes the same object as template service/a.yaml"),
        "{found}"
    );
}

#[test]
fn tags_and_filters_that_could_bypass_the_formatter_are_refused_with_their_line() {
    for body in [
        "{% set a %}x{% endset %}",
        "{% set a = 1 %}",
        "{% autoescape false %}{{ image }}{% endautoescape %}",
        "{% filter upper %}x{% endfilter %}",
        "{% macro m() %}x{% endmacro %}",
        "{% include \"service/service.yaml\" %}",
        "{% raw %}{{ image }}{% endraw %}",
        "{{ {\"a\": 1} }}",
        "{{ image",
        "{% if image %}",
    ] {
        match set(&[("config.yaml", &config_map(body))]) {
            Err(error @ TemplateError::Malformed { line: 7.., .. }) => {
                assert_eq!(error.code(), "template_malformed");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
    for filter in ["safe", "escape", "e", "tojson", "default", "map"] {
        let text = config_map(&format!("a: {{{{ image | {filter} }}}}"));
        assert!(findings(&[("config.yaml", &text)]).contains("filter"), "{filter}");
    }
}

#[test]
fn a_template_that_makes_only_whitespace_makes_no_manifest() {
    let text = format!("{{% if env_secret %}}\n{}{{% endif %}}\n\n", config_map("a: b"));
    let set = set(&[("config.yaml", &text)]).unwrap();
    lint(&set).unwrap();
    let renderer = Renderer::new(&set).unwrap();
    assert_eq!(cases::one("env").render(&renderer).unwrap().len(), 1);
    assert_eq!(cases::one("memory-256mi").render(&renderer).unwrap().len(), 0);
}

#[test]
fn a_template_that_fails_names_itself_its_line_and_what_to_do() {
    let set = set(&[("config.yaml", &config_map("a: {{ env_secret }}"))]).unwrap();
    let error = cases::one("memory-256mi").render(&Renderer::new(&set).unwrap()).unwrap_err();
    assert!(matches!(error, RenderError::Template { line: 7, .. }), "{error:?}");
    assert!(error.to_string().contains("template service/config.yaml, line 7"), "{error}");
    assert!(error.to_string().contains("leave the line out"), "{error}");
}

#[test]
fn a_set_has_limits() {
    assert_eq!(TemplateSet::new(BTreeMap::new()), Err(TemplateError::Empty));
    let long = "x".repeat(MAX_TEMPLATE_BYTES + 1);
    assert!(matches!(set(&[("a.yaml", &long)]), Err(TemplateError::TooLarge { .. })));
    let many = (0..=MAX_TEMPLATES)
        .map(|i| (name(TemplateScope::Service, &format!("a{i}.yaml")), String::new()));
    assert_eq!(TemplateSet::new(many.collect()), Err(TemplateError::TooMany(MAX_TEMPLATES + 1)));
}

#[test]
fn the_digest_depends_on_every_name_and_text_and_on_where_they_end() {
    let digests: Vec<_> = [
        vec![("a.yaml", "x")],
        vec![("a.yaml", "y")],
        vec![("b.yaml", "x")],
        vec![("a.yaml", "x"), ("b.yaml", "")],
        vec![("a.yaml", ""), ("b.yaml", "x")],
        vec![("a.yaml", "xb.yaml")],
    ]
    .iter()
    .map(|files| set(files).unwrap().digest().clone())
    .chain([TemplateSet::new([(name(TemplateScope::Project, "a.yaml"), "x".to_owned())].into())
        .unwrap()
        .digest()
        .clone()])
    .collect();
    let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
    assert_eq!(set(&[("a.yaml", "x")]).unwrap().digest(), &digests[0]);
}

#[test]
fn a_set_that_is_kept_in_the_state_repo_is_read_back_as_the_same_set() {
    let set = TemplateSet::builtin().unwrap();
    let kept: BTreeMap<TemplateName, String> = set
        .files()
        .map(|(path, text)| match path.to_string().parse().unwrap() {
            StatePath::Template(digest, scope, file) => {
                assert_eq!(&digest, set.digest());
                (TemplateName { scope, file }, text.to_owned())
            }
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(TemplateSet::new(kept).unwrap(), set);
}

#[test]
fn a_folder_with_anything_else_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    assert!(matches!(TemplateSet::from_dir(&root.join("absent")), Err(FolderError::Read { .. })));
    write("service/config.yaml", &config_map("a: {{ image }}"));
    write("README.md", "for people");
    assert_eq!(TemplateSet::from_dir(root).unwrap().templates().count(), 1);

    for stray in [
        "other/a.yaml",
        "a.yaml",
        "service/.a.yaml.swp",
        "service/A.yaml",
        "service/a.yml",
        "service/b.yaml/c",
    ] {
        write(stray, "a: b\n");
        let error = TemplateSet::from_dir(root).unwrap_err();
        assert!(matches!(error, FolderError::Stray(_)), "{stray}: {error}");
        let first = Path::new(stray).components().next().unwrap();
        match stray {
            "other/a.yaml" => fs::remove_dir_all(root.join(first)).unwrap(),
            "service/b.yaml/c" => fs::remove_dir_all(root.join("service/b.yaml")).unwrap(),
            _ => fs::remove_file(root.join(stray)).unwrap(),
        }
    }
    std::os::unix::fs::symlink("/etc/passwd", root.join("service/link.yaml")).unwrap();
    assert!(matches!(TemplateSet::from_dir(root), Err(FolderError::Stray(_))));
    fs::remove_file(root.join("service/link.yaml")).unwrap();
    write("service/big.yaml", &"x".repeat(MAX_TEMPLATE_BYTES * 2));
    let error = TemplateSet::from_dir(root).unwrap_err();
    assert_eq!(error.code(), "template_too_large");
}

#[test]
fn a_lint_says_everything_it_found_at_once() {
    let set = set(&[("config.yaml", &config_map("a: '{{ image }}'\n  b: '{{ port }}'"))]).unwrap();
    match lint(&set) {
        Err(LintError::Findings(found)) => {
            assert_eq!(found.iter().filter_map(|finding| finding.line).collect::<Vec<_>>(), [7, 8]);
        }
        other => panic!("{other:?}"),
    }
}
