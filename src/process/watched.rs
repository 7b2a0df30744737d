//! A process that has not been reaped, and how one learns of its end. Step 2 of the module above.

use std::io;
use std::process::{Child, ExitStatus};
use std::task::{ready, Context, Poll};

#[cfg(all(target_os = "linux", not(miri)))]
use super::pidfd::PidFd;
use crate::g::coop::poll_proceed;
#[cfg(all(target_os = "linux", not(miri)))]
use crate::io::{registration::Registered, Interest};
#[cfg(all(target_os = "linux", not(miri)))]
use crate::scheduler::context;
#[cfg(all(target_os = "linux", not(miri)))]
use crate::scheduler::netpoll::{self, Direction};
use crate::signal::unix::{signal, Signal, SignalKind};

/// See the module's text. Dropping it neither kills nor reaps.
#[derive(Debug)]
pub(super) struct Watched {
    child: Child,
    by: By,
}

#[derive(Debug)]
enum By {
    #[cfg(all(target_os = "linux", not(miri)))]
    PidFd(Registered<PidFd>),
    Sigchld(Signal),
}

/// Watches a child that nobody has reaped, if there is a runtime here that does I/O and is not at its end.
#[cfg(all(target_os = "linux", not(miri)))]
fn watch_here(pid: u32) -> Option<Registered<PidFd>> {
    if !context::current().is_ok_and(|sched| sched.netpoll().io_enabled()) {
        return None;
    }
    Registered::with_interest(PidFd::open(pid).ok()?, Interest::READABLE).ok()
}

impl Watched {
    /// Watches it in the current runtime.
    ///
    /// # Errors
    ///
    /// If neither way of watching can be had. The child comes back.
    #[track_caller]
    pub(super) fn new(child: Child) -> Result<Watched, (Child, io::Error)> {
        #[cfg(all(target_os = "linux", not(miri)))]
        {
            if let Some(fd) = watch_here(child.id()) {
                return Ok(Watched { child, by: By::PidFd(fd) });
            }
        }
        Watched::by_signal(child)
    }

    /// The way that every unix has.
    #[track_caller]
    pub(super) fn by_signal(child: Child) -> Result<Watched, (Child, io::Error)> {
        match signal(SignalKind::child()) {
            Ok(signal) => Ok(Watched { child, by: By::Sigchld(signal) }),
            Err(error) => Err((child, error)),
        }
    }

    /// Waits for the end and takes the status. Only the last caller's waker is kept.
    pub(super) fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let child = &mut self.child;
        match &mut self.by {
            #[cfg(all(target_os = "linux", not(miri)))]
            By::PidFd(fd) => loop {
                let exited = ready!(fd.registration().poll_io(cx, Direction::Read, || {
                    child.try_wait()?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
                }));
                return Poll::Ready(match exited {
                    // The poller is gone; the child may be, too. If not, it is watched by the runtime that
                    // we are in now, if that is another one.
                    Err(error) if netpoll::is_shutdown_error(&error) => match child.try_wait()? {
                        Some(status) => Ok(status),
                        None => match watch_here(child.id()) {
                            Some(here) => {
                                *fd = here;
                                continue;
                            }
                            None => Err(error),
                        },
                    },
                    exited => exited,
                });
            },
            By::Sigchld(signal) => {
                let unit = ready!(poll_proceed(cx));
                loop {
                    // First arm, then look: an end in between is heard.
                    let armed = signal.poll_recv(cx).is_pending();
                    if let Some(status) = child.try_wait()? {
                        unit.made_progress();
                        return Poll::Ready(Ok(status));
                    }
                    if armed {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops watching.
    pub(super) fn into_child(self) -> Child {
        self.child
    }
}
