//! Odd things that tasks, their wakers and their drops do.

#![allow(clippy::waker_clone_wake)] // clones that are woken are what is tested

mod support;

use std::future::{pending, poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use gmp::sync::{mpsc, oneshot};
use gmp::task::JoinHandle;
use support::*;

fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Lets everything that is ready run, on the only thread.
fn run_all(runtime: &gmp::runtime::Runtime) {
    runtime.block_on(async {
        for _ in 0..20 {
            gmp::task::yield_now().await;
        }
    });
}

#[test]
fn w_double() {
    let runtime = current();
    let (tx, rx) = channel::<Waker>();
    let polls = Arc::new(AtomicUsize::new(0));
    runtime.spawn(poll_fn({
        let polls = polls.clone();
        move |cx| {
            polls.fetch_add(1, SeqCst);
            let _full = tx.send(cx.waker().clone());
            Poll::<()>::Pending
        }
    }));
    run_all(&runtime);
    let waker = rx.recv().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let waker = waker.clone();
            thread::spawn(move || waker.wake())
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    run_all(&runtime);
    assert_eq!(polls.load(SeqCst), 2, "four wakes before it ran: one poll");
}

#[test]
fn t_spawn_in_drop_t_wake_in_drop_while_running() {
    struct Meddle(mpsc::UnboundedSender<u8>);
    impl Drop for Meddle {
        fn drop(&mut self) {
            let tx = self.0.clone();
            gmp::spawn(async move { tx.send(1).unwrap() });
            self.0.send(2).unwrap();
        }
    }
    for runtime in flavours() {
        let (tx, mut rx) = mpsc::unbounded_channel();
        // The output is dropped by its handle, here, if its task was the faster one: it spawns then, too.
        let _inside = runtime.enter();
        // The future's drop, the output's drop, and the drop by an abort.
        let meddle = Meddle(tx.clone());
        runtime.spawn(async move { drop(meddle) });
        let meddle = Meddle(tx.clone());
        runtime.spawn(async move { meddle });
        let meddle = Meddle(tx);
        let task = runtime.spawn(async move {
            let _meddle = meddle;
            pending::<()>().await;
        });
        task.abort();
        let sum = runtime.block_on(async {
            let mut sum = 0;
            while let Some(n) = rx.recv().await {
                sum += n;
            }
            sum
        });
        assert_eq!(sum, 9);
    }
}

#[test]
fn t_schedule_reentrant() {
    // A foreign waker that spawns, aborts and polls other handles when it is woken, cloned by nobody.
    struct Reenter {
        handle: gmp::runtime::Handle,
        other: Mutex<Option<JoinHandle<()>>>,
        ran: AtomicUsize,
    }
    impl Wake for Reenter {
        fn wake(self: Arc<Self>) {
            self.ran.fetch_add(1, SeqCst);
            self.handle.spawn(async {});
            if let Some(other) = self.other.lock().unwrap().take() {
                other.abort();
                drop(other);
            }
        }
    }
    for runtime in flavours() {
        let other = runtime.spawn(pending::<()>());
        let reenter = Arc::new(Reenter {
            handle: runtime.handle().clone(),
            other: Mutex::new(Some(other)),
            ran: AtomicUsize::new(0),
        });
        let (tx, rx) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move { rx.await.unwrap() });
        assert!(poll_with(&mut task, &Waker::from(reenter.clone())).is_pending());
        tx.send(()).unwrap();
        runtime.block_on(async {
            while reenter.ran.load(SeqCst) == 0 {
                gmp::task::yield_now().await;
            }
        });
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn t_large_future() {
    for runtime in flavours() {
        // Boxed, it is moved once.
        let big = Box::pin(async {
            let bytes = [1u8; 1 << 18];
            gmp::task::yield_now().await;
            std::hint::black_box(&bytes).iter().map(|&byte| usize::from(byte)).sum::<usize>()
        });
        assert_eq!(runtime.block_on(runtime.spawn(big)).unwrap(), 1 << 18);
        // In place it is copied a few times; those have to fit the smallest stacks.
        let task = runtime.spawn(async {
            let bytes = [1u8; 1 << 15];
            gmp::task::yield_now().await;
            std::hint::black_box(&bytes).iter().map(|&byte| usize::from(byte)).sum::<usize>()
        });
        assert_eq!(runtime.block_on(task).unwrap(), 1 << 15);
        // So is an output, on its way into the task and out of the handle.
        let task = runtime.spawn(async { [7_u8; 100_000] });
        assert!(runtime.block_on(task).unwrap().iter().all(|byte| *byte == 7));
    }
}

#[test]
fn zero_sized_and_aligned_futures() {
    #[repr(align(256))]
    struct Aligned(u8);
    for runtime in flavours() {
        runtime.block_on(async {
            gmp::spawn(std::future::ready(())).await.unwrap();
            let aligned = Aligned(7);
            let address = gmp::spawn(async move {
                gmp::task::yield_now().await;
                assert_eq!(aligned.0, 7);
                std::ptr::from_ref(&aligned).addr()
            })
            .await
            .unwrap();
            assert_eq!(address % 256, 0);
            assert_eq!(gmp::spawn(async { Aligned(9) }).await.unwrap().0, 9);
        });
    }
}

#[test]
fn a_task_is_never_polled_by_two_threads() {
    let runtime = threaded(4);
    let inside = Arc::new(AtomicBool::new(false));
    let (tx, rx) = channel::<Waker>();
    let stop = Arc::new(AtomicBool::new(false));
    let task = runtime.spawn(poll_fn({
        let (inside, stop) = (inside.clone(), stop.clone());
        move |cx| {
            assert!(!inside.swap(true, SeqCst), "two polls at once");
            let _gone = tx.send(cx.waker().clone());
            thread::yield_now();
            assert!(inside.swap(false, SeqCst));
            if stop.load(SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }
    }));
    let waker = rx.recv().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let waker = waker.clone();
            thread::spawn(move || {
                for _ in 0..5000 {
                    waker.wake_by_ref();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    stop.store(true, SeqCst);
    waker.wake();
    runtime.block_on(task).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn m_tls_destructors() {
    use std::cell::RefCell;
    if child_succeeds("m_tls_destructors", "", &[]).is_some() {
        return;
    }
    struct OnExit(Option<Box<dyn FnOnce()>>);
    impl Drop for OnExit {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }
    thread_local! {
        static FIRST: RefCell<OnExit> = const { RefCell::new(OnExit(None)) };
        static LAST: RefCell<OnExit> = const { RefCell::new(OnExit(None)) };
    }
    let served = threaded(2);
    for first in [true, false] {
        let drops = Drops::default();
        let (handle, counted) = (served.handle().clone(), drops.clone());
        thread::spawn(move || {
            let key = if first { &FIRST } else { &LAST };
            // Registers the destructor before (or after) the runtime's own thread locals exist.
            if first {
                key.with(|_| ());
            }
            let runtime = threaded(2);
            let (sleep, stream, task) = runtime.block_on(async {
                let listener = gmp::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let stream =
                    gmp::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
                let mut sleep = Box::pin(gmp::time::sleep(Duration::from_secs(60)));
                let _pending = poll_with(&mut sleep, Waker::noop());
                (sleep, stream, gmp::spawn(pending::<()>()))
            });
            let (guard, other) = (counted.guard(), counted.guard());
            key.with(|slot| {
                slot.borrow_mut().0 = Some(Box::new(move || {
                    // Spawning by a handle, making, using and dropping runtimes, dropping what belongs to
                    // one; and outside of a runtime it is outside of a runtime.
                    let (tx, rx) = channel();
                    handle.spawn(async move { tx.send(1).unwrap() });
                    assert_eq!(rx.recv_timeout(PATIENCE), Ok(1));
                    drop((sleep, stream, task));
                    assert!(gmp::runtime::Handle::try_current().is_err());
                    runtime.spawn(async move {
                        let _guard = guard;
                        pending::<()>().await;
                    });
                    assert_eq!(
                        runtime.block_on(async { gmp::spawn(async { 2 }).await.unwrap() }),
                        2
                    );
                    drop(runtime);
                    let fresh = current();
                    assert_eq!(fresh.block_on(async { gmp::spawn(async { 3 }).await.unwrap() }), 3);
                    drop(other);
                }));
            });
        })
        .join()
        .unwrap();
        assert_eq!(drops.count(), 2);
    }
}

#[cfg(unix)]
#[test]
fn m_exit_while_running() {
    let Some(output) = in_child("m_exit_while_running", "", &[]) else {
        let runtime = threaded(4);
        for _ in 0..8 {
            runtime.spawn(async {
                loop {
                    gmp::task::yield_now().await;
                }
            });
        }
        runtime.spawn(async {
            gmp::time::sleep(Duration::from_millis(5)).await;
            std::process::exit(42);
        });
        thread::sleep(PATIENCE);
        return;
    };
    assert_eq!(output.status.code(), Some(42), "{}", text_of_child(&output));
}

#[test]
fn m_runtime_in_static_m_runtime_in_tls() {
    use std::sync::OnceLock;
    static FOR_EVER: OnceLock<gmp::runtime::Runtime> = OnceLock::new();
    let Some(output) = in_child("m_runtime_in_static_m_runtime_in_tls", "", &[]) else {
        let runtime = FOR_EVER.get_or_init(|| threaded(2));
        runtime.spawn(pending::<()>());
        assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
        thread_local! {
            static MINE: gmp::runtime::Runtime = threaded(2);
        }
        thread::spawn(|| {
            MINE.with(|runtime| {
                runtime.spawn(pending::<()>());
                assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
            });
        })
        .join()
        .unwrap();
        return;
    };
    assert!(output.status.success(), "{}", text_of_child(&output));
}

#[test]
fn q_burst_inject() {
    let runtime = threaded(2);
    let count = if cfg!(debug_assertions) { 10_000 } else { 100_000 };
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (handle, done) = (runtime.handle().clone(), done.clone());
            thread::spawn(move || {
                for _ in 0..count {
                    let done = done.clone();
                    handle.spawn(async move { done.fetch_add(1, SeqCst) });
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    eventually("all of them ran", || done.load(SeqCst) == 8 * count);
    eventually("all of them are gone", || Arc::strong_count(&done) == 1);
}

#[test]
fn q_overflow_vs_steal() {
    // One task that spawns far more than a local queue holds, again and again, while others steal.
    let runtime = threaded(4);
    let done = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let spawners: Vec<_> = (0..4)
            .map(|_| {
                let done = done.clone();
                gmp::spawn(async move {
                    for _ in 0..20 {
                        let tasks: Vec<_> = (0..700)
                            .map(|_| {
                                let done = done.clone();
                                gmp::spawn(async move { done.fetch_add(1, SeqCst) })
                            })
                            .collect();
                        for task in tasks {
                            task.await.unwrap();
                        }
                    }
                })
            })
            .collect();
        for spawner in spawners {
            spawner.await.unwrap();
        }
    });
    assert_eq!(done.load(SeqCst), 4 * 20 * 700);
}
