//! Limits: of extra threads, of threads, and of the system's patience.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::support::*;
use crate::tools::*;

#[test]
fn b_cap_reached() {
    let mut builder = builder(1);
    let threads = Threads::of(&mut builder);
    let runtime = builder.max_extra_threads(1).build().unwrap();
    let (first, second) = (Gate::default(), Gate::default());
    let mut blocked = block(&runtime, 1, &first);
    others_go_on(runtime.handle());
    blocked.extend(block(&runtime, 1, &second));

    // Two are stuck, one more than may be: this one waits, and nothing runs wild meanwhile.
    let (tell, told) = channel();
    runtime.spawn(async move { tell.send(()) });
    assert!(told.recv_timeout(Duration::from_millis(500)).is_err(), "above the cap");
    assert!(threads.most() <= 4, "{} threads", threads.most());

    // One comes back; then the other may lose its permit, and does.
    first.open();
    told.recv_timeout(PATIENCE).expect("it is tried again");
    others_go_on(runtime.handle());
    assert_eq!(second.standing(), 1);
    second.open();
    all_end(&runtime, blocked);
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn no_extra_threads_at_all() {
    let runtime = builder(1).max_extra_threads(0).build().unwrap();
    let gate = Gate::default();
    let blocked = block(&runtime, 1, &gate);
    let waiting = runtime.spawn(async {});
    thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished());
    gate.open();
    all_end(&runtime, blocked);
    all_end(&runtime, vec![waiting]);
    b_permits_conserved(runtime.handle(), 1);
}

#[test]
fn a_limit_on_threads_is_kept() {
    for (procs, limit) in [(1, 1), (2, 3)] {
        let mut builder = builder(procs);
        let threads = Threads::of(&mut builder);
        let runtime = builder.max_threads(limit).build().unwrap();
        let tasks = (0..12).map(|_| {
            runtime.spawn(async {
                for _ in 0..3 {
                    thread::sleep(Duration::from_millis(15));
                    gmp::spawn(async {}).await.unwrap();
                }
            })
        });
        all_end(&runtime, tasks.collect());
        assert!(threads.most() <= limit, "{} threads", threads.most());
        b_permits_conserved(runtime.handle(), procs);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_has_no_more_threads() {
    // Address space for two or so of these stacks.
    let name = "caps::the_system_has_no_more_threads";
    let Some(text) = child_succeeds(name, "ulimit -v 3000000", &[("MALLOC_ARENA_MAX", "1")]) else {
        let runtime = builder(1).thread_stack_size(1 << 30).build().unwrap();
        for _ in 0..3 {
            let tasks = (0..10).map(|_| {
                runtime.spawn(async {
                    for _ in 0..3 {
                        thread::sleep(Duration::from_millis(20));
                        gmp::spawn(async {}).await.unwrap();
                    }
                })
            });
            all_end(&runtime, tasks.collect());
        }
        b_permits_conserved(runtime.handle(), 1);
        return;
    };
    assert!(text.contains("gmp: cannot start a thread"), "the limit was never met: {text}");
}
