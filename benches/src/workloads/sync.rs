//! Locks and channels that only crates with tokio's `sync` have; empty rows elsewhere.
//!
//! The bodies are one macro over the crate's name, so that tokio's and gmp's rows differ in nothing else.
//! nio, which has no `sync` of its own, runs tokio's on its tasks, as in the other rows.

use std::time::Duration;

use crate::runtimes::Rt;

/// A runtime with such types.
pub(crate) trait SyncTypes: Rt {
    /// `None`: the runtime has none.
    fn sync_row(&self, _row: SyncRow, _ops: u64) -> Option<Duration> {
        None
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum SyncRow {
    RwLockFree,
    RwLockContended,
    SemaphoreFree,
    SemaphoreHandOff,
    BroadcastFanOut,
    WatchFanOut,
}

/// Receivers of the fan-out rows, and tasks of the contended ones.
pub(crate) const TASKS: u64 = 8;

macro_rules! entry {
    ($($name:ident => $row:ident;)*) => {$(
        pub(crate) fn $name<R: SyncTypes>(rt: &R, ops: u64) -> Option<Duration> {
            rt.sync_row(SyncRow::$row, ops)
        }
    )*};
}

entry! {
    rwlock_free => RwLockFree;
    rwlock_contended => RwLockContended;
    semaphore_free => SemaphoreFree;
    semaphore_hand_off => SemaphoreHandOff;
    broadcast_fan_out => BroadcastFanOut;
    watch_fan_out => WatchFanOut;
}

/// Implements [`SyncTypes`] with the types of a crate.
macro_rules! sync_types {
    ($runtime:ty, $krate:ident) => {
        impl $crate::workloads::sync::SyncTypes for $runtime {
            fn sync_row(
                &self,
                row: $crate::workloads::sync::SyncRow,
                ops: u64,
            ) -> Option<std::time::Duration> {
                use ::$krate::sync::{broadcast, watch, RwLock, Semaphore};
                use std::sync::atomic::{AtomicU64, Ordering};
                use std::sync::Arc;
                use std::time::{Duration, Instant};
                use $crate::runtimes::Rt;
                use $crate::workloads::sync::{SyncRow, TASKS};

                /// The operation is a lock and its release; each eighth is a write.
                async fn rwlock(tasks: u64, ops: u64) -> Duration {
                    let lock = Arc::new(RwLock::new(0u64));
                    let start = Instant::now();
                    let joins: Vec<_> = (0..tasks)
                        .map(|_| {
                            let lock = lock.clone();
                            <$runtime>::spawn(async move {
                                for n in 0..ops / tasks {
                                    if n % 8 == 0 {
                                        *lock.write().await += 1;
                                    } else {
                                        std::hint::black_box(*lock.read().await);
                                    }
                                }
                            })
                        })
                        .collect();
                    for join in joins {
                        join.await;
                    }
                    let elapsed = start.elapsed();
                    assert_eq!(*lock.read().await, (ops / tasks).div_ceil(8) * tasks);
                    elapsed
                }

                /// The operation is an acquire and its release; with more tasks than permits each yields
                /// while it holds one, so that every release finds somebody in the queue.
                async fn semaphore(tasks: u64, permits: usize, ops: u64) -> Duration {
                    let semaphore = Arc::new(Semaphore::new(permits));
                    let start = Instant::now();
                    let joins: Vec<_> = (0..tasks)
                        .map(|_| {
                            let semaphore = semaphore.clone();
                            <$runtime>::spawn(async move {
                                for _ in 0..ops / tasks {
                                    let permit = semaphore.acquire().await.unwrap();
                                    if tasks as usize > permits {
                                        <$runtime>::yield_now().await;
                                    }
                                    drop(permit);
                                }
                            })
                        })
                        .collect();
                    for join in joins {
                        join.await;
                    }
                    assert_eq!(semaphore.available_permits(), permits);
                    start.elapsed()
                }

                /// The operation is a value received. The sender waits with yields while the slowest
                /// receiver is 64 behind, so that none lags.
                async fn broadcast_fan_out(ops: u64) -> Duration {
                    let (tx, rx) = broadcast::channel(128);
                    drop(rx);
                    let start = Instant::now();
                    let joins: Vec<_> = (0..TASKS)
                        .map(|_| {
                            let mut rx = tx.subscribe();
                            <$runtime>::spawn(async move {
                                let mut sum = 0;
                                while let Ok(n) = rx.recv().await {
                                    sum += n;
                                }
                                sum
                            })
                        })
                        .collect();
                    let values = ops / TASKS;
                    for n in 0..values {
                        while n % 32 == 0 && tx.len() > 64 {
                            <$runtime>::yield_now().await;
                        }
                        tx.send(n).unwrap();
                    }
                    drop(tx);
                    for join in joins {
                        assert_eq!(join.await, values * values.saturating_sub(1) / 2);
                    }
                    start.elapsed()
                }

                /// The operation is a change seen. The last receiver to see one tells the sender, which
                /// makes the next.
                async fn watch_fan_out(ops: u64) -> Duration {
                    let (tx, rx) = watch::channel(0u64);
                    let (to, mut from) = <$runtime>::channel::<()>(1);
                    let seen = Arc::new(AtomicU64::new(0));
                    let joins: Vec<_> = (0..TASKS)
                        .map(|_| {
                            let (mut rx, to, seen) = (rx.clone(), to.clone(), seen.clone());
                            <$runtime>::spawn(async move {
                                while rx.changed().await.is_ok() {
                                    std::hint::black_box(*rx.borrow_and_update());
                                    if seen.fetch_add(1, Ordering::SeqCst) % TASKS == TASKS - 1 {
                                        <$runtime>::send(&to, ()).await;
                                    }
                                }
                            })
                        })
                        .collect();
                    let start = Instant::now();
                    for n in 0..ops / TASKS {
                        tx.send(n).unwrap();
                        <$runtime>::recv(&mut from).await.unwrap();
                    }
                    let elapsed = start.elapsed();
                    drop(tx);
                    for join in joins {
                        join.await;
                    }
                    elapsed
                }

                Some(self.main(async move {
                    match row {
                        SyncRow::RwLockFree => <$runtime>::spawn(rwlock(1, ops)),
                        SyncRow::RwLockContended => <$runtime>::spawn(rwlock(TASKS, ops)),
                        SyncRow::SemaphoreFree => <$runtime>::spawn(semaphore(1, 1, ops)),
                        SyncRow::SemaphoreHandOff => <$runtime>::spawn(semaphore(TASKS, 2, ops)),
                        SyncRow::BroadcastFanOut => <$runtime>::spawn(broadcast_fan_out(ops)),
                        SyncRow::WatchFanOut => <$runtime>::spawn(watch_fan_out(ops)),
                    }
                    .await
                }))
            }
        }
    };
}

sync_types!(crate::runtimes::gmp_rt::Subject, gmp);
sync_types!(crate::runtimes::tokio_rt::Subject, tokio);
sync_types!(crate::runtimes::nio_rt::Subject, tokio);
impl SyncTypes for crate::runtimes::smol_rt::Subject {}
