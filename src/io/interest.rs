//! What one waits for.

use std::fmt;
use std::ops;

use crate::scheduler::netpoll::source;

/// What to wait for on a socket or another source: a set that is never empty.
///
/// Used with the `ready`, `try_io` and `async_io` methods of sockets and with
/// [`AsyncFd`](crate::io::unix::AsyncFd).
///
/// # Examples
///
/// ```
/// use gmp::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
/// assert_eq!(both.remove(both), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

const READABLE: u8 = 1;
const WRITABLE: u8 = 1 << 1;
const ERROR: u8 = 1 << 2;
const PRIORITY: u8 = 1 << 3;

impl Interest {
    /// Something can be read, or the end of the stream was reached.
    pub const READABLE: Interest = Interest(READABLE);

    /// Something can be written, or nothing ever will again.
    pub const WRITABLE: Interest = Interest(WRITABLE);

    /// The source has an error to report. The system tells of errors whether they were asked for or not;
    /// this says that one waits for them.
    pub const ERROR: Interest = Interest(ERROR);

    /// Out-of-band data of a TCP stream and the like (`EPOLLPRI`).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const PRIORITY: Interest = Interest(PRIORITY);

    /// Does the set hold [`READABLE`](Self::READABLE)?
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Does the set hold [`WRITABLE`](Self::WRITABLE)?
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Does the set hold [`ERROR`](Self::ERROR)?
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Does the set hold [`PRIORITY`](Self::PRIORITY)?
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Both sets together. The `|` operator does the same, but not in a `const`.
    #[must_use = "the sum is the answer, the set itself does not change"]
    #[allow(clippy::should_implement_trait)] // const, and tokio's name
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// What is in this set and not in `other`; `None` if that is nothing.
    #[must_use = "the rest is the answer, the set itself does not change"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        let rest = self.0 & !other.0;
        (rest != 0).then_some(Interest(rest))
    }

    /// The readiness bits that end a wait for this set.
    pub(crate) const fn mask(self) -> usize {
        let mut mask = 0;
        if self.0 & READABLE != 0 {
            mask |= source::READABLE | source::READ_CLOSED;
        }
        if self.0 & WRITABLE != 0 {
            mask |= source::WRITABLE | source::WRITE_CLOSED;
        }
        if self.0 & PRIORITY != 0 {
            mask |= source::PRIORITY | source::READ_CLOSED;
        }
        if self.0 & ERROR != 0 {
            mask |= source::ERROR;
        }
        mask
    }

    /// What to ask the system for. It has no word for errors alone (they always come), but wants to be
    /// asked for something: the rarest there is.
    pub(crate) fn to_mio(self) -> mio::Interest {
        let mut interest: Option<mio::Interest> = None;
        let mut add = |one: mio::Interest| {
            interest = Some(interest.map_or(one, |all| all.add(one)));
        };
        if self.is_readable() {
            add(mio::Interest::READABLE);
        }
        if self.is_writable() {
            add(mio::Interest::WRITABLE);
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.is_priority() || self.0 == ERROR {
            add(mio::Interest::PRIORITY);
        }
        interest.unwrap_or(mio::Interest::READABLE)
    }
}

impl ops::BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl ops::BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (READABLE, "READABLE"),
            (WRITABLE, "WRITABLE"),
            (PRIORITY, "PRIORITY"),
            (ERROR, "ERROR"),
        ];
        let mut separator = "";
        for (bit, name) in names {
            if self.0 & bit != 0 {
                write!(f, "{separator}{name}")?;
                separator = " | ";
            }
        }
        Ok(())
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let mut set = Interest::READABLE;
        set |= Interest::ERROR;
        assert_eq!(format!("{set:?}"), "READABLE | ERROR");
        assert!(set.is_error() && !set.is_writable());
        assert_eq!(set.remove(Interest::WRITABLE), Some(set));
        assert_eq!(set.to_mio(), mio::Interest::READABLE);
        assert_eq!(Interest::ERROR.mask(), source::ERROR);
        assert_eq!(
            (Interest::READABLE | Interest::WRITABLE).to_mio(),
            mio::Interest::READABLE | mio::Interest::WRITABLE
        );
    }
}
