//! The texts of the compile errors and the places they point at, one file an area.
//!
//! That each `.stderr` file holds the errors of the macros and none that follow from them is half of what
//! is tested. `TRYBUILD=overwrite` writes the files anew.

#[test]
fn messages() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
