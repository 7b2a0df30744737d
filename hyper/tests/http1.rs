//! hyper's HTTP/1 server and client over gmp's sockets on the loopback.

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gmp::net::{TcpListener, TcpStream};
use gmp_hyper::{GmpExecutor, GmpIo, GmpTimer};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Executor, Timer};
use hyper::service::service_fn;
use hyper::{client, server, Method, Request, Response};

/// Far above what a loaded machine needs; a hang fails instead of standing still.
const LIMIT: Duration = Duration::from_secs(30);

fn run(future: impl Future<Output = ()>) {
    let runtime = gmp::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async { gmp::time::timeout(LIMIT, future).await.expect("not in time") });
}

/// Answers the method, the path, and the body doubled.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let head = format!("{} {} ", request.method(), request.uri().path());
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::from([head.as_bytes(), &body, &body].concat())))
}

async fn serve(header_timeout: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    gmp::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            gmp::spawn(
                server::conn::http1::Builder::new()
                    .timer(GmpTimer::new())
                    .header_read_timeout(header_timeout)
                    .serve_connection(GmpIo::new(stream), service_fn(echo)),
            );
        }
    });
    address
}

async fn connect(address: SocketAddr) -> client::conn::http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (sender, connection) =
        client::conn::http1::handshake(GmpIo::new(stream)).await.expect("a handshake");
    GmpExecutor::new().execute(connection);
    sender
}

fn post(path: &str, body: Bytes) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("host", "loopback")
        .body(Full::new(body))
        .expect("a request")
}

#[test]
fn many_requests_over_kept_alive_connections() {
    run(async {
        let address = serve(LIMIT).await;
        let clients: Vec<_> = (0..8)
            .map(|client| {
                gmp::spawn(async move {
                    let mut sender = connect(address).await;
                    for request in 0..25 {
                        let path = format!("/{client}/{request}");
                        sender.ready().await.expect("kept alive");
                        let response =
                            sender.send_request(post(&path, "ab".into())).await.expect("an answer");
                        let body = response.into_body().collect().await.expect("a body").to_bytes();
                        assert_eq!(body, format!("POST {path} abab"));
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no panic");
        }
    });
}

#[test]
fn a_body_larger_than_any_buffer() {
    run(async {
        let mut sender = connect(serve(LIMIT).await).await;
        let sent: Bytes = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let response = sender.send_request(post("/", sent.clone())).await.expect("an answer");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body.len(), "POST / ".len() + 2 * sent.len());
        assert!(body.ends_with(&sent));
    });
}

#[test]
fn the_timer_ends_a_connection_that_sends_no_header() {
    run(async {
        let stream = TcpStream::connect(serve(Duration::from_millis(200)).await)
            .await
            .expect("a connection");
        let before = Instant::now();
        let mut byte = [0];
        loop {
            stream.readable().await.expect("readable");
            match stream.try_read(&mut byte) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => break,
                Ok(_) => panic!("an answer to no request"),
            }
        }
        assert!(before.elapsed() >= Duration::from_millis(150), "closed by the timer, not before");
    });
}

#[test]
fn a_sleep_can_be_moved() {
    run(async {
        let timer = GmpTimer::new();
        let before = timer.now();
        let mut sleep = timer.sleep(Duration::from_secs(3600));
        timer.reset(&mut sleep, before + Duration::from_millis(30));
        sleep.await;
        assert!(before.elapsed() >= Duration::from_millis(30));

        // A sleep of somebody else's is replaced.
        struct Never;
        impl Future for Never {
            type Output = ();
            fn poll(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<()> {
                std::task::Poll::Pending
            }
        }
        impl hyper::rt::Sleep for Never {}
        let mut sleep: std::pin::Pin<Box<dyn hyper::rt::Sleep>> = Box::pin(Never);
        timer.reset(&mut sleep, Instant::now());
        sleep.await;
    });
}

#[test]
fn executor_and_timer_of_a_given_runtime_work_from_outside() {
    let runtime = gmp::runtime::Runtime::new().expect("a runtime");
    let executor = GmpExecutor::on(runtime.handle().clone());
    let timer = GmpTimer::on(runtime.handle().clone());
    let (sender, receiver) = std::sync::mpsc::channel();
    let sleep = timer.sleep(Duration::from_millis(1));
    executor.execute(async move {
        sleep.await;
        sender.send(gmp::runtime::Handle::try_current().is_ok()).expect("the test waits");
    });
    assert_eq!(receiver.recv_timeout(LIMIT), Ok(true));
}

#[cfg(unix)]
#[test]
fn both_ends_finish_over_a_unix_pair() {
    run(async {
        let (ours, theirs) = gmp::net::UnixStream::pair().expect("a pair");
        let service = service_fn(|_: Request<Incoming>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("over a pair")))
        });
        let server = gmp::spawn(async move {
            server::conn::http1::Builder::new().serve_connection(GmpIo::new(theirs), service).await
        });
        let (mut sender, connection) =
            client::conn::http1::handshake(GmpIo::new(ours)).await.expect("a handshake");
        let connection = gmp::spawn(connection);
        let response = sender.send_request(post("/", Bytes::new())).await.expect("an answer");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body, "over a pair");
        drop(sender);
        connection.await.expect("no panic").expect("the client ends well");
        server.await.expect("no panic").expect("the server ends well");
    });
}
