//! A data race on purpose, between two tasks: `.ci/sanitize` looks whether ThreadSanitizer reports it
//! under the committed suppressions. Runs only when named (`--only race`), in that build only.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::sync::Arc;

use super::case::Case;

struct Racy(UnsafeCell<u64>);

// SAFETY: there is none: two threads write to it at once, which is what this is for. The value is a
// plain number that nobody uses.
unsafe impl Sync for Racy {}

pub(crate) fn run(case: &Case) {
    let runtime = case.threaded();
    let shared = Arc::new(Racy(UnsafeCell::new(0)));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let shared = shared.clone();
            runtime.spawn(case.tally.watch(async move {
                for _ in 0..1000 {
                    // SAFETY: as above.
                    unsafe { *shared.0.get() += 1 };
                    gmp::task::yield_now().await;
                }
            }))
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            case.tally.join(task).await;
        }
    });
}
