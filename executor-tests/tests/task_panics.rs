//! Panics at every place where foreign code runs: the M survives, and the right one hears of it.

mod support;

use std::future::{pending, poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use gmp::runtime::Runtime;
use gmp::sync::{oneshot, Notify};
use gmp::task::JoinHandle;
use support::*;

/// Everybody who runs tasks still does: as many as there are Ps, twice over, and timers and closures.
#[track_caller]
fn still_alive(runtime: &Runtime) {
    runtime.block_on(async {
        let tasks: Vec<_> = (0..16).map(|_| gmp::spawn(gmp::task::yield_now())).collect();
        for task in tasks {
            task.await.unwrap();
        }
        gmp::spawn(async { gmp::time::sleep(Duration::from_millis(1)).await }).await.unwrap();
        gmp::task::spawn_blocking(|| ()).await.unwrap();
    });
}

fn joined_panic<T: Send + std::fmt::Debug + 'static>(
    runtime: &Runtime,
    task: JoinHandle<T>,
) -> String {
    let error = runtime.block_on(task).unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled());
    text_of(&*error.into_panic())
}

#[test]
fn p_poll() {
    for runtime in flavours() {
        let task = runtime.spawn(async {
            gmp::task::yield_now().await;
            panic!("in a poll {}", 1);
        });
        let task: JoinHandle<()> = task;
        let id = task.id();
        let error = runtime.block_on(task).unwrap_err();
        assert_eq!(error.id(), id);
        assert_eq!(error.to_string(), format!("task {id} panicked with message \"in a poll 1\""));
        assert_eq!(format!("{error:?}"), format!("JoinError::Panic({id:?}, \"in a poll 1\", ...)"));
        assert_eq!(text_of(&*error.try_into_panic().unwrap()), "in a poll 1");
        // Nobody listens.
        drop(runtime.spawn(async { panic!("detached") }));
        // Many at once.
        let tasks: Vec<JoinHandle<()>> = (0..50)
            .map(|_| runtime.spawn(async { std::panic::resume_unwind(Box::new(7)) }))
            .collect();
        for task in tasks {
            let error = runtime.block_on(task).unwrap_err();
            assert_eq!(error.to_string(), format!("task {} panicked", error.id()));
            assert_eq!(*error.into_panic().downcast::<i32>().unwrap(), 7);
        }
        still_alive(&runtime);
    }
}

/// Drops in a panicking thread, as a value on the stack would: guards of std's mutexes poison them.
#[test]
fn a_panic_drops_the_future_as_it_unwinds() {
    struct Seen(std::sync::mpsc::Sender<bool>);
    impl Drop for Seen {
        fn drop(&mut self) {
            let _nobody_asks = self.0.send(thread::panicking());
        }
    }
    struct Boom(#[allow(dead_code)] Seen, bool);
    impl Future for Boom {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            assert!(!self.1, "in a poll");
            Poll::Ready(())
        }
    }
    for runtime in flavours() {
        for panics in [true, false] {
            let (send, seen) = std::sync::mpsc::channel();
            let task = runtime.spawn(Boom(Seen(send), panics));
            assert_eq!(runtime.block_on(task).is_err(), panics);
            assert_eq!(seen.recv().unwrap(), panics);
        }
    }
}

#[test]
fn join_errors_become_io_errors() {
    let runtime = current();
    let task: JoinHandle<()> = runtime.spawn(async { panic!("x") });
    let error = std::io::Error::from(runtime.block_on(task).unwrap_err());
    assert_eq!(
        (error.kind(), error.to_string()),
        (std::io::ErrorKind::Other, "task panicked".into())
    );
    let task = runtime.spawn(pending::<()>());
    task.abort();
    let error = runtime.block_on(task).unwrap_err();
    let text = panic_text(|| {
        let task = runtime.spawn(pending::<()>());
        task.abort();
        runtime.block_on(task).unwrap_err().into_panic()
    });
    assert!(text.starts_with("`JoinError` reason is not a panic."), "{text}");
    assert_eq!(std::io::Error::from(error).to_string(), "task was cancelled");
}

