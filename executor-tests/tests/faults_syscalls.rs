//! System calls that the kernel refuses, one kind after the other: watches of epoll used up, no memory, too
//! many files in the system. A seccomp filter says so, to the threads that have it; what is tried is the code
//! that ships. Each test in a child process: a filter stays as long as its thread.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod support;

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gmp::io::unix::AsyncFd;
use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use gmp::runtime::{Builder, Runtime};
use support::*;

/// What a filter refuses.
#[derive(Clone, Copy)]
struct Refusal {
    call: libc::c_long,
    /// Only with this second argument.
    second: Option<u32>,
    errno: i32,
}

/// From here on the kernel refuses it to this thread, and to those that it starts: to an M as well that is made
/// because this thread has woken a task. What must succeed afterwards is therefore done by a `block_on` of a
/// thread without a filter, not by a task.
fn refuse(refusal: Refusal) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const ANSWER: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // Where the number of the call lies, and the lower half of its second argument.
    let second = std::mem::offset_of!(libc::seccomp_data, args) as u32
        + 8
        + if cfg!(target_endian = "big") { 4 } else { 0 };
    let no = libc::SECCOMP_RET_ERRNO | refusal.errno as u32;
    let mut program = vec![step(LOAD, 0, 0, std::mem::offset_of!(libc::seccomp_data, nr) as u32)];
    match refusal.second {
        None => program.push(step(IF_EQUAL, 0, 1, refusal.call as u32)),
        Some(value) => program.extend([
            step(IF_EQUAL, 0, 3, refusal.call as u32),
            step(LOAD, 0, 0, second),
            step(IF_EQUAL, 0, 1, value),
        ]),
    }
    program.push(step(ANSWER, 0, 0, no));
    program.push(step(ANSWER, 0, 0, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: numbers only.
    let promised = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(promised, 0, "{}", io::Error::last_os_error());
    // SAFETY: the filter and its program are alive during the call, which copies them.
    let set = unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &filter as *const _)
    };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

fn refusing<R: Send>(refusal: Refusal, f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            refuse(refusal);
            f()
        });
        thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    })
}

fn epoll_ctl(op: i32, errno: i32) -> Refusal {
    Refusal { call: libc::SYS_epoll_ctl, second: Some(op as u32), errno }
}

fn call(call: libc::c_long, errno: i32) -> Refusal {
    Refusal { call, second: None, errno }
}

/// How many files are open. The fewest of a few counts: sysmon reads the machine's limits now and then.
fn open_fds() -> usize {
    let count = |_| {
        std::thread::sleep(Duration::from_millis(1));
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    };
    (0..5).map(count).min().unwrap()
}

/// I/O sources that the runtime has.
fn sources(runtime: &Runtime) -> u64 {
    let metrics = runtime.metrics();
    metrics.io_driver_fd_registered_count() - metrics.io_driver_fd_deregistered_count()
}

/// The error of something that must fail with this number.
#[track_caller]
fn refused<T>(result: io::Result<T>, errno: i32) {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => assert_eq!(error.raw_os_error(), Some(errno), "{error}"),
    }
}

/// A connection, a timer and a task.
async fn all_is_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (client, server) = gmp::join!(TcpStream::connect(addr), listener.accept());
    let (mut client, (mut server, _)) = (client.unwrap(), server.unwrap());
    let client = gmp::spawn(async move {
        client.write_u32(7).await.unwrap();
        client.read_u32().await.unwrap()
    });
    let n = server.read_u32().await.unwrap();
    gmp::time::sleep(Duration::from_millis(1)).await;
    server.write_u32(n + 1).await.unwrap();
    assert_eq!(client.await.unwrap(), 8);
}

