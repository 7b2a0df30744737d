//! Random programs against a model: one code, two drivers.
//!
//! A target is a function that draws a program from [`Choices`], runs it on the code and on a plain model of
//! it, and panics where they differ.
//!
//! **Seeds**, on stable Rust: as a unit test it runs a fixed number of seeds, always the same. From the
//! environment:
//!
//! - `GMP_FUZZ_SECS=n`: new seeds for that many seconds, for each target.
//! - `GMP_FUZZ_SEED=s`: this one seed.
//!
//! A failure prints its seed.
//!
//! **libFuzzer** (the package `fuzz/`, which compiles this crate with `--cfg gmp_fuzz`): the choices are the
//! bytes of an input, and what an input reached decides which ones are tried next. A failure is a file.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::rand::Rand;

/// Where a program's choices come from.
pub(crate) struct Choices<'a>(Source<'a>);

enum Source<'a> {
    Seed(Rand),
    /// What is left of an input. Zeros follow.
    Bytes(Cell<&'a [u8]>),
}

impl<'a> Choices<'a> {
    pub(crate) fn seeded(seed: u64) -> Choices<'static> {
        Choices(Source::Seed(Rand::new(seed)))
    }

    pub(crate) fn of(input: &'a [u8]) -> Choices<'a> {
        Choices(Source::Bytes(Cell::new(input)))
    }

    /// Up to eight bytes of an input as a number.
    fn take(left: &Cell<&[u8]>, bytes: usize) -> u64 {
        let (now, later) = left.get().split_at(bytes.min(left.get().len()));
        left.set(later);
        now.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
    }

    pub(crate) fn next_u64(&self) -> u64 {
        match &self.0 {
            Source::Seed(rand) => rand.next_u64(),
            Source::Bytes(left) => Self::take(left, 8),
        }
    }

    /// A number below `n`, which must not be zero. Of an input it takes as many bytes as `n` has, so that a
    /// changed byte is one changed choice.
    pub(crate) fn below(&self, n: u32) -> u32 {
        match &self.0 {
            Source::Seed(rand) => rand.below(n),
            Source::Bytes(left) => {
                let bytes = (u32::BITS - (n - 1).leading_zeros()).div_ceil(8);
                (Self::take(left, bytes as usize) % u64::from(n)) as u32
            }
        }
    }

    /// False: the input is over, and so should the program be. Seeds go on.
    pub(crate) fn more(&self) -> bool {
        match &self.0 {
            Source::Seed(_) => true,
            Source::Bytes(left) => !left.get().is_empty(),
        }
    }

    /// Bytes of any kind: what is left of an input, for parsers; of a seed, fewer than `most`.
    pub(crate) fn rest(&self, most: u32) -> Vec<u8> {
        match &self.0 {
            Source::Seed(rand) => (0..rand.below(most)).map(|_| rand.next_u64() as u8).collect(),
            Source::Bytes(left) => left.take().to_vec(),
        }
    }
}

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
pub(crate) fn fuzz(rounds: u64, program: impl Fn(&Choices<'_>)) {
    let one = |seed| {
        let seed = Seed(seed);
        program(&Choices::seeded(seed.0));
    };
    if let Some(seed) = variable("GMP_FUZZ_SEED") {
        return one(seed);
    }
    let Some(secs) = variable("GMP_FUZZ_SECS") else { return (1..=rounds).for_each(one) };
    let seeds = Rand::from_entropy();
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
    let failed = std::panic::catch_unwind(|| fuzz(1_000, |some| assert_ne!(some.below(100), 99)));
    // Without end, or with all seeds run, it would have passed.
    assert_eq!(failed.is_err(), variable("GMP_FUZZ_SECS") != Some(0));
}

#[test]
fn an_inputs_choices_end() {
    let input = [1, 2, 3, 4, 5, 6, 0xff];
    let choices = Choices::of(&input);
    assert_eq!(choices.below(1), 0, "no choice, no byte");
    assert_eq!((choices.below(256), choices.below(2)), (1, 0));
    assert_eq!(choices.below(257), 0x0403 % 257);
    assert_eq!(choices.below(1 << 17), 0xff_06_05 % (1 << 17));
    assert!(!choices.more());
    assert_eq!((choices.below(7), choices.next_u64(), choices.rest(9)), (0, 0, Vec::new()));
    let choices = Choices::of(&input);
    assert_eq!((choices.below(2), choices.rest(1)), (1, input[1..].to_vec()));
    assert!(Choices::seeded(3).more());
}
