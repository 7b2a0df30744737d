//! The conformance suite on gmp in four shapes and behind `dyn`, and on the peers.

use gmp_executor_tests::harness::{Gmp, GmpCurrentThread, GmpDyn, Smol, Tokio};
use gmp_executor_tests::suite;

suite!(gmp_1, Gmp<1>);
suite!(gmp_2, Gmp<2>);
suite!(gmp_8, Gmp<8>);
suite!(gmp_current_thread, GmpCurrentThread);
suite!(gmp_dyn, GmpDyn);
suite!(tokio_2, Tokio<2>);
suite!(tokio_current_thread, Tokio<0>);
suite!(smol_1, Smol<1>);
suite!(smol_2, Smol<2>);
