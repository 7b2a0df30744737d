//! What stands in for `pool.rs` under loom, whose locks are made anew for each run: the global allocator.

#![allow(unsafe_code)]

use std::ptr::NonNull;

pub(crate) fn place<T>(value: T) -> NonNull<T> {
    NonNull::from(Box::leak(Box::new(value)))
}

/// # Safety
///
/// It comes from `place` and is not used again.
pub(crate) unsafe fn free<T>(value: NonNull<T>) {
    // SAFETY: by the contract.
    drop(unsafe { Box::from_raw(value.as_ptr()) });
}