#[test]
fn p_future_drop() {
    /// Ready at once, and panics in its drop.
    struct ReadyBomb(#[allow(dead_code)] PanicOnDrop);
    impl Future for ReadyBomb {
        type Output = u8;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
            Poll::Ready(1)
        }
    }
    for runtime in flavours() {
        // After it was ready.
        let task = runtime.spawn(ReadyBomb(PanicOnDrop));
        assert_eq!(joined_panic(&runtime, task), "panic in a drop");
        drop(runtime.spawn(ReadyBomb(PanicOnDrop)));
        // While its own panic unwinds: the first one counts, the second is not thrown.
        let task: JoinHandle<()> = runtime.spawn(async {
            let _bomb = PanicOnDrop;
            panic!("first");
        });
        assert_eq!(joined_panic(&runtime, task), "first");
        still_alive(&runtime);
        // By the runtime's end, where nobody hears it.
        let drops = Drops::default();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let guard = drops.guard();
                runtime.spawn(async move {
                    let (_guard, _bomb) = (guard, PanicOnDrop);
                    pending::<()>().await;
                })
            })
            .collect();
        runtime.block_on(async {
            for _ in 0..5 {
                gmp::task::yield_now().await;
            }
        });
        within_patience(move || drop(runtime));
        assert_eq!(drops.count(), 10);
        assert!(tasks.iter().all(|task| task.is_finished()));
    }
}

#[test]
fn p_output_drop_t_output_drop_panics() {
    for runtime in flavours() {
        // Detached before, and dropped by the M.
        drop(runtime.spawn(async { PanicOnDrop }));
        still_alive(&runtime);
        // Detached after, and dropped by the handle: swallowed.
        let task = runtime.spawn(async { PanicOnDrop });
        runtime.block_on(async {
            while !task.is_finished() {
                gmp::task::yield_now().await;
            }
        });
        drop(task);
        // Taken: whoever takes it drops it.
        let task = runtime.spawn(async { PanicOnDrop });
        let bomb = runtime.block_on(task).unwrap();
        assert_eq!(panic_text(|| drop(bomb)), "panic in a drop");
        still_alive(&runtime);
    }
}

#[test]
fn p_payload_drop() {
    for runtime in flavours() {
        // The payload's own drop panics: swallowed when nobody took it.
        for _ in 0..3 {
            drop(runtime.spawn(async { std::panic::resume_unwind(Box::new(PanicOnDrop)) }));
        }
        still_alive(&runtime);
        let task: JoinHandle<()> =
            runtime.spawn(async { std::panic::resume_unwind(Box::new(PanicOnDrop)) });
        let payload = runtime.block_on(task).unwrap_err().into_panic();
        assert_eq!(panic_text(|| drop(payload)), "panic in a drop");
        still_alive(&runtime);
    }
}

/// A foreign waker, bad in one way.
struct BadWaker {
    woken: AtomicUsize,
}

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, SeqCst);
        panic!("in a waker");
    }
}

fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn p_wake() {
    for runtime in flavours() {
        let bad = Arc::new(BadWaker { woken: AtomicUsize::new(0) });
        let waker = Waker::from(bad.clone());
        // The join waker.
        let (tx, rx) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move { rx.await.is_ok() });
        assert!(poll_with(&mut task, &waker).is_pending());
        tx.send(()).unwrap();
        runtime.block_on(async {
            let start = std::time::Instant::now();
            while bad.woken.load(SeqCst) == 0 {
                assert!(start.elapsed() < PATIENCE);
                gmp::task::yield_now().await;
            }
        });
        assert!(runtime.block_on(task).unwrap());
        still_alive(&runtime);
    }
}

