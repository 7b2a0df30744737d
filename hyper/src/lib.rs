//! hyper's runtime traits for gmp: [`GmpIo`] turns gmp's byte streams into hyper's and back.
#![warn(missing_docs)]

mod io;

pub use io::GmpIo;
