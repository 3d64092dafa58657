// Many tasks, deep chains, and clean-up side by side: counted, in virtual time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { withRuntime } from "@asupersync/browser-core";

const inScope = (call) => withRuntime({ mode: "deterministic" }, (rt) => rt.scope("test", call));

test("10,000 tasks are cancelled, each cleans up", () =>
  inScope(async (scope) => {
    let cleaned = 0;
    const tasks = Array.from({ length: 10_000 }, (_, index) =>
      scope.spawn(`t${index}`, async (cx) => {
        cx.defer(() => (cleaned += 1));
        await cx.sleep(1e6);
      }));
    await scope.sleep(1);
    const reports = await Promise.all(tasks.map((task) => task.cancel()));
    assert.equal(cleaned, 10_000);
    assert.ok(reports.every(({ outcome, stuck }) => outcome.kind === "cancelled" && stuck.length === 0));
  }));

test("a chain 10,000 scopes deep is cancelled to its end, every deferred function runs, from the inside out", () =>
  inScope(async (scope) => {
    const order = [];
    const depth = 10_000;
    let reached;
    const bottom = new Promise((resolve) => (reached = resolve));
    const link = (level) => (own) => {
      own.defer(() => order.push(level));
      if (level === depth) {
        reached();
        return own.sleep(1e6);
      }
      return own.scope("link", link(level + 1));
    };
    const task = scope.spawn("chain", (cx) => cx.scope("link", link(1)));
    await bottom;
    const { outcome, stuck } = await task.cancel();
    assert.equal(outcome.kind, "cancelled");
    assert.deepEqual(stuck, []);
    assert.equal(order.length, depth);
    assert.ok(order.every((level, index) => level === depth - index));
  }));

test("100 clean-ups of 10 ms take 10 ms", () =>
  inScope(async (scope) => {
    let running = 0;
    let most = 0;
    const inner = scope.scope("inner", async (own) => {
      for (let index = 0; index < 100; index += 1) {
        own.spawn("t", async (cx) => {
          cx.defer(async (masked) => {
            most = Math.max(most, (running += 1));
            await masked.sleep(10);
            running -= 1;
          });
          await cx.sleep(1e6);
        });
      }
      await own.sleep(5);
      throw new Error("ends all");
    });
    const clock = scope.spawn("clock", async (cx) => {
      await cx.sleep(15.5);
      return running;
    });
    await assert.rejects(inner, /ends all/);
    assert.equal(most, 100, "all at once");
    assert.equal(await clock.join(), 0, "all over, one at a time would take a second");
  }));

test("a scope that closes has counted each of its tasks", () =>
  inScope(async (scope) => {
    for (let round = 0; round < 50; round += 1) {
      let report;
      const body = (own) => {
        for (let index = 0; index < 20; index += 1) {
          own.spawn("t", () => {});
        }
        own.spawnBackground("b", (cx) => cx.sleep(1e6));
      };
      await scope.scope("round", body, { onClosed: (found) => (report = found) });
      assert.deepEqual([report.ok, report.cancelled, report.failed, report.forced], [20, 1, 0, 0]);
    }
  }));
