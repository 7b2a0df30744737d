//! What another thread of this process is doing: how much CPU it has used, and whether it waits.
//!
//! A thread writes down its [`ThreadId`]; anyone may ask about it later, also after it has ended: then
//! there is no answer. Linux: the thread's CPU clock (`pthread_getcpuclockid`), one system call a look, and
//! its state in `/proc/self/task/<tid>/stat`, a few microseconds. Elsewhere, and in the models, there is
//! never an answer, and whoever asks has to do without.

#![allow(unsafe_code)]

use std::time::Duration;

/// A thread, as a number that fits an atomic. 0: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadId(pub(crate) u64);

#[cfg(all(target_os = "linux", not(all(test, gmp_loom))))]
mod imp {
    use super::{Duration, ThreadId};

    pub(super) fn current() -> ThreadId {
        let mut clock: libc::clockid_t = 0;
        // SAFETY: our own thread is alive, and `clock` is writable.
        let error = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut clock) };
        // SAFETY: takes nothing, answers our thread's number.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) };
        if error != 0 || tid <= 0 {
            return ThreadId(0);
        }
        ThreadId((u64::from(clock as u32) << 32) | tid as u64)
    }

    pub(super) fn cpu_time(thread: ThreadId) -> Option<Duration> {
        if thread.0 == 0 {
            return None;
        }
        let clock = (thread.0 >> 32) as u32 as libc::clockid_t;
        let mut at = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `at` is writable; the clock of a thread that has ended is refused with an error.
        if unsafe { libc::clock_gettime(clock, &mut at) } != 0 {
            return None;
        }
        Some(Duration::new(at.tv_sec as u64, at.tv_nsec as u32))
    }

    pub(super) fn waits(thread: ThreadId) -> Option<bool> {
        let tid = thread.0 as u32;
        let stat = std::fs::read(format!("/proc/self/task/{tid}/stat")).ok()?;
        // "tid (name) S ...", and the name may hold anything.
        let end = stat.iter().rposition(|&byte| byte == b')')?;
        Some(*stat.get(end + 2)? != b'R')
    }
}

#[cfg(not(all(target_os = "linux", not(all(test, gmp_loom)))))]
mod imp {
    use super::{Duration, ThreadId};

    pub(super) fn current() -> ThreadId {
        ThreadId(0)
    }

    pub(super) fn cpu_time(_: ThreadId) -> Option<Duration> {
        None
    }

    pub(super) fn waits(_: ThreadId) -> Option<bool> {
        None
    }
}

impl ThreadId {
    /// This thread.
    pub(crate) fn current() -> ThreadId {
        imp::current()
    }

    /// CPU time that the thread has used since it began.
    pub(crate) fn cpu_time(self) -> Option<Duration> {
        imp::cpu_time(self)
    }

    /// Does it wait for something else than a CPU? (A thread that is merely not scheduled does not.)
    pub(crate) fn waits(self) -> Option<bool> {
        imp::waits(self)
    }
}

#[cfg(all(test, target_os = "linux", not(gmp_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::sync::mpsc;
    use std::sync::Arc;

    #[test]
    fn a_thread_that_sleeps_waits_and_one_that_computes_does_not() {
        let (tell, told) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let sleeper = std::thread::spawn({
            let tell = tell.clone();
            move || {
                tell.send(ThreadId::current()).unwrap();
                let _ended = wait.recv();
            }
        });
        let id = told.recv().unwrap();
        while id.waits() != Some(true) {
            std::thread::yield_now();
        }
        let before = id.cpu_time().unwrap();
        assert_eq!(id.cpu_time().unwrap(), before, "its clock stands still");

        let stop = Arc::new(AtomicBool::new(false));
        let computing = std::thread::spawn({
            let stop = stop.clone();
            move || {
                tell.send(ThreadId::current()).unwrap();
                while !stop.load(SeqCst) {
                    std::hint::spin_loop();
                }
            }
        });
        let busy = told.recv().unwrap();
        let start = busy.cpu_time().unwrap();
        while busy.cpu_time().unwrap() < start + Duration::from_millis(2) {
            assert_eq!(busy.waits(), Some(false));
        }
        stop.store(true, SeqCst);
        computing.join().unwrap();
        drop(release);
        sleeper.join().unwrap();
        // Nobody to ask any more. (The kernel takes a moment to forget a thread that was joined.)
        while id.cpu_time().is_some() {
            std::thread::yield_now();
        }
        assert_eq!(ThreadId(0).cpu_time(), None);
    }
}
