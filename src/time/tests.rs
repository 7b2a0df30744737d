//! Futures of this module polled by hand; the timers are checked by hand.

use std::future::{pending, ready, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::*;
use crate::g::coop;
use crate::scheduler::context::{self, SchedRef};
use crate::scheduler::testing::undriven;

/// Runs `f` inside a runtime of which nothing runs but what `f` runs itself.
fn inside<R>(f: impl FnOnce(&SchedRef) -> R) -> R {
    inside_with(true, f)
}

fn inside_with<R>(time: bool, f: impl FnOnce(&SchedRef) -> R) -> R {
    let sched = undriven(false, time).unwrap();
    let _entered = context::enter(&sched);
    f(&sched)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Fires all that is due at `at`, as if it were that late.
fn fire(sched: &SchedRef, at: Instant) -> usize {
    let mut fired = Vec::new();
    sched.timers().check(sched.instant_to_ns(at.into_std()), &mut fired);
    fired.into_iter().map(Waker::wake).count()
}

fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it should have panicked");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().expect("a text").to_string(),
    }
}

#[test]
fn sleep_is_ready_at_its_deadline_and_stays_so() {
    inside(|sched| {
        let mut sleep = pin!(sleep(ms(100_000)));
        let deadline = sleep.deadline();
        assert!(!sleep.is_elapsed());
        assert!(poll(sleep.as_mut()).is_pending());
        assert_eq!(fire(sched, deadline - Duration::from_nanos(1)), 0);
        assert!(poll(sleep.as_mut()).is_pending());
        assert_eq!(fire(sched, deadline + ms(1)), 1);
        assert!(sleep.is_elapsed());
        assert!(poll(sleep.as_mut()).is_ready());
        assert!(poll(sleep.as_mut()).is_ready());
        assert_eq!(sleep.deadline(), deadline);
    });
}

#[test]
fn x_timer_past() {
    inside(|sched| {
        let now = Instant::now();
        for sleep in [sleep_until(now - ms(1)), sleep_until(now), sleep(Duration::ZERO)] {
            let mut sleep = Box::pin(sleep);
            assert!(!sleep.is_elapsed(), "nobody has looked yet");
            assert!(poll(sleep.as_mut()).is_ready());
        }
        assert_eq!(sched.timers().len(), 0);
    });
}

#[test]
fn x_timer_max() {
    inside(|sched| {
        let mut longest = pin!(sleep(Duration::MAX));
        let mut millis = pin!(sleep(ms(u64::MAX)));
        assert!(poll(longest.as_mut()).is_pending());
        assert!(poll(millis.as_mut()).is_pending());
        assert!(longest.deadline() > Instant::now() + ms(1000 * 3600 * 24 * 365 * 29));
        assert_eq!(fire(sched, Instant::now() + ms(1000 * 3600 * 24 * 365 * 29)), 0);
        let mut never = pin!(timeout(Duration::MAX, pending::<()>()));
        assert!(poll(never.as_mut()).is_pending());
        assert_eq!(sched.timers().len(), 2, "no deadline, no timer");
    });
    // And no runtime needed for it.
    assert!(poll(pin!(timeout(Duration::MAX, ready(1)))).is_ready());
}

#[test]
fn reset_moves_the_deadline_both_ways_and_after_the_end() {
    inside(|sched| {
        let now = Instant::now();
        let mut sleep = pin!(sleep_until(now + ms(100_000)));
        sleep.as_mut().reset(now + ms(50_000));
        assert_eq!(sched.timers().len(), 1, "reset registers");
        assert!(poll(sleep.as_mut()).is_pending());
        sleep.as_mut().reset(now + ms(200_000));
        assert_eq!(fire(sched, now + ms(150_000)), 0);
        assert!(poll(sleep.as_mut()).is_pending());
        sleep.as_mut().reset(now + ms(160_000));
        assert_eq!(fire(sched, now + ms(161_000)), 1);
        assert!(poll(sleep.as_mut()).is_ready());
        sleep.as_mut().reset(now + ms(300_000));
        assert!(!sleep.is_elapsed());
        assert!(poll(sleep.as_mut()).is_pending());
        assert_eq!(fire(sched, now + ms(301_000)), 1);
        assert!(poll(sleep.as_mut()).is_ready());
    });
}

#[test]
fn dropped_sleeps_leave_nothing_behind() {
    inside(|sched| {
        let kept = {
            let mut sleep = Box::pin(sleep(ms(10_000)));
            assert!(poll(sleep.as_mut()).is_pending());
            std::thread::spawn(move || drop(sleep)).join().unwrap();
            let mut timeout = Box::pin(timeout(ms(10_000), pending::<()>()));
            assert!(poll(timeout.as_mut()).is_pending());
            drop(timeout);
            sched.timers().len()
        };
        assert_eq!(kept, 0);
        assert_eq!(sched.timers().earliest(), u64::MAX);
    });
}

