//! How a value is written in YAML: plain where every reader agrees on it, else as a JSON string.

use std::fmt::{self, Write};

/// Words that YAML 1.1 or 1.2 readers take for a boolean, a null or a number.
const RESERVED: &[&str] =
    &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

/// Writes `text` so that it reads back as exactly this string, in any position where a YAML value may
/// stand.
pub(crate) fn write_string(out: &mut impl Write, text: &str) -> fmt::Result {
    if is_plain(text) {
        return out.write_str(text);
    }
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            c if must_escape(c) => write!(out, "\\u{:04X}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

/// Letters, digits and `. _ - /`, a letter first, not ending in punctuation, no reserved word: no
/// YAML reader has another meaning for it, in block and in flow style.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(b))
        && !RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Characters of the Basic Multilingual Plane that some YAML reader refuses or changes (controls,
/// line separators, the byte order mark, noncharacters), and those that would make the text look
/// like something else to a reviewer (zero-width and bidirectional controls).
fn must_escape(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut out = String::new();
        write_string(&mut out, text).unwrap();
        out
    }

    fn assert_reads_back(text: &str) {
        let scalar = written(text);
        for yaml in [
            format!("k: {scalar}\n"),
            format!("- {scalar}\n"),
            format!("[{scalar}, {scalar}]\n"),
            format!("{{k: {scalar}, l: {scalar}}}\n"),
        ] {
            let ours: serde_json::Value = inkstone_spec::yaml::parse(yaml.as_bytes())
                .unwrap_or_else(|error| panic!("{yaml}: {error}"));
            let other: serde_json::Value =
                yaml_serde::from_str(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
            assert_eq!(ours, other, "{yaml}");
            let mut strings = 0;
            for value in ours.as_array().into_iter().flatten() {
                assert_eq!(value, text);
                strings += 1;
            }
            for (_, value) in ours.as_object().into_iter().flatten() {
                assert_eq!(value, text);
                strings += 1;
            }
            assert!(strings > 0);
        }
    }

    #[test]
    fn names_hosts_and_paths_stay_plain() {
        for text in ["web", "dp-main-default", "a.b-c.example.com", "apps/v1", "inkstone_x", "e3b0"]
        {
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn what_a_reader_could_take_for_something_else_is_quoted() {
        for text in [
            "",
            " ",
            "no",
            "No",
            "NO",
            "y",
            "on",
            "null",
            "~",
            "=",
            "<<",
            "1e3",
            "0777",
            "0x1F",
            "1_000",
            "12:30",
            ".inf",
            "-",
            "---",
            "- a",
            "a: b",
            "a #b",
            "#",
            "&a",
            "*a",
            "!!str x",
            "!x",
            "|",
            ">",
            "%x",
            "@x",
            "`x`",
            "'x'",
            "\"x\"",
            "{{ x }}",
            "{x}",
            "[x]",
            "x,y",
            "a\nb",
            "a\n- name: b",
            "a:",
            "2001-01-01",
            "x\\y",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{fffe}",
            "\u{202e}abc",
            "nan",
            "256Mi",
        ] {
            assert!(written(text).starts_with('"'), "{text:?} is plain");
            assert_reads_back(text);
        }
    }

    #[test]
    fn every_character_of_the_first_two_planes_reads_back() {
        let all: Vec<char> = (0..=0x1_ffff).filter_map(char::from_u32).collect();
        for chunk in all.chunks(4096) {
            assert_reads_back(&chunk.iter().collect::<String>());
        }
    }

    #[test]
    fn control_and_bidirectional_characters_are_visible_in_the_text() {
        assert_eq!(written("a\u{202e}b\u{85}c\u{200b}\n"), "\"a\\u202Eb\\u0085c\\u200B\\n\"");
    }

    proptest! {
        #[test]
        fn any_string_reads_back_in_two_parsers(text in any::<String>()) {
            assert_reads_back(&text);
        }

        #[test]
        fn any_short_ascii_string_reads_back_in_two_parsers(text in "[ -~\t\n]{0,6}") {
            assert_reads_back(&text);
        }

        #[test]
        fn any_word_that_looks_like_a_number_or_a_boolean_reads_back(text in "[0-9eExXoO._+:yYnNaAtTfFiI~-]{1,6}") {
            assert_reads_back(&text);
        }

        #[test]
        fn what_is_quoted_is_also_json(text in any::<String>()) {
            let scalar = written(&text);
            if scalar.starts_with('"') {
                prop_assert_eq!(serde_json::from_str::<String>(&scalar).unwrap(), text);
            }
        }
    }
}
