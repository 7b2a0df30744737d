//! `#[gmp::main]` and `#[gmp::test]`, from a program's point of view.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::{Handle, RuntimeFlavor};

#[gmp::main]
async fn a_program() -> Result<usize, std::io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let server = gmp::spawn(async move { listener.accept().await.map(|_| ()) });
    let (_stream, accepted) = (TcpStream::connect(addr).await?, server.await?);
    accepted?;
    gmp::time::sleep(Duration::from_millis(1)).await;
    Ok(Handle::current().metrics().num_workers())
}

#[test]
fn main_serves_and_answers() {
    assert!(a_program().unwrap() >= 1);
    // Again: each call is a runtime of its own.
    assert!(a_program().is_ok());
}

#[gmp::main(flavor = "current_thread")]
async fn a_small_program() -> RuntimeFlavor {
    gmp::task::spawn_blocking(|| ()).await.unwrap();
    Handle::current().runtime_flavor()
}

#[test]
fn main_on_current_thread() {
    assert_eq!(a_small_program(), RuntimeFlavor::CurrentThread);
}

#[gmp::test]
async fn a_test_is_on_current_thread_with_everything_on() {
    assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread);
    gmp::time::sleep(Duration::from_millis(1)).await;
    TcpListener::bind("127.0.0.1:0").await.unwrap();
}

#[gmp::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_test_on_three_ps() {
    assert_eq!(Handle::current().metrics().num_workers(), 3);
    assert_eq!(gmp::task::block_in_place(|| 1), 1);
}

#[gmp::test]
#[should_panic(expected = "in the test")]
async fn a_test_may_panic() {
    gmp::task::yield_now().await;
    panic!("in the test");
}

#[gmp::test]
async fn a_test_may_answer_a_result() -> Result<(), std::num::ParseIntError> {
    "1".parse::<u8>().map(|_| ())
}

#[test]
fn main_drops_what_it_left_running() {
    static DROPPED: AtomicBool = AtomicBool::new(false);
    struct Flag;
    impl Drop for Flag {
        fn drop(&mut self) {
            DROPPED.store(true, SeqCst);
        }
    }
    #[gmp::main(worker_threads = 2)]
    async fn main() {
        let flag = Flag;
        gmp::spawn(async move {
            let _flag = flag;
            std::future::pending::<()>().await;
        });
    }
    main();
    assert!(DROPPED.load(SeqCst));
}
