//! Polls that last: the permit goes to somebody else, and every queue, timer and source is looked after.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use gmp::runtime::{Builder, Runtime};

/// Longer than any machine is away for.
const PATIENCE: Duration = Duration::from_secs(20);

fn runtime(procs: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(procs).enable_all().build().unwrap()
}

/// Waits for `condition`, which another thread makes true.
#[track_caller]
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Spawns a task whose poll blocks its thread until the sender is dropped, and waits until it does.
fn block_one(runtime: &Runtime) -> mpsc::Sender<()> {
    let (release, wait) = mpsc::channel::<()>();
    let (tell, begun) = mpsc::channel();
    runtime.spawn(async move {
        tell.send(()).unwrap();
        let _released = wait.recv();
    });
    begun.recv_timeout(PATIENCE).unwrap();
    release
}

#[test]
fn b_all_blocked_and_the_rest_goes_on() {
    for procs in [1, 2, 4] {
        let runtime = runtime(procs);
        let blocked: Vec<_> = (0..procs).map(|_| block_one(&runtime)).collect();
        // From outside, with a timer, and from inside.
        let (tell, told) = mpsc::channel();
        runtime.spawn(async move {
            gmp::time::sleep(Duration::from_millis(2)).await;
            gmp::spawn(async move { tell.send(()).unwrap() }).await.unwrap();
        });
        told.recv_timeout(PATIENCE).unwrap();
        let metrics = runtime.metrics();
        assert!(metrics.retakes() >= 1);
        assert!(metrics.extra_threads() >= 1);
        drop(blocked);
        eventually("all permits idle", || {
            metrics.idle_permits() == procs && metrics.extra_threads() == 0
        });
        assert_eq!(metrics.retakes(), metrics.regains() + metrics.retirements());
    }
}

/// Until there is a sysmon, the root of a `block_on` stands in for it; what was left to one that then goes
/// away is not forgotten.
#[test]
fn what_was_left_to_a_root_that_is_gone_is_run() {
    for _ in 0..20 {
        let runtime = runtime(1);
        let (tell_root, root_told) = gmp::sync::oneshot::channel();
        let (tell, told) = mpsc::channel();
        let (release, wait) = mpsc::channel::<()>();
        let blocks = async move {
            // The only thing that is left: a lone runnext behind a poll that does not end.
            gmp::spawn(async move { tell.send(()).unwrap() });
            tell_root.send(()).unwrap();
            let _released = wait.recv();
        };
        runtime.block_on(async {
            gmp::spawn(blocks);
            root_told.await.unwrap();
        });
        told.recv_timeout(PATIENCE).unwrap();
        drop(release);
    }
}

#[test]
fn a_poll_that_computes_loses_its_permit() {
    let runtime = runtime(1);
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, begun) = mpsc::channel();
    let hog = runtime.spawn({
        let stop = stop.clone();
        async move {
            tell.send(()).unwrap();
            while !stop.load(SeqCst) {
                std::hint::spin_loop();
            }
        }
    });
    begun.recv_timeout(PATIENCE).unwrap();
    let (tell, told) = mpsc::channel();
    runtime.spawn(async move { tell.send(()).unwrap() });
    told.recv_timeout(PATIENCE).unwrap();
    stop.store(true, SeqCst);
    runtime.block_on(hog).unwrap();
}

#[test]
fn b_push_from_blocked_runs_elsewhere() {
    let runtime = runtime(1);
    let (tell, told) = mpsc::channel();
    let outer = runtime.spawn(async move {
        for n in 0..600 {
            let tell = tell.clone();
            gmp::spawn(async move { tell.send(n).unwrap() });
        }
        // Each has run before this poll ends; the later ones come after the mark.
        let mut seen: Vec<usize> = (0..600).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
        for n in 600..1200 {
            let tell = tell.clone();
            gmp::spawn(async move { tell.send(n).unwrap() });
        }
        seen.extend((0..600).map(|_| told.recv_timeout(PATIENCE).unwrap()));
        seen.sort_unstable();
        seen
    });
    let seen = runtime.block_on(outer).unwrap();
    assert_eq!(seen, (0..1200).collect::<Vec<_>>(), "each ran once");
    assert!(runtime.metrics().drained() > 0);
}

