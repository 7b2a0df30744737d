//! Random programs against a model, on stable Rust.
//!
//! A target is a closure that draws a program from a seed, runs it on the code and on a plain model of it,
//! and panics where they differ. As a unit test it runs a fixed number of seeds, always the same. From the
//! environment:
//!
//! - `GMP_FUZZ_SECS=n`: new seeds for that many seconds, for each target.
//! - `GMP_FUZZ_SEED=s`: this one seed.
//!
//! A failure prints its seed. Nothing steers the seeds towards code that was not reached: the programs are
//! short and the generators know what matters (full, empty, wrapped, cut off), which took the place of
//! coverage.

use std::time::{Duration, Instant};

/// Prints the seed if the program panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("fuzz: once more with GMP_FUZZ_SEED={}", self.0);
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value:?} is not a number")))
}

/// Runs the seeds from 1 to `rounds`, or what the environment says.
pub(crate) fn fuzz(rounds: u64, program: impl Fn(u64)) {
    let one = |seed| {
        let seed = Seed(seed);
        program(seed.0);
    };
    if let Some(seed) = variable("GMP_FUZZ_SEED") {
        return one(seed);
    }
    let Some(secs) = variable("GMP_FUZZ_SECS") else { return (1..=rounds).for_each(one) };
    let seeds = super::rand::Rand::from_entropy();
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(secs) {
        one(seeds.next_u64());
        done += 1;
    }
    let name = std::thread::current().name().unwrap_or("fuzz").to_owned();
    println!("{name}: {done} programs in {secs} s");
}

#[test]
fn a_fault_is_told_with_its_seed() {
    if variable("GMP_FUZZ_SEED").is_some() {
        return;
    }
    let failed = std::panic::catch_unwind(|| fuzz(1_000, |seed| assert_ne!(seed % 100, 99)));
    // Without end, or with all seeds run, it would have passed.
    assert_eq!(failed.is_err(), variable("GMP_FUZZ_SECS") != Some(0));
}
