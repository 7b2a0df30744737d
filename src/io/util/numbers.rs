//! Numbers of a fixed width, read and written byte by byte.
//!
//! One future reads them all and one writes them all: the width is that of an array, and what the bytes
//! mean is a function (`u16::from_be_bytes`). The methods are listed once, at the bottom, by
//! [`for_each_number!`].

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use pin_project_lite::pin_project;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

pin_project! {
    /// Future of the `read_u8` family of [`AsyncReadExt`](super::AsyncReadExt).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadNumber<'a, R: ?Sized, T, B> {
        reader: &'a mut R,
        bytes: B,
        read: u8,
        decode: fn(B) -> T,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: AsyncRead + ?Sized + Unpin, T, const N: usize> ReadNumber<'a, R, T, [u8; N]> {
    #[inline]
    pub(super) fn new(reader: &'a mut R, decode: fn([u8; N]) -> T) -> Self {
        ReadNumber { reader, bytes: [0; N], read: 0, decode, _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + ?Sized + Unpin, T, const N: usize> Future for ReadNumber<'_, R, T, [u8; N]> {
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        while usize::from(*me.read) < N {
            let mut buf = ReadBuf::new(&mut me.bytes[usize::from(*me.read)..]);
            ready!(uninterrupted!(Pin::new(&mut **me.reader).poll_read(cx, &mut buf)))?;
            match buf.filled().len() {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                n => *me.read += n as u8, // N is at most 16
            }
        }
        Poll::Ready(Ok((me.decode)(*me.bytes)))
    }
}

pin_project! {
    /// Future of the `write_u8` family of [`AsyncWriteExt`](super::AsyncWriteExt).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WriteNumber<'a, W: ?Sized, B> {
        writer: &'a mut W,
        bytes: B,
        written: u8,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, W: AsyncWrite + ?Sized + Unpin, const N: usize> WriteNumber<'a, W, [u8; N]> {
    #[inline]
    pub(super) fn new(writer: &'a mut W, bytes: [u8; N]) -> Self {
        WriteNumber { writer, bytes, written: 0, _pin: PhantomPinned }
    }
}

impl<W: AsyncWrite + ?Sized + Unpin, const N: usize> Future for WriteNumber<'_, W, [u8; N]> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        while usize::from(*me.written) < N {
            let rest = &me.bytes[usize::from(*me.written)..];
            match ready!(uninterrupted!(Pin::new(&mut **me.writer).poll_write(cx, rest)))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => *me.written += n as u8, // N is at most 16
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Calls `$then!` with one line for each number: reader's name, writer's name, type, bytes, decoder,
/// encoder, order.
macro_rules! for_each_number {
    ($then:ident) => {
        $then! {
            read_u8 write_u8 u8 1 from_be_bytes to_be_bytes "a single byte";
            read_i8 write_i8 i8 1 from_be_bytes to_be_bytes "a single byte";
            read_u16 write_u16 u16 2 from_be_bytes to_be_bytes "big-endian";
            read_i16 write_i16 i16 2 from_be_bytes to_be_bytes "big-endian";
            read_u32 write_u32 u32 4 from_be_bytes to_be_bytes "big-endian";
            read_i32 write_i32 i32 4 from_be_bytes to_be_bytes "big-endian";
            read_u64 write_u64 u64 8 from_be_bytes to_be_bytes "big-endian";
            read_i64 write_i64 i64 8 from_be_bytes to_be_bytes "big-endian";
            read_u128 write_u128 u128 16 from_be_bytes to_be_bytes "big-endian";
            read_i128 write_i128 i128 16 from_be_bytes to_be_bytes "big-endian";
            read_f32 write_f32 f32 4 from_be_bytes to_be_bytes "IEEE 754, big-endian";
            read_f64 write_f64 f64 8 from_be_bytes to_be_bytes "IEEE 754, big-endian";
            read_u16_le write_u16_le u16 2 from_le_bytes to_le_bytes "little-endian";
            read_i16_le write_i16_le i16 2 from_le_bytes to_le_bytes "little-endian";
            read_u32_le write_u32_le u32 4 from_le_bytes to_le_bytes "little-endian";
            read_i32_le write_i32_le i32 4 from_le_bytes to_le_bytes "little-endian";
            read_u64_le write_u64_le u64 8 from_le_bytes to_le_bytes "little-endian";
            read_i64_le write_i64_le i64 8 from_le_bytes to_le_bytes "little-endian";
            read_u128_le write_u128_le u128 16 from_le_bytes to_le_bytes "little-endian";
            read_i128_le write_i128_le i128 16 from_le_bytes to_le_bytes "little-endian";
            read_f32_le write_f32_le f32 4 from_le_bytes to_le_bytes "IEEE 754, little-endian";
            read_f64_le write_f64_le f64 8 from_le_bytes to_le_bytes "IEEE 754, little-endian";
        }
    };
}

pub(super) use for_each_number;

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use crate::io::util::tests::mock::{finish, Mock};
    use crate::io::{AsyncReadExt, AsyncWriteExt};
    use std::io::{Cursor, ErrorKind};

    /// Every number goes out and comes back, whole and one byte a call.
    macro_rules! round_trips {
        ($($read:ident $write:ident $type:ident $bytes:literal $from:ident $to:ident $order:literal;)*) => {
            #[test]
            fn numbers_round_trip_in_their_order() {$(
                let pattern: [u8; $bytes] = std::array::from_fn(|i| 0x3e + 7 * i as u8);
                let number = <$type>::$from(pattern);

                let mut written = Vec::new();
                finish(written.$write(number)).unwrap();
                assert_eq!(written, pattern, stringify!($write));
                assert_eq!(finish(Cursor::new(pattern).$read()).unwrap(), number);

                let mut slow = Mock::new();
                for byte in pattern {
                    slow.pending().data(&[byte]).accept(1).not_now();
                }
                assert_eq!(finish(slow.$read()).unwrap(), number, stringify!($read));
                finish(slow.$write(number)).unwrap();
                assert_eq!(slow.written, pattern);

                let short = &pattern[..$bytes - 1];
                let error = finish((&mut &*short).$read()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
                let mut full = Cursor::new(vec![0; $bytes - 1].into_boxed_slice());
                let error = finish(full.$write(number)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WriteZero);
            )*}
        };
    }

    for_each_number!(round_trips);
}