#[test]
fn without_retake_work_waits_for_the_poll() {
    let runtime = Builder::new_multi_thread().worker_threads(1).retake(false).build().unwrap();
    let release = block_one(&runtime);
    let (tell, told) = mpsc::channel();
    runtime.spawn(async move { tell.send(()).unwrap() });
    assert!(told.recv_timeout(Duration::from_millis(100)).is_err(), "there is one permit, in use");
    assert_eq!(runtime.metrics().retakes(), 0);
    drop(release);
    told.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn b_cap_reached_and_it_holds() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_extra_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let running = Arc::new(AtomicUsize::new(0));
    let peak = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let (running, peak) = (running.clone(), peak.clone());
            runtime.spawn(async move {
                peak.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                thread::sleep(Duration::from_millis(20));
                running.fetch_sub(1, SeqCst);
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    let peak = peak.load(SeqCst);
    assert!((2..=3).contains(&peak), "one P and two extra threads, but {peak} polls at a time");
    assert_eq!(runtime.metrics().extra_threads_peak(), 2);
}

#[test]
fn the_cap_on_threads_holds_and_nothing_is_lost() {
    let runtime =
        Builder::new_multi_thread().worker_threads(2).max_threads(2).enable_all().build().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let done = done.clone();
            runtime.spawn(async move {
                thread::sleep(Duration::from_millis(3));
                gmp::time::sleep(Duration::from_millis(1)).await;
                done.fetch_add(1, SeqCst);
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(done.load(SeqCst), 40);
    assert_eq!(runtime.metrics().retakes(), 0, "no third thread could have had the permit");
}

#[test]
fn b_during_resize_under_load() {
    let runtime = runtime(2);
    let handle = runtime.handle().clone();
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicUsize::new(0));
    let made = Arc::new(AtomicUsize::new(0));
    let spawners: Vec<_> = (0..3)
        .map(|n| {
            let (stop, done, made) = (stop.clone(), done.clone(), made.clone());
            runtime.spawn(async move {
                while !stop.load(SeqCst) {
                    let tasks: Vec<_> = (0..50)
                        .map(|i| {
                            made.fetch_add(1, SeqCst);
                            let done = done.clone();
                            gmp::spawn(async move {
                                gmp::task::yield_now().await;
                                if i == 0 && n == 0 {
                                    thread::sleep(Duration::from_millis(2));
                                }
                                done.fetch_add(1, SeqCst);
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                }
            })
        })
        .collect();
    let mut before = 2;
    for procs in [1, 256, 3, 64, 1, 2, 16, 1, 256, 2] {
        let at = done.load(SeqCst);
        assert_eq!(handle.set_max_procs(procs).unwrap(), before);
        assert_eq!(handle.max_procs(), procs);
        before = procs;
        eventually("tasks go on", || done.load(SeqCst) > at + 100);
    }
    stop.store(true, SeqCst);
    runtime.block_on(async {
        for spawner in spawners {
            spawner.await.unwrap();
        }
    });
    assert_eq!(done.load(SeqCst), made.load(SeqCst));
    let metrics = runtime.metrics();
    eventually("all permits idle", || metrics.idle_permits() == 2 && metrics.extra_threads() == 0);
}

#[test]
fn fewer_ps_run_fewer_polls_at_a_time() {
    let runtime = runtime(4);
    runtime.set_max_procs(1).unwrap();
    let running = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..400)
        .map(|_| {
            let running = running.clone();
            runtime.spawn(async move {
                // Too short for a retake: sysmon sees no poll twice.
                let at_a_time = running.fetch_add(1, SeqCst) + 1;
                std::hint::black_box((0..1000).sum::<u64>());
                running.fetch_sub(1, SeqCst);
                at_a_time
            })
        })
        .collect();
    let over = runtime.block_on(async {
        let mut over = 0;
        for task in tasks {
            over += usize::from(task.await.unwrap() > 1);
        }
        over
    });
    let extra = runtime.metrics().retakes();
    assert!(over == 0 || extra > 0, "{over} polls ran beside another one");
}

#[test]
fn bad_numbers_of_ps_are_refused() {
    let runtime = runtime(2);
    for procs in [0, 1025, usize::MAX] {
        let error = runtime.set_max_procs(procs).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains(&procs.to_string()) && text.contains("1 to 1024"), "{text}");
    }
    assert_eq!(runtime.max_procs(), 2);
    let current = Builder::new_current_thread().build().unwrap();
    let error = current.handle().set_max_procs(2).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
}
