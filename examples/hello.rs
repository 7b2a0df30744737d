//! Spawning and joining.
//!
//! Try it:
//!
//! ```text
//! cargo run --example hello
//! ```
//!
//! Five Gs sleep at the same time, so the whole takes as long as the longest sleep, and greet in the
//! order in which they wake up. `main` then joins them in the order in which it spawned them.

use std::time::{Duration, Instant};

use gmp::time::sleep;

#[gmp::main]
async fn main() {
    let begun = Instant::now();
    let greetings: Vec<_> = (1..=5)
        .map(|number| {
            gmp::spawn(async move {
                sleep(Duration::from_millis(60 - 10 * number)).await;
                println!("hello from G {number}");
                number
            })
        })
        .collect();

    let mut sum = 0;
    for greeting in greetings {
        sum += greeting.await.expect("a G that does not panic");
    }
    println!("joined all, sum {sum}, after {:.0?}", begun.elapsed());
}
