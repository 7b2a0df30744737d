//! Bytes through pipes in memory and through `copy`: a task writes chunks of 64 KiB at one end and a task
//! reads to the end at the other.
//!
//! The bodies are a macro over the crate whose I/O traits and `copy` they use; the rows that only crates
//! with tokio's `duplex` and `copy_bidirectional` have are in its second half.

use std::time::Duration;

use crate::runtimes::Rt;

/// A runtime with such streams.
pub(crate) trait Streams: Rt {
    /// Time for as many chunks. `None`: the runtime has no such thing.
    fn stream_row(&self, _row: StreamRow, _chunks: u64) -> Option<Duration> {
        None
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum StreamRow {
    /// Into one end, out of the other.
    Duplex,
    /// A task in between copies from one pipe to another.
    CopyDuplex,
    /// The same between two TCP connections.
    CopyTcp,
    /// The task in between copies both ways; half of the chunks go each way.
    CopyBoth,
}

/// Bytes that are written at once, and room in a pipe in memory.
pub(crate) const CHUNK: usize = 64 * 1024;

/// The least number of chunks: enough to fill every buffer of a few connections.
pub(crate) const UNIT: u64 = 32;

pub(crate) fn megabytes_a_second(chunks: u64, elapsed: Duration) -> f64 {
    (chunks * CHUNK as u64) as f64 / 1e6 / elapsed.as_secs_f64()
}

macro_rules! stream_rows {
    ($module:ident, $($io:ident)::+, |$row:ident, $chunks:ident| $more:expr) => {
        const _: () = {
            use std::net::SocketAddr;
            use std::time::{Duration, Instant};

            use ::$($io)::+::{copy, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

            use crate::runtimes::$module::{self as rt_mod, Subject};
            use crate::runtimes::Rt;
            use crate::workloads::streams::{StreamRow, Streams, CHUNK};

            /// The end of the stream is the drop of `to`.
            async fn source(mut to: impl AsyncWrite + Unpin, chunks: u64) {
                let chunk = vec![7; CHUNK];
                for _ in 0..chunks {
                    to.write_all(&chunk).await.expect("write");
                }
            }

            async fn sink(mut from: impl AsyncRead + Unpin, chunks: u64) {
                let mut buf = vec![0; CHUNK];
                let mut left = chunks * CHUNK as u64;
                while left > 0 {
                    let n = from.read(&mut buf).await.expect("read");
                    assert!(n > 0, "the stream ended {left} bytes early");
                    left -= n as u64;
                }
                assert_eq!(from.read(&mut buf).await.expect("read"), 0, "more than was written");
            }

            /// Both ends of a connection.
            async fn tcp() -> (rt_mod::TcpStream, rt_mod::TcpStream) {
                let mut listener = rt_mod::listen().await;
                let to: SocketAddr = listener.local_addr().expect("the listener has an address");
                let here = rt_mod::connect(to).await;
                (here, rt_mod::open(rt_mod::accept(&mut listener).await).await)
            }

            /// Through a task that copies what comes at `from` to `to`.
            async fn copied<W, X, Y, Z>(
                (start, mut from): (W, X),
                (mut to, end): (Y, Z),
                chunks: u64,
            ) -> Duration
            where
                W: AsyncWrite + Unpin + Send + 'static,
                X: AsyncRead + Unpin + Send + 'static,
                Y: AsyncWrite + Unpin + Send + 'static,
                Z: AsyncRead + Unpin + Send + 'static,
            {
                let began = Instant::now();
                let writes = Subject::spawn(source(start, chunks));
                let copies = Subject::spawn(async move {
                    let copied = copy(&mut from, &mut to).await.expect("copy");
                    assert_eq!(copied, chunks * CHUNK as u64);
                });
                let reads = Subject::spawn(sink(end, chunks));
                writes.await;
                copies.await;
                reads.await;
                began.elapsed()
            }

            async fn row($row: StreamRow, $chunks: u64) -> Option<Duration> {
                if let StreamRow::CopyTcp = $row {
                    return Some(copied(tcp().await, tcp().await, $chunks).await);
                }
                $more
            }

            impl Streams for Subject {
                fn stream_row(&self, which: StreamRow, chunks: u64) -> Option<Duration> {
                    self.main(async move { Subject::spawn(row(which, chunks)).await })
                }
            }
        };
    };
}

/// The rows of crates with tokio's `duplex` and `copy_bidirectional`.
macro_rules! stream_rows_of_tokio {
    ($module:ident, $krate:ident) => {
        stream_rows!($module, $krate::io, |row, chunks| {
            use ::$krate::io::{copy_bidirectional, duplex};

            match row {
                StreamRow::Duplex => {
                    let (start, end) = duplex(CHUNK);
                    let began = Instant::now();
                    let writes = Subject::spawn(source(start, chunks));
                    Subject::spawn(sink(end, chunks)).await;
                    writes.await;
                    Some(began.elapsed())
                }
                StreamRow::CopyDuplex => Some(copied(duplex(CHUNK), duplex(CHUNK), chunks).await),
                StreamRow::CopyTcp => None,
                StreamRow::CopyBoth => {
                    let (here, mut near) = tcp().await;
                    let (mut far, there) = tcp().await;
                    let began = Instant::now();
                    let copies = Subject::spawn(async move {
                        copy_bidirectional(&mut near, &mut far).await.expect("copy")
                    });
                    let mut ends = Vec::new();
                    for stream in [here, there] {
                        let (reads, writes) = stream.into_split();
                        ends.push(Subject::spawn(source(writes, chunks / 2)));
                        ends.push(Subject::spawn(sink(reads, chunks / 2)));
                    }
                    for end in ends {
                        end.await;
                    }
                    let each = chunks / 2 * CHUNK as u64;
                    assert_eq!(copies.await, (each, each));
                    Some(began.elapsed())
                }
            }
        });
    };
}

stream_rows_of_tokio!(gmp_rt, gmp);
stream_rows_of_tokio!(tokio_rt, tokio);
stream_rows!(smol_rt, smol::io, |_row, _chunks| None);
impl Streams for crate::runtimes::nio_rt::Subject {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn megabytes_are_of_chunks() {
        // 16 chunks are 1 MiB.
        let figure = megabytes_a_second(16, Duration::from_millis(500));
        assert!((figure - 2.097152).abs() < 1e-9, "{figure}");
        assert_eq!(UNIT % 2, 0, "half of the chunks go each way");
    }
}
