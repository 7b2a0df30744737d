//! Whose turn it is, and what has been counted.

use std::task::Waker;
use std::thread::ThreadId;
use std::time::Duration;

use super::vm::{Phase, Vm};
use crate::primitives::note::Note;
use crate::primitives::rand::Rand;
use crate::primitives::sync::Arc;
use crate::scheduler::limits::SYSMON_MIN;
use crate::scheduler::m::M;
use crate::scheduler::proc::Local;
use crate::scheduler::sched::{Sched, SchedRef};
use crate::scheduler::sysmon::Rounds;

/// Turns of each thread without a move of the clock, after which it moves a millisecond, then two, then
/// four, although somebody can go on: a program may yield in a loop until it is time.
const PATIENCE: u64 = 1000;

/// What the caller waits for.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    /// The root future.
    Root,
    /// A time (ns).
    Until(u64),
    /// Nothing: time does not move.
    Now,
}

/// Whose turn it is.
pub(super) enum Turn {
    Step(Box<Vm>),
    Root,
    /// The caller's time has come.
    Over,
    Sysmon(Box<Rounds>),
    /// Nobody's, until then.
    Idle(Option<Next>),
    /// Nobody's, and time is not to move.
    Nothing,
}

/// What time moves to.
#[derive(Clone, Copy)]
pub(super) enum Next {
    /// The tick (ns) of a timer.
    Timer(u64),
    Exact(u64),
}

/// In which way turns are drawn.
#[derive(Clone, Copy)]
enum Style {
    Even,
    /// The heaviest goes on until its weight is drawn anew.
    Favourites,
    /// One in four hardly ever gets a turn.
    Laggards,
}

/// Who can go on.
#[derive(Clone, Copy)]
enum Who {
    M(usize),
    Root,
    Over,
    Sysmon,
}

enum Slot {
    Here(Box<Vm>),
    /// On the stack.
    Away,
    Free,
}

/// What a game came to so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What it was drawn from.
    pub seed: u64,
    /// How many Ps there are.
    pub procs: usize,
    /// Most threads (Ms) at a time.
    pub threads: usize,
    /// Turns taken, of all kinds.
    pub steps: u64,
    /// Polls of tasks.
    pub polls: u64,
    /// Polls of the future of `block_on`.
    pub root_polls: u64,
    /// Looks at other Ps' queues.
    pub searches: u64,
    /// Searches that found something.
    pub steals: u64,
    /// Steps that a thread only lingered for, because work might come.
    pub lingered: u64,
    /// Times that a thread went to sleep, in the poller or on its note.
    pub sleeps: u64,
    /// Rounds of sysmon.
    pub rounds: u64,
    /// How far the runtime's clock has moved.
    pub time: Duration,
    /// A hash of who took which turn: equal for two runs that were played alike.
    pub hash: u64,
}

/// See the module's text.
pub(super) struct State {
    pub(super) rand: Rand,
    style: Style,
    ms: Vec<Slot>,
    pub(super) newborn: Vec<Arc<M>>,
    pub(super) thread: Option<ThreadId>,
    pub(super) depth: u32,
    /// Polls that block.
    pub(super) blocked: u32,
    /// Places in polls that let others in.
    pub(super) points: u32,
    root_weight: u64,
    rounds: Option<Box<Rounds>>,
    /// sysmon's next round (ns), and how long it waited for that.
    next_round: u64,
    pace: u64,
    since_move: u64,
    /// How far the clock moves next time although somebody can go on.
    busy_step: u64,
    candidates: Vec<Who>,
    pub(super) report: Report,
}

const SYSMON_NS: u64 = SYSMON_MIN.as_nanos() as u64;

impl State {
    pub(super) fn new(seed: u64) -> State {
        // Neighbouring seeds are not to begin alike (SplitMix64's finish).
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let rand = Rand::new(mixed ^ (mixed >> 31));
        let style = match rand.below(4) {
            0 | 1 => Style::Even,
            2 => Style::Favourites,
            _ => Style::Laggards,
        };
        State {
            root_weight: rand.next_u64(),
            rand,
            style,
            ms: Vec::new(),
            newborn: Vec::new(),
            thread: None,
            depth: 0,
            blocked: 0,
            points: 0,
            rounds: None,
            next_round: 0,
            pace: SYSMON_NS,
            since_move: 0,
            busy_step: SYSMON_NS,
            candidates: Vec::new(),
            report: Report { hash: 0xCBF2_9CE4_8422_2325, ..Report::default() },
        }
    }

