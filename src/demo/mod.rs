//! `inkstone demo`: the main job, narrated, with the real server, the real git and an MCP client.

mod agent;
mod server;
mod shell;

use crate::Verdict;
use crate::cli::DemoArgs;
use crate::output::line;
use crate::serve::stop_signal;
use agent::Agent;
use anyhow::Context as _;
use serde_json::{Value, json};
use server::Server;
use shell::Git;
use std::fs;
use std::path::Path;

/// Where the demo's service is in the state repo.
const SERVICE: &str = "clusters/eu-central-1/main/default/services/site";

pub(crate) async fn demo(args: DemoArgs) -> anyhow::Result<Verdict> {
    let interrupted = stop_signal()?;
    let folder = tempfile::Builder::new().prefix("inkstone-demo-").tempdir()?;
    let mut server = Server::spawn(folder.path())?;
    let done = tokio::select! {
        biased;
        () = interrupted => Err(anyhow::anyhow!("the demo was interrupted")),
        done = show(folder.path(), &mut server) => done,
    };
    // Whatever happened, the folder goes only after the one who writes to it.
    let stopped = server.stop().await;
    if args.keep {
        line(format_args!("\nEverything is kept in {}", folder.keep().display()));
    }
    done?;
    stopped?;
    line("\nThat is the main job. README.md shows how to do it with your own site.");
    Ok(Verdict::Good)
}

async fn show(folder: &Path, server: &mut Server) -> anyhow::Result<()> {
    step(
        1,
        "Start the server",
        "API, MCP, git hosting, queue and builds are one process; its database is a git repo.",
    );
    let address = server.ready().await?;
    quote(&format!("inkstone serve: listening on {}", address.url));
    let agent = Agent::connect(&address.url, &address.key).await?;

    step(
        2,
        "An agent makes a repo, over MCP",
        "The answer has a remote with a token in it; the token is only ever stored as a hash.",
    );
    let repo = agent.call("create_repo", json!({"name": "site"})).await?;
    let remote = text(&repo, "/git_remote")?;
    let place = remote.split_once('@').map_or("", |(_, place)| place);
    quote(&format!("remote http://x-git-token:…@{place}"));

    step(
        3,
        "It pushes a site, with plain git",
        "Nothing follows the branch yet, so the push is stored and says so.",
    );
    let site = Git::init(&folder.join("site")).await?;
    publish(&site, "first version").await?;
    quote(&site.push(&remote).await?);

    step(
        4,
        "It creates a service",
        "Intent, sealed env and host claim are one commit; a deployment is queued.",
    );
    let created = agent
        .call(
            "create_service",
            json!({"name": "site", "repo": "site", "env_vars": [{"key": "GREETING", "value": "hello"}]}),
        )
        .await?;
    quote(&format!("state commit {}", short(&text(&created, "/commit")?)));
    quote(&format!("url {}", text(&created, "/url")?));
    let first = agent.wait_until_committed("site").await?;
    quote(&format!("built {}", text(&first, "/release/image")?));
    quote(&format!("committed as {}", short(&text(&first, "/deployment/commit")?)));

    step(
        5,
        "It pushes a change",
        "Each deploy is one commit: a few lines of intent, and the manifests that follow from them.",
    );
    publish(&site, "second version").await?;
    quote(&site.push(&remote).await?);
    let second = agent.wait_for_source("site", &site.head().await?).await?;
    let deploy = text(&second, "/deployment/commit")?;

    step(
        6,
        "A reviewer reads the state repo",
        "git log tells who did what, from which source commit.",
    );
    let state = Git::clone(&address.state_url(), &folder.join("state")).await?;
    quote(&state.run(&["log", "--format=%h  %an  %s"]).await?);
    quote(&state.run(&["show", "--stat=100", "--format=%B", &deploy]).await?);
    quote(
        &state
            .run(&["show", "--format=", &deploy, "--", &format!("{SERVICE}/service.yaml")])
            .await?,
    );

    step(
        7,
        "An operator undoes the deploy",
        "Plain git revert; the push is checked before it is taken.",
    );
    state.run(&["revert", "--no-edit", &deploy]).await?;
    quote(&state.push("origin").await?);
    let reverted = agent.call("get_service", json!({"name": "site"})).await?;
    let (before, now) =
        (text(&first, "/release/source_commit")?, text(&reverted, "/release/source_commit")?);
    anyhow::ensure!(before == now, "the revert did not bring {before} back: it is {now}");
    quote(&format!("the release is {} again, as in step 4", short(&now)));

    step(
        8,
        "Anyone verifies the whole history",
        "Signatures, owners, hosts, sealed values; manifests equal to their rendering.",
    );
    quote(&server.inkstone(&["verify", "--repo", &state.path()]).await?);
    Ok(())
}

/// Writes a site that says `what` and commits it.
async fn publish(site: &Git, what: &str) -> anyhow::Result<()> {
    let page = format!("<!doctype html><title>Demo</title><h1>The {what}</h1>\n");
    fs::write(site.join("index.html"), page)?;
    site.run(&["add", "--all"]).await?;
    site.run(&["commit", "--quiet", "--message", &format!("The {what}")]).await?;
    Ok(())
}

fn step(number: u32, title: &str, why: &str) {
    line(format_args!("\n{number}. {title}\n   {why}\n"));
}

/// Prints what a program said, set off.
fn quote(text: &str) {
    for said in text.trim_end().lines() {
        line(format_args!("     {said}").to_string().trim_end());
    }
}

/// The text at a JSON pointer (RFC 6901).
fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let text = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text.with_context(|| format!("the answer has no {pointer}: {value}"))
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}
