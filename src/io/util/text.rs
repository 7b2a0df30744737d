//! A `String` that is appended to as bytes.
//!
//! 1. Bytes are collected apart from the string, so that it never holds anything but UTF-8. An empty
//!    string lends its memory for that; one with content keeps it, and the new part alone is checked:
//!    a string that grows line by line costs linear time.
//! 2. At the end the bytes are checked and become part of the string, or the string is as before.
//! 3. If that end is never reached (the future is dropped) the bytes are lost.

use std::error::Error;
use std::io;
use std::mem;
use std::str;

pub(super) fn invalid_data(error: impl Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The memory for step 1.
pub(super) fn borrow_memory(output: &mut String) -> Vec<u8> {
    if output.is_empty() {
        mem::take(output).into_bytes()
    } else {
        Vec::new()
    }
}

/// Step 2.
/// The error that `bytes` would be at the end of `text`: its position counts from the start of the whole.
#[cold]
fn error_behind(text: &str, bytes: &[u8]) -> str::Utf8Error {
    let whole = [text.as_bytes(), bytes].concat();
    str::from_utf8(&whole).expect_err("the end is no UTF-8, and begins at the end of a character")
}

pub(super) fn append(output: &mut String, bytes: Vec<u8>) -> Result<(), str::Utf8Error> {
    if output.is_empty() {
        *output = String::from_utf8(bytes).map_err(|error| error.utf8_error())?;
    } else {
        match str::from_utf8(&bytes) {
            Ok(text) => output.push_str(text),
            Err(_) => return Err(error_behind(output, &bytes)),
        }
    }
    Ok(())
}
