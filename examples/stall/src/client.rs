//! The client: plain threads and blocking sockets, so that what is measured does not do the measuring.
//!
//! Each connection has a thread that sends at a fixed pace, answered or not, and one that receives. A
//! message carries its number and the time at which it was written; the rest is a pattern that must come
//! back.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::service::MESSAGE;

/// How long the last answers may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const CONNECTIONS: usize = 4;

/// Time between two messages on one connection.
const PACE: Duration = Duration::from_millis(8);

/// Connected, and each was answered once.
pub(crate) struct Clients {
    streams: Vec<TcpStream>,
}

/// All requests are sent.
pub(crate) struct Waiting {
    sent: usize,
    receivers: Vec<JoinHandle<io::Result<Vec<Duration>>>>,
}

impl Clients {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Clients> {
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let hello = message(u64::MAX, 0);
            stream.write_all(&hello)?;
            let mut answer = [0; MESSAGE];
            stream.read_exact(&mut answer)?;
            assert_eq!(answer, hello);
            streams.push(stream);
        }
        Ok(Clients { streams })
    }

    /// Sends for so long.
    pub(crate) fn send_for(self, time: Duration) -> io::Result<Waiting> {
        let start = Instant::now();
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for (n, stream) in self.streams.into_iter().enumerate() {
            let reader = stream.try_clone()?;
            receivers.push(thread::spawn(move || receive(reader, start)));
            // Not all at the same moment.
            let first = start + PACE * n as u32 / CONNECTIONS as u32;
            senders.push(thread::spawn(move || send(stream, start, first, start + time)));
        }
        let mut sent = 0;
        for sender in senders {
            sent += sender.join().expect("a sender does not panic")?;
        }
        Ok(Waiting { sent, receivers })
    }
}

impl Waiting {
    /// Requests sent, and the round trips of those that were answered.
    pub(crate) fn answers(self) -> io::Result<(usize, Vec<Duration>)> {
        let mut all = Vec::new();
        for receiver in self.receivers {
            all.extend(receiver.join().expect("every answer is the request's")?);
        }
        Ok((self.sent, all))
    }
}

fn message(number: u64, at: u64) -> [u8; MESSAGE] {
    let mut message = [0; MESSAGE];
    for (i, byte) in message.iter_mut().enumerate() {
        *byte = (number as u8).wrapping_add(i as u8);
    }
    message[..8].copy_from_slice(&number.to_le_bytes());
    message[8..16].copy_from_slice(&at.to_le_bytes());
    message
}

fn send(mut stream: TcpStream, start: Instant, first: Instant, end: Instant) -> io::Result<usize> {
    let mut sent = 0;
    loop {
        let due = first + PACE * sent as u32;
        if due >= end {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Before the write: should it have to wait, that is a part of the delay.
        let at = start.elapsed().as_nanos() as u64;
        stream.write_all(&message(sent as u64, at))?;
        sent += 1;
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(sent)
}

fn receive(mut stream: TcpStream, start: Instant) -> io::Result<Vec<Duration>> {
    let mut round_trips = Vec::new();
    let mut answer = [0; MESSAGE];
    loop {
        match stream.read_exact(&mut answer) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(round_trips),
            Err(error) => {
                // What is missing is lost; the sum shows it.
                eprintln!("stall: after {} answers: {error}", round_trips.len());
                return Ok(round_trips);
            }
        }
        let now = start.elapsed();
        let at = u64::from_le_bytes(answer[8..16].try_into().expect("8 bytes"));
        assert_eq!(answer, message(round_trips.len() as u64, at), "not what was sent");
        round_trips.push(now - Duration::from_nanos(at));
    }
}
