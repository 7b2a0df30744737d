//! Sockets on one thread: blocking where there is one connection, epoll (by mio) where there are many.
//!
//! A socket's next operation is tried when the poller says so, and only then. A read that leaves room in
//! the buffer has emptied the socket, so nothing is read in vain.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::{TcpListener as MioListener, TcpStream as MioStream};
use mio::{Events, Interest, Poll, Token};

use crate::clock;

const MESSAGE: usize = 64;

fn pair(listener: &TcpListener) -> io::Result<(TcpStream, TcpStream)> {
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// Four system calls for each operation.
pub(super) fn echo_one(ops: u64) -> Duration {
    let run = || -> io::Result<Duration> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (mut client, mut server) = pair(&listener)?;
        let (asked, mut buf) = ([7; MESSAGE], [0; MESSAGE]);
        let start = Instant::now();
        for _ in 0..ops {
            client.write_all(&asked)?;
            server.read_exact(&mut buf)?;
            server.write_all(&buf)?;
            client.read_exact(&mut buf)?;
        }
        assert!(ops == 0 || buf == asked);
        Ok(start.elapsed())
    };
    run().expect("sockets of this process")
}

/// Both ends of all connections in one poller; wall time and CPU time.
pub(super) fn echo_many(clients: u64, ops: u64) -> (Duration, Option<Duration>) {
    let run = || -> io::Result<_> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(256);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        // Even: a client; odd: its server.
        let mut streams = Vec::new();
        for _ in 0..clients {
            let (client, server) = pair(&listener)?;
            for stream in [client, server] {
                stream.set_nonblocking(true)?;
                let mut stream = MioStream::from_std(stream);
                let token = Token(streams.len());
                poll.registry().register(&mut stream, token, Interest::READABLE)?;
                streams.push(stream);
            }
        }
        let (start, cpu) = (Instant::now(), clock::process_cpu());
        let mut left: Vec<u64> = vec![ops / clients; clients as usize];
        let mut running = left.len();
        for stream in streams.iter_mut().step_by(2) {
            stream.write_all(&[7; MESSAGE])?;
        }
        while running > 0 {
            poll.poll(&mut events, None)?;
            for event in &events {
                let at = event.token().0;
                let mut buf = [0; 2 * MESSAGE];
                let n = match streams[at].read(&mut buf) {
                    Ok(n) => n,
                    Err(err) if err.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(err) => return Err(err),
                };
                // 64 bytes through loopback come in one piece.
                assert_eq!(n, MESSAGE);
                if at % 2 == 0 {
                    left[at / 2] -= 1;
                    if left[at / 2] == 0 {
                        running -= 1;
                        continue;
                    }
                }
                streams[at].write_all(&buf[..n])?;
            }
        }
        Ok((start.elapsed(), clock::process_cpu_since(cpu)))
    };
    run().expect("sockets of this process")
}

/// Each connection made, accepted and closed before the next; wall time and CPU time.
pub(super) fn accepts(ops: u64) -> (Duration, Option<Duration>) {
    let run = || -> io::Result<_> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (start, cpu) = (Instant::now(), clock::process_cpu());
        for _ in 0..ops {
            let (mut client, server) = pair(&listener)?;
            drop(server);
            assert_eq!(client.read(&mut [0; 1])?, 0);
        }
        Ok((start.elapsed(), clock::process_cpu_since(cpu)))
    };
    run().expect("sockets of this process")
}

/// Four system calls for each operation.
pub(super) fn udp(ops: u64) -> Duration {
    let run = || -> io::Result<Duration> {
        let (server, client) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        let to = server.local_addr()?;
        let (asked, mut buf) = ([7; MESSAGE], [0; MESSAGE]);
        let start = Instant::now();
        for _ in 0..ops {
            client.send_to(&asked, to)?;
            let (n, from) = server.recv_from(&mut buf)?;
            server.send_to(&buf[..n], from)?;
            client.recv_from(&mut buf)?;
        }
        assert!(ops == 0 || buf == asked);
        Ok(start.elapsed())
    };
    run().expect("sockets of this process")
}

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\
      date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nhello\n";

/// Answers each request, without a look at what it says, from one thread for ever.
pub(super) fn serve_http() -> io::Result<SocketAddr> {
    let mut listener = MioListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = listener.local_addr()?;
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
    thread::spawn(move || {
        if let Err(err) = answer_all(poll, &listener) {
            eprintln!("gmp-bench: the floor's HTTP server: {err}");
            std::process::exit(1);
        }
    });
    Ok(address)
}

fn answer_all(mut poll: Poll, listener: &MioListener) -> io::Result<()> {
    let mut events = Events::with_capacity(256);
    let mut streams: Vec<Option<MioStream>> = Vec::new();
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let Some(at) = event.token().0.checked_sub(1) else {
                accept(&poll, listener, &mut streams)?;
                continue;
            };
            if streams[at].as_mut().is_some_and(|stream| !answer(stream)) {
                streams[at] = None;
            }
        }
    }
}

fn accept(
    poll: &Poll,
    listener: &MioListener,
    streams: &mut Vec<Option<MioStream>>,
) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nodelay(true)?;
                streams.push(None);
                let token = Token(streams.len());
                poll.registry().register(&mut stream, token, Interest::READABLE)?;
                streams[token.0 - 1] = Some(stream);
            }
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(err) => return Err(err),
        }
    }
}

/// Reads what is there and answers; false at the end. A request of wrk's comes in one piece, and the next
/// one only after the answer.
fn answer(stream: &mut MioStream) -> bool {
    let mut buf = [0; 4096];
    match stream.read(&mut buf) {
        Ok(0) => false,
        Ok(n) => !buf[..n].ends_with(b"\r\n\r\n") || stream.write_all(RESPONSE).is_ok(),
        Err(err) => err.kind() == io::ErrorKind::WouldBlock,
    }
}
