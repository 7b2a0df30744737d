//! Stand-in until the scheduler's own context arrives.

use std::cell::RefCell;
use std::sync::Arc;

use super::netpoll::Netpoll;

#[derive(Clone, Debug)]
pub(crate) struct SchedRef(Arc<Netpoll>);

thread_local! {
    static CURRENT: RefCell<Option<SchedRef>> = const { RefCell::new(None) };
}

impl SchedRef {
    pub(crate) fn netpoll(&self) -> &Netpoll {
        &self.0
    }

    pub(crate) fn for_test(netpoll: Netpoll) -> SchedRef {
        SchedRef(Arc::new(netpoll))
    }

    pub(crate) fn enter_for_test(&self) {
        CURRENT.with(|c| *c.borrow_mut() = Some(self.clone()));
    }

    pub(crate) fn leave_for_test() {
        CURRENT.with(|c| *c.borrow_mut() = None);
    }
}

#[track_caller]
pub(crate) fn current_or_panic() -> SchedRef {
    match CURRENT.with(|c| c.borrow().clone()) {
        Some(sched) => sched,
        None => panic!(
            "there is no reactor running, must be called from the context of a Tokio 1.x runtime"
        ),
    }
}
