//! Connections by hand, HTTP/1.1.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::header::{CONNECTION, UPGRADE};
use hyper::service::service_fn;
use hyper::{client, server, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use kit::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::service::{echo, full};

/// Many requests over one connection, the largest far beyond the buffers.
pub async fn keep_alive() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let io = TokioIo::new(stream);
        Outcome::Ok(
            server::conn::http1::Builder::new().serve_connection(io, service_fn(echo)).await?,
        )
    });

    let io = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = client::conn::http1::handshake(io).await?;
    let connection = tokio::spawn(connection);
    for size in [0, 1, 1000, 100_000, 4 << 20] {
        let bytes = kit::pattern(size);
        let request = Request::builder().method(Method::POST).uri("/").body(full(bytes.clone()))?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(
            answer.into_body().collect().await?.to_bytes() == bytes,
            "the echo of {size} bytes differs"
        );
    }
    drop(sender);
    connection.await??;
    server.await??;
    kit::ok("http1: five requests over one connection, to 4 MiB");
    Ok(())
}

/// The connection becomes a pipe in both directions.
pub async fn upgrade() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let service = service_fn(|mut request| async move {
            tokio::spawn(async move {
                let mut pipe = TokioIo::new(hyper::upgrade::on(&mut request).await?);
                let mut line = [0; 5];
                pipe.read_exact(&mut line).await?;
                pipe.write_all(&[&line[..], b" to you"].concat()).await?;
                Outcome::Ok(pipe.shutdown().await?)
            });
            Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(UPGRADE, "talk")
                .body(Empty::<Bytes>::new())
        });
        let connection =
            server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        Outcome::Ok(connection.with_upgrades().await?)
    });

    let io = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = client::conn::http1::handshake(io).await?;
    let connection = tokio::spawn(connection.with_upgrades());
    let request = Request::builder().uri("/").header(CONNECTION, "upgrade").header(UPGRADE, "talk");
    let mut answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut pipe = TokioIo::new(hyper::upgrade::on(&mut answer).await?);
    pipe.write_all(b"hello").await?;
    let mut heard = String::new();
    pipe.read_to_string(&mut heard).await?;
    assert_eq!(heard, "hello to you");
    connection.await??;
    server.await??;
    kit::ok("http1: an upgrade, and a talk over it");
    Ok(())
}

/// A client that does not finish its header is cut off.
pub async fn slow_header() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let end = server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(100))
            .serve_connection(TokioIo::new(stream), service_fn(echo))
            .await;
        Outcome::Ok(end)
    });
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\n").await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    let end = server.await??;
    assert!(end.as_ref().is_err_and(hyper::Error::is_timeout), "{end:?}");
    kit::ok("http1: the time-out for headers");
    Ok(())
}
