//! Stands in for `timers.rs` in a build without the feature `time`: no timer can exist.

use std::task::Waker;

pub(crate) struct Timers;

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers
    }
    pub(crate) fn earliest(&self) -> u64 {
        u64::MAX
    }
    pub(crate) fn check(&self, _now: u64, _fired: &mut Vec<Waker>) -> u64 {
        u64::MAX
    }
    pub(crate) fn len(&self) -> usize {
        0
    }
    pub(crate) fn shutdown(&self, _fired: &mut Vec<Waker>) {}
}
