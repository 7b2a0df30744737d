//! The way without pidfds, what is left when a runtime ends, and the traits of the public types. The rest
//! is in `executor-tests/tests/process.rs`.

use std::future::poll_fn;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::process::{Command as StdCommand, Stdio};
use std::time::{Duration, Instant};

use super::watched::Watched;
use super::*;
use crate::runtime::{Builder, Runtime};

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
        Builder::new_current_thread().enable_all().build().unwrap(),
    ]
}

fn reads_until_closed() -> std::process::Child {
    StdCommand::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

/// A zombie is a process, too: this is false only when its status was taken.
fn exists(pid: u32) -> bool {
    StdCommand::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "still not: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn sigchld_is_enough() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let mut children: Vec<_> = (0..8)
                .map(|_| {
                    let mut child = reads_until_closed();
                    let stdin = child.stdin.take();
                    (Watched::by_signal(child).unwrap(), stdin)
                })
                .collect();
            while let Some((mut watched, stdin)) = children.pop() {
                let waits = crate::spawn(async move { poll_fn(|cx| watched.poll_exit(cx)).await });
                crate::task::yield_now().await;
                drop(stdin);
                assert!(waits.await.unwrap().unwrap().success());
            }
        });
    }
}

#[test]
fn orphans_are_reaped_either_way() {
    for runtime in runtimes() {
        let mut pids = Vec::new();
        runtime.block_on(async {
            let mut inputs = Vec::new();
            for n in 0..6 {
                let mut child = reads_until_closed();
                inputs.push(child.stdin.take());
                pids.push(child.id());
                let watch = if n % 2 == 0 { Watched::new } else { Watched::by_signal };
                orphan::adopt(watch(child).unwrap());
            }
            assert!(pids.iter().all(|&pid| exists(pid)));
            drop(inputs);
            let start = Instant::now();
            while pids.iter().any(|&pid| exists(pid)) {
                assert!(start.elapsed() < Duration::from_secs(30), "zombies");
                crate::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
}

#[test]
fn an_orphan_that_outlives_the_runtime_is_left_to_others() {
    let [runtime, _] = runtimes();
    let mut child = reads_until_closed();
    let (stdin, pid) = (child.stdin.take(), child.id());
    runtime.block_on(async { orphan::adopt(Watched::new(child).unwrap()) });
    drop(runtime);
    assert!(orphan::count_left() >= 1);
    drop(stdin);
    eventually("reaped", || {
        orphan::reap();
        !exists(pid)
    });
}

fn all<T: Send + Sync + Unpin>() {}
fn unwinding<T: UnwindSafe + RefUnwindSafe>() {}
fn sendable<T: Send>(_: T) {}

#[test]
fn types_and_futures() {
    all::<Command>();
    all::<Child>();
    all::<ChildStdin>();
    all::<ChildStdout>();
    all::<ChildStderr>();
    unwinding::<ChildStdin>();
    unwinding::<ChildStdout>();
    unwinding::<ChildStderr>();
    // Never run: only the types matter.
    fn check(command: &mut Command, mut child: Child) {
        sendable(command.status());
        sendable(command.output());
        sendable(child.wait());
        sendable(child.kill());
        sendable(child.wait_with_output());
    }
    let _ = check;
}
