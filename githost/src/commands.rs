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
    /// Reads the list and not a byte beyond. Of a list that is refused, `side_band` is known if its
    /// first line could be read.
    pub(crate) async fn read<R>(&mut self, reader: &mut R, max_bytes: usize) -> Result<(), Refusal>
    where
        R: AsyncRead + Unpin,
    {
        let mut wire = BytesMut::new();
        loop {
            let packet = match pktline::read(reader).await {
                Ok(Some(packet)) => packet,
                Ok(None) => return bad("its list of refs ends too early."),
                Err(error) => return Err(not_a_list(error)),
            };
            let line = match &packet {
                Packet::Data(wire) => Some(pktline::payload(wire)),
                Packet::Flush(_) => None,
                Packet::Special(_) => {
                    return bad("its list of refs has a packet of another protocol version.");
                }
            };
            wire.extend_from_slice(&packet.into_wire());
            if wire.len() > max_bytes {
                return bad("its list of refs is too long; push fewer refs at a time.");
            }
            match line {
                Some(line) => self.take(&line)?,
                None => break,
            }
        }
        self.wire = wire.freeze();
        Ok(())
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
            (Ok(_), Ok(Some(_)), name) if !is_usable(name) => {
                bad("a branch or tag is named HEAD or starts with -; rename it.")
            }
            (Ok(_), Ok(_), _) if self.commands.len() == MAX_COMMANDS => {
                bad("it moves more than 200 refs; push fewer at a time.")
            }
            (Ok(old), Ok(new), name) if !name.is_empty() => {
                self.commands.push(Command { name: name.to_owned(), old, new });
                Ok(())
            }
            _ => bad("a line of its list is not `old new name`; signed pushes are not taken."),
        }
    }
}

/// Whether a new or moved ref has a name that a person can read and a file system can hold.
fn is_plain(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.split('/').count() <= MAX_NAME_PARTS
        && printable(name) == name
}

/// Whether `git branch` and `git tag` would take the name: a leading `-` reads as an option, and `HEAD`
/// as the current commit (git-check-ref-format(1), `--branch`; git-tag(1)).
fn is_usable(name: &str) -> bool {
    let short = ["refs/heads/", "refs/tags/"].iter().find_map(|prefix| name.strip_prefix(prefix));
    short.is_none_or(|short| short != "HEAD" && !short.starts_with('-'))
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
        io::ErrorKind::InvalidData => Refusal::BadCommands("its list of refs is not in pkt-lines."),
        io::ErrorKind::UnexpectedEof => Refusal::BadCommands("its list of refs ends too early."),
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

    async fn read(input: &mut &[u8]) -> Result<CommandList, Refusal> {
        let mut list = CommandList::default();
        list.read(input, 100_000).await.map(|()| list)
    }

    /// Whether the list is refused, and why.
    async fn why(lines: &[String]) -> Option<&'static str> {
        match read(&mut wire(lines).as_slice()).await {
            Err(Refusal::BadCommands(why)) => Some(why),
            _ => None,
        }
    }

    async fn refused(lines: &[String]) -> bool {
        why(lines).await.is_some()
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
        let list = read(&mut rest).await.unwrap();
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
        let list = read(&mut probe).await.unwrap();
        assert!(list.commands.is_empty() && !list.side_band);
    }

    #[tokio::test]
    async fn a_capability_of_a_similar_name_is_not_side_band() {
        let input = wire(&[format!("{A} {B} refs/heads/x\0side-band-64k-not side-band")]);
        let list = read(&mut input.as_slice()).await.unwrap();
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
        for input in ["0001", "0003", "", "0032abc", "PACK"] {
            let read = read(&mut input.as_bytes()).await;
            assert!(matches!(read, Err(Refusal::BadCommands(_))), "{input}");
        }
    }
    #[tokio::test]
    async fn a_push_moves_at_most_so_many_refs() {
        let line = format!("{A} {B} refs/heads/x");
        assert_eq!(why(&vec![line.clone(); MAX_COMMANDS]).await, None);
        let said = why(&vec![line; MAX_COMMANDS + 1]).await.unwrap();
        assert!(said.contains(&format!("more than {MAX_COMMANDS} refs")), "{said}");
    }

    #[tokio::test]
    async fn a_list_is_bounded_in_bytes() {
        let line = wire(&[format!("{A} {B} refs/heads/x")]);
        let mut list = CommandList::default();
        let read = list.read(&mut line.as_slice(), line.len() - 1).await;
        assert!(matches!(read, Err(Refusal::BadCommands(why)) if why.contains("too long")));
        assert!(CommandList::default().read(&mut line.as_slice(), line.len()).await.is_ok());
    }

    #[tokio::test]
    async fn a_name_that_is_too_much_can_be_removed_but_not_made() {
        let long = |bytes: usize| format!("refs/heads/{}", "n".repeat(bytes - 11));
        let deep = |parts: usize| format!("refs/heads/{}", vec!["d"; parts - 2].join("/"));
        for name in [long(MAX_NAME_BYTES), deep(MAX_NAME_PARTS), "refs/heads/x-/-HEAD".into()] {
            assert_eq!(why(&[format!("{ZERO} {A} {name}")]).await, None, "{name}");
        }
        for name in [
            long(MAX_NAME_BYTES + 1),
            deep(MAX_NAME_PARTS + 1),
            "refs/heads/\u{202e}niam".into(),
            "refs/heads/-x".into(),
            "refs/tags/--all".into(),
            "refs/heads/HEAD".into(),
        ] {
            assert!(refused(&[format!("{ZERO} {A} {name}")]).await, "{name}");
            assert!(refused(&[format!("{B} {A} {name}")]).await, "{name}");
            assert_eq!(why(&[format!("{A} {ZERO} {name}")]).await, None, "{name}");
        }
    }
}
