#![allow(unsafe_code)]
//! [`ReadBuf`]: memory that a read fills, and that need not be initialised first.
//!
//! # The three nested parts
//!
//! ```text
//! [            capacity               ]
//! [ filled |        unfilled          ]
//! [    initialized     | uninitialized]
//! ```
//!
//! # Invariants
//!
//! 1. `filled <= initialized <= buf.len()`.
//! 2. The first `initialized` bytes of `buf` are initialised, and stay so: every safe method hands
//!    them out as `u8` only, and whoever gets `MaybeUninit` has promised in an `unsafe` block not to
//!    take initialisation back.
//!
//! Hence a slice of the first `initialized` bytes may be seen as `[u8]`. `initialized` never
//! shrinks: [`ReadBuf::clear`] forgets what was read, not that the memory was written, so that a
//! buffer used in a loop is zeroed at most once.

#[cfg(feature = "io-util")]
mod growing;

#[cfg(feature = "io-util")]
pub(crate) use self::growing::{Growing, Holder};

use std::fmt;
use std::mem::MaybeUninit;
#[cfg(feature = "io-util")]
use std::{
    io,
    pin::Pin,
    task::{ready, Context, Poll},
};

/// A byte buffer that knows how much of it is filled and how much is initialised.
///
/// A reader puts bytes behind the filled part. Code that has no need for uninitialised memory never
/// meets it: [`put_slice`](Self::put_slice) copies, and
/// [`initialize_unfilled`](Self::initialize_unfilled) zeroes whatever was never written and answers a
/// plain slice, to be followed by [`advance`](Self::advance).
///
/// # Examples
///
/// ```
/// use gmp::io::ReadBuf;
/// use std::mem::MaybeUninit;
///
/// let mut memory = [MaybeUninit::uninit(); 8];
/// let mut buf = ReadBuf::uninit(&mut memory);
/// buf.put_slice(b"ab");
/// buf.initialize_unfilled()[..2].copy_from_slice(b"cd");
/// buf.advance(2);
/// assert_eq!(buf.filled(), b"abcd");
/// assert_eq!(buf.remaining(), 4);
/// ```
pub struct ReadBuf<'a> {
    buf: &'a mut [MaybeUninit<u8>],
    filled: usize,
    initialized: usize,
}

impl<'a> ReadBuf<'a> {
    /// Over memory that is initialised already. Nothing is filled yet.
    #[inline]
    pub fn new(buf: &'a mut [u8]) -> ReadBuf<'a> {
        let initialized = buf.len();
        let buf: *mut [u8] = buf;
        // SAFETY: the same memory for the same lifetime: `MaybeUninit<u8>` has `u8`'s layout, and
        // `buf` was an exclusive borrow. By invariant 2 nothing uninitialised is written through the
        // new type, so that the owner of the `[u8]` finds it initialised afterwards.
        let buf = unsafe { &mut *(buf as *mut [MaybeUninit<u8>]) };
        ReadBuf { buf, filled: 0, initialized }
    }

    /// Over memory of which nothing is known to be initialised. Nothing is filled yet.
    #[inline]
    pub fn uninit(buf: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        ReadBuf { buf, filled: 0, initialized: 0 }
    }

    /// The size of it all.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// What was read so far.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        &self.initialized()[..self.filled]
    }

