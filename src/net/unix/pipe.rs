//! Pipes: anonymous ones, and FIFOs in the file system.
//!
//! A pipe has one direction. [`pipe`] makes an anonymous one; [`OpenOptions`] opens the ends of a FIFO
//! (made by `mkfifo`); ends that other code has made are taken over with `from_file` and `from_owned_fd`.
//!
//! A receiver reads the end of the stream while no sender has the pipe open, and may read on once there
//! is one again. A sender's write fails with `BrokenPipe` when no receiver has it open.
#![allow(unsafe_code)] // fcntl; std does not tell an fd's access mode

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use mio::unix::pipe as mio_pipe;

use crate::io::registration::Registered;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::scheduler::netpoll::Direction;

/// Makes an anonymous pipe. Both ends join the current runtime.
///
/// # Errors
///
/// Of the system: no fds left. After shutdown of the runtime: that it is being shut down.
///
/// # Panics
///
/// Outside of a runtime, or in one without I/O.
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (sender, receiver) = mio_pipe::new()?;
    Ok((Sender::new(sender)?, Receiver::new(receiver)?))
}

/// How to open an end of a FIFO.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// The defaults: the file must be a FIFO, and is opened for one direction.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Opens it for both directions, whichever end is asked for. So it is never without a peer: a
    /// receiver sees no end of the stream when the last sender goes, and a sender can be opened before
    /// there is a receiver.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn read_write(&mut self, value: bool) -> &mut Self {
        self.read_write = value;
        self
    }

    /// Does not check that the file is a FIFO. Other files may then fail to be registered, or block.
    pub fn unchecked(&mut self, value: bool) -> &mut Self {
        self.unchecked = value;
        self
    }

    /// Opens the reading end. It does not wait for a sender.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the file is no FIFO; else of the system. After shutdown of the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        let file = self.open(path.as_ref(), Direction::Read)?;
        Receiver::from_file_unchecked(file)
    }

    /// Opens the writing end.
    ///
    /// # Errors
    ///
    /// `ENXIO` if no receiver has it open; `InvalidInput` if the file is no FIFO; else of the system. After
    /// shutdown of the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        let file = self.open(path.as_ref(), Direction::Write)?;
        Sender::from_file_unchecked(file)
    }

    fn open(&self, path: &Path, direction: Direction) -> io::Result<File> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let both = self.read_write;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let both = false;
        let file = std::fs::OpenOptions::new()
            .read(both || direction == Direction::Read)
            .write(both || direction == Direction::Write)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        if !self.unchecked {
            expect_fifo(&file)?;
        }
        Ok(file)
    }
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn expect_fifo(file: &File) -> io::Result<()> {
    if file.metadata()?.file_type().is_fifo() {
        Ok(())
    } else {
        Err(invalid("not a pipe"))
    }
}

/// Checks that the file is a pipe which was opened for `direction`.
fn expect_end(file: &File, direction: Direction) -> io::Result<()> {
    expect_fifo(file)?;
    // SAFETY: asks for the flags of an fd that is open as long as the file.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    match (flags & libc::O_ACCMODE, direction) {
        (libc::O_RDWR, _)
        | (libc::O_RDONLY, Direction::Read)
        | (libc::O_WRONLY, Direction::Write) => Ok(()),
        (_, Direction::Read) => Err(invalid("not in O_RDONLY or O_RDWR access mode")),
        (_, Direction::Write) => Err(invalid("not in O_WRONLY or O_RDWR access mode")),
    }
}

/// The writing end of a pipe.
///
/// Nothing is buffered: flushing and shutting down do nothing. Dropping it closes this end.
pub struct Sender {
    io: Registered<mio_pipe::Sender>,
}

impl Sender {
    #[track_caller]
    fn new(pipe: mio_pipe::Sender) -> io::Result<Sender> {
        Ok(Sender { io: Registered::with_interest(pipe, Interest::WRITABLE)? })
    }

    /// Takes an end of a pipe over, and puts it in non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no pipe, or not open for writing; else of the system. After shutdown of the
    /// runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Sender> {
        expect_end(&file, Direction::Write)?;
        let pipe = mio_pipe::Sender::from(OwnedFd::from(file));
        pipe.set_nonblocking(true)?;
        Sender::new(pipe)
    }

    /// As [`from_file`](Self::from_file).
    ///
    /// # Errors
    ///
    /// See [`from_file`](Self::from_file).
    ///
    /// # Panics
    ///
    /// See [`from_file`](Self::from_file).
    #[track_caller]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Sender> {
        Sender::from_file(owned_fd.into())
    }

    /// As [`from_file`](Self::from_file), but checks and changes nothing: the file must be a pipe that is
    /// open for writing, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be registered.
    ///
    /// # Panics
    ///
    /// See [`from_file`](Self::from_file).
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Sender> {
        Sender::from_owned_fd_unchecked(file.into())
    }

    /// As [`from_file_unchecked`](Self::from_file_unchecked).
    ///
    /// # Errors
    ///
    /// If it cannot be registered.
    ///
    /// # Panics
    ///
    /// See [`from_file`](Self::from_file).
    #[track_caller]
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Sender> {
        Sender::new(mio_pipe::Sender::from(owned_fd))
    }

    /// Waits until one of `interest` is ready and says what is. Any number of tasks may wait. It may be
    /// a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.io.registration().ready(interest).await
    }

    /// Waits until something can be written, or no receiver is left. Any number of tasks may wait. It may
    /// be a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(|_| ())
    }

    /// As [`writable`](Self::writable) in poll form. The waker is shared with
    /// [`poll_write`](AsyncWrite::poll_write): the last caller's is kept.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_write_ready(cx).map_ok(|_| ())
    }

    /// Writes what fits, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing fits, `BrokenPipe` when no receiver is left; else of the system.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.registration().try_io(Interest::WRITABLE, || (&*self.io).write(buf))
    }

    /// As [`try_write`](Self::try_write) from several buffers in a row.
    ///
    /// # Errors
    ///
    /// See [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, buf: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.registration().try_io(Interest::WRITABLE, || (&*self.io).write_vectored(buf))
    }

    /// Runs `f`, which writes to this pipe by other means, if the poller has said that it is writable. When
    /// `f` answers `WouldBlock` the readiness is cleared.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it is not writable; else those of `f`.
    pub fn try_io<R>(&self, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.registration().try_io(Interest::WRITABLE, f)
    }

    /// Gives the fd back, in blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered, or its mode not be set.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        let pipe = self.io.into_inner()?;
        pipe.set_nonblocking(false)?;
        Ok(pipe.into())
    }

    /// Gives the fd back, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        self.io.into_inner().map(OwnedFd::from)
    }
}

