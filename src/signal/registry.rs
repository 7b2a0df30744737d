//! What the process shares: the pipe, and for each signal its flag, its version and its listeners.
//!
//! Step numbers are those of the module above.
#![allow(unsafe_code)] // installing a handler

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use libc::c_int;
use slab::Slab;

use super::watch::Watch;
use crate::primitives::foreign;
use crate::primitives::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::primitives::sync::{broken, Mutex};

/// Signals that no handler may be installed for: the system refuses two, and from the others there is
/// no sound way back into the program.
const REFUSED: [c_int; 5] =
    [libc::SIGKILL, libc::SIGSTOP, libc::SIGILL, libc::SIGFPE, libc::SIGSEGV];

/// The highest signal number of this system.
fn last_signal() -> c_int {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return libc::SIGRTMAX();
    // The BSDs number up to 128 with their real-time signals; macOS up to 31.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return 128;
}

/// There is one, made by the first listener and never dropped.
pub(super) struct Registry {
    sender: UnixStream,
    receiver: UnixStream,
    /// By signal number.
    slots: Box<[Slot]>,
    /// The runtimes that watch the pipe.
    pub(super) watches: Mutex<Vec<Arc<Watch>>>,
}

/// One signal.
#[derive(Default)]
pub(super) struct Slot {
    /// Set by the handler, taken by step 3.
    pending: AtomicBool,
    /// Step 1 is done.
    installed: Mutex<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many times the flag was taken.
    version: u64,
    /// One entry for each listener; its waker while it waits.
    listeners: Slab<Option<Waker>>,
}

/// The process's registry.
///
/// # Errors
///
/// If the pipe cannot be made. The next call tries again.
pub(super) fn registry() -> io::Result<&'static Registry> {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    static MAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    if let Some(registry) = REGISTRY.get() {
        return Ok(registry);
    }
    let _alone = MAKING.lock();
    if let Some(registry) = REGISTRY.get() {
        return Ok(registry);
    }
    let made = Registry::new()?;
    Ok(REGISTRY.get_or_init(|| made))
}

impl Registry {
    fn new() -> io::Result<Registry> {
        let (sender, receiver) = UnixStream::pair()?;
        sender.set_nonblocking(true)?;
        receiver.set_nonblocking(true)?;
        let slots = (0..=last_signal()).map(|_| Slot::default()).collect();
        Ok(Registry { sender, receiver, slots, watches: Mutex::new(Vec::new()) })
    }

    /// The pipe's read end, for pollers.
    pub(super) fn fd(&self) -> RawFd {
        self.receiver.as_raw_fd()
    }

    /// The slot of a signal, with its handler installed (step 1).
    pub(super) fn slot(&'static self, signal: c_int) -> io::Result<&'static Slot> {
        if signal <= 0 || REFUSED.contains(&signal) {
            return Err(io::Error::other(format!("Refusing to register signal {signal}")));
        }
        let Some(slot) = usize::try_from(signal).ok().and_then(|index| self.slots.get(index))
        else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no signal {signal}: the numbers are 1 to {}", last_signal()),
            ));
        };
        let mut installed = slot.installed.lock();
        if !*installed {
            let handler = move || {
                leave_trace(&slot.pending, || {
                    // A full pipe will be emptied, and all flags looked at. There is no other error.
                    let _ = (&self.sender).write(&[0]);
                });
            };
            // SAFETY: the handler does what a signal handler may: one atomic store and one `write` to an
            // fd that stays open for the life of the process. It neither allocates, locks nor panics,
            // and the registry restores errno after it.
            unsafe { signal_hook_registry::register(signal, handler) }?;
            *installed = true;
        }
        drop(installed);
        Ok(slot)
    }

    /// Step 3: empties the pipe, and hands out who waits for what was delivered.
    pub(super) fn collect(&self, wakers: &mut Vec<Waker>) {
        collect_traces(
            || self.empty_pipe(),
            || self.slots.iter().for_each(|slot| slot.take_flag(wakers)),
        );
    }

    fn empty_pipe(&self) {
        let mut bytes = [0; 128];
        loop {
            match (&self.receiver).read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Empty. (Any other answer would mean that somebody closed an fd that is not his.)
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// The order of step 2: first the flag, then the byte.
pub(super) fn leave_trace(pending: &AtomicBool, write_byte: impl FnOnce()) {
    if broken("signal_byte_before_flag") {
        write_byte();
        pending.swap(true, SeqCst);
        return;
    }
    // SeqCst, here and where the flag is taken: what lies between the two is a pipe of the kernel's. A swap
    // and not a store, because the models' checker orders a store loosely against another's swap.
    pending.swap(true, SeqCst);
    write_byte();
}

/// The order of step 3: first the pipe, then the flags.
pub(super) fn collect_traces(empty_pipe: impl FnOnce(), take_flags: impl FnOnce()) {
    if broken("signal_flags_before_pipe") {
        take_flags();
        return empty_pipe();
    }
    empty_pipe();
    take_flags();
}

impl Slot {
    /// If the signal was delivered: counts it, and hands out the wakers of its listeners.
    fn take_flag(&self, wakers: &mut Vec<Waker>) {
        if self.pending.load(SeqCst) {
            self.count_delivery(&mut self.state.lock(), wakers);
        }
    }

    /// Under the lock, so that whoever sees the flag gone sees the version that it became.
    fn count_delivery(&self, state: &mut State, wakers: &mut Vec<Waker>) {
        if self.pending.swap(false, SeqCst) {
            state.version += 1;
            wakers.extend(state.listeners.iter_mut().filter_map(|(_, waker)| waker.take()));
        }
    }

    /// Step 5: one more listener, which has seen everything that was counted up to now.
    pub(super) fn listen(&'static self) -> Listener {
        let mut state = self.state.lock();
        Listener { slot: self, key: state.listeners.insert(None), seen: state.version }
    }
}

/// Wakes all of them. A waker that panics hurts nobody else: the listeners are those of the whole process,
/// and whoever wakes them (another runtime's poller, somebody who begins to listen) is not to blame. The
/// panic hook has reported it.
pub(super) fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        foreign::call(|| waker.wake());
    }
}

/// A place among the listeners of one signal.
pub(super) struct Listener {
    slot: &'static Slot,
    key: usize,
    seen: u64,
}

impl Listener {
    /// Step 4: was the signal delivered since the last look? If not, the waker waits for it, in the place
    /// of an older one.
    pub(super) fn look_or_wait(&mut self, waker: Waker) -> bool {
        let mut state = self.slot.state.lock();
        let delivered = state.version != self.seen;
        self.seen = state.version;
        let kept = if delivered { None } else { Some(waker) };
        let old = std::mem::replace(&mut state.listeners[self.key], kept);
        drop(state);
        drop(old); // foreign code, outside of the lock
        delivered
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.slot.state.lock();
        let waker = state.listeners.remove(self.key);
        drop(state);
        drop(waker);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("seen", &self.seen).finish_non_exhaustive()
    }
}
