//! Watching a runtime from outside: metrics, dumps, long polls, the trace, `GMPDEBUG`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{mpsc, Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gmp::runtime::{
    Builder, Runtime, RuntimeMetrics, TaskDump, TaskState, Trace, TraceConfig, WaitsFor,
};
use serde_json::Value;
use support::*;

fn builders() -> Vec<Builder> {
    let mut two = Builder::new_multi_thread();
    two.worker_threads(2);
    let mut all = vec![Builder::new_current_thread(), two];
    for builder in &mut all {
        builder.enable_all();
    }
    all
}

fn workers(metrics: &RuntimeMetrics, of: impl Fn(usize) -> u64) -> u64 {
    (0..metrics.num_workers()).map(of).sum()
}

/// Keeps a poll going until it is let go.
fn block_until(go: &AtomicBool) {
    let start = Instant::now();
    while !go.load(SeqCst) {
        assert!(start.elapsed() < PATIENCE, "nobody lets the poll go");
        thread::sleep(Duration::from_millis(1));
    }
}

// Metrics.

#[test]
fn counters_count() {
    for runtime in flavours() {
        let metrics = runtime.metrics();
        runtime.block_on(async {
            for _ in 0..100 {
                gmp::spawn(gmp::task::yield_now()).await.unwrap();
            }
        });
        runtime.spawn(async {});
        assert_eq!(metrics.spawned_tasks_count(), 101, "{metrics:?}");
        eventually("polls", || {
            runtime.block_on(gmp::task::yield_now());
            workers(&metrics, |w| metrics.worker_poll_count(w)) == 201
        });
        assert!(metrics.remote_schedule_count() > 0, "spawned from outside");
        assert_eq!(workers(&metrics, |w| metrics.worker_overflow_count(w)), 0);
        assert_eq!(metrics.longest_poll(), Duration::ZERO, "nobody asked for times");
        assert_eq!(metrics.poll_time_histogram_num_buckets(), 0);
        assert!(!metrics.schedule_latency_histogram_enabled());
        assert_eq!(metrics.worker_mean_poll_time(0), Duration::ZERO);
    }
}

/// Tasks that run in place of blocked polls do so from queues beyond the workers'; the workers' counts hold
/// them all the same.
#[test]
fn counters_hold_what_runs_beside_blocked_polls() {
    let runtime = threaded(2);
    let metrics = runtime.metrics();
    let go = Arc::new(AtomicBool::new(false));
    let both = Arc::new(Barrier::new(3));
    let blocked: Vec<_> = (0..2)
        .map(|_| {
            let (go, both) = (go.clone(), both.clone());
            runtime.spawn(async move {
                both.wait();
                block_until(&go);
            })
        })
        .collect();
    both.wait();
    let parks = workers(&metrics, |w| metrics.worker_park_count(w));
    let polls = workers(&metrics, |w| metrics.worker_poll_count(w));
    runtime.block_on(async {
        for _ in 0..50 {
            gmp::spawn(async {}).await.unwrap();
        }
    });
    eventually("the polls are counted", || {
        workers(&metrics, |w| metrics.worker_poll_count(w)) >= polls + 50
    });
    eventually("a worker has parked", || {
        workers(&metrics, |w| metrics.worker_park_count(w)) > parks
    });
    go.store(true, SeqCst);
    for task in blocked {
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn overflow_and_depths() {
    // More than a ring holds.
    const MANY: usize = 1500;
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        for _ in 0..MANY {
            gmp::spawn(async {});
        }
        let metrics = gmp::runtime::Handle::current().metrics();
        assert!(metrics.worker_overflow_count(0) >= 1);
        assert_eq!(metrics.worker_local_queue_depth(0) + metrics.global_queue_depth(), MANY);
    });
    assert_eq!(metrics.spawned_tasks_count(), MANY as u64);
}

