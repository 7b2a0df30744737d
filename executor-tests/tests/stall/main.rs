//! One bad task does not stop the others: polls that block or compute for long, and what can go wrong when
//! their permit is taken from them.
//!
//! A poll blocks at a [`tools::Gate`], and the gate is opened when the others have been seen to go on. So
//! nothing here depends on how fast the machine is: without the retake these tests stand still, and fail
//! when their patience ends. Those that measure compare with what they would take without it.

#[path = "../support/mod.rs"]
mod support;
mod tools;

mod blocked;
mod caps;
mod computing;
mod ends;
mod fair;
mod in_place;
mod io;
mod pushes;
mod resize;
#[cfg(target_os = "linux")]
mod suspend;
