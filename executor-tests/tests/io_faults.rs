//! Peers that vanish, sockets that end while others wait for them, descriptors that run out, signals in
//! bursts: errors that are told, nothing that hangs, nothing that leaks.
#![cfg(unix)]

mod support;

use std::future::Future;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Duration;

use gmp::io::{AsyncReadExt, AsyncWriteExt, Interest};
use gmp::net::{TcpListener, TcpStream, UnixStream};
use gmp::process::Command;
use gmp::runtime::Runtime;
use gmp::signal::unix::{signal, SignalKind};
use gmp::task::JoinHandle;
use gmp::time::{sleep, timeout};
use support::{child_succeeds, flavours, threaded, PATIENCE};

fn run(runtime: &Runtime, future: impl Future<Output = ()>) {
    runtime.block_on(async { timeout(2 * PATIENCE, future).await.expect("did not end in time") });
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (client, server) = gmp::join!(TcpStream::connect(addr), listener.accept());
    (client.unwrap(), server.unwrap().0)
}

async fn all<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// A peer that resets the connection while we read, write and wait for readiness.
#[test]
fn rst_in_mid_read() {
    for runtime in flavours() {
        run(&runtime, async {
            let (client, server) = tcp_pair().await;
            let waited = Arc::new(client);
            // Readiness: any number may wait.
            let waiters: Vec<_> = (0..4)
                .map(|_| {
                    let stream = waited.clone();
                    gmp::spawn(async move { stream.readable().await })
                })
                .collect();
            gmp::task::yield_now().await;
            server.set_zero_linger().unwrap();
            drop(server);
            for result in all(waiters).await {
                result.expect("woken, and the read will tell");
            }
            // `readable` may be a false alarm.
            let error = loop {
                match waited.try_read(&mut [0; 8]) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        waited.readable().await.unwrap();
                    }
                    Err(error) => break error,
                    Ok(n) => panic!("read {n} bytes"),
                }
            };
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);

            // A read and a write that wait.
            let (client, server) = tcp_pair().await;
            let (mut reads, mut writes) = client.into_split();
            let read = gmp::spawn(async move { reads.read_to_end(&mut Vec::new()).await });
            let write = gmp::spawn(async move {
                loop {
                    if let Err(error) = writes.write_all(&[0; 64 * 1024]).await {
                        return error.kind();
                    }
                }
            });
            sleep(Duration::from_millis(10)).await;
            server.set_zero_linger().unwrap();
            drop(server);
            // The first to ask gets the reset; whoever comes later sees a stream that has ended.
            let read = read.await.unwrap().map_err(|error| error.kind());
            let write = write.await.unwrap();
            assert!(matches!(read, Ok(0) | Err(ErrorKind::ConnectionReset)), "{read:?}");
            assert!(matches!(write, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{write}");
            assert!(read.is_err() || write == ErrorKind::ConnectionReset, "nobody was told");
        });
    }
}

