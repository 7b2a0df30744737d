//! The standard streams of the process.
//!
//! They may be files, terminals or pipes that belong to others as well, so they cannot be put into
//! non-blocking mode and given to the poller. Reads and writes are jobs on threads without a permit
//! (`background.rs`), one at a time for each handle:
//!
//! 1. Either the handle's buffer is here, or it is with a job and comes back with the answer.
//! 2. A read is answered from the buffer; if that is empty a job reads once. A read that is given up leaves
//!    its bytes for the next one of the same handle.
//! 3. A write copies into the buffer and answers at once; the job that writes it is mandatory, so that the
//!    end of the runtime does not lose what was accepted. Its error comes with the next call.
//! 4. A flush waits for the write, then has std flush its own buffer in a job.

use std::fmt;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use super::background::{still_open, Buf, Job, MAX_BUF_SIZE};
use super::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug)]
enum State {
    Idle(Buf),
    Busy(Job<(Buf, io::Result<usize>)>),
}

impl State {
    /// Step 1: waits until the buffer is here; the answer comes with it, if there was a job.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<usize>>> {
        let State::Busy(job) = self else { return Poll::Ready(None) };
        ready!(job.poll_over(cx, true));
        let (buf, result) = job.take().unwrap_or_else(|lost| (Buf::default(), Err(lost)));
        *self = State::Idle(buf);
        Poll::Ready(Some(result))
    }

    fn buf(&mut self) -> &mut Buf {
        match self {
            State::Idle(buf) => buf,
            State::Busy(_) => unreachable!("stdio: the buffer is with the job"),
        }
    }

    fn take(&mut self) -> Buf {
        std::mem::take(self.buf())
    }
}

/// The standard input, from [`stdin`].
///
/// Each read occupies a thread for blocking work until there is input, and cannot be stopped: a read that
/// was given up goes on, and its bytes are for the next read of the same handle. **So it keeps the runtime
/// from ending**: dropping the runtime waits for it. Programs that wait for a user's input had better read
/// in a thread of their own and send what they get through a channel, or end the runtime with
/// [`shutdown_background`](crate::runtime::Runtime::shutdown_background).
///
/// All handles read from the one buffer of std's.
#[derive(Debug)]
pub struct Stdin {
    // For the traits that borrow from it.
    std: io::Stdin,
    state: State,
}

/// A handle of the standard input. Needs no runtime until it is read from.
///
/// # Examples
///
/// ```no_run
/// use gmp::io::{AsyncBufReadExt, BufReader};
///
/// # async fn read() -> std::io::Result<()> {
/// let mut lines = BufReader::new(gmp::io::stdin()).lines();
/// while let Some(line) = lines.next_line().await? {
///     println!("{}", line.to_uppercase());
/// }
/// # Ok(())
/// # }
/// ```
pub fn stdin() -> Stdin {
    Stdin { std: io::stdin(), state: State::Idle(Buf::default()) }
}

impl AsyncRead for Stdin {
    /// Panics outside of a runtime, if it has to begin a read.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        dst: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if dst.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let state = &mut self.state;
        loop {
            let ended = match ready!(state.poll_idle(cx)) {
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(n)) => n == 0,
                None => false,
            };
            if ended || !state.buf().is_empty() {
                state.buf().give(dst);
                return Poll::Ready(Ok(()));
            }
            let max = dst.remaining().min(MAX_BUF_SIZE);
            let mut buf = state.take();
            *state = State::Busy(Job::start(move || {
                let result = buf.fill(&mut io::stdin(), max);
                (buf, result)
            }));
        }
    }
}

/// What stdout and stderr have in common.
#[derive(Debug)]
struct Output {
    state: State,
    /// Was anything written since the last flush?
    written: bool,
}

impl Output {
    fn new() -> Output {
        Output { state: State::Idle(Buf::default()), written: false }
    }

