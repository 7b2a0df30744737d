//! Faults from outside: signals in a storm, a full eventfd, no descriptors, no address space.
#![cfg(target_os = "linux")]

mod support;

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::Builder;
use support::*;

/// Timers, sockets, closures and foreign wakes, all of them; answers when all was right.
fn work(runtime: &gmp::runtime::Runtime, rounds: u32) {
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for round in 0..rounds {
            let client = gmp::spawn(async move {
                let mut client = TcpStream::connect(addr).await.unwrap();
                client.write_u32(round).await.unwrap();
                client.read_u32().await.unwrap()
            });
            let (mut server, _) = listener.accept().await.unwrap();
            let n = server.read_u32().await.unwrap();
            server.write_u32(n).await.unwrap();
            assert_eq!(client.await.unwrap(), round);
            let (before, pause) = (Instant::now(), Duration::from_millis(u64::from(round % 4)));
            gmp::time::sleep(pause).await;
            assert!(before.elapsed() >= pause, "a signal ended a sleep");
            assert_eq!(gmp::task::spawn_blocking(move || round).await.unwrap(), round);
            let (tx, rx) = gmp::sync::oneshot::channel();
            let thread = thread::spawn(move || tx.send(round).unwrap());
            assert_eq!(rx.await.unwrap(), round);
            thread.join().unwrap();
        }
    });
}

#[test]
#[allow(unsafe_code)]
fn i_eintr_storm() {
    // A timer's signals hit whichever thread runs, and the handler lets no call go on by itself.
    if child_succeeds("i_eintr_storm", "", &[]).is_some() {
        return;
    }
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: an action of zeros with a handler is one without flags and with an empty mask; the handler
    // does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()), 0);
    }
    for runtime in flavours() {
        // At threads that sleep in the kernel too, which the process's timer seldom hits.
        let over = Arc::new(AtomicBool::new(false));
        let storm = thread::spawn({
            let over = over.clone();
            move || {
                // SAFETY: `getpid` cannot fail.
                let process = unsafe { libc::getpid() };
                while !over.load(SeqCst) {
                    for entry in std::fs::read_dir("/proc/self/task").unwrap() {
                        let name = entry.unwrap().file_name();
                        let id: libc::pid_t = name.to_str().unwrap().parse().unwrap();
                        // SAFETY: a signal to a thread of this process, or to none if it has gone.
                        unsafe { libc::syscall(libc::SYS_tgkill, process, id, libc::SIGALRM) };
                    }
                    // By the kernel's clock: this sleep is one of those that are cut short.
                    thread::sleep(Duration::from_micros(300));
                }
            }
        });
        work(&runtime, 60);
        within_patience(move || drop(runtime));
        over.store(true, SeqCst);
        storm.join().unwrap();
    }
}

#[test]
#[allow(unsafe_code)]
fn i_eventfd_full() {
    // Every eventfd of the process is as full as it can be: wakes of a thread that polls still arrive.
    if child_succeeds("i_eventfd_full", "", &[]).is_some() {
        return;
    }
    use std::io::{Read, Write};
    for runtime in [threaded(2), current()] {
        work(&runtime, 2);
        let mut full = 0;
        for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
            let entry = entry.unwrap();
            let Ok(target) = std::fs::read_link(entry.path()) else { continue };
            if target.to_str() != Some("anon_inode:[eventfd]") {
                continue;
            }
            let number = entry.file_name().to_str().unwrap().parse().unwrap();
            // SAFETY: the runtime is alive, and has it open.
            let theirs = unsafe { BorrowedFd::borrow_raw(number) };
            let mut file = std::fs::File::from(theirs.try_clone_to_owned().unwrap());
            // Emptied first: what is in it may leave no room for that much.
            let _may_be_empty = file.read(&mut [0; 8]);
            if file.write_all(&(u64::MAX - 1).to_ne_bytes()).is_ok() {
                full += 1;
            }
        }
        assert!(full > 0, "the poller has none?");
        work(&runtime, 40);
        within_patience(move || drop(runtime));
    }
}

#[test]
fn runtimes_near_the_limit_of_descriptors() {
    // As many runtimes as fit, then an error; each goes and leaves room for the next.
    if child_succeeds("runtimes_near_the_limit_of_descriptors", "ulimit -n 64", &[]).is_some() {
        return;
    }
    for _ in 0..3 {
        let mut all = Vec::new();
        let error = loop {
            match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => all.push(runtime),
                Err(error) => break error,
            }
            assert!(all.len() < 64, "a runtime needs a descriptor");
        };
        assert_eq!(error.raw_os_error(), Some(24), "{error}");
        assert!(all.len() > 2, "only {} fit into 64 descriptors", all.len());
        for runtime in &all {
            runtime.block_on(async { gmp::time::sleep(Duration::from_millis(1)).await });
        }
    }
}

#[test]
fn connections_near_the_limit_of_descriptors() {
    // A server that runs into the limit again and again, and serves on.
    let name = "connections_near_the_limit_of_descriptors";
    if child_succeeds(name, "ulimit -n 64", &[]).is_some() {
        return;
    }
    let runtime = threaded(2);
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut refused = 0;
        for _ in 0..5 {
            let mut pairs = Vec::new();
            loop {
                let Ok(mut client) = std::net::TcpStream::connect(addr) else {
                    refused += 1;
                    break;
                };
                match listener.accept().await {
                    Ok((mut server, _)) => {
                        server.write_u8(9).await.unwrap();
                        let mut byte = [0];
                        std::io::Read::read_exact(&mut client, &mut byte).unwrap();
                        pairs.push((client, server));
                    }
                    Err(error) => {
                        assert_eq!(error.raw_os_error(), Some(24), "{error}");
                        refused += 1;
                        // Its connection waits in the listener.
                        pairs.clear();
                        let (server, _) = listener.accept().await.unwrap();
                        assert!(server.as_raw_fd() > 2);
                        break;
                    }
                }
            }
        }
        assert_eq!(refused, 5);
    });
}

#[test]
fn m_spawn_fails_now_and_then() {
    // Address space comes and goes while the runtime works: threads are had or not, work goes on.
    let name = "m_spawn_fails_now_and_then";
    let before = "ulimit -v 2500000";
    if child_succeeds(name, before, &[("MALLOC_ARENA_MAX", "1")]).is_some() {
        return;
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(8)
        .max_blocking_threads(8)
        .thread_stack_size(300_000_000)
        .thread_keep_alive(Duration::from_millis(1))
        .enable_all()
        .build()
        .unwrap();
    for round in 0..20 {
        let full: Vec<u8> = if round % 2 == 0 {
            let mut full = Vec::new();
            let _as_much_as_there_is = full.try_reserve_exact(1_200_000_000);
            full
        } else {
            Vec::new()
        };
        let (tx, rx) = channel();
        for n in 0..16 {
            let tx = tx.clone();
            runtime.spawn(async move {
                gmp::task::yield_now().await;
                gmp::task::block_in_place(|| thread::sleep(Duration::from_millis(1)));
                tx.send(n).unwrap();
            });
        }
        for _ in 0..16 {
            rx.recv_timeout(PATIENCE).expect("with the threads that there are");
        }
        drop(std::hint::black_box(full));
    }
}

#[test]
fn x_clock_steps_only_the_monotonic_clock() {
    // No step of the wall clock can be felt where nobody reads it.
    let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let (mut folders, mut files) = (vec![src], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["SystemTime::now", "CLOCK_REALTIME", "gettimeofday"] {
                assert!(!text.contains(word), "{word} in {}", path.display());
            }
        }
    }
    assert!(files > 100);
}
