//! TCP and UDP within the process: round trips, connections that come and go, connections that wait.
//!
//! A macro over the runtime's module, for the reason that `pinned.rs` gives.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{calibrate, Scale};

/// The rows that run on a runtime's own sockets.
pub(crate) trait Sockets: Sized {
    /// One connection; the operation is a message there and back.
    fn echo_one(rt: &Self, message: usize, ops: u64) -> Duration;
    /// As many connections; thousands of round trips a second, and CPU microseconds for each.
    fn echo_many(rt: &Self, message: usize, clients: u64, scale: &Scale) -> Vec<Option<f64>>;
    /// 16 clients connect, wait for the end of the stream, and again; the server gives each connection to
    /// a task that closes it. Thousands of connections a second, and CPU microseconds for each.
    fn accepts(rt: &Self, scale: &Scale) -> Vec<Option<f64>>;
    /// Two sockets; the operation is a datagram of 64 bytes there and back.
    fn udp(rt: &Self, ops: u64) -> Duration;
    /// Connections of which each end is a task that waits in a read; resident bytes of the process and
    /// live heap bytes for each connection, both ends and their tasks together.
    fn idle(rt: &Self, scale: &Scale) -> Vec<Option<f64>>;
}

/// Bytes of a message.
pub(crate) const SMALL: usize = 64;
pub(crate) const LARGE: usize = 64 * 1024;

/// Connections that are on their way at the same time where there are many: fewer than the shortest queue
/// of a listener (128 in some of the runtimes). One that finds it full tries again after a second.
pub(crate) const AT_ONCE: u64 = 64;

/// Connections of the row with the most of them that are busy.
pub(crate) fn most_clients(scale: &Scale) -> u64 {
    if scale.quick {
        200
    } else {
        1000
    }
}

/// Connections of the row in which they wait.
pub(crate) fn most_idle(quick: bool) -> u64 {
    if quick {
        1000
    } else {
        10_000
    }
}

/// Connections that wait before those that count: with them threads, tables and whatever else is there once.
pub(crate) const FIRST: u64 = 64;

/// Awaits `future`, and counts when it is pending for the first time.
pub(crate) async fn counted_waiting<F: Future>(future: F, waiting: &AtomicU64) -> F::Output {
    let mut future = pin!(future);
    let mut counted = false;
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() && !counted {
            counted = true;
            // Release: pairs with the load of who waits for all of them, to see what they hold.
            waiting.fetch_add(1, Ordering::Release);
        }
        polled
    })
    .await
}

/// Thousands of operations a second, and CPU microseconds for each.
pub(crate) fn rate(
    unit: u64,
    scale: &Scale,
    run: impl Fn(u64) -> (Duration, Option<Duration>),
) -> Vec<Option<f64>> {
    let ops = calibrate(scale, unit, |ops| run(ops).0);
    let (elapsed, cpu) = run(ops);
    vec![
        Some(ops as f64 / elapsed.as_secs_f64() / 1e3),
        cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / ops as f64),
    ]
}

