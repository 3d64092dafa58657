//! The demo: its reader refuses what is not an order, its ledger notices what is not right, and the
//! pipeline loses nothing, in real time and under seeds.

use asupersync_conformance::demo::carrier::Carrier;
use asupersync_conformance::demo::column::Column;
use asupersync_conformance::demo::host::{self, InputError, on_std};
use asupersync_conformance::demo::lab::{in_lab, in_lab_twice};
use asupersync_conformance::demo::ledger::{Discrepancy, Entry, Rejection, Tally, Verdict, audit};
use asupersync_conformance::demo::orders::{BadLine, Flaw, Order, read};
use asupersync_conformance::demo::picture;
use asupersync_conformance::demo::report::{number, table, uneventful};
use asupersync_conformance::demo::run::{Input, Run};

const FILE: &str = "origin,destination,count\nABE,ATL,853\nABE,BHM,1\nABE,CLE,805\n";

fn input() -> Input {
    host::read(&host::path()).expect("the repository has its data")
}

fn three_orders() -> [Order; 3] {
    read(FILE)
        .expect("three good lines")
        .try_into()
        .expect("three")
}

fn acknowledged(order: Order) -> Entry {
    Entry {
        order,
        verdict: Verdict::Acknowledged(Carrier::North),
    }
}

// ---------------------------------------------------------------- the input

#[test]
fn the_data_is_what_its_readme_says() {
    let input = input();
    let orders = input.all().orders;
    assert_eq!((input.all().ids, orders.len()), (1..5_367, 5_366));
    let parcels = orders.iter().map(|order| u64::from(order.parcels));
    assert_eq!(parcels.sum::<u64>(), 7_009_728);
    assert!((1..).zip(orders).all(|(id, order)| order.id == id));
}

#[test]
fn an_order_reads_back_as_its_line() {
    let lines = FILE.lines().skip(1);
    assert!(
        lines
            .zip(three_orders())
            .all(|(line, order)| line == order.to_string())
    );
}

#[test]
fn a_bad_line_is_an_error_that_names_it() {
    let parcels = |text: &str| Flaw::Parcels(text.into());
    let airport = |text: &str| Flaw::Airport(text.into());
    for (line, flaw) in [
        ("", Flaw::Fields(1)),
        ("ABE,ATL", Flaw::Fields(2)),
        ("ABE,ATL,1,", Flaw::Fields(4)),
        ("ABE,ATL,0", parcels("0")),
        ("ABE,ATL,01", parcels("01")),
        ("ABE,ATL,+1", parcels("+1")),
        ("ABE,ATL,-1", parcels("-1")),
        ("ABE,ATL,1.5", parcels("1.5")),
        ("ABE,ATL, 1", parcels(" 1")),
        ("ABE,ATL,", parcels("")),
        ("ABE,ATL,4294967296", parcels("4294967296")),
        ("ABE,ATL,\u{661}", parcels("\u{661}")),
        ("abe,ATL,1", airport("abe")),
        (",ATL,1", airport("")),
        ("ABE,ATLX,1", airport("ATLX")),
        ("AB\u{e9},ATL,1", airport("AB\u{e9}")),
        ("ABE,CLE,7", Flaw::Repeated(3)),
    ] {
        let found = read(&format!("{FILE}{line}\n"));
        assert_eq!(found, Err(BadLine { line: 5, flaw }), "{line:?}");
    }
    let largest = read(&format!("{FILE}ABE,JFK,4294967295\n"));
    assert!(largest.is_ok_and(|orders| orders[3].parcels == u32::MAX));
}

