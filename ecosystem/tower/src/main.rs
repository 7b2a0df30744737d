//! tower's layers that need a runtime: buffer, timeout, limits, load shed, retry, spawn_ready.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use kit::Outcome;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::load_shed::error::Overloaded;
use tower::retry::Policy;
use tower::{service_fn, BoxError, Service, ServiceBuilder, ServiceExt};

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        buffer().await?;
        timeout().await?;
        concurrency().await?;
        rate().await?;
        load_shed().await?;
        retry().await
    })
    .await
}

/// One service that is not `Clone`, for many callers, behind a queue of four; its panic reaches all of them.
async fn buffer() -> Outcome {
    let mut served = 0;
    let counter = service_fn(move |add: usize| {
        served += add;
        assert!(served <= 1000, "on purpose");
        std::future::ready(Ok::<_, Infallible>(served))
    });
    let service = ServiceBuilder::new().buffer(4).service(counter);
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let service = service.clone();
        calls.spawn(service.oneshot(1));
    }
    let mut answers = Vec::new();
    while let Some(answer) = calls.join_next().await {
        answers.push(answer??);
    }
    answers.sort_unstable();
    assert!(answers.into_iter().eq(1..=1000), "a call was lost or served twice");

    std::panic::set_hook(Box::new(|_| {})); // what follows panics, and need not say so
    let broken = service.clone().oneshot(1).await;
    let _ = std::panic::take_hook();
    assert!(broken.is_err(), "an answer from a service that has panicked");
    assert!(service.oneshot(1).await.is_err());
    kit::ok("buffer: 1000 callers of one service, and its panic");
    Ok(())
}

async fn timeout() -> Outcome {
    let sleeper = |ms| async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok::<_, Infallible>(ms)
    };
    let mut service =
        ServiceBuilder::new().timeout(Duration::from_secs(10)).service(service_fn(sleeper));
    assert_eq!(service.ready().await?.call(1).await?, 1);
    let mut hasty =
        ServiceBuilder::new().timeout(Duration::from_millis(50)).service(service_fn(sleeper));
    let late = hasty.ready().await?.call(60_000).await.err().ok_or("an answer")?;
    assert!(late.is::<tower::timeout::error::Elapsed>(), "{late}");
    kit::ok("timeout");
    Ok(())
}

/// Never more than three at the same time, and all of them in the end.
async fn concurrency() -> Outcome {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (inside.clone(), most.clone());
    let service = ServiceBuilder::new().concurrency_limit(3).service_fn(move |()| {
        let (inside, most) = (counted.clone(), highest.clone());
        async move {
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Infallible>(())
        }
    });
    let mut calls = JoinSet::new();
    for _ in 0..60 {
        calls.spawn(service.clone().oneshot(()));
    }
    while let Some(answer) = calls.join_next().await {
        answer??;
    }
    assert_eq!((inside.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 3));
    kit::ok("concurrency limit: 60 callers, three at a time");
    Ok(())
}

async fn rate() -> Outcome {
    let period = Duration::from_millis(50);
    let mut service = ServiceBuilder::new()
        .rate_limit(5, period)
        .service(service_fn(|()| std::future::ready(Ok::<_, Infallible>(()))));
    let start = Instant::now();
    for _ in 0..20 {
        service.ready().await?.call(()).await?;
    }
    assert!(start.elapsed() >= period * 3, "20 calls in {:?}", start.elapsed());
    kit::ok("rate limit: 20 calls, five in 50 ms");
    Ok(())
}

async fn load_shed() -> Outcome {
    let gate = Arc::new(Semaphore::new(0));
    let closed = gate.clone();
    let service = ServiceBuilder::new().load_shed().concurrency_limit(1).service_fn(move |()| {
        let gate = closed.clone();
        async move { gate.acquire().await.map(|permit| permit.forget()).map_err(BoxError::from) }
    });
    let mut first = service.clone();
    let held = first.ready().await?.call(());
    let refused = service.clone().oneshot(()).await.err().ok_or("two at a time")?;
    assert!(refused.is::<Overloaded>(), "{refused}");
    gate.add_permits(1);
    held.await?;
    gate.add_permits(1);
    service.oneshot(()).await?;
    kit::ok("load shed: refused while busy, served afterwards");
    Ok(())
}

#[derive(Clone)]
struct Attempts(usize);

impl<E> Policy<(), usize, E> for Attempts {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, _: &mut (), result: &mut Result<usize, E>) -> Option<Self::Future> {
        let left = self.0.checked_sub(1)?;
        self.0 = left;
        result.is_err().then(|| tokio::time::sleep(Duration::from_millis(5)))
    }

    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

/// Fails twice, then answers.
async fn retry() -> Outcome {
    let mut calls = 0;
    let moody = service_fn(move |()| {
        calls += 1;
        let answer = if calls < 3 { Err("not yet") } else { Ok(calls) };
        async move {
            tokio::task::yield_now().await;
            answer
        }
    });
    let service = ServiceBuilder::new().buffer(1).service(moody);
    let service = ServiceBuilder::new().retry(Attempts(5)).service(service);
    assert_eq!(service.oneshot(()).await?, 3);
    kit::ok("retry: the third attempt");
    Ok(())
}
