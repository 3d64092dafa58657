// The job of real panics: the module of these tests panics on demand, and then nothing hangs, nothing stays open, and
// nobody is let in.

import { expect, macrotask, rejection, runCases } from "./cases.mjs";
import { watchInstances } from "./instances.mjs";
import { bytesOf, load } from "./modules.mjs";

const { createRuntime } = await load("core");

/** How `arm_panic` ends a poll. */
const [TEXT, VALUES, TRAP, STACK] = [0, 1, 2, 3];

const instance = watchInstances(await bytesOf("panicky"));

/** A runtime, and what it told of panics. */
function begin(mode) {
  const told = [];
  const rt = createRuntime({ mode, onPanic: (error) => told.push(error) });
  return { rt, told };
}

/** A promise and what settles it. */
function signal() {
  let settle;
  const promise = new Promise((resolve) => (settle = resolve));
  return { promise, settle };
}

/** Opens a scope with a task that sleeps for ever and one that panics when `go` is called. */
async function stage(mode, how) {
  const { rt, told } = begin(mode);
  const [ready, go] = [signal(), signal()];
  const found = {};
  const waiting = rejection(rt.scope("outer", async (scope) => {
    found.scope = scope;
    scope.spawnBackground("background", (cx) => cx.sleep(1e6));
    found.sleeper = scope.spawn("sleeper", (cx) => {
      found.cx = cx;
      found.signal = cx.signal;
      cx.defer(() => (found.isCleaned = true));
      return cx.sleep(1e6);
    });
    found.culprit = scope.spawn("culprit", async (cx) => {
      // Others may be started before it goes on.
      const slot = instance().started.at(-1);
      ready.settle();
      await go.promise;
      instance().exports.arm_panic(slot, how);
      await cx.sleep(1);
    });
    await scope.sleep(1e6);
  }), "the scope");
  await ready.promise;
  return { rt, told, found, waiting, go: () => go.settle() };
}

async function poisoned(call, what) {
  return expect((await rejection((async () => call())(), what)).code, "InstancePoisoned", what);
}

