//! What the servers do.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response};

pub type Body = BoxBody<Bytes, hyper::Error>;

pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed()
}

/// Sends each frame back as soon as it has been read.
pub async fn echo(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    Ok(Response::new(request.into_body().boxed()))
}

/// Answers after all has been read, with a trailer that says how much it was.
pub async fn count(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let bytes = request.into_body().collect().await?.to_bytes();
    let mut trailers = HeaderMap::new();
    trailers.insert("count", bytes.len().into());
    let body = Full::new(bytes).map_err(|never: Infallible| match never {});
    Ok(Response::new(body.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed()))
}
