//! Histograms of durations with buckets that double.
//!
//! A bucket is a counter, and adding is one read-modify-write on it: a poll may give its shell away and
//! end while another thread runs Gs there, so a shell's histogram has more than one writer. It is only
//! paid for while the histogram is on. Readers add up what they find; nothing hangs on their seeing all
//! buckets at one instant.

use std::ops::Range;
use std::time::Duration;

use super::super::stats::Shared;

/// Buckets: 128 ns, then twice as much each, the last but one up to 2.1 s, and the rest.
pub(crate) const BUCKETS: usize = 26;

/// The first bucket holds what is shorter than 2 to this power, in nanoseconds: about what a look at
/// the clock and an empty poll take together.
const FIRST_BITS: u32 = 7;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [Shared; BUCKETS],
    sum_ns: Shared,
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram { buckets: std::array::from_fn(|_| Shared::new()), sum_ns: Shared::new() }
    }

    pub(crate) fn add(&self, ns: u64) {
        self.buckets[bucket_of(ns)].add(1);
        self.sum_ns.add(ns);
    }

    pub(crate) fn get(&self, bucket: usize) -> u64 {
        self.buckets[bucket].get()
    }

    /// How many nanoseconds all of it is.
    pub(crate) fn sum_ns(&self) -> u64 {
        self.sum_ns.get()
    }

    /// How many durations it holds.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(Shared::get).sum()
    }
}

fn bucket_of(ns: u64) -> usize {
    let bits = u64::BITS - ns.leading_zeros();
    (bits.saturating_sub(FIRST_BITS) as usize).min(BUCKETS - 1)
}

/// The durations of a bucket; the last one has no end.
pub(crate) fn range(bucket: usize) -> Range<Duration> {
    let edge = |bucket: usize| Duration::from_nanos(1 << (FIRST_BITS as usize + bucket - 1));
    let start = if bucket == 0 { Duration::ZERO } else { edge(bucket) };
    let end = if bucket + 1 == BUCKETS { Duration::MAX } else { edge(bucket + 1) };
    start..end
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_the_range_of_its_bucket() {
        let edges = (0..64).map(|bit| 1u64 << bit);
        for ns in edges.flat_map(|n| [n - 1, n, n + 1]).chain([0, u64::MAX]) {
            let range = range(bucket_of(ns));
            assert!(range.contains(&Duration::from_nanos(ns)), "{ns} in {range:?}");
        }
    }

    #[test]
    fn ranges_follow_each_other() {
        let mut end = Duration::ZERO;
        for bucket in 0..BUCKETS {
            let range = range(bucket);
            assert_eq!(range.start, end);
            end = range.end;
        }
        assert_eq!(end, Duration::MAX);
    }

    #[test]
    fn sum_and_counts() {
        let histogram = Histogram::new();
        assert_eq!((histogram.sum_ns(), histogram.count()), (0, 0));
        histogram.add(100);
        histogram.add(300);
        assert_eq!((histogram.sum_ns(), histogram.count()), (400, 2));
        assert_eq!((histogram.get(0), histogram.get(2)), (1, 1));
    }
}
