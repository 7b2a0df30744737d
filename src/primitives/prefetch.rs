//! Asks the processor for memory that will be needed soon.
//!
//! Where many objects are gone through that lie all over the memory, each one costs the time of a fetch, unless
//! the next ones are on their way already. It is a hint: nothing is read, and an address that belongs to nobody
//! does no harm.

#![allow(unsafe_code)]

/// Is there such a hint? Where not, nobody need find out what to ask for. Not under loom, where each look at an atomic
/// is one more thing to explore.
pub(crate) const WORKS: bool =
    cfg!(all(target_arch = "x86_64", not(miri), not(all(test, gmp_loom))));

/// The line in which `address` lies, and the one in which the object ends.
#[inline]
pub(crate) fn read<T>(address: *const T) {
    line(address.cast());
    if size_of::<T>() > 1 {
        line(address.wrapping_byte_add(size_of::<T>() - 1).cast());
    }
}

/// The line in which `address` lies.
#[inline]
pub(crate) fn line(address: *const ()) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        // SAFETY: a prefetch reads nothing and does not fault, whatever the address; SSE is part of x86_64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
