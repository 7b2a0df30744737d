use std::future::Future;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::pin::{pin, Pin};
use std::task::{Context, Poll, Waker};

use super::rt::*;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::{TcpListener, TcpSocket, TcpStream};
use crate::scheduler::netpoll::is_shutdown_error;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (ours, theirs) = join(TcpStream::connect(addr), listener.accept()).await;
    (ours.unwrap(), theirs.unwrap().0)
}

#[test]
fn echo() {
    Rt::new().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = async {
            let (mut stream, peer) = listener.accept().await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), peer);
            let mut buf = [0; 16];
            loop {
                let n = read(&mut stream, &mut buf).await.unwrap();
                if n == 0 {
                    return;
                }
                write_all(&mut stream, &buf[..n]).await;
            }
        };
        let client = async {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), addr);
            stream.set_nodelay(true).unwrap();
            assert!(stream.nodelay().unwrap());
            stream.set_ttl(17).unwrap();
            assert_eq!(stream.ttl().unwrap(), 17);
            let mut buf = [0; 5];
            for _ in 0..3 {
                write_all(&mut stream, b"hello").await;
                read_exact(&mut stream, &mut buf).await;
                assert_eq!(&buf, b"hello");
            }
            shutdown(&mut stream).await;
            assert_eq!(read(&mut stream, &mut buf).await.unwrap(), 0);
        };
        join(server, client).await;
    });
}

