//! Mistakes in a body are reported in the body.

mod mock {
    pub(crate) mod macros_support {
        pub(crate) use gmp::macros_support::{MainFuture, RunAsG, RunOnThread};
    }
    pub(crate) mod runtime {
        use std::future::Future;

        pub(crate) struct Builder;
        pub(crate) struct Runtime;

        impl Builder {
            pub(crate) fn new_multi_thread() -> Self {
                Builder
            }
            pub(crate) fn new_current_thread() -> Self {
                Builder
            }
            pub(crate) fn enable_all(&mut self) -> &mut Self {
                self
            }
            pub(crate) fn build(&mut self) -> std::io::Result<Runtime> {
                Ok(Runtime)
            }
        }

        impl Runtime {
            pub(crate) fn block_on<F: Future>(&self, _: F) -> F::Output {
                unreachable!()
            }
        }

        impl gmp::macros_support::MainRuntime for Runtime {
            fn block_on<F: Future>(&self, _: F) -> F::Output {
                unreachable!()
            }
            fn block_on_spawned<F>(&self, _: F) -> F::Output
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                unreachable!()
            }
        }
    }
}

#[gmp_macros::main(crate = crate::mock)]
async fn missing_return() -> Result<(), String> {
    let _ = 1;
}

#[gmp_macros::main(crate = crate::mock)]
async fn extra_value() {
    Ok(())
}

#[gmp_macros::main(crate = crate::mock, flavor = "current_thread")]
async fn wrong_type() -> u8 {
    return "text";
}

#[gmp_macros::main(crate = crate::mock, flavor = "current_thread")]
async fn missing_return_on_one_thread() -> Result<(), String> {
    let _ = 1;
}

#[gmp_macros::main(crate = crate::mock)]
async fn question_mark_in_unit() {
    None?;
}

#[gmp_macros::main(crate = crate::mock, flavor = "current_thread")]
async fn question_mark_in_unit_on_one_thread() {
    None?;
}

fn main() {}
