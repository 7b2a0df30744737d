//! The outside of a G: `JoinHandle`, `AbortHandle`, `JoinError`.

#![allow(unsafe_code)]

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{ready, Context, Poll, Waker};

use super::cell::Header;
use super::coop;
use super::id::Id;
use super::raw::GRef;

/// Awaits the end of a task.
///
/// [`spawn`](crate::spawn) and [`spawn_blocking`](crate::task::spawn_blocking) answer one. Awaiting it
/// gives the task's output, or a [`JoinError`] if the task panicked or was aborted. Dropping it detaches
/// the task, which goes on; its output is then dropped where the task ends.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` may be given up and taken up again: the output stays where it is until it is
/// taken.
///
/// # Panics
///
/// Polling again after it was ready panics.
///
/// # Examples
///
/// ```
/// # gmp::runtime::Runtime::new().unwrap().block_on(async {
/// let handle = gmp::spawn(async { 6 * 7 });
/// assert_eq!(handle.await.unwrap(), 42);
/// # });
/// ```
pub struct JoinHandle<T> {
    header: NonNull<Header>,
    _output: PhantomData<T>,
}

// SAFETY: the handle moves the output to its thread and offers nothing else of T: sending or sharing it
// needs no more than `T: Send`. The header goes through the state word.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// The header is that of a G with output `T`; the caller gives up the reference and the interest
    /// that the G was made with.
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        JoinHandle { header, _output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: our reference keeps the G alive.
        unsafe { self.header.as_ref() }
    }

    #[cfg(all(test, gmp_loom))]
    pub(super) fn raw(&self) -> NonNull<Header> {
        self.header
    }

    /// Asks for the task's end. It is dropped when it next yields, on a thread of the runtime; a task
    /// that is done already, or ends by itself first, is not affected, and awaiting the handle then
    /// gives its output. A blocking closure can only be aborted before it has started.
    pub fn abort(&self) {
        self.abort_ref().abort();
    }

    /// A handle that can only abort, and may be cloned and kept elsewhere.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(self.abort_ref())
    }

    fn abort_ref(&self) -> GRef {
        // SAFETY: our reference keeps the G alive.
        unsafe { GRef::new(self.header) }
    }

    /// Is the task over? True means that awaiting the handle does not wait (the poll budget aside).
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// Leaves a waker for the task's end to wake, and takes nothing. False: it is over already, and the
    /// waker need not be woken any more (it may be, if the two came together).
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        // SAFETY: the vtable belongs to the G; we are its handle. Null: the output stays.
        unsafe { (self.header().vtable.poll_join)(self.header, std::ptr::null_mut(), waker) };
        !self.is_finished()
    }

    /// The output, if the task is over. Spends no budget and leaves no waker.
    pub(crate) fn take(&mut self) -> Option<Result<T, JoinError>> {
        if !self.is_finished() {
            return None;
        }
        let mut out: Poll<Result<T, JoinError>> = Poll::Pending;
        // SAFETY: as in `poll`. The G is complete, so the waker is not looked at.
        unsafe {
            (self.header().vtable.poll_join)(self.header, (&raw mut out).cast(), Waker::noop());
        }
        match out {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(coop::poll_proceed(cx));
        let mut out: Poll<Self::Output> = Poll::Pending;
        // SAFETY: the vtable belongs to the G, whose output is T by `new`'s contract; we are its handle.
        unsafe {
            (self.header().vtable.poll_join)(self.header, (&raw mut out).cast(), cx.waker());
        }
        if out.is_ready() {
            unit.made_progress();
        }
        out
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: our reference keeps the G alive until it is handed over, here, once.
        unsafe { (self.header().vtable.drop_join_handle)(self.header) }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

/// Aborts a task from afar; see [`JoinHandle::abort_handle`].
///
/// It keeps the memory of the task (not its future, nor its output's contents) until it is dropped.
/// Dropping it does nothing to the task.
#[derive(Clone)]
pub struct AbortHandle(GRef);

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Is the task over? False until an abort has really taken place.
    pub fn is_finished(&self) -> bool {
        self.0.header().state.load().is_complete()
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.0.header().id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}

/// Why a task has no output: it panicked, or it was aborted (by a handle, or by its runtime's end).
pub struct JoinError {
    id: Id,
    kind: Kind,
}

enum Kind {
    Cancelled,
    /// The mutex makes the error Sync although the payload is only Send.
    Panic(std::sync::Mutex<Box<dyn Any + Send + 'static>>),
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> JoinError {
        JoinError { id, kind: Kind::Cancelled }
    }

    pub(crate) fn panic(id: Id, payload: Box<dyn Any + Send + 'static>) -> JoinError {
        JoinError { id, kind: Kind::Panic(std::sync::Mutex::new(payload)) }
    }

    /// Was the task aborted?
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Cancelled)
    }

    /// Did the task panic?
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panic(_))
    }

    /// The panic's payload, for `std::panic::resume_unwind`.
    ///
    /// # Panics
    ///
    /// If the task did not panic: look at [`is_panic`](Self::is_panic) first.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic().expect("`JoinError` reason is not a panic.")
    }

    /// The panic's payload, or the error itself if the task was aborted.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.kind {
            Kind::Panic(payload) => {
                Ok(payload.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            Kind::Cancelled => Err(self),
        }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The text of a payload that `panic!` made.
    fn with_message<R>(&self, f: impl FnOnce(Option<&str>) -> R) -> R {
        let Kind::Panic(payload) = &self.kind else { return f(None) };
        let payload = payload.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        f(payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&'static str>().copied()))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            return write!(f, "task {} was cancelled", self.id);
        }
        self.with_message(|message| match message {
            Some(text) => write!(f, "task {} panicked with message {:?}", self.id, text),
            None => write!(f, "task {} panicked", self.id),
        })
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            return write!(f, "JoinError::Cancelled({:?})", self.id);
        }
        self.with_message(|message| match message {
            Some(text) => write!(f, "JoinError::Panic({:?}, {:?}, ...)", self.id, text),
            None => write!(f, "JoinError::Panic({:?}, ...)", self.id),
        })
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        let text = if error.is_cancelled() { "task was cancelled" } else { "task panicked" };
        io::Error::other(text)
    }
}