    /// Step 3. `std` makes a handle of the stream.
    fn poll_write<W: Write + 'static>(
        &mut self,
        cx: &mut Context<'_>,
        src: &[u8],
        std: fn() -> W,
    ) -> Poll<io::Result<usize>> {
        if let Some(Err(error)) = ready!(self.state.poll_idle(cx)) {
            return Poll::Ready(Err(error));
        }
        if src.is_empty() {
            return Poll::Ready(Ok(0));
        }
        still_open()?;
        let mut buf = self.state.take();
        let n = buf.accept(src, MAX_BUF_SIZE);
        self.written = true;
        self.state = State::Busy(Job::start_mandatory(move || {
            let result = buf.drain(&mut std()).map(|()| 0);
            (buf, result)
        }));
        Poll::Ready(Ok(n))
    }

    /// Step 4.
    fn poll_flush<W: Write + 'static>(
        &mut self,
        cx: &mut Context<'_>,
        std: fn() -> W,
    ) -> Poll<io::Result<()>> {
        loop {
            if let Some(Err(error)) = ready!(self.state.poll_idle(cx)) {
                return Poll::Ready(Err(error));
            }
            if !std::mem::take(&mut self.written) {
                return Poll::Ready(Ok(()));
            }
            let buf = self.state.take();
            self.state = State::Busy(Job::start_mandatory(move || {
                let result = std().flush().map(|()| 0);
                (buf, result)
            }));
        }
    }
}

macro_rules! output {
    ($(#[$meta:meta])* $type:ident, $(#[$make_meta:meta])* $make:ident) => {
        $(#[$meta])*
        pub struct $type {
            // For the traits that borrow from it.
            std: io::$type,
            output: Output,
        }

        $(#[$make_meta])*
        pub fn $make() -> $type {
            $type { std: io::$make(), output: Output::new() }
        }

        impl AsyncWrite for $type {
            /// Panics outside of a runtime.
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                src: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.output.poll_write(cx, src, io::$make)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.output.poll_flush(cx, io::$make)
            }

            /// A flush: the stream stays open.
            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).field("std", &self.std).finish_non_exhaustive()
            }
        }

        handles!($type);
    };
}

macro_rules! handles {
    ($type:ident) => {
        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.std.as_raw_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.std.as_fd()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsRawHandle for $type {
            fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
                self.std.as_raw_handle()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsHandle for $type {
            fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
                self.std.as_handle()
            }
        }
    };
}

handles!(Stdin);

output!(
    /// The standard output, from [`stdout`].
    ///
    /// A write is done when its bytes are in a buffer (up to 2 MiB of them); a thread for blocking work
    /// writes them, and an error comes with the next call. Flush to be sure that they are out. What was
    /// accepted is written even if nobody flushes and the runtime is dropped, but not if the process ends
    /// without that (`std::process::exit`, a runtime that was ended in the background).
    ///
    /// Each handle keeps its writes in order; those of several handles, and `println!`, may come between.
    Stdout,
    /// A handle of the standard output. Needs no runtime until it is written to.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp::io::AsyncWriteExt;
    ///
    /// # fn main() -> std::io::Result<()> { gmp::runtime::Runtime::new()?.block_on(async {
    /// let mut out = gmp::io::stdout();
    /// out.write_all(b"hello\n").await?;
    /// out.flush().await?;
    /// # Ok(()) }) }
    /// ```
    stdout
);

output!(
    /// The standard error stream, from [`stderr`].
    ///
    /// As [`Stdout`] in every respect; std keeps no buffer of its own for it.
    Stderr,
    /// A handle of the standard error stream. Needs no runtime until it is written to.
    stderr
);

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    fn both<T: Send + Sync + Unpin>(_: &T) {}

    #[test]
    fn handles_need_no_runtime() {
        let (mut input, mut out, err) = (stdin(), stdout(), stderr());
        both(&input);
        both(&out);
        both(&err);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let nothing = Pin::new(&mut input).poll_read(&mut cx, &mut ReadBuf::new(&mut []));
        assert!(matches!(nothing, Poll::Ready(Ok(()))));
        assert!(matches!(Pin::new(&mut out).poll_write(&mut cx, b""), Poll::Ready(Ok(0))));
        assert!(matches!(Pin::new(&mut out).poll_shutdown(&mut cx), Poll::Ready(Ok(()))));
        #[cfg(unix)]
        {
            use std::os::fd::{AsFd, AsRawFd};
            assert_eq!((input.as_raw_fd(), out.as_raw_fd(), err.as_raw_fd()), (0, 1, 2));
            assert_eq!(err.as_fd().as_raw_fd(), 2);
        }
    }
}
