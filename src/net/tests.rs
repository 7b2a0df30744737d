//! Sockets over the loopback, with the poller driven by hand.

mod rt;
mod tcp;