#[test]
fn forced_yields() {
    let runtime = current();
    let forced = || runtime.metrics().budget_forced_yield_count();
    assert_eq!(forced(), 0);
    runtime.block_on(async {
        gmp::spawn(async {
            for _ in 0..1000 {
                gmp::task::coop::consume_budget().await;
            }
        })
        .await
        .unwrap();
    });
    assert!(forced() >= 7, "{}", forced());
}

#[test]
fn steals() {
    // One task blocks its worker with others behind it: somebody has to take them.
    let runtime = threaded(2);
    let metrics = runtime.metrics();
    let (tx, rx) = mpsc::channel();
    let task = runtime.spawn(async move {
        for i in 0..10 {
            let tx = tx.clone();
            gmp::spawn(async move { tx.send(i).unwrap() });
        }
        let mut got: Vec<i32> = (0..10).map(|_| rx.recv_timeout(PATIENCE).unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, (0..10).collect::<Vec<_>>());
    });
    runtime.block_on(task).unwrap();
    let operations = workers(&metrics, |w| metrics.worker_steal_operations(w));
    let stolen = workers(&metrics, |w| metrics.worker_steal_count(w));
    assert!(operations >= 1 && stolen >= operations, "{operations} {stolen}");
}

#[test]
fn blocking_threads() {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let metrics = runtime.metrics();
    let (tx, rx) = mpsc::channel::<()>();
    let (started, began) = mpsc::channel();
    let first = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        rx.recv().unwrap();
    });
    began.recv_timeout(PATIENCE).unwrap();
    let second = runtime.spawn_blocking(|| {});
    assert_eq!(metrics.blocking_queue_depth(), 1);
    assert!(metrics.num_blocking_threads() >= 1);
    assert!(metrics.num_threads() >= 1);
    tx.send(()).unwrap();
    runtime.block_on(async {
        first.await.unwrap();
        second.await.unwrap();
    });
    assert_eq!(metrics.blocking_queue_depth(), 0);
    eventually("the thread is idle", || metrics.num_idle_blocking_threads() >= 1);
}

#[test]
fn io_counts() {
    for runtime in flavours() {
        let metrics = runtime.metrics();
        runtime.block_on(async {
            let listener = gmp::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = gmp::spawn(gmp::net::TcpStream::connect(address));
            let (_server, _) = listener.accept().await.unwrap();
            let _client = client.await.unwrap().unwrap();
            assert!(metrics.io_driver_fd_registered_count() >= 3);
        });
        eventually("sockets are gone", || {
            metrics.io_driver_fd_deregistered_count() == metrics.io_driver_fd_registered_count()
        });
        assert!(metrics.io_driver_ready_count() >= 1);
        assert!(metrics.netpoll_count() >= 1);
    }
}

#[test]
fn poll_times() {
    const LONG: Duration = Duration::from_millis(20);
    for mut builder in builders() {
        let runtime = builder.enable_metrics_poll_time_histogram().build().unwrap();
        let metrics = runtime.metrics();
        runtime.block_on(async {
            for i in 0..20 {
                gmp::spawn(async move {
                    if i == 7 {
                        thread::sleep(LONG);
                    }
                })
                .await
                .unwrap();
            }
        });
        drop(runtime);
        let buckets = metrics.poll_time_histogram_num_buckets();
        let count = |from: Duration| {
            (0..buckets)
                .filter(|&bucket| metrics.poll_time_histogram_bucket_range(bucket).end > from)
                .map(|b| workers(&metrics, |w| metrics.poll_time_histogram_bucket_count(w, b)))
                .sum::<u64>()
        };
        assert_eq!(count(Duration::ZERO), 20);
        assert!(count(LONG) >= 1);
        assert!(metrics.longest_poll() >= LONG);
        let mean = (0..metrics.num_workers()).map(|w| metrics.worker_mean_poll_time(w)).max();
        assert!(mean > Some(Duration::ZERO));
        assert!(panic_text(|| metrics.poll_time_histogram_bucket_range(buckets))
            .contains(&format!("bucket {buckets} out of range: there are {buckets}")));
    }
}

