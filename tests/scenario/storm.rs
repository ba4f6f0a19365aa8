//! The short form of `cargo xtask soak`.

use inkstone_bench::soak::{Storm, storm};
use std::path::Path;

/// How often the server is killed here.
const KILLS: u32 = 8;
/// Any other would do; this one makes a failure come back.
const SEED: u64 = 20_260_728;

#[test]
fn a_storm_of_kills_loses_nothing_and_does_nothing_twice() {
    let inkstone = Path::new(env!("CARGO_BIN_EXE_inkstone"));
    let report = storm(inkstone, &Storm { kills: KILLS, seed: SEED }).unwrap();
    assert!(report.findings.is_empty(), "{}", report.table());
}
