//! Text that a build, a repository or a client wrote, made safe to show to a terminal and to an agent.

/// One line without terminal escapes, control characters, and characters that nobody sees: those
/// would let a log rewrite what stands around it, or speak to an agent behind its user's back.
pub fn printable(line: &str) -> String {
    anstream::adapter::strip_str(line)
        .to_string()
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect()
}

/// The same for a text of several lines, which stay apart.
pub fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// The same characters, shown as escapes: where a text is evidence, what is hidden in it must show.
pub fn escaped(text: &str) -> String {
    let escape = |c: char| {
        if c.is_control() || is_invisible(c) {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escape).collect()
}

/// Line separators, and what Unicode calls default ignorable: bidirectional controls, zero-width and
/// filler characters, variation selectors, tags (`DerivedCoreProperties.txt`, `Default_Ignorable_Code_Point`);
/// also interlinear annotations.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_escapes_are_dropped_whole() {
        assert_eq!(printable("a\u{1b}[31;1mred\u{1b}[0m\tb\r\n"), "ared b");
        assert_eq!(
            printable("\u{1b}]0;owned\u{7}title \u{1b}]8;;http://x\u{1b}\\link"),
            "title link"
        );
    }

    #[test]
    fn lines_stay_apart() {
        assert_eq!(printable_lines("one\r\n\u{1b}[31mtwo\n"), "one\ntwo");
    }

    #[test]
    fn characters_that_hide_or_reorder_text_are_dropped() {
        assert_eq!(printable("x\u{202e}gpj.exe\u{2066}"), "xgpj.exe");
        assert_eq!(printable("ok\u{e0069}\u{e0067}\u{e006e}\u{200b}"), "ok");
        assert_eq!(printable("déployé → ✓"), "déployé → ✓");
    }

    #[test]
    fn what_is_hidden_is_shown_as_an_escape() {
        assert_eq!(escaped("a\u{202e}b\u{200b}\u{1b}[1m"), r"a\u{202e}b\u{200b}\u{1b}[1m");
        assert_eq!(escaped("déployé → ✓"), "déployé → ✓");
    }

    proptest! {
        #[test]
        fn nothing_unprintable_is_left(line in any::<String>()) {
            let shown = printable(&line);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_invisible(c)));
        }
    }
}
