//! The command line, end to end: files are written to and read from a directory of the test's own.

mod programs;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use asupersync_sim::cli::{self, Program};
use asupersync_sim::{Lab, LabReport};

const PROGRAMS: &[Program] = &[
    Program {
        name: "demo/pipeline",
        about: "two producers and a consumer",
        run: |lab| lab.run(programs::pipeline).map(drop),
    },
    Program {
        name: "demo/tree",
        about: "regions in regions, cancelled half-way",
        run: |lab| lab.run(programs::tree).map(drop),
    },
    Program {
        name: "demo/stuck",
        about: "waits for ever",
        run: stuck,
    },
];

fn stuck(lab: Lab) -> LabReport<()> {
    lab.run(async |_| {
        std::future::pending::<()>().await;
        Ok(())
    })
}

/// A directory that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("asupersync-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lab(arguments: &[&str]) -> (u8, String) {
    let arguments = ["lab"].iter().chain(arguments).map(OsString::from);
    let mut out = Vec::new();
    let code = cli::run(PROGRAMS, arguments, &mut out);
    (code, String::from_utf8(out).expect("text"))
}

#[test]
fn programs_are_listed() {
    let (code, text) = lab(&["list"]);
    assert_eq!(code, 0);
    assert_eq!(text.lines().count(), PROGRAMS.len());
    assert!(text.contains("demo/pipeline  two producers and a consumer\n"));
}

#[test]
fn a_run_is_recorded_replayed_shown_and_exported() {
    let folder = Folder::new("whole");
    for (name, strategy) in [("run.trace", "random"), ("run.jsonl", "lanes")] {
        let file = folder.file(name);
        let (code, text) = lab(&[
            "run",
            "demo/tree",
            "--seed",
            "5",
            "--strategy",
            strategy,
            "--chaos-delay",
            "100",
            "--chaos-cancel",
            "30",
            "--out",
            &file,
        ]);
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with("demo/tree, seed 5: clean\n"), "{text}");
        assert!(text.contains(&format!("or: lab replay {file}")), "{text}");

        let (code, text) = lab(&["replay", &file]);
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with("the same run, event by event\n"), "{text}");

        let (code, text) = lab(&["show", &file, "--events", "3"]);
        assert_eq!(code, 0, "{text}");
        assert!(
            text.contains("program      demo/tree\n") && text.contains("seed         5\n"),
            "{text}"
        );
        assert!(
            text.contains(&format!("strategy     {strategy}\n")),
            "{text}"
        );
        assert!(
            text.contains("chaos-delay  100\n") && text.contains("TaskSpawned"),
            "{text}"
        );

        for by in [&[][..], &["--by-time"]] {
            let picture = folder.file("picture.json");
            let mut arguments = vec!["export", "--perfetto", &picture];
            arguments.extend(by);
            arguments.push(&file);
            let (code, text) = lab(&arguments);
            assert_eq!(code, 0, "{text}");
            let json = fs::read_to_string(&picture).expect("it was written");
            assert!(json.starts_with("{\"displayTimeUnit\""));
        }
    }
}

#[test]
fn many_seeds_are_counted() {
    let (code, text) = lab(&["run", "demo/pipeline", "--seed", "10", "--seeds", "30"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("30 runs, "), "{text}");
    assert!(text.contains("demo/pipeline, seed 39: clean"), "{text}");
}

#[test]
fn a_failure_is_reported_and_can_be_replayed() {
    let folder = Folder::new("failure");
    let file = folder.file("stuck.trace");
    let (code, text) = lab(&["run", "demo/stuck", "--seeds", "5", "--out", &file]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.starts_with("1 runs, "),
        "the first failure ends the series: {text}"
    );
    for part in [
        "demo/stuck, seed 0: 1 violation\n",
        "violation 1: deadlock",
        "the body ended with: ",
        "because of Shutdown at 0ns by root",
        "to run it again: lab run demo/stuck --seed 0\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, text) = lab(&["replay", &file]);
    assert_eq!(code, 1);
    assert!(text.starts_with("the same run, event by event\n"), "{text}");
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason() {
    let folder = Folder::new("refusals");
    let (code, text) = lab(&["run", "demo/nothing"]);
    assert_eq!(
        (code, text.as_str()),
        (
            2,
            "lab: there is no program `demo/nothing`; `lab list` names them\n"
        )
    );
    assert_eq!(lab(&["run"]).0, 2);
    assert_eq!(lab(&[]).0, 2);
    assert_eq!(lab(&["--help"]).0, 0);
    assert_eq!(lab(&["replay", &folder.file("missing")]).0, 2);
    let damaged = folder.file("damaged");
    fs::write(&damaged, b"\x89AST\r\n").expect("written");
    for command in ["replay", "show"] {
        let (code, text) = lab(&[command, &damaged]);
        assert_eq!(code, 2);
        assert!(text.starts_with("lab: ") && text.contains("byte"), "{text}");
    }
    let report = Lab::new(0).run(programs::race);
    let unnamed = folder.file("unnamed");
    report
        .trace
        .expect("captured")
        .write_file(&unnamed)
        .expect("written");
    let (code, text) = lab(&["replay", &unnamed]);
    assert_eq!(code, 2);
    assert!(text.contains("names no program"), "{text}");
}
