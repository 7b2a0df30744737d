//! The cases of the suite, by area. A case whose name begins with one letter and a line (`w_double`) tries
//! the hazard of that name; see `hazards.txt`.
//!
//! Each is a function that panics when the executor fails. The list of all is at the end of this file, in
//! one macro: the tests, the table and the check of exceptions come from it.

pub mod abort;
pub mod blocking;
pub mod drops;
pub mod fairness;
pub mod panics;
pub mod reentrancy;
pub mod spawning;
pub mod stopping;
pub mod timers;
pub mod wake;

use crate::kit::{Case, Harness};

/// All cases, for one executor.
pub fn all<H: Harness>() -> Vec<Case<H>> {
    crate::__cases!(__cases_as_list H)
}

/// Makes a `#[test]` of each case of the suite, in a module of this name, for one [`Harness`].
///
/// ```no_run
/// # mod sketch {
/// use gmp::runtime::{Handle, Runtime};
/// use gmp_executor_tests::kit::Harness;
///
/// struct Mine(Runtime);
///
/// impl Harness for Mine {
///     type Executor = Handle;
///
///     fn start() -> Mine {
///         Mine(Runtime::new().expect("a runtime"))
///     }
///
///     fn executor(&self) -> Handle {
///         self.0.handle().clone()
///     }
///
///     fn workers() -> usize {
///         1
///     }
/// }
///
/// gmp_executor_tests::suite!(mine, Mine);
/// # }
/// ```
#[macro_export]
macro_rules! suite {
    ($name:ident, $harness:ty) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            type Tested = $harness;

            $crate::__cases!(__cases_as_tests);

            #[test]
            fn lacks_what_it_says() {
                $crate::kit::check_lacks::<Tested>();
            }

            #[test]
            fn exceptions_are_cases() {
                $crate::kit::check_exceptions::<Tested>(&$crate::cases::all());
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __cases_as_list {
    ([$harness:ty] $($area:ident { $($case:ident [$($need:ident)*])* })*) => {
        vec![$($($crate::kit::Case::<$harness> {
            area: stringify!($area),
            name: stringify!($case),
            needs: &[$($crate::kit::Ability::$need),*],
            run: $crate::cases::$area::$case::<$harness>,
        }),*),*]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __cases_as_tests {
    ([] $($area:ident { $($case:ident [$($need:ident)*])* })*) => {$(
        mod $area {
            use super::Tested;
            $(
                #[test]
                fn $case() {
                    let case = $crate::kit::Case::<Tested> {
                        area: stringify!($area),
                        name: stringify!($case),
                        needs: &[$($crate::kit::Ability::$need),*],
                        run: $crate::cases::$area::$case::<Tested>,
                    };
                    let path = concat!(module_path!(), "::", stringify!($case));
                    // The test's own name begins after the crate's.
                    let test = path.split_once("::").map_or(path, |(_, test)| test);
                    $crate::kit::run(&case, test);
                }
            )*
        }
    )*};
}

/// The list. Calls `$emit!([$($extra)*] area { case [Needs]… }…)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __cases {
    ($emit:ident $($extra:tt)*) => {
        $crate::$emit! {
            [$($extra)*]
            spawning {
                output_comes_back []
                never_polled_inside_spawn []
                t_handle_dropped []
                t_handle_forgotten []
                from_a_task []
                from_foreign_threads []
                before_block_on []
                many []
                a_long_chain []
                a_tree []
                odd_sizes []
                is_finished []
                t_join_register_two_wakers []
                joined_from_elsewhere []
                output_that_nobody_takes []
                dropped_before_the_handle_answers []
                block_on_is_at_home []
                block_on_again_and_again []
                block_on_from_many_threads []
                beside_tasks_that_wait_for_ever []
            }
            wake {
                w_while_running []
                w_while_running_from_elsewhere []
                w_self_by_ref []
                w_self_by_val []
                w_double []
                w_between_pending_and_idle []
                w_foreign_thread []
                in_a_ring []
                by_a_waker_of_an_earlier_poll []
                clones_and_drops_are_silent []
                w_after_complete []
                w_last_ref []
                w_waker_leaked [Shutdown]
                w_waker_in_own_future [Shutdown]
                w_join_cycle [Shutdown]
                w_waker_outlives_runtime [Shutdown]
                while_stopping [Shutdown]
                t_wake_never_drops_inline []
                of_block_on []
                of_a_block_on_that_is_over []
                t_schedule_reentrant []
                of_a_handle_once []
                nobody_woke_nobody_polls []
            }
            abort {
                t_abort_queued [Abort]
                t_abort_waiting [Abort]
                t_abort_running [Abort]
                t_abort_running_that_completes [Abort]
                t_abort_done [Abort]
                abort_itself [Abort]
                t_abort_foreign [Abort]
                t_abort_then_drop_handle [Abort]
                again_and_again [Abort]
                a_waiter_learns_of_it [Abort]
                in_the_middle_of_wakes [Abort]
                from_a_drop [Abort]
                a_storm [Abort]
            }
            panics {
                p_poll [Panics]
                p_poll_without_a_handle [Panics]
                p_poll_often [Panics]
                p_future_drop [Abort Panics]
                p_future_drop_at_its_end [Panics]
                p_output_drop [Panics]
                p_payload_drop [Panics]
                p_wake [Panics]
                p_waker_drop [Panics]
                p_in_block_on [Panics]
                at_stop [Panics Shutdown]
                with_handles_of_others [Abort Panics]
            }
            drops {
                e_each_dropped_once [Abort Shutdown]
                t_spawn_in_drop [Abort]
                e_spawn_while_closing [Shutdown]
                t_wake_in_drop [Abort Shutdown]
                e_shutdown_drop_locks [Shutdown]
                t_drop_before_first_poll [Shutdown]
                drop_chain_of_handles [Shutdown]
                in_order [Abort]
                at_the_end_of_the_task []
            }
            fairness {
                f_yield_fair []
                a_newcomer_among_yielders []
                q_global_starved []
                q_local_starved []
                q_runnext_pingpong []
                a_task_that_is_always_ready []
                the_root_among_yielders []
                a_foreign_wake_among_yielders []
                timer_among_yielders [Timers]
                beside_blocked_workers [Parallel]
                q_runnext_stranded [Parallel]
                all_workers_at_once [Parallel]
            }
            blocking {
                output_comes_back [Blocking]
                holds_up_no_task [Blocking]
                beside_each_other [Blocking]
                many [Blocking]
                panics [Blocking Panics]
                spawns_and_blocks_on [Blocking]
                abort_after_the_start [Blocking Abort]
                without_a_handle [Blocking]
                from_anywhere [Blocking]
                wakes_a_task [Blocking]
            }
            timers {
                x_never_early [Timers]
                in_a_task [Timers]
                zero [Timers]
                x_timer_max [Timers]
                many [Timers]
                in_order [Timers]
                x_timer_nearer [Timers]
                dropped [Timers]
                wakes_the_last_waker [Timers]
                from_task_to_task [Timers]
                polled_from_elsewhere [Timers]
                x_timer_drop_elsewhere [Timers Shutdown]
                of_an_aborted_task [Timers Abort]
                races [Timers]
                x_timer_under_load [Timers Parallel]
            }
            stopping {
                drops_what_waits [Shutdown]
                outputs_outlive_it [Shutdown]
                waiters_are_woken [Shutdown]
                spawn_afterwards [Shutdown]
                spawn_blocking_afterwards [Blocking Shutdown]
                while_others_spawn [Shutdown]
                waits_for_a_poll [Shutdown]
                spawners_without_end [Shutdown]
                yielders_without_end [Shutdown]
                with_timers [Timers Shutdown]
                create_and_drop [Shutdown]
                never_used [Shutdown]
                on_another_thread [Shutdown]
                beside_another [Shutdown]
                lets_wakers_go [Shutdown]
            }
            reentrancy {
                m_foreign_block_on []
                m_nested_block_on []
                block_on_in_block_on []
                two_executors_wait_for_each_other []
                m_tls_destructors []
                handles_inside_of_tasks [Shutdown]
                behind_pointers [Abort]
            }
        }
    };
}
