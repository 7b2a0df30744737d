//! What needs no runtime, and the traits of the public types. The rest is in `executor-tests/tests/fs.rs`.

use super::*;

fn both<T: Send + Sync + Unpin>() {}
fn sendable<T: Send>(_: T) {}

#[test]
fn types_and_futures() {
    both::<File>();
    both::<OpenOptions>();
    both::<DirBuilder>();
    both::<DirEntry>();
    both::<ReadDir>();
    both::<FileTimes>();
    // Never run: only the types matter.
    fn check(file: File, dir: &mut ReadDir) {
        sendable(File::open("a"));
        sendable(file.set_len(1));
        sendable(file.sync_all());
        sendable(file.try_clone());
        sendable(file.into_std());
        sendable(dir.next_entry());
        sendable(read("a"));
    }
    let _ = check;
}

#[test]
fn a_file_can_be_wrapped_without_a_runtime() {
    let std = std::fs::File::open("Cargo.toml").unwrap();
    let file = File::from_std(std);
    assert_eq!(file.max_buf_size(), 2 * 1024 * 1024);
    assert!(format!("{file:?}").contains("Cargo.toml"));
    assert!(file.try_into_std().unwrap().metadata().unwrap().is_file());
}
