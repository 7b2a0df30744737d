//! The server of `ecosystem/axum-bench`: one route that answers at once, and one that blocks its thread.
//!
//! `eco-hello WORKERS` listens on a free port of 127.0.0.1, prints it, and serves until it is killed.

use std::time::Duration;

use axum::routing::get;
use axum::Router;
use tokio::net::TcpListener;

/// How long a request to `/block` holds its thread.
const BLOCK: Duration = Duration::from_millis(100);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let workers: usize = match std::env::args().nth(1) {
        Some(argument) => argument.parse()?,
        None => std::thread::available_parallelism()?.get(),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        // As a task: the same place, a worker, on both runtimes.
        tokio::spawn(async move { axum::serve(listener, routes()).await }).await??;
        Ok(())
    })
}

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        // What a handler should not do and some do: a call that waits, without `spawn_blocking`.
        .route("/block", get(block))
}

async fn block() -> &'static str {
    std::thread::sleep(BLOCK);
    "blocked"
}