#[test]
fn many_connections_on_many_threads() {
    const CLIENTS: usize = 32;
    const MESSAGES: usize = 50;
    Rt::multi_thread().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = crate::task::spawn(async move {
            let mut served = Vec::new();
            for _ in 0..CLIENTS {
                let (mut stream, _) = listener.accept().await.unwrap();
                served.push(crate::task::spawn(async move {
                    let mut buf = [0; 64];
                    loop {
                        match read(&mut stream, &mut buf).await.unwrap() {
                            0 => return,
                            n => write_all(&mut stream, &buf[..n]).await,
                        }
                    }
                }));
            }
            for task in served {
                task.await.unwrap();
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                crate::task::spawn(async move {
                    let mut stream = TcpStream::connect(addr).await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    for message in 0..MESSAGES {
                        let sent = [client as u8, message as u8, 7];
                        write_all(&mut stream, &sent).await;
                        let mut got = [0; 3];
                        read_exact(&mut stream, &mut got).await;
                        assert_eq!(sent, got);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
}

#[test]
fn more_than_the_kernel_holds() {
    let data: Vec<u8> = (0..8 << 20).map(|i: u32| (i % 251) as u8).collect();
    Rt::new().block_on(async {
        let (ours, theirs) = pair().await;
        let (_r, mut w) = ours.into_split();
        let (mut r, _w) = theirs.into_split();
        let mut got = vec![0; data.len()];
        join(async { write_all(&mut w, &data).await }, async {
            read_exact(&mut r, &mut got).await
        })
        .await;
        assert!(got == data);
    });
}

#[test]
fn vectored_writes() {
    Rt::new().block_on(async {
        let (mut ours, mut theirs) = pair().await;
        assert!(ours.is_write_vectored());
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        let n = std::future::poll_fn(|cx| Pin::new(&mut ours).poll_write_vectored(cx, &bufs))
            .await
            .unwrap();
        assert_eq!(n, 5);
        let mut got = [0; 5];
        read_exact(&mut theirs, &mut got).await;
        assert_eq!(&got, b"abcde");
        theirs.writable().await.unwrap();
        assert_eq!(theirs.try_write_vectored(&bufs).unwrap(), 5);
        ours.readable().await.unwrap();
        let (mut a, mut b) = ([0; 3], [0; 3]);
        let mut into = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(ours.try_read_vectored(&mut into).unwrap(), 5);
        assert_eq!((&a, &b[..2]), (b"abc", &b"de"[..]));
    });
}

#[test]
fn try_read_and_write() {
    let rt = Rt::new();
    let (ours, theirs) = rt.block_on(pair());
    let mut buf = [0; 8];
    // An accepted stream can be written to before the poller was asked.
    assert_eq!(theirs.try_write(b"xy").unwrap(), 2);
    rt.block_on(ours.readable()).unwrap();
    assert_eq!(ours.try_read(&mut buf).unwrap(), 2);
    assert_eq!(ours.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    // ... which has cleared it: the next wait waits.
    let mut readable = pin!(ours.readable());
    assert!(readable.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    #[cfg(feature = "io-util")]
    {
        assert_eq!(theirs.try_write(b"zzz").unwrap(), 3);
        rt.block_on(readable).unwrap();
        let mut into = bytes::BytesMut::with_capacity(16);
        into.extend_from_slice(b"a");
        assert_eq!(ours.try_read_buf(&mut into).unwrap(), 3);
        assert_eq!(&into[..], b"azzz");
    }
}

#[test]
fn try_io_clears_on_would_block_only() {
    let rt = Rt::new();
    let (ours, theirs) = rt.block_on(pair());
    assert_eq!(
        ours.try_io(Interest::READABLE, || Ok(())).unwrap_err().kind(),
        ErrorKind::WouldBlock,
        "not ready: the closure does not run"
    );
    theirs.try_write(b"x").unwrap();
    rt.block_on(ours.readable()).unwrap();
    assert_eq!(ours.try_io(Interest::READABLE, || Ok(7)).unwrap(), 7);
    assert_eq!(
        ours.try_io(Interest::READABLE, || Err::<(), _>(ErrorKind::Other.into()))
            .unwrap_err()
            .kind(),
        ErrorKind::Other
    );
    assert_eq!(ours.try_io(Interest::READABLE, || Ok(7)).unwrap(), 7, "still ready");
    let _ = ours.try_io(Interest::READABLE, || Err::<(), _>(ErrorKind::WouldBlock.into()));
    let _ = ours
        .try_io(Interest::READABLE, || -> std::io::Result<()> { panic!("cleared: must not run") });
    // The data is still there, and so is a second byte: an edge.
    theirs.try_write(b"y").unwrap();
    let sum = rt
        .block_on(ours.async_io(Interest::READABLE, || {
            let mut buf = [0; 8];
            (&ours_std(&ours)).read(&mut buf)
        }))
        .unwrap();
    assert_eq!(sum, 2);
}

#[cfg(unix)]
fn ours_std(stream: &TcpStream) -> std::net::TcpStream {
    use std::os::fd::AsFd;
    stream.as_fd().try_clone_to_owned().unwrap().into()
}

#[test]
fn peek_takes_nothing() {
    Rt::new().block_on(async {
        let (mut ours, mut theirs) = pair().await;
        write_all(&mut theirs, b"abc").await;
        let mut buf = [0; 2];
        assert_eq!(ours.peek(&mut buf).await.unwrap(), 2);
        let (mut r, _w) = ours.split();
        let mut peeked = ReadBuf::new(&mut buf);
        assert_eq!(std::future::poll_fn(|cx| r.poll_peek(cx, &mut peeked)).await.unwrap(), 2);
        let mut all = [0; 3];
        read_exact(&mut r, &mut all).await;
        assert_eq!(&all, b"abc");
    });
}

#[test]
fn ready_tells_of_a_closed_side() {
    Rt::new().block_on(async {
        let (ours, mut theirs) = pair().await;
        let both = Interest::READABLE | Interest::WRITABLE;
        assert_eq!(ours.ready(both).await.unwrap(), Ready::WRITABLE);
        shutdown(&mut theirs).await;
        let ready = ours.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_read_closed() && ready.is_readable(), "{ready:?}");
        assert_eq!(ours.try_read(&mut [0; 4]).unwrap(), 0);
        assert_eq!(ours.try_read(&mut [0; 4]).unwrap(), 0, "the end stays");
    });
}

#[test]
fn halves() {
    Rt::new().block_on(async {
        let (ours, theirs) = pair().await;
        let (other, _keep) = pair().await;
        let (r, w) = ours.into_split();
        let (r2, w2) = other.into_split();
        let error = r.reunite(w2).unwrap_err();
        assert_eq!(error.to_string(), "tried to reunite halves that are not from the same socket");
        let crate::net::tcp::ReuniteError(r, w2) = error;
        let other = w2.reunite(r2).unwrap();
        drop(other);
        let ours = r.reunite(w).unwrap();
        let (mut tr, tw) = theirs.into_split();
        // Reunited halves have not shut anything down.
        let (r, w) = ours.into_split();
        assert_eq!(tr.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
        w.forget();
        assert_eq!(r.local_addr().unwrap(), tr.peer_addr().unwrap());
        // Dropping a writing half ends the stream for the peer.
        drop(tw);
        let mut r = r;
        assert_eq!(read(&mut r, &mut [0; 1]).await.unwrap(), 0);
        drop(r);
        assert_eq!(read(&mut tr, &mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn nobody_listens() {
    Rt::new().block_on(async {
        let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // A second address is tried.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let both = [addr, listener.local_addr().unwrap()];
        let (stream, accepted) = join(TcpStream::connect(&both[..]), listener.accept()).await;
        assert_eq!(stream.unwrap().local_addr().unwrap(), accepted.unwrap().1);
        let none: &[std::net::SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "could not resolve to any address");
    });
}

#[test]
fn names_and_literals() {
    Rt::new().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = format!("localhost:{port}");
        let found: Vec<_> = crate::net::lookup_host(&text).await.unwrap().collect();
        assert!(found.iter().all(|addr| addr.port() == port && addr.ip().is_loopback()));
        let (stream, _accepted) = join(TcpStream::connect(text), listener.accept()).await;
        stream.unwrap();
        assert!(crate::net::lookup_host("no port").await.is_err());
    });
}

#[test]
fn poll_accept_keeps_the_last_waker() {
    let rt = Rt::new();
    let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let (first, first_waker) = Count::new();
    let (last, last_waker) = Count::new();
    assert!(listener.poll_accept(&mut Context::from_waker(&first_waker)).is_pending());
    assert!(listener.poll_accept(&mut Context::from_waker(&last_waker)).is_pending());
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    rt.turn_until(|| last.get() == 1);
    assert_eq!(first.get(), 0);
    rt.block_on(async {
        match listener.poll_accept(&mut Context::from_waker(&last_waker)) {
            Poll::Ready(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn two_tasks_accept() {
    let rt = Rt::new();
    let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr().unwrap();
    let clients: Vec<_> = (0..2).map(|_| std::net::TcpStream::connect(addr).unwrap()).collect();
    let (a, b) = rt.block_on(join(listener.accept(), listener.accept()));
    let mut peers = [a.unwrap().1, b.unwrap().1];
    let mut locals: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
    peers.sort();
    locals.sort();
    assert_eq!(peers[..], locals[..]);
}

#[test]
fn std_and_back() {
    let rt = Rt::new();
    rt.block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(b"abc").unwrap();
        stream.readable().await.unwrap();
        let mut stream = stream.into_std().unwrap();
        let mut buf = [0; 3];
        stream.read_exact(&mut buf).unwrap();
        let stream = TcpStream::try_from(stream).unwrap();
        client.write_all(b"d").unwrap();
        stream.readable().await.unwrap();
        assert_eq!(stream.try_read(&mut buf).unwrap(), 1);
        let listener = listener.into_std().unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    });
    assert_eq!(rt.sources(), 0, "every source was taken out again");
}

#[test]
#[cfg(all(unix, debug_assertions))]
#[should_panic(expected = "Registering a blocking socket with the tokio runtime is unsupported.")]
fn a_blocking_socket_is_refused() {
    Rt::new().block_on(async {
        let _ = TcpListener::from_std(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn outside_of_a_runtime() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let _ = TcpListener::from_std(listener);
}

#[test]
#[should_panic(
    expected = "A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the \
                           runtime builder to enable IO."
)]
fn without_io() {
    let _ = Rt::without_io().block_on(TcpListener::bind("127.0.0.1:0"));
}

#[test]
fn i_shutdown_pending() {
    let rt = Rt::new();
    let (mut ours, theirs) = rt.block_on(pair());
    let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 1];
    let mut buf = ReadBuf::new(&mut buf);
    assert!(Pin::new(&mut ours).poll_read(&mut cx, &mut buf).is_pending());
    let mut accept = pin!(listener.accept());
    assert!(accept.as_mut().poll(&mut cx).is_pending());
    let handle = rt.handle().clone();
    rt.shutdown();
    assert_eq!(count.get(), 2);
    match Pin::new(&mut ours).poll_read(&mut cx, &mut buf) {
        Poll::Ready(Err(error)) => assert!(is_shutdown_error(&error)),
        other => panic!("{other:?}"),
    }
    match accept.poll(&mut cx) {
        Poll::Ready(Err(error)) => assert!(is_shutdown_error(&error)),
        other => panic!("{other:?}"),
    }
    let error = handle.block_on(TcpListener::bind("127.0.0.1:0")).unwrap_err();
    assert!(is_shutdown_error(&error));
    drop((ours, theirs));
}

#[test]
fn i_always_ready() {
    // A socket that is always ready gives way when the budget of its poll is spent.
    let rt = Rt::new();
    let (mut ours, _theirs) = rt.block_on(pair());
    rt.block_on(ours.writable()).unwrap();
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let _scope = crate::g::coop::enter(None);
    let mut writes = 0;
    while let Poll::Ready(done) = Pin::new(&mut ours).poll_write(&mut cx, b"x") {
        done.unwrap();
        writes += 1;
        assert!(writes <= 1000, "it never gives way");
    }
    assert_eq!(writes, 128);
    assert_eq!(count.get(), 1, "and is woken for its next turn");
}

#[test]
fn socket_options() {
    let rt = Rt::new();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    assert!(socket.reuseaddr().unwrap());
    socket.set_keepalive(true).unwrap();
    assert!(socket.keepalive().unwrap());
    socket.set_nodelay(true).unwrap();
    assert!(socket.nodelay().unwrap());
    socket.set_zero_linger().unwrap();
    assert_eq!(socket.linger().unwrap(), Some(std::time::Duration::ZERO));
    socket.set_recv_buffer_size(1 << 16).unwrap();
    assert!(socket.recv_buffer_size().unwrap() >= 1 << 16);
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap();
    rt.block_on(async {
        let listener = socket.listen(16).unwrap();
        assert_eq!(listener.local_addr().unwrap(), addr);
        let client = TcpSocket::new_v4().unwrap();
        let (stream, accepted) = join(client.connect(addr), listener.accept()).await;
        assert_eq!(stream.unwrap().local_addr().unwrap(), accepted.unwrap().1);
        let refused = TcpSocket::new_v4().unwrap();
        drop(listener);
        let error = refused.connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// In a process of its own: the limit holds for all threads.
#[test]
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn i_accept_emfile() {
    const CHILD: &str = "GMP_TEST_EMFILE";
    if std::env::var_os(CHILD).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "net::tests::tcp::i_accept_emfile", "--nocapture"])
            .env(CHILD, "1")
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        return;
    }
    let rt = Rt::new();
    let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr().unwrap();
    let _clients = [(); 2].map(|()| std::net::TcpStream::connect(addr).unwrap());
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: reads a structure that is alive.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let mut fill = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        fill.push(file);
    }
    rt.block_on(async {
        for _ in 0..3 {
            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }
        // No new edge comes for the connections that wait: the readiness must have stayed.
        fill.truncate(fill.len() - 2);
        let first = listener.accept().await.unwrap();
        let second = listener.accept().await.unwrap();
        assert_ne!(first.1, second.1);
    });
}
