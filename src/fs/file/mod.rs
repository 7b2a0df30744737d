//! [`File`].
//!
//! # The protocol
//!
//! A file has one buffer and at most one operation under way. Either the buffer is here (idle), or it is
//! with the operation's job (busy) and comes back with the answer.
//!
//! 1. **Wait for idle.** Whatever needs the file first waits until no operation is under way. Whoever finds
//!    the job over takes the buffer back and files the answer: the error of a write is kept for the next
//!    write or flush, that of a read for the next read, that of a seek for the next `poll_complete`. So
//!    nobody loses an error by being dropped, and nobody gets another one's.
//! 2. **Read.** What is in the buffer is handed out. If nothing is, a job reads once, at most as much as the
//!    caller has room for: the position that clones of the file share runs ahead only by what a dropped
//!    read left in the buffer.
//! 3. **Write.** The bytes are copied, the job starts, and the call answers. The job is mandatory: what was
//!    accepted is written even if the file is dropped or the runtime ends. If the buffer still had bytes
//!    that were read ahead, the job first moves the position back by as many.
//! 4. **Seek and set_len** drop what was read ahead, accounting for it as a write does.
//!
//! Several tasks may share a `&File`: the state is behind a lock which is held for a look, never for an
//! operation. The methods that poll need `&mut`, and then there is one waker at most.

