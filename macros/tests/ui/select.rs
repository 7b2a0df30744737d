//! What `select!` does not take.

use std::future::ready;

async fn empty() {
    gmp::select! {}
}

async fn only_biased() {
    gmp::select! { biased; }
}

async fn unknown_mode() {
    gmp::select! { fair; _ = ready(1) => {} }
}

async fn no_arrow() {
    gmp::select! { _ = ready(1) }
}

async fn no_pattern() {
    gmp::select! { ready(1) => {} }
}

async fn no_future() {
    gmp::select! { n = => {} }
}

async fn no_condition() {
    gmp::select! { n = ready(1), if => {} }
}

async fn no_handler() {
    gmp::select! { n = ready(1) => }
}

async fn no_comma() {
    gmp::select! {
        _ = ready(1) => 1
        _ = ready(2) => 2
    }
}

async fn else_first() {
    gmp::select! {
        else => {}
        _ = ready(1) => {}
    }
}

macro_rules! wide {
    ($($n:tt)*) => { gmp::select! { $(_ = ready($n) => {})* } };
}

async fn too_many() {
    wide!(
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33
        34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
    );
}

fn main() {}
