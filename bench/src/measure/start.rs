//! Starting the server on a large state repo.

use super::Scope;
use crate::fleet::Fleet;
use crate::server::{ANYWHERE, Server};
use crate::table::Row;
use crate::times::{Times, ms};

/// How often it is started.
const ROUNDS: usize = 10;

pub(super) async fn measure(fleet: &Fleet, scope: Scope) -> anyhow::Result<Vec<Row>> {
    let mut times = Vec::new();
    for _ in 0..scope.rounds(ROUNDS) {
        let server = Server::start(&fleet.home, ANYWHERE, &[]).await?;
        times.push(server.took);
        server.stop().await?;
    }
    let times = Times::new(times);
    Ok(vec![Row::told("start of `serve` until it listens, 10,000 services", ms(times.median()))])
}
