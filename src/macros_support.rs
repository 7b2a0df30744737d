//! What the macros of gmp expand to. Not part of the API: names and shapes here change without notice.
//!
//! Three protocols meet here.
//!
//! **Where `main` runs** ([`MainFuture`]). `#[gmp::main]` must put the body's future on a G if it is
//! `Send`, and on the calling thread if not, without the program saying which.
//! 1. The macro writes `(&MainFuture::new(body())).run(&runtime)` with two traits in scope that both have
//!    a method `run`.
//! 2. Method look-up tries the receiver as it stands, `&MainFuture<F>`, first: that is [`RunAsG::run`],
//!    whose implementation asks for a `Send` future with a `Send` output.
//! 3. If that implementation does not apply, look-up goes on with one more `&`: that is
//!    [`RunOnThread::run`], which asks for nothing.
//!
//! So the better way is taken exactly when it compiles, and nothing is decided at run time. The runtime
//! itself is behind [`MainRuntime`], because this module is also there in builds without one.
//!
//! **Whose turn is first** ([`random_ring`], [`Rotator`]). `select!` starts at a random branch, for no
//! branch may starve another; `join!` polls all its branches each time, so turns in a circle will do.
//!
//! **One pin for many** ([`Both`]). `select!` keeps its futures in a tree of pairs and pins the root; the
//! pins of the leaves are made anew in each poll, so that no future has to carry them.
//!
//! **Outputs that wait** ([`MaybeDone`]). `join!` keeps each future where it is and replaces it by its
//! output; a future that is done is dropped at once and never polled again.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::iter;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(feature = "macros")]
pub use gmp_macros::{join_internal, select_internal, try_join_internal};
use pin_project_lite::pin_project;

/// The attributes under which the facade, the package `tokio`, re-exports them.
#[cfg(feature = "macros")]
pub mod facade {
    pub use gmp_macros::{
        tokio_main as main, tokio_main_fail as main_fail, tokio_main_rt as main_rt,
        tokio_test as test, tokio_test_fail as test_fail, tokio_test_rt as test_rt,
    };
}

use crate::g::coop;
use crate::primitives::rand::Rand;

/// The runtime as `#[gmp::main]` needs it.
pub trait MainRuntime {
    /// Polls the future on the calling thread until it is done.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Runs the future as a G, waits for it on the calling thread, and lets its panic go on there.
    fn block_on_spawned<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
}

/// The future of `main`'s body until one of the `run` methods takes it.
pub struct MainFuture<F>(Cell<Option<F>>);

impl<F: Future> MainFuture<F> {
    /// Nothing is polled yet.
    pub fn new(future: F) -> Self {
        MainFuture(Cell::new(Some(future)))
    }

    /// The methods take `self` by reference, as look-up counts references.
    fn take(&self) -> F {
        self.0.take().expect("`run` is called once")
    }
}

impl<F> fmt::Debug for MainFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MainFuture").finish_non_exhaustive()
    }
}

/// First choice: the future can leave this thread.
pub trait RunAsG {
    /// What `main` returns.
    type Output;
    /// Runs the future as a G.
    fn run<R: MainRuntime>(&self, runtime: &R) -> Self::Output;
}

impl<F> RunAsG for MainFuture<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;

    fn run<R: MainRuntime>(&self, runtime: &R) -> F::Output {
        runtime.block_on_spawned(self.take())
    }
}

/// Second choice: any future.
pub trait RunOnThread {
    /// What `main` returns.
    type Output;
    /// Runs the future on the calling thread.
    fn run<R: MainRuntime>(&self, runtime: &R) -> Self::Output;
}

impl<F: Future> RunOnThread for &MainFuture<F> {
    type Output = F::Output;

    fn run<R: MainRuntime>(&self, runtime: &R) -> F::Output {
        runtime.block_on(self.take())
    }
}

