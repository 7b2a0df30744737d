//! Byte streams, from gmp's traits to hyper's and back.
//!
//! Both sides describe a buffer as filled, initialised and unknown bytes. The adapter lends the unfilled
//! part of the caller's buffer to the other side's buffer type for the length of one call and then
//! counts in what was filled: nothing is copied, nothing is zeroed.
#![allow(unsafe_code)] // buffers that are not initialised yet

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use gmp::io::{AsyncRead, AsyncWrite, ReadBuf};
use hyper::rt::ReadBufCursor;
use pin_project_lite::pin_project;

pin_project! {
    /// Gives a byte stream the traits of the other world.
    ///
    /// - `GmpIo<T>` with `T:` [`AsyncRead`] and [`AsyncWrite`] (gmp's sockets) is
    ///   [`hyper::rt::Read`] and [`hyper::rt::Write`]: what hyper's connections take.
    /// - `GmpIo<T>` with `T:` [`hyper::rt::Read`] and [`hyper::rt::Write`] (hyper's `Upgraded`) is
    ///   [`AsyncRead`] and [`AsyncWrite`]: what gmp's functions take.
    ///
    /// Readiness, cancel safety and errors are those of the stream inside. Vectored writes reach it
    /// as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use gmp_hyper::GmpIo;
    ///
    /// fn for_hyper<T: gmp::io::AsyncRead + gmp::io::AsyncWrite + Unpin>(
    ///     stream: T,
    /// ) -> impl hyper::rt::Read + hyper::rt::Write + Unpin {
    ///     GmpIo::new(stream)
    /// }
    ///
    /// let io = for_hyper(std::io::Cursor::new(vec![0; 16]));
    /// # drop(io);
    /// ```
    #[derive(Clone, Copy, Debug, Default)]
    pub struct GmpIo<T> {
        #[pin]
        inner: T,
    }
}

impl<T> GmpIo<T> {
    /// Wraps a stream.
    pub const fn new(inner: T) -> GmpIo<T> {
        GmpIo { inner }
    }

    /// The stream inside.
    pub const fn inner(&self) -> &T {
        &self.inner
    }

    /// The stream inside, for changes.
    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The stream inside, pinned.
    pub fn inner_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().inner
    }

    /// Gives the stream back. The adapter holds no bytes, so none are lost.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T> From<T> for GmpIo<T> {
    fn from(inner: T) -> GmpIo<T> {
        GmpIo::new(inner)
    }
}

impl<T: AsyncRead> hyper::rt::Read for GmpIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: the bytes go into a `ReadBuf`, which never un-initialises any.
        let unfilled = unsafe { cursor.as_mut() };
        let start = unfilled.as_ptr().cast::<u8>();
        let mut buf = ReadBuf::uninit(unfilled);
        let polled = self.project().inner.poll_read(cx, &mut buf);
        // A reader may put another buffer in the place of ours; its length says nothing about ours.
        assert_eq!(buf.filled().as_ptr(), start, "poll_read exchanged the buffer it was given");
        let filled = buf.filled().len();
        if let Poll::Ready(Ok(())) = polled {
            // SAFETY: `buf` began at the cursor's position (just checked) with nothing filled, so
            // its filled bytes are the cursor's next ones, and filled bytes are initialised.
            unsafe { cursor.advance(filled) };
        }
        polled
    }
}

impl<T: AsyncWrite> hyper::rt::Write for GmpIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

impl<T: hyper::rt::Read> AsyncRead for GmpIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = {
            // SAFETY: the bytes go into hyper's `ReadBuf`, which never un-initialises any.
            let unfilled = unsafe { buf.unfilled_mut() };
            let mut lent = hyper::rt::ReadBuf::uninit(unfilled);
            match self.project().inner.poll_read(cx, lent.unfilled()) {
                // Only a cursor was given away, so `lent` is still the buffer made above.
                Poll::Ready(Ok(())) => lent.filled().len(),
                other => return other,
            }
        };
        // SAFETY: `lent` was the unfilled part of `buf`, from its start, and its filled bytes are
        // initialised.
        unsafe { buf.assume_init(filled) };
        buf.advance(filled);
        Poll::Ready(Ok(()))
    }
}

