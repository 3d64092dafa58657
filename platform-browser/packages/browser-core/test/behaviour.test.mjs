// What scopes and tasks do, in virtual time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CancelledError, RuntimeError, createRuntime, withRuntime } from "@asupersync/browser-core";

const virtual = (call) => withRuntime({ mode: "deterministic" }, call);
const inScope = (call) => virtual((rt) => rt.scope("test", call));
const never = () => new Promise(() => {});
const code = (expected) => (error) => error instanceof RuntimeError && error.code === expected;

test("a scope gives its value when all in it has ended", () =>
  virtual(async (rt) => {
    const order = [];
    const value = await rt.scope("outer", async (scope) => {
      scope.spawn("late", async (cx) => {
        await cx.sleep(50);
        order.push("late");
      });
      await scope.scope("inner", async (inner) => {
        inner.spawn("early", async (cx) => {
          await cx.sleep(10);
          order.push("early");
        });
      });
      order.push("body");
      return 42;
    });
    assert.equal(value, 42);
    assert.deepEqual(order, ["early", "body", "late"]);
  }));

test("a function never runs before its handle is there", () =>
  inScope(async (scope) => {
    let task;
    task = scope.spawn("a", async () => task !== undefined);
    assert.deepEqual(await task.outcome, { kind: "ok", value: true });
  }));

test("outcome never rejects, join does", () =>
  virtual(async (rt) => {
    const failure = { not: "an Error" };
    let task;
    const found = await rt.scope("s", async (scope) => {
      task = scope.spawn("fails", async () => {
        throw failure;
      });
      await task.outcome;
    }).catch((error) => error);
    assert.equal(found, failure, "the scope fails with what its task threw");
    assert.deepEqual(await task.outcome, { kind: "err", error: failure });
    await assert.rejects(task.join(), (error) => error === failure);
  }));

test("undefined, thenables that throw, and sync functions that throw are errors", () =>
  virtual(async (rt) => {
    const failing = [
      () => Promise.reject(undefined),
      () => ({ get then() { throw "getter"; } }),
      () => ({ then() { throw "then"; } }),
      () => { throw "sync"; },
    ];
    for (const [index, expected] of [undefined, "getter", "then", "sync"].entries()) {
      let outcome;
      await rt.scope("s", async (scope) => {
        outcome = await scope.spawn("fails", failing[index]).outcome;
      }).catch(() => {});
      assert.deepEqual(outcome, { kind: "err", error: expected });
    }
  }));

test("the first error cancels the siblings, and is what the scope throws", () =>
  virtual(async (rt) => {
    let sibling;
    const failing = rt.scope("s", async (scope) => {
      sibling = scope.spawn("sibling", (cx) => cx.sleep(1e6));
      scope.spawn("fails", async (cx) => {
        await cx.sleep(1);
        throw new Error("first");
      });
      await sibling.outcome;
    });
    await assert.rejects(failing, /first/);
    const { kind, reason } = await sibling.outcome;
    assert.deepEqual([kind, reason.origin], ["cancelled", "fail-fast"]);
  }));

test("an error of an inner scope is for who awaits it", () =>
  inScope(async (scope) => {
    const sibling = scope.spawn("sibling", async (cx) => {
      await cx.sleep(10);
      return "unharmed";
    });
    const inner = scope.scope("inner", async () => {
      throw new Error("inner");
    });
    await assert.rejects(inner, /inner/);
    assert.equal(await sibling.join(), "unharmed");
  }));

// The order of the kernel: request, drain, finalize; see `deferred finalizers run last in first out` of the kit.
test("cancel: the signal, then the function's own clean-up, then what was deferred, last in first out", () =>
  inScope(async (scope) => {
    const order = [];
    const task = scope.spawn("t", async (cx) => {
      cx.defer(() => order.push("deferred first"));
      cx.defer(async (own) => {
        await own.sleep(10);
        order.push("deferred last");
      });
      cx.signal.addEventListener("abort", () => order.push("abort"));
      try {
        await cx.sleep(1e6);
      } catch (error) {
        assert.ok(error instanceof CancelledError);
        assert.equal(error.name, "AbortError");
        await new Promise((resolve) => setImmediate(resolve));
        order.push("finally");
        throw error;
      }
    });
    await scope.sleep(1);
    const report = await task.cancel({ kind: "superseded", message: "a newer one" });
    assert.deepEqual(order, ["abort", "finally", "deferred last", "deferred first"]);
    const reason = { kind: "user", origin: "superseded", message: "a newer one" };
    assert.deepEqual(report, { outcome: { kind: "cancelled", reason }, stuck: [] });
  }));

test("cancel before the start: the function is not called", () =>
  inScope(async (scope) => {
    let called = false;
    const task = scope.spawn("t", () => (called = true));
    const { outcome } = await task.cancel();
    assert.equal(outcome.kind, "cancelled");
    assert.equal(called, false);
  }));

