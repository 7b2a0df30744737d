//! The clock under test: `pause`, `advance`, `resume`, `start_paused`, and the jumps it makes by itself.

mod support;

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use gmp::runtime::{Builder, LocalOptions, Runtime};
use gmp::task::{self, yield_now, JoinSet, LocalSet};
use gmp::time::{
    advance, interval, interval_at, pause, resume, sleep, sleep_until, timeout, Duration, Instant,
    MissedTickBehavior,
};
use support::{current, panic_text, threaded, within_patience};

const WRONG_FLAVOUR: &str = "`time::pause()` requires the `current_thread` Tokio runtime. This is \
                             the default Runtime used by `#[tokio::test].";

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn the_clock_jumps_to_the_next_timer() {
    within_patience(|| {
        paused().block_on(async {
            let start = Instant::now();
            assert_eq!(start.elapsed(), Duration::ZERO);
            for wait in [ms(1), ms(5), ms(7), secs(1), secs(3600), secs(86_400 * 365)] {
                let before = Instant::now();
                sleep(wait).await;
                assert_eq!(before.elapsed(), wait);
            }
            let late = timeout(secs(30), std::future::pending::<()>()).await;
            assert!(late.is_err());
            assert_eq!(gmp::spawn(async { 1 }).await.unwrap(), 1);
        });
    });
}

#[test]
fn timers_fire_in_their_order_whoever_set_them() {
    within_patience(|| {
        let local = LocalSet::new();
        let log = Rc::new(RefCell::new(Vec::new()));
        local.block_on(&paused(), async {
            let start = Instant::now();
            let mut set = JoinSet::new();
            for wait in [7_000u64, 3, 250, 1, 60_000, 20, 251] {
                let log = log.clone();
                set.spawn_local(async move {
                    sleep(ms(wait)).await;
                    assert_eq!(start.elapsed(), ms(wait));
                    log.borrow_mut().push(wait);
                });
            }
            set.join_all().await;
            assert_eq!(start.elapsed(), secs(60));
        });
        assert_eq!(*log.borrow(), [1, 3, 20, 250, 251, 7_000, 60_000]);
    });
}

#[test]
fn deadlines_are_rounded_up_to_milliseconds() {
    within_patience(|| {
        paused().block_on(async {
            let start = Instant::now();
            sleep(Duration::from_nanos(1)).await;
            assert_eq!(start.elapsed(), ms(1));
            sleep(Duration::from_micros(1_001)).await;
            assert_eq!(start.elapsed(), ms(3));
            // The clock itself may stand in between.
            advance(Duration::from_micros(300)).await;
            assert_eq!(start.elapsed(), Duration::from_micros(3_300));
            sleep(ms(1)).await;
            assert_eq!(start.elapsed(), ms(5));
            let mut late = Box::pin(sleep(secs(9)));
            late.as_mut().reset(start + Duration::from_micros(6_100));
            late.await;
            assert_eq!(start.elapsed(), ms(7));
        });
    });
}

#[test]
fn advance_fires_what_is_due_and_gives_way() {
    within_patience(|| {
        paused().block_on(async {
            let (tx, rx) = mpsc::channel();
            for wait in [30u64, 10, 20, 40] {
                let tx = tx.clone();
                gmp::spawn(async move {
                    sleep(ms(wait)).await;
                    tx.send(wait).unwrap();
                });
            }
            yield_now().await;
            advance(ms(9)).await;
            assert!(rx.try_recv().is_err());
            advance(ms(21)).await;
            assert_eq!(rx.try_iter().collect::<Vec<_>>(), [10, 20, 30]);
            // Also out of a task that has its thread for itself.
            gmp::spawn(async move {
                let sleeper = gmp::spawn(sleep(secs(5)));
                yield_now().await;
                advance(secs(5)).await;
                yield_now().await;
                assert!(sleeper.is_finished());
            })
            .await
            .unwrap();
            assert_eq!(rx.try_iter().collect::<Vec<_>>(), [40]);
        });
    });
}

