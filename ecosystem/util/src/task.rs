//! TaskTracker, JoinMap, LocalPoolHandle.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use kit::Outcome;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{JoinMap, LocalPoolHandle, TaskTracker};

/// The end of many tasks, after they have been told to stop.
pub async fn tracker() -> Outcome {
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let ended = Arc::new(AtomicUsize::new(0));
    for n in 0..100 {
        let (stop, ended) = (stop.clone(), ended.clone());
        tracker.spawn(async move {
            let mut turns = tokio::time::interval(Duration::from_millis(1 + n % 5));
            while stop.run_until_cancelled(turns.tick()).await.is_some() {}
            ended.fetch_add(1, Ordering::SeqCst);
        });
    }
    tracker.close();
    assert!(tokio::time::timeout(Duration::from_millis(20), tracker.wait()).await.is_err());
    stop.cancel();
    tracker.wait().await;
    assert_eq!(ended.load(Ordering::SeqCst), 100);
    assert!(tracker.is_empty());
    kit::ok("TaskTracker: 100 tasks told to stop, and gone");
    Ok(())
}

/// Tasks by key: ends, an abort, a replacement, a panic.
pub async fn join_map() -> Outcome {
    let mut tasks = JoinMap::new();
    for n in 0..10 {
        tasks.spawn(n, async move { n * n });
    }
    tasks.spawn(10, std::future::pending());
    assert!(tasks.abort(&10));
    tasks.spawn(11, std::future::pending());
    tasks.spawn(11, async { 121 });
    tasks.spawn_blocking(12, || std::panic::resume_unwind(Box::new("on purpose")));
    let (mut squares, mut cancelled, mut panicked) = (0, 0, 0);
    while let Some((key, end)) = tasks.join_next().await {
        match end {
            Ok(square) => {
                assert_eq!(square, key * key);
                squares += 1;
            }
            Err(end) if end.is_cancelled() => cancelled += usize::from(key == 10),
            Err(end) => panicked += usize::from(key == 12 && end.is_panic()),
        }
    }
    assert_eq!((squares, cancelled, panicked), (11, 1, 1));
    kit::ok("JoinMap");
    Ok(())
}

/// Futures that are not `Send`, on threads with runtimes of their own.
pub async fn local_pool() -> Outcome {
    let pool = LocalPoolHandle::new(2);
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            pool.spawn_pinned(move || async move {
                let thread = std::thread::current().id();
                let mine = Rc::new(n);
                tokio::time::sleep(Duration::from_millis(1)).await;
                let inner = mine.clone();
                let there =
                    tokio::task::spawn_local(async move { (std::thread::current().id(), *inner) })
                        .await;
                assert_eq!(there.expect("no panic"), (thread, n));
                *mine
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await?, n);
    }
    kit::ok("LocalPoolHandle: 20 futures with an Rc");
    Ok(())
}
