//! Reads that would probably find nothing are put off until others have run; who is put off is not forgotten.

mod support;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{mpsc as std_mpsc, Arc};
use std::thread;
use std::time::Duration;

use gmp::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream, UdpSocket};
use gmp::runtime::{Builder, Runtime};
use gmp::sync::mpsc;
use support::*;

const MESSAGE: usize = 64;

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// Answers each message with itself, until the end of the stream.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buf = [0; MESSAGE];
    while stream.read_exact(&mut buf).await.is_ok() {
        stream.write_all(&buf).await.unwrap();
    }
}

async fn round_trips(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), trips: usize) {
    for trip in 0..trips {
        let (asked, mut answer) = ([trip as u8; MESSAGE], [0; MESSAGE]);
        stream.write_all(&asked).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, asked);
    }
}

/// Events that the poller reports for each round trip of `f`, which makes as many.
#[cfg(target_os = "linux")]
fn events_per_trip<F>(runtime: &Runtime, trips: usize, f: F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let metrics = runtime.metrics();
    let before = metrics.io_driver_ready_count();
    // A task, also where `block_on` would poll it among them: a root has no queue to be put off in.
    runtime.block_on(runtime.spawn(f)).unwrap();
    (metrics.io_driver_ready_count() - before) as f64 / trips as f64
}

#[cfg(target_os = "linux")]
const TRIPS: usize = 2000;