#[test]
fn p_wake_of_a_timer() {
    for runtime in flavours() {
        let bad = Arc::new(BadWaker { woken: AtomicUsize::new(0) });
        let waker = Waker::from(bad.clone());
        // Others wait for the same moment: they are woken all the same.
        let (mut sleeps, tasks): (Vec<_>, Vec<_>) = {
            let _guard = runtime.enter();
            let at = gmp::time::Instant::now() + Duration::from_millis(20);
            (0..8)
                .map(|_| {
                    let mut sleep = Box::pin(gmp::time::sleep_until(at));
                    assert!(poll_with(&mut sleep, &waker).is_pending());
                    (sleep, runtime.spawn(gmp::time::sleep_until(at)))
                })
                .unzip()
        };
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
            let start = std::time::Instant::now();
            while bad.woken.load(SeqCst) < 8 {
                assert!(start.elapsed() < PATIENCE);
                gmp::time::sleep(Duration::from_millis(1)).await;
            }
        });
        for sleep in &mut sleeps {
            assert!(poll_with(sleep, Waker::noop()).is_ready());
        }
        still_alive(&runtime);
    }
}

#[test]
fn p_wake_of_io() {
    use std::io::Write;
    for runtime in flavours() {
        let bad = Arc::new(BadWaker { woken: AtomicUsize::new(0) });
        let waker = Waker::from(bad.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream =
            runtime.block_on(gmp::net::TcpStream::connect(listener.local_addr().unwrap())).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let mut cx = Context::from_waker(&waker);
        assert!(stream.poll_read_ready(&mut cx).is_pending());
        peer.write_all(b"x").unwrap();
        runtime.block_on(async {
            let start = std::time::Instant::now();
            while bad.woken.load(SeqCst) == 0 {
                assert!(start.elapsed() < PATIENCE);
                gmp::time::sleep(Duration::from_millis(1)).await;
            }
            stream.readable().await.unwrap();
        });
        still_alive(&runtime);
    }
}

#[test]
fn p_wake_at_shutdown() {
    for runtime in flavours() {
        let bad = Arc::new(BadWaker { woken: AtomicUsize::new(0) });
        let waker = Waker::from(bad.clone());
        let mut tasks: Vec<_> = (0..4).map(|_| runtime.spawn(pending::<()>())).collect();
        for task in &mut tasks {
            assert!(poll_with(task, &waker).is_pending());
        }
        let mut sleep = {
            let _guard = runtime.enter();
            Box::pin(gmp::time::sleep(Duration::from_secs(3600)))
        };
        assert!(poll_with(&mut sleep, &waker).is_pending());
        within_patience(move || drop(runtime));
        assert!(bad.woken.load(SeqCst) >= 4);
        assert!(tasks.iter().all(|task| task.is_finished()));
    }
}

/// The vtable of a waker that panics where told, for clone and drop, which `Wake` cannot reach.
#[allow(unsafe_code)]
mod raw {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::{RawWaker, RawWakerVTable, Waker};

    pub(super) static CLONES: AtomicUsize = AtomicUsize::new(0);
    pub(super) static DROPS: AtomicUsize = AtomicUsize::new(0);

    const CLONE_PANICS: RawWakerVTable = RawWakerVTable::new(
        |_| {
            CLONES.fetch_add(1, SeqCst);
            panic!("in a clone")
        },
        |_| (),
        |_| (),
        |_| (),
    );
    const DROP_PANICS: RawWakerVTable = RawWakerVTable::new(
        |data| RawWaker::new(data, &DROP_PANICS_STATIC),
        |_| (),
        |_| (),
        |_| {
            DROPS.fetch_add(1, SeqCst);
            panic!("in a drop of a waker")
        },
    );
    static CLONE_PANICS_STATIC: RawWakerVTable = CLONE_PANICS;
    static DROP_PANICS_STATIC: RawWakerVTable = DROP_PANICS;

    pub(super) fn clone_panics() -> Waker {
        // SAFETY: the functions use no data, and a panic is no breach of the contract.
        unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &CLONE_PANICS_STATIC)) }
    }

    pub(super) fn drop_panics() -> Waker {
        // SAFETY: as above.
        unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &DROP_PANICS_STATIC)) }
    }
}