#[test]
fn pause_and_resume_in_the_middle() {
    within_patience(|| {
        current().block_on(async {
            sleep(ms(2)).await;
            pause();
            let start = Instant::now();
            thread::sleep(ms(3));
            assert_eq!(start.elapsed(), Duration::ZERO);
            sleep(secs(10)).await;
            assert_eq!(start.elapsed(), secs(10));
            resume();
            let (clock, real) = (Instant::now(), std::time::Instant::now());
            assert!(clock - start >= secs(10), "it goes on from where it stood");
            sleep(ms(5)).await;
            assert!(clock.elapsed() >= ms(5));
            assert!(real.elapsed() >= ms(5), "time is real again");
            pause();
            let again = Instant::now();
            sleep(ms(7)).await;
            assert_eq!(again.elapsed(), ms(7));
        });
    });
}

#[test]
fn a_timer_from_before_the_pause_is_not_early() {
    within_patience(|| {
        current().block_on(async {
            for micros in [1u64, 333, 1_000, 7_777, 123_456] {
                let deadline = Instant::now() + Duration::from_micros(micros) + secs(1);
                let mut timer = Box::pin(sleep_until(deadline));
                assert!(futures_util::poll!(timer.as_mut()).is_pending());
                pause();
                timer.await;
                let now = Instant::now();
                assert!(now + Duration::from_micros(17) >= deadline, "{:?}", deadline - now);
                assert!(now - deadline <= ms(2));
                resume();
            }
        });
    });
}

#[test]
fn x_pause_advance_a_blocking_closure_holds_the_clock() {
    within_patience(|| {
        let runtime = paused();
        runtime.block_on(async {
            let start = Instant::now();
            let (release, released) = mpsc::channel::<()>();
            let closure = task::spawn_blocking(move || released.recv().is_ok());
            let sleeper = gmp::spawn(async {
                sleep(secs(60)).await;
                Instant::now()
            });
            yield_now().await;
            let outside = thread::spawn(move || {
                thread::sleep(ms(20));
                release.send(()).unwrap();
            });
            // Nothing else to do: an idle clock would jump.
            assert!(closure.await.unwrap());
            assert_eq!(start.elapsed(), Duration::ZERO);
            outside.join().unwrap();
            assert_eq!(sleeper.await.unwrap() - start, secs(60));
        });
        // A chain of closures: between two of them there is always one in flight or something to run.
        runtime.block_on(async {
            let start = Instant::now();
            let work = async {
                for _ in 0..200 {
                    task::spawn_blocking(thread::yield_now).await.unwrap();
                }
            };
            timeout(secs(1), work).await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    });
}

#[test]
fn an_aborted_closure_lets_the_clock_go() {
    within_patience(|| {
        let mut builder = Builder::new_current_thread();
        let runtime =
            builder.enable_all().start_paused(true).max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (release, released) = mpsc::channel::<()>();
            let first = task::spawn_blocking(move || released.recv());
            let second = task::spawn_blocking(|| ());
            second.abort();
            drop(release);
            let _closed = first.await.unwrap();
            assert!(second.await.unwrap_err().is_cancelled());
            let start = Instant::now();
            sleep(secs(1)).await;
            assert_eq!(start.elapsed(), secs(1));
        });
    });
}

