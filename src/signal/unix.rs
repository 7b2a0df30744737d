//! Signals as unix has them.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use libc::c_int;

use super::registry::{self, Listener, Registry};
use super::watch::{Home, Watch};
use crate::g::coop::poll_proceed;
use crate::scheduler::context::{self, SchedRef};
use crate::scheduler::netpoll::Netpoll;

const IO_DISABLED: &str =
    "A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the \
                           runtime builder to enable IO.";

/// Which signal to listen for.
///
/// The constructors name the usual ones; [`from_raw`](SignalKind::from_raw) takes any number.
///
/// # Examples
///
/// ```
/// use gmp::signal::unix::SignalKind;
///
/// assert_eq!(SignalKind::interrupt().as_raw_value(), 2);
/// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

impl SignalKind {
    /// The signal with this number. Whether there is such a signal, and whether it can be listened for,
    /// is checked by [`signal`].
    pub const fn from_raw(signum: c_int) -> SignalKind {
        SignalKind(signum)
    }

    /// The signal's number.
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// SIGALRM: a timer set by `alarm` has run out. Its default action ends the process.
    pub const fn alarm() -> SignalKind {
        SignalKind(libc::SIGALRM)
    }

    /// SIGCHLD: a child process has changed its state. Ignored by default.
    pub const fn child() -> SignalKind {
        SignalKind(libc::SIGCHLD)
    }

    /// SIGHUP: the terminal has gone; by custom, "read your configuration again" for daemons. Its
    /// default action ends the process.
    pub const fn hangup() -> SignalKind {
        SignalKind(libc::SIGHUP)
    }

    /// SIGINFO: Ctrl-T at the terminal, "how far are you?". Ignored by default.
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "illumos"
    ))]
    pub const fn info() -> SignalKind {
        SignalKind(libc::SIGINFO)
    }

    /// SIGINT: Ctrl-C at the terminal. Its default action ends the process.
    pub const fn interrupt() -> SignalKind {
        SignalKind(libc::SIGINT)
    }

    /// SIGIO (SIGPOLL on Haiku): I/O is possible on a descriptor that was told to say so. What it does by
    /// default differs between systems.
    pub const fn io() -> SignalKind {
        #[cfg(not(target_os = "haiku"))]
        return SignalKind(libc::SIGIO);
        #[cfg(target_os = "haiku")]
        return SignalKind(libc::SIGPOLL);
    }

    /// SIGPIPE: a write to a pipe that nobody reads. Its default action ends the process; Rust programs
    /// start with it ignored.
    pub const fn pipe() -> SignalKind {
        SignalKind(libc::SIGPIPE)
    }

    /// SIGQUIT: Ctrl-\ at the terminal. Its default action ends the process with a core dump.
    pub const fn quit() -> SignalKind {
        SignalKind(libc::SIGQUIT)
    }

    /// SIGTERM: a polite request to end, what `kill` and service managers send. Its default action ends
    /// the process.
    pub const fn terminate() -> SignalKind {
        SignalKind(libc::SIGTERM)
    }

    /// SIGUSR1: free for the program's own use. Its default action ends the process.
    pub const fn user_defined1() -> SignalKind {
        SignalKind(libc::SIGUSR1)
    }

    /// SIGUSR2: free for the program's own use. Its default action ends the process.
    pub const fn user_defined2() -> SignalKind {
        SignalKind(libc::SIGUSR2)
    }

    /// SIGWINCH: the terminal's window has another size. Ignored by default.
    pub const fn window_change() -> SignalKind {
        SignalKind(libc::SIGWINCH)
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> SignalKind {
        SignalKind::from_raw(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> c_int {
        kind.as_raw_value()
    }
}

/// A listener for one kind of signal, made by [`signal`].
///
/// Every listener sees each delivery that comes after it was made, and one from before if no runtime has
/// noticed it yet; several between two calls of [`recv`](Signal::recv) are one. Dropping it ends the
/// listening, not the handler: the signal's default action does not come back.
///
/// It outlives the runtime that it was made in: polled inside of another one it goes on listening there.
#[must_use = "a listener hears nothing unless polled"]
pub struct Signal {
    listener: Listener,
    watch: Arc<Watch>,
    registry: &'static Registry,
}

/// Starts listening for a kind of signal.
///
/// The first listener of a kind installs a handler that replaces the default action for the life of the
/// process. Handlers that other libraries install through `signal-hook-registry` run beside it.
///
/// # Errors
///
/// - SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV and numbers below 1 are refused; a number above the
///   system's last signal is an error too.
/// - What the system says when it refuses the handler or has no file descriptors left.
/// - After the runtime's shutdown: the error that all I/O answers then.
///
/// # Panics
///
/// Outside of a runtime, and in one without I/O.
///
/// # Examples
///
/// ```no_run
/// use gmp::signal::unix::{signal, SignalKind};
///
/// # fn main() -> std::io::Result<()> {
/// gmp::runtime::Runtime::new()?.block_on(async {
///     let mut hangup = signal(SignalKind::hangup())?;
///     loop {
///         hangup.recv().await;
///         println!("reading the configuration again");
///     }
/// })
/// # }
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let sched = context::current_or_panic();
    if !sched.netpoll().io_enabled() {
        panic!("{IO_DISABLED}");
    }
    Signal::listen(kind, sched)
}

impl Home for SchedRef {
    fn poller(&self) -> &Netpoll {
        self.netpoll()
    }
}

impl Signal {
    pub(super) fn listen(kind: SignalKind, home: impl Home) -> io::Result<Signal> {
        let registry = registry::registry()?;
        let slot = registry.slot(kind.as_raw_value())?;
        let watch = Watch::of(registry, home)?;
        Ok(Signal { listener: slot.listen(), watch, registry })
    }

    /// Waits for the signal.
    ///
    /// Never answers `None`; the `Option` is there because tokio's signature has it.
    ///
    /// Cancel safe: a signal that comes while nobody waits is seen by the next call.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use gmp::signal::unix::{signal, SignalKind};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// gmp::runtime::Runtime::new()?.block_on(async {
    ///     let mut terminate = signal(SignalKind::terminate())?;
    ///     terminate.recv().await;
    ///     println!("asked to end");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Signal::recv) as a poll: `Ready(Some(()))` if the signal was delivered since the last
    /// time, else the waker is woken when it is. Only the last caller's waker is kept.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let unit = ready!(poll_proceed(cx));
        if self.watch.is_closed() {
            self.move_here();
        }
        if self.listener.look_or_wait(cx.waker().clone()) {
            unit.made_progress();
            return Poll::Ready(Some(()));
        }
        Poll::Pending
    }

    /// Step 6 of the module above: the runtime is gone; is there another one here?
    fn move_here(&mut self) {
        let Ok(sched) = context::current() else { return };
        if !sched.netpoll().io_enabled() {
            return;
        }
        // If this fails the next poll tries again.
        if let Ok(watch) = Watch::of(self.registry, sched) {
            self.watch = watch;
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("listener", &self.listener).finish_non_exhaustive()
    }
}
