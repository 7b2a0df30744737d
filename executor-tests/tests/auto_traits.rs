//! Which auto traits the public types and futures of `runtime`, `task` and `time` have: what tokio's have,
//! since programs rely on it, also on what is *not* there.

use std::cell::Cell;
use std::future::{Future, Ready};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;

use gmp::{runtime, task, time};

/// An inherent method is found before a trait's, but only if its impl applies: so `send` says whether
/// `T: Send`.
struct Probe<T: ?Sized>(PhantomData<T>);

trait Otherwise {
    fn send(&self) -> bool {
        false
    }
    fn sync(&self) -> bool {
        false
    }
    fn unpin(&self) -> bool {
        false
    }
    fn unwind(&self) -> bool {
        false
    }
}

impl<T: ?Sized> Otherwise for Probe<T> {}

impl<T: ?Sized + Send> Probe<T> {
    fn send(&self) -> bool {
        true
    }
}

impl<T: ?Sized + Sync> Probe<T> {
    fn sync(&self) -> bool {
        true
    }
}

impl<T: ?Sized + Unpin> Probe<T> {
    fn unpin(&self) -> bool {
        true
    }
}

impl<T: ?Sized + UnwindSafe + RefUnwindSafe> Probe<T> {
    fn unwind(&self) -> bool {
        true
    }
}

/// Of what a function answers; it is never called.
fn result_of<A, F>(_: impl FnOnce(A) -> F) -> Probe<F> {
    Probe(PhantomData)
}

macro_rules! sign {
    (+) => {
        true
    };
    (-) => {
        false
    };
}

/// Send, Sync, Unpin.
macro_rules! types {
    ($($send:tt $sync:tt $unpin:tt $type:ty,)*) => {
        $({
            let probe = Probe::<$type>(PhantomData);
            let found = (probe.send(), probe.sync(), probe.unpin());
            let expected = (sign!($send), sign!($sync), sign!($unpin));
            assert_eq!(found, expected, "Send, Sync, Unpin of {}", stringify!($type));
        })*
    };
}

macro_rules! futures {
    ($($send:tt $sync:tt $unpin:tt |$arg:tt: $of:ty| $call:expr,)*) => {
        $({
            let probe = result_of(|$arg: $of| $call);
            let found = (probe.send(), probe.sync(), probe.unpin());
            let expected = (sign!($send), sign!($sync), sign!($unpin));
            assert_eq!(found, expected, "Send, Sync, Unpin of {}", stringify!($call));
        })*
    };
}

macro_rules! unwind_safe {
    ($($type:ty,)*) => {
        $(assert!(Probe::<$type>(PhantomData).unwind(), "UnwindSafe of {}", stringify!($type));)*
    };
}

type Boxed = Pin<Box<dyn Future<Output = ()>>>;
type BoxedSend = Pin<Box<dyn Future<Output = ()> + Send>>;
type BoxedSync = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

#[test]
fn the_probe_sees_both() {
    types! {
        + + + u8,
        + - + Cell<u8>,
        - - + Rc<u8>,
        - + + std::sync::MutexGuard<'static, u8>,
        + + - std::marker::PhantomPinned,
    }
    assert!(!Probe::<&Cell<u8>>(PhantomData).unwind());
}

#[test]
fn of_runtime() {
    types! {
        + + + runtime::Builder,
        - + + runtime::EnterGuard<'static>,
        + + + runtime::Handle,
        + + + runtime::Id,
        - - + runtime::LocalOptions,
        - - + runtime::LocalRuntime,
        + + + runtime::Runtime,
        + + + runtime::RuntimeFlavor,
        + + + runtime::RuntimeMetrics,
        + + + runtime::TryCurrentError,
        + + + runtime::UnhandledPanic,
    }
    unwind_safe! {
        runtime::Handle, runtime::Id, runtime::LocalOptions, runtime::LocalRuntime, runtime::Runtime,
        runtime::RuntimeFlavor, runtime::RuntimeMetrics, runtime::TryCurrentError,
    }
}

#[test]
fn of_task() {
    types! {
        + + + task::AbortHandle,
        + + + task::Id,
        + + + task::JoinError,
        + + + task::JoinHandle<()>,
        + + + task::JoinHandle<Cell<u8>>,
        - - + task::JoinHandle<Rc<u8>>,
        + + + task::JoinHandle<std::marker::PhantomPinned>,
        + + + task::JoinSet<()>,
        + + + task::JoinSet<Cell<u8>>,
        - - + task::JoinSet<Rc<u8>>,
        - - + task::LocalEnterGuard,
        - - + task::LocalSet,
        + + + task::LocalKey<u8>,
        + + + task::LocalKey<Cell<u8>>,
        + + + task::LocalKey<Rc<u8>>,
        + + - task::futures::TaskLocalFuture<u8, BoxedSync>,
        + - - task::futures::TaskLocalFuture<Cell<u8>, BoxedSync>,
        - - - task::futures::TaskLocalFuture<Rc<u8>, BoxedSync>,
        + - - task::futures::TaskLocalFuture<u8, BoxedSend>,
        - - - task::futures::TaskLocalFuture<u8, Boxed>,
        - - + task::coop::RestoreOnPending,
        + + + task::coop::Coop<BoxedSync>,
        + - + task::coop::Coop<BoxedSend>,
        - - + task::coop::Coop<Boxed>,
        + + + task::coop::Unconstrained<BoxedSync>,
        + - + task::coop::Unconstrained<BoxedSend>,
        - - + task::coop::Unconstrained<Boxed>,
    }
    unwind_safe! {
        task::AbortHandle, task::Id, task::JoinHandle<Rc<Cell<u8>>>, task::LocalKey<Cell<u8>>,
        task::futures::TaskLocalFuture<u8, Ready<()>>, task::coop::Coop<Ready<()>>,
        task::coop::Unconstrained<Ready<()>>,
    }
    futures! {
        + + - |set: &'static mut task::JoinSet<Cell<u8>>| set.join_next(),
        - - - |set: &'static mut task::JoinSet<Rc<u8>>| set.join_next(),
        + + - |set: &'static mut task::JoinSet<Cell<u8>>| set.join_next_with_id(),
        + + - |set: &'static mut task::JoinSet<Cell<u8>>| set.shutdown(),
        - - - |set: &'static mut task::JoinSet<Rc<u8>>| set.shutdown(),
        + + - |set: task::JoinSet<()>| set.join_all(),
        - - - |set: task::JoinSet<Rc<u8>>| set.join_all(),
        - - - |set: &'static task::LocalSet| set.run_until(Box::pin(async {}) as BoxedSync),
        + + - |_: ()| task::yield_now(),
        + + - |_: ()| task::coop::consume_budget(),
    }
}

#[test]
fn of_time() {
    types! {
        + + + time::Instant,
        + + + time::Interval,
        + + + time::MissedTickBehavior,
        + + - time::Sleep,
        + + - time::Timeout<BoxedSync>,
        + - - time::Timeout<BoxedSend>,
        - - - time::Timeout<Boxed>,
        + + + time::error::Elapsed,
        + + + time::error::Error,
    }
    unwind_safe! {
        time::Instant, time::MissedTickBehavior, time::error::Elapsed, time::error::Error,
    }
    futures! {
        + + - |_: ()| time::advance(time::Duration::ZERO),
        + + - |_: ()| time::sleep(time::Duration::ZERO),
        + + - |ticks: &'static mut time::Interval| ticks.tick(),
        + + - |_: ()| time::timeout(time::Duration::ZERO, Box::pin(async {}) as BoxedSync),
    }
}
