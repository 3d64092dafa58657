// Programs under seeds: the same seed, the same order; other seeds, other orders; and what no seed governs is named.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createRuntime } from "@asupersync/browser-core";
import { code, never, virtual } from "./helpers.mjs";

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);
const underSeeds = (call) => virtual(async (rt) => {
  const reports = [];
  for (const seed of SEEDS) {
    reports.push(await rt.lab.run(seed, call));
  }
  return reports;
});

/** A bit of everything that goes through `cx`. */
async function everything(scope, order = []) {
  const note = (text) => order.push(text);
  const { tx, rx } = (await import("../dist/channel.js")).channels.bounded(2);
  scope.spawnBackground("ticks", async (cx) => {
    for (;;) {
      await cx.sleep(7);
      note("tick");
    }
  });
  const sends = scope.spawn("sends", async (cx) => {
    for (let index = 0; index < 5; index += 1) {
      const permit = await tx.reserve(cx);
      permit.send(index);
      await tx.send(cx, -index);
    }
    tx.close();
  });
  const receives = scope.spawn("receives", async (cx) => {
    for await (const message of rx.messages(cx)) {
      note(message);
    }
  });
  const slow = (name) => async (cx) => {
    cx.defer(async (own) => {
      await own.sleep(1);
      note(`clean ${name}`);
    });
    await cx.sleep(20);
    note(name);
    return name;
  };
  note(await scope.race([slow("a"), async (cx) => (await cx.sleep(2), "fast"), slow("b")]));
  note(await scope.any([() => Promise.reject(1), slow("c")]));
  await scope.settle([slow("d"), slow("e")]);
  await scope.all([slow("f"), slow("g"), (cx) => Promise.all([cx.sleep(1), cx.sleep(2), cx.checkpoint()])]);
  const first = scope.latest("key", slow("first"));
  await scope.checkpoint();
  note(await scope.latest("key", slow("second")).join());
  note((await first.outcome).kind);
  await scope.timeout(5, slow("h")).catch(() => note("timeout"));
  await scope.retry({ attempts: 3, delay: 4 }, (own, attempt) => {
    if (attempt < 3) {
      throw new Error("again");
    }
  });
  const task = scope.spawn("hangs", (cx) => cx.scope("inner", async (own) => {
    own.spawn("deep", slow("deep"));
    await own.sleep(1e6);
  }));
  await scope.sleep(1);
  note((await task.cancel({}, { drain: 3 })).outcome.kind);
  await Promise.all([sends.join(), receives.join()]);
  return order.join(" ");
}

test("the same seed gives the same order, another one another", async () => {
  const [one, two] = [await underSeeds((scope) => everything(scope)), await underSeeds((scope) => everything(scope))];
  for (const [index, report] of one.entries()) {
    assert.equal(report.outcome.kind, "ok", JSON.stringify(report.outcome));
    assert.deepEqual(report, two[index]);
    assert.deepEqual(report.nondeterminism, [], `seed ${index}`);
  }
  assert.ok(new Set(one.map(({ outcome }) => outcome.value)).size > 10, "seeds lead to different results");
});

test("a lost update is found by some seed, and none loses it where there is no wait between", async () => {
  const counter = (withWait) => async (scope) => {
    let count = 0;
    const add = async (cx) => {
      await cx.checkpoint();
      const before = count;
      if (withWait) {
        await cx.checkpoint();
      }
      count = before + 1;
    };
    await scope.all([add, add, add]);
    return count;
  };
  const results = async (withWait) => new Set((await underSeeds(counter(withWait))).map(({ outcome }) => outcome.value));
  assert.ok((await results(true)).has(1));
  assert.deepEqual([...(await results(false))], [3]);
});

test("a step is not interrupted by promises that need nothing from outside", async () => {
  const reports = await underSeeds(async (scope) => {
    let inside = 0;
    let most = 0;
    const work = async (cx) => {
      for (let round = 0; round < 3; round += 1) {
        most = Math.max(most, (inside += 1));
        for (let hop = 0; hop < 50; hop += 1) {
          await null;
        }
        inside -= 1;
        await cx.checkpoint();
      }
    };
    await scope.all([work, work, work]);
    return most;
  });
  assert.ok(reports.every(({ outcome, nondeterminism }) => outcome.value === 1 && nondeterminism.length === 0));
});

test("a wait for something that is not the runtime's is named, and does not hold up the others", () =>
  virtual(async (rt) => {
    const { outcome, nondeterminism } = await rt.lab.run(1, async (scope) => {
      const order = [];
      const foreign = scope.spawn("foreign", async () => {
        await new Promise((resolve) => setTimeout(resolve));
        order.push("foreign");
      });
      scope.spawn("others", async (cx) => {
        await cx.sleep(1000);
        order.push("others");
      });
      await foreign.join();
      return order;
    });
    assert.equal(outcome.kind, "ok");
    assert.deepEqual(nondeterminism, ["lab/foreign"]);
  }));

test("time is virtual, and errors, cancels and what hangs are outcomes", () =>
  virtual(async (rt) => {
    const slept = await rt.lab.run(3, (scope) => scope.sleep(1234));
    assert.deepEqual([slept.outcome.kind, slept.time, slept.seed], ["ok", 1234, 3]);
    const failed = await rt.lab.run(3, () => {
      throw new Error("mine");
    });
    assert.equal(failed.outcome.error.message, "mine");
    const hung = await rt.lab.run(3, async (scope) => {
      const task = scope.spawn("hangs", never);
      await scope.sleep(1);
      return (await task.cancel({}, { drain: 50 })).stuck;
    });
    assert.deepEqual([hung.outcome.value, hung.time, hung.nondeterminism], [["lab/hangs"], 51, ["lab/hangs"]]);
  }));

test("a runtime with a seed takes turns by it, and draws jitter from it", async () => {
  const run = async (seed) => {
    const rt = createRuntime({ mode: "deterministic", seed });
    const order = [];
    const times = [];
    rt.tracing.subscribe(({ at, name }) => name.startsWith("attempt") && times.push(at));
    await rt.scope("s", async (scope) => {
      await scope.all(Array.from({ length: 8 }, (_, index) => async (cx) => {
        await cx.checkpoint();
        order.push(index);
      }));
      await scope.retry({ attempts: 3, jitter: 1 }, () => Promise.reject(new Error("no"))).catch(() => {});
    });
    assert.deepEqual(rt.lab.nondeterminism, []);
    await rt.close();
    return JSON.stringify([order, times]);
  };
  assert.equal(await run(1), await run(1));
  assert.notEqual(await run(1), await run(2));
  const live = createRuntime();
  assert.equal(live.lab, undefined);
  await live.close();
});

test("bad seeds are typed errors", () =>
  virtual(async (rt) => {
    const bad = code("InvalidArgument");
    for (const seed of [-1, 0.5, 2 ** 32, "1", NaN]) {
      assert.throws(() => createRuntime({ mode: "deterministic", seed }), bad);
      await assert.rejects(rt.lab.run(seed, () => {}), bad);
    }
    assert.throws(() => createRuntime({ seed: 1 }), bad);
    await assert.rejects(rt.lab.run(1), bad);
  }));
