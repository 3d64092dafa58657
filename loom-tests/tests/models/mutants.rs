//! Each model fails when the bug that it is there for is seeded.

use asupersync_core::mutants::Mutant;
use asupersync_loom_tests::explore::catches;

/// One test per seeded bug: `name: model, mutant, what the model says`.
macro_rules! caught {
    ($($name:ident: $model:literal, $mutant:ident, $says:literal;)*) => {
        const CAUGHT: &[Mutant] = &[$(Mutant::$mutant),*];
        $(
            #[test]
            fn $name() {
                catches($model, Mutant::$mutant, $says);
            }
        )*
    };
}

#[test]
fn every_bug_that_takes_two_threads_is_caught() {
    let missed: Vec<_> = Mutant::ALL
        .iter()
        .filter(|mutant| mutant.only_loom() && !CAUGHT.contains(mutant))
        .collect();
    assert!(missed.is_empty(), "no model catches {missed:?}");
}

caught! {
    spawn_after_close: "gate::spawn_vs_close", SpawnAfterClose, "two were the last";
    gate_looks_then_adds: "gate::spawn_vs_close", GateLooksThenAdds, "two were the last";
    shard_ignores_close: "gate::fold_vs_last_out", ShardIgnoresClose, "the last";
    fold_unbiased: "gate::fold_vs_children_of_the_first_word", FoldUnbiased, "the last";
    gate_exit_relaxed: "gate::last_out_sees_everything", GateExitRelaxed, "last words are missing";
    wake_while_polling_lost: "header::wake_vs_poll", WakeWhilePollingLost, "a wake was lost";
    wake_relaxed: "header::wake_vs_poll", WakeRelaxed, "a wake was lost";
    pending_looks_then_lets_go: "header::wake_vs_poll", PendingLooksThenLetsGo, "a wake was lost";
    join_waker_not_taken_back: "header::complete_vs_join", JoinWakerNotTakenBack, "two owners";
    handle_looks_then_lets_go: "header::complete_vs_handle_drop", HandleLooksThenLetsGo, "exactly one owner";
    reference_drop_relaxed: "header::last_reference_frees", ReferenceDropRelaxed, "freed while still in use";
    cancel_misses_idle: "cancel::enrol_vs_cancel", CancelMissesIdle, "deadlock";
    enrol_looks_first: "cancel::enrol_vs_cancel", EnrolLooksFirst, "deadlock";
    spawn_after_cancel: "cancel::spawn_vs_shutdown", SpawnAfterClose, "a task outlives the root region";
    cancel_misses_child: "cancel::cancel_vs_region_opening", CancelMissesChild, "deadlock";
    news_while_polling_lost: "cancel::cancel_vs_region_opening", NewsWhilePollingLost, "deadlock";
    told_before_reason: "cancel::task_cancel_vs_poll", ToldBeforeReason, "deadlock";
    end_ignores_teller: "cancel::end_vs_telling", EndIgnoresTeller, "told after its end";
    mask_leaky: "mask::mask_vs_cancel", MaskLeaky, "a mask lets a request through";
    mask_swallows_news: "mask::mask_vs_cancel", NewsWhilePollingLost, "deadlock";
    dropped_region_forgets: "adopt::dropped_region_vs_spawn", DroppedRegionForgets, "deadlock";
    adoption_uncounted: "adopt::dropped_region_vs_spawn", AdoptionUncounted, "closed before what was left in it";
    adopt_looks_then_closes: "adopt::dropped_region_vs_spawn", AdoptLooksThenCloses, "closed before what was left in it";
    commit_looks_then_delivers: "permit::commit_vs_receiver_drop", CommitLooksThenDelivers, "a delivered value goes with the receiver";
    commit_leaves_ledger_first: "permit::commit_vs_revoke", CommitLeavesLedgerFirst, "after the region's close";
    abort_keeps_slot: "permit::abort_vs_reserve", AbortKeepsSlot, "deadlock";
    acquire_not_rechecked: "permit::abort_vs_reserve", WaitNotRechecked, "deadlock";
    refusal_not_rechecked: "permit::receiver_drop_vs_reserve", WaitNotRechecked, "deadlock";
    last_sender_not_rechecked: "permit::last_sender_vs_recv", WaitNotRechecked, "deadlock";
    take_looks_first: "permit::two_senders_vs_one_slot", TakeLooksFirst, "takes exactly one value";
    give_looks_first: "permit::recv_vs_reserve", GiveLooksFirst, "deadlock";
    oneshot_looks_then_delivers: "oneshot::send_vs_receiver_drop", CommitLooksThenDelivers, "a delivered value is left behind";
    seat_not_rechecked: "oneshot::send_vs_recv", WaitNotRechecked, "deadlock";
    slot_waker_not_taken_back: "oneshot::send_vs_second_poll", SlotWakerNotTakenBack, "Causality violation";
    slot_looks_then_goes: "oneshot::send_vs_second_poll", SlotLooksThenGoes, "leak";
    sender_drop_not_rechecked: "oneshot::sender_drop_vs_recv", WaitNotRechecked, "deadlock";
    ring_push_relaxed: "steal::first_push_vs_steal", RingPushRelaxed, "a slot between head and tail is full";
    ring_pop_looks_then_moves: "steal::pop_vs_steal", RingPopLooksThenMoves, "panicked";
    nearest_forgotten_last: "timer::set_vs_rest", NearestForgottenLast, "a timer was forgotten";
    wake_unfenced: "steal::push_vs_searcher", WakeUnfenced, "deadlock";
    last_searcher_leaves: "steal::two_pushes_two_drivers", LastSearcherLeaves, "deadlock";
    ready_looks_first: "reactor::news_vs_wait", ReadyLooksFirst, "deadlock";
    news_forgotten: "reactor::news_vs_attempt", NewsForgotten, "deadlock";
    leave_forgets_others: "reactor::leave_vs_news", LeaveForgetsOthers, "deadlock";
    stale_key_accepted: "reactor::late_event_vs_next_owner", StaleKeyAccepted, "news of another socket";
    sleep_looks_first: "sleep::push_vs_sleep", SleepLooksFirst, "deadlock";
    second_push_sleep_looks_first: "sleep::two_pushes_vs_sleep", SleepLooksFirst, "deadlock";
    sleep_unordered: "sleep::push_vs_sleep", SleepUnordered, "deadlock";
    abandon_ignores_sweep: "sweep::wake_vs_driver_drop", AbandonIgnoresSweep, "the cell of a swept task is never freed";
    force_timer_kept: "timer::set_vs_end", ForceTimerKept, "a timer outlives its task";
    later_force_timer_wins_task: "timer::two_cancels_of_a_task", LaterForceTimerWins, "the weaker request's time counts";
    later_force_timer_wins_region: "timer::two_cancels_of_a_region", LaterForceTimerWins, "the weaker request's time counts";
    retire_looks_away: "blocking::submit_vs_retire", RetireLooksAway, "a job is stranded";
    rest_looks_first: "pool::spawn_vs_rest", RestLooksFirst, "deadlock";
    stop_looks_first: "pool::spawn_vs_shutdown_with_a_worker", StopLooksFirst, "deadlock";
    last_end_untold: "pool::wake_vs_shutdown_with_a_worker", LastEndUntold, "deadlock";
    pinned_unseen: "pool::pinned_wake_vs_rest", PinnedUnseen, "deadlock";
    pinned_wakes_anybody: "pool::pinned_wake_of_two", PinnedWakesAnybody, "deadlock";
    pool_admits_after_close: "pool::spawn_vs_shutdown", SpawnAfterClose, "a task outlives the root region";
    pool_shard_ignores_close: "pool::spawn_vs_shutdown_with_a_worker", ShardIgnoresClose, "a task outlives the root region";
    submit_looks_first: "blocking::submit_vs_stop", SubmitLooksFirst, "a job was begun after the stop";
}