#[test]
fn i_register_refused() {
    // `max_user_watches` is reached, or there is no memory: whoever registers hears of it and gets nothing
    // half done, what was registered before goes on, and later tries succeed.
    if child_succeeds("i_register_refused", "", &[]).is_some() {
        return;
    }
    for runtime in flavours() {
        for errno in [libc::ENOSPC, libc::ENOMEM] {
            let outside = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let outside_addr = outside.local_addr().unwrap();
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let addr = listener.local_addr().unwrap();
            // Waits in a task, on whichever thread, for all that follows.
            let (mut near, mut far) = {
                let _entered = runtime.enter();
                UnixStream::pair().unwrap()
            };
            let waits = runtime.spawn(async move { far.read_u32().await.unwrap() });
            let (open, had) = (open_fds(), sources(&runtime));
            refusing(epoll_ctl(libc::EPOLL_CTL_ADD, errno), || {
                runtime.block_on(async {
                    for _ in 0..50 {
                        refused(TcpListener::bind("127.0.0.1:0").await, errno);
                        refused(TcpStream::connect(outside_addr).await, errno);
                        refused(UdpSocket::bind("127.0.0.1:0").await, errno);
                        refused(UnixStream::pair(), errno);
                        refused(gmp::net::unix::pipe::pipe(), errno);
                        let (_writer, reader) = std::os::unix::net::UnixStream::pair().unwrap();
                        reader.set_nonblocking(true).unwrap();
                        let number = reader.as_raw_fd();
                        // SAFETY: it keeps its descriptor.
                        let error = unsafe { AsyncFd::register(reader) }.unwrap_err();
                        let (reader, error) = error.into_parts();
                        assert_eq!(reader.as_raw_fd(), number, "what was lent comes back");
                        refused::<()>(Err(error), errno);
                    }
                    // Accepted, but it cannot be watched: it is closed again, and its peer sees it.
                    let mut client = std::net::TcpStream::connect(addr).unwrap();
                    refused(listener.accept().await, errno);
                    let end = client.read(&mut [0; 1]).map_err(|error| error.kind());
                    assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
                    gmp::time::sleep(Duration::from_millis(1)).await;
                });
            });
            assert_eq!(open_fds(), open, "something was left behind");
            assert_eq!(sources(&runtime), had, "something was left behind");
            runtime.block_on(async {
                near.write_u32(11).await.unwrap();
                assert_eq!(waits.await.unwrap(), 11);
                let (client, server) = gmp::join!(TcpStream::connect(addr), listener.accept());
                client.unwrap();
                server.unwrap();
                all_is_well().await;
            });
        }
        within_patience(move || drop(runtime));
    }
}

