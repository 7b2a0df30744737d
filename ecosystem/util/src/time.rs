//! DelayQueue.

use std::time::Duration;

use futures_util::StreamExt;
use kit::Outcome;
use tokio::time::Instant;
use tokio_util::time::DelayQueue;

/// What is put in without an order comes out by deadline, what is taken out or put off does not.
pub async fn delay_queue() -> Outcome {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut queue = DelayQueue::new();
    let mut keys = std::collections::HashMap::new();
    for n in 0..100u64 {
        let place = n * 37 % 100;
        keys.insert(place, queue.insert_at(place, at(10 + 2 * place)));
    }
    queue.remove(&keys[&50]);
    queue.reset_at(&keys[&3], at(300));
    let mut order = Vec::new();
    while let Some(expired) = queue.next().await {
        assert!(Instant::now() >= expired.deadline(), "{} came early", expired.get_ref());
        order.push(expired.into_inner());
    }
    let expected: Vec<u64> = (0..100).filter(|n| ![3, 50].contains(n)).chain([3]).collect();
    assert_eq!(order, expected);
    kit::ok("DelayQueue: 99 of 100, by deadline, none early");
    Ok(())
}
