// Channels: nothing is lost, whoever is cancelled when.

import assert from "node:assert/strict";
import { test } from "node:test";

import { code, never, virtual } from "./helpers.mjs";

const withChannel = (capacity, call) =>
  virtual((rt) => {
    const { tx, rx } = rt.channels.bounded(capacity);
    return rt.scope("test", (scope) => call(scope, tx, rx));
  });
/** All that is in, without waiting. */
const rest = async (scope, rx) => {
  const found = [];
  while (rx.length > 0) {
    found.push(await rx.recv(scope));
  }
  return found;
};

test("messages come in order, and a full channel makes who sends wait", () =>
  withChannel(2, async (scope, tx, rx) => {
    const sent = [];
    scope.spawn("sends", async (cx) => {
      for (let index = 0; index < 5; index += 1) {
        await tx.send(cx, index);
        sent.push(index);
      }
      tx.close();
    });
    await scope.sleep(1);
    assert.deepEqual(sent, [0, 1]);
    const got = [];
    for await (const message of rx.messages(scope)) {
      got.push(message);
    }
    assert.deepEqual(got, [0, 1, 2, 3, 4]);
    await assert.rejects(rx.recv(scope), code("ChannelClosed"));
    await assert.rejects(tx.send(scope, 5), code("ChannelClosed"));
    await assert.rejects(tx.reserve(scope), code("ChannelClosed"));
    assert.equal(tx.trySend(5), false);
  }));

test("a place that is reserved is used or given back, exactly once", () =>
  withChannel(1, async (scope, tx, rx) => {
    const permit = await tx.reserve(scope);
    assert.equal(tx.trySend("no room"), false);
    assert.equal(permit.send("message"), true);
    assert.throws(() => permit.send("again"), code("PermitSpent"));
    assert.throws(() => permit.abort(), code("PermitSpent"));
    assert.equal(await rx.recv(scope), "message");
    (await tx.reserve(scope)).abort();
    assert.equal(tx.trySend("room"), true);
  }));

test("a place whose task ends is given back to who waits", () =>
  withChannel(1, async (scope, tx, rx) => {
    await scope.spawn("forgets", (cx) => tx.reserve(cx).then(() => {})).join();
    const hangs = scope.spawn("hangs", (cx) => tx.reserve(cx).then(never));
    const waits = scope.spawn("waits", (cx) => tx.send(cx, "after"));
    await scope.sleep(1);
    assert.equal(rx.length, 0);
    await hangs.cancel({}, { drain: 5 });
    await waits.join();
    assert.deepEqual(await rest(scope, rx), ["after"]);
  }));

test("a receive that is cancelled loses nothing", () =>
  withChannel(1, async (scope, tx, rx) => {
    const first = scope.spawn("first", (cx) => rx.recv(cx));
    const second = scope.spawn("second", (cx) => rx.recv(cx));
    await scope.sleep(1);
    await first.cancel();
    await tx.send(scope, "message");
    assert.equal(await second.join(), "message");
    // What was handed over before the cancel is a value, and wins.
    const third = scope.spawn("third", (cx) => rx.recv(cx));
    await scope.sleep(1);
    await tx.send(scope, "in time");
    assert.deepEqual((await third.cancel()).outcome, { kind: "ok", value: "in time" });
  }));

test("a reserve or a send that is cancelled loses nothing", () =>
  withChannel(1, async (scope, tx, rx) => {
    await tx.send(scope, "full");
    const reserves = scope.spawn("reserves", (cx) => tx.reserve(cx));
    const sends = scope.spawn("sends", (cx) => tx.send(cx, "never"));
    const patient = scope.spawn("patient", (cx) => tx.send(cx, "patient"));
    await scope.sleep(1);
    await Promise.all([reserves.cancel(), sends.cancel()]);
    assert.deepEqual(await rest(scope, rx), ["full", "patient"]);
    await patient.join();
    assert.equal(tx.trySend("room"), true, "no place is lost");
  }));

test("whatever is cancelled when, each message that was sent is received once, in order", () =>
  withChannel(3, async (scope, tx, rx) => {
    let state = 7;
    const random = (below) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
    const [sent, got] = [[], []];
    let next = 0;
    for (let round = 0; round < 300; round += 1) {
      const tasks = Array.from({ length: 4 }, () =>
        random(2)
          ? scope.spawn("sends", async (cx) => {
            const permit = await tx.reserve(cx);
            const message = (next += 1);
            sent.push(message);
            permit.send(message);
          })
          : scope.spawn("receives", async (cx) => void got.push(await rx.recv(cx))));
      if (random(2)) {
        await scope.sleep(random(2));
      }
      await Promise.all(tasks.map((task) => task.cancel()));
    }
    got.push(...(await rest(scope, rx)));
    assert.ok(sent.length > 100);
    assert.deepEqual(got, sent);
    for (let place = 0; place < 3; place += 1) {
      assert.equal(tx.trySend(place), true, "no place is lost");
    }
  }));

