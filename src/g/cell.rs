//! The G in memory: one allocation of header, trailer and the future or its output.
//!
//! ```text
//!   Header   state, vtable, id, spawn site, place in the all-G list
//!   Trailer  the scheduler, the join waker
//!   Stage    the future, then its output, then nothing
//! ```
//!
//! Who may touch what (the bits are explained in `state.rs`):
//!
//! - `state`: anyone with a reference. `vtable`, `id`, `spawned_at`: never written after `new`.
//! - `place`: written by the spawner before the G is published, read by whoever completes it or asks for its memory.
//! - `scheduler`: shared by all, dropped with the memory.
//! - `join_waker`: by `JOIN_WAKER`, see `state.rs`.
//! - `stage`: whoever set `RUNNING`; after `COMPLETE` the join handle, if it still has its interest;
//!   whoever released the last reference.

#![allow(unsafe_code)]

use std::future::Future;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::task::Waker;

use super::id::Id;
use super::join::JoinError;
use super::raw::Vtable;
use super::state::State;
use super::Schedule;
use crate::primitives::sync::UnsafeCell;

/// Where a G stands in the all-G list: shard and slot, [`Place::NONE`] if it is on none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) shard: u32,
    pub(crate) slot: u32,
}

impl Place {
    pub(crate) const NONE: Place = Place { shard: u32::MAX, slot: u32::MAX };
}

/// The part that needs no type.
pub(crate) struct Header {
    pub(crate) state: State,
    pub(crate) vtable: &'static Vtable,
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) place: UnsafeCell<Place>,
}

/// The part that only completion and joining touch.
pub(crate) struct Trailer<S> {
    pub(crate) scheduler: S,
    /// Initialised exactly while `JOIN_WAKER` is set (or while the handle is between writing it and
    /// setting the bit).
    pub(crate) join_waker: UnsafeCell<MaybeUninit<Waker>>,
}

/// Where the future begins, but for its alignment.
pub(crate) const STAGE: usize = size_of::<Header>() + size_of::<Trailer<usize>>();

/// Header and trailer together cost a G at most this, whatever its future.
const BUDGET: usize = 96;
const _: () = assert!(STAGE <= BUDGET);
const _: () =
    assert!(align_of::<Header>() <= 16, "no 128-byte alignment: it would double a small G");

/// The typed part: what the future has become.
pub(crate) enum Stage<T: Future> {
    Future(T),
    Output(Result<T::Output, JoinError>),
    Consumed,
}

/// The whole. `repr(C)` so that the header is first: a pointer to the one is a pointer to the other.
#[repr(C)]
pub(crate) struct Cell<T: Future, S> {
    pub(crate) header: Header,
    pub(crate) trailer: Trailer<S>,
    pub(crate) stage: UnsafeCell<Stage<T>>,
}

impl<T: Future, S: Schedule> Cell<T, S> {
    pub(crate) fn new(
        future: T,
        scheduler: S,
        vtable: &'static Vtable,
        id: Id,
        spawned_at: &'static Location<'static>,
        refs: usize,
    ) -> Self {
        Cell {
            header: Header {
                state: State::new(refs),
                vtable,
                id,
                spawned_at,
                place: UnsafeCell::new(Place::NONE),
            },
            trailer: Trailer { scheduler, join_waker: UnsafeCell::new(MaybeUninit::uninit()) },
            stage: UnsafeCell::new(Stage::Future(future)),
        }
    }

    /// Drops what the stage holds and leaves it `Consumed`, also if the drop panics.
    ///
    /// # Safety
    ///
    /// The caller owns the stage.
    pub(crate) unsafe fn consume_stage(&self) {
        struct Reset<T: Future>(*mut Stage<T>);
        impl<T: Future> Drop for Reset<T> {
            fn drop(&mut self) {
                // SAFETY: the pointer is the cell's stage, whose old value has just been dropped (or
                // was being dropped when it panicked: it counts as dropped).
                unsafe { self.0.write(Stage::Consumed) }
            }
        }
        self.stage.with_mut(|stage| {
            let reset = Reset(stage);
            // SAFETY: the caller owns the stage; it is dropped in place because the future is pinned.
            unsafe { std::ptr::drop_in_place(reset.0) }
        });
    }

    /// Leaves the stage `Consumed` if there is a value in it that has nothing to drop (true).
    ///
    /// # Safety
    ///
    /// The caller owns the stage.
    #[inline]
    pub(crate) unsafe fn forget_plain_output(&self) -> bool {
        self.stage.with_mut(|stage| {
            // SAFETY: the caller owns the stage.
            let plain = !std::mem::needs_drop::<T::Output>()
                && matches!(unsafe { &*stage }, Stage::Output(Ok(_)));
            if plain {
                // SAFETY: as above; what is overwritten has no drop.
                unsafe { stage.write(Stage::Consumed) };
            }
            plain
        })
    }

    /// Stores the result.
    ///
    /// # Safety
    ///
    /// The caller owns the stage, and it is `Consumed`.
    pub(crate) unsafe fn store_output(&self, output: Result<T::Output, JoinError>) {
        self.stage.with_mut(|stage| {
            // SAFETY: owned by the caller. The old value is `Consumed`, which has nothing to drop.
            unsafe { stage.write(Stage::Output(output)) }
        });
    }

    /// Takes the result.
    ///
    /// # Safety
    ///
    /// The caller owns the stage. Panics (the join handle's misuse) when it holds no output.
    #[track_caller]
    pub(crate) unsafe fn take_output(&self) -> Result<T::Output, JoinError> {
        let stage = self.stage.with_mut(|stage| {
            // SAFETY: owned by the caller; a stage that may hold a pinned future is never moved here,
            // because the G is complete.
            unsafe { std::mem::replace(&mut *stage, Stage::Consumed) }
        });
        match stage {
            Stage::Output(output) => output,
            _ => panic!("JoinHandle polled after completion"),
        }
    }
}
