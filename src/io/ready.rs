//! What the system said is ready.

use std::fmt;
use std::ops;

use crate::scheduler::netpoll::source;

/// What a source is ready for, as far as the system has said. A hint: the operation may still find
/// nothing to do.
///
/// # Examples
///
/// ```
/// use gmp::io::Ready;
///
/// let ready = Ready::READABLE | Ready::WRITE_CLOSED;
/// assert!(ready.is_readable());
/// assert!(ready.is_writable(), "a write would fail at once, that is: not wait");
/// assert_eq!(ready - Ready::READABLE, Ready::WRITE_CLOSED);
/// assert!((ready & Ready::READ_CLOSED).is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(usize);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);

    /// Something can be read.
    pub const READABLE: Ready = Ready(source::READABLE);

    /// Something can be written.
    pub const WRITABLE: Ready = Ready(source::WRITABLE);

    /// Nothing more will come: the peer has shut its writing side down, or both are closed.
    pub const READ_CLOSED: Ready = Ready(source::READ_CLOSED);

    /// Nothing more can be written.
    pub const WRITE_CLOSED: Ready = Ready(source::WRITE_CLOSED);

    /// Out-of-band data is there.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const PRIORITY: Ready = Ready(source::PRIORITY);

    /// An error is there to be taken.
    pub const ERROR: Ready = Ready(source::ERROR);

    /// All of the above.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const ALL: Ready = Ready(
        source::READABLE
            | source::WRITABLE
            | source::READ_CLOSED
            | source::WRITE_CLOSED
            | source::PRIORITY
            | source::ERROR,
    );

    /// All of the above.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub const ALL: Ready = Ready(
        source::READABLE
            | source::WRITABLE
            | source::READ_CLOSED
            | source::WRITE_CLOSED
            | source::ERROR,
    );

    /// Is nothing ready?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Will a read not wait? Also true when the reading side is closed.
    pub fn is_readable(self) -> bool {
        self.0 & (source::READABLE | source::READ_CLOSED) != 0
    }

    /// Will a write not wait? Also true when the writing side is closed.
    pub fn is_writable(self) -> bool {
        self.0 & (source::WRITABLE | source::WRITE_CLOSED) != 0
    }

    /// Is the reading side closed?
    pub fn is_read_closed(self) -> bool {
        self.0 & source::READ_CLOSED != 0
    }

    /// Is the writing side closed?
    pub fn is_write_closed(self) -> bool {
        self.0 & source::WRITE_CLOSED != 0
    }

    /// Is out-of-band data there?
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn is_priority(self) -> bool {
        self.0 & source::PRIORITY != 0
    }

    /// Is an error there?
    pub fn is_error(self) -> bool {
        self.0 & source::ERROR != 0
    }

    /// From the poller's bits.
    pub(crate) const fn from_bits(bits: usize) -> Ready {
        Ready(bits & Ready::ALL.0)
    }

    /// The poller's bits.
    pub(crate) const fn bits(self) -> usize {
        self.0
    }
}

impl ops::BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl ops::BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl ops::BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl ops::Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Ready");
        f.field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .field("is_error", &self.is_error());
        #[cfg(any(target_os = "linux", target_os = "android"))]
        f.field("is_priority", &self.is_priority());
        f.finish()
    }
}
