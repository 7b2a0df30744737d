//! An HTTP/1.1 server: hyper 1.x on gmp.
//!
//! Try it:
//!
//! ```text
//! cargo run --release --example http_server
//! cargo run --release --example http_server -- 0.0.0.0:8080
//! ```
//!
//! and in another terminal:
//!
//! ```text
//! curl http://127.0.0.1:3000/
//! curl -d 'some text' http://127.0.0.1:3000/echo
//! curl http://127.0.0.1:3000/sleep?ms=250
//! wrk -c 64 -d 10 http://127.0.0.1:3000/
//! ```
//!
//! Ctrl-C or SIGTERM ends it politely: it takes no more connections, lets each request that has begun
//! come to its end, and gives up on what still runs after ten seconds, or at a second signal.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gmp::net::{TcpListener, TcpStream};
use gmp::sync::{mpsc, Semaphore};
use gmp::time::{sleep, timeout};
use gmp_hyper::{GmpIo, GmpTimer};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};

/// How long requests may take to end after the first signal.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more file descriptors: those in use must be given back first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The longest sleep that `/sleep` grants.
const LONGEST_SLEEP_MS: u64 = 60_000;

type Body = BoxBody<Bytes, hyper::Error>;

#[gmp::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).await?;
    let mut signals = Signals::new()?;
    println!("listening on http://{}", listener.local_addr()?);

    // Nobody acquires a permit: a semaphore that is closed tells all connections to end, now and later.
    let stop = Arc::new(Semaphore::new(0));
    // Nothing is sent: when every connection has dropped its sender, the receiver is at its end.
    let (alive, mut all_gone) = mpsc::channel::<()>(1);

    loop {
        gmp::select! {
            (stream, _) = accept(&listener) => {
                let (stop, alive) = (stop.clone(), alive.clone());
                gmp::spawn(async move {
                    serve(stream, &stop).await;
                    drop(alive);
                });
            }
            name = signals.next() => {
                println!("{name}: finishing what has begun");
                break;
            }
        }
    }

    drop(listener);
    stop.close();
    drop(alive);
    gmp::select! {
        ended = timeout(PATIENCE, all_gone.recv()) => match ended {
            Ok(_) => println!("all done"),
            Err(_) => println!("giving up on what still runs after {PATIENCE:?}"),
        },
        name = signals.next() => println!("{name} again: stopping at once"),
    }
    Ok(())
}

/// The next connection. An error is no reason to end: it is logged, and the next try comes after a pause.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The peer was gone before we got to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // EMFILE, ENFILE, ENOMEM and the like.
            Err(error) => {
                eprintln!("accept: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers the requests of one connection until it ends, or until the one that runs when `stop` closes
/// has been answered.
async fn serve(stream: TcpStream, stop: &Semaphore) {
    // Without it, small answers wait for the peer's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(GmpTimer::new())
        .serve_connection(GmpIo::new(stream), service_fn(answer));
    let mut connection = pin!(connection);
    let ended = gmp::select! {
        ended = connection.as_mut() => ended,
        _ = stop.acquire() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // A peer that hangs up is everyday business; one that does not speak HTTP is worth a line.
    match ended {
        Err(error) if error.is_parse() => eprintln!("connection: {error}"),
        _ => {}
    }
}

/// The routes.
async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => text(StatusCode::OK, "hello from gmp\n".to_owned()),
        // As it comes in it goes out: the body is never held as a whole.
        (&Method::POST, "/echo") => Response::new(request.into_body().boxed()),
        (&Method::GET, "/sleep") => match requested_ms(request.uri().query()) {
            Ok(ms) => {
                sleep(Duration::from_millis(ms)).await;
                text(StatusCode::OK, format!("slept {ms} ms\n"))
            }
            Err(why) => text(StatusCode::BAD_REQUEST, why),
        },
        (_, "/" | "/echo" | "/sleep") => {
            text(StatusCode::METHOD_NOT_ALLOWED, "GET /, POST /echo, GET /sleep?ms=N\n".to_owned())
        }
        (_, path) => text(StatusCode::NOT_FOUND, format!("there is no {path}\n")),
    })
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let body = Full::from(text).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// `ms` out of the query.
fn requested_ms(query: Option<&str>) -> Result<u64, String> {
    let value = query.unwrap_or("").split('&').find_map(|pair| pair.strip_prefix("ms="));
    match value.map(str::parse) {
        Some(Ok(ms)) if ms <= LONGEST_SLEEP_MS => Ok(ms),
        _ => {
            Err(format!("ms must be a number from 0 to {LONGEST_SLEEP_MS}, as in /sleep?ms=250\n"))
        }
    }
}

/// What asks the server to end.
#[cfg(unix)]
struct Signals {
    interrupt: gmp::signal::unix::Signal,
    terminate: gmp::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use gmp::signal::unix::{signal, SignalKind};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        gmp::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Elsewhere the process is ended from outside.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> &'static str {
        std::future::pending().await
    }
}
