//! One library function, three executors.
//!
//! Try it:
//!
//! ```text
//! cargo run --release -p gmp-executor-tests --example executor_agnostic
//! ```
//!
//! `longest_collatz` below knows no executor by name. It prints the same answer from gmp, from tokio,
//! from smol, and from an executor that is known only at run time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::executor::{DynExecutor, Executor, TaskError, TaskHandle};
use gmp::runtime::Runtime;
use gmp_executor_tests::smol::SmolRuntime;
use gmp_executor_tests::tokio::TokioExecutor;

/// The number below `limit` with the longest Collatz sequence, and that sequence's length.
///
/// Cuts the range into pieces, gives each to a task that yields now and then, has a closure that may
/// block pick the best, and meanwhile reports progress from a task that it aborts in the end.
async fn longest_collatz<E>(executor: &E, limit: u64) -> Result<(u64, u32), TaskError>
where
    E: Executor + Clone + 'static,
{
    const PIECE: u64 = 20_000;
    let begun = Instant::now();

    let inner = executor.clone();
    let progress = executor.spawn(async move {
        loop {
            inner.sleep(Duration::from_millis(200)).await;
            eprintln!("  … {:?}", begun.elapsed());
        }
    });

    let pieces: Vec<_> = (1..limit)
        .step_by(PIECE as usize)
        .map(|start| {
            let inner = executor.clone();
            executor.spawn(async move {
                let mut best = (0, 0);
                for number in start..limit.min(start + PIECE) {
                    best = longer(best, (number, collatz(number)));
                    if number % 1_000 == 0 {
                        inner.yield_now().await;
                    }
                }
                best
            })
        })
        .collect();

    let mut bests = Vec::with_capacity(pieces.len());
    for piece in pieces {
        bests.push(piece.await?);
    }
    let best = executor.spawn_blocking(|| bests.into_iter().fold((0, 0), longer)).await?;

    progress.abort();
    match progress.await {
        Err(error) if error.is_cancelled() => Ok(best),
        Err(error) => Err(error),
        Ok(()) => unreachable!("it loops for ever"),
    }
}

fn collatz(mut number: u64) -> u32 {
    let mut length = 1;
    while number != 1 {
        number = if number % 2 == 0 { number / 2 } else { 3 * number + 1 };
        length += 1;
    }
    length
}

fn longer(a: (u64, u32), b: (u64, u32)) -> (u64, u32) {
    if b.1 > a.1 {
        b
    } else {
        a
    }
}

fn report<E: Executor + Clone + 'static>(name: &str, executor: &E) {
    let begun = Instant::now();
    match executor.block_on(longest_collatz(executor, 1_000_000)) {
        Ok((number, length)) => {
            println!("{name:<6} {number} takes {length} steps ({:.0?})", begun.elapsed());
        }
        Err(error) => println!("{name:<6} {error}"),
    }
}

fn main() -> std::io::Result<()> {
    let gmp = Runtime::new()?;
    report("gmp", gmp.handle());

    let tokio = tokio::runtime::Runtime::new()?;
    report("tokio", &TokioExecutor::new(tokio.handle().clone()));

    let threads = std::thread::available_parallelism()?.get();
    let smol = SmolRuntime::new(threads);
    report("smol", &smol.executor());

    let any: Arc<dyn DynExecutor> = Arc::new(gmp.handle().clone());
    report("dyn", &any);
    Ok(())
}
