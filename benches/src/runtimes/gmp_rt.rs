//! gmp. `main` is what `#[gmp::main]` expands to for a `Send` body: the body is a task of its own.

use gmp_hyper::GmpIo;

super::tokio_shaped::tokio_shaped!(gmp, |runtime, future| runtime.block_on_spawned(future), GmpIo);
