//! A port of the machine that leads into the cluster. A socket belongs to the network it was made in, so
//! a process inside that is handed a listener from outside connects the two: no interface, no route and no
//! rule is needed outside.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// How long no connection is taken after one could not be.
const PAUSE: Duration = Duration::from_millis(50);

/// Leads every connection that the listener on standard input takes to `address`.
pub(crate) fn forward(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    loop {
        match listener.accept() {
            // A connection that breaks is the affair of its two ends.
            Ok((outside, _)) => drop(thread::spawn(move || connect(&outside, address))),
            // Too many at once, or one that was gone before it was taken: others come.
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn connect(outside: &TcpStream, address: SocketAddr) -> io::Result<()> {
    let inside = TcpStream::connect(address)?;
    outside.set_nodelay(true)?;
    inside.set_nodelay(true)?;
    thread::scope(|scope| {
        scope.spawn(|| copy(outside, &inside));
        copy(&inside, outside)
    })
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    to.shutdown(Shutdown::Write)?;
    copied.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn both_sides_hear_each_other_and_when_the_other_is_done() {
        let [server, front] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let address = server.local_addr().unwrap();
        let mut client = TcpStream::connect(front.local_addr().unwrap()).unwrap();
        let (outside, _) = front.accept().unwrap();
        let forwarder = thread::spawn(move || connect(&outside, address));
        let (mut inside, _) = server.accept().unwrap();

        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut heard = String::new();
        inside.read_to_string(&mut heard).unwrap();
        inside.write_all(b"answer").unwrap();
        drop(inside);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();

        assert_eq!((heard.as_str(), answer.as_str()), ("question", "answer"));
        forwarder.join().unwrap().unwrap();
    }
}
