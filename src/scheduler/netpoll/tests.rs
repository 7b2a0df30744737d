//! The poller driven by hand.

use std::future::Future;
use std::io::{Read, Write};
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::source::{READABLE, READ_CLOSED, WRITABLE};
use super::*;

/// How long a test waits before it calls a sleep endless.
const LONG: Duration = Duration::from_secs(20);

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    (count.clone(), Waker::from(count))
}

fn netpoll() -> Netpoll {
    Netpoll::new(true).unwrap()
}

fn wake_all(wakers: &mut Vec<Waker>) {
    wakers.drain(..).for_each(Waker::wake);
}

/// Polls until `done`, and fails rather than hang.
fn poll_until(netpoll: &Netpoll, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    let mut ready = Vec::new();
    while !done() {
        assert!(start.elapsed() < LONG, "no event came");
        let mut poller = netpoll.try_poller().expect("nobody else polls");
        poller.poll(Some(Duration::from_millis(50)), &mut ready).unwrap();
        drop(poller);
        wake_all(&mut ready);
    }
}

/// A connected pair over the loopback: one end for mio, the other for the test.
fn pair() -> (mio::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    (mio::net::TcpStream::from_std(ours), theirs)
}

const BOTH: mio::Interest = mio::Interest::READABLE.add(mio::Interest::WRITABLE);

fn both_kinds() -> [Netpoll; 2] {
    [netpoll(), Netpoll::new(false).unwrap()]
}

#[test]
fn a_wake_before_the_sleep_ends_it() {
    for netpoll in both_kinds() {
        let mut poller = netpoll.try_poller().unwrap();
        let mut ready = Vec::new();
        netpoll.wake();
        netpoll.wake();
        // A look does not take the wake-up: it is for the next sleep.
        poller.poll(Some(Duration::ZERO), &mut ready).unwrap();
        let start = Instant::now();
        poller.poll(Some(LONG), &mut ready).unwrap();
        assert!(start.elapsed() < LONG / 2, "the wake-up was lost");
        assert!(ready.is_empty());
    }
}

#[test]
fn a_wake_during_the_sleep_ends_it() {
    for netpoll in both_kinds() {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                netpoll.wake();
            });
            let start = Instant::now();
            netpoll.try_poller().unwrap().poll(None, &mut Vec::new()).unwrap();
            assert!(start.elapsed() < LONG);
        });
    }
}

#[test]
fn two_wakes_are_one() {
    for netpoll in both_kinds() {
        let mut poller = netpoll.try_poller().unwrap();
        let mut ready = Vec::new();
        netpoll.wake();
        netpoll.wake();
        poller.poll(Some(LONG), &mut ready).unwrap();
        let start = Instant::now();
        poller.poll(Some(Duration::from_millis(30)), &mut ready).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(29), "the second wake-up was kept");
    }
}

#[test]
fn only_one_may_poll() {
    for netpoll in both_kinds() {
        let poller = netpoll.try_poller();
        assert!(poller.is_some());
        assert!(netpoll.try_poller().is_none());
        drop(poller);
        assert!(netpoll.try_poller().is_some());
    }
}

#[test]
fn never_early_and_finer_than_a_millisecond() {
    let netpoll = netpoll();
    let mut poller = netpoll.try_poller().unwrap();
    let timeout = Duration::from_micros(200);
    let mut best = LONG;
    for _ in 0..100 {
        let start = Instant::now();
        poller.poll(Some(timeout), &mut Vec::new()).unwrap();
        best = best.min(start.elapsed());
    }
    assert!(best >= Duration::from_micros(190), "early: {best:?}");
    if cfg!(all(target_os = "linux", not(miri))) {
        assert!(best < Duration::from_micros(900), "rounded up: {best:?}");
    }
    // The timer of the last sleep must not cut a later one short.
    let start = Instant::now();
    poller.poll(Some(Duration::from_micros(1500)), &mut Vec::new()).unwrap();
    poller.poll(Some(Duration::from_millis(20)), &mut Vec::new()).unwrap();
    assert!(start.elapsed() >= Duration::from_micros(21_400), "{:?}", start.elapsed());
}

