//! A place for one value and one waiting task: the least that two tasks need to hand something to
//! each other, and the same code on every runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

pub(crate) struct Slot<T>(Mutex<Inner<T>>);

struct Inner<T> {
    value: Option<T>,
    waiter: Option<Waker>,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Slot(Mutex::new(Inner { value: None, waiter: None }))
    }

    /// Puts a value in, over one that nobody took, and wakes who waits for it.
    pub(crate) fn put(&self, value: T) {
        let waiter = {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            inner.value = Some(value);
            inner.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Waits for a value and takes it.
    pub(crate) fn take(&self) -> Take<'_, T> {
        Take(self)
    }
}

pub(crate) struct Take<'a, T>(&'a Slot<T>);

impl<T> Future for Take<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut inner = self.0 .0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                if !inner.waiter.as_ref().is_some_and(|waiter| waiter.will_wake(cx.waker())) {
                    inner.waiter = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}
