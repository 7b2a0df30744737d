//! Values that an argument does not take.

const FOUR: usize = 4;

#[gmp_macros::main(worker_threads = FOUR)]
async fn not_a_literal() {}

#[gmp_macros::main(worker_threads = -1)]
async fn negative() {}

#[gmp_macros::main(worker_threads = "4")]
async fn not_an_integer() {}

#[gmp_macros::main(worker_threads = 99999999999999999999999999)]
async fn too_large() {}

#[gmp_macros::main(worker_threads = 0)]
async fn zero() {}

#[gmp_macros::main(flavor = 1)]
async fn flavor_not_a_string() {}

#[gmp_macros::main(name = true)]
async fn name_not_a_string() {}

#[gmp_macros::test(start_paused = "true")]
async fn not_a_bool() {}

#[gmp_macros::main(crate = 456)]
async fn crate_not_a_path() {}

#[gmp_macros::main(crate = "456")]
async fn crate_not_a_path_in_quotes() {}

#[gmp_macros::main(crate = "abc-def")]
async fn crate_with_a_dash() {}

#[gmp_macros::main(crate = (a, b))]
async fn crate_a_tuple() {}

#[gmp_macros::main(flavor = "single_thread")]
async fn single_thread() {}

#[gmp_macros::main(flavor = "basic_scheduler")]
async fn basic_scheduler() {}

#[gmp_macros::main(flavor = "threaded_scheduler")]
async fn threaded_scheduler() {}

#[gmp_macros::main(flavor = "turbo")]
async fn no_such_flavor() {}

#[gmp_macros::test(unhandled_panic = "panic")]
async fn no_such_reaction() {}

fn main() {}