#[test]
fn i_register_refused_on_every_thread() {
    // The same where all threads of the runtime are refused: tasks hear of it, nothing hangs, and shutdown
    // ends.
    if child_succeeds("i_register_refused_on_every_thread", "", &[]).is_some() {
        return;
    }
    let errno = libc::ENOSPC;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || refuse(epoll_ctl(libc::EPOLL_CTL_ADD, errno)))
        .build()
        .unwrap();
    let open = open_fds();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            runtime.spawn(async move {
                refused(UdpSocket::bind("127.0.0.1:0").await, errno);
                gmp::time::sleep(Duration::from_millis(1)).await;
                gmp::task::spawn_blocking(|| ()).await.unwrap();
                refused(UnixStream::pair(), errno);
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(open_fds(), open, "something was left behind");
    within_patience(move || drop(runtime));
}

#[test]
fn i_deregister_refused() {
    // mio's error goes to who asks for the socket back; who only drops it never hears of it. The slot is free
    // again in either case, and the descriptor's end takes it from the kernel.
    if child_succeeds("i_deregister_refused", "", &[]).is_some() {
        return;
    }
    let errno = libc::ENOMEM;
    for runtime in flavours() {
        let (open, had) = (open_fds(), sources(&runtime));
        let sockets = runtime.block_on(async {
            let mut sockets = Vec::new();
            for _ in 0..40 {
                sockets.push(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            }
            sockets
        });
        refusing(epoll_ctl(libc::EPOLL_CTL_DEL, errno), || {
            runtime.block_on(async {
                for (n, socket) in sockets.into_iter().enumerate() {
                    if n % 2 == 0 {
                        refused(socket.into_std(), errno);
                    }
                }
            });
        });
        assert_eq!(open_fds(), open, "something was left behind");
        assert_eq!(sources(&runtime), had, "something was left behind");
        runtime.block_on(all_is_well());
        within_patience(move || drop(runtime));
    }
}

#[test]
fn i_accept_refused() {
    // Too many files in the system, no memory, a connection that has gone: told, and the next one is accepted.
    if child_succeeds("i_accept_refused", "", &[]).is_some() {
        return;
    }
    for runtime in flavours() {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        for errno in [libc::ENFILE, libc::ENOMEM, libc::ENOBUFS, libc::ECONNABORTED] {
            let client = std::net::TcpStream::connect(addr).unwrap();
            let others = Arc::new(AtomicUsize::new(0));
            let others_too = others.clone();
            let goes_on = runtime.spawn(async move {
                while others_too.fetch_add(1, SeqCst) < 20 {
                    gmp::time::sleep(Duration::from_millis(1)).await;
                }
            });
            refusing(call(libc::SYS_accept4, errno), || {
                runtime.block_on(async {
                    for _ in 0..20 {
                        refused(listener.accept().await, errno);
                    }
                    goes_on.await.unwrap();
                });
            });
            // It has waited in the listener.
            let (server, peer) = runtime.block_on(listener.accept()).unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
            drop(server);
        }
        within_patience(move || drop(runtime));
    }
}

#[test]
fn i_sockets_refused() {
    if child_succeeds("i_sockets_refused", "", &[]).is_some() {
        return;
    }
    let runtime = threaded(2);
    let open = open_fds();
    for errno in [libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
        refusing(call(libc::SYS_socket, errno), || {
            runtime.block_on(async {
                for _ in 0..20 {
                    refused(TcpListener::bind("127.0.0.1:0").await, errno);
                    refused(TcpStream::connect("127.0.0.1:1").await, errno);
                    refused(UdpSocket::bind("127.0.0.1:0").await, errno);
                }
            });
        });
    }
    assert_eq!(open_fds(), open, "something was left behind");
    runtime.block_on(all_is_well());
}

#[test]
fn a_runtime_without_a_poller_is_not_built() {
    // Whatever it needs and cannot have is the builder's error, and nothing of it stays.
    if child_succeeds("a_runtime_without_a_poller_is_not_built", "", &[]).is_some() {
        return;
    }
    let refusals = [
        call(libc::SYS_epoll_create1, libc::EMFILE),
        call(libc::SYS_epoll_create1, libc::ENOMEM),
        call(libc::SYS_eventfd2, libc::ENFILE),
        epoll_ctl(libc::EPOLL_CTL_ADD, libc::ENOSPC),
    ];
    let build: [fn() -> io::Result<Runtime>; 2] = [
        || Builder::new_multi_thread().enable_all().build(),
        || Builder::new_current_thread().enable_all().build(),
    ];
    for refusal in refusals {
        let open = open_fds();
        refusing(refusal, || {
            for build in build {
                for _ in 0..20 {
                    refused(build(), refusal.errno);
                }
            }
        });
        assert_eq!(open_fds(), open, "something was left behind");
    }
    for build in build {
        build().unwrap().block_on(all_is_well());
    }
}

#[test]
fn a_runtime_without_timers_of_the_kernels() {
    // A sandbox without timerfd: sleeps end, not too early, and sysmon looks after polls that last as ever.
    if child_succeeds("a_runtime_without_timers_of_the_kernels", "", &[]).is_some() {
        return;
    }
    for errno in [libc::EMFILE, libc::ENOMEM, libc::EPERM] {
        refusing(call(libc::SYS_timerfd_create, errno), || {
            for runtime in flavours() {
                runtime.block_on(async {
                    all_is_well().await;
                    for us in [300, 3_000, 30_000, 300_000] {
                        let (asked, before) = (Duration::from_micros(us), Instant::now());
                        gmp::time::sleep(asked).await;
                        assert!(before.elapsed() >= asked);
                    }
                });
                within_patience(move || drop(runtime));
            }
            a_lone_poll_that_lasts_holds_up_nobody();
        });
    }
    a_lone_poll_that_lasts_holds_up_nobody();
}

/// After a time without events, or with few, a poll blocks that has another task behind it in runnext.
fn a_lone_poll_that_lasts_holds_up_nobody() {
    let runtime = threaded(2);
    for pause in [1, 20, 300] {
        let ticker = runtime.spawn(async move {
            loop {
                gmp::time::sleep(Duration::from_millis(pause)).await;
            }
        });
        thread::sleep(Duration::from_millis(400));
        let (tx, rx) = std::sync::mpsc::channel();
        let blocks = runtime.spawn(async move {
            gmp::spawn(async move { tx.send(()).unwrap() });
            // Until the other one has run, elsewhere.
            rx.recv_timeout(PATIENCE).expect("somebody comes for it");
            ticker.abort();
        });
        runtime.block_on(blocks).unwrap();
    }
    within_patience(move || drop(runtime));
}

#[test]
fn children_without_pidfds() {
    // An old kernel, a sandbox, no descriptor left: children are waited for by SIGCHLD then.
    if child_succeeds("children_without_pidfds", "", &[]).is_some() {
        return;
    }
    for errno in [libc::ENOSYS, libc::EPERM, libc::EMFILE] {
        refusing(call(libc::SYS_pidfd_open, errno), || {
            for runtime in [current(), threaded(2)] {
                runtime.block_on(async {
                    for code in 0..5 {
                        let mut child = gmp::process::Command::new("sh")
                            .args(["-c", &format!("exit {code}")])
                            .spawn()
                            .unwrap();
                        let status = gmp::time::timeout(PATIENCE, child.wait()).await;
                        assert_eq!(status.expect("it has ended").unwrap().code(), Some(code));
                    }
                });
            }
        });
    }
}