#[test]
fn latencies() {
    const WAIT: Duration = Duration::from_millis(20);
    let runtime =
        Builder::new_current_thread().enable_metrics_schedule_latency_histogram().build().unwrap();
    let task = runtime.spawn(async {});
    // It stands in the queue meanwhile.
    thread::sleep(WAIT);
    runtime.block_on(task).unwrap();
    let metrics = runtime.metrics();
    let long: u64 = (0..metrics.schedule_latency_histogram_num_buckets())
        .filter(|&bucket| metrics.schedule_latency_histogram_bucket_range(bucket).end > WAIT)
        .map(|bucket| metrics.schedule_latency_histogram_bucket_count(0, bucket))
        .sum();
    assert_eq!(long, 1);
}

#[test]
fn handoffs() {
    let runtime = threaded(2);
    runtime.block_on(runtime.spawn(async { gmp::task::block_in_place(|| {}) })).unwrap();
    assert_eq!(runtime.metrics().handoffs(), 1);
}

// Dumps.

#[test]
fn dump_says_what_each_task_is_about() {
    for mut builder in builders() {
        let runtime = builder.enable_task_statistics().build().unwrap();
        let line = line!() + 1;
        let forever = runtime.spawn(std::future::pending::<()>());
        let sleeper = runtime.spawn(async { gmp::time::sleep(Duration::from_secs(3600)).await });
        let reader = runtime.spawn(async {
            let listener = gmp::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.accept().await.unwrap();
        });
        runtime.block_on(async {
            for _ in 0..10 {
                gmp::task::yield_now().await;
            }
        });
        let handle = runtime.handle().clone();
        eventually("all wait", || {
            let dump = handle.dump();
            // A poll is counted a moment after its task waits.
            let waiting =
                |task: &&TaskDump| task.state() == TaskState::Waiting && task.polls() == Some(1);
            dump.tasks().iter().filter(waiting).count() == 3
        });
        let dump = handle.dump();
        let task = |id| dump.tasks().iter().find(|task| task.id() == id).unwrap();
        let first = task(forever.id());
        assert!(first.spawned_at().file().ends_with("observe.rs"));
        assert_eq!(first.spawned_at().line(), line);
        assert_eq!(
            (first.state(), first.polls(), first.waits_for()),
            (TaskState::Waiting, Some(1), None)
        );
        assert!(first.age().unwrap() > Duration::ZERO && first.longest_poll() <= first.age());
        match task(sleeper.id()).waits_for() {
            Some(WaitsFor::Timer(left)) => {
                assert!(left > Duration::from_secs(3000) && left < Duration::from_secs(3601))
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(task(reader.id()).waits_for(), Some(WaitsFor::Readable));
        let text = dump.to_string();
        assert!(text.starts_with("3 tasks: 0 running, 0 runnable, 3 waiting\n"), "{text}");
        for word in ["observe.rs:", "timer in", "readable I/O", "longest"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        drop(runtime);
        assert_eq!(handle.dump().tasks().len(), 0, "after the end");
    }
}

#[test]
fn dump_shows_running_and_runnable_tasks() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_metrics_poll_time_histogram()
        .build()
        .unwrap();
    let go = Arc::new(AtomicBool::new(false));
    let running = {
        let go = go.clone();
        runtime.spawn(async move { block_until(&go) })
    };
    let handle = runtime.handle();
    let find = |id| handle.dump().tasks().iter().find(|task| task.id() == id).cloned().unwrap();
    eventually("it runs", || find(running.id()).state() == TaskState::Running);
    let seen = find(running.id());
    assert_eq!(seen.worker(), Some(0));
    assert!(seen.running_for().is_some());
    assert_eq!((seen.age(), seen.polls()), (None, None), "statistics are off");
    running.abort();
    assert!(find(running.id()).is_aborted());
    go.store(true, SeqCst);
    assert!(runtime.block_on(running).is_ok(), "it ended in its first poll");

    let idle = current();
    let runnable = idle.spawn(async {});
    assert_eq!(idle.handle().dump().tasks()[0].state(), TaskState::Runnable);
    idle.block_on(runnable).unwrap();
}

#[test]
fn dumps_while_tasks_come_and_go() {
    let runtime =
        Builder::new_multi_thread().worker_threads(2).enable_task_statistics().build().unwrap();
    let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let churn = {
        let (stop, ended) = (stop.clone(), ended.clone());
        runtime.spawn(async move {
            while !stop.load(SeqCst) {
                let batch: Vec<_> = (0..50).map(|_| gmp::spawn(gmp::task::yield_now())).collect();
                for task in batch {
                    task.await.unwrap();
                    ended.fetch_add(1, SeqCst);
                }
            }
        })
    };
    let mut dumps = 0;
    // The first thread takes longer to come up than many dumps.
    while dumps < 200 || ended.load(SeqCst) < 200 {
        dumps += 1;
        let dump = runtime.handle().dump();
        let ids: BTreeSet<_> = dump.tasks().iter().map(|task| task.id()).collect();
        assert_eq!(ids.len(), dump.tasks().len(), "each once");
        assert!(ids.contains(&churn.id()));
    }
    stop.store(true, SeqCst);
    runtime.block_on(churn).unwrap();
}

// Long polls.

#[test]
fn long_polls_reach_the_hook() {
    for mut builder in builders() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let hook = seen.clone();
        let runtime = builder
            .on_long_poll(Duration::from_millis(20), move |poll| {
                hook.lock().unwrap().push(poll.clone());
                if poll.count() == 2 {
                    panic!("from the hook; it must stay there");
                }
            })
            .build()
            .unwrap();
        let mut ids = Vec::new();
        let mut lines = BTreeSet::new();
        runtime.block_on(async {
            for _ in 0..3 {
                lines.insert(line!() + 1);
                let task = gmp::spawn(async { thread::sleep(Duration::from_millis(30)) });
                ids.push(task.id());
                task.await.unwrap();
            }
            gmp::spawn(async {}).await.unwrap();
        });
        let metrics = runtime.metrics();
        // A task may be joined a moment before its poll is judged.
        drop(runtime);
        assert!(metrics.long_poll_count() >= 3);
        let seen = seen.lock().unwrap();
        let ours: Vec<_> = seen.iter().filter(|poll| ids.contains(&poll.task())).collect();
        assert_eq!(ours.len(), 3);
        for (i, poll) in ours.iter().enumerate() {
            assert!(poll.duration() >= Duration::from_millis(20));
            assert_eq!(poll.count(), i as u64 + 1);
            assert!(lines.contains(&poll.spawned_at().line()));
            assert!(poll.to_string().contains("observe.rs:"), "{poll}");
        }
    }
}

#[test]
fn a_poll_that_gave_its_worker_away_is_not_long() {
    // Longer than a busy machine holds up the rest of the poll.
    const AWAY: Duration = Duration::from_secs(1);
    let calls = Arc::new(AtomicU64::new(0));
    let hook = calls.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .on_long_poll(AWAY, move |_| {
            hook.fetch_add(1, SeqCst);
        })
        .enable_metrics_poll_time_histogram()
        .build()
        .unwrap();
    let task = runtime.spawn(async {
        gmp::task::block_in_place(|| thread::sleep(AWAY));
    });
    runtime.block_on(task).unwrap();
    let metrics = runtime.metrics();
    drop(runtime);
    assert!(metrics.longest_poll() < AWAY);
    assert_eq!(calls.load(SeqCst), 0);
}

// The trace.

/// What a row of the picture holds.
#[derive(Default)]
struct Row {
    name: String,
    /// Start and end in ns, and the name.
    slices: Vec<(u64, u64, String)>,
    instants: Vec<String>,
}

/// Parses a trace, and checks what holds for each.
fn rows(json: &str) -> BTreeMap<(u64, u64), Row> {
    let parsed: Value = serde_json::from_str(json).unwrap();
    let mut rows: BTreeMap<(u64, u64), Row> = BTreeMap::new();
    let ns = |value: &Value| (value.as_f64().unwrap() * 1000.0).round() as u64;
    for event in parsed["traceEvents"].as_array().unwrap() {
        let place = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        let name = event["name"].as_str().unwrap().to_owned();
        match event["ph"].as_str().unwrap() {
            "M" if name == "thread_name" => {
                rows.entry(place).or_default().name =
                    event["args"]["name"].as_str().unwrap().to_owned();
            }
            "M" => assert!(event["args"].is_object()),
            "X" => {
                let (start, dur) = (ns(&event["ts"]), ns(&event["dur"]));
                assert!(event["args"]["task"].is_u64());
                rows.get_mut(&place).unwrap().slices.push((start, start + dur, name));
            }
            "i" => {
                assert!(event["ts"].is_number() && event["s"] == "t");
                rows.get_mut(&place).unwrap().instants.push(name);
            }
            other => panic!("{other}"),
        }
    }
    for row in rows.values_mut() {
        assert!(!row.name.is_empty());
        row.slices.sort();
        for pair in row.slices.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "{}: {:?} overlaps {:?}", row.name, pair[0], pair[1]);
        }
    }
    rows
}

