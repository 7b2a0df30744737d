//! Once warm, the hot paths make no call into the allocator. Whatever allocates once for each operation makes
//! hundreds of calls in each of the rounds below; one round without any shows that nothing does. A single
//! round may have some: a table that grows, a thread that begins.
#![allow(unsafe_code)] // an allocator

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::Runtime;
use gmp::sync::{mpsc, oneshot};
use gmp::task::JoinSet;
use support::{current, threaded};

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: passes everything on to `System`, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, SeqCst);
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, SeqCst);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

const OPERATIONS: usize = 500;
const ROUNDS: usize = 50;

/// Runs rounds of an operation until one of them has called the allocator not once. A macro, since a closure's
/// future that borrows from it is not known to be `Send`.
macro_rules! quiet {
    ($what:literal, $operation:block) => {
        let mut fewest = usize::MAX;
        for _ in 0..ROUNDS {
            let before = CALLS.load(SeqCst);
            for _ in 0..OPERATIONS {
                $operation
            }
            fewest = fewest.min(CALLS.load(SeqCst) - before);
            if fewest == 0 {
                break;
            }
        }
        assert_eq!(fewest, 0, "calls of the allocator in {OPERATIONS} times {}", $what);
    };
}

async fn all_of_them() {
    quiet!("spawn and join", {
        assert_eq!(gmp::spawn(async { 1 }).await.unwrap(), 1);
    });

    quiet!("a oneshot to a task and back", {
        let (there, request) = oneshot::channel::<u32>();
        let (answer, back) = oneshot::channel::<u32>();
        let task = gmp::spawn(async move { answer.send(request.await.unwrap() + 1).unwrap() });
        there.send(1).unwrap();
        assert_eq!(back.await.unwrap(), 2);
        task.await.unwrap();
    });

    let (to, mut from) = mpsc::channel::<u32>(4);
    let (back, mut answers) = mpsc::unbounded_channel();
    gmp::spawn(async move {
        while let Some(n) = from.recv().await {
            back.send(n).unwrap();
        }
    });
    quiet!("a message through mpsc, and back", {
        to.send(1).await.unwrap();
        assert_eq!(answers.recv().await, Some(1));
    });

    quiet!("a sleep that is polled and dropped", {
        let sleep = gmp::time::timeout(Duration::from_secs(60), gmp::task::yield_now());
        sleep.await.unwrap();
    });

    let mut set = JoinSet::new();
    quiet!("a task of a JoinSet", {
        set.spawn(async { 1 });
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
    });

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    gmp::spawn(async move {
        let mut buffer = [0; 64];
        while server.read_exact(&mut buffer).await.is_ok() {
            server.write_all(&buffer).await.unwrap();
        }
    });
    quiet!("a round trip over TCP", {
        let mut buffer = [1; 64];
        client.write_all(&buffer).await.unwrap();
        client.read_exact(&mut buffer).await.unwrap();
    });
}

fn in_a_task(runtime: &Runtime) {
    let task = runtime.spawn(all_of_them());
    runtime.block_on(task).unwrap();
}

/// One test, since the counter is the process's.
#[test]
fn hot_paths_do_not_allocate() {
    in_a_task(&threaded(1));
    in_a_task(&threaded(2));
    in_a_task(&current());
    threaded(2).block_on(all_of_them());
}
