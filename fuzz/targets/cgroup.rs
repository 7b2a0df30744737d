#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gmp_fuzz::drive(gmp::fuzz::cgroup, input));