const CASES = {
  async "the panicking task has panicked, all others are cancelled as poisoned"(mode) {
    const { rt, told, found, waiting, go } = await stage(mode, TEXT);
    go();
    const { kind, error } = await found.culprit.outcome;
    expect([kind, error.code, error.panic.text], ["panicked", "Panicked", "on purpose"], "the culprit");
    expect([error.panic.task, error.panic.region], ["outer/culprit", "outer"], "whose code it was");
    expect(/panics\.rs:\d+$/.test(error.panic.location), true, `the location ${error.panic.location}`);
    const sleeper = await found.sleeper.outcome;
    expect([sleeper.kind, sleeper.reason.kind], ["cancelled", "poisoned"], "the sleeper");
    expect((await waiting).reason.kind, "poisoned", "the scope");
    expect(found.signal.aborted, true, "its signal is aborted");
    expect([told.length, told[0] === error], [1, true], "it was told once");
    await rt.close();
  },

  async "a text of values, a trap without a word and a stack that is full end everything as well"(mode) {
    for (const [how, text] of [[VALUES, ""], [TRAP, undefined], [STACK, undefined]]) {
      const { rt, told, found, waiting, go } = await stage(mode, how);
      go();
      const kinds = [await found.culprit.outcome, await found.sleeper.outcome].map(({ kind }) => kind);
      // Of a trap nobody knows whose code it was.
      expect(kinds, [text === undefined ? "cancelled" : "panicked", "cancelled"], `outcomes, ${how}`);
      expect((await waiting).reason.kind, "poisoned", "the scope");
      const [{ panic }] = told;
      expect(text === undefined ? panic.text.length > 0 : panic.text === text, true, `the text ${panic.text}`);
      expect(panic.location === undefined, text === undefined, "the location");
      await rt.close();
    }
  },

  async "a panic between tasks is nobody's"(mode) {
    const { rt, told } = begin(mode);
    const waiting = rejection(rt.scope("s", async (scope) => {
      const task = scope.spawn("t", (cx) => cx.sleep(1));
      instance().exports.arm_panic(0, TEXT);
      await task.join();
    }), "the scope");
    expect((await waiting).reason.kind, "poisoned", "the scope");
    expect([told[0].panic.text, told[0].panic.task ?? null], ["on purpose", null], "what was told");
    await rt.close();
  },

  async "a panic while a deferred function is awaited is its task's"(mode) {
    const { rt } = begin(mode);
    let task;
    const waiting = rejection(rt.scope("s", (scope) => {
      task = scope.spawn("t", (cx) => {
        cx.defer(async (own) => {
          instance().exports.arm_panic(instance().started.at(-1), TEXT);
          await own.sleep(1);
        });
      });
    }), "the scope");
    expect([(await waiting).reason.kind, (await task.outcome).kind], ["poisoned", "panicked"], "the ends");
    await rt.close();
  },

  async "every later entry is refused"(mode) {
    const { rt, found, waiting, go } = await stage(mode, TEXT);
    go();
    await waiting;
    await poisoned(() => rt.scope("s", () => {}), "a scope");
    await poisoned(() => found.scope.spawn("t", () => {}), "a task");
    await poisoned(() => found.scope.spawnBackground("t", () => {}), "a background task");
    // To functions that go on it is what ended them.
    for (const [what, call] of [["sleep", () => found.cx.sleep(1)], ["checkpoint", () => found.cx.checkpoint()],
      ["scope", () => found.cx.scope("s", () => {})]]) {
      expect((await rejection(call(), what)).reason?.kind, "poisoned", what);
    }
    const { outcome, stuck } = await found.culprit.cancel();
    expect([outcome.kind, stuck], ["panicked", []], "a cancel of what has ended");
    await Promise.all([rt.close(), rt.close()]);
  },

  async "what was deferred is called, the last first, when the functions have heard of it"(mode) {
    const { rt } = begin(mode);
    const order = [];
    await rejection(rt.scope("s", async (scope) => {
      const waits = scope.spawn("waits", async (cx) => {
        cx.defer(() => order.push("first"));
        cx.defer(() => {
          order.push("throws");
          throw new Error("in a deferred function");
        });
        cx.defer(async (own) => order.push((await rejection(own.sleep(1), "its sleep")).code));
        try {
          await cx.sleep(1e6);
        } finally {
          order.push("finally");
        }
      });
      scope.spawn("culprit", (cx) => {
        instance().exports.arm_panic(instance().started.at(-1), TEXT);
        return cx.sleep(1);
      });
      await waits.outcome;
      order.push("outcome");
    }), "the scope");
    const reportError = globalThis.reportError;
    const shown = [];
    globalThis.reportError = (error) => shown.push(error.message);
    await macrotask();
    await macrotask();
    globalThis.reportError = reportError;
    expect(order, ["outcome", "finally", "InstancePoisoned", "throws", "first"], "the order");
    expect(shown, ["in a deferred function"], "what was thrown is shown");
    await rt.close();
  },

  async "listeners that call in while the instance goes are refused"(mode) {
    const { rt, found, waiting, go } = await stage(mode, TEXT);
    const answers = [];
    found.signal.addEventListener("abort", () => {
      answers.push(rejection(rt.scope("s", () => {}), "a scope"), rejection(found.culprit.cancel(), "a cancel"));
    });
    go();
    await waiting;
    const codes = (await Promise.all(answers)).map(({ code }) => code);
    expect(codes, ["InstancePoisoned", "InstancePoisoned"], "the answers");
    await rt.close();
  },

  async "a panic below a listener ends the frames around it"(mode) {
    // Only the live clock can be broken from outside.
    const { rt, told } = begin("live");
    const { now } = performance;
    const waiting = rejection(rt.scope("s", async (scope) => {
      const task = scope.spawn("t", async (cx) => {
        cx.signal.addEventListener("abort", () => {
          performance.now = () => {
            throw new Error("a broken clock");
          };
          scope.sleep(1).catch(() => {});
          performance.now = now;
        });
        await cx.sleep(1e6);
      });
      await scope.sleep(1);
      await task.cancel();
    }), "the scope");
    expect((await waiting).reason.kind, "poisoned", "the scope");
    expect(told.map(({ panic }) => panic.text), ["a broken clock"], `told once (${mode})`);
    await rt.close();
  },

  async "a close and a bounded cancel that wait are let go"(mode) {
    const { rt, found, waiting, go } = await stage(mode, TEXT);
    let cancelling;
    found.signal.addEventListener("abort", () => {});
    const stubborn = found.scope.spawn("stubborn", () => {
      cancelling = stubborn.cancel({}, { drain: 1e6 });
      return new Promise(() => {});
    });
    await macrotask();
    const closing = rt.close();
    go();
    await waiting;
    await closing;
    expect((await cancelling).outcome.kind, "cancelled", "the cancelled task");
  },

  async "a restart goes on with a fresh instance, old handles stay refused"(mode) {
    const { rt, found, waiting, go } = await stage(mode, TEXT);
    expect(rt.restart(), false, "there is nothing to restart");
    go();
    await waiting;
    expect(rt.restart(), true, "it restarts");
    expect(await rt.scope("s", (scope) => scope.spawn("t", async (cx) => (await cx.sleep(1), 7)).join()), 7, "it works");
    await poisoned(() => found.scope.spawn("t", () => {}), "an old scope");
    await rt.close();
    expect(rt.restart(), false, "it is closed");
  },

  async "a hundred panics in a row, each restarted"(mode, print) {
    const { rt, told } = begin(mode);
    const times = [];
    for (let round = 0; round < 100; round += 1) {
      await rejection(rt.scope("s", (scope) => {
        const slot = instance().started.at(-1);
        instance().exports.arm_panic(slot, TEXT);
        return scope.sleep(1);
      }), "the scope");
      const began = performance.now();
      expect(rt.restart(), true, "it restarts");
      times.push(performance.now() - began);
    }
    expect([told.length, new Set(told).size], [100, 100], "each was told once");
    times.sort((a, b) => a - b);
    print(`restart: p50 ${times[50].toFixed(3)} ms, p95 ${times[95].toFixed(3)} ms, max ${times[99].toFixed(3)} ms (${mode})`);
    await rt.close();
  },
};

export const run = (print) => runCases(CASES, ["live", "deterministic"], print);
