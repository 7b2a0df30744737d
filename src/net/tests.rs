//! Sockets over the loopback, with the poller driven by hand.

#[cfg(unix)]
mod fd;
mod rt;
mod tcp;
mod traits;
#[cfg(feature = "io-util")]
mod udp;
#[cfg(all(unix, feature = "io-util"))]
mod unix;
