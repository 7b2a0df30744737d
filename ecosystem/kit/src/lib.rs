//! What the programs of this workspace share: steps that are printed, and an end that comes in any case.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::process::exit;
use std::thread;
use std::time::Duration;

/// How a program ends. An `Err` from `main` is printed and makes the exit code 1, a panic makes it 101.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Runs a program that must be over after so many seconds.
///
/// Two clocks watch it. The runtime's gives an error that the program returns; where the runtime itself
/// hangs, a plain thread ends the process two seconds later, with exit code 3.
pub async fn within(seconds: u64, program: impl Future<Output = Outcome>) -> Outcome {
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(seconds + 2));
        eprintln!("not over after {seconds} s, and the runtime's own time-out has not fired");
        exit(3);
    });
    // Boxed: some of the programs are large futures.
    match tokio::time::timeout(Duration::from_secs(seconds), Box::pin(program)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("not over after {seconds} s").into()),
    }
}

/// Says that a step has been done and found right.
pub fn ok(step: impl Display) {
    println!("ok: {step}");
}

/// Bytes that a reader can check: no two neighbouring blocks are the same.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}
