// What a time to clean up does: at its end what has not ended is given up, and named.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, inScope, never, virtual } from "./helpers.mjs";

test("at the end of `drain` what did not end is given up, named, and its deferred functions have run", () =>
  virtual((rt) =>
    rt.scope("outer", async (scope) => {
      const now = clock(rt);
      let cleaned = false;
      const task = scope.spawn("hangs", (cx) => {
        cx.defer(async (own) => {
          await own.sleep(5);
          cleaned = true;
        });
        return never();
      });
      const polite = scope.spawn("polite", async (cx) => {
        cx.defer((own) => own.sleep(50));
        await cx.sleep(1e6);
      });
      await scope.sleep(1);
      const reports = await Promise.all([task.cancel({}, { drain: 200 }), polite.cancel({}, { drain: 200 })]);
      assert.deepEqual(reports.map(({ stuck }) => stuck), [["outer/hangs"], []]);
      assert.equal(reports[0].outcome.kind, "cancelled");
      assert.equal(cleaned, true);
      assert.equal(await now(scope), 206, "1 + 200 + the 5 of the deferred function");
    })));

test("asked again with less time, it has that", () =>
  virtual((rt) =>
    rt.scope("s", async (scope) => {
      const now = clock(rt);
      const task = scope.spawn("hangs", (cx) => cx.scope("inner", (own) => own.spawn("deep", never).outcome));
      await scope.sleep(1);
      const patient = task.cancel({ kind: "patient" });
      await scope.sleep(1);
      const report = await task.cancel({ kind: "hasty" }, { drain: 10 });
      assert.deepEqual(report.stuck, ["s/hangs/inner/deep"]);
      assert.equal(await now(scope), 12);
      assert.deepEqual((await patient).outcome, report.outcome);
      assert.equal(report.outcome.reason.origin, "patient", "the first reason stays");
    })));

test("more time than the kernel's own is not won", () =>
  virtual((rt) =>
    rt.scope("s", async (scope) => {
      const now = clock(rt);
      const task = scope.spawn("hangs", never);
      await scope.sleep(0);
      await task.cancel({}, { drain: 1e9 });
      assert.equal(await now(scope), 5000);
    })));

test("a forced scope is not over before what is inside it", () =>
  inScope(async (scope) => {
    const order = [];
    const handle = scope.scope("inner", async (own) => {
      own.spawn("cleans", (cx) => {
        cx.defer(async (masked) => {
          await masked.sleep(500);
          order.push("cleaned");
        });
        return cx.sleep(1e6);
      });
      scope.spawn("canceller", () => own.cancel({}, { drain: 10 }).then(() => order.push("report")));
      await never();
    });
    await assert.rejects(handle);
    order.push("over");
    assert.equal(order[0], "cleaned");
  }));

test("a deferred function that never settles is named too, and what it says later is ignored", () =>
  inScope(async (scope) => {
    let late;
    const order = [];
    const task = scope.spawn("t", (cx) => {
      cx.defer(async (own) => {
        await own.sleep(100);
        order.push("first");
      });
      cx.defer(() => new Promise((resolve) => (late = resolve)));
      return cx.sleep(1e6);
    });
    await scope.sleep(1);
    const cancelled = task.cancel();
    await scope.sleep(1050);
    // The kernel gave it up a second after it began; the other one is under way.
    late();
    const { stuck } = await cancelled;
    assert.deepEqual(order, ["first"]);
    assert.deepEqual(stuck, ["test/t"]);
  }));

test("a deferred function may open scopes, which are not cancelled", () =>
  inScope(async (scope) => {
    const order = [];
    const task = scope.spawn("t", (cx) => {
      cx.defer(() => order.push("first deferred"));
      cx.defer(async (own) => {
        const value = await own.scope("clean", async (inner) => {
          const child = inner.spawn("child", async (deep) => {
            await deep.sleep(10);
            return "child";
          });
          order.push(await child.join());
          return "value";
        });
        order.push(value);
        await own.scope("again", () => order.push("again"));
        assert.deepEqual(await own.all([() => 1, (one) => one.sleep(1)]), [1, undefined]);
        await assert.rejects(own.timeout(5, (inner) => inner.sleep(1e6)), { code: "Cancelled" });
      });
      return cx.sleep(1e6);
    });
    await scope.sleep(1);
    const { outcome, stuck } = await task.cancel({}, { drain: 5 });
    assert.deepEqual([outcome.kind, outcome.suppressed, stuck], ["cancelled", undefined, []]);
    assert.deepEqual(order, ["child", "value", "again", "first deferred"]);
  }));

test("a deferred function may not spawn into its own scope, which is over", () =>
  virtual(async (rt) => {
    let found;
    await rt.scope("s", (scope) => {
      scope.defer(() => {
        try {
          scope.spawn("t", () => {});
        } catch (error) {
          found = error.code;
        }
      });
    });
    assert.equal(found, "ScopeClosed");
  }));

test("a deferred function whose scope hangs is given up after its second", () =>
  virtual((rt) =>
    rt.scope("s", async (scope) => {
      const now = clock(rt);
      const task = scope.spawn("t", (cx) => {
        cx.defer((own) => own.scope("clean", never));
      });
      assert.equal((await task.outcome).kind, "ok");
      assert.equal(await now(scope), 2000, "a second for the deferred function, then one for what it opened");
    })));
