//! The axum side.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, Stream, StreamExt};
use kit::Outcome;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, Notify};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

/// Bytes of a piece of a body, and the number of pieces: more than what sockets buffer.
pub const CHUNK: usize = 64 * 1024;
pub const CHUNKS: usize = 64;
pub const EVENTS: usize = 20;

#[derive(Serialize, Deserialize)]
pub struct Pair {
    pub a: u64,
    pub b: u64,
}

#[derive(Serialize, Deserialize)]
pub struct Total {
    pub total: u64,
}

pub struct Server {
    pub address: SocketAddr,
    started: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let started = Arc::new(Notify::new());
        let app = Router::new()
            .route(
                "/sum",
                post(
                    |Json(pair): Json<Pair>| async move { Json(Total { total: pair.a + pair.b }) },
                ),
            )
            .route("/download", get(download))
            .route("/upload", post(upload))
            .route("/events", get(events))
            .route("/ws", get(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) }))
            .route("/never", get(|| std::future::pending::<()>()))
            .route("/slow", get(slow))
            .with_state(started.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let serve =
            axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
        let task = tokio::spawn(async move { serve.await });
        Ok(Self { address, started, stop: Some(stop), task })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until the handler of `/slow` has begun.
    pub async fn slow_is_running(&mut self) -> Outcome {
        tokio::select! {
            () = self.started.notified() => Ok(()),
            end = &mut self.task => Err(format!("the server ended: {end:?}").into()),
        }
    }

    pub async fn stop(mut self) -> Outcome {
        self.stop.take().ok_or("stopped before")?.send(()).map_err(|()| "the server is gone")?;
        Ok(self.task.await??)
    }
}

/// A body that another task feeds through a channel of two pieces.
async fn download() -> Body {
    let (sender, pieces) = mpsc::channel(2);
    tokio::spawn(async move {
        for _ in 0..CHUNKS {
            if sender.send(Ok::<_, Infallible>(kit::pattern(CHUNK))).await.is_err() {
                return;
            }
        }
    });
    Body::from_stream(ReceiverStream::new(pieces))
}

async fn upload(body: Body) -> Result<String, String> {
    let mut pieces: BodyDataStream = body.into_data_stream();
    let mut received = Vec::new();
    while let Some(piece) = pieces.next().await {
        received.extend_from_slice(&piece.map_err(|e| e.to_string())?);
    }
    if received != kit::pattern(CHUNK).repeat(CHUNKS) {
        return Err("the upload differs".to_owned());
    }
    Ok(received.len().to_string())
}

async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::iter(0..EVENTS).then(|n| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(Event::default().data(format!("event {n}")))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(_) = message {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    }
}

async fn slow(State(started): State<Arc<Notify>>) -> Response {
    started.notify_one();
    tokio::time::sleep(Duration::from_millis(300)).await;
    Response::new(Body::from("done"))
}
