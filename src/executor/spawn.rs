//! The ecosystem's smallest executor trait, `futures_task::Spawn` (`futures::task::Spawn`), for gmp.

use futures_task::{FutureObj, Spawn, SpawnError};

use crate::runtime::{Handle, Runtime};

/// Futures that are spawned so run as any other G. After shutdown `spawn_obj` drops the future and
/// answers an error; one that is spawned while the shutdown begins may be dropped without one.
impl Spawn for Handle {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status()?;
        drop(self.spawn(future)); // the handle detaches
        Ok(())
    }

    fn status(&self) -> Result<(), SpawnError> {
        if self.sched.is_shutdown() {
            return Err(SpawnError::shutdown());
        }
        Ok(())
    }
}

/// As its [`Handle`].
impl Spawn for Runtime {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.handle().spawn_obj(future)
    }

    fn status(&self) -> Result<(), SpawnError> {
        Spawn::status(self.handle())
    }
}
