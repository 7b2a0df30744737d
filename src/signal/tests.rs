//! Without a scheduler: pollers that the test itself polls. Signals and the pipe belong to the process, so
//! the tests take turns, and each has a signal of its own.

use super::unix::{Signal, SignalKind};
use super::watch::Home;
use crate::scheduler::netpoll::Netpoll;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

static TURN: Mutex<()> = Mutex::new(());

#[derive(Clone)]
struct Rt(Arc<Netpoll>);

impl Home for Rt {
    fn poller(&self) -> &Netpoll {
        &self.0
    }
}

impl Rt {
    fn new() -> Rt {
        Rt(Arc::new(Netpoll::new(true).expect("fds for a poller")))
    }

    fn listen(&self, signal: i32) -> Signal {
        Signal::listen(SignalKind::from_raw(signal), self.clone()).expect("a listener")
    }

    /// Polls once, for at most `timeout`, and wakes whatever became ready.
    fn turn(&self, timeout: Duration) {
        let mut ready = Vec::new();
        self.0
            .try_poller()
            .expect("nobody else polls")
            .poll(Some(timeout), &mut ready)
            .expect("poll");
        ready.into_iter().for_each(Waker::wake);
    }

    fn turn_until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < LIMIT, "{what}");
            self.turn(Duration::from_millis(5));
        }
    }

    fn shutdown(&self) {
        let mut ready = Vec::new();
        self.0.shutdown(&mut ready);
        ready.into_iter().for_each(Waker::wake);
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn poll(signal: &mut Signal, count: &Arc<Count>) -> bool {
    let waker = Waker::from(count.clone());
    match signal.poll_recv(&mut Context::from_waker(&waker)) {
        Poll::Ready(Some(())) => true,
        Poll::Pending => false,
        Poll::Ready(None) => panic!("None is never answered"),
    }
}

#[allow(unsafe_code)]
fn raise(signal: i32) {
    // SAFETY: the test has installed a handler for this signal.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

#[test]
fn deliveries_between_two_looks_are_one_and_counted_ones_none() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let count = Arc::new(Count::default());
    let mut first = rt.listen(libc::SIGUSR1);
    assert!(!poll(&mut first, &count), "nothing was delivered");
    raise(libc::SIGUSR1);
    raise(libc::SIGUSR1);
    rt.turn_until("no wake-up", || count.0.load(SeqCst) == 1);
    let mut late = rt.listen(libc::SIGUSR1);
    assert!(poll(&mut first, &count));
    assert!(!poll(&mut first, &count), "two deliveries are one");
    assert!(!poll(&mut late, &count), "counted before it listened");

    raise(libc::SIGUSR1);
    rt.turn_until("not both were woken", || count.0.load(SeqCst) == 3);
    assert!(poll(&mut first, &count) && poll(&mut late, &count));
    assert!(!poll(&mut first, &count) && !poll(&mut late, &count));
}

#[test]
fn a_delivery_between_two_listeners_is_seen_by_the_second() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let count = Arc::new(Count::default());
    drop(rt.listen(libc::SIGUSR2));
    raise(libc::SIGUSR2);
    let mut second = rt.listen(libc::SIGUSR2);
    rt.turn_until("lost between two listeners", || poll(&mut second, &count));
    assert!(!poll(&mut second, &count));
}

#[test]
fn a_delivery_that_nobody_waits_for_is_seen_later() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let count = Arc::new(Count::default());
    let mut signal = rt.listen(libc::SIGUSR2);
    raise(libc::SIGUSR2);
    rt.turn_until("never delivered", || poll(&mut signal, &count));
    assert!(!poll(&mut signal, &count));
}

#[test]
fn the_last_waker_is_the_one_woken() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let (old, new) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let mut signal = rt.listen(libc::SIGWINCH);
    assert!(!poll(&mut signal, &old) && !poll(&mut signal, &new));
    assert_eq!(Arc::strong_count(&old), 1, "the old waker was dropped");
    raise(libc::SIGWINCH);
    rt.turn_until("no wake-up", || new.0.load(SeqCst) == 1);
    assert_eq!(old.0.load(SeqCst), 0);
    drop(signal);
    assert_eq!(Arc::strong_count(&new), 1);
}

#[test]
fn one_runtime_empties_the_pipe_and_all_hear_it() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (a, b) = (Rt::new(), Rt::new());
    let (count_a, count_b) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let (mut in_a, mut in_b) = (a.listen(libc::SIGURG), b.listen(libc::SIGURG));
    for round in 1..=20 {
        assert!(!poll(&mut in_a, &count_a) && !poll(&mut in_b, &count_b), "round {round}");
        raise(libc::SIGURG);
        let poller = if round % 2 == 0 { &a } else { &b };
        poller.turn_until("one poller must do for all", || {
            count_a.0.load(SeqCst) == round && count_b.0.load(SeqCst) == round
        });
        assert!(poll(&mut in_a, &count_a) && poll(&mut in_b, &count_b), "round {round}");
    }
}

