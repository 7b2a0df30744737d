//! The multi_thread flavour: counts of Ps, names and hooks of threads, failures of the system.

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use gmp::sync::{mpsc, oneshot};
use support::*;

#[test]
fn zero_of_anything_panics_with_tokios_text() {
    let check = |f: fn(&mut Builder), expected: &str| {
        let mut builder = Builder::new_multi_thread();
        assert_eq!(panic_text(move || f(&mut builder)), expected);
    };
    check(
        |b| {
            b.worker_threads(0);
        },
        "Worker threads cannot be set to 0",
    );
    check(
        |b| {
            b.max_blocking_threads(0);
        },
        "Max blocking threads cannot be set to 0",
    );
    check(
        |b| {
            b.event_interval(0);
        },
        "event_interval must be greater than 0",
    );
    check(
        |b| {
            b.global_queue_interval(0);
        },
        "global_queue_interval must be greater than 0",
    );
    check(
        |b| {
            b.name("");
        },
        "runtime name shouldn't be empty",
    );
}

#[test]
fn absurd_counts_are_cut() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(usize::MAX)
        .max_blocking_threads(usize::MAX)
        .global_queue_interval(u32::MAX)
        .event_interval(u32::MAX)
        .thread_keep_alive(Duration::MAX)
        .enable_all()
        .build()
        .unwrap();
    assert_eq!(runtime.metrics().num_workers(), 1024);
    assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 2)).unwrap(), 2);
}

