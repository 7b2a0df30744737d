//! An idle runtime makes no wake-ups and uses no CPU, and one with an event now and then does not wake sysmon
//! for it. Alone in its binary, so that nothing else in the process moves.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use gmp::net::{TcpListener, TcpStream, UdpSocket};
use gmp::runtime::Builder;

/// Of a thread: name, how often it was switched away from, and ticks of CPU time.
type Threads = BTreeMap<String, (String, u64, u64)>;

fn threads() -> Threads {
    let mut all = Threads::new();
    for entry in fs::read_dir("/proc/self/task").unwrap() {
        let id = entry.unwrap().file_name().into_string().unwrap();
        let read = |file| fs::read_to_string(format!("/proc/self/task/{id}/{file}")).unwrap();
        let (status, stat) = (read("status"), read("stat"));
        let switches = status
            .lines()
            .filter_map(|line| line.split_once("ctxt_switches:"))
            .map(|(_, count)| count.trim().parse::<u64>().unwrap())
            .sum();
        // After the name, which may hold anything: fields 3 and on; utime and stime are 14 and 15.
        let (head, tail) = stat.rsplit_once(')').unwrap();
        let name = head.split_once('(').unwrap().1.to_owned();
        let ticks =
            tail.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
        all.insert(id, (name, switches, ticks));
    }
    all
}

#[test]
fn f_idle_is_silent() {
    an_idle_runtime_is_silent();
    single_events_do_not_wake_sysmon();
}

/// A tick every 10 ms, and one every 150: each makes the runtime wake up and go idle again, and sysmon has no
/// part in it. On a crowded machine an M may wait for its CPU while it holds a permit, and then sysmon comes:
/// one second without that is enough.
fn single_events_do_not_wake_sysmon() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // It has to exist.
    runtime.block_on(async { gmp::time::sleep(Duration::from_millis(50)).await });
    let switches = || {
        let sysmon = threads().into_values().find(|thread| thread.0 == "gmp-sysmon");
        sysmon.expect("there is one").1
    };
    for pause in [10, 150] {
        let ticks = runtime.spawn(async move {
            loop {
                gmp::time::sleep(Duration::from_millis(pause)).await;
            }
        });
        std::thread::sleep(Duration::from_millis(500));
        let mut seen = Vec::new();
        // Once a second it looks at the machine's limits: two or three times awake.
        while seen.last().is_none_or(|&times| times > 5) {
            assert!(
                seen.len() < 30,
                "every {pause} ms: sysmon was awake so often a second: {seen:?}"
            );
            let before = switches();
            std::thread::sleep(Duration::from_secs(1));
            seen.push(switches() - before);
        }
        ticks.abort();
    }
}

/// Everything a server may have lying around: bound sockets, an idle connection, timers that are over,
/// tasks that wait, a thread that ran a closure.
fn an_idle_runtime_is_silent() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("gmp-m")
        .enable_all()
        .build()
        .unwrap();
    let kept = runtime.block_on(async {
        let tasks: Vec<_> =
            (0..1000).map(|_| gmp::spawn(async { gmp::task::yield_now().await })).collect();
        for task in tasks {
            task.await.unwrap();
        }
        gmp::spawn(gmp::time::sleep(Duration::from_millis(10))).await.unwrap();
        let cancelled = gmp::time::sleep(Duration::from_secs(2));
        let _elapsed = gmp::time::timeout(Duration::from_millis(1), cancelled).await;
        gmp::task::spawn_blocking(|| ()).await.unwrap();
        gmp::spawn(async { gmp::task::block_in_place(|| ()) }).await.unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        gmp::spawn(async move { udp.recv(&mut [0; 8]).await });
        gmp::spawn(async move { listener.accept().await });
        gmp::spawn(std::future::pending::<()>());
        (client, server)
    });
    // Let everybody come to rest. How long that takes is not what is measured.
    std::thread::sleep(Duration::from_secs(1));
    let before = threads();
    std::thread::sleep(Duration::from_secs(5));
    let after = threads();
    let ours = |threads: &Threads| -> Threads {
        threads
            .iter()
            .filter(|(_, t)| t.0.starts_with("gmp"))
            .map(|(k, t)| (k.clone(), t.clone()))
            .collect()
    };
    assert!(!ours(&before).is_empty(), "no thread of the runtime was found: {before:?}");
    assert_eq!(ours(&before), ours(&after), "(name, switches, ticks) of each thread");
    drop(kept);

    // It wakes up all the same.
    assert_eq!(runtime.block_on(async { gmp::spawn(async { 1 }).await.unwrap() }), 1);
}
