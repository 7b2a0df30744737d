//! CancellationToken, PollSender, PollSemaphore.

use std::sync::Arc;

use futures_util::{stream, SinkExt, StreamExt};
use kit::Outcome;
use tokio::sync::{mpsc, Semaphore};
use tokio::task::JoinSet;
use tokio_util::future::FutureExt;
use tokio_util::sync::{CancellationToken, PollSemaphore, PollSender};

/// A tree of tokens: a branch ends without its siblings, the root ends all.
pub async fn tokens() -> Outcome {
    let root = CancellationToken::new();
    let branches: Vec<_> = (0..4).map(|_| root.child_token()).collect();
    let mut waiting = JoinSet::new();
    for (b, branch) in branches.iter().enumerate() {
        for _ in 0..50 {
            let leaf = branch.child_token();
            waiting.spawn(async move {
                leaf.cancelled().await;
                b
            });
        }
    }
    branches[1].cancel();
    for _ in 0..50 {
        assert_eq!(waiting.join_next().await.ok_or("too few")??, 1);
    }
    assert!(!root.is_cancelled() && !branches[0].is_cancelled());
    let guard = root.clone().drop_guard();
    let never =
        tokio::spawn(std::future::pending::<()>().with_cancellation_token_owned(root.clone()));
    drop(guard);
    assert_eq!(waiting.join_all().await.len(), 150);
    assert_eq!(never.await?, None);
    kit::ok("CancellationToken: 200 leaves of 4 branches");
    Ok(())
}

/// A sink before a channel of one, and permits as a stream.
pub async fn poll_sender() -> Outcome {
    let (sender, mut receiver) = mpsc::channel(1);
    let forward = tokio::spawn(async move {
        let mut sink = PollSender::new(sender);
        sink.send_all(&mut stream::iter((0..1000).map(Ok))).await?;
        sink.close();
        Outcome::Ok(())
    });
    for n in 0..1000 {
        assert_eq!(receiver.recv().await, Some(n));
    }
    assert_eq!(receiver.recv().await, None);
    forward.await??;

    let mut permits = PollSemaphore::new(Arc::new(Semaphore::new(2)));
    let held = (permits.next().await, permits.next().await);
    let third = tokio::spawn(async move { permits.next().await.is_some() });
    tokio::task::yield_now().await;
    assert!(!third.is_finished());
    drop(held);
    assert!(third.await?);
    kit::ok("PollSender and PollSemaphore");
    Ok(())
}
