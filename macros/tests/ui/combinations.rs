//! Arguments that do not go together, or not with gmp's features.

#[gmp_macros::main(flavor = "current_thread", worker_threads = 4)]
async fn threads_of_one_thread() {}

#[gmp_macros::test(worker_threads = 4)]
async fn threads_of_a_test() {}

#[gmp_macros::main(flavor = "local", worker_threads = 4)]
async fn threads_of_a_local_runtime() {}

#[gmp_macros::main(start_paused = true)]
async fn paused_main() {}

#[gmp_macros::test(flavor = "multi_thread", start_paused = false)]
async fn paused_test() {}

#[gmp_macros::main(unhandled_panic = "ignore")]
async fn unhandled_panic_main() {}

#[gmp_macros::test(flavor = "multi_thread", unhandled_panic = "shutdown_runtime")]
async fn unhandled_panic_test() {}

#[gmp_macros::main_rt]
async fn default_flavor_without_the_feature() {}

#[gmp_macros::main_rt(flavor = "multi_thread")]
async fn flavor_without_the_feature() {}

#[gmp_macros::test_rt(flavor = "multi_thread", worker_threads = 1)]
async fn test_flavor_without_the_feature() {}

#[gmp_macros::main_fail]
async fn no_runtime() -> Result<(), Box<dyn std::error::Error>> {
    let _: u8 = "1".parse()?;
    Ok(())
}

#[gmp_macros::test_fail(flavor = "current_thread")]
async fn no_runtime_for_tests() {}

#[gmp_macros::main_fail]
fn main() {}