#[test]
fn timeout_prefers_the_value() {
    inside(|sched| {
        let past = Instant::now() - ms(5);
        assert_eq!(poll(pin!(timeout_at(past, ready(7)))), Poll::Ready(Ok(7)));
        assert!(matches!(poll(pin!(timeout_at(past, pending::<()>()))), Poll::Ready(Err(_))));
        assert!(matches!(
            poll(pin!(timeout(Duration::ZERO, pending::<()>()))),
            Poll::Ready(Err(_))
        ));
        let mut late = Box::pin(timeout(ms(60_000), pending::<()>()));
        assert!(poll(late.as_mut()).is_pending());
        assert_eq!(fire(sched, Instant::now() + ms(61_000)), 1);
        assert!(matches!(poll(late.as_mut()), Poll::Ready(Err(_))));
        let mut inner = timeout(ms(60_000), ready(3));
        inner.get_mut();
        assert_eq!(poll(pin!(inner.into_inner())), Poll::Ready(3));
    });
}

#[test]
fn a_future_that_eats_the_budget_still_times_out() {
    struct Greedy;
    impl Future for Greedy {
        type Output = ();
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            while let Poll::Ready(unit) = coop::poll_proceed(cx) {
                unit.made_progress();
            }
            Poll::Pending
        }
    }
    inside(|sched| {
        let mut timeout = pin!(timeout(ms(60_000), Greedy));
        let scope = coop::enter(None);
        assert!(poll(timeout.as_mut()).is_pending());
        drop(scope);
        assert_eq!(fire(sched, Instant::now() + ms(61_000)), 1);
        let _scope = coop::enter(None);
        assert!(poll(timeout.as_mut()).is_ready());
    });
}

#[test]
fn a_ready_sleep_spends_a_unit_a_pending_one_does_not() {
    inside(|_| {
        let _scope = coop::enter(None);
        let mut waits = pin!(sleep(ms(60_000)));
        for _ in 0..2 * coop::BUDGET {
            assert!(poll(waits.as_mut()).is_pending());
        }
        let mut done = pin!(sleep(Duration::ZERO));
        for _ in 0..coop::BUDGET {
            assert!(poll(done.as_mut()).is_ready());
        }
        assert!(poll(done.as_mut()).is_pending());
    });
}

#[test]
fn interval_ticks_when_due() {
    inside(|sched| {
        let start = Instant::now();
        let mut interval = interval_at(start, ms(60_000));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(interval.poll_tick(&mut cx), Poll::Ready(start));
        assert_eq!(sched.timers().len(), 0, "between ticks no timer is set");
        assert!(interval.poll_tick(&mut cx).is_pending());
        assert_eq!(fire(sched, start + ms(60_001)), 1);
        assert_eq!(interval.poll_tick(&mut cx), Poll::Ready(start + ms(60_000)));
        assert_eq!(interval.period(), ms(60_000));
    });
}

#[test]
fn interval_that_was_late_bursts_delays_or_skips() {
    inside(|_| {
        let mut cx = Context::from_waker(Waker::noop());
        let (start, period) = (Instant::now() - ms(100_000), ms(30_000));
        let mut burst = interval_at(start, period);
        for i in 0..4 {
            assert_eq!(burst.poll_tick(&mut cx), Poll::Ready(start + period * i));
        }
        assert!(burst.poll_tick(&mut cx).is_pending());
        let mut skip = interval_at(start, period);
        skip.set_missed_tick_behavior(MissedTickBehavior::Skip);
        assert_eq!(skip.poll_tick(&mut cx), Poll::Ready(start));
        assert!(skip.poll_tick(&mut cx).is_pending());
        skip.reset_immediately();
        assert_eq!(skip.missed_tick_behavior(), MissedTickBehavior::Skip);
        let mut delay = interval_at(start, period);
        delay.set_missed_tick_behavior(MissedTickBehavior::Delay);
        assert_eq!(delay.poll_tick(&mut cx), Poll::Ready(start));
        assert!(delay.poll_tick(&mut cx).is_pending());
    });
}

#[test]
fn interval_reset_keeps_the_waiting_task() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    inside(|sched| {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let now = Instant::now();
        let mut interval = interval_at(now + ms(90_000), ms(60_000));
        assert!(interval.poll_tick(&mut cx).is_pending());
        interval.reset_at(now + ms(30_000));
        assert_eq!(fire(sched, now + ms(31_000)), 1);
        assert_eq!(count.0.load(SeqCst), 1);
        assert_eq!(interval.poll_tick(&mut cx), Poll::Ready(now + ms(30_000)));
        interval.reset_immediately();
        assert!(interval.poll_tick(&mut cx).is_ready());
        interval.reset();
        assert!(interval.poll_tick(&mut cx).is_pending());
        interval.reset_after(ms(40_000));
        assert_eq!(fire(sched, Instant::now() + ms(41_000)), 1);
        assert!(interval.poll_tick(&mut cx).is_ready());
    });
}

