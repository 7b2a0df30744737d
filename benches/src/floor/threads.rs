//! Rows that are about threads: the system's, with std's channels between them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{mpsc, Arc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gmp_stall::{compute, measure_service, Case, Outcome, Service, BLOCK, MESSAGE, TICK};

use crate::workloads::files::{Folder, SIZE};

/// A closure for each operation, run by another thread.
pub(super) fn spawns(ops: u64) -> Duration {
    type Job = Box<dyn FnOnce() + Send>;
    let (jobs, to_do) = mpsc::channel::<Job>();
    let worker = thread::spawn(move || to_do.into_iter().for_each(|job| job()));
    let start = Instant::now();
    let (done, all_done) = mpsc::channel();
    for n in 1..=ops {
        let done = done.clone();
        let job = move || {
            if n == ops {
                let _ = done.send(());
            }
        };
        jobs.send(Box::new(job)).expect("the worker lives");
    }
    all_done.recv().expect("the last job was run");
    let elapsed = start.elapsed();
    drop(jobs);
    worker.join().expect("no job panics");
    elapsed
}

/// So many messages to another thread, which answers the last.
pub(super) fn wakes(messages: u64, rounds: u64) -> Duration {
    let (to, from) = mpsc::channel();
    let (back, answers) = mpsc::channel();
    let worker = thread::spawn(move || {
        for last in from {
            if last && back.send(()).is_err() {
                return;
            }
        }
    });
    let start = Instant::now();
    for _ in 0..rounds {
        for n in 1..=messages {
            to.send(n == messages).expect("the worker lives");
        }
        answers.recv().expect("the worker answers");
    }
    let elapsed = start.elapsed();
    drop(to);
    worker.join().expect("the worker does not panic");
    elapsed
}

/// Microseconds to start threads, have one do something, and join them.
pub(super) fn start_and_stop(count: usize) -> f64 {
    let start = Instant::now();
    let workers: Vec<_> = (0..count)
        .map(|_| {
            let (tell, told) = mpsc::channel::<()>();
            (tell, thread::spawn(move || told.into_iter().for_each(drop)))
        })
        .collect();
    for (n, (tell, worker)) in workers.into_iter().enumerate() {
        if n == 0 {
            tell.send(()).expect("the thread lives");
        }
        drop(tell);
        worker.join().expect("the thread does not panic");
    }
    start.elapsed().as_secs_f64() * 1e6
}

/// A thread for each connection, for the ticker, and for each task that misbehaves.
struct Threads {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    ticker: Option<JoinHandle<Vec<Duration>>>,
}

pub(super) fn hogs(case: &Case) -> io::Result<Outcome> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // An error is a client that is gone.
            thread::spawn(move || echo(stream));
        }
    });
    measure_service(&mut Threads { address, stop: Arc::default(), ticker: None }, case)
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut message = [0; MESSAGE];
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
    }
}

impl Service for Threads {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn begin(&mut self, case: &Case) -> io::Result<()> {
        let stop = Arc::clone(&self.stop);
        self.ticker = Some(thread::spawn(move || {
            let mut late = Vec::new();
            let mut due = Instant::now();
            while !stop.load(Relaxed) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                late.push(due.elapsed());
                due += TICK;
            }
            late
        }));
        let hogs = [(case.blocking, (|| thread::sleep(BLOCK)) as fn()), (case.computing, compute)];
        for (count, what) in hogs {
            for _ in 0..count {
                let stop = Arc::clone(&self.stop);
                thread::spawn(move || {
                    while !stop.load(Relaxed) {
                        what();
                    }
                });
            }
        }
        Ok(())
    }

    fn stop(&mut self) -> io::Result<()> {
        // Relaxed: nothing but the word itself is told.
        self.stop.store(true, Relaxed);
        Ok(())
    }

    fn end(&mut self) -> io::Result<(Vec<Duration>, String)> {
        let ticker = self.ticker.take().expect("it has begun");
        Ok((ticker.join().expect("the ticker does not panic"), String::new()))
    }
}

/// One thread reads one file after the other.
pub(super) fn reads(folder: &Folder, files: u64) -> Duration {
    let start = Instant::now();
    for n in 0..files {
        let read = std::fs::read(folder.file(n)).expect("the file is there");
        assert!(read.len() == SIZE && read[0] == n as u8);
    }
    start.elapsed()
}