/// `Pending`, with a wake-up under way, if the poll that calls this has used up its budget: `select!`
/// then leaves all its branches alone. Outside of a runtime always `Ready`.
#[inline]
pub fn poll_budget_available(cx: &mut Context<'_>) -> Poll<()> {
    if coop::has_budget_remaining() {
        Poll::Ready(())
    } else {
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// All branches, from one on in a circle.
fn ring(start: u32, branches: u32) -> Ring {
    (start..branches).chain(0..start)
}

/// The order of one poll.
pub type Ring = iter::Chain<Range<u32>, Range<u32>>;

/// The order in which `select!` polls its `branches`, which are not zero.
#[inline]
pub fn random_ring(branches: u32) -> Ring {
    #[cfg(feature = "deterministic")]
    if let Some(start) = crate::scheduler::deterministic::draw(branches) {
        return ring(start, branches);
    }
    thread_local! {
        static RAND: Rand = Rand::from_entropy();
    }
    // While thread locals are torn down any start will do.
    ring(RAND.try_with(|rand| rand.below(branches)).unwrap_or(0), branches)
}

/// The order in which `join!` polls its branches: each poll begins one further.
#[derive(Debug, Default)]
pub struct Rotator {
    turn: u32,
}

impl Rotator {
    /// The first poll begins with the first branch.
    #[inline]
    pub const fn new() -> Self {
        Rotator { turn: 0 }
    }

    /// The order of this poll. `branches` is the same at each call and not zero.
    #[inline]
    pub fn ring(&mut self, branches: u32) -> Ring {
        let turn = self.turn;
        self.turn = if turn + 1 == branches { 0 } else { turn + 1 };
        ring(turn, branches)
    }
}

pin_project! {
    /// Two values pinned as one; dropped in order.
    #[derive(Debug)]
    pub struct Both<A, B> {
        #[pin]
        first: A,
        #[pin]
        second: B,
    }
}

impl<A, B> Both<A, B> {
    /// Not pinned yet.
    #[inline]
    pub fn new(first: A, second: B) -> Self {
        Both { first, second }
    }

    /// A pin for each.
    #[inline]
    pub fn split(self: Pin<&mut Self>) -> (Pin<&mut A>, Pin<&mut B>) {
        let this = self.project();
        (this.first, this.second)
    }
}

pin_project! {
    /// A future, then its output, then nothing.
    #[project = MaybeDoneProj]
    #[project_replace = MaybeDoneOwned]
    #[derive(Debug)]
    pub enum MaybeDone<F>
    where
        F: Future,
    {
        /// Not done.
        Future { #[pin] future: F },
        /// Done.
        Done { output: F::Output },
        /// Taken.
        Gone,
    }
}

/// Wraps what `join!` was given.
#[inline]
pub fn maybe_done<I: IntoFuture>(future: I) -> MaybeDone<I::IntoFuture> {
    MaybeDone::Future { future: future.into_future() }
}

impl<F: Future> MaybeDone<F> {
    /// Takes the output.
    ///
    /// # Panics
    ///
    /// If the future is not done, or the output was taken before.
    pub fn take_output(self: Pin<&mut Self>) -> F::Output {
        assert!(matches!(*self, MaybeDone::Done { .. }), "join!: polled after completion");
        match self.project_replace(MaybeDone::Gone) {
            MaybeDoneOwned::Done { output } => output,
            _ => unreachable!("checked above"),
        }
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> MaybeDone<F> {
    /// Takes the error, if the future is done and failed.
    pub fn take_error(mut self: Pin<&mut Self>) -> Option<E> {
        match self.as_mut().project() {
            MaybeDoneProj::Done { output: Err(_) } => self.take_output().err(),
            _ => None,
        }
    }

    /// Takes the value.
    ///
    /// # Panics
    ///
    /// As [`take_output`](Self::take_output), and if the future failed.
    pub fn take_ok(self: Pin<&mut Self>) -> T {
        match self.take_output() {
            Ok(value) => value,
            Err(_) => unreachable!("an error ends try_join! in the poll that sees it"),
        }
    }
}

impl<F: Future> Future for MaybeDone<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.as_mut().project() {
            MaybeDoneProj::Future { future } => match future.poll(cx) {
                Poll::Ready(output) => {
                    self.set(MaybeDone::Done { output });
                    Poll::Ready(())
                }
                Poll::Pending => Poll::Pending,
            },
            MaybeDoneProj::Done { .. } => Poll::Ready(()),
            MaybeDoneProj::Gone => panic!("join!: polled after completion"),
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn rotator_turns_in_a_circle() {
        let mut rotator = Rotator::new();
        for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]] {
            assert!(rotator.ring(3).eq(order));
        }
        assert!(Rotator::new().ring(1).eq([0]));
    }

    #[test]
    fn select_waits_while_no_budget_is_left() {
        let mut cx = Context::from_waker(Waker::noop());
        let _scope = coop::enter(None);
        assert!(poll_budget_available(&mut cx).is_ready());
        for _ in 0..coop::BUDGET {
            match coop::poll_proceed(&mut cx) {
                Poll::Ready(unit) => unit.made_progress(),
                Poll::Pending => panic!("budget ended early"),
            }
        }
        assert!(poll_budget_available(&mut cx).is_pending());
        let _free = coop::enter_unconstrained();
        assert!(poll_budget_available(&mut cx).is_ready());
    }

    #[cfg(feature = "macros")]
    #[test]
    fn select_polls_no_branch_without_budget() {
        let mut cx = Context::from_waker(Waker::noop());
        let polled = Cell::new(0);
        let mut select = std::pin::pin!(async {
            let count = std::future::poll_fn(|_| {
                polled.set(polled.get() + 1);
                Poll::Ready(())
            });
            crate::select! { () = count => {} }
        });
        let scope = coop::enter(None);
        for _ in 0..coop::BUDGET {
            match coop::poll_proceed(&mut cx) {
                Poll::Ready(unit) => unit.made_progress(),
                Poll::Pending => panic!("budget ended early"),
            }
        }
        assert!(select.as_mut().poll(&mut cx).is_pending());
        assert_eq!(polled.get(), 0);
        drop(scope);
        assert!(select.as_mut().poll(&mut cx).is_ready());
        assert_eq!(polled.get(), 1);
    }

    #[test]
    #[should_panic(expected = "polled after completion")]
    fn output_is_taken_once() {
        let mut done = std::pin::pin!(maybe_done(std::future::ready(1)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(done.as_mut().poll(&mut cx).is_ready());
        assert!(done.as_mut().poll(&mut cx).is_ready(), "a done future is not polled again");
        assert_eq!(done.as_mut().take_output(), 1);
        done.as_mut().take_output();
    }
}
