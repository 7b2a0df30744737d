//! `gmp::signal` in runtimes. Handlers belong to the process, so each test has a signal of its own.
#![cfg(unix)]

use std::future::Future;
use std::pin::pin;
use std::process::Command;
use std::time::Duration;

use futures_util::poll;
use gmp::runtime::{Builder, Runtime};
use gmp::signal::unix::{signal, Signal, SignalKind};
use gmp::time::timeout;

/// Far above what a loaded machine needs; a hang fails instead of standing still.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends this process a signal.
fn kill(name: &str) {
    let id = std::process::id().to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
    assert!(sent.success());
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(LIMIT, future).await.expect("not in time")
}

async fn hear(signal: &mut Signal) {
    assert_eq!(in_time(signal.recv()).await, Some(()));
}

#[test]
fn a_listener_hears_each_signal_that_comes_after_it() {
    for runtime in [multi_thread(), current_thread()] {
        runtime.block_on(async {
            let mut listener = signal(SignalKind::user_defined1()).expect("a listener");
            assert!(poll!(pin!(listener.recv())).is_pending(), "the last runtime's are not heard");
            for _ in 0..5 {
                kill("USR1");
                hear(&mut listener).await;
            }
        });
    }
}

#[test]
fn all_tasks_of_all_runtimes_hear_it() {
    let runtimes = [multi_thread(), multi_thread()];
    let tasks: Vec<_> = runtimes
        .iter()
        .flat_map(|runtime| (0..3).map(move |_| runtime))
        .map(|runtime| {
            let _entered = runtime.enter();
            let mut listener = signal(SignalKind::user_defined2()).expect("a listener");
            runtime.spawn(async move { hear(&mut listener).await })
        })
        .collect();
    kill("USR2");
    for task in tasks {
        runtimes[0].block_on(task).expect("no panic");
    }
}

#[test]
fn an_idle_runtime_wakes_up_for_it() {
    let runtime = multi_thread();
    let _entered = runtime.enter();
    let mut listener = signal(SignalKind::hangup()).expect("a listener");
    let (sender, receiver) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        while listener.recv().await.is_some() {
            sender.send(()).expect("the test waits");
        }
    });
    for _ in 0..3 {
        // Nothing to do in there: by now its threads sleep, one of them in the poller.
        std::thread::sleep(Duration::from_millis(30));
        kill("HUP");
        receiver.recv_timeout(LIMIT).expect("heard");
    }
}

#[test]
fn a_listener_outlives_its_runtime() {
    let (first, second) = (multi_thread(), multi_thread());
    let mut listener = first.block_on(async { signal(SignalKind::alarm()) }).expect("a listener");
    drop(first);
    second.block_on(async {
        assert!(poll!(pin!(listener.recv())).is_pending());
        kill("ALRM");
        hear(&mut listener).await;
    });
}

#[test]
fn runtimes_that_come_and_go_hear_it_too() {
    let stays = multi_thread();
    let _entered = stays.enter();
    let mut listener = signal(SignalKind::io()).expect("a listener");
    for round in 0..10 {
        let goes = if round % 2 == 0 { multi_thread() } else { current_thread() };
        goes.block_on(async {
            let mut listener = signal(SignalKind::io()).expect("a listener");
            kill("IO");
            hear(&mut listener).await;
        });
        drop(goes);
        stays.block_on(hear(&mut listener));
    }
}

#[test]
fn ctrl_c_listens_from_its_first_poll() {
    multi_thread().block_on(async {
        for _ in 0..2 {
            let mut interrupt = pin!(gmp::signal::ctrl_c());
            assert!(poll!(interrupt.as_mut()).is_pending());
            kill("INT");
            in_time(interrupt).await.expect("no error");
        }
    });
}

#[test]
fn a_cancelled_wait_loses_nothing() {
    multi_thread().block_on(async {
        let mut listener = signal(SignalKind::window_change()).expect("a listener");
        let mut witness = signal(SignalKind::window_change()).expect("a listener");
        assert!(poll!(pin!(listener.recv())).is_pending());
        kill("WINCH");
        hear(&mut witness).await;
        hear(&mut listener).await;
    });
}

#[test]
fn refused_signals_are_errors() {
    let runtime = current_thread();
    let _entered = runtime.enter();
    for number in [9, 11, 0, -3] {
        let error = signal(SignalKind::from_raw(number)).expect_err("refused");
        assert_eq!(error.to_string(), format!("Refusing to register signal {number}"));
    }
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn outside_of_a_runtime_it_panics() {
    let _ = signal(SignalKind::quit());
}

#[test]
#[should_panic(expected = "IO is disabled")]
fn without_io_it_panics() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let _entered = runtime.enter();
    let _ = signal(SignalKind::quit());
}

#[test]
fn listeners_can_cross_threads() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<Signal>();
    check::<SignalKind>();
}
