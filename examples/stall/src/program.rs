//! The service, its disturbers, and their measurement. `rt` is the runtime.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use super::rt::io::{AsyncReadExt, AsyncWriteExt};
use super::rt::net::{TcpListener, TcpStream};
use super::rt::runtime::Builder;
use super::rt::{spawn, task, time};
use crate::client::{Clients, MESSAGE, PATIENCE};
use crate::options::Case;
use crate::outcome::{Outcome, Summary};

const BLOCK: Duration = Duration::from_millis(100);
const COMPUTE: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_millis(1);

/// Runs one case, and leaves a trace of it in a file.
pub(crate) fn measure(case: &Case, trace: Option<&str>) -> io::Result<Outcome> {
    let runtime = Builder::new_multi_thread().worker_threads(case.procs).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(serve(listener));
    // Connected and answered once before anybody disturbs.
    let clients = Clients::connect(address)?;

    let recording = trace.map(|file| super::record(&runtime, case.time, file));
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    let ticker = tick(stop.clone());
    runtime.spawn(async move { tell.send(ticker.await) });
    for _ in 0..case.blocking {
        runtime.spawn(disturb(stop.clone(), || thread::sleep(BLOCK)));
    }
    for _ in 0..case.computing {
        runtime.spawn(disturb(stop.clone(), compute));
    }

    let clients = clients.send_for(case.time)?;
    stop.store(true, Relaxed);
    let (sent, round_trips) = clients.answers()?;
    let ticks = told.recv_timeout(PATIENCE).map_err(io::Error::other)?;
    if let Some(recording) = recording {
        recording.join().expect("a recording does not panic")?;
    }
    let answered = round_trips.len();
    let outcome = Outcome {
        ticker: Summary::of(ticks),
        echo: Summary::of(round_trips),
        sent,
        answered,
        remark: super::remark(&runtime),
    };
    runtime.shutdown_background();
    Ok(outcome)
}

async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        spawn(echo(stream));
    }
}

/// Sends messages back until the client has no more.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut message = [0; MESSAGE];
    loop {
        match stream.read_exact(&mut message).await {
            Ok(_) => stream.write_all(&message).await?,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// How late each millisecond was.
async fn tick(stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut interval = time::interval(TICK);
    let mut late = Vec::new();
    while !stop.load(Relaxed) {
        let due = interval.tick().await;
        late.push(time::Instant::now() - due);
    }
    late
}

/// A task that means well, but for the length of its polls.
async fn disturb(stop: Arc<AtomicBool>, what: fn()) {
    while !stop.load(Relaxed) {
        what();
        task::yield_now().await;
    }
}

fn compute() {
    let start = Instant::now();
    let mut x = 1u64;
    while start.elapsed() < COMPUTE {
        for _ in 0..1000 {
            x = std::hint::black_box(x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7));
        }
    }
}