fn instants(rows: &BTreeMap<(u64, u64), Row>) -> BTreeSet<String> {
    rows.values().flat_map(|row| row.instants.iter().cloned()).collect()
}

fn work(runtime: &Runtime) {
    runtime.block_on(async {
        let tasks: Vec<_> = (0..200)
            .map(|i| {
                gmp::spawn(async move {
                    gmp::task::yield_now().await;
                    if i % 10 == 0 {
                        gmp::time::sleep(Duration::from_millis(1)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn trace_is_a_picture_of_ps() {
    for mut builder in builders() {
        let runtime = builder.name("a \"name\" \\ with\ncare").build().unwrap();
        let handle = runtime.handle();
        assert!(handle.stop_trace().is_none());
        handle.start_trace(TraceConfig::new()).unwrap();
        let second = handle.start_trace(TraceConfig::new()).unwrap_err();
        assert_eq!(second.kind(), std::io::ErrorKind::AlreadyExists);
        work(&runtime);
        let trace: Trace = handle.stop_trace().unwrap();
        assert_eq!(trace.dropped(), 0);
        assert!(trace.len() >= 400 && trace.duration() > Duration::ZERO, "{trace:?}");
        let json = trace.to_json();
        assert!(json.contains(r#"gmp a \"name\" \\ with\ncare: Ps"#));
        let rows = rows(&json);
        for p in 0..runtime.metrics().num_workers() {
            assert_eq!(rows[&(1, p as u64 + 2)].name, format!("P {p}"));
        }
        let slices: Vec<_> = rows
            .iter()
            .filter(|(place, _)| place.0 == 1)
            .flat_map(|(_, row)| &row.slices)
            .collect();
        assert!(slices.len() >= 400, "{}", slices.len());
        assert!(slices.iter().all(|slice| slice.2.contains("observe.rs:")));
        let names = instants(&rows);
        assert!(names.contains("park") && names.contains("unpark"), "{names:?}");
        // Off again: nothing is kept.
        work(&runtime);
        handle.start_trace(TraceConfig::new()).unwrap();
        assert!(handle.stop_trace().unwrap().len() < 400);
    }
}

#[test]
fn trace_of_steals_wake_ups_and_handoffs() {
    let runtime = threaded(2);
    runtime.handle().start_trace(TraceConfig::new()).unwrap();
    let (tx, rx) = mpsc::channel();
    let task = runtime.spawn(async move {
        for i in 0..10 {
            let tx = tx.clone();
            gmp::spawn(async move { tx.send(i).unwrap() });
        }
        for _ in 0..10 {
            rx.recv_timeout(PATIENCE).unwrap();
        }
        // A poll that goes on without its P, while the P goes on without it.
        let (tx, rx) = mpsc::channel();
        gmp::spawn(async move { tx.send(()).unwrap() });
        gmp::task::block_in_place(|| rx.recv_timeout(PATIENCE).unwrap());
        gmp::task::block_in_place(|| {});
    });
    runtime.block_on(task).unwrap();
    let handle = runtime.handle().clone();
    // A task may be joined a moment before its poll is entered.
    drop(runtime);
    let trace = handle.stop_trace().unwrap();
    let rows = rows(&trace.to_json());
    let names = instants(&rows);
    for name in ["steal", "wakep", "handoff"] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    // What is left of that poll is in the row of its thread.
    let rest: usize =
        rows.iter().filter(|(place, _)| place.0 == 2).map(|(_, row)| row.slices.len()).sum();
    assert_eq!(rest, 1);
}

#[test]
fn trace_of_a_retake() {
    let runtime = threaded(1);
    runtime.handle().start_trace(TraceConfig::new()).unwrap();
    let (tx, rx) = mpsc::channel();
    let task = runtime.spawn(async move {
        gmp::spawn(async move { tx.send(()).unwrap() });
        // Only another thread can run it.
        rx.recv_timeout(PATIENCE).unwrap();
    });
    runtime.block_on(task).unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let rows = rows(&handle.stop_trace().unwrap().to_json());
    assert!(rows[&(1, 2)].instants.contains(&"retake".to_owned()));
    let names = instants(&rows);
    assert!(names.contains("drain"), "{names:?}");
    let slices: usize = rows.values().map(|row| row.slices.len()).sum();
    assert_eq!(slices, 2, "of the one that blocked, and of the one behind it");
}

#[test]
fn trace_shows_a_poll_that_goes_on() {
    let runtime = threaded(1);
    runtime.handle().start_trace(TraceConfig::new()).unwrap();
    let go = Arc::new(AtomicBool::new(false));
    let (tx, rx) = mpsc::channel();
    let task = {
        let go = go.clone();
        runtime.spawn(async move {
            tx.send(()).unwrap();
            block_until(&go);
        })
    };
    rx.recv_timeout(PATIENCE).unwrap();
    let json = runtime.handle().stop_trace().unwrap().to_json();
    assert!(json.contains("\"goes_on\":true"), "{json}");
    assert_eq!(rows(&json)[&(1, 2)].slices.len(), 1);
    go.store(true, SeqCst);
    runtime.block_on(task).unwrap();
}

#[test]
fn trace_keeps_the_latest() {
    let runtime = current();
    let handle = runtime.handle();
    handle.start_trace(TraceConfig::new().events_per_thread(10)).unwrap();
    work(&runtime);
    let trace = handle.stop_trace().unwrap();
    assert_eq!(trace.len(), 10);
    assert!(trace.dropped() >= 390, "{trace:?}");
    rows(&trace.to_json());
    let error = handle.start_trace(TraceConfig::new().events_per_thread(0)).unwrap_err();
    assert!(error.to_string().contains("accepted: 1 to"), "{error}");
}

#[test]
fn traces_start_and_stop_under_load() {
    let runtime = threaded(2);
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let stop = stop.clone();
        runtime.spawn(async move {
            while !stop.load(SeqCst) {
                let tasks: Vec<_> = (0..20).map(|_| gmp::spawn(gmp::task::yield_now())).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        })
    };
    for _ in 0..30 {
        runtime.handle().start_trace(TraceConfig::new()).unwrap();
        thread::sleep(Duration::from_millis(2));
        rows(&runtime.handle().stop_trace().unwrap().to_json());
    }
    stop.store(true, SeqCst);
    runtime.block_on(load).unwrap();
}

// GMPDEBUG, in processes of their own.

fn some_work_and_a_long_poll() {
    for mut builder in builders() {
        let runtime = builder.build().unwrap();
        work(&runtime);
        runtime.block_on(async {
            gmp::spawn(async { thread::sleep(Duration::from_millis(200)) }).await.unwrap();
            gmp::time::sleep(Duration::from_millis(100)).await;
        });
    }
}

#[test]
fn gmpdebug_schedtrace() {
    let env = [("GMPDEBUG", "schedtrace=20,scheddetail=1")];
    let Some(text) = child_succeeds("gmpdebug_schedtrace", "", &env) else {
        return some_work_and_a_long_poll();
    };
    for procs in [1, 2] {
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("SCHED "))
            .filter(|line| line.contains(&format!("gomaxprocs={procs} ")))
            .collect();
        assert!(lines.len() >= 2, "{text}");
        for line in lines {
            let keys: Vec<&str> =
                line.split(' ').filter_map(|word| Some(word.split_once('=')?.0)).collect();
            let expected = [
                "gomaxprocs",
                "idleprocs",
                "threads",
                "spinningthreads",
                "needspinning",
                "idlethreads",
                "runqueue",
            ];
            assert_eq!(keys[..7], expected, "{line}");
            let queues = line.split_once('[').unwrap().1.split_once(']').unwrap().0;
            assert_eq!(queues.split(' ').count(), procs, "{line}");
        }
    }
    assert!(text.contains("\n  P0: status="), "{text}");
    assert!(text.contains("spawned at "), "{text}");
}

#[test]
fn gmpdebug_longpoll() {
    let env = [("GMPDEBUG", "longpoll=50")];
    let Some(text) = child_succeeds("gmpdebug_longpoll", "", &env) else {
        return some_work_and_a_long_poll();
    };
    let ended: Vec<&str> = text.lines().filter(|line| line.contains(", took ")).collect();
    let going_on = text.lines().filter(|line| line.contains("goes on for")).count();
    let ours = |line: &&&str| line.contains("observe.rs:");
    // Of each runtime's poll one line: when it has ended, or before, and then the end is left out.
    assert!(ended.iter().filter(ours).count() + going_on >= 2, "{text}");
    assert!(text.lines().any(|line| line.starts_with("gmp: a poll of task ")), "{text}");
}

#[test]
fn gmpdebug_trace() {
    let path = std::env::temp_dir().join(format!("gmp-observe-{}.json", std::process::id()));
    let setting = format!("trace={}", path.display());
    if child_succeeds("gmpdebug_trace", "", &[("GMPDEBUG", &setting)]).is_none() {
        return some_work_and_a_long_poll();
    }
    let second = path.with_extension("json.2");
    for (file, ps) in [(&path, 1), (&second, 2)] {
        let json = std::fs::read_to_string(file).unwrap();
        let rows = rows(&json);
        for p in 0..ps {
            assert_eq!(rows[&(1, p + 2)].name, format!("P {p}"));
        }
        let longest =
            rows.values().flat_map(|row| &row.slices).map(|slice| slice.1 - slice.0).max();
        assert!(longest >= Some(200_000_000), "{longest:?}");
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn gmpdebug_bad_values() {
    let env = [("GMPDEBUG", "longpoll=soon,gctrace=1,trace=/no/such/folder/trace.json")];
    let Some(text) = child_succeeds("gmpdebug_bad_values", "", &env) else {
        return work(&current());
    };
    let starting = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(starting("gmp: GMPDEBUG: \"longpoll=soon\" is ignored; accepted: "), 1, "{text}");
    assert_eq!(starting("gmp: GMPDEBUG: \"gctrace=1\" is ignored; accepted: "), 1, "{text}");
    assert_eq!(
        starting("gmp: cannot write the trace to /no/such/folder/trace.json: "),
        1,
        "{text}"
    );
}
