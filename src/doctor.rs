//! `inkstone doctor`: looks at a data directory, beside the server or without it, and says what is wrong
//! and what to do.

mod disk;
mod files;
mod images;
mod remote;
mod state;
mod store;

use crate::Verdict;
use crate::cli::DoctorArgs;
use crate::data_dir::DataDir;
use crate::output::{colours, json, line};
use inkstone_spec::printable;
use serde_json::json;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    /// Works, and should be looked at.
    Warn,
    /// Does not work.
    Fail,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// Its colour in a terminal (ECMA-48, 8.3.117).
    fn colour(self) -> u8 {
        match self {
            Self::Ok => 32,
            Self::Warn => 33,
            Self::Fail => 31,
        }
    }
}

/// One thing that was looked at.
struct Check {
    name: &'static str,
    status: Status,
    /// What was found; more lines where one is not enough.
    found: String,
    /// What to do; nothing where all is well.
    advice: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, found: found.into(), advice: None }
    }

    fn warn(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, found: found.into(), advice: Some(advice.into()) }
    }

    fn fail(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, found: found.into(), advice: Some(advice.into()) }
    }
}

pub(crate) async fn doctor(args: DoctorArgs) -> anyhow::Result<Verdict> {
    let data = DataDir::open(&args.data.data)?;
    let mut checks = files::look(&data);
    let state = state::look(&data, &mut checks);
    if let Some(state) = &state {
        checks.extend(remote::look(&data, state));
        checks.extend(tokio::task::block_in_place(|| images::look(&data, state)));
    }
    store::look(&data, state.as_ref(), &mut checks).await;
    checks.extend(disk::look(&data));
    let healthy = checks.iter().all(|check| check.status != Status::Fail);
    if args.json {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| {
                json!({
                    "check": check.name, "status": check.status.word(),
                    "found": check.found, "advice": check.advice,
                })
            })
            .collect();
        json(&json!({"healthy": healthy, "checks": checks}));
    } else {
        print(&checks);
    }
    Ok(if healthy { Verdict::Good } else { Verdict::Bad })
}

fn print(checks: &[Check]) {
    let name_width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let coloured = colours();
    for check in checks {
        let word = format!("{:4}", check.status.word());
        let word = if coloured {
            format!("\u{1b}[{}m{word}\u{1b}[0m", check.status.colour())
        } else {
            word
        };
        let advice = check.advice.iter().map(|advice| format!("do: {advice}"));
        let mut lines = check.found.lines().map(printable).chain(advice);
        let first = lines.next().unwrap_or_default();
        line(format_args!("{word}  {:name_width$}  {first}", check.name));
        for more in lines {
            line(format_args!("{:indent$}{more}", "", indent = name_width + 8));
        }
    }
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    line("");
    line(match (count(Status::Fail), count(Status::Warn)) {
        (0, 0) => "all is well".to_owned(),
        (0, warned) => format!("it works; {warned} to look at"),
        (failed, 0) => format!("{failed} wrong"),
        (failed, warned) => format!("{failed} wrong, {warned} to look at"),
    });
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    let mut unit = "B";
    let mut rest = bytes;
    let mut tenths = 0;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if rest < 1024 {
            break;
        }
        tenths = rest % 1024 * 10 / 1024;
        rest /= 1024;
        unit = larger;
    }
    if unit == "B" { format!("{rest} B") } else { format!("{rest}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_right() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (5 * 1024 * 1024 * 1024, "5.0 GiB"),
            (2048 * 1024 * 1024 * 1024 * 1024, "2048.0 TiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }
}
