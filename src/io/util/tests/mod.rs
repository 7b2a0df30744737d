//! Behaviour of the `async` side of io, by hand-polling over a scripted stream.

pub(crate) mod mock;

mod budget;
pub(crate) mod buffers;
pub(crate) mod copying;
mod lines;
pub(crate) mod pipes;
pub(crate) mod reading;
mod seeking;
mod writing;