#[test]
fn a_file_without_its_header_is_refused() {
    for text in [
        "",
        "\n",
        "ABE,ATL,853\n",
        "origin,destination\n",
        "\u{feff}origin,destination,count",
    ] {
        let bad = read(text).expect_err(text);
        assert!(
            matches!(
                bad,
                BadLine {
                    line: 1,
                    flaw: Flaw::Header(_)
                }
            ),
            "{bad}"
        );
    }
    assert_eq!(
        read("origin,destination,count"),
        Ok(Vec::new()),
        "no orders are no error"
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = host::read("no/such/file.csv".as_ref()).expect_err("there is none");
    assert!(matches!(&error, InputError::File { .. }));
    assert_eq!(error.to_string(), "cannot read no/such/file.csv");
}

#[test]
fn cuts_go_round_the_whole_file() {
    let input = input();
    for (seed, ids) in [(0, 1..1_001), (5, 5_001..5_367), (6, 1..1_001)] {
        let cut = input.cut(seed, 1_000);
        assert!(
            cut.orders.iter().map(|order| order.id).eq(ids.clone()),
            "seed {seed}"
        );
        assert_eq!(cut.ids, ids, "seed {seed}");
    }
    assert_eq!(input.cut(u64::MAX, u32::MAX).ids, 1..5_367);
    assert_eq!(input.cut(0, 0).ids, 1..2, "a cut has at least one record");
}

// ---------------------------------------------------------------- the ledger

#[test]
fn a_right_ledger_is_counted_by_verdict() {
    let [a, b, c] = three_orders();
    let forced = Entry {
        order: c,
        verdict: Verdict::Rejected(Rejection::Forced),
    };
    // The order of entries says nothing.
    let tally = audit(FILE, 1..4, &[forced, acknowledged(b), acknowledged(a)]).expect("all there");
    let mut expected = Tally::default();
    (expected.acknowledged, expected.forced) = (2, 1);
    assert_eq!((tally, tally.total()), (expected, 3));
}

#[test]
fn a_loss_a_duplicate_a_stranger_and_a_change_are_noticed() {
    let [a, b, c] = three_orders();
    let [a, b, c] = [a, b, c].map(acknowledged);
    let wrong = |entries: &[Entry]| audit(FILE, 1..4, entries).expect_err("something is wrong");
    assert_eq!(wrong(&[a, c]), [Discrepancy::Lost(2)]);
    assert_eq!(wrong(&[a, b, c, b]), [Discrepancy::Duplicate(2)]);
    assert_eq!(
        wrong(&[a, b, b]),
        [Discrepancy::Duplicate(2), Discrepancy::Lost(3)]
    );

    let mut stranger = c;
    stranger.order.id = 9;
    assert_eq!(wrong(&[a, b, c, stranger]), [Discrepancy::Unknown(9)]);
    stranger.order.id = 0;
    assert_eq!(
        wrong(&[a, b, c, stranger]),
        [Discrepancy::Unknown(0)],
        "the header is no record"
    );
    let outside = audit(FILE, 1..3, &[a, b, c]).expect_err("3 was not given");
    assert_eq!(outside, [Discrepancy::Unknown(3)]);

    let mut changed = c;
    changed.order.parcels += 1;
    let altered = Discrepancy::Altered {
        id: 3,
        file: "ABE,CLE,805".into(),
        ledger: "ABE,CLE,806".into(),
    };
    assert_eq!(wrong(&[a, b, changed]), [altered]);
}

// ---------------------------------------------------------------- the pipeline

fn lab_runs(seeds: u64) -> Vec<Run> {
    let input = input();
    (0..seeds).map(|seed| in_lab(&input, seed, 64)).collect()
}

/// Twice each: not a record is lost, not an oracle complains, and both runs are the same.
// proves: R-OBL-1 R-CAN-3 R-CAN-4 R-REG-3 PO-OBL PO-OWN RP-CANCEL-001 RP-CANCEL-002 RP-OBL-001 RP-DET-001
#[test]
fn twenty_seeds_lose_no_record() {
    let input = input();
    for seed in 0..20 {
        let (run, trace) = in_lab_twice(&input, seed, 64);
        assert_eq!(run.wrong, [""; 0], "seed {seed}");
        assert_eq!((run.records, run.tally.total()), (64, 64), "seed {seed}");
        assert!(trace.is_some());
    }
}

// proves: R-CAN-4 R-CAN-6 RP-CANCEL-002 RP-TIME-001
#[test]
fn a_hundred_seeds_see_everything_that_can_happen() {
    let runs = lab_runs(100);
    assert!(runs.iter().all(|run| run.wrong.is_empty()));
    assert_eq!(uneventful(&runs), [""; 0]);
    let mut fingerprints: Vec<_> = runs.iter().map(|run| run.fingerprint).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 100, "each seed is another schedule");
}

/// The same program on the host's clock: what takes how long is left to chance, the account is not.
// proves: R-OBL-1 R-CAN-4 R-CAN-7 PO-OBL
#[test]
fn real_time_loses_no_record_of_the_whole_file() {
    let run = on_std(&input());
    assert_eq!(run.wrong, [""; 0]);
    assert_eq!((run.records, run.tally.total()), (5_366, 5_366));
    assert!(run.tally.acknowledged > 0 && run.batches.recalled > 0 && run.batches.overdue > 0);
}

// ---------------------------------------------------------------- the report

#[test]
fn a_hundred_seeds_without_a_force_are_reported() {
    let mut runs = lab_runs(1);
    runs[0].tally.cancelled = 1;
    runs[0].tally.timed_out = 1;
    runs[0].tally.forced = 0;
    let mut hundreds = vec![runs[0].clone(); 250];
    hundreds[7].tally.forced = 1;
    assert_eq!(uneventful(&hundreds), ["seeds 100 to 199 saw no force"]);
}

#[test]
fn a_wrong_run_shows_in_the_table_with_its_seed() {
    let mut runs = lab_runs(2);
    runs[1].wrong.push("record 7 is lost".into());
    let column = Column::new("lab", &runs);
    assert_eq!(column.wrong(), [(Some(1), "record 7 is lost".into())]);
    let table = table(&[column]).to_string();
    assert!(
        table.contains("1 wrong") && table.contains("2 of 2"),
        "{table}"
    );
}

#[test]
fn numbers_are_grouped() {
    let grouped = [0, 999, 1_000, 12_345, 1_234_567].map(number);
    assert_eq!(grouped, ["0", "999", "1,000", "12,345", "1,234,567"]);
}

#[test]
fn the_picture_names_tasks_by_what_they_do() {
    let (_, trace) = in_lab_twice(&input(), 0, 16);
    let picture = picture::draw(&trace.expect("captured"));
    for name in [
        "\"main\"",
        "\"clerk\"",
        "\"batch of 1\"",
        "\"batch of 1, worker 3\"",
    ] {
        assert!(picture.contains(name), "{name}");
    }
}
