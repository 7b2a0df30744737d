//! The real tokio: multi-thread runtime.

tokio_shaped!(tokio, |runtime, future| runtime.block_on(future));
