// The job that runs the npm package as it is packed: scopes, cancels, and signals, in the host that runs it.

import { createRuntime, withRuntime } from "/modules/core/index.js";

function expect(found, expected, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) {
    throw new Error(`${what}: found ${left}, expected ${right}`);
  }
}

const CASES = {
  async "cancel drains, then runs what was deferred, last in first out"(mode) {
    const order = [];
    await withRuntime({ mode }, (rt) =>
      rt.scope("s", async (scope) => {
        const task = scope.spawn("t", async (cx) => {
          cx.defer(() => order.push("first"));
          cx.defer(async (own) => {
            await own.sleep(1);
            order.push("last");
          });
          cx.signal.addEventListener("abort", () => order.push("abort"));
          await cx.sleep(1e6);
        });
        await scope.sleep(1);
        const { outcome, stuck } = await task.cancel({ kind: "superseded" });
        expect([outcome.kind, outcome.reason.origin, stuck], ["cancelled", "superseded", []], "the report");
      }));
    expect(order, ["abort", "last", "first"], "the order");
  },

  async "a fetch that takes the signal ends with its task"(mode) {
    await withRuntime({ mode }, (rt) =>
      rt.scope("s", async (scope) => {
        let asked;
        const hasAsked = new Promise((resolve) => (asked = resolve));
        const task = scope.spawn("t", (cx) => {
          // The engines reject with errors of different kinds.
          const answer = fetch("/tests/browser/page.html", { signal: cx.signal });
          asked();
          return answer.then(() => cx.sleep(1e6));
        });
        await hasAsked;
        const { outcome } = await task.cancel();
        expect(outcome.kind, "cancelled", "the outcome");
      }));
  },

  async "the first error cancels the siblings"(mode) {
    await withRuntime({ mode }, async (rt) => {
      let sibling;
      const error = await rt.scope("s", async (scope) => {
        sibling = scope.spawn("sibling", (cx) => cx.sleep(1e6));
        scope.spawn("fails", () => Promise.reject("an error"));
        await sibling.outcome;
      }).catch((error) => error);
      expect(error, "an error", "the scope's error");
      expect((await sibling.outcome).reason.origin, "fail-fast", "why the sibling ended");
    });
  },

  async "1,000 tasks are cancelled, each cleans up"(mode) {
    let cleaned = 0;
    const rt = createRuntime({ mode });
    let started;
    const hasStarted = new Promise((resolve) => (started = resolve));
    const waiting = rt.scope("s", (scope) => {
      for (let count = 0; count < 1000; count += 1) {
        scope.spawn("t", (cx) => {
          cx.defer(() => (cleaned += 1));
          if (count === 999) {
            started();
          }
          return cx.sleep(1e6);
        });
      }
    });
    const ended = waiting.catch((error) => error.reason.kind);
    await hasStarted;
    await rt.close();
    expect([cleaned, await ended], [1000, "shutdown"], "clean-ups, and why");
  },

  async "a chain of 1,000 scopes is cancelled to its end"(mode) {
    let cleaned = 0;
    await withRuntime({ mode }, (rt) =>
      rt.scope("s", async (scope) => {
        let reached;
        const bottom = new Promise((resolve) => (reached = resolve));
        const link = (level) => (own) => {
          own.defer(() => (cleaned += 1));
          return level === 1000 ? (reached(), own.sleep(1e6)) : own.scope("link", link(level + 1));
        };
        const task = scope.spawn("chain", (cx) => cx.scope("link", link(1)));
        await bottom;
        expect((await task.cancel()).outcome.kind, "cancelled", "the outcome");
      }));
    expect(cleaned, 1000, "clean-ups");
  },

  async "a race drains its losers, a channel hands over in turn, and who hangs is named"(mode) {
    const order = [];
    await withRuntime({ mode }, async (rt) => {
      const { tx, rx } = rt.channels.bounded(1);
      const handle = rt.createScope("view");
      handle.spawn("sends", async (cx) => {
        for (let index = 0; index < 3; index += 1) {
          await tx.send(cx, index);
        }
        tx.close();
      });
      const hangs = handle.spawn("hangs", () => new Promise(() => {}));
      await rt.scope("s", async (scope) => {
        for await (const message of rx.messages(scope)) {
          order.push(message);
        }
        const loses = async (cx) => {
          cx.defer(() => order.push("drained"));
          await cx.sleep(1e6);
        };
        order.push(await scope.race([loses, async (cx) => (await cx.sleep(1), "first")]));
        order.push((await hangs.cancel({}, { drain: 1 })).stuck[0]);
      });
      await handle.close();
      expect(rt.tracing.snapshot(), [], "what lives");
    });
    expect(order, [0, 1, 2, "drained", "first", "view/hangs"], "the order");
  },

  async "the same seed gives the same order"(mode) {
    if (mode !== "deterministic") {
      return;
    }
    const run = (seed) => withRuntime({ mode }, (rt) =>
      rt.lab.run(seed, (scope) => scope.all(Array.from({ length: 6 }, () => (cx) => cx.sleep(1).then(() => cx.checkpoint())))));
    const [one, two, other] = [await run(1), await run(1), await run(2)];
    expect(one, two, "two runs of a seed");
    expect(one.nondeterminism, [], "what is not the seed's");
    expect(JSON.stringify(one.order) === JSON.stringify(other.order), false, "another seed gives the same order");
  },
};

export async function run(print) {
  let [passed, failed] = [0, 0];
  for (const mode of ["live", "deterministic"]) {
    for (const [name, test] of Object.entries(CASES)) {
      try {
        await test(mode);
        print(`ok      ${name} (${mode})`);
        passed += 1;
      } catch (error) {
        print(`FAILED  ${name} (${mode}): ${error.message}`);
        failed += 1;
      }
    }
  }
  return { passed: failed === 0, summary: `${passed} passed, ${failed} failed` };
}
