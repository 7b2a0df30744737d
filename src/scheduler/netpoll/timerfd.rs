//! A time-out finer than `epoll_wait`'s millisecond: a timerfd among the sources of the poller.
//!
//! The file is never read. Setting it anew resets its count, and each expiry is an edge of its own.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The armed deadline may lie this much before the one asked for and still serve: the poller returns a
/// little early, its caller looks at the clock and comes back. A guess at the time from computing a
/// time-out to sleeping, so that the same deadline asked for twice needs one system call.
const EARLY_NS: u64 = 5_000;
/// ... or this much after it: far below what a thread needs to wake up.
const LATE_NS: u64 = 1_000;

/// A timer on the monotonic clock.
#[derive(Debug)]
pub(super) struct TimerFd {
    fd: OwnedFd,
    /// The deadline that the kernel has, in ns of the monotonic clock; `None`: not armed.
    armed: Option<u64>,
}

impl TimerFd {
    pub(super) fn new() -> io::Result<TimerFd> {
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: the call takes two numbers and gives an fd or -1.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just made by the kernel for us, owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(TimerFd { fd, armed: None })
    }

    pub(super) fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Fires once, `timeout` from now. Makes a system call only if the deadline changed.
    pub(super) fn arm(&mut self, timeout: Duration) -> io::Result<()> {
        let timeout = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let at = now().saturating_add(timeout).max(1);
        if let Some(armed) = self.armed {
            if armed >= at.saturating_sub(EARLY_NS) && armed <= at.saturating_add(LATE_NS) {
                return Ok(());
            }
        }
        self.set(at)?;
        self.armed = Some(at);
        Ok(())
    }

    /// Fires no more.
    pub(super) fn disarm(&mut self) -> io::Result<()> {
        if self.armed.take().is_some() {
            self.set(0)?;
        }
        Ok(())
    }

    /// The poller saw its event.
    pub(super) fn fired(&mut self) {
        self.armed = None;
    }

    fn set(&self, at: u64) -> io::Result<()> {
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value = libc::timespec {
            tv_sec: libc::time_t::try_from(at / 1_000_000_000).unwrap_or(libc::time_t::MAX),
            tv_nsec: (at % 1_000_000_000) as libc::c_long,
        };
        let spec = libc::itimerspec { it_interval: zero, it_value: value };
        // SAFETY: `fd` is our own timerfd, `spec` is alive during the call, the old value is not asked for.
        let done = unsafe {
            libc::timerfd_settime(
                self.raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &spec,
                std::ptr::null_mut(),
            )
        };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

/// The monotonic clock in ns.
fn now() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `ts`, which is alive.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    debug_assert_eq!(done, 0, "the monotonic clock always exists");
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}
