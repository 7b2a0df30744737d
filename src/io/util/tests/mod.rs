//! Behaviour of the `async` side of io, by hand-polling over a scripted stream.

pub(crate) mod mock;

mod budget;
mod buffers;
mod copying;
mod lines;
mod pipes;
mod reading;
mod seeking;
mod writing;
