//! The list of ref updates that starts a push (gitprotocol-pack(5), "Reference Update Request").
//!
//! It is read before git sees it, so that what a push set out to do is known without a hook. What
//! this reader does not know is refused: git would take refs from a push certificate, for one.

use crate::body;
use crate::pktline::{self, Packet};
use crate::refusal::Refusal;
use bytes::{Bytes, BytesMut};
use inkstone_spec::{CommitId, Invalid, printable};
use std::io;
use tokio::io::AsyncRead;

/// The most refs that one push may move. Each may start deployments.
const MAX_COMMANDS: usize = 200;
/// The longest name of a ref, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// The most parts of a ref's name: each is a directory on disk.
const MAX_NAME_PARTS: usize = 12;

/// One ref that the client asks to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) old: Option<CommitId>,
    pub(crate) new: Option<CommitId>,
}

/// The whole list.
#[derive(Debug, Default)]
pub(crate) struct CommandList {
    /// The list as it came, for git.
    pub(crate) wire: Bytes,
    pub(crate) commands: Vec<Command>,
    /// Whether the client takes `remote:` lines with the answer.
    pub(crate) side_band: bool,
}

impl CommandList {
    /// Reads the list and not a byte beyond.
    pub(crate) async fn read<R>(reader: &mut R, max_bytes: usize) -> Result<Self, Refusal>
    where
        R: AsyncRead + Unpin,
    {
        let mut wire = BytesMut::new();
        let mut list = Self::default();
        loop {
            let packet = match pktline::read(reader).await {
                Ok(Some(packet)) => packet,
                Ok(None) => return bad("it ends too early."),
                Err(error) => return Err(not_a_list(error)),
            };
            let line = match &packet {
                Packet::Data(wire) => Some(pktline::payload(wire)),
                Packet::Flush(_) => None,
                Packet::Special(_) => return bad("it has a packet of another protocol version."),
            };
            wire.extend_from_slice(&packet.into_wire());
            if wire.len() > max_bytes {
                return bad("it is too long; push fewer refs at a time.");
            }
            match line {
                Some(line) => list.take(&line)?,
                None => break,
            }
        }
        list.wire = wire.freeze();
        Ok(list)
    }

    fn take(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut parts = line.splitn(2, |byte| *byte == 0);
        let command = parts.next().unwrap_or_default();
        let capabilities = parts.next().unwrap_or_default();
        self.side_band |= capabilities
            .split(|byte| byte.is_ascii_whitespace() || *byte == 0)
            .any(|word| word == b"side-band-64k");
        let Ok(command) = std::str::from_utf8(command) else {
            return bad("ref names must be UTF-8; rename the branch or tag.");
        };
        let command = command.strip_suffix('\n').unwrap_or(command);
        if let Some(commit) = command.strip_prefix("shallow ") {
            return match id(commit) {
                Ok(Some(_)) => Ok(()),
                _ => bad("a shallow line names no commit."),
            };
        }
        let mut words = command.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        match (id(word()), id(word()), word()) {
            (Ok(_), Ok(Some(_)), name) if !is_plain(name) => {
                bad("a ref name is too long, nested too deep or hides characters; rename it.")
            }
            (Ok(_), Ok(_), _) if self.commands.len() == MAX_COMMANDS => {
                bad("it moves more than 200 refs; push fewer at a time.")
            }
            (Ok(old), Ok(new), name) if !name.is_empty() => {
                self.commands.push(Command { name: name.to_owned(), old, new });
                Ok(())
            }
            _ => bad("a line is not `old new name`; signed pushes are not taken."),
        }
    }
}

/// Whether a new or moved ref has a name that a person can read and a file system can hold.
fn is_plain(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.split('/').count() <= MAX_NAME_PARTS
        && printable(name) == name
}

/// An object id; `None` is the all-zero id, which stands for no object.
fn id(hex: &str) -> Result<Option<CommitId>, Invalid> {
    let zero = hex.len() == CommitId::MAX_LEN && hex.bytes().all(|byte| byte == b'0');
    if zero { Ok(None) } else { hex.parse().map(Some) }
}

fn bad<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::BadCommands(why))
}

fn not_a_list(error: io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::InvalidData => Refusal::BadCommands("it is not in pkt-lines."),
        io::ErrorKind::UnexpectedEof => Refusal::BadCommands("it ends too early."),
        _ => body::refusal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn wire(lines: &[String]) -> Vec<u8> {
        let mut wire: Vec<u8> =
            lines.iter().flat_map(|line| pktline::packet(line.as_bytes())).collect();
        wire.extend_from_slice(Packet::FLUSH);
        wire
    }

    async fn refused(lines: &[String]) -> bool {
        let wire = wire(lines);
        let read = CommandList::read(&mut wire.as_slice(), 10_000).await;
        matches!(read, Err(Refusal::BadCommands(_)))
    }

    #[tokio::test]
    async fn creations_changes_and_removals_are_told_apart_and_the_pack_is_left_alone() {
        let mut input = wire(&[
            format!("shallow {A}\n"),
            format!("{ZERO} {A} refs/heads/new\0 report-status side-band-64k agent=git/2\n"),
            format!("{A} {B} refs/heads/main"),
            format!("{B} {ZERO} refs/tags/v1"),
        ]);
        let list_length = input.len();
        input.extend_from_slice(b"PACK and so on");
        let mut rest = input.as_slice();
        let list = CommandList::read(&mut rest, 10_000).await.unwrap();
        assert_eq!(rest, b"PACK and so on");
        assert_eq!(list.wire, input[..list_length]);
        assert!(list.side_band);
        let id = |hex: &str| Some(CommitId::new(hex).unwrap());
        let command = |name: &str, old, new| Command { name: name.into(), old, new };
        assert_eq!(
            list.commands,
            [
                command("refs/heads/new", None, id(A)),
                command("refs/heads/main", id(A), id(B)),
                command("refs/tags/v1", id(B), None),
            ]
        );
    }

    #[tokio::test]
    async fn the_probe_that_git_sends_before_a_large_push_is_an_empty_list() {
        let mut probe = Packet::FLUSH;
        let list = CommandList::read(&mut probe, 10_000).await.unwrap();
        assert!(list.commands.is_empty() && !list.side_band);
    }

    #[tokio::test]
    async fn a_capability_of_a_similar_name_is_not_side_band() {
        let input = wire(&[format!("{A} {B} refs/heads/x\0side-band-64k-not side-band")]);
        let list = CommandList::read(&mut input.as_slice(), 10_000).await.unwrap();
        assert!(!list.side_band);
    }

    #[tokio::test]
    async fn what_could_move_a_ref_unseen_is_refused() {
        assert!(refused(&["push-cert\0side-band-64k".into()]).await);
        assert!(refused(&[format!("{A} {B}")]).await);
        assert!(refused(&[format!("{A} {B} ")]).await);
        assert!(refused(&[format!("{} {B} refs/heads/x", &A[1..])]).await);
        assert!(refused(&[String::new()]).await);
        assert!(refused(&[format!("shallow {ZERO}")]).await);
        assert!(refused(&vec![format!("{A} {B} refs/heads/x"); 200]).await);
        for input in ["0001", "0003", "", "0032abc", "PACK"] {
            let read = CommandList::read(&mut input.as_bytes(), 10_000).await;
            assert!(matches!(read, Err(Refusal::BadCommands(_))), "{input}");
        }
    }
}
