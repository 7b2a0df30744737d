//! An array that only grows, whose elements never move: one thread appends, everyone may read.
//!
//! Protocol. Storage comes in chunks, each twice the size of the one before, so an index names its chunk
//! by its highest bit and a growing array copies nothing. To append: make sure that the chunk is there,
//! then publish the new length by a Release store. A reader loads the length (Acquire) and may use every
//! index below it for as long as it borrows the array. Appending is serialised by the caller.

#![allow(unsafe_code)]

use super::sync::atomic::{
    AtomicPtr, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// Elements of the first chunk. 64 pointers are half a page with their links. Under loom every atomic is
/// an object of the checker's, made anew for each run.
const FIRST: usize = if cfg!(all(test, gmp_loom)) { 2 } else { 64 };
/// 26 doublings of 64 reach 2^32 elements: more than a `u32` index can name.
const CHUNKS: usize = 26;

/// See the module's text.
pub(crate) struct AppendVec<T> {
    len: AtomicUsize,
    chunks: [AtomicPtr<T>; CHUNKS],
}

// SAFETY: it owns its elements and hands out only shared references to them.
unsafe impl<T: Send + Sync> Sync for AppendVec<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for AppendVec<T> {}

/// Chunk and offset of an index.
#[inline]
fn locate(index: usize) -> (usize, usize) {
    let n = index / FIRST + 1;
    let chunk = (usize::BITS - 1 - n.leading_zeros()) as usize;
    (chunk, index - FIRST * ((1 << chunk) - 1))
}

fn chunk_len(chunk: usize) -> usize {
    FIRST << chunk
}

impl<T: Default> AppendVec<T> {
    pub(crate) fn new() -> Self {
        AppendVec {
            len: AtomicUsize::new(0),
            chunks: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
        }
    }

    /// How many elements there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Ordering(appendvec): Acquire, pairs with the Release in `push`.
        self.len.load(Acquire)
    }

    /// The element, if the index is below the length.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len() {
            return None;
        }
        let (chunk, offset) = locate(index);
        // Relaxed: the Acquire of the length shows the chunk that was stored before it.
        let base = self.chunks[chunk].load(Relaxed);
        // SAFETY: indices below `len` lie in chunks that were allocated, full of elements, before `len`
        // was raised; chunks are freed only by Drop, which has `&mut self`.
        Some(unsafe { &*base.add(offset) })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len()).filter_map(|i| self.get(i))
    }

    /// Appends a default element and answers its index. The caller serialises all calls.
    pub(crate) fn push_default(&self) -> usize {
        self.push(T::default())
    }

    /// Appends an element and answers its index. The caller serialises all calls.
    pub(crate) fn push(&self, value: T) -> usize {
        // Relaxed: only appenders write it, and they are serialised.
        let index = self.len.load(Relaxed);
        let (chunk, offset) = locate(index);
        assert!(chunk < CHUNKS, "AppendVec: more than 2^32 elements");
        let mut base = self.chunks[chunk].load(Relaxed);
        if base.is_null() {
            let fresh: Box<[T]> = (0..chunk_len(chunk)).map(|_| T::default()).collect();
            base = Box::into_raw(fresh).cast::<T>();
            // Relaxed: published by the length below.
            self.chunks[chunk].store(base, Relaxed);
        }
        // SAFETY: `offset` is inside the chunk; no reader uses an index at or above `len`, and
        // appenders are serialised, so the place is ours.
        unsafe { *base.add(offset) = value };
        // Ordering(appendvec): Release, pairs with the Acquire in `len`.
        self.len.store(index + 1, Release);
        index
    }
}

impl<T> Drop for AppendVec<T> {
    fn drop(&mut self) {
        for (chunk, base) in self.chunks.iter().enumerate() {
            // Relaxed: `&mut self` orders us after everyone.
            let base = base.load(Relaxed);
            if !base.is_null() {
                let slice = std::ptr::slice_from_raw_parts_mut(base, chunk_len(chunk));
                // SAFETY: made by Box::into_raw of a slice of this length in `push`.
                drop(unsafe { Box::from_raw(slice) });
            }
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn indices_map_to_chunks_without_gaps() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(locate(index), expected, "index {index}");
            expected.1 += 1;
            if expected.1 == chunk_len(expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn readers_see_what_was_appended() {
        let vec: AppendVec<std::sync::atomic::AtomicUsize> = AppendVec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 0..5000 {
                    vec.push(std::sync::atomic::AtomicUsize::new(i));
                }
            });
            while vec.len() < 5000 {
                let n = vec.len();
                for i in n.saturating_sub(70)..n {
                    assert_eq!(vec.get(i).unwrap().load(Relaxed), i);
                }
            }
        });
        assert!(vec.get(5000).is_none());
    }
}
