//! hyper's runtime traits for gmp: with them hyper 1.x, client and server, runs on gmp.
//!
//! | hyper asks for | here |
//! |---|---|
//! | [`rt::Executor`](hyper::rt::Executor): spawn a connection's side tasks (HTTP/2) | [`GmpExecutor`] |
//! | [`rt::Timer`](hyper::rt::Timer), [`rt::Sleep`](hyper::rt::Sleep): header and keep-alive timeouts | [`GmpTimer`], [`GmpSleep`] |
//! | [`rt::Read`](hyper::rt::Read), [`rt::Write`](hyper::rt::Write): a byte stream | [`GmpIo`] around any [`gmp::io::AsyncRead`] and [`gmp::io::AsyncWrite`] |
//!
//! [`GmpIo`] also goes the other way: what hyper hands out (an upgraded connection) becomes something
//! that gmp's I/O functions accept.
//!
//! This is a package of its own, not a feature of gmp: hyper depends on a package called `tokio` (for
//! channels; none of its runtime features), and gmp must be able to stand in for that very package.
//!
//! # Example
//!
//! A server that answers every request with the same text:
//!
//! ```no_run
//! use std::convert::Infallible;
//!
//! use gmp_hyper::{GmpIo, GmpTimer};
//! use http_body_util::Full;
//! use hyper::body::{Bytes, Incoming};
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//!
//! async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(Response::new(Full::from("hello\n")))
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! gmp::runtime::Runtime::new()?.block_on(async {
//!     let listener = gmp::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         gmp::spawn(async move {
//!             let served = http1::Builder::new()
//!                 .timer(GmpTimer::new())
//!                 .serve_connection(GmpIo::new(stream), service_fn(hello))
//!                 .await;
//!             if let Err(error) = served {
//!                 eprintln!("connection: {error}");
//!             }
//!         });
//!     }
//! })
//! # }
//! ```
#![warn(missing_docs)]

mod executor;
mod io;
mod timer;

pub use executor::GmpExecutor;
pub use io::GmpIo;
pub use timer::{GmpSleep, GmpTimer};
