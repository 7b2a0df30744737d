//! [`Child`].

use std::future::{poll_fn, Future};
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Output};
use std::task::{ready, Context, Poll};

use super::orphan;
use super::stdio::{ChildStderr, ChildStdin, ChildStdout};
use super::watched::Watched;
use crate::io::{AsyncRead, ReadBuf};

/// How much of a child's output is read at a time.
const CHUNK: usize = 16 * 1024;

/// A child process, from [`Command::spawn`](super::Command::spawn).
///
/// Dropping it neither ends nor waits for the process, unless
/// [`kill_on_drop`](super::Command::kill_on_drop) was set. Its status is taken in the background when it
/// ends, as long as there is a runtime; best effort. Await [`wait`](Child::wait) to be sure that no zombie
/// stays.
///
/// The streams can be taken out: `child.stdout.take()`.
#[derive(Debug)]
pub struct Child {
    process: Process,
    /// The standard input, if it is piped.
    pub stdin: Option<ChildStdin>,
    /// The standard output, if it is piped.
    pub stdout: Option<ChildStdout>,
    /// The standard error stream, if it is piped.
    pub stderr: Option<ChildStderr>,
}

/// The process itself. A type of its own because of its drop: the streams can be moved out of a [`Child`].
#[derive(Debug)]
struct Process {
    state: State,
    kill_on_drop: bool,
}

#[derive(Debug)]
enum State {
    Running(Watched),
    Exited(ExitStatus),
    /// Only during the drop.
    Gone,
}

impl Process {
    /// What the system has answered.
    fn exited(&mut self, status: ExitStatus) {
        self.state = State::Exited(status);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let State::Running(mut watched) = std::mem::replace(&mut self.state, State::Gone) else {
            return;
        };
        if self.kill_on_drop {
            // It may be gone already, or have become somebody we may not kill. Nobody to tell.
            let _ = watched.kill();
        }
        // An error: somebody else has taken the status.
        if let Ok(None) = watched.try_wait() {
            orphan::adopt(watched);
        }
    }
}

impl Child {
    pub(super) fn new(
        watched: Watched,
        kill_on_drop: bool,
        stdin: Option<ChildStdin>,
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
    ) -> Child {
        let process = Process { state: State::Running(watched), kill_on_drop };
        Child { process, stdin, stdout, stderr }
    }

    /// The process's id. `None` once its status was taken through this handle: then the number may be
    /// another one's.
    pub fn id(&self) -> Option<u32> {
        match &self.process.state {
            State::Running(watched) => Some(watched.id()),
            State::Exited(_) | State::Gone => None,
        }
    }

    /// Kills the process (SIGKILL), without waiting for its end. Fine if its status was taken already.
    ///
    /// # Errors
    ///
    /// Of the system: it may have become somebody whom we may not kill.
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.process.state {
            State::Running(watched) => watched.kill(),
            State::Exited(_) | State::Gone => Ok(()),
        }
    }

    /// Kills the process and waits for its end, so that no zombie stays.
    ///
    /// # Errors
    ///
    /// See [`start_kill`](Self::start_kill) and [`wait`](Self::wait).
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Waits for the end of the process, and answers how it ended. Asked again, it answers the same.
    ///
    /// Its input is closed first, if nobody took it: otherwise parent and child could wait for each other.
    /// Its output is not read: a child that writes more than a pipe holds waits for somebody who reads.
    ///
    /// # Errors
    ///
    /// Of the system: somebody else has taken the status (a signal handler, or SIGCHLD is ignored). After
    /// the runtime's shutdown, if the process goes on.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, but the input is closed.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        poll_fn(|cx| self.poll_exit(cx)).await
    }

    fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let status = match &mut self.process.state {
            State::Running(watched) => ready!(watched.poll_exit(cx))?,
            State::Exited(status) => return Poll::Ready(Ok(*status)),
            State::Gone => unreachable!("Child: polled in its drop"),
        };
        self.process.exited(status);
        Poll::Ready(Ok(status))
    }

    /// How the process ended; `None` if it has not. The input stays open.
    ///
    /// # Errors
    ///
    /// Of the system, see [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match &mut self.process.state {
            State::Running(watched) => match watched.try_wait()? {
                Some(status) => status,
                None => return Ok(None),
            },
            State::Exited(status) => *status,
            State::Gone => unreachable!("Child: asked in its drop"),
        };
        self.process.exited(status);
        Ok(Some(status))
    }

    /// Closes the input, reads both outputs to their ends and waits for the process, all at once.
    ///
    /// An output ends when *nobody* can write to it any more: a grandchild that inherited it counts. What is
    /// not piped answers no bytes.
    ///
    /// # Errors
    ///
    /// The first of reading and waiting.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was read is lost, and the child is dropped.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let mut stdout = ReadAll::new(self.stdout.take());
        let mut stderr = ReadAll::new(self.stderr.take());
        let mut status = None;
        poll_fn(|cx| {
            if status.is_none() {
                if let Poll::Ready(exited) = self.poll_exit(cx)? {
                    status = Some(exited);
                }
            }
            let out = Pin::new(&mut stdout).poll(cx)?;
            let err = Pin::new(&mut stderr).poll(cx)?;
            match (status, out, err) {
                (Some(status), Poll::Ready(()), Poll::Ready(())) => Poll::Ready(Ok(Output {
                    status,
                    stdout: std::mem::take(&mut stdout.bytes),
                    stderr: std::mem::take(&mut stderr.bytes),
                })),
                _ => Poll::Pending,
            }
        })
        .await
    }
}

/// Reads to the end. Polled again after that, it is ready again.
struct ReadAll<R> {
    /// `None` at the end.
    reader: Option<R>,
    bytes: Vec<u8>,
    chunk: Vec<u8>,
}

impl<R> ReadAll<R> {
    fn new(reader: Option<R>) -> ReadAll<R> {
        let chunk = if reader.is_some() { vec![0; CHUNK] } else { Vec::new() };
        ReadAll { reader, bytes: Vec::new(), chunk }
    }
}

impl<R: AsyncRead + Unpin> Future for ReadAll<R> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while let Some(reader) = &mut this.reader {
            let mut buf = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(reader).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                this.reader = None;
            }
            this.bytes.extend_from_slice(buf.filled());
        }
        Poll::Ready(Ok(()))
    }
}