    /// What was read so far, to be changed in place.
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        let filled = self.filled;
        &mut self.initialized_mut()[..filled]
    }

    /// A buffer of its own over the next `n` unfilled bytes, or over all of them where fewer remain.
    ///
    /// What is filled there is not filled here: say so afterwards with
    /// [`assume_init`](Self::assume_init) and [`advance`](Self::advance).
    #[inline]
    pub fn take(&mut self, n: usize) -> ReadBuf<'_> {
        let n = n.min(self.remaining());
        let initialized = (self.initialized - self.filled).min(n);
        // Invariant 1: `initialized <= n`. Invariant 2: these bytes lie between `self.filled` and
        // `self.initialized`, and a `ReadBuf` does not take initialisation back.
        ReadBuf { buf: &mut self.buf[self.filled..self.filled + n], filled: 0, initialized }
    }

    /// The initialised part, the filled one included.
    #[inline]
    pub fn initialized(&self) -> &[u8] {
        let part: *const [MaybeUninit<u8>] = &self.buf[..self.initialized];
        // SAFETY: invariant 2: all of `part` is initialised; same layout, and `self` is borrowed for
        // as long as the answer.
        unsafe { &*(part as *const [u8]) }
    }

    /// The initialised part, the filled one included, to be changed in place.
    #[inline]
    pub fn initialized_mut(&mut self) -> &mut [u8] {
        let part: *mut [MaybeUninit<u8>] = &mut self.buf[..self.initialized];
        // SAFETY: invariant 2: all of `part` is initialised; same layout, and `self` is borrowed
        // exclusively for as long as the answer. Only `u8`s, which are initialised, can be written.
        unsafe { &mut *(part as *mut [u8]) }
    }

    /// All of the memory.
    ///
    /// # Safety
    ///
    /// The caller must not write uninitialised bytes over the initialised part.
    #[inline]
    pub unsafe fn inner_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.buf
    }

    /// The memory behind the filled part, whether initialised or not.
    ///
    /// # Safety
    ///
    /// The caller must not write uninitialised bytes over the initialised part.
    #[inline]
    pub unsafe fn unfilled_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.buf[self.filled..]
    }

    /// The unfilled part as plain bytes. What was never written is zeroed first, once.
    #[inline]
    pub fn initialize_unfilled(&mut self) -> &mut [u8] {
        self.initialize_unfilled_to(self.remaining())
    }

    /// The first `n` bytes of the unfilled part as plain bytes. What was never written is zeroed
    /// first, once.
    ///
    /// # Panics
    ///
    /// If fewer than `n` bytes remain.
    #[inline]
    #[track_caller]
    pub fn initialize_unfilled_to(&mut self, n: usize) -> &mut [u8] {
        assert!(self.remaining() >= n, "n overflows remaining");
        let start = self.filled;
        let end = start + n;
        if self.initialized < end {
            self.buf[self.initialized..end].fill(MaybeUninit::new(0));
            self.initialized = end;
        }
        &mut self.initialized_mut()[start..end]
    }

    /// How many bytes can still be filled.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.capacity() - self.filled
    }

    /// Makes the filled part empty. What is initialised stays so.
    #[inline]
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Counts the next `n` bytes, which must be initialised, as filled.
    ///
    /// # Panics
    ///
    /// If the filled part would become larger than the initialised one.
    #[inline]
    #[track_caller]
    pub fn advance(&mut self, n: usize) {
        let filled = self.filled.checked_add(n).expect("filled overflow");
        self.set_filled(filled);
    }

    /// Counts the first `n` bytes, which must be initialised, as filled. `n` may be smaller than
    /// before.
    ///
    /// # Panics
    ///
    /// If the filled part would become larger than the initialised one.
    #[inline]
    #[track_caller]
    pub fn set_filled(&mut self, n: usize) {
        assert!(n <= self.initialized, "filled must not become larger than initialized");
        self.filled = n;
    }

    /// Declares the first `n` bytes behind the filled part to be initialised. If more were so
    /// already, nothing changes.
    ///
    /// # Safety
    ///
    /// They are initialised, and there are that many: `n <= remaining()`.
    #[inline]
    pub unsafe fn assume_init(&mut self, n: usize) {
        debug_assert!(n <= self.remaining(), "ReadBuf::assume_init: {n} of {}", self.remaining());
        self.initialized = self.initialized.max(self.filled + n);
    }

    /// Appends a copy of `buf`.
    ///
    /// # Panics
    ///
    /// If it does not fit.
    #[inline]
    #[track_caller]
    pub fn put_slice(&mut self, buf: &[u8]) {
        assert!(
            self.remaining() >= buf.len(),
            "buf.len() must fit in remaining(); buf.len() = {}, remaining() = {}",
            buf.len(),
            self.remaining()
        );
        let end = self.filled + buf.len();
        let target = self.buf[self.filled..end].as_mut_ptr().cast::<u8>();
        // SAFETY: `buf` is readable for its length and `target` writable for the same one (just
        // sliced); `self` is borrowed exclusively, so that the two do not overlap; bytes have no
        // alignment.
        unsafe { target.copy_from_nonoverlapping(buf.as_ptr(), buf.len()) };
        // Invariant 2 for `..end`: the filled part was initialised, the rest was just copied.
        self.initialized = self.initialized.max(end);
        self.filled = end;
    }
}

