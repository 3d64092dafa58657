// The live mode, and what a module that panics leaves; no test looks at how long anything takes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createRuntime, withRuntime } from "@asupersync/browser-core";

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

test("an import does nothing: no timer, no module, no global", async () => {
  const before = Object.keys(globalThis);
  const { Module } = WebAssembly;
  try {
    WebAssembly.Module = class {
      constructor() {
        throw new Error("compiled");
      }
    };
    await import(`../dist/index.js?again`);
  } finally {
    WebAssembly.Module = Module;
  }
  assert.deepEqual(Object.keys(globalThis), before);
});