#[test]
fn i_two_waiters() {
    let netpoll = netpoll();
    let (mut ours, mut theirs) = pair();
    let io = netpoll.register(&mut ours, mio::Interest::READABLE).unwrap();
    let (polled, polled_waker) = counter();
    let (first, first_waker) = counter();
    let (second, second_waker) = counter();
    let (writer, writer_waker) = counter();
    let mut a = Box::pin(io.readiness(Direction::Read.mask()));
    let mut b = Box::pin(io.readiness(Direction::Read.mask()));
    assert!(a.as_mut().poll(&mut Context::from_waker(&first_waker)).is_pending());
    assert!(b.as_mut().poll(&mut Context::from_waker(&second_waker)).is_pending());
    assert!(io.poll_ready(&mut Context::from_waker(&polled_waker), Direction::Read).is_pending());
    assert!(io.poll_ready(&mut Context::from_waker(&writer_waker), Direction::Write).is_pending());
    theirs.write_all(b"x").unwrap();
    poll_until(&netpoll, || first.0.load(SeqCst) == 1);
    assert_eq!(second.0.load(SeqCst), 1, "every waiter of the direction wakes");
    assert_eq!(polled.0.load(SeqCst), 1);
    assert_eq!(writer.0.load(SeqCst), 0, "the other direction sleeps on");
    assert!(a.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert!(b.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    drop((a, b));
    netpoll.deregister(&io, &mut ours).unwrap();
    assert_eq!(netpoll.sources(), 0);
    assert!(netpoll.events() >= 1 && netpoll.polls() >= netpoll.events());
}

#[test]
fn i_waiter_dropped() {
    let netpoll = netpoll();
    let (mut ours, mut theirs) = pair();
    let io = netpoll.register(&mut ours, mio::Interest::READABLE).unwrap();
    let (gone, gone_waker) = counter();
    let (stays, stays_waker) = counter();
    let mut a = Box::pin(io.readiness(READABLE));
    let mut b = Box::pin(io.readiness(READABLE));
    let mut c = Box::pin(io.readiness(READABLE));
    assert!(a.as_mut().poll(&mut Context::from_waker(&gone_waker)).is_pending());
    assert!(b.as_mut().poll(&mut Context::from_waker(&stays_waker)).is_pending());
    assert!(c.as_mut().poll(&mut Context::from_waker(&gone_waker)).is_pending());
    drop(a);
    drop(c);
    theirs.write_all(b"x").unwrap();
    poll_until(&netpoll, || stays.0.load(SeqCst) == 1);
    assert_eq!(gone.0.load(SeqCst), 0);
    assert_eq!(Arc::strong_count(&gone), 2, "dropped waiters let go of their wakers");
    netpoll.deregister(&io, &mut ours).unwrap();
}

#[test]
fn i_other_direction() {
    let io = ScheduledIo::new(0);
    io.set(READABLE | WRITABLE, &mut Vec::new());
    let seen = io.look();
    io.clear(seen, READABLE);
    assert_eq!(io.look().bits(), WRITABLE);
    io.set(READ_CLOSED, &mut Vec::new());
    io.clear(io.look(), READ_CLOSED | WRITABLE);
    assert_eq!(io.look().bits(), READ_CLOSED, "the end of a stream is final");
}

#[test]
fn i_clear_vs_event() {
    let io = ScheduledIo::new(0);
    io.set(READABLE, &mut Vec::new());
    let seen = io.look();
    io.set(READABLE, &mut Vec::new());
    io.clear(seen, READABLE);
    assert_eq!(io.look().bits(), READABLE, "a newer edge was wiped");
    io.clear(io.look(), READABLE);
    assert_eq!(io.look().bits(), 0);
}

#[test]
fn the_tick_has_the_full_width_that_is_left() {
    let io = ScheduledIo::new(0);
    io.set(READABLE, &mut Vec::new());
    let seen = io.look();
    // More events than a tick of 8 or 16 bits could tell apart.
    for _ in 0..1 << 16 {
        io.set(READABLE, &mut Vec::new());
        io.clear(seen, READABLE);
        assert_eq!(io.look().bits(), READABLE);
    }
}

#[test]
fn i_spurious() {
    let netpoll = netpoll();
    let (mut ours, mut theirs) = pair();
    let io = netpoll.register(&mut ours, BOTH).unwrap();
    let mut buf = [0; 8];
    theirs.write_all(b"x").unwrap();
    poll_until(&netpoll, || io.look().bits() & READABLE != 0);
    assert_eq!(ours.read(&mut buf).unwrap(), 1);
    // Readiness is still set, the data is gone: the read blocks, clears, and the task waits again.
    let seen = io.look();
    assert_eq!(ours.read(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    io.clear(seen, READABLE);
    let (count, waker) = counter();
    assert!(io.poll_ready(&mut Context::from_waker(&waker), Direction::Read).is_pending());
    theirs.write_all(b"y").unwrap();
    poll_until(&netpoll, || count.0.load(SeqCst) == 1);
    assert_eq!(ours.read(&mut buf).unwrap(), 1);
    netpoll.deregister(&io, &mut ours).unwrap();
}

#[test]
#[cfg(unix)]
fn i_dereg_vs_event() {
    let netpoll = netpoll();
    let (mut ours, mut theirs) = pair();
    let (mut other, _peer) = pair();
    let io = netpoll.register(&mut ours, mio::Interest::READABLE).unwrap();
    let (count, waker) = counter();
    assert!(io.poll_ready(&mut Context::from_waker(&waker), Direction::Read).is_pending());
    theirs.write_all(b"x").unwrap();
    netpoll.deregister(&io, &mut ours).unwrap();
    let next = netpoll.register(&mut other, mio::Interest::READABLE).unwrap();
    assert_ne!(io.token(), next.token(), "the slot is used again under another generation");
    let mut ready = Vec::new();
    netpoll.try_poller().unwrap().poll(Some(Duration::from_millis(20)), &mut ready).unwrap();
    assert!(ready.is_empty());
    assert_eq!(next.look().bits(), 0, "the event of the old source reached the new one");
    assert_eq!(count.0.load(SeqCst), 0);
    drop(waker);
    drop(io);
    assert_eq!(Arc::strong_count(&count), 1, "the source let go of its waker");
    netpoll.deregister(&next, &mut other).unwrap();
}

#[test]
#[cfg(unix)]
fn i_fd_reuse() {
    use std::os::fd::AsRawFd;
    let netpoll = netpoll();
    for _ in 0..50 {
        let (mut ours, mut theirs) = pair();
        let fd = ours.as_raw_fd();
        let io = netpoll.register(&mut ours, mio::Interest::READABLE).unwrap();
        theirs.write_all(b"x").unwrap();
        netpoll.deregister(&io, &mut ours).unwrap();
        drop(ours);
        let (mut next, _peer) = pair();
        let reused = next.as_raw_fd() == fd;
        let io = netpoll.register(&mut next, mio::Interest::READABLE).unwrap();
        netpoll.try_poller().unwrap().poll(Some(Duration::ZERO), &mut Vec::new()).unwrap();
        assert_eq!(io.look().bits(), 0, "an old event reached the new owner (fd reused: {reused})");
        netpoll.deregister(&io, &mut next).unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn i_register_fails() {
    use std::os::fd::AsRawFd;
    let netpoll = netpoll();
    let file = std::fs::File::open("Cargo.toml").unwrap();
    let fd = file.as_raw_fd();
    for _ in 0..3 {
        let error = netpoll
            .register(&mut mio::unix::SourceFd(&fd), mio::Interest::READABLE)
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert_eq!(netpoll.sources(), 0, "a slot leaked");
    }
}

#[test]
fn i_shutdown_pending() {
    let netpoll = netpoll();
    let (mut ours, _theirs) = pair();
    let (mut late, _peer) = pair();
    let io = netpoll.register(&mut ours, mio::Interest::READABLE).unwrap();
    let (count, waker) = counter();
    let mut waiting = pin!(io.readiness(READABLE));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(io.poll_ready(&mut Context::from_waker(&waker), Direction::Write).is_pending());
    let mut wakers = Vec::new();
    netpoll.shutdown(&mut wakers);
    wake_all(&mut wakers);
    assert_eq!(count.0.load(SeqCst), 2);
    match waiting.poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(event) => assert!(event.is_shutdown()),
        Poll::Pending => panic!("still waits after shutdown"),
    }
    let error = netpoll.register(&mut late, mio::Interest::READABLE).unwrap_err();
    assert!(is_shutdown_error(&error));
    assert_eq!(error.to_string(), "A Tokio 1.x context was found, but it is being shutdown.");
    netpoll.deregister(&io, &mut ours).unwrap();
    netpoll.shutdown(&mut wakers);
    assert!(wakers.is_empty());
}

#[test]
fn a_waiter_may_move_to_another_task() {
    let io = ScheduledIo::new(0);
    let (old, old_waker) = counter();
    let (new, new_waker) = counter();
    let mut waiting: Pin<Box<Readiness<'_>>> = Box::pin(io.readiness(READABLE));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&old_waker)).is_pending());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&new_waker)).is_pending());
    let mut ready = Vec::new();
    io.set(READABLE, &mut ready);
    wake_all(&mut ready);
    assert_eq!((old.0.load(SeqCst), new.0.load(SeqCst)), (0, 1));
    // Woken, but somebody else emptied the source: it waits again, in the list again.
    io.clear(io.look(), READABLE);
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&new_waker)).is_pending());
    io.set(READABLE, &mut ready);
    wake_all(&mut ready);
    assert_eq!(new.0.load(SeqCst), 2);
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&new_waker)).is_ready());
}

#[test]
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn i_eintr() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: a zeroed sigaction is valid (no flags: no restart); the handler does nothing.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
    // SAFETY: SIGURG is ignored by default and used by nothing else here.
    assert_eq!(unsafe { libc::sigaction(libc::SIGURG, &action, std::ptr::null_mut()) }, 0);
    let netpoll = netpoll();
    // SAFETY: asks for our own handle.
    let me = unsafe { libc::pthread_self() };
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
                // SAFETY: the thread lives: the scope ends after this one.
                unsafe { libc::pthread_kill(me, libc::SIGURG) };
            }
        });
        let start = Instant::now();
        let mut ready = Vec::new();
        let result = netpoll.try_poller().unwrap().poll(Some(LONG), &mut ready);
        done.store(true, SeqCst);
        result.unwrap();
        assert!(ready.is_empty() && start.elapsed() < LONG);
    });
}
