//! An axum server and its clients: reqwest (async and blocking) and a web socket.

mod server;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kit::Outcome;
use reqwest::Client;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use server::{Pair, Server, Total, CHUNK, CHUNKS, EVENTS};

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        let server = Server::start().await?;
        let client = Client::new();
        json(&client, &server.url("/sum")).await?;
        many(&client, &server.url("/sum")).await?;
        streams(&client, &server).await?;
        events(&client, &server.url("/events")).await?;
        web_socket(&server).await?;
        time_out(&server.url("/never")).await?;
        blocking(server.url("/sum")).await?;
        shutdown(client, server).await
    })
    .await
}

async fn add(client: &Client, url: &str, a: u64, b: u64) -> Outcome<u64> {
    let answer = client.post(url).json(&Pair { a, b }).send().await?.error_for_status()?;
    Ok(answer.json::<Total>().await?.total)
}

async fn json(client: &Client, url: &str) -> Outcome {
    assert_eq!(add(client, url, 40, 2).await?, 42);
    let nonsense =
        client.post(url).header("content-type", "application/json").body("{").send().await?;
    assert_eq!(nonsense.status(), 400);
    kit::ok("JSON there and back; nonsense is refused");
    Ok(())
}

/// Requests from many tasks, over the connections that the client pools.
async fn many(client: &Client, url: &str) -> Outcome {
    let mut requests = JoinSet::new();
    for a in 0..200 {
        let (client, url) = (client.clone(), url.to_owned());
        requests.spawn(async move {
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((a, add(&client, &url, a, 1).await?))
        });
    }
    while let Some(answer) = requests.join_next().await {
        let (a, sum) = answer??;
        assert_eq!(sum, a + 1);
    }
    kit::ok("200 requests at the same time");
    Ok(())
}

async fn streams(client: &Client, server: &Server) -> Outcome {
    let mut body = client.get(server.url("/download")).send().await?.bytes_stream();
    let mut received = Vec::new();
    while let Some(piece) = body.next().await {
        received.extend_from_slice(&piece?);
    }
    assert!(received == kit::pattern(CHUNK).repeat(CHUNKS), "the download differs");

    // The body is made while it is sent: each piece after a turn of the scheduler.
    let pieces = futures_util::stream::iter(0..CHUNKS).then(|_| async {
        tokio::task::yield_now().await;
        Ok::<_, std::io::Error>(kit::pattern(CHUNK))
    });
    let answer =
        client.post(server.url("/upload")).body(reqwest::Body::wrap_stream(pieces)).send().await?;
    assert_eq!(answer.text().await?, (CHUNK * CHUNKS).to_string());
    kit::ok(format_args!("{} KiB streamed each way", CHUNK * CHUNKS / 1024));
    Ok(())
}

async fn events(client: &Client, url: &str) -> Outcome {
    let answer = client.get(url).send().await?;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = answer.text().await?;
    let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let expected: Vec<String> = (0..EVENTS).map(|n| format!("event {n}")).collect();
    assert_eq!(data, expected);
    kit::ok("server-sent events, in their order");
    Ok(())
}

async fn web_socket(server: &Server) -> Outcome {
    let (mut socket, answer) =
        tokio_tungstenite::connect_async(format!("ws://{}/ws", server.address)).await?;
    assert_eq!(answer.status(), 101);
    for n in 0..100 {
        socket.send(Message::text(format!("message {n}"))).await?;
        let echo = socket.next().await.ok_or("the socket ended")??;
        assert_eq!(echo.into_text()?.as_str(), format!("message {n}"));
    }
    socket.close(None).await?;
    while let Some(rest) = socket.next().await {
        assert!(rest?.is_close());
    }
    kit::ok("web socket: 100 echoes and a close");
    Ok(())
}

async fn time_out(url: &str) -> Outcome {
    let hasty = Client::builder().timeout(Duration::from_millis(100)).build()?;
    let error = hasty.get(url).send().await.err().ok_or("an answer to what is never answered")?;
    assert!(error.is_timeout(), "{error}");
    kit::ok("a request that is never answered times out");
    Ok(())
}

/// The blocking client has a thread and a current_thread runtime of its own.
async fn blocking(url: String) -> Outcome {
    let add = move || -> reqwest::Result<u64> {
        let client = reqwest::blocking::Client::new();
        Ok(client.post(&url).json(&Pair { a: 1, b: 2 }).send()?.json::<Total>()?.total)
    };
    let from_closure = tokio::task::spawn_blocking(add.clone()).await??;
    let from_thread = tokio::task::spawn_blocking(|| std::thread::spawn(add).join()).await?;
    let from_thread = from_thread.map_err(|_| "the thread has panicked")??;
    assert_eq!((from_closure, from_thread), (3, 3));
    kit::ok("the blocking client, in spawn_blocking and in a plain thread");
    Ok(())
}

/// A request that is under way is answered; a new connection is refused.
async fn shutdown(client: Client, mut server: Server) -> Outcome {
    let (slow, address) = (server.url("/slow"), server.address);
    let request = tokio::spawn(async move { client.get(slow).send().await?.text().await });
    server.slow_is_running().await?;
    server.stop().await?;
    assert_eq!(request.await??, "done");
    assert!(TcpStream::connect(address).await.is_err(), "the listener is still there");
    kit::ok("graceful shutdown: the last request was answered");
    Ok(())
}
