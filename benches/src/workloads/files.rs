//! Many small files, read whole.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use super::{in_task, Scale};
use crate::runtimes::Rt;

/// A runtime with files.
pub(crate) trait Files: Rt {
    /// The runtime's own way to read a whole file.
    fn read_file(path: PathBuf) -> impl Future<Output = io::Result<Vec<u8>>> + Send;
}

macro_rules! files {
    ($($module:ident => $read:path;)*) => {$(
        impl Files for crate::runtimes::$module::Subject {
            fn read_file(path: PathBuf) -> impl Future<Output = io::Result<Vec<u8>>> + Send {
                $read(path)
            }
        }
    )*};
}

files! {
    gmp_rt => gmp::fs::read;
    tokio_rt => tokio::fs::read;
    smol_rt => smol::fs::read;
    nio_rt => nio::fs::read;
}

/// Bytes of each file.
pub(crate) const SIZE: usize = 4096;

pub(crate) fn number(scale: &Scale) -> u64 {
    scale.iters.unwrap_or(if scale.quick { 1000 } else { 10_000 })
}

/// A folder with files of [`SIZE`] bytes, gone with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn with(files: u64) -> io::Result<Folder> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        // Relaxed: only that the numbers differ matters.
        let name =
            format!("gmp-bench-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir(&folder.0)?;
        for n in 0..files {
            fs::write(folder.file(n), [n as u8; SIZE])?;
        }
        Ok(folder)
    }

    pub(crate) fn file(&self, n: u64) -> PathBuf {
        self.path().join(n.to_string())
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind, it would be a folder in the system's place for such.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Microseconds for each file that `tasks` tasks read between them. All are in the page cache: they have
/// just been written, and are read once before it counts.
pub(crate) fn reads<R: Files>(rt: &R, tasks: u64, scale: &Scale) -> Vec<Option<f64>> {
    let files = number(scale);
    let folder = Arc::new(Folder::with(files).expect("a place for temporary files"));
    let read = || in_task(rt, read_all::<R>(Arc::clone(&folder), tasks, files));
    read();
    vec![Some(read().as_secs_f64() * 1e6 / files as f64)]
}

async fn read_all<R: Files>(folder: Arc<Folder>, tasks: u64, files: u64) -> Duration {
    let start = Instant::now();
    let joins: Vec<_> = (0..tasks)
        .map(|first| {
            let folder = Arc::clone(&folder);
            R::spawn(async move {
                for n in (first..files).step_by(tasks as usize) {
                    let read = R::read_file(folder.file(n)).await.expect("the file is there");
                    assert!(read.len() == SIZE && read[0] == n as u8);
                }
            })
        })
        .collect();
    for join in joins {
        join.await;
    }
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_its_files_and_goes() {
        let folder = Folder::with(3).unwrap();
        let path = folder.path().to_path_buf();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 3);
        assert_eq!(fs::read(folder.file(2)).unwrap(), [2; SIZE]);
        drop(folder);
        assert!(!path.exists());
    }
}
