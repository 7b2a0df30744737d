//! The all-G list: rules 1 to 3 of `allg.rs`. Rule 4 is the scheduler's, see its model `shutdown`.

use super::*;
use heap::explore;
use loom::thread;

/// A future that is ready at once.
struct Now(#[allow(dead_code)] Probed);

impl Future for Now {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0 .0.touch();
        Poll::Ready(())
    }
}

/// Makes a G that is on the list. Owner only. Its handle is dropped.
fn listed(bed: &Arc<Bed>, probe: &Arc<Probe>) -> G {
    let (g, header) = new_g(
        Now(Probed(probe.clone())),
        Hold(bed.clone()),
        id::next_single(),
        Location::caller(),
        true,
    );
    // SAFETY: the model's main thread is the owner; the list's reference was made with the G.
    unsafe { bed.shard.insert(&g, header) };
    // SAFETY: made with a handle's reference and interest, and with this output.
    drop(unsafe { JoinHandle::<()>::new(header) });
    g
}

/// Insert and remove by the owner, remove by another thread, and a walker that holds on to what it sees:
/// nothing it sees is freed, and nothing stays.
///
/// Break: `allg_remove_store` (a remover does not wait for the walker that is about to make a
/// reference).
#[test]
fn all_g_list() {
    explore(2, || {
        OWNER.with(|owner| owner.set(true));
        let (bed, probe) = (Bed::new(), Probe::new());
        let (mine, theirs) = (listed(&bed, &Probe::new()), listed(&bed, &probe));
        let remover = {
            let bed = bed.clone();
            thread::spawn(move || assert!(bed.run(theirs)))
        };
        let walker = {
            let bed = bed.clone();
            thread::spawn(move || {
                bed.shard.walk(|g| {
                    let _ = g.header().state.load().status();
                });
            })
        };
        assert!(bed.run(mine));
        let later = listed(&bed, &Probe::new());
        assert!(bed.run(later));
        remover.join().unwrap();
        walker.join().unwrap();
        assert_eq!(probe.drops(), 1);
        assert_eq!(allg::live(bed.shard.balance()), 0);
        bed.shard.walk(|_| panic!("an empty list has nothing to show"));
    });
}

/// A walker that ends what it sees, as the closer does, against the M that runs it.
///
/// Breaks: `claim_running`, `allg_remove_store`.
#[test]
fn all_g_list_closer() {
    explore(3, || {
        OWNER.with(|owner| owner.set(true));
        let (bed, probe) = (Bed::new(), Probe::new());
        let g = listed(&bed, &probe);
        let closer = {
            let bed = bed.clone();
            thread::spawn(move || bed.shard.walk(|g| g.shutdown()))
        };
        let _ended = bed.run(g);
        closer.join().unwrap();
        assert_eq!(probe.drops(), 1);
        assert_eq!(allg::live(bed.shard.balance()), 0);
    });
}

/// Two slots freed by others, taken by the owner: each once, and none is lost.
///
/// Break: `allg_freed_relaxed` (the link of a freed slot is not published with it).
#[test]
fn all_g_list_freed_slots() {
    explore(3, || {
        OWNER.with(|owner| owner.set(true));
        let bed = Bed::new();
        let gs = [listed(&bed, &Probe::new()), listed(&bed, &Probe::new())];
        let removers = gs.map(|g| {
            let bed = bed.clone();
            thread::spawn(move || assert!(bed.run(g)))
        });
        let early = listed(&bed, &Probe::new());
        removers.into_iter().for_each(|t| t.join().unwrap());
        let gs = [listed(&bed, &Probe::new()), listed(&bed, &Probe::new()), early];
        let mut seen = 0;
        bed.shard.walk(|_| seen += 1);
        assert_eq!(seen, 3);
        gs.into_iter().for_each(|g| assert!(bed.run(g)));
        assert_eq!(allg::live(bed.shard.balance()), 0);
    });
}

/// Two slots that another M gives back together, one that a thread without a shard does, and the owner that
/// takes them: each once, and none is lost.
///
/// Break: `allg_freed_relaxed`.
#[test]
fn all_g_list_chain() {
    explore(3, || {
        OWNER.with(|owner| owner.set(true));
        let bed = Bed::new();
        let gs = [(); 2].map(|()| listed(&bed, &Probe::new()));
        let lone = listed(&bed, &Probe::new());
        let together = {
            let bed = bed.clone();
            thread::spawn(move || {
                OTHER_OWNER.with(|owner| owner.set(true));
                gs.into_iter().for_each(|g| assert!(bed.run(g)));
            })
        };
        let alone = {
            let bed = bed.clone();
            thread::spawn(move || assert!(bed.run(lone)))
        };
        let early = listed(&bed, &Probe::new());
        together.join().unwrap();
        alone.join().unwrap();
        let gs = [(); 3].map(|()| listed(&bed, &Probe::new()));
        let mut seen = 0;
        bed.shard.walk(|_| seen += 1);
        assert_eq!(seen, 4);
        gs.into_iter().chain([early]).for_each(|g| assert!(bed.run(g)));
        let all = bed.shard.balance().wrapping_add(bed.other_shard.balance());
        assert_eq!(allg::live(all), 0);
    });
}
