//! A tree of a million Gs.
//!
//! Try it:
//!
//! ```text
//! cargo run --release --example skynet
//! cargo run --release --example skynet -- 100000
//! ```
//!
//! Each G spawns ten more and adds up what they answer; each of the leaves, a million unless the argument
//! says otherwise (a power of ten), answers its own number. Prints the sum and the time.

use std::time::Instant;

use gmp::task::JoinHandle;

/// Starts the G of the tree whose leaves are `first..first + leaves`.
fn skynet(first: u64, leaves: u64) -> JoinHandle<u64> {
    gmp::spawn(async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / 10;
        let children: [_; 10] =
            std::array::from_fn(|index| skynet(first + index as u64 * part, part));
        let mut sum = 0;
        for child in children {
            sum += child.await.expect("a G that does not panic");
        }
        sum
    })
}

/// The argument, which must be a power of ten.
fn leaves() -> Result<u64, String> {
    const ACCEPTED: std::ops::RangeInclusive<u32> = 0..=8;
    let Some(argument) = std::env::args().nth(1) else { return Ok(1_000_000) };
    ACCEPTED
        .map(|exponent| 10_u64.pow(exponent))
        .find(|power| argument.parse() == Ok(*power))
        .ok_or_else(|| format!("{argument:?} is not a power of ten from 1 to 100000000"))
}

#[gmp::main]
async fn main() -> Result<(), String> {
    let leaves = leaves()?;
    let begun = Instant::now();
    let sum = skynet(0, leaves).await.expect("a G that does not panic");
    let took = begun.elapsed();

    let gs = (leaves * 10 - 1) / 9;
    println!("sum {sum} from {gs} Gs in {took:.1?}, {:.2?} a G", took / gs as u32);
    assert_eq!(sum, leaves * (leaves - 1) / 2);
    Ok(())
}
