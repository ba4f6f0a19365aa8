//! `inkstone state`: resolves what happened to a state repo on another host, beside the server or without
//! it.

use crate::Verdict;
use crate::cli::{ResolveArgs, StateArgs, StateCommand};
use crate::data_dir::DataDir;
use crate::output::{count, json, line};
use inkstone_spec::printable;
use inkstone_state::{Resolved, StateError, StateRepo};
use jiff::Timestamp;
use serde_json::json;

pub(crate) fn state(args: &StateArgs) -> anyhow::Result<Verdict> {
    match &args.command {
        StateCommand::Accept(args) => resolve(args, StateRepo::accept),
        StateCommand::Restore(args) => resolve(args, StateRepo::restore),
    }
}

type Resolve = fn(&StateRepo, Timestamp) -> Result<Option<Resolved>, StateError>;

fn resolve(args: &ResolveArgs, how: Resolve) -> anyhow::Result<Verdict> {
    let state = DataDir::open(&args.data.data)?.state()?;
    let resolved = how(&state, Timestamp::now())?;
    if args.json {
        let resolved = resolved.as_ref().map(|resolved| {
            json!({
                "main": resolved.main.as_str(), "kept": resolved.kept,
                "dropped": resolved.dropped, "dropped_count": resolved.dropped_count,
                "unkept": resolved.unkept,
            })
        });
        json(&json!({ "resolved": resolved }));
        return Ok(Verdict::Good);
    }
    let Some(resolved) = resolved else {
        line("nothing to resolve: both sides have the same history");
        return Ok(Verdict::Good);
    };
    line(format_args!("both sides have main at {}", resolved.main.short()));
    if let Some(kept) = &resolved.kept {
        let commits = count(resolved.dropped_count, "commit");
        line(format_args!("{commits} given up, still in DATA/state.git as {kept}:"));
        for commit in &resolved.dropped {
            line(format_args!("  {}", printable(commit)));
        }
    }
    if let Some(unkept) = &resolved.unkept {
        line(format_args!("{} given up and not kept: git refuses it", unkept.short()));
    }
    line("a running server goes on within seconds");
    Ok(Verdict::Good)
}
