//! Runs one outside command after another: each is announced, timed, and, where it fails, named so
//! that it can be run again by hand.
#![expect(
    clippy::print_stderr,
    reason = "a command-line program that talks to the person running it"
)]

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A line for the person, apart from the output of the commands.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Runs `command` in sight of the person and says how long it took.
///
/// # Errors
/// The command could not start, or did not succeed; the message has the line that runs it again.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<()> {
    timed(name, || run_last(name, command))
}

/// Like [`run`], but has no word after the command's own, whose last line is the verdict.
pub(crate) fn run_last(name: &str, command: &mut Command) -> Result<()> {
    say(&format!("▶ {name}"));
    let line = shell_line(command);
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("{name} failed ({status}). Run it again with\n  {line}");
    }
    Ok(())
}

/// Does `work` and says how long it took.
pub(crate) fn timed<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work()?;
    say(&format!("✓ {name}, {}", shown(start.elapsed())));
    Ok(result)
}

/// Runs `command` out of sight and returns what it printed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", shell_line(command), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs `command` out of sight, unless it fails.
pub(crate) fn quietly(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", shell_line(command), output.status, complaint.trim_end());
    }
    Ok(())
}

/// Whether `command` starts and succeeds; what it prints is of no interest.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}: is it installed?", command.get_program().display())
}

/// The command as a person would type it at the root of the workspace.
fn shell_line(command: &Command) -> String {
    let environment = command
        .get_envs()
        .filter_map(|(key, value)| Some(format!("{}={}", key.display(), quoted(value?))));
    let program = match Path::new(command.get_program()) {
        cargo if cargo.file_name() == Some(OsStr::new("cargo")) => "cargo".to_owned(),
        other => quoted(other.as_os_str()).into_owned(),
    };
    let arguments = command.get_args().map(|argument| quoted(argument).into_owned());
    environment.chain([program]).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> Cow<'_, str> {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    let escaped = word.replace('\\', r"\\").replace('\'', r"\'").replace('\x1f', r"\x1f");
    Cow::Owned(format!("$'{escaped}'"))
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} min {} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_says_how_to_run_it_again() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["build", "--package", "it's one"]).env("FLAGS", "a\x1fb").env("X", "1");

        assert_eq!(shell_line(&command), r"FLAGS=$'a\x1fb' X=1 cargo build --package $'it\'s one'");
    }

    #[test]
    fn a_command_that_fails_stops_the_run() {
        let error = run("two plus two", Command::new("sh").args(["-c", "exit 3"])).unwrap_err();

        let message = error.to_string();
        assert!(message.starts_with("two plus two failed (exit status: 3)"), "{message}");
        assert!(message.ends_with(r"sh -c $'exit 3'"), "{message}");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let error = run("guess", &mut Command::new("no-such-program")).unwrap_err();

        assert_eq!(error.to_string(), "cannot start no-such-program: is it installed?");
    }

    #[test]
    fn times_read_as_people_say_them() {
        assert_eq!(shown(Duration::from_millis(440)), "0.4 s");
        assert_eq!(shown(Duration::from_secs(187)), "3 min 7 s");
    }
}
