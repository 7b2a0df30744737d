//! Random numbers that a seed repeats: splitmix64.

#[derive(Clone, Debug)]
pub(crate) struct Rand(u64);

impl Rand {
    pub(crate) fn new(seed: u64) -> Rand {
        Rand(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `n - 1`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A generator of its own for somebody else.
    pub(crate) fn fork(&mut self) -> Rand {
        Rand(self.next())
    }
}
