//! What the system refuses, and keeps refusing: threads, memory, a poller whose descriptors are gone. Each
//! in a child process: limits and a broken allocator concern the whole of it.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicIsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::{Builder, Runtime};
use support::*;

/// How many allocations still succeed; negative: all.
static LEFT: AtomicIsize = AtomicIsize::new(-1);

/// The system's allocator, until `LEFT` have been made.
struct Failing;

// SAFETY: the system's allocator, or null, which says that there is no memory.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Once at zero it stays there.
        let left = LEFT.fetch_update(SeqCst, SeqCst, |left| (left > 0).then_some(left - 1));
        if left == Err(0) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: from `alloc` above, which is the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// Sets the soft limit of threads of this user, and answers what it was.
fn limit_threads(most: libc::rlim_t) -> libc::rlim_t {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it writes to the struct that is lent to it.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NPROC, &mut limit) }, 0);
    let before = std::mem::replace(&mut limit.rlim_cur, most.min(limit.rlim_max));
    // SAFETY: it reads the struct that is lent to it.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &limit) }, 0);
    before
}

/// The limit does not hold for root.
fn become_nobody() {
    // SAFETY: no pointers; a user of no name that nobody else is.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::setgid(54_321), 0);
            assert_eq!(libc::setuid(54_321), 0);
        }
    }
}

/// A bit of everything that can be done by one thread.
fn work(runtime: &Runtime) {
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for round in 0..20u32 {
            let client = gmp::spawn(async move {
                let mut client = TcpStream::connect(addr).await.unwrap();
                client.write_u32(round).await.unwrap();
                client.read_u32().await.unwrap()
            });
            let (mut server, _) = listener.accept().await.unwrap();
            let n = server.read_u32().await.unwrap();
            gmp::time::sleep(Duration::from_micros(300)).await;
            server.write_u32(n).await.unwrap();
            assert_eq!(client.await.unwrap(), round);
            let inside = gmp::spawn(async move { gmp::task::block_in_place(|| round) });
            assert_eq!(inside.await.unwrap(), round);
            // Without a thread to spare it is refused, in tokio's words, and never forgotten.
            match catch_unwind(|| gmp::task::spawn_blocking(move || round)) {
                Ok(closure) => assert_eq!(closure.await.unwrap(), round),
                Err(refused) => {
                    let text = text_of(&*refused);
                    assert!(text.starts_with("OS can't spawn worker thread: "), "{text}");
                }
            }
        }
    });
}

#[test]
fn m_spawn_fails_by_the_users_limit() {
    let name = "m_spawn_fails_by_the_users_limit";
    let Some(text) = child_succeeds(name, "", &[]) else {
        become_nobody();
        let build = || Builder::new_multi_thread().worker_threads(4).enable_all().build();
        // There are two threads already.
        let before = limit_threads(1);
        let error = build().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        let text = error.to_string();
        assert!(text.starts_with("cannot start the first worker thread: "), "{text}");
        // What was half built has been taken down: the same again and again.
        let fds = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let open = fds();
        for _ in 0..100 {
            build().unwrap_err();
        }
        assert_eq!(fds(), open);

        limit_threads(before);
        let runtime = build().unwrap();
        limit_threads(1);
        work(&runtime);
        limit_threads(before);
        // Four polls that need each other, at the same time: a thread for each can be had again.
        let met = std::sync::Arc::new(std::sync::Barrier::new(4));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let met = met.clone();
                runtime.spawn(async move {
                    gmp::task::block_in_place(|| met.wait());
                })
            })
            .collect();
        within_patience(move || {
            runtime.block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
            });
        });
        return;
    };
    assert!(text.contains("gmp: cannot start a thread"), "the limit was never met: {text}");
}

#[test]
fn a_closure_gets_the_thread_that_sleeps_in_the_poller() {
    // The only thread there is and can be: it runs the closure, and is back in the poller for what comes then.
    let name = "a_closure_gets_the_thread_that_sleeps_in_the_poller";
    let Some(text) = child_succeeds(name, "", &[]) else {
        become_nobody();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        // This thread and that of the test harness are two already.
        limit_threads(1);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        runtime.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(b"!").await.unwrap();
            }
        });
        for round in 0..100 {
            let start = std::time::Instant::now();
            let closure = loop {
                // Asked before that thread has gone to sleep, it is refused.
                let ask = || {
                    runtime.spawn_blocking(move || {
                        thread::sleep(Duration::from_millis(u64::from(round % 10 == 0)));
                        round
                    })
                };
                match catch_unwind(std::panic::AssertUnwindSafe(ask)) {
                    Ok(closure) => break closure,
                    Err(refused) => {
                        let text = text_of(&*refused);
                        assert!(text.starts_with("OS can't spawn worker thread: "), "{text}");
                        assert!(start.elapsed() < PATIENCE, "it was never called");
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            };
            if round % 2 == 0 {
                assert_eq!(runtime.block_on(closure).unwrap(), round);
            }
            let mut client = std::net::TcpStream::connect(addr).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            std::io::Read::read_exact(&mut client, &mut [0]).expect("somebody polls");
            let task = runtime.spawn(async { gmp::time::sleep(Duration::from_micros(200)).await });
            runtime.block_on(task).unwrap();
        }
        drop(runtime);
        return;
    };
    assert!(text.contains("gmp: cannot start a thread"), "the limit was never met: {text}");
}

