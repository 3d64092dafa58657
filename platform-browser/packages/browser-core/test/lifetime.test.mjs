// Scopes that are no function call, tokens, and signals from outside.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { createRuntime } from "@asupersync/browser-core";
import { code, never, virtual } from "./helpers.mjs";

test("a scope handle takes tasks in at once, and close cancels and waits", () =>
  virtual(async (rt) => {
    const order = [];
    const handle = rt.createScope("view");
    assert.equal(handle.state, "open");
    handle.defer(() => order.push("scope deferred"));
    const task = handle.spawn("load", (cx) => {
      cx.defer(async (own) => {
        await own.sleep(10);
        order.push("cleaned");
      });
      order.push("loading");
      return cx.sleep(1e6);
    });
    assert.equal(await handle.spawn("quick", () => 7).join(), 7);
    const [one, two] = [handle.close(), handle.close()];
    assert.equal(handle.state, "closing");
    const report = await one;
    assert.equal(report, await two, "the same report");
    assert.deepEqual([report.outcome.kind, report.outcome.reason.origin, report.stuck], ["cancelled", "closed", []]);
    assert.equal(handle.state, "closed");
    assert.deepEqual(order, ["loading", "cleaned", "scope deferred"]);
    assert.equal((await task.outcome).kind, "cancelled");
    assert.throws(() => handle.spawn("late", () => {}), code("StaleHandle"));
  }));

test("a scope handle closed before anything ran", () =>
  virtual(async (rt) => {
    const handle = rt.createScope("view");
    let called = false;
    const task = handle.spawn("t", () => (called = true));
    const { outcome, stuck } = await handle.close();
    assert.deepEqual([outcome.kind, stuck, called], ["cancelled", [], false]);
    assert.equal((await task.outcome).kind, "cancelled");
  }));

test("a task that fails ends its scope handle, and its outcome says so", () =>
  virtual(async (rt) => {
    const handle = rt.createScope("view");
    const sibling = handle.spawn("sibling", (cx) => cx.sleep(1e6));
    handle.spawn("fails", () => {
      throw new Error("broken");
    });
    const outcome = await handle.outcome;
    assert.deepEqual([outcome.kind, outcome.error.message], ["err", "broken"]);
    assert.equal((await sibling.outcome).reason.kind, "fail-fast");
    assert.equal(handle.state, "closed");
    assert.equal((await handle.close()).outcome, outcome);
  }));

test("close of a scope handle has a time, and names who does not end", () =>
  virtual(async (rt) => {
    const handle = rt.createScope("view");
    handle.spawn("hangs", never);
    handle.spawn("fine", (cx) => cx.sleep(1e6));
    await rt.scope("wait", (scope) => scope.sleep(1));
    assert.deepEqual((await handle.close({ drain: 50 })).stuck, ["view/hangs"]);
  }));

test("closing the runtime closes scope handles", async () => {
  const rt = createRuntime({ mode: "deterministic" });
  const handle = rt.createScope("view");
  const task = handle.spawn("t", (cx) => cx.sleep(1e6));
  await rt.close();
  assert.equal((await task.outcome).reason.kind, "shutdown");
  assert.equal(handle.state, "closed");
  assert.throws(() => rt.createScope("late"), code("RuntimeClosed"));
});

test("a token cancels all it is bound to, also what is bound late, and forgets what has ended", () =>
  virtual(async (rt) => {
    const token = rt.createCancelToken({ kind: "logout", message: "left" });
    const handle = rt.createScope("a");
    token.bind(handle);
    handle.spawn("hangs", never);
    const other = rt.scope("b", (scope) => scope.sleep(1e6), { token });
    const ended = assert.rejects(other, (error) => error.reason.origin === "logout" && error.reason.message === "left");
    assert.equal(await rt.scope("c", () => "over", { token }), "over");
    assert.equal(token.isCancelled, false);
    const { stuck } = await token.cancel({ drain: 20 });
    await ended;
    assert.deepEqual(stuck, ["a/hangs"]);
    assert.equal(token.isCancelled, true);
    await assert.rejects(rt.scope("late", () => "never", { token }), (error) => error.reason.origin === "logout");
    assert.deepEqual(await token.cancel(), { stuck: [] });
  }));

test("many scopes on one signal are one listener, and none is kept", () =>
  virtual(async (rt) => {
    const controller = new AbortController();
    const { signal } = controller;
    for (let index = 0; index < 100; index += 1) {
      await rt.scope("s", () => {}, { signal });
    }
    assert.equal(getEventListeners(signal, "abort").length, 1);
    const handles = Array.from({ length: 100 }, (_, index) => rt.createScope(`h${index}`, { signal }));
    assert.equal(getEventListeners(signal, "abort").length, 1);
    controller.abort(new Error("left the page"));
    const outcomes = await Promise.all(handles.map((handle) => handle.outcome));
    assert.ok(outcomes.every(({ reason }) => reason.origin === "signal" && reason.message === "left the page"));
  }));

test("a signal closes the runtime, also one aborted before", async () => {
  const controller = new AbortController();
  const rt = createRuntime({ mode: "deterministic", signal: controller.signal });
  const handle = rt.createScope("view");
  controller.abort();
  assert.equal((await handle.outcome).reason.kind, "shutdown");
  await rt.close();
  const late = createRuntime({ mode: "deterministic", signal: AbortSignal.abort() });
  assert.throws(() => late.createScope("s"), code("RuntimeClosed"));
});
