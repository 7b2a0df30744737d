//! Connections by hand, HTTP/2.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper::{client, server, Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kit::Outcome;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::service::{count, full, Body};

type Sender = client::conn::http2::SendRequest<Body>;

/// A server for one connection, and a client of it that pings every 20 ms.
async fn connect() -> Outcome<(Sender, JoinHandle<Outcome>, JoinHandle<hyper::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let builder = server::conn::http2::Builder::new(TokioExecutor::new());
        // How it ends is not looked at: the client may be gone before the last pong is out.
        let _ = builder.serve_connection(TokioIo::new(stream), service_fn(count)).await;
        Outcome::Ok(())
    });
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let (sender, connection) = client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_millis(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .keep_alive_while_idle(true)
        .handshake(io)
        .await?;
    Ok((sender, server, tokio::spawn(connection)))
}

async fn post(mut sender: Sender, size: usize) -> Outcome {
    let bytes = kit::pattern(size);
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://localhost/")
        .body(full(bytes.clone()))?;
    sender.ready().await?;
    let answer = sender.send_request(request).await?.into_body().collect().await?;
    assert_eq!(answer.trailers().ok_or("no trailers")?["count"], size.to_string().as_str());
    assert!(answer.to_bytes() == bytes, "the answer to {size} bytes differs");
    Ok(())
}

/// Streams beside each other, each larger than the window, so that all wait for each other's updates.
pub async fn streams() -> Outcome {
    let (sender, server, connection) = connect().await?;
    let mut requests = JoinSet::new();
    for n in 0..50 {
        requests.spawn(post(sender.clone(), 100_000 + n));
    }
    while let Some(end) = requests.join_next().await {
        end??;
    }
    drop(sender);
    connection.await??;
    server.await??;
    kit::ok("http2: 50 streams beyond the window, with trailers");
    Ok(())
}

/// An idle connection is kept by pings and serves again.
pub async fn pings() -> Outcome {
    let (sender, server, connection) = connect().await?;
    post(sender.clone(), 10).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    post(sender.clone(), 20).await?;
    drop(sender);
    connection.await??;
    server.await??;
    kit::ok("http2: a connection that idles is kept by pings");
    Ok(())
}