use std::fmt;
use std::fs::{File as StdFile, Metadata, Permissions};
use std::future::poll_fn;
use std::io::{self, IoSlice, Seek, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::SystemTime;

use super::{in_background, FileTimes, OpenOptions};
use crate::io::background::{Buf, Job, MAX_BUF_SIZE};
use crate::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use crate::primitives::sync::{Arc, Mutex, MutexGuard};

mod fd;

/// An open file.
///
/// Read and write it with the methods of `AsyncReadExt`, `AsyncWriteExt` and `AsyncSeekExt` (feature
/// `io-util`). One operation is under way at a time; the next waits for it.
///
/// **A write is done when its bytes are in a buffer.** They go to the system in the background; its answer
/// comes with the next write or flush. Call [`flush`](crate::io::AsyncWrite::poll_flush) before dropping the
/// file if it matters whether the write succeeded, and [`sync_all`](File::sync_all) if it must be on the
/// disk. Dropping the file without either does not stop the write.
///
/// # Panics
///
/// What starts an operation panics outside of a runtime. [`from_std`](File::from_std) needs none.
///
/// # Examples
///
/// ```
/// use gmp::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> { gmp::runtime::Runtime::new()?.block_on(async {
/// # let path = std::env::temp_dir().join(format!("gmp-doc-file-{}", std::process::id()));
/// let mut file = gmp::fs::File::options().read(true).write(true).create(true).open(&path).await?;
/// file.write_all(b"hello").await?;
/// file.rewind().await?;
/// let mut text = String::new();
/// file.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # gmp::fs::remove_file(&path).await
/// # }) }
/// ```
pub struct File {
    std: Arc<StdFile>,
    inner: Mutex<Inner>,
    max_buf_size: usize,
}

struct Inner {
    state: State,
    /// Filed by step 1.
    write_error: Option<io::Error>,
    read_error: Option<io::Error>,
    seek_error: Option<io::Error>,
    /// The last read found the end, and nobody was told.
    at_end: bool,
    /// Where the last seek went.
    position: u64,
}

enum State {
    Idle(Buf),
    Busy(Kind, Job<Done>),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Read,
    Write,
    Seek,
    /// Answers its caller directly.
    SetLen,
}

/// The buffer comes back with the answer: bytes read, or a position.
type Done = (Buf, io::Result<u64>);

impl Inner {
    /// Step 1, if there is an operation and it is over.
    fn settle(&mut self) {
        let State::Busy(kind, job) = &self.state else { return };
        if !job.is_over() {
            return;
        }
        let (kind, done) = (*kind, job.take());
        // Without an answer the buffer is lost as well.
        let (buf, result) = done.unwrap_or_else(|lost| (Buf::default(), Err(lost)));
        self.state = State::Idle(buf);
        match (kind, result) {
            (Kind::Read, Ok(n)) => self.at_end = n == 0,
            (Kind::Read, Err(error)) => self.read_error = Some(error),
            (Kind::Write, Err(error)) => self.write_error = Some(error),
            (Kind::Seek, Ok(position)) => self.position = position,
            (Kind::Seek, Err(error)) => self.seek_error = Some(error),
            (Kind::Write, Ok(_)) | (Kind::SetLen, _) => {}
        }
    }

    /// The buffer of an idle file.
    fn buf(&mut self) -> &mut Buf {
        match &mut self.state {
            State::Idle(buf) => buf,
            State::Busy(kind, _) => unreachable!("File: used the buffer during a {kind:?}"),
        }
    }

    /// Forgets what was read ahead; answers how many bytes that were.
    fn forget_read(&mut self) -> i64 {
        self.read_error = None;
        self.at_end = false;
        let buf = self.buf();
        let unread = buf.len();
        buf.clear();
        // A buffer's length fits.
        unread as i64
    }

    fn start(
        &mut self,
        kind: Kind,
        std: &Arc<StdFile>,
        operation: impl FnOnce(&StdFile, &mut Buf) -> io::Result<u64> + Send + 'static,
    ) {
        let mut buf = std::mem::take(self.buf());
        let std = std.clone();
        let job = move || {
            let result = operation(&std, &mut buf);
            // Before the answer is seen: `into_std` wants to be the only one.
            drop(std);
            (buf, result)
        };
        let job = match kind {
            Kind::Write => Job::start_mandatory(job),
            _ => Job::start(job),
        };
        self.state = State::Busy(kind, job);
    }
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// See [`OpenOptions::open`].
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        Ok(File::from_std(in_background(move || StdFile::open(path)).await?))
    }

    /// Opens a file for writing, made or emptied first.
    ///
    /// # Errors
    ///
    /// See [`OpenOptions::open`].
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        Ok(File::from_std(in_background(move || StdFile::create(path)).await?))
    }

    /// Makes a file and opens it for reading and writing. If it is there already, that is an error.
    ///
    /// # Errors
    ///
    /// See [`OpenOptions::open`].
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn create_new<P: AsRef<Path>>(path: P) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).open(path).await
    }

    /// To open it in any other way.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes std's file over. Needs no runtime.
    pub fn from_std(std: StdFile) -> File {
        let inner = Inner {
            state: State::Idle(Buf::default()),
            write_error: None,
            read_error: None,
            seek_error: None,
            at_end: false,
            position: 0,
        };
        File { std: Arc::new(std), inner: Mutex::new(inner), max_buf_size: MAX_BUF_SIZE }
    }

    /// Step 1. With `alone`, nobody else can be waiting.
    fn poll_idle(&self, cx: &mut Context<'_>, alone: bool) -> Poll<MutexGuard<'_, Inner>> {
        loop {
            let mut inner = self.inner.lock();
            inner.settle();
            let State::Busy(_, job) = &inner.state else { return Poll::Ready(inner) };
            let job = job.share();
            drop(inner);
            ready!(job.poll_over(cx, alone));
        }
    }

    /// Waits for what is under way, as anybody who shares the file may.
    async fn idle(&self) {
        poll_fn(|cx| self.poll_idle(cx, false).map(drop)).await;
    }

    /// Makes sure that the file, content and metadata, is on the disk.
    ///
    /// Waits for the write under way. An error of that write is not answered here, but by the next write or
    /// flush.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.idle().await;
        let std = self.std.clone();
        in_background(move || std.sync_all()).await
    }

    /// As [`sync_all`](Self::sync_all), but of the metadata only what is needed to read the content again.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn sync_data(&self) -> io::Result<()> {
        self.idle().await;
        let std = self.std.clone();
        in_background(move || std.sync_data()).await
    }

    /// Cuts the file off at `size` bytes, or fills it up with zeros. The position stays.
    ///
    /// # Errors
    ///
    /// Of the system: the file is not open for writing, or may not become so long.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// Once it has begun it is carried out, and the next operation waits for it.
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        let answer = Arc::new(Mutex::new(None));
        let answers = answer.clone();
        poll_fn(|cx| {
            let mut inner = ready!(self.poll_idle(cx, false));
            let unread = inner.forget_read();
            let answers = answers.clone();
            inner.start(Kind::SetLen, &self.std, move |std, _| {
                *answers.lock() = Some(back(std, unread).and_then(|()| std.set_len(size)));
                Ok(0)
            });
            Poll::Ready(())
        })
        .await;
        self.idle().await;
        let answer = answer.lock().take();
        answer.unwrap_or_else(|| Err(io::Error::other("background task failed")))
    }

    /// What the system knows about the file. Does not wait for a write under way.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let std = self.std.clone();
        in_background(move || std.metadata()).await
    }

    /// A second file for the same open file of the system: they share one position. It has a buffer of its
    /// own. Waits for what is under way.
    ///
    /// # Errors
    ///
    /// Of the system, when it has no more handles.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn try_clone(&self) -> io::Result<File> {
        self.idle().await;
        let std = self.std.clone();
        let mut clone = File::from_std(in_background(move || std.try_clone()).await?);
        clone.max_buf_size = self.max_buf_size;
        Ok(clone)
    }

    /// Gives std's file back, after what is under way.
    ///
    /// What was read ahead is lost with the buffer.
    pub async fn into_std(mut self) -> StdFile {
        poll_fn(|cx| self.poll_idle(cx, true).map(drop)).await;
        self.inner.get_mut().settle();
        match Arc::try_unwrap(self.std) {
            Ok(std) => std,
            // A call that was given up, of `metadata` say, still runs somewhere.
            Err(shared) => match shared.try_clone() {
                Ok(std) => std,
                Err(error) => panic!("the file is in use, and cannot be duplicated: {error}"),
            },
        }
    }

    /// Gives std's file back, unless something is under way.
    ///
    /// # Errors
    ///
    /// The file itself, if so.
    pub fn try_into_std(mut self) -> Result<StdFile, Self> {
        let inner = self.inner.get_mut();
        inner.settle();
        if matches!(inner.state, State::Busy(..)) {
            return Err(self);
        }
        let File { std, inner, max_buf_size } = self;
        Arc::try_unwrap(std).map_err(|std| File { std, inner, max_buf_size })
    }

    /// Sets the file's permissions.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn set_permissions(&self, perm: Permissions) -> io::Result<()> {
        let std = self.std.clone();
        in_background(move || std.set_permissions(perm)).await
    }

    /// Sets the file's times.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        let std = self.std.clone();
        in_background(move || std.set_times(times.std)).await
    }

    /// Sets the time of the last change of the content.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        let std = self.std.clone();
        in_background(move || std.set_modified(time)).await
    }

    /// How much one operation moves at most: 2 MiB unless set otherwise. The buffer is only as large as what
    /// is read or written through it.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0");
        self.max_buf_size = max_buf_size;
    }

    /// See [`set_max_buf_size`](Self::set_max_buf_size).
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    /// Step 3.
    fn poll_write_all_of<'a>(
        &mut self,
        cx: &mut Context<'_>,
        bufs: impl Iterator<Item = &'a [u8]>,
    ) -> Poll<io::Result<usize>> {
        let mut inner = ready!(self.poll_idle(cx, true));
        if let Some(error) = inner.write_error.take() {
            return Poll::Ready(Err(error));
        }
        let unread = inner.forget_read();
        let buf = inner.buf();
        for from in bufs {
            if buf.accept(from, self.max_buf_size) < from.len() {
                break;
            }
        }
        let n = buf.len();
        if n > 0 || unread > 0 {
            inner.start(Kind::Write, &self.std, move |std, buf| {
                let moved = back(std, unread);
                if moved.is_err() {
                    buf.clear();
                }
                moved.and_then(|()| buf.drain(&mut &*std)).map(|()| 0)
            });
        }
        Poll::Ready(Ok(n))
    }
}

