//! Functions that the attributes do not take. None of the errors may bring another one with it: the
//! functions are there, and called.

#[gmp_macros::main]
fn not_async() -> u8 {
    1
}

#[gmp_macros::test]
fn test_not_async() {}

mod binary {
    #[gmp_macros::main]
    pub async fn main(arguments: Vec<String>) -> Result<usize, Box<dyn std::error::Error>> {
        let _: u8 = arguments[0].parse()?;
        Ok(arguments.len())
    }
}

#[gmp_macros::test]
#[test]
async fn two_tests() {}

#[gmp_macros::test]
#[::core::prelude::v1::test]
async fn two_tests_with_a_path() {}

#[gmp_macros::main]
struct NotAFunction;

#[gmp_macros::main(flavor = "none")]
async fn result() -> Result<String, Box<dyn std::error::Error>> {
    if "1".parse::<u8>()? == 1 {
        return Err(Box::new(std::fmt::Error));
    }
    Ok(String::new())
}

#[gmp_macros::main(flavor = "none")]
async fn never() -> ! {
    loop {}
}

#[gmp_macros::main(flavor = "none")]
async fn opaque(n: u8) -> impl Iterator<Item = u8> {
    std::iter::once(n)
}

fn main() {
    let _: u8 = not_async();
    let _: Result<usize, _> = binary::main();
    let _ = NotAFunction;
    let _: Option<String> = result().ok();
    let _: u8 = opaque(1).sum();
    never()
}
