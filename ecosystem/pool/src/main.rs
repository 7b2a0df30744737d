//! Pools of connections: deadpool and bb8 before an echo server on TCP.

mod bb;
mod dead;
mod line;

use kit::Outcome;

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        let server = line::Server::start().await?;
        dead::share(&server).await?;
        dead::waits(&server).await?;
        bb::share(&server).await?;
        bb::waits(&server).await
    })
    .await
}