#[test]
fn p_waker_clone() {
    for runtime in flavours() {
        let waker = raw::clone_panics();
        let mut task = runtime.spawn(async { gmp::task::yield_now().await });
        if !task.is_finished() {
            // On multi_thread it may be done before we come.
            let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                poll_with(&mut task, &waker).is_ready()
            }));
            if !matches!(polled, Ok(true)) {
                assert_eq!(text_of(&*polled.unwrap_err()), "in a clone");
                runtime.block_on(task).unwrap();
            }
        }
        let mut never = runtime.spawn(pending::<()>());
        assert_eq!(panic_text(|| poll_with(&mut never, &waker)), "in a clone");
        never.abort();
        assert!(runtime.block_on(never).unwrap_err().is_cancelled());
        still_alive(&runtime);
        std::mem::forget(waker);
    }
    assert!(raw::CLONES.load(SeqCst) >= 3);
}

#[test]
fn p_waker_drop() {
    for runtime in flavours() {
        let waker = std::mem::ManuallyDrop::new(raw::drop_panics());
        // Dropped with the handle, unused: swallowed.
        let mut task = runtime.spawn(pending::<()>());
        assert!(poll_with(&mut task, &waker).is_pending());
        drop(task);
        // Replaced by another one: the caller's panic, or swallowed, but the new one is in place.
        let (tx, rx) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move { rx.await.is_ok() });
        assert!(poll_with(&mut task, &waker).is_pending());
        let _either = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            poll_with(&mut task, Waker::noop()).is_pending()
        }));
        tx.send(()).unwrap();
        assert!(runtime.block_on(task).unwrap());
        still_alive(&runtime);
    }
    assert!(raw::DROPS.load(SeqCst) >= 3);
}

#[test]
fn p_in_a_wake_inside_of_a_poll() {
    // The notifier's poll gets the panic of the waker that it wakes; the notified one is not lost.
    for runtime in flavours() {
        let notify = Arc::new(Notify::new());
        let bad = Waker::from(Arc::new(BadWaker { woken: AtomicUsize::new(0) }));
        let mut waiting = Box::pin(notify.clone().notified_owned());
        assert!(poll_with(&mut waiting, &bad).is_pending());
        let task: JoinHandle<()> = runtime.spawn({
            let notify = notify.clone();
            async move { notify.notify_one() }
        });
        let result = runtime.block_on(task);
        if let Err(error) = result {
            assert_eq!(text_of(&*error.into_panic()), "in a waker");
        }
        assert!(poll_with(&mut waiting, Waker::noop()).is_ready());
        still_alive(&runtime);
    }
}

#[test]
fn polled_after_completion() {
    for runtime in flavours() {
        let mut task = runtime.spawn(async { 1 });
        assert_eq!(runtime.block_on(&mut task).unwrap(), 1);
        let text = panic_text(|| runtime.block_on(async { (&mut task).await.is_ok() }));
        assert_eq!(text, "JoinHandle polled after completion");
    }
}

#[test]
fn a_task_that_panics_while_others_wait_for_it() {
    let runtime = threaded(2);
    let (tx, rx) = oneshot::channel::<()>();
    let task: JoinHandle<()> = runtime.spawn(async move {
        rx.await.unwrap();
        panic!("while joined");
    });
    let joiner = runtime.spawn(async move { task.await.unwrap_err().is_panic() });
    thread::sleep(Duration::from_millis(10));
    tx.send(()).unwrap();
    assert!(runtime.block_on(joiner).unwrap());
}

#[test]
fn every_poll_panics_under_wakes_from_everywhere() {
    let runtime = threaded(4);
    let drops = Drops::default();
    let tasks: Vec<JoinHandle<()>> = (0..500)
        .map(|_| {
            let guard = drops.guard();
            let mut polls = 0;
            runtime.spawn(poll_fn(move |cx| {
                let _keep = &guard;
                polls += 1;
                let waker = cx.waker().clone();
                if polls == 1 {
                    gmp::spawn(async move { waker.wake() });
                    return Poll::Pending;
                }
                waker.wake();
                std::panic::resume_unwind(Box::new(()))
            }))
        })
        .collect();
    for task in tasks {
        assert!(runtime.block_on(task).unwrap_err().is_panic());
    }
    assert_eq!(drops.count(), 500);
    still_alive(&runtime);
}