    pub(super) fn nms(&self) -> usize {
        self.ms.len()
    }

    pub(super) fn all_gone(&self) -> bool {
        self.newborn.is_empty() && self.ms.iter().all(|slot| matches!(slot, Slot::Free))
    }

    /// New threads get a place.
    fn adopt(&mut self) {
        for m in std::mem::take(&mut self.newborn) {
            let index = self.ms.iter().position(|slot| matches!(slot, Slot::Free));
            let index = index.unwrap_or_else(|| {
                self.ms.push(Slot::Free);
                self.ms.len() - 1
            });
            let mut local = Local::new(0);
            local.rand = Rand::new(self.rand.next_u64());
            let weight = self.rand.next_u64();
            self.ms[index] = Slot::Here(Box::new(Vm::new(m, index, local, weight)));
        }
        self.report.threads = self.report.threads.max(self.ms.len());
    }

    pub(super) fn put_back(&mut self, mut vm: Box<Vm>) {
        self.report.polls += std::mem::take(&mut vm.polls);
        self.report.steals += u64::from(std::mem::take(&mut vm.stole));
        let index = vm.index;
        self.ms[index] = if vm.phase == Phase::Gone { Slot::Free } else { Slot::Here(vm) };
    }

    pub(super) fn turn(&mut self, sched: &SchedRef, root: Option<&Note>, goal: Goal) -> Turn {
        self.adopt();
        let (timers_now, now) = (sched.timers_now(), sched.now());
        let watching = self.blocked > 0 || sched.hogs.any();
        let mut who = std::mem::take(&mut self.candidates);
        who.clear();
        let mut next: Option<Next> = None;
        let mut wait = |at: Next| {
            if next.is_none_or(|next| at.ns() < next.ns()) {
                next = Some(at);
            }
        };
        for slot in &mut self.ms {
            let Slot::Here(vm) = slot else { continue };
            if can_go_on(sched, vm, timers_now) {
                who.push(Who::M(vm.index));
            } else if let (Phase::InPoller(_), true) = (vm.phase, vm.until != u64::MAX) {
                wait(Next::Timer(vm.until));
            }
        }
        if root.is_some_and(Note::is_notified) {
            who.push(Who::Root);
        }
        match goal {
            Goal::Until(at) if at <= now => who.push(Who::Over),
            Goal::Until(at) => wait(Next::Exact(at)),
            Goal::Root | Goal::Now => {}
        }
        if watching {
            if self.next_round <= now {
                who.push(Who::Sysmon);
            } else {
                wait(Next::Exact(self.next_round));
            }
        }
        let turn = if matches!(goal, Goal::Now) {
            if who.is_empty() {
                Turn::Nothing
            } else {
                self.take(sched, &who)
            }
        } else if who.is_empty() {
            self.busy_step = SYSMON_NS;
            Turn::Idle(next)
        } else if let Some(next) = self.impatient(sched, next) {
            let part = now.saturating_add(self.busy_step);
            self.busy_step = self.busy_step.saturating_mul(2);
            Turn::Idle(Some(if next.ns() <= part { next } else { Next::Exact(part) }))
        } else {
            self.take(sched, &who)
        };
        self.candidates = who;
        turn
    }

    fn take(&mut self, sched: &Sched, who: &[Who]) -> Turn {
        self.report.steps += 1;
        self.since_move += 1;
        let chosen = self.choose(who);
        let (number, turn) = match chosen {
            Who::Root => {
                self.report.root_polls += 1;
                (1, Turn::Root)
            }
            Who::Over => (2, Turn::Over),
            Who::Sysmon => {
                self.report.rounds += 1;
                let rounds = self.rounds.take();
                (3, Turn::Sysmon(rounds.unwrap_or_else(|| Box::new(Rounds::new(sched)))))
            }
            Who::M(index) => {
                let Slot::Here(vm) = std::mem::replace(&mut self.ms[index], Slot::Away) else {
                    unreachable!("a candidate is here")
                };
                self.count(vm.phase);
                // Somebody moves: sysmon comes at its shortest pace.
                self.pace = SYSMON_NS;
                self.next_round = self.next_round.min(sched.now() + self.pace);
                (16 * (index as u64 + 1) + vm.phase.number() % 16, Turn::Step(vm))
            }
        };
        self.report.hash = (self.report.hash ^ number).wrapping_mul(0x0000_0100_0000_01B3);
        turn
    }

