//! What commands print: tables that line up, errors that say what to do.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Prints a line to standard output.
pub(crate) fn line(text: impl Display) {
    // A reader that went away (`| head`) is no error of ours.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a line of progress to standard error, over the last one; nothing when it is no terminal.
pub(crate) fn progress(text: impl Display) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{text}");
        let _ = out.flush();
    }
}

/// Says what failed and why, outermost first.
pub(crate) fn failure(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "inkstone: {error:#}");
}

/// Prints a value as indented JSON.
pub(crate) fn json(value: &serde_json::Value) {
    line(format_args!("{value:#}"));
}

/// Prints rows in columns that line up.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|title| title.len())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        line(padded.join("  ").trim_end());
    };
    print(&mut header.iter().copied());
    for row in rows {
        print(&mut row.iter().map(String::as_str));
    }
}