test("cancel after the end changes nothing, and twice is once", () =>
  inScope(async (scope) => {
    const task = scope.spawn("t", () => 1);
    assert.equal(await task.join(), 1);
    assert.deepEqual(await task.cancel(), { outcome: { kind: "ok", value: 1 }, stuck: [] });
    const other = scope.spawn("u", (cx) => cx.sleep(1e6));
    const [first, second] = await Promise.all([other.cancel({ kind: "one" }), other.cancel({ kind: "two" })]);
    assert.equal(first.outcome.reason.origin, "one");
    assert.deepEqual(first.outcome, second.outcome);
  }));

test("a value wins over a late cancel, an error is kept", () =>
  inScope(async (scope) => {
    const value = scope.spawn("value", async (cx) => {
      await cx.sleep(1e6).catch(() => {});
      return "still";
    });
    await scope.sleep(1);
    assert.deepEqual((await value.cancel()).outcome, { kind: "ok", value: "still" });
  }));

test("after a cancel every wait through cx fails, and a signal made late is aborted", () =>
  inScope(async (scope) => {
    const seen = [];
    const task = scope.spawn("t", async (cx) => {
      await cx.sleep(1e6).catch(() => {});
      for (const wait of [() => cx.sleep(1), () => cx.checkpoint(), () => cx.scope("x", () => {})]) {
        await wait().catch((error) => seen.push(error.code));
      }
      seen.push(cx.signal.aborted, cx.signal.reason.code);
    });
    await scope.sleep(1);
    await task.cancel();
    assert.deepEqual(seen, ["Cancelled", "Cancelled", "Cancelled", true, "Cancelled"]);
  }));

test("a promise that never settles is given up after the clean-up budget, and named", () =>
  virtual(async (rt) => {
    let cleaned = false;
    let late;
    let report;
    await rt.scope("outer", async (scope) => {
      const task = scope.spawn("hangs", async (cx) => {
        cx.defer(() => (cleaned = true));
        late = cx;
        await never();
      });
      await scope.sleep(1);
      report = await task.cancel();
    }, { onClosed: (found) => assert.equal(found.forced, 1) });
    assert.equal(report.outcome.kind, "cancelled");
    assert.deepEqual(report.stuck, ["outer/hangs"]);
    assert.equal(cleaned, true, "what was deferred runs all the same");
    await assert.rejects(late.sleep(1), code("TaskEnded"));
    assert.throws(() => late.defer(() => {}), code("TaskEnded"));
  }));

test("a deferred function that never settles is given up as well", () =>
  virtual(async (rt) => {
    let closed;
    const order = [];
    await rt.scope("s", async (scope) => {
      scope.spawn("t", (cx) => {
        cx.defer(() => order.push("first"));
        cx.defer(never);
      });
    }, { onClosed: (report) => (closed = report) });
    assert.deepEqual(order, ["first"]);
    assert.deepEqual([closed.finalized, closed.finalizersForced, closed.ok], [1, 1, 1]);
  }));

test("what deferred functions throw is told beside the outcome", () =>
  inScope(async (scope) => {
    const task = scope.spawn("t", (cx) => {
      cx.defer(() => { throw "clean-up"; });
      return "value";
    });
    assert.deepEqual(await task.outcome, { kind: "ok", value: "value", suppressed: ["clean-up"] });
  }));

test("background tasks end with their scope", () =>
  virtual(async (rt) => {
    const order = [];
    await rt.scope("s", async (scope) => {
      scope.spawnBackground("feed", async (cx) => {
        cx.defer(() => order.push("deferred"));
        try {
          for (;;) {
            await cx.sleep(10);
          }
        } catch (error) {
          order.push(error.reason.kind);
          throw error;
        }
      });
      scope.spawn("work", async (cx) => {
        await cx.sleep(35);
        order.push("work");
      });
    });
    assert.deepEqual(order, ["work", "scope-done", "deferred"]);
  }));

test("a scope opened in a task ends with the task, and the innermost is named when it is stuck", () =>
  inScope(async (scope) => {
    let inner;
    const task = scope.spawn("outer", (cx) =>
      cx.scope("inner", (own) => {
        inner = own.spawn("deep", never);
        return inner.outcome;
      }));
    await scope.sleep(1);
    const { outcome, stuck } = await task.cancel({}, { drain: 10 });
    assert.deepEqual(stuck, ["test/outer/inner/deep"]);
    assert.equal(outcome.kind, "cancelled");
    assert.equal((await inner.outcome).reason.kind, "parent-cancelled");
  }));

test("an outside signal cancels a scope, also one aborted before", () =>
  virtual(async (rt) => {
    const controller = new AbortController();
    const waiting = rt.scope("s", (scope) => scope.sleep(1e6), { signal: controller.signal });
    controller.abort(new Error("left the page"));
    await assert.rejects(waiting, (error) => error.reason.origin === "signal" && error.reason.message === "left the page");
    let called = false;
    const options = { signal: AbortSignal.abort() };
    await assert.rejects(rt.scope("s", () => (called = true), options), code("Cancelled"));
    assert.equal(called, false);
  }));

