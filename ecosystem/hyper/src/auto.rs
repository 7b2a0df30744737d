//! hyper-util: the server that speaks both versions, the client with a pool, the end in good order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use kit::Outcome;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::service::{echo, full, Body};

/// What is posted comes back; what is asked for by GET comes late, but its header does not.
async fn respond(request: Request<Incoming>, delay: Duration) -> hyper::Result<Response<Body>> {
    if request.method() != Method::GET {
        return echo(request).await;
    }
    let late = futures_util::stream::once(async move {
        tokio::time::sleep(delay).await;
        Ok(Frame::data(Bytes::from_static(b"late")))
    });
    Ok(Response::new(StreamBody::new(late).map_err(|never: Infallible| match never {}).boxed()))
}

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Outcome>,
}

/// Serves until it is told to stop, then waits for the connections.
async fn serve(delay: Duration) -> Outcome<Server> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let connections = Arc::new(AtomicUsize::new(0));
    let (stop, mut stopped) = oneshot::channel();
    let accepted = connections.clone();
    let task = tokio::spawn(async move {
        let builder = Builder::new(TokioExecutor::new());
        let graceful = GracefulShutdown::new();
        loop {
            let (stream, _) = tokio::select! {
                incoming = listener.accept() => incoming?,
                _ = &mut stopped => break,
            };
            accepted.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(move |request| respond(request, delay));
            let connection =
                builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
            tokio::spawn(graceful.watch(connection));
        }
        drop(listener);
        tokio::time::timeout(Duration::from_secs(20), graceful.shutdown()).await?;
        Ok(())
    });
    Ok(Server { address, connections, stop, task })
}

fn client(http2: bool) -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .http2_only(http2)
        .build_http()
}

async fn ask(
    client: Client<HttpConnector, Body>,
    address: SocketAddr,
    text: String,
) -> Outcome<Version> {
    let request = Request::post(format!("http://{address}/")).body(full(text.clone()))?;
    let answer = client.request(request).await?;
    let version = answer.version();
    assert_eq!(answer.into_body().collect().await?.to_bytes(), text);
    Ok(version)
}

/// Both versions at one address; connections are used again.
pub async fn pool() -> Outcome {
    let server = serve(Duration::ZERO).await?;
    for (http2, version) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
        let client = client(http2);
        let before = server.connections.load(Ordering::SeqCst);
        let mut requests = JoinSet::new();
        for n in 0..100 {
            requests.spawn(ask(client.clone(), server.address, format!("request {n}")));
        }
        while let Some(answer) = requests.join_next().await {
            assert_eq!(answer??, version);
        }
        let middle = server.connections.load(Ordering::SeqCst);
        for n in 0..20 {
            ask(client.clone(), server.address, format!("again {n}")).await?;
        }
        let after = server.connections.load(Ordering::SeqCst);
        assert!(after - middle <= 1, "{} connections for requests one by one", after - middle);
        kit::ok(format_args!("auto: 120 requests by {version:?}, {} connections", after - before));
    }
    server.stop.send(()).map_err(|()| "the server is gone")?;
    server.task.await?
}

/// An answer whose body is still to come is sent whole.
///
/// The server is told to end after the header has arrived: before that, the HTTP/2 client takes the
/// server's word that it will end for the end of the request, if it comes between two of the steps in which
/// the request is sent. It does so on any runtime, about once in two hundred times.
pub async fn graceful() -> Outcome {
    for http2 in [false, true] {
        let server = serve(Duration::from_millis(200)).await?;
        let client = client(http2);
        let answer = client.get(format!("http://{}/", server.address).parse()?).await?;
        server.stop.send(()).map_err(|()| "the server is gone")?;
        let (end, body) = tokio::join!(server.task, answer.into_body().collect());
        assert_eq!(body?.to_bytes(), "late");
        end??;
    }
    kit::ok("auto: graceful shutdown, by both versions");
    Ok(())
}
