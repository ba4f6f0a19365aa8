//! The template engine, closed down: three filters, no functions, and one way for a value to get out.

use crate::scalar;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, filters};

/// The most engine steps that one manifest may take.
const FUEL: u64 = 100_000;

/// An environment without templates whose every `{{ }}` goes through `formatter`. Auto-escaping and
/// the `safe` mark have no say: the formatter looks at neither.
pub(crate) fn environment<F>(formatter: F) -> Result<Environment<'static>, Error>
where
    F: Fn(&mut Output, &mut State, &Value) -> Result<(), Error> + Send + Sync + 'static,
{
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(false);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    environment.add_filter("join", filters::join);
    environment.add_filter("length", filters::length);
    environment.add_filter("string", filters::string);
    environment.set_formatter(formatter);
    Ok(environment)
}

/// Prints a value as one YAML scalar; refuses what is none.
pub(crate) fn print_scalar(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    let refuse = |what: &str, instead: &str| {
        Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{what} cannot be put into a manifest: {instead}"),
        ))
    };
    match value.kind() {
        ValueKind::String => match value.as_str() {
            Some(text) => scalar::write_string(out, text).map_err(Error::from),
            None => refuse("text that is not UTF-8", "use a string"),
        },
        // The engine itself prints booleans as Python does.
        ValueKind::Bool => write!(out, "{}", value.is_true()).map_err(Error::from),
        ValueKind::Number if value.is_integer() => write!(out, "{value}").map_err(Error::from),
        ValueKind::Number => refuse("a fraction", "use a whole number or a string"),
        ValueKind::None => refuse("none", "leave the line out with an `if`"),
        ValueKind::Undefined => refuse("an undefined value", "give the `if` an `else`"),
        _ => refuse("a list or a map", "write its items with a `for`"),
    }
}

/// What went wrong and on which line, without the engine's own decoration.
pub(crate) fn explain(error: &Error) -> (usize, String) {
    let message = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    (error.line().unwrap_or(1), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::value::Serde;
    use proptest::prelude::*;

    fn render(template: &str, x: Value) -> Result<String, Error> {
        let mut environment = environment(print_scalar)?;
        environment.add_template_owned("t", template.to_owned())?;
        environment.get_template("t")?.render(minijinja::context! { x })
    }

    proptest! {
        #[test]
        fn any_string_of_a_context_comes_out_as_that_one_string(text in any::<String>()) {
            let yaml = render("a: {{ x }}\nb:\n  - {{ x }}\n  - c: {{ x ~ \"\" }}\n", Value::from(&text)).unwrap();
            let expected = serde_json::json!({"a": text, "b": [text, {"c": text}]});
            let ours: serde_json::Value = inkstone_spec::yaml::parse(yaml.as_bytes()).unwrap();
            let other: serde_json::Value = yaml_serde::from_str(&yaml).unwrap();
            prop_assert_eq!(&ours, &expected);
            prop_assert_eq!(&other, &expected);
        }
    }

    #[test]
    fn a_string_of_a_megabyte_is_still_one_scalar() {
        let text = "a\": \n- ".repeat(1 << 17);
        let yaml = render("a: {{ x }}\n", Value::from(&text)).unwrap();
        let read: serde_json::Value = yaml_serde::from_str(&yaml).unwrap();
        assert_eq!(read, serde_json::json!({ "a": text }));
    }

    #[test]
    fn text_that_is_marked_safe_is_quoted_all_the_same() {
        let yaml = render("a: {{ x }}\n", Value::from_safe_string("b\nc: d".to_owned())).unwrap();
        assert_eq!(yaml, "a: \"b\\nc: d\"\n");
    }

    #[test]
    fn numbers_and_booleans_stay_what_they_are_and_become_strings_when_asked() {
        assert_eq!(render("a: {{ x }}", Value::from(8080)).unwrap(), "a: 8080");
        assert_eq!(render("a: {{ x | string }}", Value::from(8080)).unwrap(), "a: \"8080\"");
        assert_eq!(render("a: {{ x }}", Value::from(true)).unwrap(), "a: true");
    }

    #[test]
    fn what_is_no_scalar_is_refused() {
        let cases = [
            ("{{ x }}", Value::from(vec![1, 2]), "list or a map"),
            ("{{ x }}", Value::from(Serde(serde_json::json!({"a": 1}))), "list or a map"),
            ("{{ x }}", Value::from(()), "none"),
            ("{{ x }}", Value::from(1.5), "fraction"),
            ("{{ x }}", Value::from(f64::NAN), "fraction"),
            ("{{ y }}", Value::from(1), "undefined"),
            ("{{ x.y }}", Value::from(Serde(serde_json::json!({}))), "undefined"),
            ("{{ x if false }}", Value::from(1), "undefined"),
            ("{% if y %}{% endif %}", Value::from(1), "undefined"),
        ];
        for (template, x, says) in cases {
            let (_, message) = explain(&render(template, x).unwrap_err());
            assert!(message.contains(says), "{template}: {message}");
        }
    }

    #[test]
    fn nothing_that_could_bypass_the_formatter_or_run_for_ever_is_there() {
        for template in [
            "{{ x | safe }}",
            "{{ x | e }}",
            "{{ x | escape }}",
            "{{ x | tojson }}",
            "{{ range(9) }}",
            "{{ debug() }}",
            "{{ x | default(1) }}",
            "{% include 'x' %}",
            "{% extends 'x' %}",
            "{% import 'x' as y %}",
            "{% macro m() %}{% endmacro %}",
            "{% block b %}{% endblock %}",
        ] {
            assert!(render(template, Value::from("a")).is_err(), "{template}");
        }
        let loops =
            "{% for a in x %}{% for b in x %}{% for c in x %}{% endfor %}{% endfor %}{% endfor %}";
        let many = Value::from((0..1000).collect::<Vec<_>>());
        assert_eq!(render(loops, many).unwrap_err().kind(), ErrorKind::OutOfFuel);
    }
}