#[test]
fn more_ps_than_cpus() {
    let runtime = threaded(64);
    let sum = runtime.block_on(async {
        let tasks: Vec<_> = (0..1000u32)
            .map(|n| {
                gmp::spawn(async move {
                    gmp::task::yield_now().await;
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 499_500);
}

fn procs_of_env(value: &'static str, expected: Option<usize>) {
    let name = thread::current().name().unwrap().to_owned();
    let Some(text) = child_succeeds(&name, "", &[("GMP_MAXPROCS", value)]) else {
        let default = {
            // What the machine gives when nobody says anything.
            std::env::remove_var("GMP_MAXPROCS");
            let default = Runtime::new().unwrap().metrics().num_workers();
            std::env::set_var("GMP_MAXPROCS", value);
            default
        };
        for _ in 0..2 {
            let runtime = Runtime::new().unwrap();
            assert_eq!(runtime.metrics().num_workers(), expected.unwrap_or(default));
            assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
        }
        // The builder wins.
        assert_eq!(threaded(3).metrics().num_workers(), 3);
        return;
    };
    let warnings = text.matches("gmp: GMP_MAXPROCS=").count();
    assert_eq!(warnings, usize::from(expected.is_none()), "one warning a process: {text}");
    if expected.is_none() {
        assert!(text.contains(value) && text.contains("from 1 to 1024"), "{text}");
    }
}

#[test]
fn maxprocs_of_the_environment() {
    procs_of_env("5", Some(5));
}

#[test]
fn maxprocs_malformed() {
    procs_of_env("lots", None);
}

#[test]
fn maxprocs_zero() {
    procs_of_env("0", None);
}

#[test]
fn maxprocs_absurd() {
    procs_of_env("99999999999999999999999", None);
}

#[test]
fn m_spawn_fails_all() {
    // No thread can have a stack of that size: there is none at all, and whoever builds is told so.
    let error = within_patience(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(4).thread_stack_size(1 << 60).enable_all().build().unwrap_err()
    });
    let text = error.to_string();
    assert!(text.starts_with("cannot start the first worker thread: "), "{text}");
    // Who needs no thread for tasks has the caller's.
    within_patience(|| {
        let runtime =
            Builder::new_current_thread().thread_stack_size(1 << 60).enable_all().build().unwrap();
        let text = panic_text(|| runtime.spawn_blocking(|| ()));
        assert!(text.starts_with("OS can't spawn worker thread: "), "{text}");
        assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn m_spawn_fails_nth() {
    // Address space for a few large stacks, but not for one for each P.
    let name = "m_spawn_fails_nth";
    let Some(text) = child_succeeds(name, "ulimit -v 3000000", &[("MALLOC_ARENA_MAX", "1")]) else {
        let runtime = Builder::new_multi_thread()
            .worker_threads(32)
            .max_blocking_threads(32)
            .thread_stack_size(1 << 30)
            .enable_all()
            .build()
            .unwrap();
        for _ in 0..3 {
            let sum = runtime.block_on(async {
                let tasks: Vec<_> = (0..2000u32)
                    .map(|n| {
                        gmp::spawn(async move {
                            gmp::task::yield_now().await;
                            n % 2
                        })
                    })
                    .collect();
                let mut sum = 0;
                for task in tasks {
                    sum += task.await.unwrap();
                }
                sum
            });
            assert_eq!(sum, 1000);
        }
        // Each of these wants a thread for its P.
        runtime.block_on(async {
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    gmp::spawn(async {
                        gmp::task::block_in_place(|| thread::sleep(Duration::from_millis(5)))
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        // Closures: with one thread at least they all run, one after the other. Without any, it panics.
        let closures: Vec<_> = (0..16)
            .filter_map(|n| {
                let runtime = std::panic::AssertUnwindSafe(&runtime);
                std::panic::catch_unwind(move || {
                    runtime.spawn_blocking(move || {
                        thread::sleep(Duration::from_millis(1));
                        n
                    })
                })
                .ok()
            })
            .collect();
        runtime.block_on(async {
            for closure in closures {
                closure.await.unwrap();
            }
        });
        // Tasks still run.
        assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
        return;
    };
    assert!(text.contains("gmp: cannot start a thread"), "the limit was never met: {text}");
}

#[test]
fn thread_names() {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_name("mine").build().unwrap();
    let name = || thread::current().name().map(str::to_owned);
    let of_task = runtime.block_on(runtime.spawn(async move { name() })).unwrap();
    let of_closure = runtime.block_on(runtime.spawn_blocking(name)).unwrap();
    assert_eq!(of_task.as_deref(), Some("mine"));
    assert_eq!(of_closure.as_deref(), Some("mine"));

    let runtime = threaded(1);
    let of_task = runtime.block_on(runtime.spawn(async move { name() })).unwrap();
    assert_eq!(of_task.as_deref(), Some("gmp-m"));
}

#[test]
fn thread_name_fn_is_asked_for_each_thread() {
    let count = Arc::new(AtomicUsize::new(0));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name_fn({
            let count = count.clone();
            move || format!("m-{}", count.fetch_add(1, SeqCst))
        })
        .build()
        .unwrap();
    let both = Arc::new(Barrier::new(2));
    let closures: Vec<_> = (0..2)
        .map(|_| {
            let both = both.clone();
            runtime.spawn_blocking(move || {
                both.wait();
                thread::current().name().unwrap().to_owned()
            })
        })
        .collect();
    let mut names = HashSet::new();
    for closure in closures {
        names.insert(runtime.block_on(closure).unwrap());
    }
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn thread_stack_size_is_used() {
    fn deep(n: usize) -> usize {
        let frame = std::hint::black_box([n; 128]);
        if n == 0 {
            0
        } else {
            1 + deep(n - 1) + std::hint::black_box(&frame)[1] - n
        }
    }
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_stack_size(64 << 20).build().unwrap();
    // Well above 2 MiB.
    assert_eq!(runtime.block_on(runtime.spawn(async { deep(10_000) })).unwrap(), 10_000);
}

#[test]
fn hooks_run_on_each_thread_and_never_on_the_callers() {
    let here = thread::current().id();
    let started = Arc::new(Mutex::new(Vec::new()));
    let stopped = Arc::new(Mutex::new(Vec::new()));
    let log = |list: &Arc<Mutex<Vec<thread::ThreadId>>>| {
        let list = list.clone();
        move || list.lock().unwrap().push(thread::current().id())
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(log(&started))
        .on_thread_stop(log(&stopped))
        .build()
        .unwrap();
    runtime.block_on(async {
        gmp::spawn(async {}).await.unwrap();
        gmp::task::spawn_blocking(|| ()).await.unwrap();
    });
    drop(runtime);
    let (mut started, mut stopped) =
        (started.lock().unwrap().clone(), stopped.lock().unwrap().clone());
    assert!(!started.is_empty() && !started.contains(&here));
    started.sort_by_key(|id| format!("{id:?}"));
    stopped.sort_by_key(|id| format!("{id:?}"));
    assert_eq!(started, stopped, "each thread starts and stops once");
}

#[test]
fn park_hooks_pair_and_may_spawn() {
    let parks = Arc::new(AtomicUsize::new(0));
    let unparks = Arc::new(AtomicUsize::new(0));
    let (tx, mut rx) = mpsc::unbounded_channel();
    let once = Mutex::new(Some(tx));
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_park({
            let parks = parks.clone();
            move || {
                parks.fetch_add(1, SeqCst);
                if let Some(tx) = once.lock().unwrap().take() {
                    gmp::spawn(async move { tx.send(()).unwrap() });
                }
            }
        })
        .on_thread_unpark({
            let unparks = unparks.clone();
            move || {
                unparks.fetch_add(1, SeqCst);
            }
        })
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        gmp::spawn(async {}).await.unwrap();
        // The task that the hook spawned runs although everybody was about to sleep.
        rx.recv().await.unwrap();
        gmp::spawn(gmp::time::sleep(Duration::from_millis(5))).await.unwrap();
    });
    drop(runtime);
    let (parks, unparks) = (parks.load(SeqCst), unparks.load(SeqCst));
    assert!(parks >= 1);
    assert_eq!(parks, unparks);
}

#[test]
fn park_hook_of_current_thread_may_spawn() {
    let (tx, rx) = oneshot::channel();
    let once = Mutex::new(Some(tx));
    let runtime = Builder::new_current_thread()
        .on_thread_park(move || {
            if let Some(tx) = once.lock().unwrap().take() {
                gmp::spawn(async move { tx.send(1).unwrap() });
            }
        })
        .build()
        .unwrap();
    assert_eq!(runtime.block_on(rx).unwrap(), 1);
}

#[test]
fn p_hooks() {
    // A hook that panics is reported and otherwise ignored.
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(|| panic!("start"))
        .on_thread_stop(|| panic!("stop"))
        .on_thread_park(|| panic!("park"))
        .on_thread_unpark(|| panic!("unpark"))
        .enable_all()
        .build()
        .unwrap();
    within_patience(move || {
        for _ in 0..5 {
            runtime.block_on(async {
                gmp::spawn(gmp::time::sleep(Duration::from_millis(1))).await.unwrap();
                gmp::task::spawn_blocking(|| ()).await.unwrap();
            });
        }
        drop(runtime);
    });
}

#[test]
fn p_hooks_thread_name_fn() {
    // The function that names threads is foreign code too, and it runs wherever work is submitted.
    within_patience(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name_fn(|| panic!("no name"))
            .enable_all()
            .build()
            .unwrap();
        let n = runtime.block_on(async {
            let task = gmp::spawn(async { 1 }).await.unwrap();
            task + gmp::task::spawn_blocking(|| 2).await.unwrap()
        });
        assert_eq!(n, 3);
        drop(runtime);
    });
}

#[test]
fn a_thread_name_that_no_thread_can_have() {
    within_patience(|| {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("a\0b").build().unwrap();
        assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
        drop(runtime);
    });
}

#[test]
fn many_tasks_from_many_threads() {
    let runtime = threaded(4);
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (handle, done) = (runtime.handle().clone(), done.clone());
            thread::spawn(move || {
                for _ in 0..1000 {
                    let done = done.clone();
                    handle.spawn(async move { done.fetch_add(1, SeqCst) });
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    eventually("all tasks ran", || done.load(SeqCst) == 8000);
}

#[test]
fn w_foreign_thread() {
    // Each wake comes when everybody may just have fallen asleep.
    let runtime = threaded(2);
    let (tx, mut rx) = mpsc::unbounded_channel();
    let (back, mut backs) = mpsc::unbounded_channel();
    let task = runtime.spawn(async move {
        while let Some(n) = rx.recv().await {
            back.send(n).unwrap();
        }
    });
    within_patience(move || {
        for n in 0..2000u32 {
            tx.send(n).unwrap();
            assert_eq!(backs.blocking_recv(), Some(n));
            if n % 8 == 0 {
                thread::sleep(Duration::from_micros(u64::from(n % 64) * 10));
            }
        }
    });
    runtime.block_on(task).unwrap();
}

#[test]
fn w_push_vs_park() {
    // From the root, each time with the Ms on their way to sleep.
    let runtime = threaded(2);
    within_patience(move || {
        for round in 0..5000u32 {
            let n = runtime.block_on(async { gmp::spawn(async move { round }).await.unwrap() });
            assert_eq!(n, round);
        }
    });
}

#[test]
fn q_unowned_starved() {
    // What the root future spawned is run although its thread runs nothing, and all Ps are busy.
    let runtime = threaded(2);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    for _ in 0..4 {
        let stop = stop.clone();
        runtime.spawn(async move {
            while !stop.load(SeqCst) {
                gmp::task::yield_now().await;
            }
        });
    }
    runtime.block_on(async {
        for _ in 0..20 {
            gmp::spawn(async {}).await.unwrap();
        }
    });
    stop.store(true, SeqCst);
}

#[test]
fn flavour_is_told() {
    assert_eq!(threaded(1).handle().runtime_flavor(), RuntimeFlavor::MultiThread);
    assert_eq!(current().handle().runtime_flavor(), RuntimeFlavor::CurrentThread);
    current().block_on(async {
        assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread);
    });
}

/// Two tasks that bring each other I/O without end leave their P never without an event. What another P has
/// queued behind a poll that lasts comes all the same; here neither by sysmon nor by another M.
#[test]
fn q_stuck_behind_events() {
    const QUEUED: usize = 20;
    let hour = Duration::from_secs(3600);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .retake(false)
        .blocked_threshold(hour)
        .computing_threshold(hour)
        .enable_all()
        .build()
        .unwrap();
    let all_ran = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let trips = Arc::new(AtomicUsize::new(0));
        for (mut stream, begins) in [(near, true), (far, false)] {
            let trips = trips.clone();
            gmp::spawn(async move {
                if begins {
                    stream.write_all(b"x").await.unwrap();
                }
                while stream.read_exact(&mut [0]).await.is_ok() {
                    trips.fetch_add(1, SeqCst);
                    let _gone = stream.write_all(b"x").await;
                }
            });
        }
        while trips.load(SeqCst) < 100 {
            gmp::task::yield_now().await;
        }
        let hog = gmp::spawn(async {
            let ran = Arc::new(AtomicUsize::new(0));
            for _ in 0..QUEUED {
                let ran = ran.clone();
                gmp::spawn(async move { ran.fetch_add(1, SeqCst) });
            }
            let begun = Instant::now();
            // The last one is this P's runnext, which is its own.
            while ran.load(SeqCst) < QUEUED - 1 && begun.elapsed() < Duration::from_secs(20) {
                std::hint::spin_loop();
            }
            ran.load(SeqCst) >= QUEUED - 1
        });
        hog.await.unwrap()
    });
    assert!(all_ran, "queued tasks are overtaken by events without end");
}

/// Waits, inside of the caller's poll, for the other one of two that call it.
fn two_meet(there: &AtomicUsize) -> bool {
    there.fetch_add(1, SeqCst);
    let begun = Instant::now();
    while there.load(SeqCst) < 2 && begun.elapsed() < Duration::from_secs(20) {
        std::hint::spin_loop();
    }
    there.load(SeqCst) == 2
}

/// A batch of timers that an M runs alone, as those before it were cheap: of two that fall due together each
/// waits for the other inside of its poll.
#[test]
fn q_behind_cheap_timers() {
    let runtime = threaded(2);
    let met = runtime.block_on(async {
        gmp::spawn(async {
            for _ in 0..50 {
                let at = gmp::time::Instant::now() + Duration::from_millis(1);
                let cheap: Vec<_> =
                    (0..20).map(|_| gmp::spawn(gmp::time::sleep_until(at))).collect();
                for sleep in cheap {
                    sleep.await.unwrap();
                }
            }
            let at = gmp::time::Instant::now() + Duration::from_millis(1);
            let there = Arc::new(AtomicUsize::new(0));
            let pair = [there.clone(), there].map(|there| {
                gmp::spawn(async move {
                    gmp::time::sleep_until(at).await;
                    two_meet(&there)
                })
            });
            let [one, other] = pair;
            one.await.unwrap() && other.await.unwrap()
        })
        .await
        .unwrap()
    });
    assert!(met, "the second timer of two waits for the poll of the first");
}

/// The same with events: of two sockets that become readable together, each reader waits for the other inside of
/// its poll.
#[test]
#[cfg(unix)]
fn q_behind_cheap_events() {
    use gmp::net::UnixStream;

    const CHEAP: usize = 20;
    let runtime = threaded(2);
    let met = runtime.block_on(async {
        gmp::spawn(async {
            let mut near = Vec::new();
            let mut cheap = Vec::new();
            for _ in 0..CHEAP {
                let (writer, mut reader) = UnixStream::pair().unwrap();
                near.push(writer);
                cheap.push(gmp::spawn(async move {
                    let mut read = 0;
                    while reader.read(&mut [0; 1]).await.unwrap() > 0 {
                        read += 1;
                    }
                    read
                }));
            }
            for _ in 0..200 {
                for writer in &near {
                    writer.try_write(&[0]).unwrap();
                }
                // Nothing else is there to run: the poller brings them together.
                gmp::time::sleep(Duration::from_millis(1)).await;
            }
            near.clear();
            for task in cheap {
                assert_eq!(task.await.unwrap(), 200);
            }
            let there = Arc::new(AtomicUsize::new(0));
            let mut pair = Vec::new();
            for _ in 0..2 {
                let (writer, mut reader) = UnixStream::pair().unwrap();
                near.push(writer);
                let there = there.clone();
                pair.push(gmp::spawn(async move {
                    reader.read_exact(&mut [0; 1]).await.unwrap();
                    two_meet(&there)
                }));
            }
            gmp::time::sleep(Duration::from_millis(1)).await;
            for writer in &near {
                writer.try_write(&[0]).unwrap();
            }
            let mut met = true;
            for task in pair {
                met &= task.await.unwrap();
            }
            met
        })
        .await
        .unwrap()
    });
    assert!(met, "the second event of two waits for the poll of the first");
}

/// What comes from outside is not served by the count of polls alone: where they are long, sixty-one of them, or a
/// whole chain of them in one time slice, would be milliseconds for each.
#[test]
fn f_injected_beside_long_polls() {
    const INJECTED: usize = 50;
    let runtime = threaded(1);
    let polls = Arc::new(AtomicUsize::new(0));
    let left = Arc::new(AtomicUsize::new(INJECTED));

    fn chain(polls: Arc<AtomicUsize>, left: Arc<AtomicUsize>) {
        if left.load(SeqCst) > 0 {
            // A quarter of what may pass from one look at the queue to the next; on most machines half.
            thread::sleep(Duration::from_micros(50));
            polls.fetch_add(1, SeqCst);
            gmp::spawn(async move { chain(polls, left) });
        }
    }
    {
        let (polls, left) = (polls.clone(), left.clone());
        runtime.spawn(async move { chain(polls, left) });
    }
    eventually("the chain runs", || polls.load(SeqCst) > 100);
    let before = polls.load(SeqCst);
    for _ in 0..INJECTED {
        let left = left.clone();
        runtime.spawn(async move {
            left.fetch_sub(1, SeqCst);
        });
    }
    eventually("all have run", || left.load(SeqCst) == 0);
    let during = polls.load(SeqCst) - before;
    assert!(during <= 20 * INJECTED, "{during} long polls while {INJECTED} tasks waited");
}

/// The P goes from hand to hand at each second poll, and its ring is never empty.
#[test]
fn f_injected_beside_hand_overs() {
    let runtime = threaded(1);
    let stop = Arc::new(AtomicBool::new(false));
    {
        let stop = stop.clone();
        runtime.spawn(async move {
            while !stop.load(SeqCst) {
                gmp::spawn(async { gmp::task::block_in_place(|| ()) });
                gmp::task::yield_now().await;
            }
        });
    }
    let ran = Arc::new(AtomicUsize::new(0));
    for n in 0..100 {
        let done = ran.clone();
        runtime.spawn(async move {
            done.fetch_add(1, SeqCst);
        });
        eventually("it has run", || ran.load(SeqCst) > n);
    }
    stop.store(true, SeqCst);
}
