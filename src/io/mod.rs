//! Reading, writing and seeking without blocking the thread: traits, adapters and in-memory pipes.
//!
//! # What is where
//!
//! The four traits are the ground. [`AsyncRead`] and [`AsyncWrite`] are what a socket or a pipe
//! implements, [`AsyncBufRead`] adds a look at the reader's own buffer, [`AsyncSeek`] moves the
//! position. They are the poll form: one call, one attempt, and a waker where nothing could be done.
//! [`ReadBuf`] is the buffer that a read fills; it may start out uninitialised.
//!
//! With the feature `io-util` come the `async` forms of it all: [`AsyncReadExt`], [`AsyncWriteExt`],
//! [`AsyncBufReadExt`] and [`AsyncSeekExt`] are implemented for every type that has the matching
//! trait. Beside them are buffers ([`BufReader`], [`BufWriter`], [`BufStream`]), the copy loops
//! ([`copy()`], [`copy_buf()`], [`copy_bidirectional()`]), pipes that live in memory ([`duplex`],
//! [`simplex`]), and ways to take a stream apart and to put one together ([`split()`], [`join()`]).
//!
//! # The protocol of a poll
//!
//! 1. A poll that is `Ready` has done its work; no waker is kept for it.
//! 2. A poll that is `Pending` has done nothing that the caller must know of, and has arranged for
//!    the waker of *this* call to be woken. Only the last waker given counts.
//! 3. `Ready(Err(_))` has moved no byte. An adapter that moved some and then met an error reports the
//!    bytes first and the error at the next call.
//! 4. Therefore a future that makes one successful poll per `await` loses nothing when it is dropped
//!    half way: it is cancel safe. One that needs several is so only where it keeps its progress in
//!    something that outlives it; each method says which it is.
//!
//! None of this needs a runtime: any executor that polls will do. The sources that only a runtime can
//! drive are in `net`.

mod async_buf_read;
mod async_read;
mod async_seek;
mod async_write;
#[cfg(any(feature = "fs", feature = "io-std"))]
pub(crate) mod background;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
mod guess;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
mod interest;
pub(crate) mod read_buf;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
mod ready;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
pub(crate) mod registration;
#[cfg(feature = "io-std")]
mod stdio;
#[cfg(all(unix, any(feature = "net", feature = "process", feature = "signal")))]
pub mod unix;

pub use self::async_buf_read::AsyncBufRead;
pub use self::async_read::AsyncRead;
pub use self::async_seek::AsyncSeek;
pub use self::async_write::AsyncWrite;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
pub use self::interest::Interest;
pub use self::read_buf::ReadBuf;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
pub use self::ready::Ready;
#[cfg(feature = "io-std")]
pub use self::stdio::{stderr, stdin, stdout, Stderr, Stdin, Stdout};

#[cfg(feature = "io-util")]
mod join;
#[cfg(feature = "io-util")]
mod seek;
#[cfg(feature = "io-util")]
mod split;
#[cfg(feature = "io-util")]
pub(crate) mod util;

#[cfg(feature = "io-util")]
pub use self::{
    join::{join, Join},
    split::{split, ReadHalf, WriteHalf},
    util::{
        copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex, empty, repeat,
        simplex, sink, AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader,
        BufStream, BufWriter, Chain, DuplexStream, Empty, Lines, Repeat, SimplexStream, Sink,
        Split, Take,
    },
};

pub use std::io::{Error, ErrorKind, Result, SeekFrom};
