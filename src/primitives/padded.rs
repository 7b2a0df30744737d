//! Cache-line alignment, so that words written by different Ms do not share a line.

use std::ops::{Deref, DerefMut};

/// A value alone on its cache lines. 128 bytes: x86 prefetches lines in pairs, and Apple's and some
/// POWER cores have lines of that size.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

impl<T> Deref for Padded<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Padded<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
