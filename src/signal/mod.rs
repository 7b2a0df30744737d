//! Signals of the operating system as something to await.
//!
//! [`ctrl_c`] waits for the interrupt that a terminal sends; [`unix::signal`] listens for any signal.
//! On systems other than unix this module is empty so far.
//!
//! # The protocol
//!
//! A signal handler may do next to nothing: no lock, no allocation, no waker. So it only leaves a trace,
//! and the rest happens on an ordinary thread.
//!
//! 1. The first [`unix::signal`] of a kind installs a handler for it, for good: a program that once asked
//!    for SIGTERM does not want its default action back when a listener happens to be dropped. The handler
//!    is chained by `signal-hook-registry`, so other libraries' handlers go on working.
//! 2. The handler sets the `pending` flag of its signal and then writes one byte into a pipe, which belongs
//!    to the process and never blocks. A full pipe is no loss: whoever empties it looks at all flags.
//! 3. Each runtime in which somebody listens has registered the pipe's read end with its poller, once
//!    (`watch.rs`). When the poller reports it readable it wakes the waker that waits there, and that waker
//!    *is* the rest of the protocol: it empties the pipe, then takes each flag that is set, counts up that
//!    signal's version and collects the wakers of its listeners, arms itself again, and wakes them.
//! 4. A listener remembers the version that it has seen. A greater one means: delivered at least once since.
//!    Deliveries between two looks are one.
//! 5. A new listener has seen the version that it finds. What was delivered before and is still on its way
//!    (the flag is set, step 3 has not come to it) it sees: so whoever drops a listener and makes another
//!    one does not miss a signal that comes in between, as long as no poller was faster.
//! 6. When a runtime shuts down its poller wakes that waker once more; it finds the poller closed and
//!    leaves. A listener whose runtime is gone watches through the runtime that polls it, if there is one.
//!
//! Why no signal is lost: flags are taken after the pipe was emptied (3), and set before the byte is
//! written (2). A flag that is set too late to be taken is therefore followed by a byte that is still in
//! the pipe, and every watching poller reports it. Which runtime empties the pipe does not matter: the
//! listeners are those of the whole process.

#[cfg(all(test, unix, gmp_loom))]
mod models;
#[cfg(unix)]
mod registry;
#[cfg(unix)]
pub mod unix;
#[cfg(unix)]
mod watch;

#[cfg(all(test, unix, not(gmp_loom)))]
mod tests;

/// Completes when the process gets the interrupt that Ctrl-C sends (SIGINT).
///
/// The first poll installs a handler for SIGINT that stays for the life of the process: from then on
/// Ctrl-C does not end the program by itself, also when nobody waits for it any more. An interrupt
/// that came before the first poll is seen only if no runtime has noticed it yet. For more than one, keep a
/// listener: [`unix::signal`]`(`[`SignalKind::interrupt`](unix::SignalKind::interrupt)`())`.
///
/// Cancel safe, but an interrupt that comes between two calls is missed.
///
/// # Errors
///
/// When the handler cannot be installed or the process has no file descriptors left.
///
/// # Panics
///
/// When polled outside of a runtime, or in one without I/O.
///
/// # Examples
///
/// ```no_run
/// # async fn serve() {}
/// # fn main() -> std::io::Result<()> {
/// gmp::runtime::Runtime::new()?.block_on(async {
///     let server = gmp::spawn(serve());
///     gmp::signal::ctrl_c().await?;
///     println!("stopping");
///     server.abort();
///     Ok(())
/// })
/// # }
/// ```
#[cfg(unix)]
pub async fn ctrl_c() -> std::io::Result<()> {
    unix::signal(unix::SignalKind::interrupt())?.recv().await;
    Ok(())
}