impl AsyncWrite for Sender {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let registration = self.io.registration();
        registration.poll_transfer(cx, Direction::Write, buf.len(), || (&*self.io).write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let registration = self.io.registration();
        registration.poll_io(cx, Direction::Write, || (&*self.io).write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is buffered: always done.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: a pipe's end is closed when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(Sender);

/// The reading end of a pipe.
///
/// Dropping it closes this end.
pub struct Receiver {
    io: Registered<mio_pipe::Receiver>,
}

impl Receiver {
    #[track_caller]
    fn new(pipe: mio_pipe::Receiver) -> io::Result<Receiver> {
        Ok(Receiver { io: Registered::with_interest(pipe, Interest::READABLE)? })
    }

    /// Takes an end of a pipe over, and puts it in non-blocking mode.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no pipe, or not open for reading; else of the system. After shutdown of the
    /// runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Receiver> {
        expect_end(&file, Direction::Read)?;
        let pipe = mio_pipe::Receiver::from(OwnedFd::from(file));
        pipe.set_nonblocking(true)?;
        Receiver::new(pipe)
    }

    /// As [`from_file`](Self::from_file).
    ///
    /// # Errors
    ///
    /// See [`from_file`](Self::from_file).
    ///
    /// # Panics
    ///
    /// See [`from_file`](Self::from_file).
    #[track_caller]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Receiver> {
        Receiver::from_file(owned_fd.into())
    }

    /// As [`from_file`](Self::from_file), but checks and changes nothing: the file must be a pipe that is
    /// open for reading, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be registered.
    ///
    /// # Panics
    ///
    /// See [`from_file`](Self::from_file).
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Receiver> {
        Receiver::from_owned_fd_unchecked(file.into())
    }

    /// As [`from_file_unchecked`](Self::from_file_unchecked).
    ///
    /// # Errors
    ///
    /// If it cannot be registered.
    ///
    /// # Panics
    ///
    /// See [`from_file`](Self::from_file).
    #[track_caller]
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Receiver> {
        Receiver::new(mio_pipe::Receiver::from(owned_fd))
    }

    /// Waits until one of `interest` is ready and says what is. Any number of tasks may wait. It may be
    /// a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.io.registration().ready(interest).await
    }

    /// Waits until there is something to read, or no sender is left. Any number of tasks may wait. It may
    /// be a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(|_| ())
    }

    /// As [`readable`](Self::readable) in poll form. The waker is shared with
    /// [`poll_read`](AsyncRead::poll_read): the last caller's is kept.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_read_ready(cx).map_ok(|_| ())
    }

    /// Reads what is there, without waiting. 0 is the end of the stream: no sender is left.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing is there; else of the system.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.registration().try_io(Interest::READABLE, || (&*self.io).read(buf))
    }

    /// As [`try_read`](Self::try_read) into several buffers in a row.
    ///
    /// # Errors
    ///
    /// See [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.registration().try_io(Interest::READABLE, || (&*self.io).read_vectored(bufs))
    }

    /// Runs `f`, which reads from this pipe by other means, if the poller has said that it is readable. When
    /// `f` answers `WouldBlock` the readiness is cleared.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it is not readable; else those of `f`.
    pub fn try_io<R>(&self, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.registration().try_io(Interest::READABLE, f)
    }

    /// As [`try_read`](Self::try_read) into the spare room of `buf`, whose filled part grows.
    ///
    /// # Errors
    ///
    /// See [`try_read`](Self::try_read).
    #[cfg(feature = "io-util")]
    pub fn try_read_buf<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io.registration().try_io(Interest::READABLE, || {
            crate::net::socket::into_buf_mut(buf, |buf| read(&self.io, buf))
        })
    }

    /// Gives the fd back, in blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered, or its mode not be set.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        let pipe = self.io.into_inner()?;
        pipe.set_nonblocking(false)?;
        Ok(pipe.into())
    }

    /// Gives the fd back, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        self.io.into_inner().map(OwnedFd::from)
    }
}

/// One read. The buffer is initialised first: std has no read into memory that is not.
fn read(mut pipe: &mio_pipe::Receiver, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
    let received = pipe.read(buf.initialize_unfilled())?;
    buf.advance(received);
    Ok(received)
}

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Not `poll_transfer`: in packet mode a short read does not prove that the pipe is empty.
        let registration = self.io.registration();
        ready!(registration.poll_message(cx, || read(&self.io, buf)))?;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(Receiver);
