//! One function for each fuzz target, from the bytes of an input; there under `--cfg gmp_fuzz` alone.
//!
//! A target is the program of a unit test called `fuzz_*`; it panics where code and model differ.

use crate::primitives::fuzz::Choices;

/// The timer wheel against a sorted map.
pub fn timers(input: &[u8]) {
    crate::scheduler::timers::tests::program(&Choices::of(input));
}

/// Two local run queues against queues.
pub fn runq(input: &[u8]) {
    crate::scheduler::runq::tests::program(&Choices::of(input));
}

/// `ReadBuf` against three numbers and a vector.
pub fn read_buf(input: &[u8]) {
    crate::io::read_buf::tests::program(&Choices::of(input));
}

/// `BufReader`, `Chain` and `Take` against the bytes that were sent.
pub fn buf_reader(input: &[u8]) {
    crate::io::util::tests::buffers::buf_reader_program(&Choices::of(input));
}

/// `BufWriter` against the bytes that were written.
pub fn buf_writer(input: &[u8]) {
    crate::io::util::tests::buffers::buf_writer_program(&Choices::of(input));
}

/// `read_to_end` against the bytes that were sent.
pub fn read_to_end(input: &[u8]) {
    crate::io::util::tests::reading::read_to_end_program(&Choices::of(input));
}

/// A pipe in memory against a queue.
pub fn duplex(input: &[u8]) {
    crate::io::util::tests::pipes::duplex_program(&Choices::of(input));
}

/// `copy` and `copy_buf` against the bytes that were sent.
pub fn copy(input: &[u8]) {
    crate::io::util::tests::copying::copy_program(&Choices::of(input));
}

/// The parser of `GMPDEBUG`.
pub fn gmpdebug(input: &[u8]) {
    crate::scheduler::observe::debug::tests::program(&Choices::of(input));
}

/// The parsers of the cgroup files, against what a kernel writes.
pub fn cgroup(input: &[u8]) {
    crate::scheduler::procs::cgroup::tests::program(&Choices::of(input));
}