#[test]
fn panics_say_what_is_missing() {
    let nowhere =
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime";
    assert_eq!(panic_text(|| drop(sleep(ms(1)))), nowhere);
    assert_eq!(panic_text(|| drop(timeout(ms(1), ready(())))), nowhere);
    assert_eq!(panic_text(|| drop(interval(ms(1)))), nowhere);
    assert_eq!(panic_text(|| drop(interval(Duration::ZERO))), "`period` must be non-zero.");
    inside_with(false, |_| {
        assert_eq!(
            panic_text(|| drop(sleep(ms(1)))),
            "A Tokio 1.x context was found, but timers are disabled. Call `enable_time` on the \
             runtime builder to enable timers."
        );
    });
    inside(|sched| {
        let shutdown = "A Tokio 1.x context was found, but it is being shutdown.";
        let mut waits = Box::pin(sleep(ms(60_000)));
        assert!(poll(waits.as_mut()).is_pending());
        sched.timers().shutdown(&mut Vec::new());
        let mut later = Box::pin(sleep(ms(60_000)));
        let mut at_once = Box::pin(sleep(Duration::ZERO));
        for sleep in [&mut waits, &mut later, &mut at_once] {
            assert_eq!(panic_text(|| assert!(poll(sleep.as_mut()).is_ready())), shutdown);
        }
    });
}

#[test]
fn traits_and_sizes() {
    fn send_sync<T: Send + Sync>() {}
    fn unpin<T: Unpin>() {}
    send_sync::<Sleep>();
    send_sync::<Timeout<()>>();
    send_sync::<Interval>();
    unpin::<Interval>();
    unpin::<Instant>();
    assert!(std::mem::size_of::<Sleep>() <= 112, "{}", std::mem::size_of::<Sleep>());
    assert!(std::mem::size_of::<Timeout<()>>() <= 112);
    assert!(std::mem::size_of::<Interval>() <= 32);
    inside(|_| {
        let text = format!("{:?} {:?}", sleep(ms(1)), interval(ms(1)));
        assert!(text.starts_with("Sleep { deadline: "), "{text}");
    });
}

#[test]
fn x_never_early() {
    inside(|sched| {
        for us in [1, 10, 100, 999, 1000, 1001, 2500] {
            let start = Instant::now();
            let duration = Duration::from_micros(us);
            let mut sleep = Box::pin(sleep(duration));
            while poll(sleep.as_mut()).is_pending() {
                fire(sched, Instant::now());
            }
            assert!(start.elapsed() >= duration, "{us} µs");
        }
    });
}

mod live {
    //! On real runtimes, in real time: nothing may be early; that nothing is lost shows in that it ends.

    use super::super::*;
    use super::panic_text;
    use crate::runtime::{Builder, Runtime};
    use std::future::pending;

    fn each_flavor(test: impl Fn(&Runtime)) {
        for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            test(&builder.worker_threads(2).enable_all().build().unwrap());
        }
    }

    #[test]
    fn x_never_early_in_tasks() {
        each_flavor(|runtime| {
            let tasks: Vec<_> = (0..300u64)
                .map(|i| {
                    runtime.spawn(async move {
                        let duration = Duration::from_micros(i * 37 % 5_000);
                        for _ in 0..5 {
                            let start = Instant::now();
                            sleep(duration).await;
                            assert!(start.elapsed() >= duration, "{duration:?}");
                        }
                    })
                })
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
            });
        });
    }

    #[test]
    fn x_timer_nearer_ends_first() {
        each_flavor(|runtime| {
            let far = runtime.spawn(sleep_for(Duration::from_secs(3_600)));
            runtime.block_on(async {
                sleep(Duration::from_millis(2)).await;
                assert!(timeout(Duration::from_millis(2), pending::<()>()).await.is_err());
                assert_eq!(timeout(Duration::from_secs(3_600), async { 5 }).await, Ok(5));
                let mut ticks = interval(Duration::from_millis(1));
                let first = ticks.tick().await;
                assert!(ticks.tick().await >= first + Duration::from_millis(1));
            });
            assert!(!far.is_finished());
        });
    }

    async fn sleep_for(duration: Duration) {
        sleep(duration).await;
    }

    #[test]
    fn x_timer_drop_elsewhere_after_the_runtime() {
        each_flavor(|runtime| {
            let _guard = runtime.enter();
            let mut waits = Box::pin(sleep(Duration::from_secs(3_600)));
            assert!(super::poll(waits.as_mut()).is_pending());
            std::thread::spawn(move || drop(waits)).join().unwrap();
        });
        let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
        let sleeps: Vec<_> = runtime.block_on(async {
            (1..4).map(|hours| Box::pin(sleep(Duration::from_secs(hours * 3_600)))).collect()
        });
        let mut sleeps = sleeps.into_iter();
        let (mut polled, dropped) = (sleeps.next().unwrap(), sleeps.next().unwrap());
        assert!(super::poll(polled.as_mut()).is_pending());
        // Forgotten, but where a leak checker sees it.
        static FORGOTTEN: std::sync::Mutex<Vec<std::pin::Pin<Box<Sleep>>>> =
            std::sync::Mutex::new(Vec::new());
        FORGOTTEN.lock().unwrap().extend(sleeps.next());
        drop(runtime);
        assert_eq!(
            panic_text(|| assert!(super::poll(polled.as_mut()).is_ready())),
            "A Tokio 1.x context was found, but it is being shutdown."
        );
        std::thread::spawn(move || drop((polled, dropped))).join().unwrap();
    }
}
