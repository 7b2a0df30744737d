//! The real tokio: multi-thread runtime.

use hyper_util::rt::TokioIo;

super::tokio_shaped::tokio_shaped!(tokio, |runtime, future| runtime.block_on(future), TokioIo);
