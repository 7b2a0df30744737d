//! What belongs to Unix domain sockets: the halves of a [`UnixStream`](super::UnixStream), addresses,
//! credentials; and [`pipe`]s.

mod addr;
#[doc(hidden)]
pub mod datagram;
pub(super) mod listener;
pub mod pipe;
pub(super) mod socket;
mod split;
mod split_owned;
pub(super) mod stream;
mod ucred;

pub use self::addr::SocketAddr;
pub use self::split::{ReadHalf, WriteHalf};
pub use self::split_owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use self::ucred::UCred;

/// A user's number.
#[allow(non_camel_case_types)]
pub type uid_t = u32;

/// A group's number.
#[allow(non_camel_case_types)]
pub type gid_t = u32;

/// A process's number.
#[allow(non_camel_case_types)]
pub type pid_t = i32;