    fn count(&mut self, phase: Phase) {
        let report = &mut self.report;
        match phase {
            Phase::Steal => report.searches += 1,
            Phase::Linger(_) => report.lingered += 1,
            // It did not go to sleep if it finds that it must not; nearly always it does.
            Phase::Parked | Phase::InPoller(_) => report.sleeps += 1,
            _ => {}
        }
    }

    fn choose(&mut self, who: &[Who]) -> Who {
        let even = who[self.rand.below(who.len() as u32) as usize];
        match self.style {
            Style::Even => even,
            Style::Laggards => {
                if self.weight(even) % 4 == 0 && self.rand.below(16) != 0 {
                    who[self.rand.below(who.len() as u32) as usize]
                } else {
                    even
                }
            }
            Style::Favourites => {
                if self.rand.below(16) == 0 {
                    return even;
                }
                let heaviest = who.iter().copied().max_by_key(|&who| self.weight(who));
                let chosen = heaviest.unwrap_or(even);
                if self.rand.below(32) == 0 {
                    let weight = self.rand.next_u64();
                    match chosen {
                        Who::M(index) => {
                            if let Slot::Here(vm) = &mut self.ms[index] {
                                vm.weight = weight;
                            }
                        }
                        _ => self.root_weight = weight,
                    }
                }
                chosen
            }
        }
    }

    fn weight(&self, who: Who) -> u64 {
        match who {
            Who::M(index) => match &self.ms[index] {
                Slot::Here(vm) => vm.weight,
                Slot::Away | Slot::Free => 0,
            },
            Who::Root | Who::Over | Who::Sysmon => self.root_weight,
        }
    }

    /// What the clock is to move towards, although somebody can go on. Timers count whether or not anybody
    /// sleeps in the poller for them: who is busy looks at them too.
    fn impatient(&self, sched: &Sched, next: Option<Next>) -> Option<Next> {
        if self.since_move < PATIENCE * (1 + self.ms.len() as u64) {
            return None;
        }
        match (sched.earliest_timer(), next) {
            (u64::MAX, next) => next,
            (at, Some(next)) if next.ns() <= at => Some(next),
            (at, _) => Some(Next::Timer(at)),
        }
    }

    pub(super) fn time_moves(&mut self) {
        self.since_move = 0;
    }

    /// A round that changed nothing makes the next one come later: while nobody moves, there is nothing to
    /// see but time.
    pub(super) fn round_over(&mut self, sched: &Sched, rounds: Box<Rounds>, acted: bool) {
        self.rounds = Some(rounds);
        self.pace = if acted { SYSMON_NS } else { self.pace.saturating_mul(2) };
        let late = SYSMON_NS / 4 * u64::from(self.rand.below(4));
        self.next_round = sched.now().saturating_add(self.pace).saturating_add(late);
    }

    /// Hands what the system's poller brought to the M that sleeps in it, if one does.
    pub(super) fn give_poller(&mut self, mut ready: Vec<Waker>) -> Option<Vec<Waker>> {
        for slot in &mut self.ms {
            let Slot::Here(vm) = slot else { continue };
            if matches!(vm.phase, Phase::InPoller(_)) {
                vm.local.ready.append(&mut ready);
                vm.woken = true;
                return None;
            }
        }
        Some(ready)
    }
}

impl Next {
    fn ns(self) -> u64 {
        match self {
            Next::Timer(at) | Next::Exact(at) => at,
        }
    }
}

fn can_go_on(sched: &Sched, vm: &mut Vm, timers_now: u64) -> bool {
    match vm.phase {
        Phase::Parked => vm.m.note.is_notified(),
        Phase::InPoller(_) => {
            vm.woken |= sched.netpoll().take_wake();
            vm.woken || vm.until <= timers_now || sched.is_closed()
        }
        _ => true,
    }
}
