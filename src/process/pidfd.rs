//! Linux's descriptor of a process.
#![allow(unsafe_code)] // a system call that libc has no function for

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

/// Readable once the process has exited, and from then on.
#[derive(Debug)]
pub(super) struct PidFd(OwnedFd);

impl PidFd {
    /// Of a child that nobody has reaped: so the number is still its own.
    ///
    /// # Errors
    ///
    /// ENOSYS before Linux 5.3, EPERM in some sandboxes, EMFILE and ENFILE.
    pub(super) fn open(pid: u32) -> io::Result<PidFd> {
        let Ok(pid) = libc::pid_t::try_from(pid) else {
            let text = format!("{pid} is no process id: the greatest is {}", libc::pid_t::MAX);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        // SAFETY: the call takes two numbers, and reads and writes no memory of ours.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        match i32::try_from(fd) {
            // SAFETY: the system has just opened it for us, close-on-exec, and nobody else knows it.
            Ok(fd) if fd >= 0 => Ok(PidFd(unsafe { OwnedFd::from_raw_fd(fd) })),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Source for PidFd {
    fn register(&mut self, registry: &Registry, token: Token, what: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(registry, token, what)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, what: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, what)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}
