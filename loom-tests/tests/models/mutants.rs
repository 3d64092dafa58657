//! Each model fails when the bug that it is there for is seeded.

use asupersync_core::mutants::Mutant;
use asupersync_loom_tests::explore::catches;

/// One test per seeded bug: `name: model, mutant, what the model says`.
macro_rules! caught {
    ($($name:ident: $model:literal, $mutant:ident, $says:literal;)*) => {
        $(
            #[test]
            fn $name() {
                catches($model, Mutant::$mutant, $says);
            }
        )*
    };
}

caught! {
    spawn_after_close: "gate::spawn_vs_close", SpawnAfterClose, "the last went out before this child";
    gate_looks_then_adds: "gate::spawn_vs_close", GateLooksThenAdds, "the last went out before this child";
    gate_exit_relaxed: "gate::last_out_sees_everything", GateExitRelaxed, "last words are missing";
    wake_while_polling_lost: "header::wake_vs_poll", WakeWhilePollingLost, "a wake was lost";
    wake_relaxed: "header::wake_vs_poll", WakeRelaxed, "a wake was lost";
    pending_looks_then_lets_go: "header::wake_vs_poll", PendingLooksThenLetsGo, "a wake was lost";
    join_waker_not_taken_back: "header::complete_vs_join", JoinWakerNotTakenBack, "two owners";
    handle_looks_then_lets_go: "header::complete_vs_handle_drop", HandleLooksThenLetsGo, "exactly one owner";
    reference_drop_relaxed: "header::last_reference_frees", ReferenceDropRelaxed, "freed while still in use";
}
