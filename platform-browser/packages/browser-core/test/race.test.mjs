// Several functions at once, and trying again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, code, inScope, never, virtual } from "./helpers.mjs";

const after = (ms, value) => async (cx) => (await cx.sleep(ms), value);
const failing = (ms, text) => async (cx) => {
  await cx.sleep(ms);
  throw new Error(text);
};
/** A function that never gives a value, and takes its time to clean up. */
const loser = (order) => async (cx) => {
  cx.defer(async (own) => {
    await own.sleep(10);
    order.push("drained");
  });
  try {
    await cx.sleep(1e6);
  } catch (error) {
    order.push(error.reason.kind);
    throw error;
  }
};

test("race: the first value; the losers have drained when it returns", () =>
  inScope(async (scope) => {
    const order = [];
    assert.equal(await scope.race([loser(order), after(1, "fast"), loser(order)]), "fast");
    assert.deepEqual(order, ["race-lost", "race-lost", "drained", "drained"]);
  }));

test("race: the first error counts as well; errors of losers do not", () =>
  inScope(async (scope) => {
    await assert.rejects(scope.race([after(10, "slow"), failing(1, "first")]), /first/);
    const bitter = async (cx) => {
      await cx.sleep(1e6).catch(() => {});
      throw new Error("bitter");
    };
    assert.equal(await scope.race([bitter, after(1, "fast")]), "fast");
  }));

test("race: a value that comes late is given to `late`", () =>
  inScope(async (scope) => {
    const late = [];
    const stubborn = async (cx) => {
      await cx.sleep(1e6).catch(() => {});
      return "late";
    };
    const value = await scope.race([stubborn, after(1, "fast")], { late: (found, index) => late.push([found, index]) });
    assert.equal(value, "fast");
    assert.deepEqual(late, [["late", 0]]);
  }));

test("race: of two that win in one turn `late` gets the second", () =>
  inScope(async (scope) => {
    const late = [];
    const at = (value) => () => value;
    assert.equal(await scope.race([at("a"), at("b")], { late: (found, index) => late.push([found, index]) }), "a");
    assert.deepEqual(late, [["b", 1]]);
  }));

test("race: a cancel of who waits reaches all", () =>
  inScope(async (scope) => {
    const order = [];
    const task = scope.spawn("t", (cx) => cx.race([loser(order), loser(order)]));
    await scope.sleep(1);
    const { outcome, stuck } = await task.cancel({ kind: "enough" });
    assert.equal(outcome.reason.origin, "enough");
    assert.deepEqual(stuck, []);
    assert.deepEqual(order, ["parent-cancelled", "parent-cancelled", "drained", "drained"]);
  }));

test("any: the first value, whatever failed before; else all errors in order", () =>
  inScope(async (scope) => {
    const order = [];
    assert.equal(await scope.any([failing(1, "a"), after(5, "value"), loser(order)]), "value");
    assert.deepEqual(order, ["race-lost", "drained"]);
    const none = await scope.any([failing(5, "a"), failing(1, "b")]).catch((error) => error);
    assert.ok(none instanceof AggregateError);
    assert.deepEqual(none.errors.map(({ message }) => message), ["a", "b"]);
  }));

test("settle: all outcomes, an error cancels nobody", () =>
  inScope(async (scope) => {
    const [one, two] = await scope.settle([failing(1, "a"), after(10, "value")]);
    assert.equal(one.error.message, "a");
    assert.deepEqual(two, { kind: "ok", value: "value" });
    assert.deepEqual(await scope.settle([]), []);
    const task = scope.spawn("t", (cx) => cx.settle([after(1e6, "never")]));
    await scope.sleep(1);
    assert.equal((await task.cancel()).outcome.kind, "cancelled");
  }));

test("latest: a new call cancels the former, and begins when that has drained", () =>
  inScope(async (scope) => {
    const order = [];
    const search = (text) => async (cx) => {
      order.push(`begin ${text}`);
      cx.defer(async (own) => {
        await own.sleep(10);
        order.push(`end ${text}`);
      });
      await cx.sleep(50);
      return text;
    };
    const first = scope.latest("search", search("a"));
    const other = scope.latest("other", search("x"));
    await scope.sleep(1);
    const second = scope.latest("search", search("b"));
    const third = scope.latest("search", search("c"));
    assert.equal(await third.join(), "c");
    assert.equal(await other.join(), "x");
    const outcomes = await Promise.all([first.outcome, second.outcome]);
    assert.deepEqual(outcomes.map(({ kind, reason }) => [kind, reason.origin]), [["cancelled", "superseded"], ["cancelled", "superseded"]]);
    assert.deepEqual(order.filter((entry) => !entry.endsWith("x")), ["begin a", "end a", "begin c", "end c"]);
    assert.equal(await scope.latest("search", () => "again").join(), "again");
  }));

test("latest: an error is for who awaits the task, and a superseded one that hangs holds up the next only for its time", () =>
  inScope(async (scope) => {
    await assert.rejects(scope.latest("k", failing(1, "mine")).join(), /mine/);
    const hangs = scope.latest("k", never);
    await scope.sleep(1);
    assert.equal(await scope.latest("k", () => "next").join(), "next");
    assert.equal((await hangs.outcome).kind, "cancelled");
  }));

test("retry: until it gives a value; delays grow, the parts left to chance only shorten them", () =>
  virtual((rt) =>
    rt.scope("s", async (scope) => {
      const now = clock(rt);
      const times = [];
      const value = await scope.retry({ attempts: 4, delay: 100, maxDelay: 300, jitter: 0 }, async (own, attempt) => {
        times.push(await now(own));
        if (attempt < 4) {
          throw new Error("not yet");
        }
        return attempt;
      });
      assert.equal(value, 4);
      assert.deepEqual(times, [0, 100, 300, 600]);
    })));

test("retry: enough is enough, some errors are not tried again, a cancel ends it", () =>
  inScope(async (scope) => {
    let calls = 0;
    const fail = () => {
      calls += 1;
      throw new Error(`call ${calls}`);
    };
    await assert.rejects(scope.retry({ attempts: 3, delay: 1 }, fail), /call 3/);
    calls = 0;
    await assert.rejects(scope.retry({ attempts: 200, delay: 0, factor: 1000 }, fail), /call 200/);
    calls = 3;
    const retryIf = (error, attempt) => attempt < 2 && /call/.test(error.message);
    await assert.rejects(scope.retry({ attempts: 9, delay: 1, retryIf }, fail), /call 5/);
    await assert.rejects(scope.retry({ attempts: 9 }, (own) => own.sleep(-1)), code("InvalidArgument"));
    const task = scope.spawn("t", (cx) => cx.retry({ attempts: 9, delay: 1e6 }, fail));
    await scope.sleep(1);
    assert.equal((await task.cancel()).outcome.kind, "cancelled");
    assert.equal(calls, 6);
    // What a timeout inside cancelled is an error like others.
    const slow = (own) => own.timeout(1, (deep) => deep.sleep(10));
    await assert.rejects(scope.retry({ attempts: 2, delay: 1 }, slow), (error) => error.reason.origin === "timeout");
  }));
