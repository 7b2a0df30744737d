//! tokio-util and tokio-stream.

mod codec;
mod io;
mod stream;
mod sync;
mod task;
mod time;

use kit::Outcome;

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        codec::lines().await?;
        codec::lengths().await?;
        codec::datagrams().await?;
        io::bridges().await?;
        io::sync_bridge().await?;
        sync::tokens().await?;
        sync::poll_sender().await?;
        task::tracker().await?;
        task::join_map().await?;
        task::local_pool().await?;
        time::delay_queue().await?;
        stream::wrappers().await?;
        stream::map().await?;
        stream::times().await
    })
    .await
}
