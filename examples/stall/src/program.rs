//! The service, its disturbers, and their measurement. `rt` is the runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{mpsc, Arc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::rt::io::{AsyncReadExt, AsyncWriteExt};
use super::rt::net::{TcpListener, TcpStream};
use super::rt::runtime::{Builder, Runtime};
use super::rt::{spawn, task, time};
use crate::client::PATIENCE;
use crate::options::Case;
use crate::outcome::Outcome;
use crate::service::{compute, measure_service, Service, BLOCK, MESSAGE, TICK};

/// Runs one case, and leaves a trace of it in a file.
pub(crate) fn measure(case: &Case, trace: Option<&str>) -> io::Result<Outcome> {
    let runtime = Builder::new_multi_thread().worker_threads(case.procs).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(serve(listener));
    let mut program = Program {
        runtime: &runtime,
        address,
        trace: trace.map(str::to_owned),
        recording: None,
        stop: Arc::default(),
        ticks: None,
    };
    let outcome = measure_service(&mut program, case)?;
    runtime.shutdown_background();
    Ok(outcome)
}

struct Program<'a> {
    runtime: &'a Runtime,
    address: SocketAddr,
    trace: Option<String>,
    recording: Option<JoinHandle<io::Result<()>>>,
    stop: Arc<AtomicBool>,
    ticks: Option<mpsc::Receiver<Vec<Duration>>>,
}

impl Service for Program<'_> {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn begin(&mut self, case: &Case) -> io::Result<()> {
        self.recording =
            self.trace.as_deref().map(|file| super::record(self.runtime, case.time, file));
        let (tell, told) = mpsc::channel();
        self.ticks = Some(told);
        let ticker = tick(self.stop.clone());
        self.runtime.spawn(async move { tell.send(ticker.await) });
        for _ in 0..case.blocking {
            self.runtime.spawn(disturb(self.stop.clone(), || thread::sleep(BLOCK)));
        }
        for _ in 0..case.computing {
            self.runtime.spawn(disturb(self.stop.clone(), compute));
        }
        Ok(())
    }

    fn stop(&mut self) -> io::Result<()> {
        self.stop.store(true, Relaxed);
        Ok(())
    }

    fn end(&mut self) -> io::Result<(Vec<Duration>, String)> {
        let ticks = self.ticks.take().expect("it has begun");
        let ticks = ticks.recv_timeout(PATIENCE).map_err(io::Error::other)?;
        if let Some(recording) = self.recording.take() {
            recording.join().expect("a recording does not panic")?;
        }
        Ok((ticks, super::remark(self.runtime)))
    }
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
