//! `#[gmp::main]` and `#[gmp::test]` on the real runtime.

use std::rc::Rc;
use std::thread;

#[test]
fn a_send_main_is_a_g_on_another_thread() {
    #[gmp::main(worker_threads = 1)]
    async fn main() -> (thread::ThreadId, u8) {
        gmp::task::yield_now().await;
        (thread::current().id(), gmp::spawn(async { 42 }).await.unwrap())
    }
    let (id, answer) = main();
    assert_ne!(id, thread::current().id());
    assert_eq!(answer, 42);
}

#[test]
fn any_other_main_stays_on_its_thread() {
    #[gmp::main(worker_threads = 1)]
    async fn main() -> Rc<thread::ThreadId> {
        let id = Rc::new(thread::current().id());
        gmp::task::yield_now().await;
        id
    }
    assert_eq!(*main(), thread::current().id());
}

#[test]
fn a_panic_of_main_reaches_the_caller() {
    #[gmp::main(worker_threads = 1)]
    async fn spawned() {
        gmp::task::yield_now().await;
        std::panic::panic_any(7u8);
    }
    let payload = std::panic::catch_unwind(spawned).unwrap_err();
    assert_eq!(payload.downcast_ref::<u8>(), Some(&7));
}

#[gmp::test]
async fn one_thread_by_default() {
    let here = thread::current().id();
    let there = gmp::spawn(async { thread::current().id() }).await.unwrap();
    assert_eq!(here, there);
}

#[gmp::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_threads_when_asked() -> Result<(), Box<dyn std::error::Error>> {
    let here = thread::current().id();
    let there = gmp::spawn(async { thread::current().id() }).await?;
    assert_ne!(here, there);
    Ok(())
}
