//! Who looks after an orphan: see `orphan.rs`.

use super::orphan::Turns;
use crate::primitives::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use crate::primitives::sync::{thread, Arc};

/// Step 2. The process ends while somebody looks; whoever is woken for that finds the value gone. The end
/// is seen all the same, once. Break: `orphan_no_mark`.
#[test]
fn the_end_of_an_orphan_is_seen() {
    loom::model(|| {
        let turns = Arc::new(Turns::new(()));
        let exited = Arc::new(AtomicBool::new(false));
        let reaped = Arc::new(AtomicUsize::new(0));
        let look = |exited: &AtomicBool, reaped: &AtomicUsize| {
            if exited.load(SeqCst) {
                reaped.fetch_add(1, SeqCst);
                return None;
            }
            Some(())
        };
        let adopts = {
            let (turns, exited, reaped) = (turns.clone(), exited.clone(), reaped.clone());
            thread::spawn(move || turns.turn(|()| look(&exited, &reaped)))
        };
        exited.store(true, SeqCst);
        turns.turn(|()| look(&exited, &reaped));
        adopts.join().unwrap();
        assert_eq!(reaped.load(SeqCst), 1);
    });
}