/// Where both ends are tasks of one thread, either would wait for the poller at each message.
#[cfg(target_os = "linux")] // loopback delivers before `send` returns
#[test]
fn answers_of_a_known_size_come_without_the_poller() {
    for runtime in [current(), threaded(1)] {
        let events = within_patience(move || {
            events_per_trip(&runtime, TRIPS, async {
                let (mut client, server) = tcp().await;
                gmp::spawn(serve(server));
                round_trips(&mut client, TRIPS).await;
            })
        });
        assert!(events < 1.2, "{events} events for a round trip of two messages");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn so_do_those_of_unix_streams() {
    for runtime in [current(), threaded(1)] {
        let events = within_patience(move || {
            events_per_trip(&runtime, TRIPS, async {
                let (mut client, server) = gmp::net::UnixStream::pair().unwrap();
                gmp::spawn(serve(server));
                round_trips(&mut client, TRIPS).await;
            })
        });
        assert!(events < 1.2, "{events} events for a round trip of two messages");
    }
}

#[cfg(target_os = "linux")] // loopback delivers before `send` returns
#[test]
fn and_datagrams() {
    for runtime in [current(), threaded(1)] {
        let events = within_patience(move || {
            events_per_trip(&runtime, TRIPS, async {
                let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                client.connect(server.local_addr().unwrap()).await.unwrap();
                gmp::spawn(async move {
                    let mut buf = [0; MESSAGE];
                    loop {
                        let (n, from) = server.recv_from(&mut buf).await.unwrap();
                        server.send_to(&buf[..n], from).await.unwrap();
                    }
                });
                for trip in 0..TRIPS {
                    client.send(&[trip as u8; MESSAGE]).await.unwrap();
                    let mut answer = [0; MESSAGE];
                    assert_eq!(client.recv(&mut answer).await.unwrap(), MESSAGE);
                    assert_eq!(answer, [trip as u8; MESSAGE]);
                }
            })
        });
        assert!(events < 1.2, "{events} events for a round trip of two messages");
    }
}

/// A reader that is put off, and behind it on the same P a poll that does not end before the answer is there.
fn behind(procs: usize, wait: fn(&std_mpsc::Receiver<()>)) {
    let runtime = threaded(procs);
    within_patience(move || {
        runtime
            .block_on(runtime.spawn(async move {
                let (mut client, server) = tcp().await;
                gmp::spawn(serve(server));
                for _ in 0..10 {
                    round_trips(&mut client, 10).await;
                    let (done, until) = std_mpsc::channel();
                    let hog = gmp::spawn(async move { wait(&until) });
                    round_trips(&mut client, 1).await;
                    done.send(()).unwrap();
                    hog.await.unwrap();
                }
            }))
            .unwrap();
    });
}

#[test]
fn i_put_off_behind_a_poll_that_blocks() {
    for procs in [1, 2, 4] {
        behind(procs, |until| until.recv().unwrap());
    }
}

#[test]
fn i_put_off_and_the_p_is_handed_over() {
    for procs in [1, 2, 4] {
        behind(procs, |until| gmp::task::block_in_place(|| until.recv().unwrap()));
    }
}

/// Polls of one task, which yields in between, while another one makes as many round trips.
fn polls_beside(runtime: Runtime, trips: usize, poll: fn()) -> usize {
    within_patience(move || {
        let polls = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let yields = {
            let (polls, stop) = (polls.clone(), stop.clone());
            runtime.spawn(async move {
                while !stop.load(SeqCst) {
                    poll();
                    polls.fetch_add(1, SeqCst);
                    gmp::task::yield_now().await;
                }
            })
        };
        let reads = runtime.spawn(async move {
            let (mut client, server) = tcp().await;
            gmp::spawn(serve(server));
            round_trips(&mut client, trips).await;
        });
        runtime.block_on(reads).unwrap();
        stop.store(true, SeqCst);
        runtime.block_on(yields).unwrap();
        polls.load(SeqCst)
    })
}

/// A task that computes between its yields delays a reader by a few of its polls, put off or not, and not by as
/// many as pass from one look at the poller to the next.
#[test]
fn i_put_off_beside_long_polls() {
    const TRIPS: usize = 50;
    for runtime in [current(), threaded(1)] {
        let polls = polls_beside(runtime, TRIPS, || thread::sleep(Duration::from_millis(1)));
        assert!(polls < 40 * TRIPS, "{polls} polls of a millisecond for {TRIPS} round trips");
    }
}

/// Who is put off comes back, however rarely the poller is asked.
#[test]
fn i_put_off_and_the_poller_is_never_asked() {
    let mut builders = [Builder::new_current_thread(), Builder::new_multi_thread()];
    for builder in &mut builders {
        let runtime = builder.worker_threads(1).enable_all().event_interval(u32::MAX);
        polls_beside(runtime.build().unwrap(), 50, || ());
    }
}

/// Its ring is never empty: whoever is put off must not wait for that.
#[test]
fn i_put_off_among_tasks_that_yield() {
    for runtime in [current(), threaded(1), threaded(2)] {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..16 {
            let stop = stop.clone();
            runtime.spawn(async move {
                while !stop.load(SeqCst) {
                    gmp::task::yield_now().await;
                }
            });
        }
        within_patience(move || {
            runtime
                .block_on(runtime.spawn(async {
                    let (mut client, server) = tcp().await;
                    gmp::spawn(serve(server));
                    round_trips(&mut client, 500).await;
                }))
                .unwrap();
            stop.store(true, SeqCst);
        });
    }
}

/// Who is put off may be waiting for something else too.
#[test]
fn a_task_that_is_put_off_sees_its_other_events() {
    for runtime in flavours() {
        within_patience(move || {
            runtime
                .block_on(runtime.spawn(async {
                    let (mut client, server) = tcp().await;
                    gmp::spawn(serve(server));
                    let (tx, mut rx) = mpsc::channel(1);
                    gmp::spawn(async move {
                        for n in 0..500 {
                            tx.send(n).await.unwrap();
                            gmp::task::yield_now().await;
                        }
                    });
                    let (mut answers, mut numbers) = (0, 0);
                    let mut answer = [0; MESSAGE];
                    client.write_all(&answer).await.unwrap();
                    while answers < 500 || numbers < 500 {
                        gmp::select! {
                            // One message, one read: nothing is lost by dropping it.
                            n = client.read(&mut answer) => {
                                assert_eq!(n.unwrap(), MESSAGE);
                                answers += 1;
                                client.write_all(&answer).await.unwrap();
                            }
                            Some(n) = rx.recv() => {
                                assert_eq!(n, numbers);
                                numbers += 1;
                            }
                        }
                    }
                }))
                .unwrap();
        });
    }
}

/// Those that are put off when the runtime ends are dropped with it, once.
#[test]
fn i_put_off_at_the_end() {
    for n in 0..30 {
        let runtime = if n % 3 == 0 { current() } else { threaded(1 + n % 3) };
        let drops = Drops::default();
        let made = 16;
        for _ in 0..made / 2 {
            let (one, other) = (drops.guard(), drops.guard());
            runtime.spawn(async move {
                let _one = one;
                let (mut client, server) = tcp().await;
                gmp::spawn(async move {
                    let _other = other;
                    serve(server).await;
                });
                round_trips(&mut client, usize::MAX).await;
            });
        }
        // They run while somebody is in `block_on`.
        let while_they_run = Duration::from_millis(5 + n as u64 % 7);
        runtime.block_on(async { gmp::time::sleep(while_they_run).await });
        within_patience(move || drop(runtime));
        assert_eq!(drops.count(), made);
    }
}