#[test]
fn runtimes_come_and_go() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let count = Arc::new(Count::default());
    let stays = Rt::new();
    let mut signal = stays.listen(libc::SIGALRM);
    for _ in 0..20 {
        let goes = Rt::new();
        let weak = Arc::downgrade(&goes.0);
        let orphan = goes.listen(libc::SIGALRM);
        goes.shutdown();
        assert!(
            Signal::listen(SignalKind::alarm(), goes.clone()).is_err(),
            "a closed poller takes no listener"
        );
        drop(goes);
        drop(orphan);
        assert!(weak.upgrade().is_none(), "a poller that was shut down must not be kept");
        assert!(!poll(&mut signal, &count));
        raise(libc::SIGALRM);
        stays.turn_until("never delivered", || poll(&mut signal, &count));
    }
}

#[test]
fn what_cannot_be_handled_is_refused_by_name() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let refused =
        [libc::SIGKILL, libc::SIGSTOP, libc::SIGILL, libc::SIGFPE, libc::SIGSEGV, 0, -1, i32::MIN];
    for number in refused {
        let error = Signal::listen(SignalKind::from_raw(number), rt.clone()).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::Other);
        assert_eq!(error.to_string(), format!("Refusing to register signal {number}"));
    }
    for number in [1000, i32::MAX] {
        let error =
            Signal::listen(SignalKind::from_raw(number), rt.clone()).expect_err("no signal");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&number.to_string()), "{error}");
    }
}

/// More bytes than the pipe takes, so that writes in the handler fail: no signal may be lost, nor the
/// handler block.
#[test]
fn a_full_pipe_loses_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let count = Arc::new(Count::default());
    let mut flooding = rt.listen(libc::SIGIO);
    let mut after = rt.listen(libc::SIGPIPE);
    assert!(!poll(&mut flooding, &count) && !poll(&mut after, &count));
    for _ in 0..20_000 {
        raise(libc::SIGIO);
    }
    raise(libc::SIGPIPE);
    rt.turn_until("lost", || count.0.load(SeqCst) >= 2);
    assert!(poll(&mut flooding, &count) && poll(&mut after, &count));
}

/// A waker that fails when it runs inside of `raise`, where the handler runs.
struct NotInHandler(AtomicUsize);

thread_local! {
    static RAISING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl Wake for NotInHandler {
    fn wake(self: Arc<Self>) {
        let inside = RAISING.with(|raising| raising.get());
        self.0.fetch_add(if inside { 1000 } else { 1 }, SeqCst);
    }
}

#[test]
fn w_signal_path_the_handler_runs_no_waker() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let probe = Arc::new(NotInHandler(AtomicUsize::new(0)));
    let waker = Waker::from(probe.clone());
    let mut signal = rt.listen(libc::SIGVTALRM);
    assert!(signal.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    RAISING.with(|raising| raising.set(true));
    raise(libc::SIGVTALRM);
    RAISING.with(|raising| raising.set(false));
    rt.turn_until("no wake-up", || probe.0.load(SeqCst) != 0);
    assert_eq!(probe.0.load(SeqCst), 1, "1000: woken by the handler");
}

/// Panics when woken.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

#[test]
fn a_waker_that_panics_hurts_no_other_listener() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let bomb = Waker::from(Arc::new(Bomb));
    let count = Arc::new(Count::default());
    let (mut bad, mut good) = (rt.listen(libc::SIGPROF), rt.listen(libc::SIGPROF));
    for round in 1..=3 {
        assert!(bad.poll_recv(&mut Context::from_waker(&bomb)).is_pending());
        assert!(!poll(&mut good, &count));
        raise(libc::SIGPROF);
        let begun = Instant::now();
        while count.0.load(SeqCst) < round {
            assert!(begun.elapsed() < LIMIT, "round {round}: the watch was not armed again");
            rt.turn(Duration::from_millis(5));
        }
        assert!(poll(&mut good, &count));
        assert!(bad.poll_recv(&mut Context::from_waker(&bomb)).is_ready());
    }
}

#[test]
fn signals_from_many_threads_reach_listeners_that_come_and_go() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rt = Rt::new();
    let signal = libc::SIGHUP;
    let count = Arc::new(Count::default());
    let mut stays = rt.listen(signal);
    let raising: Vec<_> =
        (0..4).map(|_| std::thread::spawn(move || (0..500).for_each(|_| raise(signal)))).collect();
    let mut heard = 0;
    while !raising.iter().all(|thread| thread.is_finished()) {
        drop(rt.listen(signal));
        rt.turn(Duration::from_millis(1));
        heard += usize::from(poll(&mut stays, &count));
    }
    raising.into_iter().for_each(|thread| thread.join().expect("no panic"));
    rt.turn_until("the last one was lost", || {
        heard += usize::from(poll(&mut stays, &count));
        heard > 0
    });
    while poll(&mut stays, &count) {}
    rt.turn(Duration::ZERO);
    let _ = poll(&mut stays, &count);
    assert!(!poll(&mut stays, &count), "quiet after the last one");
}
