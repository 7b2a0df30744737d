//! `block_in_place`: the P goes to whoever runs what is left behind, and a permit comes back, or does not.
//! And the wish for a searcher that meets no permit.

use super::*;
use crate::scheduler::handoff;
use crate::scheduler::proc::Local;

/// Spawns `child`, if there is one, in its first poll, and then blocks in place until the gate is open; is
/// polled once more after that.
struct Blocks<F> {
    child: Option<(SchedRef, Once<F>)>,
    begun: StdArc<Gate>,
    gate: StdArc<Gate>,
    blocked: bool,
}

impl<F> Unpin for Blocks<F> {}

impl<F: FnOnce() + 'static> Future for Blocks<F> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.blocked, true) {
            return Poll::Ready(());
        }
        if let Some((home, child)) = self.child.take() {
            drop(spawn(&home, child));
        }
        self.begun.open();
        handoff::block_in_place(|| self.gate.pass());
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn at_rest(sched: SchedRef, token: StdArc<()>) {
    drop(super::super::shutdown::shutdown(&sched, None));
    check_at_rest(&sched, 1);
    end(sched, token);
}

/// The closure waits for a G in the queue that was handed over, with the only permit; afterwards the poll
/// has a permit or none, and its G is queued again. Breaks: `handoff_starts_nobody`,
/// `woken_without_p_dropped`, `exitsyscall_leaves_it_idle`.
#[test]
fn block_in_place_hand_over() {
    explore_some(1, 8, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        let (begun, gate) = (Gate::new(), Gate::new());
        let opens = gate.clone();
        let child = Some((sched.clone(), once(move || opens.open())));
        block_on(spawn(&sched, Blocks { child, begun, gate, blocked: false })).unwrap();
        at_rest(sched, token);
    });
}

/// The closure waits for a G that another thread spawns just as the P is handed over. Break:
/// `handoff_starts_nobody`.
#[test]
fn block_in_place_vs_foreign_spawn() {
    explore_some(1, 8, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        let (begun, gate) = (Gate::new(), Gate::new());
        let opens = gate.clone();
        let blocks =
            Blocks { child: None::<(_, Once<fn()>)>, begun: begun.clone(), gate, blocked: false };
        let outer = spawn(&sched, blocks);
        begun.pass();
        drop(spawn(&sched, once(move || opens.open())));
        block_on(outer).unwrap();
        at_rest(sched, token);
    });
}

/// A submitter has seen an idle permit, which is taken before it has the lock, by an M that does not search
/// (as after a closure, or from the poller): that one searches before it gives the permit up again. Break:
/// `give_up_ignores_needspinning`.
#[test]
fn needspinning_hand_over() {
    explore(1, || {
        let token = StdArc::new(());
        let sched = rig(2, &token);
        let (here, there) = (index_of(&sched, take_p(&sched)), index_of(&sched, take_p(&sched)));
        let passer_by = {
            let sched = sched.clone();
            thread::spawn(move || {
                sched.acquirep(sched.shell(there));
                let mut local = Local::new(0);
                while let Some(shell) = context::shell_of(&sched) {
                    if sched.give_up(&mut local, shell) {
                        sched.leave_search(&mut local);
                    } else if let Some(g) = sched.stealwork(&mut local, shell, 0) {
                        drop(g);
                        sched.resetspinning(&mut local);
                    }
                }
            })
        };
        // In a poll: what it has queued it does not run now. The second one kicks the first out of runnext, to
        // where it can be stolen.
        sched.acquirep(sched.shell(here));
        for _ in 0..2 {
            drop(spawn(&sched, once(|| ())));
        }
        sched.wakep_slow();
        passer_by.join().unwrap();
        let locked = sched.lock.lock();
        let unheard = sched.needspinning.load(SeqCst) && !locked.pidle.is_empty();
        assert!(!unheard, "a searcher is wanted, and a permit went idle");
        drop(locked);
        give_back(&sched);
        end(sched, token);
    });
}
