//! Mistakes in the arguments.

#[gmp_macros::main(threads = 1)]
async fn unknown_argument() {}

#[gmp_macros::main(foo)]
async fn unknown_word() {}

#[gmp_macros::main(threads::number = 1)]
async fn not_an_identifier() {}

#[gmp_macros::main(flavor("current_thread"))]
async fn a_list() {}

#[gmp_macros::main(flavor)]
async fn flavor_without_value() {}

#[gmp_macros::test(worker_threads)]
async fn worker_threads_without_value() {}

#[gmp_macros::main(start_paused, flavor = "current_thread")]
async fn start_paused_without_value() {}

#[gmp_macros::main(multi_thread)]
async fn bare_multi_thread() {}

#[gmp_macros::test(current_thread)]
async fn bare_current_thread() {}

#[gmp_macros::main(core_threads = 5)]
async fn old_name() {}

#[gmp_macros::main(flavor = "multi_thread", flavor = "current_thread")]
async fn flavor_twice() {}

#[gmp_macros::main(worker_threads = 4, worker_threads = 4)]
async fn worker_threads_twice() {}

#[gmp_macros::test(start_paused = true, start_paused = false)]
async fn start_paused_twice() {}

#[gmp_macros::main(name = "a", name = "b")]
async fn name_twice() {}

#[gmp_macros::main(crate = "a", crate = b)]
async fn crate_twice() {}

fn main() {}
