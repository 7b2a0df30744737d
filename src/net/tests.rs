//! Sockets over the loopback, with the poller driven by hand.

mod rt;
mod tcp;
#[cfg(feature = "io-util")]
mod udp;
#[cfg(all(unix, feature = "io-util"))]
mod unix;
