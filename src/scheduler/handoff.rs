//! Stand-in until the scheduler's own arrives.

pub(crate) async fn spawn_blocking<F, R>(f: F) -> Result<R, std::io::Error>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Ok(std::thread::spawn(f).join().unwrap())
}
