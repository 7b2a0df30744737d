//! The facade: a package called `tokio` that has tokio's features and paths, and gmp behind them.
//!
//! ```toml
//! [patch.crates-io]
//! tokio = { git = "…" }    # gmp's repository
//! ```
//!
//! With that in the root manifest of a program, all of its dependencies run on gmp. MIGRATING.md says how,
//! COMPAT.md what differs.
//!
//! There is no logic here: each name is gmp's, under the feature under which tokio has it. Every item is
//! named, so that nothing of gmp's own becomes part of tokio by accident; only modules that are tokio's from
//! top to bottom are passed on whole. What gmp has beyond tokio is in the crate `gmp`, which may be used
//! beside this one: the types are the same.
//!
//! Macros need no copies. What `select!` and its kin expand to begins with `$crate`, which is gmp wherever
//! they are re-exported; the attributes write `tokio::` (see `macros_support`).

#[cfg(feature = "fs")]
pub mod fs {
    //! Files and directories.

    #[cfg(unix)]
    pub use gmp::fs::symlink;
    pub use gmp::fs::{
        canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_dir,
        read_link, read_to_string, remove_dir, remove_dir_all, remove_file, rename,
        set_permissions, symlink_metadata, try_exists, write, DirBuilder, DirEntry, File,
        FileTimes, OpenOptions, ReadDir,
    };
    #[cfg(windows)]
    pub use gmp::fs::{symlink_dir, symlink_file};
}

pub mod io {
    //! Reading and writing.

    pub use gmp::io::{
        AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, Error, ErrorKind, ReadBuf, Result, SeekFrom,
    };

    #[cfg(all(feature = "net", unix))]
    pub use gmp::io::unix;
    #[cfg(feature = "net")]
    pub use gmp::io::{Interest, Ready};

    #[cfg(feature = "io-std")]
    pub use gmp::io::{stderr, stdin, stdout, Stderr, Stdin, Stdout};

    #[cfg(feature = "io-util")]
    pub use gmp::io::{
        copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex, empty, join,
        repeat, simplex, sink, split, AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt,
        BufReader, BufStream, BufWriter, Chain, DuplexStream, Empty, Join, Lines, ReadHalf, Repeat,
        SimplexStream, Sink, Split, Take, WriteHalf,
    };
}

#[cfg(feature = "net")]
pub mod net {
    //! TCP, UDP and Unix sockets.

    pub use gmp::net::{
        lookup_host, tcp, TcpListener, TcpSocket, TcpStream, ToSocketAddrs, UdpSocket,
    };
    #[cfg(unix)]
    pub use gmp::net::{unix, UnixDatagram, UnixListener, UnixSocket, UnixStream};
}

#[cfg(all(feature = "process", unix))]
pub mod process {
    //! Child processes.

    pub use gmp::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
}

#[cfg(feature = "rt")]
pub mod runtime {
    //! Making a runtime by hand.

    pub use gmp::runtime::{
        is_rt_shutdown_err, worker_index, Builder, EnterGuard, Handle, Id, LocalOptions,
        LocalRuntime, Runtime, RuntimeFlavor, RuntimeMetrics, TryCurrentError,
    };

    /// Unstable in tokio; the attributes' argument `unhandled_panic` names it.
    #[doc(hidden)]
    pub use gmp::runtime::UnhandledPanic;
}

#[cfg(feature = "signal")]
pub mod signal {
    //! Signals of the operating system.

    #[cfg(unix)]
    pub use gmp::signal::{ctrl_c, unix};
}

#[cfg(feature = "sync")]
pub mod sync {
    //! Channels, locks and signals between tasks.

    pub use gmp::sync::{
        broadcast, futures, mpsc, oneshot, watch, AcquireError, Barrier, BarrierWaitResult,
        MappedMutexGuard, Mutex, MutexGuard, Notify, OnceCell, OwnedMappedMutexGuard,
        OwnedMutexGuard, OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
        OwnedSemaphorePermit, RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
        Semaphore, SemaphorePermit, SetError, SetOnce, SetOnceError, TryAcquireError, TryLockError,
    };
}

#[cfg(feature = "rt")]
pub mod task {
    //! Spawning, and what belongs to a task.

    #[cfg(feature = "rt-multi-thread")]
    pub use gmp::task::block_in_place;
    pub use gmp::task::{
        coop, futures, id, spawn, spawn_blocking, spawn_local, try_id, yield_now, AbortHandle, Id,
        JoinError, JoinHandle, JoinSet, LocalEnterGuard, LocalKey, LocalSet,
    };

    /// The older places of what is in [`coop`].
    #[doc(hidden)]
    pub use gmp::task::{consume_budget, unconstrained, Unconstrained};
}

#[cfg(feature = "time")]
pub mod time {
    //! Sleeping, timeouts, intervals.

    #[cfg(feature = "test-util")]
    pub use gmp::time::{advance, pause, resume};
    pub use gmp::time::{
        error, interval, interval_at, sleep, sleep_until, timeout, timeout_at, Duration, Instant,
        Interval, MissedTickBehavior, Sleep, Timeout,
    };
}

pub mod stream {
    //! Empty, as in tokio: streams are in the package `tokio-stream`.
}

pub use gmp::pin;
#[cfg(feature = "rt")]
pub use gmp::{spawn, task_local};

#[cfg(feature = "macros")]
pub use gmp::{join, select, try_join};

/// What expansions of the attributes name.
#[doc(hidden)]
pub use gmp::macros_support;

#[cfg(all(feature = "macros", feature = "rt-multi-thread"))]
pub use gmp::macros_support::facade::{main, test};
#[cfg(all(feature = "macros", not(feature = "rt")))]
pub use gmp::macros_support::facade::{main_fail as main, test_fail as test};
#[cfg(all(feature = "macros", feature = "rt", not(feature = "rt-multi-thread")))]
pub use gmp::macros_support::facade::{main_rt as main, test_rt as test};

/// tokio's own place for what its macros expand to. Those of gmp need nothing here; it has the parts that
/// are of use to somebody else.
#[doc(hidden)]
pub mod macros {
    pub mod support {
        pub use gmp::macros_support::{maybe_done, poll_budget_available};
        pub use std::future::{poll_fn, Future, IntoFuture};
        pub use std::pin::Pin;
        pub use std::task::{ready, Context, Poll};
    }
}
