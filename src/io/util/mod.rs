//! The `async` side of io: extension methods, adapters, copy loops and in-memory pipes.
//!
//! # How the futures are built
//!
//! 1. A method borrows the stream and answers a small struct: the borrow, the progress, and a marker
//!    that makes it `!Unpin`, so that a later version may borrow from itself.
//! 2. Its poll calls the stream's poll until it has what it wants or gets `Pending`. Progress is
//!    recorded in the struct *before* the next call, never on the stack across one.
//! 3. What several futures do (reading up to a byte, reading to the end) is a free function over the
//!    parts of such a struct.
//!
//! # A call that was interrupted
//!
//! What moves bytes until it is done asks again after `ErrorKind::Interrupted`, as std does (the macro
//! `uninterrupted`). What makes one call (`read`, `write`, `flush`, `fill_buf`) hands it on.
//!
//! # Who spends the poll budget
//!
//! Sockets do so themselves. What is always ready ([`Empty`], [`Repeat`], [`Sink`]), the pipes in
//! memory and the copy loops do it here, because a loop over them would otherwise never give way.
//! Adapters leave it to what is below them.

/// The answer of a poll, which is asked for again after an interruption.
macro_rules! uninterrupted {
    ($poll:expr) => {
        loop {
            match $poll {
                std::task::Poll::Ready(Err(error))
                    if error.kind() == std::io::ErrorKind::Interrupted => {}
                answer => break answer,
            }
        }
    };
}

mod async_buf_read_ext;
mod async_read_ext;
mod async_seek_ext;
mod async_write_ext;

mod numbers;
mod read;
mod read_to_end;
mod read_until;
mod text;
mod write;

mod chain;
mod lines;
mod split;
mod take;

mod buf_reader;
mod buf_stream;
mod buf_writer;

mod copy;
mod copy_bidirectional;
mod copy_buf;

mod empty;
mod mem;
mod repeat;
mod sink;

#[cfg(any(all(test, not(gmp_loom)), gmp_fuzz))]
pub(crate) mod tests;

pub use self::async_buf_read_ext::AsyncBufReadExt;
pub use self::async_read_ext::AsyncReadExt;
pub use self::async_seek_ext::AsyncSeekExt;
pub use self::async_write_ext::AsyncWriteExt;
pub use self::buf_reader::BufReader;
pub use self::buf_stream::BufStream;
pub use self::buf_writer::BufWriter;
pub use self::chain::Chain;
pub use self::copy::copy;
pub use self::copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use self::copy_buf::copy_buf;
pub use self::empty::{empty, Empty};
pub use self::lines::Lines;
pub use self::mem::{duplex, simplex, DuplexStream, SimplexStream};
pub use self::repeat::{repeat, Repeat};
pub use self::sink::{sink, Sink};
pub use self::split::Split;
pub use self::take::Take;

use crate::g::coop;
use std::task::{ready, Context, Poll};

/// The size of a buffer where the caller names none. std's and tokio's number: two pages, at which the
/// cost of a system call is small against that of the copy.
const DEFAULT_BUF_SIZE: usize = 8 * 1024;

/// Spends one unit of the poll budget on an operation that is always ready.
#[inline]
fn spend(cx: &mut Context<'_>) -> Poll<()> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(())
}
