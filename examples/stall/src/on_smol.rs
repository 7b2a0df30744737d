//! The program on smol: one executor, run by as many threads as there are to be workers.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

#[allow(clippy::duplicate_mod)] // see on_gmp.rs
#[path = "program.rs"]
mod program;

pub(crate) use program::measure;

/// What this runtime can say about itself.
fn remark(_: &rt::runtime::Runtime) -> String {
    String::new()
}

/// It has no trace of its scheduler; the command line says so before anybody comes here.
fn record(_: &rt::runtime::Runtime, _: Duration, _: &str) -> JoinHandle<io::Result<()>> {
    unreachable!("record: --trace is refused for smol")
}

/// What the program uses of a runtime, under the names that it uses.
mod rt {
    use std::future::Future;

    static EXECUTOR: smol::Executor<'static> = smol::Executor::new();

    pub(super) fn spawn<F>(future: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        EXECUTOR.spawn(future).detach();
    }

    pub(super) mod io {
        pub(in super::super) use smol::io::{AsyncReadExt, AsyncWriteExt};
    }

    pub(super) mod net {
        pub(in super::super) use smol::net::{TcpListener, TcpStream};
    }

    pub(super) mod task {
        pub(in super::super) use smol::future::yield_now;
    }

    pub(super) mod runtime {
        use std::future::Future;
        use std::{io, thread};

        pub(in super::super) struct Builder(usize);

        impl Builder {
            pub(in super::super) fn new_multi_thread() -> Builder {
                Builder(1)
            }

            pub(in super::super) fn worker_threads(self, count: usize) -> Builder {
                Builder(count)
            }

            pub(in super::super) fn enable_all(self) -> Builder {
                self
            }

            pub(in super::super) fn build(self) -> io::Result<Runtime> {
                for _ in 0..self.0 {
                    let run = || smol::block_on(super::EXECUTOR.run(std::future::pending::<()>()));
                    thread::Builder::new().spawn(run)?;
                }
                Ok(Runtime)
            }
        }

        /// Its threads end with the process.
        pub(in super::super) struct Runtime;

        impl Runtime {
            pub(in super::super) fn block_on<F: Future>(&self, future: F) -> F::Output {
                smol::block_on(future)
            }

            pub(in super::super) fn spawn<F>(&self, future: F)
            where
                F: Future<Output: Send> + Send + 'static,
            {
                super::spawn(future);
            }

            pub(in super::super) fn shutdown_background(self) {}
        }
    }

    pub(super) mod time {
        use std::time::Duration;

        pub(in super::super) use std::time::Instant;

        /// A tick for each period, the missed ones at once, as tokio's interval does it.
        pub(in super::super) struct Interval {
            due: Instant,
            period: Duration,
        }

        pub(in super::super) fn interval(period: Duration) -> Interval {
            Interval { due: Instant::now(), period }
        }

        impl Interval {
            pub(in super::super) async fn tick(&mut self) -> Instant {
                let due = self.due;
                smol::Timer::at(due).await;
                self.due += self.period;
                due
            }
        }
    }
}
