//! What commands print: tables that line up, errors that say what to do.

use rustix::termios::tcgetwinsize;
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

/// Whether standard output is for eyes, and they want colours (<https://no-color.org>).
pub(crate) fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}

/// A number of things, as people say it.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Prints a value as indented JSON.
pub(crate) fn json(value: &serde_json::Value) {
    line(format_args!("{value:#}"));
}

/// Prints a value as one line of JSON.
pub(crate) fn json_line(value: &serde_json::Value) {
    line(value);
}

/// Says something beside what was asked for, to standard error: what reads our output goes undisturbed.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints rows in columns that line up.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    print_table(header, rows, None);
}

/// The same, with lines cut to the terminal where there is one.
pub(crate) fn table_cut(header: &[&str], rows: &[Vec<String>]) {
    let out = std::io::stdout();
    let size = out.is_terminal().then(|| tcgetwinsize(&out).ok()).flatten();
    // A terminal that does not know its size says 0.
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    print_table(header, rows, columns);
}

fn print_table(header: &[&str], rows: &[Vec<String>], columns: Option<usize>) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|title| title.len())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let text = padded.join("  ");
        let text = text.trim_end();
        match columns {
            Some(columns) if text.chars().count() > columns => {
                line(text.chars().take(columns - 1).chain(['…']).collect::<String>());
            }
            _ => line(text),
        }
    };
    print(&mut header.iter().copied());
    for row in rows {
        print(&mut row.iter().map(String::as_str));
    }
}
