//! Timers, and the HTTP server.
//!
//! The bodies are a macro, expanded once for each runtime's module: nio's timers and sockets may
//! not leave their thread, so these futures are `Send` for some runtimes and not for others, which
//! no trait bound says. `pinned` takes a closure that makes the future where it will run; on the
//! other runtimes it is a plain spawn. nio calls the closure before it has chosen a worker, so timers
//! and sockets are made inside of an `async` block: by the first poll, on the worker that stays.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};

use super::Scale;

/// The rows that run on a runtime's own timers and sockets.
pub(crate) trait Pinned: Sized {
    /// A task makes a sleep of a second, polls it once and drops it.
    fn sleep_dropped(rt: &Self, ops: u64) -> Duration;
    /// A task awaits a timeout of a second around a future that yields once.
    fn timeout_yield(rt: &Self, ops: u64) -> Duration;
    /// 100k tasks each sleep 100 to 500 ms; CPU time of the process by sleeps, in nanoseconds
    /// (spawn and join of the task are in it).
    fn sleeps_cpu(rt: &Self, scale: &Scale) -> Vec<Option<f64>>;
    /// One task sleeps 1 ms again and again; p50 and p99 of how late it wakes, in microseconds.
    fn sleep_lateness(rt: &Self, scale: &Scale) -> Vec<Option<f64>>;
    /// Starts an HTTP server on a free port, for as long as the runtime lives.
    fn serve_http(rt: &Self) -> SocketAddr;
    /// Spawns a task that sleeps 10 ms for ever.
    fn tick(rt: &Self, every: Duration);
}

/// The sleep of task `n`: spread over 100 to 500 ms in an order that no structure is made for.
pub(crate) fn spread(n: u64) -> Duration {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    Duration::from_micros(100_000 + mixed % 400_000)
}

/// How late a sleep of `asked` was, in microseconds; negative if it was early.
pub(crate) fn lateness(asked: Duration, took: Duration) -> f64 {
    (took.as_secs_f64() - asked.as_secs_f64()) * 1e6
}

/// The answer to every request of the HTTP row.
pub(crate) async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = Response::builder().header("content-type", "text/plain");
    let body = Full::new(Bytes::from_static(b"hello\n"));
    Ok(response.body(body).expect("the header is valid"))
}

/// The value below which the share `q` of the samples lies.
pub(crate) fn quantile(samples: &mut [f64], q: f64) -> Option<f64> {
    samples.sort_unstable_by(f64::total_cmp);
    let at = (samples.len().saturating_sub(1) as f64 * q).round() as usize;
    samples.get(at).copied()
}

macro_rules! pinned_rows {
    ($module:ident) => {
        const _: () = {
            use std::future::Future as _;
            use std::net::SocketAddr;
            use std::sync::Arc;
            use std::time::{Duration, Instant};

            use hyper::server::conn::http1;
            use hyper::service::service_fn;

            use crate::clock;
            use crate::runtimes::$module::{self as rt_mod, pinned, Subject};
            use crate::runtimes::Rt as _;
            use crate::workloads::pinned::{hello, lateness, quantile, spread, Pinned};
            use crate::workloads::slot::Slot;
            use crate::workloads::Scale;

            impl Pinned for Subject {
                fn sleep_dropped(rt: &Self, ops: u64) -> Duration {
                    rt.main(async move {
                        pinned(move || async move {
                            let start = Instant::now();
                            for _ in 0..ops {
                                let mut sleep =
                                    std::pin::pin!(rt_mod::sleep(Duration::from_secs(1)));
                                let ready = std::future::poll_fn(|cx| {
                                    std::task::Poll::Ready(sleep.as_mut().poll(cx).is_ready())
                                });
                                assert!(!ready.await, "a second has not passed");
                            }
                            start.elapsed()
                        })
                        .await
                    })
                }

                fn timeout_yield(rt: &Self, ops: u64) -> Duration {
                    rt.main(async move {
                        pinned(move || async move {
                            let start = Instant::now();
                            for _ in 0..ops {
                                let second = Duration::from_secs(1);
                                let _ = rt_mod::timeout(second, rt_mod::yield_now()).await;
                            }
                            start.elapsed()
                        })
                        .await
                    })
                }

                fn sleeps_cpu(rt: &Self, scale: &Scale) -> Vec<Option<f64>> {
                    let sleeps = scale.iters.unwrap_or(100_000);
                    let all = |sleeps: u64| {
                        let before = clock::process_cpu();
                        rt.main(async move {
                            pinned(move || async move {
                                let joins: Vec<_> = (0..sleeps)
                                    .map(|n| {
                                        pinned(move || async move {
                                            rt_mod::sleep(spread(n)).await;
                                        })
                                    })
                                    .collect();
                                for join in joins {
                                    join.await;
                                }
                            })
                            .await
                        });
                        clock::process_cpu().zip(before).map(|(after, before)| after - before)
                    };
                    all(sleeps / 10);
                    vec![all(sleeps).map(|cpu| cpu.as_nanos() as f64 / sleeps as f64)]
                }

                fn sleep_lateness(rt: &Self, scale: &Scale) -> Vec<Option<f64>> {
                    let times = scale.iters.unwrap_or(if scale.quick { 100 } else { 500 });
                    let mut late = rt.main(async move {
                        pinned(move || async move {
                            let asked = Duration::from_millis(1);
                            let mut late = Vec::with_capacity(times as usize);
                            // The first few find cold caches and threads that do not exist yet.
                            for n in 0..times + 5 {
                                let start = Instant::now();
                                rt_mod::sleep(asked).await;
                                if n >= 5 {
                                    late.push(lateness(asked, start.elapsed()));
                                }
                            }
                            late
                        })
                        .await
                    });
                    vec![quantile(&mut late, 0.5), quantile(&mut late, 0.99)]
                }

                fn serve_http(rt: &Self) -> SocketAddr {
                    let at = Arc::new(Slot::new());
                    let told = Arc::clone(&at);
                    rt.spawn_from_outside(async move {
                        pinned(move || async move {
                            let mut listener = rt_mod::listen().await;
                            let address = listener.local_addr();
                            told.put(address.expect("the listener has an address"));
                            loop {
                                let accepted = rt_mod::accept(&mut listener).await;
                                rt_mod::pinned_detached(move || async move {
                                    let stream = rt_mod::open(accepted).await;
                                    let io = rt_mod::hyper_io(stream);
                                    // An error is a client that hung up.
                                    let _ = http1::Builder::new()
                                        .serve_connection(io, service_fn(hello))
                                        .await;
                                });
                            }
                        })
                        .await
                    });
                    rt.block_on(async move { at.take().await })
                }

                fn tick(rt: &Self, every: Duration) {
                    rt.spawn_from_outside(async move {
                        pinned(move || async move {
                            loop {
                                rt_mod::sleep(every).await;
                            }
                        })
                        .await
                    });
                }
            }
        };
    };
}

pinned_rows!(gmp_rt);
pinned_rows!(tokio_rt);
pinned_rows!(smol_rt);
pinned_rows!(nio_rt);