#[cfg(feature = "io-util")]
impl ReadBuf<'_> {
    /// Lets `fill` put at most `n` bytes behind the filled part, and counts them as filled here.
    ///
    /// # Panics
    ///
    /// If `fill` exchanged the buffer it was given.
    #[inline]
    pub(crate) fn fill_at_most<T>(
        &mut self,
        n: usize,
        fill: impl FnOnce(&mut ReadBuf<'_>) -> T,
    ) -> T {
        let mut part = self.take(n);
        let window = Window::of(&part);
        let answer = fill(&mut part);
        window.assert_same(&part);
        let (filled, initialized) = (part.filled, part.initialized);
        // SAFETY: `part` is still a view of our memory right behind the filled part (just asserted),
        // so that by its invariants the first `initialized` of these bytes are initialised and lie
        // within what remained.
        unsafe { self.assume_init(initialized) };
        self.filled += filled;
        answer
    }
}

/// Where a [`ReadBuf`] points to. A reader gets `&mut ReadBuf` and could put another one in its place;
/// whoever then believes its lengths would believe them about the wrong memory.
#[cfg(feature = "io-util")]
#[derive(PartialEq)]
struct Window {
    start: *const MaybeUninit<u8>,
    // Also compared: an empty window may start where a foreign, larger one does.
    len: usize,
}

#[cfg(feature = "io-util")]
impl Window {
    #[inline]
    fn of(buf: &ReadBuf<'_>) -> Window {
        Window { start: buf.buf.as_ptr(), len: buf.buf.len() }
    }

    #[inline]
    fn assert_same(self, buf: &ReadBuf<'_>) {
        assert!(self == Window::of(buf), "the reader exchanged the `ReadBuf` it was to fill");
    }
}

/// One `poll_read` into the free space of `buf`, which is advanced by what was read. Without free
/// space the reader is not asked and the answer is 0.
#[cfg(feature = "io-util")]
pub(crate) fn poll_read_into<R, B>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut B,
) -> Poll<io::Result<usize>>
where
    R: super::AsyncRead + ?Sized,
    B: bytes::BufMut + ?Sized,
{
    if !buf.has_remaining_mut() {
        return Poll::Ready(Ok(0));
    }
    let chunk = buf.chunk_mut();
    // SAFETY: nothing uninitialised is written through it: it goes into a `ReadBuf` (its invariant 2).
    let chunk = unsafe { chunk.as_uninit_slice_mut() };
    let mut part = ReadBuf::uninit(chunk);
    let window = Window::of(&part);
    ready!(reader.poll_read(cx, &mut part))?;
    window.assert_same(&part);
    let n = part.filled;
    // SAFETY: `part` is the chunk (just asserted), and its first `n` bytes are filled, hence
    // initialised.
    unsafe { buf.advance_mut(n) };
    Poll::Ready(Ok(n))
}

#[cfg(feature = "io-util")]
// SAFETY: `chunk_mut` is the memory behind the filled part and `advance_mut` moves by as much as the
// caller has written there, so that `remaining_mut` is exact and the same memory is never shown for
// two different positions.
unsafe impl bytes::BufMut for ReadBuf<'_> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.remaining()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, cnt: usize) {
        assert!(cnt <= self.remaining(), "advance_mut: {cnt} of {} bytes", self.remaining());
        // SAFETY: the caller of `advance_mut` has initialised the next `cnt` bytes; they fit, as
        // just asserted.
        unsafe { self.assume_init(cnt) };
        self.filled += cnt;
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut bytes::buf::UninitSlice {
        // `UninitSlice` writes initialised bytes only, unless its user promises not to take
        // initialisation back: invariant 2.
        bytes::buf::UninitSlice::uninit(&mut self.buf[self.filled..])
    }
}

impl fmt::Debug for ReadBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuf")
            .field("filled", &self.filled)
            .field("initialized", &self.initialized)
            .field("capacity", &self.capacity())
            .finish()
    }
}

#[cfg(any(all(test, not(gmp_loom), feature = "io-util"), gmp_fuzz))]
pub(crate) mod tests;
