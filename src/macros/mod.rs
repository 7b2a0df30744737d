//! `pin!`, `join!`, `try_join!` and `select!`: waiting for several futures within one task.
//!
//! 1. Each macro here gives the grammar its documentation and hands the rest, with `$crate` in front, to
//!    a generator in `gmp-macros`, which has numbers where `macro_rules!` would have to count.
//! 2. What is generated uses `core` and [`macros_support`](crate::macros_support) only, contains no
//!    `unsafe` and no allocation, and keeps all state in the caller's future.
//! 3. No macro here spawns: all branches share the task, its waker and its budget. Concurrent, never
//!    parallel.

mod pin;

#[cfg(feature = "macros")]
mod join;
#[cfg(feature = "macros")]
mod select;
#[cfg(feature = "macros")]
mod try_join;
