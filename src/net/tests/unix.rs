use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::Pin;

use super::rt::*;
use crate::io::{AsyncWrite, Interest};
use crate::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream};

/// A path that is removed in the end.
struct Temp(PathBuf);

impl Temp {
    fn new(name: &str) -> Temp {
        let path = std::env::temp_dir().join(format!("gmp-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Temp(path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn echo() {
    let path = Temp::new("echo");
    Rt::new().block_on(async {
        let listener = UnixListener::bind(&path.0).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path.0));
        let (client, accepted) = join(UnixStream::connect(&path.0), listener.accept()).await;
        let (mut client, (mut server, from)) = (client.unwrap(), accepted.unwrap());
        assert!(from.is_unnamed());
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path.0));
        write_all(&mut client, b"hello").await;
        let mut buf = [0; 5];
        read_exact(&mut server, &mut buf).await;
        write_all(&mut server, &buf).await;
        read_exact(&mut client, &mut buf).await;
        assert_eq!(&buf, b"hello");
        let cred = client.peer_cred().unwrap();
        assert_eq!(cred.pid(), Some(std::process::id() as i32));
        drop(server);
        assert_eq!(read(&mut client, &mut buf).await.unwrap(), 0);
        shutdown(&mut client).await;
    });
}

#[test]
#[cfg(target_os = "linux")]
fn abstract_names() {
    let name = format!("\0gmp-{}-abstract", std::process::id());
    Rt::new().block_on(async {
        let listener = UnixListener::bind(&name).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(addr.as_abstract_name(), Some(&name.as_bytes()[1..]));
        let (client, accepted) = join(UnixStream::connect(&name), listener.accept()).await;
        client.unwrap();
        accepted.unwrap();
        let (client, _accepted) = join(UnixStream::connect_addr(&addr), listener.accept()).await;
        client.unwrap();
    });
}

#[test]
fn pair_and_halves() {
    Rt::new().block_on(async {
        let (a, b) = UnixStream::pair().unwrap();
        assert_eq!(a.try_write(b"x").unwrap(), 1, "writable from the start");
        b.readable().await.unwrap();
        assert_eq!(b.try_read(&mut [0; 4]).unwrap(), 1);
        let (mut ar, mut aw) = a.into_split();
        let (mut br, mut bw) = b.into_split();
        let data = vec![7; 1 << 20];
        let mut got = vec![0; data.len()];
        join(async { write_all(&mut aw, &data).await }, async {
            read_exact(&mut br, &mut got).await
        })
        .await;
        assert!(got == data);
        drop(aw);
        assert_eq!(read(&mut br, &mut [0; 1]).await.unwrap(), 0);
        std::future::poll_fn(|cx| Pin::new(&mut bw).poll_shutdown(cx)).await.unwrap();
        let b = br.reunite(bw).unwrap();
        assert_eq!(read(&mut ar, &mut [0; 1]).await.unwrap(), 0);
        drop((ar, b));
    });
}

#[test]
fn datagrams() {
    let (one, two) = (Temp::new("dgram1"), Temp::new("dgram2"));
    Rt::new().block_on(async {
        let a = UnixDatagram::bind(&one.0).unwrap();
        let b = UnixDatagram::bind(&two.0).unwrap();
        let mut buf = [0; 16];
        assert_eq!(a.send_to(b"abc", &two.0).await.unwrap(), 3);
        let (n, from) = b.recv_from(&mut buf).await.unwrap();
        assert_eq!((&buf[..n], from.as_pathname()), (&b"abc"[..], Some(&*one.0)));
        a.connect(&two.0).unwrap();
        assert_eq!(a.send(b"de").await.unwrap(), 2);
        let mut into = bytes::BytesMut::with_capacity(8);
        assert_eq!(b.recv_buf_from(&mut into).await.unwrap().0, 2);
        let unnamed = UnixDatagram::unbound().unwrap();
        unnamed.send_to(b"f", &two.0).await.unwrap();
        let (n, from) = b.recv_from(&mut buf).await.unwrap();
        assert!(n == 1 && from.is_unnamed());
        // A full receiver is waited for.
        let (x, y) = UnixDatagram::pair().unwrap();
        let mut sent = 0;
        while x.try_send(&[1; 512]).is_ok() {
            sent += 1;
        }
        let (last, all) = join(x.send(&[2; 512]), async {
            for _ in 0..sent {
                assert_eq!(y.recv(&mut [0; 600]).await.unwrap(), 512);
            }
        })
        .await;
        assert_eq!((last.unwrap(), all), (512, ()));
    });
}

