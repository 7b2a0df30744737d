//! Sockets on the runtime.

mod support;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream, UdpSocket};
use support::*;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

#[test]
fn i_nobody_polls() {
    // Only the root future uses the socket, from the first moment of the runtime: somebody has to sleep
    // in the poller for it.
    for runtime in flavours() {
        within_patience(move || {
            runtime.block_on(async {
                let (mut client, mut server) = pair().await;
                client.write_all(b"x").await.unwrap();
                assert_eq!(server.read_u8().await.unwrap(), b'x');
            });
        });
    }
}

#[test]
fn i_nobody_polls_under_load() {
    for runtime in [current(), threaded(1), threaded(2)] {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        for _ in 0..8 {
            let stop = stop.clone();
            runtime.spawn(async move {
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    gmp::task::yield_now().await;
                }
            });
        }
        let task = runtime.spawn(async {
            let (mut client, mut server) = pair().await;
            for n in 0..50 {
                client.write_u8(n).await.unwrap();
                assert_eq!(server.read_u8().await.unwrap(), n);
            }
        });
        runtime.block_on(task).unwrap();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn echo_with_many_connections() {
    for runtime in flavours() {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            gmp::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    gmp::spawn(async move {
                        let (mut reader, mut writer) = stream.split();
                        gmp::io::copy(&mut reader, &mut writer).await
                    });
                }
            });
            let clients: Vec<_> = (0..50u8).map(|n| gmp::spawn(client(addr, n))).collect();
            for client in clients {
                client.await.unwrap().unwrap();
            }
        });
    }
}

async fn client(addr: SocketAddr, n: u8) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    for round in 0..10 {
        let sent = vec![n ^ round; 100 * usize::from(round) + 1];
        let mut back = vec![0; sent.len()];
        stream.write_all(&sent).await?;
        stream.read_exact(&mut back).await?;
        assert_eq!(sent, back);
    }
    stream.shutdown().await?;
    assert_eq!(stream.read(&mut [0]).await?, 0);
    Ok(())
}

#[cfg(unix)]
#[test]
fn i_accept_emfile() {
    // Out of file descriptors: accept says so, the program goes on, and so does accept afterwards.
    if child_succeeds("i_accept_emfile", "ulimit -n 40", &[]).is_some() {
        return;
    }
    for runtime in flavours() {
        runtime.block_on(async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let addr = listener.local_addr().unwrap();
            // Clients use up what there is, then some of it is used up by files.
            let mut clients = vec![std::net::TcpStream::connect(addr).unwrap()];
            let mut files = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                files.push(file);
            }
            for _ in 0..3 {
                let error = listener.accept().await.unwrap_err();
                // EMFILE is 24 on Linux, macOS and the BSDs.
                assert_eq!(error.raw_os_error(), Some(24), "{error}");
                gmp::spawn(async { gmp::time::sleep(Duration::from_millis(1)).await })
                    .await
                    .unwrap();
            }
            // Nor can anything new be made, and nothing is left behind by the tries.
            for _ in 0..100 {
                let error = TcpStream::connect(addr).await.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(24), "{error}");
                assert!(TcpListener::bind("127.0.0.1:0").await.is_err());
            }
            files.truncate(files.len() - 3);
            let (_first, _) = listener.accept().await.unwrap();
            clients.push(std::net::TcpStream::connect(addr).unwrap());
            let (_second, _) = listener.accept().await.unwrap();
        });
        // A runtime needs some itself: an error, no panic.
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        let error = gmp::runtime::Builder::new_multi_thread().enable_all().build().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(24), "{error}");
    }
}

#[test]
fn i_fd_reuse() {
    // Sockets come and go: nobody gets the events of who had the number before.
    let runtime = threaded(2);
    runtime.block_on(async {
        for round in 0..200u8 {
            let (mut client, mut server) = pair().await;
            client.write_u8(round).await.unwrap();
            if round % 2 == 0 {
                // Closed with an event on its way.
                drop(server);
                continue;
            }
            assert_eq!(server.read_u8().await.unwrap(), round);
            drop(client);
            assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        }
    });
}

#[test]
fn i_two_waiters_i_waiter_dropped() {
    for runtime in flavours() {
        runtime.block_on(async {
            let (mut client, server) = pair().await;
            // What was accepted is taken for readable until a read finds out.
            let nothing = server.try_read(&mut [0]).unwrap_err();
            assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
            let server = Arc::new(server);
            let waiters: Vec<_> = (0..4)
                .map(|_| {
                    let server = server.clone();
                    gmp::spawn(async move { server.readable().await })
                })
                .collect();
            gmp::task::yield_now().await;
            let dropped = gmp::time::timeout(Duration::from_millis(5), server.readable()).await;
            assert!(dropped.is_err());
            waiters[0].abort();
            client.write_u8(1).await.unwrap();
            for waiter in waiters.into_iter().skip(1) {
                waiter.await.unwrap().unwrap();
            }
        });
    }
}

#[test]
fn i_other_direction() {
    // A stream whose write side is full can be read, and the reverse.
    let runtime = threaded(2);
    runtime.block_on(async {
        let (client, server) = pair().await;
        let (mut reader, mut writer) = client.into_split();
        let (mut peer_reader, mut peer_writer) = server.into_split();
        let flood = gmp::spawn(async move {
            let chunk = vec![7; 1 << 16];
            for _ in 0..100 {
                writer.write_all(&chunk).await.unwrap();
            }
            writer
        });
        for n in 0..50 {
            peer_writer.write_u8(n).await.unwrap();
            assert_eq!(reader.read_u8().await.unwrap(), n);
        }
        let mut left = 100usize << 16;
        let mut buffer = vec![0; 1 << 16];
        while left > 0 {
            left -= peer_reader.read(&mut buffer).await.unwrap();
        }
        drop(flood.await.unwrap());
    });
}

#[test]
fn i_always_ready() {
    // A socket that is always readable does not keep the only P from others.
    for runtime in [current(), threaded(1)] {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let greedy = runtime.spawn({
            let stop = stop.clone();
            async move {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                socket.connect(socket.local_addr().unwrap()).await.unwrap();
                socket.send(b"x").await.unwrap();
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    // To itself, so there is always one more.
                    socket.recv(&mut [0; 8]).await.unwrap();
                    socket.send(b"x").await.unwrap();
                }
            }
        });
        runtime.block_on(async {
            for _ in 0..10 {
                gmp::spawn(async { gmp::time::sleep(Duration::from_millis(1)).await })
                    .await
                    .unwrap();
            }
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            greedy.await.unwrap();
        });
    }
}

#[test]
fn a_socket_of_one_runtime_in_another_executor() {
    let runtime = threaded(1);
    let (mut client, mut server) = runtime.block_on(pair());
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        smol::block_on(client.write_all(b"hello")).unwrap();
        client
    });
    let mut text = [0; 5];
    smol::block_on(server.read_exact(&mut text)).unwrap();
    assert_eq!(&text, b"hello");
    drop(writer.join().unwrap());
    assert_eq!(current().block_on(server.read(&mut text)).unwrap(), 0);
}
