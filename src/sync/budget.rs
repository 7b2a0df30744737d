//! A future that spends a unit of the poll's budget when it is ready.

use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use pin_project_lite::pin_project;

use crate::g::coop;

pin_project! {
    /// See the module's text. For futures that spend nothing themselves.
    pub(super) struct Budgeted<F> {
        #[pin]
        future: F,
    }
}

pub(super) fn budgeted<F: Future>(future: F) -> Budgeted<F> {
    Budgeted { future }
}

impl<F: Future> Future for Budgeted<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let unit = ready!(coop::poll_proceed(cx));
        let output = ready!(self.project().future.poll(cx));
        unit.made_progress();
        Poll::Ready(output)
    }
}