#[test]
fn sockets_before_their_use() {
    let (stream, datagram) = (Temp::new("sock1"), Temp::new("sock2"));
    Rt::new().block_on(async {
        let listener = UnixSocket::new_stream().unwrap();
        listener.bind(&stream.0).unwrap();
        let listener = listener.listen(8).unwrap();
        let client = UnixSocket::new_stream().unwrap();
        let (client, accepted) = join(client.connect(&stream.0), listener.accept()).await;
        client.unwrap();
        accepted.unwrap();
        let socket = UnixSocket::new_datagram().unwrap();
        socket.bind(&datagram.0).unwrap();
        let socket = socket.datagram().unwrap();
        assert_eq!(socket.local_addr().unwrap().as_pathname(), Some(&*datagram.0));
        let error = UnixSocket::new_datagram().unwrap().listen(8).unwrap_err();
        assert_eq!(error.to_string(), "listen cannot be called on a datagram socket");
        assert!(UnixSocket::new_stream().unwrap().datagram().is_err());
        assert!(UnixSocket::new_datagram().unwrap().connect(&stream.0).await.is_err());
    });
}

#[test]
fn nobody_listens() {
    let path = Temp::new("nobody");
    Rt::new().block_on(async {
        let error = UnixStream::connect(&path.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        drop(UnixListener::bind(&path.0).unwrap());
        let error = UnixStream::connect(&path.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(UnixListener::bind(&path.0).is_err(), "the file stays");
        let (a, _b) = UnixStream::pair().unwrap();
        assert_eq!(
            a.try_io(Interest::READABLE, || Ok(())).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
    });
}

#[test]
fn anonymous_pipes() {
    use crate::net::unix::pipe;
    let rt = Rt::new();
    rt.block_on(async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        assert!(sender.is_write_vectored());
        let data = vec![5; 1 << 18];
        let mut got = vec![0; data.len()];
        join(async { write_all(&mut sender, &data).await }, async {
            read_exact(&mut receiver, &mut got).await
        })
        .await;
        assert!(got == data);
        assert_eq!(receiver.try_read(&mut got).unwrap_err().kind(), ErrorKind::WouldBlock);
        sender.writable().await.unwrap();
        assert_eq!(sender.try_write(b"abc").unwrap(), 3);
        let mut into = bytes::BytesMut::with_capacity(8);
        receiver.readable().await.unwrap();
        assert_eq!(receiver.try_read_buf(&mut into).unwrap(), 3);
        // Ends that are given away and taken back.
        let fd = sender.into_blocking_fd().unwrap();
        assert!(pipe::Receiver::from_owned_fd(fd.try_clone().unwrap()).is_err());
        let mut sender = pipe::Sender::from_owned_fd(fd).unwrap();
        let fd = receiver.into_nonblocking_fd().unwrap();
        let mut receiver = pipe::Receiver::from_owned_fd_unchecked(fd).unwrap();
        write_all(&mut sender, b"d").await;
        drop(sender);
        assert_eq!(read(&mut receiver, &mut got).await.unwrap(), 1);
        assert_eq!(read(&mut receiver, &mut got).await.unwrap(), 0);
        let (sender, receiver) = pipe::pipe().unwrap();
        sender.writable().await.unwrap();
        drop(receiver);
        assert_eq!(sender.try_write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        let file = std::fs::File::open("Cargo.toml").unwrap();
        let error = pipe::Receiver::from_file(file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
    assert_eq!(rt.sources(), 0);
}

#[test]
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn fifos() {
    use crate::net::unix::pipe::OpenOptions;
    use std::os::unix::ffi::OsStrExt;
    let path = Temp::new("fifo");
    let name = std::ffi::CString::new(path.0.as_os_str().as_bytes()).unwrap();
    // SAFETY: reads a string that is alive.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    Rt::new().block_on(async {
        let error = OpenOptions::new().open_sender(&path.0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENXIO), "nobody reads");
        let mut receiver = OpenOptions::new().open_receiver(&path.0).unwrap();
        let mut sender = OpenOptions::new().open_sender(&path.0).unwrap();
        write_all(&mut sender, b"hi").await;
        let mut buf = [0; 2];
        read_exact(&mut receiver, &mut buf).await;
        assert_eq!(&buf, b"hi");
        drop(sender);
        assert_eq!(read(&mut receiver, &mut buf).await.unwrap(), 0);
        drop(receiver);
        // Open for both directions it needs no reader, and never ends.
        let mut sender = OpenOptions::new().read_write(true).open_sender(&path.0).unwrap();
        write_all(&mut sender, b"x").await;
        assert!(OpenOptions::new().open_receiver("Cargo.toml").is_err());
    });
}