test("a close lets places be used that were reserved before", () =>
  withChannel(2, async (scope, tx, rx) => {
    const permit = await tx.reserve(scope);
    const waits = scope.spawn("waits", (cx) => rx.recv(cx));
    await scope.sleep(1);
    tx.close();
    await scope.sleep(1);
    assert.equal(permit.send("last"), true);
    assert.equal(await waits.join(), "last");
    await assert.rejects(rx.recv(scope), code("ChannelClosed"));
  }));

test("when nobody receives any more, who sends is told, and keeps the message", () =>
  withChannel(1, async (scope, tx, rx) => {
    const permit = await tx.reserve(scope);
    const waits = scope.spawn("waits", (cx) => tx.send(cx, 1).catch((error) => error.code));
    await scope.sleep(1);
    rx.close();
    assert.equal(await waits.join(), "ChannelClosed");
    assert.equal(permit.send("returned"), false);
    assert.equal(rx.length, 0);
  }));

test("a close tells all who wait, on either side", () =>
  withChannel(1, async (scope, tx, rx) => {
    const waits = [1, 2, 3].map((name) => scope.spawn(`receives ${name}`, (cx) => rx.recv(cx).catch((error) => error.code)));
    await scope.sleep(1);
    tx.close();
    assert.deepEqual(await Promise.all(waits.map((task) => task.join())), Array(3).fill("ChannelClosed"));
  }).then(() =>
    withChannel(1, async (scope, tx, rx) => {
      tx.trySend(0);
      const waits = [1, 2, 3].map((name) => scope.spawn(`sends ${name}`, (cx) => tx.send(cx, name).catch((error) => error.code)));
      await scope.sleep(1);
      rx.close();
      assert.deepEqual(await Promise.all(waits.map((task) => task.join())), Array(3).fill("ChannelClosed"));
    })));

test("a context is refused when its clean-up was given up", () =>
  withChannel(1, async (scope, tx, rx) => {
    let resolve;
    const promise = new Promise((settle) => (resolve = settle));
    const late = [];
    const task = scope.spawn("hangs", (cx) => {
      cx.defer(async (own) => {
        await promise;
        late.push(await tx.reserve(own).catch((error) => error.code), await rx.recv(own).catch((error) => error.code));
      });
    });
    await task.outcome;
    resolve();
    await scope.sleep(1);
    assert.deepEqual(late, ["TaskEnded", "TaskEnded"]);
    assert.equal(tx.trySend("kept"), true, "no place is lost");
  }));

test("clean-up may send and receive", () =>
  withChannel(1, async (scope, tx, rx) => {
    await tx.send(scope, "before");
    const task = scope.spawn("t", (cx) => {
      cx.defer((own) => tx.send(own, "goodbye"));
      return cx.sleep(1e6);
    });
    await scope.sleep(1);
    const cancelled = task.cancel();
    assert.equal(await rx.recv(scope), "before");
    assert.equal(await rx.recv(scope), "goodbye");
    assert.equal((await cancelled).outcome.suppressed, undefined);
  }));

test("to leave the loop loses no message", () =>
  withChannel(3, async (scope, tx, rx) => {
    [1, 2, 3].forEach((message) => tx.trySend(message));
    for await (const message of rx.messages(scope)) {
      assert.equal(message, 1);
      break;
    }
    assert.deepEqual(await rest(scope, rx), [2, 3]);
  }));

test("after a cancel every wait on a channel fails, and nothing is taken", () =>
  withChannel(1, async (scope, tx, rx) => {
    await tx.send(scope, "kept");
    const codes = [];
    const task = scope.spawn("t", async (cx) => {
      await cx.sleep(1e6).catch(() => {});
      for (const wait of [() => rx.recv(cx), () => tx.reserve(cx), () => tx.send(cx, 1)]) {
        await wait().catch((error) => codes.push(error.code));
      }
    });
    await scope.sleep(1);
    await task.cancel();
    assert.deepEqual(codes, ["Cancelled", "Cancelled", "Cancelled"]);
    assert.deepEqual(await rest(scope, rx), ["kept"]);
    await assert.rejects(rx.recv({}), code("InvalidArgument"));
    await assert.rejects(tx.send(undefined, 1), code("InvalidArgument"));
  }));
