//! Who is at the other end.
//!
//! The kernel remembers the credentials of the process that connected (or listened) at that time; it
//! fills a structure of fixed size.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsRawFd;

use super::{gid_t, pid_t, uid_t};
use crate::net::UnixStream;

/// The credentials of a process, see [`UnixStream::peer_cred`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UCred {
    pid: Option<pid_t>,
    uid: uid_t,
    gid: gid_t,
}

impl UCred {
    /// Its effective user.
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// Its effective group.
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// Its number; `None` where the system does not tell.
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}

/// Reads a socket option of fixed size.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "openbsd"
))]
fn option<T>(
    stream: &UnixStream,
    level: libc::c_int,
    name: libc::c_int,
    mut value: T,
) -> io::Result<T> {
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the fd is open as long as the stream; the kernel writes at most `len` bytes to `value`,
    // which is that large, and the callers' types are plain integers.
    let done = unsafe {
        libc::getsockopt(stream.as_raw_fd(), level, name, (&raw mut value).cast(), &mut len)
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    if len as usize != size_of::<T>() {
        return Err(io::Error::other("the system's credentials have another size"));
    }
    Ok(value)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn peer_cred(stream: &UnixStream) -> io::Result<UCred> {
    let none = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let cred = option(stream, libc::SOL_SOCKET, libc::SO_PEERCRED, none)?;
    Ok(UCred { pid: Some(cred.pid), uid: cred.uid, gid: cred.gid })
}

#[cfg(target_os = "openbsd")]
pub(super) fn peer_cred(stream: &UnixStream) -> io::Result<UCred> {
    let none = libc::sockpeercred { pid: 0, uid: 0, gid: 0 };
    let cred = option(stream, libc::SOL_SOCKET, libc::SO_PEERCRED, none)?;
    Ok(UCred { pid: Some(cred.pid), uid: cred.uid, gid: cred.gid })
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "openbsd")))]
pub(super) fn peer_cred(stream: &UnixStream) -> io::Result<UCred> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: the fd is open as long as the stream; both numbers are ours to write.
    let done = unsafe { libc::getpeereid(stream.as_raw_fd(), &mut uid, &mut gid) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    let pid = Some(option(stream, libc::SOL_LOCAL, libc::LOCAL_PEERPID, 0 as pid_t)?);
    #[cfg(not(any(target_os = "macos", target_os = "ios")))]
    let pid = None;
    Ok(UCred { pid, uid, gid })
}
