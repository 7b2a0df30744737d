//! Gates to block at, and signs of life.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{channel, Receiver};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::{Builder, Handle, Runtime};
use gmp::task::JoinHandle;

use crate::support::*;

pub(crate) fn builder(procs: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(procs).enable_all();
    builder
}

/// Closed until it is opened, by hand or by the end of the test. Declare it after the runtime: then a test
/// that fails opens it before the runtime waits for its polls.
#[derive(Default)]
pub(crate) struct Gate(Door);

/// Where threads stand.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<(Mutex<Standing>, Condvar)>);

#[derive(Default)]
struct Standing {
    open: bool,
    now: usize,
}

impl Gate {
    pub(crate) fn door(&self) -> Door {
        self.0.clone()
    }

    pub(crate) fn open(&self) {
        let (lock, changed) = &*self.0 .0;
        lock.lock().unwrap().open = true;
        changed.notify_all();
    }

    /// Threads that stand before it.
    pub(crate) fn standing(&self) -> usize {
        self.0 .0 .0.lock().unwrap().now
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, threads: usize) {
        eventually("all of them block", || self.standing() == threads);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Door {
    /// Blocks the thread.
    pub(crate) fn block(&self) {
        let (lock, changed) = &*self.0;
        let mut standing = lock.lock().unwrap();
        standing.now += 1;
        while !standing.open {
            standing = changed.wait(standing).unwrap();
        }
        standing.now -= 1;
    }
}

/// True until it is dropped.
#[derive(Clone)]
pub(crate) struct Going(Arc<AtomicBool>);

/// Ends its [`Going`]s.
pub(crate) struct Stop(Going);

impl Stop {
    pub(crate) fn new() -> Stop {
        Stop(Going(Arc::new(AtomicBool::new(true))))
    }

    pub(crate) fn going(&self) -> Going {
        self.0.clone()
    }
}

impl Going {
    pub(crate) fn on(&self) -> bool {
        self.0.load(SeqCst)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0 .0.store(false, SeqCst);
    }
}

/// Tasks that block at the gate; answers when all of them do.
#[track_caller]
pub(crate) fn block(runtime: &Runtime, tasks: usize, gate: &Gate) -> Vec<JoinHandle<()>> {
    let before = gate.standing();
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let door = gate.door();
            runtime.spawn(async move { door.block() })
        })
        .collect();
    gate.wait_for(before + tasks.len());
    tasks
}

/// A new task, with children, timers, sockets and closures of its own, comes to its end.
#[track_caller]
pub(crate) fn others_go_on(handle: &Handle) {
    let (tell, told) = channel();
    handle.spawn(async move {
        life().await;
        tell.send(()).unwrap();
    });
    told.recv_timeout(PATIENCE).expect("others stand still");
}

async fn life() {
    for _ in 0..20 {
        gmp::task::yield_now().await;
    }
    let children: Vec<_> = (0..10).map(|n| gmp::spawn(async move { n })).collect();
    for (n, child) in children.into_iter().enumerate() {
        assert_eq!(child.await.unwrap(), n);
    }
    for _ in 0..3 {
        gmp::time::sleep(Duration::from_millis(1)).await;
    }
    gmp::task::spawn_blocking(|| thread::sleep(Duration::from_millis(1))).await.unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = gmp::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        while stream.read(&mut byte).await.unwrap() == 1 {
            stream.write_all(&byte).await.unwrap();
        }
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    for n in 0..10 {
        stream.write_all(&[n]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), n);
    }
    drop(stream);
    server.await.unwrap();
}

/// These tasks end, none of them by a panic.
#[track_caller]
pub(crate) fn all_end<T>(runtime: &Runtime, tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    eventually("all tasks ended", || tasks.iter().all(JoinHandle::is_finished));
    tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).collect()
}

/// When nothing runs, as many permits are idle as there are Ps: none was lost, none was made.
#[track_caller]
pub(crate) fn b_permits_conserved(handle: &Handle, procs: usize) {
    assert_eq!(handle.metrics().num_workers(), procs);
    eventually("all permits are idle", || handle.metrics().idle_permits() == procs);
}

/// Counts a runtime's threads.
#[derive(Clone, Default)]
pub(crate) struct Threads(Arc<(AtomicUsize, AtomicUsize)>);

impl Threads {
    pub(crate) fn of(builder: &mut Builder) -> Threads {
        let threads = Threads::default();
        let (start, stop) = (threads.clone(), threads.clone());
        builder.on_thread_start(move || {
            let now = start.0 .0.fetch_add(1, SeqCst) + 1;
            start.0 .1.fetch_max(now, SeqCst);
        });
        builder.on_thread_stop(move || {
            stop.0 .0.fetch_sub(1, SeqCst);
        });
        threads
    }

    /// The most that there were at a time.
    pub(crate) fn most(&self) -> usize {
        self.0 .1.load(SeqCst)
    }
}

/// Keeps the thread busy.
pub(crate) fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// A waker that runs a function on whichever thread wakes it.
pub(crate) fn waker(f: impl Fn() + Send + Sync + 'static) -> Waker {
    struct Runs<F>(F);
    impl<F: Fn() + Send + Sync> Wake for Runs<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }
    Waker::from(Arc::new(Runs(f)))
}

/// A waker and the place where its wake-ups arrive.
pub(crate) fn waker_that_tells() -> (Waker, Receiver<()>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let waker = waker(move || {
        let _nobody_listens = tell.lock().unwrap().send(());
    });
    (waker, told)
}

/// Numbers that a seed repeats.
pub(crate) struct Rand(u64);

impl Rand {
    pub(crate) fn new(seed: u64) -> Rand {
        Rand(seed)
    }

    /// From 0 to `n - 1`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}
