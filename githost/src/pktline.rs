//! pkt-lines, git's framing (gitprotocol-common(5)).

use bytes::{BufMut, Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest packet, length digits included.
const MAX_PACKET: usize = 65_520;
/// The four hexadecimal digits that a packet starts with.
const HEADER: usize = 4;
/// The side-band channel of what is meant for the client's git itself.
const BAND_DATA: u8 = 1;
/// The side-band channel of progress and messages, shown as `remote:` lines.
const BAND_PROGRESS: u8 = 2;

/// A packet as it came, length digits included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// A packet with a payload.
    Data(Bytes),
    /// `0000`, the end of a section.
    Flush(Bytes),
    /// `0001` or `0002`, which only protocol v2 has.
    Special(Bytes),
}

impl Packet {
    pub(crate) const FLUSH: &'static [u8] = b"0000";

    /// The packet's bytes on the wire.
    pub(crate) fn into_wire(self) -> Bytes {
        match self {
            Self::Data(wire) | Self::Flush(wire) | Self::Special(wire) => wire,
        }
    }
}

/// Reads the next packet; `None` at the end of the input. `InvalidData` if it is not a packet.
pub(crate) async fn read<R: AsyncRead + Unpin>(reader: &mut R) -> io::Result<Option<Packet>> {
    let mut header = [0; HEADER];
    if reader.read(&mut header[..1]).await? == 0 {
        return Ok(None);
    }
    reader.read_exact(&mut header[1..]).await?;
    let wire = Bytes::copy_from_slice(&header);
    match length(header) {
        Some(0) => Ok(Some(Packet::Flush(wire))),
        Some(1 | 2) => Ok(Some(Packet::Special(wire))),
        Some(length @ HEADER..=MAX_PACKET) => {
            let mut packet = BytesMut::zeroed(length);
            let (start, payload) = packet.split_at_mut(HEADER);
            start.copy_from_slice(&header);
            reader.read_exact(payload).await?;
            Ok(Some(Packet::Data(packet.freeze())))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a pkt-line")),
    }
}

/// The payload of a data packet's wire bytes.
pub(crate) fn payload(wire: &Bytes) -> Bytes {
    wire.slice(HEADER.min(wire.len())..)
}

/// A packet of this payload, which is cut to what a packet holds.
pub(crate) fn packet(payload: &[u8]) -> Bytes {
    let payload = payload.get(..MAX_PACKET - HEADER).unwrap_or(payload);
    let mut wire = BytesMut::with_capacity(payload.len() + HEADER);
    wire.put_slice(format!("{:04x}", payload.len() + HEADER).as_bytes());
    wire.put_slice(payload);
    wire.freeze()
}

/// A line that the client's git shows after `remote:`.
pub(crate) fn progress(line: &str) -> Bytes {
    packet(&[&[BAND_PROGRESS], line.as_bytes(), b"\n"].concat())
}

/// What a push's report is carried in.
pub(crate) fn report(report: &[u8]) -> Bytes {
    packet(&[&[BAND_DATA], report].concat())
}

fn length(header: [u8; HEADER]) -> Option<usize> {
    // Digit by digit: `from_str_radix` would take a sign.
    header.iter().try_fold(0, |length, digit| {
        char::from(*digit).to_digit(16).map(|digit| length * 16 + digit as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn read_all(mut input: &[u8]) -> io::Result<Vec<Packet>> {
        let mut packets = Vec::new();
        while let Some(packet) = read(&mut input).await? {
            packets.push(packet);
        }
        Ok(packets)
    }

    #[tokio::test]
    async fn packets_are_read_one_after_the_other() {
        let packets = read_all(b"0006a\n0000000100020004").await.unwrap();
        let wires: Vec<_> = packets.iter().cloned().map(Packet::into_wire).collect();
        assert_eq!(wires, ["0006a\n", "0000", "0001", "0002", "0004"]);
        assert_eq!(packets[1], Packet::Flush(Bytes::from_static(Packet::FLUSH)));
        assert_eq!(payload(&wires[0]), "a\n");
    }

    #[tokio::test]
    async fn what_is_not_a_packet_is_an_error() {
        for input in ["0003", "+005a", "zzzz", "fff1", "0006a", "00"] {
            assert!(read_all(input.as_bytes()).await.is_err(), "{input}");
        }
    }

    proptest! {
        #[test]
        fn a_packet_reads_back_as_its_payload(bytes in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let packets = runtime.block_on(read_all(&packet(&bytes))).unwrap();
            let kept = &bytes[..bytes.len().min(MAX_PACKET - HEADER)];
            prop_assert_eq!(packets.len(), 1);
            prop_assert_eq!(&payload(&packets[0].clone().into_wire())[..], kept);
        }
    }
}
