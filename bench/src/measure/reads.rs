//! Tool calls that read, over loopback, and the memory of the server before and after them.

use super::Scope;
use crate::client::{Call, Client};
use crate::fleet::{Fleet, SEED};
use crate::machine::{resident, ticks};
use crate::server::{ANYWHERE, Server};
use crate::table::Row;
use crate::times::{Times, ms, per_second, rate};
use anyhow::Context as _;
use fastrand::Rng;
use serde_json::json;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

/// How many connections call at once, each one call at a time.
const CONNECTIONS: usize = 16;
/// How long each tool is called before it counts, and while it counts.
const WARM_UP: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(5);
/// How many different services are asked for.
const ASKED: usize = 2_000;
/// The key's limit is not what is measured.
const NO_LIMIT: [&str; 2] = ["--calls-per-second", "0"];
/// A server that used this little processor time in a second is idle, in clock ticks.
const IDLE_TICKS: u64 = 2;
const CALLS_GOAL: f64 = 10_000.0;
const P99_GOAL: Duration = Duration::from_millis(5);
const MEMORY_GOAL: f64 = 60.0;

pub(super) async fn measure(fleet: &Fleet, scope: Scope) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&fleet.home, ANYWHERE, &NO_LIMIT).await?;
    let pid = server.pid()?;
    let busy = until_idle(pid).await?;
    let before = resident(pid)?;
    let mut rows = vec![Row::told(
        "after that, until it has looked for lost pushes and is idle",
        format!("{:.0} s", busy.as_secs_f64()),
    )];
    for (name, calls) in tools(fleet) {
        rows.push(read(&server, name, calls, scope).await?);
    }
    let after = resident(pid)?;
    server.stop().await?;
    for (when, memory) in [("once idle", before), ("after the reads", after)] {
        rows.push(Row::judged(
            format!("resident memory of `serve`, 10,000 services, {when}"),
            format!("{:.0} MB, {:.0} MB of it mapped files", memory.all, memory.files),
            format!("< {MEMORY_GOAL:.0} MB"),
            memory.all < MEMORY_GOAL,
        ));
    }
    Ok(rows)
}

/// The calls of each tool, in an order without order.
fn tools(fleet: &Fleet) -> [(&'static str, Vec<Call>); 3] {
    let mut rng = Rng::with_seed(SEED);
    let services = rng.choose_multiple(&fleet.members, ASKED).into_iter().map(|member| {
        let name = &member.name;
        let asked = json!({
            "workspace": name.workspace.as_str(),
            "project": name.project.as_str(),
            "name": name.service.as_str(),
        });
        Call::new("get_service", &asked)
    });
    let projects = fleet.projects.iter().map(|project| {
        let (workspace, project) = (project.workspace.as_str(), project.project.as_str());
        Call::new("list_services", &json!({"workspace": workspace, "project": project}))
    });
    [
        ("whoami", vec![Call::new("whoami", &json!({}))]),
        ("get_service", services.collect()),
        ("list_services, pages of 50", projects.collect()),
    ]
}

async fn read(server: &Server, name: &str, calls: Vec<Call>, scope: Scope) -> anyhow::Result<Row> {
    let shorter = if scope.quick { 5 } else { 1 };
    let calls = Rc::new(calls);
    load(server, &calls, WARM_UP / shorter).await?;
    let (times, took) = load(server, &calls, TIME / shorter).await?;
    let rate = rate(times.count(), took);
    Ok(Row::judged(
        format!("{name}, {CONNECTIONS} connections"),
        format!("{}, p50 {}, p99 {}", per_second(rate), ms(times.median()), ms(times.p99())),
        "10,000/s, p99 < 5 ms",
        rate >= CALLS_GOAL && times.p99() < P99_GOAL,
    ))
}

/// Calls without pause for `time`.
async fn load(
    server: &Server,
    calls: &Rc<Vec<Call>>,
    time: Duration,
) -> anyhow::Result<(Times, Duration)> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(&server.address, &server.key).await?);
    }
    let start = Instant::now();
    let tasks = LocalSet::new();
    let running: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, client)| {
            tasks.spawn_local(call_on(client, Rc::clone(calls), number, start + time))
        })
        .collect();
    tasks.await;
    let took = start.elapsed();
    let mut all = Vec::new();
    for task in running {
        all.extend(task.await??);
    }
    Ok((Times::new(all), took))
}

async fn call_on(
    mut client: Client,
    calls: Rc<Vec<Call>>,
    number: usize,
    end: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut next = calls.iter().cycle().skip(number * calls.len() / CONNECTIONS);
    while Instant::now() < end {
        let call = next.next().context("there is nothing to call")?;
        let start = Instant::now();
        client.send(call).await?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Waits until the server does nothing any more; returns how long that took.
pub(super) async fn until_idle(pid: u32) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut before = ticks(pid)?;
    loop {
        let busy = start.elapsed();
        sleep(Duration::from_secs(1)).await;
        let now = ticks(pid)?;
        if now.saturating_sub(before) <= IDLE_TICKS {
            return Ok(busy);
        }
        before = now;
    }
}
