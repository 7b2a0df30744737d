//! `LocalSet`: a G that another thread readies is run, by a driver that was about to sleep or by one that
//! is woken.

use super::*;
use crate::scheduler::local::Local;

fn drive(local: &std::rc::Rc<Local>) {
    let bell = Bell::new();
    let waker = Waker::from(bell.clone());
    loop {
        let again = local.turn().run(&waker);
        if local.live() == 0 {
            return;
        }
        if !again {
            bell.0.wait();
        }
    }
}

/// Breaks: `local_look_before_register`, `local_wake_before_push`.
#[test]
fn local_wake() {
    explore(3, || {
        let local = Local::new();
        let task = local.spawn(Waits(None), Location::caller());
        drive(&local);
        drop(task);
        local.close();
    });
}

/// A G is aborted from elsewhere while its set ends: it is dropped once, on the set's thread.
/// Breaks: `local_close_forgets_remote`.
#[test]
fn local_abort_vs_close() {
    explore(3, || {
        let local = Local::new();
        let task = local.spawn(std::future::pending::<()>(), Location::caller());
        let _more = local.turn().run(Waker::noop());
        let abort = task.abort_handle();
        let other = thread::spawn(move || abort.abort());
        local.close();
        other.join().unwrap();
        assert!(task.is_finished());
    });
}
