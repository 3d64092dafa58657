// Runs the suites of the module case by case, under node, in a page or in a worker. Touches nothing when it is imported.
//
// A panic ends an instance, not the suite: the next case gets another. A case that does not end is failed.

import { connect } from "../../platform-browser/js/host.mjs";

const [PASSED, FAILED, SKIPPED, STARTED] = [0, 1, 2, 3];
const NAMES = ["passed", "failed", "skipped"];
/** How long one case may take, in milliseconds; the slowest take a second on a busy machine. */
const PATIENCE = 60_000;

const SUITES = [
  { name: "kit, local executor, virtual time", count: "kit_count", run: "kit_run" },
  { name: "kit, event loop, real time", count: "kit_count", run: "page_start" },
  { name: "golden traces", count: "golden_count", run: "golden_run" },
  { name: "negative controls", count: "control_count", run: "control_run" },
];

/** A fresh instance; `print` gets what it says, `ended` the verdict of a case, or the error that ended the instance. */
export async function instantiate(module, print, ended = () => {}) {
  let memory;
  const host = connect(ended);
  const own = {
    print: (text, length) => print(new TextDecoder().decode(new Uint8Array(memory.buffer, text, length))),
    ended,
  };
  // Not `new Instance`: Chromium refuses that on the main thread for a module of this size.
  const { exports } = await WebAssembly.instantiate(module, { host: own, asupersync: host.imports });
  memory = exports.memory;
  host.attach(exports);
  exports.prepare();
  return { exports, host };
}

/** One instance after the other; says of each case what became of it. */
class Runner {
  constructor(module, print) {
    this.module = module;
    this.print = print;
  }

  async renew() {
    const { exports } = await instantiate(this.module, this.print, (verdict) => this.ended?.(verdict));
    this.instance = exports;
  }

  async run(suite, index) {
    const end = new Promise((resolve) => (this.ended = resolve));
    let verdict;
    try {
      verdict = this.instance[suite.run](index);
    } catch (trap) {
      verdict = trap;
    }
    if (verdict === STARTED) {
      verdict = await withPatience(end);
    }
    if (typeof verdict === "number") {
      return verdict;
    }
    this.print(`FAILED  case ${index} of this suite: ${verdict.message}`);
    await this.renew();
    return FAILED;
  }
}

function withPatience(end) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, PATIENCE, new Error(`no end after ${PATIENCE / 1000} s`));
  });
  return Promise.race([end, late]).finally(() => clearTimeout(timer));
}

/** Runs everything; `print` gets a line for each case and suite. Says how many cases passed, failed and were skipped. */
export async function runAll(module, print) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const runner = new Runner(module, print);
  await runner.renew();
  for (const suite of SUITES) {
    print(`# ${suite.name}`);
    const began = performance.now();
    const count = runner.instance[suite.count]();
    for (let index = 0; index < count; index += 1) {
      const verdict = await runner.run(suite, index);
      totals[NAMES[verdict]] += 1;
    }
    print(`# ${count} cases in ${((performance.now() - began) / 1000).toFixed(2)} s`);
  }
  return totals;
}

/** Whether everything ran and nothing failed. */
export function isGreen({ passed, failed }) {
  return passed > 0 && failed === 0;
}

export { PASSED, SKIPPED };
