//! Who am I?

mod support;

use std::collections::HashSet;
use std::sync::mpsc::channel;

use gmp::task::{id, try_id, Id};
use support::*;

#[test]
fn outside_of_a_task_there_is_none() {
    const TEXT: &str = "Can't get a task id when not inside a task";
    assert!(try_id().is_none());
    assert_eq!(panic_text(id), TEXT);
    for runtime in flavours() {
        runtime.block_on(async {
            assert!(try_id().is_none());
            assert_eq!(panic_text(id), TEXT);
        });
        let _guard = runtime.enter();
        assert!(try_id().is_none());
    }
}

#[test]
fn a_task_knows_its_id() {
    for runtime in flavours() {
        let task = runtime.spawn(async {
            let first = id();
            gmp::task::yield_now().await;
            assert_eq!(first, id());
            assert_eq!(try_id(), Some(first));
            first
        });
        let handle_says = task.id();
        assert_eq!(runtime.block_on(task).unwrap(), handle_says);
    }
}

#[test]
fn a_closure_knows_its_id() {
    for runtime in flavours() {
        let closure = runtime.spawn_blocking(id);
        let handle_says = closure.id();
        assert_eq!(runtime.block_on(closure).unwrap(), handle_says);
    }
}

#[test]
fn block_in_place_is_the_same_task_and_block_on_in_it_is_none() {
    let runtime = threaded(2);
    let handle = runtime.handle().clone();
    runtime.block_on(async {
        gmp::spawn(async move {
            let me = id();
            gmp::task::block_in_place(|| {
                assert_eq!(id(), me);
                handle
                    .block_on(async { gmp::spawn(async move { assert_ne!(id(), me) }).await })
                    .unwrap();
            });
            assert_eq!(id(), me);
        })
        .await
        .unwrap();
    });
}

#[test]
fn drops_know_whose_they_are() {
    struct Tell(std::sync::mpsc::Sender<Option<Id>>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _nobody_listens = self.0.send(try_id());
        }
    }
    for runtime in flavours() {
        let (tx, rx) = channel();
        // The future's drop, by abort.
        let tell = Tell(tx.clone());
        let task = runtime.spawn(async move {
            let _tell = tell;
            std::future::pending::<()>().await;
        });
        let id = task.id();
        task.abort();
        runtime.block_on(task).unwrap_err();
        assert_eq!(rx.recv().unwrap(), Some(id));
        // The output's drop, by a detached task.
        let tell = Tell(tx.clone());
        let task = runtime.spawn(async move { tell });
        let id = task.id();
        drop(task);
        runtime.block_on(async {
            let told = loop {
                match rx.try_recv() {
                    Ok(told) => break told,
                    Err(_) => gmp::task::yield_now().await,
                }
            };
            assert_eq!(told, Some(id));
        });
        // The future's drop, by the end of the runtime.
        let tell = Tell(tx);
        let task = runtime.spawn(async move {
            let _tell = tell;
            std::future::pending::<()>().await;
        });
        drop(runtime);
        assert_eq!(rx.recv().unwrap(), Some(task.id()));
    }
}

#[test]
fn ids_differ_across_runtimes_and_threads() {
    let mut all = HashSet::new();
    for runtime in flavours() {
        for _ in 0..500 {
            assert!(all.insert(runtime.spawn(async {}).id()));
        }
        runtime.block_on(async {
            for _ in 0..500 {
                assert!(all.insert(gmp::spawn(async {}).id()));
            }
            gmp::spawn(async { (0..500).map(|_| gmp::spawn(async {}).id()).collect::<Vec<_>>() })
                .await
                .unwrap()
                .into_iter()
                .for_each(|id| assert!(all.insert(id)));
        });
    }
    let text = all.iter().next().unwrap().to_string();
    assert!(text.parse::<u64>().is_ok(), "{text}");
}
