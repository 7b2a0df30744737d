//! What can be turned into socket addresses.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::task::{Context, Poll};

use self::sealed::{Addrs, Internal, Lookup, ToSocketAddrsPriv};
use crate::scheduler::handoff::spawn_blocking;

/// Anything that names one or more socket addresses: an address, a pair of host and port, a text like
/// `"localhost:80"`, a slice of addresses.
///
/// Only for use as a bound: the trait is sealed. Texts that are addresses are parsed at once; other texts
/// are host names, which the system resolves on a thread for blocking work. That needs a runtime.
///
/// # Errors
///
/// A text without a port, a port that is no number and a name that is not found are errors of the
/// operation that was given the text.
pub trait ToSocketAddrs: ToSocketAddrsPriv {}

/// Resolves now or later.
pub(super) fn lookup<T: ToSocketAddrs + ?Sized>(addr: &T) -> Lookup {
    addr.to_socket_addrs(Internal)
}

pub(crate) mod sealed {
    use super::*;

    /// Not to be implemented or called outside of this crate.
    #[doc(hidden)]
    pub trait ToSocketAddrsPriv {
        #[doc(hidden)]
        fn to_socket_addrs(&self, internal: Internal) -> Lookup;
    }

    /// Cannot be named outside of this crate.
    #[allow(missing_debug_implementations)]
    pub struct Internal;

    /// The addresses found, in the resolver's order.
    #[derive(Debug)]
    pub enum Addrs {
        /// At most one.
        One(std::option::IntoIter<SocketAddr>),
        /// Any number.
        Many(std::vec::IntoIter<SocketAddr>),
    }

    impl Iterator for Addrs {
        type Item = SocketAddr;

        fn next(&mut self) -> Option<SocketAddr> {
            match self {
                Addrs::One(addrs) => addrs.next(),
                Addrs::Many(addrs) => addrs.next(),
            }
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            match self {
                Addrs::One(addrs) => addrs.size_hint(),
                Addrs::Many(addrs) => addrs.size_hint(),
            }
        }
    }

    /// The way to the addresses.
    #[allow(missing_debug_implementations)]
    pub enum Lookup {
        /// Known; `None` once taken.
        Known(Option<Addrs>),
        /// Being resolved.
        Resolving(Pin<Box<dyn Future<Output = io::Result<Addrs>> + Send + Sync>>),
    }
}

impl Lookup {
    fn one(addr: SocketAddr) -> Lookup {
        Lookup::Known(Some(Addrs::One(Some(addr).into_iter())))
    }

    /// Asks the system on a thread for blocking work. Nothing happens before the first poll.
    fn resolve<F>(resolve: F) -> Lookup
    where
        F: FnOnce() -> io::Result<std::vec::IntoIter<SocketAddr>> + Send + Sync + 'static,
    {
        Lookup::Resolving(Box::pin(async move {
            match spawn_blocking(resolve).await {
                Ok(found) => found.map(Addrs::Many),
                Err(lost) => Err(lost.into()),
            }
        }))
    }
}

impl Future for Lookup {
    type Output = io::Result<Addrs>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Addrs>> {
        match self.get_mut() {
            Lookup::Known(addrs) => match addrs.take() {
                Some(addrs) => Poll::Ready(Ok(addrs)),
                None => panic!("address lookup polled after completion"),
            },
            Lookup::Resolving(resolving) => resolving.as_mut().poll(cx),
        }
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrsPriv for &T {
    fn to_socket_addrs(&self, _: Internal) -> Lookup {
        lookup(&**self)
    }
}

macro_rules! known {
    ($($type:ty),*) => {$(
        impl ToSocketAddrs for $type {}

        impl ToSocketAddrsPriv for $type {
            fn to_socket_addrs(&self, _: Internal) -> Lookup {
                Lookup::one(SocketAddr::from(*self))
            }
        }
    )*};
}

known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddrs for &[SocketAddr] {}

impl ToSocketAddrsPriv for &[SocketAddr] {
    fn to_socket_addrs(&self, _: Internal) -> Lookup {
        Lookup::Known(Some(Addrs::Many(Vec::from(*self).into_iter())))
    }
}

impl ToSocketAddrs for str {}

impl ToSocketAddrsPriv for str {
    fn to_socket_addrs(&self, _: Internal) -> Lookup {
        if let Ok(addr) = self.parse::<SocketAddr>() {
            return Lookup::one(addr);
        }
        let text = self.to_owned();
        Lookup::resolve(move || std::net::ToSocketAddrs::to_socket_addrs(&text))
    }
}

impl ToSocketAddrs for String {}

impl ToSocketAddrsPriv for String {
    fn to_socket_addrs(&self, _: Internal) -> Lookup {
        lookup(self.as_str())
    }
}

impl ToSocketAddrs for (&str, u16) {}

impl ToSocketAddrsPriv for (&str, u16) {
    fn to_socket_addrs(&self, _: Internal) -> Lookup {
        let (host, port) = *self;
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Lookup::one(SocketAddr::new(ip, port));
        }
        let host = host.to_owned();
        Lookup::resolve(move || std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port)))
    }
}

impl ToSocketAddrs for (String, u16) {}

impl ToSocketAddrsPriv for (String, u16) {
    fn to_socket_addrs(&self, _: Internal) -> Lookup {
        lookup(&(self.0.as_str(), self.1))
    }
}

/// Resolves a host name to its socket addresses, in the resolver's order.
///
/// A text that is an address already is answered at once; a name is looked up with the system's resolver
/// on a thread for blocking work. The lookup itself cannot be interrupted: dropping the future drops the
/// answer.
///
/// # Errors
///
/// Of the resolver: the name is not found, the port is missing or no number.
///
/// # Panics
///
/// On the first poll outside of a runtime, if there is a name to look up.
///
/// # Examples
///
/// ```
/// use std::future::Future;
/// use std::pin::pin;
/// use std::task::{Context, Poll, Waker};
///
/// // An address needs no resolver, and no runtime either.
/// let lookup = pin!(gmp::net::lookup_host("127.0.0.1:80"));
/// match lookup.poll(&mut Context::from_waker(Waker::noop())) {
///     Poll::Ready(found) => assert_eq!(found.unwrap().count(), 1),
///     Poll::Pending => unreachable!("known at once"),
/// }
/// ```
pub async fn lookup_host<T>(host: T) -> io::Result<impl Iterator<Item = SocketAddr>>
where
    T: ToSocketAddrs,
{
    lookup(&host).await
}

/// Tries `each` address in turn: the first success, else the last error.
pub(super) async fn first_that_works<A, R, F>(
    addr: A,
    mut each: impl FnMut(SocketAddr) -> F,
) -> io::Result<R>
where
    A: ToSocketAddrs,
    F: Future<Output = io::Result<R>>,
{
    let addrs = lookup(&addr).await?;
    let mut last = None;
    for addr in addrs {
        match each(addr).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

/// What is said if there was nothing to try.
pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address")
}
