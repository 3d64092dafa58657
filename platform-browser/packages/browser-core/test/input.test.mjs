// Bad input: every option and argument that the README's table has, refused with its code before anything happens.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { RuntimeError, createRuntime, withRuntime } from "@asupersync/browser-core";
import { virtual } from "./helpers.mjs";

const nothing = () => {};
const WRONG = "InvalidArgument";

/** What is called, with what, by the names of the table. */
const CASES = {
  "`createRuntime` options": () => [
    [{ mode: "fast" }], [{ capacity: 0 }], [{ capacity: 1.5 }], [{ capacity: 2 ** 21 }], [{ seed: 1 }], [{ mode: "deterministic", seed: -1 }],
    [{ signal: {} }], [{ signal: null }], [{ trace: null }], [{ trace: { enabled: 1 } }], [{ trace: { capacity: 0 } }], [{ trace: { on: true } }],
    [{ pollBudget: 1 }], [null], ["live"],
  ].map((input) => () => createRuntime(...input)),
  "`withRuntime` function": () => [[{}], [{}, 1]].map((input) => () => withRuntime(...input)),
  "names of scopes and tasks": ({ rt, scope }) => [
    () => rt.scope(nothing), () => rt.createScope(), () => scope.scope(1, nothing), () => scope.spawn(nothing),
    () => scope.spawnBackground(undefined, nothing), () => scope.latest(nothing),
  ],
  "functions": ({ rt, scope }) => [
    () => rt.scope("s"), () => scope.spawn("t", 1), () => scope.spawnBackground("t", {}), () => scope.latest("k"), () => scope.defer(1),
    () => scope.scope("s", null), () => scope.timeout(1), () => scope.retry({ attempts: 1 }), () => scope.all([1]), () => scope.race([nothing, 1]),
    () => scope.any([null]), () => scope.settle(["a"]), () => rt.tracing.subscribe(1), () => rt.lab.run(1),
  ],
  "milliseconds": ({ scope, task }) => [-1, NaN, "1", undefined, null].flatMap((ms) => [
    () => scope.sleep(ms), () => scope.timeout(ms, nothing), ...(ms === undefined ? [] : [() => task.cancel({}, { drain: ms })]),
  ]),
  "scope options": ({ rt, scope }) => [{ signal: {} }, { signal: null }, { token: {} }, { onClosed: 1 }, { abort: 1 }, null].flatMap((options) => [
    () => rt.scope("s", nothing, options), () => rt.createScope("s", options), () => scope.scope("s", nothing, options),
  ]),
  "requests to stop": ({ rt, scope, task }) => [{ kind: "No word" }, { kind: 1 }, { kind: "" }, { message: 1 }, { reason: "x" }, null].flatMap((request) => [
    () => task.cancel(request), () => scope.cancel(request), () => rt.createCancelToken(request),
  ]),
  "cancel options": ({ rt, task, handle }) => [{ drain: "1" }, { timeout: 1 }, null].flatMap((options) => [
    () => task.cancel({}, options), () => handle.close(options), () => rt.createCancelToken().cancel(options),
  ]),
  "arrays of functions": ({ scope }) => [
    () => scope.all(nothing), () => scope.race({}), () => scope.any(), () => scope.settle("ab"), () => scope.race([]), () => scope.any([]),
    () => scope.race([nothing], { late: 1 }), () => scope.any([nothing], { last: nothing }),
  ],
  "retry policies": ({ scope }) => [
    null, {}, { attempts: 0 }, { attempts: 1.5 }, { attempts: 1, delay: -1 }, { attempts: 1, factor: 0.5 }, { attempts: 1, maxDelay: NaN },
    { attempts: 1, jitter: 2 }, { attempts: 1, retryIf: 1 }, { attempts: 1, tries: 1 },
  ].map((policy) => () => scope.retry(policy, nothing)),
  "channels": ({ rt }) => [0, -1, 1.5, "8", undefined, 2 ** 25].map((capacity) => () => rt.channels.bounded(capacity)),
  "contexts": ({ rt, channel }) => [undefined, null, {}, "cx"].flatMap((cx) => [
    () => channel.rx.recv(cx), () => channel.tx.send(cx, 1), () => channel.tx.reserve(cx), () => rt.createCancelToken().bind(cx),
  ]),
  "seeds": ({ rt }) => [-1, 0.5, 2 ** 32, "1", undefined].map((seed) => () => rt.lab.run(seed, nothing)),
};

for (const [what, cases] of Object.entries(CASES)) {
  test(`${what}: each is refused with a code, and says what is taken`, () =>
    virtual((rt) =>
      rt.scope("s", async (scope) => {
        const handle = rt.createScope("handle");
        const task = scope.spawn("t", (cx) => cx.sleep(1));
        for (const bad of cases({ rt, scope, task, handle, channel: rt.channels.bounded(1) })) {
          let found;
          try {
            found = await bad();
          } catch (error) {
            found = error;
          }
          assert.ok(found instanceof RuntimeError, `${bad}: ${found}`);
          assert.equal(found.code, WRONG, String(bad));
          assert.ok(found.message.length > 20);
        }
        assert.equal((await task.outcome).kind, "ok", "nothing happened");
        assert.equal(handle.state, "open");
        await handle.close();
      })));
}

test("the README has each, and each code", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const errors = readFileSync(new URL("../src/errors.ts", import.meta.url), "utf8");
  for (const what of Object.keys(CASES)) {
    assert.ok(readme.includes(`| ${what} |`), what);
  }
  const [, codes] = errors.match(/type ErrorCode =([^;]*);/);
  for (const [, name] of codes.matchAll(/"(\w+)"/g)) {
    assert.ok(readme.includes(`| \`${name}\` |`), name);
  }
});
