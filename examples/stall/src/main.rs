//! The command `stall`; all of it is in the library.

fn main() -> std::process::ExitCode {
    gmp_stall::main()
}
