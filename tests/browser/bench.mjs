// The job that measures the pump beside wasm-bindgen-futures: the same work in one page, round by round, as ratios.

import { connect } from "../../platform-browser/js/host.mjs";

const ROUNDS = 15;
const WARM_UP = 3;
/** The work; how often; the most that ours may take of the peer's time, where there is a bar. */
const WORK = [
  { name: "self-wake", run: "run_self_wake", times: 200_000, peerTimes: 20_000, bar: 0.03 },
  // A cancellation point as well; the peer has none, and no yield, so it wakes itself.
  { name: "(yield_now)", run: "run_yield", peerRun: "run_self_wake", times: 200_000, peerTimes: 20_000 },
  { name: "ping-pong of two tasks", run: "run_ping_pong", times: 100_000, peerTimes: 10_000, bar: 0.05 },
  { name: "spawn 100k trivial tasks", run: "run_spawn", times: 100_000, peerTimes: 100_000, bar: 1.0 },
];

async function ours() {
  let ended;
  const host = connect();
  const bench = { done: (count) => ended(count) };
  const source = fetch("/modules/ours");
  const { instance } = await WebAssembly.instantiateStreaming(source, { bench, asupersync: host.imports });
  host.attach(instance.exports);
  return { app: instance.exports, onEnd: (then) => (ended = then) };
}

async function peer() {
  const app = await import("/modules/peer/peer.js");
  await app.default();
  return { app, onEnd: (then) => (globalThis.benchDone = then) };
}

/** Nanoseconds per operation of one run. */
async function measure({ app, onEnd }, run, times) {
  const end = new Promise(onEnd);
  const began = performance.now();
  app[run](times);
  const count = await end;
  if (count !== times) {
    throw new Error(`${run} counted ${count} instead of ${times}`);
  }
  return ((performance.now() - began) * 1e6) / times;
}

const middle = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

export async function run(print) {
  const [us, them] = [await ours(), await peer()];
  let missed = 0;
  for (const { name, run, peerRun = run, times, peerTimes, bar } of WORK) {
    const [mine, theirs, ratios] = [[], [], []];
    for (let round = -WARM_UP; round < ROUNDS; round += 1) {
      const ns = await measure(us, run, times);
      const peerNs = await measure(them, peerRun, peerTimes);
      // A macrotask between rounds, so that none inherits the slice of another.
      await new Promise((resolve) => setTimeout(resolve));
      if (round >= 0) {
        mine.push(ns);
        theirs.push(peerNs);
        ratios.push(ns / peerNs);
      }
    }
    const [own, other, ratio] = [mine, theirs, ratios].map(middle);
    missed += ratio > bar ? 1 : 0;
    const verdict = bar === undefined ? "no bar" : `bar ${bar} ${ratio > bar ? "missed" : "met"}`;
    print(
      `${name}: ${own.toFixed(1)} ns (best ${Math.min(...mine).toFixed(1)}); wasm-bindgen-futures ${other.toFixed(1)} ns ` +
        `(best ${Math.min(...theirs).toFixed(1)}); ratio ${ratio.toFixed(3)}, ${verdict}`,
    );
  }
  return { passed: true, summary: `${missed} bars missed` };
}
