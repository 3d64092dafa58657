// The job of panics that unwind: the conformance kit with its panics, and the npm package around such a module. A panic is
// the outcome of its task; the instance lives on.

import { isGreen, runAll } from "../wasm/suites.mjs";
import { expect, rejection, runCases } from "./cases.mjs";
import { watchInstances } from "./instances.mjs";
import { bytesOf, load } from "./modules.mjs";

const { createRuntime } = await load("core");
const [TEXT, VALUES, TRAP] = [0, 1, 2];
const latest = watchInstances(await bytesOf("unwinding"));

/** The next poll of the task that was started last ends badly. */
const arm = (how) => latest().exports.arm_panic(latest().started.at(-1), how);

/** A runtime that notes what it is told of panics that have ended it. */
function begin(mode) {
  const told = [];
  return { rt: createRuntime({ mode, onPanic: (error) => told.push(error) }), told };
}

const CASES = {
  async "a panic is its task's outcome, and the instance lives on"(mode) {
    const { rt, told } = begin(mode);
    for (const [how, text] of [[TEXT, "on purpose"], [VALUES, "on purpose, with the value 1"]]) {
      const order = [];
      let culprit;
      const thrown = await rejection(rt.scope("s", (scope) => {
        culprit = scope.spawn("culprit", async (cx) => {
          cx.defer(() => order.push("deferred"));
          arm(how);
          await cx.sleep(1);
        });
      }), "the scope");
      const { kind, error } = await culprit.outcome;
      expect([kind, error.panic.text, error.panic.task], ["panicked", text, "s/culprit"], "the culprit");
      expect(/panics\.rs:\d+$/.test(error.panic.location), true, `the place, ${error.panic.location}`);
      expect([thrown === error, order], [true, ["deferred"]], "the scope's error, and the clean-up");
    }
    expect(await rt.scope("s", (scope) => scope.spawn("t", () => 7).join()), 7, "the next task");
    expect([told.length, rt.restart()], [0, false], "nothing is poisoned");
    await rt.close();
  },

  async "siblings are cancelled and drained, other scopes go on"(mode) {
    const { rt } = begin(mode);
    const order = [];
    let sibling;
    const other = rt.scope("other", async (scope) => {
      await scope.sleep(20);
      return "through";
    });
    const error = await rejection(rt.scope("s", (scope) => {
      sibling = scope.spawn("sibling", async (cx) => {
        cx.defer(async (own) => {
          await own.sleep(1);
          order.push("drained");
        });
        await cx.sleep(1e6);
      });
      scope.spawn("culprit", async (cx) => {
        await cx.sleep(1);
        arm(TEXT);
        await cx.sleep(1);
      });
    }), "the scope");
    order.push("thrown");
    const { kind, reason } = await sibling.outcome;
    expect([kind, reason.kind, error.code, order], ["cancelled", "fail-fast", "Panicked", ["drained", "thrown"]], "the ends");
    expect(await other, "through", "the other scope");
    await rt.close();
  },

  async "a scope that holds the panic in is told"(mode) {
    const { rt } = begin(mode);
    const caught = await rt.scope("outer", async (scope) => {
      const thrown = await rejection(scope.scope("inner", (inner) => {
        inner.spawn("culprit", (cx) => (arm(TEXT), cx.sleep(1)));
      }), "the inner scope");
      await scope.sleep(1);
      return thrown.panic.task;
    });
    expect(caught, "outer/inner/culprit", "what the inner scope threw");
    await rt.close();
  },

  async "a thousand panics leave nothing behind"(mode) {
    const { rt } = begin(mode);
    const ends = [];
    for (let round = 0; round < 1000; round += 1) {
      const thrown = await rejection(rt.scope("s", (scope) => {
        scope.spawn("t", (cx) => (arm(TEXT), cx.sleep(1)));
      }), "the scope");
      ends.push(thrown.code);
    }
    expect(new Set(ends).size, 1, "the ends");
    expect(latest().exports.slots(), 0, "slots in use");
    await rt.close();
  },

  async "a trap poisons here as well"(mode) {
    const { rt, told } = begin(mode);
    const thrown = await rejection(rt.scope("s", (scope) => scope.spawn("t", (cx) => (arm(TRAP), cx.sleep(1))).join()), "the scope");
    expect([thrown.reason.kind, told.length, rt.restart()], ["poisoned", 1, true], "the end");
    await rt.close();
  },
};

export async function run(print) {
  const module = await WebAssembly.compileStreaming(fetch("/modules/unwind-kit"));
  const totals = await runAll(module, (line) => line.startsWith("PANIC") || print(line));
  const { passed, failed, skipped } = totals;
  const cases = await runCases(CASES, ["live", "deterministic"], print);
  return { passed: isGreen(totals) && cases.passed, summary: `the kit: ${passed} passed, ${failed} failed, ${skipped} skipped; the package: ${cases.summary}` };
}
