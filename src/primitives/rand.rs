//! A small generator for choices that only have to be spread out: steal order, `select!`'s first branch.
//!
//! xorshift64* (Marsaglia 2003; the multiplier is Vigna's): one word of state, period 2^64 - 1. Not for
//! secrets.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Go's `cheaprand`: per thread or per M, never shared.
#[derive(Debug)]
pub(crate) struct Rand(Cell<u64>);

impl Rand {
    /// Zero is the one state that xorshift cannot leave, so it is replaced.
    pub(crate) const fn new(seed: u64) -> Self {
        Rand(Cell::new(if seed == 0 { 0x9E37_79B9_7F4A_7C15 } else { seed }))
    }

    /// A generator whose seed differs for each call in a process and between processes; under loom, whose
    /// runs have to repeat, always the same.
    pub(crate) fn from_entropy() -> Self {
        if cfg!(all(test, gmp_loom)) {
            return Rand::new(1);
        }
        use std::hash::{BuildHasher, Hasher, RandomState};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut hasher = RandomState::new().build_hasher();
        // Relaxed: only the value has to be unique.
        hasher.write_u64(NEXT.fetch_add(1, Ordering::Relaxed));
        Rand::new(hasher.finish())
    }

    #[inline]
    pub(crate) fn next_u64(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `n`, nearly uniform (multiply and shift). `n` must not be zero.
    #[inline]
    pub(crate) fn below(&self, n: u32) -> u32 {
        debug_assert!(n > 0, "Rand::below: empty range");
        (((self.next_u64() >> 32) * u64::from(n)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_all() {
        let rand = Rand::new(7);
        let mut seen = [0u32; 7];
        for _ in 0..7000 {
            seen[rand.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 700 && n < 1300), "{seen:?}");
    }

    #[test]
    fn zero_seed_is_usable() {
        let rand = Rand::new(0);
        assert_ne!(rand.next_u64(), rand.next_u64());
    }
}
