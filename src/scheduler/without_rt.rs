//! What stands in for the scheduler when the feature `rt` is off: nothing ever runs, so there is never a
//! current one. Sockets compile and panic, as they do outside of a runtime.

/// See the module's text.
pub(crate) mod context {
    use std::convert::Infallible;

    use crate::scheduler::netpoll::Netpoll;

    /// There is no value of it.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct SchedRef(Infallible);

    impl SchedRef {
        pub(crate) fn netpoll(&self) -> &Netpoll {
            match self.0 {}
        }
    }

    /// There is no scheduler in this build.
    #[cfg(feature = "signal")]
    pub(crate) fn current() -> Result<SchedRef, ()> {
        Err(())
    }

    /// Panics: there is no scheduler in this build.
    #[track_caller]
    pub(crate) fn current_or_panic() -> SchedRef {
        panic!(
            "there is no reactor running, must be called from the context of a Tokio 1.x runtime"
        )
    }
}

/// See the module's text.
#[cfg(feature = "net")]
pub(crate) mod handoff {
    use std::io;

    /// Panics: there is no thread to run it on in this build.
    pub(crate) async fn spawn_blocking<F, R>(_f: F) -> Result<R, io::Error>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        panic!(
            "there is no reactor running, must be called from the context of a Tokio 1.x runtime"
        )
    }
}
