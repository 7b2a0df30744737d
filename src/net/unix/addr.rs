//! Addresses of Unix domain sockets.

use std::fmt;
use std::io;
use std::os::unix::net;
use std::path::Path;

/// The address of a Unix domain socket: a path, an abstract name (Linux), or nothing.
#[derive(Clone)]
pub struct SocketAddr(pub(super) net::SocketAddr);

impl SocketAddr {
    /// Has it no name?
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The abstract name without its leading NUL byte, if it is one. Only Linux has them.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        #[cfg(target_os = "linux")]
        return std::os::linux::net::SocketAddrExt::as_abstract_name(&self.0);
        #[cfg(target_os = "android")]
        return std::os::android::net::SocketAddrExt::as_abstract_name(&self.0);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        None
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<net::SocketAddr> for SocketAddr {
    fn from(addr: net::SocketAddr) -> SocketAddr {
        SocketAddr(addr)
    }
}

impl From<SocketAddr> for net::SocketAddr {
    fn from(addr: SocketAddr) -> net::SocketAddr {
        addr.0
    }
}

/// The address that `path` means: on Linux an abstract name if it begins with a NUL byte.
pub(super) fn named(path: &Path) -> io::Result<net::SocketAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use std::os::unix::ffi::OsStrExt;
        if let Some((0, name)) = path.as_os_str().as_bytes().split_first() {
            #[cfg(target_os = "linux")]
            return <net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(
                name,
            );
            #[cfg(target_os = "android")]
            return <net::SocketAddr as std::os::android::net::SocketAddrExt>::from_abstract_name(
                name,
            );
        }
    }
    net::SocketAddr::from_pathname(path)
}
