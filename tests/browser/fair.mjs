// The job that tests fairness: while a task wakes itself without end, timers, frames and workers make progress.
//
// Counts and order are asserted, waits only reported: how long one takes is the machine's affair.

import { instantiate } from "../wasm/suites.mjs";

/** How often each of them has to come. */
const ROUNDS = 30;

/** What waits for the host, as functions that settle when it has come. */
function waits() {
  const worker = new Worker(new URL("./echo.mjs", import.meta.url), { type: "module" });
  const echo = () => new Promise((resolve) => {
    worker.onmessage = resolve;
    worker.postMessage("echo");
  });
  const all = {
    "setTimeout(0)": () => new Promise((resolve) => setTimeout(resolve)),
    "a worker's answer": echo,
  };
  // A worker has frames only where the engine lends it the page's.
  if (globalThis.requestAnimationFrame && globalThis.document) {
    all["an animation frame"] = () => new Promise((resolve) => requestAnimationFrame(resolve));
  }
  return { all, close: () => worker.terminate(), echo };
}

/** How long each of the rounds took, in milliseconds. */
async function repeat(wait) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    await wait();
    times.push(performance.now() - began);
  }
  return times;
}

function percentiles(times) {
  times.sort((a, b) => a - b);
  return `p50 ${times[ROUNDS >> 1].toFixed(1)} ms, max ${times[ROUNDS - 1].toFixed(1)} ms`;
}

export async function run(print) {
  const module = await WebAssembly.compileStreaming(fetch("/modules/kit"));
  const { exports: app } = await instantiate(module, print);
  const { all, close, echo } = waits();
  // The worker is there before its time counts.
  await echo();
  const idle = new Map();
  for (const [name, wait] of Object.entries(all)) {
    idle.set(name, percentiles(await repeat(wait)));
  }
  app.start_spin();
  const results = await Promise.all(Object.entries(all).map(async ([name, wait]) => {
    const before = app.polls();
    const busy = percentiles(await repeat(wait));
    print(`${name}: ${ROUNDS} times; waits ${busy}; in an idle page ${idle.get(name)}`);
    // The task, too, goes on meanwhile.
    return { name, polls: app.polls() - before };
  }));
  close();
  const starved = results.filter(({ polls }) => polls === 0).map(({ name }) => name);
  return {
    passed: starved.length === 0,
    summary: starved.length
      ? `the task starved beside ${starved.join(", ")}`
      : `${app.polls()} polls beside ${results.length} others, ${ROUNDS} rounds each`,
  };
}