impl<T: hyper::rt::Write> AsyncWrite for GmpIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::mem::MaybeUninit;
    use std::task::Waker;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    /// gmp -> hyper -> gmp must be the identity.
    fn there_and_back<T>(inner: T) -> GmpIo<GmpIo<T>> {
        GmpIo::new(GmpIo::new(inner))
    }

    #[test]
    fn hyper_reads_what_gmp_reads() {
        let mut io = GmpIo::new(&b"abcdef"[..]);
        let mut memory = [MaybeUninit::uninit(); 4];
        let mut buf = hyper::rt::ReadBuf::uninit(&mut memory);
        for expected in [b"abcd".as_slice(), b"abcd"] {
            let polled =
                hyper::rt::Read::poll_read(Pin::new(&mut io), &mut context(), buf.unfilled());
            assert!(matches!(polled, Poll::Ready(Ok(()))));
            assert_eq!(buf.filled(), expected, "the second read has no room left");
        }
        let mut memory = [7; 8];
        let mut buf = hyper::rt::ReadBuf::new(&mut memory);
        buf.unfilled().put_slice(b"x");
        let polled = hyper::rt::Read::poll_read(Pin::new(&mut io), &mut context(), buf.unfilled());
        assert!(matches!(polled, Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"xef", "what was filled before stays");
    }

    #[test]
    fn gmp_reads_what_hyper_reads() {
        let mut io = there_and_back(&b"abcdef"[..]);
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"xyz");
        let polled = AsyncRead::poll_read(Pin::new(&mut io), &mut context(), &mut buf);
        assert!(matches!(polled, Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"xyzabcde");
        let mut rest = [0; 8];
        let mut buf = ReadBuf::new(&mut rest);
        let polled = AsyncRead::poll_read(Pin::new(&mut io), &mut context(), &mut buf);
        assert!(matches!(polled, Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"f");
        let polled = AsyncRead::poll_read(Pin::new(&mut io), &mut context(), &mut buf);
        assert!(matches!(polled, Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"f", "end of stream fills nothing");
    }

    /// Answers Pending, and then an error, with bytes in the buffer both times.
    struct Rude(u32);

    impl AsyncRead for Rude {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            buf.put_slice(b"junk");
            self.0 += 1;
            match self.0 {
                1 => Poll::Pending,
                _ => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            }
        }
    }

    #[test]
    fn only_success_counts_bytes_in() {
        let mut io = there_and_back(Rude(0));
        let mut memory = [0; 8];
        let mut buf = ReadBuf::new(&mut memory);
        assert!(AsyncRead::poll_read(Pin::new(&mut io), &mut context(), &mut buf).is_pending());
        assert!(buf.filled().is_empty());
        match AsyncRead::poll_read(Pin::new(&mut io), &mut context(), &mut buf) {
            Poll::Ready(Err(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            other => panic!("{other:?}"),
        }
        assert!(buf.filled().is_empty());
    }

    /// Puts a longer buffer in the place of the one it was given.
    struct Thief;

    impl AsyncRead for Thief {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let mut other = ReadBuf::new(Box::leak(Box::new([1; 64])));
            other.set_filled(64);
            *buf = other;
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    #[should_panic(expected = "exchanged the buffer")]
    fn an_exchanged_buffer_is_caught() {
        let mut memory = [0; 8];
        let mut buf = hyper::rt::ReadBuf::new(&mut memory);
        let mut io = GmpIo::new(Thief);
        let _ = hyper::rt::Read::poll_read(Pin::new(&mut io), &mut context(), buf.unfilled());
    }

    /// Counts what arrives by which way.
    #[derive(Default)]
    struct Sink {
        plain: Vec<u8>,
        vectored: Vec<Vec<u8>>,
        flushed: bool,
        shut: bool,
    }

    impl AsyncWrite for Sink {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.plain.extend_from_slice(buf);
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushed = true;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.shut = true;
            Poll::Ready(Ok(()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.vectored.extend(bufs.iter().map(|buf| buf.to_vec()));
            Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
        }
    }

    #[test]
    fn writes_arrive_as_they_were_made() {
        let mut io = there_and_back(Sink::default());
        let mut cx = context();
        assert!(AsyncWrite::is_write_vectored(&io));
        assert!(!AsyncWrite::is_write_vectored(&there_and_back(Plain)));
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
        let written = AsyncWrite::poll_write_vectored(Pin::new(&mut io), &mut cx, &bufs);
        assert!(matches!(written, Poll::Ready(Ok(3))));
        let written = AsyncWrite::poll_write(Pin::new(&mut io), &mut cx, b"de");
        assert!(matches!(written, Poll::Ready(Ok(2))));
        assert!(AsyncWrite::poll_flush(Pin::new(&mut io), &mut cx).is_ready());
        assert!(AsyncWrite::poll_shutdown(Pin::new(&mut io), &mut cx).is_ready());
        let sink = io.into_inner().into_inner();
        assert_eq!(sink.vectored, [b"ab".to_vec(), b"c".to_vec()]);
        assert_eq!(sink.plain, b"de");
        assert!(sink.flushed && sink.shut);
    }

    /// A writer with the traits' own answer to vectored writes.
    struct Plain;

    impl AsyncWrite for Plain {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn wraps_and_unwraps() {
        let mut io = GmpIo::from(Cursor::new(vec![1, 2]));
        io.inner_mut().set_position(1);
        assert_eq!(io.inner().position(), 1);
        assert_eq!(Pin::new(&mut io).inner_pin_mut().position(), 1);
        assert_eq!(io.into_inner().into_inner(), [1, 2]);
    }
}
