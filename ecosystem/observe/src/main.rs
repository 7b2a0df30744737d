//! What looks on: tracing's spans around tasks, tokio-metrics.

mod metrics;
mod spans;

use kit::Outcome;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome {
    kit::within(60, async {
        spans::follow_tasks().await?;
        metrics::tasks().await?;
        metrics::runtime().await
    })
    .await
}
