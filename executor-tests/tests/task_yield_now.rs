//! `yield_now`.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use support::*;

#[test]
fn pending_exactly_once_also_outside_of_a_runtime() {
    let mut future = pin!(gmp::task::yield_now());
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready(()));
}

#[test]
fn w_self_by_ref_goes_behind_the_others() {
    let runtime = current();
    let order = Arc::new(Mutex::new(Vec::new()));
    runtime.block_on(async {
        let tasks = ["a", "b"].map(|name| {
            let order = order.clone();
            gmp::spawn(async move {
                for n in 0..2 {
                    order.lock().unwrap().push((name, n));
                    gmp::task::yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    let order = order.lock().unwrap();
    let (first, second) = (order[0].0, order[1].0);
    assert_ne!(first, second, "{order:?}");
    assert_eq!(*order, [(first, 0), (second, 0), (first, 1), (second, 1)]);
}

#[test]
fn a_yielding_task_lets_io_and_timers_through() {
    for runtime in [current(), threaded(1)] {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let busy = runtime.spawn({
            let stop = stop.clone();
            async move {
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    gmp::task::yield_now().await;
                }
            }
        });
        runtime.block_on(async {
            gmp::spawn(async {
                gmp::time::sleep(std::time::Duration::from_millis(5)).await;
                let listener = gmp::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let addr = listener.local_addr().unwrap();
                let client = gmp::spawn(gmp::net::TcpStream::connect(addr));
                listener.accept().await.unwrap();
                client.await.unwrap().unwrap();
            })
            .await
            .unwrap();
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            busy.await.unwrap();
        });
    }
}
