//! Steps 2 and 3 against each other: no delivery is lost between the flag and the pipe.

use super::registry::{collect_traces, leave_trace};
use crate::primitives::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use crate::primitives::sync::{thread, Arc};

/// A signal and a pipe, of which the kernel's part is a count of bytes.
struct World {
    pending: AtomicBool,
    bytes: AtomicUsize,
    version: AtomicUsize,
}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World {
            pending: AtomicBool::new(false),
            bytes: AtomicUsize::new(0),
            version: AtomicUsize::new(0),
        })
    }

    fn handler(&self) {
        leave_trace(&self.pending, || {
            self.bytes.fetch_add(1, SeqCst);
        });
    }

    fn watch(&self) {
        collect_traces(
            || {
                self.bytes.swap(0, SeqCst);
            },
            || {
                if self.pending.load(SeqCst) && self.pending.swap(false, SeqCst) {
                    self.version.fetch_add(1, SeqCst);
                }
            },
        );
    }

    /// What the pollers do when all is quiet: they report the pipe if there is something in it.
    fn watch_if_readable(&self) {
        if self.bytes.load(SeqCst) > 0 {
            self.watch();
        }
    }
}

/// One delivery, and a watch that happens to look at the pipe for another reason. Breaks:
/// `signal_byte_before_flag`, `signal_flags_before_pipe`.
#[test]
fn a_delivery_is_counted_however_it_meets_a_watch() {
    loom::model(|| {
        let world = World::new();
        let handler = {
            let world = world.clone();
            thread::spawn(move || world.handler())
        };
        world.watch();
        handler.join().unwrap();
        world.watch_if_readable();
        assert_eq!(world.version.load(SeqCst), 1);
    });
}

/// Two runtimes' watches and a delivery: whoever empties the pipe, it is counted once.
#[test]
fn two_watches_count_a_delivery_once() {
    loom::model(|| {
        let world = World::new();
        let other = {
            let world = world.clone();
            thread::spawn(move || world.watch())
        };
        let handler = {
            let world = world.clone();
            thread::spawn(move || world.handler())
        };
        world.watch();
        other.join().unwrap();
        handler.join().unwrap();
        world.watch_if_readable();
        assert_eq!(world.version.load(SeqCst), 1);
    });
}