#[test]
fn x_pause_advance_what_wakes_from_outside_comes_first() {
    within_patience(|| {
        let runtime = paused();
        runtime.block_on(async {
            // No timer: the runtime really waits.
            let (tx, rx) = gmp::sync::oneshot::channel();
            let outside = thread::spawn(move || {
                thread::sleep(ms(5));
                tx.send(()).unwrap();
            });
            let start = Instant::now();
            rx.await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
            outside.join().unwrap();
            // Woken already, with a timer at hand.
            let (tx, rx) = gmp::sync::oneshot::channel();
            thread::spawn(move || tx.send(()).unwrap()).join().unwrap();
            timeout(ms(1), rx).await.unwrap().unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    });
}

#[test]
fn intervals_under_the_clock() {
    within_patience(|| {
        paused().block_on(async {
            let start = Instant::now();
            let mut ticks = interval(ms(300));
            for n in 0..5 {
                assert_eq!(ticks.tick().await, start + n * ms(300));
                assert_eq!(start.elapsed(), n * ms(300));
            }
            for (behavior, next) in [
                (MissedTickBehavior::Burst, ms(400)),
                (MissedTickBehavior::Delay, ms(1_150)),
                (MissedTickBehavior::Skip, ms(1_100)),
            ] {
                let start = Instant::now() + ms(100);
                let mut ticks = interval_at(start, ms(100));
                ticks.set_missed_tick_behavior(behavior);
                for n in 0..3 {
                    assert_eq!(ticks.tick().await, start + n * ms(100));
                }
                // The tick of 300 is seen at 1050.
                advance(ms(850)).await;
                assert_eq!(ticks.tick().await, start + ms(300), "{behavior:?}");
                assert_eq!(ticks.tick().await - start, next, "{behavior:?}");
            }
            let mut ticks = interval(secs(1));
            ticks.tick().await;
            ticks.reset_after(secs(5));
            let before = Instant::now();
            ticks.tick().await;
            assert_eq!(before.elapsed(), secs(5));
            ticks.reset_at(before + secs(7));
            assert_eq!(ticks.tick().await, before + secs(7));
            let mut waits = interval_at(Instant::now() + secs(50), secs(1));
            assert!(futures_util::poll!(pin!(waits.tick())).is_pending());
            waits.reset_immediately();
            assert!(futures_util::poll!(pin!(waits.tick())).is_ready(), "without a turn");
            ticks.reset_immediately();
            assert_eq!(ticks.tick().await, before + secs(7));
            ticks.reset();
            assert_eq!(ticks.tick().await, before + secs(8));
            assert_eq!(ticks.period(), secs(1));
        });
    });
}

#[test]
fn runtimes_have_clocks_of_their_own() {
    let frozen = paused();
    let here = frozen.block_on(async { Instant::now() });
    let running = current();
    running.block_on(async {
        let start = Instant::now();
        sleep(ms(2)).await;
        assert!(start.elapsed() >= ms(2));
    });
    let threads = threaded(1);
    threads.block_on(async {
        let start = Instant::now();
        sleep(ms(2)).await;
        assert!(start.elapsed() >= ms(2));
    });
    let outside = Instant::now();
    thread::sleep(ms(1));
    assert!(outside.elapsed() >= ms(1), "outside of a runtime: the system's clock");
    frozen.block_on(async move {
        assert_eq!(here.elapsed(), Duration::ZERO);
        // A blocking closure is inside, too.
        let there = task::spawn_blocking(Instant::now).await.unwrap();
        assert_eq!(there, here);
    });
    let local =
        Builder::new_current_thread().start_paused(true).build_local(LocalOptions::default());
    local.unwrap().block_on(async {
        let start = Instant::now();
        thread::sleep(ms(1));
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn misuse() {
    let outside = "time cannot be frozen from outside the Tokio runtime";
    assert_eq!(panic_text(pause), outside);
    assert_eq!(panic_text(resume), outside);
    current().block_on(async {
        assert_eq!(panic_text(resume), "time is not frozen");
        pause();
        assert_eq!(panic_text(pause), "time is already frozen");
        resume();
    });
    let text = panic_text(|| current().block_on(advance(ms(1))));
    assert_eq!(text, "time is not frozen");
    let text = panic_text(|| paused().block_on(advance(Duration::MAX)));
    assert!(text.contains("beyond what the clock can tell"), "{text}");
    let threads = threaded(1);
    assert_eq!(threads.block_on(async { panic_text(pause) }), WRONG_FLAVOUR);
    let text = panic_text(|| Builder::new_multi_thread().start_paused(true).build());
    assert_eq!(text, WRONG_FLAVOUR);
    Builder::new_multi_thread().start_paused(false).worker_threads(1).build().unwrap();
}

#[gmp::test(start_paused = true)]
async fn the_attribute_stops_the_clock() {
    let start = Instant::now();
    sleep(secs(100)).await;
    assert_eq!(start.elapsed(), secs(100));
}

#[gmp::test(flavor = "local", start_paused = true)]
async fn a_local_runtime_too() {
    let start = Instant::now();
    let rc = Rc::new(());
    task::spawn_local(async move {
        sleep(secs(1)).await;
        drop(rc);
    })
    .await
    .unwrap();
    assert_eq!(start.elapsed(), secs(1));
}
