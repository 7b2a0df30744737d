//! Every setter of the builder does what it says.

mod support;

use std::cell::RefCell;
use std::future::pending;
use std::io::{Read, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{mpsc, Arc};
use std::thread;

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::runtime::{worker_index, Builder, Handle, UnhandledPanic};
use gmp::task::{self, JoinSet};
use support::{current, flavours, panic_text, threaded, within_patience, Drops};

#[test]
fn nothing_may_be_zero() {
    let mut builder = Builder::new_multi_thread();
    for (text, expected) in [
        (panic_text(|| builder.worker_threads(0)), "Worker threads cannot be set to 0"),
        (panic_text(|| builder.max_blocking_threads(0)), "Max blocking threads cannot be set to 0"),
        (panic_text(|| builder.event_interval(0)), "event_interval must be greater than 0"),
        (
            panic_text(|| builder.global_queue_interval(0)),
            "global_queue_interval must be greater than 0",
        ),
        (
            panic_text(|| builder.max_io_events_per_tick(0)),
            "max_io_events_per_tick must be non-zero",
        ),
        (
            panic_text(|| builder.max_io_events_per_busy_tick(0)),
            "max_io_events_per_busy_tick must be non-zero",
        ),
        (panic_text(|| builder.name(" ")), "runtime name shouldn't be empty"),
        (
            panic_text(|| builder.unhandled_panic(UnhandledPanic::ShutdownRuntime)),
            "UnhandledPanic::ShutdownRuntime is only supported in current thread runtime",
        ),
    ] {
        assert_eq!(text, expected);
    }
}

#[test]
fn intervals_of_one_slice() {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime =
            builder.event_interval(1).global_queue_interval(1).worker_threads(2).enable_all();
        let runtime = runtime.build().unwrap();
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for n in 0..100u32 {
                set.spawn(async move {
                    for _ in 0..10 {
                        task::yield_now().await;
                    }
                    n
                });
            }
            assert_eq!(set.join_all().await.into_iter().sum::<u32>(), 4950);
        });
    }
}

#[test]
fn one_event_at_a_time_serves_all() {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder
            .worker_threads(2)
            .max_io_events_per_tick(1)
            .max_io_events_per_busy_tick(1)
            .enable_all()
            .build()
            .unwrap();
        within_patience(move || {
            runtime.block_on(async {
                let listener = gmp::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let clients = thread::spawn(move || {
                    let mut all: Vec<_> =
                        (0..20).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
                    // All of them at once, and back.
                    for (n, client) in all.iter_mut().enumerate() {
                        client.write_all(&[n as u8]).unwrap();
                    }
                    for (n, client) in all.iter_mut().enumerate() {
                        let mut back = [0];
                        client.read_exact(&mut back).unwrap();
                        assert_eq!(back, [n as u8]);
                    }
                });
                let mut set = JoinSet::new();
                for _ in 0..20 {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    set.spawn(async move {
                        let mut byte = [0];
                        stream.read_exact(&mut byte).await.unwrap();
                        stream.write_all(&byte).await.unwrap();
                    });
                }
                set.join_all().await;
                clients.join().unwrap();
            });
        });
    }
}

#[test]
fn a_builder_builds_again() {
    let starts = Arc::new(AtomicUsize::new(0));
    let count = starts.clone();
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).name("twice").thread_name("twice-m").on_thread_start(move || {
        count.fetch_add(1, SeqCst);
    });
    let (first, second) = (builder.build().unwrap(), builder.build().unwrap());
    assert_ne!(first.handle().id(), second.handle().id());
    for runtime in [first, second] {
        assert_eq!(runtime.handle().name(), Some("twice"));
        let name = runtime.spawn(async { thread::current().name().map(String::from) });
        assert_eq!(runtime.block_on(name).unwrap().as_deref(), Some("twice-m"));
    }
    assert!(starts.load(SeqCst) >= 2);
}

