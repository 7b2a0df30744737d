//! tokio-metrics, in its stable part.

use std::time::Duration;

use kit::Outcome;
use tokio::runtime::Handle;
use tokio_metrics::{RuntimeMonitor, TaskMonitor};

pub async fn tasks() -> Outcome {
    let monitor = TaskMonitor::new();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn(monitor.instrument(async {
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                }
            }))
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    let seen = monitor.cumulative();
    assert_eq!((seen.instrumented_count, seen.dropped_count, seen.total_poll_count), (20, 20, 120));
    kit::ok("tokio-metrics: 20 tasks, 120 polls");
    Ok(())
}

/// Workers that are busy for a while, and parked and woken often, show it.
pub async fn runtime() -> Outcome {
    let mut intervals = RuntimeMonitor::new(&Handle::current()).intervals();
    intervals.next();
    let parked = tokio::spawn(std::future::pending::<()>());
    let busy = tokio::spawn(async {
        for _ in 0..20 {
            let start = std::time::Instant::now();
            while start.elapsed() < Duration::from_millis(2) {
                std::hint::spin_loop();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    busy.await?;
    let seen = intervals.next().ok_or("no interval")?;
    parked.abort();
    assert_eq!(seen.workers_count, 2);
    assert!(seen.live_tasks_count >= 1);
    assert!(seen.total_park_count >= 1, "no worker has parked: {seen:?}");
    assert!(seen.total_busy_duration > Duration::ZERO && seen.elapsed >= Duration::from_millis(80));
    kit::ok(format_args!(
        "tokio-metrics: busy for {:?} of {:?}",
        seen.total_busy_duration, seen.elapsed
    ));
    Ok(())
}