#[test]
fn the_first_thread_is_all_that_build_makes() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    if child_succeeds("the_first_thread_is_all_that_build_makes", "", &[]).is_some() {
        return;
    }
    let before = threads();
    let runtime = threaded(4);
    assert_eq!(threads(), before + 1);
    // It is the one that the first task gets.
    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
    assert_eq!(runtime.metrics().num_threads(), 1);
    drop(runtime);
    let runtime = current();
    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
    assert_eq!(threads(), before);
}

#[test]
fn a_poller_whose_descriptors_were_closed_is_told() {
    // By whoever closes numbers that are not his: nothing could ever become ready again.
    let name = "a_poller_whose_descriptors_were_closed_is_told";
    let Some(output) = in_child(name, "", &[]) else {
        let runtime = threaded(2);
        work(&runtime);
        for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
            let entry = entry.unwrap();
            let Ok(target) = std::fs::read_link(entry.path()) else { continue };
            if target.to_str() == Some("anon_inode:[eventpoll]") {
                let number = entry.file_name().to_str().unwrap().parse().unwrap();
                // SAFETY: for memory it is; for the runtime it is the fault that is tried here.
                unsafe { libc::close(number) };
            }
        }
        runtime.block_on(async { gmp::time::sleep(Duration::from_millis(5)).await });
        unreachable!("it went on without a poller");
    };
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", text_of_child(&output));
    let text = text_of_child(&output);
    assert!(text.contains("gmp: the I/O poller failed: "), "{text}");
    assert!(text.contains("file descriptors closed"), "{text}");
}

#[test]
fn allocation_fails() {
    // Rust ends the process if memory cannot be had. Wherever that is, it ends at once: no thread waits for
    // a lock that the failing one has, and nothing is half done and goes on.
    const NTH: &str = "GMP_TEST_NTH";
    let nth = std::env::var(NTH).ok().map(|n| n.parse::<isize>().expect("a number"));
    if let Some(nth) = nth {
        let runtime = threaded(2);
        work(&runtime);
        LEFT.store(nth, SeqCst);
        let tasks: Vec<_> = (0..nth)
            .map(|n| {
                runtime.spawn(async move {
                    gmp::time::sleep(Duration::from_micros(100)).await;
                    let inner = gmp::spawn(async move { vec![n; 10] });
                    gmp::task::spawn_blocking(move || n).await.unwrap() + inner.await.unwrap()[9]
                })
            })
            .collect();
        for task in tasks {
            let _sum = runtime.block_on(task);
        }
        unreachable!("each task allocates");
    }
    for nth in (0..12).chain([20, 33, 50, 100]) {
        let output = in_child("allocation_fails", "", &[(NTH, &nth.to_string())]);
        let output = output.expect("the child has a number");
        let text = text_of_child(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "number {nth}\n{text}");
        assert!(text.contains("memory allocation of"), "number {nth}\n{text}");
    }
}

#[test]
fn a_thread_locals_destructor_that_panics() {
    // On a runtime's thread, as it ends. Caught, it is nobody's business; not caught, std ends the process,
    // and nothing hangs.
    struct Parting(bool);
    impl Drop for Parting {
        fn drop(&mut self) {
            let caught = std::panic::catch_unwind(|| panic!("in a destructor"));
            assert!(caught.is_err());
            // There is no runtime here any more, and that can be asked.
            let _either = gmp::runtime::Handle::try_current().is_ok();
            assert!(!self.0, "not caught");
        }
    }
    thread_local! {
        static PARTING: std::cell::RefCell<Option<Parting>> = const { std::cell::RefCell::new(None) };
    }
    fn leave(uncaught: bool) {
        let runtime = threaded(2);
        runtime.block_on(async {
            let leaves =
                move || PARTING.with(|parting| *parting.borrow_mut() = Some(Parting(uncaught)));
            gmp::spawn(async move { leaves() }).await.unwrap();
            gmp::task::spawn_blocking(leaves).await.unwrap();
        });
        within_patience(move || drop(runtime));
    }
    let name = "a_thread_locals_destructor_that_panics";
    let Some(output) = in_child(name, "", &[]) else {
        leave(true);
        thread::sleep(PATIENCE);
        unreachable!("it went on");
    };
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", text_of_child(&output));
    leave(false);
}