#[test]
fn a_panic_ends_the_runtime_if_asked_for() {
    let expected =
        "a spawned task panicked and the runtime is configured to shut down on unhandled panic";
    let mut builder = Builder::new_current_thread();
    let runtime =
        builder.enable_all().unhandled_panic(UnhandledPanic::ShutdownRuntime).build().unwrap();
    let drops = Drops::default();
    let guard = drops.guard();
    let other = runtime.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    let text = within_patience(move || {
        let text = panic_text(|| {
            runtime.block_on(async {
                gmp::spawn(async { panic!("a bug") });
                pending::<()>().await;
            })
        });
        // It stays at an end.
        assert_eq!(panic_text(|| runtime.block_on(async {})), text);
        text
    });
    assert_eq!(text, expected);
    assert_eq!(drops.count(), 1);
    assert!(current().block_on(other).unwrap_err().is_cancelled());

    let runtime =
        Builder::new_current_thread().unhandled_panic(UnhandledPanic::Ignore).build().unwrap();
    let error = runtime.block_on(async { gmp::spawn(async { panic!("seen") }).await });
    assert!(error.unwrap_err().is_panic());
}

#[test]
fn worker_index_is_the_metrics() {
    assert_eq!(worker_index(), None);
    let runtime = current();
    assert_eq!(runtime.block_on(async { worker_index() }), Some(0));
    assert_eq!(
        runtime.block_on(async { gmp::spawn(async { worker_index() }).await.unwrap() }),
        Some(0)
    );
    assert_eq!(runtime.block_on(async { task::spawn_blocking(worker_index).await.unwrap() }), None);
    let runtime = threaded(3);
    assert_eq!(runtime.block_on(async { worker_index() }), None);
    runtime.block_on(async {
        let mut set: JoinSet<_> = (0..50).map(|_| async { worker_index() }).collect();
        let mut known = 0;
        while let Some(index) = set.join_next().await {
            // A thread that was held up goes on with a spare P.
            if let Some(index) = index.unwrap() {
                assert!(index < 3);
                known += 1;
            }
        }
        assert!(known > 0);
    });
}

#[test]
fn a_handle_in_the_destructor_of_a_thread_local() {
    struct Asks(mpsc::Sender<(bool, bool)>);
    impl Drop for Asks {
        fn drop(&mut self) {
            // The context can be read to the end of the thread, so this never panics.
            let late = Handle::try_current();
            let spawned = catch_unwind(AssertUnwindSafe(|| gmp::spawn(async {}))).is_ok();
            let _the_test_is_over = self.0.send((late.is_ok(), spawned));
        }
    }
    thread_local! {
        static ASKS: RefCell<Option<Asks>> = const { RefCell::new(None) };
    }
    for runtime in flavours() {
        let (tx, rx) = mpsc::channel();
        let closure = runtime.spawn_blocking(move || {
            ASKS.set(Some(Asks(tx)));
        });
        runtime.block_on(closure).unwrap();
        drop(runtime);
        let (current, spawned) = rx.recv_timeout(support::PATIENCE).unwrap();
        assert_eq!(current, spawned, "what `try_current` says is what `spawn` does");
    }
    // A thread outside.
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || ASKS.set(Some(Asks(tx)))).join().unwrap();
    assert_eq!(rx.recv().unwrap(), (false, false));
}

#[test]
fn one_yield_of_the_root_lets_all_tasks_run() {
    let runtime = current();
    runtime.block_on(async {
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..20 {
            let ran = ran.clone();
            gmp::spawn(async move { ran.fetch_add(1, SeqCst) });
        }
        task::yield_now().await;
        assert_eq!(ran.load(SeqCst), 20);
        // Chains of wake-ups, too.
        let (tx, rx) = gmp::sync::oneshot::channel();
        let chain = gmp::spawn(async move {
            let inner = gmp::spawn(async { rx.await.unwrap() });
            inner.await.unwrap()
        });
        task::yield_now().await;
        tx.send(()).unwrap();
        task::yield_now().await;
        assert!(chain.is_finished());
        // Whoever yields in a loop takes turns with the root.
        let turns = ran.clone();
        let looping = gmp::spawn(async move {
            loop {
                turns.fetch_add(1, SeqCst);
                task::yield_now().await;
            }
        });
        let before = ran.load(SeqCst);
        for _ in 0..100 {
            task::yield_now().await;
        }
        assert_eq!(ran.load(SeqCst) - before, 100);
        looping.abort();
    });
}
