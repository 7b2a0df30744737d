//! hyper and hyper-util without a framework: connections by hand, the pooling client, the automatic server.

mod auto;
mod http1;
mod http2;
mod service;

use kit::Outcome;

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        http1::keep_alive().await?;
        http1::upgrade().await?;
        http1::slow_header().await?;
        http2::streams().await?;
        http2::pings().await?;
        auto::pool().await?;
        auto::graceful().await
    })
    .await
}
