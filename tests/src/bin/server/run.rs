//! The run that judges the service: a server and its clients, each a process of its own.
//!
//! In this order: wrk asks for quotes; many clients stream; more clients come than may be served at once; SIGTERM comes
//! while wrk and paced streams are under way.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use comfy_table::{Table, presets};

use crate::service::REQUESTS_MAX;

/// How many quotes wrk asks for at once.
const LIMIT: &str = "20";

/// A process of this program, and what it prints.
struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// The numbers of a line of `name=number`.
type Figures = BTreeMap<String, u64>;

impl Process {
    fn start(args: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(args).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("piped")?;
        let lines = BufReader::new(out);
        Ok(Self { child, lines })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        ensure!(!line.is_empty(), "a process of the run ended early");
        Ok(line.trim().to_owned())
    }

    /// Its last line, as numbers; the process must have succeeded.
    fn end(mut self) -> Result<Figures> {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest)?;
        let status = self.child.wait()?;
        ensure!(
            status.success(),
            "a process of the run failed ({status}): {rest}"
        );
        let last = rest.lines().last().unwrap_or_default();
        let pairs = last
            .split_whitespace()
            .filter_map(|word| word.split_once('='));
        pairs
            .map(|(name, value)| Ok((name.to_owned(), value.parse()?)))
            .collect()
    }
}

impl Drop for Process {
    /// After an error nobody waited for it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What wrk saw.
struct Wrk {
    requests_per_second: String,
    p50: String,
    p99: String,
    requests: u64,
}

/// Starts wrk on the quotes.
fn wrk(at: &str, seconds: u32) -> Result<Child> {
    let url = format!("http://{at}/quotes?limit={LIMIT}");
    let mut command = Command::new("wrk");
    command.args(["-t2", "-c64", &format!("-d{seconds}s"), "--latency", &url]);
    let started = command.stdout(Stdio::piped()).spawn();
    started.context("wrk does not start: apt-get install wrk, or `cargo xtask setup`")
}

fn wrk_saw(wrk: Child) -> Result<Wrk> {
    let output = wrk.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let word = |before: &str, index: usize| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(before));
        let word = line.and_then(|line| line.split_whitespace().nth(index));
        word.map(str::to_owned)
            .with_context(|| format!("wrk printed no `{before}`: {text}"))
    };
    let requests = text.lines().find(|line| line.contains("requests in"));
    let requests = requests.and_then(|line| line.split_whitespace().next());
    Ok(Wrk {
        requests_per_second: word("Requests/sec:", 1)?,
        p50: word("50%", 1)?,
        p99: word("99%", 1)?,
        requests: requests.and_then(|word| word.parse().ok()).unwrap_or(0),
    })
}

/// Runs it all, and prints it; whether the ledger balances.
pub fn run(seconds: u32) -> Result<bool> {
    let mut server = Process::start(&["serve"])?;
    let listening = server.line()?;
    let at = listening
        .strip_prefix("listening ")
        .context("no address")?
        .to_owned();

    let quotes = wrk_saw(wrk(&at, seconds)?)?;
    let streams = Process::start(&["load", &at, "--streams", "75", "--sockets", "75"])?.end()?;
    let crowd = (REQUESTS_MAX + 50).to_string();
    let burst = Process::start(&["load", &at, "--streams", &crowd, "--pace", "20"])?.end()?;

    // Streams that would take seconds, and wrk in full swing, when the signal comes.
    let mut paced = Process::start(&[
        "load",
        &at,
        "--streams",
        "50",
        "--sockets",
        "50",
        "--pace",
        "50",
    ])?;
    let last = wrk(&at, 2)?;
    ensure!(paced.line()? == "begun", "the last clients did not begin");
    terminate(&server.child)?;
    let drained = paced.end()?;
    let ledger = server.end()?;
    let last = wrk_saw(last)?;

    let of = |figures: &Figures, name: &str| figures.get(name).copied().unwrap_or(0);
    let millis = |figures: &Figures, name: &str| format!("{:.1}ms", of(figures, name) as f64 / 1e3);
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["server", "answered", "shed", "requests/s", "p50", "p99"]);
    table.add_row([
        format!("/quotes, wrk, 64 connections, {seconds} s"),
        quotes.requests.to_string(),
        "0".into(),
        quotes.requests_per_second,
        quotes.p50,
        quotes.p99,
    ]);
    for (name, load) in [
        ("/stream and /ws, 75 each, the whole file", &streams),
        ("/stream, 50 more than are served at once", &burst),
        ("/stream and /ws, 50 each, SIGTERM in the middle", &drained),
    ] {
        table.add_row([
            name.to_owned(),
            of(load, "whole").to_string(),
            of(load, "shed").to_string(),
            String::new(),
            millis(load, "p50_us"),
            millis(load, "p99_us"),
        ]);
    }
    println!("{table}");
    let [accepted, answered, shed, gone, cut, open, leaked] = [
        "accepted", "answered", "shed", "gone", "cut", "open", "leaked",
    ]
    .map(|name| of(&ledger, name));
    println!(
        "ledger: {accepted} accepted = {answered} answered + {shed} shed + {gone} whose client left + {cut} cut off; \
         open {open}, leaked {leaked}; wrk had {} answers before the signal ended it",
        last.requests
    );
    let is_balanced = accepted == answered + shed + gone + cut && (open, leaked, cut) == (0, 0, 0);
    let wanted =
        of(&streams, "whole") == 150 && of(&drained, "whole") == 100 && of(&burst, "shed") > 0;
    if !is_balanced || !wanted {
        bail!("the ledger does not balance, or a client did not get what it was owed");
    }
    Ok(true)
}

fn terminate(child: &Child) -> Result<()> {
    let kill = format!("kill -TERM {}", child.id());
    let status = Command::new("sh").args(["-c", &kill]).status()?;
    ensure!(status.success(), "the signal was not sent");
    Ok(())
}
