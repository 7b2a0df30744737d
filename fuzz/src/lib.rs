//! What the targets share: a run of one input.
//!
//! Programs make calls that have to panic and catch them, so the hook of `libfuzzer_sys`, which ends the
//! process at any panic, is replaced: only a panic that leaves the program is a finding.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `program` on `input`. If it panics the process ends, and libFuzzer keeps the input as a file.
pub fn drive(program: fn(&[u8]), input: &[u8]) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        panic::set_hook(Box::new(|info| {
            LAST.with(|last| *last.borrow_mut() = format!("{info}"));
        }));
    });
    if panic::catch_unwind(AssertUnwindSafe(|| program(input))).is_err() {
        LAST.with(|last| eprintln!("{}", last.borrow()));
        std::process::abort();
    }
}
