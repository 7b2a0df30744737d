//! Polls that last about as long as it takes sysmon to lose patience, so that many of them end just as
//! their permit is taken.
//!
//! All thresholds are at their least. The polls block or compute, and on both sides of it spawn, wake
//! others, set timers, go through `block_in_place`. In the end every future has ended in one way, and as
//! many permits are idle as there are Ps.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gmp::runtime::{Builder, Runtime};
use gmp::sync::{oneshot, Semaphore};
use gmp::task::{block_in_place, yield_now};

use super::case::Case;
use super::lock::Mutex;
use super::rand::Rand;
use super::tally::{broken, planned_panic, progress, Tally};

/// The least that sysmon can notice.
const LEAST: Duration = Duration::from_millis(1);

/// Extra threads at a time: few enough that the cap is met, too.
const EXTRA: usize = 12;

/// What all tasks of a run share.
struct Storm {
    tally: Arc<Tally>,
    /// Tasks that wait until any other wakes them.
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
    /// The length at which a poll was last seen to lose its permit; the next ones are about as long.
    aim: AtomicU64,
}

impl Storm {
    /// Mostly around the aim, which wanders.
    fn length(&self, rand: &mut Rand) -> Duration {
        // Relaxed: any value is good.
        let aim = self.aim.load(Relaxed);
        let micros = match rand.below(8) {
            0 => rand.below(200) as u64,
            1 => {
                let aim = 600 + rand.below(3_400) as u64;
                self.aim.store(aim, Relaxed);
                aim
            }
            _ => (aim + rand.below(300) as u64).saturating_sub(150),
        };
        Duration::from_micros(micros)
    }

    /// Keeps the thread for so long, to the microsecond.
    fn last(&self, rand: &mut Rand) {
        let end = Instant::now() + self.length(rand);
        if rand.one_in(4) {
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        } else {
            // The system wakes late: the last part is on the clock.
            let asleep = Duration::from_micros(80);
            thread::sleep(end.saturating_duration_since(Instant::now()).saturating_sub(asleep));
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        }
        progress();
    }

    /// Makes others runnable, in one way or another.
    fn push(&self, rand: &mut Rand) {
        match rand.below(6) {
            0 => {
                gmp::spawn(self.tally.watch(async { yield_now().await }));
            }
            1 => {
                // More than fit.
                for _ in 0..300 {
                    gmp::spawn(self.tally.watch(async {}));
                }
            }
            2 | 3 => {
                let waiting = self.waiting.with(Vec::pop);
                if let Some(waiting) = waiting {
                    let _gone = waiting.send(());
                }
            }
            4 => {
                let wait = Duration::from_micros(rand.below(2_000) as u64);
                gmp::spawn(self.tally.watch(gmp::time::sleep(wait)));
            }
            _ => {}
        }
    }
}

async fn one(storm: Arc<Storm>, mut rand: Rand, gate: Arc<Semaphore>) {
    for _ in 0..8 {
        {
            let _turn = gate.acquire().await.expect("never closed");
            storm.push(&mut rand);
            if rand.one_in(8) {
                block_in_place(|| storm.last(&mut rand));
            } else {
                storm.last(&mut rand);
            }
            storm.push(&mut rand);
            if rand.one_in(4) {
                // Twice in the same poll: the second time it has, maybe, no permit.
                storm.last(&mut rand);
                block_in_place(|| storm.push(&mut rand));
            }
        }
        match rand.below(8) {
            0 => gmp::time::sleep(Duration::from_micros(rand.below(2_000) as u64)).await,
            1 => {
                let (wake, woken) = oneshot::channel();
                storm.waiting.with(|waiting| waiting.push(wake));
                // The last ones are woken by nobody.
                let _woken = gmp::time::timeout(Duration::from_millis(20), woken).await;
            }
            2 if rand.one_in(8) => planned_panic(),
            _ => yield_now().await,
        }
    }
}

fn eager(case: &Case, rand: &mut Rand) -> Runtime {
    case.build(
        Builder::new_multi_thread()
            .worker_threads(case.procs)
            .time_slice(LEAST)
            .blocked_threshold(LEAST)
            .computing_threshold(LEAST)
            .max_extra_threads(1 + rand.below(EXTRA)),
    )
}

pub(crate) fn run(case: &Case) {
    let mut rand = case.rand();
    let runtime = eager(case, &mut rand);
    let storm = Arc::new(Storm {
        tally: case.tally.clone(),
        waiting: Mutex::default(),
        aim: AtomicU64::new(1_000),
    });
    // Some more than there are permits: the others wait for them, which is what a retake needs.
    let gate = Arc::new(Semaphore::new(case.procs + 1 + rand.below(16)));
    let tasks: Vec<_> = (0..case.scale(200))
        .map(|_| runtime.spawn(case.tally.watch(one(storm.clone(), rand.fork(), gate.clone()))))
        .collect();
    if rand.one_in(4) {
        // The end, in the middle of it.
        thread::sleep(Duration::from_micros(rand.below(30_000) as u64));
        drop(runtime);
        assert!(tasks.iter().all(|task| task.is_finished()));
        return;
    }
    runtime.block_on(async {
        for task in tasks {
            case.tally.join(task).await;
        }
    });
    quiet(case, &runtime);
}

/// Everything has ended, children included: each permit that was taken is back.
fn quiet(case: &Case, runtime: &Runtime) {
    let metrics = runtime.handle().metrics();
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let (alive, extra) = (metrics.num_alive_tasks(), metrics.extra_threads());
        let idle = metrics.idle_permits();
        if (alive, extra, idle) == (0, 0, case.procs) {
            break;
        }
        if Instant::now() > patience {
            let procs = case.procs;
            broken(&format!(
                "{alive} tasks, {extra} extra threads, {idle} of {procs} permits idle"
            ));
        }
        thread::sleep(Duration::from_millis(1));
        progress();
    }
    let (taken, undone) = (metrics.retakes(), metrics.undone_marks());
    let (kept, retired) = (metrics.regains(), metrics.retirements());
    println!("  {taken} retakes, {undone} undone; {kept} regains, {retired} retirements");
    if taken != kept + retired {
        broken("a mark without a return, or the reverse");
    }
    if case.procs == 1 && taken == 0 {
        broken("no permit was ever taken: this program tests nothing");
    }
}