/// One direction has ended, the other goes on for as long as it likes.
#[test]
fn half_open_peers() {
    for runtime in flavours() {
        run(&runtime, async {
            let (mut client, mut server) = tcp_pair().await;
            client.shutdown().await.unwrap();
            assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
            // The read may have come before the event that says so.
            let ready = loop {
                let ready = server.ready(Interest::READABLE).await.unwrap();
                if ready.is_read_closed() {
                    break ready;
                }
                sleep(Duration::from_millis(1)).await;
            };
            assert!(!ready.is_write_closed());
            let sent = vec![7; 1 << 20];
            let expected = sent.len();
            let sender = gmp::spawn(async move {
                server.write_all(&sent).await.unwrap();
                server
            });
            let mut received = Vec::new();
            let mut buf = vec![0; 10_000];
            while received.len() < expected {
                let n = client.read(&mut buf).await.unwrap();
                assert!(n > 0);
                received.extend_from_slice(&buf[..n]);
            }
            assert!(received.iter().all(|&byte| byte == 7));
            let server = sender.await.unwrap();
            assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            // The peer goes without a word: its system answers our next words with a reset.
            drop(client);
            let mut server = server;
            let error = loop {
                if let Err(error) = server.write_all(b"is anybody there?").await {
                    break error.kind();
                }
                sleep(Duration::from_millis(1)).await;
            };
            assert!(matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
        });
    }
}

/// Another handle of the same socket ends it while tasks wait.
#[test]
fn shut_down_by_others_while_tasks_wait() {
    for runtime in flavours() {
        run(&runtime, async {
            let (stream, _peer) = UnixStream::pair().unwrap();
            let other =
                std::os::unix::net::UnixStream::from(stream.as_fd().try_clone_to_owned().unwrap());
            let stream = Arc::new(stream);
            let waiters: Vec<_> = (0..8)
                .map(|_| {
                    let stream = stream.clone();
                    gmp::spawn(async move {
                        loop {
                            stream.readable().await.unwrap();
                            match stream.try_read(&mut [0; 8]) {
                                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                                result => break result,
                            }
                        }
                    })
                })
                .collect();
            sleep(Duration::from_millis(5)).await;
            other.shutdown(Shutdown::Both).unwrap();
            for result in all(waiters).await {
                assert_eq!(result.unwrap(), 0);
            }
        });
    }
}

/// Tasks that wait are dropped with their sockets, and the numbers go to new ones at once.
#[test]
fn i_fd_reuse_under_waiters() {
    let runtime = threaded(4);
    run(&runtime, async {
        let tasks: Vec<_> = (0..8u8)
            .map(|id| {
                gmp::spawn(async move {
                    for n in 0..200u8 {
                        let (mut a, mut b) = UnixStream::pair().unwrap();
                        // Somebody who waits for the old socket, with an event on the way.
                        let waiter = gmp::spawn(async move { b.read(&mut [0; 4]).await });
                        if n % 2 == 0 {
                            gmp::task::yield_now().await;
                        }
                        a.write_all(&[0xEE]).await.unwrap();
                        waiter.abort();
                        drop(a);
                        // Most likely the same numbers.
                        let (mut a, mut b) = UnixStream::pair().unwrap();
                        a.write_all(&[id, n]).await.unwrap();
                        let mut got = [0; 2];
                        b.read_exact(&mut got).await.unwrap();
                        assert_eq!(got, [id, n]);
                        let nothing = b.try_read(&mut got).map_err(|error| error.kind());
                        assert_eq!(nothing, Err(ErrorKind::WouldBlock));
                    }
                })
            })
            .collect();
        all(tasks).await;
    });
}

/// Ten thousand connections, a few at a time, that end in all the ways there are.
#[test]
fn ten_thousand_connections_come_and_go() {
    let runtime = threaded(4);
    run(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let served = Arc::new(AtomicUsize::new(0));
        let counts = served.clone();
        let server = gmp::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let counts = counts.clone();
                gmp::spawn(async move {
                    let mut buf = [0; 16];
                    // Ends with the stream or with a reset.
                    while let Ok(n @ 1..) = stream.read(&mut buf).await {
                        if stream.write_all(&buf[..n]).await.is_err() {
                            break;
                        }
                    }
                    counts.fetch_add(1, SeqCst);
                });
            }
        });
        let clients: Vec<_> = (0..20u64)
            .map(|id| {
                gmp::spawn(async move {
                    let mut random = id * 7919 + 1;
                    for _ in 0..500 {
                        random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                        let mut stream = TcpStream::connect(addr).await.unwrap();
                        let kind = random >> 60;
                        // No port waits for two minutes.
                        stream.set_zero_linger().unwrap();
                        if kind % 2 == 0 {
                            stream.write_all(b"hello").await.unwrap();
                        }
                        if kind % 4 == 0 {
                            let mut buf = [0; 5];
                            stream.read_exact(&mut buf).await.unwrap();
                            assert_eq!(&buf, b"hello");
                        }
                        if kind % 8 == 1 {
                            stream.shutdown().await.unwrap();
                            assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
                        }
                    }
                })
            })
            .collect();
        all(clients).await;
        while served.load(SeqCst) < 10_000 {
            sleep(Duration::from_millis(5)).await;
        }
        server.abort();
    });
}

