//! tonic: unary calls and streams in each direction, deadlines, the end in good order.

mod service;

/// What the build script has had generated.
#[allow(clippy::all, missing_docs)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/numbers.Numbers.rs"));
}

use std::time::Duration;

use kit::Outcome;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::StreamExt;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request};

use generated::numbers_client::NumbersClient;
use generated::numbers_server::NumbersServer;

/// The one message of the service.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Number {
    #[prost(int64, tag = "1")]
    pub value: i64,
}

type Client = NumbersClient<Channel>;

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::builder()
            .add_service(NumbersServer::new(service::Arithmetic))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                drop(stopped.await)
            });
        let server = tokio::spawn(server);

        let client = NumbersClient::connect(url).await?;
        unary(client.clone()).await?;
        deadline(client.clone()).await?;
        one_way(client.clone()).await?;
        both_ways(client.clone()).await?;

        stop.send(()).map_err(|()| "the server is gone")?;
        drop(client);
        server.await??;
        kit::ok("graceful shutdown");
        Ok(())
    })
    .await
}

async fn unary(mut client: Client) -> Outcome {
    let mut calls = JoinSet::new();
    for value in 1..=200 {
        let mut client = client.clone();
        calls.spawn(async move {
            client.square(Number { value }).await.map(|n| (value, n.into_inner().value))
        });
    }
    while let Some(answer) = calls.join_next().await {
        let (value, square) = answer??;
        assert_eq!(square, value * value);
    }
    let refused = client.square(Number { value: -1 }).await.err().ok_or("an answer")?;
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "a negative number"));
    kit::ok("200 unary calls over one connection, and a status");
    Ok(())
}

/// A call that the server takes a minute for is over when its deadline is.
async fn deadline(mut client: Client) -> Outcome {
    let mut request = Request::new(Number { value: 0 });
    request.set_timeout(Duration::from_millis(100));
    let late = client.square(request).await.err().ok_or("an answer")?;
    assert!(matches!(late.code(), Code::Cancelled | Code::DeadlineExceeded), "{late}");
    kit::ok("a deadline");
    Ok(())
}

async fn one_way(mut client: Client) -> Outcome {
    let numbers = client.count(Number { value: 10_000 }).await?.into_inner();
    let numbers: Vec<i64> = numbers.map(|n| n.map(|n| n.value)).collect::<Result<_, _>>().await?;
    assert!(numbers.into_iter().eq(0..10_000), "the numbers are out of order");
    let sum = client.sum(tokio_stream::iter((0..10_000).map(|value| Number { value }))).await?;
    assert_eq!(sum.into_inner().value, (0..10_000).sum::<i64>());
    kit::ok("10000 messages from the server, and to it");
    Ok(())
}

/// Each answer is awaited before the next number is sent.
async fn both_ways(mut client: Client) -> Outcome {
    let (sender, numbers) = mpsc::channel(1);
    let mut sums = client.sums(ReceiverStream::new(numbers)).await?.into_inner();
    let mut sum = 0;
    for value in 0..200 {
        sum += value;
        sender.send(Number { value }).await?;
        assert_eq!(sums.message().await?.ok_or("the stream ended")?.value, sum);
    }
    drop(sender);
    assert_eq!(sums.message().await?, None);
    kit::ok("200 turns of a stream in both directions");
    Ok(())
}
