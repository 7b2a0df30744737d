//! What the behaviour tests share.
#![allow(dead_code)] // each test binary uses a part

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gmp::runtime::{Builder, Runtime};

/// Long enough for anything that happens at all, on a machine that does ten other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn threaded(procs: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(procs).enable_all().build().unwrap()
}

pub(crate) fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// One runtime of each kind that matters: who runs the tasks differs.
pub(crate) fn flavours() -> Vec<Runtime> {
    vec![current(), threaded(1), threaded(4)]
}

/// Waits for something that must come to be, on a thread of no runtime.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "still not: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a closure on a thread of its own and fails, instead of hanging, when it does not end.
#[track_caller]
pub(crate) fn within_patience<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let (tx, rx) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        let result = f();
        let _the_test_gave_up = tx.send(());
        result
    });
    match rx.recv_timeout(PATIENCE) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("did not end"),
        _ => thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload)),
    }
}

/// The text of the panic that a closure must end in.
#[track_caller]
pub(crate) fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("there was no panic"),
        Err(payload) => text_of(&*payload),
    }
}

pub(crate) fn text_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    payload.downcast_ref::<String>().cloned().expect("a panic with a text")
}

/// Counts drops.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// A value whose drop is counted.
    pub(crate) fn guard(&self) -> DropGuard {
        DropGuard(self.0.clone())
    }
}

pub(crate) struct DropGuard(Arc<AtomicUsize>);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Panics when it is dropped, except while its thread panics already.
pub(crate) struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("panic in a drop");
        }
    }
}

const CHILD: &str = "GMP_TEST_CHILD";

/// Is this process a child that [`in_child`] made?
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Reads to the end, on a thread of its own.
fn read_all(mut from: impl std::io::Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}

/// Runs the test `name` of this binary again, alone, in a process of its own, after the shell commands
/// `before` (limits, mostly) and with this environment. `None` in the child itself: go on with the test.
pub(crate) fn in_child(name: &str, before: &str, env: &[(&str, &str)]) -> Option<Output> {
    if is_child() {
        return None;
    }
    let exe = std::env::current_exe().unwrap();
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("{before}\nexec \"$0\" --exact \"$1\" --nocapture --test-threads=1"))
        .arg(exe)
        .arg(name)
        .env(CHILD, "1")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Read while it runs: a full pipe would stop it.
    let stdout = read_all(child.stdout.take().unwrap());
    let stderr = read_all(child.stderr.take().unwrap());
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if start.elapsed() > 2 * PATIENCE => {
                child.kill().unwrap();
                break None;
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let hangs = status.is_none();
    let output = Output {
        status: status.unwrap_or_else(|| child.wait().unwrap()),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    };
    assert!(!hangs, "the child hangs\n{}", text_of_child(&output));
    Some(output)
}

/// As [`in_child`], for a child that must succeed; answers what it wrote.
#[track_caller]
pub(crate) fn child_succeeds(name: &str, before: &str, env: &[(&str, &str)]) -> Option<String> {
    let output = in_child(name, before, env)?;
    let text = text_of_child(&output);
    assert!(output.status.success(), "the child failed\n{text}");
    assert!(text.contains("1 passed"), "the child ran no test\n{text}");
    Some(text)
}

pub(crate) fn text_of_child(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}\n{err}", output.status)
}
