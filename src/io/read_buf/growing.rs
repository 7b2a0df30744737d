#![allow(unsafe_code)]
//! A `Vec<u8>` that is read into until the stream ends.
//!
//! # Invariant
//!
//! The first `initialized` bytes of the vector's *allocation* are initialised. (The first `len` are in
//! any case; a reader may have initialised more than it filled.) `Growing` is the only one who touches
//! the vector while it lives, and forgets the count whenever the allocation may have moved.
//!
//! What it is for: a reader that can only fill plain `[u8]` makes its window initialised first. Without
//! the count it would do so again for the same bytes at each call.

use super::{ReadBuf, Window};
use crate::io::AsyncRead;
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// The vector, borrowed (`read_to_end`) or owned (`read_to_string`).
///
/// # Safety
///
/// `vec` answers the same vector each time, and nobody changes it in between.
pub(crate) unsafe trait Holder {
    fn vec(&mut self) -> &mut Vec<u8>;
}

// SAFETY: it is itself, and owned.
unsafe impl Holder for Vec<u8> {
    fn vec(&mut self) -> &mut Vec<u8> {
        self
    }
}

// SAFETY: it is what it borrows, exclusively.
unsafe impl Holder for &mut Vec<u8> {
    fn vec(&mut self) -> &mut Vec<u8> {
        self
    }
}

#[derive(Debug)]
pub(crate) struct Growing<V> {
    vec: V,
    initialized: usize,
}

impl<V: Holder> Growing<V> {
    pub(crate) fn new(vec: V) -> Self {
        Growing { vec, initialized: 0 }
    }

    pub(crate) fn capacity(&mut self) -> usize {
        self.vec.vec().capacity()
    }

    pub(crate) fn spare(&mut self) -> usize {
        let vec = self.vec.vec();
        vec.capacity() - vec.len()
    }

    /// Makes room for at least `n` more bytes.
    pub(crate) fn reserve(&mut self, n: usize) {
        if self.spare() < n {
            self.initialized = 0;
            self.vec.vec().reserve(n);
        }
    }

    /// Appends bytes that were read elsewhere.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.vec.vec().extend_from_slice(bytes);
    }

    /// One `poll_read` into the spare capacity, at most `window` bytes of it.
    ///
    /// # Panics
    ///
    /// If the reader exchanged the buffer it was given.
    pub(crate) fn poll_read<R: AsyncRead + ?Sized>(
        &mut self,
        reader: Pin<&mut R>,
        cx: &mut Context<'_>,
        window: usize,
    ) -> Poll<io::Result<usize>> {
        let vec = self.vec.vec();
        let len = vec.len();
        let known = self.initialized.saturating_sub(len);
        let spare = vec.spare_capacity_mut();
        let window = window.min(spare.len());
        let mut buf = ReadBuf::uninit(&mut spare[..window]);
        // SAFETY: `buf` starts at `len`, and by the invariant the bytes up to `initialized` are
        // initialised; `min` keeps it within the window.
        unsafe { buf.assume_init(known.min(window)) };
        let place = Window::of(&buf);
        let polled = reader.poll_read(cx, &mut buf);
        place.assert_same(&buf);
        let (filled, initialized) = (buf.filled, buf.initialized);
        self.initialized = self.initialized.max(len + initialized);
        ready!(polled)?;
        // SAFETY: `buf` is the window behind `len` (just asserted), its first `filled` bytes are
        // initialised, and it ends within the capacity.
        unsafe { vec.set_len(len + filled) };
        Poll::Ready(Ok(filled))
    }
}

impl Growing<Vec<u8>> {
    /// The vector, with an empty one left in its place.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.initialized = 0;
        std::mem::take(&mut self.vec)
    }
}