macro_rules! socket_rows {
    ($module:ident) => {
        const _: () = {
            use std::net::SocketAddr;
            use std::sync::atomic::{AtomicU64, Ordering};
            use std::sync::Arc;
            use std::time::{Duration, Instant};

            use crate::runtimes::$module::{self as rt_mod, pinned, pinned_detached, Subject};
            use crate::runtimes::Rt as _;
            use crate::workloads::slot::Slot;
            use crate::workloads::sockets::{
                counted_waiting, most_idle, rate, Sockets, AT_ONCE, FIRST, SMALL,
            };
            use crate::workloads::Scale;
            use crate::{alloc, clock, limits};

            type At = Arc<Slot<SocketAddr>>;

            async fn listen(at: &At) -> rt_mod::TcpListener {
                let listener = rt_mod::listen().await;
                at.put(listener.local_addr().expect("the listener has an address"));
                listener
            }

            /// Accepts as many connections as `clients`, each served by a task of its own until its
            /// client is gone. Returns when all of them are.
            async fn serve(clients: u64, message: usize, at: At) {
                let mut listener = listen(&at).await;
                let mut serving = Vec::new();
                for _ in 0..clients {
                    let accepted = rt_mod::accept(&mut listener).await;
                    serving.push(pinned(move || async move {
                        let mut stream = rt_mod::open(accepted).await;
                        let mut buf = vec![0; message];
                        loop {
                            let n = rt_mod::read(&mut stream, &mut buf).await;
                            if n == 0 {
                                break;
                            }
                            rt_mod::write_all(&mut stream, &buf[..n]).await;
                        }
                    }));
                }
                for one in serving {
                    one.await;
                }
            }

            async fn round_trips(
                stream: &mut rt_mod::TcpStream,
                asked: &[u8],
                answer: &mut [u8],
                ops: u64,
            ) {
                for _ in 0..ops {
                    rt_mod::write_all(stream, asked).await;
                    rt_mod::read_exact(stream, answer).await;
                }
                assert!(ops == 0 || answer == asked);
            }

            /// `clients` clients do `ops` round trips between them; wall time and CPU time.
            async fn echo(clients: u64, message: usize, ops: u64) -> (Duration, Option<Duration>) {
                let at = Arc::new(Slot::new());
                let server = {
                    let at = Arc::clone(&at);
                    pinned(move || serve(clients, message, at))
                };
                let to = at.take().await;
                let ready = Arc::new(Slot::new());
                let missing = Arc::new(AtomicU64::new(clients));
                let go: Vec<_> = (0..clients).map(|_| Arc::new(Slot::new())).collect();
                let mut running = Vec::new();
                for (started, go) in (0..clients).zip(&go) {
                    while started + missing.load(Ordering::SeqCst) > clients + AT_ONCE {
                        Subject::yield_now().await;
                    }
                    let (go, ready, missing) =
                        (Arc::clone(go), Arc::clone(&ready), Arc::clone(&missing));
                    running.push(pinned(move || async move {
                        let mut stream = rt_mod::connect(to).await;
                        let (asked, mut answer) = (vec![7; message], vec![0; message]);
                        round_trips(&mut stream, &asked, &mut answer, 4).await;
                        if missing.fetch_sub(1, Ordering::SeqCst) == 1 {
                            ready.put(());
                        }
                        go.take().await;
                        round_trips(&mut stream, &asked, &mut answer, ops / clients).await;
                    }));
                }
                ready.take().await;
                let (start, cpu) = (Instant::now(), clock::process_cpu());
                for go in &go {
                    go.put(());
                }
                for one in running {
                    one.await;
                }
                let took = (start.elapsed(), clock::process_cpu_since(cpu));
                server.await;
                took
            }

            /// The clients' ends wait for the server's to close, so those who connect again and again
            /// do not use up their ports.
            async fn accepts(clients: u64, ops: u64) -> (Duration, Option<Duration>) {
                let at = Arc::new(Slot::new());
                let server = {
                    let at = Arc::clone(&at);
                    pinned(move || async move {
                        let mut listener = listen(&at).await;
                        for _ in 0..ops / clients * clients {
                            let accepted = rt_mod::accept(&mut listener).await;
                            pinned_detached(move || async move {
                                drop(rt_mod::open(accepted).await);
                            });
                        }
                    })
                };
                let to = at.take().await;
                let (start, cpu) = (Instant::now(), clock::process_cpu());
                let connecting: Vec<_> = (0..clients)
                    .map(|_| {
                        pinned(move || async move {
                            for _ in 0..ops / clients {
                                let mut stream = rt_mod::connect(to).await;
                                assert_eq!(rt_mod::read(&mut stream, &mut [0; 1]).await, 0);
                            }
                        })
                    })
                    .collect();
                for one in connecting {
                    one.await;
                }
                server.await;
                (start.elapsed(), clock::process_cpu_since(cpu))
            }

            async fn udp(ops: u64) -> Duration {
                let at = Arc::new(Slot::new());
                let server = {
                    let at = Arc::clone(&at);
                    pinned(move || async move {
                        let mut socket = rt_mod::udp().await;
                        at.put(socket.local_addr().expect("the socket has an address"));
                        let mut buf = [0; SMALL];
                        for _ in 0..ops {
                            let (n, from) = rt_mod::recv_from(&mut socket, &mut buf).await;
                            rt_mod::send_to(&mut socket, &buf[..n], from).await;
                        }
                    })
                };
                let to: SocketAddr = at.take().await;
                let client = pinned(move || async move {
                    let mut socket = rt_mod::udp().await;
                    let (asked, mut answer) = ([7; SMALL], [0; SMALL]);
                    let start = Instant::now();
                    for _ in 0..ops {
                        rt_mod::send_to(&mut socket, &asked, to).await;
                        rt_mod::recv_from(&mut socket, &mut answer).await;
                    }
                    assert!(ops == 0 || answer == asked);
                    start.elapsed()
                });
                let elapsed = client.await;
                server.await;
                elapsed
            }

            async fn wait(mut stream: rt_mod::TcpStream, waiting: Arc<AtomicU64>) {
                let mut buf = [0; SMALL];
                counted_waiting(rt_mod::read(&mut stream, &mut buf), &waiting).await;
            }

            /// Makes connections until `all` ends wait.
            async fn connect(to: SocketAddr, all: u64, waiting: &Arc<AtomicU64>) {
                // Acquire, here and below: pairs with the count of a task that waits.
                let mut ends = waiting.load(Ordering::Acquire);
                while ends < all {
                    let waiting_too = Arc::clone(waiting);
                    pinned_detached(move || async move {
                        wait(rt_mod::connect(to).await, waiting_too).await;
                    });
                    ends += 2;
                    while ends - waiting.load(Ordering::Acquire) > 2 * AT_ONCE {
                        Subject::yield_now().await;
                    }
                }
                while waiting.load(Ordering::Acquire) < all {
                    Subject::yield_now().await;
                }
            }

            async fn idle(connections: u64) -> (Option<f64>, Option<f64>) {
                let (at, waiting) = (Arc::new(Slot::new()), Arc::new(AtomicU64::new(0)));
                let (told, waiting_too) = (Arc::clone(&at), Arc::clone(&waiting));
                pinned_detached(move || async move {
                    let mut listener = listen(&told).await;
                    loop {
                        let accepted = rt_mod::accept(&mut listener).await;
                        let waiting = Arc::clone(&waiting_too);
                        pinned_detached(move || async move {
                            wait(rt_mod::open(accepted).await, waiting).await;
                        });
                    }
                });
                let to = at.take().await;
                connect(to, 2 * FIRST, &waiting).await;
                let before = clock::resident();
                alloc::count();
                connect(to, 2 * (FIRST + connections), &waiting).await;
                let heap = alloc::counted().live;
                let resident = clock::resident().zip(before);
                let each = |bytes: f64| bytes / connections as f64;
                (
                    resident.map(|(after, before)| each(after.saturating_sub(before) as f64)),
                    Some(each(heap as f64)),
                )
            }

            impl Sockets for Subject {
                fn echo_one(rt: &Self, message: usize, ops: u64) -> Duration {
                    rt.main(async move { echo(1, message, ops).await.0 })
                }

                fn echo_many(
                    rt: &Self,
                    message: usize,
                    clients: u64,
                    scale: &Scale,
                ) -> Vec<Option<f64>> {
                    if limits::connections(clients) < clients {
                        return vec![None, None];
                    }
                    let run = |ops| rt.main(async move { echo(clients, message, ops).await });
                    rate(clients * 10, scale, run)
                }

                fn accepts(rt: &Self, scale: &Scale) -> Vec<Option<f64>> {
                    const CLIENTS: u64 = 16;
                    let run = |ops| rt.main(async move { accepts(CLIENTS, ops).await });
                    rate(CLIENTS * 10, scale, run)
                }

                fn udp(rt: &Self, ops: u64) -> Duration {
                    rt.main(async move { udp(ops).await })
                }

                fn idle(rt: &Self, scale: &Scale) -> Vec<Option<f64>> {
                    let wanted = scale.iters.unwrap_or(most_idle(scale.quick));
                    let connections = limits::connections(wanted);
                    let (resident, heap) = rt.main(async move { idle(connections).await });
                    vec![resident, heap]
                }
            }
        };
    };
}

socket_rows!(gmp_rt);
socket_rows!(tokio_rt);
socket_rows!(smol_rt);
socket_rows!(nio_rt);

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn a_task_is_counted_when_it_first_waits() {
        let waiting = AtomicU64::new(0);
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut ready = pin!(counted_waiting(async { 5 }, &waiting));
            assert_eq!(ready.as_mut().poll(&mut cx), Poll::Ready(5));
        }
        assert_eq!(waiting.load(Ordering::SeqCst), 0);
        let mut never = pin!(counted_waiting(pending::<()>(), &waiting));
        for _ in 0..3 {
            assert!(never.as_mut().poll(&mut cx).is_pending());
            assert_eq!(waiting.load(Ordering::SeqCst), 1);
        }
    }
}
