use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use super::rt::*;
use crate::io::unix::AsyncFd;
use crate::io::{Interest, Ready};

fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    (a, b)
}

#[allow(unsafe_code)]
fn register(stream: UnixStream) -> AsyncFd<UnixStream> {
    // SAFETY: a stream keeps its fd until it is dropped.
    unsafe { AsyncFd::register(stream) }.unwrap()
}

#[test]
fn wait_try_clear() {
    let rt = Rt::new();
    rt.block_on(async {
        let (a, mut b) = pair();
        let fd = register(a);
        assert!(fd.writable().await.unwrap().ready().is_writable());
        b.write_all(b"xy").unwrap();
        let mut buf = [0; 8];
        let mut guard = fd.readable().await.unwrap();
        assert_eq!(guard.try_io(|fd| fd.get_ref().read(&mut buf)).unwrap().unwrap(), 2);
        // Nothing was cleared: ready again at once, until the read would block.
        let mut guard = fd.readable().await.unwrap();
        assert_eq!(guard.ready(), Ready::READABLE);
        assert!(guard.try_io(|fd| fd.get_ref().read(&mut buf)).is_err());
        assert!(guard.ready().is_empty());
        let error = fd.try_io(Interest::READABLE, |mut s| s.read(&mut buf)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        b.write_all(b"z").unwrap();
        assert_eq!(fd.async_io(Interest::READABLE, |mut s| s.read(&mut buf)).await.unwrap(), 1);
        let inner = fd.into_inner();
        drop(register(inner));
    });
    assert_eq!(rt.sources(), 0);
}

#[test]
fn a_guard_clears_only_what_it_saw() {
    let rt = Rt::new();
    let (a, mut b) = pair();
    let fd = rt.block_on(async { register(a) });
    b.write_all(b"x").unwrap();
    let mut guard = rt.block_on(fd.readable()).unwrap();
    // A second edge reaches the poller before the guard clears the first.
    b.write_all(b"y").unwrap();
    rt.turn();
    guard.clear_ready();
    drop(guard);
    let guard = rt.block_on(fd.ready(Interest::READABLE | Interest::WRITABLE)).unwrap();
    assert!(guard.ready().is_readable(), "the second edge was wiped");
}

#[test]
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn what_cannot_be_polled_is_given_back() {
    let rt = Rt::new();
    rt.block_on(async {
        let file = std::fs::File::open("Cargo.toml").unwrap();
        // SAFETY: a file keeps its fd until it is dropped.
        let error = unsafe { AsyncFd::register(file) }.unwrap_err();
        let (mut file, error) = error.into_parts();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert!(!text.is_empty());
        // One registration for an fd.
        let (a, _b) = pair();
        let fd = register(a);
        // SAFETY: the stream outlives the registration attempt, which fails.
        let error = unsafe { AsyncFd::register(std::os::fd::AsRawFd::as_raw_fd(&fd)) }.unwrap_err();
        assert_eq!(error.into_parts().1.raw_os_error(), Some(libc::EEXIST));
    });
    assert_eq!(rt.sources(), 0);
}
