// The record of what happens, the tree of what lives, and the export.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromeTrace, createRuntime } from "@asupersync/browser-core";
import { code, virtual } from "./helpers.mjs";

const steps = (events) => events.map(({ name, step }) => `${name} ${step}`);

test("every step of a scope and its tasks, with times, reasons and outcomes", () =>
  virtual(async (rt) => {
    await rt.scope("outer", async (scope) => {
      scope.spawnBackground("feed", (cx) => cx.sleep(1e6));
      const task = scope.spawn("load", async (cx) => {
        cx.defer((own) => own.sleep(5));
        await cx.sleep(1e6);
      });
      await scope.sleep(10);
      await task.cancel({ kind: "enough" });
    });
    const events = rt.tracing.events();
    assert.deepEqual(steps(events), [
      "outer opened", "feed spawned", "load spawned",
      "load cancel-requested", "load draining", "load finalizing", "load ended",
      "outer closing", "feed cancel-requested", "feed draining", "feed ended", "outer ended",
    ]);
    const load = events.filter(({ name }) => name === "load");
    assert.deepEqual(load.map(({ at }) => at), [0, 10, 10, 10, 15]);
    assert.deepEqual(load.map(({ reason }) => reason?.origin), [undefined, "enough", "enough", "enough", "enough"]);
    const [opened] = events;
    assert.ok(load.every(({ parent, type }) => parent === opened.id && type === "task"));
    assert.equal(opened.parent, 0);
    const ends = events.filter(({ step }) => step === "ended");
    assert.deepEqual(ends.map(({ name, outcome }) => [name, outcome]), [["load", "cancelled"], ["feed", "cancelled"], ["outer", "ok"]]);
  }, { trace: { enabled: true } }));

test("the newest events are kept, the others counted", () =>
  virtual(async (rt) => {
    for (let index = 0; index < 10; index += 1) {
      await rt.scope(`s${index}`, () => {});
    }
    assert.deepEqual(steps(rt.tracing.events()), ["s8 ended", "s9 opened", "s9 ended"]);
    assert.equal(rt.tracing.lost, 17);
  }, { trace: { enabled: true, capacity: 3 } }));

test("a subscriber hears of events though none are kept, until it has enough", () =>
  virtual(async (rt) => {
    const heard = [];
    const unsubscribe = rt.tracing.subscribe((event) => heard.push(event));
    await rt.scope("a", () => {});
    unsubscribe();
    await rt.scope("b", () => {});
    assert.deepEqual(steps(heard), ["a opened", "a ended"]);
    assert.deepEqual(rt.tracing.events(), []);
  }));

test("the tree of what lives: names, states and reasons", () =>
  virtual(async (rt) => {
    const tree = (nodes) => nodes.map(({ name, state, reason, children }) =>
      [name, state, ...(reason ? [reason.origin] : []), ...(children.length ? [tree(children)] : [])]);
    let cleaning;
    const handle = rt.createScope("view");
    const task = handle.spawn("task", async (cx) => {
      cx.defer(async (own) => {
        cleaning = tree(rt.tracing.snapshot());
        await own.sleep(1);
      });
      await cx.scope("inner", (own) => own.sleep(1e6));
    });
    assert.deepEqual(tree(rt.tracing.snapshot()), [["view", "queued", [["task", "queued"]]]]);
    await rt.scope("other", async (scope) => {
      await scope.sleep(1);
      assert.deepEqual(tree(rt.tracing.snapshot()), [
        ["view", "running", [["task", "running", [["inner", "running"]]]]],
        ["other", "running"],
      ]);
      await task.cancel({ kind: "enough" });
      assert.deepEqual(cleaning, [["view", "running", [["task", "finalizing", "enough"]]], ["other", "running"]]);
    });
    await handle.close();
    assert.deepEqual(rt.tracing.snapshot(), []);
  }));

test("the export has a span for each, also where the beginning is lost", () =>
  virtual(async (rt) => {
    const handle = rt.createScope("open");
    await rt.scope("s", async (scope) => {
      const task = scope.spawn("t", (cx) => cx.sleep(1e6));
      await scope.sleep(2);
      await task.cancel({ kind: "enough" });
    });
    const { traceEvents } = JSON.parse(JSON.stringify(chromeTrace(rt.tracing.events())));
    const of = (name) => traceEvents.filter((event) => event.name === name).map(({ ph, ts }) => [ph, ts]);
    assert.deepEqual(of("t"), [["b", 0], ["e", 2000]]);
    assert.deepEqual(of("draining"), [["n", 2000]]);
    assert.deepEqual(of("open"), [["b", 0]]);
    assert.equal(traceEvents.find(({ ph, name }) => ph === "e" && name === "t").args.origin, "enough");
    const late = chromeTrace(rt.tracing.events().slice(-1)).traceEvents;
    assert.deepEqual(late.map(({ ph, name }) => [ph, name]), [["b", "s"], ["e", "s"]]);
    await handle.close();
  }, { trace: { enabled: true } }));

test("bad options of a trace are typed errors", () => {
  const bad = code("InvalidArgument");
  for (const trace of [{ enabled: 1 }, { enabled: true, capacity: 0 }, { on: true }, null]) {
    assert.throws(() => createRuntime({ trace }), bad);
  }
});
