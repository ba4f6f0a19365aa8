//! The short forms of `cargo xtask soak`.

use inkstone_bench::soak::{Crowd, Kills, Report, Reverts, crowd, kills, reverts};
use std::path::Path;

const INKSTONE: &str = env!("CARGO_BIN_EXE_inkstone");
/// Any other would do; this one makes a failure come back.
const SEED: u64 = 20_260_728;

fn assert_all_is_well(report: anyhow::Result<Report>) {
    let report = report.unwrap();
    assert!(report.findings.is_empty(), "{}", report.table());
}

#[test]
fn law_10_a_storm_of_kills_loses_nothing_and_does_nothing_twice() {
    assert_all_is_well(kills(Path::new(INKSTONE), &Kills { kills: 8, seed: SEED }));
}

#[test]
fn law_5_a_crowd_an_operator_and_kills_leave_one_deploy_commit_for_each_version() {
    let storm = Crowd { writers: 12, versions: 3, kills: 4, remote: false, seed: SEED };
    assert_all_is_well(crowd(Path::new(INKSTONE), &storm));
}

#[test]
fn a_crowd_loses_nothing_where_the_state_repo_is_on_another_host() {
    let storm = Crowd { writers: 6, versions: 3, kills: 3, remote: true, seed: SEED };
    assert_all_is_well(crowd(Path::new(INKSTONE), &storm));
}

#[test]
fn law_4_a_storm_of_reverts_leaves_each_service_as_a_simple_model_says() {
    let storm = Reverts { services: 4, deployments: 24, reverts: 14, seed: SEED };
    assert_all_is_well(reverts(Path::new(INKSTONE), &storm));
}