/// Moves the position back by what was read ahead.
fn back(mut std: &StdFile, unread: i64) -> io::Result<()> {
    if unread > 0 {
        std.seek(SeekFrom::Current(-unread))?;
    }
    Ok(())
}

impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        dst: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let file = self.get_mut();
        if dst.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            let mut inner = ready!(file.poll_idle(cx, true));
            if let Some(error) = inner.read_error.take() {
                return Poll::Ready(Err(error));
            }
            if std::mem::take(&mut inner.at_end) {
                return Poll::Ready(Ok(()));
            }
            if !inner.buf().is_empty() {
                inner.buf().give(dst);
                return Poll::Ready(Ok(()));
            }
            let max = dst.remaining().min(file.max_buf_size);
            inner.start(Kind::Read, &file.std, move |std, buf| {
                buf.fill(&mut &*std, max).map(|n| n as u64)
            });
        }
    }
}

impl AsyncSeek for File {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let file = self.get_mut();
        let inner = file.inner.get_mut();
        inner.settle();
        if matches!(inner.state, State::Busy(..)) {
            return Err(io::Error::other(
                "other file operation is pending, call poll_complete before start_seek",
            ));
        }
        let unread = inner.buf().len() as i64;
        let position = match position {
            // The system's position is ahead of ours.
            SeekFrom::Current(by) => match by.checked_sub(unread) {
                Some(by) => SeekFrom::Current(by),
                None => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        format!("{by} is more than {} before the position", i64::MAX - unread),
                    ))
                }
            },
            absolute => absolute,
        };
        inner.forget_read();
        inner.seek_error = None;
        inner.start(Kind::Seek, &file.std, move |mut std, _| std.seek(position));
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let mut inner = ready!(self.poll_idle(cx, true));
        Poll::Ready(match inner.seek_error.take() {
            Some(error) => Err(error),
            None => Ok(inner.position),
        })
    }
}

impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        src: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_all_of(cx, std::iter::once(src))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_all_of(cx, bufs.iter().map(|buf| &**buf))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Waits for the write under way and answers its error.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = ready!(self.poll_idle(cx, true));
        Poll::Ready(inner.write_error.take().map_or(Ok(()), Err))
    }

    /// A flush: files have no end of their own to shut down.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl From<StdFile> for File {
    fn from(std: StdFile) -> File {
        File::from_std(std)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // tokio's words, to the end.
        f.debug_struct("tokio::fs::File").field("std", &self.std).finish()
    }
}
