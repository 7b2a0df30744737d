//! The halves of a [`TcpStream`](super::TcpStream).
//!
//! [`split`](super::TcpStream::split) borrows the stream and costs nothing;
//! [`into_split`](super::TcpStream::into_split) gives halves that tasks of their own may own, and shuts
//! the writing direction down when its half is dropped.

pub(super) mod listener;
pub(super) mod socket;
mod split;
mod split_owned;
pub(super) mod stream;

pub use self::split::{ReadHalf, WriteHalf};
pub use self::split_owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
