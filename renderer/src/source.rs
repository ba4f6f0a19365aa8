//! What a template text may contain, and where its placeholders are.
//!
//! Templates are plain: `{{ expression }}`, `{% if %}`, `{% for %}` and comments. Everything that
//! captures output or pulls in other text is refused by its tag's name.

use std::fmt::Write;
use std::ops::Range;

/// The tags that a template may use.
const TAGS: &[&str] = &["if", "elif", "else", "endif", "for", "endfor"];

/// One `{{ expression }}` of a template text.
#[derive(Debug)]
pub(crate) struct Placeholder {
    /// The line it begins on, counted from 1.
    pub(crate) line: usize,
    /// The bytes of the expression, without delimiters and whitespace control.
    expression: Range<usize>,
}

/// Why a text is not a template.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Finds every placeholder, or says which line is not allowed.
pub(crate) fn placeholders(source: &str) -> Result<Vec<Placeholder>, Refused> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((open, delimiter)) = next_opening(source, at) {
        let line = line_of(source, open);
        let refused = |message: String| Refused { line, message };
        let inner = open + delimiter.len();
        at = match delimiter {
            "{#" => {
                let length = tail(source, inner).find("#}");
                inner
                    + length.ok_or_else(|| refused("this comment has no end: add `#}`".into()))?
                    + 2
            }
            "{%" => {
                let tag = tag_name(tail(source, inner));
                if !TAGS.contains(&tag) {
                    return Err(refused(format!(
                        "`{{% {tag} %}}` is not allowed in a template: use if, elif, else, for"
                    )));
                }
                closing(source, inner, "%}").map_err(refused)? + 2
            }
            _ => {
                let close = closing(source, inner, "}}").map_err(refused)?;
                let raw = source.get(inner..close).unwrap_or_default();
                let start = inner + usize::from(raw.starts_with(['-', '+']));
                let end = close - usize::from(raw.len() > 1 && raw.ends_with(['-', '+']));
                found.push(Placeholder { line, expression: start..end.max(start) });
                close + 2
            }
        };
    }
    Ok(found)
}

/// The text with each `{{ expression }}` turned into `{{ [number, expression] }}`.
pub(crate) fn numbered(source: &str, placeholders: &[Placeholder]) -> String {
    let mut text = String::with_capacity(source.len() + placeholders.len() * 8);
    let mut at = 0;
    for (number, placeholder) in placeholders.iter().enumerate() {
        let Range { start, end } = placeholder.expression;
        text.push_str(source.get(at..start).unwrap_or_default());
        // Writing to a String cannot fail.
        let _ = write!(text, " [{number}, {}] ", source.get(start..end).unwrap_or_default());
        at = end;
    }
    text.push_str(tail(source, at));
    text
}

fn tail(source: &str, from: usize) -> &str {
    source.get(from..).unwrap_or_default()
}

fn line_of(source: &str, at: usize) -> usize {
    1 + source.get(..at).unwrap_or_default().matches('\n').count()
}

fn next_opening(source: &str, from: usize) -> Option<(usize, &'static str)> {
    ["{{", "{%", "{#"]
        .into_iter()
        .filter_map(|open| Some((from + tail(source, from).find(open)?, open)))
        .min()
}

fn tag_name(inner: &str) -> &str {
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_start();
    let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len());
    inner.get(..end).unwrap_or_default()
}

/// Where the delimiter that closes an expression begins. String literals are skipped; braces are
/// refused, because no scalar needs a map literal and without them the end is beyond doubt.
fn closing(source: &str, from: usize, close: &str) -> Result<usize, String> {
    let mut quote = None;
    let mut escaped = false;
    for (offset, c) in tail(source, from).char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(open) => {
                escaped = c == '\\';
                quote = Some(open).filter(|_| c != open);
            }
            None if tail(source, from + offset).starts_with(close) => return Ok(from + offset),
            None if c == '{' || c == '}' => {
                return Err("braces are not allowed inside an expression".into());
            }
            None => quote = Some(c).filter(|c| matches!(c, '"' | '\'')),
        }
    }
    Err(format!("this expression has no end: add `{close}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_with_their_lines_and_numbered() {
        let source = "a: {{ x }}\n{# {{ no }} #}\n{% if \"%}\" == x %}\nb: {{- \"}}\" ~ 'it\\'s' -}}\n{% endif %}";
        let found = placeholders(source).unwrap();
        assert_eq!(found.iter().map(|p| p.line).collect::<Vec<_>>(), [1, 4]);
        let text = numbered(source, &found);
        assert!(text.contains("a: {{ [0,  x ] }}"), "{text}");
        assert!(text.contains("b: {{- [1,  \"}}\" ~ 'it\\'s' ] -}}"), "{text}");
    }

    #[test]
    fn tags_that_capture_or_pull_in_text_are_refused_with_their_line() {
        for tag in [
            "set x = 1",
            "set x",
            "with x = 1",
            "autoescape false",
            "filter upper",
            "raw",
            "do f()",
            "macro m()",
            "call m()",
            "include 'x'",
            "import 'x' as y",
            "from 'x' import y",
            "extends 'x'",
            "block x",
            "continue",
            "break",
            "",
        ] {
            for open in ["{% ", "{%- ", "{%+", "{%"] {
                let refused = placeholders(&format!("a: b\n{open}{tag} %}}\n")).unwrap_err();
                assert_eq!(refused.line, 2, "{tag}");
            }
        }
    }

    #[test]
    fn what_has_no_end_or_holds_braces_is_refused() {
        for source in ["{{ x", "{{ 'x }}", "{% if x", "{# x", "{{ {\"a\": 1} }}", "{{ x } }}"] {
            assert!(placeholders(source).is_err(), "{source}");
        }
    }
}