test("a scope opened in an abort listener is cancelled by a signal aborted before", () =>
  inScope(async (scope) => {
    let called = false;
    let other;
    const waits = scope.spawn("waits", (cx) => {
      other = cx;
      return cx.sleep(100);
    });
    let inner;
    const task = scope.spawn("t", (cx) => {
      cx.signal.addEventListener("abort", () => {
        inner = other.scope("inner", () => (called = true), { signal: AbortSignal.abort() });
      });
      return cx.sleep(1e6);
    });
    await scope.sleep(1);
    await task.cancel();
    await assert.rejects(inner, (error) => error.reason.origin === "signal");
    assert.equal(called, false);
    assert.equal((await waits.outcome).kind, "ok");
  }));

test("timeout: a value in time, else cancelled, with its tasks", () =>
  inScope(async (scope) => {
    assert.equal(await scope.timeout(100, async (own) => (await own.sleep(10), "in time")), "in time");
    let inside;
    const late = scope.timeout(100, async (own) => {
      inside = own.spawn("slow", (cx) => cx.sleep(1e6));
      await inside.join();
    });
    await assert.rejects(late, (error) => error.reason.origin === "timeout");
    assert.equal((await inside.outcome).kind, "cancelled");
    await scope.checkpoint();
  }));

test("all: the values in order, or the first error after the others have drained", () =>
  inScope(async (scope) => {
    const after = (ms, value) => async (cx) => (await cx.sleep(ms), value);
    assert.deepEqual(await scope.all([after(20, "a"), after(10, "b"), () => 3]), ["a", "b", 3]);
    let drained = false;
    const failing = scope.all([
      async (cx) => {
        cx.defer(async (own) => {
          await own.sleep(10);
          drained = true;
        });
        await cx.sleep(1e6);
      },
      () => { throw new Error("second"); },
    ]);
    await assert.rejects(failing, /second/);
    assert.equal(drained, true);
  }));

test("close cancels all with `shutdown`, waits, and takes nothing in", async () => {
  const rt = createRuntime({ mode: "deterministic" });
  let cleaned = false;
  let started;
  const hasStarted = new Promise((resolve) => (started = resolve));
  const waiting = rt.scope("s", async (scope) => {
    started();
    scope.defer(async (own) => {
      await own.sleep(10);
      cleaned = true;
    });
    await scope.sleep(1e6);
  });
  const check = assert.rejects(waiting, (error) => error.reason.kind === "shutdown");
  await hasStarted;
  await Promise.all([rt.close(), rt.close()]);
  assert.equal(cleaned, true);
  await check;
  await assert.rejects(rt.scope("s", () => {}), code("RuntimeClosed"));
});

test("a scope that is kept takes nothing in after its end", () =>
  virtual(async (rt) => {
    let kept;
    await rt.scope("s", (scope) => void (kept = scope));
    assert.throws(() => kept.spawn("t", () => {}), code("StaleHandle"));
    await assert.rejects(kept.sleep(1), code("TaskEnded"));
    await assert.rejects(kept.scope("t", () => {}), code("TaskEnded"));
  }));

test("bad arguments are typed errors", () =>
  inScope(async (scope) => {
    const bad = code("InvalidArgument");
    assert.throws(() => createRuntime({ mode: "fast" }), bad);
    assert.throws(() => createRuntime({ mode: "deterministic", seed: 42 }), bad);
    assert.throws(() => createRuntime({ capacity: 0 }), bad);
    assert.throws(() => scope.spawn("t"), bad);
    assert.throws(() => scope.spawn(() => {}), bad);
    assert.throws(() => scope.defer(1), bad);
    await assert.rejects(scope.sleep(-1), bad);
    await assert.rejects(scope.sleep(NaN), bad);
    await assert.rejects(scope.sleep("1"), bad);
    await assert.rejects(scope.timeout(undefined, () => {}), bad);
    await assert.rejects(scope.scope("s", () => {}, { signal: {} }), bad);
    const task = scope.spawn("t", (cx) => cx.sleep(1));
    await assert.rejects(task.cancel({ kind: "No word" }), bad);
    await assert.rejects(task.cancel({}, { drain: -1 }), bad);
    assert.equal((await task.outcome).kind, "ok");
  }));

test("a runtime that is full says so", () =>
  withRuntime({ mode: "deterministic", capacity: 4 }, (rt) =>
    rt.scope("s", async (scope) => {
      const fill = () => {
        for (let count = 0; count < 10; count += 1) {
          scope.spawn("t", (cx) => cx.sleep(10));
        }
      };
      assert.throws(fill, code("AtCapacity"));
    })));
