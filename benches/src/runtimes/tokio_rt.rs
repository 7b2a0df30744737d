//! The real tokio: multi-thread runtime.

super::tokio_shaped::tokio_shaped!(tokio, |runtime, future| runtime.block_on(future));