/// Sockets, files and children, all at once, with far too few descriptors for them: again and again an
/// error, never a hang, and afterwards everything works and no descriptor is lost.
#[cfg(target_os = "linux")]
#[test]
fn i_emfile_storm() {
    if child_succeeds("i_emfile_storm", "ulimit -n 48", &[]).is_some() {
        return;
    }
    const EMFILE: i32 = 24;
    let fds = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let runtime = threaded(2);
    run(&runtime, async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        // What comes once and stays: the pipe of signals, above all.
        let _listens = signal(SignalKind::child()).unwrap();
        assert!(Command::new("true").status().await.unwrap().success());
        let before = fds();
        let refused = Arc::new(AtomicUsize::new(0));
        let count = |error: std::io::Error, refused: &AtomicUsize| {
            // The peer of one that could not be accepted, or was dropped, sees a reset.
            if error.raw_os_error() == Some(EMFILE) {
                refused.fetch_add(1, SeqCst);
            } else {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
            }
        };
        let accepting = {
            let (listener, refused) = (listener.clone(), refused.clone());
            gmp::spawn(async move {
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => {
                            gmp::spawn(async move {
                                sleep(Duration::from_millis(5)).await;
                                drop(stream);
                            });
                        }
                        Err(error) => {
                            assert_eq!(error.raw_os_error(), Some(EMFILE), "{error}");
                            refused.fetch_add(1, SeqCst);
                            sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
            })
        };
        let mut tasks = Vec::new();
        for n in 0..12 {
            let refused = refused.clone();
            tasks.push(gmp::spawn(async move {
                for _ in 0..30 {
                    let result = match n % 3 {
                        0 => {
                            let mut held = Vec::new();
                            let error = loop {
                                match TcpStream::connect(addr).await {
                                    Ok(stream) if held.len() < 8 => held.push(stream),
                                    Ok(_) => break Ok(()),
                                    Err(error) => break Err(error),
                                }
                            };
                            gmp::task::yield_now().await;
                            error
                        }
                        1 => gmp::fs::read("/proc/self/status").await.map(drop),
                        _ => {
                            let child = Command::new("true").stdout(Stdio::piped()).spawn();
                            match child {
                                Ok(child) => child.wait_with_output().await.map(drop),
                                Err(error) => Err(error),
                            }
                        }
                    };
                    if let Err(error) = result {
                        count(error, &refused);
                    }
                }
            }));
        }
        all(tasks).await;
        assert!(refused.load(SeqCst) > 0, "there was no storm");
        // Calm again, as soon as what was accepted last has been dropped.
        let mut client = loop {
            match TcpStream::connect(addr).await {
                Ok(client) => break client,
                Err(error) => assert_eq!(error.raw_os_error(), Some(EMFILE), "{error}"),
            }
            sleep(Duration::from_millis(1)).await;
        };
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        drop(client);
        while fds() > before + 8 {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(Command::new("true").output().await.unwrap().status.success());
        accepting.abort();
        let _aborted = accepting.await;
        while fds() > before {
            sleep(Duration::from_millis(5)).await;
        }
    });
}

/// Signals faster than anybody can listen: they become fewer, none is lost at the end, nothing breaks.
#[test]
fn signals_in_bursts() {
    if child_succeeds("signals_in_bursts", "", &[]).is_some() {
        return;
    }
    for runtime in flavours() {
        run(&runtime, async {
            let mut listeners: Vec<_> =
                (0..3).map(|_| signal(SignalKind::user_defined1()).unwrap()).collect();
            let mut children = signal(SignalKind::child()).unwrap();
            let script = "i=0; while [ $i -lt 300 ]; do kill -USR1 $0; i=$((i+1)); done";
            let id = std::process::id().to_string();
            let bursts: Vec<_> = (0..4)
                .map(|_| {
                    let mut command = Command::new("sh");
                    command.args(["-c", script, &id]);
                    gmp::spawn(async move { command.status().await.unwrap().success() })
                })
                .collect();
            for listener in &mut listeners {
                assert_eq!(listener.recv().await, Some(()));
            }
            assert!(all(bursts).await.into_iter().all(|success| success));
            assert_eq!(children.recv().await, Some(()), "the end of a child is a signal, too");
            // Whatever came before is one; one that comes now is heard.
            for listener in &mut listeners {
                let heard = timeout(Duration::from_millis(50), listener.recv());
                let _some = heard.await;
            }
            let kill = Command::new("kill").args(["-s", "USR1", &id]).status();
            assert!(kill.await.unwrap().success());
            for listener in &mut listeners {
                assert_eq!(listener.recv().await, Some(()));
            }
        });
    }
}

/// A child gets nothing of ours but what it was given: all our descriptors close on exec.
#[cfg(target_os = "linux")]
#[test]
fn m_fork_closes_on_exec() {
    if child_succeeds("m_fork_closes_on_exec", "", &[]).is_some() {
        return;
    }
    let given = |listing: Vec<u8>| String::from_utf8(listing).unwrap().lines().count();
    let list = || std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap().stdout;
    // What we ourselves were given, by a parent that may be less careful.
    let before = given(list());
    let runtime = threaded(2);
    run(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (a, b) = tcp_pair().await;
        let udp = gmp::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let unix = UnixStream::pair().unwrap();
        let pipe = gmp::net::unix::pipe::pipe().unwrap();
        let file = gmp::fs::File::open("/proc/self/status").await.unwrap();
        let listens = signal(SignalKind::hangup()).unwrap();
        let mut cat = Command::new("cat");
        let cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        sleep(Duration::from_millis(1)).await;
        let listing = Command::new("ls").arg("/proc/self/fd").output().await.unwrap().stdout;
        assert_eq!(given(listing), before);
        drop((listener, a, b, udp, unix, pipe, file, listens, cat));
    });
}
