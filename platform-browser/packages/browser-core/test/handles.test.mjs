// The numbers of the module: whatever is passed, the answer is a refusal, never a trap, never another slot.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const bytes = readFileSync(new URL("../dist/module.wasm", import.meta.url));
const STALE = -1;

/** An instance on a host of the test's own: hops are answered by `settle`. */
function instance(realm, hooks = {}) {
  const hops = [];
  const calls = [];
  const note = (name) => (...values) => void calls.push([name, ...values]);
  const asupersync = { now: () => 0, hop: (kind) => hops.push(kind), alarm() {}, random: () => 42, panicked() {} };
  const names = ["start", "abort", "finalize", "slept", "report", "ended", "closed", "panicking"];
  const tasks = Object.fromEntries(names.map((name) => [name, hooks[name] ?? note(name)]));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { asupersync, tasks });
  exports.begin(1024, realm);
  const settle = () => {
    while (hops.length > 0) {
      exports.asupersync_pump(hops.shift());
    }
  };
  return { exports, calls, settle };
}

/** Every call that takes a number, on this one. */
const answers = ({ exports }, id) => [
  exports.spawn(id, 0), exports.settle(id, 0), exports.finalized(id), exports.defer(id), exports.sleep(id, 1, 1), exports.cancel(id, 0, -1),
];

test("forged numbers find nothing", () => {
  const ours = instance(1);
  const scope = ours.exports.open(0, -1);
  ours.settle();
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const forged = [NaN, Infinity, -Infinity, -1, 0.5, scope + 0.5, scope + 1, scope - 1, -scope, 2 ** 53, Number.MAX_VALUE];
  for (let round = 0; round < 10_000; round += 1) {
    forged.push(random() * 2 ** (random() % 32), scope + (random() % 2 ? 1 : -1) * 2 ** (random() % 53));
  }
  for (const id of forged.filter((id) => id !== scope)) {
    assert.deepEqual(answers(ours, id), [STALE, STALE, STALE, STALE, STALE, STALE], `number ${id}`);
    assert.equal(ours.exports.open(id, -1), STALE);
  }
  assert.equal(ours.exports.slots(), 1);
  assert.equal(ours.calls.filter(([name]) => name !== "start").length, 0, "and nothing was told");
});

test("a number of another runtime is foreign", () => {
  const [ours, theirs] = [instance(1), instance(2)];
  const id = ours.exports.open(0, -1);
  theirs.exports.open(0, -1);
  assert.ok(answers(theirs, id).every((answer) => answer === STALE));
});

test("a number whose slot has ended stays stale, also when the slot is used again", () => {
  const ours = instance(1);
  const seen = new Set();
  for (let round = 0; round < 1000; round += 1) {
    const id = ours.exports.open(0, -1);
    assert.ok(id > 0);
    ours.settle();
    assert.equal(ours.exports.settle(id, 0), 0);
    ours.settle();
    assert.equal(ours.exports.slots(), 0, "the slot is free");
    assert.ok(answers(ours, id).every((answer) => answer === STALE));
    assert.ok(!seen.has(id));
    seen.add(id);
  }
});

test("a scope that its task cannot open any more ends as cancelled", () => {
  let opened;
  // From within a poll nothing runs: the task hears of the scope and of its own end at once.
  const abort = () => {
    opened = ours.exports.open(task, -1);
    ours.exports.settle(task, 0);
  };
  const ours = instance(1, { abort });
  const scope = ours.exports.open(0, -1);
  const task = ours.exports.spawn(scope, 0);
  const other = ours.exports.spawn(scope, 0);
  ours.settle();
  ours.exports.cancel(other, 0, -1);
  ours.settle();
  assert.ok(opened > 0);
  const ends = ours.calls.filter(([name]) => name === "ended");
  assert.deepEqual(ends.map(([, id, how]) => [id, how]), [[opened, 2], [task, 0]]);
});

test("what panics on demand is in the module of the tests alone", () => {
  assert.ok(!("arm_panic" in instance(1).exports));
});

test("calls out of turn are refused or ignored", () => {
  const ours = instance(1);
  const scope = ours.exports.open(0, -1);
  const task = ours.exports.spawn(scope, 0);
  ours.settle();
  assert.equal(ours.exports.spawn(task, 0), -4, "a task takes no tasks in");
  assert.equal(ours.exports.finalized(task), 0, "no finalizer is under way");
  assert.equal(ours.exports.settle(task, 99), 0);
  assert.equal(ours.exports.text(1 << 20), 0, "a text that is too long");
  ours.settle();
  ours.exports.close();
  ours.exports.close();
  ours.settle();
  assert.equal(ours.exports.open(0, -1), -5);
});
