//! The future of [`AsyncSeekExt::seek`](super::AsyncSeekExt::seek).

use super::{AsyncSeek, SeekFrom};
use pin_project_lite::pin_project;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

pin_project! {
    /// Future of [`AsyncSeekExt::seek`](super::AsyncSeekExt::seek) and its relatives.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Seek<'a, S: ?Sized> {
        stream: &'a mut S,
        // Until it has been handed over.
        to: Option<SeekFrom>,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, S: AsyncSeek + ?Sized + Unpin> Seek<'a, S> {
    pub(super) fn new(stream: &'a mut S, to: SeekFrom) -> Self {
        Seek { stream, to: Some(to), _pin: PhantomPinned }
    }
}

impl<S: AsyncSeek + ?Sized + Unpin> Future for Seek<'_, S> {
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        if let Some(to) = *me.to {
            // An earlier seek, or another operation, may be under way.
            ready!(Pin::new(&mut **me.stream).poll_complete(cx))?;
            Pin::new(&mut **me.stream).start_seek(to)?;
            *me.to = None;
        }
        Pin::new(&mut **me.stream).poll_complete(cx)
    }
}
