//! Text as a person reads it: what looks alike becomes the same.

use inkstone_spec::printable;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use unicode_security::confusable_detection::skeleton;

/// What takes room in a line and shows nothing, beside spaces.
const BRAILLE_BLANK: char = '\u{2800}';
/// What wide dashes are confused with (Unicode, `confusables.txt`): a letter that is a stroke itself.
const STROKE: char = '\u{30fc}';

/// The lines of a text, wherever any reader ends one (UAX #14, mandatory breaks).
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// A text as a person reads it at a glance: lower case, each character as the plainest one that it is
/// confused with (UTS #39), dashes as `-`, without what cannot be seen and without accents.
pub(crate) fn read_as(text: &str) -> String {
    let text = printable(text).to_lowercase();
    // Most of what is read is ASCII, which is its own skeleton but for the strokes and rounds below.
    if text.is_ascii() {
        return text.chars().map(plainest).collect();
    }
    let seen = |c: &char| c.is_ascii() || !(c.is_whitespace() || *c == BRAILLE_BLANK);
    let compatible: String = text.chars().filter(seen).map(dash).nfkc().collect();
    let skeleton: String = skeleton(&compatible.to_lowercase()).collect();
    let letters: String = skeleton.chars().filter(|c| !is_combining_mark(*c)).collect();
    letters.to_lowercase().chars().map(plainest).collect()
}

fn dash(c: char) -> char {
    if c.general_category() == GeneralCategory::DashPunctuation { '-' } else { c }
}

fn plainest(c: char) -> char {
    match c {
        'l' | '1' | '|' => 'i',
        '0' => 'o',
        STROKE => '-',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_read_the_same() {
        for text in [
            "Inkstone-",
            "INKSTONE-",
            "lnkstone-",
            "1nkst0ne-",
            "|nkstone-",
            "Іnkѕtоnе-",
            "Ｉｎｋｓｔｏｎｅ－",
            "𝐈𝐧𝐤𝐬𝐭𝐨𝐧𝐞-",
            "Ink\u{200b}stone-",
            "I\u{301}nkstone-",
            "Ink\u{2800}stone-",
            "ⅠnkSTONE-",
            "ınkstone-",
            "inkst\u{3bf}ne-",
        ] {
            assert_eq!(read_as(text), "inkstone-", "{text}");
        }
        for text in ["inkstones-", "ink stone-", "inkston-", "墨-", "think-", "Inkstone —"] {
            assert_ne!(read_as(text), "inkstone-", "{text}");
        }
    }

    #[test]
    fn every_dash_is_one() {
        for dash in [
            '-',
            '\u{58a}',
            '\u{5be}',
            '\u{1400}',
            '\u{1806}',
            '\u{2010}',
            '\u{2011}',
            '\u{2012}',
            '\u{2013}',
            '\u{2014}',
            '\u{2015}',
            '\u{2043}',
            '\u{207b}',
            '\u{208b}',
            '\u{2212}',
            '\u{2e17}',
            '\u{2e1a}',
            '\u{2e3a}',
            '\u{2e3b}',
            '\u{2e40}',
            '\u{301c}',
            '\u{fe58}',
            '\u{fe63}',
            '\u{ff0d}',
            '\u{10ead}',
            '\u{2d7}',
            '\u{2796}',
            '\u{2500}',
            '\u{30fc}',
        ] {
            assert_eq!(read_as(&dash.to_string()), "-", "U+{:04X}", u32::from(dash));
        }
    }

    #[test]
    fn a_line_ends_where_any_reader_ends_it() {
        let text = "a\nb\rc\u{b}d\u{c}e\u{85}f\u{2028}g\u{2029}h";
        assert_eq!(lines(text).collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f", "g", "h"]);
    }
}
