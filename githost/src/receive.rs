//! A push: git does it, then what really moved is told to the sink, whose lines end the answer.

use crate::body::{self, RequestBody};
use crate::commands::{Command, CommandList};
use crate::exchange::{self, Answer, Input, Kind};
use crate::git::Process;
use crate::pktline::{self, Packet};
use crate::push::printable_lines;
use crate::refusal::Refusal;
use crate::service::{Protocol, Service};
use crate::turnstile::Turn;
use crate::{Access, Limits, Push, PushSink, RefUpdate, RepoPath, objects, refs};
use bytes::Bytes;
use inkstone_spec::CommitId;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::sink;

/// Refs that are asked for by name; for more of them all are read.
const MAX_NAMED_REFS: usize = 100;
/// What a pusher is told when the sink does not answer in time, or fails.
const NO_LINES: &str =
    "The push is stored. What follows from it is still being worked out: look again in a moment.";

/// One push that was let in.
pub(crate) struct Receive<Actor> {
    pub(crate) repo: RepoPath,
    pub(crate) access: Access<Actor>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) commands: CommandList,
    pub(crate) pack: RequestBody,
}

impl<Actor: Send + 'static> Receive<Actor> {
    /// Carries the push out. Runs to its end whatever the client does.
    pub(crate) async fn run<S>(self, sink: S, turn: &mut Turn, limits: &Limits, answer: Answer)
    where
        S: PushSink<Actor>,
    {
        let Self { repo, access, protocol, commands: list, pack } = self;
        let CommandList { wire, commands, side_band } = list;
        let git_dir = access.git_dir.clone();
        let service = Service::ReceivePack;
        let mut command = service.command(&repo, &access, limits, protocol.as_ref());
        service.arguments(&mut command, false, &git_dir);

        let before = heads(&git_dir, &commands).await;
        let (before, process) = match before.and_then(|refs| Ok((refs, Process::start(command)?))) {
            Ok(started) => started,
            Err(error) => {
                tracing::error!(%repo, %error, "cannot start a push");
                let _ = answer.send(Err(Refusal::Internal)).await;
                return;
            }
        };
        let input = Input { start: wire, rest: Some(pack) };
        let kind = Kind::Push { side_band };
        let flush = exchange::run(process, &repo, input, kind, turn, &answer, limits).await;

        let updates = match heads(&git_dir, &commands).await {
            Ok(after) => moved(commands, &before, &after),
            Err(error) => {
                tracing::error!(%repo, %error, "cannot tell what a push changed");
                Vec::new()
            }
        };
        let lines = if updates.is_empty() {
            Vec::new()
        } else {
            tracing::info!(%repo, refs = updates.len(), "pushed");
            tell(sink, Push { repo, actor: access.actor, updates }, limits.sink).await
        };
        if let Some(flush) = flush {
            finish(&answer, &lines, flush, limits.idle).await;
        }
    }
}

/// Refuses a push in words that the client's git shows, once it has sent everything: one that is cut off
/// while sending does not see the answer. Needs a client that takes `remote:` lines.
pub(crate) async fn refuse(
    refusal: Refusal,
    mut pack: RequestBody,
    answer: &Answer,
    limits: &Limits,
) -> Result<(), Refusal> {
    let Refusal::BadCommands(_) = refusal else { return Err(refusal) };
    let mut nowhere = sink();
    let rest = tokio::io::copy(&mut pack, &mut nowhere);
    let rest = tokio::time::timeout(limits.request, rest).await;
    rest.map_err(|_| Refusal::TooSlow)?.map_err(body::refusal)?;
    let report = [&pktline::packet(b"unpack refused\n"), Packet::FLUSH].concat();
    let lines = [pktline::progress(&refusal.to_string()), pktline::report(&report)];
    let words = [&lines.concat(), Packet::FLUSH].concat();
    answer.send(Ok(words.into())).await.map_err(|_| Refusal::Disconnected)
}

/// Refuses a push to a repository that has grown to the limit.
pub(crate) async fn check_room(git_dir: &Path, limits: &Limits) -> Result<(), Refusal> {
    let found = objects::count(git_dir).await.map_err(|error| {
        tracing::error!(?git_dir, %error, "cannot measure a repository");
        Refusal::Internal
    })?;
    if found.bytes < limits.repo_bytes { Ok(()) } else { Err(Refusal::RepoFull) }
}

/// Where the refs that the commands name point now.
async fn heads(git_dir: &Path, commands: &[Command]) -> io::Result<HashMap<String, CommitId>> {
    let names = commands.iter().map(|command| command.name.as_str());
    if commands.is_empty() {
        Ok(HashMap::new())
    } else if commands.len() <= MAX_NAMED_REFS {
        refs::read(git_dir, names.filter(|name| name.starts_with("refs/"))).await
    } else {
        refs::read(git_dir, ["refs/heads", "refs/tags"]).await
    }
}

/// The commands whose ref was not where they wanted it before, and is now.
fn moved(
    commands: Vec<Command>,
    before: &HashMap<String, CommitId>,
    after: &HashMap<String, CommitId>,
) -> Vec<RefUpdate> {
    commands
        .into_iter()
        .filter(|command| {
            let new = command.new.as_ref();
            before.get(&command.name) != new && after.get(&command.name) == new
        })
        .map(|Command { name, old, new }| RefUpdate { name, old, new })
        .collect()
}

/// Tells the sink, in a task of its own: the wait for its lines ends, its work does not.
async fn tell<Actor, S>(sink: S, push: Push<Actor>, wait: Duration) -> Vec<String>
where
    Actor: Send + 'static,
    S: PushSink<Actor>,
{
    let repo = push.repo.clone();
    let told = tokio::spawn(async move { sink.pushed(push).await });
    match tokio::time::timeout(wait, told).await {
        Ok(Ok(lines)) => lines,
        Ok(Err(error)) => {
            tracing::error!(%repo, %error, "the push sink failed");
            vec![NO_LINES.to_owned()]
        }
        Err(_) => {
            tracing::warn!(%repo, "the push sink takes long");
            vec![NO_LINES.to_owned()]
        }
    }
}

/// Ends the answer where git's own post-receive output would stand: after the report, before the
/// last flush.
async fn finish(answer: &Answer, lines: &[String], flush: Bytes, idle: Duration) {
    let packets = printable_lines(lines).map(|line| pktline::progress(&line));
    for packet in packets.chain([flush]) {
        if !matches!(tokio::time::timeout(idle, answer.send(Ok(packet))).await, Ok(Ok(()))) {
            return;
        }
    }
}
