// The live mode, and what a module that panics leaves; no test looks at how long anything takes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { RuntimeError, createRuntime, withRuntime } from "@asupersync/browser-core";

test("scopes, sleeps and cancels on the host's clock", () =>
  withRuntime({ mode: "live" }, async (rt) => {
    const order = [];
    const value = await rt.scope("s", async (scope) => {
      const task = scope.spawn("waits", async (cx) => {
        cx.defer(() => order.push("deferred"));
        await cx.sleep(1e6);
      });
      await scope.sleep(2);
      order.push("slept");
      const { outcome } = await task.cancel();
      order.push(outcome.kind);
      return "value";
    });
    assert.equal(value, "value");
    assert.deepEqual(order, ["slept", "deferred", "cancelled"]);
  }));

test("two runtimes do not know each other", async () => {
  const [one, other] = [createRuntime(), createRuntime()];
  await one.close();
  assert.equal(await other.scope("s", (scope) => scope.spawn("t", () => 7).join()), 7);
  await other.close();
});

test("a module that panics ends what it held, and lets nobody in", async () => {
  const told = [];
  globalThis.reportError = (error) => told.push(error);
  const rt = createRuntime();
  let kept;
  let started;
  const hasStarted = new Promise((resolve) => (started = resolve));
  const waiting = rt.scope("s", (scope) => {
    kept = scope;
    scope.signal.addEventListener("abort", () => told.push("aborted"));
    started();
    return scope.sleep(1e6);
  });
  const isPoisoned = (error) => error.reason?.kind === "poisoned";
  const ended = assert.rejects(waiting, isPoisoned);
  await hasStarted;
  const { now } = performance;
  const isRefused = (error) => error instanceof RuntimeError && error.code === "InstancePoisoned";
  try {
    // What a trap inside looks like from outside: the call of an export throws.
    performance.now = () => {
      throw new Error("broken clock");
    };
    await assert.rejects(kept.sleep(1), isPoisoned);
  } finally {
    performance.now = now;
    delete globalThis.reportError;
  }
  await ended;
  const [aborted, panic, ...more] = told;
  assert.deepEqual([aborted, panic.code, panic.panic.text, more], ["aborted", "Panicked", "broken clock", []]);
  await assert.rejects(rt.scope("s", () => {}), isRefused);
  await rt.close();
});

test("a runtime that is closed can be collected", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const { Kernel } = await import("../dist/kernel.js");
  const { inlined } = await import("../dist/inline.js");
  const MADE = 10;
  let freed = 0;
  const registry = new FinalizationRegistry(() => (freed += 1));
  for (let made = 0; made < MADE; made += 1) {
    const kernel = new Kernel(inlined(), false, 1);
    registry.register(kernel);
    await kernel.close();
  }
  // The last one may be on the stack still. A timer that watches over a macrotask holds each for a while.
  while (freed < MADE - 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    collect();
  }
});
