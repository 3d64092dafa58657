// Runs the suites of the module case by case, under node, in a page or in a worker. Touches nothing when it is imported.
//
// A panic ends an instance, not the suite: the next case gets another. A case that does not end is failed.

import { connect } from "../../platform-browser/js/host.mjs";
import { unwinding } from "../../platform-browser/js/unwind.mjs";

const [PASSED, FAILED, SKIPPED, STARTED] = [0, 1, 2, 3];
const NAMES = ["passed", "failed", "skipped"];
/** How long one case may take, in milliseconds; the slowest take a second on a busy machine. */
const PATIENCE = 60_000;

const SUITES = [
  { name: "kit, local executor, virtual time", count: "kit_count", run: "kit_run" },
  { name: "kit, event loop, virtual time", count: "kit_count", run: "page_start_virtual", isVirtual: true },
  // Deadlines are milliseconds apart here, and a busy machine, or a clock with steps of one, stalls for longer. So a scenario
  // that was judged wrong is tried again; what is always wrong fails, and so does what traps or does not end.
  { name: "kit, event loop, real time", count: "kit_count", run: "page_start", tries: 5 },
  { name: "golden traces", count: "golden_count", run: "golden_run" },
  { name: "negative controls", count: "control_count", run: "control_run" },
];

/**
 * The host of an instance with a clock that stands while anything is runnable, and jumps when the timer comes. Hops are the
 * real ones; of a timer only the wait is left out.
 */
function inVirtualTime(host) {
  let now = 0;
  let due = 0;
  let timer;
  let isHopping = false;
  const fire = () => {
    if (isHopping) {
      timer = setTimeout(fire);
      return;
    }
    now = due;
    host.enter("asupersync_pump", 2);
  };
  const imports = {
    ...host.imports,
    now: () => now,
    hop(kind) {
      isHopping ||= kind === 1;
      host.imports.hop(kind);
    },
    alarm(milliseconds) {
      clearTimeout(timer);
      due = now + milliseconds;
      timer = milliseconds < 0 ? undefined : setTimeout(fire);
    },
  };
  const attach = (exports) =>
    host.attach({
      memory: exports.memory,
      asupersync_pump(entry) {
        isHopping &&= entry !== 1;
        exports.asupersync_pump(entry);
      },
    });
  return { ...host, imports, attach };
}

/** A fresh instance; `print` gets what it says, `ended` the verdict of a case, or the error that ended the instance. */
export async function instantiate(module, print, ended = () => {}, isVirtual = false) {
  let memory;
  const host = isVirtual ? inVirtualTime(connect(ended)) : connect(ended);
  const own = {
    print: (text, length) => print(new TextDecoder().decode(new Uint8Array(memory.buffer, text, length))),
    ended,
  };
  const env = WebAssembly.Module.imports(module).some(({ kind }) => kind === "tag") ? unwinding() : {};
  // Not `new Instance`: Chromium refuses that on the main thread for a module of this size.
  const { exports } = await WebAssembly.instantiate(module, { host: own, asupersync: host.imports, env });
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

  async begin(suite) {
    this.suite = suite;
    const ended = (verdict) => this.ended?.(verdict);
    const { exports } = await instantiate(this.module, this.print, ended, suite.isVirtual);
    this.instance = exports;
    return exports[suite.count]();
  }

  async run(index) {
    const { run, tries = 1 } = this.suite;
    for (let left = tries; ; left -= 1) {
      const end = new Promise((resolve) => (this.ended = resolve));
      let verdict;
      try {
        verdict = this.instance[run](index);
      } catch (trap) {
        verdict = trap;
      }
      if (verdict === STARTED) {
        verdict = await withPatience(end);
      }
      if (typeof verdict !== "number") {
        this.print(`FAILED  case ${index} of this suite: ${verdict.message}`);
        await this.begin(this.suite);
        return FAILED;
      }
      if (verdict !== FAILED || left === 1) {
        return verdict;
      }
      this.print("        tried again, since the clock runs on while the machine is busy");
    }
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
  for (const suite of SUITES) {
    print(`# ${suite.name}`);
    const began = performance.now();
    const count = await runner.begin(suite);
    for (let index = 0; index < count; index += 1) {
      totals[NAMES[await runner.run(index)]] += 1;
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
